//! The Markdown of all pages: its outlines at once, its HTML when an output needs it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::images::Images;
use super::markdown::{self, Fault, Outline, Request, Style};
use super::memory::{Html, Memory, PageRecord};
use super::scope::{Question, Scope, places};
use super::theme::{Theme, Value};
use crate::finding::{Finding, Position};
use crate::site::{Page, Site};

/// One page's Markdown.
pub(super) struct Text {
    pub(super) key: u128,
    pub(super) record: Arc<PageRecord>,
}

/// All pages' Markdown.
pub(super) struct Pages<'a> {
    site: &'a Site,
    theme: &'a Theme,
    pub(super) images: &'a Images<'a>,
    site_value: Value,
    /// The hash of what all pages' Markdown depends on.
    environment: u128,
    /// One for each of the site's pages, in their order.
    texts: Vec<Text>,
    /// Those of the `_index.md` of sections that have one.
    indexes: BTreeMap<&'a str, Text>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(
        site: &'a Site,
        theme: &'a Theme,
        images: &'a Images<'a>,
        memory: &Memory,
        site_value: &serde_json::Value,
    ) -> Self {
        let mut environment = Xxh3::new();
        environment.update(&theme.digest().to_le_bytes());
        environment.update(site_value.to_string().as_bytes());
        environment.update(format!("{:?} {:?}", site.config.markdown, site.config.highlight).as_bytes());
        let mut pages = Self {
            site,
            theme,
            images,
            site_value: super::theme::value(site_value),
            environment: environment.digest128(),
            texts: Vec::new(),
            indexes: BTreeMap::new(),
        };
        pages.texts = site.pages.par_iter().map(|page| pages.text(page, memory)).collect();
        let indexes = site.sections.iter().filter_map(|(folder, section)| Some((folder, section.index.as_ref()?)));
        pages.indexes = indexes.map(|(folder, index)| (folder.as_str(), pages.text(index, memory))).collect();
        pages
    }

    fn scope(&self, page: &'a Page) -> Scope<'_> {
        Scope {
            site: self.site,
            theme: self.theme,
            images: self.images,
            page,
            site_value: &self.site_value,
            asked: RefCell::default(),
        }
    }

    /// What is remembered of a page, or what it renders to.
    fn text(&self, page: &'a Page, memory: &Memory) -> Text {
        let key = self.key(page);
        let scope = self.scope(page);
        if let Some(record) = memory.page(key)
            && scope.still(&record.asked)
        {
            return Text { key, record: Arc::clone(record) };
        }
        let rendered = markdown::render(&self.request(page, &scope));
        let html_hash = xxh3_128(rendered.html.as_bytes());
        let mut asked = scope.asked.into_inner();
        asked.dedup();
        let html = Html::of(rendered.html);
        let record = PageRecord { asked, outline: rendered.outline, html_hash, faults: rendered.faults, html };
        Text { key, record: Arc::new(record) }
    }

    fn request<'r>(&self, page: &'r Page, scope: &'r Scope<'_>) -> Request<'r> {
        let config = &self.site.config;
        let style = Style {
            smart_punctuation: config.markdown.smart_punctuation,
            heading_anchors: config.markdown.heading_anchors,
            highlight: config.highlight.enabled,
            line_numbers: config.highlight.line_numbers,
        };
        Request { body: &page.body, take_title: page.title.is_none(), style, surroundings: scope }
    }

    fn key(&self, page: &Page) -> u128 {
        let mut hasher = Xxh3::new();
        hasher.update(&self.environment.to_le_bytes());
        for part in [&page.content_path, &page.source] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&[u8::from(page.title.is_none())]);
        hasher.update(&page.body_hash.to_le_bytes());
        hasher.digest128()
    }

    /// The HTML of a page, rendered now if it was only remembered.
    pub(super) fn html(&self, position: usize) -> &str {
        self.html_of(&self.site.pages[position], &self.texts[position])
    }

    fn html_of<'t>(&self, page: &'a Page, text: &'t Text) -> &'t str {
        text.record.html.get_or_render(|| {
            let scope = self.scope(page);
            markdown::render(&self.request(page, &scope)).html
        })
    }

    pub(super) fn html_hash(&self, position: usize) -> u128 {
        self.texts[position].record.html_hash
    }

    pub(super) fn record(&self, position: usize) -> &Arc<PageRecord> {
        &self.texts[position].record
    }

    pub(super) fn outline(&self, position: usize) -> &Outline {
        &self.texts[position].record.outline
    }

    /// The outline of a section's `_index.md`.
    pub(super) fn index_outline(&self, folder: &str) -> Option<&Outline> {
        self.indexes.get(folder).map(|text| &text.record.outline)
    }

    /// The HTML of a section's `_index.md`, with its hash.
    pub(super) fn index_html(&self, folder: &str) -> (&str, u128) {
        let index = self.site.sections.get(folder).and_then(|section| section.index.as_ref());
        match (index, self.indexes.get(folder)) {
            (Some(page), Some(text)) => (self.html_of(page, text), text.record.html_hash),
            _ => ("", 0),
        }
    }

    /// What is to be remembered.
    pub(super) fn records(&self) -> Vec<(u128, Arc<PageRecord>)> {
        self.texts.iter().chain(self.indexes.values()).map(|text| (text.key, Arc::clone(&text.record))).collect()
    }

    /// Files that pages include, wherever they may lie.
    pub(super) fn included(&self) -> BTreeSet<String> {
        let of_page = |(page, text): (&'a Page, &Text)| {
            let asked = text.record.asked.iter();
            let paths = asked
                .filter_map(|(question, _)| if let Question::Include(path) = question { Some(path) } else { None });
            paths.flat_map(|path| places(&page.source, path)).collect::<Vec<_>>()
        };
        self.all().flat_map(of_page).collect()
    }

    fn all(&self) -> impl Iterator<Item = (&'a Page, &Text)> {
        let pages = self.site.pages.iter().map(|page| &**page).zip(&self.texts);
        let index = |(folder, text)| Some((self.site.sections.get(folder)?.index.as_deref()?, text));
        pages.chain(self.indexes.iter().map(|(folder, text)| (*folder, text)).filter_map(index))
    }

    /// What is wrong in the Markdown.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.all().flat_map(|(page, text)| text.record.faults.iter().map(|fault| finding(page, fault))).collect()
    }
}

/// A fault with its place in the file.
fn finding(page: &Page, fault: &Fault) -> Finding {
    let at = Position::of(&page.body, fault.at);
    let at = Position { line: at.line + page.body_line - 1, ..at };
    match fault.error {
        true => Finding::error(&page.source, Some(at), fault.message.as_str()),
        false => Finding::warning(&page.source, Some(at), fault.message.as_str()),
    }
}
