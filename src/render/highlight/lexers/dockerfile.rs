//! Dockerfile.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::Cursor;
use super::super::painter::Painter;
use super::{data, shell};

const INSTRUCTIONS: [&str; 18] = [
    "FROM",
    "RUN",
    "CMD",
    "ENTRYPOINT",
    "COPY",
    "ADD",
    "ENV",
    "ARG",
    "LABEL",
    "EXPOSE",
    "VOLUME",
    "USER",
    "WORKDIR",
    "HEALTHCHECK",
    "SHELL",
    "STOPSIGNAL",
    "MAINTAINER",
    "ONBUILD",
];

/// Instructions, with shell behind those that run something.
pub(super) fn lex(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        at.skip_while(|byte| byte.is_ascii_whitespace());
        let start = at.pos;
        if at.byte() == b'#' {
            at.skip_line();
            out.token(Class::Comment, start, at.pos);
            continue;
        }
        at.skip_while(|byte| byte.is_ascii_alphabetic());
        let word = at.slice(start, at.pos);
        let instruction = INSTRUCTIONS.iter().find(|name| name.as_bytes().eq_ignore_ascii_case(word)).copied();
        if let Some(name) = instruction {
            out.token(Class::Keyword, start, at.pos);
            if name == "ONBUILD" {
                continue;
            }
            arguments(name, &mut at, out);
        } else {
            at.skip_line();
        }
    }
}

fn arguments(instruction: &str, at: &mut Cursor<'_>, out: &mut Painter<'_, '_>) {
    at.skip_blanks();
    let start = at.pos;
    skip_logical_line(at);
    let range = start..at.pos;
    let first = at.byte_at(start);
    match instruction {
        "FROM" => from(out, range),
        "RUN" | "CMD" | "ENTRYPOINT" | "SHELL" | "HEALTHCHECK" if first == b'[' => data::json(out, range),
        "EXPOSE" | "VOLUME" | "USER" | "WORKDIR" | "STOPSIGNAL" | "MAINTAINER" if first != b'[' && first != b'"' => {
            out.token(Class::String, range.start, range.end);
        }
        _ => shell::lex(out, range),
    }
}

/// An image, and its name after `AS`.
fn from(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let mut at = Cursor::new(out.text(), &range);
    while !at.is_done() {
        let start = at.pos;
        at.skip_while(|byte| !byte.is_ascii_whitespace());
        let word = at.slice(start, at.pos);
        let class = match word {
            b"AS" | b"as" | b"As" => Class::Keyword,
            _ if word.starts_with(b"--") => Class::Plain,
            _ => Class::String,
        };
        out.token(class, start, at.pos);
        at.skip_while(|byte| byte.is_ascii_whitespace());
    }
}

/// To the end of the line that doesn't end with a backslash. Comments and here-documents between don't end it.
fn skip_logical_line(at: &mut Cursor<'_>) {
    let mut tag = None;
    loop {
        let start = at.pos;
        at.skip_line();
        if tag.is_none() {
            tag = here_tag(at, start);
        }
        let continues = at.before() == b'\\' || matches!(at.slice(at.pos.saturating_sub(2), at.pos), b"\\\r" | b"\\ ");
        if at.is_done() || !continues {
            break;
        }
        at.pos += 1;
        while at.byte() == b'#' {
            at.skip_line_and_feed();
        }
    }
    let Some(tag) = tag else { return };
    while !at.is_done() {
        at.skip(1);
        let start = at.pos;
        at.skip_line();
        if at.slice(start, at.pos).trim_ascii() == tag {
            break;
        }
    }
}

fn here_tag<'t>(at: &Cursor<'t>, start: usize) -> Option<&'t [u8]> {
    let line = at.slice(start, at.pos);
    let marks = line.windows(2).position(|pair| pair == b"<<")?;
    let tag = line[marks + 2..].trim_ascii_start();
    let tag = tag.strip_prefix(b"-").unwrap_or(tag);
    let quotes = tag.iter().take_while(|byte| matches!(byte, b'"' | b'\'')).count();
    let length = tag[quotes..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    if length == 0 { None } else { tag.get(quotes..quotes + length) }
}
