//! Lines, and where they lead.

use super::*;
use crate::snapshot::leads_to_one;
use proptest::prelude::*;

fn redirects(text: &str) -> Redirects {
    let (redirects, faults) = Redirects::parse(text);
    assert!(faults.is_empty(), "{faults:?}");
    redirects
}

fn location(text: &str, path: &str, query: Option<&str>) -> Option<String> {
    let redirects = redirects(text);
    redirects.location(redirects.find(path)?, path, query)
}

#[test]
fn a_path_leads_where_its_line_says() {
    let text = "# old\n/a /b/\n/x/* /y/:splat 302\n/:year/:name /posts/:name/?y=:year # by name\n/z https://else.example/#top\n/gone / 410\n/%C3%BC /ä/\n/c /c/\n/v/:w/:wx /:w/:wx/v";
    for (path, query, expected) in [
        ("/a", None, Some("/b/")),
        ("/a/", Some("q=1"), Some("/b/?q=1")),
        ("/x/1/2", None, Some("/y/1/2")),
        ("/x//evil.example", None, Some("/y//evil.example")),
        ("/x/ü\r\nset-cookie: a", None, Some("/y/%C3%BC%0D%0Aset-cookie:%20a")),
        ("/2024/n", Some("q"), Some("/posts/n/?y=2024")),
        ("/ü", None, Some("/%C3%A4/")),
        ("/z", Some("q"), Some("https://else.example/?q#top")),
        ("/gone", None, None),
        ("/none/of/them", None, None),
        // Its own path, which is put right without a rule.
        ("/c", None, None),
        ("/c/", None, None),
        ("/posts/n/", None, None),
        ("/v/evil/:w", None, Some("/evil/:w/v")),
    ] {
        assert_eq!(location(text, path, query).as_deref(), expected, "{path}");
    }
    assert_eq!(location("/d /d/index.html", "/d/index.html", None), None);
    assert_eq!(redirects("/a /b\n/a /c\n").find("/a"), Some(0));
    assert_eq!(redirects("/* /:splat").location(0, "//evil.example", None).as_deref(), Some("/evil.example"));
}

#[test]
fn each_fault_has_its_place_and_remedy() {
    for (text, expected) in [
        ("\n  /a", "2:3: a redirect without a target; write 'FROM TO' in the line"),
        ("/a /b 200", "1:1: '200' is no status that is known here; take 301"),
        ("/a /b 301 Country=de", "1:1: 'Country=de' is one word too many"),
        ("a /b", "1:1: 'a' must be a path that begins with '/'"),
        ("/a b", "1:1: 'b' is no target; write a path that begins with '/'"),
        ("/a //b", "1:1: '//b' is no target"),
        ("/a javascript:x", "1:1: 'javascript:x' is no target"),
        (&*format!("/long/* /{}", ":splat".repeat(2000)), "1:1: the target of '/long/*' is longer than the 8 KB"),
        ("/*/* /b", "1:1: '/*/*' has something behind its '*'"),
    ] {
        let (redirects, faults) = Redirects::parse(text);
        assert!(redirects.rules().is_empty());
        assert!(faults.len() == 1 && faults[0].to_string().starts_with(expected), "{text}: {faults:?}");
    }
}

#[test]
fn circles_are_told_once() {
    let told = |text: &str| {
        let circles = redirects(text).circles(|path| path == "/there/");
        circles.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let expected = "1:1: redirects lead in a circle: /x → /y → /x; let one of them lead out";
    assert_eq!(told("/x /y\n/y /x/\n/z /x"), [expected]);
    assert_eq!(told("/q/* /q/?a=:splat\n/q /q/x").len(), 1);
    for text in [
        "/* /there/",
        "/a /b",
        "/c /c/",
        "/about/ /about",
        "/page.html /page",
        "/:y/:n/ /posts/:n/",
        "/q /q?y=1",
        "/* /new/:splat",
        "/:a/* /:a/x/:splat",
        "/a/* /b/:splat\n/b/* /a/:splat",
    ] {
        assert_eq!(told(text), [] as [&str; 0], "{text}");
    }
}

#[test]
fn patterns_that_fit_what_they_lead_to_end_at_what_is_there() {
    for (text, path, ends) in [
        ("/* /en/:splat", "/a", true),
        ("/* /en/:splat", "/b", false),
        ("/* /en/:splat", "/en/b", false),
        ("/a/* /en/:splat\n/en/* /a/:splat", "/a/a", true),
        ("/a/* /en/:splat\n/en/* /a/:splat", "/a/b", false),
        // Elsewhere, nowhere, and to a line for one path.
        ("/* https://else.example/:splat", "/b", true),
        ("/old/* /new/:splat", "/old/b", true),
        ("/* /en/:splat\n/en/b /en/a", "/b", true),
        // A path that would take all memory before it took too many steps.
        ("/* /:splat:splat:splat:splat:splat:splat:splat:splat:splat:splat:splat:splat", "/xxxx", false),
    ] {
        let redirects = redirects(text);
        let number = redirects.find_pattern(path).unwrap();
        assert_eq!(redirects.ends(number, path, |path| path == "/en/a"), ends, "{text} {path}");
        assert!(redirects.circles(|path| path == "/en/a").is_empty(), "{text}");
    }
}

#[test]
fn what_leads_in_a_circle_is_left_out() {
    for (text, kept) in [
        ("/x /y\n/y /x/\n/z /x\n/a /b", &["/z", "/a"][..]),
        ("/blog/* /blog/new/:splat\n/a /b", &["/blog/*", "/a"]),
        // The pattern has come into effect by then.
        ("/d /e\n/e /d\n/:d /d", &["/:d"]),
        ("/a /b\n/b /c", &["/a", "/b"]),
        // Twelve steps, and no circle.
        (
            "/1 /2\n/2 /3\n/3 /4\n/4 /5\n/5 /6\n/6 /7\n/7 /8\n/8 /9\n/9 /A\n/A /B\n/B /C\n/C /",
            &["/3", "/4", "/5", "/6", "/7", "/8", "/9", "/A", "/B", "/C"],
        ),
    ] {
        let (found, faults) = redirects(text).without_circles(|_| false);
        let names: Vec<_> = found.rules().iter().map(|rule| rule.from.as_str()).collect();
        assert_eq!(names, kept, "{text}");
        let is_sound = text.starts_with("/a /b\n") || text.starts_with("/blog");
        assert!(found.circles(|_| false).is_empty() && faults.is_empty() == is_sound, "{faults:?}");
    }
    // Very many that come into effect one after the other.
    let many: String = (0..300).map(|number| format!("/:a{number}/b /b/x{number}\n/b/x{number} /x/b\n")).collect();
    assert!(redirects(&many).without_circles(|_| false).0.circles(|_| false).is_empty());
}

proptest! {
    #[test]
    fn no_text_panics(text in "[/:*a-c# \\nä=%!0-9]{0,120}", path in "/[/a-c]{0,20}") {
        let (redirects, _) = Redirects::parse(&text);
        let (redirects, _) = redirects.without_circles(|_| false);
        if let Some(number) = redirects.find(&path) {
            redirects.ends(number, &path, |_| false);
            let location = redirects.location(number, &path, Some("q"));
            prop_assert!(location.is_none_or(|location| !location.starts_with("//")));
        }
    }
}

/// Readers are sent from other spellings to the file, and there it ends.
#[test]
fn a_file_in_another_spelling_is_there() {
    for target in ["/index.html", "/a", "/a/index.html", "/a.html", "/b"] {
        let text = format!("/start {target}\n/* /start\n");
        let is_there = |path: &str| matches!(path, "/" | "/a/" | "/b.html");
        assert!(redirects(&text).circles(|path| leads_to_one(path, is_there)).is_empty(), "{text}");
        assert_eq!(redirects(&text).circles(|_| false).len(), 1, "{text}");
    }
}

#[test]
fn what_is_only_too_long_is_no_circle() {
    let steps: String = (0..12).map(|step| format!("/{step} /{}\n", step + 1)).collect();
    let grows = format!("/a /b/{0}\n/b/* /c/:splat:splat:splat\n", "x".repeat(4000));
    for (text, expected) in [
        (
            steps,
            "1:1: this leads on by more than 10 redirects, which browsers don't follow: /0 → /1 → …; let it lead to where they end",
        ),
        (grows, "1:1: this leads to an address that is too long to be asked for; shorten it"),
    ] {
        assert_eq!(redirects(&text).circles(|_| false)[0].to_string(), expected);
    }
}

/// What can't be asked for, or grows at each step, takes neither the process nor its memory.
#[test]
fn what_is_far_too_long_is_refused_or_not_followed() {
    let long = "a".repeat(9000);
    let (_, faults) = Redirects::parse(&format!("/{long} /b\n/{long}/* /b\n"));
    assert_eq!(faults.len(), 2);
    let nearly = "a".repeat(MAX_PATH - 3);
    let grows = ":splat".repeat(1365);
    for text in [format!("/{nearly}/* /b\n"), format!("/* /{grows}\n"), format!("/old/* https://x.example/{grows}\n")] {
        let (redirects, _) = Redirects::parse(&text);
        redirects.circles(|_| false);
        let (redirects, _) = redirects.without_circles(|_| false);
        let path = format!("/old/{}", "b".repeat(5000));
        if let Some(number) = redirects.find_pattern(&path) {
            assert!(!redirects.ends(number, &path, |_| false));
        }
    }
}
