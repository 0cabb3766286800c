//! Feeds and sitemaps: well-formed, and with what their readers rely on.

use std::collections::HashSet;

use serde_json::Value;

use crate::finding::Finding;
use crate::finding::Position;

use super::targets::{Place, Target, Targets};
use super::text;
use super::xml::{self, Element};

/// Things told of as wrong in one file.
const MAX_FAULTS: usize = 20;

/// What a file claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Xml,
    JsonFeed,
}

/// What the file at `path` is by its name, if it is looked at here.
pub(super) fn kind(path: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((_, "xml" | "atom" | "rss")) => Some(Kind::Xml),
        _ if name == "feed.json" => Some(Kind::JsonFeed),
        _ => None,
    }
}

/// What is wrong with the file.
pub(super) fn check(kind: Kind, path: &str, bytes: &[u8], targets: &Targets<'_>) -> Vec<Finding> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = Position::of(&String::from_utf8_lossy(bytes), error.valid_up_to());
            return vec![Finding::error(path, Some(at), "this is not UTF-8; save the file as UTF-8")];
        }
    };
    let mut reader =
        Reader { path, text, targets, findings: Vec::new(), feed: Parts::default(), entry: Parts::default() };
    match kind {
        Kind::Xml => {
            let mut ids = HashSet::new();
            let parsed = xml::parse(text, &mut |element| reader.element(element, &mut ids));
            if let Err(fault) = parsed {
                reader.error(fault.at, format!("this is not well-formed: {}", fault.message));
            }
        }
        Kind::JsonFeed => reader.json(),
    }
    reader.findings
}

/// What a feed or an entry must have.
#[derive(Default)]
struct Parts {
    id: bool,
    title: bool,
    updated: bool,
}

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    targets: &'a Targets<'a>,
    findings: Vec<Finding>,
    feed: Parts,
    entry: Parts,
}

impl Reader<'_> {
    fn error(&mut self, at: usize, message: String) {
        if self.findings.len() < MAX_FAULTS {
            self.findings.push(Finding::error(self.path, Some(Position::of(self.text, at)), message));
        }
    }

    fn element(&mut self, element: &Element<'_>, ids: &mut HashSet<String>) {
        let content = element.text.trim();
        match element.path {
            ["feed"] => {
                let parts = std::mem::take(&mut self.feed);
                self.complete(&parts, "the feed", element.at);
            }
            ["feed", "entry"] => {
                let parts = std::mem::take(&mut self.entry);
                self.complete(&parts, "the entry", element.at);
            }
            ["feed", "id"] => self.feed.id = !content.is_empty(),
            ["feed", "title"] => self.feed.title = true,
            ["feed", "updated"] => self.feed.updated = self.date(content, element.at),
            ["feed", "entry", "id"] => {
                self.entry.id = !content.is_empty();
                if !ids.insert(content.to_owned()) {
                    let shown = text::shown(content);
                    self.error(element.at, format!("the id '{shown}' is there twice: readers show one; change one"));
                }
            }
            ["feed", "entry", "title"] => self.entry.title = true,
            ["feed", "entry", "updated"] => self.entry.updated = self.date(content, element.at),
            ["urlset", "url", "loc"] | ["sitemapindex", "sitemap", "loc"] => self.location(content, element.at),
            _ => {}
        }
    }

    fn complete(&mut self, parts: &Parts, what: &str, at: usize) {
        for (there, name) in [(parts.id, "id"), (parts.title, "title"), (parts.updated, "updated")] {
            if !there {
                self.error(at, format!("{what} has no '{name}', which Atom demands; add it"));
            }
        }
    }

    /// Whether a date is there at all; that it is none is said here.
    fn date(&mut self, date: &str, at: usize) -> bool {
        if !date.is_empty() && !is_rfc3339(date) {
            let shown = text::shown(date);
            self.error(at, format!("'{shown}' is no date; write it as in '2020-01-31T12:00:00Z'"));
        }
        !date.is_empty()
    }

    fn location(&mut self, url: &str, at: usize) {
        let shown = text::shown(url);
        let place = self.targets.place(url);
        let target = match place {
            // Without an address of the site there is nothing that would make it absolute.
            Place::Own { rest, absolute } if absolute || (rest.starts_with('/') && !self.targets.knows_host()) => {
                if !absolute && self.findings.is_empty() {
                    let message = "no 'base_url' is set, so the locations are not absolute and robots drop them; set it in galley.toml";
                    self.findings.push(Finding::warning(self.path, None, message));
                }
                self.targets.resolve("", rest)
            }
            Place::Elsewhere if text::scheme(url).is_some() => return,
            _ => {
                self.error(at, format!("'{shown}' is not absolute; write it with 'https:' and host"));
                return;
            }
        };
        if let Target::Missing(path) = target {
            let remedy = match self.targets.nearest(&path) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "correct or remove it".to_owned(),
            };
            self.error(at, format!("the sitemap names '{shown}', which is not there; {remedy}"));
        }
    }

    /// JSON Feed, version 1.1.
    fn json(&mut self) {
        let value: Value = match serde_json::from_str(self.text) {
            Ok(value) => value,
            Err(error) => {
                let position = Position { line: error.line().max(1), column: error.column().max(1) };
                self.findings.push(Finding::error(
                    self.path,
                    Some(position),
                    format!("this is no JSON: {error}; mend it"),
                ));
                return;
            }
        };
        let version = value["version"].as_str().unwrap_or_default();
        if !version.starts_with("https://jsonfeed.org/version/") {
            self.json_error(
                "the feed has no 'version'; add '\"version\": \"https://jsonfeed.org/version/1.1\"'".to_owned(),
            );
        }
        if !value["title"].is_string() {
            self.json_error("the feed has no 'title'; add it".to_owned());
        }
        let Some(items) = value["items"].as_array() else {
            self.json_error("the feed has no 'items'; add them, '[]' if there are none".to_owned());
            return;
        };
        let mut ids = HashSet::new();
        for (index, item) in items.iter().enumerate() {
            let id = match &item["id"] {
                Value::String(id) if !id.is_empty() => id.clone(),
                Value::Number(id) => id.to_string(),
                _ => {
                    self.json_error(format!("item {} has no 'id'; add one that stays", index + 1));
                    continue;
                }
            };
            let shown = text::shown(&id).into_owned();
            if !ids.insert(id) {
                self.json_error(format!("the id '{shown}' is there twice: readers show one; change one"));
            }
        }
    }

    fn json_error(&mut self, message: String) {
        if self.findings.len() < MAX_FAULTS {
            self.findings.push(Finding::error(self.path, None, message));
        }
    }
}

/// `2020-01-31T12:00:00.5+01:00`: RFC 3339, with a `T`, as Atom demands it.
fn is_rfc3339(date: &str) -> bool {
    let bytes = date.as_bytes();
    let shape = |shape: &[u8], part: &[u8]| {
        shape.len() == part.len()
            && shape
                .iter()
                .zip(part)
                .all(|(shape, byte)| if *shape == b'0' { byte.is_ascii_digit() } else { shape == byte })
    };
    let Some((begin, rest)) = bytes.split_at_checked(19) else { return false };
    let number = |at: usize| u32::from(begin[at] - b'0') * 10 + u32::from(begin[at + 1] - b'0');
    if !shape(b"0000-00-00T00:00:00", begin) {
        return false;
    }
    let in_range = (1..=12).contains(&number(5)) && (1..=31).contains(&number(8)) && number(11) < 24;
    let in_range = in_range && number(14) < 60 && number(17) <= 60;
    let digits = match rest {
        [b'.', after @ ..] => after.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    let zone = match rest {
        [b'.', ..] if digits == 0 => return false,
        [b'.', after @ ..] => &after[digits..],
        _ => rest,
    };
    in_range && (zone == b"Z" || shape(b"+00:00", zone) || shape(b"-00:00", zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Redirects;
    use proptest::prelude::*;

    fn messages(path: &str, text: &str, base: Option<&str>) -> Vec<String> {
        let targets = Targets::new(vec!["a/index.html", "index.html"], base, Redirects::default());
        let kind = kind(path).unwrap();
        check(kind, path, text.as_bytes(), &targets).iter().map(ToString::to_string).collect()
    }

    fn atom(entries: &str) -> Vec<String> {
        let head =
            "<feed xmlns='http://www.w3.org/2005/Atom'><id>i</id><title/><updated>2020-01-31T00:00:00Z</updated>";
        messages("feed.xml", &format!("{head}\n{entries}</feed>"), None)
    }

    #[test]
    fn atom_feeds_have_what_readers_need() {
        let entry = "<entry><id>a</id><title>t</title><updated>2020-01-31T00:00:00.5+01:00</updated></entry>";
        assert_eq!(atom(entry), [] as [&str; 0]);
        assert_eq!(
            atom(&format!("{entry}{entry}")),
            ["feed.xml:2:95: the id 'a' is there twice: readers show one; change one"]
        );
        assert_eq!(
            atom("<entry><id/><title/><updated>2020-01-31</updated></entry>"),
            [
                "feed.xml:2:21: '2020-01-31' is no date; write it as in '2020-01-31T12:00:00Z'",
                "feed.xml:2:1: the entry has no 'id', which Atom demands; add it",
            ]
        );
        let found = messages("atom.xml", "<feed></feed>", None);
        assert_eq!(found.len(), 3);
        assert_eq!(found[2], "atom.xml:1:1: the feed has no 'updated', which Atom demands; add it");
        assert_eq!(
            atom("<entry>"),
            ["feed.xml:2:8: this is not well-formed: '</feed>' where '<entry>' is open; write '</entry>' first"]
        );
        assert_eq!(atom(&"<entry/>".repeat(100)).len(), 20);
    }

    #[test]
    fn sitemaps_name_pages_that_are_there() {
        let sitemap = |loc: &str, base| {
            let text = format!(
                "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>{loc}</loc></url></urlset>"
            );
            messages("sitemap.xml", &text, base)
        };
        let base = Some("https://x.example");
        assert_eq!(sitemap("https://x.example/a/", base), [] as [&str; 0]);
        assert_eq!(sitemap("https://y.example/b/", base), [] as [&str; 0]);
        assert!(sitemap("https://x.example/b/", base)[0].contains("the sitemap names 'https://x.example/b/'"));
        assert!(sitemap("/a/", base)[0].contains("'/a/' is not absolute"));
        assert!(sitemap("/a/", None)[0].starts_with("sitemap.xml: no 'base_url' is set"));
        assert!(sitemap("", base)[0].contains("'' is not absolute"));
    }

    #[test]
    fn json_feeds_have_what_readers_need() {
        let feed = |items: &str| {
            let text =
                format!("{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"t\",\"items\":{items}}}");
            messages("feed.json", &text, None)
        };
        assert_eq!(feed("[{\"id\":\"a\"},{\"id\":1}]"), [] as [&str; 0]);
        assert_eq!(
            feed("[{\"id\":\"a\"},{\"id\":\"a\"},{}]"),
            [
                "feed.json: the id 'a' is there twice: readers show one; change one",
                "feed.json: item 3 has no 'id'; add one that stays",
            ]
        );
        assert_eq!(messages("feed.json", "[]", None).len(), 3);
        assert!(messages("tags/feed.json", "{\n", None)[0].starts_with("tags/feed.json:2:"));
    }

    #[test]
    fn dates_are_those_of_rfc_3339() {
        for date in ["2020-01-31T00:00:00Z", "2016-12-31T23:59:60+00:00", "2020-01-31T00:00:00.123-11:30"] {
            assert!(is_rfc3339(date), "{date}");
        }
        for date in
            ["", "2020-13-31T00:00:00Z", "2020-01-31 00:00:00Z", "2020-01-31T00:00:00", "2020-01-31T00:00:00.Z", "ä"]
        {
            assert!(!is_rfc3339(date), "{date}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_told() {
        let targets = Targets::new(Vec::new(), None, Redirects::default());
        let found = check(Kind::Xml, "a.xml", b"<a>\n\xff</a>", &targets);
        assert_eq!(found[0].to_string(), "a.xml:2:1: this is not UTF-8; save the file as UTF-8");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), date in "[0-9TZ:.+-]{0,26}") {
            let targets = Targets::new(Vec::new(), None, Redirects::default());
            check(Kind::Xml, "a.xml", &bytes, &targets);
            check(Kind::JsonFeed, "feed.json", &bytes, &targets);
            is_rfc3339(&date);
        }
    }
}
