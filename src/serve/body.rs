//! The body of an answer.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::snapshot::{FileReader, Held, Pages};

/// Read from a file at a time. A client that takes nothing holds one of these, so it is small: the system reads ahead.
const CHUNK: u64 = 32 * 1024;

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
    File(Arc<FileReader>, Range<u64>),
}

/// Parts of a body, sent in turn.
pub struct Pieces {
    waiting: VecDeque<Piece>,
    left: u64,
    /// A chunk being read, off the threads that answer.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
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
        Self { left: waiting.iter().map(Piece::length).sum(), waiting, reading: None }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.reading.is_none() {
            match self.waiting.pop_front() {
                None => return Poll::Ready(None),
                Some(Piece::Bytes(bytes)) => {
                    self.left -= bytes.len() as u64;
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Some(Piece::Pages(pages, range)) => {
                    let (now, later) = split(range);
                    if let Some(later) = later {
                        self.waiting.push_front(Piece::Pages(pages.clone(), later));
                    }
                    self.left -= now.end - now.start;
                    return Poll::Ready(Some(chunk(now, |buffer, offset| pages.read_at(buffer, offset))));
                }
                Some(Piece::File(file, range)) => self.reading = Some(self.read(file, range)),
            }
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        if let Ok(bytes) = &read {
            self.left -= bytes.len() as u64;
        }
        Poll::Ready(Some(read))
    }

    /// Reads the beginning of `range`, and leaves the rest for later.
    fn read(&mut self, file: Arc<FileReader>, range: Range<u64>) -> JoinHandle<io::Result<Bytes>> {
        let (now, later) = split(range);
        if let Some(later) = later {
            self.waiting.push_front(Piece::File(Arc::clone(&file), later));
        }
        spawn_blocking(move || chunk(now, |buffer, offset| file.read_at(buffer, offset)))
    }
}

/// What is read at a time, and what is left.
fn split(range: Range<u64>) -> (Range<u64>, Option<Range<u64>>) {
    let middle = range.end.min(range.start + CHUNK);
    (range.start..middle, Some(middle..range.end).filter(|later| !later.is_empty()))
}

fn chunk(range: Range<u64>, read: impl FnOnce(&mut [u8], u64) -> io::Result<()>) -> io::Result<Bytes> {
    // A chunk fits any memory's addresses.
    let mut buffer = vec![0; (range.end - range.start) as usize];
    // A file that became shorter ends the answer in the middle: the client sees that it is not whole.
    read(&mut buffer, range.start)?;
    Ok(Bytes::from(buffer))
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
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => {
                let next = ready!(pieces.poll(context));
                Poll::Ready(next.map(|read| read.map(Frame::data).map_err(axum::Error::new)))
            }
            Self::Routed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Pieces(pieces) => pieces.left == 0,
            Self::Routed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Pieces(pieces) => SizeHint::with_exact(pieces.left),
            Self::Routed(body) => body.size_hint(),
        }
    }
}
