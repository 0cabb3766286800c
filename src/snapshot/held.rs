//! Bytes that are held in memory: small ones on the heap, large ones in a file there.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::memory_file::{MemoryFile, Pages};

/// Bytes from this number on lie in the file: below it copying them is no more work than passing pages on.
pub(super) const LARGE: usize = 64 * 1024;

/// Bytes in memory; a clone shares them.
#[derive(Clone, Debug)]
pub enum Held {
    /// On the heap.
    Bytes(Bytes),
    /// In a file in memory.
    Pages(Pages),
}

impl Held {
    /// Holds `bytes`: in `file`, if there is one and they are large.
    pub(super) fn new(bytes: Bytes, file: Option<&Arc<MemoryFile>>) -> Self {
        let pages = file.filter(|_| bytes.len() >= LARGE).map(|file| file.put(&bytes));
        match pages {
            Some(Ok(pages)) => Self::Pages(pages),
            Some(Err(error)) => {
                tracing::debug!("{} bytes are held on the heap: {error}", bytes.len());
                Self::Bytes(bytes)
            }
            None => Self::Bytes(bytes),
        }
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Pages(pages) => pages.length(),
        }
    }

    /// The bytes; those in the file are copied for those who use them at the same time.
    ///
    /// # Errors
    /// The system's.
    pub fn bytes(&self) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Pages(pages) => pages.bytes(),
        }
    }

    /// Whether both are the same bytes in the same place.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bytes(one), Self::Bytes(other)) => one.as_ptr() == other.as_ptr(),
            (Self::Pages(one), Self::Pages(other)) => one.is(other),
            _ => false,
        }
    }
}
