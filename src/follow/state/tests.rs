use super::*;
use crate::snapshot::ContentRoot;

const LIMITS: Limits = Limits { keep: 2, size: 1 << 20, memory: 1 << 20, most: 1 << 20 };

/// A release whose digests are those of its number.
pub(in crate::follow) fn record(sequence: u64) -> Record {
    let digest = |what: &str| Digest::of(format!("{what} {sequence}").as_bytes());
    Record {
        digest: digest("index"),
        reference: "registry.example/blog:latest".to_owned(),
        sequence,
        content_root: digest("root").to_string().parse::<ContentRoot>().unwrap(),
        revision: None,
        manifest: digest("manifest"),
        layers: vec![Digest::of(b"base"), digest("delta")],
        binary: None,
        program: None,
        program_fault: None,
        media: Vec::new(),
        size: Size { files: 3, bytes: 100, fingerprinted: 0 },
        changes: Changes::default(),
        cause: Cause::Hook,
        fetched: jiff::Timestamp::from_second(i64::try_from(sequence).unwrap()).unwrap(),
        installed: None,
        installed_by: None,
        status: Status::Confirmed,
    }
}

fn keep(state: &State, record: &Record) {
    for (digest, what) in [(record.digest, "index"), (record.manifest, "manifest"), (record.layers[1], "delta")] {
        state.put(digest, format!("{what} {}", record.sequence).as_bytes()).unwrap();
    }
    state.put(record.layers[0], b"base").unwrap();
    state.keep(record).unwrap();
}

#[test]
fn what_was_kept_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let one = Record { status: Status::Held("it is small".to_owned()), ..record(1) };
    let current = Current { current: Some(one.digest), previous: None, pinned: Some(one.digest) };
    {
        let state = State::open(folder.path(), LIMITS).unwrap();
        assert_eq!(state.current(), Current::default());
        keep(&state, &one);
        state.commit(&current).unwrap();
        assert!(matches!(State::open(folder.path(), LIMITS), Err(StateError::Taken(_))));
    }
    let state = State::open(folder.path(), LIMITS).unwrap();
    assert_eq!((state.current(), state.records().unwrap()), (current, [(one.digest, one.clone())].into()));
    assert_eq!(state.get(one.manifest).unwrap(), "manifest 1");
    assert_eq!(look(folder.path()).unwrap().0, current);
    assert_eq!(look_at_blob(folder.path(), one.layers[0]).unwrap(), "base");
}

#[test]
fn what_is_beyond_the_limits_goes_and_what_is_named_stays() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path(), LIMITS).unwrap();
    let all: Vec<Record> = (1..=6).map(record).collect();
    all.iter().for_each(|record| keep(&state, record));
    let mut records = state.records().unwrap();
    let current = Current { current: Some(all[5].digest), previous: Some(all[4].digest), pinned: Some(all[0].digest) };
    state.sweep(&mut records, &current.named().collect::<Vec<_>>(), None, &HashSet::new()).unwrap();
    let left: Vec<u64> = (1..=6).filter(|number| records.contains_key(&record(*number).digest)).collect();
    assert_eq!(left, [1, 3, 4, 5, 6]);
    assert_eq!(state.records().unwrap(), records);
    assert_eq!(state.get(all[1].layers[1]), None);
    assert!(state.get(all[2].layers[1]).is_some() && state.get(all[1].layers[0]).is_some());
    // With no room at all, those that are served or were stay.
    let state = State { limits: Limits { size: 1, ..LIMITS }, ..state };
    state.sweep(&mut records, &current.named().collect::<Vec<_>>(), None, &HashSet::new()).unwrap();
    assert_eq!(records.len(), 3);
}

/// What others put there may be read before the one that is served: files have no order.
#[test]
fn the_release_that_is_served_is_known_whatever_else_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path(), LIMITS).unwrap();
    for number in 0..2 * MAX_RELEASES {
        fs::write(folder.path().join(format!("releases/{number}.json")), "no record").unwrap();
    }
    let [one, two, three] = [1, 2, 3].map(record);
    [&one, &two, &three].into_iter().for_each(|record| state.keep(record).unwrap());
    state
        .commit(&Current { current: Some(one.digest), previous: Some(two.digest), pinned: Some(three.digest) })
        .unwrap();
    for records in [state.records().unwrap(), look(folder.path()).unwrap().1] {
        assert!([&one, &two, &three].into_iter().all(|record| records.contains_key(&record.digest)));
    }
}

#[test]
fn a_damaged_blob_is_not_there_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path(), LIMITS).unwrap();
    let digest = Digest::of(b"layer");
    state.put(digest, b"layer").unwrap();
    fs::write(folder.path().join("blobs/sha256").join(digest.hex()), "lawyer").unwrap();
    assert_eq!(state.get(digest), None);
    state.put(digest, b"layer").unwrap();
    assert_eq!(state.get(digest).unwrap(), "layer");
}

#[test]
fn what_a_crash_left_and_what_others_wrote_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    drop(State::open(folder.path(), LIMITS).unwrap());
    fs::write(folder.path().join("current.json"), "{\"current\": 3").unwrap();
    fs::write(folder.path().join("current.json.aside"), "{").unwrap();
    fs::write(folder.path().join("releases/x.json"), "no record").unwrap();
    let state = State::open(folder.path(), LIMITS).unwrap();
    assert_eq!(state.current(), Current::default());
    assert!(state.records().unwrap().is_empty());
    assert!(!folder.path().join("current.json.aside").exists());
}

#[test]
fn the_state_of_a_newer_galley_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("version"), "2\n").unwrap();
    let error = State::open(folder.path(), LIMITS).unwrap_err().to_string();
    assert!(error.contains("was written by a newer galley (format 2, this one knows 1)"), "{error}");
    assert!(matches!(State::open(Path::new("/dev/null/state"), LIMITS), Err(StateError::Io { .. })));
}
