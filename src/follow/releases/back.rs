//! The ways back: by a person, and from what does harm.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::ready::Way;
use super::{ChangeError, Inner, Releases};
use crate::follow::notices::{Event, Told};
use crate::follow::state::{Cause, Current, Record, StateError, Status};
use crate::serve::{Background, give_way};
use crate::snapshot::{Digest, Snapshot};

/// What is served in the place of what does harm.
enum Back {
    Release(Digest),
    /// What the instance began with, which is no release.
    Begun(Arc<Snapshot>),
}

/// The release that was served before, if it did no harm.
fn previous(inner: &Inner) -> Option<Digest> {
    let Current { current, previous, .. } = inner.current;
    previous.filter(|digest| {
        current != Some(*digest) && inner.records.get(digest).is_some_and(|record| record.status.is_good())
    })
}

/// The releases that did no harm, those first that were served last.
fn good(inner: &Inner) -> impl Iterator<Item = Digest> + use<> {
    let mut good: Vec<&Record> = inner.records.values().filter(|record| record.status.is_good()).collect();
    good.sort_by_key(|record| Reverse(record.installed));
    good.into_iter().map(|record| record.digest).collect::<Vec<_>>().into_iter()
}

impl Releases {
    /// Goes back to a release, by default to the one before, and stays there: what is pushed is fetched and not served until
    /// [`Releases::unpin`]. Readers see it first; then it is written down.
    pub fn rollback(&self, to: Option<Digest>) -> Result<Record, ChangeError> {
        let mut inner = self.lock_to_change()?;
        let to = match to {
            Some(digest) => digest,
            None => self.before(&inner).ok_or(ChangeError::NoPrevious)?,
        };
        let told = (Event::Rollback, Some("a person went back to it"));
        let record = self.serve(&mut inner, to, Some(to), Cause::Person, told)?;
        self.note("rollback", &json!({"digest": to, "sequence": record.sequence}));
        Ok(record)
    }

    /// The latest of those with a lower number that went well, or else the one that was served before.
    fn before(&self, inner: &Inner) -> Option<Digest> {
        let sequence = inner.records.get(&inner.current.current?)?.sequence;
        let lower = inner.records.values().filter(|record| record.sequence < sequence && record.status.is_good());
        let lower = lower.max_by_key(|record| (record.sequence, record.installed)).map(|record| record.digest);
        lower.or(previous(inner))
    }

    /// Where to go from `harmful`, which is served, the best first: to what readers had before. A person who went back and stays there
    /// came from what was no better; from there it is the release with a lower number. If none of them can be read, anything that was
    /// good is better than what does harm.
    fn ways_back(&self, inner: &Inner, harmful: Digest) -> Vec<Back> {
        let begun = inner.begun.as_ref().map(|(snapshot, successor)| (Back::Begun(Arc::clone(snapshot)), *successor));
        let (first, last) = match begun {
            Some((begun, successor)) if successor == Some(harmful) => (Some(begun), None),
            begun => (None, begun.map(|(begun, _)| begun)),
        };
        let previous = previous(inner).filter(|_| inner.current.pinned != Some(harmful));
        let others = good(inner).filter(|digest| *digest != harmful);
        let releases = previous.into_iter().chain(self.before(inner)).chain(others).map(Back::Release);
        first.into_iter().chain(releases).chain(last).collect()
    }

    /// Serves a release that is kept; `pinned` is what is pinned from then on, `cause` is why.
    pub(super) fn serve(
        &self,
        inner: &mut Inner,
        digest: Digest,
        pinned: Option<Digest>,
        cause: Cause,
        told: Told<'_>,
    ) -> Result<Record, ChangeError> {
        let record = inner.records.get(&digest).cloned();
        let mut record = record.ok_or_else(|| ChangeError::Unknown(digest.to_string()))?;
        if let Status::Quarantined(reason) = &record.status {
            return Err(ChangeError::Harmful(record.sequence, reason.clone()));
        }
        let before = inner.current;
        if before.current == Some(digest) {
            self.commit(inner, Current { pinned, ..before })?;
            return Ok(record);
        }
        let (snapshot, served) = match inner.ready.get(digest) {
            Some(way) => (Snapshot::clone(&way.snapshot), way.served.clone()),
            None => {
                let (snapshot, served) = self.kept(&record)?;
                (snapshot, Some(served))
            }
        };
        if let Some(served) = &served {
            record.media = served.media();
        }
        inner.current = Current { current: Some(digest), previous: before.current.or(before.previous), pinned };
        self.swap(inner, before.current, (snapshot, served), told);
        (record.installed, record.installed_by) = (Some(Timestamp::now()), Some(cause));
        if record.status != Status::Confirmed {
            record.status = Status::Installed;
        }
        // Whatever becomes of the disk: it is watched as what it is.
        inner.records.insert(digest, record.clone());
        self.went_back.notify_one();
        let committed = self.commit(inner, inner.current);
        committed.and(self.keep(inner, record.clone())).map_err(ChangeError::NotWritten)?;
        Ok(record)
    }

    /// Serves again what the instance began with.
    fn serve_begun(&self, inner: &mut Inner, begun: &Snapshot, pinned: Option<Digest>) -> Result<(), ChangeError> {
        let before = inner.current;
        inner.current = Current { current: None, pinned, ..before };
        self.swap(inner, before.current, (begun.clone(), None), (Event::Rollback, None));
        self.commit(inner, inner.current).map_err(ChangeError::NotWritten)
    }

    /// Reads the releases that a person might go back to: after a start nothing of them is in memory, and who goes back is in a hurry.
    pub(in crate::follow) async fn prepare(self: &Arc<Self>) {
        let (releases, fetching) = (Arc::clone(self), self.fetching().await);
        let read = move || {
            give_way(Background::Idle);
            releases.read_ways_back();
            drop(fetching);
            // Whoever came meanwhile left it to this one.
            releases.sweep();
        };
        if let Err(error) = std::thread::Builder::new().name("ways back".to_owned()).spawn(read) {
            tracing::warn!("a rollback will have to read what it leads to: {error}");
        }
    }

    /// The nearest first, as long as there is memory for the next one.
    pub(super) fn read_ways_back(&self) {
        let ways: Vec<Digest> = {
            let inner = self.lock();
            let others = good(&inner).filter(|digest| inner.current.current != Some(*digest));
            self.before(&inner).into_iter().chain(others).collect()
        };
        for digest in ways {
            if !self.read_way_back(digest) {
                break;
            }
        }
    }

    /// Whether there may be memory for another one. One is left out where two releases might not fit the memory that there is.
    fn read_way_back(&self, digest: Digest) -> bool {
        let record = {
            let inner = self.lock();
            if inner.suspended {
                return false;
            }
            inner.records.get(&digest).filter(|_| inner.ready.get(digest).is_none()).cloned()
        };
        let limit = self.deployment.current().memory().unwrap_or(u64::MAX);
        let on_disk = |record: &Record| self.store.state().map_or(0, |state| state.media_of(record));
        let fits = |record: &Record| record.size.bytes.saturating_sub(on_disk(record)) <= limit / 2;
        let Some(record) = record.filter(fits) else { return true };
        match self.kept(&record) {
            Ok((snapshot, served)) => self.is_ready(
                digest,
                Way { snapshot: Arc::new(snapshot), served: Some(served.clone()) },
                served.media(),
            ),
            Err(error) => {
                tracing::warn!("{error}; one can't go back to it");
                true
            }
        }
    }

    /// Keeps what was read for a rollback, whose files in `media` lie on the disk; returns whether there was memory for it.
    fn is_ready(&self, digest: Digest, way: Way, media: Vec<Digest>) -> bool {
        let mut inner = self.lock();
        let Inner { ready, records, current, suspended, .. } = &mut *inner;
        // A person may have gone there meanwhile, or it did harm.
        let is_wanted = |record: &&Record| !*suspended && record.status.is_good() && current.current != Some(digest);
        let Some(record) = records.get(&digest).filter(is_wanted).cloned() else { return !*suspended };
        ready.add(digest, way);
        let named: Vec<Digest> = current.named().collect();
        ready.fit(&self.deployment.current(), &named, |digest| records.contains_key(&digest));
        let fits = ready.get(digest).is_some();
        if fits
            && media != record.media
            && let Err(error) = self.keep(&mut inner, Record { media, ..record })
        {
            tracing::warn!("{error}; some files of that release may be missing once one goes back to it");
        }
        fits
    }

    /// Waits until a release is in place that did not come by a look.
    pub(in crate::follow) async fn went_back(&self) {
        self.went_back.notified().await;
    }

    /// The instance stops: what it serves did no harm so far.
    pub fn stop(&self) -> Result<(), StateError> {
        // Where another process has taken over, that is its to say.
        let current = if self.is_suspended() { None } else { self.lock().current.current };
        current.map_or(Ok(()), |current| self.confirm(current))
    }

    /// A release has been served for its first minute.
    pub(in crate::follow) fn confirm(&self, digest: Digest) -> Result<(), StateError> {
        let mut inner = self.lock_to_change()?;
        let Some(record) = inner.records.get(&digest).filter(|record| record.status == Status::Installed) else {
            return Ok(());
        };
        let record = Record { status: Status::Confirmed, ..record.clone() };
        // From now on there is a release to go back to.
        inner.begun = None;
        self.note("confirm", &json!({"digest": digest, "sequence": record.sequence}));
        self.keep(&mut inner, record)
    }

    /// A release does harm: goes back to the one before it, and never serves it again.
    pub(in crate::follow) fn quarantine(&self, digest: Digest, reason: &str) -> Result<(), ChangeError> {
        let mut inner = self.lock_to_change()?;
        let is_served = inner.current.current == Some(digest);
        let ways = if is_served { self.ways_back(&inner, digest) } else { Vec::new() };
        if is_served && ways.is_empty() {
            return Err(ChangeError::NoPrevious);
        }
        let mut written = Ok(());
        // Here first: it is not served again by this process even if nothing can be written.
        if let Some(record) = inner.records.get_mut(&digest) {
            record.status = Status::Quarantined(reason.to_owned());
        }
        // Nobody wants to stay at what does harm.
        let pinned = inner.current.pinned.filter(|pinned| *pinned != digest);
        let sequence = inner.records.get(&digest).map_or(0, |record| record.sequence);
        let harm = format!("release {sequence} did harm: {reason}");
        for way in ways {
            if inner.current.current != Some(digest) {
                break;
            }
            let told = (Event::Rollback, Some(harm.as_str()));
            written = match way {
                Back::Begun(begun) => self.serve_begun(&mut inner, &begun, pinned),
                Back::Release(before) => self.serve(&mut inner, before, pinned, Cause::Harm, told).map(drop),
            };
        }
        if let Some(record) = inner.records.get(&digest).cloned() {
            self.tell_quarantine(&record, reason);
            written = written.and(self.keep(&mut inner, record).map_err(ChangeError::from));
        }
        inner.waiting = Some(format!("it is in quarantine: {reason}"));
        self.note("quarantine", &json!({"digest": digest, "reason": reason}));
        written
    }
}
