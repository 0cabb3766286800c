//! What makes one tree out of another: a delta layer packs it, and `galley diff` shows it.

use super::digest::Digest;
use super::tree::{Entry, Modified, Tree, TreePath};

/// What tells one version of a file from another, without its bytes: it can be kept where the bytes are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// The SHA-256 of the bytes.
    pub digest: Digest,
    /// The page's date: it is part of the content root, so that another date makes another file.
    pub modified: Option<Modified>,
}

impl From<&Entry> for FileVersion {
    fn from(entry: &Entry) -> Self {
        Self { digest: entry.digest(), modified: entry.modified() }
    }
}

/// The paths in which two trees differ, each list in bytewise path order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Only in the later one.
    pub added: Vec<TreePath>,
    /// In both, with other bytes or another date.
    pub changed: Vec<TreePath>,
    /// Only in the earlier one.
    pub removed: Vec<TreePath>,
}

impl Difference {
    /// What leads from the files `before` to the files `after`; both come in bytewise path order, as a tree or a
    /// `BTreeMap` yields them. The paths are unique on either side.
    pub fn between<'a>(
        before: impl IntoIterator<Item = (&'a TreePath, FileVersion)>,
        after: impl IntoIterator<Item = (&'a TreePath, FileVersion)>,
    ) -> Self {
        let mut found = Self::default();
        let mut before = before.into_iter().peekable();
        for (path, version) in after {
            while let Some((gone, _)) = before.next_if(|(earlier, _)| *earlier < path) {
                found.removed.push(gone.clone());
            }
            match before.next_if(|(earlier, _)| *earlier == path) {
                Some((_, earlier)) if earlier == version => {}
                Some(_) => found.changed.push(path.clone()),
                None => found.added.push(path.clone()),
            }
        }
        found.removed.extend(before.map(|(path, _)| path.clone()));
        found
    }

    /// What leads from one tree to another.
    pub fn of_trees(before: &Tree, after: &Tree) -> Self {
        Self::between(before.versions(), after.versions())
    }

    /// Whether nothing differs: both have the same content root.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::ContentRoot;

    fn tree(files: &[(&str, &str, i64)]) -> Tree {
        let mut tree = Tree::new();
        for (path, text, seconds) in files {
            let entry = Entry::new(Bytes::copy_from_slice(text.as_bytes()), Modified::from_seconds(*seconds));
            tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
        }
        tree
    }

    fn texts(paths: &[TreePath]) -> Vec<&str> {
        paths.iter().map(TreePath::as_str).collect()
    }

    #[test]
    fn each_path_is_where_it_belongs() {
        let before = tree(&[("a", "1", 0), ("b", "1", 0), ("c", "1", 5), ("d", "1", 0), ("z", "1", 0)]);
        let after = tree(&[("0", "1", 0), ("b", "1", 0), ("c", "1", 6), ("d", "2", 0), ("e", "1", 0)]);
        let found = Difference::of_trees(&before, &after);
        assert_eq!(texts(&found.added), ["0", "e"]);
        assert_eq!(texts(&found.changed), ["c", "d"], "a date alone is a change, too");
        assert_eq!(texts(&found.removed), ["a", "z"]);
        assert!(!found.is_empty());
    }

    #[test]
    fn a_tree_does_not_differ_from_itself() {
        let tree = tree(&[("a", "1", 0), ("b/c", "2", 3)]);
        assert!(Difference::of_trees(&tree, &tree).is_empty());
        assert!(Difference::of_trees(&Tree::new(), &Tree::new()).is_empty());
    }

    #[test]
    fn an_empty_side_makes_all_of_the_other_differ() {
        let tree = tree(&[("a", "1", 0), ("b", "2", 0)]);
        assert_eq!(texts(&Difference::of_trees(&Tree::new(), &tree).added), ["a", "b"]);
        assert_eq!(texts(&Difference::of_trees(&tree, &Tree::new()).removed), ["a", "b"]);
    }

    /// A list that was kept without the bytes stands for the tree that it was made of.
    #[test]
    fn a_kept_list_is_compared_like_a_tree() {
        let (before, after) = (tree(&[("a", "1", 0), ("b", "2", 0)]), tree(&[("b", "3", 0), ("c", "4", 0)]));
        let kept: BTreeMap<TreePath, FileVersion> =
            before.versions().map(|(path, version)| (path.clone(), version)).collect();
        let kept = kept.iter().map(|(path, version)| (path, *version));
        assert_eq!(Difference::between(kept, after.versions()), Difference::of_trees(&before, &after));
    }

    type Files = BTreeMap<String, (u8, i64)>;

    fn files() -> impl Strategy<Value = Files> {
        proptest::collection::btree_map("[a-d]/[a-d]", (0u8..3, 0i64..3), 0..12)
    }

    fn tree_of(files: &Files) -> Tree {
        let texts: Vec<_> = files.iter().map(|(path, (text, time))| (path, text.to_string(), time)).collect();
        let rows: Vec<_> = texts.iter().map(|(path, text, time)| (path.as_str(), text.as_str(), **time)).collect();
        tree(&rows)
    }

    proptest! {
        /// What a delta layer relies on: the difference is all that it takes.
        #[test]
        fn a_difference_applied_makes_the_later_tree(before in files(), after in files()) {
            let (earlier, later) = (tree_of(&before), tree_of(&after));
            let found = Difference::of_trees(&earlier, &later);
            let mut made = before;
            for path in &found.removed {
                prop_assert!(made.remove(path.as_str()).is_some());
            }
            for path in &found.added {
                prop_assert!(made.insert(path.to_string(), after[path.as_str()]).is_none());
            }
            for path in &found.changed {
                prop_assert!(made.insert(path.to_string(), after[path.as_str()]) != Some(after[path.as_str()]));
            }
            prop_assert_eq!(ContentRoot::of(&tree_of(&made)), ContentRoot::of(&later));
            prop_assert_eq!(found.is_empty(), ContentRoot::of(&earlier) == ContentRoot::of(&later));
        }
    }
}
