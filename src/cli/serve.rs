//! `galley serve`

mod following;
mod handover;
mod notices;
mod observation;
mod probe;
mod rights;
mod start;
mod verification;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use self::following::{FollowArguments, Following, HandedState};
use self::handover::{Attended, HandoverArguments, Role, supervise};
pub(super) use self::observation::ControlAddress;
use self::observation::{Observation, ObservationArguments};
use self::probe::probe;
use self::rights::{gain_nothing, ports_are_open};
use self::start::{Started, platform, start};
use self::verification::VerificationArguments;
use super::RegistryArguments;
use super::listening::{ListenArguments, Listening, announce_stop};
use super::memory::MemoryArguments;
use super::report::{Report, count};
use super::source::Source;
use crate::follow::{
    self, Booted, ControlCell, Counts, Fetcher, Followed, Follower, Releases, Secrets, Status, Successor, Verifier,
    routes, write_down,
};
use crate::registry::Client;
use crate::serve::{
    Background, Coder, Deployment, Farewell, Inherited, Listener, Observer, Public, Routes, give_way, serve,
};
use crate::snapshot::Digest;
use crate::supervise::{Handed, Start, Word, Worker};

/// Serve a site, a rendered folder or an image from memory
///
/// With --follow it starts from the reference (or from SOURCE, if one is given), polls it, and looks at it at once when a
/// webhook arrives on /_galley/hook/<secret>. What is new is pulled, verified and swapped in; what fails changes nothing.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley serve site\n  \
    galley serve public --listen 0.0.0.0:8080\n  \
    galley serve oci:image\n  \
    galley serve --follow registry.example/blog:latest --hook-secret-file secret\n  \
    galley serve --follow registry.example/blog:latest --notify github=ada/blog --notify-token-file github=token\n  \
    galley serve --follow registry.example/blog:latest --preview-secret-file secret")]
pub(super) struct Arguments {
    /// A site's folder, a rendered folder, oci:DIR or an image reference [default: the working folder, or site/ in it]
    source: Option<String>,
    #[command(flatten)]
    listen: ListenArguments,
    #[command(flatten)]
    following: FollowArguments,
    #[command(flatten)]
    handover: HandoverArguments,
    #[command(flatten)]
    verification: VerificationArguments,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    observation: ObservationArguments,
    #[command(flatten)]
    registry: RegistryArguments,
}

pub(super) fn run(arguments: Arguments, report: &Report) -> anyhow::Result<()> {
    gain_nothing();
    let (worker, handed) = match arguments.handover.role(arguments.following.follow.is_some())? {
        Role::Supervisor(resumed) => return supervise(&arguments, resumed, report),
        Role::Worker(worker, handed) => (Some(worker), Some(handed)),
        Role::Alone => (None, None),
    };
    let source = Arc::new(source(&arguments)?);
    let secrets = arguments.following.secrets()?;
    let verifier = arguments.verification.verifier()?;
    let (control, listening, lock) = arguments.open(handed, report)?;
    ports_are_open();
    let start = worker.as_ref().map(|worker| worker.start.clone());
    let release = start.as_ref().and_then(|start| start.release.as_deref()).map(str::parse).transpose()?;
    let (counts, cell) = (Counts::default(), ControlCell::default());
    let (arguments, state, report) = (Arc::new(arguments), HandedState { lock, release }, *report);
    let instance = Instance { arguments, control, listening, state, start, secrets, verifier, counts, cell, report };
    // What is not an answer: following, unpacking, freezing.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(|| give_way(Background::Awaited))
        .build()?;
    if let Err(error) = rayon::ThreadPoolBuilder::new().start_handler(|_| give_way(Background::Awaited)).build_global()
    {
        tracing::debug!("work in the background does not give way to requests: {error}");
    }
    let done = runtime.block_on(instance.run(source, worker));
    // What a stop interrupts, the unpacking of an image perhaps, is not waited for.
    runtime.shutdown_background();
    done
}

impl Arguments {
    /// The listeners of control and of the blog, and the state's lock: those that a supervisor has handed over, or new ones.
    fn open(
        &self,
        handed: Option<Handed>,
        report: &Report,
    ) -> anyhow::Result<(Vec<Listener>, Listening, Option<File>)> {
        let Some(Handed { control, public, lock }) = handed else {
            let mut inherited = Inherited::from_environment();
            let control = self.observation.listen(self.following.follow.is_some(), &mut inherited)?;
            return Ok((control, self.listen.open(&mut inherited, report)?, None));
        };
        let adopt = |sockets: Vec<OwnedFd>| {
            sockets.into_iter().map(|socket| Listener::adopt(socket, false)).collect::<io::Result<Vec<_>>>()
        };
        Ok((adopt(control)?, self.listen.on(adopt(public)?, report)?, lock))
    }
}

/// An instance before it serves.
struct Instance {
    arguments: Arc<Arguments>,
    control: Vec<Listener>,
    listening: Listening,
    state: HandedState,
    /// What the supervisor said, if there is one.
    start: Option<Start>,
    secrets: Option<Secrets>,
    verifier: Option<Verifier>,
    counts: Counts,
    cell: ControlCell,
    report: Report,
}

impl Instance {
    async fn run(mut self, source: Arc<Source>, mut worker: Option<Box<Worker>>) -> anyhow::Result<()> {
        // Before the start, which may take its time.
        let mut stop: Stop = Box::pin(stop_signal()?);
        // Where another worker answers, nobody is to hear that this one has nothing yet.
        let takes_over = self.start.as_ref().is_some_and(|start| start.takes_over);
        let observation = if takes_over { None } else { Some(self.observe()?) };
        let started = tokio::select! {
            started = self.get_ready(source, worker.as_deref_mut()) => Some(started?),
            () = &mut stop => None,
        };
        let Some(started) = started else {
            observation.map(Observation::finish).transpose()?;
            self.report.say("stopped before there was anything to serve");
            return Ok(());
        };
        let observation = observation.map_or_else(|| self.observe(), Ok)?;
        self.serve(worker, stop, observation, started).await
    }

    /// Begins to answer at the control listener.
    fn observe(&mut self) -> anyhow::Result<Observation> {
        let follows = self.arguments.following.follow.is_some();
        let counted = if follows { self.counts.named() } else { Vec::new() };
        let routes = self.arguments.following.control(&self.cell)?;
        self.arguments.observation.start(std::mem::take(&mut self.control), counted, routes, &self.report)
    }

    /// Gets the content, checks it, and waits until it may be served.
    async fn get_ready(&mut self, source: Arc<Source>, worker: Option<&mut Worker>) -> anyhow::Result<Started> {
        let state = std::mem::take(&mut self.state);
        let started = start(source, &self.arguments, self.verifier.clone(), state, self.report).await?;
        let snapshot = started.deployment.current();
        let (paths, took) = (count(snapshot.len(), "path"), self.report.elapsed());
        self.report.say(format_args!("ready: {paths}, content {}, {took}", snapshot.root()));
        if let Some(worker) = worker {
            if worker.start.takes_over {
                probe(&started.deployment).await?;
            }
            worker.ready()?;
            if worker.word().await != Word::Go {
                bail!("the supervisor is gone; nothing is served");
            }
        }
        Ok(started)
    }

    async fn serve(
        mut self,
        worker: Option<Box<Worker>>,
        stop: Stop,
        observation: Observation,
        started: Started,
    ) -> anyhow::Result<()> {
        let Started { deployment, codings, keep, following, booted, temporary } = started;
        // Heard once more: what ends the parting with clients ends what follows it, too.
        let stop_at_last = stop_signal()?;
        let coder = Coder::start(Arc::clone(&deployment), codings, keep)?;
        let (sender, offers) = mpsc::channel(1);
        let successor = Successor::new(worker.is_some().then_some(sender), self.refused());
        let (routes, followed) = match following {
            Some(following) => {
                let Self { verifier, secrets, counts, .. } = &mut self;
                let (verifier, secrets, counts) = (verifier.take(), secrets.take(), counts.clone());
                let beginning = Beginning { following, booted, verifier, secrets, counts, successor };
                let (routes, followed) = follow(&self.arguments, beginning, &deployment, &observation.observer)?;
                self.cell.begin(followed.clone());
                (routes, Some(followed))
            }
            None => (None, None),
        };
        observation.ready(&deployment);
        self.announce(worker.as_deref())?;
        let bell = followed.as_ref().map(|followed| Arc::clone(&followed.follower.bell));
        let attended = worker.map(|worker| Attended::new(worker, offers, bell));
        let stop = observation.until(async move {
            match attended {
                Some(attended) => attended.farewell(stop).await,
                None => {
                    stop.await;
                    Farewell::Brief
                }
            }
        });
        let Listening { listeners, mut settings, .. } = self.listening;
        settings.observer = observation.observer.clone();
        let served = serve(listeners, Public::new(deployment, routes), settings, stop).await;
        // The last lines of the log first: whoever kills what takes too long gets the codings at most.
        observation.finish()?;
        drop(coder);
        served?;
        if let Some(followed) = followed {
            end(&followed.releases, stop_at_last).await;
        }
        // What still holds it is not waited for.
        temporary.iter().for_each(|temporary| temporary.end());
        self.report.say("stopped");
        Ok(())
    }

    /// Programs that the supervisor has tried.
    fn refused(&self) -> HashMap<Digest, String> {
        let refused = self.start.iter().flat_map(|start| &start.refused);
        refused.filter_map(|refused| Some((refused.program.parse().ok()?, refused.reason.clone()))).collect()
    }

    /// Says that it serves: to whoever reads, and to the supervisor or the service manager.
    fn announce(&mut self, worker: Option<&Worker>) -> anyhow::Result<()> {
        let Some(worker) = worker else {
            self.listening.announce(&self.report);
            return Ok(());
        };
        if worker.start.first {
            self.listening.say(&self.report);
        }
        self.listening.watch();
        Ok(worker.serving()?)
    }
}

/// Done when the process is asked to stop.
type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What to begin with; without SOURCE the followed reference.
fn source(arguments: &Arguments) -> anyhow::Result<Source> {
    match (&arguments.source, &arguments.following.follow) {
        (None, Some(reference)) => Ok(Source::Reference(reference.clone())),
        (source, _) => Source::resolve(source.as_deref()),
    }
}

/// What following begins with.
struct Beginning {
    following: Following,
    booted: Option<Booted>,
    verifier: Option<Verifier>,
    secrets: Option<Secrets>,
    counts: Counts,
    successor: Successor,
}

/// Starts the follower; its routes are what webhooks reach.
fn follow(
    arguments: &Arguments,
    beginning: Beginning,
    deployment: &Arc<Deployment>,
    observer: &Observer,
) -> anyhow::Result<(Option<Routes>, Followed)> {
    let Beginning { following, booted, verifier, secrets, counts, successor } = beginning;
    let Following { reference, store, schedule, telling, .. } = following;
    if reference.digest().is_some() && secrets.is_some() {
        bail!("{reference} names a digest, which never changes; follow a tag");
    }
    let transport = arguments.registry.transport();
    let source = follow::Source {
        reference: reference.clone(),
        transport: transport.clone(),
        platform: platform()?,
        verifier: verifier.clone(),
    };
    let previews = arguments.following.channels(source, deployment)?;
    let client = Client::new(reference, transport)?;
    // What was kept may be older than what the reference points at by now.
    let fresh = booted.as_ref().is_some_and(|booted| booted.record.status == Status::Fetched);
    let notices = telling.map(|telling| telling.start(&counts)).transpose()?;
    let releases = Releases::new(Arc::clone(deployment), Arc::clone(&store), schedule, booted)?;
    let releases = Arc::new(releases.with_notices(notices));
    successor.refused().for_each(|(program, reason)| releases.fault_program(program, reason));
    let fetcher = Fetcher { client, platform: platform()?, store, verifier };
    let (follower, handle) =
        Follower::new(fetcher, Arc::clone(&releases), observer.clone(), arguments.following.poll, counts.clone());
    write_down(handle.bell.deliveries(), &releases)?;
    let trouble = Arc::clone(&handle.trouble);
    let following = tokio::spawn(follower.with_successor(successor).run(fresh));
    tokio::spawn(async move {
        if let Err(error) = following.await {
            tracing::error!(
                "following has ended by a fault of galley's own, restart this instance; please report it: {error}"
            );
            trouble.end(&format!("following has ended by a fault of galley's own, restart this instance: {error}"));
        }
    });
    let (bell, reference) = (Arc::clone(&handle.bell), handle.reference.clone());
    let routes = secrets.map(|secrets| routes(secrets, bell, reference, counts));
    let routes = match previews {
        Some(previews) => Some(previews.and(routes)),
        None => routes,
    };
    Ok((routes, Followed { releases, follower: handle }))
}

/// What is left to do when nobody is served any more.
async fn end(releases: &Releases, stop: impl Future<Output = ()>) {
    if let Err(error) = releases.stop() {
        tracing::warn!("{error}; the release is not confirmed");
    }
    releases.finish_notices(stop).await;
}

/// Done when the process is asked to stop. A handler is needed for it: as the first process of a container it would
/// otherwise not hear the signal at all.
pub(super) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        announce_stop();
    })
}
