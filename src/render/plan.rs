//! Which outputs a site has: every path once, and who wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use xxhash_rust::xxh3::Xxh3;

use super::feed::Format;
use super::images::{Copy, Images};
use super::memory::Memory;
use super::paginate::{self, Leaf};
use super::rules::Rules;
use super::search;
use super::theme::Theme;
use crate::finding::Finding;
use crate::site::{Asset, Page, Permalink, Section, Site, Taxonomy, Term};
use crate::snapshot::{Entry, REDIRECTS, Tree, TreeError, TreePath};

/// The part of the sitemap with all that is no dated page.
pub(super) const UNDATED: &str = "pages";

/// A list of pages.
#[derive(Clone, Copy)]
pub(super) enum List<'a> {
    Section(&'a str, &'a Section),
    Term(&'a Taxonomy, &'a Term),
}

impl<'a> List<'a> {
    pub(super) fn permalink(self) -> &'a Permalink {
        match self {
            Self::Section(_, section) => &section.permalink,
            Self::Term(_, term) => &term.permalink,
        }
    }

    pub(super) fn pages(self) -> &'a [usize] {
        match self {
            Self::Section(_, section) => &section.pages,
            Self::Term(_, term) => &term.pages,
        }
    }

    pub(super) fn paginate(self) -> usize {
        match self {
            Self::Section(_, section) => section.settings.paginate,
            // A series is read from its first part on: it is not cut.
            Self::Term(taxonomy, _) if taxonomy.is_series() => usize::MAX,
            Self::Term(taxonomy, _) => taxonomy.settings.paginate,
        }
    }

    fn has_feed(self, site: &Site) -> bool {
        let wanted = match self {
            Self::Section(_, section) => section.settings.feed,
            Self::Term(taxonomy, _) => taxonomy.settings.feed && !taxonomy.is_series(),
        };
        wanted && self.is_dated(site)
    }

    fn is_dated(self, site: &Site) -> bool {
        self.pages().iter().any(|position| site.pages[*position].date.is_some())
    }

    /// Whether feeds of its own are made for it.
    pub(super) fn feeds(self, site: &Site) -> bool {
        site.config.feeds.each && self.has_feed(site)
    }
}

/// One file of the output, not made yet.
pub(super) enum Output<'a> {
    Home,
    Page(usize),
    List(List<'a>, Leaf),
    Taxonomy(&'a Taxonomy),
    NotFound,
    /// `None` is the whole site's.
    Feed(Option<List<'a>>, Format),
    SearchPage,
    SearchIndex,
    /// Of these pages, counted from the oldest.
    SearchShard(Range<usize>),
    SitemapIndex(Vec<String>),
    /// `None` holds what has no date.
    Sitemap(Option<i16>),
    Robots,
    /// An old address of the page at this place.
    Forward(&'a Permalink),
    /// A file of the theme's.
    Theme(&'a Entry),
    /// Where old addresses lead.
    Redirects(&'a Entry),
    /// A file of the site's, by position.
    Asset(usize),
    /// A smaller copy of an image.
    Copy(Copy),
}

/// What makes an output: for messages when two want one path.
struct Claim<'a> {
    output: Output<'a>,
    /// The source file; none for what galley or the theme adds, which gives way to the site's own files.
    source: Option<&'a str>,
}

/// All outputs in bytewise path order, with a finding for each path that two sources want.
pub(super) struct Plan<'a> {
    pub(super) outputs: Vec<(TreePath, Output<'a>)>,
    pub(super) findings: Vec<Finding>,
}

struct Planner<'a> {
    site: &'a Site,
    claims: BTreeMap<TreePath, Claim<'a>>,
    findings: Vec<Finding>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(site: &'a Site, theme: &'a Theme, images: &Images<'_>, rules: &'a Rules, memory: &Memory) -> Self {
        let mut planner = Planner { site, claims: BTreeMap::new(), findings: Vec::new() };
        planner.generated(theme);
        planner.lists();
        planner.sitemaps();
        for (path, copy) in images.copies() {
            planner.add(Ok(path), Output::Copy(copy));
        }
        for (position, page) in site.pages.iter().enumerate() {
            planner.own(page.permalink.file(), Output::Page(position), &page.source);
        }
        for page in &site.pages {
            planner.aliases(page);
        }
        for index in site.sections.values().filter_map(|section| section.index.as_ref()) {
            planner.aliases(index);
        }
        for (position, Asset { source, output, .. }) in site.assets.iter().enumerate() {
            planner.own(output, Output::Asset(position), source);
        }
        if let Some(redirects) = &rules.redirects {
            planner.add(TreePath::new(REDIRECTS), Output::Redirects(redirects));
        }
        planner.finish(memory)
    }
}

impl<'a> Planner<'a> {
    /// What galley and the theme add.
    fn generated(&mut self, theme: &'a Theme) {
        for (path, entry) in theme.files() {
            self.add(Ok(path.clone()), Output::Theme(entry));
        }
        self.add(TreePath::new("404.html"), Output::NotFound);
        self.add(TreePath::new("robots.txt"), Output::Robots);
        for format in Format::BOTH {
            self.add(TreePath::new(format.file()), Output::Feed(None, format));
        }
        if self.site.config.search && theme.has("search.html") {
            self.add(TreePath::new("search/index.html"), Output::SearchPage);
            self.add(TreePath::new(&search::manifest(0).0), Output::SearchIndex);
            for shard in search::shards(self.site.pages.len()) {
                self.add(TreePath::new(&shard.path), Output::SearchShard(shard.documents));
            }
        }
    }

    fn lists(&mut self) {
        for (folder, section) in &self.site.sections {
            if folder.is_empty() {
                self.add(Ok(section.permalink.file().clone()), Output::Home);
            } else {
                self.list(List::Section(folder, section));
            }
        }
        for taxonomy in &self.site.taxonomies {
            self.add(Ok(taxonomy.permalink.file().clone()), Output::Taxonomy(taxonomy));
            for term in &taxonomy.terms {
                self.list(List::Term(taxonomy, term));
            }
        }
    }

    fn list(&mut self, list: List<'a>) {
        for leaf in paginate::leaves(list.pages().len(), list.paginate()) {
            let path = match leaf.number {
                None => Ok(list.permalink().file().clone()),
                Some(number) => beside(list.permalink(), &format!("page/{number}/index.html")),
            };
            self.add(path, Output::List(list, leaf));
        }
        if list.feeds(self.site) {
            for format in Format::BOTH {
                self.add(beside(list.permalink(), format.file()), Output::Feed(Some(list), format));
            }
        }
    }

    /// By year, so that a new post changes one of them.
    fn sitemaps(&mut self) {
        let years: BTreeSet<Option<i16>> =
            self.site.pages.iter().map(|page| page.date.as_ref().map(crate::site::Date::year)).chain([None]).collect();
        let file = |year: &Option<i16>| {
            let name = year.map_or_else(|| UNDATED.to_owned(), |year| year.to_string());
            format!("sitemap/{name}.xml")
        };
        self.add(TreePath::new("sitemap.xml"), Output::SitemapIndex(years.iter().map(file).collect()));
        for year in years {
            self.add(TreePath::new(&file(&year)), Output::Sitemap(year));
        }
    }

    fn aliases(&mut self, page: &'a Page) {
        for alias in &page.aliases {
            self.own(alias.file(), Output::Forward(&page.permalink), &page.source);
        }
    }

    fn add(&mut self, path: Result<TreePath, TreeError>, output: Output<'a>) {
        match path {
            Ok(path) => drop(self.claims.insert(path, Claim { output, source: None })),
            Err(error) => self.findings.push(Finding::error("galley", None, error.to_string())),
        }
    }

    /// Takes a path for a file of the site's own.
    fn own(&mut self, path: &TreePath, output: Output<'a>, source: &'a str) {
        if let Some(Claim { source: Some(other), .. }) = self.claims.get(path) {
            let url = Permalink::of_file(path.clone());
            let message =
                format!("{url} is taken by {other} already; change 'slug', 'url' or 'aliases' of one of them");
            self.findings.push(Finding::error(source, None, message));
            return;
        }
        self.claims.insert(path.clone(), Claim { output, source: Some(source) });
    }

    /// Names that would be the same file. Only names matter here, and a tree is what knows which of them collide.
    fn collisions(&self) -> Vec<Finding> {
        let mut names = Tree::new();
        let nothing = Entry::new(bytes::Bytes::new(), None);
        let collision = |(path, claim): (&TreePath, &Claim<'_>)| {
            let error = names.insert(path.clone(), nothing.clone()).err()?;
            Some(Finding::error(claim.source.unwrap_or(path.as_str()), None, error.to_string()))
        };
        self.claims.iter().filter_map(collision).collect()
    }

    fn finish(mut self, memory: &Memory) -> Plan<'a> {
        let mut names = Xxh3::new();
        for path in self.claims.keys() {
            names.update(path.as_str().as_bytes());
            names.update(b"\0");
        }
        let collisions = memory.checked(names.digest128(), || self.collisions());
        self.findings.extend(collisions);
        let outputs = self.claims.into_iter().map(|(path, claim)| (path, claim.output)).collect();
        Plan { outputs, findings: self.findings }
    }
}

/// A file in the folder of a page.
fn beside(permalink: &Permalink, name: &str) -> Result<TreePath, TreeError> {
    let folder = permalink.file().as_str().strip_suffix("index.html").unwrap_or_default();
    TreePath::new(&format!("{folder}{name}"))
}
