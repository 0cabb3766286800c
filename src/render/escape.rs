//! Escaping for HTML and XML.

use std::borrow::Cow;

/// Text for HTML, in elements and in attributes.
pub(super) fn escape_html(text: &str) -> Cow<'_, str> {
    escape(text, |_, _| false)
}

/// Text for XML 1.0, which has no way at all to write most control characters: they are left out.
pub(super) fn escape_xml(text: &str) -> Cow<'_, str> {
    // Those behind ASCII, U+0080 to U+009F, begin with this byte.
    escape(text, |byte, next| match byte {
        b'\n' | b'\r' | b'\t' => false,
        0xc2 => (0x80..0xa0).contains(&next),
        _ => byte.is_ascii_control(),
    })
}

/// Copies what stands between special characters as a whole. `drop` tells from a character's first two bytes whether it is
/// left out.
fn escape(text: &str, drop: impl Fn(u8, u8) -> bool) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut escaped = String::new();
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let (replacement, length) = match byte {
            b'&' => ("&amp;", 1),
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            b'"' => ("&quot;", 1),
            b'\'' => ("&#39;", 1),
            byte if drop(*byte, bytes.get(at + 1).copied().unwrap_or_default()) => {
                ("", if *byte == 0xc2 { 2 } else { 1 })
            }
            _ => continue,
        };
        if done == 0 {
            escaped.reserve(text.len() + text.len() / 8);
        }
        escaped.push_str(&text[done..at]);
        escaped.push_str(replacement);
        done = at + length;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    escaped.push_str(&text[done..]);
    Cow::Owned(escaped)
}

/// The text of HTML, without code blocks and the headings' links to themselves: what a search looks through.
pub(super) fn text_of_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        unescape(&rest[..start], &mut text);
        rest = &rest[start..];
        let skipped =
            ["<pre", "<script", "<style", "<a class=\"anchor\""].iter().find(|begin| rest.starts_with(**begin));
        let end = match skipped {
            Some(begin) => {
                let close = format!("</{}", begin[1..].split(' ').next().unwrap_or_default());
                rest.find(&close).unwrap_or(rest.len())
            }
            None => 0,
        };
        rest = &rest[end..];
        rest = rest.find('>').map_or("", |at| &rest[at + 1..]);
        text.push(' ');
    }
    unescape(rest, &mut text);
    text
}

/// The few entities that galley itself writes.
fn unescape(text: &str, output: &mut String) {
    const ENTITIES: [(&str, char); 5] =
        [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&#39;", '\'')];
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        output.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, c) =
            ENTITIES.iter().find(|(name, _)| rest.starts_with(name)).map_or((1, '&'), |(name, c)| (name.len(), *c));
        output.push(c);
        rest = &rest[length..];
    }
    output.push_str(rest);
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
