//! Header fields that follow from what a file is: how long it may be kept, and what a browser may do with it.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::csp;
use super::digest::Digest;
use super::fields::Date;
use super::media_type::{self, MediaType};
use super::tree::{Modified, TreePath};

/// Pages are asked for again each time and mostly answered by 304.
const CACHE_PAGE: &str = "no-cache";
/// Feeds and the sitemap are polled by machines.
const CACHE_FEED: &str = "public, max-age=600";
/// Other files under a stable name.
const CACHE_ASSET: &str = "public, max-age=3600, stale-while-revalidate=86400";
/// Files whose name holds their own hash.
const CACHE_IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// A blog's pages ask for none of these; an author who needs one says so in `_headers`.
const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// 9999-12-31T23:59:59Z: `httpdate` formats no later time.
const LATEST_SECOND: u64 = 253_402_300_799;

/// Whether the name of the file at `path` holds the hash of its bytes.
pub(super) fn is_immutable(path: &TreePath, digest: Digest) -> bool {
    let name = path.names().last().unwrap_or_default();
    !media_type::of(name).is_html() && name.contains(&digest.short())
}

/// How long the file at `path` may be kept.
pub(super) fn cache(path: &TreePath, media_type: &MediaType, immutable: bool) -> HeaderValue {
    let name = path.names().last().unwrap_or_default();
    let is_sitemap = path.as_str().starts_with("sitemap") && (name.ends_with(".xml") || name.ends_with(".json"));
    HeaderValue::from_static(match () {
        () if media_type.is_html() => CACHE_PAGE,
        () if media_type::is_feed(name) || is_sitemap => CACHE_FEED,
        () if immutable => CACHE_IMMUTABLE,
        () => CACHE_ASSET,
    })
}

/// What keeps a browser from doing more with a file than its author meant.
pub(super) fn protect(media_type: &MediaType, bytes: Option<&Bytes>, fields: &mut HeaderMap) {
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !media_type.is_page() {
        return;
    }
    fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    fields.insert(PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS));
    // Whole texts are checked much faster than what may have faults.
    let html =
        bytes.map(|bytes| std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed));
    if let Some(policy) = html.and_then(|html| HeaderValue::try_from(csp::policy(&html)).ok()) {
        fields.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// A modification date as `Last-Modified` has it.
pub(super) fn http_date(modified: Modified) -> Date {
    let time = UNIX_EPOCH + Duration::from_secs(modified.seconds().min(LATEST_SECOND));
    let text = httpdate::fmt_http_date(time);
    // It is always as long.
    text.as_bytes().try_into().unwrap_or([b' '; 29])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_file_is_kept_follows_from_what_it_is() {
        let digest = Digest::of(b"x");
        let hashed = |name: &str| name.replace('#', &digest.short());
        for (path, cached, named) in [
            ("a/index.html", CACHE_PAGE, "text/html; charset=utf-8"),
            ("a.htm", CACHE_PAGE, "text/html; charset=utf-8"),
            ("a.HTML", CACHE_PAGE, "text/html; charset=utf-8"),
            ("a.xhtml", CACHE_PAGE, "application/xhtml+xml"),
            ("a.#.htm", CACHE_PAGE, "text/html; charset=utf-8"),
            ("a.#.xhtml", CACHE_PAGE, "application/xhtml+xml"),
            ("a.#.svg", CACHE_IMMUTABLE, "image/svg+xml"),
            ("a.#.css", CACHE_IMMUTABLE, "text/css; charset=utf-8"),
            ("feed.xml", CACHE_FEED, ATOM),
            ("tags/a/feed.xml", CACHE_FEED, ATOM),
            ("feed.json", CACHE_FEED, "application/json"),
            ("atom.xml", CACHE_FEED, ATOM),
            ("rss.xml", CACHE_FEED, RSS),
            ("posts/index.xml", CACHE_FEED, "application/xml; charset=utf-8"),
            ("posts/a.rss", CACHE_FEED, RSS),
            ("posts/a.atom", CACHE_FEED, ATOM),
            ("sitemap.xml", CACHE_FEED, "application/xml; charset=utf-8"),
            ("sitemaps/1.xml", CACHE_FEED, "application/xml; charset=utf-8"),
            ("sitemap.png", CACHE_ASSET, "image/png"),
            ("feed.png", CACHE_ASSET, "image/png"),
            ("other.xml", CACHE_ASSET, "application/xml; charset=utf-8"),
            ("svg.svg", CACHE_ASSET, "image/svg+xml"),
            ("none", CACHE_ASSET, "application/octet-stream"),
        ] {
            let path = TreePath::new(&hashed(path)).unwrap();
            let media_type = media_type::of(path.names().last().unwrap());
            let found = cache(&path, &media_type, is_immutable(&path, digest));
            assert_eq!(
                (&found, &media_type.name),
                (&HeaderValue::from_static(cached), &HeaderValue::from_static(named)),
                "{path:?}"
            );
        }
    }

    const ATOM: &str = "application/atom+xml; charset=utf-8";
    const RSS: &str = "application/rss+xml; charset=utf-8";
}
