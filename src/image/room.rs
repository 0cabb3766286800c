//! How much of what is unpacked is held in memory, and where the rest goes.

use std::collections::{BinaryHeap, HashSet};
use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::snapshot::{Content, Digest, Entry, Modified, SMALL, Tree, TreePath, memory_of};

/// A file from this length on is never read whole, if memory has no room for it.
const STREAMED: u64 = 8 << 20;

/// Where files are kept that memory has no room for.
pub trait MediaFolder: fmt::Debug + Send + Sync {
    /// Keeps the `length` bytes that come, so that they outlive a crash; gives where they lie, and their digest.
    ///
    /// # Errors
    /// The reader's, `UnexpectedEof` if fewer come, and a [`PlaceFault`] if they can't be kept.
    fn keep(&self, bytes: &mut dyn Read, length: u64) -> io::Result<(PathBuf, Digest)>;
}

/// The room that unpacking has.
#[derive(Clone, Debug)]
pub struct Room {
    /// The bytes that content may take in memory, with the codings of its texts. Texts are held in any case.
    pub memory: u64,
    /// The same with what can't be put elsewhere: more would take the machine's memory from others.
    pub most: u64,
    /// Where other files go beyond that, the largest first.
    pub media: Arc<dyn MediaFolder>,
}

/// Files that are held although they are large, because they could not be put anywhere.
#[derive(Debug, Default)]
pub(super) struct Stuck {
    paths: HashSet<TreePath>,
    bytes: u64,
}

impl Stuck {
    /// Whether memory has room for a file more; then it is one of them.
    pub(super) fn add(&mut self, path: &TreePath, length: u64, room: &Room) -> bool {
        let bytes = self.bytes.saturating_add(length);
        let fits = room.memory.saturating_add(bytes) <= room.most && self.paths.insert(path.clone());
        if fits {
            self.bytes = bytes;
        }
        fits
    }
}

/// An error of the place where media are put, and not of what is read: the image may be sound.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PlaceFault(io::Error);

impl PlaceFault {
    /// Marks `error` as one.
    pub fn of(error: io::Error) -> io::Error {
        io::Error::new(error.kind(), Self(error))
    }

    /// Whether `error` was marked.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Self>)
    }
}

/// What is held while layers are unpacked.
pub(super) struct Holding<'a> {
    room: &'a Room,
    stuck: &'a Stuck,
    held: u64,
    /// Files of the layer at hand that may give way, the largest on top.
    large: BinaryHeap<(u64, TreePath)>,
}

impl<'a> Holding<'a> {
    pub(super) fn new(room: &'a Room, stuck: &'a Stuck, below: &Tree) -> Self {
        let in_memory = below.iter().filter(|(_, entry)| !matches!(entry.content(), Content::File(_)));
        let held = in_memory.map(|(path, entry)| memory_of(path, entry.length()).bytes()).sum();
        Self { room, stuck, held, large: BinaryHeap::new() }
    }

    /// Puts a file of `length` bytes where it stays if it is too large to be read whole; `None` if it is to be read.
    pub(super) fn pass(
        &self,
        path: &TreePath,
        bytes: &mut dyn Read,
        length: u64,
        modified: Option<Modified>,
    ) -> io::Result<Option<Entry>> {
        let memory = memory_of(path, length);
        let fits = self.held.saturating_add(memory.bytes()) <= self.room.memory;
        if length < STREAMED || !memory.may_give_way() || fits || self.stuck.paths.contains(path) {
            return Ok(None);
        }
        let (file, digest) = self.room.media.keep(bytes, length)?;
        Ok(Some(Entry::known(file, digest, length, modified)))
    }

    /// A file was read into memory; gives the paths of those that have to give way for it.
    pub(super) fn take(&mut self, path: &TreePath, length: u64) -> Vec<TreePath> {
        let memory = memory_of(path, length);
        self.held += memory.bytes();
        if memory.may_give_way() && length >= SMALL && !self.stuck.paths.contains(path) {
            self.large.push((length, path.clone()));
        }
        let mut leaving = Vec::new();
        while self.held > self.room.memory
            && let Some((length, path)) = self.large.pop()
        {
            self.held = self.held.saturating_sub(length);
            leaving.push(path);
        }
        leaving
    }

    /// Puts what was held into a file.
    pub(super) fn put(&self, bytes: &Bytes, modified: Option<Modified>) -> io::Result<Entry> {
        let length = bytes.len() as u64;
        let (file, digest) = self.room.media.keep(&mut bytes.as_ref(), length)?;
        Ok(Entry::known(file, digest, length, modified))
    }

    /// What is in the layers so far stays where it is.
    pub(super) fn settle(&mut self) {
        self.large.clear();
    }
}
