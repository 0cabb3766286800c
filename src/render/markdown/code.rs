//! Code blocks: what stands behind the fence, and the block's HTML.

use std::fmt::Write;
use std::ops::RangeInclusive;

use super::Style;
use crate::render::escape::escape_html;
use crate::render::highlight;

/// What stands behind an opening fence: `rust {linenos, hl_lines=2-4, name=main.rs}`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Info<'a> {
    pub(super) language: &'a str,
    /// The file's name, shown above the block.
    pub(super) name: &'a str,
    line_numbers: Option<bool>,
    first_line: Option<usize>,
    marked: Vec<RangeInclusive<usize>>,
}

impl<'a> Info<'a> {
    /// Code of a language and file, without further wishes.
    pub(super) fn of(language: &'a str, name: &'a str) -> Self {
        Self { language, name, ..Self::default() }
    }

    /// Reads the info string. Unknown words are nobody's business: other tools have theirs there.
    pub(super) fn parse(info: &'a str) -> Self {
        let info = info.trim();
        let language = &info[..info.find([' ', ',', '{', '\t', ':']).unwrap_or(info.len())];
        let mut parsed = Self { language, ..Self::default() };
        for (key, value) in attributes(&info[language.len()..]) {
            match key {
                "linenos" | "linenumbers" => parsed.line_numbers = Some(value != "false"),
                "linenostart" | "start" => parsed.first_line = value.parse().ok(),
                "hl_lines" | "mark" => parsed.marked.extend(value.split([',', ' ']).filter_map(lines)),
                "name" | "title" | "file" | "filename" => parsed.name = value,
                _ => {}
            }
        }
        parsed
    }
}

/// `2` or `2-4`, in whatever quotes.
fn lines(text: &str) -> Option<RangeInclusive<usize>> {
    let text = text.trim_matches(['"', '\'', '[', ']']);
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some(from.trim().parse().ok()?..=to.trim().parse().ok()?)
}

/// `a, b=c, d="e f", g=[1, 2]`, with or without braces around them. A comma ends a value unless a digit follows, so that
/// `hl_lines=2,4-6` is one.
fn attributes(text: &str) -> Vec<(&str, &str)> {
    let text = text.trim().trim_start_matches(['{', ',']).trim_end_matches('}');
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        if rest.is_empty() {
            return found;
        }
        let end = rest.find(['=', ' ', ',', '\t']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let Some(value) = after.strip_prefix('=') else {
            found.push((key, ""));
            rest = after;
            continue;
        };
        let length = value_length(value);
        found.push((key, value[..length].trim_matches(['"', '\'', '[', ']'])));
        rest = &value[length..];
    }
}

fn value_length(value: &str) -> usize {
    let closing = match value.bytes().next() {
        Some(quote @ (b'"' | b'\'')) => Some(quote as char),
        Some(b'[') => Some(']'),
        _ => None,
    };
    if let Some(closing) = closing {
        return value[1..].find(closing).map_or(value.len(), |at| at + 2);
    }
    let bytes = value.as_bytes();
    let ends = |at: &usize| match bytes[*at] {
        b' ' | b'\t' => true,
        b',' => !bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        _ => false,
    };
    (0..bytes.len()).find(ends).unwrap_or(bytes.len())
}

/// The block's HTML. It scrolls sideways, so it takes the keyboard; line numbers are in an attribute, from which a style
/// sheet shows them and no clipboard takes them.
pub(super) fn block(info: &Info<'_>, code: &str, style: Style) -> String {
    let mut html = String::with_capacity(code.len() * 2 + 128);
    html.push_str("<div class=\"highlight\"");
    if !info.language.is_empty() {
        // Writing to a String can't fail.
        let _ = write!(html, " data-lang=\"{}\"", escape_html(info.language));
    }
    html.push('>');
    if !info.name.is_empty() {
        let _ = write!(html, "<p class=\"filename\">{}</p>", escape_html(info.name));
    }
    html.push_str("<pre class=\"chroma\" tabindex=\"0\"><code");
    if !info.language.is_empty() {
        let _ = write!(html, " class=\"language-{}\"", escape_html(info.language));
    }
    html.push('>');
    let numbered = info.line_numbers.unwrap_or(style.line_numbers);
    if numbered || !info.marked.is_empty() {
        let mut inner = String::with_capacity(code.len() * 2);
        colour(info.language, code, style, &mut inner);
        push_lines(&inner, info, numbered, &mut html);
    } else {
        colour(info.language, code, style, &mut html);
    }
    html.push_str("</code></pre></div>\n");
    html
}

fn colour(language: &str, code: &str, style: Style, html: &mut String) {
    if style.highlight && !language.is_empty() {
        highlight::highlight(language, code, html);
    } else {
        html.push_str(&escape_html(code));
    }
}

/// Each line in a span of its own. The highlighter closes its spans at line ends.
fn push_lines(inner: &str, info: &Info<'_>, numbered: bool, html: &mut String) {
    for (index, line) in inner.split_inclusive('\n').enumerate() {
        let number = index + info.first_line.unwrap_or(1);
        // Marked lines count from the block's first, as in other generators.
        let marked = info.marked.iter().any(|lines| lines.contains(&(index + 1)));
        html.push_str(if marked { "<span class=\"line hl\"" } else { "<span class=\"line\"" });
        if numbered {
            let _ = write!(html, " data-line=\"{number}\"");
        }
        html.push('>');
        html.push_str(line);
        html.push_str("</span>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_each_tool_writes_them() {
        for text in [
            "rust {linenos, hl_lines=2-4, name=main.rs}",
            "rust,linenos,hl_lines=2-4,name=main.rs",
            "rust {hl_lines=[\"2-4\"], linenos=true, name=\"main.rs\"}",
            "rust linenos hl_lines=2-4 title='main.rs'",
        ] {
            let info = Info::parse(text);
            assert_eq!((info.language, info.name, info.line_numbers), ("rust", "main.rs", Some(true)), "{text}");
            assert_eq!(info.marked, [2..=4], "{text}");
        }
        assert_eq!(Info::parse("sh {hl_lines=1,3-4}").marked, [1..=1, 3..=4]);
        assert_eq!(Info::parse("").language, "");
        assert_eq!(Info::parse("c++ {linenostart=7}").first_line, Some(7));
    }

    #[test]
    fn marked_and_numbered_lines_stand_in_spans() {
        let style = Style { smart_punctuation: false, heading_anchors: true, highlight: true, line_numbers: false };
        let html = block(&Info::parse("text {linenos, hl_lines=2}"), "a\nb<\n", style);
        assert!(html.contains("<span class=\"line\" data-line=\"1\">a\n</span>"), "{html}");
        assert!(html.contains("<span class=\"line hl\" data-line=\"2\">b&lt;\n</span></code>"), "{html}");
    }
}
