//! Where the bytes of a blob go as they come.

use std::fs::File;
use std::io::{self, SeekFrom};

use bytes::Bytes;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::snapshot::{Digest, Hasher};

/// The bytes of a blob that have come.
pub(super) enum Sink {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file, hashed as they come: it is not read for that once more.
    File(Box<Written>),
}

/// What was written to a file.
pub(super) struct Written {
    file: tokio::fs::File,
    length: u64,
    hasher: Hasher,
}

impl Default for Sink {
    fn default() -> Self {
        Self::Memory(Vec::new())
    }
}

impl Sink {
    /// Into `file`, which is empty, or into memory.
    pub(super) fn of(file: Option<File>) -> Self {
        let written = |file| Written { file: tokio::fs::File::from_std(file), length: 0, hasher: Hasher::default() };
        file.map_or_else(Self::default, |file| Self::File(Box::new(written(file))))
    }

    /// How many bytes have come.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(written) => written.length,
        }
    }

    /// So many more are expected; they fit memory.
    pub(super) fn reserve(&mut self, count: u64) {
        if let Self::Memory(bytes) = self {
            bytes.reserve(usize::try_from(count).unwrap_or(0));
        }
    }

    pub(super) async fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => bytes.extend_from_slice(piece),
            Self::File(written) => {
                written.file.write_all(piece).await?;
                written.hasher.update(piece);
                written.length += piece.len() as u64;
            }
        }
        Ok(())
    }

    /// Forgets all of it: it comes anew.
    pub(super) async fn clear(&mut self) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => bytes.clear(),
            Self::File(written) => {
                written.file.seek(SeekFrom::Start(0)).await?;
                written.file.set_len(0).await?;
                (written.length, written.hasher) = (0, Hasher::default());
            }
        }
        Ok(())
    }

    /// The digest of all bytes, and the bytes themselves if they are in memory.
    pub(super) async fn finish(self) -> io::Result<(Digest, Option<Bytes>)> {
        match self {
            Self::Memory(bytes) => Ok((Digest::of(&bytes), Some(bytes.into()))),
            Self::File(mut written) => {
                // What is still on its way to the file, or could not get there.
                written.file.flush().await?;
                Ok((written.hasher.finish(), None))
            }
        }
    }
}
