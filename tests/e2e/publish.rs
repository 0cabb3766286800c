//! From an edit to the reader, through a real registry and its webhook.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::parts::{Registry, free_port, machine};
use crate::support::{Connection, Instance, TempSite, run};

const SECRET: &str = "a-secret-that-nobody-guesses";
/// From the end of the push until the page is new.
const VISIBLE_WITHIN: Duration = Duration::from_secs(1);
const CLIENTS: usize = 4;
const EDITS: usize = 10;

fn blog() -> TempSite {
    let posts = (0..50).map(|number| {
        let text = format!(
            "---\ntitle: Post {number}\ndate: 2025-01-{:02}\n---\n{}\n",
            number % 28 + 1,
            "Words. ".repeat(300)
        );
        (format!("content/posts/post-{number}.md"), text)
    });
    let site = posts.fold(TempSite::new(), |site, (path, text)| site.file(&path, text));
    site.file("content/edited.md", "---\ntitle: Edited\n---\nEdition 0.\n")
}

fn package(site: &TempSite, reference: &str) -> String {
    let ran = run(&["package", site.str(), "--push", reference]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    ran.errors
}

/// Clients that never retry, each on one connection that stays open.
struct Readers {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU32>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Readers {
    fn start(address: &str) -> Self {
        let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let reader = |number: usize| {
            let (address, stop, served) = (address.to_owned(), Arc::clone(&stop), Arc::clone(&served));
            std::thread::spawn(move || {
                let mut connection = Connection::open(&address);
                let paths = ["/edited/", "/", "/posts/", "/style.css"];
                while !stop.load(Ordering::Relaxed) {
                    let response = connection.request("GET", paths[number % paths.len()], &[], "");
                    assert_eq!(response.status, 200);
                    assert_eq!(response.header("content-length"), response.body.len().to_string());
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let threads = (0..CLIENTS).map(reader).collect();
        Self { stop, served, threads }
    }

    /// Ends them; a failed request has ended its thread with a panic.
    fn finish(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("no request failed"));
        self.served.load(Ordering::Relaxed)
    }
}

pub(crate) fn push_to_visible() {
    let _all_of_it = machine();
    let port = free_port();
    let registry = Registry::start(Some(&format!("http://127.0.0.1:{port}/_galley/hook/{SECRET}")));
    let reference = format!("{}/me/blog:latest", registry.address);
    let site = blog();
    let secret = TempSite::bare().file("secret", SECRET);
    let file = secret.path().join("secret");
    let listen = format!("127.0.0.1:{port}");
    // Polling would hide a lost hook: an hour is longer than the test. The instance is there before the first push, or
    // the registry would hold its hooks back for a while after the first ones found nobody.
    let arguments = [site.str(), "--follow", &reference, "--hook-secret-file", file.to_str().unwrap(), "--poll", "1h"];
    let instance = Instance::with(&arguments, &[("GALLEY_LISTEN", &listen)]);
    package(&site, &reference);
    assert!(instance.get("/edited/").text().contains("Edition 0."));

    let readers = Readers::start(&instance.address);
    let mut waits: Vec<Duration> = (1..=EDITS)
        .map(|edition| {
            site.write("content/edited.md", format!("---\ntitle: Edited\n---\nEdition {edition}.\n"));
            let started = Instant::now();
            package(&site, &reference);
            let pushed = started.elapsed();
            instance.wait_for("/edited/", &format!("Edition {edition}."));
            started.elapsed().saturating_sub(pushed)
        })
        .collect();
    let served = readers.finish();
    waits.sort();
    let (median, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    let (_, said) = (registry.log(), instance.stop());
    assert!(longest < VISIBLE_WITHIN, "a push was seen only after {longest:?}:\n{said}");
    assert!(served > 100, "{served} requests");
    // libtest-mimic hands through what tests print.
    eprintln!(
        "{EDITS} pushes seen after {median:.1?} (median), {longest:.1?} (longest); {served} requests, none failed"
    );
}

/// What `galley hook url` prints for this registry, word for word, and for a script.
pub(crate) fn set_up_as_printed() {
    let port = free_port();
    let secret = TempSite::bare().file("secret", SECRET);
    let file = secret.path().join("secret");
    let host = format!("http://127.0.0.1:{port}");
    let printed = |sender: &str| {
        let arguments = ["hook", "url", "--host", &host, "--secret-file", file.to_str().unwrap(), "--sender", sender];
        let output = run(&arguments).output;
        let lines = output.lines().filter_map(|line| line.strip_prefix("    ")).collect::<Vec<_>>();
        format!("{}\n", lines.join("\n"))
    };
    let registry = Registry::with(&printed("distribution"), "", None);
    let (reference, site) = (format!("{}/me/blog:latest", registry.address), blog());
    let arguments =
        [site.str(), "--follow", &reference, "--hook-secret-file", file.to_str().unwrap(), "--poll", "1h", "-v"];
    let instance = Instance::with(&arguments, &[("GALLEY_LISTEN", &format!("127.0.0.1:{port}"))]);
    site.write("content/edited.md", "---\ntitle: Edited\n---\nEdition 1.\n");
    package(&site, &reference);
    instance.wait_for("/edited/", "Edition 1.");
    let script = printed("generic").replace("registry.example/blog:latest", &reference);
    let answer = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output().unwrap();
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    let said = instance.stop();
    assert!(answer.contains("\"said\":\"looking\""), "{answer}\n{said}");
    assert!(said.contains("a hook of distribution, job ") && !said.contains("wrong secret"), "{said}");
    assert!(!said.contains(SECRET), "{said}");
}

pub(crate) fn unchanged() {
    let registry = Registry::start(None);
    let reference = format!("{}/me/blog:latest", registry.address);
    let site = blog();
    assert!(package(&site, &reference).contains("release 1, "));
    assert!(package(&site, &reference).contains("nothing was moved"));
    site.write("content/edited.md", "---\ntitle: Edited\n---\nAnother.\n");
    let said = package(&site, &reference);
    assert!(said.contains("release 2, "), "{said}");
    // The binary's layer is there already: kilobytes are sent of megabytes.
    let sent = said.split("release 2, ").nth(1).unwrap();
    assert!(sent.split(" of ").next().unwrap().ends_with("KB") && sent.contains("MB sent"), "{said}");
    let instance = Instance::start(&[&reference]);
    assert!(instance.get("/edited/").text().contains("Another."));
}

pub(crate) fn deterministic() {
    let site = blog();
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let folder = place.path().join(name);
        let ran = run(&["package", site.str(), "--oci", folder.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{}", ran.errors);
        let files = walkdir::WalkDir::new(&folder).sort_by_file_name().into_iter().map(|found| found.unwrap());
        let files = files.filter(|found| found.file_type().is_file());
        let contents = files.map(|found| (found.file_name().to_owned(), std::fs::read(found.path()).unwrap()));
        (ran.output, contents.collect::<Vec<_>>())
    };
    let (first, second) = (write("one"), write("two"));
    assert_eq!(first.0, second.0);
    assert!(first.1 == second.1, "the layouts differ");
    let again = run(&["package", site.str(), "--oci", place.path().join("one").to_str().unwrap()]);
    again.says(0, "is that already");
}

pub(crate) fn skopeo_reads_the_layout() {
    let site = blog();
    let place = tempfile::tempdir().unwrap();
    let (layout, copy) = (place.path().join("image"), place.path().join("copy"));
    assert_eq!(run(&["package", site.str(), "--oci", layout.to_str().unwrap()]).code, 0);
    let source = format!("oci:{}:latest", layout.display());
    let skopeo = |arguments: &[&str]| {
        let output = Command::new("skopeo").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let seen: serde_json::Value = serde_json::from_str(&skopeo(&["inspect", &source])).unwrap();
    assert_eq!(seen["Os"], "linux");
    assert_eq!(seen["Labels"]["org.opencontainers.image.title"], "Test");
    assert_eq!(seen["Layers"].as_array().unwrap().len(), 2);
    skopeo(&["--insecure-policy", "copy", "--all", &source, &format!("oci:{}:latest", copy.display())]);
    let instance = Instance::start(&[&format!("oci:{}", copy.display())]);
    assert!(instance.get("/edited/").text().contains("Edition 0."));
}
