//! The loop: wait for a hint or for the next poll, look, and install what is new.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::counts::Counts;
use super::deliveries::Outcome;
use super::doorbell::{Doorbell, Rung};
use super::pace::Pace;
use super::release::{FetchError, Release};
use crate::image::Platform;
use crate::registry::{Client, TagState};
use crate::serve::Deployment;
use crate::snapshot::{ContentRoot, Digest, Tree, freeze};

/// After a look that found nothing new, hooks wait this long: a flood of them costs one look a second.
const QUIET: Duration = Duration::from_secs(1);
/// distribution announces an index a moment before its tag points there: a look that came too early is followed by these.
/// With the first one they are three in a second, however many hooks arrive.
const EARLY: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];
/// The first pause after a failure; each further one is twice as long, up to the poll's interval.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How often the reference is looked at without a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll(Duration);

/// A text that is no interval.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no interval; write it as 90s, 5m or 1h, at least 1s")]
pub struct PollError(String);

impl Poll {
    /// The interval, up to a fifth longer or shorter, so that a fleet does not ask all at once.
    fn next(self) -> Duration {
        // A new RandomState is keyed at random: no other source of randomness is needed here.
        let random = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
        self.0.mul_f64(0.8 + 0.4 * random)
    }
}

impl FromStr for Poll {
    type Err = PollError;

    fn from_str(text: &str) -> Result<Self, PollError> {
        let refuse = || PollError(text.to_owned());
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(refuse()),
        };
        let number: u64 = number.parse().map_err(|_| refuse())?;
        let total = number.checked_mul(seconds).filter(|total| (1..=365 * 86_400).contains(total));
        total.map(|total| Self(Duration::from_secs(total))).ok_or_else(refuse)
    }
}

/// Keeps a deployment at what a reference points at.
pub struct Follower {
    client: Client,
    platform: Platform,
    deployment: Arc<Deployment>,
    bell: Arc<Doorbell>,
    poll: Poll,
    current: Option<Release>,
    counts: Counts,
    pace: Pace,
    /// When a look brought something.
    news: Option<Instant>,
}

/// What a look came to.
enum Seen {
    Nothing,
    New,
}

impl Follower {
    /// A follower of the client's reference; `current` is what `deployment` serves, if it came from there.
    pub fn new(
        client: Client,
        platform: Platform,
        deployment: Arc<Deployment>,
        poll: Poll,
        current: Option<Release>,
        counts: Counts,
    ) -> Self {
        Self {
            client,
            platform,
            deployment,
            bell: Arc::default(),
            poll,
            current,
            counts,
            pace: Pace::default(),
            news: None,
        }
    }

    /// What hooks ring.
    pub fn bell(&self) -> Arc<Doorbell> {
        Arc::clone(&self.bell)
    }

    /// Follows until it is dropped.
    pub async fn run(mut self) {
        let mut failures = 0u32;
        let mut next = match self.current {
            Some(_) => Instant::now() + self.poll.next(),
            // What is served now came from elsewhere: the reference has not been looked at yet.
            None => Instant::now(),
        };
        loop {
            tokio::select! {
                () = self.bell.rung() => {}
                () = sleep_until(next) => {}
            }
            let started = Instant::now();
            let mut rung = self.bell.take();
            let seen = self.look_until_announced(&mut rung).await;
            self.bell.settle(&rung.jobs, &self.outcome(&seen));
            match seen {
                Ok(Seen::New) => failures = 0,
                Ok(Seen::Nothing) => {
                    failures = 0;
                    sleep(QUIET).await;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!("{error}; still serving what was there");
                    sleep(QUIET).await;
                }
            }
            let pause = FIRST_PAUSE * 2u32.pow(failures.clamp(1, 16) - 1);
            next = started + if failures > 0 { pause.min(self.poll.next()) } else { self.poll.next() };
        }
    }

    /// Looks, and looks again where hooks announced nothing that the tag points at yet.
    async fn look_until_announced(&mut self, rung: &mut Rung) -> Result<Seen, FetchError> {
        // What follows a swap on its heels may be of before it as well: one look a second later tells, too.
        let is_fresh = self.news.is_some_and(|news| news.elapsed() < QUIET);
        let mut seen = self.look().await?;
        for pause in EARLY.iter().filter(|_| !is_fresh) {
            if matches!(seen, Seen::New) || self.has_any_of(&rung.announced) {
                break;
            }
            sleep(*pause).await;
            seen = self.look().await?;
        }
        if !self.has_any_of(&rung.announced) {
            tracing::debug!("the reference does not point at what a hook announced; looking once more");
            match seen {
                Seen::New => self.bell.ring(None, None),
                Seen::Nothing => self.bell.ring_again(std::mem::take(&mut rung.jobs)),
            }
        }
        Ok(seen)
    }

    /// Whether one of the announced digests is there. Hooks come in any order: the others were overtaken.
    fn has_any_of(&self, announced: &VecDeque<Digest>) -> bool {
        let current = self.current.as_ref().map(|release| release.digest);
        announced.is_empty() || current.is_some_and(|current| announced.contains(&current))
    }

    /// What those who rang are told.
    fn outcome(&self, seen: &Result<Seen, FetchError>) -> Outcome {
        match (seen, &self.current) {
            (Ok(Seen::New), Some(release)) => Outcome::Release { digest: release.digest },
            (Ok(_), _) => Outcome::NothingNew,
            (Err(error), _) => Outcome::failed(error),
        }
    }

    /// Looks at the reference, and counts what comes of it.
    async fn look(&mut self) -> Result<Seen, FetchError> {
        self.pace.wait().await;
        let seen = self.look_once().await;
        match seen {
            Ok(Seen::New) => {
                self.news = Some(Instant::now());
                self.counts.looks_new.inc()
            }
            Ok(Seen::Nothing) => self.counts.looks_unchanged.inc(),
            Err(_) => self.counts.looks_failed.inc(),
        };
        seen
    }

    /// What is new is fetched, verified and installed.
    async fn look_once(&mut self) -> Result<Seen, FetchError> {
        let started = Instant::now();
        if let Some(current) = &self.current
            && self.client.tag_state(current.digest).await? == TagState::Unchanged
        {
            return Ok(Seen::Nothing);
        }
        let (release, tree) = Release::fetch(&self.client, self.platform, self.current.as_ref()).await?;
        let old = self.deployment.current().root();
        let root = self.install(tree).await?;
        let (sequence, digest) = (release.sequence, release.digest);
        if root == old {
            tracing::info!("release {sequence} ({digest}) has the content that is being served");
        } else {
            let took = started.elapsed().as_millis();
            tracing::info!("release {sequence} ({digest}) is live, content {root}, {took} ms after the look began");
        }
        self.current = Some(release);
        Ok(Seen::New)
    }

    /// Freezes `tree` beside what is served and swaps the pointer, off the threads that answer; the old content is dropped
    /// there as well, because freeing it takes milliseconds.
    async fn install(&self, tree: Tree) -> Result<ContentRoot, FetchError> {
        let deployment = Arc::clone(&self.deployment);
        let install = move || {
            let snapshot = freeze(&tree, Some(&deployment.current()))?;
            for fault in snapshot.faults() {
                tracing::warn!("{fault}; the line is left out");
            }
            let root = snapshot.root();
            drop(deployment.install(snapshot));
            Ok(root)
        };
        spawn_blocking(install).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_and_jittered() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h", 3600)] {
            let poll: Poll = text.parse().unwrap();
            assert_eq!(poll.0, Duration::from_secs(seconds));
            let next = poll.next();
            assert!(next >= poll.0.mul_f64(0.79) && next <= poll.0.mul_f64(1.21), "{next:?}");
        }
        for text in ["", "5", "0s", "-1s", "5 m", "1d", "99999999999999999999h", "9999999h"] {
            assert!(text.parse::<Poll>().is_err(), "{text}");
        }
    }
}
