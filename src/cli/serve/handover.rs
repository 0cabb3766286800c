//! `galley serve --handover`: which part a process has, and what it does in it.

use std::env;
use std::fs::File;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Waker};

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::BoolishValueParser;
use tokio::sync::{mpsc, oneshot};

use super::Arguments;
use super::following::baked;
use super::rights::ports_are_open;
use crate::cli::listening::{announce_start, announce_stop};
use crate::cli::report::Report;
use crate::follow::{Doorbell, Offer, boot_program, lock, look, look_at_blob, look_at_program};
use crate::serve::{Farewell, Inherited, Listener};
use crate::snapshot::{Digest, Hasher};
use crate::supervise::{
    Beginning, Ended, Handed, Happening, Program, Resumed, Socket, Word, Worker, resumed, supervise as run_supervisor,
};

#[derive(Args)]
pub(super) struct HandoverArguments {
    /// Take up the program of each release as well, without losing a request [default: true for the first process of a container that follows]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "GALLEY_HANDOVER", value_parser = BoolishValueParser::new())]
    handover: Option<bool>,
}

/// What a process is there for.
pub(super) enum Role {
    /// It serves, and nobody takes over.
    Alone,
    /// It holds the listeners and starts those that serve.
    Supervisor(Option<Resumed>),
    /// It serves until another one takes over.
    Worker(Box<Worker>, Handed),
}

impl HandoverArguments {
    /// What this process is there for; `follows` says whether programs may come at all.
    pub(super) fn role(&self, follows: bool) -> anyhow::Result<Role> {
        if let Some(found) = Worker::from_environment() {
            let (worker, handed) = found?;
            return Ok(Role::Worker(Box::new(worker), handed));
        }
        if let Some(found) = resumed() {
            return Ok(Role::Supervisor(Some(found.context("what the supervisor held could not be taken over")?)));
        }
        match self.handover {
            Some(true) if !follows => bail!("--handover needs --follow: new programs come with releases"),
            Some(true) => Ok(Role::Supervisor(None)),
            None if follows && rustix::process::getpid().is_init() => match Program::running() {
                Ok(_) => Ok(Role::Supervisor(None)),
                Err(error) => {
                    tracing::warn!("there are no handovers: this program can't be read from /proc ({error})");
                    Ok(Role::Alone)
                }
            },
            Some(false) | None => Ok(Role::Alone),
        }
    }
}

/// Holds the listeners, and starts workers until it is asked to stop.
pub(super) fn supervise(arguments: &Arguments, resumed: Option<Resumed>, report: &Report) -> anyhow::Result<()> {
    let mut holder = Holder::default();
    let mut resumed = resumed;
    let (sockets, lock) = match &mut resumed {
        Some(resumed) => (std::mem::take(&mut resumed.sockets), resumed.lock.take().map(Into::into)),
        None => {
            let mut inherited = Inherited::from_environment();
            let control = arguments.observation.listen(true, &mut inherited)?;
            let public = arguments.listen.listeners(&mut inherited)?;
            // Whoever can't have it leaves it to the workers to say what that means.
            let lock = arguments.following.folder().and_then(|folder| lock(&folder).ok());
            (holder.share(control, public)?, lock)
        }
    };
    if resumed.is_some() {
        holder.take(&sockets)?;
    }
    ports_are_open();
    let running = Program::running().context("/proc/self/exe: handovers need this program as a file")?;
    let kept = if resumed.is_none() { kept_program(arguments, report)? } else { None };
    let beginning = Beginning {
        sockets,
        lock,
        programs: kept.into_iter().chain([running]).collect(),
        arguments: env::args_os().skip(1).collect(),
        patience: arguments.listen.patience(),
        resumed,
    };
    match run_supervisor(beginning, &mut |happening| holder.hear(happening))? {
        Ended::Stopped => Ok(()),
        Ended::Failed(reason) => bail!("{reason}"),
    }
}

/// The program to begin with: that of the release to begin with, if it is in the state and newer than this one.
fn kept_program(arguments: &Arguments, report: &Report) -> anyhow::Result<Option<Program>> {
    let Some(folder) = arguments.following.folder() else { return Ok(None) };
    let Some((current, records)) = look(&folder) else { return Ok(None) };
    let verifier = arguments.verification.verifier()?;
    let baked = baked().filter(|_| arguments.source.is_some());
    let get = |digest: Digest| look_at_blob(&folder, digest);
    let Some(digest) = boot_program(&current, &records, baked, verifier.as_ref(), &get) else { return Ok(None) };
    let Some(file) = look_at_program(&folder, digest) else { return Ok(None) };
    if Hasher::of_reader(File::open("/proc/self/exe")?)?.0 == digest {
        return Ok(None);
    }
    report.say(format_args!("from the state: the program {digest}"));
    Ok(Some(Program::new(file, digest.to_string())))
}

/// What the supervisor has of the listeners.
#[derive(Default)]
struct Holder(Vec<Listener>);

impl Holder {
    fn share(&mut self, control: Vec<Listener>, public: Vec<Listener>) -> anyhow::Result<Vec<Socket>> {
        let mut sockets = Vec::new();
        for (listeners, control) in [(control, true), (public, false)] {
            for listener in listeners {
                sockets.push(Socket { descriptor: listener.share()?, control, opened: listener.is_ours() });
                self.0.push(listener);
            }
        }
        Ok(sockets)
    }

    fn hear(&mut self, happening: Happening) {
        match happening {
            Happening::Serving => announce_start(),
            Happening::Stopping => {
                announce_stop();
                // Who comes now would wait in a queue that nobody empties.
                self.0.drain(..).for_each(|listener| listener.close_queue());
            }
        }
    }

    /// Those that the process had as another program.
    fn take(&mut self, sockets: &[Socket]) -> anyhow::Result<()> {
        for socket in sockets {
            self.0.push(Listener::adopt(socket.descriptor.try_clone()?, socket.opened)?);
        }
        Ok(())
    }
}

/// A worker, once it may serve.
pub(super) struct Attended {
    pub(super) worker: Box<Worker>,
    pub(super) offers: mpsc::Receiver<Offer>,
    /// What hooks ring here, if something is followed.
    pub(super) bell: Option<Arc<Doorbell>>,
    /// Whether what rings is for another worker.
    hands_on: bool,
}

impl Attended {
    pub(super) fn new(worker: Box<Worker>, offers: mpsc::Receiver<Offer>, bell: Option<Arc<Doorbell>>) -> Self {
        Self { worker, offers, bell, hands_on: false }
    }

    /// Speaks with the supervisor until it says that another worker has taken over, or is gone.
    async fn until_the_end(&mut self) -> Word {
        let mut offered: Option<oneshot::Sender<String>> = None;
        loop {
            tokio::select! {
                word = self.worker.word() => match word {
                    Word::Refused(reason) => {
                        if let Some(refused) = offered.take() {
                            // Whoever offered it waits for nothing else.
                            let _ = refused.send(reason);
                        }
                    }
                    Word::Hint => {
                        if let Some(bell) = &self.bell {
                            bell.ring(None, None);
                        }
                    }
                    Word::Go => {}
                    Word::Drain | Word::Lost => return word,
                },
                Some(offer) = self.offers.recv() => {
                    let Offer { program, digest, release, refused } = offer;
                    match self.worker.offer(&program, &digest.to_string(), &release.to_string()) {
                        Ok(()) => offered = Some(refused),
                        Err(error) => drop(refused.send(format!("the supervisor could not be told of it: {error}"))),
                    }
                }
            }
        }
    }

    /// How the clients are to be parted with, when the time has come: `stop` is done when the process is asked to end.
    pub(super) async fn farewell(mut self, mut stop: Pin<Box<dyn Future<Output = ()> + Send>>) -> Farewell {
        let word = tokio::select! {
            word = self.until_the_end() => word,
            () = &mut stop => return Farewell::Brief,
        };
        if word != Word::Drain {
            tracing::error!("the supervisor is gone, and this worker ends");
            return Farewell::Brief;
        }
        Farewell::Patient(Box::pin(async move {
            tokio::select! {
                () = stop => {}
                () = self.hand_on() => {}
            }
        }))
    }

    /// Hooks that come over connections from before are for the worker that follows now. Done when there is no supervisor.
    async fn hand_on(&mut self) {
        let bell = self.bell.clone().unwrap_or_default();
        self.hands_on = true;
        loop {
            tokio::select! {
                word = self.worker.word() => {
                    if word == Word::Lost {
                        return;
                    }
                }
                () = bell.rung() => self.hint(),
            }
        }
    }

    fn hint(&self) {
        if let Err(error) = self.worker.hint() {
            tracing::warn!("a hook was lost: {error}; the next poll will see what it told of");
        }
    }
}

/// The last client may have been the one that brought a hook: nobody is left to be served then, and nothing waits any longer.
impl Drop for Attended {
    fn drop(&mut self) {
        let Some(bell) = self.bell.take().filter(|_| self.hands_on) else { return };
        if pin!(bell.rung()).poll(&mut task::Context::from_waker(Waker::noop())).is_ready() {
            self.hint();
        }
    }
}
