//! What templates see of a site: the shapes that the manual documents.
//!
//! A shape holds nothing that another page changes except where a reader sees that other page: what a page prints decides
//! what an edit makes anew and ships.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::markdown::TocEntry;
use crate::config::{Author, MenuItem};
use crate::site::{Date, Page, Permalink, Site, Taxonomy, Term, term_slug};

/// Words a minute of a reader who is not in a hurry.
const READING_SPEED: usize = 220;

/// A date in the forms that templates need.
#[derive(Serialize)]
pub(super) struct DateView {
    iso: String,
    day: String,
    year: i16,
}

impl DateView {
    pub(super) fn of(date: &Date) -> Self {
        Self { iso: date.rfc3339(), day: date.day(), year: date.year() }
    }
}

/// A link to a page.
#[derive(Serialize)]
pub(super) struct Link<'a> {
    pub(super) title: &'a str,
    pub(super) url: &'a str,
}

/// A link to a term's page.
#[derive(Clone, Serialize)]
pub(super) struct TermLink {
    pub(super) name: String,
    pub(super) url: String,
}

/// A feed, for the page's head.
#[derive(Serialize)]
pub(super) struct FeedLink {
    pub(super) url: String,
    pub(super) title: String,
    /// The media type.
    pub(super) kind: &'static str,
}

/// The variable `site`.
#[derive(Serialize)]
struct SiteView<'a> {
    title: &'a str,
    base_url: &'a str,
    language: &'a str,
    direction: &'static str,
    description: &'a str,
    author: Option<&'a Author>,
    menu: &'a [MenuItem],
    taxonomies: Vec<TermLink>,
    sections: Vec<TermLink>,
    search: bool,
    extra: &'a Map<String, Value>,
}

/// An item of the variable `pages`.
#[derive(Serialize)]
pub(super) struct SummaryView<'a> {
    pub(super) title: &'a str,
    pub(super) url: &'a str,
    pub(super) date: Option<DateView>,
    pub(super) updated: Option<DateView>,
    pub(super) summary: &'a str,
    pub(super) words: usize,
    pub(super) reading_minutes: usize,
    pub(super) tags: Vec<TermLink>,
    pub(super) draft: bool,
    pub(super) image: Option<&'a str>,
    pub(super) extra: &'a Map<String, Value>,
}

/// Where a page stands in its series.
#[derive(Serialize)]
pub(super) struct SeriesView<'a> {
    pub(super) name: &'a str,
    pub(super) url: &'a str,
    /// From 1.
    pub(super) part: usize,
    pub(super) previous: Option<Link<'a>>,
    pub(super) next: Option<Link<'a>>,
}

/// What git knows of a page's source.
#[derive(Serialize)]
pub(super) struct ChangeView {
    first: DateView,
    last: DateView,
    commit: String,
}

/// The variable `page`, without its HTML, which is the variable `content`.
#[derive(Serialize)]
pub(super) struct PageView<'a> {
    #[serde(flatten)]
    pub(super) summary: SummaryView<'a>,
    #[serde(flatten)]
    pub(super) page: OwnView<'a>,
    pub(super) section: Option<Link<'a>>,
    pub(super) series: Option<SeriesView<'a>>,
    pub(super) newer: Option<Link<'a>>,
    pub(super) older: Option<Link<'a>>,
    pub(super) related: Vec<Link<'a>>,
    pub(super) edit_url: Option<String>,
    pub(super) structured: Value,
}

/// What the variable `page` holds beside the item and that no other page changes.
#[derive(Serialize)]
pub(super) struct OwnView<'a> {
    pub(super) description: &'a str,
    pub(super) authors: &'a [String],
    pub(super) toc: &'a [TocEntry],
    pub(super) terms: BTreeMap<&'a str, Vec<TermLink>>,
    pub(super) source: &'a str,
    pub(super) change: Option<ChangeView>,
}

/// The variable `section`; on the front page `home`.
#[derive(Serialize)]
pub(super) struct SectionView<'a> {
    pub(super) title: &'a str,
    pub(super) url: &'a str,
    pub(super) description: &'a str,
    pub(super) subsections: Vec<TermLink>,
    pub(super) extra: Option<&'a Map<String, Value>>,
}

/// The variable `taxonomy`.
#[derive(Serialize)]
pub(super) struct TaxonomyView<'a> {
    name: &'a str,
    title: String,
    url: &'a str,
}

/// The variable `term`, and an item of `terms`.
#[derive(Serialize)]
pub(super) struct TermView<'a> {
    name: &'a str,
    url: &'a str,
    /// How many pages it has; unknown on the further pages of its list, which would change with each new post.
    count: Option<usize>,
}

/// The variable `paginator`.
#[derive(Serialize)]
pub(super) struct PaginatorView {
    /// The page's number, from the oldest; `None` on the newest, which has the list's own address.
    pub(super) number: Option<usize>,
    pub(super) older: Option<String>,
    pub(super) newer: Option<String>,
}

/// Where git's dates come from: seconds and offset of a commit.
pub(super) fn change(page: &Page) -> Option<ChangeView> {
    let history = page.history.as_ref()?;
    let view =
        |commit: &crate::site::Commit| Date::from_seconds(commit.seconds, commit.offset).as_ref().map(DateView::of);
    Some(ChangeView { first: view(&history.first)?, last: view(&history.last)?, commit: history.last.id.to_string() })
}

/// Minutes for that many words.
pub(super) fn reading_minutes(words: usize) -> usize {
    words.div_ceil(READING_SPEED).max(1)
}

/// `home-lab` is "Home lab".
pub(super) fn name_as_title(name: &str) -> String {
    let mut letters = name.chars().map(|c| if c == '-' || c == '_' { ' ' } else { c });
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The addresses of all terms that pages name, by taxonomy and name as written.
pub(super) struct TermUrls<'a>(HashMap<&'a str, HashMap<&'a str, String>>);

impl<'a> TermUrls<'a> {
    pub(super) fn of(site: &'a Site) -> Self {
        let mut urls: HashMap<&str, HashMap<&str, String>> = HashMap::new();
        for (taxonomy, terms) in site.pages.iter().flat_map(|page| &page.terms) {
            let urls = urls.entry(taxonomy).or_default();
            for term in terms {
                urls.entry(term).or_insert_with(|| term_url(taxonomy, term).unwrap_or_default());
            }
        }
        Self(urls)
    }

    /// Links to the terms of a page in one taxonomy; one without letters has no page.
    pub(super) fn links(&self, taxonomy: &str, page: &Page) -> Vec<TermLink> {
        let Some(urls) = self.0.get(taxonomy) else { return Vec::new() };
        let link = |name: &String| {
            let url = urls.get(name.as_str()).filter(|url| !url.is_empty())?;
            Some(TermLink { name: name.clone(), url: url.clone() })
        };
        page.terms.get(taxonomy).into_iter().flatten().filter_map(link).collect()
    }
}

fn term_url(taxonomy: &str, name: &str) -> Option<String> {
    let slug = Some(term_slug(name)).filter(|slug| !slug.is_empty())?;
    let permalink = Permalink::new(&format!("/{}/{slug}/", crate::site::slug(taxonomy))).ok()?;
    Some(permalink.url().to_owned())
}

/// The variable `site`.
pub(super) fn site(site: &Site, section_titles: &BTreeMap<&str, String>) -> Value {
    let config = &site.config;
    let title = |taxonomy: &Taxonomy| TermLink {
        name: taxonomy.settings.title.clone().unwrap_or_else(|| name_as_title(&taxonomy.name)),
        url: taxonomy.permalink.url().to_owned(),
    };
    let sections = site.sections.iter().filter(|(folder, section)| !folder.is_empty() && !section.pages.is_empty());
    let view = SiteView {
        title: &config.title,
        base_url: config.base_url.as_deref().unwrap_or_default(),
        language: &config.language,
        direction: direction(&config.language),
        description: &config.description,
        author: config.author.as_ref(),
        menu: &config.menu,
        taxonomies: site.taxonomies.iter().map(title).collect(),
        sections: sections
            .map(|(folder, section)| TermLink {
                name: section_titles.get(folder.as_str()).cloned().unwrap_or_default(),
                url: section.permalink.url().to_owned(),
            })
            .collect(),
        search: config.search,
        extra: &config.extra,
    };
    json!(view)
}

/// Languages that are written from right to left, in their usual script.
fn direction(language: &str) -> &'static str {
    let primary = language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let right_to_left = ["ar", "arc", "ckb", "dv", "fa", "ha", "he", "khw", "ks", "ps", "sd", "ug", "ur", "yi"];
    if right_to_left.contains(&primary.as_str()) { "rtl" } else { "ltr" }
}

impl<'a> TaxonomyView<'a> {
    pub(super) fn of(taxonomy: &'a Taxonomy) -> Self {
        let title = taxonomy.settings.title.clone().unwrap_or_else(|| name_as_title(&taxonomy.name));
        Self { name: &taxonomy.name, title, url: taxonomy.permalink.url() }
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }
}

impl<'a> TermView<'a> {
    pub(super) fn of(term: &'a Term, counted: bool) -> Self {
        Self { name: &term.name, url: term.permalink.url(), count: counted.then_some(term.pages.len()) }
    }
}

/// What search engines read of a post (schema.org, BlogPosting), as JSON-LD.
pub(super) fn structured(site: &Site, page: &Page, summary: &SummaryView<'_>, description: &str) -> Value {
    let base = site.config.base_url.as_deref();
    let Some(date) = &summary.date else { return Value::Null };
    let names = match page.authors.as_slice() {
        [] => site.config.author.iter().map(|author| author.name.as_str()).collect(),
        authors => authors.iter().map(String::as_str).collect::<Vec<_>>(),
    };
    let authors: Vec<Value> = names.iter().map(|name| json!({ "@type": "Person", "name": name })).collect();
    let mut post = json!({
        "@context": "https://schema.org",
        "@type": "BlogPosting",
        "headline": summary.title,
        "datePublished": date.iso,
        "dateModified": summary.updated.as_ref().map_or(&date.iso, |updated| &updated.iso),
        "inLanguage": site.config.language,
    });
    if !description.is_empty() {
        post["description"] = json!(description);
    }
    if !authors.is_empty() {
        post["author"] = json!(authors);
    }
    if let Some(base) = base {
        post["mainEntityOfPage"] = json!(format!("{base}{}", summary.url));
        if let Some(image) = summary.image {
            post["image"] = json!(super::absolute::url(base, image));
        }
    }
    post
}
