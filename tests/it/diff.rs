//! `galley diff`: what a push would change.

use std::fs;

use serde_json::{Value, json};

use crate::layouts::{Layout, archive, file};
use crate::support::{Ran, TempSite, run};

/// An image of the site as it is now.
fn packed(site: &TempSite) -> Layout {
    let output = tempfile::tempdir().unwrap();
    let folder = output.path().join("out");
    let ran = run(&["build", site.str(), "-o", folder.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let mut builder = tar::Builder::new(Vec::new());
    for (path, entry) in galley::snapshot::read_folder(&folder).unwrap().iter() {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(entry.length());
        header.set_mtime(entry.modified().map_or(0, galley::snapshot::Modified::seconds));
        builder.append_data(&mut header, format!("site/{path}"), &*entry.read().unwrap()).unwrap();
    }
    Layout::of_archive(&builder.into_inner().unwrap())
}

fn diff(layout: &Layout, site: &TempSite) -> Ran {
    let ran = run(&["diff", &layout.source(), site.str()]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    ran
}

fn site() -> TempSite {
    let site = TempSite::new().file("static/a.txt", "a").file("static/gone.txt", "gone");
    for (name, date) in [("hello", 1), ("old", 2), ("quiet", 3)] {
        let text = format!("---\ntitle: {name}\ndate: 2024-01-0{date}\n---\nText of {name}.\n");
        site.write(&format!("content/posts/{name}.md"), text);
    }
    site
}

#[test]
fn a_site_that_was_not_touched_does_not_differ() {
    let site = site();
    let ran = diff(&packed(&site), &site);
    assert!(ran.output.starts_with("nothing differs: content sha256:"), "{}", ran.output);
    assert_eq!(ran.output.lines().count(), 1, "{}", ran.output);
}

#[test]
fn pages_are_told_by_their_addresses_and_files_by_their_paths() {
    let site = site();
    let layout = packed(&site);
    site.write("content/posts/hello.md", "---\ntitle: hello\ndate: 2024-01-01\n---\nText of hello, and more of it.\n");
    site.write("content/posts/new.md", "---\ntitle: new\ndate: 2024-01-04\n---\nNew.\n");
    site.write("static/a.txt", "b");
    site.write("static/b.txt", "b".repeat(2500));
    fs::remove_file(site.path().join("content/posts/old.md")).unwrap();
    fs::remove_file(site.path().join("static/gone.txt")).unwrap();
    let ran = diff(&layout, &site);
    let line = |begin: &str| ran.output.lines().find(|line| line.starts_with(begin)).map(str::to_owned);
    for (begin, end) in [
        ("changed  /posts/hello/  ", " bytes)"),
        ("added    /posts/new/  ", ""),
        ("removed  /posts/old/  ", ""),
        ("changed  a.txt  ", "  1 bytes"),
        ("added    b.txt  ", "2.5 KB"),
        ("removed  gone.txt  ", "4 bytes"),
        ("changed  feed.xml  ", ""),
    ] {
        let found = line(begin).unwrap_or_else(|| panic!("{begin}\n{}", ran.output));
        assert!(found.ends_with(end), "{found}");
    }
    assert!(line("changed  /posts/hello/").unwrap().contains(" (+"), "{}", ran.output);
    let summary = ran.output.lines().last().unwrap();
    for part in [" pages changed, 1 added, 1 removed; ", " files changed, 1 added, 1 removed; ", ", before compression"]
    {
        assert!(summary.contains(part), "{summary}");
    }
}

#[test]
fn programs_get_an_object() {
    let site = site();
    let layout = packed(&site);
    site.write("static/b.txt", "bb");
    let ran = run(&["diff", &layout.source(), site.str(), "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let found: Value = serde_json::from_str(&ran.output).unwrap();
    let added = json!([{"path": "b.txt", "url": null, "size": 2, "previous_size": null, "date_only": false}]);
    assert_eq!((&found["added"], &found["changed"], &found["removed"]), (&added, &json!([]), &json!([])));
    assert_ne!(found["image"]["content_root"], found["site"]);
    assert_eq!(found["image"]["source"], layout.source());
}

#[test]
fn a_date_alone_is_said_to_be_one() {
    let rendered = TempSite::bare().file("index.html", "<p>hello</p>");
    let at = |seconds: u64| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(12);
        header.set_mode(0o644);
        header.set_mtime(seconds);
        builder.append_data(&mut header, "site/index.html", &b"<p>hello</p>"[..]).unwrap();
        Layout::of_archive(&builder.into_inner().unwrap())
    };
    let modified = fs::metadata(rendered.path().join("index.html")).unwrap().modified().unwrap();
    let seconds = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let ran = diff(&at(seconds - 60), &rendered);
    assert!(ran.output.starts_with("changed  /  (its date only)\n1 page changed; "), "{}", ran.output);
}

#[test]
fn what_holds_no_site_can_not_be_compared_with() {
    let site = site();
    let layout = Layout::of_archive(&archive(&[file("bin/sh", "x")]));
    run(&["diff", &layout.source(), site.str()]).says(1, "has no site in it; make it with `galley package`");
    run(&["diff", &layout.source(), "/no/such/site"]).says(1, "/no/such/site: no such folder");
    let layout = packed(&site);
    run(&["diff", &layout.source(), &layout.source()]).says(1, "an image has been rendered already; name a site");
    run(&["diff"]).says(2, "Usage: ");
}
