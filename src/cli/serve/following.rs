//! `galley serve --follow`: what is followed, and what is known of it from before.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::notices::{NoticeArguments, Telling};
use crate::cli::memory::{MemoryArguments, Size};
use crate::cli::report::Report;
use crate::follow::{
    Channels, ControlCell, Limits, MAX_KEEP, Poll, Record, Release, Schedule, Secrets, Source, State, StateError,
    Store, Temporary, Verifier, Window, boot, channel_routes, control_routes, retained, take_over,
};
use crate::registry::Reference;
use crate::serve::{Deployment, Routes};
use crate::snapshot::{Digest, Tree};

/// Where an image of galley has its volume.
const IMAGE_STATE: &str = "/var/lib/galley";
/// An image says by this variable which release it holds, and by being there that this is an image.
const BAKED_SEQUENCE: &str = "GALLEY_BAKED_SEQUENCE";

#[derive(Args)]
pub(super) struct FollowArguments {
    /// The image whose content to serve, now and after each push
    #[arg(long, value_name = "REF", env = "GALLEY_FOLLOW")]
    pub(super) follow: Option<Reference>,
    /// A file with one secret a line that webhooks must know
    #[arg(long, value_name = "FILE", env = "GALLEY_HOOK_SECRET_FILE", requires = "follow")]
    hook_secret_file: Option<PathBuf>,
    /// A file with one token a line; whoever shows one at the control listener may roll back, pin and deploy
    #[arg(long, value_name = "FILE", env = "GALLEY_CONTROL_TOKEN_FILE", requires = "follow")]
    control_token_file: Option<PathBuf>,
    /// A file with one secret a line; whoever visits /_galley/preview/NAME/SECRET/ sees what the tag preview-NAME points at
    #[arg(long, value_name = "FILE", env = "GALLEY_PREVIEW_SECRET_FILE", requires = "follow")]
    preview_secret_file: Option<PathBuf>,
    /// How often to look at the reference without a webhook
    #[arg(long, value_name = "DURATION", default_value = "5m", env = "GALLEY_POLL")]
    pub(super) poll: Poll,
    /// Where releases are kept, so that a restart needs no registry [default: /var/lib/galley in an image, else a folder for the reference in $STATE_DIRECTORY or $XDG_STATE_HOME/galley]
    #[arg(long, value_name = "DIR", env = "GALLEY_STATE", requires = "follow")]
    state: Option<PathBuf>,
    /// How many bytes of releases are kept there
    #[arg(long, value_name = "SIZE", default_value = "1G", env = "GALLEY_STATE_SIZE")]
    state_size: Size,
    /// How many releases are kept beside the one that is served, the one before and the one that is pinned
    #[arg(long, value_name = "N", default_value_t = 5, env = "GALLEY_KEEP", value_parser = RangedU64ValueParser::<usize>::new().range(..=MAX_KEEP))]
    keep: usize,
    /// Install releases at this time of the week only, as `mon-fri 09:00-17:00 Europe/Berlin`; may be repeated
    #[arg(long, value_name = "WINDOW", value_delimiter = ';', env = "GALLEY_WINDOW")]
    window: Vec<Window>,
    /// Refuse a release with a lower number than the one that is served
    #[arg(long, env = "GALLEY_MONOTONIC", value_parser = clap::builder::FalseyValueParser::new())]
    monotonic: bool,
    #[command(flatten)]
    notices: NoticeArguments,
}

/// What is followed.
pub(super) struct Following {
    pub(super) reference: Reference,
    pub(super) store: Arc<Store>,
    pub(super) schedule: Schedule,
    /// The release to begin with, if there is one.
    pub(super) booted: Option<Release>,
    /// What is answered of those that were served before it, the latest first.
    pub(super) retained: Vec<Tree>,
    /// Who is told of swaps, if this instance is the one that tells.
    pub(super) telling: Option<Telling>,
}

impl FollowArguments {
    pub(super) fn secrets(&self) -> anyhow::Result<Option<Secrets>> {
        Ok(self.hook_secret_file.as_deref().map(Secrets::read).transpose()?)
    }

    /// What leads to previews, if there are some.
    pub(super) fn channels(&self, source: Source, deployment: &Arc<Deployment>) -> anyhow::Result<Option<Routes>> {
        let Some(path) = &self.preview_secret_file else { return Ok(None) };
        Ok(Some(channel_routes(Channels::new(path, source, Arc::clone(deployment))?)))
    }

    /// What the control listener shows and does, if something is followed.
    pub(super) fn control(&self, cell: &ControlCell) -> anyhow::Result<Option<Routes>> {
        let tokens = self.control_token_file.as_deref().map(Secrets::read).transpose()?;
        Ok(self.follow.is_some().then(|| control_routes(cell.clone(), tokens)))
    }

    /// Where releases are kept, if there is a place for them.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.state.clone().or_else(|| self.follow.as_ref().and_then(default_folder))
    }

    /// Where releases are kept, and the one to begin with. What another instance writes is only read.
    fn store(
        &self,
        verifier: Option<&Verifier>,
        telling: &mut Option<Telling>,
        handed: HandedState,
        memory: &MemoryArguments,
        report: &Report,
    ) -> anyhow::Result<(Store, Option<Release>)> {
        let (limit, most) = (memory.limit(), memory.most());
        let limits = Limits { keep: self.keep, size: self.state_size.bytes(), memory: limit, most };
        let folder = self.folder();
        let HandedState { lock, release } = handed;
        let open = |folder: &Path| match lock {
            Some(lock) => State::open_with(folder, limits, lock),
            None => State::open(folder, limits),
        };
        let state = match (folder.as_deref().map(open), release) {
            (Some(Ok(state)), _) => state,
            (Some(Err(error)), Some(_)) => return Err(error.into()),
            // Any other release than that one may be what it was left for.
            (None, Some(digest)) => {
                bail!("release {digest} can't be taken over without a state; start this program anew")
            }
            (Some(Err(error)), None) => {
                return self.without_writing(error, verifier, telling, memory.temporary(), report);
            }
            (None, None) => return Ok((Store::with(memory.temporary()), None)),
        };
        let store = Store::Disk(state);
        let booted = match release {
            Some(digest) => Some(take_over(digest, &store.records()?, &store)?),
            None => boot(&store.current(), &store.records()?, verifier, &store),
        };
        Ok((store, booted))
    }

    /// What there is where the state can't be written to: what lies there is served, if it may be read.
    fn without_writing(
        &self,
        error: StateError,
        verifier: Option<&Verifier>,
        telling: &mut Option<Telling>,
        temporary: Option<Arc<Temporary>>,
        report: &Report,
    ) -> anyhow::Result<(Store, Option<Release>)> {
        let is_taken = matches!(error, StateError::Taken(_));
        let folder = self.folder().filter(|_| is_taken || error.forbids_writing());
        let store = match folder {
            Some(folder) => Store::over(folder, temporary),
            None => Store::with(temporary),
        };
        let booted = boot(&store.current(), &store.records()?, verifier, &store);
        if booted.is_none() && !is_taken && (self.state.is_some() || matches!(error, StateError::Newer { .. })) {
            return Err(error.into());
        }
        tracing::warn!("{error}");
        if booted.is_some() || is_taken {
            tracing::warn!("this instance only reads there, and forgets what it pulls when it ends");
        } else {
            tracing::warn!("a restart will need the registry; choose another folder with --state");
        }
        // Two would tell of each swap twice.
        if is_taken && telling.take().is_some() {
            report.say("notices are sent by the one that writes there");
        }
        Ok((store, booted))
    }

    /// Opens the state and reads the release to begin with. `has_source` says whether there is content of another origin, which
    /// an image was made with; `memory` how much content may take there.
    pub(super) fn open(
        &self,
        has_source: bool,
        verifier: Option<&Verifier>,
        handed: HandedState,
        memory: &MemoryArguments,
        report: &Report,
    ) -> anyhow::Result<Option<Following>> {
        let Some(reference) = self.follow.clone() else { return Ok(None) };
        let schedule =
            Schedule { windows: self.window.clone(), monotonic: self.monotonic, baked: baked().unwrap_or_default() };
        let mut telling = self.notices.read()?;
        let takes_over = handed.release.is_some();
        let (store, booted) = self.store(verifier, &mut telling, handed, memory, report)?;
        // What another worker serves is served on, whatever the image holds.
        let pinned = store.current().pinned;
        let booted = booted.filter(|release| {
            !has_source || takes_over || pinned == Some(release.record.digest) || is_newer(release, report)
        });
        if let Some(Release { record, .. }) = &booted {
            report.say(format_args!("from the state: release {}, {}", record.sequence, record.digest));
        }
        let retained = match (&booted, store.state()) {
            (Some(Release { record, .. }), Some(state)) => retained_files(record, verifier, state)?,
            _ => Vec::new(),
        };
        if let Some(telling) = &telling {
            report.say(format_args!("swaps are told to {}", telling.line()));
        }
        Ok(Some(Following { reference, store: Arc::new(store), schedule, booted, retained, telling }))
    }
}

/// What is answered of the releases before `current`.
fn retained_files(current: &Record, verifier: Option<&Verifier>, state: &State) -> anyhow::Result<Vec<Tree>> {
    let records = state.records()?;
    let releases = retained(current, &records, verifier, state);
    // Which of their files lie on the disk depends on the memory that there is.
    let mut changed = releases.iter().filter(|release| records.get(&release.record.digest) != Some(&release.record));
    changed.try_for_each(|release| state.keep(&release.record))?;
    Ok(releases.into_iter().map(|release| release.tree).collect())
}

/// Whether `release` is newer than the content that the image was made with, if this is one.
fn is_newer(release: &Release, report: &Report) -> bool {
    let sequence = release.record.sequence;
    let newer = baked().is_none_or(|baked| sequence > baked);
    if !newer {
        let baked = baked().unwrap_or_default();
        report.say(format_args!("the image holds release {baked}, the state release {sequence}"));
    }
    newer
}

/// What a worker got from its supervisor.
#[derive(Default)]
pub(super) struct HandedState {
    /// The state's lock.
    pub(super) lock: Option<File>,
    /// The release that another worker serves.
    pub(super) release: Option<Digest>,
}

/// The number of the release that the image holds, if this is one.
pub(super) fn baked() -> Option<u64> {
    env::var(BAKED_SEQUENCE).ok().and_then(|text| text.parse().ok())
}

/// Each reference has a folder of its own, except in an image, whose volume is for one.
fn default_folder(reference: &Reference) -> Option<PathBuf> {
    if env::var_os(BAKED_SEQUENCE).is_some() {
        return Some(IMAGE_STATE.into());
    }
    if let Some(folder) = env::var_os("STATE_DIRECTORY") {
        return Some(folder.into());
    }
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
    let base = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute()).or_else(home)?;
    let name = reference.to_string().replace(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c), "_");
    Some(base.join("galley").join(name))
}
