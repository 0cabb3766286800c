//! The releases of an instance: what is served, what was, what waits, and the one way from one to another.
//!
//! Whatever changes what is served goes through here, under one lock, which no network is waited for with. What is installed
//! is on disk before readers see it; a rollback is seen first and written down then.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use tokio::sync::{Notify, RwLock};

use self::ready::{Ready, Way};
use super::notices::{Event, Notices, Told};
use super::release::{FetchError, Release};
use super::schedule::{Decision, Schedule};
use super::self_check;
use super::served::{Booted, Served};
use super::state::{Cause, Changes, Current, Record, StateError, Status};
use super::store::Store;
use crate::serve::Deployment;
use crate::snapshot::{Digest, Snapshot, freeze};

/// The releases of one instance.
#[derive(Debug)]
pub struct Releases {
    pub(super) deployment: Arc<Deployment>,
    pub(super) store: Arc<Store>,
    schedule: Schedule,
    /// The time of the schedule.
    clock: fn() -> Timestamp,
    pub(super) notices: Option<Notices>,
    /// Held by whoever fetches: what came and is not written down yet is not swept meanwhile.
    fetching: Arc<RwLock<()>>,
    /// Told when a person or harm put a release in place.
    went_back: Notify,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) current: Current,
    pub(super) records: BTreeMap<Digest, Record>,
    /// What the reference pointed at when it was last looked at.
    pub(super) latest: Option<Digest>,
    /// Snapshots that a rollback needs nothing for.
    ready: Ready,
    /// What the instance began with, where that was no release, and the release that has its place, as long as that is served;
    /// until one is confirmed.
    begun: Option<(Arc<Snapshot>, Option<Digest>)>,
    /// What is known of the files that are served, if they came from a release.
    served: Option<Served>,
    /// Why the latest release is not served.
    pub(super) waiting: Option<String>,
    /// What is to be known of the program of what is served.
    pub(super) program: Option<String>,
    /// Whether another process is about to take over, and this one changes nothing any more.
    pub(super) suspended: bool,
}

/// What became of a release that was offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "lowercase")]
pub enum Outcome {
    /// It is served, with other content than before.
    Installed,
    /// It has the content that is served.
    Same,
    /// It is kept, and not served for this reason.
    Waiting(String),
    /// It is not to be served, for this reason.
    Refused(String),
}

/// What would become of a release.
#[derive(Clone, Debug, Serialize)]
pub struct Assessment {
    /// What is known of it.
    pub record: Record,
    /// What is to be done with it.
    pub decision: Decision,
}

/// Why releases can't be changed as was asked.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is nothing to go back to.
    #[error("there is no release before this one; see galley releases")]
    NoPrevious,
    /// No such release is kept.
    #[error("no release {0} is kept; see galley releases")]
    Unknown(String),
    /// The text names several.
    #[error("several releases begin with {0}; write more of the digest")]
    Ambiguous(String),
    /// It did harm.
    #[error("release {0} is in quarantine and not served again: {1}")]
    Harmful(u64, String),
    /// Nothing is served that came from the reference.
    #[error("no release is served yet")]
    NoCurrent,
    /// Readers have it, and a restart may not.
    #[error("it is served, but not written down, so that a restart may serve another one: {0}")]
    NotWritten(StateError),
    /// The state, or what is in it.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl From<StateError> for ChangeError {
    fn from(error: StateError) -> Self {
        Self::Fetch(error.into())
    }
}

impl Releases {
    /// Those that `store` knows of; `booted` is the one that `deployment` serves, if it serves one.
    pub fn new(
        deployment: Arc<Deployment>,
        store: Arc<Store>,
        schedule: Schedule,
        booted: Option<Booted>,
    ) -> Result<Self, StateError> {
        let inner = Inner { current: store.current(), records: store.records()?, ..Inner::default() };
        let (fetching, went_back) = Default::default();
        let (clock, inner) = (Timestamp::now, Mutex::new(inner));
        let releases = Self { deployment, store, schedule, clock, notices: None, fetching, went_back, inner };
        let mut inner = releases.lock();
        match booted {
            Some(Booted { record, served }) => {
                let (digest, known) = (record.digest, record.clone());
                if let Err(error) = releases.begin(&mut inner, record) {
                    // Readers have it whatever becomes of the disk.
                    tracing::warn!("{error}; release {} is served, and a restart may not know it", known.sequence);
                    inner.records.insert(digest, known);
                    inner.current.current = Some(digest);
                }
                inner.served = Some(served);
            }
            // What is served came from elsewhere.
            None => inner.current.current = None,
        }
        drop(inner);
        releases.sweep();
        Ok(releases)
    }

    /// `record` is served already: as it was before, or as it has just been fetched.
    fn begin(&self, inner: &mut Inner, mut record: Record) -> Result<(), StateError> {
        let (digest, before) = (record.digest, inner.current);
        if record.status == Status::Fetched {
            record.status = Status::Installed;
            (record.installed, record.installed_by) = (Some(Timestamp::now()), Some(record.cause));
        }
        inner.latest = Some(digest);
        let previous = before.current.filter(|current| *current != digest).or(before.previous);
        self.note("start", &json!({"digest": digest, "sequence": record.sequence}));
        self.keep(inner, record)?;
        let current = Current { current: Some(digest), previous, ..before };
        if current == before { Ok(()) } else { self.commit(inner, current) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the reference pointed at when it was last looked at.
    pub fn latest(&self) -> Option<Digest> {
        self.lock().latest
    }

    /// The number of the release that the image was made with.
    pub(super) fn baked(&self) -> Option<u64> {
        Some(self.schedule.baked).filter(|baked| *baked > 0)
    }

    /// What the next release may be built upon.
    pub(super) fn served(&self) -> Option<Served> {
        self.lock().served.clone()
    }

    /// What is known of a release.
    pub fn record(&self, digest: Digest) -> Option<Record> {
        self.lock().records.get(&digest).cloned()
    }

    /// Takes a release that was fetched and verified, and serves it if that is allowed.
    pub fn offer(&self, release: Release, cause: Cause) -> Result<Outcome, FetchError> {
        let served = Served::from(&release);
        let (record, snapshot) = self.examine(release)?;
        for fault in snapshot.faults() {
            tracing::warn!("{fault}; the line is left out");
        }
        let mut inner = self.lock_to_change()?;
        inner.latest = Some(record.digest);
        if inner.current.current == Some(record.digest) {
            // Back to what is served already.
            inner.waiting = None;
            return Ok(Outcome::Same);
        }
        self.keep(&mut inner, record.clone())?;
        self.decide(&mut inner, &record, || Ok((snapshot, served)), cause)
    }

    /// What would become of a release that was fetched and verified; nothing is kept.
    pub fn assess(&self, release: Release) -> Result<Assessment, FetchError> {
        let (record, _) = self.examine(release)?;
        let inner = self.lock();
        let decision = match inner.current.current == Some(record.digest) {
            true => Decision::Refuse("it is served already".to_owned()),
            false => self.decision(&inner, &record, Cause::Person),
        };
        Ok(Assessment { record, decision })
    }

    /// Freezes a release and checks it.
    fn examine(&self, release: Release) -> Result<(Record, Snapshot), FetchError> {
        let Release { mut record, tree, .. } = release;
        let served = self.deployment.current();
        let snapshot = freeze(&tree, Some(&served))?;
        record.changes = Changes::from(snapshot.compare(&served));
        let faults = self_check::faults(&tree, &snapshot);
        let known = self.lock().records.get(&record.digest).cloned();
        if let Some(Record { program, program_fault, installed, installed_by, .. }) = &known {
            (record.program, record.installed, record.installed_by) = (*program, *installed, *installed_by);
            record.program_fault.clone_from(program_fault);
        }
        record.status = match known.map(|known| known.status) {
            Some(Status::Quarantined(reason)) => Status::Quarantined(reason),
            // It was served before, and did no harm; whatever becomes of it now, one may go back to it.
            Some(status) if status.is_good() => status,
            _ if !faults.is_empty() => Status::Quarantined(format!("the self-check failed: {}", faults.join("; "))),
            _ => self_check::doubt(&snapshot, &served).map_or(Status::Fetched, Status::Held),
        };
        Ok((record, snapshot))
    }

    fn decision(&self, inner: &Inner, record: &Record, cause: Cause) -> Decision {
        let get = |digest: Option<Digest>| digest.and_then(|digest| inner.records.get(&digest));
        let (current, pinned) = (get(inner.current.current), get(inner.current.pinned));
        self.schedule.decide(record, current, pinned, cause, (self.clock)())
    }

    /// `snapshot` is asked for only if it is to be served: of what is in quarantine nothing is kept but its name.
    fn decide(
        &self,
        inner: &mut Inner,
        record: &Record,
        snapshot: impl FnOnce() -> Result<(Snapshot, Served), FetchError>,
        cause: Cause,
    ) -> Result<Outcome, FetchError> {
        let (outcome, waiting) = match self.decision(inner, record, cause) {
            Decision::Install => (self.install(inner, record.clone(), snapshot()?, cause)?, None),
            Decision::Wait(reason) => (Outcome::Waiting(reason.clone()), Some(reason)),
            Decision::Refuse(reason) => (Outcome::Refused(reason.clone()), Some(reason)),
        };
        inner.waiting = waiting;
        self.note("decide", &json!({"digest": record.digest, "sequence": record.sequence, "decision": outcome}));
        self.tell_decision(record, &outcome);
        Ok(outcome)
    }

    /// On disk first, then for readers: after a crash there is what they saw.
    fn install(
        &self,
        inner: &mut Inner,
        mut record: Record,
        (snapshot, served): (Snapshot, Served),
        cause: Cause,
    ) -> Result<Outcome, FetchError> {
        let digest = record.digest;
        record.status = Status::Installed;
        record.media = served.media();
        (record.installed, record.installed_by) = (Some(Timestamp::now()), Some(cause));
        let before = inner.current;
        let previous = before.current.filter(|current| *current != digest).or(before.previous);
        let current = Current { current: Some(digest), previous, ..before };
        self.keep(inner, record)?;
        self.commit(inner, current)?;
        Ok(self.swap(inner, before.current, (snapshot, Some(served)), (Event::Swap, None)))
    }

    /// Swaps the pointer; the snapshot that was served is kept for a rollback.
    fn swap(
        &self,
        inner: &mut Inner,
        before: Option<Digest>,
        (snapshot, served): (Snapshot, Option<Served>),
        told: Told<'_>,
    ) -> Outcome {
        let root = snapshot.root();
        let old_served = std::mem::replace(&mut inner.served, served);
        let old = self.deployment.install(snapshot);
        let now = self.deployment.current();
        let outcome = if old.root() == root { Outcome::Same } else { Outcome::Installed };
        if outcome == Outcome::Installed {
            self.tell_swap(inner, told, &old);
        }
        let current = inner.current;
        match before {
            Some(before) => {
                inner.ready.put(before, Way { snapshot: old, served: old_served });
                inner.begun = inner.begun.take().map(|(begun, _)| (begun, None));
            }
            None => inner.begun = Some((old, current.current)),
        }
        let named: Vec<Digest> = current.named().collect();
        let Inner { ready, records, .. } = inner;
        ready.fit(&now, &named, |digest| records.get(&digest).is_some_and(|record| !record.status.is_harmful()));
        self.note("swap", &json!({"digest": current.current, "previous": current.previous, "content_root": root}));
        outcome
    }

    /// Stays at a release, by default at the one that is served.
    pub fn pin(&self, digest: Option<Digest>) -> Result<Record, ChangeError> {
        let mut inner = self.lock_to_change()?;
        let digest = digest.or(inner.current.current).ok_or(ChangeError::NoCurrent)?;
        let told = (Event::Swap, Some("a person pinned it"));
        let record = self.serve(&mut inner, digest, Some(digest), Cause::Person, told)?;
        self.note("pin", &json!({"digest": digest, "sequence": record.sequence}));
        Ok(record)
    }

    /// Follows again: what came meanwhile is served, if nothing else speaks against it.
    pub fn unpin(&self) -> Result<Outcome, ChangeError> {
        let mut inner = self.lock_to_change()?;
        let current = Current { pinned: None, ..inner.current };
        self.commit(&mut inner, current)?;
        // That its program waits for this.
        inner.program = None;
        self.note("unpin", &json!({}));
        Ok(self.advance_locked(&mut inner, Cause::Person)?)
    }

    /// Looks again at the latest release that is kept and not served: a window may have opened, or a person said so.
    pub fn advance(&self, cause: Cause) -> Result<Outcome, FetchError> {
        self.advance_locked(&mut *self.lock_to_change()?, cause)
    }

    fn advance_locked(&self, inner: &mut Inner, cause: Cause) -> Result<Outcome, FetchError> {
        let latest = inner.latest.filter(|latest| inner.current.current != Some(*latest));
        let Some(latest) = latest else {
            inner.waiting = None;
            return Ok(Outcome::Same);
        };
        let record = inner.records.get(&latest).cloned().ok_or(FetchError::Lost(latest))?;
        let ready = inner.ready.get(latest).cloned();
        let snapshot = || match ready {
            Some(Way { snapshot, served: Some(served) }) => Ok((Snapshot::clone(&snapshot), served)),
            _ => self.kept(&record),
        };
        self.decide(inner, &record, snapshot, cause)
    }

    /// The files of a release that was fetched before.
    fn kept(&self, record: &Record) -> Result<(Snapshot, Served), FetchError> {
        let release = Release::read(record, &*self.store)?;
        let snapshot = freeze(&release.tree, Some(&self.deployment.current()))?;
        Ok((snapshot, Served::from(&release)))
    }

    /// The reference points at a release that can't be used: nothing of it is kept.
    pub(super) fn refuse(&self, digest: Digest, reason: &str) {
        let mut inner = self.lock();
        inner.latest = Some(digest);
        inner.waiting = Some(format!("it is refused: {reason}"));
    }

    /// How long until a window opens that the latest release waits for.
    pub(super) fn opening(&self) -> Option<Duration> {
        let inner = self.lock();
        let waits = inner.waiting.is_some() && inner.latest != inner.current.current;
        let now = (self.clock)();
        let opening = waits.then(|| self.schedule.opening(now)).flatten()?.timestamp();
        Some(opening.duration_since(now).try_into().unwrap_or_default())
    }

    /// Writes down a step, where there is a journal.
    pub(super) fn note(&self, step: &str, facts: &impl Serialize) {
        if let Some(state) = self.store.state() {
            state.journal().note(step, facts);
        }
    }

    pub(super) fn keep(&self, inner: &mut Inner, record: Record) -> Result<(), StateError> {
        if let Some(state) = self.store.state() {
            state.keep(&record)?;
        }
        inner.records.insert(record.digest, record);
        Ok(())
    }

    fn commit(&self, inner: &mut Inner, current: Current) -> Result<(), StateError> {
        if let Some(state) = self.store.state() {
            state.commit(&current)?;
        }
        inner.current = current;
        Ok(())
    }
}

impl From<io::Error> for ChangeError {
    fn from(error: io::Error) -> Self {
        Self::Fetch(error.into())
    }
}

mod back;
mod ready;
mod suspension;
mod sweep;
#[cfg(test)]
pub(super) mod tests;
