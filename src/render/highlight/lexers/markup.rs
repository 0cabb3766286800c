//! HTML, XML and what is built like them.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::{Cursor, LOOK_AHEAD, continues_name};
use super::super::painter::Painter;

/// HTML, with the languages of `style` and `script` elements.
pub(super) fn html(out: &mut Painter<'_, '_>, range: Range<usize>) {
    lex(out, range, true);
}

/// XML and its vocabularies.
pub(super) fn xml(out: &mut Painter<'_, '_>, range: Range<usize>) {
    lex(out, range, false);
}

fn lex(out: &mut Painter<'_, '_>, range: Range<usize>, embeds: bool) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        at.skip_while(|byte| byte != b'<' && byte != b'&');
        let start = at.pos;
        match (at.byte(), at.ahead(1)) {
            (b'&', _) => entity(&mut at, out),
            (b'<', b'!') if at.looking_at("<!--") => {
                at.skip(4);
                at.skip_past("-->");
                out.token(Class::Comment, start, at.pos);
            }
            (b'<', b'!') if at.looking_at("<![CDATA[") => {
                at.skip_past("]]>");
                out.token(Class::Preprocessor, start, at.pos);
            }
            (b'<', b'!') => {
                at.skip_while(|byte| byte != b'>');
                at.skip(1);
                out.token(Class::Preprocessor, start, at.pos);
            }
            (b'<', b'?') => {
                at.skip_past("?>");
                out.token(Class::Preprocessor, start, at.pos);
            }
            (b'<', byte) if byte == b'/' || continues_name(byte) => {
                let embedded = tag(&mut at, out);
                if let Some((name, language)) = embedded
                    && embeds
                {
                    embed(&mut at, out, name, language);
                }
            }
            _ => at.skip(1),
        }
    }
}

/// `&name;`
pub(super) fn entity(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let start = at.pos;
    at.pos += 1;
    at.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'#');
    if at.byte() == b';' && at.pos > start + 1 {
        at.pos += 1;
        out.token(Class::Constant, start, at.pos);
    }
}

/// A tag with its attributes. Returns the end tag and the language, if the element's text is code.
fn tag(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) -> Option<(&'static str, &'static str)> {
    at.skip(if at.ahead(1) == b'/' { 2 } else { 1 });
    let start = at.pos;
    at.skip_while(|byte| continues_name(byte) || matches!(byte, b'-' | b':' | b'.'));
    out.token(Class::Tag, start, at.pos);
    let name = at.slice(start, at.pos);
    let opens = at.byte_at(start.wrapping_sub(1)) == b'<';
    let empty = attributes(at, out);
    match name {
        _ if !opens || empty => None,
        b"script" | b"SCRIPT" => Some(("</script", "javascript")),
        b"style" | b"STYLE" => Some(("</style", "css")),
        _ => None,
    }
}

/// To behind the tag's end. Returns whether it ends with a slash.
fn attributes(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) -> bool {
    while !at.is_done() {
        let start = at.pos;
        match at.byte() {
            b'>' => {
                at.pos += 1;
                return at.byte_at(start.wrapping_sub(1)) == b'/';
            }
            b'<' => break,
            b'"' | b'\'' => {
                let quote = at.byte();
                at.pos += 1;
                at.skip_while(|byte| byte != quote);
                at.skip(1);
                out.token(Class::String, start, at.pos);
            }
            b'=' => {
                at.pos += 1;
                let value = at.pos;
                at.skip_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'>' | b'"' | b'\'' | b'{' | b'<'));
                out.token(Class::String, value, at.pos);
            }
            byte if continues_name(byte) || matches!(byte, b':' | b'@' | b'#' | b'*' | b'-' | b'v') => {
                at.pos += 1;
                at.skip_while(|byte| continues_name(byte) || matches!(byte, b'-' | b':' | b'.' | b'@'));
                out.token(Class::Attribute, start, at.pos);
            }
            _ => at.pos += 1,
        }
    }
    false
}

/// The text of a `style` or `script` element, up to its end tag.
fn embed(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, end_tag: &str, language: &str) {
    let start = at.pos;
    while !(at.is_done() || at.byte() == b'<' && at.looking_at_folded(end_tag)) {
        at.pos += 1;
    }
    super::super::lex_as(language, out, start..at.pos);
}

/// The marks of a language of templates that stand in HTML.
struct Template {
    /// Start, end, and whether the text between is a comment.
    marks: &'static [(&'static str, &'static str, bool)],
    /// The language between the marks.
    inner: &'static str,
}

/// Jinja, Django, Liquid, Twig, Nunjucks, Tera: `{{ … }}`, `{% … %}`, `{# … #}`.
pub(super) fn jinja(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let marks = &[("{{", "}}", false), ("{%", "%}", false), ("{#", "#}", true)];
    templates(out, range, &Template { marks, inner: "template" });
}

/// Go's templates, Handlebars and Mustache: `{{ … }}`.
pub(super) fn braces(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let marks = &[
        ("{{!--", "--}}", true),
        ("{{!", "}}", true),
        ("{{/*", "*/}}", true),
        ("{{- /*", "}}", true),
        ("{{", "}}", false),
    ];
    templates(out, range, &Template { marks, inner: "template" });
}

/// Ruby in HTML.
pub(super) fn erb(out: &mut Painter<'_, '_>, range: Range<usize>) {
    templates(
        out,
        range,
        &Template { marks: &[("<%#", "%>", true), ("<%--", "--%>", true), ("<%", "%>", false)], inner: "ruby" },
    );
}

/// JavaScript in HTML.
pub(super) fn ejs(out: &mut Painter<'_, '_>, range: Range<usize>) {
    templates(out, range, &Template { marks: &[("<%#", "%>", true), ("<%", "%>", false)], inner: "javascript" });
}

/// PHP, which starts in HTML if `<?` comes at all.
pub(super) fn php(out: &mut Painter<'_, '_>, range: Range<usize>) {
    if out.text().get(range.clone()).is_some_and(|text| text.contains("<?")) {
        templates(out, range, &Template { marks: &[("<?", "?>", false)], inner: "php-code" });
    } else {
        super::super::lex_as("php-code", out, range);
    }
}

/// The marks are found first. Between them stands HTML, whose lexer starts anew each time, so that a mark in a tag ends
/// the tag's colours; the words after it up to `>` are taken for attributes again.
fn templates(out: &mut Painter<'_, '_>, range: Range<usize>, template: &Template) {
    let mut at = Cursor::new(out.text(), &range);
    let mut markup = at.pos;
    while !at.is_done() {
        let mark = template.marks.iter().find(|(open, _, _)| at.byte() == open.as_bytes()[0] && at.looking_at(open));
        let Some((open, close, is_comment)) = mark else {
            at.pos += 1;
            continue;
        };
        let start = at.pos;
        between(out, markup..start);
        at.skip(open.len());
        at.skip_past(close);
        markup = at.pos;
        if *is_comment {
            out.token(Class::Comment, start, at.pos);
        } else {
            expression(&at, out, template.inner, start + open.len()..at.pos, (start, close.len()));
        }
    }
    between(out, markup..at.pos);
}

/// What stands between two marks.
fn between(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    let in_tag = (range.start..range.end.min(range.start + LOOK_AHEAD))
        .map(|place| at.byte_at(place))
        .find(|byte| matches!(byte, b'<' | b'>'))
        == Some(b'>');
    if in_tag && range.start > 0 {
        attributes(&mut at, out);
    }
    html(out, at.pos..range.end);
}

/// The code of a mark, and the mark itself.
fn expression(at: &Cursor<'_>, out: &mut Painter<'_, '_>, language: &str, code: Range<usize>, mark: (usize, usize)) {
    let (open, close_length) = mark;
    let mut code = code;
    while matches!(at.byte_at(code.start), b'-' | b'=' | b'~' | b'%') && code.start < code.end {
        code.start += 1;
    }
    if at.byte_at(code.start) == b'p' && at.slice(code.start, code.start + 3) == b"php" {
        code.start += 3;
    }
    out.token(Class::Preprocessor, open, code.start);
    let closed = code.end - code.start >= close_length && at.byte_at(code.end - 1).is_ascii_punctuation();
    let mut inner = if closed { code.end - close_length } else { code.end };
    if inner > code.start && matches!(at.byte_at(inner - 1), b'-' | b'~') {
        inner -= 1;
    }
    super::super::lex_as(language, out, code.start..inner);
    out.token(Class::Preprocessor, inner, code.end);
}
