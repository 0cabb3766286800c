//! What a content layer does to those below it.

use std::collections::{BTreeMap, BTreeSet};

use crate::snapshot::{Entry, FileVersion, TreePath, below};

/// Where the tree lies in an image.
pub(super) const SITE: &str = "site/";
/// The prefix of a name that hides one from the layers below (layer.md, "Whiteouts").
pub(super) const WHITEOUT: &str = ".wh.";
/// Hides everything that the layers below have in its folder.
pub(super) const OPAQUE: &str = ".wh..wh..opq";

/// Files by path, and what is hidden of the layers below. `T` is a file with its bytes, or what is known of it without them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<T> {
    /// Paths below `site/` that are hidden with all that lies in them; `""` is the whole site.
    pub hidden: BTreeSet<String>,
    /// The layer's own files: nothing of the layer itself hides them.
    pub files: BTreeMap<TreePath, T>,
}

/// A file in a layer without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What the file is.
    pub version: FileVersion,
    /// The number of its bytes.
    pub length: u64,
}

/// A layer without the bytes of its files: what a later layer has to know of it.
pub type Listing = Changes<Listed>;

impl From<&Entry> for Listed {
    fn from(entry: &Entry) -> Self {
        Self { version: FileVersion::from(entry), length: entry.length() }
    }
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self { hidden: BTreeSet::new(), files: BTreeMap::new() }
    }
}

impl<T> Changes<T> {
    /// Does to `files`, those of the layers below, what this layer does to them. A file takes the place of a folder and a
    /// folder that of a file, as in a stack of file systems.
    pub fn apply_to(self, files: &mut BTreeMap<TreePath, T>) {
        if self.hidden.contains("") {
            files.clear();
        }
        for hidden in &self.hidden {
            files.remove(hidden.as_str());
            remove_below(files, hidden);
        }
        for path in self.files.keys() {
            for (at, _) in path.as_str().match_indices('/') {
                files.remove(&path.as_str()[..at]);
            }
            remove_below(files, path.as_str());
        }
        files.extend(self.files);
    }
}

fn remove_below<T>(files: &mut BTreeMap<TreePath, T>, folder: &str) {
    let below: Vec<TreePath> = below(files, folder).map(|(path, _)| path.clone()).collect();
    for path in below {
        files.remove(&path);
    }
}
