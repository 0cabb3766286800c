//! Whether the client has the representation already: RFC 9110 section 13.

use http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};

use crate::snapshot::{Modified, Representation};

/// Whether the answer is 304.
pub(super) fn is_not_modified(
    headers: &HeaderMap,
    representation: &Representation,
    modified: Option<Modified>,
) -> bool {
    // Section 13.2.2: If-Modified-Since counts only where there is no If-None-Match.
    if headers.contains_key(IF_NONE_MATCH) {
        return headers.get_all(IF_NONE_MATCH).iter().any(|list| names(list, &representation.entity_tag));
    }
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let since = since.and_then(|text| httpdate::parse_http_date(text).ok());
    let since = since.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    matches!((since, modified), (Some(since), Some(modified)) if modified.seconds() <= since.as_secs())
}

/// Whether a list of entity tags names `tag` by weak comparison (section 8.8.3.2), or is `*`.
fn names(list: &HeaderValue, tag: &HeaderValue) -> bool {
    let list = list.as_bytes().trim_ascii();
    if list == b"*" {
        return true;
    }
    // A tag may hold a comma, but ours hold hex digits only: a piece of another tag never equals one with both quotes.
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|item| item.strip_prefix(b"W/").unwrap_or(item) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_weak_tags_are_understood() {
        let tag = HeaderValue::from_static("\"abc\"");
        for (list, expected) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("*", true),
            ("\"x,y\",W/\"abc\"", true),
            ("abc", false),
            ("\"ab\"", false),
            ("", false),
        ] {
            assert_eq!(names(&HeaderValue::from_static(list), &tag), expected, "{list}");
        }
    }
}
