//! A layer of an image that is there: in memory, or in a file.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use bytes::Bytes;

use super::manifest::{Blob, Descriptor};

/// A layer of at least so many bytes is read piece by piece, also while it is pulled: the content of some 1,000 posts.
pub const LARGE_LAYER: u64 = 8 << 20;
/// Read at a time from a file.
const PIECE: usize = 64 * 1024;

/// A layer that is there, checked against its digest.
#[derive(Clone, Debug)]
pub struct StoredLayer {
    /// What names it.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: LayerBytes,
}

/// Where the bytes of a layer are.
#[derive(Clone, Debug)]
pub enum LayerBytes {
    /// In memory.
    Memory(Bytes),
    /// In a file, because there are many of them.
    File {
        /// Where it lies.
        path: PathBuf,
        /// How many they are.
        length: u64,
    },
}

impl LayerBytes {
    /// How many they are.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Reads them from the beginning.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(bytes.as_ref()),
            Self::File { path, .. } => Box::new(BufReader::with_capacity(PIECE, File::open(path)?)),
        })
    }
}

impl From<Blob> for StoredLayer {
    fn from(blob: Blob) -> Self {
        Self { descriptor: blob.descriptor, bytes: LayerBytes::Memory(blob.bytes) }
    }
}
