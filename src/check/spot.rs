//! Where in the author's own text a fault of a page comes from.
//!
//! The page is made from the text, but does not say from which place of it. What is at fault is searched for as it stands
//! in the page: the second such link of the page is the second one in the text.

use std::cell::OnceCell;
use std::ops::Range;

use crate::finding::Finding;
use crate::finding::Position;
use crate::finding::Severity;
use crate::html::element;

use super::Source;
use super::text;

/// A page and what it was made from.
pub(super) struct Spots<'a> {
    output: &'a str,
    html: &'a str,
    source: Option<&'a Source>,
    code: OnceCell<Vec<Range<usize>>>,
}

/// The file and the place that a finding names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) path: String,
    pub(super) position: Option<Position>,
}

impl Spot {
    /// The finding at this place.
    pub(super) fn finding(self, severity: Severity, message: String) -> Finding {
        Finding { path: self.path, position: self.position, message, severity }
    }
}

impl<'a> Spots<'a> {
    /// The page `html` at the path `output`.
    pub(super) fn new(output: &'a str, html: &'a str, source: Option<&'a Source>) -> Self {
        Self { output, html, source, code: OnceCell::new() }
    }

    /// The page as a whole.
    pub(super) fn page(&self) -> Spot {
        let path = self.source.map_or(self.output, |source| &source.path);
        Spot { path: path.to_owned(), position: None }
    }

    /// The `nth` link to `url`, whose attribute is at the byte `at` of the page.
    pub(super) fn link(&self, url: &str, at: usize, nth: usize) -> Spot {
        self.spot(at, |source| {
            if url.is_empty() {
                let empty = ["]()", "](<>)", "=\"\"", "=''"].iter();
                let mut found: Vec<usize> =
                    empty.flat_map(|empty| self.occurrences(source, empty, |_, _| true)).collect();
                found.sort_unstable();
                return pick(&found, nth);
            }
            let decoded = text::percent_decoded(url);
            let escaped = url.replace('&', "&amp;");
            for written in [url, &*decoded, &*escaped] {
                if let Some(found) = pick(&self.occurrences(source, written, is_whole), nth) {
                    return Some(found);
                }
            }
            // Links to source files are turned into those to their pages; the anchor stays.
            let anchor = &url[url.find('#')?..];
            let ends = |_: Option<char>, after: Option<char>| after.is_none_or(is_edge);
            pick(&self.occurrences(source, anchor, ends), nth)
        })
    }

    /// The tag that stands at `tag` in the page.
    pub(super) fn tag(&self, tag: &Range<usize>) -> Spot {
        self.spot(tag.start, |source| {
            let written = self.html.get(tag.clone()).filter(|written| !written.is_empty())?;
            let found = self.occurrences(source, written, |_, _| true);
            if let [only] = found[..] {
                return Some(only);
            }
            // With more of them in the page than in the text, it is not known which are the template's.
            let same = self.html.match_indices(written).count();
            let before = self.html[..tag.start].match_indices(written).count();
            let counted = (same == found.len()).then(|| found.get(before).copied()).flatten();
            counted.or_else(|| self.unmatched(source, written))
        })
    }

    /// Where the author's text has a tag of the same name without a counterpart: what is left open there closes with the
    /// template's end tag, and the fault shows at the template's start tag.
    fn unmatched(&self, source: &Source, tag: &str) -> Option<usize> {
        let closing = tag.starts_with("</");
        let name: &str = tag.trim_start_matches(['<', '/']);
        let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len())];
        if name.is_empty() || (!closing && element::may_stay_open(name)) {
            return None;
        }
        let ends = |_: Option<char>, after: Option<char>| after.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-');
        let starts = self.occurrences(source, &format!("<{name}"), ends).into_iter().map(|at| (at, true));
        let closes = self.occurrences(source, &format!("</{name}"), ends).into_iter().map(|at| (at, false));
        let mut tags: Vec<_> = starts.chain(closes).collect();
        tags.sort_unstable();
        let mut open = Vec::new();
        for (at, start) in tags {
            if start {
                open.push(at);
            } else if open.pop().is_none() && closing {
                return Some(at);
            }
        }
        open.pop().filter(|_| !closing)
    }

    /// The `nth` image without a description in the author's Markdown, `![](…/NAME)`.
    pub(super) fn bare_image(&self, src: &str, at: usize, nth: usize) -> Option<Spot> {
        let source = self.source?;
        let name = file_name(src);
        let found = self.occurrences(source, "![", |_, _| true);
        let found = found.into_iter().filter(|at| {
            let after = source.text[at + 2..].trim_start_matches([' ', '\t']);
            let target = after.strip_prefix("](").map(|target| target.trim_start().trim_start_matches('<'));
            target.is_some_and(|target| {
                let target = &target[..target.find([')', '>', '\n', ' ']).unwrap_or(target.len())];
                file_name(target) == name
            })
        });
        let found: Vec<usize> = found.collect();
        Some(self.spot(at, |_| pick(&found, nth))).filter(|_| !found.is_empty())
    }

    fn spot(&self, at: usize, find: impl FnOnce(&Source) -> Option<usize>) -> Spot {
        match self.source {
            Some(source) => {
                let position = find(source).map(|offset| Position::of(&source.text, offset));
                Spot { path: source.path.clone(), position }
            }
            None => Spot { path: self.output.to_owned(), position: Some(Position::of(self.html, at)) },
        }
    }

    /// Where `wanted` stands in the text outside of code, if `fits` likes the characters around it.
    fn occurrences(
        &self,
        source: &Source,
        wanted: &str,
        fits: impl Fn(Option<char>, Option<char>) -> bool,
    ) -> Vec<usize> {
        let code = self.code.get_or_init(|| code(&source.text));
        let found = source.text.match_indices(wanted).map(|(at, _)| at).filter(|at| {
            let before = source.text[..*at].chars().next_back();
            let after = source.text[at + wanted.len()..].chars().next();
            let next = code.partition_point(|range| range.end <= *at);
            fits(before, after) && code.get(next).is_none_or(|range| *at < range.start)
        });
        found.collect()
    }
}

/// The `nth` place, or the last one: what the page has more often comes from the template.
fn pick(found: &[usize], nth: usize) -> Option<usize> {
    found.get(nth).or(found.last()).copied()
}

fn is_edge(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '"' | '\'' | '[' | ']' | '{' | '}' | ',' | '=' | '|')
}

fn is_whole(before: Option<char>, after: Option<char>) -> bool {
    before.is_none_or(is_edge) && after.is_none_or(is_edge)
}

fn file_name(url: &str) -> String {
    let (path, _) = text::split(url);
    text::percent_decoded(path.rsplit('/').next().unwrap_or_default()).into_owned()
}

/// The byte ranges of code in Markdown: fenced blocks, and spans that end in the line that they begin in.
fn code(markdown: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut fence: Option<(usize, char, usize)> = None;
    let mut at = 0;
    for line in markdown.split_inclusive('\n') {
        let text = line.trim();
        let mark = text.chars().next().filter(|c| ['`', '~'].contains(c));
        let length = mark.map_or(0, |mark| text.chars().take_while(|c| *c == mark).count());
        match fence {
            Some((begin, open, wanted)) => {
                if mark == Some(open) && length >= wanted && length == text.len() {
                    ranges.push(begin..at + line.len());
                    fence = None;
                }
            }
            None if length >= 3 && !text[length..].contains('`') => fence = mark.map(|mark| (at, mark, length)),
            None => spans(line, at, &mut ranges),
        }
        at += line.len();
    }
    if let Some((begin, ..)) = fence {
        ranges.push(begin..at);
    }
    ranges
}

fn spans(line: &str, offset: usize, ranges: &mut Vec<Range<usize>>) {
    let mut runs = Vec::new();
    let mut at = 0;
    while let Some(found) = line[at..].find('`') {
        let begin = at + found;
        at = begin + line[begin..].bytes().take_while(|byte| *byte == b'`').count();
        runs.push(begin..at);
    }
    let mut next = 0;
    while let Some(open) = runs.get(next) {
        let close = runs[next + 1..].iter().position(|run| run.len() == open.len());
        if let Some(close) = close {
            ranges.push(offset + open.start..offset + runs[next + 1 + close].end);
            next += close + 1;
        }
        next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(text: &str) -> Source {
        Source { path: "a.md".to_owned(), text: text.into() }
    }

    fn place(spot: &Spot) -> (usize, usize) {
        spot.position.map_or((0, 0), |at| (at.line, at.column))
    }

    #[test]
    fn links_are_found_as_they_were_written() {
        let text = source(
            "---\nx\n---\n[a](/a/b) `[c](/a/)` [d](/a/) ü [e](</a/>)\n\n```\n(/a/)\n```\n[f](b.md#x) [g](/ü) []()\n",
        );
        let spots = Spots::new("a/index.html", "", Some(&text));
        assert_eq!(place(&spots.link("/a/", 0, 0)), (4, 26));
        assert_eq!(place(&spots.link("/a/", 0, 1)), (4, 38));
        assert_eq!(place(&spots.link("/a/", 0, 7)), (4, 38));
        assert_eq!(place(&spots.link("/b/#x", 0, 0)), (9, 9));
        assert_eq!(place(&spots.link("/%C3%BC", 0, 0)), (9, 17));
        assert_eq!(place(&spots.link("", 0, 0)), (9, 22));
        assert_eq!(place(&spots.link("/z/", 0, 0)), (0, 0));
    }

    #[test]
    fn what_no_author_wrote_is_found_in_the_page() {
        let spots = Spots::new("tags/index.html", "\n  <a href=x>", None);
        assert_eq!(
            spots.link("x", 6, 0),
            Spot { path: "tags/index.html".to_owned(), position: Some(Position { line: 2, column: 6 }) }
        );
    }

    #[test]
    fn tags_are_found_if_there_is_no_doubt() {
        let text = source("a <b>x\n<i>y <i>z");
        let spots = Spots::new("x", "<b><p><b><i><i>", Some(&text));
        assert_eq!(place(&spots.tag(&(6..9))), (1, 3));
        assert_eq!(place(&spots.tag(&(12..15))), (2, 6));
        assert_eq!(place(&spots.tag(&(3..6))), (0, 0));
        let text = source("<div>a</div>\n\n`<div>` <div>b\n");
        let spots = Spots::new("x", "<div class=c><div>a</div><div>b</div></article>", Some(&text));
        assert_eq!(place(&spots.tag(&(0..13))), (3, 9));
    }

    #[test]
    fn images_without_words_are_found_by_their_file() {
        let text = source("![](a.png) ![x](b.png)\n\n![ ](<../x/b c.png>)\n");
        let spots = Spots::new("x", "", Some(&text));
        assert_eq!(place(&spots.bare_image("/p/a.png", 0, 0).unwrap()), (1, 1));
        assert_eq!(spots.bare_image("b.png", 0, 0), None);
        assert!(spots.bare_image("/x/c.png", 0, 0).is_none());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[`~a(\\[\\]!)/# \\nä<>]{0,200}", url in "[a/#ä%]{0,4}") {
            let text = source(&text);
            let spots = Spots::new("x", "", Some(&text));
            spots.link(&url, 0, 1);
            spots.bare_image(&url, 0, 0);
        }
    }
}
