//! The releases of an instance: over restarts, back, pinned, held, and told of at the control listener.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use galley::image::{Package, Platform};
use galley::snapshot::{Digest, Entry, Tree, TreePath};
use serde_json::Value;

use crate::control::Observed;
use crate::double::Registry;
use crate::follow::{SECRET, push};
use crate::image::{image, tree};
use crate::support::{Connection, PATIENCE, Ran, Response, TempSite, galley, program, run};

pub(crate) const TOKEN: &str = "a-token-that-nobody-guesses";

/// A registry, and a place for the state and the tokens of instances that follow it.
pub(crate) struct Fleet {
    pub(crate) registry: Registry,
    pub(crate) place: TempSite,
    /// How often its instances look without being told.
    pub(crate) poll: &'static str,
    last: Option<Digest>,
    sequence: u64,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let place = TempSite::bare().file("token", format!("{TOKEN}\n"));
        let mut fleet = Self { registry: Registry::start(), place, poll: "1h", last: None, sequence: 0 };
        fleet.push("one");
        fleet
    }

    pub(crate) fn push(&mut self, text: &str) -> Digest {
        self.push_tree(&tree(text))
    }

    pub(crate) fn push_tree(&mut self, tree: &Tree) -> Digest {
        self.sequence += 1;
        self.push_image(&image(tree, self.sequence))
    }

    pub(crate) fn push_image(&mut self, image: &Package) -> Digest {
        push(&self.registry, image, self.last);
        self.last = Some(image.index.descriptor.digest);
        image.index.descriptor.digest
    }

    /// The next push is one of a tag that nothing is known of.
    pub(crate) fn forget_last(&mut self) {
        self.last = None;
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.place.path().join("state")
    }

    /// What a card does that is at its end.
    pub(crate) fn damage(&self) {
        for blob in fs::read_dir(self.state().join("blobs/sha256")).unwrap() {
            fs::write(blob.unwrap().path(), "damaged").unwrap();
        }
    }

    /// An instance that follows, and looks when it is told to.
    pub(crate) fn start(&self, arguments: &[&str]) -> Followed {
        self.start_by(galley(), arguments)
    }

    /// The same with what `command` has in its environment.
    pub(crate) fn start_by(&self, command: Command, arguments: &[&str]) -> Followed {
        let reference = format!("{}/blog", self.registry.address);
        let (state, token) = (self.at("state"), self.at("token"));
        let own =
            ["--follow", &reference, "--poll", self.poll, "--state", &state, "--control-token-file", &token, "-v"];
        Followed { observed: Observed::of(command, &[&own, arguments].concat()).serving(), token }
    }
}

pub(crate) struct Followed {
    pub(crate) observed: Observed,
    token: String,
}

impl Followed {
    /// A verb that asks this instance.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = galley();
        command.args(arguments).env("GALLEY_CONTROL", &self.observed.control);
        Ran::of(command.env("GALLEY_CONTROL_TOKEN_FILE", &self.token))
    }

    #[track_caller]
    pub(crate) fn does(&self, arguments: &[&str], said: &str) {
        let ran = self.run(arguments);
        assert!(ran.code == 0 && ran.output.contains(said), "{arguments:?}: {}{}", ran.output, ran.errors);
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.run(&["status", "--json"]).output).unwrap()
    }

    pub(crate) fn page(&self) -> String {
        self.observed.get("/", &[]).text()
    }

    pub(crate) fn control(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        Connection::open(&self.observed.control).request(method, path, headers, body)
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let begun = Instant::now();
        while !self.page().contains(text) {
            assert!(begun.elapsed() < PATIENCE, "never served {text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A site with so many pages.
pub(crate) fn pages(count: usize) -> Tree {
    let mut tree = tree("many");
    for number in 0..count {
        let path = TreePath::new(&format!("p{number}/index.html")).unwrap();
        tree.insert(path, Entry::new(Bytes::from(format!("<p>{number}</p>")), None)).unwrap();
    }
    tree
}

#[test]
fn a_restart_needs_no_registry() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    assert!(followed.page().contains("two"));
    followed.observed.stop();
    fleet.registry.stop();
    let followed = fleet.start(&[]);
    assert!(followed.page().contains("two"));
    let status = followed.status();
    assert_eq!((&status["serving"]["sequence"], &status["serving"]["status"]), (&2.into(), &"confirmed".into()));
    let begun = Instant::now();
    while followed.status()["trouble"].is_null() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    followed.does(&["status"], "no look has gone well since");
    followed.does(&["rollback"], "serves release 1 ");
    assert!(followed.page().contains("one"));
    followed.observed.stop();
    // The pin outlives a restart, too.
    let followed = fleet.start(&[]);
    assert!(followed.page().contains("one"));
    followed.observed.hear("from the state: release 1");
}

#[test]
fn a_rollback_holds_until_it_is_unpinned() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    followed.does(&["rollback"], "serves release 1 ");
    assert!(followed.page().contains("one"));
    for number in 3..6 {
        fleet.push(&format!("number {number}"));
        followed.does(&["deploy"], "is kept and not served: release 1 is pinned; to follow again: galley unpin");
    }
    assert!(followed.page().contains("one"));
    followed.does(&["status"], "pinned, 4 releases behind");
    followed.does(&["unpin"], "follows again: the latest release is served");
    assert!(followed.page().contains("number 5"));
    // Whoever put it in place, a release is watched.
    followed.observed.hear(&format!("release {} is watched for a minute", fleet.last.unwrap()));
    let second = followed.status()["serving"]["digest"].as_str().unwrap()[7..19].to_owned();
    followed.does(&["pin"], "stays at release 5 ");
    fleet.push("six");
    followed.does(&["deploy"], "release 5 is pinned");
    followed.does(&["rollback", &second], "serves release 5 ");
    assert_eq!(followed.run(&["rollback", "0000000000"]).code, 1);
}

/// Nothing rings for it, and no poll comes: it is watched all the same.
#[test]
fn what_a_person_goes_back_to_has_a_first_minute() {
    let mut fleet = Fleet::new();
    let watched = |digest: Digest| format!("release {digest} is watched for a minute");
    let one = fleet.last.unwrap();
    let followed = fleet.start(&[]);
    followed.observed.hear(&watched(one));
    let two = fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    followed.observed.hear(&watched(two));
    followed.does(&["rollback"], "serves release 1 ");
    followed.observed.hear(&watched(one));
    assert_eq!(followed.status()["serving"]["status"], "installed");
}

#[test]
fn a_release_without_a_first_page_is_never_served() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    let mut empty = Tree::new();
    empty.insert(TreePath::new("404.html").unwrap(), Entry::new(Bytes::from_static(b"gone"), None)).unwrap();
    let bad = fleet.push_tree(&empty);
    followed.does(&["deploy"], "is refused: it is in quarantine: the self-check failed: /: there is no page");
    assert!(followed.page().contains("one"));
    followed.does(&["releases"], &format!("{bad} of "));
    followed.does(&["releases"], "quarantined: the self-check failed");
    // Neither by one that has nothing else.
    let (reference, state) = (format!("{}/blog", fleet.registry.address), fleet.at("other"));
    let ran = run(&["serve", "--follow", &reference, "--state", &state, "--listen", "127.0.0.1:0", "--control", "off"]);
    ran.says(1, "is not served, the self-check failed: /: there is no page");
    fleet.push("three");
    followed.does(&["deploy"], "the latest release is served");
    followed.does(&["rollback"], "serves release 1 ");
}

#[test]
fn a_release_that_lost_its_pages_waits_for_a_person() {
    let mut fleet = Fleet::new();
    fleet.push_tree(&pages(40));
    let secret = TempSite::bare().file("secret", "a-secret-of-hooks-0123456789");
    let file = secret.path().join("secret");
    let followed = fleet.start(&["--hook-secret-file", file.to_str().unwrap()]);
    fleet.push("small");
    let hook = |followed: &Followed| {
        let path = "/_galley/hook/a-secret-of-hooks-0123456789";
        Connection::open(&followed.observed.address).request("POST", path, &[], "{}").status
    };
    assert_eq!(hook(&followed), 202);
    let begun = Instant::now();
    while followed.status()["waiting"].is_null() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    let waiting = followed.status()["waiting"].as_str().unwrap().to_owned();
    assert!(waiting.starts_with("it has 2 paths where 42 are served"), "{waiting}");
    assert!(followed.page().contains("many"));
    followed.does(&["deploy"], "the latest release is served");
    assert!(followed.page().contains("small"));
    followed.observed.hear(&format!("release {} is watched for a minute", fleet.last.unwrap()));
}

#[test]
fn an_older_release_is_a_rollback_by_tag_unless_numbers_may_only_grow() {
    let mut fleet = Fleet::new();
    let (one, two) = (image(&tree("one"), 1), image(&tree("two"), 2));
    fleet.push_image(&two);
    let free = fleet.start(&[]);
    assert!(free.page().contains("two"));
    fleet.push_image(&one);
    free.does(&["deploy", "--dry-run"], "release 1 ");
    assert!(free.page().contains("two"));
    free.does(&["deploy"], "the latest release is served");
    assert!(free.page().contains("one"));
    free.observed.stop();
    fs::remove_dir_all(fleet.state()).unwrap();
    fleet.push_image(&two);
    let strict = fleet.start(&["--monotonic"]);
    fleet.push_image(&one);
    strict.does(&["deploy"], "is refused: it is release 1, and release 2 is served (--monotonic)");
    assert!(strict.page().contains("two"));
}

#[test]
fn a_window_that_is_closed_holds_releases_back_and_a_person_does_not_wait() {
    let mut fleet = Fleet::new();
    // Open for a minute that is neither now nor soon, whenever this runs.
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let later = now.checked_add(jiff::ToSpan::hours(12)).unwrap();
    let window = format!("mon-sun {}-{}", later.strftime("%H:%M"), later.strftime("%H:59"));
    let window =
        if later.strftime("%H:%M").to_string().ends_with(":59") { "mon 00:00-00:01".to_owned() } else { window };
    fleet.place.write("secret", SECRET);
    let followed = fleet.start(&["--window", &window, "--hook-secret-file", &fleet.at("secret")]);
    fleet.push("two");
    let mut hooks = Connection::open(&followed.observed.address);
    assert_eq!(hooks.request("POST", &format!("/_galley/hook/{SECRET}"), &[], "{}").status, 202);
    let begun = Instant::now();
    while followed.status()["waiting"].is_null() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let waiting = followed.status()["waiting"].as_str().unwrap().to_owned();
    assert!(waiting.starts_with("the window opens at "), "{waiting}");
    followed.does(&["deploy", "--dry-run"], "would be served");
    assert!(followed.page().contains("one"));
    followed.does(&["deploy"], "the latest release is served");
    assert!(followed.page().contains("two"));
}

/// What is built upon what is served is the same as what is unpacked whole.
#[test]
fn of_an_edit_only_the_new_layer_is_unpacked() {
    let fleet = Fleet::new();
    // Long enough for an edit to be small beside it.
    let text =
        |number: u64| (0..600).map(|word| format!("word{} ", word * (number + 3) * 7919 % 9973)).collect::<String>();
    let pages = (0..60).map(|number| (format!("p{number}/index.html"), format!("<p>Text. {}", text(number))));
    let folder = pages.fold(TempSite::bare(), |folder, (path, text)| folder.file(&path, text));
    let reference = format!("{}/blog", fleet.registry.address);
    let platform = Platform::of_this_program().unwrap();
    fleet.place.write("program", program(platform, "program 1"));
    let binary = format!("--binary={platform}={}", fleet.at("program"));
    let publish = |path: &str, text: &str| {
        folder.write(path, text);
        run(&["package", folder.str(), &binary, "--push", &reference]).says(0, "pushed ");
    };
    publish("index.html", "Home.");
    let followed = fleet.start(&[]);
    let deploy = |path: &str, text: &str, said: &str| {
        publish(path, text);
        followed.does(&["deploy"], "the latest release is served");
        followed.observed.hear(said);
    };
    let get = |path: &str| followed.observed.get(path, &[]);
    deploy("p1/index.html", "Second.", "1 of 2 layers are unpacked");
    deploy("p1/index.html", "Third.", "1 of 3 layers are unpacked");
    assert!(get("/p1/").text() == "Third." && get("/p2/").text().contains("Text."));
    followed.does(&["rollback"], "release ");
    assert_eq!(get("/p1/").text(), "Second.");
    followed.does(&["unpin"], "the latest release is served");
    deploy("p3/index.html", "Fourth.", "1 of 4 layers are unpacked");
    // A fourth delta is merged with those below it, and the base stays.
    deploy("p1/index.html", "Fifth.", "1 of 2 layers are unpacked");
    assert!(get("/p1/").text() == "Fifth." && get("/p3/").text() == "Fourth.");
    // Rules change all answers, so all is made anew.
    deploy("_headers", "/*\n  x-rule: new\n", "3 of 3 layers are unpacked");
    assert_eq!(get("/p2/").header("x-rule"), "new");
    assert!(get("/p2/").text().contains("Text.") && get("/p1/").text() == "Fifth.");
    // After a rollback something else is served than what came last.
    followed.does(&["rollback"], "serves release ");
    publish("p3/index.html", "Sixth.");
    followed.does(&["unpin"], "follows again");
    followed.does(&["deploy"], "the latest release is served");
    assert!(get("/p3/").text() == "Sixth." && get("/p1/").text() == "Fifth.");
    assert_eq!(get("/p2/").header("x-rule"), "new");
}
