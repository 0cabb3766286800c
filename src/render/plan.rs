//! Which outputs a site has: every path once, and who wants it.

use std::collections::BTreeMap;
use std::path::Path;

use super::theme::Theme;
use crate::finding::Finding;
use crate::site::{Asset, Page, Permalink, Section, Site, Taxonomy, Term};
use crate::snapshot::{Entry, Tree, TreePath};

/// One file of the output, not made yet.
pub(super) enum Output<'a> {
    Home,
    Page(usize),
    Section(&'a str, &'a Section),
    Taxonomy(&'a Taxonomy),
    Term(&'a Taxonomy, &'a Term),
    NotFound,
    Feed,
    Sitemap,
    Robots,
    /// An old address of the page at this place.
    Forward(&'a Permalink),
    /// A file of the theme's.
    Theme(&'a Entry),
    /// A file of the site's.
    Asset(&'a Path),
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

#[derive(Default)]
struct Planner<'a> {
    claims: BTreeMap<TreePath, Claim<'a>>,
    findings: Vec<Finding>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(site: &'a Site, theme: &'a Theme) -> Self {
        let mut planner = Planner::default();
        planner.generated(site, theme);
        for (position, page) in site.pages.iter().enumerate() {
            planner.own(page.permalink.file(), Output::Page(position), &page.source);
        }
        for page in &site.pages {
            planner.aliases(page);
        }
        for Asset { file, source, output } in &site.assets {
            planner.own(output, Output::Asset(file), source);
        }
        planner.finish()
    }
}

impl<'a> Planner<'a> {
    /// What galley and the theme add.
    fn generated(&mut self, site: &'a Site, theme: &'a Theme) {
        for (path, entry) in theme.files() {
            self.add(path, Output::Theme(entry));
        }
        let fixed = [
            ("404.html", Output::NotFound),
            ("feed.xml", Output::Feed),
            ("sitemap.xml", Output::Sitemap),
            ("robots.txt", Output::Robots),
        ];
        for (name, output) in fixed {
            if let Ok(path) = TreePath::new(name) {
                self.add(&path, output);
            }
        }
        for (folder, section) in &site.sections {
            let output = if folder.is_empty() { Output::Home } else { Output::Section(folder, section) };
            self.add(section.permalink.file(), output);
        }
        for taxonomy in &site.taxonomies {
            self.add(taxonomy.permalink.file(), Output::Taxonomy(taxonomy));
            for term in &taxonomy.terms {
                self.add(term.permalink.file(), Output::Term(taxonomy, term));
            }
        }
    }

    fn aliases(&mut self, page: &'a Page) {
        for alias in &page.aliases {
            self.own(alias.file(), Output::Forward(&page.permalink), &page.source);
        }
    }

    fn add(&mut self, path: &TreePath, output: Output<'a>) {
        self.claims.insert(path.clone(), Claim { output, source: None });
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

    fn finish(mut self) -> Plan<'a> {
        // Only names matter here, and a tree is what knows which of them collide.
        let mut names = Tree::new();
        let nothing = Entry::new(bytes::Bytes::new(), None);
        for (path, claim) in &self.claims {
            if let Err(error) = names.insert(path.clone(), nothing.clone()) {
                let source = claim.source.unwrap_or(path.as_str());
                self.findings.push(Finding::error(source, None, error.to_string()));
            }
        }
        let outputs = self.claims.into_iter().map(|(path, claim)| (path, claim.output)).collect();
        Plan { outputs, findings: self.findings }
    }
}
