//! Trees with one fault each, and what is said of them.

use bytes::Bytes;

use super::*;
use proptest::prelude::*;

pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (path, text) in files {
        let entry = Entry::new(Bytes::copy_from_slice(text.as_bytes()), None);
        tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
    }
    tree
}

pub(super) fn provenance(pages: &[(&str, &str, &str)]) -> Provenance {
    let mut provenance = Provenance::new();
    for (output, path, text) in pages {
        let source = Source { path: (*path).to_owned(), text: Arc::from(*text) };
        provenance.insert(TreePath::new(output).unwrap(), source);
    }
    provenance
}

fn options() -> Options {
    Options { base_url: Some("https://x.example".to_owned()) }
}

/// What is said of a page with `html` in its body, made from `markdown` if there is any, beside two other pages.
fn found_in(html: &str, markdown: Option<&str>) -> Vec<String> {
    let page = format!("<!doctype html><title>t</title>\n{html}");
    let other = "<h2 id=intro>x</h2><h2 id='ü b'>y</h2><a name=old></a>";
    let files = [("index.html", page.as_str()), ("posts/hello/index.html", other), ("a.png", ""), ("b c.png", "")];
    let provenance = markdown.map(|markdown| provenance(&[("index.html", "content/_index.md", markdown)]));
    let findings = check(&tree(&files), &provenance.unwrap_or_default(), &options());
    findings.iter().map(|finding| format!("{}{finding}", if finding.is_error() { "E " } else { "W " })).collect()
}

fn assert_sound(html: &str) {
    assert_eq!(found_in(html, None), [] as [&str; 0], "{html}");
}

#[test]
fn links_that_lead_somewhere_are_sound() {
    assert_sound("<a href=/posts/hello/>a</a><a href=posts/hello?x#intro>b</a><a href='#top'>c</a><a href='#'>d</a>");
    assert_sound("<a href='/posts/hello/#%C3%BC%20b'>a</a><a href='/posts/hello/#old'>b</a><a href=mailto:x@y>c</a>");
    assert_sound("<img src='b%20c.png' alt=x srcset='/a.png 1x, a.png 2x'><a href='https://else.example/#x'>d</a>");
    assert_sound("<a href='/posts/hello/#:~:text=x'>a</a><p id=x></p><a href='?y#x'>b</a>");
    assert_sound("<link rel=canonical href='https://x.example/posts/hello/'><base href='/posts/'><a href=hello/>x</a>");
}

#[test]
fn broken_links_are_errors_at_their_place() {
    assert_eq!(
        found_in("<a href=/posts/helo/>x</a>", None),
        ["E index.html:2:4: the link to '/posts/helo/' leads nowhere; did you mean '/posts/hello/'?"]
    );
    assert_eq!(
        found_in("<a href=/gone/>x</a>", Some("+++\n+++\n\nsee [x](/gone/)\n")),
        ["E content/_index.md:4:9: the link to '/gone/' leads nowhere: there is no such file; correct or remove it"]
    );
    assert!(found_in("<a href=/Posts/hello/>x</a>", None)[0].ends_with("did you mean '/posts/hello/'?"));
    assert!(found_in("<a href='https://x.example/gone/'>x</a>", None)[0].starts_with("E index.html:2:4: the link"));
    assert!(found_in("<img alt=x src=c.png>", None)[0].contains("the image 'c.png' leads nowhere"));
    assert!(found_in("<a href=twitter.com/me>x</a>", None)[0].ends_with("write 'https://twitter.com/me'"));
    assert!(found_in("<img alt=x src=a.png srcset='a.png, x.jpeg 2x'>", None)[0].contains("'x.jpeg' leads nowhere"));
}

#[test]
fn missing_anchors_are_errors() {
    assert_eq!(
        found_in("<a href='/posts/hello/#intr'>x</a>", Some("[x](posts/hello.md#intr)")),
        [
            "E content/_index.md:1:19: '/posts/hello/#intr' names an anchor that its page does not have; did you mean '#intro'?"
        ]
    );
    assert_eq!(
        found_in("<a href='#gone'>x</a>", None),
        ["E index.html:2:4: '#gone' names an anchor that its page does not have; give a heading the id 'gone'"]
    );
    assert_eq!(
        found_in("<a href='/posts/hello/#Intro'>x</a>", None),
        ["E index.html:2:4: '/posts/hello/#Intro' names an anchor that its page does not have; did you mean '#intro'?"]
    );
}

#[test]
fn odd_links_are_warnings() {
    for (url, message) in [
        ("todo:find it", "the link to 'todo:find it' is still to be written; give it a target"),
        ("", "a link leads nowhere: its target is empty; write one or remove the link"),
        ("javascript:void(0)", "the link to 'javascript:void(0)' does nothing without scripts"),
        ("http://localhost:4000/x", "'http://localhost:4000/x' leads to the reader's own machine"),
        ("http://127.0.0.1", "'http://127.0.0.1' leads to the reader's own machine"),
        (
            "https://x.example/posts/hello/",
            "'https://x.example/posts/hello/' breaks under any other address of the site; write '/posts/hello/' instead",
        ),
    ] {
        let found = found_in(&format!("<a href=\"{url}\">x</a>"), Some(&format!("\n[x]({url})")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("W content/_index.md:2:") && found[0].contains(message), "{found:?}");
    }
    assert!(
        found_in("<img alt=x src=http://else.example/a.png>", None)[0].contains("is not loaded on a page with https")
    );
}

#[test]
fn images_want_words() {
    let advice = "the image 'a.png' has no description for those who can't see it";
    assert_eq!(
        found_in("<img src=a.png>", None),
        [format!("W index.html:2:1: {advice}; add 'alt', empty if the image is an ornament")]
    );
    assert_eq!(
        found_in("<img src=a.png alt=\"\">", Some("\nx ![](a.png)")),
        [format!("W content/_index.md:2:3: {advice}; write one into the '[]'")]
    );
    assert_eq!(found_in("<img src=a.png alt=\"\">", Some("<img src=a.png alt=\"\">")), [] as [&str; 0]);
    assert_sound("<img src=a.png alt=''><img src=a.png alt=x>");
}

#[test]
fn pages_that_their_policy_has_no_room_for_are_warned_of() {
    let styles: String = (0..60).map(|number| format!("<p style='width: {number}px'>x</p>")).collect();
    let found = found_in(&styles, Some(&styles));
    let message = "W content/_index.md: the page has more styles of its own than its security policy can name";
    assert!(found.len() == 1 && found[0].starts_with(message), "{found:?}");
    assert!(found_in(&styles, None)[0].starts_with("W index.html: the page has more styles"));
}

#[test]
fn a_policy_of_the_authors_own_is_not_judged() {
    let styles: String = (0..60).map(|number| format!("<p style='width: {number}px'>x</p>")).collect();
    let page = format!("<!doctype html><title>t</title>{styles}");
    for (rules, warned) in [
        ("/*\n  Content-Security-Policy: default-src 'self'\n", &[][..]),
        ("/posts/*\n  ! Content-Security-Policy\n", &["index.html"]),
        ("/posts/a/index.html\n  ! Content-Security-Policy\n", &["index.html", "posts/a/index.html"]),
        ("/*\n  Content-Security-Policy-Report-Only: default-src 'self'\n", &["index.html", "posts/a/index.html"]),
    ] {
        let files = [("index.html", page.as_str()), ("posts/a/index.html", &page), ("_headers", rules)];
        let findings = check(&tree(&files), &Provenance::new(), &options());
        let paths: Vec<_> = findings.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, warned, "{rules}");
    }
}

#[test]
fn broken_nesting_is_an_error_at_the_authors_tag() {
    assert_eq!(
        found_in("<div><b class=x>y</div>", Some("one\n\n<div><b class=x>y</div>\n")),
        ["E content/_index.md:3:6: '<b class=x>' is not closed before '</div>'; add '</b>'"]
    );
    assert_eq!(
        found_in("<p id=a>x<p id=a>y", None),
        ["E index.html:2:10: the id 'a' is there twice; links lead to the first; rename one"]
    );
}

#[test]
fn redirects_feeds_and_sitemaps_are_looked_at() {
    let files = [
        ("_redirects", "/old/ /new/\n/x /index.html\n"),
        ("index.html", "<a href=/x>x</a><a href=/from/#y>z</a>"),
        ("from/index.html", "<meta http-equiv=refresh content='0; url=/to/'><a href=/to/>x</a>"),
        ("to/index.html", "<meta http-equiv=refresh content='0; url=/from/'>"),
        ("feed.xml", "<feed>"),
        ("sitemap.xml", "<urlset><url><loc>https://x.example/no/</loc></url></urlset>"),
        (".hidden.html", "</b>"),
    ];
    let findings = check(&tree(&files), &Provenance::new(), &options());
    let paths: Vec<_> = findings.iter().map(|finding| finding.path.as_str()).collect();
    assert_eq!(paths, ["_redirects", "feed.xml", "from/index.html", "sitemap.xml"], "{findings:#?}");
    assert!(findings.iter().all(Finding::is_error));
}

#[test]
fn a_page_full_of_broken_links_is_told_in_short() {
    let links: String = (0..300).map(|number| format!("<a href=/no{number}>x</a>")).collect();
    let found = found_in(&links, None);
    assert_eq!(found.len(), 101);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), markdown in "\\PC{0,80}") {
        let mut tree = tree(&[("b.html", "x")]);
        for path in ["index.html", "a.xml", "feed.json", "_redirects"] {
            tree.insert(TreePath::new(path).unwrap(), Entry::new(Bytes::from(bytes.clone()), None)).unwrap();
        }
        let findings = check(&tree, &provenance(&[("index.html", "a.md", &markdown)]), &options());
        prop_assert!(findings.is_sorted());
        format::github(&findings);
    }

    #[test]
    fn no_references_panic(urls in proptest::collection::vec("[a:/#?%.ä \\\\&;]{0,12}|https://x.example[/a#]{0,4}", 0..6)) {
        let html: String = urls.iter().map(|url| format!("<a href=\"{url}\">x</a><img src='{url}' srcset='{url} 1x'>")).collect();
        found_in(&html, Some(&urls.join(" ")));
    }
}
