//! Where blobs of releases are between a pull and the next one: in the state folder, or in memory where there is none.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::durable::Aside;
use super::state::{LARGE, State, StateError};
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
    Memory(Mutex<HashMap<Digest, Bytes>>),
}

impl Store {
    /// A store without a folder.
    pub fn in_memory() -> Self {
        Self::Memory(Mutex::default())
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
            Self::Memory(blobs) => blobs.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned(),
        }
    }

    /// Keeps a blob, whose digest has been checked.
    pub(super) fn put(&self, digest: Digest, bytes: &Bytes) -> Result<(), StateError> {
        match self {
            Self::Disk(state) => state.put(digest, bytes),
            Self::Memory(blobs) => {
                blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, bytes.clone());
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
        if let Self::Memory(blobs) = self {
            blobs.lock().unwrap_or_else(PoisonError::into_inner).retain(|digest, _| named.contains(digest));
        }
    }
}
