//! Pages, and what their policies allow.

use super::*;
use proptest::prelude::*;

/// The sources of one directive.
fn sources(html: &str, name: &str) -> String {
    let policy = policy(html);
    let found = policy.split("; ").find_map(|directive| directive.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_default().to_owned()
}

#[test]
fn a_plain_page_allows_nothing_but_its_own() {
    let expected = "default-src 'self'; base-uri 'self'; frame-ancestors 'self'; object-src 'none'; \
                    form-action 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:";
    assert_eq!(policy("<p>text <a href='https://x.example/'>link</a> <img src=/a.png>"), expected);
}

#[test]
fn what_stands_in_the_page_is_named_by_its_hash() {
    // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
    let alert = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
    assert_eq!(sources("<script>alert(1)</script>", "script-src"), format!("'self' {alert}"));
    assert_eq!(sources("<script type=module>alert(1)</script>", "script-src"), format!("'self' {alert}"));
    assert_eq!(sources("<script type='application/ld+json'>{}</script>", "script-src"), "'self'");
    let handler = sources("<b onclick='alert(1)'>x</b>", "script-src");
    assert_eq!(handler, format!("'self' 'unsafe-hashes' {alert}"));
    assert_eq!(sources("<style>alert(1)</style>", "style-src"), format!("'self' {alert}"));
    assert_eq!(sources("<p style='alert&#40;1)'>", "style-src"), format!("'self' 'unsafe-hashes' {alert}"));
}

#[test]
fn other_hosts_get_what_the_page_takes_from_them() {
    let html = "<iframe src='https://Video.example/embed?x'></iframe><img srcset='//cdn.example/a.png 1x, /b.png 2x'>\
                <script src=https://code.example:8443/x.js></script><img src='https://evil.example;script-src/x'>";
    assert_eq!(sources(html, "frame-src"), "'self' https://video.example https://code.example:8443");
    assert_eq!(sources(html, "img-src"), "'self' data: cdn.example https://code.example:8443");
    assert_eq!(sources(html, "script-src"), "'self' https://code.example:8443");
    assert_eq!(sources(html, "connect-src"), "'self' https://code.example:8443");
}

#[test]
fn what_styles_and_links_take_is_allowed() {
    let html = "<style>@import 'https://a.example/x.css'; p { background: url(\"https://b.example/y.png\") }</style>\
                <p style='background: url(//c.example/z.png)'><link rel=preload as=font href=https://d.example/f.woff2>\
                <link rel=manifest href=https://e.example/m><svg><image href='https://f.example/i.png'/></svg>";
    let images = "'self' data: https://a.example https://b.example c.example https://f.example";
    assert_eq!(sources(html, "img-src"), images);
    let styles = sources(html, "style-src");
    let hosts: Vec<&str> = styles.split(' ').filter(|source| !source.starts_with('\'')).collect();
    assert_eq!(hosts, ["https://a.example"]);
    assert!(
        sources(html, "font-src")
            .starts_with("'self' data: https://a.example https://b.example c.example https://d.example")
    );
    assert_eq!(sources(html, "manifest-src"), "'self' https://e.example");
}

#[test]
fn styles_in_drawings_are_read_as_browsers_read_them() {
    let plain = sources("<style>a > b {}</style>", "style-src");
    for html in [
        "<svg><style>a &gt; b {}</style>",
        "<svg><style><![CDATA[a > b {}]]></style>",
        "<svg><style><!-- x -->a > b {}</style>",
    ] {
        assert_eq!(sources(html, "style-src"), plain, "{html}");
    }
}

#[test]
fn pictures_of_very_many_hosts_may_come_from_any() {
    let page =
        |scheme: &str| (0..20).map(|number| format!("<img src='{scheme}h{number}.example/a'>")).collect::<String>();
    assert_eq!(sources(&page("https://"), "img-src"), "'self' data: https:");
    assert_eq!(sources(&page("http://"), "img-src"), "'self' data: https: http:");
    assert_eq!(sources(&page("//"), "img-src"), "'self' data: https: http:");
    assert_eq!(sources(&page("https://"), "script-src"), "'self'");
}

#[test]
fn of_very_many_scripts_the_first_run() {
    let html: String = (0..99).map(|number| format!("<script>{number}</script>")).collect();
    let allowed = sources(&html, "script-src");
    assert!(allowed.starts_with(&format!("'self' '{}' '{}'", hash("0"), hash("1"))), "{allowed}");
    assert_eq!(allowed.matches("sha256").count(), MAX_SCRIPTS);
    assert!(policy(&html).len() < 3500);
}

#[test]
fn of_very_many_hosts_the_first_of_the_page_are_allowed() {
    let page = |count: usize| {
        let frames = (0..count).map(|number| format!("<iframe src='https://h{}.example/'></iframe>", 99 - number));
        frames.collect::<String>() + "<iframe src='https://h99.example/x'></iframe>"
    };
    let allowed = sources(&page(20), "frame-src");
    assert!(allowed.starts_with("'self' https://h99.example https://h98.example"), "{allowed}");
    assert_eq!(allowed.matches("https://").count(), MAX_HOSTS);
    assert_eq!(beyond_policy(&page(MAX_HOSTS)), [""; 0]);
    let beyond = beyond_policy(&page(MAX_HOSTS + 1));
    assert!(beyond.len() == 1 && beyond[0].contains("what 'frame-src' names, and its security policy"), "{beyond:?}");
}

#[test]
fn what_scripts_may_bring_is_no_host_of_the_page() {
    let scripts = |count: usize| {
        (0..count).map(|number| format!("<script src='https://s{number}.example/'></script>")).collect::<String>()
    };
    let frames: String =
        (0..MAX_HOSTS).map(|number| format!("<iframe src='https://f{number}.example'></iframe>")).collect();
    // All that the page names is allowed, and of what its scripts may frame as much as there is room for.
    let page = frames + &scripts(MAX_HOSTS);
    assert_eq!(beyond_policy(&page), [""; 0]);
    assert_eq!(sources(&page, "frame-src").matches("https://f").count(), MAX_HOSTS);
    assert_eq!(sources(&page, "script-src").matches("https://s").count(), MAX_HOSTS);
    // One cause, one warning.
    let beyond = beyond_policy(&scripts(MAX_HOSTS + 1));
    assert!(beyond.len() == 1 && beyond[0].contains("'script-src'"), "{beyond:?}");
    let pictures = |number: usize| format!("<p style='background: url(https://p{number}.example/a.png)'>");
    assert_eq!(beyond_policy(&(0..=MAX_HOSTS).map(pictures).collect::<String>()), [""; 0]);
    let imports = |number: usize| format!("@import 'https://i{number}.example/a.css';");
    let beyond = beyond_policy(&format!("<style>{}</style>", (0..=MAX_HOSTS).map(imports).collect::<String>()));
    assert!(beyond.len() == 1 && beyond[0].contains("'style-src'"), "{beyond:?}");
}

#[test]
fn what_there_is_no_room_for_is_told() {
    let scripts: String = (0..=MAX_SCRIPTS).map(|number| format!("<script>{number}</script>")).collect();
    let beyond = beyond_policy(&scripts);
    assert!(beyond.len() == 1 && beyond[0].starts_with("of 49 scripts and event handlers"), "{beyond:?}");
    let styles = |count: usize| (0..count).map(|number| format!("<p style='width: {number}px'>")).collect::<String>();
    assert_eq!(beyond_policy(&styles(MAX_HASHES)), [""; 0]);
    let beyond = beyond_policy(&styles(MAX_HASHES + 1));
    assert!(beyond.len() == 1 && beyond[0].contains("so any are allowed; put them into a style sheet"), "{beyond:?}");
    let pictures: String = (0..99).map(|number| format!("<img src='https://h{number}.example/a'>")).collect();
    assert_eq!(beyond_policy(&pictures), [""; 0]);
}

#[test]
fn very_many_style_attributes_are_allowed_as_a_whole() {
    let html: String = (0..=MAX_HASHES).map(|number| format!("<p style='width: {number}px'>")).collect();
    assert_eq!(sources(&html, "style-src"), "'self' 'unsafe-inline'");
}

proptest! {
    #[test]
    fn no_page_breaks_out_of_the_field(html in "[<>/a-c\"'= ;:,.\\n&#]{0,120}|<img src='\\PC{0,40}'>") {
        let policy = policy(&html);
        prop_assert!(http::HeaderValue::from_str(&policy).is_ok(), "{}", policy);
        prop_assert_eq!(policy.matches("script-src").count(), 1);
    }
}
