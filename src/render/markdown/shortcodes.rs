//! Shortcodes in Markdown: each is replaced by a mark before the text is parsed, and the mark by its HTML afterwards.

use pulldown_cmark::{Event, Parser, Tag};

use super::{Call, Fault, MAX_DEPTH, Request, options, render_nested};
use crate::render::shortcode;

/// Begin and end of a mark, with the shortcode's number between them. Of a private use area: no text means them.
pub(super) const OPEN: char = '\u{f8f0}';
pub(super) const CLOSE: char = '\u{f8f1}';

/// The Markdown with marks in the place of shortcodes.
pub(super) struct Expanded {
    pub(super) text: String,
    /// The HTML of each shortcode.
    pub(super) calls: Vec<String>,
    /// What is wrong with them, in offsets of the original.
    pub(super) faults: Vec<Fault>,
    /// Ends of pieces: offset in the text, and what is to be added to come to the original's.
    shifts: Vec<(usize, usize)>,
}

impl Expanded {
    /// The offset in the original of an offset in the text.
    pub(super) fn original(&self, at: usize) -> usize {
        let before = self.shifts.partition_point(|(end, _)| *end <= at);
        at + before.checked_sub(1).map_or(0, |index| self.shifts[index].1)
    }
}

/// Replaces the shortcodes of a page; `None` if it has none, which costs one search.
pub(super) fn expand(request: &Request<'_>, depth: usize) -> Option<Expanded> {
    let body = request.body;
    if !shortcode::may_occur(body) {
        return None;
    }
    let parser = Parser::new_ext(body, options(request.style)).into_offset_iter();
    let code = parser.filter(|(event, _)| matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_))));
    let code: Vec<_> = code.map(|(_, range)| range).collect();
    let (calls, faults) = shortcode::parse(body, &code);
    let faults = faults.into_iter().map(|fault| Fault { at: fault.at, message: fault.message, error: true });
    let mut expanded = Expanded {
        text: String::with_capacity(body.len()),
        calls: Vec::new(),
        faults: faults.collect(),
        shifts: Vec::new(),
    };
    let mut end = 0;
    for call in calls {
        expanded.text.push_str(&body[end..call.range.start]);
        end = call.range.end;
        let mark = format!("{OPEN}{}{CLOSE}", expanded.calls.len());
        expanded.text.push_str(&mark);
        expanded.shifts.push((expanded.text.len(), end - expanded.text.len().min(end)));
        let html = run(request, depth, &call, expanded.calls.len() + 1, &mut expanded.faults);
        expanded.calls.push(html);
    }
    expanded.text.push_str(&body[end..]);
    Some(expanded)
}

/// The HTML of one shortcode; nothing if there is a fault in it.
fn run(
    request: &Request<'_>,
    depth: usize,
    call: &shortcode::Shortcode<'_>,
    number: usize,
    faults: &mut Vec<Fault>,
) -> String {
    let mut body = None;
    if let (Some(inner), Some(range)) = (call.body, &call.body_range) {
        if depth >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} shortcodes in one another; write it with fewer");
            faults.push(Fault { at: call.range.start, message, error: true });
            return String::new();
        }
        let rendered = render_nested(&Request { body: inner, take_title: false, ..*request }, depth + 1);
        faults.extend(rendered.faults.into_iter().map(|fault| Fault { at: fault.at + range.start, ..fault }));
        body = Some(rendered.html);
    }
    let called =
        Call { name: call.name, arguments: &call.arguments, body, source: call.body.unwrap_or_default(), number };
    request.surroundings.shortcode(&called).unwrap_or_else(|message| {
        faults.push(Fault { at: call.range.start, message, error: true });
        String::new()
    })
}

/// One piece of a text with marks in it.
pub(super) enum Piece<'a> {
    Text(&'a str),
    /// The number of a shortcode.
    Mark(usize),
}

impl Piece<'_> {
    /// Whether it is a mark, or blanks between two.
    pub(super) fn is_nothing_to_read(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Mark(_) => true,
        }
    }
}

/// Splits a text at its marks; what only looks like one is text.
pub(super) fn pieces(text: &str, count: usize) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, number, after)) = next_mark(rest, count) {
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Mark(number));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

fn next_mark(text: &str, count: usize) -> Option<(&str, usize, &str)> {
    let start = text.find(OPEN)?;
    let inner = &text[start + OPEN.len_utf8()..];
    let (number, after) = inner.split_once(CLOSE)?;
    let number = number.parse().ok().filter(|number| *number < count)?;
    Some((&text[..start], number, after))
}
