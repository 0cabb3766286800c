//! Footnotes: numbered as they are first referred to, at the bottom of the page, each with its ways back.

use std::collections::HashMap;
use std::fmt::Write;

use pulldown_cmark::{CowStr, Event};

use crate::render::escape::escape_html;

/// The footnotes of one page.
#[derive(Default)]
pub(super) struct Footnotes<'a> {
    /// Label → number and count of references.
    numbers: HashMap<String, (usize, usize)>,
    definitions: HashMap<String, Vec<Event<'a>>>,
}

impl<'a> Footnotes<'a> {
    /// The reference's HTML: a number that leads down.
    pub(super) fn refer(&mut self, label: &CowStr<'_>) -> String {
        let next = self.numbers.len() + 1;
        let (number, count) = self.numbers.entry(label.to_string()).or_insert((next, 0));
        *count += 1;
        let id = reference_id(*number, *count);
        format!(
            "<sup class=\"footnote-reference\"><a id=\"{id}\" href=\"#fn-{number}\" role=\"doc-noteref\" \
             aria-label=\"Footnote {number}\">{number}</a></sup>"
        )
    }

    /// Keeps a footnote's text; the first one of a label counts.
    pub(super) fn define(&mut self, label: &CowStr<'_>, events: Vec<Event<'a>>) {
        self.definitions.entry(label.to_string()).or_insert(events);
    }

    /// The list at the page's bottom; one to which nothing refers is left out.
    pub(super) fn list(mut self) -> Vec<Event<'a>> {
        let mut numbers: Vec<(String, (usize, usize))> = self.numbers.drain().collect();
        numbers.sort_by_key(|(_, (number, _))| *number);
        let mut events = Vec::new();
        for (label, (number, count)) in numbers {
            let Some(mut text) = self.definitions.remove(&label) else { continue };
            if events.is_empty() {
                events
                    .push(raw("<section class=\"footnotes\" role=\"doc-endnotes\" aria-label=\"Footnotes\">\n<ol>\n"));
            }
            events.push(raw(&format!("<li id=\"fn-{number}\" value=\"{number}\">\n")));
            let back = raw(&back_links(&label, number, count));
            // At the end of the last paragraph, not on a line of its own.
            let ends_with_paragraph = matches!(text.last(), Some(Event::End(pulldown_cmark::TagEnd::Paragraph)));
            let place = text.len() - usize::from(ends_with_paragraph);
            text.insert(place, back);
            events.append(&mut text);
            events.push(raw("</li>\n"));
        }
        if !events.is_empty() {
            events.push(raw("</ol>\n</section>\n"));
        }
        events
    }
}

fn reference_id(number: usize, count: usize) -> String {
    if count == 1 { format!("fnref-{number}") } else { format!("fnref-{number}-{count}") }
}

fn back_links(label: &str, number: usize, count: usize) -> String {
    let mut html = String::new();
    for index in 1..=count {
        let (mark, name) = match count {
            1 => (String::new(), String::new()),
            _ => (format!("<sup>{index}</sup>"), format!(", {index}")),
        };
        // Writing to a String can't fail. The arrow is asked for as text: as an emoji it would be a blue button.
        let _ = write!(
            html,
            " <a class=\"footnote-back\" href=\"#{}\" role=\"doc-backlink\" aria-label=\"Back to the text of note {}{name}\">↩\u{fe0e}{mark}</a>",
            reference_id(number, index),
            escape_html(label),
        );
    }
    html
}

fn raw<'a>(html: &str) -> Event<'a> {
    Event::InlineHtml(html.to_owned().into())
}
