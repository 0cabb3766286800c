//! Names, and what their neighbours make of them.

use super::super::class::Class;
use super::super::cursor::{continues_name, starts_name};
use super::super::row::{kind, rule};
use super::Engine;

impl Engine<'_, '_, '_, '_> {
    pub(super) fn name(&mut self, first: bool) {
        let start = self.at.pos;
        let after_dot = self.is_member();
        let kinds = &self.language.kinds;
        self.at.pos += 1;
        self.at.skip_while(|byte| kinds[usize::from(byte)] & kind::NAME != 0);
        let name = self.at.slice(start, self.at.pos);
        let follower = self.at.byte();
        if self.prefixed_string(start, name, follower) || self.perl_quote(start, name, follower) {
            return;
        }
        if self.language.has(rule::RUST) && follower == b'!' && self.at.ahead(1) != b'=' {
            self.at.pos += 1;
            self.out.token(Class::Function, start, self.at.pos);
            self.value = false;
            self.next = if name == b"macro_rules" { Class::Function } else { Class::Plain };
            return;
        }
        let expected = std::mem::replace(&mut self.next, Class::Plain);
        let meaning =
            if after_dot && self.language.row.after_dot != Class::Plain { None } else { self.language.words.get(name) };
        let known = match meaning {
            // A field or method may have any name. Rust's `.await` is the exception.
            Some(meaning) if after_dot && meaning.class != Class::Function && !self.language.has(rule::RUST) => {
                Class::Plain
            }
            Some(meaning) => meaning.class,
            None => Class::Plain,
        };
        if known == Class::Comment {
            self.at.skip_line();
            self.out.token(Class::Comment, start, self.at.pos);
            return;
        }
        let class = self.class(known, expected, first, after_dot, start, follower);
        self.out.token(class, start, self.at.pos);
        self.next = match meaning {
            Some(meaning) if meaning.next != Class::Plain && !after_dot => meaning.next,
            _ if expected == Class::Namespace && class == expected => expected,
            // `function a.b`, `def self.b`: the last name is the function's.
            _ if expected == Class::Function && self.is_receiver() => expected,
            _ => Class::Plain,
        };
        self.value = !is_word(class);
        self.after_type = self.value;
    }

    fn class(&self, known: Class, expected: Class, first: bool, dot: bool, start: usize, follower: u8) -> Class {
        let row = self.language.row;
        let is_key = || {
            let (byte, place) = self.at.next_visible(self.at.pos);
            byte == b':' && self.at.byte_at(place + 1) != b':' && self.at.byte_at(place + 1) != b'='
        };
        if row.keys != Class::Plain && follower == b':' && is_key() {
            return row.keys;
        }
        if first && self.language.has(rule::LABELS) && follower == b':' && self.at.ahead(1) != b':' {
            return Class::Label;
        }
        if first && self.language.has(rule::SETTINGS) && self.is_setting() {
            return Class::Attribute;
        }
        if self.tag && (follower == b'=' || matches!(follower, b' ' | b'\n' | b'>' | b'/')) {
            return Class::Attribute;
        }
        if known != Class::Plain {
            return known;
        }
        if expected != Class::Plain {
            return if expected == Class::Function && self.is_receiver() { Class::TypeName } else { expected };
        }
        if self.language.has(rule::TOP_NAMES) && self.begins_line(start) {
            return Class::Function;
        }
        if first && row.first_words != Class::Plain {
            return row.first_words;
        }
        if self.language.has(rule::LISP) && self.at.byte_at(start.wrapping_sub(1)) == b'(' {
            return Class::Function;
        }
        if dot && row.after_dot != Class::Plain {
            return row.after_dot;
        }
        if follower == b'(' {
            if self.language.has(rule::DEFINITIONS) && self.after_type && !dot {
                return Class::Function;
            }
            if row.calls != Class::Plain {
                return row.calls;
            }
        }
        if self.at.byte_at(start).is_ascii_uppercase() { row.capitals } else { Class::Plain }
    }

    /// Whether a dot stands before, which isn't one of two as in a range; or an arrow, where that makes members.
    fn is_member(&self) -> bool {
        let before = [self.at.byte_at(self.at.pos.wrapping_sub(2)), self.at.before()];
        if self.language.has(rule::ARROWS) { before == *b"->" } else { before[1] == b'.' && before[0] != b'.' }
    }

    /// Whether a dot or colon, and another name, come next.
    fn is_receiver(&self) -> bool {
        matches!(self.at.byte(), b'.' | b':') && starts_name(self.at.ahead(1))
    }

    fn begins_line(&self, start: usize) -> bool {
        self.at.byte_at(start).is_ascii_lowercase() && matches!(self.at.byte_at(start.wrapping_sub(1)), b'\n' | 0)
    }

    fn is_setting(&self) -> bool {
        let (byte, place) = self.at.next_visible(self.at.pos);
        byte == b'=' && self.at.byte_at(place + 1) != b'='
    }

    /// A mark and a name. Some marks are also separators, as the colon, so what stands before counts.
    pub(super) fn sigil(&mut self, byte: u8) -> bool {
        let start = self.at.pos;
        for &(mark, class) in self.language.row.sigils {
            if !self.at.looking_at(mark) {
                continue;
            }
            let follower = self.at.ahead(mark.len());
            let before = self.at.before();
            let names = continues_name(follower);
            let brace = byte == b'$' && follower == b'{';
            if matches!(byte, b':' | b'&' | b'%' | b'-' | b'@' | b'#') && (before == byte || continues_name(before)) {
                continue;
            }
            if !names && !brace {
                continue;
            }
            if matches!(byte, b'%' | b'&') && follower.is_ascii_digit() && self.value {
                continue;
            }
            self.at.skip(mark.len() + usize::from(brace));
            let kinds = &self.language.kinds;
            self.at.skip_while(|byte| kinds[usize::from(byte)] & kind::NAME != 0);
            if brace && self.at.byte() == b'}' {
                self.at.pos += 1;
            }
            self.operand(class, start);
            return true;
        }
        false
    }

    pub(super) fn lifetime(&mut self) -> bool {
        let start = self.at.pos;
        if !continues_name(self.at.ahead(1)) || self.at.ahead(2) == b'\'' || self.at.ahead(1) >= 0x80 {
            return false;
        }
        self.at.pos += 1;
        self.at.skip_while(continues_name);
        self.operand(Class::Attribute, start);
        true
    }

    pub(super) fn lisp_symbol(&mut self) -> bool {
        let start = self.at.pos;
        let kinds = &self.language.kinds;
        if kinds[usize::from(self.at.ahead(1))] & kind::NAME == 0 {
            return false;
        }
        self.at.pos += 1;
        self.at.skip_while(|byte| kinds[usize::from(byte)] & kind::NAME != 0);
        self.operand(Class::Symbol, start);
        true
    }

    pub(super) fn lisp_character(&mut self) -> bool {
        let start = self.at.pos;
        match self.at.ahead(1) {
            b'\\' => {
                self.at.skip(3);
                self.at.skip_while(continues_name);
                self.operand(Class::String, start);
            }
            b't' | b'f' if !continues_name(self.at.ahead(2)) => {
                self.at.skip(2);
                self.operand(Class::Constant, start);
            }
            b':' => {
                self.at.skip(2);
                self.at.skip_while(continues_name);
                self.operand(Class::Keyword, start);
            }
            _ => return false,
        }
        true
    }

    pub(super) fn backslash_name(&mut self) -> bool {
        let start = self.at.pos;
        if !self.at.ahead(1).is_ascii_alphabetic() {
            return false;
        }
        self.at.pos += 1;
        self.at.skip_while(|byte| byte.is_ascii_alphanumeric());
        self.operand(Class::Function, start);
        true
    }

    /// The start or end tag of an element in JavaScript. The rest of the tag is lexed as code, with names as
    /// attributes.
    pub(super) fn jsx_tag(&mut self) -> bool {
        let closes = self.at.ahead(1) == b'/';
        let first = self.at.ahead(1 + usize::from(closes));
        if !(first.is_ascii_alphabetic() && (closes || !self.value) || closes && first == b'>') {
            return false;
        }
        self.at.skip(1 + usize::from(closes));
        let start = self.at.pos;
        self.at.skip_while(|byte| continues_name(byte) || matches!(byte, b'.' | b'-' | b':'));
        self.out.token(Class::Tag, start, self.at.pos);
        self.tag = !closes;
        self.value = false;
        true
    }
}

/// Whether a class is that of words with a meaning to the language's grammar.
fn is_word(class: Class) -> bool {
    matches!(class, Class::Keyword | Class::Declaration | Class::Import | Class::WordOperator)
}
