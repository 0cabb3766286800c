//! Header fields that follow from what a file is: how long it may be kept, and what a browser may do with it.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::csp;
use super::digest::Digest;
use super::fields::Date;
use super::media_type::MediaType;
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
    !name.ends_with(".html") && name.contains(&digest.short())
}

/// How long the file at `path` may be kept.
pub(super) fn cache(path: &TreePath, immutable: bool) -> HeaderValue {
    let name = path.names().last().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_sitemap = path.as_str().starts_with("sitemap");
    HeaderValue::from_static(match ending {
        "html" => CACHE_PAGE,
        "xml" | "json" if name.starts_with("feed.") || is_sitemap => CACHE_FEED,
        _ if immutable => CACHE_IMMUTABLE,
        _ => CACHE_ASSET,
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
