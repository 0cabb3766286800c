//! Escaping for HTML and XML.

use std::borrow::Cow;

/// Text for HTML, in elements and in attributes.
pub(super) fn escape_html(text: &str) -> Cow<'_, str> {
    escape(text, |_| true)
}

/// Text for XML 1.0, which has no way at all to write most control characters: they are left out.
pub(super) fn escape_xml(text: &str) -> Cow<'_, str> {
    escape(text, |c| !c.is_control() || ['\n', '\r', '\t'].contains(&c))
}

fn escape(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || !keep(c);
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if keep(c) => escaped.push(c),
            _ => {}
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_markup_knows_is_escaped() {
        assert_eq!(escape_html("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
        assert_eq!(escape_xml("a\u{8}b\n"), "ab\n");
    }
}
