//! Puts pages in order: sections, taxonomies, series.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::page::Page;
use super::permalink::{Permalink, slug};
use super::{Section, Site, Taxonomy, Term};
use crate::config::{Config, Sort, TaxonomySettings};
use crate::finding::Finding;
use crate::snapshot::TreeError;

/// The taxonomy whose terms are read from the first part to the last.
pub(super) const SERIES: &str = "series";

/// What pages are grouped by.
pub(super) struct Order {
    pub(super) sections: BTreeMap<String, Section>,
    pub(super) taxonomies: Vec<Taxonomy>,
}

impl Order {
    /// Sorts `pages`, whose positions hold afterwards, and groups them.
    pub(super) fn of(
        pages: &mut [Arc<Page>],
        indexes: Vec<Arc<Page>>,
        config: &Config,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let sections = sections(pages, indexes, config, findings);
        let taxonomies = taxonomies(pages, config, findings);
        Self { sections, taxonomies }
    }
}

pub(super) fn section_permalink(folder: &str) -> Result<Permalink, TreeError> {
    let parts: Vec<String> = folder.split('/').map(slug).filter(|part| !part.is_empty()).collect();
    Permalink::new(&parts.join("/"))
}

/// Folders at the top and those with an `_index.md` are sections; a page is of the nearest one above it, so that
/// `posts/2017/a.md` is a post.
fn sections(
    pages: &mut [Arc<Page>],
    indexes: Vec<Arc<Page>>,
    config: &Config,
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, Section> {
    let mut indexes: BTreeMap<String, Arc<Page>> =
        indexes.into_iter().map(|page| (folder_of(&page.content_path).to_owned(), page)).collect();
    let mut folders: BTreeSet<String> = indexes.keys().cloned().collect();
    folders.insert(String::new());
    for top in pages.iter().map(|page| page.folder.split('/').next().unwrap_or_default()) {
        if !folders.contains(top) {
            folders.insert(top.to_owned());
        }
    }
    for page in pages.iter_mut() {
        let section = nearest(&folders, &page.folder);
        // One that is kept from an earlier reading is copied only if it has come to another section.
        if page.section != section {
            Arc::make_mut(page).section = section.to_owned();
        }
    }
    sort_pages(pages, config);
    let mut sections = BTreeMap::new();
    for folder in &folders {
        let index = indexes.remove(folder);
        let permalink = match section_permalink(folder) {
            Ok(permalink) => permalink,
            Err(error) => {
                findings.push(Finding::error(folder, None, error.to_string()));
                continue;
            }
        };
        let is_below = |other: &&String| !other.is_empty() && nearest(&folders, folder_of(other)) == folder.as_str();
        sections.insert(
            folder.clone(),
            Section {
                title: index.as_ref().and_then(|index| index.title.clone()),
                permalink,
                index,
                pages: Vec::new(),
                subsections: folders.iter().filter(is_below).cloned().collect(),
                settings: config.section(folder),
            },
        );
    }
    for (position, page) in pages.iter().enumerate() {
        if let Some(section) = sections.get_mut(&page.section) {
            section.pages.push(position);
        }
    }
    sections
}

fn folder_of(content_path: &str) -> &str {
    content_path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The deepest of `folders` that is `folder` or above it.
fn nearest<'f>(folders: &BTreeSet<String>, folder: &'f str) -> &'f str {
    let ancestors = std::iter::successors(Some(folder), |folder| folder.rsplit_once('/').map(|(parent, _)| parent));
    ancestors.into_iter().find(|folder| folders.contains(*folder)).unwrap_or_default()
}

/// By section, and within each as its settings say.
fn sort_pages(pages: &mut [Arc<Page>], config: &Config) {
    let sorts: BTreeMap<&str, Sort> =
        config.sections.iter().map(|(folder, settings)| (folder.as_str(), settings.sort)).collect();
    let by_weight = |a: &Page, b: &Page| {
        let weight = |page: &Page| page.weight.unwrap_or(i64::MAX);
        weight(a).cmp(&weight(b)).then_with(|| a.content_path.cmp(&b.content_path))
    };
    let title = |page: &Page| page.title.as_deref().unwrap_or(&page.name).to_lowercase();
    pages.sort_by(|a, b| {
        let order = match sorts.get(a.section.as_str()) {
            Some(Sort::Weight) => Ordering::Equal,
            Some(Sort::Title) => title(a).cmp(&title(b)),
            // Dateless pages come last: `None` is the smallest.
            Some(Sort::Date) | None => b.seconds().cmp(&a.seconds()),
        };
        a.section.cmp(&b.section).then(order).then_with(|| by_weight(a, b))
    });
}

/// The terms of one taxonomy by slug: the name as first written, and its pages.
type Terms = BTreeMap<String, (String, Vec<usize>)>;

fn taxonomies(pages: &[Arc<Page>], config: &Config, findings: &mut Vec<Finding>) -> Vec<Taxonomy> {
    let mut known: BTreeMap<&str, TaxonomySettings> =
        config.taxonomies.iter().map(|(name, settings)| (name.as_str(), settings.clone())).collect();
    known.entry(SERIES).or_default();
    let mut taxonomies = Vec::new();
    for (name, settings) in known {
        let Ok(permalink) = Permalink::new(&slug(name)) else { continue };
        let mut terms: Vec<Term> = terms(name, pages, findings)
            .into_iter()
            .filter_map(|(slug, (term, pages))| {
                Some(Term { name: term, permalink: Permalink::new(&format!("{permalink}{slug}/")).ok()?, pages })
            })
            .collect();
        for term in &mut terms {
            sort_term(&mut term.pages, pages, name == SERIES);
        }
        if !terms.is_empty() {
            taxonomies.push(Taxonomy { name: name.to_owned(), permalink, terms, settings });
        }
    }
    taxonomies
}

fn terms(name: &str, pages: &[Arc<Page>], findings: &mut Vec<Finding>) -> Terms {
    let mut terms: Vec<(String, (String, Vec<usize>))> = Vec::new();
    let mut by_slug: HashMap<String, usize> = HashMap::new();
    // As written: most terms are written in the same way each time, and a slug takes long to make.
    let mut as_written: HashMap<&str, Option<usize>> = HashMap::new();
    for (position, page) in pages.iter().enumerate() {
        for term in page.terms.get(name).into_iter().flatten() {
            let index = *as_written.entry(term).or_insert_with(|| {
                let slug = Some(term_slug(term)).filter(|slug| !slug.is_empty())?;
                let index = *by_slug.entry(slug.clone()).or_insert(terms.len());
                if index == terms.len() {
                    terms.push((slug, (term.clone(), Vec::new())));
                }
                Some(index)
            });
            let Some(index) = index else {
                let message =
                    format!("'{term}' in '{name}' has no letter or digit and gets no page; write it in words");
                findings.push(Finding::warning(&page.source, None, message));
                continue;
            };
            let (_, (_, members)) = &mut terms[index];
            if members.last() != Some(&position) {
                members.push(position);
            }
        }
    }
    terms.into_iter().collect()
}

/// `C`, `C++` and `C#` are three things.
pub fn term_slug(term: &str) -> String {
    slug(&term.replace("++", "pp").replace('#', "sharp"))
}

/// A series from its first part on; all else newest first. Dateless pages keep their sections' order.
fn sort_term(members: &mut [usize], pages: &[Arc<Page>], from_first: bool) {
    if from_first {
        let weight = |page: &Page| page.weight.unwrap_or(i64::MAX);
        members.sort_by_key(|position| {
            let page = &pages[*position];
            (weight(page), page.seconds().unwrap_or(i64::MAX), page.content_path.clone())
        });
    } else {
        members.sort_by_key(|position| Reverse(pages[*position].seconds()));
    }
}

/// Pages without a date in sections where others have one: they stand at the end of the list and in no feed.
pub fn dateless(site: &Site) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, section) in site.sections.iter().filter(|(folder, _)| !folder.is_empty()) {
        let (dated, dateless): (Vec<&Page>, Vec<&Page>) =
            section.pages.iter().map(|position| &*site.pages[*position]).partition(|page| page.date.is_some());
        if dated.is_empty() || section.settings.sort != Sort::Date {
            continue;
        }
        for page in dateless {
            let message = format!(
                "has no date, but others in '{folder}' have one: it stands last in lists and in no feed; add 'date'"
            );
            findings.push(Finding::warning(&page.source, None, message));
        }
    }
    findings
}
