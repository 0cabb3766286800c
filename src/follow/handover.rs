//! The program of a release: where it is not the one that runs, it is taken out of the image and offered to the supervisor.
//!
//! Content goes first, and by itself. A program that does not do costs nothing: the one that runs goes on, and the release's
//! is not tried again. It is got while the follower goes on; only from the offer to its answer nothing is changed.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::task::{JoinError, JoinSet, spawn_blocking};

use super::release::Fetcher;
use super::releases::Releases;
use super::state::{Record, State, StateError};
use crate::image::{Descriptor, Index, Manifest, ProgramError, program_diff_id, unpack_program};
use crate::registry::RegistryError;
use crate::snapshot::Digest;

/// A program to hand over to.
#[derive(Debug)]
pub struct Offer {
    /// The program itself, which can be run.
    pub program: File,
    /// Its digest.
    pub digest: Digest,
    /// The release that is served, and that the new program is to serve.
    pub release: Digest,
    /// Why it was not taken. Dropped without a word where it was.
    pub refused: oneshot::Sender<String>,
}

/// What sees to it that the program is that of the release.
#[derive(Debug)]
pub struct Successor {
    /// Who takes offers; nobody, if there is no supervisor.
    offers: Option<mpsc::Sender<Offer>>,
    /// Programs that were tried.
    refused: HashMap<Digest, String>,
    own: Arc<OnceCell<Own>>,
    /// The layer that was looked at last, and need not be looked at again.
    settled: Option<Digest>,
    /// A release that nobody vouches for. The next one may have the same program, and a signature.
    unsigned: Option<Digest>,
    /// The look at a program, if one is under way.
    look: JoinSet<Looked>,
    /// The release whose program that is.
    looks_at: Option<Digest>,
}

/// What came of a look at the program of a release.
#[derive(Debug)]
pub(super) struct Looked {
    release: Record,
    layer: Digest,
    found: Result<Found, Obstacle>,
}

/// A program that is not the one that runs.
#[derive(Debug)]
struct Found {
    program: File,
    digest: Digest,
}

/// The program that runs.
#[derive(Clone, Copy, Debug)]
struct Own {
    digest: Digest,
    /// What its layer is called before compression.
    diff_id: Digest,
}

/// Why there is no handover.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    /// It is the program that runs.
    #[error("it is the same program")]
    Same,
    /// The same obstacle will be there the next time.
    #[error("{0}")]
    Lasting(String),
    /// The supervisor has tried it.
    #[error("{0}")]
    Refused(String),
    /// Nobody vouches for it.
    #[error("no key of --verify vouches for it, and a program is run only with a signature, whatever --policy says")]
    Unsigned,
    /// A person wants what is served to stay as it is.
    #[error("a release is pinned")]
    Pinned,
    /// What is served is no longer what it was.
    #[error("another release is served by now, or one is pinned")]
    Moved,
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("galley itself broke on the program; please report it: {0}")]
    Broken(#[from] JoinError),
}

impl From<ProgramError> for Obstacle {
    fn from(error: ProgramError) -> Self {
        Self::Lasting(error.to_string())
    }
}

impl Successor {
    /// One that offers programs to whoever receives `offers`; those in `refused` were tried before.
    pub fn new(offers: Option<mpsc::Sender<Offer>>, refused: HashMap<Digest, String>) -> Self {
        let (own, look) = (Arc::default(), JoinSet::new());
        Self { offers, refused, own, settled: None, unsigned: None, look, looks_at: None }
    }

    /// Programs that were tried, with what became of them.
    pub fn refused(&self) -> impl Iterator<Item = (Digest, &str)> {
        self.refused.iter().map(|(program, reason)| (*program, reason.as_str()))
    }

    /// Begins to look at the program of what is served, if that is not known; [`looked`](Self::looked) gives what comes of it.
    pub(super) fn begin(&mut self, fetcher: &Fetcher, releases: &Arc<Releases>) {
        let Some(serving) = releases.view().serving else { return };
        if !self.look.is_empty() && self.looks_at == Some(serving.digest) {
            return;
        }
        if !self.look.is_empty() {
            tracing::info!("the program that was looked at is no longer wanted: {}", Obstacle::Moved);
        }
        self.look.abort_all();
        self.look.detach_all();
        let known = |layer: &Digest| self.settled == Some(*layer) || self.unsigned == Some(serving.digest);
        let Some(layer) = serving.binary.filter(|layer| !known(layer)) else { return };
        if self.offers.is_none() {
            return self.alone(layer, &serving, releases, "this instance with --handover");
        }
        if fetcher.store.state().is_none() {
            // The new process would know of no pin, and of no release that did harm.
            return self.alone(layer, &serving, releases, "give this instance a state of its own with --state");
        }
        self.looks_at = Some(serving.digest);
        let (own, refused) = (Arc::clone(&self.own), self.refused.clone());
        let (fetcher, releases) = (fetcher.clone(), Arc::clone(releases));
        self.look.spawn(async move {
            let found = find(&serving, &own, &refused, &fetcher, &releases).await;
            Looked { release: serving, layer, found }
        });
    }

    /// What came of the look that is under way. May be dropped and called again.
    pub(super) async fn looked(&mut self) -> Looked {
        loop {
            match self.look.join_next().await {
                Some(Ok(looked)) => return looked,
                Some(Err(error)) if error.is_panic() => {
                    tracing::error!("galley itself broke on a program; please report it: {error}");
                }
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Offers what was found. Does not return if another process takes over. Whether releases were suspended meanwhile.
    pub(super) async fn settle(&mut self, looked: Looked, fetcher: &Fetcher, releases: &Arc<Releases>) -> bool {
        let Looked { release, layer, found } = looked;
        let obstacle = match found {
            Ok(found) => self.offer(found, &release, releases).await,
            Err(obstacle) => obstacle,
        };
        let name = format!("the program of release {}", release.sequence);
        match &obstacle {
            Obstacle::Same => {
                releases.note_program(None);
                tracing::debug!("{name} is the one that runs");
            }
            Obstacle::Lasting(_) | Obstacle::Refused(_) | Obstacle::Unsigned => {
                let reason = obstacle.to_string();
                releases.note_program(Some(format!("{name} is not run: {reason}")));
                tracing::warn!("{name} is not run: {reason}; the one that runs goes on");
            }
            Obstacle::Pinned => {
                let begins = release.program.is_some() && release.program_fault.is_none();
                let text = format!("{name} is not run while a release is pinned; a restart begins with it");
                if releases.note_program(begins.then(|| text.clone())) {
                    tracing::info!("{text}");
                }
            }
            Obstacle::Moved => tracing::info!("{name} is no longer wanted: {obstacle}"),
            passing => tracing::warn!("{name} can't be had: {passing}; it is tried again with the next look"),
        }
        match obstacle {
            Obstacle::Same | Obstacle::Lasting(_) | Obstacle::Refused(_) => self.settled = Some(layer),
            Obstacle::Unsigned => self.unsigned = Some(release.digest),
            Obstacle::Moved => self.begin(fetcher, releases),
            _ => {}
        }
        matches!(obstacle, Obstacle::Refused(_))
    }

    /// Where there are no offers there is only something to say. The first release that is seen is taken for the one that came with
    /// the program.
    fn alone(&mut self, layer: Digest, serving: &Record, releases: &Releases, remedy: &str) {
        if self.settled.replace(layer).is_some() {
            let text = format!("release {} has another program; start its image anew, or {remedy}", serving.sequence);
            releases.note_program(Some(text.clone()));
            tracing::warn!("{text}");
        }
    }

    /// Offers a program, and returns if it is not taken.
    async fn offer(&mut self, found: Found, release: &Record, releases: &Arc<Releases>) -> Obstacle {
        let Some(offers) = &self.offers else { return Obstacle::Moved };
        let Found { program, digest } = found;
        if !releases.suspend_at(release.digest) {
            return Obstacle::Moved;
        }
        releases.sweep_programs(digest);
        releases.note("handover", &json!({"digest": release.digest, "sequence": release.sequence, "program": digest}));
        let (refused, answer) = oneshot::channel();
        let offer = Offer { program, digest, release: release.digest, refused };
        let reason = match offers.send(offer).await {
            // Without an answer it was taken: this process only says goodbye to its clients.
            Ok(()) => match answer.await {
                Ok(reason) => reason,
                Err(_) => std::future::pending().await,
            },
            Err(_) => "the supervisor is gone".to_owned(),
        };
        releases.resume();
        releases.fault_program(digest, &reason);
        releases.note("handover-failed", &json!({"program": digest, "reason": reason}));
        self.refused.insert(digest, reason.clone());
        Obstacle::Refused(reason)
    }
}

/// Gets the program of a release; the registry is asked only for what nothing is known of.
async fn find(
    serving: &Record,
    own: &OnceCell<Own>,
    refused: &HashMap<Digest, String>,
    fetcher: &Fetcher,
    releases: &Arc<Releases>,
) -> Result<Found, Obstacle> {
    let own = *own.get_or_try_init(|| async { spawn_blocking(Own::read).await? }).await?;
    if serving.program == Some(own.digest) {
        return Err(Obstacle::Same);
    }
    if releases.is_pinned() {
        return Err(Obstacle::Pinned);
    }
    if let Some(digest) = serving.program
        && let Some(found) = kept(digest, serving, refused, fetcher, releases).await?
    {
        return Ok(found);
    }
    let (layer, diff_id) = layer(serving, fetcher).await?;
    if diff_id == Some(own.diff_id) {
        releases.keep_program(serving.digest, own.digest)?;
        return Err(Obstacle::Same);
    }
    vouch(serving, fetcher)?;
    let blob = fetcher.client.blob(&layer).await?;
    let platform = fetcher.platform;
    let unpacked = spawn_blocking(move || {
        let bytes = unpack_program(&layer, &blob.bytes, platform)?;
        Ok::<_, Obstacle>((Digest::of(&bytes), bytes))
    });
    let (digest, bytes) = unpacked.await??;
    releases.keep_program(serving.digest, digest)?;
    if digest == own.digest {
        return Err(Obstacle::Same);
    }
    tried(digest, refused, releases)?;
    let store = Arc::clone(&fetcher.store);
    let placed = spawn_blocking(move || store.state().map(|state| state.put_program(digest, &bytes)).transpose());
    match placed.await?? {
        Some(program) => Ok(Found { program, digest }),
        None => Err(Obstacle::Lasting("there is no state to keep it in".to_owned())),
    }
}

/// The program that a release is known to have, if it is in the state.
async fn kept(
    digest: Digest,
    serving: &Record,
    refused: &HashMap<Digest, String>,
    fetcher: &Fetcher,
    releases: &Releases,
) -> Result<Option<Found>, Obstacle> {
    vouch(serving, fetcher)?;
    tried(digest, refused, releases)?;
    let store = Arc::clone(&fetcher.store);
    let look = spawn_blocking(move || store.state().and_then(|state: &State| state.program(digest)));
    Ok(look.await?.map(|program| Found { program, digest }))
}

fn tried(digest: Digest, refused: &HashMap<Digest, String>, releases: &Releases) -> Result<(), Obstacle> {
    let Some(reason) = refused.get(&digest) else { return Ok(()) };
    releases.fault_program(digest, reason);
    Err(Obstacle::Refused(reason.clone()))
}

impl Own {
    fn read() -> Result<Self, Obstacle> {
        let bytes = std::fs::read("/proc/self/exe")?;
        Ok(Self { digest: Digest::of(&bytes), diff_id: program_diff_id(&bytes)? })
    }
}

/// The layer with the program, and what its archive is called before compression.
async fn layer(serving: &Record, fetcher: &Fetcher) -> Result<(Descriptor, Option<Digest>), Obstacle> {
    #[derive(Deserialize)]
    struct Config {
        rootfs: RootFs,
    }
    #[derive(Deserialize)]
    struct RootFs {
        diff_ids: Vec<Digest>,
    }
    let lost = || Obstacle::Lasting("its manifest is no longer kept".to_owned());
    let (store, wanted) = (Arc::clone(&fetcher.store), serving.manifest);
    let manifest = spawn_blocking(move || store.get(wanted)).await?.ok_or_else(lost)?;
    let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|_| lost())?;
    let layer = manifest.binary_layer().ok_or_else(lost)?.clone();
    let place = manifest.layers.iter().position(|other| other.digest == layer.digest);
    let config = fetcher.client.blob(&manifest.config).await?;
    // One that can't be read says nothing: then the layer itself tells.
    let config = serde_json::from_slice::<Config>(&config.bytes).ok();
    let diff_id = config.zip(place).and_then(|(config, place)| config.rootfs.diff_ids.get(place).copied());
    Ok((layer, diff_id))
}

/// Content without a signature may pass by the policy; a program may not.
fn vouch(serving: &Record, fetcher: &Fetcher) -> Result<(), Obstacle> {
    let Some(verifier) = &fetcher.verifier else { return Ok(()) };
    let index = fetcher.store.get(serving.digest).and_then(|bytes| serde_json::from_slice::<Index>(&bytes).ok());
    let repository = fetcher.client.reference().repository();
    if index.is_some_and(|index| verifier.vouches(repository, &index)) { Ok(()) } else { Err(Obstacle::Unsigned) }
}

impl Releases {
    /// What is to be known of the program of the release that is served; whether that is news.
    fn note_program(&self, text: Option<String>) -> bool {
        let mut inner = self.lock();
        let is_news = text.is_some() && inner.program != text;
        inner.program = text;
        is_news
    }

    /// Keeps which program a release has.
    fn keep_program(&self, release: Digest, program: Digest) -> Result<(), StateError> {
        let mut inner = self.lock_to_change()?;
        match inner.records.get(&release).filter(|record| record.program != Some(program)).cloned() {
            Some(record) => self.keep(&mut inner, Record { program: Some(program), program_fault: None, ..record }),
            None => Ok(()),
        }
    }

    /// A program does not do: it is not begun with after a restart.
    pub fn fault_program(&self, program: Digest, reason: &str) {
        let mut inner = self.lock();
        let of_it = |record: &&Record| record.program == Some(program) && record.program_fault.is_none();
        let records: Vec<Record> = inner.records.values().filter(of_it).cloned().collect();
        for record in records {
            let record = Record { program_fault: Some(reason.to_owned()), ..record };
            if let Err(error) = self.keep(&mut inner, record) {
                tracing::warn!("{error}; the program may be tried again after a restart");
            }
        }
    }

    /// Forgets programs but `program` and those of what is served, was served or is pinned.
    fn sweep_programs(&self, program: Digest) {
        let inner = self.lock();
        let of = |digest| inner.records.get(&digest).and_then(|record: &Record| record.program);
        let named = inner.current.named().filter_map(of).chain([program]).collect();
        if let Some(Err(error)) = self.store.state().map(|state| state.sweep_programs(&named)) {
            tracing::warn!("{error}; old programs are left there");
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::follow::state::tests::record;
    use crate::follow::{Cause, Release, Schedule, Store};
    use crate::serve::Deployment;
    use crate::snapshot::{Entry, Tree, TreePath, freeze};

    fn tree(text: &'static str) -> Tree {
        let mut tree = Tree::new();
        tree.insert(TreePath::new("index.html").unwrap(), Entry::new(Bytes::from(text), None)).unwrap();
        tree
    }

    #[test]
    fn an_offer_holds_only_for_what_is_served_and_not_pinned() {
        let deployment = Arc::new(Deployment::new(freeze(&tree("zero"), None).unwrap()));
        let releases = Releases::new(deployment, Arc::new(Store::in_memory()), Schedule::default(), None).unwrap();
        for (sequence, text) in [(1, "one"), (2, "two")] {
            let release = Release { record: record(sequence), tree: tree(text), base: Arc::default() };
            releases.offer(release, Cause::Poll).unwrap();
        }
        let (one, two) = (record(1).digest, record(2).digest);
        assert!(!releases.suspend_at(one) && !releases.is_suspended());
        assert!(releases.suspend_at(two));
        // Whoever comes now comes too late, and is told so.
        assert!(releases.rollback(None).unwrap_err().to_string().contains("another program is taking over"));
        releases.resume();
        releases.rollback(None).unwrap();
        assert!(!releases.suspend_at(two) && !releases.suspend_at(one) && !releases.is_suspended());
    }
}
