//! What is read off a page before it is written: title, words, summary.

use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};

use super::{Outline, Spanned};

/// A summary made of the first paragraph ends at the last word before this many characters.
const SUMMARY_LENGTH: usize = 280;

/// The text of the first heading. It is removed if it is the first thing on the page: the template shows the title.
pub(super) fn take_title(events: &mut Vec<Spanned<'_>>) -> Option<String> {
    let start = events.iter().position(|(event, _)| matches!(event, Event::Start(Tag::Heading { .. })))?;
    let end = start + events[start..].iter().position(|(event, _)| matches!(event, Event::End(TagEnd::Heading(_))))?;
    let title = plain_text(&events[start..end]);
    if start == 0 {
        events.drain(..=end);
    }
    Some(title).filter(|title| !title.is_empty())
}

/// What is read as running text: an image's description is not.
pub(super) fn plain_text(events: &[Spanned<'_>]) -> String {
    let (mut text, mut images) = (String::new(), 0);
    for (event, _) in events {
        match event {
            Event::Start(Tag::Image { .. }) => images += 1,
            Event::End(TagEnd::Image) => images -= 1,
            _ if images > 0 => {}
            Event::Text(piece) | Event::Code(piece) => push_without_marks(&mut text, piece),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            _ => {}
        }
    }
    text.trim().to_owned()
}

/// Shortcodes stand in the text as marks; they are no words.
fn push_without_marks(text: &mut String, piece: &str) {
    let mut rest = piece;
    while let Some(start) = rest.find(super::shortcodes::OPEN) {
        text.push_str(&rest[..start]);
        let Some(end) = rest[start..].find(super::shortcodes::CLOSE) else { break };
        rest = &rest[start + end + super::shortcodes::CLOSE.len_utf8()..];
    }
    text.push_str(rest);
}

/// Counts words outside code blocks, and finds the summary: what stands before `<!-- more -->`, or the first paragraph.
pub(super) fn measure(events: &[Spanned<'_>], outline: &mut Outline) {
    let (mut in_code, mut paragraph_start) = (false, None);
    let (mut first, mut before_marker, mut marked) = (String::new(), String::new(), None);
    for (index, (event, _)) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(text) if !in_code => outline.words += count_words(text),
            Event::Code(text) => outline.words += count_words(text),
            Event::Start(Tag::Paragraph) => paragraph_start = Some(index),
            Event::End(TagEnd::Paragraph) if marked.is_none() => {
                let text = plain_text(&events[paragraph_start.take().unwrap_or(index)..index]);
                if first.is_empty() {
                    first.clone_from(&text);
                }
                if !before_marker.is_empty() {
                    before_marker.push(' ');
                }
                before_marker.push_str(&text);
            }
            Event::Html(html) if is_more_marker(html) && marked.is_none() => {
                marked = Some(std::mem::take(&mut before_marker));
            }
            _ => {}
        }
    }
    outline.summary = marked.unwrap_or_else(|| shorten(&first));
}

/// Words, and in scripts without blanks between them each character.
fn count_words(text: &str) -> usize {
    let is_ideograph =
        |c: &char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}');
    let ideographs = if text.is_ascii() { 0 } else { text.chars().filter(is_ideograph).count() };
    text.split_whitespace().filter(|word| !word.chars().all(|c| is_ideograph(&c))).count() + ideographs
}

fn is_more_marker(html: &str) -> bool {
    let inner = html.trim().strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
    inner.is_some_and(|inner| inner.trim() == "more")
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SUMMARY_LENGTH) {
        None => text.to_owned(),
        Some((end, _)) => {
            let cut = text[..end].rfind(' ').unwrap_or(end);
            format!("{}…", text[..cut].trim_end_matches([',', '.', ';', ':', ' ']))
        }
    }
}

/// Whether the text has a heading of the first level, which is the page's title's.
pub(super) fn has_level_one(events: &[Spanned<'_>]) -> bool {
    let is_first = |event: &Event<'_>| matches!(event, Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }));
    events.iter().any(|(event, _)| is_first(event))
}
