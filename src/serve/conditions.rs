//! Whether a request is to be answered at all, given what the client has: RFC 9110 section 13.

use http::header::{HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};

use crate::snapshot::{Modified, Representation};

/// What the preconditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The answer is what it would be without them.
    Proceed,
    /// 304: the client has it.
    NotModified,
    /// 412: it is not what the client takes it for.
    Failed,
}

/// Evaluates the preconditions of a GET or HEAD in the order of section 13.2.2.
pub(super) fn evaluate(headers: &HeaderMap, representation: &Representation, modified: Option<Modified>) -> Verdict {
    let tag = representation.fields.entity_tag();
    // 1. and 2.: If-Unmodified-Since counts only where there is no If-Match.
    if headers.contains_key(IF_MATCH) {
        if !names(headers, IF_MATCH, tag, false) {
            return Verdict::Failed;
        }
    } else if let (Some(since), Some(modified)) = (date(headers, IF_UNMODIFIED_SINCE), modified)
        && modified.seconds() > since
    {
        return Verdict::Failed;
    }
    // 3. and 4.: If-Modified-Since counts only where there is no If-None-Match.
    let has_it = if headers.contains_key(IF_NONE_MATCH) {
        names(headers, IF_NONE_MATCH, tag, true)
    } else {
        matches!((date(headers, IF_MODIFIED_SINCE), modified), (Some(since), Some(modified)) if modified.seconds() <= since)
    };
    if has_it { Verdict::NotModified } else { Verdict::Proceed }
}

/// The seconds of a date field. One that can't be read, or stands there twice, is ignored (section 13.1.3).
fn date(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    let mut lines = headers.get_all(name).iter();
    let (line, None) = (lines.next()?, lines.next()) else { return None };
    let time = httpdate::parse_http_date(line.to_str().ok()?.trim()).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}

/// Whether the list in all lines of `name` has `tag`, by weak or strong comparison (section 8.8.3.2), or is `*`.
fn names(headers: &HeaderMap, name: HeaderName, tag: &[u8], weak: bool) -> bool {
    headers.get_all(name).iter().any(|list| list_names(list.as_bytes(), tag, weak))
}

/// Whether one line of such a list does.
pub(super) fn list_names(list: &[u8], tag: &[u8], weak: bool) -> bool {
    let list = list.trim_ascii();
    if list == b"*" {
        return true;
    }
    let item_is = |item: &[u8]| match item.strip_prefix(b"W/") {
        Some(item) => weak && item == tag,
        None => item == tag,
    };
    // A tag may hold a comma, but ours hold hex digits only: a piece of another tag never equals one with both quotes.
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(item_is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    #[test]
    fn lists_and_weak_tags_are_understood() {
        let tag = b"\"abc\"";
        for (list, weakly, strongly) in [
            ("\"abc\"", true, true),
            ("W/\"abc\"", true, false),
            ("\"x\", \"abc\"", true, true),
            ("*", true, true),
            ("\"x,y\",W/\"abc\"", true, false),
            ("abc", false, false),
            ("\"ab\"", false, false),
            ("", false, false),
        ] {
            let named = |weak| list_names(list.as_bytes(), tag, weak);
            assert_eq!((named(true), named(false)), (weakly, strongly), "{list}");
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
            list_names(&bytes, b"\"abc\"", true);
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(IF_MODIFIED_SINCE, value)]);
                date(&headers, IF_MODIFIED_SINCE);
            }
        }
    }
}
