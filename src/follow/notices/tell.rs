//! Where the releases of an instance tell what becomes of them.

use std::time::Duration;

use super::delivery::Notices;
use super::feeds;
use super::notice::{Event, Notice, Told};
use crate::follow::releases::{Inner, Outcome, Releases};
use crate::follow::state::{Changes, Record, Status};
use crate::follow::trouble::TroubleView;
use crate::registry::Reference;
use crate::snapshot::Snapshot;

/// How long the end of the process waits for notices: with the time that readers get it stays below the ten seconds that Docker
/// gives.
const FAREWELL: Duration = Duration::from_secs(1);
/// So many looks in a row may fail before somebody is told: a registry that is restarted is nobody's business.
const TOLERATED: u32 = 5;
/// Where another process serves already there is time for all tries.
const RETRIES: Duration = Duration::from_secs(180);

impl Releases {
    /// Tells by these from now on.
    #[must_use]
    pub fn with_notices(mut self, notices: Option<Notices>) -> Self {
        self.notices = notices;
        self
    }

    /// Waits a moment for what is to be told yet, or as long as it takes where another process has taken over, until `stop` is done:
    /// that one does not know of it.
    pub async fn finish_notices(&self, stop: impl Future<Output = ()>) {
        let Some(notices) = &self.notices else { return };
        if self.is_suspended() {
            tokio::select! {
                () = notices.finish(RETRIES) => return,
                () = stop => {}
            }
        }
        notices.finish(FAREWELL).await;
    }

    /// Readers get other content than that of `old`.
    pub(in crate::follow) fn tell_swap(&self, inner: &Inner, (event, reason): Told<'_>, old: &Snapshot) {
        let current = inner.current.current.and_then(|digest| inner.records.get(&digest));
        let (Some(notices), Some(record)) = (&self.notices, current) else { return };
        let new = self.deployment.current();
        let notice = Notice {
            changes: Changes::from(new.compare(old)),
            feeds: feeds::changed(old, &new, notices.place.as_deref()),
            ..Notice::of(record, event, reason)
        };
        self.tell(notices, notice);
    }

    /// A release was looked at; one that was put in place has been told of already.
    pub(in crate::follow) fn tell_decision(&self, record: &Record, outcome: &Outcome) {
        let Some(notices) = &self.notices else { return };
        let (event, reason) = match (outcome, &record.status) {
            (Outcome::Installed | Outcome::Same, _) => return,
            (_, Status::Quarantined(reason)) => (Event::Quarantine, reason),
            (Outcome::Waiting(reason), _) => (Event::Hold, reason),
            (Outcome::Refused(reason), _) => (Event::Refuse, reason),
        };
        self.tell(notices, Notice::of(record, event, Some(reason)));
    }

    /// A release did harm.
    pub(in crate::follow) fn tell_quarantine(&self, record: &Record, reason: &str) {
        if let Some(notices) = &self.notices {
            self.tell(notices, Notice::of(record, Event::Quarantine, Some(reason)));
        }
    }

    /// A look has come to its end: tells once that several have failed in a row, and once that one has gone well again.
    pub(in crate::follow) fn tell_trouble(
        &self,
        reference: &Reference,
        before: Option<&TroubleView>,
        now: Option<&TroubleView>,
    ) {
        let Some(notices) = &self.notices else { return };
        let (event, reason) = match (before, now) {
            (_, Some(now)) if now.failures == TOLERATED => {
                let (failures, since) = (now.failures, now.since);
                (Event::Trouble, format!("{failures} looks in a row have failed since {since:.0}: {}", now.message))
            }
            (Some(before), None) if before.failures >= TOLERATED => {
                (Event::Recovery, format!("{} looks have failed since {:.0}", before.failures, before.since))
            }
            _ => return,
        };
        let notice = match self.view().serving {
            Some(record) => Notice { changes: Changes::default(), ..Notice::of(&record, event, Some(&reason)) },
            None => {
                let root = self.deployment.current().root();
                Notice::of_content(&reference.to_string(), root, event, Some(&reason))
            }
        };
        self.tell(notices, notice);
    }

    fn tell(&self, notices: &Notices, notice: Notice) {
        let place = notices.place.as_ref().map(|place| format!("{place}/"));
        let url = place.or_else(|| feeds::home(&self.deployment.current()));
        notices.tell(Notice { url, ..notice });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::follow::notices::delivery::tests::{kept, waiting};
    use crate::follow::state::tests::record;
    use crate::follow::{Cause, Release, Schedule, Store};
    use crate::serve::Deployment;
    use crate::snapshot::{Entry, Tree, TreePath, freeze};

    fn tree(text: &str) -> Tree {
        let mut tree = Tree::new();
        let entry = Entry::new(Bytes::copy_from_slice(text.as_bytes()), None);
        tree.insert(TreePath::new("index.html").unwrap(), entry).unwrap();
        tree
    }

    #[test]
    fn a_release_that_does_harm_is_told_of_and_so_is_the_one_that_is_back() {
        let deployment = Arc::new(Deployment::new(freeze(&tree("zero"), None).unwrap()));
        let releases = Releases::new(deployment, Arc::new(Store::in_memory()), Schedule::default(), None).unwrap();
        let notices = kept();
        let releases = releases.with_notices(Some(notices.clone()));
        for (sequence, text) in [(1, "one"), (2, "two")] {
            let release = Release { record: record(sequence), tree: tree(text), base: Arc::default() };
            assert_eq!(releases.offer(release, Cause::Poll).unwrap(), Outcome::Installed);
            // What is offered once more has the content that is served: that is no news.
            let again = Release { record: record(sequence), tree: tree(text), base: Arc::default() };
            assert_eq!(releases.offer(again, Cause::Poll).unwrap(), Outcome::Same);
        }
        releases.quarantine(record(2).digest, "5 of 5 answers were faults of the server").unwrap();
        let told: Vec<_> = waiting(&notices)
            .iter()
            .map(|notice| (notice.event, notice.sequence, notice.reason.clone().unwrap_or_default()))
            .collect();
        let harm = "5 of 5 answers were faults of the server".to_owned();
        let expected = [
            (Event::Swap, 1, String::new()),
            (Event::Swap, 2, String::new()),
            (Event::Rollback, 1, format!("release 2 did harm: {harm}")),
            (Event::Quarantine, 2, harm),
        ];
        assert_eq!(told, expected);
    }
}
