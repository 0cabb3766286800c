//! What the public listener answers.

use std::time::{Duration, Instant};

use crate::support::{Connection, Instance, TempSite};

fn site() -> TempSite {
    let text = "Many words. ".repeat(200);
    TempSite::new()
        .file("content/_index.md", "Welcome.\n")
        .file("content/posts/a.md", format!("---\ntitle: A\ndate: 2025-01-02\n---\n{text}\n"))
        .file("content/posts/ü b.md", "# Ü\n")
        .file("static/small.txt", "small\n")
        .file("static/page.html.br", "sidecar")
}

fn instance(site: &TempSite) -> Instance {
    Instance::start(&[site.str()])
}

#[test]
fn a_page_is_there_in_both_codings_with_its_own_tag_each() {
    let site = site();
    let instance = instance(&site);
    let identity = instance.get("/posts/a/");
    let gzip = instance.request("GET", "/posts/a/", &[("accept-encoding", "gzip")], "");
    for response in [&identity, &gzip] {
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(response.header("cache-control"), "no-cache");
        assert_eq!(response.header("vary"), "accept-encoding");
        assert_eq!(response.header("last-modified"), "Thu, 02 Jan 2025 00:00:00 GMT");
        assert!(response.header("etag").starts_with('"'), "{response:?}");
    }
    assert_eq!((identity.header("content-encoding"), gzip.header("content-encoding")), ("", "gzip"));
    assert_ne!(identity.header("etag"), gzip.header("etag"));
    let mut unpacked = String::new();
    let mut decoder = flate2::read::GzDecoder::new(gzip.body.as_slice());
    std::io::Read::read_to_string(&mut decoder, &mut unpacked).unwrap();
    assert_eq!(unpacked, identity.text());
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
    ] {
        let response = instance.request("GET", "/posts/a/", &[(name, value)], "");
        assert_eq!(response.status, status, "{name}: {value}");
        assert_eq!((response.header("etag"), response.header("vary")), (tag.as_str(), "accept-encoding"));
        if status == 304 {
            assert_eq!((response.header("content-type"), response.body.len()), ("", 0));
        }
    }
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

#[test]
fn paths_lead_where_they_should() {
    let site = site();
    let instance = instance(&site);
    for (path, status, location) in [
        ("/", 200, ""),
        ("/posts/%C3%BC-b/", 200, ""),
        ("/posts/a", 301, "./a/"),
        ("/posts/a?x=1", 301, "./a/?x=1"),
        ("/posts/a/index.html", 301, "./"),
        ("/posts/%C3%BC-b", 301, "./%C3%BC-b/"),
        ("/index.html", 301, "./"),
        ("//posts/a", 404, ""),
        ("/nothing", 404, ""),
        ("/posts/../small.txt", 404, ""),
        ("/posts/%2e%2e/small.txt", 404, ""),
        ("/posts%2Fa/", 404, ""),
        ("/small.txt%00", 404, ""),
        ("/%ff", 404, ""),
        ("/.galley-tree", 404, ""),
        ("/small.txt/", 404, ""),
        ("/_galley/", 404, ""),
        ("/_galley/hook/x", 404, ""),
    ] {
        let response = instance.get(path);
        assert_eq!((response.status, response.header("location")), (status, location), "{path}");
    }
    let long = format!("/{}", "a".repeat(3000));
    assert_eq!(instance.get(&long).status, 404);
}

#[test]
fn what_is_not_there_gets_the_sites_own_page() {
    let site = site();
    let response = instance(&site).get("/nothing");
    assert!(response.text().contains("<title>Not found · Test</title>"), "{}", response.text());
    assert_eq!((response.status, response.header("etag"), response.header("cache-control")), (404, "", "no-cache"));
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
