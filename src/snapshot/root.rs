//! The content root: the one name of a tree, however it was rendered, packed or unpacked.

use std::fmt;
use std::str::FromStr;

use super::digest::{Digest, DigestError, Hasher};
use super::tree::{Entry, Tree, TreePath};

/// SHA-256 over, for each file in bytewise path order: path, NUL, modification time in decimal seconds (empty if none),
/// NUL, hex SHA-256 of the bytes, LF. Written `sha256:<hex>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ContentRoot(Digest);

impl ContentRoot {
    /// The root of `tree`.
    pub fn of(tree: &Tree) -> Self {
        let mut hasher = RootHasher::default();
        for (path, entry) in tree.iter() {
            hasher.add(path, entry);
        }
        hasher.finish()
    }

    /// The root as a digest.
    pub fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for ContentRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ContentRoot {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// Computes a [`ContentRoot`] from entries as they come, without a tree.
#[derive(Default)]
pub struct RootHasher(Hasher);

impl RootHasher {
    /// Takes the next entry; paths come in bytewise order.
    pub fn add(&mut self, path: &TreePath, entry: &Entry) {
        let modified = entry.modified().map(|time| time.seconds().to_string()).unwrap_or_default();
        for part in [path.as_str(), "\0", &modified, "\0", &entry.digest().hex(), "\n"] {
            self.0.update(part.as_bytes());
        }
    }

    /// The root of all entries taken.
    pub fn finish(self) -> ContentRoot {
        ContentRoot(self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Modified;
    use super::*;
    use bytes::Bytes;

    /// The format is public (formats.md): instances of other versions compute the same root.
    #[test]
    fn the_root_is_the_hash_of_the_documented_lines() {
        let mut tree = Tree::new();
        let page = Entry::new(Bytes::from_static(b"b"), Modified::from_seconds(12));
        tree.insert(TreePath::new("b/index.html").unwrap(), page).unwrap();
        tree.insert(TreePath::new("a.css").unwrap(), Entry::new(Bytes::from_static(b"a"), None)).unwrap();
        let (a, b) = (Digest::of(b"a").hex(), Digest::of(b"b").hex());
        let text = format!("a.css\0\0{a}\nb/index.html\x0012\0{b}\n");
        assert_eq!(ContentRoot::of(&tree).digest(), Digest::of(text.as_bytes()));
    }
}
