//! A worker's side of the channel.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use tokio::net::UnixStream;

use super::link::{self, Reader};
use super::message::{Start, ToSupervisor, ToWorker, VERSION};

/// Says that a supervisor has started this process; its standard input is the channel.
pub(super) const VARIABLE: &str = "GALLEY_WORKER";

/// Why a process that is said to be a worker is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{VARIABLE} is set, and standard input is no channel to a supervisor ({0}); that variable is galley's own: remove it"
)]
pub struct WorkerError(#[from] io::Error);

/// A process that a supervisor has started.
#[derive(Debug)]
pub struct Worker {
    /// What it begins with.
    pub start: Start,
    socket: Channel,
    reader: Reader,
}

/// The channel, before there is a runtime and afterwards.
#[derive(Debug)]
enum Channel {
    Blocking(StdUnixStream),
    Async(UnixStream),
}

/// What a worker listens on, and the lock of the state.
#[derive(Debug, Default)]
pub struct Handed {
    /// Of the control listener.
    pub control: Vec<OwnedFd>,
    /// The public ones.
    pub public: Vec<OwnedFd>,
    /// Who has it may write to the state.
    pub lock: Option<File>,
}

/// What a supervisor says.
#[derive(Debug, PartialEq, Eq)]
pub enum Word {
    /// Nobody else writes: begin.
    Go,
    /// Another worker has taken over.
    Drain,
    /// The program that was offered does not do.
    Refused(String),
    /// A hook rang at the worker before this one.
    Hint,
    /// There is no supervisor any more.
    Lost,
}

impl Worker {
    /// What a supervisor has handed to this process; `None` if none has started it.
    pub fn from_environment() -> Option<Result<(Self, Handed), WorkerError>> {
        env::var_os(VARIABLE)?;
        Some(Self::read().map_err(WorkerError))
    }

    fn read() -> io::Result<(Self, Handed)> {
        let socket = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut reader = Reader::default();
        let ToWorker::Start(start) = reader.wait(&socket)? else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it begins with another message"));
        };
        let control = reader.descriptors(start.control)?;
        let public = reader.descriptors(start.public)?;
        let lock = reader.descriptors(usize::from(start.lock))?.pop().map(File::from);
        let worker = Self { start, socket: Channel::Blocking(socket), reader };
        Ok((worker, Handed { control, public, lock }))
    }

    /// Content is there and checked. Must be called on a runtime, and before the rest of these.
    pub fn ready(&mut self) -> io::Result<()> {
        if let Channel::Blocking(socket) = &self.socket {
            socket.set_nonblocking(true)?;
            self.socket = Channel::Async(UnixStream::from_std(socket.try_clone()?)?);
        }
        self.say(&ToSupervisor::Ready { version: VERSION })
    }

    /// Connections are taken.
    pub fn serving(&self) -> io::Result<()> {
        self.say(&ToSupervisor::Serving)
    }

    /// A hook rang here, after another worker has taken over.
    pub fn hint(&self) -> io::Result<()> {
        self.say(&ToSupervisor::Hint)
    }

    /// Offers a program to hand over to, while `release` is served.
    pub fn offer(&self, program: impl AsFd, digest: &str, release: &str) -> io::Result<()> {
        let message = ToSupervisor::Offer { program: digest.to_owned(), release: release.to_owned() };
        match &self.socket {
            Channel::Blocking(socket) => link::send(socket, &message, &[program.as_fd()]),
            Channel::Async(socket) => link::send(socket, &message, &[program.as_fd()]),
        }
    }

    fn say(&self, message: &ToSupervisor) -> io::Result<()> {
        match &self.socket {
            Channel::Blocking(socket) => link::send(socket, message, &[]),
            Channel::Async(socket) => link::send(socket, message, &[]),
        }
    }

    /// What the supervisor says next. May be dropped and called again.
    pub async fn word(&mut self) -> Word {
        let Channel::Async(socket) = &self.socket else { return std::future::pending().await };
        loop {
            return match self.reader.next(socket).await {
                Ok(Some(ToWorker::Go)) => Word::Go,
                Ok(Some(ToWorker::Drain)) => Word::Drain,
                Ok(Some(ToWorker::Refused(reason))) => Word::Refused(reason),
                Ok(Some(ToWorker::Hint)) => Word::Hint,
                Ok(Some(ToWorker::Start(_))) => continue,
                Ok(None) => Word::Lost,
                Err(error) => {
                    tracing::debug!("the supervisor is not heard any more: {error}");
                    Word::Lost
                }
            };
        }
    }
}
