//! A channel between supervisor and worker: lines of JSON over a Unix socket, with descriptors beside them.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The most descriptors in one message, unix(7): SCM_MAX_FD.
const MAX_DESCRIPTORS: usize = 253;
/// Read at once: more than any message has.
const PIECE: usize = 16 << 10;

/// Sends `message` with `descriptors`, which the other side has from then on as well.
pub(super) fn send(socket: impl AsFd, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one message"));
    }
    // All of it at once, or an error: a socket's buffer has room for many messages, and each is read at once.
    let sent = sendmsg(socket, &[IoSlice::new(&line)], &mut ancillary, SendFlags::NOSIGNAL)?;
    if sent == line.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// What has come and is not taken yet.
#[derive(Debug, Default)]
pub(super) struct Reader {
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl Reader {
    /// The next message; waits for it. An error if the other side is gone.
    pub(super) fn wait<T: DeserializeOwned>(&mut self, socket: impl AsFd) -> io::Result<T> {
        loop {
            if let Some(line) = self.line() {
                return Ok(serde_json::from_slice(&line)?);
            }
            if self.receive(&socket)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The next message that is understood; `None` if the other side is gone.
    pub(super) async fn next<T: DeserializeOwned>(&mut self, socket: &UnixStream) -> io::Result<Option<T>> {
        loop {
            while let Some(line) = self.line() {
                match serde_json::from_slice(&line) {
                    Ok(message) => return Ok(Some(message)),
                    // The other side is of another age.
                    Err(error) => tracing::debug!("a message between processes is passed over: {error}"),
                }
            }
            socket.readable().await?;
            match socket.try_io(Interest::READABLE, || self.receive(socket)) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// The descriptors that came with the messages so far, `count` of them.
    pub(super) fn descriptors(&mut self, count: usize) -> io::Result<Vec<OwnedFd>> {
        if count > self.descriptors.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message came without its descriptors"));
        }
        Ok(self.descriptors.drain(..count).collect())
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n')?;
        Some(self.bytes.drain(..=end).collect())
    }

    fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let mut piece = [0; PIECE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let slices = &mut [IoSliceMut::new(&mut piece)];
        let received = rustix::io::retry_on_intr(|| recvmsg(&socket, slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC))?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        self.bytes.extend_from_slice(&piece[..received.bytes]);
        Ok(received.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::message::{Start, ToWorker};
    use std::os::unix::net::UnixStream;

    #[test]
    fn messages_come_with_their_descriptors() {
        let (here, there) = UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        let start = Start { version: 1, public: 1, ..Start::default() };
        send(&here, &ToWorker::Start(start), &[file.as_fd()]).unwrap();
        send(&here, &ToWorker::Go, &[]).unwrap();
        drop(here);
        let mut reader = Reader::default();
        let ToWorker::Start(start) = reader.wait(&there).unwrap() else { panic!("another message came") };
        assert_eq!(reader.descriptors(start.public).unwrap().len(), 1);
        assert!(reader.descriptors(1).is_err());
        assert!(matches!(reader.wait(&there).unwrap(), ToWorker::Go));
        assert_eq!(reader.wait::<ToWorker>(&there).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
