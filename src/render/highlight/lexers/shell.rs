//! Shell: words are split by blanks rather than by kind, so the table engine doesn't fit.

use std::ops::Range;
use std::sync::LazyLock;

use super::super::class::Class;
use super::super::cursor::{Cursor, LOOK_AHEAD, continues_name, starts_name};
use super::super::engine::Heredocs;
use super::super::painter::Painter;
use super::super::words::Words;

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let classes = [
        (
            Class::Keyword,
            "if fi else while in do done for then return function case select break continue until esac elif time",
        ),
        (
            Class::Builtin,
            "alias bg bind builtin caller cd command compgen complete compopt coproc declare dirs disown echo \
             enable eval exec exit export false fc fg getopts hash help history jobs kill let local logout \
             mapfile popd printf pushd pwd read readarray readonly set shift shopt source suspend test times trap \
             true type typeset ulimit umask unalias unset wait",
        ),
    ];
    Words::new(&classes, &[(Class::Function, "function")], false)
});

/// A script. What starts with a prompt is the transcript of a session, whatever the post calls it.
pub(super) fn script(out: &mut Painter<'_, '_>, range: Range<usize>) {
    if out.text().get(range.clone()).is_some_and(|text| text.trim_ascii_start().starts_with("$ ")) {
        super::console::lex(out, range);
    } else {
        lex(out, range);
    }
}

/// Commands, in scripts and in lines of other languages.
pub(super) fn lex(out: &mut Painter<'_, '_>, range: Range<usize>) {
    let at = Cursor::new(out.text(), &range);
    Shell { at, out, heredocs: Heredocs::default(), quoted: Vec::new(), function: false }.run();
}

/// Substitutions in strings in substitutions: no deeper than this.
const DEEPEST: usize = 16;

struct Shell<'p, 't, 'h> {
    at: Cursor<'t>,
    out: &'p mut Painter<'t, 'h>,
    heredocs: Heredocs,
    /// For each substitution that is open: whether it stands in a string.
    quoted: Vec<bool>,
    /// Whether the next word names a function.
    function: bool,
}

impl Shell<'_, '_, '_> {
    fn run(&mut self) {
        while !self.at.is_done() {
            let start = self.at.pos;
            match self.at.byte() {
                b'\n' => {
                    self.at.pos += 1;
                    self.heredocs.bodies(&mut self.at, self.out);
                }
                b'#' if matches!(self.at.before(), b' ' | b'\t' | b'\n' | b';' | b'(' | b')') => {
                    self.at.skip_line();
                    self.out.token(Class::Comment, start, self.at.pos);
                }
                b'\'' => self.single_quoted(),
                b'"' => {
                    self.at.pos += 1;
                    self.double_quoted(start);
                }
                b'`' => {
                    self.at.pos += 1;
                    self.out.token(Class::Keyword, start, self.at.pos);
                }
                b'$' => self.dollar(false),
                b'\\' => {
                    self.at.skip(2);
                    self.out.token(Class::Escape, start, self.at.pos);
                }
                b')' => self.close(),
                b'<' => self.heredoc(),
                byte if continues_name(byte) || matches!(byte, b'-' | b'.' | b'/' | b'~' | b'+') => self.word(),
                _ => self.at.pos += 1,
            }
        }
    }

    fn single_quoted(&mut self) {
        let start = self.at.pos;
        self.at.pos += 1;
        self.at.skip_while(|byte| byte != b'\'');
        self.at.skip(1);
        self.out.token(Class::String, start, self.at.pos);
    }

    /// From inside a string to behind its end, or into a substitution.
    fn double_quoted(&mut self, mut from: usize) {
        while !self.at.is_done() {
            match self.at.byte() {
                b'"' => {
                    self.at.pos += 1;
                    break;
                }
                b'\\' => {
                    self.out.token(Class::String, from, self.at.pos);
                    from = self.at.pos;
                    self.at.skip(2);
                    self.out.token(Class::Escape, from, self.at.pos);
                    from = self.at.pos;
                }
                b'$' if self.begins_variable() => {
                    self.out.token(Class::String, from, self.at.pos);
                    let substitutes = self.at.ahead(1) == b'(' && self.quoted.len() < DEEPEST;
                    self.dollar(true);
                    from = self.at.pos;
                    if substitutes {
                        return;
                    }
                }
                b'\n' if !self.heredocs.is_empty() => {
                    self.at.pos += 1;
                    self.out.token(Class::String, from, self.at.pos);
                    self.heredocs.bodies(&mut self.at, self.out);
                    from = self.at.pos;
                }
                _ => self.at.pos += 1,
            }
        }
        self.out.token(Class::String, from, self.at.pos);
    }

    fn begins_variable(&self) -> bool {
        let byte = self.at.ahead(1);
        continues_name(byte) || matches!(byte, b'{' | b'(' | b'@' | b'*' | b'#' | b'?' | b'$' | b'!' | b'-')
    }

    /// `$name`, `${…}`, `$(…)` or a dollar.
    fn dollar(&mut self, in_string: bool) {
        let start = self.at.pos;
        match self.at.ahead(1) {
            b'{' => {
                // The closing brace, of this line or of the next few.
                let close = self.at.find(b"}");
                self.at.pos = if self.at.byte_at(close) == b'}' { close + 1 } else { start + 2 };
                self.out.token(Class::Variable, start, self.at.pos);
            }
            b'(' => {
                self.at.skip(2);
                self.out.token(Class::Keyword, start, self.at.pos);
                if self.quoted.len() < DEEPEST {
                    self.quoted.push(in_string);
                }
            }
            b'\'' if !in_string => {
                self.at.pos += 1;
                self.single_quoted();
            }
            byte if starts_name(byte) => {
                self.at.pos += 1;
                self.at.skip_while(continues_name);
                self.out.token(Class::Variable, start, self.at.pos);
            }
            _ if self.begins_variable() => {
                self.at.skip(2);
                self.out.token(Class::Variable, start, self.at.pos);
            }
            _ => self.at.pos += 1,
        }
    }

    fn close(&mut self) {
        let start = self.at.pos;
        self.at.pos += 1;
        let Some(in_string) = self.quoted.pop() else { return };
        self.out.token(Class::Keyword, start, self.at.pos);
        if in_string {
            self.double_quoted(self.at.pos);
        }
    }

    fn heredoc(&mut self) {
        let start = self.at.pos;
        if let Some(end) = self.heredocs.open(&self.at, 2, false) {
            self.at.pos = end;
            self.out.token(Class::String, start, end);
        } else {
            self.at.pos += 1;
            // Three are a string that follows, and no text.
            self.at.skip_while(|byte| byte == b'<');
        }
    }

    fn word(&mut self) {
        let start = self.at.pos;
        let apart =
            !matches!(self.at.before(), b'=' | b':' | b'$' | b'}' | b'"' | b'\'' | b'*' | b'?' | b'@' | b'%' | b',');
        self.at.skip_while(|byte| {
            continues_name(byte) || matches!(byte, b'-' | b'.' | b'/' | b'+' | b'~' | b'@' | b':' | b'%' | b',')
        });
        let word = self.at.slice(start, self.at.pos);
        let follower = self.at.byte();
        let is_name = word.iter().all(|&byte| continues_name(byte)) && starts_name(word[0]);
        let next = std::mem::take(&mut self.function);
        if follower == b'=' && is_name && apart || follower == b'[' && is_name && self.is_element() {
            return self.out.token(Class::Variable, start, self.at.pos);
        }
        if next && apart || follower == b'(' && self.at.ahead(1) == b')' {
            return self.out.token(Class::Function, start, self.at.pos);
        }
        if word.iter().all(u8::is_ascii_digit) && (apart || self.at.byte_at(start.wrapping_sub(1)) == b'=') {
            return self.out.token(Class::Number, start, self.at.pos);
        }
        if apart
            && !matches!(follower, b'=' | b'"' | b'\'' | b'$' | b'*')
            && let Some(meaning) = WORDS.get(word)
        {
            self.function = meaning.next != Class::Plain;
            self.out.token(meaning.class, start, self.at.pos);
        }
    }

    /// `name[…]=`.
    fn is_element(&self) -> bool {
        let close = self.at.find(b"]\n");
        close < self.at.pos + LOOK_AHEAD && self.at.byte_at(close) == b']' && self.at.byte_at(close + 1) == b'='
    }
}
