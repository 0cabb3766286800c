//! Where blobs of releases are between a pull and the next one: in the state folder, or in memory where there is none.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::state::{State, StateError};
use crate::snapshot::Digest;

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

    /// Forgets blobs that are not among `named`, where nothing else bounds them.
    pub(super) fn retain(&self, named: &HashSet<Digest>) {
        if let Self::Memory(blobs) = self {
            blobs.lock().unwrap_or_else(PoisonError::into_inner).retain(|digest, _| named.contains(digest));
        }
    }
}
