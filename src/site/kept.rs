//! What was read of a site, for reading it again in the same process.
//!
//! Nothing here is trusted further than the caller's word for what has not changed: what is named in [`Changes`] is read
//! again, and in doubt everything is, with only its parsing spared where the bytes are the same.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::files::{Files, Kind, Listed, Listing};
use super::page::Page;
use crate::finding::Finding;

/// What may have changed since a site was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Anything.
    All,
    /// No other files than these, which are relative to the site's folder; a name may also be that of a folder.
    Files(BTreeSet<String>),
}

impl Changes {
    /// Whether the file at `path` may have changed.
    pub fn may_be(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Files(files) => files.contains(path),
        }
    }

    /// Whether anything below the folder `folder` may have changed.
    pub fn touch(&self, folder: &str) -> bool {
        match self {
            Self::All => true,
            Self::Files(files) => files.iter().any(|path| is_below(path, folder)),
        }
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// One source file as it was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) hash: u128,
    pub(super) page: Option<Arc<Page>>,
    pub(super) findings: Vec<Finding>,
}

/// What was at a path when the site was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// A file that was read.
    File,
    /// A folder with such files in it.
    Folder,
    /// Neither.
    Nothing,
}

/// What earlier readings of one site found.
#[derive(Debug, Default)]
pub struct Kept {
    /// galley.toml as it was: what it says decides how pages are read.
    config: Vec<u8>,
    listings: HashMap<String, Vec<Listed>>,
    pages: HashMap<String, Read>,
    /// Where each page came in order, by the place in memory that it is held at.
    order: HashMap<usize, u32>,
    /// How often the site was read.
    readings: u64,
    /// The reading in which anything may have changed.
    doubted: u64,
    /// The last reading before which a file changed, where that is a later one.
    changed: HashMap<String, u64>,
}

impl Kept {
    /// To be called before a reading: what is in doubt is forgotten.
    pub(super) fn begin(&mut self, config: &[u8], changes: &Changes) {
        self.readings += 1;
        if self.config != config {
            self.config = config.to_vec();
            self.pages.clear();
        }
        match changes {
            Changes::All => {
                self.doubted = self.readings;
                self.changed.clear();
                self.listings.clear();
            }
            Changes::Files(files) => {
                self.changed.extend(files.iter().map(|path| (path.clone(), self.readings)));
            }
        }
    }

    /// What was at `path`, among pages and assets.
    pub fn knows(&self, path: &str) -> Known {
        for listed in self.listings.values() {
            match listed.binary_search_by(|file| file.path.as_str().cmp(path)) {
                Ok(_) => return Known::File,
                Err(_) => {
                    // A folder's files begin behind what sorts before `/`.
                    let at = listed.partition_point(|file| *file.path < *format!("{path}/"));
                    if listed.get(at).is_some_and(|file| is_below(&file.path, path)) {
                        return Known::Folder;
                    }
                }
            }
        }
        Known::Nothing
    }

    /// The reading in which the file at `path` was last looked at.
    pub(super) fn seen(&self, path: &str) -> u64 {
        self.changed.get(path).copied().unwrap_or(self.doubted)
    }

    /// The files below `root`, from memory if the changes left the names of all as they were.
    pub(super) fn list(
        &mut self,
        files: &Files,
        root: &str,
        changes: &Changes,
        skip: impl Fn(&str) -> bool,
    ) -> Listing {
        let known = self.listings.remove(root).filter(|_| matches!(changes, Changes::Files(_)));
        if let Some(listed) = known.and_then(|listed| adapt(listed, files, root, changes)) {
            self.listings.insert(root.to_owned(), listed.clone());
            return Listing { files: listed, errors: Vec::new() };
        }
        let listing = files.list(root, skip);
        if listing.errors.is_empty() {
            self.listings.insert(root.to_owned(), listing.files.clone());
        }
        listing
    }

    /// What was read at `path`, if it has not changed since.
    pub(super) fn unchanged(&self, path: &str, changes: &Changes) -> Option<&Read> {
        self.pages.get(path).filter(|_| !changes.may_be(path))
    }

    /// What was read at `path`, if it was the same bytes.
    pub(super) fn same(&self, path: &str, hash: u128) -> Option<&Read> {
        self.pages.get(path).filter(|read| read.hash == hash)
    }

    /// Keeps what was read; `None` forgets what could not be.
    pub(super) fn keep(&mut self, path: &str, read: Option<Read>) {
        match read {
            Some(read) => drop(self.pages.insert(path.to_owned(), read)),
            None => drop(self.pages.remove(path)),
        }
    }

    /// Forgets sources that are gone, if there are many.
    pub(super) fn sweep(&mut self, sources: usize) {
        if self.pages.len() > sources * 2 + 64 {
            self.pages.clear();
        }
    }

    /// Puts pages in the order that they had: sorting what is sorted costs little.
    pub(super) fn arrange(&self, pages: &mut [Arc<Page>]) {
        if !self.order.is_empty() {
            pages.sort_by_cached_key(|page| self.order.get(&address(page)).copied().unwrap_or(u32::MAX));
        }
    }

    /// Takes the pages as they are after they were put in order and got their histories, so that the next reading need
    /// not do it again.
    pub fn settle<'p>(&mut self, pages: impl Iterator<Item = &'p Arc<Page>>) {
        self.order.clear();
        for (place, page) in (0..).zip(pages) {
            self.order.insert(address(page), place);
            if let Some(kept) = self.pages.get_mut(&page.source).and_then(|read| read.page.as_mut())
                && !Arc::ptr_eq(kept, page)
            {
                *kept = Arc::clone(page);
            }
        }
    }
}

/// Pages that are held at the same time have different ones.
fn address(page: &Arc<Page>) -> usize {
    Arc::as_ptr(page).addr()
}

/// The listing with the lengths of changed files as they are now; `None` if a name came, went or became something else.
fn adapt(mut listed: Vec<Listed>, files: &Files, root: &str, changes: &Changes) -> Option<Vec<Listed>> {
    let Changes::Files(changed) = changes else { return None };
    for path in changed.iter().filter(|path| is_below(path, root)) {
        let metadata = files.on_disk(path).and_then(|file| file.symlink_metadata().ok());
        let known = listed.binary_search_by(|file| file.path.as_str().cmp(path));
        match (known, metadata) {
            // A file that came and went in between.
            (Err(_), None) if !listed.iter().any(|file| is_below(&file.path, path)) => {}
            (Ok(at), Some(metadata)) if metadata.is_file() && listed[at].kind == Kind::Regular => {
                listed[at].length = metadata.len();
            }
            _ => return None,
        }
    }
    Some(listed)
}
