//! A site as its author left it: pages, sections, taxonomies and assets, read and put in order, nothing rendered.

mod date;
mod front_matter;
mod history;
mod load;
mod page;
mod permalink;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

pub use date::Date;
pub use history::{Revision, revision};
pub use load::{LoadError, Options, is_site, load};
pub use page::{Page, TAXONOMIES};
pub use permalink::{Permalink, slug};

use crate::config::Config;
use crate::finding::Finding;
use crate::snapshot::TreePath;

/// A site, read.
#[derive(Debug)]
pub struct Site {
    /// The folder it was read from.
    pub folder: PathBuf,
    /// galley.toml, resolved.
    pub config: Config,
    /// All pages that are to be rendered, in the order of their section.
    pub pages: Vec<Page>,
    /// All sections by their folder below the content; `""` is the home page's.
    pub sections: BTreeMap<String, Section>,
    /// Taxonomies that have a term.
    pub taxonomies: Vec<Taxonomy>,
    /// Files that are copied as they are.
    pub assets: Vec<Asset>,
    /// Where a link to a source file leads: content path (`posts/a.md`) → URL.
    pub links: HashMap<String, String>,
    /// What is wrong with the sources.
    pub findings: Vec<Finding>,
}

/// A folder of pages.
#[derive(Debug)]
pub struct Section {
    /// The title from `_index.md`, if it has one.
    pub title: Option<String>,
    /// The list page's address.
    pub permalink: Permalink,
    /// `_index.md`, if there is one.
    pub index: Option<Page>,
    /// Positions in [`Site::pages`]: newest first; without dates by weight and file name.
    pub pages: Vec<usize>,
}

/// A way to group pages.
#[derive(Debug)]
pub struct Taxonomy {
    /// `tags` or `categories`: the key in the front matter.
    pub name: &'static str,
    /// The page that lists its terms.
    pub permalink: Permalink,
    /// Its terms by slug.
    pub terms: Vec<Term>,
}

/// One value of a taxonomy.
#[derive(Debug)]
pub struct Term {
    /// The name as it was first written.
    pub name: String,
    /// The page that lists its pages.
    pub permalink: Permalink,
    /// Positions in [`Site::pages`], newest first.
    pub pages: Vec<usize>,
}

/// A file that is copied as it is.
#[derive(Debug)]
pub struct Asset {
    /// Where it is read from.
    pub file: PathBuf,
    /// The same, relative to the site's folder, for findings.
    pub source: String,
    /// Where it goes.
    pub output: TreePath,
}
