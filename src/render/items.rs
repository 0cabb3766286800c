//! The items of lists: what one page shows of another. Made once for each page and shared.

use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::memory::{HashesOf, Memory};
use super::pages::Pages;
use super::sink::date;
use super::theme::{Value, value};
use super::view::{self, Link, OwnView, SummaryView, TermLink, TermUrls, reading_minutes};
use crate::site::{Date, Page, Site};

/// One item for each of the site's pages.
pub(super) struct Items<'a> {
    pub(super) site: &'a Site,
    pages: &'a Pages<'a>,
    urls: TermUrls<'a>,
    hashes: Vec<Hashes>,
    values: Vec<OnceLock<Value>>,
}

/// What is known of the values that one page gives to templates.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashes {
    /// Of its item in lists.
    item: u128,
    /// Of what else is its own.
    own: u128,
    /// Of a link to it.
    link: u128,
    /// Of what decides where it stands among others.
    place: u128,
}

impl<'a> Items<'a> {
    pub(super) fn new(site: &'a Site, pages: &'a Pages<'a>, memory: &Memory) -> Self {
        let values = std::iter::repeat_with(OnceLock::new).take(site.pages.len()).collect();
        let mut items = Self { site, pages, urls: TermUrls::of(site), hashes: Vec::new(), values };
        items.hashes = memory.with_hashes(|known| {
            let hashes = |position| {
                let page = &site.pages[position];
                known.and_then(|known| known.of(page, pages.record(position))).unwrap_or_else(|| items.hashes(position))
            };
            (0..site.pages.len()).into_par_iter().map(hashes).collect()
        });
        items
    }

    /// All of it is made of the page and of what its Markdown was rendered to, and of nothing else.
    fn hashes(&self, position: usize) -> Hashes {
        let page = &self.site.pages[position];
        let date = page.date.as_ref().map(|date| (date.seconds(), date.year()));
        let place = (date, page.section.is_empty(), &page.content_path);
        Hashes {
            item: hash(&self.view(position)),
            own: hash(&self.own(position)),
            link: hash(&self.link(position)),
            place: hash(&place),
        }
    }

    /// What is to be remembered.
    pub(super) fn known(&self) -> Vec<HashesOf> {
        let known = |(position, hashes): (usize, &Hashes)| {
            (Arc::clone(&self.site.pages[position]), Arc::clone(self.pages.record(position)), *hashes)
        };
        self.hashes.iter().enumerate().map(known).collect()
    }

    pub(super) fn hash(&self, position: usize) -> u128 {
        self.hashes[position].item
    }

    pub(super) fn own_hash(&self, position: usize) -> u128 {
        self.hashes[position].own
    }

    pub(super) fn link_hash(&self, position: usize) -> u128 {
        self.hashes[position].link
    }

    pub(super) fn place_hash(&self, position: usize) -> u128 {
        self.hashes[position].place
    }

    pub(super) fn own(&self, position: usize) -> OwnView<'a> {
        let page: &'a Page = &self.site.pages[position];
        OwnView {
            description: self.description(position),
            authors: &page.authors,
            toc: &self.pages.outline(position).toc,
            terms: page.terms.keys().map(|name| (name.as_str(), self.terms(name, page))).collect(),
            source: &page.source,
            change: view::change(page),
        }
    }

    pub(super) fn value(&self, position: usize) -> Value {
        self.values[position].get_or_init(|| value(&self.view(position))).clone()
    }

    pub(super) fn date(&self, position: usize) -> Option<&Date> {
        self.site.pages[position].date.as_ref()
    }

    /// The title: from the front matter, the first heading, or the file's name.
    pub(super) fn title(&self, position: usize) -> &'a str {
        let page = &self.site.pages[position];
        page.title.as_deref().or(self.pages.outline(position).title.as_deref()).unwrap_or(&page.name)
    }

    pub(super) fn link(&self, position: usize) -> Link<'a> {
        Link { title: self.title(position), url: self.site.pages[position].permalink.url() }
    }

    /// What stands in lists.
    pub(super) fn summary(&self, position: usize) -> &'a str {
        let page: &'a Page = &self.site.pages[position];
        page.summary.as_deref().unwrap_or(&self.pages.outline(position).summary)
    }

    /// What search engines are told.
    pub(super) fn description(&self, position: usize) -> &'a str {
        let page: &'a Page = &self.site.pages[position];
        page.description.as_deref().unwrap_or_else(|| self.summary(position))
    }

    /// Links to the terms of a page in one taxonomy.
    pub(super) fn terms(&self, taxonomy: &str, page: &Page) -> Vec<TermLink> {
        self.urls.links(taxonomy, page)
    }

    pub(super) fn view(&self, position: usize) -> SummaryView<'a> {
        let page: &'a Page = &self.site.pages[position];
        let outline = self.pages.outline(position);
        SummaryView {
            title: self.title(position),
            url: page.permalink.url(),
            date: date(page.date.as_ref()),
            updated: date(page.updated.as_ref()),
            summary: self.summary(position),
            words: outline.words,
            reading_minutes: reading_minutes(outline.words),
            tags: self.terms("tags", page),
            draft: page.draft,
            image: outline.image.as_deref(),
            extra: &page.extra,
        }
    }
}

fn hash(value: &impl serde::Serialize) -> u128 {
    xxh3_128(&serde_json::to_vec(value).unwrap_or_default())
}
