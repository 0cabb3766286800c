//! Where blobs of releases are between a pull and the next one: in the state folder, or in memory where there is none.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::durable::Aside;
use super::state::{Current, LARGE, Record, State, StateError, look, look_at_blob};
use crate::image::{Blob, Descriptor, Room, StoredLayer};
use crate::snapshot::Digest;

/// Where what is kept of releases is read from.
pub trait BlobSource {
    /// A blob, if it is there and whole.
    fn blob(&self, digest: Digest) -> Option<Bytes>;

    /// A layer, if it is there and whole.
    fn layer(&self, descriptor: &Descriptor) -> Option<StoredLayer> {
        let bytes = self.blob(descriptor.digest)?;
        Some(Blob { descriptor: descriptor.clone(), bytes }.into())
    }

    /// What unpacking may hold in memory; without an answer all of it.
    fn room(&self) -> Option<&Room> {
        None
    }
}

/// What only gives blobs.
impl<F: Fn(Digest) -> Option<Bytes>> BlobSource for F {
    fn blob(&self, digest: Digest) -> Option<Bytes> {
        self(digest)
    }
}

impl BlobSource for State {
    fn blob(&self, digest: Digest) -> Option<Bytes> {
        self.get(digest)
    }

    fn layer(&self, descriptor: &Descriptor) -> Option<StoredLayer> {
        Self::layer(self, descriptor)
    }

    fn room(&self) -> Option<&Room> {
        Some(Self::room(self))
    }
}

impl BlobSource for Store {
    fn blob(&self, digest: Digest) -> Option<Bytes> {
        self.get(digest)
    }

    fn layer(&self, descriptor: &Descriptor) -> Option<StoredLayer> {
        match self {
            Self::Disk(state) => state.layer(descriptor),
            Self::Memory(_) => {
                Some(Blob { descriptor: descriptor.clone(), bytes: self.get(descriptor.digest)? }.into())
            }
        }
    }

    fn room(&self) -> Option<&Room> {
        self.state().map(State::room)
    }
}

/// A place for blobs.
#[derive(Debug)]
pub enum Store {
    /// They outlive the process.
    Disk(State),
    /// They end with the process: only those of the releases that it serves and served are held.
    Memory(Held),
}

/// Blobs in memory, over those of a state that can only be read, if there is one.
#[derive(Debug, Default)]
pub struct Held {
    blobs: Mutex<HashMap<Digest, Bytes>>,
    below: Option<Below>,
}

/// A state that can only be read, as it was found.
#[derive(Debug)]
struct Below {
    folder: PathBuf,
    current: Current,
    records: BTreeMap<Digest, Record>,
}

impl Store {
    /// A store without a folder.
    pub fn in_memory() -> Self {
        Self::Memory(Held::default())
    }

    /// The same over the state in `folder`, where nothing can be written: its releases are known, and the one that is pinned there
    /// stays. Without a state there it is one without a folder.
    pub fn over(folder: PathBuf) -> Self {
        let below = look(&folder).map(|(current, records)| Below { folder, current, records });
        Self::Memory(Held { below, ..Held::default() })
    }

    /// Which release was which before.
    pub fn current(&self) -> Current {
        match self {
            Self::Disk(state) => state.current(),
            Self::Memory(held) => held.below.as_ref().map(|below| below.current).unwrap_or_default(),
        }
    }

    /// The releases that are known from before.
    pub fn records(&self) -> Result<BTreeMap<Digest, Record>, StateError> {
        match self {
            Self::Disk(state) => state.records(),
            Self::Memory(held) => Ok(held.below.as_ref().map(|below| below.records.clone()).unwrap_or_default()),
        }
    }

    /// The state folder, if there is one.
    pub fn state(&self) -> Option<&State> {
        match self {
            Self::Disk(state) => Some(state),
            Self::Memory(_) => None,
        }
    }

    pub(super) fn get(&self, digest: Digest) -> Option<Bytes> {
        match self {
            Self::Disk(state) => state.get(digest),
            Self::Memory(held) => held.get(digest),
        }
    }

    /// Keeps a blob, whose digest has been checked.
    pub(super) fn put(&self, digest: Digest, bytes: &Bytes) -> Result<(), StateError> {
        match self {
            Self::Disk(state) => state.put(digest, bytes),
            Self::Memory(held) => {
                held.lock().insert(digest, bytes.clone());
                Ok(())
            }
        }
    }

    /// A file for a layer that is to be pulled, if it is too large for memory and there is a place for it.
    pub(super) fn aside(&self, descriptor: &Descriptor) -> Result<Option<Aside>, StateError> {
        match self {
            Self::Disk(state) if descriptor.size >= LARGE => state.aside(descriptor.digest).map(Some),
            Self::Disk(_) | Self::Memory(_) => Ok(None),
        }
    }

    /// Forgets blobs that are not among `named`, where nothing else bounds them.
    pub(super) fn retain(&self, named: &HashSet<Digest>) {
        if let Self::Memory(held) = self {
            held.lock().retain(|digest, _| named.contains(digest));
        }
    }
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Bytes>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, digest: Digest) -> Option<Bytes> {
        let held = self.lock().get(&digest).cloned();
        held.or_else(|| look_at_blob(&self.below.as_ref()?.folder, digest))
    }
}
