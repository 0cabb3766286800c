//! Snapshots of releases that were served, or are about to be gone back to: a rollback to them reads nothing.

use std::sync::Arc;

use crate::follow::served::Served;
use crate::snapshot::{Digest, Snapshot};

/// Beside those that are named they may take so large a part of the memory that content may take.
const SHARE: u64 = 8;
/// Where that has no limit, they may take so much.
const UNLIMITED: u64 = 64 << 20;

/// What a rollback needs: the files, and what is known of them if they came from a release.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) served: Option<Served>,
}

/// Ways back, the latest first.
#[derive(Debug, Default)]
pub(super) struct Ready(Vec<(Digest, Way)>);

impl Ready {
    pub(super) fn get(&self, digest: Digest) -> Option<&Way> {
        self.0.iter().find(|(known, _)| *known == digest).map(|(_, way)| way)
    }

    pub(super) fn put(&mut self, digest: Digest, way: Way) {
        self.0.retain(|(known, _)| *known != digest);
        self.0.insert(0, (digest, way));
    }

    /// Adds one that others go before where memory is short.
    pub(super) fn add(&mut self, digest: Digest, way: Way) {
        if self.get(digest).is_none() {
            self.0.push((digest, way));
        }
    }

    /// Keeps those that are `named`, and of the others that are `kept` as many as there is memory for beside what is `served`: with
    /// it they share what they have in common.
    pub(super) fn fit(&mut self, served: &Snapshot, named: &[Digest], kept: impl Fn(Digest) -> bool) {
        let mut room = served.memory().map_or(UNLIMITED, |memory| memory / SHARE);
        self.0.retain(|(digest, way)| {
            if named.contains(digest) {
                return true;
            }
            let left = kept(*digest).then(|| room.checked_sub(way.snapshot.apart_from(served))).flatten();
            room = left.unwrap_or(room);
            left.is_some()
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::snapshot::{Entry, Freezing, Tree, TreePath, freeze_with};

    #[test]
    fn as_many_are_ready_as_there_is_memory_for() {
        let frozen = |text: &str, memory| {
            let mut tree = Tree::new();
            let entry = Entry::new(Bytes::from(text.repeat(5000)), None);
            tree.insert(TreePath::new("index.html").unwrap(), entry).unwrap();
            Arc::new(freeze_with(&tree, &Freezing { memory: Some(memory), ..Freezing::default() }).unwrap())
        };
        let digest = |text: &str| Digest::of(text.as_bytes());
        let left = |memory: u64, gone: &str| {
            let mut ready = Ready::default();
            for text in ["a", "b", "c", "d"] {
                ready.put(digest(text), Way { snapshot: frozen(text, memory), served: None });
            }
            ready.fit(&frozen("e", memory), &[digest("a")], |known| known != digest(gone));
            ["a", "b", "c", "d"].into_iter().filter(|text| ready.get(digest(text)).is_some()).collect::<String>()
        };
        assert_eq!(left(0, ""), "a");
        assert_eq!(left(8 * 11_000, ""), "acd");
        assert_eq!(left(8 * 11_000, "d"), "abc");
        assert_eq!(left(8 * 100_000, ""), "abcd");
    }
}
