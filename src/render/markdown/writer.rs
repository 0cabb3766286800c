//! Turns events whose HTML is galley's own into HTML, and hands on the others.

use std::collections::HashMap;
use std::fmt::Write;
use std::mem;

use pulldown_cmark::{
    Alignment, BlockQuoteKind, CodeBlockKind, CowStr, Event, HeadingLevel, LinkType, Tag, TagEnd, html,
};

use super::autolink;
use super::code::{self, Info};
use super::footnote::Footnotes;
use super::measure::plain_text;
use super::shortcodes::{OPEN, Piece, pieces};
use super::{Fault, Hook, Image, Rendered, Request, Spanned, Target, TocEntry};
use crate::render::escape::escape_html;
use crate::render::highlight;
use crate::site::slug;

/// How wide an image is shown: the column of text, or the whole of a narrow screen.
const SIZES: &str = "(min-width: 46rem) 44rem, 100vw";

/// The state of one page's writing.
pub(super) struct Writer<'r, 'a> {
    request: &'r Request<'r>,
    rendered: Rendered,
    calls: &'r [String],
    /// A page has one h1, its title: where the text uses h1 as well, all its headings move down a level.
    shift: bool,
    /// Those given, with the number that was last put behind one to make another.
    ids: HashMap<String, usize>,
    footnotes: Footnotes<'a>,
    alignments: Vec<Alignment>,
    column: usize,
    head: bool,
    images: usize,
    /// In a link nothing else becomes one.
    links: usize,
}

impl<'r, 'a> Writer<'r, 'a> {
    pub(super) fn new(request: &'r Request<'r>, rendered: Rendered, calls: &'r [String], shift: bool) -> Self {
        Self {
            request,
            rendered,
            calls,
            shift,
            ids: HashMap::new(),
            footnotes: Footnotes::default(),
            alignments: Vec::new(),
            column: 0,
            head: false,
            images: 0,
            links: 0,
        }
    }

    /// All of a page, its footnotes at the end.
    pub(super) fn write(&mut self, mut events: Vec<Spanned<'a>>) -> Vec<Event<'a>> {
        let mut output = Vec::with_capacity(events.len());
        self.range(&mut events, &mut output);
        output.extend(mem::take(&mut self.footnotes).list());
        output
    }

    pub(super) fn finish(self) -> Rendered {
        self.rendered
    }

    fn range(&mut self, events: &mut [Spanned<'a>], output: &mut Vec<Event<'a>>) {
        let mut at = 0;
        while at < events.len() {
            at = self.step(events, at, output);
        }
    }

    /// Writes what begins at `at`; returns where the next thing begins.
    fn step(&mut self, events: &mut [Spanned<'a>], at: usize, output: &mut Vec<Event<'a>>) -> usize {
        let offset = events[at].1.start;
        match mem::replace(&mut events[at].0, Event::SoftBreak) {
            Event::Start(Tag::Heading { level, id, classes, .. }) => {
                let end = end_of(events, at);
                self.heading(level, id, &classes, &mut events[at + 1..end], output);
                return end + 1;
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let end = end_of(events, at);
                output.push(self.code_block(&kind, &events[at + 1..end], offset));
                return end + 1;
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let url = self.link(dest_url, link_type, offset);
                let end = end_of(events, at);
                let hooked = if link_type == LinkType::Email { format!("mailto:{url}").into() } else { url.clone() };
                if let Some(html) = self.link_hook(&hooked, &title, &mut events[at + 1..end], offset) {
                    output.push(inline(html));
                    return end + 1;
                }
                self.simple(Event::Start(Tag::Link { link_type, dest_url: url, title, id }), output);
            }
            Event::Start(Tag::Image { link_type, dest_url, title, .. }) => {
                let end = end_of(events, at);
                let url = self.link(dest_url, link_type, offset);
                output.push(inline(self.image(&url, &title, &alt_text(&events[at + 1..end]), offset)));
                return end + 1;
            }
            Event::Start(Tag::FootnoteDefinition(label)) => {
                let end = end_of(events, at);
                let mut text = Vec::new();
                self.range(&mut events[at + 1..end], &mut text);
                self.footnotes.define(&label, text);
                return end + 1;
            }
            Event::Start(Tag::Paragraph) => return self.paragraph(events, at, output),
            Event::FootnoteReference(label) => output.push(inline(self.footnotes.refer(&label))),
            other => self.simple(other, output),
        }
        at + 1
    }

    /// What needs nothing of the events around it.
    fn simple(&mut self, event: Event<'a>, output: &mut Vec<Event<'a>>) {
        match event {
            Event::Start(Tag::BlockQuote(Some(kind))) => output.push(raw(alert(kind))),
            Event::End(TagEnd::BlockQuote(Some(_))) => output.push(raw("</div>\n".to_owned())),
            Event::Rule => output.push(raw("<hr>\n".to_owned())),
            Event::HardBreak => output.push(inline("<br>\n".to_owned())),
            Event::TaskListMarker(done) => {
                let (checked, label) = if done { (" checked", "done") } else { ("", "to do") };
                output.push(inline(format!("<input type=\"checkbox\" disabled{checked} aria-label=\"{label}\">")));
            }
            Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow | Tag::TableCell)
            | Event::End(TagEnd::Table | TagEnd::TableHead | TagEnd::TableRow | TagEnd::TableCell) => {
                output.push(raw(self.table(event)));
            }
            Event::Start(Tag::Link { .. }) => {
                self.links += 1;
                output.push(event);
            }
            Event::End(TagEnd::Link) => {
                self.links -= 1;
                output.push(event);
            }
            Event::Text(text) if self.has_marks(&text) => self.marked_text(&text, output),
            Event::Text(text) if self.links == 0 && (text.contains("://") || text.contains("www.")) => {
                autolink::linked_text(&text, output);
            }
            Event::Html(html) if self.has_marks(&html) => output.push(raw(self.with_calls(&html))),
            Event::InlineHtml(html) if self.has_marks(&html) => output.push(inline(self.with_calls(&html))),
            other => output.push(other),
        }
    }

    fn has_marks(&self, text: &str) -> bool {
        !self.calls.is_empty() && text.contains(OPEN)
    }

    fn marked_text(&self, text: &str, output: &mut Vec<Event<'a>>) {
        for piece in pieces(text, self.calls.len()) {
            output.push(match piece {
                Piece::Text(text) => Event::Text(text.to_owned().into()),
                Piece::Mark(number) => inline(self.calls[number].clone()),
            });
        }
    }

    fn with_calls(&self, html: &str) -> String {
        let pieces = pieces(html, self.calls.len()).into_iter();
        pieces
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Mark(number) => self.calls[number].as_str(),
            })
            .collect()
    }

    /// A paragraph of shortcodes alone is none, and one of a single image with a title is a figure.
    fn paragraph(&mut self, events: &mut [Spanned<'a>], at: usize, output: &mut Vec<Event<'a>>) -> usize {
        let end = end_of(events, at);
        let inner = &events[at + 1..end];
        let only_calls = !self.calls.is_empty()
            && inner.iter().all(|(event, _)| match event {
                Event::Text(text) => pieces(text, self.calls.len()).iter().all(Piece::is_nothing_to_read),
                Event::SoftBreak => true,
                _ => false,
            });
        if only_calls {
            self.range(&mut events[at + 1..end], output);
            output.push(raw("\n".to_owned()));
            return end + 1;
        }
        if let Some((Event::Start(Tag::Image { title, .. }), _)) = inner.first()
            && !title.is_empty()
            && end_of(events, at + 1) + 1 == end
        {
            let caption = escape_html(title).into_owned();
            output.push(raw("<figure>".to_owned()));
            self.range(&mut events[at + 1..end], output);
            output.push(raw(format!("<figcaption>{caption}</figcaption></figure>\n")));
            return end + 1;
        }
        output.push(Event::Start(Tag::Paragraph));
        at + 1
    }

    fn level(&self, level: HeadingLevel) -> u8 {
        (level as u8 + u8::from(self.shift)).min(6)
    }

    fn heading(
        &mut self,
        level: HeadingLevel,
        id: Option<CowStr<'a>>,
        classes: &[CowStr<'a>],
        inner: &mut [Spanned<'a>],
        output: &mut Vec<Event<'a>>,
    ) {
        let level = self.level(level);
        let title = plain_text(inner);
        let id = self.unique_id(id.map_or_else(|| slug(&title), |id| id.to_string()));
        let class =
            if classes.is_empty() { String::new() } else { format!(" class=\"{}\"", escape_html(&classes.join(" "))) };
        let id = escape_html(&id);
        output.push(raw(format!("<h{level} id=\"{id}\"{class}>")));
        self.range(inner, output);
        let anchor = if self.request.style.heading_anchors {
            format!(" <a class=\"anchor\" href=\"#{id}\" aria-label=\"Link to this heading\">#</a>")
        } else {
            String::new()
        };
        output.push(raw(format!("{anchor}</h{level}>\n")));
        if (2..=4).contains(&level) {
            self.rendered.outline.toc.push(TocEntry { level, id: id.into_owned(), title });
        }
    }

    fn unique_id(&mut self, wanted: String) -> String {
        let wanted = if wanted.is_empty() { "section".to_owned() } else { wanted };
        let mut count = self.ids.get(&wanted).copied().unwrap_or_default();
        if count == 0 {
            self.ids.insert(wanted.clone(), 1);
            return wanted;
        }
        // Counted on from the last one: a page may have the same heading a hundred thousand times.
        let id = loop {
            count += 1;
            let id = format!("{wanted}-{count}");
            if !self.ids.contains_key(&id) {
                break id;
            }
        };
        self.ids.insert(wanted, count);
        self.ids.insert(id.clone(), 1);
        id
    }

    fn fault(&mut self, at: usize, message: String, error: bool) {
        self.rendered.faults.push(Fault { at, message, error });
    }

    fn link(&mut self, url: CowStr<'a>, link_type: LinkType, offset: usize) -> CowStr<'a> {
        if link_type == LinkType::Email {
            return url;
        }
        match self.request.surroundings.resolve(&url) {
            Target::AsWritten => url,
            Target::To(url) => url.into(),
            Target::Missing => {
                self.fault(offset, format!("the link to '{url}' leads nowhere: there is no such file"), false);
                url
            }
        }
    }

    /// The HTML of a hook's template; `None` without one.
    fn hook(&mut self, hook: &Hook<'_>, offset: usize) -> Option<String> {
        match self.request.surroundings.hook(hook) {
            Ok(html) => html,
            Err(finding) => {
                self.fault(offset, finding.to_string(), true);
                Some(String::new())
            }
        }
    }

    fn link_hook(&mut self, url: &str, title: &str, inner: &mut [Spanned<'a>], offset: usize) -> Option<String> {
        // Asked first without content: only a theme with such a template pays for it.
        self.hook(&Hook::Link { url, title, content: "" }, offset)?;
        let mut events = Vec::new();
        self.links += 1;
        self.range(inner, &mut events);
        self.links -= 1;
        let mut content = String::new();
        html::push_html(&mut content, events.into_iter());
        self.hook(&Hook::Link { url, title, content: &content }, offset)
    }

    fn image(&mut self, url: &str, title: &str, alt: &str, offset: usize) -> String {
        let known = self.request.surroundings.image(url);
        let image = known.unwrap_or_else(|| Image { url: url.to_owned(), ..Image::default() });
        if self.rendered.outline.image.is_none() {
            self.rendered.outline.image = Some(image.url.clone());
        }
        self.images += 1;
        let hook = Hook::Image { image: &image, title, alt };
        self.hook(&hook, offset).unwrap_or_else(|| image_html(&image, title, alt, self.images > 1))
    }

    fn code_block(&mut self, kind: &CodeBlockKind<'a>, inner: &[Spanned<'a>], offset: usize) -> Event<'a> {
        let info = match kind {
            CodeBlockKind::Fenced(info) => Info::parse(info),
            CodeBlockKind::Indented => Info::default(),
        };
        let mut code = String::new();
        for (event, _) in inner {
            if let Event::Text(text) = event {
                code.push_str(text);
            }
        }
        if self.request.style.highlight && !highlight::is_known(info.language) {
            let message = format!("'{}' is no language that galley colours; the code is shown plain", info.language);
            self.fault(offset, message, false);
        }
        let content = code::block(&info, &code, self.request.style);
        let hook = Hook::CodeBlock { language: info.language, name: info.name, code: &code, content: &content };
        let hooked = self.hook(&hook, offset);
        raw(hooked.unwrap_or(content))
    }

    /// Tables are written here because pulldown-cmark aligns cells by `style`, which a content security policy forbids;
    /// the box around them scrolls, and so takes the keyboard. It is no section: those are landmarks, which need names of their own.
    fn table(&mut self, event: Event<'_>) -> String {
        let cell = if self.head { "th" } else { "td" };
        match event {
            Event::Start(Tag::Table(alignments)) => {
                self.alignments = alignments;
                "<div class=\"table\" role=\"group\" aria-label=\"Table\" tabindex=\"0\"><table>\n".to_owned()
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

/// The `<img>` of an image; those after the first load when they are near.
pub(in crate::render) fn image_html(image: &Image, title: &str, alt: &str, lazy: bool) -> String {
    let mut html = format!("<img src=\"{}\" alt=\"{}\"", escape_html(&image.url), escape_html(alt));
    // Writing to a String can't fail.
    if !title.is_empty() {
        let _ = write!(html, " title=\"{}\"", escape_html(title));
    }
    if !image.srcset.is_empty() {
        let _ = write!(html, " srcset=\"{}\" sizes=\"{SIZES}\"", escape_html(&image.srcset));
    }
    if image.width > 0 && image.height > 0 {
        let _ = write!(html, " width=\"{}\" height=\"{}\"", image.width, image.height);
    }
    html.push_str(if lazy { " loading=\"lazy\" decoding=\"async\">" } else { ">" });
    html
}

/// Where what begins at `at` ends.
fn end_of(events: &[Spanned<'_>], at: usize) -> usize {
    let mut depth = 1;
    for (index, (event, _)) in events.iter().enumerate().skip(at + 1) {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    events.len().saturating_sub(1)
}

/// An image's description: the text in it, that of images in it too.
fn alt_text(events: &[Spanned<'_>]) -> String {
    let text = events.iter().map(|(event, _)| match event {
        Event::Text(text) | Event::Code(text) => text,
        Event::SoftBreak | Event::HardBreak => " ",
        _ => "",
    });
    text.collect()
}

/// GitHub's alerts: a box with its kind in words, for those who see no colour.
fn alert(kind: BlockQuoteKind) -> String {
    let (class, title) = match kind {
        BlockQuoteKind::Note => ("note", "Note"),
        BlockQuoteKind::Tip => ("tip", "Tip"),
        BlockQuoteKind::Important => ("important", "Important"),
        BlockQuoteKind::Warning => ("warning", "Warning"),
        BlockQuoteKind::Caution => ("caution", "Caution"),
    };
    format!(
        "<div class=\"markdown-alert markdown-alert-{class}\" role=\"note\">\n\
         <p class=\"markdown-alert-title\">{title}</p>\n"
    )
}

fn raw<'a>(html: String) -> Event<'a> {
    Event::Html(html.into())
}

fn inline<'a>(html: String) -> Event<'a> {
    Event::InlineHtml(html.into())
}
