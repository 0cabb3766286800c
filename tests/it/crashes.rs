//! An instance that is killed while it deploys: the next start serves the old release or the new one, whole, without a registry.

use std::path::Path;
use std::time::{Duration, Instant};

use galley::snapshot::Digest;

use crate::double::Registry;
use crate::follow::push;
use crate::image::{image, tree};
use crate::support::{Connection, Instance, TempSite};

/// How often it is killed; by hand a thousand times, with GALLEY_TEST_KILLS.
const KILLS: u64 = 12;
const SECRET: &str = "a-secret-that-nobody-guesses";

/// The text of release `number`: long enough for a card to be busy with.
fn text(number: u64) -> String {
    format!("release {number} ").repeat(2000) + "end"
}

/// The number of the release that is served, which must be whole.
#[track_caller]
fn served(instance: &Instance) -> u64 {
    let page = instance.get("/").text();
    let number = page.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(page, format!("<p>{}</p>", text(number)), "a mixture");
    number
}

fn start(reference: &str, place: &Path) -> Instance {
    let (state, secret) = (place.join("state"), place.join("secret"));
    let (state, secret) = (state.to_str().unwrap(), secret.to_str().unwrap());
    Instance::start(&["--follow", reference, "--poll", "1h", "--state", state, "--hook-secret-file", secret])
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_release() {
    let kills = std::env::var("GALLEY_TEST_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let registry = Registry::start();
    let reference = format!("{}/blog", registry.address);
    let place = TempSite::bare().file("secret", format!("{SECRET}\n"));
    let mut last: Option<Digest> = None;
    let mut publish = |number: u64| {
        let next = image(&tree(&text(number)), number);
        push(&registry, &next, last);
        last = Some(next.index.descriptor.digest);
    };
    publish(1);
    let mut instance = start(&reference, place.path());
    assert_eq!(served(&instance), 1);
    let (mut before, mut longest, mut news) = (1, Duration::ZERO, 0);
    for number in 2..kills + 2 {
        publish(number);
        let status =
            Connection::open(&instance.address).request("POST", &format!("/_galley/hook/{SECRET}"), &[], "{}").status;
        assert_eq!(status, 202);
        // From before the look to after the swap, evenly.
        let wait = Duration::from_micros(number * 7919 % 60_000);
        let begun = Instant::now();
        while begun.elapsed() < wait {
            std::thread::yield_now();
        }
        drop(instance);
        let begun = Instant::now();
        instance = start(&reference, place.path());
        let now = served(&instance);
        longest = longest.max(begun.elapsed());
        assert!(now == number || (before..number).contains(&now), "release {now} after {before}, {number} was pushed");
        news += u64::from(now == number);
        // The look at the start brings what was interrupted.
        instance.wait_for("/", &format!("release {number} "));
        before = number;
    }
    eprintln!("{kills} kills, {news} began with the new release; the longest start took {longest:?}");
}
