//! Who is told of swaps, rollbacks and what is not served; in which words, how often, and what never gets out.

use std::time::{Duration, Instant};

use galley::image::{Content, Format, Origin, Package, Platform, Program, assemble, pack_program, pack_tree};
use galley::snapshot::{ContentRoot, Tree};

use crate::double::{Answer, Fault, Receiver};
use crate::image::{tree, with};
use crate::releases::{Fleet, pages};
use crate::support::{Instance, PATIENCE, galley, run};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// What stands in addresses and files, and nowhere else.
const SECRET: &str = "T0PSECRET";

/// An image that says which commit it was made from.
pub(crate) fn committed(tree: &Tree, sequence: u64) -> Package {
    let platform = Platform::of_this_program().unwrap();
    let programs = [Program { platform, layer: pack_program(b"program").unwrap() }];
    let content = Content { layers: vec![pack_tree(tree).unwrap()], root: ContentRoot::of(tree), sequence };
    let origin = Origin { revision: Some(COMMIT.to_owned()), ..Origin::default() };
    assemble(&programs, Some(&content), &origin, Format::Oci).unwrap()
}

fn signature(key: &str, body: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    let tag = ring::hmac::sign(&key, body.as_bytes());
    format!("sha256={}", tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[test]
fn swaps_and_rollbacks_are_told_in_their_order() {
    let (receiver, mut fleet) = (Receiver::start(), Fleet::new());
    fleet.place.write("key", "signing-key\n");
    let way = format!("webhook=http://{}/told?by=galley", receiver.address);
    let key = format!("webhook={}", fleet.at("key"));
    let followed = fleet.start(&["--notify", &way, "--notify-token-file", &key, "--public-url", "https://a.example/"]);
    let second = fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    fleet.push_tree(&pages(3));
    followed.does(&["deploy"], "the latest release is served");
    followed.does(&["rollback"], "serves release 2 ");
    let mut ids = Vec::new();
    for (event, sequence, changes) in [("swap", 2, [0, 1, 0]), ("swap", 3, [3, 1, 0]), ("rollback", 2, [0, 1, 3])] {
        let received = receiver.next();
        assert_eq!(received.line, "POST /told?by=galley");
        assert_eq!(received.header("x-galley-signature-256"), signature("signing-key", &received.body));
        let notice = received.json();
        assert_eq!((&notice["event"], &notice["sequence"]), (&event.into(), &sequence.into()), "{notice}");
        let [added, changed, removed] = changes;
        let changes = serde_json::json!({"added": added, "changed": changed, "removed": removed});
        assert_eq!((&notice["changes"], &notice["url"]), (&changes, &"https://a.example/".into()), "{notice}");
        assert_eq!(notice["id"], received.header("x-galley-delivery"));
        if sequence == 2 {
            assert_eq!(notice["digest"], second.to_string());
        }
        ids.push(notice["id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn what_is_not_served_is_told_once_with_the_reason() {
    let (receiver, mut fleet) = (Receiver::start(), Fleet::new());
    let way = format!("webhook=http://{}/", receiver.address);
    let followed = fleet.start(&["--notify", &way]);
    followed.does(&["pin"], "stays at release 1 ");
    fleet.push("two");
    followed.does(&["deploy"], "release 1 is pinned");
    // Looked at once more, it waits for the same reason.
    followed.does(&["deploy"], "release 1 is pinned");
    followed.does(&["unpin"], "the latest release is served");
    fleet.push_tree(&with(Tree::new(), "404.html", "gone"));
    followed.does(&["deploy"], "is refused");
    // It is not kept, and the reason is.
    followed.does(&["deploy"], "is refused: it is in quarantine: the self-check failed");
    for (event, reason) in [
        ("hold", "release 1 is pinned; to follow again: galley unpin"),
        ("swap", ""),
        ("quarantine", "the self-check failed: /: there is no page"),
    ] {
        let notice = receiver.next().json();
        let said = notice["reason"].as_str().unwrap_or_default();
        assert!(notice["event"] == event && said.starts_with(reason), "{event}: {notice}");
    }
}

#[test]
fn a_registry_that_stays_away_is_told_of_once_and_so_is_its_return() {
    let (receiver, mut fleet) = (Receiver::start(), Fleet::new());
    fleet.poll = "1s";
    let followed = fleet.start(&["--notify", &format!("webhook=http://{}/", receiver.address)]);
    let failures = || followed.status()["trouble"]["failures"].as_u64().unwrap_or_default();
    let fail = |count: u64| {
        fleet.registry.set_fault(Fault::Busy { times: u32::MAX, status: 403, retry_after: None });
        let begun = Instant::now();
        while failures() < count {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
        }
        fleet.registry.set_fault(Fault::None);
        while failures() > 0 {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // A few are nobody's business.
    fail(2);
    fail(7);
    fleet.push("two");
    for (event, reason) in
        [("trouble", "5 looks in a row have failed since "), ("recovery", " looks have failed since ")]
    {
        let notice = receiver.next().json();
        assert_eq!((&notice["event"], &notice["sequence"]), (&event.into(), &1.into()), "{notice}");
        assert!(notice["reason"].as_str().unwrap().contains(reason), "{notice}");
    }
    assert_eq!(receiver.next().json()["event"], "swap");
}

#[test]
fn a_busy_receiver_is_told_again_and_its_pause_is_kept() {
    let (receiver, mut fleet) = (Receiver::start(), Fleet::new());
    receiver.answer(&[Answer::Status(503, "retry-after", "3")]);
    let way = format!("webhook=http://{}/", receiver.address);
    let followed = fleet.start(&["--notify", &way]);
    fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    let first = receiver.next();
    let begun = Instant::now();
    let second = receiver.next();
    assert!(begun.elapsed() > Duration::from_millis(2900), "{:?}", begun.elapsed());
    assert_eq!(first.header("x-galley-delivery"), second.header("x-galley-delivery"));
    assert_eq!(first.body, second.body);
    followed.observed.hear("is not yet told that release 2 is live: answers 503; trying again in 3 s");
    let begun = Instant::now();
    while !followed.observed.ask("/metrics").text().contains("galley_notices_total{outcome=\"sent\"} 1\n") {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(followed.observed.ask("/metrics").text().contains("galley_notices_total{outcome=\"retried\"} 1\n"));
}

#[test]
fn a_receiver_that_hangs_delays_nothing_and_nobody() {
    let (silent, other, mut fleet) = (Receiver::start(), Receiver::start(), Fleet::new());
    silent.answer(&[Answer::Silence; 8]);
    let ways = [&silent, &other].map(|receiver| format!("ntfy=http://{}/topic", receiver.address)).join(",");
    let followed = fleet.start(&["--notify", &ways]);
    let begun = Instant::now();
    for (sequence, text) in [(2, "two"), (3, "three"), (4, "four")] {
        fleet.push(text);
        followed.does(&["deploy"], "the latest release is served");
        assert!(followed.page().contains(text));
        assert_eq!(other.next().header("title"), format!("galley: release {sequence} is live"));
    }
    assert_eq!(silent.next().header("title"), "galley: release 2 is live");
    // The one that hangs has not even been given up yet.
    assert!(begun.elapsed() < Duration::from_secs(10) && silent.rest().is_empty());
    let begun = Instant::now();
    followed.observed.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn hubs_are_told_of_the_feeds_that_changed() {
    let feed = |path: &str, text: &str| {
        format!("<feed><link rel=\"self\" href=\"https://blog.example/{path}feed.xml\"/>{text}</feed>")
    };
    let site = |page: &str, blog: &str, tag: &str| {
        let tree = with(tree(page), "feed.xml", &feed("", blog));
        with(tree, "tags/a/feed.xml", &feed("tags/a/", tag))
    };
    let (hub, receiver, mut fleet) = (Receiver::start(), Receiver::start(), Fleet::new());
    fleet.push_tree(&site("one", "1", "1"));
    let ways = format!("websub=http://{}/,webhook=http://{}/", hub.address, receiver.address);
    let followed = fleet.start(&["--notify", &ways]);
    let all = [site("two", "1", "1"), site("two", "2", "1"), site("three", "2", "2"), site("four", "3", "3")];
    for tree in all {
        fleet.push_tree(&tree);
        followed.does(&["deploy"], "the latest release is served");
        assert_eq!(receiver.next().json()["url"], "https://blog.example/");
    }
    for path in ["", "tags/a/", "", "tags/a/"] {
        let received = hub.next();
        assert_eq!(received.header("content-type"), "application/x-www-form-urlencoded");
        let path = path.replace('/', "%2F");
        assert_eq!(received.body, format!("hub.mode=publish&hub.url=https%3A%2F%2Fblog.example%2F{path}feed.xml"));
    }
    assert!(hub.rest().is_empty());
}

/// Tokens go into a header field, and neither they nor addresses into anything that is printed, also when it goes wrong.
#[test]
fn commits_get_a_status_and_no_secret_gets_out() {
    let receivers: [Receiver; 4] = std::array::from_fn(|_| Receiver::start());
    let [gitea, github, slack, moved] = &receivers;
    github.answer(&[Answer::Status(401, "x-none", "")]);
    slack.answer(&[Answer::Status(503, "retry-after", "86400")]);
    moved.answer(&[Answer::Status(302, "location", "/elsewhere")]);
    let mut fleet = Fleet::new();
    fleet.place.write("token", format!("{SECRET}-gitea\n"));
    let lines = [
        "# Who is told.".to_owned(),
        String::new(),
        format!("github=http://{}/api/v3/ada/blog {SECRET}-github", github.address),
        format!("slack=http://{}/services/{SECRET}", slack.address),
        format!("webhook=http://{SECRET}:{SECRET}@{}/{SECRET}?{SECRET}={SECRET} {SECRET}-key", moved.address),
    ];
    fleet.place.write("ways", lines.join("\n"));
    let gitea_way = format!("gitea=http://{}/ada/blog", gitea.address);
    let (reference, state) = (format!("{}/blog", fleet.registry.address), fleet.at("state"));
    let (ways, token) = (fleet.at("ways"), format!("gitea={}", fleet.at("token")));
    let arguments = ["--follow", &reference, "--poll", "1s", "--state", &state, "-v", "--notify", &gitea_way];
    let notices = ["--notify-file", &ways, "--notify-token-file", &token];
    let instance = Instance::start(&[&arguments[..], &notices].concat());
    fleet.push_image(&committed(&tree("two"), 2));
    let received = gitea.next();
    assert_eq!(received.line, format!("POST /api/v1/repos/ada/blog/statuses/{COMMIT}"));
    assert_eq!(received.header("authorization"), format!("token {SECRET}-gitea"));
    assert_eq!((&received.json()["state"], &received.json()["context"]), (&"success".into(), &"galley".into()));
    let received = github.next();
    assert_eq!(received.line, format!("POST /api/v3/repos/ada/blog/statuses/{COMMIT}"));
    assert_eq!(received.header("authorization"), format!("Bearer {SECRET}-github"));
    assert_eq!(slack.next().line, format!("POST /services/{SECRET}"));
    assert_eq!(moved.next().line, format!("POST /{SECRET}?{SECRET}={SECRET}"));
    // Waits a moment for what is still on its way.
    let said = instance.stop();
    for (receiver, part) in [
        (gitea, "gitea at {} is told: release 2 is live"),
        (github, "github at {} is not told that release 2 is live: answers 401; its token or its address is wrong"),
        (slack, "slack at {} is not told that release 2 is live: answers 503"),
        (moved, "webhook at {} is not told that release 2 is live: answers 302, which is not followed"),
    ] {
        assert!(said.contains(&part.replace("{}", &receiver.address)), "{part}:\n{said}");
        assert!(receiver.rest().is_empty(), "{part}");
    }
    assert!(!said.contains(SECRET) && !said.contains("/services"), "{said}");
    for file in ["journal.jsonl", "current.json"] {
        assert!(!std::fs::read_to_string(fleet.place.path().join("state").join(file)).unwrap().contains(SECRET));
    }
}

#[test]
fn of_two_instances_with_one_state_one_tells() {
    let (receiver, other, mut fleet) = (Receiver::start(), Receiver::start(), Fleet::new());
    let start = |receiver: &Receiver| fleet.start(&["--notify", &format!("slack=http://{}/", receiver.address)]);
    let [first, second] = [&receiver, &other].map(start);
    second.observed.hear("notices are sent by the one that writes there");
    fleet.push("two");
    for followed in [&first, &second] {
        followed.does(&["deploy"], "the latest release is served");
    }
    let said = receiver.next().json()["text"].as_str().unwrap().to_owned();
    assert!(said.starts_with("release 2 is live: 0 added, 1 changed, 0 removed ("), "{said}");
    second.observed.stop();
    assert!(other.rest().is_empty());
}

#[test]
fn a_way_that_is_none_is_refused_and_not_printed() {
    let fleet = Fleet::new();
    fleet.place.write("ways", format!("# x\nslack={SECRET}\n"));
    let (ways, token, missing) = (fleet.at("ways"), format!("github={}", fleet.at("token")), fleet.at("missing"));
    let followed = ["serve", "--follow", "127.0.0.1:1/blog", "--state", &fleet.at("state")];
    for (arguments, said) in [
        (&["--notify", "https://T0PSECRET.example/"][..], "--notify, way 1: begins with none of webhook=, slack=,"),
        (&["--notify", "slack=T0PSECRET"], "--notify, way 1: slack= wants a URL with https:// or http://"),
        (&["--notify", "github=T0PSECRET"], "--notify, way 1: github= wants OWNER/REPOSITORY"),
        (
            &["--notify", "github=a/T0PSECRET"],
            "github takes nothing without a token; name its file: --notify-token-file github=FILE",
        ),
        (&["--notify-file", &ways], "ways:2: slack= wants a URL"),
        (&["--notify-file", &missing], "missing: No such file"),
        (&["--notify-token-file", &token], "token: there is no way of the kind github that it is for; add one"),
        (&["--notify-token-file", "x"], "--notify-token-file wants KIND=FILE"),
    ] {
        let ran = run(&[&followed[..], arguments].concat());
        ran.says(1, said);
        assert!(!ran.errors.contains(SECRET), "{}", ran.errors);
    }
    let help = galley().args(["serve", "--help"]).env("GALLEY_NOTIFY", SECRET).output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains(SECRET));
}
