//! What the registry does to a running instance: it serves on, is ready, and says what is wrong.

use std::time::Instant;

use galley::image::Platform;
use serde_json::Value;

use crate::control::Observed;
use crate::image::{image, image_for, tree};
use crate::releases::{Fleet, Followed};
use crate::support::PATIENCE;

/// It is as good as before for readers and for whoever sends them there.
#[track_caller]
fn assert_ready(observed: &Observed, text: &str) {
    assert!(observed.get("/", &[]).text().contains(text));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(observed.ask(path).status, 200, "{path}");
    }
}

fn served(followed: &Followed) -> Value {
    followed.status()["serving"].clone()
}

#[test]
fn an_instance_is_ready_while_the_registry_is_down() {
    let mut fleet = Fleet::new();
    fleet.poll = "1s";
    let followed = fleet.start(&[]);
    fleet.registry.stop();
    // Until it is said to people as well: it is no accident any more.
    let begun = Instant::now();
    while followed.status()["trouble"]["failures"].as_u64().unwrap_or_default() < 3 {
        assert!(begun.elapsed() < PATIENCE, "{}", followed.status());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_ready(&followed.observed, "one");
    }
    assert_ready(&followed.observed, "one");
    followed.run(&["deploy"]).says(1, "can't be reached");
}

#[test]
fn a_host_that_is_not_found_takes_nothing_away() {
    let fleet = Fleet::new();
    fleet.start(&[]).observed.stop();
    // What was kept counts, whatever became of the name.
    let state = fleet.at("state");
    let follow = ["--follow", "registry.invalid/blog", "--poll", "1h", "--state", &state];
    let observed = Observed::begin(&follow).serving();
    let line = observed.hear("still serving what was there");
    assert!(line.contains("registry.invalid"), "{line}");
    assert_ready(&observed, "one");
}

/// The bytes that came have a digest of their own: that is the release, whatever was said before.
#[test]
fn a_tag_that_moves_during_a_look_gives_what_was_received() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    let three = image(&tree("three"), 3);
    fleet.push_image(&three);
    fleet.push("two");
    fleet.registry.move_tag_after("HEAD /v2/blog/manifests/latest", &three.index.bytes);
    followed.does(&["deploy"], "the latest release is served");
    assert!(followed.page().contains("three"));
    assert_eq!(served(&followed)["digest"], three.index.descriptor.digest.to_string());
    assert_eq!(served(&followed)["sequence"], 3);
    followed.does(&["deploy"], "the latest release is served");
    assert!(followed.page().contains("three"));
}

#[test]
fn a_release_without_this_platform_is_refused_and_says_which_it_has() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    let before = served(&followed);
    let other = match Platform::of_this_program().unwrap() {
        Platform::Amd64 => Platform::Arm64,
        _ => Platform::Amd64,
    };
    fleet.push_image(&image_for(other, &tree("two"), 2));
    let ran = followed.run(&["deploy"]);
    ran.says(1, &format!("{other}"));
    assert_ready(&followed.observed, "one");
    assert_eq!(served(&followed)["digest"], before["digest"]);
    // It is the release's fault, and the next one is as good as any.
    fleet.push("three");
    followed.does(&["deploy"], "the latest release is served");
    assert_ready(&followed.observed, "three");
}
