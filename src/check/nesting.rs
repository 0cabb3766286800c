//! Whether the elements of a page close as they opened.
//!
//! A browser mends every fault, each in its own silent way; what is reported is what the author did not mean. One fault
//! brings about several others: an end tag that is stray only because of a fault that was told of is let pass.

use std::borrow::Cow;
use std::ops::Range;

use crate::html::{Tag, Token, element};

/// Faults told of on one page; what follows the first few is mostly their echo.
const MAX_FAULTS: usize = 20;
/// Browsers give up at 512 as well.
const MAX_DEPTH: usize = 512;
/// Attributes compared with each other: no tag has more on purpose.
const MAX_ATTRIBUTES: usize = 64;
/// The longest piece of a tag that a message quotes.
const MAX_QUOTE: usize = 60;

/// One fault and the tag that it is seen at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The tag in the page.
    pub(super) tag: Range<usize>,
    pub(super) message: String,
}

struct Open<'a> {
    name: Cow<'a, str>,
    tag: Range<usize>,
    foreign: bool,
    self_closing: bool,
}

/// A paragraph that a block ended.
struct EndedParagraph<'a> {
    depth: usize,
    tag: Range<usize>,
    block: Cow<'a, str>,
}

/// The elements open at a point of a page, and the faults up to there.
pub(super) struct Nesting<'a> {
    text: &'a str,
    open: Vec<Open<'a>>,
    ended_paragraphs: Vec<EndedParagraph<'a>>,
    /// Elements closed by a fault already told of: their end tags are still to come.
    mended: Vec<Cow<'a, str>>,
    faults: Vec<Fault>,
    gave_up: bool,
}

impl<'a> Nesting<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (open, ended_paragraphs, mended, faults) = Default::default();
        Self { text, open, ended_paragraphs, mended, faults, gave_up: false }
    }

    /// Takes the next token.
    pub(super) fn take(&mut self, token: &Token<'a>) {
        if self.gave_up {
            return;
        }
        match token {
            Token::Start(tag) => self.start(tag),
            Token::End { name, at, end } => self.end(name, *at..*end),
            Token::Unended { at, what } => {
                let end = (at + 1).min(self.text.len());
                self.fault(*at..end, format!("a {what} begins here and never ends; end it"));
            }
        }
        self.gave_up |= self.faults.len() >= MAX_FAULTS;
    }

    /// All faults, when nothing follows any more.
    pub(super) fn finish(mut self) -> Vec<Fault> {
        if !self.gave_up {
            self.close_from(0, "the end of the page");
        }
        self.faults.sort_by_key(|fault| fault.tag.start);
        self.faults.truncate(MAX_FAULTS);
        self.faults
    }

    fn fault(&mut self, tag: Range<usize>, message: String) {
        self.faults.push(Fault { tag, message });
    }

    fn quote(&self, tag: &Range<usize>) -> Cow<'a, str> {
        let text = self.text.get(tag.clone()).unwrap_or_default();
        let plain = text.chars().count() <= MAX_QUOTE && !text.contains(char::is_control);
        if plain {
            return Cow::Borrowed(text);
        }
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_QUOTE).collect();
        Cow::Owned(format!("{text}…"))
    }

    fn start(&mut self, tag: &Tag<'a>) {
        self.double_attributes(tag);
        if !tag.foreign {
            self.leave_drawing();
            if let Some((names, limits)) = element::implied_ends(&tag.name) {
                self.end_implied(names, limits, &tag.name);
            }
            if element::ends_paragraph(&tag.name) {
                self.end_paragraph(tag);
            }
            if element::is_void(&tag.name) {
                return;
            }
        } else if tag.self_closing {
            return;
        }
        if tag.name == "a" {
            self.end_link(tag);
        }
        if self.open.len() >= MAX_DEPTH {
            self.fault(tag.at..tag.end, format!("elements are nested more than {MAX_DEPTH} deep; close them"));
            self.gave_up = true;
            return;
        }
        let (name, self_closing) = (tag.name.clone(), tag.self_closing);
        self.open.push(Open { name, tag: tag.at..tag.end, foreign: tag.foreign, self_closing });
    }

    fn double_attributes(&mut self, tag: &Tag<'a>) {
        let attributes = &tag.attributes[..tag.attributes.len().min(MAX_ATTRIBUTES)];
        for (index, attribute) in attributes.iter().enumerate() {
            // The third of its name is the same fault as the second.
            if attributes[..index].iter().filter(|other| other.name == attribute.name).count() == 1 {
                let name = &attribute.name;
                let message = format!("'<{}>' has '{name}' twice and browsers drop the second; remove one", tag.name);
                self.fault(tag.at..tag.end, message);
            }
        }
    }

    /// HTML that stands in a drawing ends it.
    fn leave_drawing(&mut self) {
        let in_drawing = |open: &Open<'_>| open.foreign && !element::is_island(&open.name);
        if self.open.last().is_some_and(in_drawing) {
            let first = self.open.iter().rposition(|open| !in_drawing(open)).map_or(0, |at| at + 1);
            let tag = self.open[first].tag.clone();
            let message = format!("'{}' is never closed: HTML follows in it; close it before that", self.quote(&tag));
            self.fault(tag, message);
            self.mend_from(first);
        }
    }

    /// The innermost open element of `names`, not looking beyond `limits`.
    fn innermost(&self, names: &[&str], limits: &[&str]) -> Option<usize> {
        for (index, open) in self.open.iter().enumerate().rev() {
            if names.contains(&&*open.name) && !open.foreign {
                return Some(index);
            }
            if limits.contains(&&*open.name) || element::is_fence(&open.name) {
                return None;
            }
        }
        None
    }

    fn end_implied(&mut self, names: &[&str], limits: &[&str], by: &str) {
        while let Some(index) = self.innermost(names, limits) {
            self.close_from(index, &format!("'<{by}>'"));
        }
    }

    fn end_paragraph(&mut self, tag: &Tag<'a>) {
        let depth = self.open.len();
        if tag.name == "p" {
            self.ended_paragraphs.retain(|ended| ended.depth < depth);
        }
        let Some(index) = self.innermost(&["p"], &["button", "object", "foreignobject"]) else { return };
        let inner = self.open.get(index + 1).map(|inner| inner.name.clone());
        if let Some(inner) = inner {
            let message = format!(
                "'<{}>' in '<{inner}>' in a paragraph: it ends the paragraph, but not '<{inner}>'; close both before it",
                tag.name
            );
            self.fault(tag.at..tag.end, message);
            self.mend_from(index);
        } else if tag.name != "p" {
            self.open.truncate(index);
            self.ended_paragraphs.retain(|ended| ended.depth < index);
            let (block, tag) = (tag.name.clone(), tag.at..tag.end);
            self.ended_paragraphs.push(EndedParagraph { depth: index, tag, block });
        } else {
            self.open.truncate(index);
        }
    }

    fn end_link(&mut self, tag: &Tag<'a>) {
        if let Some(index) = self.open.iter().rposition(|open| open.name == "a" || element::is_fence(&open.name))
            && self.open[index].name == "a"
        {
            let outer = self.open.remove(index);
            let message = format!(
                "a link in a link: '{}' is not closed yet; write '</a>' before '{}'",
                self.quote(&outer.tag),
                self.quote(&(tag.at..tag.end))
            );
            self.fault(tag.at..tag.end, message);
            self.mended.push(outer.name);
        }
    }

    fn end(&mut self, name: &str, tag: Range<usize>) {
        if element::is_void(name) {
            self.fault(tag, format!("stray '</{name}>': '<{name}>' has no end tag; remove it"));
            return;
        }
        if element::is_heading(name)
            && let Some(open) = self.open.last().filter(|open| element::is_heading(&open.name) && open.name != name)
        {
            let message = format!("'</{name}>' ends '<{open}>'; write '</{open}>'", open = open.name);
            self.open.pop();
            self.fault(tag, message);
            return;
        }
        match self.opened(name) {
            Some(index) => {
                self.close_from(index + 1, &format!("'</{name}>'"));
                self.open.truncate(index);
            }
            None => self.stray(name, tag),
        }
    }

    /// The open element that `</name>` closes.
    fn opened(&self, name: &str) -> Option<usize> {
        for (index, open) in self.open.iter().enumerate().rev() {
            if open.name == name {
                return Some(index);
            }
            let fence = match name {
                "html" | "body" => false,
                _ if element::is_table_part(name) => matches!(&*open.name, "table" | "template"),
                "li" => matches!(&*open.name, "ul" | "ol") || element::is_fence(&open.name),
                _ => element::is_fence(&open.name),
            };
            if fence {
                return None;
            }
        }
        None
    }

    fn stray(&mut self, name: &str, tag: Range<usize>) {
        if name == "p"
            && let Some(index) = self.ended_paragraphs.iter().rposition(|ended| ended.depth == self.open.len())
        {
            let ended = self.ended_paragraphs.remove(index);
            let message = format!(
                "'<{block}>' can't stand in a paragraph: it ends it, and '</p>' is stray; remove '<p>' and '</p>' around it",
                block = ended.block
            );
            self.fault(ended.tag, message);
        } else if let Some(index) = self.mended.iter().rposition(|mended| mended == name) {
            self.mended.remove(index);
        } else {
            self.fault(tag, format!("stray '</{name}>': no '<{name}>' is open; remove it or open one"));
        }
    }

    /// Closes the elements from `index` on; those that need an end tag should have had one before `by`.
    fn close_from(&mut self, index: usize, by: &str) {
        for open in self.open.split_off(index) {
            let quote = self.quote(&open.tag);
            let name = &open.name;
            if open.foreign || !element::may_stay_open(name) {
                let message = if !open.foreign && !element::is_known(name) {
                    format!("'{quote}' is no element of HTML and is never closed; write it in backticks or with '&lt;'")
                } else if open.self_closing && !open.foreign {
                    format!("'{quote}' is not closed by its '/': HTML ignores that; write '</{name}>' after it")
                } else {
                    format!("'{quote}' is not closed before {by}; add '</{name}>'")
                };
                self.fault(open.tag.clone(), message);
                self.mended.push(open.name);
            }
        }
        self.bound();
    }

    fn mend_from(&mut self, index: usize) {
        self.mended.extend(self.open.split_off(index).into_iter().map(|open| open.name));
        self.bound();
    }

    /// Searches in what is kept stay short.
    fn bound(&mut self) {
        let surplus = self.mended.len().saturating_sub(MAX_DEPTH);
        self.mended.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::Tokens;
    use proptest::prelude::*;

    fn faults(text: &str) -> Vec<Fault> {
        let mut nesting = Nesting::new(text);
        Tokens::new(text).for_each(|token| nesting.take(&token));
        nesting.finish()
    }

    /// What is quoted, and the message up to its first colon or semicolon.
    fn messages(text: &str) -> Vec<String> {
        faults(text).into_iter().map(|fault| fault.message).collect()
    }

    fn assert_sound(text: &str) {
        assert_eq!(faults(text), [], "{text}");
    }

    #[test]
    fn elements_that_close_or_need_not_are_sound() {
        assert_sound("<!doctype html><html><head><title>a</title><body><p>a<p>b<ul><li>a<li>b<ul><li>c</ul></ul>");
        assert_sound("<dl><dt>a<dd>b<p>c<dt>d<dd>e</dl><p>x<table><tr><td>a<td>b<tr><th>c<tbody><tr><td>d</table>");
        assert_sound("<table><caption>x<colgroup><col><col><thead><tr><th><div>a</div></thead></table>");
        assert_sound("<select><optgroup><option>a<option>b<optgroup><option>c</select><ruby>a<rp>(<rt>b<rp>)</ruby>");
        assert_sound("<svg viewBox=x><path d='y'/><g><a href=x /></g><title>t</title></svg><math><mi>x</mi></math>");
        assert_sound("<p><img src=x><br/><svg/></p><a>x</a><a>y</a><button><p>x</p></button><hr>");
        assert_sound("<p>a<div>b</div><p>c</p><li><p>x</p><div><ul><li>y</ul></div></li>");
        assert_sound("<p><object><p>x</p></object></p><template><td>x</td></template>");
    }

    #[test]
    fn unclosed_and_stray_tags_are_told_once_each() {
        assert_eq!(messages("<div><b>x</div>"), ["'<b>' is not closed before '</div>'; add '</b>'"]);
        assert_eq!(messages("<b><i>x</b></i>"), ["'<i>' is not closed before '</b>'; add '</i>'"]);
        assert_eq!(
            messages("<div class=a>"),
            ["'<div class=a>' is not closed before the end of the page; add '</div>'"]
        );
        assert_eq!(messages("<p>x</p></div>"), ["stray '</div>': no '<div>' is open; remove it or open one"]);
        assert_eq!(messages("a</br>"), ["stray '</br>': '<br>' has no end tag; remove it"]);
        assert_eq!(messages("<ul><li><b>a<li>c</ul>").len(), 1);
        assert_eq!(messages("<div><table><tr><td></div></table></div>").len(), 1);
        assert_eq!(messages("<h2>a</h3>"), ["'</h3>' ends '<h2>'; write '</h2>'"]);
        assert_eq!(messages("<script>x").len(), 1);
        assert!(messages("<p>List<String></p>")[0].starts_with("'<String>' is no element of HTML"));
        assert_sound("<x-y><blink>x</blink></x-y>");
        assert_eq!(messages("<p>x <!-- y"), ["a comment begins here and never ends; end it"]);
        assert!(messages("<div/>x")[0].starts_with("'<div/>' is not closed by its '/'"));
        assert!(messages("<svg><path><p>x</p></svg>")[0].starts_with("'<svg>' is never closed"));
    }

    #[test]
    fn a_block_in_a_paragraph_is_told_at_the_block() {
        let found = faults("<p>a<div>b</div>c</p>");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].tag, 4..9);
        assert!(found[0].message.starts_with("'<div>' can't stand in a paragraph"), "{found:?}");
        let found = messages("<p><b><ul><li>x</ul></b></p><p>y</p>");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("'<ul>' in '<b>' in a paragraph"), "{found:?}");
        assert_eq!(messages("<p><pre>x</pre></p>").len(), 1);
        assert_eq!(messages("<p>a</p>b</p>"), ["stray '</p>': no '<p>' is open; remove it or open one"]);
    }

    #[test]
    fn links_do_not_nest_and_attributes_do_not_repeat() {
        let found = messages("<a href=x><b><a href=y>z</a></b></a>");
        assert_eq!(found, ["a link in a link: '<a href=x>' is not closed yet; write '</a>' before '<a href=y>'"]);
        assert_sound("<a href=x>y</a><table><tr><td><a href=z>y</a></table>");
        let found = messages("<img alt=a src=b ALT=c alt=d>");
        assert_eq!(found, ["'<img>' has 'alt' twice and browsers drop the second; remove one"]);
    }

    #[test]
    fn a_broken_page_is_told_twenty_faults() {
        assert_eq!(faults(&"</b>".repeat(1000)).len(), 20);
        assert_eq!(faults(&"<b>".repeat(100)).len(), 20);
        assert_eq!(faults(&"<i>".repeat(100_000)).len(), 1);
        assert_eq!(faults(&"<a>".repeat(100_000)).len(), 20);
        assert_eq!(faults(&"<table><tr><td>".repeat(100_000)).len(), 1);
        assert_eq!(faults(&format!("<p {}>", "a ".repeat(100_000))).len(), 1);
    }

    proptest! {
        #[test]
        fn no_markup_panics(parts in proptest::collection::vec(
            "</?(a|p|b|i|ul|li|div|td|tr|table|svg|title|path|desc|h1|h2|br|script)( id=x)?/?>|ä<|<!--|-->", 0..60)) {
            assert!(faults(&parts.concat()).len() <= 20);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            faults(&String::from_utf8_lossy(&bytes));
        }
    }
}
