//! Makefiles.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::{Cursor, LOOK_AHEAD, continues_name};
use super::super::painter::Painter;

const DIRECTIVES: [&[u8]; 14] = [
    b"ifeq",
    b"ifneq",
    b"ifdef",
    b"ifndef",
    b"else",
    b"endif",
    b"include",
    b"-include",
    b"sinclude",
    b"define",
    b"endef",
    b"export",
    b"unexport",
    b"override",
];

/// Rules, variables, directives; recipes are coloured lightly, as text with variables and strings.
pub(super) fn lex(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        if at.byte() == b'\t' {
            text(&mut at, out);
        } else {
            at.skip_blanks();
            statement(&mut at, out);
        }
        at.skip(1);
    }
}

fn statement(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let start = at.pos;
    at.skip_while(|byte| continues_name(byte) || byte == b'-');
    if DIRECTIVES.contains(&at.slice(start, at.pos)) {
        out.token(Class::Preprocessor, start, at.pos);
        return text(at, out);
    }
    at.pos = start;
    let end = at.find(b"\n#").min(start + LOOK_AHEAD);
    let mut place = start;
    let mut depth = 0;
    while place < end {
        let (byte, follower) = (at.byte_at(place), at.byte_at(place + 1));
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth -= 1,
            _ if depth > 0 => {}
            b'=' => return variable(at, out, place),
            b'+' | b'?' | b'!' if follower == b'=' => return variable(at, out, place),
            b':' if follower == b'=' || follower == b':' && at.byte_at(place + 2) == b'=' => {
                return variable(at, out, place);
            }
            b':' => {
                targets(at, out, place);
                return text(at, out);
            }
            _ => {}
        }
        place += 1;
    }
    text(at, out);
}

fn variable(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, operator: usize) {
    let start = at.pos;
    at.skip_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b':' | b'?' | b'+' | b'!'));
    out.token(Class::Variable, start, at.pos.min(operator));
    text(at, out);
}

fn targets(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, colon: usize) {
    while at.pos < colon {
        let start = at.pos;
        if at.byte() == b'$' {
            reference(at, out);
        } else {
            at.pos += 1;
            at.skip_while(|byte| !matches!(byte, b':' | b'$'));
            out.token(Class::Function, start, at.pos.min(colon));
        }
    }
}

/// The rest of a logical line.
fn text(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    while !at.is_done() {
        let start = at.pos;
        match at.byte() {
            b'\n' => break,
            b'\\' => at.skip(2),
            b'#' if matches!(at.before(), b' ' | b'\t' | b'\n') => {
                at.skip_line();
                out.token(Class::Comment, start, at.pos);
            }
            b'$' => reference(at, out),
            b'"' | b'\'' => {
                let quote = at.byte();
                at.pos += 1;
                at.pos = at.find(&[quote, b'\n']);
                at.skip(usize::from(at.byte() == quote));
                out.token(Class::String, start, at.pos);
            }
            _ => at.pos += 1,
        }
    }
}

/// `$(…)`, `${…}`, `$@`.
fn reference(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let start = at.pos;
    at.skip(2);
    match at.byte_at(start + 1) {
        open @ (b'(' | b'{') => {
            out.token(Class::Keyword, start, at.pos);
            let name = at.pos;
            at.skip_while(|byte| continues_name(byte) || byte == b'-' || byte == b'.');
            let close = if open == b'(' { b')' } else { b'}' };
            let class = if at.byte() == b' ' { Class::Builtin } else { Class::Variable };
            out.token(class, name, at.pos);
            if at.byte() == close {
                out.token(Class::Keyword, at.pos, at.pos + 1);
                at.pos += 1;
            }
        }
        b'\n' => at.pos -= 1,
        _ => out.token(Class::Variable, start, at.pos),
    }
}
