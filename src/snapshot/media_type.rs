//! Media types by file name ending.

use http::HeaderValue;

use super::coding::MIN_LENGTH;

/// A media type and whether compressing it is worth a try.
pub(super) struct MediaType {
    pub(super) name: HeaderValue,
    pub(super) compressible: bool,
}

impl MediaType {
    /// Whether a file of `length` bytes is coded. A larger one is no text that somebody reads, and coding it would take as
    /// long as a hundred pages.
    pub(super) fn is_coded(&self, length: u64) -> bool {
        /// Four times the largest list or index of 10,000 posts.
        const MAX_LENGTH: u64 = 8 * 1024 * 1024;
        self.compressible && (MIN_LENGTH as u64..=MAX_LENGTH).contains(&length)
    }

    /// Whether it is a page that readers come to.
    pub(super) fn is_html(&self) -> bool {
        matches!(self.name.as_bytes(), b"text/html; charset=utf-8" | b"application/xhtml+xml")
    }

    /// Whether a browser shows it as a page, in which scripts could run.
    pub(super) fn is_page(&self) -> bool {
        self.is_html() || self.name == "image/svg+xml"
    }
}

/// Ending, media type, compressible. What a blog serves; all else is `application/octet-stream`, which a browser saves.
const TYPES: &[(&str, &str, bool)] = &[
    ("html", "text/html; charset=utf-8", true),
    ("htm", "text/html; charset=utf-8", true),
    ("xhtml", "application/xhtml+xml", true),
    ("css", "text/css; charset=utf-8", true),
    ("js", "text/javascript; charset=utf-8", true),
    ("mjs", "text/javascript; charset=utf-8", true),
    ("json", "application/json", true),
    ("map", "application/json", true),
    ("webmanifest", "application/manifest+json", true),
    ("xml", "application/xml; charset=utf-8", true),
    ("xsl", "text/xsl; charset=utf-8", true),
    ("txt", "text/plain; charset=utf-8", true),
    ("md", "text/markdown; charset=utf-8", true),
    ("csv", "text/csv; charset=utf-8", true),
    ("ics", "text/calendar; charset=utf-8", true),
    ("vtt", "text/vtt; charset=utf-8", true),
    ("asc", "text/plain; charset=utf-8", true),
    ("svg", "image/svg+xml", true),
    ("ico", "image/x-icon", true),
    ("bmp", "image/bmp", false),
    ("png", "image/png", false),
    ("jpg", "image/jpeg", false),
    ("jpeg", "image/jpeg", false),
    ("gif", "image/gif", false),
    ("webp", "image/webp", false),
    ("avif", "image/avif", false),
    ("woff", "font/woff", false),
    ("woff2", "font/woff2", false),
    ("ttf", "font/ttf", true),
    ("otf", "font/otf", true),
    ("mp3", "audio/mpeg", false),
    ("ogg", "audio/ogg", false),
    ("m4a", "audio/mp4", false),
    ("wav", "audio/wav", false),
    ("opus", "audio/ogg", false),
    ("mp4", "video/mp4", false),
    ("mov", "video/quicktime", false),
    ("webm", "video/webm", false),
    ("pdf", "application/pdf", false),
    ("wasm", "application/wasm", true),
    ("zip", "application/zip", false),
    ("gz", "application/gzip", false),
];

/// Feeds have media types of their own but mostly end in `.xml`, so they are known by name, under the names that galley and
/// others give them. `index.xml` may be of either kind.
const FEEDS: [(&str, &str); 5] = [
    ("feed.xml", ATOM),
    ("atom.xml", ATOM),
    ("rss.xml", RSS),
    ("index.xml", "application/xml; charset=utf-8"),
    ("feed.json", "application/json"),
];
const ATOM: &str = "application/atom+xml; charset=utf-8";
const RSS: &str = "application/rss+xml; charset=utf-8";

/// The media type of the feed called `name`, if it is one by its name.
fn of_feed(name: &str) -> Option<&'static str> {
    let by_ending = || match ending(name).as_str() {
        "atom" => Some(ATOM),
        "rss" => Some(RSS),
        _ => None,
    };
    FEEDS.iter().find(|(known, _)| *known == name).map(|(_, media_type)| *media_type).or_else(by_ending)
}

/// Whether the file called `name` is a feed.
pub(super) fn is_feed(name: &str) -> bool {
    of_feed(name).is_some()
}

fn ending(name: &str) -> String {
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

/// The media type of the file called `name`.
pub(super) fn of(name: &str) -> MediaType {
    let ending = ending(name);
    let found = TYPES.iter().find(|(known, ..)| *known == ending);
    let (name, compressible) = match (of_feed(name), found) {
        (Some(media_type), _) => (media_type, true),
        (None, Some((_, media_type, compressible))) => (*media_type, *compressible),
        (None, None) => ("application/octet-stream", false),
    };
    MediaType { name: HeaderValue::from_static(name), compressible }
}
