//! What templates see of a site: the shapes that the manual documents.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Map;

use super::markdown::{Rendered, TocEntry};
use super::theme::{Value, value};
use crate::config::{Author, MenuItem};
use crate::site::{Date, Page, Permalink, Section, Site, Taxonomy, Term, slug};

/// Words a minute of a reader who is not in a hurry.
const READING_SPEED: usize = 220;

/// A date in the forms that templates need.
#[derive(Serialize)]
struct DateView {
    iso: String,
    day: String,
    year: i16,
}

#[derive(Serialize)]
struct LinkView<'a> {
    title: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct TermLink {
    name: String,
    url: String,
}

#[derive(Serialize)]
struct TaxonomyLink<'a> {
    name: &'a str,
    url: &'a str,
}

/// The variable `site`.
#[derive(Serialize)]
struct SiteView<'a> {
    title: &'a str,
    base_url: &'a str,
    language: &'a str,
    description: &'a str,
    author: Option<&'a Author>,
    menu: &'a [MenuItem],
    taxonomies: Vec<TaxonomyLink<'a>>,
    extra: &'a Map<String, serde_json::Value>,
}

/// An item of the variable `pages`.
#[derive(Serialize)]
struct SummaryView<'a> {
    title: &'a str,
    url: &'a str,
    date: Option<DateView>,
    updated: Option<DateView>,
    summary: &'a str,
    words: usize,
    reading_minutes: usize,
    tags: Vec<TermLink>,
    draft: bool,
    section: Option<LinkView<'a>>,
}

/// The variable `page`.
#[derive(Serialize)]
struct PageView<'a> {
    #[serde(flatten)]
    summary: SummaryView<'a>,
    description: &'a str,
    content: &'a str,
    toc: &'a [TocEntry],
    terms: BTreeMap<&'a str, Vec<TermLink>>,
    newer: Option<LinkView<'a>>,
    older: Option<LinkView<'a>>,
    extra: &'a Map<String, serde_json::Value>,
}

/// A site with its Markdown rendered: what all views are made from.
pub(super) struct Views<'a> {
    pub(super) site: &'a Site,
    /// One for each of the site's pages, in their order.
    pub(super) rendered: Vec<Rendered>,
    /// The same for the `_index.md` of each section that has one.
    pub(super) indexes: BTreeMap<&'a str, Rendered>,
    /// The items of lists, made once and shared.
    items: Vec<Value>,
    site_value: Value,
}

impl<'a> Views<'a> {
    pub(super) fn new(site: &'a Site, rendered: Vec<Rendered>, indexes: BTreeMap<&'a str, Rendered>) -> Self {
        let mut views = Self { site, rendered, indexes, items: Vec::new(), site_value: site_value(site) };
        views.items = (0..site.pages.len()).map(|position| value(&views.summary(position))).collect();
        views
    }

    pub(super) fn site_value(&self) -> Value {
        self.site_value.clone()
    }

    /// The title: from the front matter, the first heading, or the file's name.
    pub(super) fn title(&self, position: usize) -> &str {
        title_of(&self.site.pages[position], &self.rendered[position])
    }

    /// The list items of the pages at `positions`.
    pub(super) fn items(&self, positions: &[usize]) -> Value {
        Value::from(positions.iter().map(|position| self.items[*position].clone()).collect::<Vec<_>>())
    }

    /// The pages at `positions`, which come newest first, by year.
    pub(super) fn years(&self, positions: &[usize]) -> Value {
        #[derive(Serialize)]
        struct Year {
            year: Option<i16>,
            pages: Value,
        }
        let year = |position: &usize| self.site.pages[*position].date.as_ref().map(Date::year);
        let runs = positions.chunk_by(|a, b| year(a) == year(b));
        value(&runs.map(|run| Year { year: year(&run[0]), pages: self.items(run) }).collect::<Vec<_>>())
    }

    /// What stands in front of the reader as a section's title.
    pub(super) fn section_title(&self, folder: &str, section: &'a Section) -> String {
        let heading = self.indexes.get(folder).and_then(|rendered| rendered.title.clone());
        let name = folder.rsplit('/').next().unwrap_or_default();
        section.title.clone().or(heading).unwrap_or_else(|| name_as_title(name))
    }

    /// The HTML of a section's `_index.md`.
    pub(super) fn section_content(&self, folder: &str) -> &str {
        self.indexes.get(folder).map_or("", |rendered| &rendered.html)
    }

    /// What search engines are told of a page.
    pub(super) fn description(&self, position: usize) -> &str {
        let page = &self.site.pages[position];
        page.description.as_deref().unwrap_or_else(|| self.summary_text(position))
    }

    pub(super) fn summary_text(&self, position: usize) -> &str {
        self.site.pages[position].summary.as_deref().unwrap_or(&self.rendered[position].summary)
    }

    fn summary(&self, position: usize) -> SummaryView<'_> {
        let page = &self.site.pages[position];
        let words = self.rendered[position].words;
        SummaryView {
            title: self.title(position),
            url: page.permalink.url(),
            date: page.date.as_ref().map(date),
            updated: page.updated.as_ref().map(date),
            summary: self.summary_text(position),
            words,
            reading_minutes: words.div_ceil(READING_SPEED).max(1),
            tags: term_links("tags", page),
            draft: page.draft,
            section: None,
        }
    }

    /// The variable `page`. It holds nothing that another post changes except its neighbours.
    pub(super) fn page(&self, position: usize) -> Value {
        let page = &self.site.pages[position];
        let section = self.site.sections.get(&page.section).filter(|_| !page.section.is_empty());
        let title = section.map(|section| self.section_title(&page.section, section));
        let (newer, older) = self.neighbours(position, section);
        let mut summary = self.summary(position);
        summary.section =
            section.zip(title.as_deref()).map(|(section, title)| LinkView { title, url: section.permalink.url() });
        value(&PageView {
            summary,
            description: self.description(position),
            content: &self.rendered[position].html,
            toc: &self.rendered[position].toc,
            terms: page.terms.keys().map(|name| (*name, term_links(name, page))).collect(),
            newer,
            older,
            extra: &page.extra,
        })
    }

    /// The pages before and after in the section's order, which is newest first.
    fn neighbours(&self, position: usize, section: Option<&Section>) -> (Option<LinkView<'_>>, Option<LinkView<'_>>) {
        let Some(members) = section.map(|section| section.pages.as_slice()) else { return (None, None) };
        // Pages are sorted by section, so a section's are neighbours in the list of all.
        let Some(place) = members.first().and_then(|first| position.checked_sub(*first)) else { return (None, None) };
        let link = |position: &usize| LinkView {
            title: self.title(*position),
            url: self.site.pages[*position].permalink.url(),
        };
        let newer = place.checked_sub(1).and_then(|before| members.get(before));
        (newer.map(link), members.get(place + 1).map(link))
    }
}

fn title_of<'a>(page: &'a Page, rendered: &'a Rendered) -> &'a str {
    page.title.as_deref().or(rendered.title.as_deref()).unwrap_or(&page.name)
}

/// `home-lab` is "Home lab".
fn name_as_title(name: &str) -> String {
    let mut letters = name.chars().map(|c| if c == '-' || c == '_' { ' ' } else { c });
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn date(date: &Date) -> DateView {
    DateView { iso: date.rfc3339(), day: date.day(), year: date.year() }
}

fn term_links(taxonomy: &str, page: &Page) -> Vec<TermLink> {
    let link = |name: &String| {
        let permalink = Permalink::new(&format!("/{taxonomy}/{}/", slug(name))).ok()?;
        Some(TermLink { name: name.clone(), url: permalink.url().to_owned() })
    };
    page.terms.get(taxonomy).into_iter().flatten().filter(|name| !slug(name).is_empty()).filter_map(link).collect()
}

fn site_value(site: &Site) -> Value {
    let config = &site.config;
    let link = |taxonomy: &'_ Taxonomy| (taxonomy.name, taxonomy.permalink.url().to_owned());
    let links: Vec<(&str, String)> = site.taxonomies.iter().map(link).collect();
    value(&SiteView {
        title: &config.title,
        base_url: config.base_url.as_deref().unwrap_or_default(),
        language: &config.language,
        description: &config.description,
        author: config.author.as_ref(),
        menu: &config.menu,
        taxonomies: links.iter().map(|(name, url)| TaxonomyLink { name, url }).collect(),
        extra: &config.extra,
    })
}

/// The variable `taxonomy`.
pub(super) fn taxonomy(taxonomy: &Taxonomy) -> Value {
    #[derive(Serialize)]
    struct TaxonomyView<'a> {
        name: &'a str,
        title: String,
        url: &'a str,
    }
    let title = name_as_title(taxonomy.name);
    value(&TaxonomyView { name: taxonomy.name, title, url: taxonomy.permalink.url() })
}

#[derive(Serialize)]
struct TermView<'a> {
    name: &'a str,
    url: &'a str,
    count: usize,
}

fn term_view(term: &Term) -> TermView<'_> {
    TermView { name: &term.name, url: term.permalink.url(), count: term.pages.len() }
}

/// The variable `term`.
pub(super) fn term(term: &Term) -> Value {
    value(&term_view(term))
}

/// The variable `terms`.
pub(super) fn terms(taxonomy: &Taxonomy) -> Value {
    value(&taxonomy.terms.iter().map(term_view).collect::<Vec<_>>())
}

/// The variables `home` and `section`.
pub(super) fn section(title: &str, url: &str, content: &str) -> Value {
    #[derive(Serialize)]
    struct SectionView<'a> {
        title: &'a str,
        url: &'a str,
        content: &'a str,
    }
    value(&SectionView { title, url, content })
}
