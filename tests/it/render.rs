//! From a folder of Markdown to files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::support::{Ran, TempSite, run};

impl TempSite {
    /// Builds the site; returns what the build said and the folder of its output.
    pub(crate) fn build(&self) -> (Ran, PathBuf) {
        (run(&["build", self.str()]), self.path().join("public"))
    }

    /// Builds the site, which must go well; returns a file of the output.
    #[track_caller]
    pub(crate) fn built(&self, file: &str) -> String {
        let (ran, output) = self.build();
        assert_eq!(ran.code, 0, "{}", ran.errors);
        fs::read_to_string(output.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

fn site() -> TempSite {
    TempSite::new()
        .file("content/_index.md", "Welcome.\n")
        .file("content/about.md", "---\ntitle: About\nurl: /me/\naliases: [/about/]\n---\nMe.\n")
        .file(
            "content/posts/first.md",
            "---\ntitle: First\ndate: 2025-01-02\ntags: [Rust, docker]\n---\nOne [two](2025-03-04-second.md#x).\n",
        )
        .file("content/posts/2025-03-04-second.md", "+++\ntitle = \"Second\"\ntags = [\"rust\"]\n+++\nTwo.\n\n## X\n")
        .file("content/posts/third/index.md", "# Third *thing*\n\n![](pic.png) and [first](/posts/first.md)\n")
        .file("content/posts/third/pic.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0")
        .file("content/posts/draft.md", "---\ntitle: Draft\ndraft: true\n---\n")
        .file("content/posts/future.md", "---\ntitle: Future\ndate: 2999-01-01\n---\n")
        .file("static/robots.txt", "own robots\n")
        .file("static/img/a.svg", "<svg/>")
        .file("static/.well-known/security.txt", "x")
        .file("static/.hidden", "x")
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let found =
        WalkDir::new(folder).into_iter().map(|found| found.unwrap()).filter(|found| found.file_type().is_file());
    found
        .map(|found| {
            let name = found.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            (name, fs::read(found.path()).unwrap())
        })
        .collect()
}

#[test]
fn every_kind_of_output_is_there() {
    let site = site();
    let (ran, output) = site.build();
    assert_eq!((ran.code, ran.errors.contains("warning")), (0, false), "{}", ran.errors);
    let names: Vec<String> = files(&output).into_keys().collect();
    let expected = [
        ".galley-tree",
        ".well-known/security.txt",
        "404.html",
        "_redirects",
        "about/index.html",
        "copy.js",
        "feed.json",
        "feed.xml",
        "icon.svg",
        "img/a.svg",
        "index.html",
        "me/index.html",
        "posts/feed.json",
        "posts/feed.xml",
        "posts/first/index.html",
        "posts/index.html",
        "posts/second/index.html",
        "posts/third/index.html",
        "posts/third/pic.png",
        "robots.txt",
        "search.js",
        "search/0.json",
        "search/index.html",
        "search/index.json",
        "sitemap.xml",
        "sitemap/2025.xml",
        "sitemap/pages.xml",
        "style.css",
        "tags/docker/feed.json",
        "tags/docker/feed.xml",
        "tags/docker/index.html",
        "tags/index.html",
        "tags/rust/feed.json",
        "tags/rust/feed.xml",
        "tags/rust/index.html",
        "theme.js",
    ];
    assert_eq!(names, expected);
}

#[test]
fn drafts_and_future_posts_come_when_asked_for() {
    let site = site();
    let output = site.path().join("all");
    let ran = run(&["build", site.str(), "-o", output.to_str().unwrap(), "--drafts", "--future"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(output.join("posts/draft/index.html").exists() && output.join("posts/future/index.html").exists());
}

#[test]
fn links_between_sources_lead_to_pages() {
    let site = site();
    assert!(site.built("posts/first/index.html").contains("href=\"/posts/second/#x\""));
    let third = site.built("posts/third/index.html");
    assert!(third.contains("src=\"/posts/third/pic.png\"") && third.contains("href=\"/posts/first/\""), "{third}");
}

#[test]
fn html_is_rooted_and_machines_get_absolute_urls() {
    let site = site();
    let page = site.built("posts/first/index.html");
    let canonical = "<link rel=\"canonical\" href=\"https://blog.example/posts/first/\">";
    assert!(page.contains(canonical), "{page}");
    let elsewhere = page.replace(canonical, "").replace("content=\"https://blog.example/posts/first/\"", "");
    let elsewhere = elsewhere.replace("\"mainEntityOfPage\":\"https://blog.example/posts/first/\"", "");
    assert!(!elsewhere.contains("blog.example"), "{elsewhere}");
    let feed = site.built("feed.xml");
    assert!(feed.contains("<id>https://blog.example/posts/second/</id>"), "{feed}");
    assert!(feed.contains("href=&quot;https://blog.example/posts/second/#x&quot;"), "{feed}");
    assert!(feed.contains("<updated>2025-03-04T00:00:00+00:00</updated>"), "{feed}");
    assert!(site.built("sitemap.xml").contains("<loc>https://blog.example/sitemap/2025.xml</loc>"));
    let sitemap = site.built("sitemap/2025.xml");
    assert!(
        sitemap
            .contains("<url><loc>https://blog.example/posts/first/</loc><lastmod>2025-01-02T00:00:00+00:00</lastmod>")
    );
}

#[test]
fn the_first_heading_is_the_title_of_a_page_without_one() {
    let page = site().built("posts/third/index.html");
    assert!(page.contains("<title>Third thing · Test</title>"), "{page}");
    assert_eq!(page.matches("<h1").count(), 1);
}

#[test]
fn an_alias_forwards() {
    let alias = site().built("about/index.html");
    assert!(alias.contains("<meta http-equiv=\"refresh\" content=\"0; url=/me/\">"), "{alias}");
}

#[test]
fn own_files_go_before_generated_ones() {
    assert_eq!(site().built("robots.txt"), "own robots\n");
}

#[test]
fn own_templates_go_before_the_themes() {
    let site = site().file(
        "templates/page.html",
        "{% extends \"base.html\" %}{% block main %}own {{ page.title }}{% endblock main %}",
    );
    assert!(site.built("posts/first/index.html").contains("own First"));
}

#[test]
fn building_twice_gives_the_same_bytes() {
    let site = site();
    site.build();
    let first = files(&site.path().join("public"));
    site.build();
    assert_eq!(files(&site.path().join("public")), first);
}

#[test]
fn a_bare_folder_of_posts_is_a_site() {
    let site = TempSite::bare().file("posts/001_Intro.md", "# Hello\n").file("posts/002_More.md", "# More\n");
    let list = site.built("posts/index.html");
    assert!(list.find("Hello").unwrap() < list.find("More").unwrap(), "{list}");
    assert!(site.built("posts/intro/index.html").contains("Hello"));
}

#[test]
fn every_fault_is_reported_at_once_and_the_old_output_stays() {
    let site = site();
    site.build();
    let before = files(&site.path().join("public"));
    site.write("content/posts/a.md", "---\ntitle: x\ntag: y\n---\n[gone](gone.md)\n");
    site.write("content/posts/b.md", "---\ntitle: [\n---\n");
    site.write("content/posts/c.md", "---\ndraft: maybe\n---\n");
    site.write("content/posts/d.md", "---\ntitle: never ends\n");
    site.write("content/posts/e.md", b"\xff\xfe");
    site.write("content/posts/f.md", "---\nurl: /posts/first/\n---\n");
    site.write("content/posts/g.md", "---\ndate: soon\n---\n");
    site.write("content/posts/h.md", "---\nslug: \"///\"\n---\n");
    let (ran, output) = site.build();
    for line in [
        "content/posts/a.md:3:1: unknown key 'tag' in front matter; did you mean 'tags'?",
        "content/posts/a.md:5:1: the link to 'gone.md' leads nowhere: there is no such file",
        "content/posts/b.md:",
        "content/posts/c.md:2:8: 'draft' must be true or false",
        "content/posts/d.md:1:1: the front matter never ends; close it with a line ---",
        "content/posts/e.md: is not UTF-8; save it as UTF-8",
        "content/posts/f.md: /posts/first/ is taken by content/posts/first.md already",
        "content/posts/g.md:2:7: 'date' must be a date, as in 2026-11-21",
        "content/posts/h.md: has no letter or digit to make an address of; set 'slug' or 'url'",
        "error: 7 errors in the site;",
        "public was left as it was",
    ] {
        ran.says(1, line);
    }
    assert_eq!(files(&output), before);
}

#[test]
fn a_template_error_has_template_and_line() {
    let site = site().file("templates/page.html", "<p>\n{{ page.titel }}\n");
    let (ran, output) = site.build();
    ran.says(1, "templates/page.html:2:");
    assert!(!output.exists());
    site.write("templates/page.html", "<p>{% if %}");
    site.build().0.says(1, "templates/page.html:1:");
    site.write("templates/page.html", "{% extends \"nothing.html\" %}");
    site.build().0.says(1, "templates/page.html: ");
}

#[test]
fn a_missing_theme_is_an_error() {
    let site = site().file("galley.toml", "theme = \"none\"\n");
    site.build().0.says(1, "galley.toml: there is no theme 'none'; put one into themes/none, or take \"default\"");
}

#[test]
fn a_theme_of_the_sites_own_is_taken() {
    let site = TempSite::new().file("galley.toml", "theme = \"own\"\n").file("content/a.md", "# A\n");
    for name in ["404", "home", "page", "section", "taxonomy"] {
        site.write(&format!("themes/own/templates/{name}.html"), "own {{ title }}");
    }
    site.build().0.says(1, "themes/own/templates/term.html: is missing; a theme needs it");
    site.write("themes/own/templates/term.html", "own");
    site.write("themes/own/static/own.css", "a{}");
    assert_eq!(site.built("own.css"), "a{}");
    assert!(site.built("a/index.html").starts_with("own A"));
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_site_is_left_out_and_reported() {
    let site = site();
    std::os::unix::fs::symlink("/etc/passwd", site.path().join("content/posts/passwd.md")).unwrap();
    let (ran, output) = site.build();
    ran.says(0, "content/posts/passwd.md: is a symbolic link or special file, which is left out");
    assert!(!output.join("posts/passwd").exists());
}
