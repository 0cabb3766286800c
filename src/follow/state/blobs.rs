//! `blobs/sha256/<hex>`: indexes, manifests and layers as they were pulled.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::follow::durable::{self, Aside};
use crate::image::{Descriptor, LARGE_LAYER, LayerBytes, StoredLayer};
use crate::snapshot::{Digest, Hasher};

/// The folder of blobs.
#[derive(Debug)]
pub(super) struct Blobs(PathBuf);

impl Blobs {
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        let folder = state.join("blobs/sha256");
        fs::create_dir_all(&folder)?;
        durable::sweep(&folder)?;
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
        discard(&path);
        None
    }

    /// The same for a layer, which stays where it is if it is large.
    pub(super) fn layer(&self, descriptor: &Descriptor) -> Option<StoredLayer> {
        let (descriptor, path) = (descriptor.clone(), self.path(descriptor.digest));
        let length = fs::metadata(&path).ok()?.len();
        let bytes = if length < LARGE_LAYER {
            LayerBytes::Memory(self.get(descriptor.digest)?)
        } else {
            let (digest, length) = File::open(&path).and_then(Hasher::of_reader).ok()?;
            if digest != descriptor.digest {
                discard(&path);
                return None;
            }
            LayerBytes::File { path, length }
        };
        Some(StoredLayer { descriptor, bytes })
    }

    /// Begins a file for what is pulled.
    pub(super) fn aside(&self, digest: Digest) -> io::Result<Aside> {
        Aside::beside(&self.path(digest))
    }

    /// Keeps what was pulled, whose digest has been checked.
    pub(super) fn adopt(&self, descriptor: &Descriptor, aside: Aside) -> io::Result<StoredLayer> {
        let (descriptor, path) = (descriptor.clone(), self.path(descriptor.digest));
        let length = aside.file.metadata()?.len();
        aside.put_at(&path)?;
        Ok(StoredLayer { descriptor, bytes: LayerBytes::File { path, length } })
    }

    /// The bytes of all blobs.
    pub(super) fn size(&self) -> io::Result<u64> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
    }

    /// The length of a blob; 0 if it is not there.
    pub(super) fn length(&self, digest: Digest) -> u64 {
        fs::metadata(self.path(digest)).map_or(0, |metadata| metadata.len())
    }

    /// Removes all that is not in `named`. What is being pulled stays.
    pub(super) fn sweep(&self, named: &HashSet<Digest>) -> io::Result<()> {
        let names: HashSet<String> = named.iter().map(Digest::hex).collect();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !names.contains(&*name) && !durable::is_aside(&name) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

fn discard(path: &Path) {
    tracing::warn!("{}: is damaged; it will be pulled again", path.display());
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!("{}: {error}", path.display());
    }
}
