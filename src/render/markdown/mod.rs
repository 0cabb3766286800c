//! Markdown to HTML: the one place that knows pulldown-cmark.
//!
//! Nothing is evaluated in code spans and code blocks: what stands in them comes out as written, HTML-escaped.

mod autolink;
mod code;
mod footnote;
mod measure;
mod shortcodes;
#[cfg(test)]
mod spec;
mod writer;

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, TextMergeWithOffset, html};

use self::writer::Writer;
use crate::finding::Finding;

/// Shortcodes in shortcodes in shortcodes: more of it is a loop.
const MAX_DEPTH: usize = 8;

/// Quotes and lists in one another: pulldown-cmark's own time grows with the square of it, and nobody writes ten.
pub(super) const MAX_NESTING: usize = 256;

/// A heading for the list of contents.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct TocEntry {
    pub(super) level: u8,
    pub(super) id: String,
    pub(super) title: String,
}

/// What is known of a page's Markdown without its HTML.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Outline {
    /// The text of the first heading, if the title was to be taken from there.
    pub(super) title: Option<String>,
    pub(super) toc: Vec<TocEntry>,
    pub(super) words: usize,
    pub(super) summary: String,
    /// The first image's URL, for link previews.
    pub(super) image: Option<String>,
}

/// A page's Markdown, rendered.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) html: String,
    pub(super) outline: Outline,
    /// What is wrong, with the byte offset in the Markdown.
    pub(super) faults: Vec<Fault>,
}

/// Something wrong in a page's Markdown.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Fault {
    /// The byte offset in the Markdown.
    pub(super) at: usize,
    /// What is wrong and how to mend it.
    pub(super) message: String,
    /// Whether the page can't be published with it.
    pub(super) error: bool,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To where it says.
    AsWritten,
    /// To the URL of a source file.
    To(String),
    /// To a source file that is not there.
    Missing,
}

/// A local image.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(super) struct Image {
    /// Where it is found.
    pub(super) url: String,
    /// In pixels; 0 if unknown.
    pub(super) width: u32,
    /// In pixels; 0 if unknown.
    pub(super) height: u32,
    /// Smaller copies, as the attribute of that name; empty if there is none.
    pub(super) srcset: String,
}

/// What is filled into a render hook's template.
pub(super) enum Hook<'a> {
    Link { url: &'a str, title: &'a str, content: &'a str },
    Image { image: &'a Image, title: &'a str, alt: &'a str },
    CodeBlock { language: &'a str, name: &'a str, code: &'a str, content: &'a str },
}

/// A call of a shortcode.
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: &'a serde_json::Map<String, serde_json::Value>,
    /// The body as HTML; `None` without one.
    pub(super) body: Option<String>,
    /// The body as written.
    pub(super) source: &'a str,
    /// The how manieth shortcode of the page it is, from 1.
    pub(super) number: usize,
}

/// What Markdown needs to know of the rest of the site.
pub(super) trait Surroundings {
    /// Where a link leads.
    fn resolve(&self, url: &str) -> Target;
    /// The image at a resolved URL, if it is one of the site's.
    fn image(&self, url: &str) -> Option<Image>;
    /// The HTML of a hook; `None` if the theme has no template for it.
    fn hook(&self, hook: &Hook<'_>) -> Result<Option<String>, Box<Finding>>;
    /// The HTML of a shortcode; the error says what is wrong with the call.
    fn shortcode(&self, call: &Call<'_>) -> Result<String, String>;
}

/// How Markdown is to be rendered.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) smart_punctuation: bool,
    pub(super) heading_anchors: bool,
    pub(super) highlight: bool,
    pub(super) line_numbers: bool,
}

/// One page to render.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    /// The Markdown.
    pub(super) body: &'a str,
    /// Whether the first heading is the title; if nothing stands before it, it is left out of the HTML.
    pub(super) take_title: bool,
    pub(super) style: Style,
    pub(super) surroundings: &'a dyn Surroundings,
}

type Spanned<'a> = (Event<'a>, Range<usize>);

/// Renders one page.
pub(super) fn render(request: &Request<'_>) -> Rendered {
    render_nested(request, 0)
}

fn render_nested(request: &Request<'_>, depth: usize) -> Rendered {
    let mut rendered = Rendered::default();
    if let Some(fault) = too_deep(request.body) {
        rendered.faults.push(fault);
        return rendered;
    }
    let expanded = shortcodes::expand(request, depth);
    let body = expanded.as_ref().map_or(request.body, |expanded| expanded.text.as_str());
    let mut events: Vec<Spanned<'_>> = parse(body, request.style);
    if request.take_title {
        rendered.outline.title = measure::take_title(&mut events);
    }
    measure::measure(&events, &mut rendered.outline);
    let calls = expanded.as_ref().map_or(&[][..], |expanded| expanded.calls.as_slice());
    let mut writer = Writer::new(request, rendered, calls, measure::has_level_one(&events));
    let output = writer.write(events);
    let mut rendered = writer.finish();
    rendered.html.reserve(body.len() * 3 / 2);
    html::push_html(&mut rendered.html, output.into_iter());
    if let Some(expanded) = &expanded {
        for fault in &mut rendered.faults {
            // Those that arose in the expanded text; the others have their place already.
            fault.at = expanded.original(fault.at);
        }
        rendered.faults.extend(expanded.faults.iter().cloned());
    }
    rendered
}

/// The events of a text, with neighbouring pieces of text in one: a URL must not end at an underscore.
fn parse(body: &str, style: Style) -> Vec<Spanned<'_>> {
    TextMergeWithOffset::new(Parser::new_ext(body, options(style)).into_offset_iter()).collect()
}

fn options(style: Style) -> Options {
    let mut options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_GFM;
    options.set(Options::ENABLE_SMART_PUNCTUATION, style.smart_punctuation);
    options
}

/// Thousands of `>` or `[` at the start of a line or in a row are an accident or an attack.
fn too_deep(body: &str) -> Option<Fault> {
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let marks = line.bytes().take_while(|byte| matches!(byte, b'>' | b' ' | b'\t' | b'-' | b'*' | b'+'));
        let depth = marks.filter(|byte| !byte.is_ascii_whitespace()).count();
        // A line of hyphens or stars is a rule, however long.
        let is_rule = depth > 0 && line.trim_end().bytes().all(|byte| matches!(byte, b'-' | b'*' | b' ' | b'\t'));
        if depth > MAX_NESTING && !is_rule {
            let message = format!("{depth} quotes or lists in one another; {MAX_NESTING} are the limit");
            return Some(Fault { at, message, error: true });
        }
        at += line.len();
    }
    None
}

/// A line of Markdown without the paragraph around it, for the filter of that name: no links to sources, no shortcodes.
pub(super) fn inline(text: &str) -> String {
    let mut output = String::new();
    html::push_html(&mut output, Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH));
    let inner = output.trim().strip_prefix("<p>").and_then(|inner| inner.strip_suffix("</p>"));
    inner.filter(|inner| !inner.contains("<p>")).map_or_else(|| output.trim().to_owned(), str::to_owned)
}

/// Code that stands in a file.
pub(super) fn highlighted(language: &str, name: &str, code: &str) -> String {
    let style = Style { smart_punctuation: false, heading_anchors: false, highlight: true, line_numbers: false };
    code::block(&code::Info::of(language, name), code, style)
}

#[cfg(test)]
mod tests;
