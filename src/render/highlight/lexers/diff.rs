//! Differences and commit messages.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::Cursor;
use super::super::painter::Painter;

/// Unified and context differences, with the headings of several tools: a class by line.
pub(super) fn lex(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        let start = at.pos;
        let class = match at.byte() {
            b'+' | b'>' => Class::Inserted,
            b'-' | b'<' => Class::Deleted,
            b'!' => Class::Strong,
            b'@' => Class::Subheading,
            b'd' | b'i' | b'I' | b'=' | b'o' | b'n' | b's' | b'r' | b'c' if heads(&at) => Class::Heading,
            _ => Class::Plain,
        };
        at.skip_line();
        out.token(class, start, at.pos);
        at.skip(1);
    }
}

fn heads(at: &Cursor<'_>) -> bool {
    const STARTS: [&str; 10] =
        ["diff", "index", "Index", "===", "old mode", "new ", "similarity", "rename ", "copy ", "deleted"];
    STARTS.iter().any(|start| at.looking_at(start))
}

/// A commit message as an editor shows it: a subject, text, trailers, comments.
pub(super) fn commit(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    let mut subject = true;
    while !at.is_done() {
        let start = at.pos;
        let is_blank = at.byte() == b'\n';
        if at.byte() == b'#' {
            at.skip_line();
            out.token(Class::Comment, start, at.pos);
        } else if subject && !is_blank {
            at.skip_line();
            out.token(Class::Heading, start, at.pos);
            subject = false;
        } else {
            at.skip_while(|byte| byte.is_ascii_alphabetic() || byte == b'-');
            if at.byte() == b':' && at.ahead(1) == b' ' && at.byte_at(start).is_ascii_uppercase() {
                out.token(Class::Attribute, start, at.pos);
            }
            at.skip_line();
        }
        at.skip(1);
    }
}
