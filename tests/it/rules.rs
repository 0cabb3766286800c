//! `_redirects`, `_headers`, the content security policy, and what a swap leaves.

use galley::serve::Deployment;
use galley::snapshot::{Coding, Codings, Digest, Entry, Lookup, Snapshot, Tree, TreePath, freeze};

use crate::support::{Instance, TempSite, run};

fn site() -> TempSite {
    TempSite::new().file("content/posts/a.md", "---\ntitle: A\naliases: [/früher/]\n---\ntext\n").file(
        "content/posts/b.md",
        "---\ntitle: B\n---\ntext\n\n<p style=\"color: red\">red</p>\n\n<script>alert(1)</script>\n",
    )
}

#[test]
fn redirects_are_followed_as_they_are_written() {
    let rules = "# comment\n/go /posts/a/\n/feed https://else.example/feed.xml 302\n/old/* /posts/:splat 308\n\
                 /:year/:name/ /posts/:name/ 301!\n/posts/b/ /posts/a/ 303\n/dead /x 410\n/lost/* /x 404\n";
    let site = site().file("static/_redirects", rules);
    let instance = Instance::start(&[site.str()]);
    for (path, status, location) in [
        ("/go", 301, "/posts/a/"),
        ("/go/", 301, "/posts/a/"),
        ("/go?x=1", 301, "/posts/a/?x=1"),
        ("/feed", 302, "https://else.example/feed.xml"),
        ("/old/a/", 308, "/posts/a/"),
        ("/old//evil.example/", 308, "/posts//evil.example/"),
        ("/old/%0d%0aset-cookie:x", 308, "/posts/%0D%0Aset-cookie:x"),
        ("/2024/a/", 301, "/posts/a/"),
        // A pattern gives way to a page, a line for one path does not.
        ("/posts/a/", 200, ""),
        ("/posts/b/", 303, "/posts/a/"),
        ("/fr%C3%BCher/", 301, "/posts/a/"),
        ("/dead", 410, ""),
        ("/lost/x/y", 404, ""),
        ("/_redirects", 404, ""),
    ] {
        let response = instance.get(path);
        assert_eq!((response.status, response.header("location")), (status, location), "{path}");
    }
    for (path, cache) in [
        ("/go", "public, max-age=3600"),
        ("/old/a/", "public, max-age=3600"),
        ("/feed", "no-cache"),
        ("/posts/b/", "no-cache"),
    ] {
        assert_eq!(instance.get(path).header("cache-control"), cache, "{path}");
    }
    assert!(instance.get("/dead").text().contains("Not found"));
}

#[test]
fn a_rule_that_is_not_understood_is_an_error_of_the_build() {
    let build = |file: &str, text: &str| run(&["build", site().file(&format!("static/{file}"), text).str()]);
    build("_redirects", "/a /b 200\n").says(1, "static/_redirects:1:1: '200' is no status that is known here");
    build("_redirects", "/x /y\n/y /x\n").says(1, "static/_redirects:1:1: redirects lead in a circle: /x → /y → /x");
    build("_redirects", "/frueher /fr%C3%BCher/\n/posts/a/ /frueher\n").says(1, "redirects lead in a circle");
    build("_headers", "/a\n  Content-Length: 1\n").says(1, "static/_headers:2:3: 'content-length' is galley's own");
    build("_headers", "\n  X: 1\n").says(1, "static/_headers:2:3: 'X: 1' belongs to no path");
    build("_headers", "\u{0}/").says(1, "static/_headers:1:1: ");
}

#[test]
fn a_rule_that_would_hide_its_own_page_is_none() {
    let rules =
        "/posts/a/ /posts/a\n/posts/b /posts/b/index.html\n/posts/c.html /posts/c/\n/:year/:name/ /posts/:name/\n";
    let site = site().file("static/_redirects", rules);
    let instance = Instance::start(&[site.str()]);
    for (path, status, location) in [
        ("/posts/a/", 200, ""),
        ("/posts/a", 301, "./a/"),
        ("/posts/b/", 200, ""),
        ("/posts/b/index.html", 301, "./"),
        ("/2024/a/", 301, "/posts/a/"),
        // Of a post that is not there, after the first step.
        ("/posts/none/", 404, ""),
    ] {
        let response = instance.get(path);
        assert_eq!((response.status, response.header("location")), (status, location), "{path}");
    }
}

/// Hosts have them for blogs in several languages, and for what has moved into a folder.
#[test]
fn a_pattern_that_fits_what_it_leads_to_is_followed_where_something_is() {
    let folder = TempSite::bare()
        .file("index.html", "x")
        .file("en/index.html", "x")
        .file("en/a/index.html", "x")
        .file("en/b.html", "x")
        .file("de/index.html", "x")
        .file("de/c/index.html", "x")
        .file("_redirects", "/en/old/ /en/a/\n/de/* /fr/:splat 307\n/fr/* /de/:splat 307\n/* /en/:splat 302\n");
    let instance = Instance::start(&[folder.str()]);
    for (path, status, location) in [
        ("/", 200, ""),
        ("/a/", 302, "/en/a/"),
        ("/a?x=1", 302, "/en/a?x=1"),
        ("/en/a", 301, "./a/"),
        ("/b", 302, "/en/b"),
        ("/old/", 302, "/en/old/"),
        ("/en/old/", 301, "/en/a/"),
        // Nothing is there, and a browser would be sent on without an end.
        ("/none", 404, ""),
        ("/en/none", 404, ""),
        ("/en/en/a/", 404, ""),
        ("/fr/c/", 307, "/de/c/"),
        ("/fr/", 307, "/de/"),
        ("/fr/none", 404, ""),
        ("/de/none", 404, ""),
    ] {
        let response = instance.get(path);
        assert_eq!((response.status, response.header("location")), (status, location), "{path}");
    }
    assert!(!instance.stop().contains("_redirects:"));
}

#[test]
fn faults_in_a_rendered_folder_are_told_and_left_out() {
    let folder = TempSite::bare()
        .file("index.html", "x")
        .file("posts/index.html", "x")
        .file(
            "_redirects",
            "/go /\n/x\n/c /d 200\n/e /f\n/f /e\n/blog/* /blog/new/:splat\n/posts/ /posts/new/\n/posts/* /posts/\n",
        )
        .file("_headers", "/*\n  Content-Length: 1\n  X-A: 1\n");
    let instance = Instance::start(&[folder.str()]);
    assert_eq!(
        (instance.get("/go").status, instance.get("/x").status, instance.get("/").header("x-a")),
        (301, 404, "1")
    );
    for path in ["/e", "/f", "/blog/x", "/posts/new/"] {
        assert_eq!(instance.get(path).status, 404, "{path}");
    }
    assert_eq!(instance.get("/posts/").status, 200);
    let said = instance.stop();
    for fault in [
        "_redirects:2:1: a redirect without a target",
        "_redirects:3:1: '200' is no",
        "_redirects:4:1: redirects lead in a circle: /e → /f → /e",
        "_redirects:7:1: redirects lead in a circle: /posts/ → /posts/* → /posts/",
        "_headers:2:3: 'content-length'",
    ] {
        assert!(said.contains(&format!("warning: {fault}")), "{said}");
    }
}

#[test]
fn a_change_of_rules_reaches_those_who_have_the_page() {
    let site = site().file("static/_headers", "/*\n  X-A: 1\n");
    let instance = Instance::start(&[site.str()]);
    let tag = instance.get("/posts/a/").header("etag").to_owned();
    let response = instance.request("GET", "/posts/a/", &[("if-none-match", &tag)], "");
    assert_eq!((response.status, response.header("x-a"), response.header("etag")), (304, "1", tag.as_str()));
    assert!(!response.header("content-security-policy").is_empty());
    for name in ["content-type", "content-length", "last-modified", "accept-ranges"] {
        assert_eq!(response.header(name), "", "{name}");
    }
}

/// RFC 6797 section 7.2.
#[test]
fn nobody_is_told_in_clear_text_to_insist_on_https() {
    let site = site().file("static/_headers", "/*\n  Strict-Transport-Security: max-age=99\n");
    let header = |instance: &Instance, path: &str, headers: &[(&str, &str)]| {
        instance.request("GET", path, headers, "").header("strict-transport-security").to_owned()
    };
    let instance = Instance::start(&[site.str()]);
    let forwarded = [("x-forwarded-proto", "https")];
    let known = [("if-none-match", "*")];
    for path in ["/posts/a/", "/none", "/style.css", "/posts/a"] {
        for headers in [&[][..], &forwarded, &known, &[("range", "bytes=0-1")]] {
            assert_eq!(header(&instance, path, headers), "", "{path} {headers:?}");
        }
    }
    let proxied = Instance::start(&["--trust-proxy", "127.0.0.0/8", site.str()]);
    for (headers, expected) in [(&forwarded[..], "max-age=99"), (&[("x-forwarded-proto", "http")], ""), (&[], "")] {
        assert_eq!(header(&proxied, "/posts/a/", headers), expected, "{headers:?}");
    }
    assert_eq!(header(&proxied, "/posts/a/", &[forwarded[0], known[0]]), "max-age=99");
}

#[test]
fn header_rules_change_answers_and_never_errors() {
    let rules = "/*\n  X-A: 1\n  CDN-Cache-Control: max-age=99\n  Expires: Thu, 01 Jan 2099 00:00:00 GMT\n  Surrogate-Control: max-age=99\n  Some-CDN-Cache-Control: max-age=99\n  Content-Security-Policy: default-src 'none'\n/posts/*\n  X-A: 2\n  Cache-Control: public, max-age=60\n  ! Referrer-Policy\n";
    let site = site().file("static/_headers", rules);
    let instance = Instance::start(&[site.str()]);
    let (home, post, missing) = (instance.get("/"), instance.get("/posts/a/"), instance.get("/posts/none/"));
    assert_eq!((home.header("x-a"), home.header("cache-control")), ("1", "no-cache"));
    assert_eq!(home.header("content-security-policy"), "default-src 'none'");
    assert_eq!(home.header("referrer-policy"), "strict-origin-when-cross-origin");
    assert_eq!((post.header("x-a"), post.header("cache-control")), ("1, 2", "public, max-age=60"));
    assert_eq!((post.header("referrer-policy"), post.header("x-content-type-options")), ("", "nosniff"));
    assert_eq!((missing.status, missing.header("x-a"), missing.header("cache-control")), (404, "1", "no-cache"));
    // What is missing now may be there in a minute, for every cache.
    for name in ["cdn-cache-control", "some-cdn-cache-control", "surrogate-control", "expires"] {
        assert!(!home.header(name).is_empty() && missing.header(name).is_empty(), "{name}");
    }
    assert_eq!(instance.get("/_headers").status, 404);
}

#[test]
fn pages_are_protected_by_a_policy_of_what_they_bring_along() {
    let site = site();
    let instance = Instance::start(&[site.str()]);
    let page = instance.get("/posts/b/");
    let policy = page.header("content-security-policy");
    // printf 'alert(1)' | openssl dgst -sha256 -binary | base64, and the same of 'color: red'.
    assert!(policy.contains("script-src 'self' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"), "{policy}");
    assert!(policy.contains("style-src 'self' 'unsafe-hashes' 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    let plain = instance.get("/posts/a/");
    assert!(!plain.header("content-security-policy").contains("sha256"), "{plain:?}");
    for name in ["permissions-policy", "referrer-policy", "x-content-type-options"] {
        assert!(!plain.header(name).is_empty(), "{name}");
    }
    assert!(plain.header("content-security-policy").contains("frame-ancestors 'self'"));
    // Without TLS nobody may be told to insist on it.
    assert_eq!(plain.header("strict-transport-security"), "");
}

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (path, text) in files {
        let entry = Entry::new(bytes::Bytes::copy_from_slice(text.as_bytes()), None);
        tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
    }
    tree
}

#[test]
fn fingerprinted_assets_outlive_some_swaps_and_pages_none() {
    let name = |text: &str| format!("main.{}.css", Digest::of(text.as_bytes()).short());
    let release = |text: &str| {
        let pattern = ("_redirects", "/main* / 302\n");
        let tree = tree(&[(&name(text), text), ("page.html", text), (&format!("{text}.html"), text), pattern]);
        freeze(&tree, None).unwrap()
    };
    let deployment = Deployment::new(release("0"));
    for number in 1..=5 {
        drop(deployment.install(release(&number.to_string())));
        let current = deployment.current();
        for earlier in 0..=number {
            let found = matches!(current.lookup(&format!("/{}", name(&earlier.to_string()))), Lookup::Found(_));
            assert_eq!(found, number - earlier <= 4, "{earlier} after {number}");
            let page = matches!(current.lookup(&format!("/{earlier}.html")), Lookup::Found(_));
            assert_eq!(page, number == earlier);
        }
    }
    assert_eq!(deployment.swaps(), 5);
    // The same content again is no swap, and takes nothing away.
    drop(deployment.install(release("5")));
    assert_eq!(deployment.swaps(), 5);
    assert!(matches!(deployment.current().lookup(&format!("/{}", name("1"))), Lookup::Found(_)));
}

/// As after a restart: of the release before, only those files are read again.
#[test]
fn what_is_retained_is_as_it_was() {
    let text = "a { color: red }\n".repeat(200);
    let name = format!("main.{}.css", Digest::of(text.as_bytes()).short());
    let before = tree(&[(&name, &text), ("index.html", "x"), ("_headers", "/main*\n  X-A: 1\n")]);
    assert_eq!(before.count_fingerprinted(), 1);
    let mut snapshot = freeze(&tree(&[("index.html", "y")]), None).unwrap();
    snapshot.retain(&[before.fingerprinted()]).unwrap();
    let held = |snapshot: &Snapshot| snapshot.held().map(|(_, bytes)| bytes).iter().sum::<u64>();
    assert_eq!(held(&snapshot), text.len() as u64 + 1);
    let mut codings = Codings::default();
    for (resource, coding) in
        snapshot.all_resources().flat_map(|resource| Coding::MADE.map(|coding| (resource, coding)))
    {
        if let Some(bytes) = resource.to_code() {
            codings.keep(&Codings::make(resource.digest(), coding, &bytes.bytes().unwrap()));
        }
    }
    codings.retain(&snapshot);
    let coded = snapshot.with(&codings);
    assert!(held(&coded) > held(&snapshot));
    let Lookup::Found(asset) = coded.lookup(&format!("/{name}")) else { panic!("it is not answered") };
    assert_eq!(asset.representations.len(), 1 + Coding::MADE.len());
    assert!(asset.representations.iter().all(|made| made.fields.all()["x-a"] == "1"));
    assert!(!codings.of(&coded).is_empty());
}
