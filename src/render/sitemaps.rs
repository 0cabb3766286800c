//! Sitemaps: which pages stand in which part.

use super::feed;
use super::maker::{Maker, text};
use crate::snapshot::{Entry, TreePath};

impl Maker<'_> {
    /// The part of one year, or of what has no date.
    pub(super) fn sitemap(&self, path: &TreePath, year: Option<i16>) -> (u128, Entry) {
        let positions = || (0..self.site.pages.len()).filter(|position| self.orders.years[*position] == year);
        let sections = self.site.sections.values().map(|section| section.permalink.url());
        let terms = self.site.taxonomies.iter().flat_map(|taxonomy| {
            taxonomy.terms.iter().map(|term| term.permalink.url()).chain([taxonomy.permalink.url()])
        });
        let lists: Vec<&str> = if year.is_none() { sections.chain(terms).collect() } else { Vec::new() };
        let context = self.context("sitemap", &lists, |hasher| {
            positions().for_each(|position| hasher.update(&self.items.hash(position).to_le_bytes()));
        });
        let entry = self.memory.output(path, context);
        (context, entry.unwrap_or_else(|| text(self.sitemap_text(year, positions()))))
    }

    fn sitemap_text(&self, year: Option<i16>, positions: impl Iterator<Item = usize>) -> String {
        let pages = positions.map(|position| &self.site.pages[position]);
        let pages = pages.map(|page| (&page.permalink, page.updated.as_ref().or(page.date.as_ref())));
        if year.is_some() {
            return feed::sitemap(self.base(), pages);
        }
        let sections = self.site.sections.values().map(|section| (&section.permalink, None));
        let taxonomies = self.site.taxonomies.iter().flat_map(|taxonomy| {
            let terms = taxonomy.terms.iter().map(|term| (&term.permalink, None));
            std::iter::once((&taxonomy.permalink, None)).chain(terms)
        });
        feed::sitemap(self.base(), sections.chain(pages).chain(taxonomies))
    }
}
