//! YAML.

use std::ops::Range;

use super::super::class::Class;
use super::super::cursor::Cursor;
use super::super::painter::Painter;

/// YAML by lines: keys, strings, block texts, anchors. Plain values have no class, except numbers and constants.
pub(super) fn lex(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let at = Cursor::new(out.text(), &range);
    Yaml { at, out, indent: 0, flow: 0 }.run();
}

struct Yaml<'p, 't, 'h> {
    at: Cursor<'t>,
    out: &'p mut Painter<'t, 'h>,
    /// The indentation of the line, dashes counted: a block text is further in.
    indent: usize,
    /// Open brackets and braces.
    flow: usize,
}

impl Yaml<'_, '_, '_> {
    fn run(&mut self) {
        while !self.at.is_done() {
            let start = self.at.pos;
            if self.at.at_line_start() {
                self.line_start();
                if self.at.pos > start {
                    continue;
                }
            }
            match self.at.byte() {
                b'#' if self.at.before().is_ascii_whitespace() => self.rest_of_line(Class::Comment),
                b'"' | b'\'' => self.quoted(),
                b'&' | b'*' if self.starts_node() => {
                    self.marked(if self.at.byte() == b'&' { Class::Label } else { Class::Variable });
                }
                b'!' if self.starts_node() => self.marked(Class::Type),
                b'|' | b'>' if self.starts_node() && self.flow == 0 => self.block_text(),
                b'[' | b'{' => {
                    self.flow += 1;
                    self.at.pos += 1;
                }
                b']' | b'}' => {
                    self.flow = self.flow.saturating_sub(1);
                    self.at.pos += 1;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => self.at.pos += 1,
                b'-' | b'?' if self.at.ahead(1) == b' ' => self.at.pos += 1,
                _ => self.plain(),
            }
        }
    }

    /// Indentation, document marks and directives.
    fn line_start(&mut self) {
        let start = self.at.pos;
        if self.at.looking_at("---") || self.at.looking_at("...") {
            self.at.skip(3);
            self.indent = 0;
            return self.out.token(Class::Namespace, start, self.at.pos);
        }
        if self.at.byte() == b'%' {
            return self.rest_of_line(Class::Preprocessor);
        }
        self.at.skip_while(|byte| byte == b' ');
        self.indent = self.at.pos - start;
    }

    fn rest_of_line(&mut self, class: Class) {
        let start = self.at.pos;
        self.at.skip_line();
        self.out.token(class, start, self.at.pos);
    }

    fn starts_node(&self) -> bool {
        matches!(self.at.before(), b' ' | b'\n' | b'\t' | b'[' | b'{' | b',')
    }

    fn marked(&mut self, class: Class) {
        let start = self.at.pos;
        self.at.skip_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b',' | b']' | b'}'));
        self.out.token(class, start, self.at.pos);
    }

    fn quoted(&mut self) {
        let start = self.at.pos;
        let quote = self.at.byte();
        self.at.pos += 1;
        while !self.at.is_done() {
            let byte = self.at.byte();
            self.at.skip(if byte == b'\\' && quote == b'"' { 2 } else { 1 });
            if byte == quote {
                break;
            }
        }
        let class = if self.is_key_end(self.at.pos) { Class::Tag } else { Class::String };
        self.out.token(class, start, self.at.pos);
    }

    fn is_key_end(&self, offset: usize) -> bool {
        self.at.byte_at(offset) == b':' && matches!(self.at.byte_at(offset + 1), b' ' | b'\n' | b'\t' | b'\r' | 0)
    }

    /// A key or a value without quotes.
    fn plain(&mut self) {
        let start = self.at.pos;
        let mut end = start;
        while !self.at.is_done() {
            let byte = self.at.byte();
            let ends = match byte {
                b'\n' => true,
                b':' => self.is_key_end(self.at.pos),
                b'#' => matches!(self.at.before(), b' ' | b'\t'),
                b',' | b']' | b'}' | b'[' | b'{' => self.flow > 0,
                _ => false,
            };
            if ends && self.at.pos > start {
                break;
            }
            self.at.pos += 1;
            if !matches!(byte, b' ' | b'\t' | b'\r') {
                end = self.at.pos;
            }
        }
        let class = if self.is_key_end(self.at.pos) { Class::Tag } else { value_class(self.at.slice(start, end)) };
        self.out.token(class, start, end);
    }

    /// `|` or `>`, and the lines that are further in than this one.
    fn block_text(&mut self) {
        self.at.skip_while(|byte| !matches!(byte, b'\n' | b'#'));
        if self.at.byte() == b'#' {
            self.rest_of_line(Class::Comment);
        }
        self.at.skip(1);
        let start = self.at.pos;
        while !self.at.is_done() {
            let line = self.at.pos;
            self.at.skip_while(|byte| byte == b' ');
            let indent = self.at.pos - line;
            if indent <= self.indent && !matches!(self.at.byte(), b'\n' | b'\r') {
                self.at.pos = line;
                break;
            }
            self.at.skip_line_and_feed();
        }
        self.out.token(Class::ConstantName, start, self.at.pos);
    }
}

fn value_class(value: &[u8]) -> Class {
    if matches!(value, b"true" | b"false" | b"null" | b"~" | b"yes" | b"no" | b"on" | b"off" | b"True" | b"False") {
        return Class::Constant;
    }
    let digits = value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b'+'));
    if digits && value.iter().any(u8::is_ascii_digit) && value.iter().filter(|&&byte| byte == b'.').count() < 2 {
        return Class::Number;
    }
    Class::Plain
}
