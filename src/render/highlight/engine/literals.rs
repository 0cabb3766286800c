//! Numbers, regular expressions and the literals of single languages.

use super::super::class::Class;
use super::super::cursor::{LOOK_AHEAD, continues_name};
use super::super::row::rule;
use super::Engine;

impl Engine<'_, '_, '_, '_> {
    /// A number with all that is glued to it: prefix, separators, exponent, unit.
    pub(super) fn number(&mut self) {
        let start = self.at.pos;
        let hexadecimal = self.at.byte() == b'0' && matches!(self.at.ahead(1), b'x' | b'X');
        loop {
            let byte = self.at.byte();
            if byte == b'.' {
                if !self.at.ahead(1).is_ascii_digit() {
                    break;
                }
            } else if matches!(byte, b'+' | b'-') {
                let exponent = matches!(self.at.before(), b'e' | b'E') && !hexadecimal;
                if !exponent || !self.at.ahead(1).is_ascii_digit() || self.at.pos == start {
                    break;
                }
            } else if !byte.is_ascii_alphanumeric() && byte != b'_' {
                break;
            }
            self.at.pos += 1;
        }
        self.operand(Class::Number, start);
    }

    /// `/…/flags` in one line; what doesn't end in it is a division.
    pub(super) fn regex(&mut self) -> bool {
        let start = self.at.pos;
        let end = self.at.end().min(start + LOOK_AHEAD);
        let (mut place, mut set) = (start + 1, false);
        loop {
            match self.at.byte_at(place) {
                _ if place >= end => return false,
                b'\n' => return false,
                b'\\' => place += 1,
                b'[' => set = true,
                b']' => set = false,
                b'/' if !set => break,
                b' ' if place == start + 1 => return false,
                _ => {}
            }
            place += 1;
        }
        if place == start + 1 {
            return false;
        }
        self.at.pos = place + 1;
        self.at.skip_while(|byte| byte.is_ascii_alphabetic());
        self.operand(Class::Regex, start);
        true
    }

    /// `#include <file>`, to the end of the line, and on if a backslash is there.
    pub(super) fn preprocessor(&mut self) -> bool {
        let start = self.at.pos;
        let mut quiet = false;
        while !self.at.is_done() {
            match self.at.byte() {
                b'\n' => break,
                b'\\' => self.at.skip(1),
                b'"' => quiet = !quiet,
                b'/' if !quiet && matches!(self.at.ahead(1), b'/' | b'*') => break,
                _ => {}
            }
            self.at.skip(1);
        }
        self.out.token(Class::Preprocessor, start, self.at.pos);
        true
    }

    /// `#[…]`, `#![…]`.
    pub(super) fn rust_attribute(&mut self) -> bool {
        let start = self.at.pos;
        let mut place = start + 1 + usize::from(self.at.ahead(1) == b'!');
        if self.at.byte_at(place) != b'[' {
            return false;
        }
        let end = self.at.end().min(start + LOOK_AHEAD);
        let mut depth = 0;
        while place < end {
            match self.at.byte_at(place) {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            place += 1;
            if depth == 0 {
                break;
            }
        }
        self.at.pos = place;
        self.out.token(Class::Preprocessor, start, place);
        true
    }

    /// `%w[a b]`, `%q(…)`, `%r{…}`, `%i[…]`.
    pub(super) fn percent_literal(&mut self) -> bool {
        let start = self.at.pos;
        let letter = self.at.ahead(1);
        let (class, open) = match letter {
            b'w' | b'W' | b'q' | b'Q' | b'x' => (Class::String, self.at.ahead(2)),
            b'i' | b'I' | b's' => (Class::Symbol, self.at.ahead(2)),
            b'r' => (Class::Regex, self.at.ahead(2)),
            b'(' | b'{' | b'[' => (Class::String, letter),
            _ => return false,
        };
        if !open.is_ascii_punctuation() {
            return false;
        }
        self.at.skip(if letter == open { 1 } else { 2 });
        self.delimited();
        if class == Class::Regex {
            self.at.skip_while(|byte| byte.is_ascii_alphabetic());
        }
        self.operand(class, start);
        true
    }

    /// Moves from an opening delimiter behind the closing one; brackets nest.
    fn delimited(&mut self) {
        let open = self.at.byte();
        let close = match open {
            b'(' => b')',
            b'[' => b']',
            b'{' => b'}',
            b'<' => b'>',
            other => other,
        };
        self.at.skip(1);
        let mut depth = 1;
        while depth > 0 && !self.at.is_done() {
            let byte = self.at.byte();
            self.at.pos += 1;
            if byte == b'\\' {
                self.at.skip(1);
            } else if byte == close {
                depth -= 1;
            } else if byte == open {
                depth += 1;
            }
        }
    }

    /// Perl's `q(…)`, `qw(…)`, `m{…}`, `s/…/…/`, `tr/…/…/`.
    pub(super) fn perl_quote(&mut self, start: usize, name: &[u8], follower: u8) -> bool {
        if !self.language.has(rule::PERL_QUOTES) || !follower.is_ascii_punctuation() {
            return false;
        }
        if matches!(follower, b',' | b';' | b')' | b'=' | b'-' | b'>' | b'_' | b'\'') {
            return false;
        }
        let (class, parts) = match name {
            b"q" | b"qq" | b"qw" | b"qx" => (Class::String, 1),
            b"m" | b"qr" => (Class::Regex, 1),
            b"s" | b"tr" | b"y" => (Class::Regex, 2),
            _ => return false,
        };
        self.delimited();
        if parts == 2 {
            if !matches!(follower, b'(' | b'[' | b'{' | b'<') {
                // The middle delimiter ends the first part and starts the second.
                self.at.pos -= usize::from(self.at.before() == follower);
            }
            if self.at.byte().is_ascii_punctuation() {
                self.delimited();
            }
        }
        if class == Class::Regex {
            self.at.skip_while(continues_name);
        }
        self.operand(class, start);
        true
    }

    pub(super) fn long_bracket(&mut self) -> bool {
        let start = self.at.pos;
        if !self.skip_long_bracket() {
            return false;
        }
        self.operand(Class::String, start);
        true
    }

    pub(super) fn long_bracket_comment(&mut self) -> bool {
        let start = self.at.pos;
        if !self.at.looking_at("--[") {
            return false;
        }
        self.at.skip(2);
        if self.skip_long_bracket() {
            self.out.token(Class::Comment, start, self.at.pos);
            return true;
        }
        self.at.pos = start;
        false
    }

    fn skip_long_bracket(&mut self) -> bool {
        let mut level = 0;
        while level < 16 && self.at.ahead(1 + level) == b'=' {
            level += 1;
        }
        if self.at.byte() != b'[' || self.at.ahead(1 + level) != b'[' {
            return false;
        }
        self.at.skip(level + 2);
        while !self.at.is_done() {
            self.at.skip_while(|byte| byte != b']');
            let equals = (0..level).take_while(|&ahead| self.at.ahead(1 + ahead) == b'=').count();
            if equals == level && self.at.ahead(1 + level) == b']' {
                self.at.skip(level + 2);
                break;
            }
            self.at.skip(1);
        }
        true
    }
}
