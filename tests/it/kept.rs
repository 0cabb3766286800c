//! What a state keeps over restarts, for one who writes there, and what becomes of it when it is damaged.

use std::fs;

use galley::snapshot::Digest;

use crate::image::{tree, with};
use crate::releases::{Fleet, pages};

#[test]
fn two_instances_never_write_to_one_state() {
    let mut fleet = Fleet::new();
    let first = fleet.start(&[]);
    fleet.push("two");
    first.does(&["deploy"], "the latest release is served");
    let second = fleet.start(&[]);
    second.wait_for("two");
    assert!(second.status()["state"].is_null());
    second.does(&["status"], "no state outlives a restart");
    second.observed.hear("another galley keeps its state there; choose another folder with --state");
    first.does(&["status"], "state in ");
}

/// A page that a reader has open asks for its style sheet, whichever process answers.
#[test]
fn fingerprinted_files_outlive_a_restart() {
    let mut fleet = Fleet::new();
    let name = |text: &str| format!("main.{}.css", Digest::of(text.as_bytes()).short());
    let styled = |text: &'static str| {
        let tree = with(tree(text), &name(text), text);
        with(tree, "plain.css", text)
    };
    fleet.push_tree(&styled("red"));
    let followed = fleet.start(&[]);
    fleet.push_tree(&styled("blue"));
    followed.does(&["deploy"], "the latest release is served");
    followed.observed.stop();
    let followed = fleet.start(&[]);
    for text in ["red", "blue"] {
        let answer = followed.observed.get(&format!("/{}", name(text)), &[]);
        assert!(answer.status == 200 && answer.text() == text, "{}", answer.text());
    }
    assert_eq!(followed.observed.get("/plain.css", &[]).text(), "blue");
}

#[test]
fn a_damaged_state_is_made_good_from_the_registry() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    followed.observed.stop();
    fleet.damage();
    fs::write(fleet.state().join("blobs/sha256/x.aside"), "half").unwrap();
    let followed = fleet.start(&[]);
    assert!(followed.page().contains("two"));
    assert!(!fleet.state().join("blobs/sha256/x.aside").exists());
    followed.observed.hear("is damaged; it will be pulled again");
    followed.observed.stop();
    fleet.start(&[]).observed.hear("from the state: release 2");
}

#[test]
fn a_release_that_waits_and_is_damaged_is_pulled_again() {
    let mut fleet = Fleet::new();
    fleet.push_tree(&pages(100));
    let followed = fleet.start(&[]);
    followed.does(&["pin"], "stays at release 2");
    fleet.push_tree(&pages(101));
    followed.does(&["deploy"], "is pinned");
    fleet.damage();
    followed.does(&["unpin"], "the latest release is served");
    assert_eq!(followed.observed.get("/p100/", &[]).status, 200);
    // Seen without a person who wants it, it is held.
    fleet.push("few");
    followed.does(&["unpin"], "");
    followed.observed.hear("release 4");
    fleet.damage();
    followed.does(&["deploy"], "the latest release is served");
    assert!(followed.page().contains("few"));
}
