//! An instance that is killed while it deploys: the next start serves the old release or the new one, whole, without a registry.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use galley::snapshot::{Digest, Entry, Tree, TreePath};

use crate::control::Observed;
use crate::double::{Fault, Registry};
use crate::follow::push;
use crate::image::{image, tree};
use crate::support::{Connection, PATIENCE, TempSite};

/// How often it is killed; by hand a thousand times, with GALLEY_TEST_KILLS.
const KILLS: u64 = 12;
/// How many pages the site has; by hand a thousand.
const PAGES: u64 = 100;
/// Within this the first byte is there after a kill; asserted only of an optimised program, by hand, where nothing else runs.
const FIRST_BYTE: Duration = Duration::from_millis(300);
const SECRET: &str = "a-secret-that-nobody-guesses";

/// The text of release `number`: long enough for a card to be busy with.
fn text(number: u64) -> String {
    format!("release {number} ").repeat(2000) + "end"
}

fn page(number: u64, page: u64) -> String {
    format!("<p>release {number} page {page}</p>")
}

fn site(number: u64, pages: u64) -> Tree {
    let mut tree = tree(&text(number));
    for place in 0..pages {
        let path = TreePath::new(&format!("p{place}/index.html")).unwrap();
        tree.insert(path, Entry::new(Bytes::from(page(number, place)), None)).unwrap();
    }
    tree
}

/// The number of the release that is served, which must be whole, and when the first byte of it was there.
#[track_caller]
fn served(instance: &Observed, pages: u64) -> (u64, Instant) {
    let first = instance.get("/", &[]).text();
    let at = Instant::now();
    let number = first.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(first, format!("<p>{}</p>", text(number)), "a mixture");
    for place in [0, pages / 2, pages - 1] {
        assert_eq!(instance.get(&format!("/p{place}/"), &[]).text(), page(number, place), "a mixture");
    }
    (number, at)
}

fn start(reference: &str, place: &Path) -> Observed {
    let (state, secret) = (place.join("state"), place.join("secret"));
    let (state, secret) = (state.to_str().unwrap(), secret.to_str().unwrap());
    Observed::begin(&["--follow", reference, "--poll", "1h", "--state", state, "--hook-secret-file", secret]).serving()
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_release() {
    let by_hand = std::env::var("GALLEY_TEST_KILLS").ok();
    let kills = by_hand.as_ref().map_or(KILLS, |text| text.parse().unwrap());
    let pages = if by_hand.is_some() { 1000 } else { PAGES };
    let registry = Registry::start();
    let reference = format!("{}/blog", registry.address);
    let place = TempSite::bare().file("secret", format!("{SECRET}\n"));
    let mut last: Option<Digest> = None;
    let mut publish = |number: u64| {
        let next = image(&site(number, pages), number);
        push(&registry, &next, last);
        last = Some(next.index.descriptor.digest);
    };
    publish(1);
    let mut instance = start(&reference, place.path());
    assert_eq!(served(&instance, pages).0, 1);
    let (mut before, mut longest, mut news) = (1, Duration::ZERO, 0);
    for number in 2..kills + 2 {
        publish(number);
        let status =
            Connection::open(&instance.address).request("POST", &format!("/_galley/hook/{SECRET}"), &[], "{}").status;
        assert_eq!(status, 202);
        // From before the look to after the swap, evenly.
        let wait = Duration::from_micros(number * 79_190 % 200_000);
        let begun = Instant::now();
        while begun.elapsed() < wait {
            std::thread::yield_now();
        }
        drop(instance);
        // Nobody answers there before the first byte is read.
        registry.set_fault(Fault::Hangs(""));
        let begun = Instant::now();
        instance = start(&reference, place.path());
        let (now, at) = served(&instance, pages);
        longest = longest.max(at - begun);
        instance.hear(&format!("from the state: release {now}, "));
        assert!(now == number || (before..number).contains(&now), "release {now} after {before}, {number} was pushed");
        news += u64::from(now == number);
        registry.set_fault(Fault::None);
        // The look at the start brings what was interrupted.
        let begun = Instant::now();
        while !instance.get("/", &[]).text().contains(&format!("release {number} ")) {
            assert!(begun.elapsed() < PATIENCE, "release {number} never came");
            std::thread::sleep(Duration::from_millis(5));
        }
        before = number;
    }
    eprintln!("{kills} kills, {news} began with the new release; the longest start took {longest:?}");
    let is_measured = by_hand.is_some() && cfg!(not(debug_assertions));
    assert!(!is_measured || longest < FIRST_BYTE, "{longest:?}");
}
