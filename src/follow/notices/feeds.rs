//! Which feeds a swap changed, and where subscribers know them.

use reqwest::Url;
use serde::Deserialize;

use crate::snapshot::{Coding, Snapshot, url_path};

/// The names that feeds have: galley's own, and those of other generators, whose folders can be shipped as well.
const NAMES: [&str; 5] = ["feed.xml", "feed.json", "atom.xml", "rss.xml", "index.xml"];
/// So many feeds are told of at most, the highest first: a new title changes those of each tag.
const MAX_FEEDS: usize = 32;

/// The URLs of the feeds of `new` that `old` does not have, or has with other bytes: what the feed itself says, or what `place`
/// makes of its path. A feed that says nothing is left out where there is no place.
pub(super) fn changed(old: &Snapshot, new: &Snapshot, place: Option<&str>) -> Vec<String> {
    let is_feed = |path: &str| path.rsplit('/').next().is_some_and(|name| NAMES.contains(&name));
    let mut paths = new.changed_since(old, is_feed);
    paths.sort_by_key(|path| (path.matches('/').count(), *path));
    let total = paths.len();
    let url = |path: &&str| match place {
        Some(place) => Some(format!("{place}{}", url_path(path))),
        None => own(new, path),
    };
    let mut found: Vec<String> = paths.iter().filter_map(url).collect();
    if found.len() < total {
        tracing::warn!("{} feeds do not say their address; name the blog's with --public-url", total - found.len());
    }
    if found.len() > MAX_FEEDS {
        tracing::warn!("{} feeds have changed; subscribers of the first {MAX_FEEDS} are told", found.len());
        found.truncate(MAX_FEEDS);
    }
    found
}

/// Where readers find the blog, as its feed says.
pub(super) fn home(snapshot: &Snapshot) -> Option<String> {
    let found = NAMES.iter().find_map(|name| {
        let path = format!("/{name}");
        Some(own(snapshot, &path)?.strip_suffix(name)?.to_owned())
    });
    Some(Url::parse(&found?).ok()?.into())
}

/// The address that the feed at `path` says of itself.
fn own(snapshot: &Snapshot, path: &str) -> Option<String> {
    let made = snapshot.find(path)?.representations.iter().find(|made| made.coding == Coding::Identity)?;
    let bytes = made.body.held()?.bytes().ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let url = if path.ends_with(".json") { of_json(text) } else { of_xml(text) }?;
    let is_absolute = url.starts_with("https://") || url.starts_with("http://");
    (is_absolute && !url.contains(char::is_whitespace)).then_some(url)
}

/// JSON Feed 1.1, "Top-level".
fn of_json(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Feed {
        feed_url: Option<String>,
    }
    serde_json::from_str::<Feed>(text).ok()?.feed_url
}

/// The link with `rel="self"` of an Atom feed (RFC 4287, section 4.2.7.2), or of RSS in Atom's name space.
fn of_xml(text: &str) -> Option<String> {
    // Those of entries are of something else.
    let head = text.split("<entry").next()?.split("<item").next()?;
    let names = ["link", "atom:link"];
    let tags = head.split('<').filter_map(|tag| names.iter().find_map(|name| tag.strip_prefix(name)));
    let mut tags = tags.filter(|tag| tag.starts_with(char::is_whitespace)).filter_map(|tag| tag.split('>').next());
    let own = tags.find(|tag| attribute(tag, "rel") == Some("self"))?;
    Some(attribute(own, "href")?.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&"))
}

/// The value of an attribute, in quotes.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.match_indices(name).find_map(|(at, _)| {
        tag[..at].chars().next_back().is_none_or(char::is_whitespace).then_some(())?;
        let value = tag[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        value.strip_prefix(quote)?.split(quote).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Entry, Tree, TreePath, freeze};
    use bytes::Bytes;
    use proptest::prelude::*;

    fn snapshot(files: &[(&str, &str)]) -> Snapshot {
        let mut tree = Tree::new();
        for (path, text) in files {
            let entry = Entry::new(Bytes::copy_from_slice(text.as_bytes()), None);
            tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
        }
        freeze(&tree, None).unwrap()
    }

    const ATOM: &str = "<?xml version=\"1.0\"?>\n<feed>\n<id>x</id>\n\
        <link rel=\"self\" type=\"application/atom+xml\" href=\"https://blog.example/a&amp;b/feed.xml\"/>\n\
        <entry><link rel='self' href='https://blog.example/wrong'/></entry></feed>\n";

    #[test]
    fn a_feed_says_its_address() {
        assert_eq!(of_xml(ATOM).unwrap(), "https://blog.example/a&b/feed.xml");
        assert_eq!(
            of_xml("<rss><atom:link href = 'https://a.example/rss.xml'\n rel='self'/>").unwrap(),
            "https://a.example/rss.xml"
        );
        for none in [
            "",
            "<link",
            "<link rel=\"self\"/>",
            "<feed><entry><link rel=\"self\" href=\"x\"/>",
            "<link href=x rel=self>",
        ] {
            assert_eq!(of_xml(none), None, "{none}");
        }
        assert_eq!(
            of_json(r#"{"items": [{"id": 1}], "feed_url": "https://a.example/feed.json"}"#).unwrap(),
            "https://a.example/feed.json"
        );
        assert_eq!(of_json("{}"), None);
        assert_eq!(of_json("<feed>"), None);
    }

    #[test]
    fn only_feeds_that_changed_are_named() {
        let json = r#"{"feed_url": "https://blog.example/tags/ä/feed.json"}"#;
        let own = ATOM.replace("/a&amp;b", "");
        let files =
            [("index.html", "x"), ("feed.xml", own.as_str()), ("posts/feed.xml", ATOM), ("tags/ä/feed.json", json)];
        let old = snapshot(&files);
        assert_eq!(changed(&old, &old, None), Vec::<String>::new());
        let changed_page = snapshot(&[("index.html", "y"), files[1], files[2], files[3]]);
        assert_eq!(changed(&old, &changed_page, None), Vec::<String>::new());
        let longer = own.clone() + " ";
        let new =
            snapshot(&[files[0], ("feed.xml", &longer), files[2], ("tags/ä/feed.json", "{}"), ("rss.xml", "<rss/>")]);
        assert_eq!(changed(&old, &new, None), ["https://blog.example/feed.xml"]);
        let place = Some("https://www.example/blog");
        let all =
            ["feed.xml", "rss.xml", "tags/%C3%A4/feed.json"].map(|path| format!("https://www.example/blog/{path}"));
        assert_eq!(changed(&old, &new, place), all);
        assert_eq!(home(&new).unwrap(), "https://blog.example/");
        assert_eq!(home(&snapshot(&[("index.html", "x")])), None);
        // What is gone is no news.
        assert_eq!(changed(&old, &snapshot(&[files[0]]), place), Vec::<String>::new());
    }

    proptest! {
        /// What is in a feed comes from others.
        #[test]
        fn no_feed_panics(text in "(<|link|atom:link| |\n|rel|href|=|\"|'|self|ä|>|<entry|\\PC){0,24}") {
            of_xml(&text);
            of_json(&text);
        }
    }
}
