//! HTTP/2 writes, gathered.
//!
//! h2 flushes after each frame of 256 bytes or more: one system call an answer. Here frames are copied into a buffer that
//! goes out once after each turn of the connection, which answers all requests of a packet with one call. A connection has
//! a buffer only while something is in it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Fits most pages of a turn.
const BUFFER: usize = 32 * 1024;
/// Buffers that are kept for the next turn of any connection.
const MAX_KEPT: usize = 32;

/// Buffers of a thread that nobody uses at the moment.
#[derive(Clone, Default)]
pub(super) struct Buffers(Rc<RefCell<Vec<Vec<u8>>>>);

impl Buffers {
    fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(BUFFER))
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < MAX_KEPT && buffer.capacity() > 0 {
            buffer.clear();
            kept.push(buffer);
        }
    }
}

/// A stream whose writes wait for [`Gathered::poll_send`]. Clones are the same stream.
pub(super) struct Gathered<S>(Rc<RefCell<Inner<S>>>);

struct Inner<S> {
    stream: S,
    buffers: Buffers,
    pending: Vec<u8>,
    /// Bytes of `pending` that are out.
    sent: usize,
}

impl<S> Clone for Gathered<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gathered<S> {
    pub(super) fn new(stream: S, buffers: Buffers) -> Self {
        Self(Rc::new(RefCell::new(Inner { stream, buffers, pending: Vec::new(), sent: 0 })))
    }

    /// Sends what was gathered.
    pub(super) fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_send(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Inner<S> {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.pending.len() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, &self.pending[self.sent..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        self.sent = 0;
        self.buffers.give_back(std::mem::take(&mut self.pending));
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Makes room in a full buffer.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pending.len() >= BUFFER {
            ready!(self.poll_send(context))?;
        }
        if self.pending.capacity() == 0 {
            self.pending = self.buffers.take();
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what fits.
    fn gather(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(BUFFER - self.pending.len());
        self.pending.extend_from_slice(&bytes[..count]);
        count
    }
}

impl<S> Drop for Inner<S> {
    fn drop(&mut self) {
        self.buffers.give_back(std::mem::take(&mut self.pending));
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut inner = self.0.borrow_mut();
        ready!(inner.poll_room(context))?;
        Poll::Ready(Ok(inner.gather(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.0.borrow_mut();
        ready!(inner.poll_room(context))?;
        let mut count = 0;
        for slice in slices {
            let taken = inner.gather(slice);
            count += taken;
            if taken < slice.len() {
                break;
            }
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // After the turn.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.borrow_mut();
        ready!(inner.poll_send(context))?;
        Pin::new(&mut inner.stream).poll_shutdown(context)
    }
}
