//! The lexer of all languages that are a row.

mod heredocs;
mod literals;
mod names;
mod strings;

use std::ops::Range;

pub(super) use heredocs::Heredocs;

use super::class::Class;
use super::cursor::Cursor;
use super::painter::Painter;
use super::row::{Language, kind, rule};
use strings::Frame;

/// Lexes a range of the painter's text.
pub(super) fn lex(language: &Language, out: &mut Painter<'_, '_>, range: Range<usize>) {
    let at = Cursor::new(out.text(), &range);
    Engine {
        language,
        at,
        out,
        next: Class::Plain,
        value: false,
        after_type: false,
        first: true,
        tag: false,
        frames: Vec::new(),
        heredocs: Heredocs::default(),
    }
    .run();
}

struct Engine<'l, 'p, 't, 'h> {
    language: &'l Language,
    at: Cursor<'t>,
    out: &'p mut Painter<'t, 'h>,
    /// The class of the next name, from the word before it.
    next: Class,
    /// Whether a value has just ended, so that `/` divides.
    value: bool,
    /// Whether a name or type has just ended, so that the name of a function may come.
    after_type: bool,
    /// Whether nothing but blanks has come in this line.
    first: bool,
    /// Whether this is inside of `<Tag …>` in JavaScript.
    tag: bool,
    /// The strings around this expression.
    frames: Vec<Frame>,
    heredocs: Heredocs,
}

impl Engine<'_, '_, '_, '_> {
    fn run(&mut self) {
        while !self.at.is_done() {
            let byte = self.at.byte();
            let kind = self.language.kinds[usize::from(byte)];
            if kind & kind::BLANK != 0 {
                self.blank(byte);
                continue;
            }
            let first = std::mem::take(&mut self.first);
            if kind & kind::DIGIT != 0 {
                self.number();
            } else if kind & kind::SPECIAL != 0 && self.special(byte, first) {
                // It has moved on.
            } else if kind & kind::NAME_START != 0 {
                self.name(first);
            } else {
                self.punctuation(byte);
            }
        }
    }

    fn blank(&mut self, byte: u8) {
        self.at.pos += 1;
        if byte == b'\n' {
            self.first = true;
            self.after_type = false;
            self.next = Class::Plain;
            // A string that ends with its line ends its expression, too.
            while self.frames.last().is_some_and(|frame| !frame.quote.lines) {
                self.frames.pop();
            }
            self.heredocs.bodies(&mut self.at, self.out);
        }
    }

    fn punctuation(&mut self, byte: u8) {
        self.at.pos += 1;
        self.value = matches!(byte, b')' | b']' | b'}');
        self.after_type &= matches!(byte, b'*' | b'&' | b'>' | b']' | b'~');
        self.tag &= byte != b'>' || self.at.slice(self.at.pos.saturating_sub(2), self.at.pos) == b"=>";
        let keeps = match self.next {
            Class::Namespace => matches!(byte, b'.' | b':' | b'/' | b'\\' | b'-' | b'@'),
            Class::Function => matches!(byte, b'.' | b':'),
            _ => false,
        };
        if !keeps {
            self.next = Class::Plain;
        }
    }

    /// What isn't a name, a number or punctuation. Says false, and has done nothing, if it isn't that either.
    fn special(&mut self, byte: u8, first: bool) -> bool {
        if self.comment(first) || self.brace(byte) || self.by_rule(byte, first) || self.quoted() || self.sigil(byte) {
            return true;
        }
        if byte == b'.' && self.at.ahead(1).is_ascii_digit() && !self.value {
            self.number();
            return true;
        }
        false
    }

    fn comment(&mut self, first: bool) -> bool {
        let row = self.language.row;
        let start = self.at.pos;
        if self.language.has(rule::LONG_BRACKETS) && self.long_bracket_comment() {
            return true;
        }
        for (open, close) in row.block_comments {
            if self.at.looking_at(open) && (!open.starts_with('=') || self.at.at_line_start()) {
                self.at.skip(open.len());
                self.block_comment(open, close);
                self.out.token(Class::Comment, start, self.at.pos);
                return true;
            }
        }
        let apart = !self.language.has(rule::SPACED_COMMENTS) || self.at.before().is_ascii_whitespace() || first;
        let allowed = apart && (first || !self.language.has(rule::FIRST_COMMENTS));
        if allowed && row.line_comments.iter().any(|open| self.at.looking_at(open)) {
            self.at.skip_line();
            self.out.token(Class::Comment, start, self.at.pos);
            return true;
        }
        false
    }

    fn block_comment(&mut self, open: &str, close: &str) {
        if !self.language.has(rule::NESTED) {
            return self.at.skip_past(close);
        }
        let mut depth = 1;
        while depth > 0 && !self.at.is_done() {
            if self.at.looking_at(close) {
                depth -= 1;
                self.at.skip(close.len());
            } else if self.at.looking_at(open) {
                depth += 1;
                self.at.skip(open.len());
            } else {
                self.at.pos += 1;
            }
        }
    }

    /// Braces and parentheses are counted inside of strings' expressions only.
    fn brace(&mut self, byte: u8) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        if byte == frame.open_brace {
            frame.depth += 1;
        } else if byte == frame.close_brace {
            if frame.depth == 0 {
                self.resume_string();
                return true;
            }
            frame.depth -= 1;
        }
        false
    }

    fn by_rule(&mut self, byte: u8, first: bool) -> bool {
        let has = |rule| self.language.has(rule);
        match byte {
            b'#' if has(rule::PREPROCESSOR) && first => self.preprocessor(),
            b'#' if has(rule::RUST) => self.rust_attribute(),
            b'#' if has(rule::LISP) => self.lisp_character(),
            b'\'' if has(rule::LIFETIMES) => self.lifetime(),
            b'\'' if has(rule::LISP) => self.lisp_symbol(),
            b'/' if has(rule::REGEX) && !self.value => self.regex(),
            b'<' if has(rule::JSX) => self.jsx_tag(),
            b'<' if has(rule::HEREDOC) => self.heredoc(2),
            b'<' if has(rule::HEREDOC_THREE) => self.heredoc(3),
            b'[' if has(rule::LONG_BRACKETS) => self.long_bracket(),
            b'%' if has(rule::PERCENT_LITERALS) && !self.value => self.percent_literal(),
            b'\\' if has(rule::BACKSLASH_NAMES) => self.backslash_name(),
            _ => false,
        }
    }

    /// A token from `start` to here, after which an operand is over.
    fn operand(&mut self, class: Class, start: usize) {
        self.out.token(class, start, self.at.pos);
        self.value = true;
        self.after_type = false;
        self.next = Class::Plain;
    }
}
