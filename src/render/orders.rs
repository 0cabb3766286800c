//! Where pages stand among others: orders of the whole site, made once and shared.

use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::items::Items;
use super::memory::Memory;
use super::related::related;
use crate::site::{Date, Site};

/// The orders of a site's pages, by their positions.
#[derive(Debug)]
pub(super) struct Orders {
    /// For each page those that share most terms with it.
    pub(super) related: Vec<Vec<usize>>,
    /// For each page its place in its series: the term's position in the taxonomy, and the place in it.
    pub(super) series: Vec<Option<(usize, usize)>>,
    /// Pages in sections, newest first.
    pub(super) latest: Vec<usize>,
    /// All pages, oldest first: the order of the search index.
    pub(super) oldest: Vec<usize>,
    /// The year of each page.
    pub(super) years: Vec<Option<i16>>,
}

impl Orders {
    /// Those of `site`, from memory if nothing that they rest on has changed.
    pub(super) fn of(site: &Site, items: &Items<'_>, memory: &Memory) -> Arc<Self> {
        memory.orders(
            || key(site, items),
            || Self {
                related: related(site),
                series: series(site),
                latest: latest(site),
                oldest: oldest(site),
                years: site.pages.iter().map(|page| page.date.as_ref().map(Date::year)).collect(),
            },
        )
    }
}

/// Dates, places and terms of all pages.
fn key(site: &Site, items: &Items<'_>) -> u128 {
    let mut hasher = Xxh3::new();
    for position in 0..site.pages.len() {
        hasher.update(&items.place_hash(position).to_le_bytes());
    }
    for taxonomy in &site.taxonomies {
        hasher.update(taxonomy.name.as_bytes());
        for term in &taxonomy.terms {
            hasher.update(&term.pages.len().to_le_bytes());
            term.pages.iter().for_each(|position| hasher.update(&position.to_le_bytes()));
        }
    }
    hasher.digest128()
}

/// Pages in sections, newest first; dateless ones follow in their sections' order.
fn latest(site: &Site) -> Vec<usize> {
    let mut positions: Vec<usize> =
        (0..site.pages.len()).filter(|position| !site.pages[*position].section.is_empty()).collect();
    positions.sort_by_key(|position| std::cmp::Reverse(site.pages[*position].date.as_ref().map(Date::seconds)));
    positions
}

/// All pages, dateless ones first and then the oldest: what is new comes at the end.
fn oldest(site: &Site) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..site.pages.len()).collect();
    positions.sort_by_key(|position| {
        let page = &site.pages[*position];
        (page.date.as_ref().map(Date::seconds), page.content_path.as_str())
    });
    positions
}

/// Each page's place in its series; the first series that it names counts.
fn series(site: &Site) -> Vec<Option<(usize, usize)>> {
    let mut places = vec![None; site.pages.len()];
    let taxonomy = site.taxonomies.iter().find(|taxonomy| taxonomy.is_series());
    for (index, term) in taxonomy.into_iter().flat_map(|taxonomy| taxonomy.terms.iter().enumerate()) {
        for (place, position) in term.pages.iter().enumerate() {
            places[*position].get_or_insert((index, place));
        }
    }
    places
}
