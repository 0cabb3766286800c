//! The workers of a supervisor.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UnixStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::link::{self, Reader};
use super::message::{ToSupervisor, ToWorker};
use super::program::Program;

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// It reads its content, and checks it.
    Starting,
    /// It has been told to take connections.
    Going,
    /// It takes connections.
    Serving,
    /// It takes no more.
    Draining,
}

/// A worker.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) pid: Pid,
    pub(super) program: Arc<Program>,
    pub(super) stage: Stage,
    /// When that stage began.
    pub(super) since: Instant,
    /// Whether it took too long, and was asked to end, or killed.
    pub(super) is_late: bool,
    /// The version of a supervisor's state that its program knows; 0 until it is ready.
    pub(super) version: u32,
    pub(super) socket: Arc<UnixStream>,
    reader: AbortHandle,
}

/// What a worker said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) pid: Pid,
    pub(super) message: ToSupervisor,
    pub(super) descriptor: Option<OwnedFd>,
}

impl Child {
    /// A worker that runs; what it says goes to `events`.
    pub(super) fn new(
        pid: Pid,
        program: Arc<Program>,
        socket: StdUnixStream,
        events: UnboundedSender<Said>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UnixStream::from_std(socket)?);
        let reader = tokio::spawn(read(pid, Arc::clone(&socket), events)).abort_handle();
        Ok(Self {
            pid,
            program,
            stage: Stage::Starting,
            since: Instant::now(),
            is_late: false,
            version: 0,
            socket,
            reader,
        })
    }

    pub(super) fn enter(&mut self, stage: Stage) {
        (self.stage, self.since) = (stage, Instant::now());
    }

    /// Tells it something. A worker that can't be told is about to end, which is noticed by itself.
    pub(super) fn tell(&self, message: &ToWorker) {
        if let Err(error) = link::send(&*self.socket, message, &[]) {
            tracing::debug!("worker {} could not be told: {error}", self.pid);
        }
    }

    /// Sends it a signal. Until it has been waited for, its number is nobody else's.
    pub(super) fn signal(&self, signal: Signal) {
        if let Err(error) = kill_process(self.pid, signal) {
            tracing::debug!("worker {} is not there any more: {error}", self.pid);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(pid: Pid, socket: Arc<UnixStream>, events: UnboundedSender<Said>) {
    let mut reader = Reader::default();
    loop {
        let message = match reader.next::<ToSupervisor>(&socket).await {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(error) => return tracing::debug!("worker {pid} is not heard any more: {error}"),
        };
        let wanted = usize::from(matches!(message, ToSupervisor::Offer { .. }));
        let descriptor = match reader.descriptors(wanted) {
            Ok(mut descriptors) => descriptors.pop(),
            Err(error) => {
                tracing::warn!("worker {pid}: {error}");
                continue;
            }
        };
        if events.send(Said { pid, message, descriptor }).is_err() {
            return;
        }
    }
}

/// Takes the one of `pid` out of `children`.
pub(super) fn take(children: &mut Vec<Child>, pid: Pid) -> Option<Child> {
    let place = children.iter().position(|child| child.pid == pid)?;
    Some(children.remove(place))
}
