use std::path::Path;

use bytes::Bytes;

use super::*;
use crate::follow::state::{Limits, Size, State};
use crate::image::{Blob, Manifest, pack_tree};
use crate::snapshot::{ContentRoot, Entry, Tree, TreePath};

fn tree(text: &str) -> Tree {
    let mut tree = Tree::new();
    let entry = Entry::new(Bytes::from(format!("<p>{text}</p>")), None);
    tree.insert(TreePath::new("index.html").unwrap(), entry).unwrap();
    tree
}

/// A release of one page, with its blobs in `store`.
fn release(store: &Store, sequence: u64, text: &str) -> Release {
    let tree = tree(text);
    let layer = pack_tree(&tree).unwrap();
    let bytes = layer.bytes().unwrap().unwrap();
    let config = Blob { descriptor: layer.descriptor.clone(), bytes: bytes.clone() };
    let manifest = Manifest {
        schema_version: 2,
        media_type: String::new(),
        config: config.descriptor,
        layers: vec![layer.descriptor.clone()],
    };
    let manifest = Bytes::from(serde_json::to_vec(&manifest).unwrap());
    let index = Bytes::from(format!("index {sequence}"));
    for blob in [&bytes, &manifest, &index] {
        store.put(Digest::of(blob), blob).unwrap();
    }
    let record = Record {
        digest: Digest::of(&index),
        content_root: ContentRoot::of(&tree),
        manifest: Digest::of(&manifest),
        layers: vec![layer.descriptor.digest],
        size: Size::of(&tree),
        status: Status::Fetched,
        ..crate::follow::state::tests::record(sequence)
    };
    Release { record, tree, base: Arc::default() }
}

fn disk(folder: &Path) -> Arc<Store> {
    Arc::new(Store::Disk(State::open(folder, Limits { keep: 3, size: 1 << 30, memory: 1 << 30 }).unwrap()))
}

/// Releases where what was started with is served.
fn begin(store: &Arc<Store>) -> (Releases, Arc<Deployment>) {
    let deployment = Arc::new(Deployment::new(freeze(&tree("begun"), None).unwrap()));
    let releases = Releases::new(Arc::clone(&deployment), Arc::clone(store), Schedule::default(), None).unwrap();
    (releases, deployment)
}

fn root(text: &str) -> ContentRoot {
    ContentRoot::of(&tree(text))
}

#[test]
fn a_release_that_does_harm_is_left_for_good() {
    for store in [Arc::new(Store::in_memory()), disk(tempfile::tempdir().unwrap().path())] {
        let (releases, deployment) = begin(&store);
        releases.offer(release(&store, 1, "one"), Cause::Hook).unwrap();
        let bad = release(&store, 2, "two");
        let digest = bad.record.digest;
        assert_eq!(releases.offer(bad, Cause::Hook).unwrap(), Outcome::Installed);
        releases.quarantine(digest, "it failed").unwrap();
        assert_eq!(deployment.current().root(), root("one"));
        let again = releases.offer(release(&store, 2, "two"), Cause::Person).unwrap();
        assert_eq!(again, Outcome::Refused("it is in quarantine: it failed".to_owned()));
        assert_eq!(releases.view().pinned, None);
        assert_eq!(releases.offer(release(&store, 3, "three"), Cause::Hook).unwrap(), Outcome::Installed);
        assert_eq!(deployment.current().root(), root("three"));
    }
}

#[test]
fn without_a_release_before_there_is_no_way_back() {
    let store = Arc::new(Store::in_memory());
    let (releases, deployment) = begin(&store);
    assert!(matches!(releases.pin(None), Err(ChangeError::NoCurrent)));
    let first = release(&store, 1, "one");
    let digest = first.record.digest;
    releases.offer(first, Cause::Hook).unwrap();
    assert!(matches!(releases.rollback(None), Err(ChangeError::NoPrevious)));
    assert!(matches!(releases.quarantine(digest, "it failed"), Err(ChangeError::NoPrevious)));
    assert_eq!(deployment.current().root(), root("one"));
}

#[test]
fn a_rollback_reads_what_is_no_longer_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let (releases, deployment) = begin(&store);
    let digests: Vec<Digest> = (1..=4)
        .map(|number| {
            let release = release(&store, number, &format!("number {number}"));
            let digest = release.record.digest;
            releases.offer(release, Cause::Poll).unwrap();
            releases.confirm(digest).unwrap();
            digest
        })
        .collect();
    assert_eq!(releases.rollback(Some(digests[0])).unwrap().sequence, 1);
    assert_eq!(deployment.current().root(), root("number 1"));
    // From there the one before is still the one with a lower number, and there is none.
    assert_eq!(releases.view().behind, 3);
    assert_eq!(releases.unpin().unwrap(), Outcome::Installed);
    assert_eq!(deployment.current().root(), root("number 4"));
    assert_eq!(releases.find(&digests[2].hex()[..12]).unwrap(), digests[2]);
    assert!(matches!(releases.find("sha"), Err(ChangeError::Unknown(_))));
}

/// Nothing is swapped in that could not be written down.
#[cfg(target_os = "linux")]
#[test]
fn a_state_that_can_not_be_written_keeps_what_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let (releases, deployment) = begin(&store);
    releases.offer(release(&store, 1, "one"), Cause::Hook).unwrap();
    let next = release(&store, 2, "two");
    let digest = next.record.digest;
    // In the place of the commit point stands what no file can replace.
    std::fs::remove_file(folder.path().join("current.json")).unwrap();
    std::fs::create_dir(folder.path().join("current.json")).unwrap();
    assert!(releases.offer(next, Cause::Hook).is_err());
    assert_eq!(deployment.current().root(), root("one"));
    assert_ne!(releases.view().serving.unwrap().digest, digest);
    std::fs::remove_dir(folder.path().join("current.json")).unwrap();
    assert_eq!(releases.offer(release(&store, 2, "two"), Cause::Poll).unwrap(), Outcome::Installed);
    assert_eq!(deployment.current().root(), root("two"));
}
