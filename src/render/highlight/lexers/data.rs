//! JSON, TOML, INI and their kin.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::{Cursor, LOOK_AHEAD, continues_name};
use super::super::painter::Painter;

/// JSON, also with comments, and with keys and strings as JSON5 has them.
pub(super) fn json(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        let start = at.pos;
        let class = match at.byte() {
            b'"' | b'\'' => {
                skip_string(&mut at);
                key_or(Class::String, &at)
            }
            b'/' if at.ahead(1) == b'/' => {
                at.skip_line();
                Class::Comment
            }
            b'/' if at.ahead(1) == b'*' => {
                at.skip(2);
                at.skip_past("*/");
                Class::Comment
            }
            b'-' | b'0'..=b'9' => {
                at.pos += 1;
                at.skip_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'));
                Class::Number
            }
            byte if continues_name(byte) => {
                at.skip_while(continues_name);
                let is_constant = matches!(at.slice(start, at.pos), b"true" | b"false" | b"null");
                key_or(if is_constant { Class::Constant } else { Class::Plain }, &at)
            }
            _ => {
                at.pos += 1;
                continue;
            }
        };
        out.token(class, start, at.pos);
    }
}

fn key_or(class: Class, at: &Cursor<'_>) -> Class {
    if at.next_visible(at.pos).0 == b':' { Class::Tag } else { class }
}

/// From an opening quote behind the closing one, in one line.
pub(super) fn skip_string(at: &mut Cursor<'_>) {
    let quote = at.byte();
    at.pos += 1;
    while !at.is_done() && at.byte() != b'\n' {
        let byte = at.byte();
        at.skip(if byte == b'\\' && at.ahead(1) != b'\n' { 2 } else { 1 });
        if byte == quote {
            break;
        }
    }
}

/// TOML: tables, keys, and values of several kinds.
pub(super) fn toml(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    let (mut first, mut depth) = (true, 0usize);
    while !at.is_done() {
        let start = at.pos;
        let byte = at.byte();
        match byte {
            b'\n' => {
                first = depth == 0;
                at.pos += 1;
                continue;
            }
            b' ' | b'\t' | b'\r' => {
                at.pos += 1;
                continue;
            }
            b'#' => {
                at.skip_line();
                out.token(Class::Comment, start, at.pos);
            }
            b'[' if first => {
                at.skip_while(|byte| byte != b'\n' && byte != b'#');
                out.token(Class::Keyword, start, at.pos);
            }
            b'"' | b'\'' => toml_string(&mut at, out),
            b'[' | b'{' => {
                depth += usize::from(byte == b'[');
                at.pos += 1;
            }
            b']' => {
                depth = depth.saturating_sub(1);
                at.pos += 1;
            }
            _ if continues_name(byte) || matches!(byte, b'+' | b'-') => toml_bare(&mut at, out),
            _ => at.pos += 1,
        }
        first = false;
    }
}

fn toml_string(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let start = at.pos;
    let long = ["\"\"\"", "'''"].into_iter().find(|quote| at.looking_at(quote));
    if let Some(quote) = long {
        at.skip(3);
        at.skip_past(quote);
    } else {
        skip_string(at);
    }
    let is_key = long.is_none() && at.next_visible(at.pos).0 == b'=';
    out.token(if is_key { Class::Attribute } else { Class::String }, start, at.pos);
}

fn toml_bare(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let start = at.pos;
    at.skip_while(|byte| continues_name(byte) || matches!(byte, b'-' | b'.' | b':' | b'+'));
    let word = at.slice(start, at.pos);
    let class = if at.next_visible(at.pos).0 == b'=' {
        Class::Attribute
    } else if matches!(word, b"true" | b"false" | b"inf" | b"nan") {
        Class::Constant
    } else if matches!(word[0], b'0'..=b'9' | b'+' | b'-') {
        Class::Number
    } else {
        Class::Plain
    };
    out.token(class, start, at.pos);
}

/// INI, unit files, desktop entries, EditorConfig, Git's configuration: values are text.
pub(super) fn ini(out: &mut Painter<'_, '_>, range: Range<usize>) {
    settings(out, range, b"=:", b"#;", Class::String);
}

/// Java's properties, and files of variables.
pub(super) fn properties(out: &mut Painter<'_, '_>, range: Range<usize>) {
    settings(out, range, b"=:", b"#!", Class::String);
}

/// Lines of a key, one of `separators`, and a value; `[sections]`; comments after one of `comments`.
fn settings(out: &mut Painter<'_, '_>, range: Range<usize>, separators: &[u8], comments: &[u8], value: Class) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        at.skip_while(|byte| byte.is_ascii_whitespace());
        let start = at.pos;
        let byte = at.byte();
        if comments.contains(&byte) {
            at.skip_line();
            out.token(Class::Comment, start, at.pos);
        } else if byte == b'[' {
            at.skip_while(|byte| byte != b'\n' && byte != b']');
            at.skip(usize::from(at.byte() == b']'));
            out.token(Class::Keyword, start, at.pos);
        } else {
            let line_end = at.find(b"\n");
            let separator =
                (start..line_end.min(start + LOOK_AHEAD)).find(|&place| separators.contains(&at.byte_at(place)));
            if let Some(separator) = separator {
                out.token(Class::Attribute, start, separator);
                at.pos = separator + 1;
                at.skip_blanks();
                setting_value(&mut at, out, value);
            }
            at.skip_line();
        }
    }
}

/// To the line's end, and on if a backslash is there. A comment may follow a blank.
fn setting_value(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, class: Class) {
    let start = at.pos;
    while !at.is_done() && at.byte() != b'\n' {
        if at.byte() == b'\\' {
            at.skip(1);
        } else if matches!(at.byte(), b'#' | b';') && matches!(at.before(), b' ' | b'\t') {
            out.token(class, start, at.pos);
            let comment = at.pos;
            at.skip_line();
            return out.token(Class::Comment, comment, at.pos);
        }
        at.skip(1);
    }
    out.token(class, start, at.pos);
}
