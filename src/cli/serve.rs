//! `galley serve`

mod observation;
mod verification;

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

pub(super) use self::observation::ControlAddress;
use self::observation::ObservationArguments;
use self::verification::{VerificationArguments, verified_layout};
use super::RegistryArguments;
use super::listening::{ListenArguments, Listening, announce_stop};
use super::memory::MemoryArguments;
use super::report::{Report, count};
use super::source::{Source, apart, local_tree};
use super::transfer::Transfer;
use crate::follow::{Counts, Follower, Poll, Release, Secrets, Verifier, routes};
use crate::image::Platform;
use crate::registry::{Client, Reference};
use crate::serve::{Coder, Deployment, Inherited, Keep, Public, Routes, serve};
use crate::snapshot::{Codings, MemoryFile, Snapshot, Tree};

/// Serve a site, a rendered folder or an image from memory
///
/// With --follow it starts from the reference (or from SOURCE, if one is given), polls it, and looks at it at once when a
/// webhook arrives on /_galley/hook/<secret>. What is new is pulled, verified and swapped in; what fails changes nothing. With
/// --verify only what is signed with a key of yours is taken.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley serve site\n  \
    galley serve public --listen 0.0.0.0:8080\n  \
    galley serve oci:image\n  \
    galley serve --follow registry.example/blog:latest --hook-secret-file secret\n  \
    galley serve --follow registry.example/blog:latest --verify blog.key.pub")]
pub(super) struct Arguments {
    /// A site's folder, a rendered folder, oci:DIR or an image reference [default: the working folder, or site/ in it]
    source: Option<String>,
    #[command(flatten)]
    listen: ListenArguments,
    /// The image whose content to serve, now and after each push
    #[arg(long, value_name = "REF", env = "GALLEY_FOLLOW")]
    follow: Option<Reference>,
    /// A file with one secret a line that webhooks must know
    #[arg(long, value_name = "FILE", env = "GALLEY_HOOK_SECRET_FILE", requires = "follow")]
    hook_secret_file: Option<PathBuf>,
    /// How often to look at the reference without a webhook
    #[arg(long, value_name = "DURATION", default_value = "5m", env = "GALLEY_POLL")]
    poll: Poll,
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
    let secrets = arguments.hook_secret_file.as_deref().map(Secrets::read).transpose()?;
    let verifier = arguments.verification.verifier()?;
    let mut inherited = Inherited::from_environment();
    let control = arguments.observation.listen(arguments.follow.is_some(), &mut inherited)?;
    let mut listening = arguments.listen.open(&mut inherited, report)?;
    let counts = Counts::default();
    let counted = if arguments.follow.is_some() { counts.named() } else { Vec::new() };
    let observation = arguments.observation.start(control, counted, report)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
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
        let Started { frozen: (snapshot, codings, keep), release } = started;
        let paths = count(snapshot.len(), "path");
        report.say(format_args!("ready: {paths}, content {}, {}", snapshot.root(), report.elapsed()));
        let deployment = Arc::new(Deployment::new(snapshot));
        let coder = Coder::start(Arc::clone(&deployment), codings, keep)?;
        let following = Following { release, verifier, secrets, counts };
        let routes = follow(arguments, &deployment, following)?;
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
        report.say("stopped");
        Ok(())
    });
    // What a stop interrupts, the unpacking of an image perhaps, is not waited for.
    runtime.shutdown_background();
    done
}

/// What to begin with; without SOURCE the followed reference.
fn source(arguments: &Arguments) -> anyhow::Result<Source> {
    match (&arguments.source, &arguments.follow) {
        (None, Some(reference)) => Ok(Source::Reference(reference.clone())),
        (source, _) => Source::resolve(source.as_deref()),
    }
}

/// What is there before the first request.
struct Started {
    frozen: (Snapshot, Codings, Keep),
    /// If it came from the followed reference.
    release: Option<Release>,
}

/// Gets the content to begin with. Whoever waits for it may stop to: a pull ends then, and what computes ends with the
/// process.
async fn start(
    source: Arc<Source>,
    arguments: &Arc<Arguments>,
    verifier: Option<Verifier>,
    report: Report,
) -> anyhow::Result<Started> {
    let mut release = None;
    let tree = match &*source {
        Source::Reference(reference) => {
            let (tree, fetched) = fetch(reference, arguments, verifier.as_ref(), &report).await?;
            let followed = arguments.follow.as_ref() == Some(reference);
            release = Some(fetched).filter(|_| followed);
            Some(tree)
        }
        Source::Layout(_) | Source::Site(_) | Source::Folder(_) => None,
    };
    let arguments = Arc::clone(arguments);
    let frozen = aside(move || {
        let tree = match (tree, &*source) {
            (Some(tree), _) => tree,
            (None, Source::Layout(folder)) => {
                verified_layout(folder, verifier.as_ref(), arguments.follow.as_ref())?.content(platform()?)?
            }
            (None, local) => apart(|| local_tree(local, &report, "nothing is served"))?,
        };
        let file = arguments.listen.is_plain().then(MemoryFile::new).and_then(|made| {
            made.inspect_err(|error| tracing::debug!("large bodies are held on the heap: {error}")).ok()
        });
        arguments.memory.freeze(&source, &tree, file.as_ref(), &report)
    });
    Ok(Started { frozen: frozen.await?, release })
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
    arguments: &Arguments,
    verifier: Option<&Verifier>,
    report: &Report,
) -> anyhow::Result<(Tree, Release)> {
    let transfer = Transfer::new(report, "pulling");
    let client = Client::new(reference.clone(), arguments.registry.transport())?.with_progress(transfer.clone());
    let fetched = Release::fetch(&client, platform()?, None, verifier).await;
    transfer.ends();
    let (release, tree) = fetched?;
    report.say(format_args!("pulled {reference}: release {}, {}", release.sequence, release.digest));
    Ok((tree, release))
}

fn platform() -> anyhow::Result<Platform> {
    Platform::of_this_program()
        .context("there are no images of galley for this machine; serve a site or a rendered folder")
}

/// What the follower begins with.
struct Following {
    release: Option<Release>,
    verifier: Option<Verifier>,
    secrets: Option<Secrets>,
    counts: Counts,
}

/// Starts the follower, if one was asked for; its routes are what webhooks reach.
fn follow(arguments: &Arguments, deployment: &Arc<Deployment>, following: Following) -> anyhow::Result<Option<Routes>> {
    let Following { release, verifier, secrets, counts } = following;
    let Some(reference) = arguments.follow.clone() else { return Ok(None) };
    if reference.digest().is_some() && secrets.is_some() {
        bail!("{reference} names a digest, which never changes; follow a tag");
    }
    let client = Client::new(reference.clone(), arguments.registry.transport())?;
    let follower = Follower::new(client, platform()?, Arc::clone(deployment), arguments.poll, release, counts.clone());
    let follower = follower.verifying(verifier);
    let bell = follower.bell();
    tokio::spawn(follower.run());
    Ok(secrets.map(|secrets| routes(secrets, bell, reference, counts)))
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
