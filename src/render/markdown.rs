//! Markdown to HTML: the one place that knows pulldown-cmark.
//!
//! Nothing is evaluated in code spans and fences: what stands in them comes out as written, HTML-escaped.

use std::collections::HashSet;
use std::ops::Range;

use pulldown_cmark::{
    Alignment, CodeBlockKind, CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html,
};

use super::escape::escape_html;
use crate::site::slug;

/// A summary made of the first paragraph ends at the last word before this many characters.
const SUMMARY_LENGTH: usize = 280;

/// A heading for the list of contents.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct TocEntry {
    pub(super) level: u8,
    pub(super) id: String,
    pub(super) title: String,
}

/// A page's Markdown, rendered.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) html: String,
    /// The text of the first heading, if the title was to be taken from there.
    pub(super) title: Option<String>,
    pub(super) toc: Vec<TocEntry>,
    pub(super) words: usize,
    pub(super) summary: String,
    /// Links to source files that are not there, with the byte offset in the Markdown.
    pub(super) broken_links: Vec<(usize, String)>,
}

/// Where a link leads.
pub(super) enum Target {
    /// To where it says.
    AsWritten,
    /// To the URL of a source file.
    To(String),
    /// To a source file that is not there.
    Missing,
}

/// How a page's Markdown is to be rendered.
pub(super) struct Request<'a> {
    /// The Markdown.
    pub(super) body: &'a str,
    /// Whether the first heading is the title; if nothing stands before it, it is left out of the HTML.
    pub(super) take_title: bool,
    /// Put before rooted links: empty, or the base URL where a page is read elsewhere, as in a feed.
    pub(super) base: &'a str,
    /// Where a link leads.
    pub(super) resolve: &'a dyn Fn(&str) -> Target,
}

type Spanned<'a> = (Event<'a>, Range<usize>);

/// Renders one page.
pub(super) fn render(request: &Request<'_>) -> Rendered {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    let mut events: Vec<Spanned<'_>> = Parser::new_ext(request.body, options).into_offset_iter().collect();
    let mut rendered = Rendered::default();
    if request.take_title {
        rendered.title = take_title(&mut events);
    }
    measure(&events, &mut rendered);
    let shift = has_level_one(&events);
    let mut writer =
        Writer { request, rendered, shift, ids: HashSet::new(), alignments: Vec::new(), column: 0, head: false };
    let mut output = Vec::with_capacity(events.len());
    let mut events = events.into_iter();
    while let Some((event, range)) = events.next() {
        writer.event(event, &range, &mut events, &mut output);
    }
    let mut rendered = writer.rendered;
    html::push_html(&mut rendered.html, output.into_iter());
    rendered
}

/// The text of the first heading. It is removed if it is the first thing on the page: the template shows the title.
fn take_title(events: &mut Vec<Spanned<'_>>) -> Option<String> {
    let start = events.iter().position(|(event, _)| matches!(event, Event::Start(Tag::Heading { .. })))?;
    let end = start + events[start..].iter().position(|(event, _)| matches!(event, Event::End(TagEnd::Heading(_))))?;
    let title = plain_text(&events[start..end]);
    if start == 0 {
        events.drain(..=end);
    }
    Some(title).filter(|title| !title.is_empty())
}

/// What is read as running text: an image's description is not.
fn plain_text(events: &[Spanned<'_>]) -> String {
    let (mut text, mut images) = (String::new(), 0);
    for (event, _) in events {
        match event {
            Event::Start(Tag::Image { .. }) => images += 1,
            Event::End(TagEnd::Image) => images -= 1,
            _ if images > 0 => {}
            Event::Text(piece) | Event::Code(piece) => text.push_str(piece),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            _ => {}
        }
    }
    text.trim().to_owned()
}

/// Counts words outside code blocks, and finds the summary: what stands before `<!-- more -->`, or the first paragraph.
fn measure(events: &[Spanned<'_>], rendered: &mut Rendered) {
    let (mut in_code, mut paragraph_start) = (false, None);
    let (mut first, mut before_marker, mut marked) = (String::new(), String::new(), None);
    for (index, (event, _)) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(text) if !in_code => rendered.words += text.split_whitespace().count(),
            Event::Code(text) => rendered.words += text.split_whitespace().count(),
            Event::Start(Tag::Paragraph) => paragraph_start = Some(index),
            Event::End(TagEnd::Paragraph) => {
                let text = plain_text(&events[paragraph_start.take().unwrap_or(index)..index]);
                if first.is_empty() {
                    first.clone_from(&text);
                }
                if !before_marker.is_empty() {
                    before_marker.push(' ');
                }
                before_marker.push_str(&text);
            }
            Event::Html(html) if is_more_marker(html) && marked.is_none() => marked = Some(before_marker.clone()),
            _ => {}
        }
    }
    rendered.summary = marked.unwrap_or_else(|| shorten(&first));
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

fn has_level_one(events: &[Spanned<'_>]) -> bool {
    let is_first = |event: &Event<'_>| matches!(event, Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }));
    events.iter().any(|(event, _)| is_first(event))
}

/// Turns events whose HTML is galley's own into HTML and hands on the others.
struct Writer<'r> {
    request: &'r Request<'r>,
    rendered: Rendered,
    /// A page has one h1, its title: where the text uses h1 as well, all its headings move down a level.
    shift: bool,
    ids: HashSet<String>,
    alignments: Vec<Alignment>,
    column: usize,
    head: bool,
}

impl Writer<'_> {
    fn event<'a>(
        &mut self,
        event: Event<'a>,
        range: &Range<usize>,
        rest: &mut std::vec::IntoIter<Spanned<'a>>,
        output: &mut Vec<Event<'a>>,
    ) {
        match event {
            Event::Start(Tag::Heading { level, id, classes, .. }) => {
                self.heading(level, id, &classes, rest.as_slice(), output);
            }
            Event::End(TagEnd::Heading(level)) => output.push(raw(format!("</h{}>\n", self.level(level)))),
            Event::Start(Tag::CodeBlock(kind)) => output.push(raw(code_block(&kind, rest))),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = self.link(dest_url, link_type, range.start);
                output.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let dest_url = self.link(dest_url, link_type, range.start);
                output.push(Event::Start(Tag::Image { link_type, dest_url, title, id }));
            }
            Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow | Tag::TableCell)
            | Event::End(TagEnd::Table | TagEnd::TableHead | TagEnd::TableRow | TagEnd::TableCell) => {
                output.push(raw(self.table(event)));
            }
            other => output.push(other),
        }
    }

    fn level(&self, level: HeadingLevel) -> u8 {
        (level as u8 + u8::from(self.shift)).min(6)
    }

    fn heading<'a>(
        &mut self,
        level: HeadingLevel,
        id: Option<CowStr<'a>>,
        classes: &[CowStr<'a>],
        rest: &[Spanned<'a>],
        output: &mut Vec<Event<'a>>,
    ) {
        let level = self.level(level);
        let end = rest.iter().position(|(event, _)| matches!(event, Event::End(TagEnd::Heading(_))));
        let title = plain_text(&rest[..end.unwrap_or(0)]);
        let id = self.unique_id(id.map_or_else(|| slug(&title), |id| id.to_string()));
        let class =
            if classes.is_empty() { String::new() } else { format!(" class=\"{}\"", escape_html(&classes.join(" "))) };
        output.push(raw(format!("<h{level} id=\"{}\"{class}>", escape_html(&id))));
        if (2..=4).contains(&level) {
            self.rendered.toc.push(TocEntry { level, id, title });
        }
    }

    fn unique_id(&mut self, wanted: String) -> String {
        let wanted = if wanted.is_empty() { "section".to_owned() } else { wanted };
        let mut id = wanted.clone();
        let mut count = 1;
        while !self.ids.insert(id.clone()) {
            count += 1;
            id = format!("{wanted}-{count}");
        }
        id
    }

    fn link<'a>(&mut self, url: CowStr<'a>, link_type: LinkType, offset: usize) -> CowStr<'a> {
        if link_type == LinkType::Email {
            return url;
        }
        let url = match (self.request.resolve)(&url) {
            Target::AsWritten => url,
            Target::To(url) => url.into(),
            Target::Missing => {
                self.rendered.broken_links.push((offset, url.to_string()));
                url
            }
        };
        let rooted = url.starts_with('/') && !url.starts_with("//");
        if rooted && !self.request.base.is_empty() { format!("{}{url}", self.request.base).into() } else { url }
    }

    /// Tables are written here because pulldown-cmark aligns cells by `style`, which a content security policy forbids;
    /// the box around them scrolls, and so takes the keyboard.
    fn table(&mut self, event: Event<'_>) -> String {
        let cell = if self.head { "th" } else { "td" };
        match event {
            Event::Start(Tag::Table(alignments)) => {
                self.alignments = alignments;
                "<div class=\"table\" tabindex=\"0\"><table>\n".to_owned()
            }
            Event::End(TagEnd::Table) => "</tbody></table></div>\n".to_owned(),
            Event::Start(Tag::TableHead) => {
                (self.head, self.column) = (true, 0);
                "<thead><tr>".to_owned()
            }
            Event::End(TagEnd::TableHead) => {
                self.head = false;
                "</tr></thead>\n<tbody>\n".to_owned()
            }
            Event::Start(Tag::TableRow) => {
                self.column = 0;
                "<tr>".to_owned()
            }
            Event::End(TagEnd::TableRow) => "</tr>\n".to_owned(),
            Event::Start(_) => {
                let class = match self.alignments.get(self.column) {
                    Some(Alignment::Center) => " class=\"center\"",
                    Some(Alignment::Right) => " class=\"right\"",
                    _ => "",
                };
                self.column += 1;
                format!("<{cell}{class}>")
            }
            _ => format!("</{cell}>"),
        }
    }
}

/// The box scrolls sideways, so it takes the keyboard.
fn code_block<'a>(kind: &CodeBlockKind<'a>, rest: &mut std::vec::IntoIter<Spanned<'a>>) -> String {
    let language = match kind {
        CodeBlockKind::Fenced(info) => info.split([' ', ',', '{', '\t']).next().unwrap_or_default(),
        CodeBlockKind::Indented => "",
    };
    let mut html = match language {
        "" => "<pre tabindex=\"0\"><code>".to_owned(),
        language => format!("<pre tabindex=\"0\"><code class=\"language-{}\">", escape_html(language)),
    };
    for (event, _) in rest.by_ref() {
        match event {
            Event::Text(text) => html.push_str(&escape_html(&text)),
            Event::End(TagEnd::CodeBlock) => break,
            _ => {}
        }
    }
    html.push_str("</code></pre>\n");
    html
}

fn raw<'a>(html: String) -> Event<'a> {
    Event::Html(html.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn render_with(body: &str, take_title: bool, base: &str) -> Rendered {
        let resolve = |url: &str| match url {
            "b.md" => Target::To("/posts/b/".to_owned()),
            "gone.md" => Target::Missing,
            _ => Target::AsWritten,
        };
        render(&Request { body, take_title, base, resolve: &resolve })
    }

    #[test]
    fn code_comes_out_as_written() {
        let code = "{{ x }} {% raw %} <b>&amp;\"'\n\ttab\n";
        let html = render_with(&format!("`{{{{< x >}}}}` and\n\n```html {{linenos}}\n{code}```\n"), false, "").html;
        assert!(html.contains("<code>{{&lt; x &gt;}}</code>"), "{html}");
        let escaped = code.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        assert!(
            html.contains(&format!("<code class=\"language-html\">{}</code>", escaped.replace('\'', "&#39;"))),
            "{html}"
        );
    }

    #[test]
    fn the_first_heading_becomes_the_title() {
        let rendered = render_with("# A *b* `c`\n\nText.\n\n## More\n", true, "");
        assert_eq!(rendered.title.as_deref(), Some("A b c"));
        assert!(!rendered.html.contains("<h1"));
        let rendered = render_with("Text.\n\n# Later\n", true, "");
        assert_eq!(rendered.title.as_deref(), Some("Later"));
        assert!(rendered.html.contains("<h2 id=\"later\">Later</h2>"), "{}", rendered.html);
    }

    #[test]
    fn headings_have_unique_ids_and_one_level_below_the_title() {
        let rendered = render_with("# A\n\n## A\n\n## B {#b .c}\n", false, "");
        assert!(rendered.html.contains("<h2 id=\"a\">A</h2>\n<h3 id=\"a-2\">A</h3>\n<h3 id=\"b\" class=\"c\">B</h3>"));
        let toc: Vec<_> = rendered.toc.iter().map(|entry| (entry.level, entry.id.as_str())).collect();
        assert_eq!(toc, [(2, "a"), (3, "a-2"), (3, "b")]);
    }

    #[test]
    fn links_to_sources_lead_to_their_pages() {
        let rendered = render_with("[b](b.md) [c](gone.md) [d](/d/) ![e](//x/e.png)\n", false, "https://blog.example");
        assert!(rendered.html.contains("href=\"https://blog.example/posts/b/\""));
        assert!(rendered.html.contains("href=\"https://blog.example/d/\""));
        assert!(rendered.html.contains("src=\"//x/e.png\""));
        assert_eq!(rendered.broken_links, [(10, "gone.md".to_owned())]);
    }

    #[test]
    fn cells_are_aligned_by_class() {
        let html = render_with("| a | b |\n|--:|:-:|\n| 1 | 2 |\n", false, "").html;
        assert!(html.contains("<th class=\"right\">a</th><th class=\"center\">b</th></tr></thead>"), "{html}");
        assert!(
            html.contains("<tr><td class=\"right\">1</td><td class=\"center\">2</td></tr>\n</tbody></table></div>")
        );
        assert!(!html.contains("style="));
    }

    #[test]
    fn the_summary_is_the_first_paragraph_or_what_stands_before_the_marker() {
        assert_eq!(render_with("## H\n\nOne *two*.\n\nThree.\n", false, "").summary, "One two.");
        assert_eq!(render_with("One.\n\nTwo.\n\n<!-- more -->\n\nThree.\n", false, "").summary, "One. Two.");
        assert_eq!(render_with("![A drawing](a.png)\n\nTwo.\n", false, "").summary, "Two.");
        let long = "word ".repeat(200);
        assert!(render_with(&long, false, "").summary.ends_with("word…"));
    }

    proptest! {
        #[test]
        fn no_text_panics(body in "[ -~\\nä|`#<>\\[\\]()*_-]{0,300}", take_title: bool) {
            render_with(&body, take_title, "https://x");
        }
    }
}
