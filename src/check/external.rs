//! Links that lead to other hosts.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use rayon::prelude::*;

use crate::finding::Position;
use crate::snapshot::Tree;

use super::page::{Page, Role};
use super::spot::Spots;
use super::targets::{Place, Targets};
use super::{Options, Provenance, Site, text};

/// A page of another host that the site links to or loads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExternalLink {
    /// The URL without its fragment, beginning with `http:` or `https:`.
    pub url: String,
    /// The file with the first link to it: the author's, if an author wrote the page, else the page.
    pub path: String,
    /// Where in that file, if it is known.
    pub position: Option<Position>,
}

/// All links of `tree` to other hosts, each once, by URL. Links to the site itself and to the reader's own machine are
/// none of them.
pub fn external_links(tree: &Tree, provenance: &Provenance, options: &Options) -> Vec<ExternalLink> {
    let site = Site::new(tree, provenance, options, &mut Vec::new());
    let first = site.pages().map(|number| site.urls(number)).reduce(HashMap::new, merge);
    let mut by_page: HashMap<usize, Vec<String>> = HashMap::new();
    for (url, number) in first {
        by_page.entry(number).or_default().push(url);
    }
    let pages: Vec<_> = by_page.into_iter().collect();
    let mut links: Vec<_> = pages.par_iter().flat_map_iter(|(number, urls)| site.locate(*number, urls)).collect();
    links.sort_unstable();
    links
}

/// The first page by URL.
fn merge(mut one: HashMap<String, usize>, mut other: HashMap<String, usize>) -> HashMap<String, usize> {
    if one.len() < other.len() {
        std::mem::swap(&mut one, &mut other);
    }
    for (url, number) in other {
        match one.entry(url) {
            Slot::Occupied(mut slot) => *slot.get_mut() = number.min(*slot.get()),
            Slot::Vacant(slot) => drop(slot.insert(number)),
        }
    }
    one
}

impl Site<'_> {
    fn urls(&self, number: usize) -> HashMap<String, usize> {
        // What can't be read is told by the check.
        let Ok(bytes) = self.files[number].1.read() else { return HashMap::new() };
        let html = String::from_utf8_lossy(&bytes);
        let page = Page::of(&html);
        let urls = page.references.iter().filter(|reference| reference.role != Role::Relation);
        urls.filter_map(|reference| external(&self.targets, &reference.url)).map(|url| (url, number)).collect()
    }

    fn locate(&self, number: usize, urls: &[String]) -> Vec<ExternalLink> {
        let (path, entry) = self.files[number];
        let bytes = entry.read().unwrap_or_default();
        let html = String::from_utf8_lossy(&bytes);
        let page = Page::of(&html);
        let spots = Spots::new(path.as_str(), &html, self.provenance.of(path));
        let mut wanted: HashMap<&str, ()> = urls.iter().map(|url| (url.as_str(), ())).collect();
        let mut links = Vec::with_capacity(urls.len());
        for reference in page.references.iter().filter(|reference| reference.role != Role::Relation) {
            let Some(url) = external(&self.targets, &reference.url) else { continue };
            if wanted.remove(url.as_str()).is_some() {
                let spot = spots.link(&reference.url, reference.at, reference.nth);
                links.push(ExternalLink { url, path: spot.path, position: spot.position });
            }
        }
        links
    }
}

/// The URL to ask for, if `url` is one of another host.
fn external(targets: &Targets<'_>, url: &str) -> Option<String> {
    if targets.place(url) != Place::Elsewhere {
        return None;
    }
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    Some(match text::scheme(url) {
        Some(_) => url.to_owned(),
        None => format!("https:{url}"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{provenance, tree};
    use super::*;

    #[test]
    fn each_link_to_another_host_comes_once_with_its_first_place() {
        let tree = tree(&[
            ("a/index.html", "<a href='https://b.example/x#y'>1</a> <a href='//c.example/'>2</a><a href=/>3</a>"),
            ("b/index.html", "<a href='https://b.example/x'>1</a><img src='http://d.example/ü.png'>"),
            (
                "c/index.html",
                "<a href='https://own.example/z'></a><a href='http://localhost:1/'></a><a href=mailto:a@b></a>\
                <link rel=canonical href='https://e.example/'>",
            ),
        ]);
        let options = Options { base_url: Some("https://own.example".to_owned()) };
        let provenance =
            provenance(&[("a/index.html", "content/a.md", "[1](https://b.example/x#y)\n<//c.example/>\n")]);
        let links = external_links(&tree, &provenance, &options);
        let links: Vec<_> =
            links.iter().map(|it| (&*it.url, &*it.path, it.position.map(|at| (at.line, at.column)))).collect();
        assert_eq!(
            links,
            [
                ("http://d.example/ü.png", "b/index.html", Some((1, 41))),
                ("https://b.example/x", "content/a.md", Some((1, 5))),
                ("https://c.example/", "content/a.md", Some((2, 2))),
            ]
        );
    }
}
