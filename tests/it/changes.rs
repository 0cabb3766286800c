//! A build after a change makes what a build from nothing makes, and writes what differs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use walkdir::WalkDir;

use crate::support::{TempSite, run};

fn site() -> TempSite {
    let posts = (1..=30).fold(TempSite::new(), |site, number| {
        let text = format!(
            "---\ntitle: Post {number}\ndate: 2024-01-{number:02}\ntags: [t{}]\n---\nText {number}.\n",
            number % 3
        );
        site.file(&format!("content/posts/p{number}.md"), &text)
    });
    posts.file("static/a.txt", "a")
}

/// Files of the output with their bytes and times.
fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    // Before the first build there is none.
    let found = WalkDir::new(folder).into_iter().flatten().filter(|found| found.file_type().is_file());
    found
        .map(|found| {
            let name = found.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            (name, (fs::read(found.path()).unwrap(), found.metadata().unwrap().modified().unwrap()))
        })
        .collect()
}

/// Builds, and compares with a build from nothing; returns the files that were written.
fn build(site: &TempSite) -> Vec<String> {
    let output = site.path().join("public");
    let before = files(&output);
    let ran = run(&["build", site.str()]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let after = files(&output);
    let place = tempfile::tempdir().unwrap();
    let fresh = place.path().join("fresh");
    let cache = site.path().join(".galley");
    fs::rename(&cache, place.path().join("cache")).unwrap();
    let ran = run(&["build", site.str(), "-o", fresh.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    fs::remove_dir_all(&cache).unwrap();
    fs::rename(place.path().join("cache"), &cache).unwrap();
    let contents = |files: &BTreeMap<String, (Vec<u8>, SystemTime)>| -> BTreeMap<String, Vec<u8>> {
        files.iter().map(|(name, (bytes, _))| (name.clone(), bytes.clone())).collect()
    };
    let (fresh, made) = (contents(&files(&fresh)), contents(&after));
    let differ: Vec<_> = fresh.keys().chain(made.keys()).filter(|name| fresh.get(*name) != made.get(*name)).collect();
    assert!(differ.is_empty(), "{differ:?}");
    after.into_iter().filter(|(name, file)| before.get(name) != Some(file)).map(|(name, _)| name).collect()
}

#[test]
fn an_edited_text_writes_its_page_and_what_shows_it() {
    let site = site();
    build(&site);
    assert_eq!(build(&site), [".galley-tree"]);
    site.write("content/posts/p3.md", "---\ntitle: Post 3\ndate: 2024-01-03\ntags: [t0]\n---\nText 3.\n\nAnd more.\n");
    let written = build(&site);
    assert!(written.contains(&"posts/p3/index.html".to_owned()), "{written:?}");
    assert!(!written.iter().any(|name| name.starts_with("posts/p4/") || name == "style.css"), "{written:?}");
    // A post that is not among the latest twenty is in no feed but its term's.
    assert!(
        !written.contains(&"feed.xml".to_owned()) && written.contains(&"tags/t0/feed.xml".to_owned()),
        "{written:?}"
    );
}

#[test]
fn titles_dates_and_terms_reach_every_page_that_shows_them() {
    let site = site();
    build(&site);
    site.write("content/posts/p3.md", "---\ntitle: Third\ndate: 2025-01-03\ntags: [t1, new]\n---\nText 3.\n");
    let written = build(&site);
    for name in
        ["posts/p2/index.html", "posts/p30/index.html", "index.html", "tags/new/index.html", "tags/t0/index.html"]
    {
        assert!(written.contains(&name.to_owned()), "{name}: {written:?}");
    }
}

#[test]
fn a_deleted_post_leaves_nothing() {
    let site = site();
    build(&site);
    fs::remove_file(site.path().join("content/posts/p3.md")).unwrap();
    build(&site);
    assert!(!site.path().join("public/posts/p3").exists());
}

#[test]
fn settings_templates_and_data_reach_every_page() {
    let site = site().file("data/x.toml", "a = 1\n").file("templates/404.html", "{{ data.x.a }} {{ site.title }}");
    build(&site);
    site.write("data/x.toml", "a = 2\n");
    assert!(build(&site).contains(&"404.html".to_owned()));
    site.write("galley.toml", "title = \"Other\"\n");
    assert!(build(&site).contains(&"posts/p9/index.html".to_owned()));
    site.write("templates/page.html", "{{ content | safe }}");
    assert!(build(&site).contains(&"posts/p9/index.html".to_owned()));
}

#[test]
fn a_link_follows_the_page_that_it_leads_to() {
    let site = site().file("content/posts/link.md", "---\ntitle: Link\ndate: 2023-01-01\n---\n[there](p5.md)\n");
    build(&site);
    site.write("content/posts/p5.md", "---\ntitle: Post 5\ndate: 2024-01-05\nslug: five\ntags: [t2]\n---\nText 5.\n");
    build(&site);
    let page = fs::read_to_string(site.path().join("public/posts/link/index.html")).unwrap();
    assert!(page.contains("href=\"/posts/five/\""), "{page}");
}

#[test]
fn an_output_that_somebody_changed_is_mended() {
    let site = site();
    build(&site);
    fs::write(site.path().join("public/posts/p4/index.html"), "broken").unwrap();
    fs::remove_file(site.path().join("public/posts/p5/index.html")).unwrap();
    let written = build(&site);
    assert!(written.contains(&"posts/p4/index.html".to_owned()) && written.contains(&"posts/p5/index.html".to_owned()));
}
