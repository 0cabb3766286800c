//! Hints, coalesced.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::deliveries::{Deliveries, JobId, Looked, REMEMBERED};
use crate::snapshot::Digest;

/// Digests that are remembered until the next look.
const ANNOUNCED: usize = 16;

/// Rung by hooks, heard by the follower. However often it rings while the follower looks, it looks once more.
#[derive(Debug, Default)]
pub struct Doorbell {
    ring: Notify,
    rung: Mutex<Rung>,
    deliveries: Deliveries,
}

/// What came together since the last look.
#[derive(Debug, Default)]
pub(super) struct Rung {
    /// The deliveries that wait for a look; those that are forgotten by now are not among them.
    pub(super) jobs: VecDeque<JobId>,
    /// The digests announced last, each once.
    pub(super) announced: VecDeque<Digest>,
}

impl Doorbell {
    /// Asks for a look. `announced` is the digest that a sender says the tag points at now: advice on whether a look came
    /// too early, and never what is pulled. `job` is the delivery that is told what the look came to.
    pub fn ring(&self, job: Option<JobId>, announced: Option<Digest>) {
        let mut rung = self.lock();
        rung.announce(announced);
        rung.wait_for(job);
        drop(rung);
        self.ring.notify_one();
    }

    /// Asks for one more look for `jobs`, whose first look came too early.
    pub(super) fn ring_again(&self, jobs: VecDeque<JobId>) {
        self.lock().wait_for(jobs);
        self.ring.notify_one();
    }

    /// The last deliveries, those that rang among them.
    pub fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Waits for the next ring, or returns at once if it rang since the last call.
    pub async fn rung(&self) {
        self.ring.notified().await;
    }

    /// What rang until now; it is given once.
    pub(super) fn take(&self) -> Rung {
        std::mem::take(&mut *self.lock())
    }

    /// What the look came to that `jobs` waited for.
    pub(super) fn settle(&self, jobs: &VecDeque<JobId>, outcome: &Looked) {
        self.deliveries.settle(jobs, outcome);
    }

    fn lock(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rung {
    fn announce(&mut self, announced: Option<Digest>) {
        let Some(digest) = announced.filter(|digest| !self.announced.contains(digest)) else { return };
        if self.announced.len() == ANNOUNCED {
            self.announced.pop_front();
        }
        self.announced.push_back(digest);
    }

    fn wait_for(&mut self, jobs: impl IntoIterator<Item = JobId>) {
        self.jobs.extend(jobs);
        let forgotten = self.jobs.len().saturating_sub(REMEMBERED);
        self.jobs.drain(..forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::super::deliveries::Entry;
    use super::super::hook::{Meaning, read};
    use super::*;

    fn job(bell: &Doorbell) -> JobId {
        let reading = read(&http::HeaderMap::new(), b"{}");
        match bell.deliveries().heard(&reading, Meaning::Look(None), None) {
            Entry::New(job) | Entry::Repeated(job) => job,
        }
    }

    #[tokio::test]
    async fn what_rings_together_is_heard_once_and_remembered_in_bounds() {
        let bell = Doorbell::default();
        let (older, newer) = (Digest::of(b"older"), Digest::of(b"newer"));
        bell.ring(None, Some(older));
        let jobs: Vec<JobId> = (0..3 * REMEMBERED).map(|_| job(&bell)).collect();
        jobs.iter().for_each(|job| bell.ring(Some(*job), Some(newer)));
        bell.ring(None, None);
        bell.rung().await;
        let rung = bell.take();
        assert_eq!(rung.announced, [older, newer]);
        assert_eq!(rung.jobs, &jobs[2 * REMEMBERED..]);
        assert!(bell.take().jobs.is_empty());
        bell.ring_again(rung.jobs);
        bell.rung().await;
        let rung = bell.take();
        assert_eq!((rung.jobs.len(), rung.announced.len()), (REMEMBERED, 0));
        (0..100u8).for_each(|number| bell.ring(None, Some(Digest::of(&[number]))));
        assert_eq!(bell.take().announced.len(), ANNOUNCED);
    }
}
