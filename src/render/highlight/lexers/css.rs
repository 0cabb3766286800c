//! CSS, SCSS, Less, indented Sass and Stylus.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::{Cursor, LOOK_AHEAD, continues_name};
use super::super::painter::Painter;
use super::data::skip_string;

/// Which of the languages: they differ in comments, in variables and in whether braces or lines hold blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Css,
    Scss,
    Less,
    Indented,
}

/// Plain CSS.
pub(super) fn css(out: &mut Painter<'_, '_>, range: Range<usize>) {
    lex(out, range, Dialect::Css);
}

/// Sass with braces.
pub(super) fn scss(out: &mut Painter<'_, '_>, range: Range<usize>) {
    lex(out, range, Dialect::Scss);
}

/// Less.
pub(super) fn less(out: &mut Painter<'_, '_>, range: Range<usize>) {
    lex(out, range, Dialect::Less);
}

/// Sass without braces, and Stylus. Much that is called `sass` has braces: then it is SCSS.
pub(super) fn indented(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let braces = out.text().get(range.clone()).is_some_and(|text| text.contains("{\n"));
    lex(out, range, if braces { Dialect::Scss } else { Dialect::Indented });
}

fn lex(out: &mut Painter<'_, '_>, range: Range<usize>, dialect: Dialect) {
    let at = Cursor::new(out.text(), &range);
    Css { at, out, dialect, in_value: false, in_block: false, in_rule: false, parens: 0, decided: false }.run();
}

struct Css<'p, 't, 'h> {
    at: Cursor<'t>,
    out: &'p mut Painter<'t, 'h>,
    dialect: Dialect,
    /// Behind a property's colon.
    in_value: bool,
    /// Whether what stands here is a declaration rather than a selector, as far as the look ahead says.
    in_block: bool,
    /// In the prelude of an at-rule.
    in_rule: bool,
    parens: usize,
    /// Whether `in_block` is known for this statement.
    decided: bool,
}

impl Css<'_, '_, '_> {
    fn run(&mut self) {
        while !self.at.is_done() {
            let start = self.at.pos;
            let byte = self.at.byte();
            if byte.is_ascii_whitespace() {
                self.at.pos += 1;
                if byte == b'\n' && self.dialect == Dialect::Indented && self.parens == 0 {
                    self.end_statement();
                }
                continue;
            }
            if self.comment(byte) {
                continue;
            }
            if !self.decided {
                self.decided = true;
                self.in_block = self.is_declaration();
            }
            match byte {
                b'"' | b'\'' => {
                    skip_string(&mut self.at);
                    self.out.token(Class::String, start, self.at.pos);
                }
                b'{' | b'}' | b';' => {
                    self.at.pos += 1;
                    self.end_statement();
                }
                b'(' => {
                    self.at.pos += 1;
                    self.parens += 1;
                }
                b')' => {
                    self.at.pos += 1;
                    self.parens = self.parens.saturating_sub(1);
                }
                b'@' => self.at_word(),
                b'$' => self.marked(Class::Variable),
                b'#' if self.at.ahead(1) == b'{' => self.interpolation(),
                b'!' => self.marked(Class::Preprocessor),
                _ if self.in_value || self.in_rule => self.value(byte),
                _ if self.in_block => self.property(byte),
                _ => self.selector(byte),
            }
        }
    }

    fn end_statement(&mut self) {
        self.in_value = false;
        self.in_rule = false;
        self.decided = false;
        self.parens = 0;
    }

    fn comment(&mut self, byte: u8) -> bool {
        let start = self.at.pos;
        if byte != b'/' {
            return false;
        }
        match self.at.ahead(1) {
            b'*' => {
                self.at.skip(2);
                self.at.skip_past("*/");
            }
            // Plain CSS has none of these; what looks like one at a line's start is one of another dialect.
            b'/' if self.dialect == Dialect::Css && !self.at.at_line_start() => return false,
            b'/' if !matches!(self.at.before(), b':' | b'(') => self.at.skip_line(),
            _ => return false,
        }
        self.out.token(Class::Comment, start, self.at.pos);
        true
    }

    /// Whether a `;` or `}` comes before a `{`: then this is a declaration. If neither comes soon, a colon with a blank
    /// says so, as in indented Sass.
    fn is_declaration(&self) -> bool {
        if self.dialect == Dialect::Indented {
            return self.is_indented_declaration();
        }
        let mut place = self.at.pos;
        let mut colon = false;
        loop {
            place += 1;
            match self.at.byte_at(place - 1) {
                _ if place > self.at.pos + LOOK_AHEAD => return colon,
                b';' | b'}' => return true,
                0 => return colon,
                b'#' | b'@' if self.at.byte_at(place) == b'{' => place += 1,
                b'{' => return false,
                b':' => colon |= self.at.byte_at(place) == b' ',
                _ => {}
            }
        }
    }

    fn is_indented_declaration(&self) -> bool {
        let stop = self.at.find(b"\n:");
        self.at.byte_at(stop) == b':' && matches!(self.at.byte_at(stop + 1), b' ' | b'\t')
            || self.at.byte() == b':' && self.at.ahead(1).is_ascii_lowercase()
    }

    /// A mark, and the name after it.
    fn marked(&mut self, class: Class) {
        let start = self.at.pos;
        self.at.pos += 1;
        self.skip_name();
        self.out.token(class, start, self.at.pos);
    }

    fn skip_name(&mut self) {
        self.at.skip_while(|byte| continues_name(byte) || byte == b'-');
    }

    fn at_word(&mut self) {
        let start = self.at.pos;
        self.at.pos += 1;
        self.skip_name();
        let name = self.at.slice(start, self.at.pos);
        let is_rule = matches!(
            name,
            b"@media"
                | b"@import"
                | b"@charset"
                | b"@supports"
                | b"@include"
                | b"@mixin"
                | b"@extend"
                | b"@if"
                | b"@else"
                | b"@for"
                | b"@each"
                | b"@while"
                | b"@function"
                | b"@return"
                | b"@use"
                | b"@forward"
                | b"@layer"
                | b"@container"
                | b"@property"
                | b"@keyframes"
                | b"@font-face"
                | b"@page"
                | b"@namespace"
                | b"@tailwind"
                | b"@apply"
                | b"@plugin"
                | b"@at-root"
                | b"@warn"
                | b"@error"
                | b"@debug"
                | b"@content"
                | b"@counter-style"
                | b"@-webkit-keyframes"
                | b"@-moz-keyframes"
                | b"@scope"
                | b"@starting-style"
        );
        let class = if self.dialect == Dialect::Less && !is_rule { Class::Variable } else { Class::Keyword };
        self.out.token(class, start, self.at.pos);
        self.in_rule = class == Class::Keyword;
        if self.at.next_visible(self.at.pos).0 == b':' && class == Class::Variable {
            self.in_value = true;
        }
    }

    fn interpolation(&mut self) {
        let start = self.at.pos;
        let close = self.at.find(b"}\n");
        self.at.pos = if self.at.byte_at(close) == b'}' { close + 1 } else { start + 2 };
        self.out.token(Class::Interpolation, start, self.at.pos);
    }

    fn value(&mut self, byte: u8) {
        let start = self.at.pos;
        let follower = self.at.ahead(1);
        let class = if byte == b'#' {
            self.at.pos += 1;
            self.at.skip_while(|byte| byte.is_ascii_hexdigit());
            Class::Number
        } else if byte.is_ascii_digit()
            || matches!(byte, b'.' | b'-' | b'+') && (follower.is_ascii_digit() || follower == b'.')
        {
            self.at.pos += 1;
            self.at.skip_while(|byte| byte.is_ascii_digit() || byte == b'.');
            self.out.token(Class::Number, start, self.at.pos);
            let unit = self.at.pos;
            self.at.skip_while(|byte| byte.is_ascii_alphabetic() || byte == b'%');
            return self.out.token(Class::Type, unit, self.at.pos);
        } else if continues_name(byte) || byte == b'-' {
            self.at.pos += 1;
            self.skip_name();
            let name = self.at.slice(start, self.at.pos);
            match self.at.byte() {
                _ if name.starts_with(b"--") => Class::Variable,
                b'(' if name == b"url" => {
                    self.url(start);
                    return;
                }
                b'(' => Class::Builtin,
                b':' if self.parens > 0 => Class::Keyword,
                _ => Class::Constant,
            }
        } else {
            self.at.pos += 1;
            return;
        };
        self.out.token(class, start, self.at.pos);
    }

    fn url(&mut self, start: usize) {
        self.out.token(Class::Builtin, start, self.at.pos);
        self.at.pos += 1;
        if !matches!(self.at.byte(), b'"' | b'\'') {
            let inner = self.at.pos;
            self.at.skip_while(|byte| byte != b')' && byte != b'\n');
            self.out.token(Class::String, inner, self.at.pos);
        } else {
            self.parens += 1;
        }
    }

    fn property(&mut self, byte: u8) {
        let start = self.at.pos;
        if byte == b':' {
            self.at.pos += 1;
            // Old Sass has the colon before the property.
            self.in_value = !(self.dialect == Dialect::Indented && self.at.byte().is_ascii_lowercase());
            return;
        }
        self.at.pos += 1;
        if continues_name(byte) || byte == b'-' {
            self.skip_name();
            let class = if self.at.slice(start, start + 2) == b"--" { Class::Variable } else { Class::Keyword };
            self.out.token(class, start, self.at.pos);
            if self.dialect == Dialect::Indented && self.at.byte() != b':' {
                self.in_value = true;
            }
        }
    }

    fn selector(&mut self, byte: u8) {
        let start = self.at.pos;
        let class = match byte {
            b'.' => Class::TypeName,
            b'#' => Class::Namespace,
            b'%' => Class::TypeName,
            b':' => Class::Decorator,
            b'&' => Class::Keyword,
            b'[' => {
                let close = self.at.find(b"]\n{=~|^$*");
                self.at.pos = close.max(start + 1);
                return self.out.token(Class::Attribute, start + 1, self.at.pos);
            }
            _ if continues_name(byte) => Class::Tag,
            _ => {
                self.at.pos += 1;
                return;
            }
        };
        self.at.pos += 1;
        let name = if class == Class::Tag { start } else { self.at.pos };
        self.at.skip_while(|byte| byte == b':' && class == Class::Decorator);
        self.skip_name();
        let from = if class == Class::Keyword { start } else { name };
        self.out.token(class, from, self.at.pos);
    }
}
