//! From what happened to who is told: a queue and a task for each way.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::attempt::{NoticesError, client, send};
use super::notice::{Event, Notice};
use super::shapes::{Message, messages};
use super::way::Way;
use crate::follow::counts::Counts;
use crate::snapshot::Digest;

/// Notices that wait for one receiver. Each says all that there is to say of its release, so that the newest are the ones that
/// matter; a receiver that is away for a day, with a push every half an hour, still gets each.
const MAX_WAITING: usize = 48;
/// What is waited for between tries.
const PAUSES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(20), Duration::from_secs(120)];
/// A receiver that wants to be asked later than this is not asked again: the next notice would wait, too.
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// The ways by which an instance tells what it does. A clone tells by the same.
#[derive(Clone)]
pub struct Notices {
    lanes: Arc<[Arc<Lane>]>,
    /// Where readers find the blog, if its operator says so.
    pub(super) place: Option<String>,
    /// What was told last: a release that waits is looked at again and again.
    last: Arc<Mutex<Option<Told>>>,
    /// How many notices, of all ways, have not come to an end.
    pending: watch::Sender<usize>,
}

/// What tells one notice from another: the release, what happened to it and why.
type Told = (Option<Digest>, Event, Option<String>);

/// One way and what waits for it.
struct Lane {
    way: Way,
    waiting: Mutex<VecDeque<Arc<Notice>>>,
    more: Notify,
    counts: Counts,
    pending: watch::Sender<usize>,
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lanes.iter().map(|lane| &lane.way)).finish()
    }
}

impl Notices {
    /// Begins to tell by these ways, in tasks of the runtime that this is called in. `place` is where readers find the blog,
    /// without a slash at the end.
    pub fn start(ways: Vec<Way>, place: Option<String>, counts: &Counts) -> Result<Self, NoticesError> {
        let client = client()?;
        let pending = watch::Sender::new(0);
        let lane = |way| {
            let (counts, pending) = (counts.clone(), pending.clone());
            Arc::new(Lane { way, waiting: Mutex::default(), more: Notify::new(), counts, pending })
        };
        let lanes: Arc<[Arc<Lane>]> = ways.into_iter().map(lane).collect();
        for lane in lanes.iter() {
            tokio::spawn(Arc::clone(lane).run(client.clone()));
        }
        Ok(Self { lanes, place, last: Arc::default(), pending })
    }

    /// Tells by all ways, soon; never waits. What was told last is not told once more.
    pub(super) fn tell(&self, notice: Notice) {
        let told = Some((notice.digest, notice.event, notice.reason.clone()));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == told {
            return;
        }
        *last = told;
        drop(last);
        let notice = Arc::new(notice);
        self.lanes.iter().for_each(|lane| lane.push(Arc::clone(&notice)));
    }

    /// Waits until everything is told, or `limit` is over.
    pub(super) async fn finish(&self, limit: Duration) {
        let mut pending = self.pending.subscribe();
        // What is left then is told of by nobody: a notice is no promise.
        if timeout(limit, pending.wait_for(|pending| *pending == 0)).await.is_err() {
            tracing::warn!("{} notices were not delivered before the end", *self.pending.borrow());
        }
    }
}

impl Lane {
    fn push(&self, notice: Arc<Notice>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(notice);
        let dropped = if waiting.len() > MAX_WAITING { waiting.pop_front() } else { None };
        drop(waiting);
        match dropped {
            None => self.pending.send_modify(|pending| *pending += 1),
            Some(dropped) => {
                self.counts.notices_dropped.inc();
                tracing::warn!(
                    "{}: more than {MAX_WAITING} notices wait; the one of release {} is dropped",
                    self.way,
                    dropped.sequence
                );
            }
        }
        self.more.notify_one();
    }

    fn pop(&self) -> Option<Arc<Notice>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    async fn run(self: Arc<Self>, client: Client) {
        loop {
            let Some(notice) = self.pop() else {
                self.more.notified().await;
                continue;
            };
            for message in messages(&self.way, &notice) {
                // Whoever could not be reached for one feed in minutes need not be asked for the next.
                if !self.deliver(&client, &message, &notice).await {
                    break;
                }
            }
            self.pending.send_modify(|pending| *pending -= 1);
        }
    }

    /// Tries until it goes well, or there is no use in trying; whether the next message is worth a try.
    async fn deliver(&self, client: &Client, message: &Message, notice: &Notice) -> bool {
        let (way, title) = (&self.way, notice.title());
        let mut pauses = PAUSES.iter();
        loop {
            let Err(failure) = send(client, message).await else {
                self.counts.notices_sent.inc();
                tracing::debug!("{way} is told: {title}");
                return true;
            };
            let pause = pauses.next().filter(|_| failure.passes);
            let pause = pause.map(|pause| failure.retry_after.unwrap_or_default().max(*pause));
            let Some(pause) = pause.filter(|pause| *pause <= MAX_PAUSE) else {
                self.counts.notices_failed.inc();
                tracing::warn!("{way} is not told that {title}: {}", failure.reason);
                return !failure.passes;
            };
            self.counts.notices_retried.inc();
            let seconds = pause.as_secs();
            tracing::warn!("{way} is not yet told that {title}: {}; trying again in {seconds} s", failure.reason);
            sleep(pause).await;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::follow::state::tests::record;

    /// Notices by one way that nobody delivers by.
    pub(in crate::follow::notices) fn kept() -> Notices {
        let (way, pending) = (Way::parse("slack=https://a.example/SECRET").unwrap(), watch::Sender::new(0));
        let lane = Lane {
            way,
            waiting: Mutex::default(),
            more: Notify::new(),
            counts: Counts::default(),
            pending: pending.clone(),
        };
        Notices { lanes: Arc::new([Arc::new(lane)]), place: None, last: Arc::default(), pending }
    }

    /// What waits, the oldest first.
    pub(in crate::follow::notices) fn waiting(notices: &Notices) -> Vec<Arc<Notice>> {
        std::iter::from_fn(|| notices.lanes[0].pop()).collect()
    }

    #[test]
    fn the_oldest_notice_gives_way() {
        let notices = kept();
        for sequence in 1..=MAX_WAITING as u64 + 2 {
            notices.tell(Notice::of(&record(sequence), Event::Swap, None));
            // What was told last is not told again.
            notices.tell(Notice::of(&record(sequence), Event::Swap, None));
        }
        assert_eq!(*notices.pending.borrow(), MAX_WAITING);
        assert_eq!(notices.lanes[0].counts.notices_dropped.get(), 2);
        let sequences: Vec<u64> = waiting(&notices).iter().map(|notice| notice.sequence).collect();
        assert_eq!(sequences, (3..=MAX_WAITING as u64 + 2).collect::<Vec<_>>());
        assert!(!format!("{notices:?}").contains("SECRET"));
    }
}
