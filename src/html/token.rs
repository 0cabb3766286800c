//! HTML as a row of tags: a tolerant tokenizer after the HTML standard (section 13.2.5), for any text whatever.
//!
//! Text between tags is skipped. Each byte is looked at a bounded number of times.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::element;

/// Deeper than this no page is nested on purpose.
const MAX_MODES: usize = 512;

/// What a page is made of, apart from text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// `<a href="/">`
    Start(Tag<'a>),
    /// `</a>`, at a byte offset.
    End { name: Cow<'a, str>, at: usize, end: usize },
    /// The file ends inside it.
    Unended { at: usize, what: &'static str },
}

/// A start tag.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    /// In lower case.
    pub(crate) name: Cow<'a, str>,
    pub(crate) at: usize,
    pub(crate) end: usize,
    pub(crate) self_closing: bool,
    /// Whether it belongs to SVG or MathML, where `/>` closes.
    pub(crate) foreign: bool,
    pub(crate) attributes: Vec<Attribute<'a>>,
}

/// An attribute; without a value it has an empty one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    /// In lower case.
    pub(crate) name: Cow<'a, str>,
    /// As written, with character references.
    pub(crate) value: &'a str,
    pub(crate) at: usize,
}

impl<'a> Tag<'a> {
    /// The value of the first attribute called `name`, as written.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

/// The tags of a text.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// What is open of SVG and MathML, and of the HTML in them: other rules hold there.
    modes: Vec<Mode>,
    /// The element whose text goes up to its end tag, whatever stands in it.
    raw: Option<Cow<'a, str>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Foreign,
    Island,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, modes: Vec::new(), raw: None }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn seek(&self, pattern: &str, from: usize) -> Option<usize> {
        let text = self.text.as_bytes().get(from..)?;
        let found = match pattern.as_bytes() {
            // Nearly always: what looks for longer ones prepares itself first.
            [byte] => memchr(*byte, text),
            pattern => memmem::find(text, pattern),
        };
        found.map(|found| from + found)
    }

    /// The first place from `at` on whose byte is one of `stops`, or the end.
    fn until(&self, mut at: usize, stops: &[u8]) -> usize {
        while let Some(byte) = self.byte(at) {
            if stops.contains(&byte) {
                break;
            }
            at += 1;
        }
        at
    }

    fn skip(&self, mut at: usize, skipped: &[u8]) -> usize {
        while self.byte(at).is_some_and(|byte| skipped.contains(&byte)) {
            at += 1;
        }
        at
    }

    fn unended(&mut self, at: usize, what: &'static str) -> Token<'a> {
        self.at = self.text.len();
        Token::Unended { at, what }
    }

    fn start_tag(&mut self, at: usize) -> Token<'a> {
        let name_end = self.until(at + 1, b" \t\n\r\x0c/>");
        let name = lower(&self.text[at + 1..name_end]);
        let Some((attributes, self_closing, end)) = self.attributes(name_end) else {
            return self.unended(at, "tag");
        };
        self.at = end;
        let foreign = self.enter(&name, self_closing);
        if !foreign && element::is_raw(&name) {
            self.raw = Some(name.clone());
        }
        Token::Start(Tag { name, at, end, self_closing, foreign, attributes })
    }

    /// Attributes up to `>`, whether `/` stands before that, and the place behind it.
    fn attributes(&self, mut at: usize) -> Option<(Vec<Attribute<'a>>, bool, usize)> {
        const SPACE: &[u8] = b" \t\n\r\x0c";
        let mut attributes = Vec::new();
        loop {
            at = self.skip(at, b" \t\n\r\x0c/");
            if self.byte(at)? == b'>' {
                return Some((attributes, self.byte(at - 1) == Some(b'/'), at + 1));
            }
            let start = at;
            // A `=` that begins a name belongs to it.
            at = self.until(at + 1, b" \t\n\r\x0c/>=");
            let name = lower(&self.text[start..at]);
            let mut value = "";
            let equals = self.skip(at, SPACE);
            if self.byte(equals) == Some(b'=') {
                at = self.skip(equals + 1, SPACE);
                match self.byte(at)? {
                    quote @ (b'"' | b'\'') => {
                        let end = self.seek(if quote == b'"' { "\"" } else { "'" }, at + 1)?;
                        value = &self.text[at + 1..end];
                        at = end + 1;
                    }
                    b'>' => {}
                    _ => {
                        let end = self.until(at, b" \t\n\r\x0c>");
                        value = &self.text[at..end];
                        // The `/` of an unquoted value is no end of the tag.
                        at = end;
                        if self.byte(at) == Some(b'>') {
                            attributes.push(Attribute { name, value, at: start });
                            return Some((attributes, false, at + 1));
                        }
                    }
                }
            }
            attributes.push(Attribute { name, value, at: start });
        }
    }

    /// Follows where HTML ends and SVG or MathML begins; returns whether the tag is one of theirs.
    fn enter(&mut self, name: &str, self_closing: bool) -> bool {
        let mut foreign = self.modes.last() == Some(&Mode::Foreign);
        if foreign && element::leaves_foreign(name) {
            while self.modes.last() == Some(&Mode::Foreign) {
                self.modes.pop();
            }
            foreign = false;
        }
        let mode = match name {
            "svg" | "math" => Some(Mode::Foreign),
            _ if foreign && element::is_island(name) => Some(Mode::Island),
            _ => None,
        };
        if let Some(mode) = mode.filter(|_| !self_closing && self.modes.len() < MAX_MODES) {
            self.modes.push(mode);
        }
        foreign || matches!(name, "svg" | "math")
    }

    fn leave(&mut self, name: &str) {
        if matches!(name, "svg" | "math") {
            if let Some(open) = self.modes.iter().rposition(|mode| *mode == Mode::Foreign) {
                self.modes.truncate(open);
            }
        } else if self.modes.last() == Some(&Mode::Island) && element::is_island(name) {
            self.modes.pop();
        }
    }

    fn end_tag(&mut self, at: usize) -> Token<'a> {
        let name_end = self.until(at + 2, b" \t\n\r\x0c/>");
        let name = lower(&self.text[at + 2..name_end]);
        // End tags have no attributes, but whoever wrote some meant the tag to end behind them.
        let Some((_, _, end)) = self.attributes(name_end) else { return self.unended(at, "end tag") };
        self.at = end;
        self.leave(&name);
        Token::End { name, at, end }
    }

    /// A comment, a doctype or CDATA; `None` if it ends as it should.
    fn declaration(&mut self, at: usize) -> Option<Token<'a>> {
        let rest = &self.text[at..];
        let (from, ends, what) = if rest.starts_with("<!--") {
            // `<!-->` and `<!--->` are whole comments: the dashes of the beginning count for the end.
            let short = ["<!-->", "<!--->"].iter().find(|short| rest.starts_with(*short));
            if let Some(short) = short {
                self.at = at + short.len();
                return None;
            }
            (at + 4, "-->", "comment")
        } else if rest.starts_with("<![CDATA[") && self.modes.last() == Some(&Mode::Foreign) {
            (at + 9, "]]>", "CDATA section")
        } else {
            (at + 2, ">", "declaration")
        };
        match self.seek(ends, from) {
            Some(found) => {
                self.at = found + ends.len();
                None
            }
            None => Some(self.unended(at, what)),
        }
    }

    /// Goes to the end tag of the raw text element `name`, or to the end: that it is never closed is seen by whoever keeps
    /// the open elements.
    fn skip_raw(&mut self, name: &str) {
        while let Some(at) = self.seek("</", self.at) {
            let after = at + 2 + name.len();
            let found = self.text.as_bytes().get(at + 2..after);
            let found = found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()));
            if found && self.byte(after).is_none_or(|byte| b" \t\n\r\x0c/>".contains(&byte)) {
                self.at = at;
                return;
            }
            self.at = at + 2;
        }
        self.at = self.text.len();
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(name) = self.raw.take() {
            self.skip_raw(&name);
        }
        loop {
            let at = self.seek("<", self.at)?;
            match self.byte(at + 1) {
                Some(byte) if byte.is_ascii_alphabetic() => return Some(self.start_tag(at)),
                Some(b'/') => match self.byte(at + 2) {
                    Some(byte) if byte.is_ascii_alphabetic() => return Some(self.end_tag(at)),
                    _ => self.at = self.seek(">", at).map_or(self.text.len(), |end| end + 1),
                },
                Some(b'!') => {
                    if let Some(token) = self.declaration(at) {
                        return Some(token);
                    }
                }
                Some(b'?') => self.at = self.seek(">", at).map_or(self.text.len(), |end| end + 1),
                _ => self.at = at + 1,
            }
        }
    }
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<String> {
        let name = |token| match token {
            Token::Start(tag) if tag.self_closing => format!("{}/", tag.name),
            Token::Start(tag) => tag.name.into_owned(),
            Token::End { name, .. } => format!("/{name}"),
            Token::Unended { what, .. } => format!("!{what}"),
        };
        Tokens::new(text).map(name).collect()
    }

    #[test]
    fn only_tags_are_tags() {
        assert_eq!(names("a < b <!doctype html><!-- <p> --><P>x</p ><br/>"), ["p", "/p", "br/"]);
        assert_eq!(names("<!--><b><!---><i><?php echo '<u>' ?></>"), ["b", "i"]);
        assert_eq!(names("<p <b>"), ["p"]);
        assert_eq!(names("<a href='x"), ["!tag"]);
        assert_eq!(names("<b><!-- x"), ["b", "!comment"]);
    }

    #[test]
    fn what_stands_in_raw_text_is_no_markup() {
        assert_eq!(names("<script>if (a<b) '<p></p>' </scriptx></SCRIPT><b>"), ["script", "/script", "b"]);
        assert_eq!(names("<title><b></title>"), ["title", "/title"]);
        assert_eq!(names("<svg><title><b></b></title></svg>"), ["svg", "title", "b", "/b", "/title", "/svg"]);
        assert_eq!(names("<style><p>"), ["style"]);
    }

    #[test]
    fn attributes_come_quoted_or_not() {
        let Some(Token::Start(tag)) = Tokens::new("<a HREF=/x/ b = 'q>' c=\"&amp;\" d e=/f/>").next() else { panic!() };
        let attributes: Vec<_> = tag.attributes.iter().map(|it| (it.name.as_ref(), it.value)).collect();
        assert_eq!(attributes, [("href", "/x/"), ("b", "q>"), ("c", "&amp;"), ("d", ""), ("e", "/f/")]);
        assert!(!tag.self_closing);
        assert_eq!(tag.attribute("b").unwrap().at, 12);
    }

    #[test]
    fn drawings_know_other_rules() {
        let foreign: Vec<_> = Tokens::new("<svg><path/><foreignObject><p></foreignObject><a></svg><svg/><b>")
            .filter_map(|token| match token {
                Token::Start(tag) => Some((tag.name.into_owned(), tag.foreign)),
                _ => None,
            })
            .collect();
        let foreign: Vec<_> = foreign.iter().map(|(name, foreign)| (name.as_str(), *foreign)).collect();
        let expected = [("svg", true), ("path", true), ("foreignobject", true), ("p", false), ("a", true)];
        assert_eq!(foreign[..5], expected);
        assert_eq!(foreign[5..], [("svg", true), ("b", false)]);
        assert_eq!(names("<svg><![CDATA[<b>]]></svg>"), ["svg", "/svg"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            Tokens::new(&String::from_utf8_lossy(&bytes)).count();
        }

        #[test]
        fn no_markup_panics(text in "[<>/!?a-c\"'= ä\\-\\[\\]]{0,200}") {
            Tokens::new(&text).count();
        }
    }
}
