//! A site and a theme become a tree: a function without clock, network or environment.
//!
//! First all Markdown is rendered, because titles and summaries of every page stand in lists of others. Then the outputs
//! are planned, so that each path is known to be free before anything is made. Then they are made, some at a time on all
//! cores, and handed on in path order: the caller collects them or writes them as they come.

mod escape;
mod feed;
mod markdown;
mod plan;
mod theme;
mod view;

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use rayon::prelude::*;

use self::feed::{FEED_LENGTH, FeedEntry};
use self::markdown::{Rendered, Request, Target};
use self::plan::{Output, Plan};
pub use self::theme::Theme;
use self::theme::Value;
use self::view::Views;
use crate::finding::{Finding, Position};
use crate::site::{Date, Page, Permalink, Site};
use crate::snapshot::{Entry, Modified, TreePath};

/// The latest posts on the home page.
const HOME_LENGTH: usize = 10;
/// The latest posts on the 404 page.
const NOT_FOUND_LENGTH: usize = 5;
/// Outputs made at a time: enough for all cores, few enough that not the whole site is in memory twice.
const CHUNK: usize = 256;

type Values = Vec<(&'static str, Value)>;

/// Renders `site`; `take` gets each entry in bytewise path order. The findings hold what is wrong: if one of them is an
/// error, the entries so far are not the whole site and must be dropped.
pub fn render<E>(
    site: &Site,
    theme: &Theme,
    mut take: impl FnMut(TreePath, Entry) -> Result<(), E>,
) -> Result<Vec<Finding>, E> {
    let mut findings = Vec::new();
    let views = Views::new(site, render_pages(site, &mut findings), render_indexes(site, &mut findings));
    let plan = Plan::of(site, theme);
    findings.extend(plan.findings);
    let renderer = Renderer { theme, views: &views, latest: latest(site) };
    let mut outputs = plan.outputs;
    while !outputs.is_empty() && !findings.iter().any(Finding::is_error) {
        let rest = outputs.split_off(outputs.len().min(CHUNK));
        let made: Vec<_> =
            outputs.into_par_iter().map(|(path, output)| (renderer.make(&path, &output), path)).collect();
        for (entry, path) in made {
            match entry {
                Ok(entry) => take(path, entry)?,
                Err(finding) => findings.push(*finding),
            }
        }
        outputs = rest;
    }
    findings.sort();
    // One fault in a template shows in every page that it makes.
    findings.dedup();
    Ok(findings)
}

fn render_pages(site: &Site, findings: &mut Vec<Finding>) -> Vec<Rendered> {
    let rendered: Vec<Rendered> = site.pages.par_iter().map(|page| render_page(site, page, "")).collect();
    for (page, rendered) in site.pages.iter().zip(&rendered) {
        report_links(page, rendered, findings);
    }
    rendered
}

fn render_indexes<'a>(site: &'a Site, findings: &mut Vec<Finding>) -> BTreeMap<&'a str, Rendered> {
    let mut indexes = BTreeMap::new();
    for (folder, section) in &site.sections {
        if let Some(index) = &section.index {
            let rendered = render_page(site, index, "");
            report_links(index, &rendered, findings);
            indexes.insert(folder.as_str(), rendered);
        }
    }
    indexes
}

fn render_page(site: &Site, page: &Page, base: &str) -> Rendered {
    let resolve = |url: &str| resolve(site, page, url);
    markdown::render(&Request { body: &page.body, take_title: page.title.is_none(), base, resolve: &resolve })
}

fn report_links(page: &Page, rendered: &Rendered, findings: &mut Vec<Finding>) {
    for (offset, link) in &rendered.broken_links {
        let at = Position::of(&page.body, *offset);
        let at = Position { line: at.line + page.body_line - 1, ..at };
        let message = format!("the link to '{link}' leads nowhere: there is no such file");
        findings.push(Finding::warning(&page.source, Some(at), message));
    }
}

/// Links to source files, relative to the page's own or rooted at the content, lead to what becomes of those files.
fn resolve(site: &Site, page: &Page, url: &str) -> Target {
    let (path, suffix) = url.split_at(url.find(['#', '?']).unwrap_or(url.len()));
    let elsewhere =
        path.is_empty() || path.starts_with("//") || path.split('/').next().is_some_and(|first| first.contains(':'));
    if elsewhere {
        return Target::AsWritten;
    }
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let folder = page.content_path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let found = join(folder, &decoded).and_then(|path| site.links.get(&path));
    match found {
        Some(target) => Target::To(format!("{target}{suffix}")),
        None if [".md", ".markdown"].iter().any(|ending| path.ends_with(ending)) => Target::Missing,
        None => Target::AsWritten,
    }
}

/// `path` seen from `folder`; `None` if it leads out of the content.
fn join(folder: &str, path: &str) -> Option<String> {
    let start = if path.starts_with('/') { "" } else { folder };
    let mut names: Vec<&str> = Vec::new();
    for name in start.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// Pages in sections, newest first; dateless ones follow in their sections' order.
fn latest(site: &Site) -> Vec<usize> {
    let mut positions: Vec<usize> =
        (0..site.pages.len()).filter(|position| !site.pages[*position].section.is_empty()).collect();
    positions.sort_by_key(|position| std::cmp::Reverse(site.pages[*position].date.as_ref().map(Date::seconds)));
    positions
}

/// Makes single outputs.
struct Renderer<'a> {
    theme: &'a Theme,
    views: &'a Views<'a>,
    latest: Vec<usize>,
}

impl Renderer<'_> {
    fn make(&self, path: &TreePath, output: &Output<'_>) -> Result<Entry, Box<Finding>> {
        let site = self.views.site;
        let text = match output {
            Output::Page(position) => {
                let page = &site.pages[*position];
                let modified = page.updated.as_ref().or(page.date.as_ref());
                let modified = modified.and_then(|date| Modified::from_seconds(date.seconds()));
                return Ok(Entry::new(Bytes::from(self.page(*position)?), modified));
            }
            Output::Theme(entry) => return Ok((*entry).clone()),
            Output::Asset(file) => {
                return Entry::file(file.to_path_buf(), None).map_err(|error| unreadable(path, &error));
            }
            Output::Home => self.home()?,
            Output::Section(folder, section) => {
                let title = self.views.section_title(folder, section);
                let view = view::section(&title, section.permalink.url(), self.views.section_content(folder));
                let years = self.views.years(&section.pages);
                let values = vec![("section", view), ("pages", self.views.items(&section.pages)), ("years", years)];
                self.template("section.html", &section.permalink, &title, "", values)?
            }
            Output::Taxonomy(taxonomy) => {
                let values = vec![("taxonomy", view::taxonomy(taxonomy)), ("terms", view::terms(taxonomy))];
                let title = taxonomy.name;
                self.template("taxonomy.html", &taxonomy.permalink, title, "", values)?
            }
            Output::Term(taxonomy, term) => {
                let pages = self.views.items(&term.pages);
                let values = vec![("taxonomy", view::taxonomy(taxonomy)), ("term", view::term(term)), ("pages", pages)];
                self.template("term.html", &term.permalink, &term.name, "", values)?
            }
            Output::NotFound => {
                let pages = self.views.items(&self.latest[..self.latest.len().min(NOT_FOUND_LENGTH)]);
                self.template("404.html", &Permalink::of_file(path.clone()), "Not found", "", vec![("pages", pages)])?
            }
            Output::Feed => self.feed(),
            Output::Sitemap => self.sitemap(),
            Output::Robots => feed::robots(&site.config),
            Output::Forward(target) => feed::forward(&site.config, target),
        };
        Ok(Entry::new(Bytes::from(text), None))
    }

    fn page(&self, position: usize) -> Result<String, Box<Finding>> {
        let permalink = &self.views.site.pages[position].permalink;
        let values = vec![("page", self.views.page(position))];
        self.template("page.html", permalink, self.views.title(position), self.views.description(position), values)
    }

    fn home(&self) -> Result<String, Box<Finding>> {
        let site = self.views.site;
        let config = &site.config;
        let title = site.sections[""].title.as_deref().unwrap_or(&config.title);
        let archive = site.sections.iter().filter(|(folder, _)| !folder.is_empty());
        let archive = archive.max_by_key(|(_, section)| section.pages.len());
        let archive = archive.map_or("", |(_, section)| section.permalink.url());
        let values = vec![
            ("home", view::section(title, "/", self.views.section_content(""))),
            ("pages", self.views.items(&self.latest[..self.latest.len().min(HOME_LENGTH)])),
            ("archive_url", theme::value(&archive)),
        ];
        self.template("home.html", &site.sections[""].permalink, "", &config.description, values)
    }

    /// Renders a template with the variables that all have.
    fn template(
        &self,
        name: &str,
        permalink: &Permalink,
        title: &str,
        description: &str,
        mut values: Values,
    ) -> Result<String, Box<Finding>> {
        let config = &self.views.site.config;
        let title = if title.is_empty() { config.title.clone() } else { format!("{title} · {}", config.title) };
        let canonical = config.base_url.as_ref().map(|base| format!("{base}{permalink}"));
        values.extend([
            ("site", self.views.site_value()),
            ("url", theme::value(&permalink.url())),
            ("canonical", theme::value(&canonical.unwrap_or_default())),
            ("feed", theme::value(&"/feed.xml")),
            ("title", theme::value(&title)),
            ("description", theme::value(&description)),
        ]);
        self.theme.render(name, values)
    }

    /// The latest posts in full. Their Markdown is rendered again, with links that work in a reader.
    fn feed(&self) -> String {
        let site = self.views.site;
        let base = site.config.base_url.as_deref().unwrap_or_default();
        let entries = self.latest.iter().filter_map(|position| {
            let page = &site.pages[*position];
            let published = page.date.as_ref()?;
            Some(FeedEntry {
                title: self.views.title(*position),
                permalink: &page.permalink,
                published,
                updated: page.updated.as_ref().unwrap_or(published),
                summary: self.views.summary_text(*position),
                html: render_page(site, page, base).html,
            })
        });
        feed::atom(&site.config, &entries.take(FEED_LENGTH).collect::<Vec<_>>())
    }

    fn sitemap(&self) -> String {
        let site = self.views.site;
        let base = site.config.base_url.as_deref().unwrap_or_default();
        let sections = site.sections.values().map(|section| (&section.permalink, None));
        let pages = site.pages.iter().map(|page| (&page.permalink, page.updated.as_ref().or(page.date.as_ref())));
        let taxonomies = site.taxonomies.iter().flat_map(|taxonomy| {
            let terms = taxonomy.terms.iter().map(|term| (&term.permalink, None));
            std::iter::once((&taxonomy.permalink, None)).chain(terms)
        });
        feed::sitemap(base, sections.chain(pages).chain(taxonomies))
    }
}

fn unreadable(path: &TreePath, error: &io::Error) -> Box<Finding> {
    Box::new(Finding::error(path.as_str(), None, error.to_string()))
}
