//! Where blobs of releases are between a pull and the next one: in the state folder, or in memory where there is none.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::durable::Aside;
use super::state::{Current, Record, State, StateError, Temporary, look, look_at_blob, look_at_layer};
use crate::image::{Blob, Descriptor, LARGE_LAYER, Room, StoredLayer};
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
            Self::Memory(held) => held.layer(descriptor),
        }
    }

    fn room(&self) -> Option<&Room> {
        match self {
            Self::Disk(state) => Some(state.room()),
            Self::Memory(held) => held.temporary.as_deref().map(Temporary::room),
        }
    }
}

/// A place for blobs.
#[derive(Debug)]
pub enum Store {
    /// They outlive the process.
    Disk(State),
    /// They end with the process: only those of the releases that it serves and served are held, large ones in a temporary folder if there is
    /// one.
    Memory(Held),
}

/// Blobs in memory, over those of a state that can only be read, if there is one.
#[derive(Debug, Default)]
pub struct Held {
    blobs: Mutex<HashMap<Digest, Bytes>>,
    below: Option<Below>,
    temporary: Option<Arc<Temporary>>,
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

    /// The same with a place for what is too large for memory.
    pub fn with(temporary: Option<Arc<Temporary>>) -> Self {
        Self::Memory(Held { temporary, ..Held::default() })
    }

    /// The same over the state in `folder`, where nothing can be written: its releases are known, and the one that is pinned there
    /// stays. Without a state there it is one without a folder.
    pub fn over(folder: PathBuf, temporary: Option<Arc<Temporary>>) -> Self {
        let below = look(&folder).map(|(current, records)| Below { folder, current, records });
        Self::Memory(Held { below, temporary, ..Held::default() })
    }

    /// Where large files lie that end with the process.
    pub fn temporary(&self) -> Option<&Arc<Temporary>> {
        match self {
            Self::Disk(_) => None,
            Self::Memory(held) => held.temporary.as_ref(),
        }
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
            Self::Disk(state) if descriptor.size >= LARGE_LAYER => state.aside(descriptor.digest).map(Some),
            Self::Disk(_) => Ok(None),
            Self::Memory(held) => Ok(held.temporary.as_ref().and_then(|temporary| temporary.aside(descriptor))),
        }
    }

    /// Keeps a layer that was pulled into such a file, and whose digest has been checked.
    pub(super) fn adopt(&self, descriptor: &Descriptor, aside: Aside) -> Result<Option<StoredLayer>, StateError> {
        match self {
            Self::Disk(state) => state.adopt(descriptor, aside).map(Some),
            Self::Memory(held) => {
                held.temporary.as_ref().map(|temporary| temporary.adopt(descriptor, aside)).transpose()
            }
        }
    }

    /// Forgets blobs and media that are not among `named` and `media`, where nothing else bounds them.
    pub(super) fn retain(&self, named: &HashSet<Digest>, media: &HashSet<Digest>) {
        if let Self::Memory(held) = self {
            held.lock().retain(|digest, _| named.contains(digest));
            if let Some(temporary) = &held.temporary {
                temporary.retain(named, media);
            }
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

    /// A layer; a large one stays where it is.
    fn layer(&self, descriptor: &Descriptor) -> Option<StoredLayer> {
        let put = self.temporary.as_ref().and_then(|temporary| temporary.layer(descriptor));
        let below = || look_at_layer(&self.below.as_ref()?.folder, descriptor);
        let large = put.or_else(|| (descriptor.size >= LARGE_LAYER).then(below).flatten());
        large.or_else(|| Some(Blob { descriptor: descriptor.clone(), bytes: self.get(descriptor.digest)? }.into()))
    }
}
