//! `blobs/sha256/<hex>`: indexes, manifests and layers as they were pulled.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::follow::durable;
use crate::snapshot::Digest;

/// The folder of blobs.
#[derive(Debug)]
pub(super) struct Blobs(PathBuf);

impl Blobs {
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        let folder = state.join("blobs/sha256");
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.0.join(digest.hex())
    }

    /// Keeps a blob, whose digest has been checked; one that is there already is not written again.
    pub(super) fn put(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() == bytes.len() as u64 => Ok(()),
            _ => durable::write(&path, bytes),
        }
    }

    /// The blob; `None` if it is not there, or no longer what its name says: a card may lose bits. The damaged one is removed, so
    /// that it is pulled again.
    pub(super) fn get(&self, digest: Digest) -> Option<Bytes> {
        let path = self.path(digest);
        let bytes = fs::read(&path).ok()?;
        if Digest::of(&bytes) == digest {
            return Some(Bytes::from(bytes));
        }
        tracing::warn!("{}: is damaged; it will be pulled again", path.display());
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!("{}: {error}", path.display());
        }
        None
    }

    /// The bytes of all blobs.
    pub(super) fn size(&self) -> io::Result<u64> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
    }

    /// The length of a blob; 0 if it is not there.
    pub(super) fn length(&self, digest: Digest) -> u64 {
        fs::metadata(self.path(digest)).map_or(0, |metadata| metadata.len())
    }

    /// Removes all that is not in `named`, and what a crash left half written.
    pub(super) fn sweep(&self, named: &HashSet<Digest>) -> io::Result<()> {
        let names: HashSet<String> = named.iter().map(Digest::hex).collect();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if !names.contains(&*entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}
