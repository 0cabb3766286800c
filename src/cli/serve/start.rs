//! What an instance begins with: the release that is kept, or what it is told to serve.

use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::sync::oneshot;

use super::Arguments;
use super::following::{Following, HandedState};
use super::verification::verified_layout;
use crate::cli::memory::known_codings;
use crate::cli::report::Report;
use crate::cli::source::{Source, apart, local_tree};
use crate::cli::transfer::Transfer;
use crate::follow::{self, Booted, Cause, Fetcher, Record, Release, Status, Store, Temporary, Verifier};
use crate::image::Platform;
use crate::registry::{Client, Reference};
use crate::serve::{Deployment, Keep};
use crate::snapshot::{Codings, MemoryFile, Snapshot, Tree};

/// What is there before the first request.
pub(super) struct Started {
    pub(super) deployment: Arc<Deployment>,
    pub(super) codings: Codings,
    pub(super) keep: Keep,
    pub(super) following: Option<Following>,
    /// The release that it came with, if it came from the followed reference.
    pub(super) booted: Option<Booted>,
    /// Where media lie that end with the process.
    pub(super) temporary: Option<Arc<Temporary>>,
}

/// Gets the content to begin with: the release that is kept, or else what SOURCE says. Whoever waits for it may stop to: a pull
/// ends then, and what computes ends with the process.
pub(super) async fn start(
    source: Arc<Source>,
    arguments: &Arc<Arguments>,
    verifier: Option<Verifier>,
    state: HandedState,
    report: Report,
) -> anyhow::Result<Started> {
    let (opening, keys) = (Arc::clone(arguments), verifier.clone());
    let takes_over = state.release.is_some();
    let open = move || opening.following.open(opening.source.is_some(), keys.as_ref(), state, &opening.memory, &report);
    let mut following = aside(open).await?;
    let mut temporary = following.as_ref().and_then(|following| following.store.temporary().cloned());
    let mut release = following.as_mut().and_then(|following| following.booted.take());
    // What another worker serves came from the followed reference, whatever this one would begin with.
    let reference = match (&*source, &following) {
        (Source::Reference(reference), _) => Some(reference),
        (_, Some(following)) if takes_over => Some(&following.reference),
        _ => None,
    };
    if let (Some(reference), None) = (reference, &release) {
        let store = following.as_ref().filter(|following| following.reference == *reference);
        let store = match store {
            Some(following) => Arc::clone(&following.store),
            None => {
                temporary = temporary.take().or_else(|| arguments.memory.temporary());
                Arc::new(Store::with(temporary.clone()))
            }
        };
        release = Some(fetch(reference, store, verifier.clone(), arguments, &report).await?);
    }
    let retained = following.as_mut().map(|following| std::mem::take(&mut following.retained)).unwrap_or_default();
    let arguments = Arc::clone(arguments);
    let followed = arguments.following.follow.clone();
    aside(move || {
        let booted = release.as_ref().map(Booted::from);
        let tree = match (release, &*source) {
            (Some(release), _) => release.tree,
            (None, Source::Layout(folder)) => {
                temporary = temporary.or_else(|| arguments.memory.temporary());
                let room = temporary.as_deref().map(Temporary::room);
                verified_layout(folder, verifier.as_ref(), followed.as_ref())?.content_in(platform()?, room)?
            }
            (None, local) => apart(|| local_tree(local, &report, "nothing is served"))?,
        };
        let file = arguments.listen.is_plain().then(MemoryFile::new).and_then(|made| {
            made.inspect_err(|error| tracing::debug!("large bodies are held on the heap: {error}")).ok()
        });
        let store = following.as_ref().map(|following| &following.store);
        let (codings, keep) = known_codings(&source, store, file.as_ref());
        let mut snapshot = arguments.memory.freeze(&tree, &codings, file.as_ref(), &report)?;
        snapshot.retain(&retained)?;
        let is_followed =
            |booted: &Booted| followed.is_some_and(|reference| booted.record.reference == reference.to_string());
        let booted = booted.filter(is_followed);
        booted.iter().try_for_each(|booted| check_first(&booted.record, &tree, &snapshot))?;
        let deployment = Arc::new(Deployment::new(snapshot));
        Ok(Started { deployment, codings, keep, following, booted, temporary })
    })
    .await
}

/// A release that was just pulled is looked at before anybody sees it, also if there is nothing else to be served.
fn check_first(record: &Record, tree: &Tree, snapshot: &Snapshot) -> anyhow::Result<()> {
    let faults = if record.status == Status::Fetched { follow::faults(tree, snapshot) } else { Vec::new() };
    if !faults.is_empty() {
        let (sequence, digest, faults) = (record.sequence, record.digest, faults.join("; "));
        bail!("release {sequence} ({digest}) is not served, the self-check failed: {faults}; push one that is whole");
    }
    Ok(())
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

pub(super) fn platform() -> anyhow::Result<Platform> {
    Platform::of_this_program()
        .context("there are no images of galley for this machine; serve a site or a rendered folder")
}
