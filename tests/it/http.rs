//! What the public listener answers.

use std::io::Read;
use std::time::{Duration, Instant};

use galley::snapshot::Digest;

use crate::support::{Connection, Instance, TempSite};

pub(crate) fn site() -> TempSite {
    let text = "Many words. ".repeat(200);
    TempSite::new()
        .file("content/_index.md", "Welcome.\n")
        .file("content/posts/a.md", format!("---\ntitle: A\ndate: 2025-01-02\naliases: [/old/]\n---\n{text}\n"))
        .file("content/posts/ü b.md", "# Ü\n")
        .file("static/small.txt", "small\n")
        .file("static/page.html", "<title>a page</title>")
        .file("static/page.html.br", "sidecar")
        .file("static/_headers", "/small.txt\n  X-Small: yes\n")
}

/// Waits until the page at `path` is there in `coding`: codings are made after the start.
#[track_caller]
pub(crate) fn wait_for_coding(instance: &Instance, path: &str, coding: &str) {
    let started = Instant::now();
    let coded =
        || instance.request("GET", path, &[("accept-encoding", coding)], "").header("content-encoding") == coding;
    while !coded() {
        assert!(started.elapsed() < Duration::from_secs(30), "{path} was never there in {coding}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// With all codings made.
pub(crate) fn instance(site: &TempSite) -> Instance {
    let instance = Instance::start(&[site.str()]);
    wait_for_coding(&instance, "/posts/a/", "zstd");
    instance
}

#[test]
fn a_page_is_there_in_each_coding_with_a_tag_of_its_own() {
    let site = site();
    let instance = instance(&site);
    let identity = instance.get("/posts/a/");
    let mut tags = vec![identity.header("etag").to_owned()];
    for coding in ["gzip", "br", "zstd"] {
        let response = instance.request("GET", "/posts/a/", &[("accept-encoding", coding)], "");
        assert_eq!((response.status, response.header("content-encoding")), (200, coding));
        assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(response.header("cache-control"), "no-cache");
        assert_eq!(response.header("vary"), "accept-encoding");
        assert_eq!(response.header("accept-ranges"), "bytes");
        assert_eq!(response.header("last-modified"), "Thu, 02 Jan 2025 00:00:00 GMT");
        assert_eq!(decoded(coding, &response.body), identity.body);
        tags.push(response.header("etag").to_owned());
    }
    assert!(tags.iter().all(|tag| tag.len() == 18 && tag.starts_with('"') && tag.ends_with('"')), "{tags:?}");
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

fn decoded(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap(),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut plain).unwrap(),
        _ => zstd::stream::read::Decoder::new(body).unwrap().read_to_end(&mut plain).unwrap(),
    };
    plain
}

#[test]
fn codings_are_chosen_by_quality_and_then_by_size() {
    let site = site();
    let instance = instance(&site);
    for (accepted, expected) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("identity;q=1, *;q=0.5", ""),
        ("*", "br"),
        ("deflate", ""),
        ("", ""),
    ] {
        let response = instance.request("GET", "/posts/a/", &[("accept-encoding", accepted)], "");
        assert_eq!((response.status, response.header("content-encoding")), (200, expected), "{accepted}");
    }
    let two_lines = [("accept-encoding", "deflate"), ("Accept-Encoding", "GZIP")];
    assert_eq!(instance.request("GET", "/posts/a/", &two_lines, "").header("content-encoding"), "gzip");
    let refused = instance.request("GET", "/posts/a/", &[("accept-encoding", "identity;q=0, deflate")], "");
    assert_eq!((refused.status, refused.header("cache-control")), (406, "no-store"));
}

#[test]
fn what_compression_does_not_shorten_is_sent_as_it_is() {
    let site = site();
    let small = instance(&site).request("GET", "/small.txt", &[("accept-encoding", "gzip")], "");
    assert_eq!((small.text().as_str(), small.header("content-encoding"), small.header("vary")), ("small\n", "", ""));
    assert_eq!(small.header("cache-control"), "public, max-age=3600, stale-while-revalidate=86400");
}

#[test]
fn a_client_that_has_it_gets_304() {
    let site = site();
    let instance = instance(&site);
    let tag = instance.get("/posts/a/").header("etag").to_owned();
    for (name, value, status) in [
        ("if-none-match", tag.as_str(), 304),
        ("if-none-match", &format!("W/{tag}"), 304),
        ("if-none-match", &format!("\"x\", {tag}"), 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"x\"", 200),
        ("if-modified-since", "Thu, 02 Jan 2025 00:00:00 GMT", 304),
        ("if-modified-since", "Wed, 01 Jan 2025 00:00:00 GMT", 200),
        ("if-modified-since", "yesterday", 200),
        ("if-match", tag.as_str(), 200),
        ("if-match", "*", 200),
        ("if-unmodified-since", "Thu, 02 Jan 2025 00:00:00 GMT", 200),
        ("if-unmodified-since", "yesterday", 200),
    ] {
        let response = instance.request("GET", "/posts/a/", &[(name, value)], "");
        assert_eq!(response.status, status, "{name}: {value}");
        assert_eq!((response.header("etag"), response.header("vary")), (tag.as_str(), "accept-encoding"));
        if status == 304 {
            assert_eq!((response.header("content-type"), response.body.len()), ("", 0));
        }
    }
    for (name, value) in [
        ("if-match", "\"x\""),
        ("if-match", &format!("W/{tag}")),
        ("if-unmodified-since", "Wed, 01 Jan 2025 00:00:00 GMT"),
    ] {
        let response = instance.request("GET", "/posts/a/", &[(name, value)], "");
        assert_eq!((response.status, response.header("etag")), (412, ""), "{name}: {value}");
    }
    // If-Match goes before If-None-Match, and If-Unmodified-Since counts only without it.
    let order = [("if-match", "\"x\""), ("if-none-match", tag.as_str())];
    assert_eq!(instance.request("GET", "/posts/a/", &order, "").status, 412);
    let order = [("if-match", tag.as_str()), ("if-unmodified-since", "Wed, 01 Jan 2025 00:00:00 GMT")];
    assert_eq!(instance.request("GET", "/posts/a/", &order, "").status, 200);
    let both = [("if-none-match", "\"x\""), ("if-modified-since", "Thu, 02 Jan 2025 00:00:00 GMT")];
    assert_eq!(instance.request("GET", "/posts/a/", &both, "").status, 200);
    let other = [("if-none-match", tag.as_str()), ("accept-encoding", "gzip")];
    assert_eq!(instance.request("GET", "/posts/a/", &other, "").status, 200);
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let site = site();
    let instance = instance(&site);
    for path in ["/posts/a/", "/nothing"] {
        let (get, head) = (instance.get(path), instance.request("HEAD", path, &[], ""));
        assert_eq!(head.status, get.status);
        for name in ["content-length", "content-type", "etag", "cache-control", "vary"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
        assert!(head.body.is_empty() && !get.body.is_empty());
    }
}

/// What fails now may go well in a minute, for every cache.
#[test]
fn errors_never_have_the_policy_of_what_was_asked_for() {
    let css = "a { color: red }\n";
    let hash = Digest::of(css.as_bytes()).short();
    let site = site().file(&format!("static/own.{hash}.css"), css);
    let instance = instance(&site);
    let asset = format!("/own.{hash}.css");
    for (method, name, value, status) in [
        ("GET", "if-match", "\"x\"", 412),
        ("GET", "range", "bytes=999-", 416),
        ("GET", "accept-encoding", "identity;q=0, *;q=0", 406),
        ("POST", "accept", "*/*", 405),
    ] {
        let response = instance.request(method, &asset, &[(name, value)], "");
        assert_eq!((response.status, response.header("cache-control")), (status, "no-store"), "{method} {name}");
    }
    for (path, status, cache) in [("/own.0123456789abcdef.css", 404, "no-cache"), (&"/a".repeat(5000), 414, "no-store")]
    {
        let response = instance.get(path);
        assert_eq!((response.status, response.header("cache-control")), (status, cache), "{path:.40}");
    }
}

#[test]
fn how_long_a_file_may_be_kept_is_said_with_it() {
    let css = "a { color: red }\n";
    let hash = Digest::of(css.as_bytes()).short();
    let site = site().file(&format!("static/own.{hash}.css"), css).file("static/own.css", css);
    let instance = instance(&site);
    for (path, cache) in [
        (&*format!("/own.{hash}.css"), "public, max-age=31536000, immutable"),
        ("/own.css", "public, max-age=3600, stale-while-revalidate=86400"),
        ("/feed.xml", "public, max-age=600"),
        ("/sitemap.xml", "public, max-age=600"),
        ("/posts/a/", "no-cache"),
    ] {
        let response = instance.get(path);
        assert_eq!((response.status, response.header("cache-control")), (200, cache), "{path}");
    }
}

/// As layers have it, whose times are all the same.
#[test]
fn a_tag_is_another_one_after_an_edit_of_the_same_length_and_time() {
    let tags: Vec<_> = ["one", "two"]
        .into_iter()
        .map(|text| {
            let folder = TempSite::bare().file("index.html", text);
            let file = std::fs::File::options().write(true).open(folder.path().join("index.html")).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
            Instance::start(&[folder.str()]).get("/").header("etag").to_owned()
        })
        .collect();
    assert!(!tags[0].is_empty() && tags[0] != tags[1], "{tags:?}");
}

#[test]
fn a_page_without_a_date_has_none() {
    let site = site();
    let instance = instance(&site);
    let response = instance.get("/posts/%C3%BC-b/");
    assert_eq!((response.status, response.header("last-modified")), (200, ""));
    // And no condition on one holds (RFC 9110 section 13.1.3).
    let since = [("if-modified-since", "Fri, 31 Dec 2100 00:00:00 GMT")];
    assert_eq!(instance.request("GET", "/posts/%C3%BC-b/", &since, "").status, 200);
}

#[test]
fn answers_say_that_another_coding_might_have_had_another_one() {
    let site = site();
    let instance = instance(&site);
    for (path, name, value, status) in [
        ("/posts/a/", "accept-encoding", "identity;q=0", 406),
        ("/posts/a/", "if-match", "\"x\"", 412),
        ("/posts/a/", "range", "bytes=999999-", 416),
        ("/nothing", "accept", "*/*", 404),
    ] {
        let response = instance.request("GET", path, &[(name, value)], "");
        assert_eq!((response.status, response.header("vary")), (status, "accept-encoding"), "{path} {name}");
    }
}

#[test]
fn what_is_not_there_gets_the_sites_own_page() {
    let site = site();
    let instance = instance(&site);
    let response = instance.get("/nothing");
    assert!(response.text().contains("<title>Not found · Test</title>"), "{}", response.text());
    assert_eq!((response.status, response.header("etag"), response.header("cache-control")), (404, "", "no-cache"));
    assert_eq!((response.header("last-modified"), response.header("accept-ranges")), ("", ""));
    // A condition or a range says nothing of what is not there.
    for (name, value) in [("if-none-match", "*"), ("if-match", "\"x\""), ("range", "bytes=0-0")] {
        assert_eq!(instance.request("GET", "/nothing", &[(name, value)], "").status, 404, "{name}");
    }
}

#[test]
fn other_methods_are_refused() {
    let site = site();
    let instance = instance(&site);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
        let response = instance.request(method, "/posts/a/", &[], "");
        assert_eq!((response.status, response.header("allow")), (405, "GET, HEAD"), "{method}");
    }
    let refused = instance.request("GET", "/posts/a/", &[("accept-encoding", "identity;q=0, gzip;q=0")], "");
    assert_eq!(refused.status, 406);
}

#[test]
fn a_head_that_is_too_large_is_refused_and_others_are_not_harmed() {
    let site = site();
    let instance = instance(&site);
    let mut connection = Connection::open(&instance.address);
    connection.send(&format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(40_000)));
    assert_eq!(connection.response(false).unwrap().status, 431);
    assert_eq!(instance.get("/").status, 200);
}

#[test]
fn a_rendered_folder_is_served_with_the_same_content() {
    let site = site();
    let (ran, output) = site.build();
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let (of_site, of_folder) = (Instance::start(&[site.str()]), Instance::start(&[output.to_str().unwrap()]));
    let (one, other) = (of_site.get("/posts/a/"), of_folder.get("/posts/a/"));
    assert_eq!(
        (one.header("etag"), one.header("last-modified")),
        (other.header("etag"), other.header("last-modified"))
    );
    let root = |said: String| {
        let line = said.lines().find(|line| line.starts_with("ready: ")).unwrap().to_owned();
        line.split("content ").nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    assert_eq!(root(of_site.stop()), root(of_folder.stop()));
}

#[test]
fn a_stop_finishes_and_does_not_wait_for_idle_clients() {
    let site = site();
    let instance = instance(&site);
    let mut idle = Connection::open(&instance.address);
    assert_eq!(idle.request("GET", "/", &[], "").status, 200);
    let started = Instant::now();
    let said = instance.stop();
    assert!(said.ends_with("stopped\n"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(idle.response(false).is_none());
}

#[test]
fn several_addresses_are_listened_on() {
    let site = site();
    let instance = Instance::start(&[site.str(), "--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"]);
    assert_eq!(instance.get("/").status, 200);
}
