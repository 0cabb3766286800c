//! Pages in a real browser.

use std::process::Command;

use crate::support::{Instance, TempSite};

/// The page at `url` after its scripts have run.
fn page(url: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn site() -> TempSite {
    (0..250).fold(TempSite::new().config("description = 'Of ships'\n"), |site, number| {
        let word = if number == 3 { "Ankerwinde <b>" } else { "Tau" };
        let text = format!("---\ntitle: Post {number}\ndate: 2024-01-01\n---\nAbout the {word}.\n");
        site.file(&format!("content/posts/p{number}.md"), text)
    })
}

pub(crate) fn search_finds_posts() {
    let site = site();
    let instance = Instance::start(&[site.str()]);
    let search = |query: &str| page(&format!("http://{}/search/?q={query}", instance.address));
    // Of one of the first posts, so that all parts of the index have to be read, and by the beginning of the word.
    let found = search("ankerwi");
    assert!(found.contains("<a href=\"/posts/p3/\">Post 3</a>"), "{found}");
    assert!(!found.contains("/posts/p4/") && !found.contains("Ankerwinde <b>"), "{found}");
    assert!(search("nowhere").contains("nothing found"));
    // What is served says what to do where no script runs.
    assert!(instance.get("/search/").text().contains("<noscript>"));
}
