//! What an instance knows over its restarts, in one folder: releases with their blobs, and which of them is served.
//!
//! ```text
//! version · lock           the format; held by the instance that writes
//! blobs/sha256/<hex>       indexes, manifests and layers as pulled
//! releases/<hex>.json      what is known of a release
//! current.json             which one is served, which was before, which is pinned: the one commit point
//! media/sha256/<hex>       files of the content that memory has no room for (`--memory`)
//! codings/<content root>    codings of what is served; a cache, which may be deleted
//! binaries/sha256/<hex>    programs that were taken out of layers
//! journal.jsonl            one line a step
//! ```
//!
//! The other files of the content are never written one by one: they are read from the layers into memory at the start.

mod blobs;
mod codings;
mod journal;
mod media;
mod programs;
mod record;
mod temporary;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use serde::Serialize;

use self::blobs::Blobs;
pub use self::journal::Journal;
use self::media::Media;
use self::programs::Programs;
pub use self::record::{Cause, Changes, Current, Record, Size, Status};
pub use self::temporary::Temporary;
use super::durable::{self, Aside};
use crate::image::{Descriptor, LARGE_LAYER, LayerBytes, Room, StoredLayer};
use crate::snapshot::{ContentRoot, Digest, Hasher};

/// The format that this program reads and writes.
const VERSION: &str = "1";
/// So many releases are known at most, whatever `--keep` says: each is a file that is read at the start.
const MAX_RELEASES: usize = 1000;
/// `--keep` is not more: with those in quarantine, of which half of the above are known, all of them are read at the next start.
pub const MAX_KEEP: u64 = 400;

/// Why a state folder is no use.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It can't be read or written.
    #[error("{path}: {source}; the state can't be kept there", path = .path.display())]
    Io {
        /// The folder, or a file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another instance writes there.
    #[error("{path}: another galley keeps its state there; choose another folder with --state", path = .0.display())]
    Taken(PathBuf),
    /// Another process is about to write there.
    #[error("another program is taking over from this one; ask again in a moment")]
    Suspended,
    /// A program that came later wrote it.
    #[error("{path}: was written by a newer galley (format {found}, this one knows {VERSION}); use that one, or another folder with --state", path = .path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The format that it names.
        found: String,
    },
}

impl StateError {
    /// Whether what lies there may be read, and nothing written: a volume that is mounted so or full, or somebody
    /// else's folder.
    pub fn forbids_writing(&self) -> bool {
        let Self::Io { source, .. } = self else { return false };
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(source.kind(), ReadOnlyFilesystem | PermissionDenied | StorageFull | QuotaExceeded)
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_path_buf();
    move |source| StateError::Io { path, source }
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Releases beside those that are served, pinned or were served before.
    pub keep: usize,
    /// Bytes of blobs and media; releases that are only kept give way first.
    pub size: u64,
    /// Bytes that content may take in memory: media lie here beyond them.
    pub memory: u64,
    /// The same at worst, where media can't be put here.
    pub most: u64,
}

/// The state folder of the instance that writes to it.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    limits: Limits,
    blobs: Blobs,
    media: Arc<Media>,
    room: Room,
    /// Whether another process writes there by now.
    is_handed_on: AtomicBool,
    programs: Programs,
    journal: Journal,
    /// Held as long as the file is open.
    _lock: File,
}

impl State {
    /// Opens the state in `folder`, or begins one. What a crash left half done is removed.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, StateError> {
        Self::open_with(folder, limits, lock(folder)?)
    }

    /// The same for one who has the lock already, by [`lock`].
    pub fn open_with(folder: &Path, limits: Limits, lock: File) -> Result<Self, StateError> {
        fs::create_dir_all(folder.join("releases")).map_err(at(folder))?;
        check_version(folder)?;
        let blobs = Blobs::open(folder).map_err(at(folder))?;
        let media = Arc::new(Media::open(folder).map_err(at(folder))?);
        let room = Room { memory: limits.memory, most: limits.most, media: media.clone() };
        let (programs, journal) = (Programs::at(folder), Journal::open(folder).map_err(at(folder))?);
        let (folder, is_handed_on) = (folder.to_path_buf(), AtomicBool::default());
        let state = Self { folder, limits, blobs, media, room, is_handed_on, programs, journal, _lock: lock };
        let folder = &state.folder;
        durable::sweep(folder).and_then(|()| durable::sweep(&folder.join("releases"))).map_err(at(folder))?;
        codings::sweep(folder).map_err(at(folder))?;
        Ok(state)
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where steps are written down.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// All releases that are known. A record that can't be read is passed over: its release will be fetched again.
    pub fn records(&self) -> Result<BTreeMap<Digest, Record>, StateError> {
        let passed_over = |path: &Path, error| tracing::warn!("{}: {error}; it is passed over", path.display());
        records_in(&self.folder, &self.current(), passed_over).map_err(at(&self.folder.join("releases")))
    }

    /// Which release is which.
    pub fn current(&self) -> Current {
        let path = self.folder.join("current.json");
        match read(&path) {
            Ok(current) => current,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Current::default(),
            Err(error) => {
                tracing::warn!("{}: {error}; it is passed over", path.display());
                Current::default()
            }
        }
    }

    /// Says which release is which from now on.
    pub fn commit(&self, current: &Current) -> Result<(), StateError> {
        self.write(&self.folder.join("current.json"), current)
    }

    /// Keeps what is known of a release.
    pub fn keep(&self, record: &Record) -> Result<(), StateError> {
        self.write(&self.record_path(record.digest), record)
    }

    fn write(&self, path: &Path, value: &impl Serialize) -> Result<(), StateError> {
        let text = serde_json::to_vec_pretty(value).map_err(io::Error::other).map_err(at(path))?;
        durable::write(path, &text).map_err(at(path))
    }

    /// Keeps a blob, whose digest has been checked.
    pub fn put(&self, digest: Digest, bytes: &[u8]) -> Result<(), StateError> {
        self.blobs.put(digest, bytes).map_err(at(&self.folder))
    }

    /// A blob, if it is there and whole.
    pub fn get(&self, digest: Digest) -> Option<Bytes> {
        self.blobs.get(digest)
    }

    /// A layer, if it is there and whole; a large one is not read into memory.
    pub(super) fn layer(&self, descriptor: &Descriptor) -> Option<StoredLayer> {
        self.blobs.layer(descriptor)
    }

    /// Begins a file for a blob that is pulled.
    pub(super) fn aside(&self, digest: Digest) -> Result<Aside, StateError> {
        self.blobs.aside(digest).map_err(at(&self.folder))
    }

    /// Keeps a layer that was pulled, whose digest has been checked.
    pub(super) fn adopt(&self, descriptor: &Descriptor, aside: Aside) -> Result<StoredLayer, StateError> {
        self.blobs.adopt(descriptor, aside).map_err(at(&self.folder))
    }

    /// What content may take in memory, and where its media lie beyond that.
    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// The codings that were kept last, if they are whole.
    pub fn codings(&self) -> Option<Bytes> {
        codings::read(&self.folder)
    }

    /// Keeps the codings of the content that has this root, in the place of all others.
    pub fn keep_codings(&self, root: ContentRoot, codings: &[u8]) -> Result<(), StateError> {
        // Another process makes those of what it serves.
        if self.is_handed_on.load(Relaxed) {
            return Ok(());
        }
        codings::write(&self.folder, root, codings).map_err(at(&self.folder))
    }

    /// Keeps a program, whose digest has been checked, and opens it to be run.
    pub fn put_program(&self, digest: Digest, bytes: &[u8]) -> Result<File, StateError> {
        self.programs.put(digest, bytes).map_err(at(&self.folder))
    }

    /// A program that is kept, to be run, if it is whole.
    pub fn program(&self, digest: Digest) -> Option<File> {
        self.programs.open(digest)
    }

    /// The bytes of those files of a release that lie there.
    pub(super) fn media_of(&self, record: &Record) -> u64 {
        record.media.iter().map(|digest| self.media.length(*digest)).sum()
    }

    /// Says whether another process writes there from now on.
    pub(super) fn hand_on(&self, is_handed_on: bool) {
        self.is_handed_on.store(is_handed_on, Relaxed);
    }

    /// Forgets programs that are not in `named`.
    pub fn sweep_programs(&self, named: &HashSet<Digest>) -> Result<(), StateError> {
        self.programs.sweep(named).map_err(at(&self.folder))
    }

    /// Forgets releases that are beyond the limits, oldest first, and blobs and media that none of the rest names; those that are `named` stay, and
    /// so do `media` and what belongs to `current`, whatever became of it. `records` is what is known afterwards.
    pub fn sweep(
        &self,
        records: &mut BTreeMap<Digest, Record>,
        named: &[Digest],
        current: Option<Digest>,
        media: &HashSet<Digest>,
    ) -> Result<(), StateError> {
        let mut spare: Vec<&Record> = records.values().filter(|record| !named.contains(&record.digest)).collect();
        spare.sort_by_key(|record| std::cmp::Reverse(record.fetched));
        // What is in quarantine costs nothing but its name, and is to be known again when it comes again.
        let (quarantined, mut kept): (Vec<_>, Vec<_>) =
            spare.into_iter().partition(|record| record.status.is_harmful());
        let mut gone: Vec<Digest> = kept.split_off(kept.len().min(self.limits.keep)).iter().map(|r| r.digest).collect();
        gone.extend(quarantined.iter().skip(MAX_RELEASES / 2).map(|record| record.digest));
        let mut kept: Vec<Digest> = kept.iter().map(|record| record.digest).collect();
        self.forget(records, &gone)?;
        let size = |swept: io::Result<u64>| swept.map_err(at(&self.folder));
        while size(self.sweep_files(records, current, media))? > self.limits.size {
            let Some(oldest) = kept.pop() else { break };
            self.forget(records, &[oldest])?;
        }
        Ok(())
    }

    /// Removes what none of the releases has; gives the bytes of what is left.
    fn sweep_files(
        &self,
        records: &BTreeMap<Digest, Record>,
        current: Option<Digest>,
        media: &HashSet<Digest>,
    ) -> io::Result<u64> {
        let kept: Vec<&Record> = with_files(records, current).collect();
        self.blobs.sweep(&kept.iter().flat_map(|record| blobs_of(record)).collect())?;
        let named = kept.iter().flat_map(|record| &record.media).chain(media);
        self.media.sweep(&named.copied().collect())?;
        Ok(self.blobs.size()? + self.media.size()?)
    }

    fn forget(&self, records: &mut BTreeMap<Digest, Record>, gone: &[Digest]) -> Result<(), StateError> {
        for digest in gone {
            let path = self.record_path(*digest);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
                _ => drop(records.remove(digest)),
            }
        }
        Ok(())
    }

    /// The bytes that its blobs take.
    pub fn size_of(&self, record: &Record) -> u64 {
        blobs_of(record).map(|digest| self.blobs.length(digest)).sum()
    }

    fn record_path(&self, digest: Digest) -> PathBuf {
        self.folder.join("releases").join(format!("{}.json", digest.hex()))
    }
}

/// The lock of the state in `folder`, which whoever writes there holds: for as long as the file is open, in whichever process.
pub fn lock(folder: &Path) -> Result<File, StateError> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StateError::Taken(folder.to_path_buf())),
        Err(fs::TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}

/// The program in the state in `folder`, to be run, if it is there and whole; for one who does not write there.
pub fn look_at_program(folder: &Path, digest: Digest) -> Option<File> {
    Programs::at(folder).open(digest)
}

/// What is known of the state in `folder` by one who does not write there.
pub fn look(folder: &Path) -> Option<(Current, BTreeMap<Digest, Record>)> {
    let current = read(&folder.join("current.json")).ok()?;
    let records = records_in(folder, &current, |_, _| {}).ok()?;
    Some((current, records))
}

/// The releases in the state in `folder`, with those that `current` names, whatever else lies there.
fn records_in(
    folder: &Path,
    current: &Current,
    passed_over: impl Fn(&Path, io::Error),
) -> io::Result<BTreeMap<Digest, Record>> {
    let folder = folder.join("releases");
    let paths = fs::read_dir(&folder)?.take(MAX_RELEASES).map(|entry| Ok(entry?.path()));
    let mut paths: BTreeSet<PathBuf> = paths.collect::<io::Result<_>>()?;
    let named = current.named().map(|digest| folder.join(format!("{}.json", digest.hex())));
    paths.extend(named.filter(|path| path.exists()));
    let mut records = BTreeMap::new();
    for path in paths {
        match read::<Record>(&path) {
            Ok(record) => drop(records.insert(record.digest, record)),
            Err(error) => passed_over(&path, error),
        }
    }
    Ok(records)
}

/// A large layer in the state in `folder`, where it lies, for one who does not write there.
pub(super) fn look_at_layer(folder: &Path, descriptor: &Descriptor) -> Option<StoredLayer> {
    let path = folder.join("blobs/sha256").join(descriptor.digest.hex());
    let (digest, length) = File::open(&path).and_then(Hasher::of_reader).ok()?;
    (digest == descriptor.digest && length >= LARGE_LAYER)
        .then(|| StoredLayer { descriptor: descriptor.clone(), bytes: LayerBytes::File { path, length } })
}

/// The blob in the state in `folder`, for one who does not write there.
pub fn look_at_blob(folder: &Path, digest: Digest) -> Option<Bytes> {
    let bytes = fs::read(folder.join("blobs/sha256").join(digest.hex())).ok()?;
    (Digest::of(&bytes) == digest).then(|| Bytes::from(bytes))
}

/// Quarantined releases keep no files: they are not to be served. One that could not be left is.
fn with_files(records: &BTreeMap<Digest, Record>, current: Option<Digest>) -> impl Iterator<Item = &Record> {
    let is_served = move |record: &&Record| !record.status.is_harmful() || current == Some(record.digest);
    records.values().filter(is_served)
}

fn blobs_of(record: &Record) -> impl Iterator<Item = Digest> {
    [record.digest, record.manifest].into_iter().chain(record.layers.iter().copied())
}

fn check_version(folder: &Path) -> Result<(), StateError> {
    let path = folder.join("version");
    match fs::read_to_string(&path) {
        Ok(found) if found.trim() == VERSION => Ok(()),
        Ok(found) => {
            let found = found.trim().chars().take(20).flat_map(char::escape_default).collect();
            Err(StateError::Newer { path: folder.to_path_buf(), found })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            durable::write(&path, format!("{VERSION}\n").as_bytes()).map_err(at(&path))
        }
        Err(error) => Err(at(&path)(error)),
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<T> {
    serde_json::from_slice(&fs::read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
pub(in crate::follow) mod tests;
