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
