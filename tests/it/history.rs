//! What git knows of a site.

use std::path::Path;

use git2::{IndexAddOption, Repository, Signature, Time};

use crate::support::{Instance, TempSite, run};

/// Commits all that lies in `folder`, as if at `seconds`.
pub(crate) fn commit(folder: &Path, seconds: i64) -> git2::Oid {
    let repository = Repository::open(folder).or_else(|_| Repository::init(folder)).unwrap();
    let author = Signature::new("a", "a@example", &Time::new(seconds, 60)).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["content", "static", "templates", "galley.toml"], IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some("HEAD"), &author, &author, "a change", &tree, &parents).unwrap()
}

const FIRST: i64 = 1_600_000_000;
const SECOND: i64 = 1_700_000_000;

/// A site with two commits: the second changed one of two posts.
fn repository() -> TempSite {
    let site = TempSite::new()
        .file("content/posts/a.md", "---\ntitle: A\ndate: 2020-01-01\n---\nFirst.\n")
        .file("content/posts/b.md", "---\ntitle: B\ndate: 2020-01-02\n---\nFirst.\n")
        .file("static/pic.txt", "old")
        .file("templates/404.html", "old");
    let first = commit(site.path(), FIRST);
    let repository = Repository::open(site.path()).unwrap();
    repository.tag_lightweight("v1", &repository.find_object(first, None).unwrap(), false).unwrap();
    site.write("content/posts/a.md", "---\ntitle: A\ndate: 2020-01-01\n---\nSecond.\n");
    site.write("static/pic.txt", "new");
    site.write("templates/404.html", "new");
    commit(site.path(), SECOND);
    site
}

#[test]
fn pages_say_when_they_were_changed() {
    let site = repository();
    assert!(site.built("posts/a/index.html").contains("2023-11-14T"));
    assert!(site.built("posts/b/index.html").contains("2020-09-13T"));
    // And from what is remembered, with a commit more.
    site.write("content/posts/b.md", "---\ntitle: B\ndate: 2020-01-02\n---\nThird.\n");
    commit(site.path(), SECOND + 86_400);
    assert!(site.built("posts/b/index.html").contains("2023-11-15T"));
    assert!(site.built("posts/a/index.html").contains("2023-11-14T"));
}

/// A commit changes no file of the site: it is seen with the next file that is saved.
#[test]
fn a_commit_beside_a_preview_is_on_the_pages_with_the_next_change() {
    let site = repository();
    let preview = Instance::preview(&[site.str()]);
    assert!(preview.get("/posts/b/").text().contains("2020-09-13T"));
    site.write("content/posts/b.md", "---\ntitle: B\ndate: 2020-01-02\n---\nThird.\n");
    preview.wait_for("/posts/b/", "Third.");
    assert!(preview.get("/posts/b/").text().contains("2020-09-13T"));
    commit(site.path(), SECOND + 86_400);
    site.write("static/pic.txt", "newer");
    preview.wait_for("/posts/b/", "2023-11-15T");
    assert!(preview.get("/posts/a/").text().contains("2023-11-14T"));
}

#[test]
fn a_shallow_clone_says_so_and_no_dates() {
    let site = repository();
    let head = Repository::open(site.path()).unwrap().head().unwrap().target().unwrap();
    // What `git clone --depth 1` leaves: the commit beyond which there is nothing.
    std::fs::write(site.path().join(".git/shallow"), format!("{head}\n")).unwrap();
    let (ran, output) = site.build();
    ran.says(0, "the clone is shallow, so pages say no last change");
    let page = std::fs::read_to_string(output.join("posts/a/index.html")).unwrap();
    assert!(!page.contains("2023-11-14T"));
}

#[test]
fn a_commit_is_built_without_a_checkout() {
    let site = repository();
    let place = tempfile::tempdir().unwrap();
    let output = place.path().join("old");
    let ran = run(&["build", site.str(), "--rev", "v1", "-o", output.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let read = |name: &str| std::fs::read_to_string(output.join(name)).unwrap();
    assert!(read("posts/a/index.html").contains("First."));
    assert_eq!((read("pic.txt").as_str(), read("404.html").as_str()), ("old", "old"));
    assert!(std::fs::read_to_string(site.path().join("content/posts/a.md")).unwrap().contains("Second."));
    run(&["build", site.str(), "--rev", "v9"]).says(1, "v9");
}
