//! A site as its author left it: pages, sections, taxonomies and assets, read and put in order, nothing rendered.

mod data;
mod date;
mod files;
mod front_matter;
mod history;
mod kept;
mod load;
mod order;
mod page;
mod permalink;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

pub use date::Date;
pub use files::{Files, Kind, Listed, Listing, RevisionError};
pub use history::{Commit, CommitId, FileHistory, History, Revision, Stored, head, revision, revision_at};
pub use kept::{Changes, Kept, Known};
pub use load::{LoadError, Options, PARTS, attach_history, is_site, load, load_again, posts_folder};
pub use order::{dateless, term_slug};
pub use page::Page;
pub use permalink::{Permalink, slug};

use crate::config::Config;
use crate::config::SectionSettings;
use crate::config::TaxonomySettings;
use crate::finding::Finding;
use crate::snapshot::TreePath;

/// A site, read.
#[derive(Debug)]
pub struct Site {
    /// The folder it was read from.
    pub folder: PathBuf,
    /// The files of that folder, or of a commit.
    pub files: Files,
    /// galley.toml, resolved.
    pub config: Config,
    /// All pages that are to be rendered, in the order of their section.
    pub pages: Vec<Arc<Page>>,
    /// All sections by their folder below the content; `""` is the home page's.
    pub sections: BTreeMap<String, Section>,
    /// Taxonomies that have a term.
    pub taxonomies: Vec<Taxonomy>,
    /// Files that are copied as they are.
    pub assets: Vec<Asset>,
    /// Where a link to a source file leads: content path (`posts/a.md`) → URL.
    pub links: HashMap<String, String>,
    /// What lies in `data/`, by file name.
    pub data: Map<String, Value>,
    /// The commit that git says the site is at, whatever was changed since.
    pub head: Option<CommitId>,
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
    pub index: Option<Arc<Page>>,
    /// Positions in [`Site::pages`]: newest first; without dates by weight and file name.
    pub pages: Vec<usize>,
    /// The folders of the sections right below.
    pub subsections: Vec<String>,
    /// What galley.toml says of it.
    pub settings: SectionSettings,
}

/// A way to group pages.
#[derive(Debug)]
pub struct Taxonomy {
    /// The key in the front matter: `tags`, `series`.
    pub name: String,
    /// The page that lists its terms.
    pub permalink: Permalink,
    /// Its terms by slug.
    pub terms: Vec<Term>,
    /// What galley.toml says of it.
    pub settings: TaxonomySettings,
}

impl Taxonomy {
    /// Whether its terms are read from the first page to the last.
    pub fn is_series(&self) -> bool {
        self.name == order::SERIES
    }
}

/// One value of a taxonomy.
#[derive(Debug)]
pub struct Term {
    /// The name as it was first written.
    pub name: String,
    /// The page that lists its pages.
    pub permalink: Permalink,
    /// Positions in [`Site::pages`], newest first; those of a series from the first part on.
    pub pages: Vec<usize>,
}

/// A file that is copied as it is.
#[derive(Debug)]
pub struct Asset {
    /// Its path in the site's folder.
    pub source: String,
    /// Its bytes.
    pub length: u64,
    /// Where it goes.
    pub output: TreePath,
    /// In which reading of the site it was last looked at, where readings are counted: as long as the number stays, the
    /// file is the same.
    pub seen: Option<u64>,
}
