//! The loop: wait for a hint or for the next poll, look, and install what is new.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until};

use super::counts::Counts;
use super::deliveries::Looked;
use super::doorbell::{Doorbell, Rung};
use super::handover::{self, Successor};
use super::pace::Pace;
use super::poll::Poll;
use super::release::{FetchError, Fetcher};
use super::releases::{Outcome, Releases};
use super::state::{Cause, Status};
use super::trouble::Trouble;
use super::watch::watch;
use crate::registry::TagState;
use crate::serve::Observer;
use crate::snapshot::Digest;

/// After a look that found nothing new, hooks wait this long: a flood of them costs one look a second.
const QUIET: Duration = Duration::from_secs(1);
/// distribution announces an index a moment before its tag points there: a look that came too early is followed by these.
/// With the first one they are three in a second, however many hooks arrive.
const EARLY: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];
/// A release whose bytes are not what they should be is pulled so often: what a proxy mangled may come whole the next time.
const PULLS_OF_THE_BAD: u32 = 3;
/// The first pause after a failure; each further one is twice as long, up to the poll's interval.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

pub use self::handle::FollowerHandle;
use self::handle::Request;

/// Keeps an instance at what a reference points at.
pub struct Follower {
    fetcher: Fetcher,
    releases: Arc<Releases>,
    observer: Observer,
    bell: Arc<Doorbell>,
    requests: mpsc::Receiver<Request>,
    poll: Poll,
    /// What the reference pointed at when it was last looked at, whatever became of that.
    seen: Option<Digest>,
    /// The first minute of the release that was installed last, and which that was.
    watch: Option<(Installed, AbortHandle)>,
    trouble: Arc<Trouble>,
    counts: Counts,
    pace: Pace,
    /// When a look brought something.
    news: Option<Instant>,
    /// Until when the registry wants to be left alone: hints wait, and people don't.
    rest: Option<Instant>,
    /// The bad release that the reference points at, and how often it was pulled.
    bad: Option<(Digest, u32)>,
    successor: Option<Successor>,
}

/// A release, and when it was put in place: the same one may be again, after another one.
type Installed = (Digest, Option<Timestamp>);

/// What a look came to.
#[derive(Debug)]
enum Seen {
    Nothing,
    New(Outcome),
}

impl Follower {
    /// A follower of the fetcher's reference, which offers to `releases` what it finds there.
    pub fn new(
        fetcher: Fetcher,
        releases: Arc<Releases>,
        observer: Observer,
        poll: Poll,
        counts: Counts,
    ) -> (Self, FollowerHandle) {
        let (sender, requests) = mpsc::channel(1);
        let handle = FollowerHandle {
            bell: Arc::default(),
            reference: fetcher.client.reference().clone(),
            trouble: Arc::default(),
            requests: sender,
            fetcher: fetcher.clone(),
            releases: Arc::clone(&releases),
        };
        let (bell, trouble) = (Arc::clone(&handle.bell), Arc::clone(&handle.trouble));
        let seen = releases.latest();
        let follower = Self {
            fetcher,
            releases,
            observer,
            bell,
            requests,
            poll,
            seen,
            watch: None,
            trouble,
            counts,
            pace: Pace::default(),
            news: None,
            rest: None,
            bad: None,
            successor: None,
        };
        (follower, handle)
    }

    /// The same, with somebody who looks after the program.
    #[must_use]
    pub fn with_successor(self, successor: Successor) -> Self {
        Self { successor: Some(successor), ..self }
    }

    /// Follows until it is dropped. Begins with a look, if what is served came from elsewhere or may be old: if it is not
    /// `fresh`.
    pub async fn run(mut self, fresh: bool) {
        let mut next = Instant::now();
        if fresh {
            next += self.poll.next();
        }
        let mut cause = Cause::Start;
        self.releases.prepare().await;
        self.look_at_program();
        loop {
            self.watch_what_is_new();
            let opening = self.opening();
            let mut request = None;
            tokio::select! {
                () = self.bell.rung(), if self.rest.is_none_or(|rest| rest <= Instant::now()) => cause = Cause::Hook,
                Some(asked) = self.requests.recv() => {
                    // Whoever asked has given it up: it is not done behind their back.
                    if asked.reply.is_closed() {
                        continue;
                    }
                    cause = Cause::Person;
                    request = Some(asked);
                }
                // It has a first minute, too.
                () = self.releases.went_back() => continue,
                () = sleep_until(opening.unwrap_or_else(far)), if opening.is_some() => {
                    self.advance().await;
                    self.look_at_program();
                    continue;
                }
                looked = looked(&mut self.successor) => {
                    self.hand_over(looked).await;
                    continue;
                }
                () = sleep_until(next) => {}
            }
            let started = Instant::now();
            let mut rung = self.bell.take();
            let looked = self.look_until_announced(cause, &mut rung).await;
            self.bell.settle(&rung.jobs, &self.looked(&looked));
            let failures = self.note_trouble(looked.as_ref().err());
            let quiet = !matches!(looked, Ok(Seen::New(_)));
            let pause = self.pause(looked.as_ref().err(), failures);
            self.rest = looked.as_ref().err().and_then(rest).map(|rest| started + rest);
            self.answer(request, looked).await;
            self.look_at_program();
            if quiet {
                sleep(QUIET).await;
            }
            next = started + pause;
            cause = Cause::Poll;
        }
    }

    /// How many looks have failed in a row; whoever is to be told of that is.
    fn note_trouble(&self, error: Option<&FetchError>) -> u32 {
        let before = self.trouble.view();
        let failures = self.trouble.note(error);
        let reference = self.fetcher.client.reference();
        self.releases.tell_trouble(reference, before.as_ref(), self.trouble.view().as_ref());
        failures
    }

    /// How long until the next look that nothing asks for.
    fn pause(&self, error: Option<&FetchError>, failures: u32) -> Duration {
        let Some(error) = error else { return self.poll.next() };
        tracing::warn!("{error}; still serving what was there");
        let pause = (FIRST_PAUSE * 2u32.pow(failures.clamp(1, 16) - 1)).min(self.poll.next());
        // The registry says itself when it wants to be asked again.
        pause.max(rest(error).unwrap_or_default())
    }

    async fn answer(&mut self, request: Option<Request>, looked: Result<Seen, FetchError>) {
        let Some(Request { reply }) = request else { return };
        let outcome = match looked {
            Ok(Seen::New(outcome)) => Ok(outcome),
            // What is held, or waits for a window, is what a person means who says: serve it.
            Ok(Seen::Nothing) => self.serve_latest().await,
            Err(error) => Err(error),
        };
        // Whoever asked may have gone.
        let _ = reply.send(outcome.map_err(|error| error.to_string()));
    }

    async fn serve_latest(&mut self) -> Result<Outcome, FetchError> {
        let releases = Arc::clone(&self.releases);
        match spawn_blocking(move || releases.advance(Cause::Person)).await? {
            // What was kept is damaged, and the registry has it.
            Err(FetchError::Lost(_)) => {
                self.seen = None;
                match self.look(Cause::Person).await? {
                    Seen::New(outcome) => Ok(outcome),
                    Seen::Nothing => Ok(Outcome::Same),
                }
            }
            outcome => outcome,
        }
    }

    /// When a window opens that something waits for.
    fn opening(&self) -> Option<Instant> {
        Some(Instant::now() + self.releases.opening()?)
    }

    async fn advance(&mut self) {
        let releases = Arc::clone(&self.releases);
        let advanced = spawn_blocking(move || releases.advance(Cause::Poll)).await;
        match advanced {
            Ok(Ok(_)) => {}
            Ok(Err(error @ FetchError::Lost(_))) => {
                tracing::warn!("{error}; pulling it again");
                self.seen = None;
                self.bell.ring(None, None);
            }
            Ok(Err(error)) => tracing::warn!("{error}; still serving what was there"),
            Err(error) => tracing::error!("galley itself broke on a release; please report it: {error}"),
        }
    }

    /// Looks, and looks again where hooks announced nothing that the tag points at yet.
    async fn look_until_announced(&mut self, cause: Cause, rung: &mut Rung) -> Result<Seen, FetchError> {
        // What follows a swap on its heels may be of before it as well: one look a second later tells, too.
        let is_fresh = self.news.is_some_and(|news| news.elapsed() < QUIET);
        let mut seen = self.look(cause).await?;
        for pause in EARLY.iter().filter(|_| !is_fresh) {
            if matches!(seen, Seen::New(_)) || self.has_any_of(&rung.announced) {
                break;
            }
            sleep(*pause).await;
            seen = self.look(cause).await?;
        }
        if !self.has_any_of(&rung.announced) {
            tracing::debug!("the reference does not point at what a hook announced; looking once more");
            match seen {
                Seen::New(_) => self.bell.ring(None, None),
                Seen::Nothing => self.bell.ring_again(std::mem::take(&mut rung.jobs)),
            }
        }
        Ok(seen)
    }

    /// Whether one of the announced digests is there. Hooks come in any order: the others were overtaken.
    fn has_any_of(&self, announced: &VecDeque<Digest>) -> bool {
        announced.is_empty() || self.seen.is_some_and(|seen| announced.contains(&seen))
    }

    /// What those who rang are told.
    fn looked(&self, seen: &Result<Seen, FetchError>) -> Looked {
        match (seen, self.seen) {
            (Ok(Seen::New(Outcome::Installed | Outcome::Same)), Some(digest)) => Looked::Release { digest },
            (Ok(Seen::New(Outcome::Waiting(reason) | Outcome::Refused(reason))), Some(digest)) => {
                Looked::Kept { digest, reason: reason.clone() }
            }
            (Ok(_), _) => Looked::NothingNew,
            (Err(error), _) => Looked::failed(error),
        }
    }

    /// Looks at the reference, and counts what comes of it.
    async fn look(&mut self, cause: Cause) -> Result<Seen, FetchError> {
        self.pace.wait().await;
        let fetching = self.releases.fetching().await;
        let seen = self.look_once(cause).await;
        drop(fetching);
        match &seen {
            Ok(Seen::New(_)) => {
                self.news = Some(Instant::now());
                self.counts.looks_new.inc()
            }
            Ok(Seen::Nothing) => self.counts.looks_unchanged.inc(),
            Err(error) => {
                self.leave_alone(error);
                self.releases.note("failed", &json!({"cause": cause, "error": error.to_string()}));
                self.counts.looks_failed.inc()
            }
        };
        if !matches!(seen, Ok(Seen::Nothing)) {
            let releases = Arc::clone(&self.releases);
            if let Err(error) = spawn_blocking(move || releases.sweep()).await {
                tracing::error!("galley itself broke on what is no longer needed; please report it: {error}");
            }
        }
        seen
    }

    /// What is bad is not pulled again at each poll: until the reference points at something else, or a person says so.
    fn leave_alone(&mut self, error: &FetchError) {
        let FetchError::Bad { digest, source } = error else { return };
        let pulled = match self.bad {
            Some((known, pulled)) if known == *digest => pulled + 1,
            _ => 1,
        };
        self.bad = Some((*digest, pulled));
        // What is in the content comes out of bytes whose digest is right.
        if pulled >= PULLS_OF_THE_BAD || matches!(**source, FetchError::Content(_)) {
            tracing::error!("{digest} is not pulled again; to try nevertheless: galley deploy");
            self.seen = Some(*digest);
            self.releases.refuse(*digest, &source.to_string());
        }
    }

    /// What is new is fetched, verified and offered.
    async fn look_once(&mut self, cause: Cause) -> Result<Seen, FetchError> {
        let started = Instant::now();
        if let Some(seen) = self.seen
            && self.fetcher.client.tag_state(seen).await? == TagState::Unchanged
        {
            return Ok(Seen::Nothing);
        }
        let release = self.fetcher.fetch(cause, self.releases.served()).await?;
        let (sequence, digest) = (release.record.sequence, release.record.digest);
        self.releases.note("fetch", &json!({"cause": cause, "digest": digest, "sequence": sequence}));
        let releases = Arc::clone(&self.releases);
        let outcome = match spawn_blocking(move || releases.offer(release, cause)).await? {
            // What it was built upon is no longer what is served, or other rules make all of it anew.
            Err(FetchError::Freeze(_)) => {
                let whole = self.fetcher.fetch(cause, None).await?;
                let releases = Arc::clone(&self.releases);
                spawn_blocking(move || releases.offer(whole, cause)).await??
            }
            outcome => outcome?,
        };
        let took = started.elapsed().as_millis();
        match &outcome {
            Outcome::Installed => {
                tracing::info!("release {sequence} ({digest}) is live, {took} ms after the look began");
            }
            Outcome::Same => tracing::info!("release {sequence} ({digest}) has the content that is being served"),
            Outcome::Waiting(reason) => {
                tracing::warn!("release {sequence} ({digest}) is kept and not served: {reason}");
            }
            Outcome::Refused(reason) => tracing::warn!("release {sequence} ({digest}) is refused: {reason}"),
        }
        self.seen = Some(digest);
        Ok(Seen::New(outcome))
    }

    /// Begins to look at the program of what is served; the loop goes on meanwhile.
    fn look_at_program(&mut self) {
        if let Some(successor) = &mut self.successor {
            successor.begin(&self.fetcher, &self.releases);
        }
    }

    async fn hand_over(&mut self, looked: handover::Looked) {
        let Some(successor) = &mut self.successor else { return };
        if successor.settle(looked, &self.fetcher, &self.releases).await {
            // A watch ends when another process is about to take over.
            self.watch = None;
            self.watch_what_is_new();
        }
    }

    /// Begins the first minute of a release, whoever put it in place; also of one whose first minute was cut short by the end of
    /// another process.
    fn watch_what_is_new(&mut self) {
        let serving = self.releases.view().serving.filter(|serving| serving.status == Status::Installed);
        let Some(serving) = serving else { return };
        let installed = (serving.digest, serving.installed);
        if self.watch.as_ref().is_some_and(|(watched, _)| *watched == installed) {
            return;
        }
        if let Some((_, before)) = self.watch.take() {
            before.abort();
        }
        let watching = watch(Arc::clone(&self.releases), self.observer.clone(), serving.digest);
        self.watch = Some((installed, tokio::spawn(watching).abort_handle()));
    }
}

/// How long the registry wants to be left alone.
fn rest(error: &FetchError) -> Option<Duration> {
    match error {
        FetchError::Registry(error) => error.retry_after(),
        _ => None,
    }
}

/// What came of the look at a program; never done if nobody looks after programs.
async fn looked(successor: &mut Option<Successor>) -> handover::Looked {
    match successor {
        Some(successor) => successor.looked().await,
        None => std::future::pending().await,
    }
}

/// Later than anything that is waited for.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(365 * 86_400)
}

mod handle;
#[cfg(test)]
mod tests;
