//! Strings, with the expressions in them.

use super::super::class::Class;
use super::super::cursor::{continues_name, starts_name};
use super::super::row::{Inside, Quote, rule};
use super::Engine;

/// Expressions in strings in expressions in strings: no deeper than this.
const DEEPEST: usize = 16;

/// A string around an expression.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) quote: Quote,
    pub(super) open_brace: u8,
    pub(super) close_brace: u8,
    /// Braces open in the expression.
    pub(super) depth: usize,
}

impl Engine<'_, '_, '_, '_> {
    /// A string, if one starts here.
    pub(super) fn quoted(&mut self) -> bool {
        let start = self.at.pos;
        for quote in self.language.row.quotes {
            if !self.at.looking_at(quote.open) || quote.one && !self.is_character(quote) || self.transposes(quote) {
                continue;
            }
            self.at.skip(quote.open.len());
            self.string_body(*quote, start);
            return true;
        }
        false
    }

    fn transposes(&self, quote: &Quote) -> bool {
        let after_value = self.value && !self.at.before().is_ascii_whitespace();
        after_value && quote.open == "'" && self.language.has(rule::TRANSPOSE)
    }

    /// `'x'` or `'\…'`: otherwise the quote is a lifetime, a transposition, or part of a name.
    fn is_character(&self, quote: &Quote) -> bool {
        let first = self.at.ahead(1);
        let close = quote.close.as_bytes()[0];
        if first == quote.escape {
            return (3..12).any(|ahead| self.at.ahead(ahead) == close);
        }
        let length = match first {
            0..0x80 => 1,
            0x80..0xE0 => 2,
            0xE0..0xF0 => 3,
            _ => 4,
        };
        first != b'\n' && self.at.ahead(1 + length) == close
    }

    /// `f"…"`, `r"…"`, `r#"…"#`.
    pub(super) fn prefixed_string(&mut self, start: usize, name: &[u8], follower: u8) -> bool {
        if self.language.row.prefixes.is_empty() || name.len() > 3 || !matches!(follower, b'"' | b'\'' | b'`' | b'#') {
            return false;
        }
        if !self.language.row.prefixes.split(' ').any(|prefix| prefix.as_bytes() == name) {
            return false;
        }
        if self.language.has(rule::RUST) && name.contains(&b'r') {
            return self.rust_raw_string(start);
        }
        let Some(&quote) = self.language.row.quotes.iter().find(|quote| self.at.looking_at(quote.open)) else {
            return false;
        };
        let holds = |letter: u8| name.iter().any(|byte| byte.to_ascii_lowercase() == letter);
        let escape = if holds(b'r') { 0 } else { quote.escape };
        let inside = if holds(b'f') { Inside::Braces } else { quote.inside };
        self.at.skip(quote.open.len());
        self.string_body(Quote { escape, inside, ..quote }, start);
        true
    }

    fn rust_raw_string(&mut self, start: usize) -> bool {
        let hashes = (0..32).take_while(|&ahead| self.at.ahead(ahead) == b'#').count();
        if self.at.ahead(hashes) != b'"' {
            return false;
        }
        self.at.skip(hashes + 1);
        while !self.at.is_done() {
            self.at.skip_while(|byte| byte != b'"');
            self.at.skip(1);
            if (0..hashes).all(|ahead| self.at.ahead(ahead) == b'#') {
                self.at.skip(hashes);
                break;
            }
        }
        self.operand(Class::String, start);
        true
    }

    /// Goes on with the string around the expression that ends here.
    pub(super) fn resume_string(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        self.out.token(Class::Interpolation, self.at.pos, self.at.pos + 1);
        self.at.pos += 1;
        self.string_body(frame.quote, self.at.pos);
    }

    /// From behind the opening quote, or behind an expression, to behind the closing quote or to the next expression.
    fn string_body(&mut self, quote: Quote, mut from: usize) {
        let close = quote.close.as_bytes()[0];
        let trigger = match quote.inside {
            Inside::Text | Inside::BackslashParens => close,
            Inside::Dollar | Inside::DollarBraces | Inside::DollarParens => b'$',
            Inside::HashBraces => b'#',
            Inside::Braces => b'{',
        };
        loop {
            self.at.skip_while(|byte| byte != close && byte != quote.escape && byte != trigger && byte != b'\n');
            let byte = self.at.byte();
            if self.at.is_done() {
                break;
            }
            if byte == b'\n' {
                if !quote.lines {
                    break;
                }
                self.at.pos += 1;
                if !self.heredocs.is_empty() {
                    self.out.token(quote.class, from, self.at.pos);
                    self.heredocs.bodies(&mut self.at, self.out);
                    from = self.at.pos;
                }
            } else if byte == close && self.at.looking_at(quote.close) {
                self.at.skip(quote.close.len());
                if !(quote.doubled && self.at.looking_at(quote.close)) {
                    break;
                }
                self.at.skip(quote.close.len());
            } else if self.expression(quote, from) {
                return;
            } else if self.variable(quote, &mut from) {
                // It has moved on.
            } else if byte == quote.escape && quote.escape != 0 {
                self.out.token(quote.class, from, self.at.pos);
                from = self.at.pos;
                self.skip_escape();
                self.out.token(Class::Escape, from, self.at.pos);
                from = self.at.pos;
            } else {
                self.at.pos += 1;
            }
        }
        self.operand(quote.class, from);
    }

    /// The start of an expression in a string: the engine goes on with the expression.
    fn expression(&mut self, quote: Quote, from: usize) -> bool {
        let (byte, follower) = (self.at.byte(), self.at.ahead(1));
        let (length, open_brace, close_brace) = match quote.inside {
            Inside::Dollar | Inside::DollarBraces if byte == b'$' && follower == b'{' => (2, b'{', b'}'),
            Inside::HashBraces if byte == b'#' && follower == b'{' => (2, b'{', b'}'),
            Inside::DollarParens if byte == b'$' && follower == b'(' => (2, b'(', b')'),
            Inside::BackslashParens if byte == b'\\' && follower == b'(' => (2, b'(', b')'),
            Inside::Braces if byte == b'{' && follower != b'{' => (1, b'{', b'}'),
            _ => return false,
        };
        if self.frames.len() >= DEEPEST {
            return false;
        }
        self.out.token(quote.class, from, self.at.pos);
        self.out.token(Class::Interpolation, self.at.pos, self.at.pos + length);
        self.at.skip(length);
        self.frames.push(Frame { quote, open_brace, close_brace, depth: 0 });
        self.value = false;
        self.after_type = false;
        self.next = Class::Plain;
        true
    }

    /// A variable in a string, or a brace that stands for itself.
    fn variable(&mut self, quote: Quote, from: &mut usize) -> bool {
        let (byte, follower) = (self.at.byte(), self.at.ahead(1));
        if quote.inside == Inside::Braces && byte == b'{' && follower == b'{' {
            self.at.skip(2);
            return true;
        }
        let names = matches!(quote.inside, Inside::Dollar | Inside::DollarParens) && byte == b'$';
        if !names || !starts_name(follower) {
            return false;
        }
        self.out.token(quote.class, *from, self.at.pos);
        *from = self.at.pos;
        self.at.pos += 1;
        self.at.skip_while(continues_name);
        self.out.token(Class::Interpolation, *from, self.at.pos);
        *from = self.at.pos;
        true
    }

    /// A backslash and what belongs to it. At least the one byte is taken.
    fn skip_escape(&mut self) {
        let hexadecimal = |byte: u8| byte.is_ascii_hexdigit();
        let length = match self.at.ahead(1) {
            b'x' => 2 + (2..4).take_while(|&ahead| hexadecimal(self.at.ahead(ahead))).count(),
            b'u' if self.at.ahead(2) == b'{' => {
                let digits = (3..9).take_while(|&ahead| hexadecimal(self.at.ahead(ahead))).count();
                3 + digits + usize::from(self.at.ahead(3 + digits) == b'}')
            }
            b'u' => 2 + (2..6).take_while(|&ahead| hexadecimal(self.at.ahead(ahead))).count(),
            b'U' => 2 + (2..10).take_while(|&ahead| hexadecimal(self.at.ahead(ahead))).count(),
            b'0'..=b'7' => 1 + (1..4).take_while(|&ahead| matches!(self.at.ahead(ahead), b'0'..=b'7')).count(),
            b'\n' => 1,
            _ => 2,
        };
        self.at.skip(length);
        // A line end after a backslash goes on with the string.
        if length == 1 && self.at.byte() == b'\n' {
            self.at.pos += 1;
        }
    }

    /// `<<TAG` here: the text comes after the line's end.
    pub(super) fn heredoc(&mut self, marks: usize) -> bool {
        let start = self.at.pos;
        let Some(end) = self.heredocs.open(&self.at, marks, marks == 2) else { return false };
        self.at.pos = end;
        self.operand(Class::String, start);
        true
    }
}
