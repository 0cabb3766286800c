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
pub(in crate::follow) fn release(store: &Store, sequence: u64, text: &str) -> Release {
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
    Arc::new(Store::Disk(
        State::open(folder, Limits { keep: 3, size: 1 << 30, memory: 1 << 30, most: 1 << 30 }).unwrap(),
    ))
}

/// Releases where what was started with is served.
fn begin(store: &Arc<Store>) -> (Releases, Arc<Deployment>) {
    let deployment = Arc::new(Deployment::new(freeze(&tree("begun"), None).unwrap()));
    let releases = Releases::new(Arc::clone(&deployment), Arc::clone(store), Schedule::default(), None).unwrap();
    (releases, deployment)
}

/// The same by a schedule, whose time is another one.
pub(in crate::follow) fn begin_at(
    clock: fn() -> Timestamp,
    schedule: Schedule,
    store: &Arc<Store>,
) -> (Releases, Arc<Deployment>) {
    let (releases, deployment) = begin(store);
    (Releases { clock, schedule, ..releases }, deployment)
}

pub(in crate::follow) fn root(text: &str) -> ContentRoot {
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
fn without_a_release_before_there_is_no_way_back_but_to_what_was_begun_with() {
    let store = Arc::new(Store::in_memory());
    let (releases, deployment) = begin(&store);
    assert!(matches!(releases.pin(None), Err(ChangeError::NoCurrent)));
    let first = release(&store, 1, "one");
    let digest = first.record.digest;
    releases.offer(first, Cause::Hook).unwrap();
    assert!(matches!(releases.rollback(None), Err(ChangeError::NoPrevious)));
    releases.quarantine(digest, "it failed").unwrap();
    assert_eq!(deployment.current().root(), root("begun"));
    let view = releases.view();
    assert_eq!((view.serving, view.waiting.as_deref()), (None, Some("it is in quarantine: it failed")));
    // The way back is there for the next one, too, until one did well for a minute.
    releases.offer(release(&store, 2, "two"), Cause::Hook).unwrap();
    let third = serve(&releases, &store, 3, "three");
    releases.quarantine(third, "it failed").unwrap();
    assert_eq!(deployment.current().root(), root("two"));
    let second = releases.view().serving.unwrap().digest;
    releases.quarantine(second, "it failed").unwrap();
    assert_eq!(deployment.current().root(), root("begun"));
    let fourth = serve(&releases, &store, 4, "four");
    releases.confirm(fourth).unwrap();
    assert!(matches!(releases.quarantine(fourth, "it failed"), Err(ChangeError::NoPrevious)));
    assert_eq!(deployment.current().root(), root("four"));
}

/// The state may know an older release than the image holds that the instance began with.
#[test]
fn what_was_begun_with_goes_before_what_was_served_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let old = serve(&begin(&store).0, &store, 1, "old");
    let (releases, deployment) = begin(&store);
    assert!(releases.record(old).is_some());
    let bad = serve(&releases, &store, 9, "bad");
    releases.quarantine(bad, "it failed").unwrap();
    assert_eq!(deployment.current().root(), root("begun"));
}

/// An older tag was pushed, and does harm: readers had the one with the higher number before.
#[test]
fn from_what_does_harm_it_goes_back_to_what_readers_had() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let (releases, deployment) = begin(&store);
    for (sequence, text) in [(2, "two"), (5, "five")] {
        serve(&releases, &store, sequence, text);
    }
    let older = serve(&releases, &store, 3, "three");
    releases.quarantine(older, "it failed").unwrap();
    assert_eq!(deployment.current().root(), root("five"));
    // A person who went back to one that does harm did not mean the one that was left.
    let two = releases.rollback(None).unwrap();
    serve_one_below(&releases, &store);
    assert_eq!(two.sequence, 2);
    releases.quarantine(two.digest, "it failed").unwrap();
    assert_eq!(deployment.current().root(), root("one"));
}

/// What can't be read is no way back, and what does harm is not stayed at for that.
#[test]
fn where_the_one_before_is_damaged_it_goes_further_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let (releases, deployment) = begin(&store);
    for (sequence, text) in [(1, "one"), (2, "two")] {
        serve(&releases, &store, sequence, text);
    }
    let damaged = serve(&releases, &store, 3, "three");
    let harmful = serve(&releases, &store, 4, "four");
    let layer = releases.record(damaged).unwrap().layers[0];
    std::fs::write(folder.path().join("blobs/sha256").join(layer.hex()), "damaged").unwrap();
    releases.lock().ready = Ready::default();
    releases.quarantine(harmful, "it failed").unwrap();
    assert_eq!(deployment.current().root(), root("two"));
    assert!(matches!(releases.rollback(Some(harmful)), Err(ChangeError::Harmful(4, _))));
}

/// Release 1 went well while another one is pinned.
fn serve_one_below(releases: &Releases, store: &Store) {
    let mut one = release(store, 1, "one").record;
    one.status = Status::Confirmed;
    releases.keep(&mut releases.lock(), one).unwrap();
}

/// Serves a new release, and gives its digest.
fn serve(releases: &Releases, store: &Store, sequence: u64, text: &str) -> Digest {
    let release = release(store, sequence, text);
    let digest = release.record.digest;
    assert_eq!(releases.offer(release, Cause::Hook).unwrap(), Outcome::Installed);
    digest
}

#[test]
fn what_a_person_puts_in_place_is_watched_unless_it_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let (releases, _) = begin(&store);
    let [one, two, three] =
        [(1, "one"), (2, "two"), (3, "three")].map(|(sequence, text)| serve(&releases, &store, sequence, text));
    releases.confirm(three).unwrap();
    assert_eq!(releases.rollback(None).unwrap().status, Status::Installed);
    releases.confirm(two).unwrap();
    assert_eq!(releases.pin(Some(one)).unwrap().status, Status::Installed);
    assert_eq!(releases.pin(Some(two)).unwrap().status, Status::Confirmed);
}

#[test]
fn what_came_is_not_swept_before_it_is_written_down() {
    for store in [Arc::new(Store::in_memory()), disk(tempfile::tempdir().unwrap().path())] {
        let (releases, _) = begin(&store);
        let mut kept = release(&store, 1, "kept").record;
        releases.offer(release(&store, 1, "kept"), Cause::Hook).unwrap();
        let pulled = release(&store, 2, "pulled").record;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let fetching = runtime.block_on(releases.fetching());
        releases.sweep();
        assert!(store.get(pulled.layers[0]).is_some());
        drop(fetching);
        releases.sweep();
        assert_eq!([&kept, &pulled].map(|record| store.get(record.layers[0]).is_some()), [true, false]);
        // What could not be left is served, and so it is kept; of what else is in quarantine nothing is left but its name.
        kept.status = Status::Quarantined("it failed".to_owned());
        releases.keep(&mut releases.lock(), kept.clone()).unwrap();
        releases.sweep();
        assert_eq!(store.get(kept.layers[0]).is_some(), store.state().is_some());
        releases.offer(release(&store, 3, "next"), Cause::Hook).unwrap();
        releases.sweep();
        assert!(store.get(kept.layers[0]).is_none() && releases.record(kept.digest).is_some());
    }
}

/// Readers have what a person went back to; the message says what a restart knows of it.
#[cfg(target_os = "linux")]
#[test]
fn a_rollback_that_can_not_be_written_down_is_served_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let (releases, deployment) = begin(&store);
    let one = serve(&releases, &store, 1, "one");
    serve(&releases, &store, 2, "two");
    // The record can't be written, and the commit point can.
    let record = folder.path().join(format!("releases/{}.json", one.hex()));
    std::fs::remove_file(&record).unwrap();
    std::fs::create_dir(&record).unwrap();
    let error = releases.rollback(None).unwrap_err().to_string();
    assert!(error.starts_with("it is served, but not written down"), "{error}");
    assert_eq!(deployment.current().root(), root("one"));
    assert_eq!(store.state().unwrap().current().current, Some(one));
    assert_eq!(releases.view().serving.unwrap().status, Status::Installed);
}

/// After a start, those that fit are read before anybody asks.
#[test]
fn every_way_back_is_ready_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = disk(folder.path());
    let (releases, _) = begin(&store);
    let digests = [(1, "one"), (2, "two"), (3, "three"), (4, "four")]
        .map(|(sequence, text)| serve(&releases, &store, sequence, text));
    let (started, deployment) = begin(&store);
    started.lock().current = releases.lock().current;
    started.read_ways_back();
    // From here on nothing can be read.
    std::fs::remove_dir_all(folder.path().join("blobs")).unwrap();
    for (digest, text) in digests.into_iter().zip(["one", "two", "three"]) {
        started.rollback(Some(digest)).unwrap();
        assert_eq!(deployment.current().root(), root(text));
    }
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
