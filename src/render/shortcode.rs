//! Shortcodes: where they stand in Markdown, with their arguments and bodies. What they become is the caller's.
//!
//! `{{ name(key="value") }}` stands for itself, `{% name(key="value") %}…{% end %}` has a body. The parentheses are
//! mandatory, so that `{{ x }}` and `{% if x %}` of other languages stay text. Nothing in code is a shortcode, nor is
//! anything after a backslash: Markdown itself takes `\{` for `{`, so an escaped one needs nothing done to it.

mod arguments;

use std::mem;
use std::ops::Range;

use serde_json::{Map, Value};

/// The end of a body as it is written in messages, and the only spelling that is a fault where nothing is open: other
/// languages have tags like it.
const END: &str = "{% end %}";

/// A shortcode in Markdown. Offsets are in bytes, on character boundaries.
#[derive(Debug, PartialEq)]
pub(super) struct Shortcode<'a> {
    /// `[a-z_][a-z0-9_]*`.
    pub(super) name: &'a str,
    /// Strings, numbers, booleans and flat lists of them.
    pub(super) arguments: Map<String, Value>,
    /// What stands between the tags, byte for byte; none for `{{ … }}`. It may hold shortcodes again.
    pub(super) body: Option<&'a str>,
    /// From the first brace to behind the last one.
    pub(super) range: Range<usize>,
    /// Where the body stands in the Markdown.
    pub(super) body_range: Option<Range<usize>>,
    /// Whether it stands alone on its lines: it takes the place of a paragraph, not of words in one.
    pub(super) is_block: bool,
}

/// What is wrong with a shortcode, and the remedy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The byte offset in the Markdown.
    pub(super) at: usize,
    /// One line, lower case.
    pub(super) message: String,
}

/// The outermost shortcodes and the faults, both by place. `code` are the sorted byte ranges of code spans and code blocks,
/// in which nothing is evaluated.
///
/// Neither shortcodes nor faults in the body of one that is returned are reported: they come out when the caller parses
/// that body. All others are, also after a fault. The time is linear in the length of the Markdown, whatever stands in it.
pub(super) fn parse<'a>(markdown: &'a str, code: &[Range<usize>]) -> (Vec<Shortcode<'a>>, Vec<Fault>) {
    let mut parser = Parser {
        markdown,
        code,
        at: 0,
        patience: markdown.len(),
        open: Vec::new(),
        shortcodes: Vec::new(),
        faults: Vec::new(),
    };
    while let Some((start, tag)) = parser.next_brace() {
        if tag == Tag::Body
            && let Some(end) = end_tag(markdown, start)
        {
            parser.close(start..end);
        } else if let Some((name, arguments_at)) = head(markdown, start) {
            parser.opening(start, tag, name, arguments_at);
        }
    }
    parser.finish()
}

/// Whether there can be a shortcode at all: pages without any need no parsing. It may say yes for one in code.
pub(super) fn may_occur(markdown: &str) -> bool {
    markdown
        .match_indices('{')
        .any(|(at, _)| Tag::of(markdown.as_bytes().get(at + 1)).is_some() && head(markdown, at).is_some())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    /// `{{`
    Alone,
    /// `{%`
    Body,
}

impl Tag {
    /// Told by the byte behind the first brace.
    fn of(second: Option<&u8>) -> Option<Self> {
        match second {
            Some(b'{') => Some(Self::Alone),
            Some(b'%') => Some(Self::Body),
            _ => None,
        }
    }

    fn closing(self) -> &'static str {
        match self {
            Self::Alone => "}}",
            Self::Body => "%}",
        }
    }
}

/// A shortcode whose end is still to come.
struct Open<'a> {
    shortcode: Shortcode<'a>,
    /// Its arguments are wrong: it only waits for its end, so that this is not taken for that of another.
    is_faulty: bool,
    /// How many shortcodes and faults there were before its body.
    shortcodes: usize,
    faults: usize,
}

struct Parser<'a, 'c> {
    markdown: &'a str,
    /// The ranges that end after `at`.
    code: &'c [Range<usize>],
    at: usize,
    /// How many bytes may still be read twice. After a fault, reading goes on behind the opening parenthesis, because a
    /// forgotten quote may have taken any number of good shortcodes with it; each of many faults doing so would be
    /// quadratic.
    patience: usize,
    open: Vec<Open<'a>>,
    shortcodes: Vec<Shortcode<'a>>,
    faults: Vec<Fault>,
}

impl<'a> Parser<'a, '_> {
    /// The next `{{` or `{%` that is neither in code nor escaped.
    fn next_brace(&mut self) -> Option<(usize, Tag)> {
        let bytes = self.markdown.as_bytes();
        loop {
            let brace = self.at + bytes.get(self.at..)?.iter().position(|byte| *byte == b'{')?;
            if let Some(end) = self.code_around(brace) {
                self.at = end;
                continue;
            }
            self.at = brace + 1;
            if let Some(tag) = Tag::of(bytes.get(brace + 1))
                && !is_escaped(bytes, brace)
            {
                return Some((brace, tag));
            }
        }
    }

    /// The end of the code that the byte at `at` stands in.
    fn code_around(&mut self, at: usize) -> Option<usize> {
        while let Some((range, rest)) = self.code.split_first() {
            if at < range.end {
                return (range.start <= at).then_some(range.end);
            }
            self.code = rest;
        }
        None
    }

    /// Reads what begins at `start`. Code that begins in it is part of it: a value in backticks is a code span to Markdown.
    fn opening(&mut self, start: usize, tag: Tag, name: &'a str, arguments_at: usize) {
        let (arguments, reached) = arguments::parse(self.markdown, arguments_at, name, tag.closing());
        let is_faulty = arguments.is_err();
        let arguments = arguments.unwrap_or_else(|fault| {
            self.faults.push(fault);
            Map::new()
        });
        let again = reached - arguments_at;
        self.at = if is_faulty && again <= self.patience {
            self.patience -= again;
            arguments_at
        } else {
            reached
        };
        let range = start..reached;
        let is_block = stands_alone(self.markdown, &range);
        let shortcode = Shortcode { name, arguments, body: None, range, body_range: None, is_block };
        match tag {
            Tag::Body => {
                let (shortcodes, faults) = (self.shortcodes.len(), self.faults.len());
                self.open.push(Open { shortcode, is_faulty, shortcodes, faults });
            }
            Tag::Alone if is_faulty => {}
            Tag::Alone => self.shortcodes.push(shortcode),
        }
    }

    /// Ends the innermost open shortcode with the tag at `end`.
    fn close(&mut self, end: Range<usize>) {
        self.at = end.end;
        let Some(Open { mut shortcode, is_faulty, shortcodes, faults }) = self.open.pop() else {
            if &self.markdown[end.clone()] == END {
                let message = format!("{END} has no shortcode to end; write \\{END} for the text");
                self.faults.push(Fault { at: end.start, message });
            }
            return;
        };
        if is_faulty {
            return;
        }
        self.shortcodes.truncate(shortcodes);
        self.faults.truncate(faults);
        let body = shortcode.range.end..end.start;
        shortcode.range.end = end.end;
        shortcode.body = Some(&self.markdown[body.clone()]);
        shortcode.body_range = Some(body);
        shortcode.is_block = stands_alone(self.markdown, &shortcode.range);
        self.shortcodes.push(shortcode);
    }

    fn finish(mut self) -> (Vec<Shortcode<'a>>, Vec<Fault>) {
        for Open { shortcode, is_faulty, .. } in mem::take(&mut self.open) {
            if !is_faulty {
                let message = format!("the shortcode '{}' is not closed; end it with {END}", shortcode.name);
                self.faults.push(Fault { at: shortcode.range.start, message });
            }
        }
        self.faults.sort_by_key(|fault| fault.at);
        (self.shortcodes, self.faults)
    }
}

/// The name in the tag that begins at `start`, and where its arguments begin.
fn head(markdown: &str, start: usize) -> Option<(&str, usize)> {
    let inner = &markdown[start + 2..];
    let name = arguments::name(inner.trim_start_matches([' ', '\t']))?;
    let end = markdown.len() - inner.trim_start_matches([' ', '\t']).len() + name.len();
    markdown[end..].starts_with('(').then_some((name, end + 1))
}

/// Behind the `{% end %}` that begins at `start`, if it is one.
fn end_tag(markdown: &str, start: usize) -> Option<usize> {
    let blank = [' ', '\t'];
    let rest = markdown[start + 2..].trim_start_matches(blank).strip_prefix("end")?.trim_start_matches(blank);
    Some(markdown.len() - rest.strip_prefix("%}")?.len())
}

/// Whether an odd number of backslashes stands before the byte at `at`: an even one is backslashes escaped themselves.
fn is_escaped(bytes: &[u8], at: usize) -> bool {
    bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Whether only blanks stand before and behind `range` on its lines.
fn stands_alone(markdown: &str, range: &Range<usize>) -> bool {
    let before = markdown[..range.start].trim_end_matches([' ', '\t']);
    let behind = markdown[range.end..].trim_start_matches([' ', '\t', '\r']);
    (before.is_empty() || before.ends_with('\n')) && (behind.is_empty() || behind.starts_with('\n'))
}

#[cfg(test)]
mod tests;
