//! An instance that follows: hooks, polls, swaps, and what must not swap.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use galley::image::Package;
use galley::registry::{Client, Outgoing, Transport};
use galley::snapshot::Digest;

use crate::double::{Fault, Registry};
use crate::image::{image, tree};
use crate::releases::Fleet;
use crate::support::{Connection, Instance, TempSite};

pub(crate) const SECRET: &str = "a-secret-that-nobody-guesses";

pub(crate) struct Followed {
    pub(crate) registry: Registry,
    pub(crate) instance: Instance,
    pub(crate) last: Digest,
    sequence: u64,
    _secret: TempSite,
}

impl Followed {
    pub(crate) fn start(poll: &str) -> Self {
        Self::start_with(&[SECRET], &["--poll", poll])
    }

    /// With these secrets, and further flags.
    pub(crate) fn start_with(secrets: &[&str], flags: &[&str]) -> Self {
        let registry = Registry::start();
        let first = image(&tree("one"), 1);
        push(&registry, &first, None);
        let secret = TempSite::bare().file("secret", secrets.join("\n"));
        let reference = format!("{}/blog", registry.address);
        let file = secret.path().join("secret");
        let arguments = ["--follow", &reference, "--hook-secret-file", file.to_str().unwrap(), "-v"];
        let instance = Instance::start(&[&arguments, flags].concat());
        Self { registry, instance, last: first.index.descriptor.digest, sequence: 1, _secret: secret }
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.sequence += 1;
        let next = image(&tree(text), self.sequence);
        push(&self.registry, &next, Some(self.last));
        self.last = next.index.descriptor.digest;
    }

    pub(crate) fn hook(&self, body: &str) -> u16 {
        self.instance.request("POST", &format!("/_galley/hook/{SECRET}"), &[], body).status
    }

    /// Waits until the tag was looked at twice: the second look begins when the first has come to its end, and said what it
    /// found.
    fn wait_for_second_look(&self) {
        let mut looks = 0;
        while looks < 2 {
            looks += self.looks();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How often the tag was looked at since the last call.
    pub(crate) fn looks(&self) -> usize {
        let log = self.registry.take_log();
        log.iter().filter(|line| *line == "HEAD /v2/blog/manifests/latest").count()
    }
}

pub(crate) fn push(registry: &Registry, package: &Package, previous: Option<Digest>) {
    let reference = format!("{}/blog", registry.address).parse().unwrap();
    let client = Client::new(reference, Transport::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.push(&Outgoing::of(package), previous)).unwrap();
}

#[test]
fn a_hook_brings_the_new_release_and_no_request_fails() {
    let mut followed = Followed::start("1h");
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (address, stop, served) = (followed.instance.address.clone(), Arc::clone(&stop), Arc::clone(&served));
            std::thread::spawn(move || {
                let mut connection = Connection::open(&address);
                while !stop.load(Ordering::Relaxed) {
                    let response = connection.request("GET", "/", &[], "");
                    assert_eq!(response.status, 200);
                    assert_eq!(response.header("content-length"), response.body.len().to_string());
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for text in ["two", "three", "four"] {
        followed.push(text);
        assert_eq!(followed.hook("{}"), 202);
        followed.instance.wait_for("/", text);
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert!(served.load(Ordering::Relaxed) > 10);
}

#[test]
fn a_poll_finds_what_no_hook_told() {
    let mut followed = Followed::start("1s");
    followed.push("two");
    followed.instance.wait_for("/", "two");
}

#[test]
fn a_wrong_secret_gets_401_and_causes_no_look() {
    let followed = Followed::start("1h");
    followed.registry.take_log();
    for (method, path, status) in [
        ("POST", "/_galley/hook/wrong".to_owned(), 401),
        ("POST", "/_galley/hook?token=wrong".to_owned(), 401),
        ("POST", "/_galley/hook".to_owned(), 401),
        ("GET", format!("/_galley/hook/{SECRET}"), 405),
        ("POST", format!("/_galley/hook?token={SECRET}"), 202),
    ] {
        let response = followed.instance.request(method, &path, &[], "{}");
        assert_eq!(response.status, status, "{method} {path}");
    }
    // The last one's look comes at once: when it has come, those of the others would have.
    let mut looks = 0;
    while looks == 0 {
        std::thread::sleep(Duration::from_millis(5));
        looks = followed.looks();
    }
    assert_eq!(looks, 1);
    let said = followed.instance.stop();
    assert!(said.contains("warning: a hook with a wrong secret was refused"), "{said}");
    assert!(!said.contains(SECRET), "{said}");
}

#[test]
fn a_hook_about_something_else_is_accepted_and_causes_no_look() {
    let followed = Followed::start("1h");
    followed.registry.take_log();
    let other = r#"{"push_data":{"tag":"latest"},"repository":{"repo_name":"somebody/else"}}"#;
    assert_eq!(followed.hook(other), 202);
    assert_eq!(followed.hook(r#"{"events":[{"action":"pull","target":{"repository":"blog","tag":"latest"}}]}"#), 202);
    // A look that a hook asks for comes at once: when this one has come, those before it would have.
    assert_eq!(followed.hook("{}"), 202);
    let mut looks = 0;
    while looks == 0 {
        std::thread::sleep(Duration::from_millis(5));
        looks = followed.looks();
    }
    assert_eq!(looks, 1);
}

#[test]
fn a_flood_of_hooks_causes_few_looks_and_the_right_end() {
    let mut followed = Followed::start("1h");
    followed.push("two");
    followed.registry.take_log();
    let started = Instant::now();
    let mut connection = Connection::open(&followed.instance.address);
    for _ in 0..1000 {
        let status = connection.request("POST", &format!("/_galley/hook/{SECRET}"), &[], "{}").status;
        assert_eq!(status, 202);
    }
    followed.instance.wait_for("/", "two");
    // One that finds it, one for what rang meanwhile, and one a second where the machine is slow.
    let allowed = 3 + started.elapsed().as_secs();
    assert!(followed.looks() as u64 <= allowed);
}

/// What rang during a swap is one look more, which sees all that came meanwhile.
#[test]
fn hooks_during_a_swap_cause_one_more_look() {
    let mut fleet = Fleet::new();
    fleet.place.write("secret", SECRET);
    let followed = fleet.start(&["--hook-secret-file", &fleet.at("secret")]);
    let path = format!("/_galley/hook/{SECRET}");
    let mut connection = Connection::open(&followed.observed.address);
    let mut ring = || assert_eq!(connection.request("POST", &path, &[], "{}").status, 202);
    let looks = |log: Vec<String>| log.iter().filter(|line| *line == "HEAD /v2/blog/manifests/latest").count();
    fleet.push("two");
    fleet.registry.set_fault(Fault::Hangs("GET /v2/blog/blobs/"));
    fleet.registry.take_log();
    ring();
    fleet.registry.wait_for_request("GET /v2/blog/blobs/");
    assert_eq!(looks(fleet.registry.take_log()), 1);
    fleet.push("three");
    fleet.registry.take_log();
    (0..5).for_each(|_| ring());
    fleet.registry.set_fault(Fault::None);
    followed.wait_for("three");
    // A person's look comes after all that was asked for before.
    followed.does(&["deploy"], "is served already");
    assert_eq!(looks(fleet.registry.take_log()), 2);
}

/// A GET of a manifest counts where pulls are counted.
#[test]
fn a_poll_that_finds_nothing_new_asks_by_head_alone() {
    let followed = Followed::start("1s");
    // The start's own look, and those of whoever pushed, come before it.
    followed.registry.take_log();
    let mut log = Vec::new();
    while log.iter().filter(|line: &&String| line.starts_with("HEAD ")).count() < 4 {
        log.extend(followed.registry.take_log());
        std::thread::sleep(Duration::from_millis(5));
    }
    let begin = log.iter().position(|line| line.starts_with("HEAD ")).unwrap();
    assert!(log[begin..].iter().all(|line| line == "HEAD /v2/blog/manifests/latest"), "{log:?}");
}

#[test]
fn a_hook_that_runs_ahead_of_the_tag_is_not_lost() {
    let mut followed = Followed::start("1h");
    let next = image(&tree("two"), 2);
    let digest = next.index.descriptor.digest;
    let body = format!(
        r#"{{"events":[{{"action":"push","target":{{"repository":"blog","tag":"latest","digest":"{digest}"}}}}]}}"#
    );
    followed.registry.take_log();
    assert_eq!(followed.hook(&body), 202);
    while followed.looks() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    // The look has been answered with the old digest; only now the tag moves.
    followed.push("two");
    assert_eq!(followed.last, digest);
    let waited = followed.instance.wait_for("/", "two");
    assert!(waited < Duration::from_secs(1), "{waited:?}");
}

#[test]
fn a_pull_that_fails_leaves_the_old_content_and_is_tried_again() {
    for (fault, said) in [
        (Fault::NoBlobs, "answers 404 to a pull of a blob"),
        (Fault::OtherBytes, "sent other bytes than"),
        (Fault::MoreBytes, "sent more than"),
    ] {
        let mut followed = Followed::start("1h");
        followed.push("two");
        followed.registry.set_fault(fault);
        followed.registry.take_log();
        followed.hook("{}");
        followed.wait_for_second_look();
        assert!(followed.instance.get("/").text().contains("one"));
        followed.registry.set_fault(Fault::None);
        followed.instance.wait_for("/", "two");
        let log = followed.instance.stop();
        assert!(log.contains(said) && log.contains("still serving what was there"), "{log}");
    }
}

#[test]
fn content_that_is_not_what_the_index_promises_is_refused() {
    let mut followed = Followed::start("1h");
    followed.push("two");
    let mut index: serde_json::Value = serde_json::from_slice(&image(&tree("two"), 2).index.bytes).unwrap();
    index["annotations"]["dev.galley.content-root"] = Digest::of(b"lie").to_string().into();
    let bytes = serde_json::to_vec(&index).unwrap();
    followed.registry.put_manifest("blog/latest", "application/vnd.oci.image.index.v1+json", &bytes);
    followed.registry.take_log();
    followed.hook("{}");
    followed.wait_for_second_look();
    let unchanged = followed.instance.get("/").text();
    let said = followed.instance.stop();
    assert!(unchanged.contains("one"), "{unchanged}");
    assert!(said.contains("is refused: it promises the content"), "{said}");
}

#[test]
fn a_site_is_served_until_the_reference_answers() {
    let site = TempSite::new().file("content/_index.md", "From the site.\n");
    let registry = Registry::start();
    let reference = format!("{}/blog", registry.address);
    let instance = Instance::start(&[site.str(), "--follow", &reference, "--poll", "1s"]);
    assert!(instance.get("/").text().contains("From the site."));
    push(&registry, &image(&tree("pushed"), 1), None);
    instance.wait_for("/", "pushed");
}

#[test]
fn the_secret_is_not_in_the_memory_of_logs() {
    let followed = Followed::start("1h");
    followed.instance.request("POST", &format!("/_galley/hook/{SECRET}x"), &[], "{}");
    followed.instance.request("GET", &format!("/_galley/hook/{SECRET}"), &[], "");
    let file = followed._secret.path().join("secret");
    assert!(fs::read_to_string(file).unwrap().contains(SECRET));
    assert!(!followed.instance.stop().contains(SECRET));
}
