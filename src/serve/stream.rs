//! The bytes of a connection: a socket that notes what it moves.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::SendFlags;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::activity::Notes;
use super::headroom::{Headroom, MAX_UNSENT, Room, set_unsent};
use crate::snapshot::Pages;

/// What a client still sends after an answer that ends the connection is read and thrown away, up to this: closing the
/// socket with unread bytes would take the answer from the client as well.
const MAX_LATE: u32 = 256 * 1024;

/// Without a signal if the client is gone.
#[cfg(target_os = "linux")]
const MORE: SendFlags = SendFlags::MORE.union(SendFlags::NOSIGNAL);
#[cfg(not(target_os = "linux"))]
const MORE: SendFlags = SendFlags::NOSIGNAL;

/// A connected socket.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connected socket that belongs to no thread.
pub(super) enum Loose {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Loose {
    /// Makes it this thread's.
    pub(super) fn bind(self) -> io::Result<Socket> {
        Ok(match self {
            Self::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream)?),
            Self::Unix(stream) => Socket::Unix(UnixStream::from_std(stream)?),
        })
    }
}

impl Socket {
    /// Takes it from this thread.
    pub(super) fn release(self) -> io::Result<Loose> {
        Ok(match self {
            Self::Tcp(stream) => Loose::Tcp(stream.into_std()?),
            Self::Unix(stream) => Loose::Unix(stream.into_std()?),
        })
    }

    /// Sets what a connection of the internet needs.
    pub(super) fn prepare(&self, write_stall: Duration) -> io::Result<()> {
        let Self::Tcp(stream) = self else { return Ok(()) };
        stream.set_nodelay(true)?;
        #[cfg(target_os = "linux")]
        {
            set_unsent(stream, MAX_UNSENT)?;
            // What a client that reads nothing is sent may lie in the kernel whole, and no write ever blocks: only the
            // kernel's own timer ends that.
            SockRef::from(stream).set_tcp_user_timeout(Some(write_stall))?;
        }
        Ok(())
    }
}

/// A socket behind bytes that were read before, with notes on what it moves.
pub(super) struct Wire {
    socket: Socket,
    /// Read already, to find out what is spoken.
    ahead: Vec<u8>,
    late: u32,
    notes: Rc<Notes>,
    /// Boxed, because most connections never wait.
    room: Option<Box<Room>>,
    /// Where this ends: whether the kernel holds more of the answers than may lie there for those that are gone.
    held: Option<bool>,
}

impl Wire {
    pub(super) fn new(socket: Socket, notes: Rc<Notes>) -> Self {
        Self { socket, ahead: Vec::new(), late: 0, notes, room: None, held: None }
    }

    /// Puts bytes that were read back in front.
    pub(super) fn put_back(&mut self, mut bytes: Vec<u8>) {
        bytes.extend_from_slice(&self.ahead);
        self.ahead = bytes;
    }

    /// Sends `bytes`; more follows at once, so that the kernel waits for it.
    pub(super) fn poll_send_more(
        &mut self,
        context: &mut Context<'_>,
        headroom: &Headroom,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_try(context, headroom, bytes.len(), |socket| Ok(rustix::net::send(socket, bytes, MORE)?))
    }

    /// Sends the bytes of `pages` from `offset` on.
    pub(super) fn poll_send_pages(
        &mut self,
        context: &mut Context<'_>,
        headroom: &Headroom,
        pages: &Pages,
        offset: u64,
    ) -> Poll<io::Result<usize>> {
        // What lies in memory fits its addresses.
        let wanted = pages.length().saturating_sub(offset) as usize;
        self.poll_try(context, headroom, wanted, |socket| pages.send(socket, offset))
    }

    /// Sends with a call that takes `wanted` bytes if there is room.
    fn poll_try(
        &mut self,
        context: &mut Context<'_>,
        headroom: &Headroom,
        wanted: usize,
        send: impl Fn(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let sent = Cell::new(0);
        // If it takes less there is no room any more: told as such, the runtime waits for room without another call.
        let attempt = |socket: BorrowedFd<'_>| {
            sent.set(send(socket)?);
            if sent.get() < wanted { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        };
        let written = loop {
            let tried = match &self.socket {
                Socket::Tcp(stream) => match stream.poll_write_ready(context)? {
                    Poll::Pending => {
                        self.room.get_or_insert_with(|| Box::new(Room::new(headroom.clone()))).filled();
                        break Poll::Pending;
                    }
                    Poll::Ready(()) => {
                        if let Some(room) = &mut self.room {
                            room.freed(stream.as_fd());
                        }
                        stream.try_io(Interest::WRITABLE, || attempt(stream.as_fd()))
                    }
                },
                Socket::Unix(stream) => match stream.poll_write_ready(context)? {
                    Poll::Pending => break Poll::Pending,
                    Poll::Ready(()) => stream.try_io(Interest::WRITABLE, || attempt(stream.as_fd())),
                },
            };
            match tried {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => break Poll::Ready(Err(error)),
                Err(_) if sent.get() == 0 => {}
                _ => {
                    if let Some(room) = &mut self.room {
                        room.took();
                    }
                    break Poll::Ready(Ok(sent.get()));
                }
            }
        };
        self.note(written)
    }

    fn poll_socket(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Socket::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }

    fn poll_shutdown_socket(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.notes.blocked(),
            Poll::Ready(_) => self.notes.wrote_some(),
        }
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..count]);
            self.ahead.drain(..count);
            if self.ahead.is_empty() {
                self.ahead = Vec::new();
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(self.poll_socket(context, buffer))?;
        if buffer.filled().len() > before {
            self.notes.read_some();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Socket::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        };
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket has no buffer of its own.
        Poll::Ready(Ok(()))
    }

    /// Ends the answers' direction; then reads what the client still sends, until it ends its own or nothing is there. Once
    /// something was there more may follow, so it waits for the end; also where the kernel holds more than others may have.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        let held = match (self.held, &self.socket) {
            (Some(held), _) => held,
            (None, Socket::Tcp(stream)) => {
                self.room.as_ref().is_some_and(|room| room.is_held_at_the_end(stream.as_fd()))
            }
            (None, Socket::Unix(_)) => false,
        };
        self.held = Some(held);
        ready!(self.poll_shutdown_socket(context))?;
        self.notes.ends();
        self.ahead = Vec::new();
        while self.late < MAX_LATE {
            let mut buffer = ReadBuf::new(&mut scratch);
            match self.poll_socket(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    // With a client that goes on without an end the head's limit ends it.
                    self.notes.read_some();
                    // What was read at once is far less than that.
                    self.late += buffer.filled().len() as u32;
                }
                Poll::Pending if held || self.late > 0 => {
                    self.notes.read_some();
                    return Poll::Pending;
                }
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // What the kernel holds for a client that takes nothing is not worth keeping either.
        if self.notes.is_blocked()
            && let Socket::Tcp(stream) = &self.socket
            && let Err(error) = SockRef::from(stream).set_linger(Some(Duration::ZERO))
        {
            tracing::debug!("a connection is closed slowly: {error}");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The answer that a client never reads lies in the kernel: only the kernel can end that, and say how much it takes.
    #[tokio::test]
    async fn the_kernel_knows_the_limits_of_a_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, client) = tokio::join!(listener.accept(), client);
        let (socket, _client) = (Socket::Tcp(accepted.unwrap().0), client.unwrap());
        socket.prepare(Duration::from_secs(30)).unwrap();
        let Socket::Tcp(stream) = &socket else { unreachable!() };
        let found = SockRef::from(stream);
        assert_eq!(found.tcp_user_timeout().unwrap(), Some(Duration::from_secs(30)));
        assert_eq!(found.tcp_notsent_lowat().unwrap(), MAX_UNSENT);
        assert!(stream.nodelay().unwrap());
    }
}
