//! HTTP messages, and plain tables.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::{Cursor, continues_name};
use super::super::painter::Painter;

/// A request or response: first line, fields, a body that is taken for JSON or for HTML by its first byte.
pub(super) fn lex(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        let start = at.pos;
        if matches!(at.byte(), b'\n' | b'\r') {
            at.skip_while(|byte| byte.is_ascii_whitespace());
            match at.byte() {
                b'{' | b'[' => return super::data::json(out, at.pos..at.end()),
                b'<' => return super::markup::html(out, at.pos..at.end()),
                _ => {}
            }
            continue;
        }
        at.skip_while(|byte| continues_name(byte) || byte == b'-');
        if at.byte() == b':' {
            out.token(Class::Attribute, start, at.pos);
            let value = at.pos + 1;
            at.skip_line();
            out.token(Class::String, value, at.pos);
        } else {
            first_line(&mut at, out, start);
        }
        at.skip(1);
    }
}

/// `GET /path HTTP/1.1` or `HTTP/1.1 200 OK`.
fn first_line(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, start: usize) {
    let word = at.slice(start, at.pos);
    if word == b"HTTP" {
        at.skip_while(|byte| !byte.is_ascii_whitespace());
        out.token(Class::Keyword, start, at.pos);
        at.skip_blanks();
        let status = at.pos;
        at.skip_while(|byte| byte.is_ascii_digit());
        out.token(Class::Number, status, at.pos);
        let reason = at.pos;
        at.skip_line();
        return out.token(Class::String, reason, at.pos);
    }
    if !word.is_empty() && word.iter().all(u8::is_ascii_uppercase) {
        out.token(Class::Function, start, at.pos);
        at.skip_blanks();
        let target = at.pos;
        at.skip_while(|byte| !byte.is_ascii_whitespace());
        out.token(Class::Namespace, target, at.pos);
        at.skip_blanks();
        let version = at.pos;
        at.skip_line();
        return out.token(Class::Keyword, version, at.pos);
    }
    at.skip_line();
}

/// Values between commas, semicolons or tabs: strings in quotes and numbers have classes.
pub(super) fn csv(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    let separates = |byte: u8| matches!(byte, b',' | b';' | b'\t' | b'\n' | b'|');
    while !at.is_done() {
        let start = at.pos;
        if at.byte() == b'"' {
            super::data::skip_string(&mut at);
            out.token(Class::String, start, at.pos);
            continue;
        }
        at.skip_while(|byte| !separates(byte));
        let value = at.slice(start, at.pos).trim_ascii();
        let is_number = value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
        if is_number && value.iter().any(u8::is_ascii_digit) {
            out.token(Class::Number, start, at.pos);
        }
        at.skip(1);
    }
}
