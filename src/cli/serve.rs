//! `galley serve`

mod following;
mod notices;
mod observation;
mod verification;

use std::pin::pin;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use self::following::{FollowArguments, Following};
pub(super) use self::observation::ControlAddress;
use self::observation::ObservationArguments;
use self::verification::{VerificationArguments, verified_layout};
use super::RegistryArguments;
use super::listening::{ListenArguments, Listening, announce_stop};
use super::memory::MemoryArguments;
use super::report::{Report, count};
use super::source::{Source, apart, local_tree};
use super::transfer::Transfer;
use crate::follow::{
    self, Cause, ControlCell, Counts, Fetcher, Followed, Follower, Record, Release, Releases, Secrets, Status, Store,
    Verifier, routes, write_down,
};
use crate::image::Platform;
use crate::registry::{Client, Reference};
use crate::serve::{Background, Coder, Deployment, Inherited, Keep, Observer, Public, Routes, give_way, serve};
use crate::snapshot::{Codings, MemoryFile, Snapshot};

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
    verification: VerificationArguments,
    #[command(flatten)]
    memory: MemoryArguments,
    #[command(flatten)]
    observation: ObservationArguments,
    #[command(flatten)]
    registry: RegistryArguments,
}

pub(super) fn run(arguments: Arguments, report: &Report) -> anyhow::Result<()> {
    let arguments = &Arc::new(arguments);
    let source = Arc::new(source(arguments)?);
    let secrets = arguments.following.secrets()?;
    let verifier = arguments.verification.verifier()?;
    let mut inherited = Inherited::from_environment();
    let control = arguments.observation.listen(arguments.following.follow.is_some(), &mut inherited)?;
    let mut listening = arguments.listen.open(&mut inherited, report)?;
    let counts = Counts::default();
    let counted = if arguments.following.follow.is_some() { counts.named() } else { Vec::new() };
    let cell = ControlCell::default();
    let control_routes = arguments.following.control(&cell)?;
    let observation = arguments.observation.start(control, counted, control_routes, report)?;
    // What is not an answer: following, unpacking, freezing.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(|| give_way(Background::Awaited))
        .build()?;
    if let Err(error) = rayon::ThreadPoolBuilder::new().start_handler(|_| give_way(Background::Awaited)).build_global()
    {
        tracing::debug!("work in the background does not give way to requests: {error}");
    }
    let done = runtime.block_on(async {
        // Before the start, which may take its time.
        let mut stop = pin!(stop_signal()?);
        let started = tokio::select! {
            started = start(source, arguments, verifier.clone(), *report) => started?,
            () = &mut stop => {
                observation.finish()?;
                report.say("stopped before there was anything to serve");
                return Ok(());
            }
        };
        let Started { frozen: (snapshot, codings, keep), following, record } = started;
        let paths = count(snapshot.len(), "path");
        report.say(format_args!("ready: {paths}, content {}, {}", snapshot.root(), report.elapsed()));
        let deployment = Arc::new(Deployment::new(snapshot));
        let coder = Coder::start(Arc::clone(&deployment), codings, keep)?;
        let (routes, releases) = match following {
            Some(following) => {
                let observer = &observation.observer;
                let beginning = Beginning { following, record, verifier, secrets, counts };
                let (routes, followed) = follow(arguments, beginning, &deployment, observer)?;
                cell.begin(followed.clone());
                (routes, Some(followed.releases))
            }
            None => (None, None),
        };
        let stop = observation.until(stop);
        observation.ready(&deployment);
        listening.announce(report);
        let Listening { listeners, mut settings, .. } = listening;
        settings.observer = observation.observer.clone();
        let served = serve(listeners, Public::new(deployment, routes), settings, stop).await;
        // The last lines of the log first: whoever kills what takes too long gets the codings at most.
        observation.finish()?;
        drop(coder);
        served?;
        if let Some(releases) = releases {
            end(&releases).await;
        }
        report.say("stopped");
        Ok(())
    });
    // What a stop interrupts, the unpacking of an image perhaps, is not waited for.
    runtime.shutdown_background();
    done
}

/// What to begin with; without SOURCE the followed reference.
fn source(arguments: &Arguments) -> anyhow::Result<Source> {
    match (&arguments.source, &arguments.following.follow) {
        (None, Some(reference)) => Ok(Source::Reference(reference.clone())),
        (source, _) => Source::resolve(source.as_deref()),
    }
}

/// What is there before the first request.
struct Started {
    frozen: (Snapshot, Codings, Keep),
    following: Option<Following>,
    /// The release that it came with, if it came from the followed reference.
    record: Option<Record>,
}

/// Gets the content to begin with: the release that is kept, or else what SOURCE says. Whoever waits for it may stop to: a pull
/// ends then, and what computes ends with the process.
async fn start(
    source: Arc<Source>,
    arguments: &Arc<Arguments>,
    verifier: Option<Verifier>,
    report: Report,
) -> anyhow::Result<Started> {
    let (opening, keys) = (Arc::clone(arguments), verifier.clone());
    let open = move || opening.following.open(opening.source.is_some(), keys.as_ref(), &report);
    let mut following = aside(open).await?;
    let mut release = following.as_mut().and_then(|following| following.booted.take());
    if let (Source::Reference(reference), None) = (&*source, &release) {
        let store = following.as_ref().filter(|following| following.reference == *reference);
        let store = store.map_or_else(|| Arc::new(Store::in_memory()), |following| Arc::clone(&following.store));
        release = Some(fetch(reference, store, verifier.clone(), arguments, &report).await?);
    }
    let arguments = Arc::clone(arguments);
    let followed = arguments.following.follow.clone();
    aside(move || {
        let record = release.as_ref().map(|release| release.record.clone());
        let tree = match (release, &*source) {
            (Some(release), _) => release.tree,
            (None, Source::Layout(folder)) => {
                verified_layout(folder, verifier.as_ref(), followed.as_ref())?.content(platform()?)?
            }
            (None, local) => apart(|| local_tree(local, &report, "nothing is served"))?,
        };
        let file = arguments.listen.is_plain().then(MemoryFile::new).and_then(|made| {
            made.inspect_err(|error| tracing::debug!("large bodies are held on the heap: {error}")).ok()
        });
        let frozen = arguments.memory.freeze(&source, &tree, file.as_ref(), &report)?;
        let is_followed = |record: &Record| followed.is_some_and(|reference| record.reference == reference.to_string());
        Ok(Started { frozen, following, record: record.filter(is_followed) })
    })
    .await
}

/// Does `work` in a thread of its own, so that the word to stop is heard meanwhile.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> anyhow::Result<T> {
    let (sender, done) = oneshot::channel();
    std::thread::Builder::new().name("start".to_owned()).spawn(move || {
        // The error says that nobody waits for it any more.
        let _ = sender.send(work());
    })?;
    done.await.context("the thread that prepares the start has ended by a fault of galley's own")?
}

async fn fetch(
    reference: &Reference,
    store: Arc<Store>,
    verifier: Option<Verifier>,
    arguments: &Arguments,
    report: &Report,
) -> anyhow::Result<Release> {
    let transfer = Transfer::new(report, "pulling");
    let client = Client::new(reference.clone(), arguments.registry.transport())?.with_progress(transfer.clone());
    let fetched = Fetcher { client, platform: platform()?, store, verifier }.fetch(Cause::Start, None).await;
    transfer.ends();
    let release = fetched?;
    report.say(format_args!("pulled {reference}: release {}, {}", release.record.sequence, release.record.digest));
    Ok(release)
}

fn platform() -> anyhow::Result<Platform> {
    Platform::of_this_program()
        .context("there are no images of galley for this machine; serve a site or a rendered folder")
}

/// What following begins with.
struct Beginning {
    following: Following,
    record: Option<Record>,
    verifier: Option<Verifier>,
    secrets: Option<Secrets>,
    counts: Counts,
}

/// Starts the follower; its routes are what webhooks reach.
fn follow(
    arguments: &Arguments,
    beginning: Beginning,
    deployment: &Arc<Deployment>,
    observer: &Observer,
) -> anyhow::Result<(Option<Routes>, Followed)> {
    let Beginning { following, record, verifier, secrets, counts } = beginning;
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
    let fresh = record.as_ref().is_some_and(|record| record.status == Status::Fetched);
    let notices = telling.map(|telling| telling.start(&counts)).transpose()?;
    let releases = Releases::new(Arc::clone(deployment), Arc::clone(&store), schedule, record)?;
    let releases = Arc::new(releases.with_notices(notices));
    let fetcher = Fetcher { client, platform: platform()?, store, verifier };
    let (follower, handle) =
        Follower::new(fetcher, Arc::clone(&releases), observer.clone(), arguments.following.poll, counts.clone());
    write_down(handle.bell.deliveries(), &releases)?;
    tokio::spawn(follower.run(fresh));
    let (bell, reference) = (Arc::clone(&handle.bell), handle.reference.clone());
    let routes = secrets.map(|secrets| routes(secrets, bell, reference, counts));
    let routes = match previews {
        Some(previews) => Some(previews.and(routes)),
        None => routes,
    };
    Ok((routes, Followed { releases, follower: handle }))
}

/// What is left to do when nobody is served any more.
async fn end(releases: &Releases) {
    if let Err(error) = releases.stop() {
        tracing::warn!("{error}; the release is not confirmed");
    }
    releases.finish_notices().await;
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
