//! Makes single outputs, or finds that they are there already.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::feed::{self, Channel, FeedEntry, Format};
use super::items::Items;
use super::memory::Memory;
use super::minify;
use super::orders::Orders;
use super::pages::Pages;
use super::paginate::{self, Leaf};
use super::plan::{List, Output};
use super::search::{self, Document};
use super::sink::{HashSink, Sink, ValueSink};
use super::theme::Theme;
use super::view::{
    self, FeedLink, Link, PageView, PaginatorView, SectionView, SeriesView, TaxonomyView, TermLink, TermView,
};
use crate::finding::Finding;
use crate::site::{Date, Page, Permalink, Section, Site};
use crate::snapshot::{Entry, Modified, TreePath};

/// The latest posts on the home page.
const HOME_LENGTH: usize = 10;
/// The latest posts on the 404 page.
const NOT_FOUND_LENGTH: usize = 5;

/// What all outputs are made from.
pub(super) struct Maker<'a> {
    pub(super) site: &'a Site,
    pub(super) theme: &'a Theme,
    pub(super) memory: &'a Memory,
    pub(super) pages: &'a Pages<'a>,
    pub(super) items: &'a Items<'a>,
    /// The variable `site`.
    pub(super) site_value: &'a serde_json::Value,
    pub(super) orders: Arc<Orders>,
    /// The hash of what all templates get.
    pub(super) common: u128,
}

/// What a page tells machines of itself.
struct Head<'a> {
    permalink: &'a Permalink,
    /// Where it stands if it is not the first of its list.
    url: Option<String>,
    title: &'a str,
    description: &'a str,
    feeds: Vec<FeedLink>,
}

impl<'a> Maker<'a> {
    /// The output with the hash of what it was made from.
    pub(super) fn make(&self, path: &TreePath, output: &Output<'a>) -> Result<(u128, Entry), Box<Finding>> {
        let entry = match output {
            Output::Theme(entry) | Output::Redirects(entry) => Ok((*entry).clone()),
            Output::Asset(position) => self.pages.images.entry(*position),
            Output::Copy(copy) => self.pages.images.copy(*copy),
            Output::Robots => Ok(text(feed::robots(&self.site.config))),
            Output::Forward(target) => Ok(text(feed::forward(&self.site.config, target))),
            Output::SitemapIndex(parts) => Ok(text(feed::sitemap_index(self.base(), parts.iter().map(String::as_str)))),
            Output::Sitemap(year) => return Ok(self.sitemap(path, *year)),
            Output::Feed(list, format) => return self.feed(path, *list, *format),
            Output::SearchIndex => Ok(Entry::new(Bytes::from(search::manifest(self.site.pages.len()).1), None)),
            Output::SearchShard(documents) => return self.shard(path, documents),
            templated => return self.templated(path, templated),
        };
        // Made of little: whoever writes it compares the bytes.
        entry.map(|entry| (entry_hash(&entry), entry))
    }

    pub(super) fn base(&self) -> &'a str {
        self.site.config.base_url.as_deref().unwrap_or_default()
    }

    fn templated(&self, path: &TreePath, output: &Output<'a>) -> Result<(u128, Entry), Box<Finding>> {
        let template = self.template_of(output);
        if !self.theme.has(template) {
            let message = format!("there is no template '{template}'; put one into templates/, or take 'template' out");
            return Err(Box::new(Finding::error(self.source_of(output), None, message)));
        }
        let mut hash = HashSink::new(self.pages, self.items, self.common, template);
        if self.memory.keeps() {
            self.describe(path, output, &mut hash);
        }
        let context = hash.finish();
        if let Some(entry) = self.memory.output(path, context) {
            return Ok((context, entry));
        }
        let mut sink = ValueSink::new(self.pages, self.items);
        self.describe(path, output, &mut sink);
        let mut values = sink.values;
        values.push(("site", super::theme::value(self.site_value)));
        values.push(("settings", self.theme.settings()));
        values.push(("data", super::theme::value(&self.site.data)));
        let html = self.theme.render(template, values)?;
        let html = if self.site.config.minify { minify::html(&html) } else { html };
        let modified = match output {
            Output::Page(position) => modified(&self.site.pages[*position]),
            _ => None,
        };
        Ok((context, Entry::new(exact(html), modified)))
    }

    fn template_of(&self, output: &Output<'a>) -> &'a str {
        let own = |page: &'a Page| page.template.as_deref();
        match output {
            Output::Page(position) => own(&self.site.pages[*position]).unwrap_or("page.html"),
            Output::Home => self.site.sections[""].index.as_deref().and_then(own).unwrap_or("home.html"),
            Output::List(List::Section(_, section), _) => {
                section.index.as_deref().and_then(own).unwrap_or("section.html")
            }
            Output::List(List::Term(..), _) => "term.html",
            Output::Taxonomy(_) => "taxonomy.html",
            Output::SearchPage => "search.html",
            _ => "404.html",
        }
    }

    /// The file that asks for a template of its own.
    fn source_of(&self, output: &Output<'a>) -> &'a str {
        let index = |section: &'a Section| section.index.as_ref().map_or("templates", |index| &index.source);
        match output {
            Output::Page(position) => &self.site.pages[*position].source,
            Output::Home => index(&self.site.sections[""]),
            Output::List(List::Section(_, section), _) => index(section),
            _ => "templates",
        }
    }

    /// Gives the values of a template's output to `sink`.
    fn describe(&self, path: &TreePath, output: &Output<'a>, sink: &mut impl Sink) {
        match output {
            Output::Page(position) => self.page(*position, sink),
            Output::Home => self.home(sink),
            Output::List(list, leaf) => self.list(*list, leaf, sink),
            Output::Taxonomy(taxonomy) => {
                let view = TaxonomyView::of(taxonomy);
                let terms: Vec<TermView<'_>> = taxonomy.terms.iter().map(|term| TermView::of(term, true)).collect();
                sink.put("terms", &terms);
                self.head(sink, &Head::of(&taxonomy.permalink, view.title(), ""));
                sink.put("taxonomy", &view);
            }
            Output::SearchPage => {
                self.head(sink, &Head::of(&Permalink::of_file(path.clone()), "Search", ""));
            }
            _ => {
                sink.items("pages", &self.orders.latest[..self.orders.latest.len().min(NOT_FOUND_LENGTH)]);
                self.head(sink, &Head::of(&Permalink::of_file(path.clone()), "Not found", ""));
            }
        }
    }

    /// The variables that all templates have.
    fn head<S: Sink>(&self, sink: &mut S, head: &Head<'_>) {
        let config = &self.site.config;
        let url = head.url.as_deref().unwrap_or(head.permalink.url());
        if S::KNOWS_ITEMS {
            // All else is made of the site, which is hashed.
            return sink.put("head", &(url, head.title, head.description, &head.feeds));
        }
        let canonical = config.base_url.as_ref().map(|base| format!("{base}{url}"));
        let title =
            if head.title.is_empty() { config.title.clone() } else { format!("{} · {}", head.title, config.title) };
        sink.put("url", url);
        sink.put("canonical", &canonical.unwrap_or_default());
        sink.put("title", &title);
        sink.put("description", head.description);
        let whole = Format::BOTH.map(|format| feed_link("/", &config.title, format));
        sink.put("feeds", &head.feeds.iter().chain(&whole).collect::<Vec<_>>());
    }

    /// A page's own values. They hold nothing that another page changes except those beside it, in time and in its series.
    fn page<S: Sink>(&self, position: usize, sink: &mut S) {
        let page = &self.site.pages[position];
        let section = self.site.sections.get(&page.section).filter(|_| !page.section.is_empty());
        let (newer, older) = self.neighbours(position, section);
        let title = section.map(|section| self.section_title(&page.section, section));
        let section =
            section.zip(title.as_deref()).map(|(section, title)| Link { title, url: section.permalink.url() });
        let related = &self.orders.related[position];
        let edit_url = self.site.config.edit_url.as_ref().map(|url| url.replace("{path}", &page.source));
        let (description, series) = (self.items.description(position), self.series(position));
        sink.html(position);
        if S::KNOWS_ITEMS {
            sink.items("page", &[position]);
            sink.own(position);
            for (name, positions) in [("newer", newer.as_slice()), ("older", older.as_slice()), ("related", related)] {
                sink.links(name, positions);
            }
            // The head, and what search engines read, are made of the item, the authors, the description and the site, all
            // of which are hashed.
            return sink.put("page", &(section, series, edit_url));
        }
        let summary = self.items.view(position);
        let link = |position: usize| self.items.link(position);
        let view = PageView {
            structured: view::structured(self.site, page, &summary, description),
            summary,
            page: self.items.own(position),
            section,
            series,
            newer: newer.map(link),
            older: older.map(link),
            related: related.iter().copied().map(link).collect(),
            edit_url,
        };
        sink.put("page", &view);
        self.head(sink, &Head::of(&page.permalink, self.items.title(position), description));
    }

    /// The pages before and after in the section's order, which is newest first.
    fn neighbours(&self, position: usize, section: Option<&Section>) -> (Option<usize>, Option<usize>) {
        let Some(members) = section.map(|section| section.pages.as_slice()) else { return (None, None) };
        // Pages are sorted by section, so a section's are neighbours in the list of all.
        let Some(place) = members.first().and_then(|first| position.checked_sub(*first)) else { return (None, None) };
        let newer = place.checked_sub(1).and_then(|before| members.get(before));
        (newer.copied(), members.get(place + 1).copied())
    }

    fn series(&self, position: usize) -> Option<SeriesView<'a>> {
        let (term, place) = self.orders.series[position]?;
        let term = &self.site.taxonomies.iter().find(|taxonomy| taxonomy.is_series())?.terms[term];
        let link = |place: Option<usize>| place.and_then(|place| term.pages.get(place)).map(|at| self.items.link(*at));
        Some(SeriesView {
            name: &term.name,
            url: term.permalink.url(),
            part: place + 1,
            previous: link(place.checked_sub(1)),
            next: link(Some(place + 1)),
        })
    }

    /// What stands in front of the reader as a section's title.
    fn section_title(&self, folder: &str, section: &Section) -> String {
        section_title(self.pages, folder, section)
    }

    fn home(&self, sink: &mut impl Sink) {
        let section = &self.site.sections[""];
        let config = &self.site.config;
        let title = section.title.as_deref().unwrap_or(&config.title);
        let archive = self.site.sections.iter().filter(|(folder, _)| !folder.is_empty());
        let archive = archive.max_by_key(|(_, section)| section.pages.len());
        sink.put("home", &self.section_view("", section, title));
        sink.index_html("");
        sink.items("pages", &self.orders.latest[..self.orders.latest.len().min(HOME_LENGTH)]);
        sink.put("archive_url", archive.map_or("", |(_, section)| section.permalink.url()));
        self.head(sink, &Head::of(&section.permalink, "", &config.description));
    }

    fn section_view<'v>(&self, folder: &str, section: &'v Section, title: &'v str) -> SectionView<'v> {
        let index = section.index.as_ref();
        let subsections = section.subsections.iter().filter_map(|folder| {
            let below = self.site.sections.get(folder)?;
            Some(TermLink { name: self.section_title(folder, below), url: below.permalink.url().to_owned() })
        });
        // The front page's are in the menu.
        let subsections = if folder.is_empty() { Vec::new() } else { subsections.collect() };
        SectionView {
            title,
            url: section.permalink.url(),
            description: index.and_then(|index| index.description.as_deref()).unwrap_or_default(),
            subsections,
            extra: index.map(|index| &index.extra),
        }
    }

    fn list(&self, list: List<'a>, leaf: &Leaf, sink: &mut impl Sink) {
        let positions = &list.pages()[leaf.entries.clone()];
        let (url, size, count) = (list.permalink().url(), list.paginate(), list.pages().len());
        let (older, newer) = paginate::beside(leaf.number, count, size);
        let address = |number: Option<Option<usize>>| number.map(|number| paginate::address(url, number));
        let paginator = PaginatorView { number: leaf.number, older: address(older), newer: address(newer) };
        sink.put("paginator", &paginator);
        sink.items("pages", positions);
        sink.years("years", positions);
        let (title, description) = match list {
            List::Section(folder, section) => {
                let title = self.section_title(folder, section);
                let view = self.section_view(folder, section, &title);
                sink.put("section", &view);
                if leaf.number.is_none() {
                    sink.index_html(folder);
                } else {
                    sink.put("content", "");
                }
                let description = view.description.to_owned();
                (title, description)
            }
            List::Term(taxonomy, term) => {
                sink.put("taxonomy", &TaxonomyView::of(taxonomy));
                sink.put("term", &TermView::of(term, leaf.number.is_none()));
                (term.name.clone(), String::new())
            }
        };
        let feeds = match list.feeds(self.site) {
            true => Format::BOTH.map(|format| feed_link(url, &title, format)).into(),
            false => Vec::new(),
        };
        let own = leaf.number.map(|_| paginate::address(url, leaf.number));
        self.head(
            sink,
            &Head { permalink: list.permalink(), url: own, title: &title, description: &description, feeds },
        );
    }

    /// The latest posts of a list, or of all.
    fn feed(&self, path: &TreePath, list: Option<List<'a>>, format: Format) -> Result<(u128, Entry), Box<Finding>> {
        let config = &self.site.config;
        let title = match list {
            None => config.title.clone(),
            Some(List::Section(folder, section)) => {
                format!("{} · {}", self.section_title(folder, section), config.title)
            }
            Some(List::Term(_, term)) => format!("{} · {}", term.name, config.title),
        };
        let url = list.map_or("/", |list| list.permalink().url()).to_owned();
        let channel = Channel { title, url, format };
        let positions = list.map_or(self.orders.latest.as_slice(), List::pages);
        let dated = positions.iter().copied().filter(|position| self.site.pages[*position].date.is_some());
        let mut positions: Vec<usize> = dated.collect();
        positions.sort_by_key(|position| std::cmp::Reverse(self.items.date(*position).map(Date::seconds)));
        positions.truncate(config.feeds.length);
        let mut entries: Vec<FeedEntry<'_>> = positions.iter().filter_map(|at| self.feed_entry(*at)).collect();
        let context = self.context("feed", &(&channel, &entries), |hasher| {
            positions.iter().for_each(|at| hasher.update(&self.pages.html_hash(*at).to_le_bytes()));
        });
        if let Some(entry) = self.memory.output(path, context) {
            return Ok((context, entry));
        }
        if config.feeds.full {
            for (entry, position) in entries.iter_mut().zip(&positions) {
                entry.html = self.pages.html(*position);
            }
        }
        Ok((context, text(feed::feed(config, &channel, &entries))))
    }

    fn feed_entry(&self, position: usize) -> Option<FeedEntry<'a>> {
        let page = &self.site.pages[position];
        let published = page.date.as_ref()?;
        let updated = page.updated.as_ref().unwrap_or(published);
        Some(FeedEntry {
            title: self.items.title(position),
            url: page.permalink.url(),
            published: published.rfc3339(),
            updated: updated.rfc3339(),
            seconds: updated.seconds(),
            summary: self.items.summary(position),
            authors: page.authors.iter().map(String::as_str).collect(),
            terms: ["tags", "categories"].iter().flat_map(|name| page.terms.get(*name)).flatten().cloned().collect(),
            html: "",
        })
    }

    /// The hash of what an output without template is made from.
    pub(super) fn context(&self, kind: &str, value: &impl Serialize, more: impl FnOnce(&mut Xxh3)) -> u128 {
        let mut sink = HashSink::new(self.pages, self.items, self.common, kind);
        sink.put("", value);
        let mut hasher = Xxh3::new();
        hasher.update(&sink.finish().to_le_bytes());
        more(&mut hasher);
        hasher.digest128()
    }

    fn shard(&self, path: &TreePath, documents: &Range<usize>) -> Result<(u128, Entry), Box<Finding>> {
        let positions = &self.orders.oldest[documents.clone()];
        let context = self.context("search", &(), |hasher| {
            for position in positions {
                hasher.update(&self.items.hash(*position).to_le_bytes());
                hasher.update(&self.pages.html_hash(*position).to_le_bytes());
            }
        });
        if let Some(entry) = self.memory.output(path, context) {
            return Ok((context, entry));
        }
        let texts: Vec<String> = positions.iter().map(|at| super::escape::text_of_html(self.pages.html(*at))).collect();
        let dates: Vec<Option<String>> =
            positions.iter().map(|at| self.items.date(*at).map(|date| date.rfc3339()[..10].to_owned())).collect();
        let terms: Vec<Vec<&str>> = positions.iter().map(|at| self.terms(*at)).collect();
        let documents: Vec<Document<'_>> = positions
            .iter()
            .enumerate()
            .map(|(index, position)| Document {
                url: self.site.pages[*position].permalink.url(),
                title: self.items.title(*position),
                date: dates[index].as_deref(),
                terms: &terms[index],
                text: &texts[index],
                summary: self.items.summary(*position),
            })
            .collect();
        Ok((context, Entry::new(exact(search::shard(&documents)), None)))
    }

    fn terms(&self, position: usize) -> Vec<&'a str> {
        self.site.pages[position].terms.get("tags").into_iter().flatten().map(String::as_str).collect()
    }
}

impl<'a> Head<'a> {
    fn of(permalink: &'a Permalink, title: &'a str, description: &'a str) -> Self {
        Self { permalink, url: None, title, description, feeds: Vec::new() }
    }
}

/// The title from the front matter, the first heading, or the folder's name.
pub(super) fn section_title(pages: &Pages<'_>, folder: &str, section: &Section) -> String {
    let heading = pages.index_outline(folder).and_then(|outline| outline.title.clone());
    let name = folder.rsplit('/').next().unwrap_or_default();
    section.title.clone().or(heading).unwrap_or_else(|| view::name_as_title(name))
}

fn feed_link(url: &str, title: &str, format: Format) -> FeedLink {
    FeedLink { url: format!("{url}{}", format.file()), title: title.to_owned(), kind: format.media_type() }
}

fn modified(page: &Page) -> Option<Modified> {
    let date = page.updated.as_ref().or(page.date.as_ref())?;
    Modified::from_seconds(date.seconds())
}

pub(super) fn text(text: String) -> Entry {
    Entry::new(exact(text), None)
}

/// What is served keeps this for the life of the process: with the room to grow it would be up to twice as much.
fn exact(text: impl Into<Vec<u8>>) -> Bytes {
    Bytes::from(text.into().into_boxed_slice())
}

fn entry_hash(entry: &Entry) -> u128 {
    xxh3_128(&entry.digest().bytes())
}
