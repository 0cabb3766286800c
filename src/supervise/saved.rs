//! How a supervisor becomes another program: what it holds lies in a socket that the new program reads, descriptors and all.

use std::env;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::children::Stage;
use super::link::{self, Reader};
use super::mask;
use super::message::{Refused, VERSION};
use super::program::Program;
use super::supervisor::{Socket, Supervisor};

/// Says that a supervisor lies in the standard input; its value is the format.
pub(super) const VARIABLE: &str = "GALLEY_SUPERVISOR";

/// What a supervisor holds, without its descriptors. They come in this order: sockets, lock, programs, workers.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    version: u32,
    sockets: Vec<SavedSocket>,
    lock: bool,
    /// The digests of programs.
    programs: Vec<String>,
    workers: Vec<SavedWorker>,
    /// The program that goes on, as its place in the list.
    own: usize,
    current: Option<i32>,
    refused: Vec<Refused>,
    early: u32,
    served: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedSocket {
    control: bool,
    opened: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedWorker {
    pid: i32,
    program: usize,
    stage: Stage,
    /// Milliseconds since the stage began.
    age: u64,
    version: u32,
    #[serde(default)]
    is_late: bool,
}

/// A supervisor that was another program before.
#[derive(Debug)]
pub struct Resumed {
    saved: Saved,
    /// What workers listen on.
    pub sockets: Vec<Socket>,
    /// The state's lock.
    pub lock: Option<OwnedFd>,
    programs: Vec<OwnedFd>,
    links: Vec<OwnedFd>,
}

/// Takes up what the process held as another program; `None` if it was none.
pub fn resumed() -> Option<io::Result<Resumed>> {
    env::var_os(VARIABLE)?;
    Some(read())
}

fn read() -> io::Result<Resumed> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut reader = Reader::default();
    let saved: Saved = reader.wait(&socket)?;
    if saved.version != VERSION {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("format {} is not known", saved.version)));
    }
    let descriptors = reader.descriptors(saved.sockets.len())?;
    let sockets = saved.sockets.iter().zip(descriptors);
    let sockets = sockets
        .map(|(known, descriptor)| Socket { descriptor, control: known.control, opened: known.opened })
        .collect();
    let lock = reader.descriptors(usize::from(saved.lock))?.pop();
    let programs = reader.descriptors(saved.programs.len())?;
    let links = reader.descriptors(saved.workers.len())?;
    Ok(Resumed { saved, sockets, lock, programs, links })
}

/// Puts back what lies in `resumed` but for the sockets and the lock, which the supervisor has already.
pub(super) fn restore(supervisor: &mut Supervisor<'_>, resumed: Resumed) -> io::Result<()> {
    let Resumed { saved, programs, links, .. } = resumed;
    let programs: Vec<_> = programs
        .into_iter()
        .zip(saved.programs)
        .map(|(descriptor, digest)| Arc::new(Program::new(descriptor.into(), digest)))
        .collect();
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "what was handed on is not whole");
    let program = |place: usize| programs.get(place).cloned().ok_or_else(malformed);
    for (worker, link) in saved.workers.iter().zip(links) {
        let pid = Pid::from_raw(worker.pid).ok_or_else(malformed)?;
        let child = supervisor.adopt(pid, program(worker.program)?, link.into())?;
        let since = Instant::now().checked_sub(Duration::from_millis(worker.age));
        (child.stage, child.since) = (worker.stage, since.unwrap_or_else(Instant::now));
        (child.version, child.is_late) = (worker.version, worker.is_late);
    }
    supervisor.own = program(saved.own)?;
    supervisor.current = saved.current.and_then(Pid::from_raw);
    (supervisor.refused, supervisor.early, supervisor.served) = (saved.refused, saved.early, saved.served);
    tracing::info!("the supervisor goes on as {}", supervisor.own.name());
    Ok(())
}

/// Becomes `program`; returns only if that can't be done, and then all is as it was.
pub(super) fn become_it(supervisor: &Supervisor<'_>, program: &Arc<Program>) -> io::Error {
    let prepared = prepare(supervisor, program).and_then(|input| mask::block().map(|()| input));
    let error = match prepared {
        Ok(input) => program.become_it(&supervisor.arguments, input.into(), (VARIABLE, "1")),
        Err(error) => error,
    };
    if let Err(error) = mask::unblock() {
        tracing::error!("signals can't be let in again: {error}");
    }
    error
}

/// A socket in which all lies that the supervisor holds.
fn prepare(supervisor: &Supervisor<'_>, own: &Arc<Program>) -> io::Result<UnixStream> {
    let mut programs: Vec<&Arc<Program>> = vec![own];
    for child in &supervisor.children {
        if !programs.iter().any(|known| Arc::ptr_eq(known, &child.program)) {
            programs.push(&child.program);
        }
    }
    let place = |program: &Arc<Program>| programs.iter().position(|known| Arc::ptr_eq(known, program)).unwrap_or(0);
    let workers = supervisor.children.iter().map(|child| SavedWorker {
        pid: child.pid.as_raw_nonzero().get(),
        program: place(&child.program),
        stage: child.stage,
        age: u64::try_from(child.since.elapsed().as_millis()).unwrap_or(u64::MAX),
        version: child.version,
        is_late: child.is_late,
    });
    let sockets = supervisor.sockets.iter();
    let saved = Saved {
        version: VERSION,
        sockets: sockets.map(|socket| SavedSocket { control: socket.control, opened: socket.opened }).collect(),
        lock: supervisor.lock.is_some(),
        programs: programs.iter().map(|program| program.digest.clone()).collect(),
        workers: workers.collect(),
        own: 0,
        current: supervisor.current.map(|pid| pid.as_raw_nonzero().get()),
        refused: supervisor.refused.clone(),
        early: supervisor.early,
        served: supervisor.served,
    };
    let descriptors: Vec<BorrowedFd<'_>> = supervisor
        .sockets
        .iter()
        .map(|socket| socket.descriptor.as_fd())
        .chain(supervisor.lock.iter().map(AsFd::as_fd))
        .chain(programs.iter().map(|program| program.file.as_fd()))
        .chain(supervisor.children.iter().map(|child| child.socket.as_fd()))
        .collect();
    let (ours, theirs) = UnixStream::pair()?;
    link::send(&ours, &saved, &descriptors)?;
    // What was sent stays in the other one's queue when this one is closed.
    Ok(theirs)
}
