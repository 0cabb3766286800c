//! What leads from the files of some layers to a tree: whiteouts, folders in the place of files, and files.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{Changes, Listed, Listing};
use crate::snapshot::{Difference, Entry, Tree, TreePath};

/// The files that layers amount to.
pub(super) type Files = BTreeMap<TreePath, Listed>;

/// A delta layer before it is packed.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    /// What is gone; a folder of which nothing is left stands for all that was in it.
    pub(super) hidden: BTreeSet<String>,
    /// Folders that stand where a file was: unpackers make no folder in a file's place by themselves.
    pub(super) folders: BTreeSet<String>,
    /// Files that are new or changed.
    pub(super) files: BTreeMap<&'a TreePath, &'a Entry>,
}

impl<'a> Delta<'a> {
    /// What has to be done to `files` for it to become `tree`.
    pub(super) fn between(files: &Files, tree: &'a Tree) -> Self {
        let before = files.iter().map(|(path, listed)| (path, listed.version));
        let found = Difference::between(before, tree.versions());
        let mut delta = Self::default();
        for path in &found.removed {
            delta.remove(path, tree);
        }
        let new = found.added.iter().chain(&found.changed);
        delta.files.extend(new.filter_map(|path| tree.get_key_value(path.as_str())));
        delta
    }

    /// Hides `path`, or the topmost folder on the way there that is gone with it. Where a file has taken the place of a folder,
    /// that hides what was in it.
    fn remove(&mut self, path: &TreePath, tree: &Tree) {
        let text = path.as_str();
        for (at, _) in text.match_indices('/') {
            let folder = &text[..at];
            if tree.get(folder).is_some() {
                return;
            }
            if !tree.has_folder(folder) {
                self.hidden.insert(folder.to_owned());
                return;
            }
        }
        if tree.has_folder(text) {
            self.folders.insert(text.to_owned());
        } else {
            self.hidden.insert(text.to_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hidden.is_empty() && self.folders.is_empty() && self.files.is_empty()
    }

    /// The layer without its bytes.
    pub(super) fn listing(&self) -> Listing {
        let files = self.files.iter().map(|(path, entry)| ((*path).clone(), Listed::from(*entry)));
        Changes { hidden: self.hidden.clone(), files: files.collect() }
    }
}

/// The bytes of `listing` that `files`, what the layers amount to in the end, still show.
pub(super) fn live_bytes(listing: &Listing, files: &Files) -> u64 {
    let live = listing.files.iter().filter(|(path, listed)| files.get(*path) == Some(*listed));
    live.map(|(_, listed)| listed.length).sum()
}
