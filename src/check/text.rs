//! How URLs are written in attributes.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::html::resolve_references;

/// An attribute's value as a URL: character references resolved, white space around it and line ends in it removed.
pub(super) fn url(written: &str) -> Cow<'_, str> {
    const SPACE: [char; 5] = [' ', '\t', '\n', '\r', '\x0c'];
    let value = match resolve_references(written) {
        Cow::Borrowed(value) => Cow::Borrowed(value.trim_matches(SPACE)),
        Cow::Owned(value) => Cow::Owned(value.trim_matches(SPACE).to_owned()),
    };
    if value.contains(['\t', '\n', '\r']) { value.replace(['\t', '\n', '\r'], "").into() } else { value }
}

/// `%C3%BC` as `ü`.
pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The scheme of an absolute URL, as written, and what follows its colon.
pub(super) fn scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let sound = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    sound.then_some((scheme, rest))
}

/// A URL without its query and fragment, and the fragment.
pub(super) fn split(url: &str) -> (&str, Option<&str>) {
    let (rest, fragment) = match url.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (url, None),
    };
    (rest.split_once('?').map_or(rest, |(path, _)| path), fragment)
}

/// One line for a message, cut where it gets long.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 120;
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let shown: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > LONGEST { Cow::Owned(format!("{shown}…")) } else { Cow::Owned(shown) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_are_resolved() {
        assert_eq!(url(" /a?b=1&amp;c=2&#x2F;&#47;\n"), "/a?b=1&c=2//");
        assert_eq!(url("a&b;&ampx;&#xD800;&"), "a&b;&ampx;&#xD800;&");
    }

    #[test]
    fn urls_come_apart() {
        assert_eq!(scheme("todo:x"), Some(("todo", "x")));
        assert_eq!(scheme("/a:b"), None);
        assert_eq!(split("/a?b#c?d"), ("/a", Some("c?d")));
        assert_eq!(split("#"), ("", Some("")));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}|[&#x0-9a;äp]{0,60}") {
            url(&text);
            shown(&text);
        }
    }
}
