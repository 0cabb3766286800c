//! Markdown and other markup for prose, by lines.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::{Cursor, LOOK_AHEAD};
use super::super::painter::Painter;

/// Markdown, with the languages of fenced code and of front matter.
pub(super) fn markdown(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    front_matter(&mut at, out);
    while !at.is_done() {
        let begin = at.pos;
        at.skip_blanks();
        let start = at.pos;
        match at.byte() {
            b'#' => {
                let class = if at.ahead(1) == b'#' { Class::Subheading } else { Class::Heading };
                line(&mut at, out, class);
            }
            b'`' | b'~' if at.looking_at("```") || at.looking_at("~~~") => fence(&mut at, out),
            b'>' => {
                at.pos += 1;
                out.token(Class::Keyword, start, at.pos);
                inline(&mut at, out);
            }
            b'-' | b'*' | b'+' if at.ahead(1) == b' ' => {
                at.pos += 1;
                out.token(Class::Keyword, start, at.pos);
                inline(&mut at, out);
            }
            b'-' | b'=' if only(&at, at.byte()) => {
                at.skip_line();
                out.token(Class::Heading, begin, at.pos);
            }
            b'0'..=b'9' => {
                at.skip_while(|byte| byte.is_ascii_digit());
                if matches!(at.byte(), b'.' | b')') && at.ahead(1) == b' ' {
                    out.token(Class::Keyword, start, at.pos + 1);
                    at.pos += 1;
                }
                inline(&mut at, out);
            }
            _ => inline(&mut at, out),
        }
        at.skip(1);
    }
}

/// Whether the line holds nothing but this byte, up to the cap.
fn only(at: &Cursor<'_>, byte: u8) -> bool {
    let mut ahead = 0;
    while at.ahead(ahead) == byte && ahead < LOOK_AHEAD {
        ahead += 1;
    }
    ahead > 1 && matches!(at.ahead(ahead), b'\n' | b'\r' | 0)
}

/// Front matter at the text's start, in YAML or TOML.
fn front_matter(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let (mark, language) = if at.looking_at("---\n") {
        ("\n---", "yaml")
    } else if at.looking_at("+++\n") {
        ("\n+++", "toml")
    } else {
        return;
    };
    let start = at.pos;
    at.skip(3);
    let inner = at.pos;
    out.token(Class::Preprocessor, start, inner);
    at.skip_past(mark);
    let end = if at.is_done() { at.pos } else { at.pos - 3 };
    super::super::lex_as(language, out, inner..end);
    out.token(Class::Preprocessor, end, at.pos);
}

/// A fence, its text in the language it names, and the closing fence.
fn fence(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let start = at.pos;
    let mark = at.byte();
    at.skip_while(|byte| byte == mark);
    let length = at.pos - start;
    at.skip_blanks();
    let name = at.pos;
    at.skip_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'{' | b',' | b'`'));
    let language = at.slice(name, at.pos);
    at.skip_line_and_feed();
    out.token(Class::String, start, at.pos);
    let code = at.pos;
    let mut end = at.pos;
    while !at.is_done() {
        end = at.pos;
        at.skip_blanks();
        let close = at.pos;
        at.skip_while(|byte| byte == mark);
        if at.pos - close >= length {
            break;
        }
        at.skip_line_and_feed();
        end = at.pos;
    }
    match std::str::from_utf8(language) {
        // Markdown in Markdown in Markdown ends here.
        Ok(language) if !matches!(language, "" | "markdown" | "md") => super::super::lex_as(language, out, code..end),
        _ => out.token(Class::String, code, end),
    }
    out.token(Class::String, end, at.pos);
    at.skip_line();
}

/// Emphasis, code, links and entities in a line.
fn inline(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    while !at.is_done() {
        let start = at.pos;
        match at.byte() {
            b'\n' => break,
            b'`' => delimited(at, out, "`", Class::String),
            b'*' if at.ahead(1) == b'*' => delimited(at, out, "**", Class::Strong),
            b'_' if at.ahead(1) == b'_' => delimited(at, out, "__", Class::Strong),
            b'*' => delimited(at, out, "*", Class::Emphasis),
            b'_' if !at.before().is_ascii_alphanumeric() => delimited(at, out, "_", Class::Emphasis),
            b'[' => bracketed(at, out, b']', Class::Tag),
            b'(' if at.before() == b']' => bracketed(at, out, b')', Class::Attribute),
            b'<' if at.ahead(1).is_ascii_alphabetic() || at.ahead(1) == b'/' => {
                bracketed(at, out, b'>', Class::Tag);
            }
            b'&' => super::markup::entity(at, out),
            b'\\' => at.skip(if at.ahead(1) == b'\n' { 1 } else { 2 }),
            _ => at.pos = start + 1,
        }
    }
}

/// From a mark to the same mark in this line, or just over the mark.
fn delimited(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, mark: &str, class: Class) {
    let start = at.pos;
    at.skip(mark.len());
    let inner = at.pos;
    let mark_byte = mark.as_bytes()[0];
    let end = at.end().min(inner + LOOK_AHEAD);
    let close = (inner..end).find(|&place| matches!(at.byte_at(place), b'\n') || at.byte_at(place) == mark_byte);
    let Some(close) = close else { return };
    let fits = at.slice(close, close + mark.len()) == mark.as_bytes() && close > inner;
    if fits && !at.byte_at(inner).is_ascii_whitespace() {
        at.pos = close + mark.len();
        out.token(class, start, at.pos);
    }
}

/// What stands between brackets in this line.
fn bracketed(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, close: u8, class: Class) {
    at.pos += 1;
    let start = at.pos;
    let stop = at.find(&[close, b'\n']);
    if at.byte_at(stop) == close {
        at.pos = stop;
        out.token(class, start, stop);
    }
}

/// reStructuredText: titles by their lines, directives, roles, fields, literals.
pub(super) fn rst(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        at.skip_blanks();
        let start = at.pos;
        let byte = at.byte();
        if b"=-~^\"'*+#`:.".contains(&byte) && at.ahead(1) == byte && at.ahead(2) == byte && only(&at, byte) {
            at.skip_line();
            out.token(Class::Heading, start, at.pos);
        } else if at.looking_at(".. ") {
            directive(&mut at, out);
        } else if byte == b':' && at.ahead(1).is_ascii_alphabetic() {
            at.pos += 1;
            bracketed_from(&mut at, out, start, b':', Class::Attribute);
        } else if byte == b'-' || byte == b'*' && at.ahead(1) == b' ' {
            at.pos += 1;
            out.token(Class::Keyword, start, at.pos);
        }
        inline(&mut at, out);
        at.skip(1);
    }
}

/// `.. name:: argument`, `.. _target:`, or a comment.
fn directive(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let start = at.pos;
    let stop = at.find(b":\n");
    if at.byte_at(stop) != b':' {
        at.skip_line();
        return out.token(Class::Comment, start, at.pos);
    }
    at.pos = stop;
    at.skip_while(|byte| byte == b':');
    out.token(Class::Keyword, start, at.pos);
}

fn bracketed_from(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, start: usize, close: u8, class: Class) {
    let stop = at.find(&[close, b'\n']);
    if at.byte_at(stop) == close {
        at.pos = stop + 1;
        out.token(class, start, at.pos);
    }
}

/// AsciiDoc: titles, attributes, block marks, lists.
pub(super) fn asciidoc(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        let start = at.pos;
        match at.byte() {
            b'=' if only(&at, b'=') => line(&mut at, out, Class::Keyword),
            b'=' => line(&mut at, out, Class::Heading),
            b'/' if at.ahead(1) == b'/' => line(&mut at, out, Class::Comment),
            b':' if at.ahead(1).is_ascii_alphabetic() => {
                at.pos += 1;
                bracketed_from(&mut at, out, start, b':', Class::Attribute);
            }
            b'[' => line(&mut at, out, Class::Attribute),
            byte @ (b'-' | b'.' | b'*' | b'_' | b'|') if only(&at, byte) => line(&mut at, out, Class::Keyword),
            b'*' | b'.' | b'-' if at.ahead(1) == b' ' => {
                at.pos += 1;
                out.token(Class::Keyword, start, at.pos);
            }
            _ => {}
        }
        inline(&mut at, out);
        at.skip(1);
    }
}

/// Org: headings, keywords, drawers, blocks with their languages.
pub(super) fn org(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        let heading = at.pos;
        at.skip_while(|byte| byte == b'*');
        if at.pos > heading && at.byte() == b' ' {
            at.pos = heading;
            line(&mut at, out, Class::Heading);
        }
        at.skip_blanks();
        let start = at.pos;
        if at.looking_at_folded("#+begin_src") {
            source_block(&mut at, out);
        } else if at.looking_at("#+") {
            line(&mut at, out, Class::Preprocessor);
        } else if at.byte() == b'#' && at.ahead(1) == b' ' {
            line(&mut at, out, Class::Comment);
        } else if at.byte() == b':' && at.ahead(1).is_ascii_alphabetic() {
            at.pos += 1;
            bracketed_from(&mut at, out, start, b':', Class::Attribute);
        } else if matches!(at.byte(), b'-' | b'+') && at.ahead(1) == b' ' {
            at.pos += 1;
            out.token(Class::Keyword, start, at.pos);
        }
        inline(&mut at, out);
        at.skip(1);
    }
}

fn source_block(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let start = at.pos;
    at.skip("#+begin_src".len());
    at.skip_blanks();
    let name = at.pos;
    at.skip_while(|byte| !byte.is_ascii_whitespace());
    let language = at.slice(name, at.pos);
    at.skip_line_and_feed();
    out.token(Class::Preprocessor, start, at.pos);
    let code = at.pos;
    while !at.is_done() {
        let place = at.pos;
        at.skip_blanks();
        let ends = at.looking_at_folded("#+end_src");
        at.pos = place;
        if ends {
            break;
        }
        at.skip_line_and_feed();
    }
    match std::str::from_utf8(language) {
        Ok(language) if language != "org" => super::super::lex_as(language, out, code..at.pos),
        _ => out.token(Class::String, code, at.pos),
    }
    line(at, out, Class::Preprocessor);
}

fn line(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, class: Class) {
    let start = at.pos;
    at.skip_line();
    out.token(class, start, at.pos);
}
