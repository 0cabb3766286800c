//! The supervisor: one thread that waits for its workers, for the time and for the word to stop.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::children::{Child, Said, Stage, take};
use super::limits::{CONFIRMED, Patience, READY};
use super::link;
use super::mask;
use super::message::{Refused, Start, ToSupervisor, ToWorker, VERSION};
use super::program::Program;
use super::saved::{self, Resumed};
use super::worker;

/// So many workers in a row may end before they have served that long.
const TRIES: u32 = 3;
/// So many workers may wait for their last clients; each has a site in memory.
const DRAINING: usize = 4;

/// What is told of what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The first worker serves.
    Serving,
    /// No further connection is to be let in.
    Stopping,
}

/// A listener that workers get.
#[derive(Debug)]
pub struct Socket {
    /// The listener.
    pub descriptor: OwnedFd,
    /// Whether it is one of the control listener's.
    pub control: bool,
    /// Whether it was opened by this process, not handed over by a service manager.
    pub opened: bool,
}

/// What a supervisor begins with.
#[derive(Debug)]
pub struct Beginning {
    /// What workers listen on.
    pub sockets: Vec<Socket>,
    /// The state's lock, locked: who has it may write.
    pub lock: Option<File>,
    /// The programs to begin with, the best first; the last one is that of this process.
    pub programs: Vec<Program>,
    /// The arguments of each worker.
    pub arguments: Vec<OsString>,
    /// How long workers wait for their clients.
    pub patience: Patience,
    /// What was there before this process became another program.
    pub resumed: Option<Resumed>,
}

/// How it came to an end.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Stopped,
    /// Workers could not serve, for this reason.
    Failed(String),
}

pub(super) struct Supervisor<'a> {
    pub(super) sockets: Vec<Socket>,
    pub(super) lock: Option<File>,
    pub(super) arguments: Vec<OsString>,
    pub(super) patience: Patience,
    /// Programs that may still be tried at the beginning, the best last.
    untried: Vec<Arc<Program>>,
    /// The one that this process runs.
    pub(super) own: Arc<Program>,
    pub(super) children: Vec<Child>,
    /// The worker that takes connections, or is about to.
    pub(super) current: Option<Pid>,
    /// The worker that is to take over from it.
    pub(super) next: Option<Pid>,
    /// The program to go back to, while the current one is not confirmed.
    pub(super) before: Option<Arc<Program>>,
    pub(super) refused: Vec<Refused>,
    /// Workers in a row that ended early.
    pub(super) early: u32,
    /// Whether any worker has served.
    pub(super) served: bool,
    events: UnboundedSender<Said>,
    tell: &'a mut dyn FnMut(Happening),
    /// The time at which all is to be over.
    pub(super) stopping: Option<Instant>,
}

/// Starts workers and hands over from one to the next, until a signal asks it to stop; `tell` hears of it. The process must have
/// no other thread.
pub fn supervise(beginning: Beginning, tell: &mut dyn FnMut(Happening)) -> io::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut child = signal(SignalKind::child())?;
        mask::unblock()?;
        let (events, said) = unbounded_channel();
        let mut supervisor = Supervisor::new(beginning, events, tell)?;
        let mut said = said;
        if let Some(ended) = supervisor.begin() {
            return Ok(ended);
        }
        loop {
            let until = supervisor.deadline();
            tokio::select! {
                biased;
                _ = terminate.recv() => supervisor.stop(),
                _ = interrupt.recv() => supervisor.stop(),
                Some(Said { pid, message, descriptor }) = said.recv() => supervisor.hear(pid, message, descriptor),
                _ = child.recv() => {}
                () = sleep_until(until) => {}
            }
            // Also after what was no signal: several may have come as one, or before there was a handler.
            if let Some(ended) = supervisor.reap()? {
                return Ok(ended);
            }
            supervisor.look_at_the_time();
            if supervisor.stopping.is_none() {
                supervisor.replace_itself(&mut said);
            }
        }
    })
}

impl<'a> Supervisor<'a> {
    fn new(
        beginning: Beginning,
        events: UnboundedSender<Said>,
        tell: &'a mut dyn FnMut(Happening),
    ) -> io::Result<Self> {
        let Beginning { sockets, lock, programs, arguments, patience, resumed } = beginning;
        let mut untried: Vec<_> = programs.into_iter().rev().map(Arc::new).collect();
        let missing = || io::Error::new(io::ErrorKind::InvalidInput, "there is no program to start");
        let own = Arc::clone(untried.first().ok_or_else(missing)?);
        let mut supervisor = Self {
            sockets,
            lock,
            arguments,
            patience,
            untried: Vec::new(),
            own,
            children: Vec::new(),
            current: None,
            next: None,
            before: None,
            refused: Vec::new(),
            early: 0,
            served: false,
            events,
            tell,
            stopping: None,
        };
        match resumed {
            Some(resumed) => saved::restore(&mut supervisor, resumed)?,
            None => std::mem::swap(&mut supervisor.untried, &mut untried),
        }
        Ok(supervisor)
    }

    pub(super) fn adopt(&mut self, pid: Pid, program: Arc<Program>, socket: UnixStream) -> io::Result<&mut Child> {
        let child = Child::new(pid, program, socket, self.events.clone())?;
        self.children.push(child);
        self.children.last_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Starts the first worker, if there is none.
    fn begin(&mut self) -> Option<Ended> {
        if self.current.is_some() {
            return None;
        }
        while let Some(program) = self.untried.pop() {
            match self.start(&program, None) {
                Ok(pid) => {
                    self.current = Some(pid);
                    return None;
                }
                Err(error) => self.refuse(&program, format!("it can't be started: {error}")),
            }
        }
        Some(Ended::Failed("no worker could be started".to_owned()))
    }

    /// Starts a worker; `release` is what the one serves that it is to take over from.
    fn start(&mut self, program: &Arc<Program>, release: Option<&str>) -> io::Result<Pid> {
        let (ours, theirs) = UnixStream::pair()?;
        let variable = (worker::VARIABLE, "1");
        // With the service manager speaks the supervisor alone.
        let without = [saved::VARIABLE, "NOTIFY_SOCKET"];
        let id = program.start(&self.arguments, theirs.into(), variable, &without)?;
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        let of = |control: bool| self.sockets.iter().filter(move |socket| socket.control == control);
        let start = Start {
            version: VERSION,
            control: of(true).count(),
            public: of(false).count(),
            lock: self.lock.is_some(),
            takes_over: release.is_some(),
            release: release.map(str::to_owned),
            refused: self.refused.clone(),
            first: !self.served,
        };
        let descriptors: Vec<BorrowedFd<'_>> = of(true)
            .chain(of(false))
            .map(|socket| socket.descriptor.as_fd())
            .chain(self.lock.iter().map(File::as_fd))
            .collect();
        // A worker that has ended already is found by waiting for it.
        if let Err(error) = link::send(&ours, &ToWorker::Start(start), &descriptors) {
            tracing::debug!("worker {pid} could not be told what to do: {error}");
        }
        tracing::debug!("worker {pid} was started from {}", program.name());
        self.adopt(pid, Arc::clone(program), ours)?;
        Ok(pid)
    }

    pub(super) fn child(&mut self, pid: Option<Pid>) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| Some(child.pid) == pid)
    }

    fn hear(&mut self, pid: Pid, message: ToSupervisor, descriptor: Option<OwnedFd>) {
        let stopping = self.stopping.is_some();
        let Some(child) = self.child(Some(pid)).filter(|_| !stopping) else { return };
        match message {
            ToSupervisor::Ready { version } => {
                child.version = version;
                child.enter(Stage::Going);
                child.tell(&ToWorker::Go);
            }
            ToSupervisor::Serving => {
                child.enter(Stage::Serving);
                self.serves(pid);
            }
            ToSupervisor::Offer { program, release } if self.current == Some(pid) => {
                let Some(descriptor) = descriptor else { return };
                let program = Arc::new(Program::new(descriptor.into(), program));
                if let Err(reason) = self.hand_over(&program, &release) {
                    self.keep(&program, reason);
                }
            }
            ToSupervisor::Hint => {
                let current = self.current;
                if let Some(child) = self.child(current) {
                    child.tell(&ToWorker::Hint);
                }
            }
            // It has been replaced meanwhile, and need not know what became of it.
            ToSupervisor::Offer { .. } => {}
        }
    }

    /// Starts a worker that is to take over.
    fn hand_over(&mut self, program: &Arc<Program>, release: &str) -> Result<(), String> {
        if let Some(known) = self.refused.iter().find(|refused| refused.program == program.digest) {
            return Err(known.reason.clone());
        }
        if self.next.is_some() {
            return Err("another one is being started".to_owned());
        }
        let pid = self.start(program, Some(release)).map_err(|error| format!("it can't be started: {error}"))?;
        self.next = Some(pid);
        tracing::info!("handing over to the program {}", program.name());
        Ok(())
    }

    /// A worker takes connections: the one before need not any more.
    fn serves(&mut self, pid: Pid) {
        let first = !std::mem::replace(&mut self.served, true);
        if self.next == Some(pid) {
            self.next = None;
            let before = self.current.replace(pid);
            if let Some(old) = self.child(before) {
                let confirmed = old.since.elapsed() >= CONFIRMED;
                let (program, number) = (Arc::clone(&old.program), old.pid);
                old.tell(&ToWorker::Drain);
                old.enter(Stage::Draining);
                // Of several that are not confirmed, the one before the first of them.
                if confirmed || self.before.is_none() {
                    self.before = Some(program);
                }
                tracing::info!("worker {pid} has taken over from worker {number}");
            }
            self.drain_the_oldest();
        }
        if first {
            // One that lay in the state may do less well than the one that this process was started with.
            self.before = self.untried.first().cloned();
            (self.tell)(Happening::Serving);
        }
    }

    fn drain_the_oldest(&mut self) {
        let mut draining: Vec<_> = self.children.iter().filter(|child| child.stage == Stage::Draining).collect();
        draining.sort_by_key(|child| child.since);
        let count = draining.len().saturating_sub(DRAINING);
        draining[..count].iter().for_each(|child| child.signal(Signal::TERM));
    }

    /// The program was tried and does not do; the worker that offered it is told.
    fn keep(&mut self, program: &Arc<Program>, reason: String) {
        self.refuse(program, reason.clone());
        let current = self.current;
        if let Some(child) = self.child(current) {
            child.tell(&ToWorker::Refused(reason));
        }
    }

    fn refuse(&mut self, program: &Program, reason: String) {
        tracing::error!("{} is not used: {reason}", program.name());
        if !program.digest.is_empty() && self.refused.iter().all(|refused| refused.program != program.digest) {
            self.refused.push(Refused { program: program.digest.clone(), reason });
        }
    }

    /// Waits for all that has ended: workers, and orphans, which the first process of a container inherits.
    fn reap(&mut self) -> io::Result<Option<Ended>> {
        loop {
            let ended = match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => self.ended(pid, status),
                Ok(None) | Err(rustix::io::Errno::CHILD) => None,
                Err(error) => return Err(error.into()),
            };
            if self.stopping.is_some() && self.children.is_empty() {
                return Ok(Some(Ended::Stopped));
            }
            match ended {
                Some(Some(ended)) => return Ok(Some(ended)),
                Some(None) => {}
                None => return Ok(None),
            }
        }
    }

    /// One that was waited for is gone. The inner value says that all is over.
    #[expect(clippy::option_option, reason = "that something ended, and that all did, are two things")]
    fn ended(&mut self, pid: Pid, status: WaitStatus) -> Option<Option<Ended>> {
        let Some(child) = take(&mut self.children, pid) else { return Some(None) };
        let how = describe(status);
        if self.stopping.is_some() {
            return Some(None);
        }
        if self.next == Some(pid) {
            self.next = None;
            let reason = match child.is_late {
                true => format!("its worker was not ready within {} s", READY.as_secs()),
                false => format!("its worker ended before it served: {how}"),
            };
            self.keep(&child.program, reason);
            return Some(None);
        }
        if self.current != Some(pid) {
            tracing::debug!("worker {pid} has ended: {how}");
            return Some(None);
        }
        self.current = None;
        if let Some(next) = self.next.take() {
            // The one that was to take over does so at once.
            tracing::error!("worker {pid} has ended: {how}; worker {next} takes over");
            self.current = Some(next);
            self.before.get_or_insert(Arc::clone(&child.program));
            return Some(None);
        }
        Some(self.crashed(&child, &how))
    }

    /// Starts another worker in the place of the one that served.
    fn crashed(&mut self, child: &Child, how: &str) -> Option<Ended> {
        if child.stage != Stage::Serving && !self.served {
            // It could not begin; its own message says why.
            if self.untried.is_empty() {
                return Some(Ended::Failed(format!("the worker has ended: {how}")));
            }
            self.refuse(&child.program, format!("its worker ended before it served: {how}"));
            return self.begin();
        }
        let lasted = child.since.elapsed();
        let early = child.stage != Stage::Serving || lasted < CONFIRMED;
        self.early = if early { self.early + 1 } else { 0 };
        let seconds = lasted.as_secs();
        if self.early > TRIES {
            return Some(Ended::Failed(format!("workers end again and again, the last one after {seconds} s: {how}")));
        }
        let program = match self.before.take().filter(|_| early) {
            Some(before) => {
                self.refuse(&child.program, format!("its worker ended {seconds} s after it took over: {how}"));
                before
            }
            None => Arc::clone(&child.program),
        };
        tracing::error!("worker {} has ended: {how}; starting another one from {}", child.pid, program.name());
        match self.start(&program, None) {
            Ok(pid) => self.current = Some(pid),
            Err(error) => return Some(Ended::Failed(format!("no worker can be started: {error}"))),
        }
        None
    }

    /// Becomes the program of the worker that was confirmed. What it holds goes with it; workers do not notice.
    fn replace_itself(&mut self, said: &mut UnboundedReceiver<Said>) {
        let current = self.current;
        if self.before.is_some() || self.next.is_some() || !said.is_empty() {
            return;
        }
        let Some(child) = self.child(current) else { return };
        let ready = child.stage == Stage::Serving && child.since.elapsed() >= CONFIRMED && child.version == VERSION;
        let program = Arc::clone(&child.program);
        if !ready || Arc::ptr_eq(&program, &self.own) {
            return;
        }
        let error = saved::become_it(self, &program);
        tracing::error!("the supervisor could not become {}: {error}; it stays what it is", program.name());
        // Once is enough.
        self.own = program;
    }

    /// Ends all workers at once, whatever they are about.
    fn stop(&mut self) {
        if self.stopping.is_none() {
            self.stopping = Some(Instant::now() + self.patience.with_a_stop());
            (self.tell)(Happening::Stopping);
            self.sockets.clear();
            self.children.iter().for_each(|child| child.signal(Signal::TERM));
        }
    }
}

fn describe(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => format!("status {status:?}"),
    }
}
