//! What is wrong with a rendered site: links and anchors, redirects, images, nesting of HTML, feeds and sitemap; and what its
//! pages hold that no security policy has room for.
//!
//! Pages are read one by one on all cores. What is kept of each are its anchors, so that links to them from other pages
//! can be looked at in the end; a page is read a second time only if something is wrong with such a link.

mod ask;
mod external;
mod feeds;
pub mod format;
mod links;
mod nesting;
mod page;
mod redirects;
mod spot;
mod targets;
#[cfg(test)]
mod tests;
mod text;
mod xml;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use http::header::CONTENT_SECURITY_POLICY;
use rayon::prelude::*;

pub use self::ask::{Answer, Answers, AskError, ask};
pub use self::external::{ExternalLink, external_links};
use self::links::{Anchors, Context, MAX_LINKS, Pending, is_page};
use self::page::Page;
use self::spot::Spots;
use self::targets::Targets;
use crate::finding::Finding;
use crate::finding::Severity;
use crate::snapshot::{Entry, HEADERS, HeaderRules, REDIRECTS, Redirects, Tree, TreePath, beyond_policy, place_of};

/// A file that an author wrote.
#[derive(Clone, Debug)]
pub struct Source {
    /// Relative to the site's folder: `content/posts/a.md`.
    pub path: String,
    /// All of it, front matter included.
    pub text: Arc<str>,
}

/// What rendering knows of where outputs come from: the pages that an author wrote.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    sources: HashMap<TreePath, Source>,
}

impl Provenance {
    /// Knows of no page yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `output` was made from `source`.
    pub fn insert(&mut self, output: TreePath, source: Source) {
        self.sources.insert(output, source);
    }

    fn of(&self, output: &TreePath) -> Option<&Source> {
        self.sources.get(output)
    }
}

/// What the tree does not say itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the site will be found: absolute links to there are links into the tree.
    pub base_url: Option<String>,
}

/// All that is wrong with `tree`, sorted and each thing once.
pub fn check(tree: &Tree, provenance: &Provenance, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let site = Site::new(tree, provenance, options, &mut findings);
    let read: Vec<Read> = site.pages().map(|number| site.read(number)).collect();
    let (mut anchors, mut forwards) = (Anchors::new(), HashMap::new());
    let mut pending = Vec::new();
    for page in read {
        findings.extend(page.findings);
        anchors.insert(page.number, page.forward.is_none().then_some(page.anchors));
        forwards.extend(page.forward.map(|url| (page.number, url)));
        if !page.pending.is_empty() {
            pending.push((page.number, page.pending));
        }
    }
    findings.par_extend(pending.par_iter().flat_map_iter(|(number, links)| site.anchors(*number, links, &anchors)));
    findings.extend(redirects::check(&site.targets, &forwards));
    findings.par_extend(site.files.par_iter().flat_map_iter(|(path, entry)| site.feed(path, entry)));
    findings.sort_unstable();
    findings.dedup();
    findings
}

/// The tree with all that is looked up in it.
struct Site<'a> {
    files: Vec<(&'a TreePath, &'a Entry)>,
    targets: Targets<'a>,
    headers: HeaderRules,
    provenance: &'a Provenance,
}

/// What is kept of a page.
struct Read {
    number: usize,
    findings: Vec<Finding>,
    /// In bytewise order.
    anchors: Vec<Box<str>>,
    forward: Option<String>,
    pending: Vec<Pending>,
}

impl<'a> Site<'a> {
    fn new(tree: &'a Tree, provenance: &'a Provenance, options: &'a Options, findings: &mut Vec<Finding>) -> Self {
        let (redirects, faults) = Redirects::parse(&rules_in(tree, REDIRECTS, findings));
        findings.extend(faults.into_iter().map(redirects::finding));
        // What is wrong with these is told where they are read for the site.
        let (headers, _) = HeaderRules::parse(&rules_in(tree, HEADERS, findings));
        let files: Vec<_> = tree.iter().filter(|(path, _)| is_public(path)).collect();
        let paths = files.iter().map(|(path, _)| path.as_str()).collect();
        let targets = Targets::new(paths, options.base_url.as_deref(), redirects);
        Self { files, targets, headers, provenance }
    }

    /// The numbers of all pages.
    fn pages(&self) -> impl IndexedParallelIterator<Item = usize> + '_ {
        let pages = (0..self.files.len()).filter(|number| is_page(self.files[*number].0.as_str()));
        pages.collect::<Vec<_>>().into_par_iter()
    }

    fn read(&self, number: usize) -> Read {
        let (path, entry) = self.files[number];
        let mut read = Read { number, findings: Vec::new(), anchors: Vec::new(), forward: None, pending: Vec::new() };
        let bytes = match entry.read() {
            Ok(bytes) => bytes,
            Err(error) => {
                read.findings.push(unreadable(path.as_str(), &error));
                return read;
            }
        };
        let html = String::from_utf8_lossy(&bytes);
        let page = Page::of(&html);
        let spots = Spots::new(path.as_str(), &html, self.provenance.of(path));
        let context = Context { targets: &self.targets, path: path.as_str(), page: &page, spots: &spots };
        read.findings = context.check(&mut read.pending);
        let faults =
            page.faults.iter().map(|fault| spots.tag(&fault.tag).finding(Severity::Error, fault.message.clone()));
        read.findings.extend(faults);
        // A policy that the author wrote is the author's to judge.
        if !self.headers.replaces(&place_of(path), &CONTENT_SECURITY_POLICY) {
            let beyond = beyond_policy(&html).into_iter();
            read.findings.extend(beyond.map(|message| spots.page().finding(Severity::Warning, message)));
        }
        read.forward = page.forward.map(std::borrow::Cow::into_owned);
        read.anchors = page.anchors.into_keys().map(Box::from).collect();
        read.anchors.sort_unstable();
        read
    }

    /// The links of one page to anchors that are not there.
    fn anchors(&self, number: usize, links: &[Pending], anchors: &Anchors) -> Vec<Finding> {
        let wrong = links.iter().filter_map(|link| Some((link, link.verdict(anchors)?)));
        let wrong: Vec<_> = wrong.take(MAX_LINKS).collect();
        if wrong.is_empty() {
            return Vec::new();
        }
        let (path, entry) = self.files[number];
        let source = self.provenance.of(path);
        // Only a page that no author wrote is itself the place to name.
        let bytes = if source.is_none() { entry.read().unwrap_or_default() } else { bytes::Bytes::new() };
        let html = String::from_utf8_lossy(&bytes);
        let spots = Spots::new(path.as_str(), &html, source);
        wrong.into_iter().map(|(link, message)| link.finding(&spots, message)).collect()
    }

    fn feed(&self, path: &TreePath, entry: &Entry) -> Vec<Finding> {
        match feeds::kind(path.as_str()).map(|kind| (kind, entry.read())) {
            Some((kind, Ok(bytes))) => feeds::check(kind, path.as_str(), &bytes, &self.targets),
            Some((_, Err(error))) => vec![unreadable(path.as_str(), &error)],
            None => Vec::new(),
        }
    }
}

/// What is served: no dot files but `.well-known`, and not what says how to serve.
fn is_public(path: &TreePath) -> bool {
    path.names().all(|name| !name.starts_with('.') || name == ".well-known")
        && !matches!(path.as_str(), REDIRECTS | HEADERS)
}

/// The text of a file of rules; empty if there is none.
fn rules_in(tree: &Tree, path: &str, findings: &mut Vec<Finding>) -> String {
    match tree.get(path).map(Entry::read) {
        Some(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Some(Err(error)) => {
            findings.push(unreadable(path, &error));
            String::new()
        }
        None => String::new(),
    }
}

fn unreadable(path: &str, error: &io::Error) -> Finding {
    Finding::error(path, None, format!("can't be read: {error}; run the command again"))
}
