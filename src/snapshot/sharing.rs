//! What a snapshot takes in memory that another one does not share with it.

use std::sync::Arc;

use super::frozen::{Snapshot, Target};
use super::held::Held;
use super::resource::Resource;

/// What a path of the table takes beside its name: the entry, and its part of the empty room of the table.
const PER_PATH: usize = 96;

impl Snapshot {
    /// The bytes in memory that would be free if this snapshot went and `other` stayed.
    pub fn apart_from(&self, other: &Self) -> u64 {
        let table: usize = self.paths.keys().map(|path| path.len() + PER_PATH).sum();
        let apart = self.paths.iter().filter_map(|(path, target)| match (target, other.paths.get(path)) {
            (Target::Resource(own), Some(Target::Resource(other))) if Arc::ptr_eq(own, other) => None,
            (Target::Resource(own), Some(Target::Resource(other))) => Some(apart(own, other)),
            (Target::Resource(own), _) => Some(bodies(own).map(Held::length).sum()),
            (Target::Redirect(_), _) => None,
        });
        table as u64 + apart.sum::<u64>()
    }
}

fn bodies(resource: &Resource) -> impl Iterator<Item = &Held> {
    resource.representations.iter().filter_map(|made| made.body.held())
}

fn apart(own: &Resource, other: &Resource) -> u64 {
    let is_shared = |body: &&Held| bodies(other).any(|other| other.is(body));
    bodies(own).filter(|body| !is_shared(body)).map(Held::length).sum()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::snapshot::{Entry, Tree, TreePath, freeze};

    #[test]
    fn what_is_shared_costs_nothing_but_its_place() {
        let tree = |changed: &str| {
            let mut tree = Tree::new();
            for (path, text) in [("a.html", "a".repeat(5000)), ("b.html", changed.repeat(3000))] {
                tree.insert(TreePath::new(path).unwrap(), Entry::new(Bytes::from(text), None)).unwrap();
            }
            tree
        };
        let one = freeze(&tree("b"), None).unwrap();
        let two = freeze(&tree("c"), Some(&one)).unwrap();
        let table = one.apart_from(&one);
        assert!(table < 500, "{table}");
        assert_eq!(one.apart_from(&two) - table, 3000);
        assert_eq!(one.apart_from(&freeze(&Tree::new(), None).unwrap()) - table, 8000);
    }
}
