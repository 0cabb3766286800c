//! What is known of the files that are served, as far as the next release may be built upon it.

use std::sync::Arc;

use super::state::Record;
use crate::image::{ContentError, Index, Room, StoredLayer, base_content, content_onto};
use crate::snapshot::{Content, ContentRoot, Digest, Tree};

/// The layers of what is served, and what they give. The bytes of its files are in the snapshot.
///
/// Of a release that puts a layer on top of these, that layer is unpacked. Where deltas were merged, it is all but the base, which is
/// nearly all of a blog.
#[derive(Clone, Debug)]
pub struct Served {
    /// The digests of its layers, lowest first.
    layers: Vec<Digest>,
    /// What the lowest layer gives.
    base: Arc<Tree>,
    /// What all layers give.
    all: Arc<Tree>,
}

/// The release that an instance begins with.
#[derive(Clone, Debug)]
pub struct Booted {
    /// What is known of it.
    pub record: Record,
    /// What the next one may be built upon.
    pub served: Served,
}

impl Served {
    /// Of `layers`, of which the lowest gives `base`, and which give `all` together.
    pub(super) fn new(layers: Vec<Digest>, base: Arc<Tree>, all: &Tree) -> Self {
        Self { layers, base, all: Arc::new(all.as_served()) }
    }

    /// The digests of those of its files that lie on a disk.
    pub(super) fn media(&self) -> Vec<Digest> {
        media(&self.all)
    }

    /// What can be kept of it for a release with these `layers`, lowest first.
    pub(super) fn below(&self, layers: &[Digest]) -> Option<Below> {
        let has = |count: usize| count > 0 && layers.get(..count) == Some(&self.layers[..count]);
        let (count, tree) = match self.layers.len() {
            all if has(all) => (all, &self.all),
            0 => return None,
            _ if has(1) => (1, &self.base),
            _ => return None,
        };
        Some(Below { layers: count, tree: Arc::clone(tree), base: Arc::clone(&self.base) })
    }
}

/// The digests of those files of `tree` that lie on a disk.
pub(super) fn media(tree: &Tree) -> Vec<Digest> {
    let lie_there = tree.iter().filter(|(_, entry)| matches!(entry.content(), Content::File(_)));
    lie_there.map(|(_, entry)| entry.digest()).collect()
}

/// The lower layers of a release, which are not unpacked again.
#[derive(Debug)]
pub(super) struct Below {
    /// How many they are.
    pub(super) layers: usize,
    tree: Arc<Tree>,
    base: Arc<Tree>,
}

/// What layers give.
pub(super) struct Unpacked {
    pub(super) tree: Tree,
    /// What the lowest of them gives, without the bytes of its files.
    pub(super) base: Arc<Tree>,
    pub(super) root: ContentRoot,
}

/// Unpacks `layers`, which lie on top of `below`, and checks that they give what `index` promises.
pub(super) fn unpack(
    below: Option<&Below>,
    name: &str,
    index: &Index,
    layers: &[StoredLayer],
    room: Option<&Room>,
) -> Result<Unpacked, ContentError> {
    let (below, base, above) = match (below, layers.split_first()) {
        (Some(below), _) => (Arc::clone(&below.tree), Arc::clone(&below.base), layers),
        (None, Some((lowest, above))) => {
            let base = base_content(lowest, room)?;
            let served = Arc::new(base.as_served());
            (Arc::new(base), served, above)
        }
        (None, None) => Default::default(),
    };
    let (tree, root) = content_onto(&below, name, index, above, room)?;
    Ok(Unpacked { tree, base, root })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_layers_are_kept_or_the_base_or_none() {
        let digest = |name: &str| Digest::of(name.as_bytes());
        let layers = |names: &str| names.split_whitespace().map(digest).collect::<Vec<_>>();
        let served = |names: &str| Served { layers: layers(names), base: Arc::default(), all: Arc::default() };
        for (has, wants, kept) in [
            ("base one", "base one two", Some(2)),
            ("base one", "base one", Some(2)),
            ("base one two", "base merged", Some(1)),
            ("base one two", "base", Some(1)),
            ("base", "base one", Some(1)),
            ("base one", "other one", None),
            ("base", "", None),
            ("", "base", None),
            ("", "", None),
        ] {
            let below = served(has).below(&layers(wants));
            assert_eq!(below.map(|below| below.layers), kept, "{has} · {wants}");
        }
    }
}
