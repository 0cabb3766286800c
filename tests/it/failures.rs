//! What can go wrong while an instance follows: readers have what was good before, nothing is tried without end, and people are told.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use galley::snapshot::Digest;
use serde_json::{Value, json};

use crate::bad_place::{set_mode, unprivileged};
use crate::control::Observed;
use crate::double::{Account, Fault, Forbids};
use crate::follow::{Followed, SECRET};
use crate::image::{image, tree, with};
use crate::releases::Fleet;
use crate::support::{Connection, PATIENCE, Ran, TempSite, galley};

/// How often a blob was pulled since the last call.
fn pulls(log: &[String]) -> usize {
    log.iter().filter(|line| line.starts_with("GET /v2/blog/blobs/")).count()
}

/// Waits until it is so.
#[track_caller]
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never came to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn word<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn a_tag_that_is_gone_takes_nothing_away() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    fleet.registry.forget("blog/latest");
    let ran = followed.run(&["deploy"]);
    ran.says(1, "there is no such image in the registry");
    assert!(followed.page().contains("one"));
    let status = followed.status();
    assert!(word(&status, "/trouble/message").contains("there is no such image"), "{status}");
    // The next push is one of a new tag.
    fleet.forget_last();
    fleet.push("two");
    followed.wait_for("two");
    assert_eq!(followed.status()["trouble"], Value::Null);
}

#[test]
fn a_manifest_that_is_gone_is_named() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    let next = image(&tree("two"), 2);
    let manifest = next.images[0].manifest.descriptor.digest;
    fleet.push_image(&next);
    fleet.registry.forget(&format!("blog/{manifest}"));
    let ran = followed.run(&["deploy"]);
    ran.says(1, &format!("blog@{manifest}"));
    assert!(followed.page().contains("one"));
    fleet.push("three");
    followed.does(&["deploy"], "the latest release is served");
    assert!(followed.page().contains("three"));
}

#[test]
fn a_registry_that_wants_to_be_left_alone_is_however_many_hooks_come() {
    let mut followed = Followed::start("1h");
    for pause in [60, u64::MAX] {
        followed.registry.set_fault(Fault::Busy { times: u32::MAX, status: 429, retry_after: Some(pause) });
        followed.registry.take_log();
        assert_eq!(followed.hook("{}"), 202);
        until(|| followed.looks() > 0);
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_millis(1500) {
            assert_eq!(followed.hook("{}"), 202);
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(followed.looks(), 0);
        followed = Followed::start("1h");
    }
}

#[test]
fn a_person_does_not_wait_until_the_registry_may_be_asked() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    fleet.registry.set_fault(Fault::Busy { times: u32::MAX, status: 429, retry_after: Some(u64::MAX) });
    followed.run(&["deploy"]).says(1, "it wants to be left alone for 3600 s");
    fleet.registry.set_fault(Fault::None);
    fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    assert!(followed.page().contains("two"));
}

/// A token expires between two looks: some registries answer it by 401, some by 403.
#[test]
fn a_token_that_holds_no_longer_is_renewed_once() {
    for forbids in [Forbids::Nobody, Forbids::Expired] {
        let mut fleet = Fleet::new();
        fleet.registry.set_account(Account { forbids, ..Account::default() });
        let followed = fleet.start(&[]);
        for text in ["two", "three"] {
            fleet.push(text);
            fleet.registry.expire_tokens();
            fleet.registry.take_scopes();
            followed.does(&["deploy"], "the latest release is served");
            assert_eq!(fleet.registry.take_scopes(), ["repository:blog:pull"]);
        }
        assert!(followed.page().contains("three"));
        fleet.registry.set_account(Account { forbids: Forbids::Everybody, ..Account::default() });
        let ran = followed.run(&["deploy"]);
        ran.says(1, "refuses access to blog with no credentials");
        assert_eq!(fleet.registry.take_scopes().len(), 1);
        let status = followed.status();
        assert!(word(&status, "/trouble/message").contains("GALLEY_REGISTRY_USER"), "{status}");
        assert!(followed.page().contains("three"));
    }
}

/// What is wrong in itself is pulled once; what came mangled, some times.
#[test]
fn what_is_bad_is_not_pulled_for_ever() {
    let mut fleet = Fleet::new();
    fleet.poll = "1s";
    let followed = fleet.start(&[]);
    let mut index: Value = serde_json::from_slice(&image(&tree("two"), 2).index.bytes).unwrap();
    fleet.push_image(&image(&tree("two"), 2));
    index["annotations"]["dev.galley.content-root"] = Digest::of(b"lie").to_string().into();
    let bytes = serde_json::to_vec(&index).unwrap();
    fleet.registry.put_manifest("blog/latest", "application/vnd.oci.image.index.v1+json", &bytes);
    followed.observed.hear("is not pulled again; to try nevertheless: galley deploy");
    let gets = |log: &[String]| log.iter().filter(|line| *line == "GET /v2/blog/manifests/latest").count();
    fleet.registry.take_log();
    let (mut looks, mut got) = (0, 0);
    until(|| {
        let log = fleet.registry.take_log();
        got += gets(&log);
        looks += log.iter().filter(|line| *line == "HEAD /v2/blog/manifests/latest").count();
        looks >= 2
    });
    assert_eq!(got, 0);
    assert!(word(&followed.status(), "/waiting").starts_with("it is refused: "), "{}", followed.status());
    followed.run(&["deploy"]).says(1, "is refused: it promises the content");
    followed.observed.hear("is not pulled again; to try nevertheless: galley deploy");
    // Bytes that are not what their digest says, or more or fewer of them, may be the fault of somebody between.
    fleet.forget_last();
    fleet.registry.forget("blog/latest");
    for (fault, text) in [(Fault::OtherBytes, "three"), (Fault::MoreBytes, "four")] {
        fleet.registry.set_fault(fault);
        fleet.registry.take_log();
        fleet.push(text);
        followed.observed.hear("is not pulled again; to try nevertheless: galley deploy");
        assert_eq!(pulls(&fleet.registry.take_log()), 3);
        fleet.registry.set_fault(Fault::None);
        followed.does(&["deploy"], "the latest release is served");
        assert!(followed.page().contains(text));
    }
}

/// Layers and manifests that lie in the state.
fn blobs(fleet: &Fleet) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        std::fs::read_dir(fleet.state().join("blobs/sha256")).unwrap().map(|blob| blob.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn what_is_refused_and_what_is_only_looked_at_leaves_nothing_in_the_state() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    let before = blobs(&fleet);
    for number in 2..6 {
        let next = image(&tree(&format!("number {number}")), number);
        let mut index: Value = serde_json::from_slice(&next.index.bytes).unwrap();
        fleet.forget_last();
        fleet.registry.forget("blog/latest");
        fleet.push_image(&next);
        followed.does(&["deploy", "--dry-run"], "would be served");
        assert_eq!(blobs(&fleet), before);
        index["annotations"]["dev.galley.content-root"] = Digest::of(b"lie").to_string().into();
        let bytes = serde_json::to_vec(&index).unwrap();
        fleet.registry.put_manifest("blog/latest", "application/vnd.oci.image.index.v1+json", &bytes);
        followed.run(&["deploy"]).says(1, "is refused: it promises the content");
        assert_eq!(blobs(&fleet), before);
    }
    assert!(followed.page().contains("one"));
}

#[test]
fn a_release_that_was_served_before_is_known_when_it_comes_again() {
    let mut fleet = Fleet::new();
    let (one, two) = (image(&tree("one"), 1), image(&tree("two"), 2));
    let followed = fleet.start(&[]);
    fleet.push_image(&two);
    followed.does(&["deploy"], "the latest release is served");
    followed.does(&["rollback"], "serves release 1");
    fleet.push_image(&one);
    followed.does(&["deploy"], "is served already");
    followed.does(&["unpin"], "");
    let status = followed.status();
    assert_eq!((word(&status, "/serving/status"), status["pinned"].clone()), ("installed", Value::Null), "{status}");
    followed.observed.stop();
    fleet.registry.stop();
    let followed = fleet.start(&[]);
    assert!(followed.page().contains("one"), "{}", followed.page());
}

#[test]
fn what_came_while_another_was_pinned_is_served_at_last_however_little_is_kept() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&["--keep", "0"]);
    followed.does(&["pin"], "stays at release 1");
    fleet.push("two");
    followed.does(&["deploy"], "release 1 is pinned");
    followed.does(&["unpin"], "the latest release is served");
    assert!(followed.page().contains("two"));
}

#[test]
fn more_releases_than_are_read_again_can_not_be_kept() {
    let ran = crate::support::run(&["serve", "--follow", "127.0.0.1:1/blog", "--keep", "401"]);
    ran.says(2, "invalid value '401' for '--keep <N>': 401 is not in 0..=400");
}

/// As in an image that holds release 99.
fn baked() -> Command {
    let mut command = galley();
    command.env("GALLEY_BAKED_SEQUENCE", "99");
    command
}

#[test]
fn an_image_with_content_of_its_own_is_not_led_back_and_keeps_to_a_pin() {
    let mut fleet = Fleet::new();
    let site = fleet.place.path().join("baked");
    std::fs::create_dir(&site).unwrap();
    for name in ["index.html", "404.html"] {
        std::fs::write(site.join(name), "<p>baked</p>").unwrap();
    }
    let site = site.to_str().unwrap();
    let strict = fleet.start_by(baked(), &["--monotonic", site]);
    strict.does(&["deploy"], "is refused: it is release 1, and release 99 is served (--monotonic)");
    assert!(strict.page().contains("baked"));
    strict.does(&["status"], "serves content that it was started with");
    strict.does(&["status"], "the image holds release 99");
    strict.observed.stop();
    let free = fleet.start_by(baked(), &[site]);
    free.does(&["deploy"], "the latest release is served");
    fleet.push("two");
    free.does(&["deploy"], "the latest release is served");
    free.does(&["rollback"], "serves release 1");
    free.observed.stop();
    let again = fleet.start_by(baked(), &[site]);
    assert!(again.page().contains("one"), "{}", again.page());
    again.does(&["unpin"], "the latest release is served");
    again.observed.stop();
    assert!(fleet.start_by(baked(), &[site]).page().contains("baked"));
}

#[test]
fn a_rollback_holds_through_a_hundred_hooks() {
    let mut fleet = Fleet::new();
    fleet.place.write("secret", SECRET);
    let followed = fleet.start(&["--hook-secret-file", &fleet.at("secret")]);
    let two = fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    followed.does(&["rollback"], "serves release 1");
    for number in 0..100 {
        let body = json!({"events": [{"id": format!("{number}"), "action": "push", "target":
            {"repository": "blog", "tag": "latest", "digest": two.to_string()}}]});
        let mut connection = Connection::open(&followed.observed.address);
        let answer = connection.request("POST", &format!("/_galley/hook/{SECRET}"), &[], &body.to_string());
        assert_eq!(answer.status, 202);
        assert!(followed.page().contains("one"), "after {number} hooks");
    }
    followed.does(&["unpin"], "the latest release is served");
    followed.wait_for("two");
}

/// What a file of the content is read from fails: a card, a share that is gone. Readers get faults, and then what was before.
#[test]
fn a_release_that_answers_with_faults_is_left_at_once() {
    let mut fleet = Fleet::new();
    // No compression makes it less, so that it lies in the state.
    let noise: String = (0u32..600).map(|number| Digest::of(&number.to_le_bytes()).hex()).collect();
    let picture = |number: u32| with(tree(&format!("number {number}")), "picture.png", &format!("{noise}{number}"));
    fleet.push_tree(&picture(2));
    let followed = fleet.start(&["--memory", "0"]);
    let bad = fleet.push_tree(&picture(3));
    followed.does(&["deploy"], "the latest release is served");
    assert!(followed.page().contains("number 3"));
    followed.observed.hear(&format!("release {bad} is watched for a minute"));
    std::fs::remove_file(fleet.state().join("media/sha256").join(Digest::of(format!("{noise}3").as_bytes()).hex()))
        .unwrap();
    for _ in 0..10 {
        let answer = followed.observed.get("/picture.png", &[]);
        assert!(answer.status >= 500, "{}", answer.status);
    }
    let failed = Instant::now();
    followed.wait_for("number 2");
    // A look at the counts comes every quarter of a second: seen with --nocapture.
    println!("the release before is served {:?} after the last of ten faults", failed.elapsed());
    assert_eq!(followed.observed.get("/picture.png", &[]).status, 200);
    let status = followed.status();
    assert!(word(&status, "/waiting").contains("answers were faults of the server"), "{status}");
    assert_eq!(status["serving"]["sequence"], 2);
    followed.does(&["releases"], &format!("{bad} of "));
    followed.does(&["releases"], "quarantined: ");
    followed.does(&["deploy"], "is refused: it is in quarantine");
    followed.observed.stop();
    assert!(fleet.start(&["--memory", "0"]).page().contains("number 2"));
}

/// What is mounted as long as this lives.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// A small file system of its own; `None` for those who may not make one.
    fn small(folder: PathBuf) -> Option<Self> {
        Self::of_size(folder, "size=512k,nr_inodes=48")
    }

    /// The same with these options.
    pub(crate) fn of_size(folder: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir_all(&folder).unwrap();
        Self::new(folder, &["-t", "tmpfs", "-o", options, "tmpfs"])
    }

    /// The folder itself, to be read only.
    fn read_only(folder: PathBuf) -> Option<Self> {
        let itself = folder.display().to_string();
        let mounted = Self::new(folder.clone(), &["--bind", &itself])?;
        let again = Command::new("mount").args(["-o", "remount,bind,ro"]).arg(folder).status();
        again.is_ok_and(|status| status.success()).then_some(mounted)
    }

    fn new(folder: PathBuf, options: &[&str]) -> Option<Self> {
        let mounted = Command::new("mount").args(options).arg(&folder).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg("--lazy").arg(&self.0).status().unwrap().success());
    }
}

#[test]
fn a_full_disk_keeps_a_release_from_being_served_and_nothing_else() {
    let mut fleet = Fleet::new();
    let Some(_disk) = Mounted::small(fleet.state()) else {
        eprintln!("skipped: only root may make a file system");
        return;
    };
    let followed = fleet.start(&["--keep", "100"]);
    let noise: String = (0u32..60_000).map(|number| Digest::of(&number.to_le_bytes()).short()).collect();
    fleet.push_tree(&with(tree("large"), "noise.txt", &noise));
    followed.run(&["deploy"]).says(1, "the state can't be kept there");
    assert!(followed.page().contains("one"));
    fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    // Small files need room, too: at some time there is no more of it.
    let mut refused = None;
    for number in 3..40 {
        fleet.push(&format!("number {number}"));
        let ran = followed.run(&["deploy"]);
        if ran.code != 0 {
            assert!(ran.errors.contains("the state can't be kept there"), "{}", ran.errors);
            refused = Some(number);
            break;
        }
    }
    let before = format!("number {}", refused.expect("there was room for all of them") - 1);
    assert!(followed.page().contains(&before), "{}", followed.page());
    followed.observed.stop();
    // As what is kept says, and with what there is room for.
    fleet.registry.stop();
    assert!(fleet.start(&["--keep", "1"]).page().contains(&before));
}

/// An instance that has lost the right to write serves what it kept, and a release that comes.
#[track_caller]
fn assert_only_read(fleet: &mut Fleet, command: fn(&Fleet) -> Command, text: &str) {
    let followed = fleet.start_by(command(fleet), &[]);
    assert!(followed.page().contains("one"));
    followed.observed.hear("the state can't be kept there");
    followed.observed.hear("this instance only reads there, and forgets what it pulls when it ends");
    followed.observed.hear("from the state: release 1");
    assert!(followed.status()["state"].is_null());
    // What was pinned stays until a person says otherwise.
    fleet.push(text);
    followed.does(&["deploy"], "release 1 is pinned");
    assert!(followed.page().contains("one"));
    followed.does(&["unpin"], "the latest release is served");
    assert!(followed.page().contains(text));
    followed.does(&["rollback"], "serves release 1 ");
    // The same where nobody named the folder.
    let reference = format!("{}/blog", fleet.registry.address);
    let mut command = command(fleet);
    command.env("STATE_DIRECTORY", fleet.state());
    let observed = Observed::of(command, &["--follow", &reference, "--poll", "1h"]).serving();
    observed.hear("from the state: release 1");
}

#[test]
fn a_state_that_can_only_be_read_is_read() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    followed.does(&["pin"], "stays at release 1 ");
    followed.observed.stop();
    set_mode(fleet.place.path(), 0o755);
    assert_only_read(&mut fleet, |fleet| unprivileged(&fleet.place), "two");
    match Mounted::read_only(fleet.state()) {
        Some(_mounted) => assert_only_read(&mut fleet, |_| galley(), "three"),
        None => eprintln!("skipped in part: only root may mount a folder to be read only"),
    }
    // Where there is nothing to be read it is said to whoever named the place.
    let (reference, place) = (format!("{}/blog", fleet.registry.address), TempSite::bare());
    set_mode(place.path(), 0o555);
    let folder = place.path().join("state").display().to_string();
    let mut command = unprivileged(&fleet.place);
    command.args(["serve", "--listen", "127.0.0.1:0", "--control", "off", "--follow", &reference, "--state", &folder]);
    Ran::of(&mut command).says(1, "the state can't be kept there");
}
