//! Hooks as their senders deliver them: to a running instance, and on the command line.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use galley::follow::{
    Counts, Deliveries, Delivery, Fetcher, Follower, Looked, Releases, Schedule, Secrets, Store, routes,
};
use galley::image::Platform;
use galley::registry::{Client, Reference, Transport};
use galley::serve::{Deployment, Observer, Public, Settings};
use galley::snapshot::freeze;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::double::{Fault, Registry};
use crate::follow::{Followed, SECRET, push};
use crate::image::{image, tree};
use crate::server::Server;
use crate::support::{Connection, PATIENCE, Response, TempSite, run};

/// That of the fixtures.
const FIXTURES_SECRET: &str = "galley-test-secret";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hooks")
}

/// A delivery of each sender, with what is expected of it.
fn entries() -> Vec<Value> {
    let index: Value = serde_json::from_slice(&fs::read(fixtures().join("INDEX.json")).unwrap()).unwrap();
    index["entries"].as_array().unwrap().clone()
}

fn body(entry: &Value) -> String {
    fs::read_to_string(fixtures().join(entry["file"].as_str().unwrap())).unwrap()
}

fn headers(entry: &Value) -> Vec<(&str, &str)> {
    let headers = entry["headers"].as_object().unwrap().iter();
    headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

/// Where an entry is posted: those that show no secret in a header have it in the URL.
fn path(entry: &Value) -> String {
    match entry["auth"].as_str().unwrap() {
        auth if auth.starts_with("unguessable path") || auth.starts_with("OIDC") => {
            format!("/_galley/hook/{FIXTURES_SECRET}")
        }
        auth if auth.starts_with("?token=") => format!("/_galley/hook?token={FIXTURES_SECRET}"),
        _ => "/_galley/hook".to_owned(),
    }
}

fn said(answer: &Response) -> (String, String) {
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    (answer["job"].as_str().unwrap().to_owned(), answer["said"].as_str().unwrap().to_owned())
}

/// Both secrets of the file are good, so that one can be replaced; one that is not there is good for nothing.
#[test]
fn every_sender_is_let_in_by_what_it_shows() {
    for (secrets, expected) in [
        (&["an-old-secret-0123456789", FIXTURES_SECRET][..], 202),
        (&[FIXTURES_SECRET, "a-new-secret-0123456789"], 202),
        (&["another-secret-0123456789"], 401),
    ] {
        // Each wrong one from an address of its own: otherwise there would be too many.
        let followed = Followed::start_with(secrets, &["--poll", "1h", "--trust-proxy", "127.0.0.1/32"]);
        for (number, entry) in entries().iter().enumerate() {
            let client = format!("192.0.2.{number}");
            let headers = [&headers(entry)[..], &[("x-forwarded-for", &client)]].concat();
            let answer = followed.instance.request("POST", &path(entry), &headers, &body(entry));
            assert_eq!(answer.status, expected, "{entry}");
            if expected == 202 && entry["expect"]["kind"] != "image" {
                assert!(said(&answer).1.starts_with("nothing to do: "), "{entry}");
            }
        }
        let log = followed.instance.stop();
        assert!(!secrets.iter().any(|secret| log.contains(secret)) && !log.contains(FIXTURES_SECRET), "{log}");
    }
}

/// Whatever is changed on the way is refused.
#[test]
fn a_signature_is_good_for_its_own_body_alone() {
    let followed = Followed::start_with(&[FIXTURES_SECRET], &["--poll", "1h"]);
    for entry in entries().iter().filter(|entry| entry["auth"].as_str().unwrap().starts_with("HMAC")).take(6) {
        let changed = format!("{} ", body(entry));
        assert_eq!(
            followed.instance.request("POST", "/_galley/hook", &headers(entry), &changed).status,
            401,
            "{entry}"
        );
    }
}

#[test]
fn an_address_in_a_body_is_never_opened() {
    let lure = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", lure.local_addr().unwrap());
    let mut followed = Followed::start("1h");
    followed.push("two");
    let host = followed.registry.address.clone();
    for body in [
        json!({"callback_url": url, "push_data": {"tag": "latest"}, "repository": {"repo_name": "a/b", "repo_url": url}}),
        json!({"callback_url": url, "image": format!("{host}/blog:latest"), "SubscribeURL": url}),
        json!({"events": [{"action": "push", "target": {"repository": "blog", "tag": "latest", "url": url},
            "request": {"host": lure.local_addr().unwrap().to_string()}}]}),
    ] {
        assert_eq!(followed.hook(&body.to_string()), 202);
    }
    followed.instance.wait_for("/", "two");
    lure.set_nonblocking(true).unwrap();
    assert_eq!(lure.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_body_of_more_than_a_mebibyte_is_refused() {
    const LIMIT: usize = 1024 * 1024;
    let followed = Followed::start("1h");
    let path = format!("/_galley/hook/{SECRET}");
    let send = |head: &str, body: &str| {
        let mut connection = Connection::open(&followed.instance.address);
        connection.send(&format!("POST {path} HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{body}"));
        connection.response(false).unwrap().status
    };
    assert_eq!(send(&format!("content-length: {LIMIT}"), &" ".repeat(LIMIT)), 202);
    assert_eq!(send(&format!("content-length: {}", LIMIT + 1), ""), 413);
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", LIMIT + 1, " ".repeat(LIMIT + 1));
    assert_eq!(send("transfer-encoding: chunked", &chunk), 413);
}

/// Who guesses is told to wait, and fills no log; who knows the secret is let in all the same, from the same address.
#[test]
fn too_many_wrong_secrets_are_limited_and_true_hooks_are_not() {
    let followed = Followed::start_with(&[SECRET], &["--poll", "1h", "--trust-proxy", "127.0.0.1/32"]);
    let guess =
        |client: &str| followed.instance.request("POST", "/_galley/hook/a-guess", &[("x-forwarded-for", client)], "{}");
    let statuses: Vec<u16> = (0..50).map(|_| guess("192.0.2.1").status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 20, "{statuses:?}");
    assert_eq!(statuses[20..], [429; 30]);
    assert_eq!(guess("192.0.2.1").header("retry-after"), "60");
    assert_eq!(guess("192.0.2.2").status, 401);
    assert_eq!(guess("2001:db8::1").status, 401);
    let path = format!("/_galley/hook/{SECRET}");
    for _ in 0..100 {
        let answer = followed.instance.request("POST", &path, &[("x-forwarded-for", "192.0.2.1")], "{}");
        assert_eq!(answer.status, 202);
    }
    let log = followed.instance.stop();
    assert_eq!(log.matches("a hook with a wrong secret was refused").count(), 22, "{log}");
    assert_eq!(log.matches("many hooks with a wrong secret come from one address").count(), 1, "{log}");
}

#[test]
fn a_delivery_that_is_repeated_is_the_same_job() {
    let followed = Followed::start("1h");
    let (body, path) = (r#"{"image":"blog"}"#, format!("/_galley/hook/{SECRET}"));
    let deliver = |id: &str, body: &str| {
        let answer = followed.instance.request("POST", &path, &[("webhook-id", id)], body);
        assert_eq!(answer.status, 202);
        said(&answer)
    };
    let body = body.replace("blog", &format!("{}/blog", followed.registry.address));
    let (job, first) = deliver("1", &body);
    assert_eq!(first, "looking");
    assert_eq!(deliver("1", &body), (job.clone(), "received before".to_owned()));
    assert_ne!(deliver("2", &body).0, job);
    // Nobody signs the name: with another body it is another delivery.
    assert_ne!(deliver("1", &body.replace(":latest", "").replace('}', " }")).0, job);
}

/// Whoever sends it once more because it came to nothing is heard.
#[test]
fn a_delivery_whose_look_failed_is_taken_up_again() {
    let mut followed = Followed::start("1h");
    followed.push("two");
    followed.registry.set_fault(Fault::NoBlobs);
    let body = json!({"image": format!("{}/blog:latest", followed.registry.address)}).to_string();
    let path = format!("/_galley/hook/{SECRET}");
    let deliver = || said(&followed.instance.request("POST", &path, &[("webhook-id", "1")], &body)).0;
    let job = deliver();
    while deliver() == job {
        std::thread::sleep(Duration::from_millis(5));
    }
    followed.registry.set_fault(Fault::None);
    followed.instance.wait_for("/", "two");
}

/// Ten thousand within a second where the machine is fast enough: in any order, of any digest, all taken, and few looks.
#[test]
fn ten_thousand_hooks_cause_few_looks_and_the_right_end() {
    const THREADS: usize = 4;
    const EACH: usize = 2500;
    let mut followed = Followed::start("1h");
    followed.push("two");
    let first = followed.last;
    followed.push("three");
    followed.registry.take_log();
    let started = Instant::now();
    let send = |thread: usize| {
        let mut connection = Connection::open(&followed.instance.address);
        let one = |number: usize| {
            let digest = if number.is_multiple_of(2) { first } else { followed.last };
            let body = json!({"events": [{"id": format!("{thread}-{number}"), "action": "push", "target":
                {"repository": "blog", "tag": "latest", "digest": digest.to_string()}}]});
            let asked = Instant::now();
            let answer = connection.request("POST", &format!("/_galley/hook/{SECRET}"), &[], &body.to_string());
            assert_eq!(answer.status, 202);
            asked.elapsed()
        };
        (0..EACH).map(one).collect::<Vec<_>>()
    };
    let mut times = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || send(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<Duration>>()
    });
    let (took, looks) = (started.elapsed(), followed.looks() as u64);
    followed.instance.wait_for("/", "three");
    times.sort();
    let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{} hooks in {took:?}: {looks} looks; answered within {half:?} at p50, {most:?} at p99", times.len());
    // One that finds it, one for what rang meanwhile, and one a second later; then one in each second that a slow machine
    // takes longer.
    assert!((1..=3 + took.as_secs()).contains(&looks), "{looks} in {took:?}");
}

#[test]
fn what_to_paste_is_printed_for_each_sender() {
    let folder = TempSite::bare().file("secret", "first-secret-0123456789\nsecond-secret-0123456789\n");
    let file = folder.path().join("secret");
    let file = file.to_str().unwrap();
    let ran = run(&["hook", "url", "--host", "https://blog.example", "--secret-file", file]);
    let senders =
        ["docker-hub", "github", "gitlab", "distribution", "harbor", "quay", "gitea", "forgejo", "ecr", "azure"];
    for sender in senders.into_iter().chain(["google", "jfrog", "aliyun", "generic"]) {
        assert!(ran.output.contains(&format!("{sender}: ")), "{}", ran.output);
        let one = run(&["hook", "url", "--host", "https://blog.example", "--secret-file", file, "--sender", sender]);
        assert!(one.output.contains("https://blog.example/_galley/hook"), "{}", one.output);
        assert!(
            one.output.contains("first-secret-0123456789") && !one.output.contains("second-secret"),
            "{}",
            one.output
        );
    }
    let ran = run(&["hook", "url", "--host", "https://blog.example", "--secret-file", file, "--sender", "github"]);
    ran.says(0, "");
    assert!(ran.output.contains("Secret:       first-secret-0123456789\n"), "{}", ran.output);
    assert!(ran.output.contains("Payload URL:  https://blog.example/_galley/hook\n"), "{}", ran.output);
    run(&["hook", "url", "--host", "https://blog.example", "--secret-file", file, "--sender", "x"])
        .says(2, "name one of");
    run(&["hook", "url", "--host", "blog.example", "--secret-file", file]).says(2, "write it as https://blog.example");
    run(&["hook", "url", "--host", "https://blog.example"]).says(1, "with --secret-file");
}

#[test]
fn a_delivery_in_a_file_is_explained() {
    let file = |name: &str| fixtures().join(name).to_str().unwrap().to_owned();
    let ran = run(&["hook", "replay", &file("ghcr-package-published.json"), "--follow", "ghcr.io/exampleorg/blog"]);
    ran.says(0, "");
    for line in [
        "sender: github\n",
        "image: ghcr.io/exampleorg/blog:latest@sha256:83e2",
        "for ghcr.io/exampleorg/blog:latest: look",
    ] {
        assert!(ran.output.contains(line), "{}", ran.output);
    }
    let ran = run(&["hook", "replay", &file("github-push.json"), "--follow", "ghcr.io/exampleorg/blog"]);
    assert!(
        ran.output.contains("push to git: https://github.com/ExampleOrg/blog.git refs/heads/main"),
        "{}",
        ran.output
    );
    assert!(ran.output.contains("nothing to do: a push to git"), "{}", ran.output);
    run(&["hook", "replay", "/no/such/file"]).says(1, "/no/such/file: can't be read");
}

/// Each is signed anew, as its sender does it.
#[test]
fn a_delivery_in_a_file_is_sent_once_more() {
    let followed = Followed::start_with(&["an-old-secret-0123456789", SECRET], &["--poll", "1h"]);
    let folder = TempSite::bare().file("secret", SECRET).file("wrong", "another-secret-0123456789");
    let secret = folder.path().join("secret").to_str().unwrap().to_owned();
    let url = format!("http://{}", followed.instance.address);
    for entry in entries() {
        let name = entry["file"].as_str().unwrap();
        folder.write(name, body(&entry));
        folder.write("capture.json", json!({"headers": entry["headers"], "file": name}).to_string());
        let capture = folder.path().join("capture.json");
        let ran = run(&["hook", "replay", capture.to_str().unwrap(), "--to", &url, "--secret-file", &secret]);
        ran.says(0, "");
        assert!(ran.output.contains("answer: 202 {\"job\":"), "{name}: {}", ran.output);
        assert!(!ran.output.contains(SECRET) && !ran.errors.contains(SECRET), "{}", ran.output);
    }
    let wrong = folder.path().join("wrong");
    let file = fixtures().join("dockerhub-push.json");
    let replay =
        |to: &str, secret: &str| run(&["hook", "replay", file.to_str().unwrap(), "--to", to, "--secret-file", secret]);
    replay(&url, wrong.to_str().unwrap()).says(1, "the instance does not know the secret");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = replay(&format!("http://{nobody}"), &secret);
    ran.says(1, "error: no answer: ");
    assert!(!ran.errors.contains(SECRET), "{}", ran.errors);
}

/// A follower and its routes in this process, where what became of deliveries can be asked for.
struct InProcess {
    registry: Registry,
    server: Server,
    deliveries: Deliveries,
    _stop: oneshot::Sender<()>,
}

impl InProcess {
    fn start() -> Self {
        let registry = Registry::start();
        let folder = TempSite::bare().file("secret", SECRET);
        let secrets = Secrets::read(&folder.path().join("secret")).unwrap();
        let reference: Reference = format!("{}/blog", registry.address).parse().unwrap();
        let deployment = Arc::new(Deployment::new(freeze(&tree("before"), None).unwrap()));
        let client = Client::new(reference.clone(), Transport::default()).unwrap();
        let (poll, counts) = ("1h".parse().unwrap(), Counts::default());
        let platform = Platform::of_this_program().unwrap();
        let store = Arc::new(Store::in_memory());
        let releases = Releases::new(Arc::clone(&deployment), Arc::clone(&store), Schedule::default(), None).unwrap();
        let fetcher = Fetcher { client, platform, store, verifier: None };
        let observer = Observer::default();
        let (follower, handle) = Follower::new(fetcher, Arc::new(releases), observer, poll, counts.clone());
        let bell = handle.bell;
        let deliveries = bell.deliveries().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = follower.run(false) => {}
                    _ = stopped => {}
                }
            });
        });
        let routes = routes(secrets, bell, reference, counts);
        let server = Server::with(Public::new(deployment, Some(routes)), Settings::default(), Vec::new());
        Self { registry, server, deliveries, _stop: stop }
    }

    /// Delivers `body`, waits until it is known what became of it, and says so.
    fn deliver(&self, body: &Value) -> Delivery {
        let path = format!("/_galley/hook/{SECRET}");
        let job = said(&self.server.open().request("POST", &path, &[], &body.to_string())).0;
        let started = Instant::now();
        loop {
            let found = self.deliveries.recent().into_iter().find(|delivery| delivery.job.to_string() == job).unwrap();
            if found.outcome.is_some() || found.meaning != "look at the reference" {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "{found:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn deliveries_know_what_became_of_them() {
    let mut started = InProcess::start();
    let journal = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&journal);
    started
        .deliveries
        .tell(Box::new(move |delivery| lines.lock().unwrap().push(serde_json::to_string(delivery).unwrap())));
    let name = format!("{}/blog", started.registry.address);
    let body = json!({"image": format!("{name}:latest")});
    let failed = started.deliver(&body);
    assert!(matches!(&failed.outcome, Some(Looked::Failed { message }) if message.contains(&name)), "{failed:?}");
    let release = image(&tree("one"), 1);
    push(&started.registry, &release, None);
    let digest = release.index.descriptor.digest;
    // The follower may have tried again by itself, and found it before the hook did.
    let brought = started.deliver(&body);
    assert!([Some(Looked::Release { digest }), Some(Looked::NothingNew)].contains(&brought.outcome), "{brought:?}");
    assert_eq!(started.deliver(&body).outcome, Some(Looked::NothingNew));
    let other = started.deliver(&json!({"image": format!("{name}:other")}));
    assert_eq!((other.outcome, other.meaning), (None, "a push of another tag"));
    assert_eq!((other.said[0].repository.as_str(), other.said[0].tag.as_deref()), (name.as_str(), Some("other")));
    assert_eq!(started.server.open().request("POST", "/_galley/hook/a-guess", &[], "").status, 401);
    assert_eq!(started.deliveries.recent()[0].status, 401);
    // One line when it came, and one when its look had ended.
    started.server.stop();
    let journal = journal.lock().unwrap();
    assert_eq!(journal.len(), 3 * 2 + 1 + 1, "{journal:?}");
    assert!(!journal.iter().any(|line| line.contains(SECRET) || line.contains("a-guess")), "{journal:?}");
}
