//! The body of an answer.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::snapshot::{FileReader, Held, Pages};

/// Read from a file at a time: the system reads ahead.
const CHUNK: u64 = 32 * 1024;
/// Read where a client has taken nothing yet, and while too many others have chunks that they do not take. Whoever takes nothing
/// holds one of these, and HTTP/2 lets a client have a hundred on each connection.
const SMALL_CHUNK: u64 = 1024;
/// Chunks that may wait for their clients at a time, in the whole process: 16 MB.
const MAX_CHUNKS: usize = 512;

/// What lies in a file in memory is copied at once up to this length; those who are sent it share the copy.
const MAX_COPY: u64 = 1024 * 1024;

/// Bytes from memory, parts of a representation, or what a route makes. An enum, so that the common answer allocates
/// nothing.
pub enum AnswerBody {
    /// Bytes from memory; `None` once they are sent.
    Full(Option<Bytes>),
    /// One piece after the other.
    Pieces(Pieces),
    /// A route's body.
    Routed(axum::body::Body),
}

/// A part of a body.
pub(super) enum Piece {
    Bytes(Bytes),
    /// These bytes of a file in memory.
    Pages(Pages, Range<u64>),
    /// These bytes of a file.
    File(FileReader, Range<u64>),
}

/// Parts of a body, sent in turn.
pub struct Pieces {
    waiting: VecDeque<Piece>,
    left: u64,
    /// Something of it was handed on.
    begun: bool,
    /// A chunk being read, off the threads that answer.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

/// The chunks that may wait for their clients. Nobody waits for one: who gets none is read to in small chunks, so that clients
/// that take nothing cost the others some speed and nothing else. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct ChunkBudget(Arc<Semaphore>);

impl Default for ChunkBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CHUNKS)))
    }
}

/// Bytes that were read, and their share of the budget until they are sent.
struct Chunk {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Pages(_, range) | Self::File(_, range) => range.end - range.start,
        }
    }
}

impl Pieces {
    fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let waiting: VecDeque<Piece> = pieces.into_iter().filter(|piece| piece.length() > 0).collect();
        Self { left: waiting.iter().map(Piece::length).sum(), waiting, begun: false, reading: None }
    }

    fn poll(&mut self, context: &mut Context<'_>, budget: &ChunkBudget) -> Poll<Option<io::Result<Bytes>>> {
        if self.reading.is_none() {
            match self.waiting.pop_front() {
                None => return Poll::Ready(None),
                Some(Piece::Bytes(bytes)) => return Poll::Ready(Some(Ok(self.handed_on(bytes)))),
                Some(Piece::Pages(pages, range)) => {
                    let (now, later, permit) = self.next(range, budget);
                    later.into_iter().for_each(|later| self.waiting.push_front(Piece::Pages(pages.clone(), later)));
                    let read = chunk(now, permit, |buffer, offset| pages.read_at(buffer, offset));
                    return Poll::Ready(Some(read.map(|bytes| self.handed_on(bytes))));
                }
                Some(Piece::File(file, range)) => {
                    let (now, later, permit) = self.next(range, budget);
                    later.into_iter().for_each(|later| self.waiting.push_front(Piece::File(file.clone(), later)));
                    let read = move || chunk(now, permit, |buffer, offset| file.read_at(buffer, offset));
                    self.reading = Some(spawn_blocking(read));
                }
            }
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        Poll::Ready(Some(read.map(|bytes| self.handed_on(bytes))))
    }

    fn handed_on(&mut self, bytes: Bytes) -> Bytes {
        self.left -= bytes.len() as u64;
        self.begun = true;
        bytes
    }

    /// What of `range` is read now, and what later; with a permit it is a whole chunk.
    fn next(
        &self,
        range: Range<u64>,
        budget: &ChunkBudget,
    ) -> (Range<u64>, Option<Range<u64>>, Option<OwnedSemaphorePermit>) {
        let permit = if self.begun { Arc::clone(&budget.0).try_acquire_owned().ok() } else { None };
        let longest = if permit.is_some() { CHUNK } else { SMALL_CHUNK };
        let middle = range.end.min(range.start + longest);
        (range.start..middle, Some(middle..range.end).filter(|later| !later.is_empty()), permit)
    }
}

fn chunk(
    range: Range<u64>,
    permit: Option<OwnedSemaphorePermit>,
    read: impl FnOnce(&mut [u8], u64) -> io::Result<()>,
) -> io::Result<Bytes> {
    // A chunk fits any memory's addresses.
    let mut bytes = vec![0; (range.end - range.start) as usize];
    // A file that became shorter ends the answer in the middle: the client sees that it is not whole.
    read(&mut bytes, range.start)?;
    Ok(match permit {
        Some(permit) => Bytes::from_owner(Chunk { bytes, _permit: permit }),
        None => Bytes::from(bytes),
    })
}

impl AnswerBody {
    pub(super) fn empty() -> Self {
        Self::Full(None)
    }

    /// What is held in memory.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn held(held: &Held) -> io::Result<Self> {
        match held {
            Held::Pages(pages) if pages.length() > MAX_COPY => {
                Ok(Self::pieces([Piece::Pages(pages.clone(), 0..pages.length())]))
            }
            _ => Ok(Self::Full(Some(held.bytes()?))),
        }
    }

    pub(super) fn pieces(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self::Pieces(Pieces::new(pieces))
    }

    /// The next frame; what is read for it counts in `budget`.
    pub(super) fn poll_within(
        &mut self,
        context: &mut Context<'_>,
        budget: &ChunkBudget,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => {
                let next = ready!(pieces.poll(context, budget));
                Poll::Ready(next.map(|read| read.map(Frame::data).map_err(axum::Error::new)))
            }
            Self::Routed(body) => Pin::new(body).poll_frame(context),
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Pieces(pieces) => pieces.left == 0,
            Self::Routed(body) => body.is_end_stream(),
        }
    }

    pub(super) fn length(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Pieces(pieces) => SizeHint::with_exact(pieces.left),
            Self::Routed(body) => body.size_hint(),
        }
    }
}
