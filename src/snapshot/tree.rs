//! A tree of files with checked paths: what rendering yields and what a layer carries.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::difference::FileVersion;
use super::digest::{Digest, Hasher};
use super::header_rules::HEADERS;
use super::policy::is_immutable;
use super::redirects::REDIRECTS;

/// The longest path in bytes: beyond it ustar and most file systems need special care, and no page needs it.
const MAX_PATH: usize = 1024;
/// The longest name of a file or folder in bytes, as ext4 and most others have it.
const MAX_NAME: usize = 255;

/// A relative path with `/` between its parts, in UTF-8 and NFC, without `.`, `..`, empty parts, backslashes or control
/// characters. `posts/hello/index.html`, never `/posts`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// Why a path or an entry was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    /// The path breaks a rule of [`TreePath`].
    #[error("`{path}` can't be a path of the site: {reason}")]
    Path {
        /// The path as it was given, control characters escaped.
        path: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// Two entries would be one file on a system that folds case, or a file and a folder have one name.
    #[error("`{0}` and `{1}` would be the same file; rename one of them")]
    Collision(TreePath, TreePath),
}

impl TreePath {
    /// Checks `path`; a path that is not in NFC is brought there.
    pub fn new(path: &str) -> Result<Self, TreeError> {
        let refuse = |reason| {
            let path = path.chars().take(80).flat_map(char::escape_default).collect();
            Err(TreeError::Path { path, reason })
        };
        if path.len() > MAX_PATH {
            return refuse("it is longer than 1024 bytes");
        }
        if path.chars().any(|c| c.is_control() || c == '\\') {
            return refuse("it has a control character or a backslash");
        }
        for name in path.split('/') {
            match name {
                "" => return refuse("it is absolute, empty or has an empty part"),
                "." | ".." => return refuse("`.` and `..` are not allowed"),
                _ if name.len() > MAX_NAME => return refuse("one of its names is longer than 255 bytes"),
                _ => {}
            }
        }
        match is_nfc_quick(path.chars()) {
            IsNormalized::Yes => Ok(Self(path.to_owned())),
            _ => Ok(Self(path.nfc().collect())),
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, the file's name last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Where the path lies below `folder`.
    pub fn below(&self, folder: &Path) -> PathBuf {
        self.names().fold(folder.to_path_buf(), |path, name| path.join(name))
    }

    fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

/// Paths are ordered and hashed as their text.
impl Borrow<str> for TreePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When a page was last modified, in seconds since 1970; what has no such date, or one before 1970, has no value of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Modified(NonZeroU64);

impl Modified {
    /// `None` for 0 and for times before 1970: in an archive 0 means "no time".
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        u64::try_from(seconds).ok().and_then(NonZeroU64::new).map(Self)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn seconds(self) -> u64 {
        self.0.get()
    }
}

/// Where the bytes of an entry are.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// In a file, read when they are needed, so that media are not held in memory.
    File(PathBuf),
    /// In the snapshot that is served, and nowhere else: freezing takes them over from there.
    Served,
}

/// One file of a tree.
#[derive(Clone, Debug)]
pub struct Entry {
    content: Content,
    digest: Digest,
    length: u64,
    modified: Option<Modified>,
}

impl Entry {
    /// An entry of bytes in memory.
    pub fn new(bytes: Bytes, modified: Option<Modified>) -> Self {
        let (digest, length) = (Digest::of(&bytes), bytes.len() as u64);
        Self { content: Content::Bytes(bytes), digest, length, modified }
    }

    /// The same where their digest is known.
    pub(crate) fn hashed(bytes: Bytes, digest: Digest, modified: Option<Modified>) -> Self {
        Self { length: bytes.len() as u64, content: Content::Bytes(bytes), digest, modified }
    }

    /// An entry whose bytes stay in the file at `path`, which is read once now for its digest.
    pub fn file(path: PathBuf, modified: Option<Modified>) -> io::Result<Self> {
        let (digest, length) = Hasher::of_reader(File::open(&path)?)?;
        Ok(Self { content: Content::File(path), digest, length, modified })
    }

    /// An entry whose bytes lie in the file at `path` and are known from when they were written there.
    pub fn known(path: PathBuf, digest: Digest, length: u64, modified: Option<Modified>) -> Self {
        Self { content: Content::File(path), digest, length, modified }
    }

    /// Whether the bytes are read from the file at `path`.
    pub fn lies_at(&self, path: &Path) -> bool {
        matches!(&self.content, Content::File(file) if file == path)
    }

    /// Whether its bytes are in memory.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.content, Content::Bytes(_) | Content::Served)
    }

    /// Whether its bytes are those of the snapshot that is served.
    pub fn is_served(&self) -> bool {
        matches!(self.content, Content::Served)
    }

    /// What is known of the entry, with nothing of its bytes in memory.
    pub fn without_bytes(&self) -> Self {
        let content = match &self.content {
            Content::Bytes(_) => Content::Bytes(Bytes::new()),
            Content::File(path) => Content::File(path.clone()),
            Content::Served => Content::Served,
        };
        Self { content, ..*self }
    }

    /// Whether the other one is the same file: bytes, date, and the place that they are read from.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_place = match (&self.content, &other.content) {
            (Content::Bytes(_), Content::Bytes(_)) => true,
            (Content::File(path), Content::File(other)) => path == other,
            _ => false,
        };
        same_place && self.digest == other.digest && self.modified == other.modified
    }

    /// The SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The page's date, if it has one.
    pub fn modified(&self) -> Option<Modified> {
        self.modified
    }

    /// Where the bytes are.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// All bytes. A file that is no longer what it was when the entry was made is an error: its digest is already part
    /// of a content root.
    pub fn read(&self) -> io::Result<Bytes> {
        match &self.content {
            Content::Bytes(bytes) => Ok(bytes.clone()),
            Content::File(path) => {
                let bytes = Bytes::from(std::fs::read(path)?);
                if Digest::of(&bytes) != self.digest {
                    let message = format!("{}: changed while it was read; run the command again", path.display());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
                Ok(bytes)
            }
            Content::Served => {
                let message = "the bytes are those of a snapshot that is no longer served";
                Err(io::Error::new(io::ErrorKind::NotFound, message))
            }
        }
    }
}

/// Entries by path, in bytewise path order. Paths are unique without regard to case, and no file stands where another
/// entry needs a folder, so that a tree can be written to any file system.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    entries: BTreeMap<TreePath, Entry>,
    folded: Folded,
}

impl Tree {
    /// A tree without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known of the tree once a snapshot of it is served: nothing of it is in memory twice. Files of rules are read at each
    /// freezing, and stay, and so does what lies on a disk.
    pub fn as_served(&self) -> Self {
        let mut tree = self.clone();
        for (path, entry) in &mut tree.entries {
            if !matches!(path.as_str(), HEADERS | REDIRECTS) && !matches!(entry.content, Content::File(_)) {
                entry.content = Content::Served;
            }
        }
        tree
    }

    /// The files whose names hold their own hashes, and the rules of their fields: pages that readers have open ask for them after
    /// the release is gone.
    pub fn fingerprinted(&self) -> Self {
        let is_kept = |path: &TreePath, entry: &Entry| is_immutable(path, entry.digest) || path.as_str() == HEADERS;
        let entries = self.entries.iter().filter(|(path, entry)| is_kept(path, entry));
        Self {
            entries: entries.map(|(path, entry)| (path.clone(), entry.clone())).collect(),
            folded: Folded::default(),
        }
    }

    /// How many files have names that hold their own hashes.
    pub fn count_fingerprinted(&self) -> usize {
        self.entries.iter().filter(|(path, entry)| is_immutable(path, entry.digest)).count()
    }

    /// Adds an entry under a path that is not there yet.
    pub fn insert(&mut self, path: TreePath, entry: Entry) -> Result<(), TreeError> {
        self.folded.claim(&path)?;
        self.entries.insert(path, entry);
        Ok(())
    }

    /// All entries in bytewise path order, to be replaced; their paths stay.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&TreePath, &mut Entry)> {
        self.entries.iter_mut()
    }

    /// The entry at `path`.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The entry at `path`, with its path.
    pub fn get_key_value(&self, path: &str) -> Option<(&TreePath, &Entry)> {
        self.entries.get_key_value(path)
    }

    /// Whether anything lies in `folder`.
    pub fn has_folder(&self, folder: &str) -> bool {
        below(&self.entries, folder).next().is_some()
    }

    /// All entries in bytewise path order.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Entry)> {
        self.entries.iter()
    }

    /// What tells each file's version from others, in bytewise path order.
    pub fn versions(&self) -> impl Iterator<Item = (&TreePath, FileVersion)> {
        self.entries.iter().map(|(path, entry)| (path, entry.into()))
    }

    /// The number of files.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of all files.
    pub fn length(&self) -> u64 {
        self.entries.values().map(Entry::length).sum()
    }
}

/// What of `files` lies in `folder`, at any depth.
pub fn below<'a, T>(
    files: &'a BTreeMap<TreePath, T>,
    folder: &str,
) -> impl Iterator<Item = (&'a TreePath, &'a T)> + use<'a, T> {
    let prefix = format!("{folder}/");
    let from: (Bound<&str>, Bound<&str>) = (Bound::Excluded(&prefix), Bound::Unbounded);
    let found = files.range::<str, _>(from);
    found.take_while(move |(path, _)| path.0.starts_with(&prefix))
}

/// Names taken so far, by their case-folded spelling.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folded {
    files: HashMap<String, TreePath>,
    folders: HashMap<String, TreePath>,
}

impl Folded {
    /// Takes `path`, unless another file or folder has its name.
    pub(crate) fn claim(&mut self, path: &TreePath) -> Result<(), TreeError> {
        let collision = |other: &TreePath| Err(TreeError::Collision(other.clone(), path.clone()));
        let name = path.0.to_lowercase();
        if let Some(other) = self.files.get(&name).or_else(|| self.folders.get(&name)) {
            return collision(other);
        }
        for folder in path.folders() {
            let folder = folder.to_lowercase();
            if let Some(other) = self.files.get(&folder) {
                return collision(other);
            }
            self.folders.entry(folder).or_insert_with(|| path.clone());
        }
        self.files.insert(name, path.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text).unwrap()
    }

    #[test]
    fn paths_that_could_leave_the_tree_are_refused() {
        let long = "a".repeat(256);
        for text in ["", "/etc/passwd", "a//b", "a/", "../a", "a/../b", "./a", "a\\b", "a\0b", "a\nb", &long] {
            assert!(matches!(TreePath::new(text), Err(TreeError::Path { .. })), "{text:?}");
        }
        assert_eq!(path("posts/über/index.html").as_str(), "posts/über/index.html");
    }

    #[test]
    fn decomposed_letters_are_composed() {
        assert_eq!(path("u\u{308}ber"), path("über"));
    }

    #[test]
    fn names_that_differ_in_case_only_collide() {
        let mut tree = Tree::new();
        let entry = || Entry::new(Bytes::from_static(b"x"), None);
        tree.insert(path("About/index.html"), entry()).unwrap();
        assert!(tree.insert(path("about/index.html"), entry()).is_err());
        assert!(tree.insert(path("ABOUT"), entry()).is_err());
        assert!(tree.insert(path("about/Index.html/x"), entry()).is_err());
        assert_eq!(tree.len(), 1);
    }

    #[test]
    fn a_file_that_changes_after_it_was_hashed_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        std::fs::write(&file, "one").unwrap();
        let entry = Entry::file(file.clone(), None).unwrap();
        assert_eq!(entry.read().unwrap(), "one");
        std::fs::write(&file, "two").unwrap();
        assert!(entry.read().unwrap_err().to_string().contains("changed while it was read"));
    }
}
