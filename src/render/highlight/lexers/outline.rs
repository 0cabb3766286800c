//! Templates that are written as an outline: Pug, Haml, Slim.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::{Cursor, continues_name};
use super::super::painter::Painter;

/// Pug: tags are bare words.
pub(super) fn pug(out: &mut Painter<'_, '_>, range: Range<usize>) {
    lex(out, range, false, "javascript");
}

/// Slim: tags are bare words.
pub(super) fn slim(out: &mut Painter<'_, '_>, range: Range<usize>) {
    lex(out, range, false, "ruby");
}

/// Haml: tags have a percent sign.
pub(super) fn haml(out: &mut Painter<'_, '_>, range: Range<usize>) {
    lex(out, range, true, "ruby");
}

const PUG_WORDS: [&[u8]; 16] = [
    b"if", b"else", b"unless", b"each", b"for", b"while", b"case", b"when", b"default", b"include", b"extends",
    b"block", b"mixin", b"append", b"prepend", b"doctype",
];

fn lex(out: &mut Painter<'_, '_>, range: Range<usize>, percent: bool, code: &str) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        at.skip_blanks();
        let start = at.pos;
        let comment = at.looking_at("//") || at.looking_at("-#") || at.byte() == b'/';
        match at.byte() {
            _ if comment => {
                at.skip_line();
                out.token(Class::Comment, start, at.pos);
            }
            b'-' | b'=' | b'~' => rest_as(code, &mut at, out),
            b'|' => at.skip_line(),
            b'!' | b':' => {
                at.skip_line();
                out.token(Class::Preprocessor, start, at.pos);
            }
            b'%' | b'.' | b'#' => element(&mut at, out, code),
            byte if !percent && continues_name(byte) => {
                at.skip_while(|byte| continues_name(byte) || byte == b'-' || byte == b':');
                let word = at.slice(start, at.pos);
                if PUG_WORDS.contains(&word) {
                    out.token(Class::Keyword, start, at.pos);
                    rest_as(code, &mut at, out);
                } else {
                    out.token(Class::Tag, start, at.pos);
                    element(&mut at, out, code);
                }
            }
            _ => {}
        }
        at.skip_line();
        at.skip(1);
    }
}

fn rest_as(language: &str, at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    let start = at.pos;
    at.skip_line();
    super::super::lex_as(language, out, start..at.pos);
}

/// Classes, identifiers and attributes behind a tag, then text or code.
fn element(at: &mut Cursor<'_>, out: &mut Painter<'_, '_>, code: &str) {
    loop {
        let start = at.pos;
        let class = match at.byte() {
            b'%' => Class::Tag,
            b'.' => Class::TypeName,
            b'#' => Class::Namespace,
            b'(' | b'{' => {
                let close = at.find(if at.byte() == b'(' { b")\n" } else { b"}\n" });
                at.pos = close;
                at.skip(usize::from(at.byte() != b'\n'));
                super::super::lex_as(code, out, start..at.pos);
                if at.pos == start {
                    return;
                }
                continue;
            }
            b'=' => return rest_as(code, at, out),
            _ => return,
        };
        at.pos += 1;
        at.skip_while(|byte| continues_name(byte) || byte == b'-' || byte == b':');
        out.token(class, start, at.pos);
    }
}
