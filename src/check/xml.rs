//! Whether a text is well-formed XML 1.0 with sound namespaces, and its elements.
//!
//! Own entities of a document are not read: a reference to one counts as fine if there is a doctype.

use std::collections::HashSet;

use super::text;
use crate::html::{character, resolve_references};

/// Deeper than this no feed is nested.
const MAX_DEPTH: usize = 500;
/// What is kept of an element's text.
const MAX_TEXT: usize = 8 << 10;

/// What is not well-formed, and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: String,
}

/// An element that has just ended.
#[derive(Debug)]
pub(super) struct Element<'a> {
    /// The names from the root to it, without prefixes.
    pub(super) path: &'a [&'a str],
    /// The text that follows its last child, or all if it has none.
    pub(super) text: &'a str,
    /// Where it begins.
    pub(super) at: usize,
}

struct Parser<'a, 'f> {
    text: &'a str,
    at: usize,
    /// The elements that are open: name as written, and where it begins.
    open: Vec<(&'a str, usize)>,
    /// Their names without prefixes.
    path: Vec<&'a str>,
    /// Declared prefixes with the depth at which they are.
    prefixes: Vec<(&'a str, usize)>,
    content: String,
    has_root: bool,
    has_doctype: bool,
    element: &'f mut dyn FnMut(&Element<'_>),
}

type Parsed<T> = Result<T, Fault>;

fn fault<T>(at: usize, message: impl Into<String>) -> Parsed<T> {
    Err(Fault { at, message: message.into() })
}

/// Reads `text` and shows each element at its end.
pub(super) fn parse(text: &str, element: &mut dyn FnMut(&Element<'_>)) -> Result<(), Fault> {
    let illegal = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if let Some((at, c)) = text.char_indices().find(|(_, c)| illegal(*c)) {
        return fault(at, format!("the character U+{:04X} can't be in XML; remove it", u32::from(c)));
    }
    let mut parser = Parser {
        text,
        at: if text.starts_with('\u{feff}') { 3 } else { 0 },
        open: Vec::new(),
        path: Vec::new(),
        prefixes: Vec::new(),
        content: String::new(),
        has_root: false,
        has_doctype: false,
        element,
    };
    parser.document()
}

impl<'a> Parser<'a, '_> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn document(&mut self) -> Parsed<()> {
        if self.rest().starts_with("<?xml") {
            self.skip_to("?>", "XML declaration")?;
        }
        while !self.rest().is_empty() {
            let rest = self.rest();
            if rest.starts_with("</") {
                self.end_tag()?;
            } else if rest.starts_with("<!--") {
                self.comment()?;
            } else if rest.starts_with("<![CDATA[") {
                self.cdata()?;
            } else if rest.starts_with("<!DOCTYPE") {
                self.doctype()?;
            } else if rest.starts_with("<?") {
                if rest.get(2..5).is_some_and(|name| name.eq_ignore_ascii_case("xml")) && !rest[5..].starts_with('-') {
                    return fault(self.at, "'<?xml' can only be at the very beginning; move or remove it");
                }
                self.skip_to("?>", "processing instruction")?;
            } else if rest.starts_with('<') {
                self.start_tag()?;
            } else {
                self.characters()?;
            }
        }
        match self.open.pop() {
            Some((name, at)) => fault(at, format!("'<{name}>' is never closed; add '</{name}>'")),
            None if !self.has_root => fault(0, "there is no element; write one"),
            None => Ok(()),
        }
    }

    fn skip_to(&mut self, end: &str, what: &str) -> Parsed<&'a str> {
        let rest = self.rest();
        match rest.find(end) {
            Some(found) => {
                self.at += found + end.len();
                Ok(&rest[..found])
            }
            None => fault(self.at, format!("the {what} that begins here never ends; add '{end}'")),
        }
    }

    fn comment(&mut self) -> Parsed<()> {
        let begin = self.at;
        self.at += 4;
        let content = self.skip_to("-->", "comment")?;
        match content.find("--") {
            Some(found) => fault(begin + 4 + found, "'--' can't be in a comment; remove it"),
            None if content.ends_with('-') => fault(self.at - 4, "a comment can't end in '--->'; remove a '-'"),
            None => Ok(()),
        }
    }

    fn cdata(&mut self) -> Parsed<()> {
        let begin = self.at;
        if self.open.is_empty() {
            return fault(begin, "text outside of the root element; remove it");
        }
        self.at += 9;
        let content = self.skip_to("]]>", "CDATA section")?;
        self.keep(content);
        Ok(())
    }

    fn doctype(&mut self) -> Parsed<()> {
        if self.has_root {
            return fault(self.at, "a doctype can't follow the root element; move it to the beginning");
        }
        self.has_doctype = true;
        let rest = self.rest();
        let subset = rest.find('[').filter(|open| rest.find('>').is_none_or(|end| *open < end));
        if subset.is_some() {
            self.skip_to("]", "doctype")?;
        }
        self.skip_to(">", "doctype").map(drop)
    }

    fn characters(&mut self) -> Parsed<()> {
        let (begin, rest) = (self.at, self.rest());
        let text = &rest[..rest.find('<').unwrap_or(rest.len())];
        self.at += text.len();
        if self.open.is_empty() && !text.trim().is_empty() {
            let blank = text.len() - text.trim_start().len();
            return fault(begin + blank, "text outside of the root element; remove it");
        }
        if let Some(found) = text.find("]]>") {
            return fault(begin + found, "']]>' can't be in text; write ']]&gt;'");
        }
        self.references(text, begin)?;
        self.keep(&resolve_references(text));
        Ok(())
    }

    fn keep(&mut self, content: &str) {
        if self.content.len() < MAX_TEXT {
            self.content.push_str(content);
        }
    }

    fn references(&self, text: &str, begin: usize) -> Parsed<()> {
        for (found, _) in text.match_indices('&') {
            let after = &text[found + 1..];
            let name = after.find(|c: char| !c.is_alphanumeric() && !matches!(c, '#' | '_' | '-' | '.' | ':'));
            let name = name.filter(|end| after[*end..].starts_with(';')).map(|end| &after[..end]);
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                return fault(begin + found, "'&' stands alone; write '&amp;'");
            };
            let known = match name.strip_prefix('#') {
                Some(_) => character(name).is_some_and(|c| c >= ' ' || matches!(c, '\t' | '\n' | '\r')),
                None => self.has_doctype || matches!(name, "amp" | "lt" | "gt" | "quot" | "apos"),
            };
            if !known {
                let name = text::shown(name);
                return fault(begin + found, format!("XML does not know '&{name};'; write the character itself"));
            }
        }
        Ok(())
    }

    /// A name from `at` on; what follows it begins at the end of the name.
    fn name(&self, at: usize) -> Parsed<&'a str> {
        let rest = self.text.get(at..).unwrap_or_default();
        let is_name =
            |c: char| c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '.' | '\u{b7}') || c as u32 > 0x2ff;
        let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        let sound = name.starts_with(|c: char| !c.is_numeric() && !matches!(c, '-' | '.' | '\u{b7}'));
        if sound { Ok(name) } else { fault(at, "a name is missing here; write '<' as '&lt;' if no tag is meant") }
    }

    fn start_tag(&mut self) -> Parsed<()> {
        let begin = self.at;
        if self.open.is_empty() && self.has_root {
            return fault(begin, "a second root element; put all into one");
        }
        let name = self.name(begin + 1)?;
        self.at = begin + 1 + name.len();
        let depth = self.open.len() + 1;
        let mut prefixed = vec![(name, begin)];
        let mut seen = HashSet::new();
        let closed = loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
            let at = self.at + (rest.len() - trimmed.len());
            if trimmed.starts_with('>') || trimmed.starts_with("/>") {
                self.at = at + if trimmed.starts_with('>') { 1 } else { 2 };
                break trimmed.starts_with('/');
            }
            if trimmed.is_empty() {
                return fault(begin, format!("'<{name}' is never ended; add '>'"));
            }
            if at == self.at {
                return fault(at, "a space is missing before the attribute; add it");
            }
            let attribute = self.attribute(at)?;
            if !seen.insert(attribute) {
                return fault(at, format!("the attribute '{attribute}' is there twice; remove one"));
            }
            match attribute.split_once(':') {
                Some(("xmlns", prefix)) => self.prefixes.push((prefix, depth)),
                Some(_) => prefixed.push((attribute, at)),
                None => {}
            }
        };
        for (name, at) in prefixed {
            self.declared(name, at)?;
        }
        self.has_root = true;
        self.content.clear();
        self.open.push((name, begin));
        self.path.push(name.rsplit(':').next().unwrap_or(name));
        if self.open.len() > MAX_DEPTH {
            return fault(begin, format!("elements are nested more than {MAX_DEPTH} deep; close them"));
        }
        if closed {
            self.close();
        }
        Ok(())
    }

    /// Reads `name="value"` at `at`; returns the name.
    fn attribute(&mut self, at: usize) -> Parsed<&'a str> {
        const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
        let name = self.name(at)?;
        let rest = self.text[at + name.len()..].trim_start_matches(SPACE);
        let value = rest.strip_prefix('=').map(|rest| rest.trim_start_matches(SPACE));
        let Some(value) = value.filter(|value| value.starts_with(['"', '\''])) else {
            return fault(at, format!("the attribute '{name}' has no quoted value; write '{name}=\"…\"'"));
        };
        let begin = self.text.len() - value.len() + 1;
        let quote = if value.starts_with('"') { '"' } else { '\'' };
        let Some(end) = value[1..].find(quote) else {
            return fault(begin - 1, format!("the value of '{name}' never ends; add the quote"));
        };
        let value = &value[1..=end];
        if let Some(found) = value.find('<') {
            return fault(begin + found, "'<' can't be in an attribute; write '&lt;'");
        }
        self.references(value, begin)?;
        self.at = begin + end + 1;
        Ok(name)
    }

    fn declared(&self, name: &str, at: usize) -> Parsed<()> {
        match name.split_once(':') {
            Some((prefix, local)) => {
                let known = matches!(prefix, "xml" | "xmlns") || self.prefixes.iter().any(|(it, _)| *it == prefix);
                if known && !local.is_empty() && !local.contains(':') {
                    return Ok(());
                }
                fault(at, format!("the prefix of '{name}' is not declared; add 'xmlns:{prefix}' to the root"))
            }
            None => Ok(()),
        }
    }

    fn end_tag(&mut self) -> Parsed<()> {
        let begin = self.at;
        self.at += 2;
        let written = self.skip_to(">", "end tag")?.trim_end();
        let shown = text::shown(written);
        match self.open.last() {
            Some((name, _)) if *name == written => {
                self.close();
                Ok(())
            }
            Some((name, _)) => fault(begin, format!("'</{shown}>' where '<{name}>' is open; write '</{name}>' first")),
            None => fault(begin, format!("stray '</{shown}>'; remove it")),
        }
    }

    fn close(&mut self) {
        let Some((_, at)) = self.open.pop() else { return };
        (self.element)(&Element { path: &self.path, text: &self.content, at });
        self.path.pop();
        self.content.clear();
        let depth = self.open.len();
        while self.prefixes.last().is_some_and(|(_, declared)| *declared > depth) {
            self.prefixes.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn elements(text: &str) -> Result<Vec<String>, Fault> {
        let mut elements = Vec::new();
        parse(text, &mut |element| elements.push(format!("{}={}", element.path.join("/"), element.text)))?;
        Ok(elements)
    }

    #[test]
    fn sound_documents_show_their_elements() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<!DOCTYPE a [<!ENTITY x 'y'>]>\n<!-- c --><?s x?>\n\
            <a xmlns:m='u' m:x = \"1 &lt; 2\"><m:b>x &amp; <![CDATA[<y>]]></m:b><c/></a>\n<!-- e -->";
        assert_eq!(elements(text).unwrap(), ["a/b=x & <y>", "a/c=", "a="]);
    }

    #[test]
    fn what_is_not_well_formed_is_told_with_its_place() {
        for (text, at, message) in [
            ("", 0, "there is no element"),
            ("<a>", 0, "'<a>' is never closed"),
            ("<a></b></a>", 3, "'</b>' where '<a>' is open"),
            ("<a/><b/>", 4, "a second root element"),
            ("<a>x & y</a>", 5, "'&' stands alone"),
            ("<a>&nbsp;</a>", 3, "XML does not know '&nbsp;'"),
            ("<a>&#0;</a>", 3, "XML does not know '&#0;'"),
            ("<a b=c/>", 3, "the attribute 'b' has no quoted value"),
            ("<a b='1' b='2'/>", 9, "the attribute 'b' is there twice"),
            ("<a b='1'c='2'/>", 8, "a space is missing"),
            ("<a b='<'/>", 6, "'<' can't be in an attribute"),
            ("<m:a/>", 0, "the prefix of 'm:a' is not declared"),
            ("<a>\u{8}</a>", 3, "the character U+0008"),
            ("<a>x < y</a>", 6, "a name is missing here"),
            ("x<a/>", 0, "text outside of the root"),
            (" <?xml version='1.0'?><a/>", 1, "'<?xml' can only be"),
            ("<a><!-- x", 7, "the comment that begins here never ends"),
            ("<a>]]></a>", 3, "']]>' can't be in text"),
        ] {
            let fault = elements(text).unwrap_err();
            assert!(fault.message.starts_with(message), "{text}: {fault:?}");
            assert_eq!(fault.at, at, "{text}: {fault:?}");
        }
        assert!(elements(&"<a>".repeat(100_000)).unwrap_err().message.contains("nested"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[<>/!?a-b:\"'= ä&;#\\-\\[\\]]{0,120}|\\PC{0,80}") {
            let _ = elements(&text);
            let _ = elements(&format!("<a {text}"));
            let _ = elements(&format!("<a>{text}</a>"));
        }
    }
}
