//! The last deliveries, and what became of them: they answer "why did nothing happen?".

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::hook::{Content, Image, Meaning, Reading, Sender};
use crate::snapshot::Digest;

/// Deliveries that are remembered.
pub(super) const REMEMBERED: usize = 100;
/// Refused ones, which must not push out the others.
const REFUSED: usize = 20;
/// Tags of one delivery that are remembered.
const TAGS: usize = 5;
/// The longest message of a failure.
const LONGEST_MESSAGE: usize = 500;

/// Names a delivery, also after a restart: the second in which the instance started, and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId {
    started: u64,
    number: u64,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.started, self.number)
    }
}

impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One delivery. As JSON it is public: fields are added, never changed. No secret is in it.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// What its sender was told to ask for.
    pub job: JobId,
    /// When it came, in UTC.
    #[serde(serialize_with = "in_utc")]
    pub time: SystemTime,
    /// Who sent it.
    pub sender: Sender,
    /// What its sender calls it.
    pub id: Option<String>,
    /// What it speaks of, as its sender says; at most five.
    pub said: Vec<Said>,
    /// What it was answered.
    pub status: u16,
    /// What it means, in words.
    pub meaning: &'static str,
    /// What the look that it led to came to; `None` if it led to none, or to one that has not ended.
    pub outcome: Option<Looked>,
    /// How often it came again.
    pub repeats: u32,
    /// What a delivery that is repeated has in common with it.
    #[serde(skip)]
    key: Option<Digest>,
}

/// One tag, or one branch, as a sender names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The repository, with its registry if that is named.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest, or the commit.
    pub digest: Option<String>,
}

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Looked {
    /// The reference points at what is there already.
    NothingNew,
    /// A release was installed.
    Release {
        /// Its index.
        digest: Digest,
    },
    /// A release is here, and not served.
    Kept {
        /// Its index.
        digest: Digest,
        /// Why it is not.
        reason: String,
    },
    /// It failed; what was served is served on.
    Failed {
        /// Why.
        message: String,
    },
}

/// Gets each delivery when it has come, and once more when its outcome is known. It must not wait for anything.
pub type Sink = Box<dyn Fn(&Delivery) + Send + Sync>;

/// The last deliveries. A clone is the same ones.
#[derive(Clone)]
pub struct Deliveries(Arc<Shared>);

struct Shared {
    started: u64,
    next: AtomicU64,
    last: Mutex<Last>,
    sink: OnceLock<Sink>,
}

#[derive(Default)]
struct Last {
    heard: VecDeque<Delivery>,
    refused: VecDeque<Delivery>,
}

/// What a delivery that was let in is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A new one.
    New(JobId),
    /// The same once more, whose first is being worked on or done.
    Repeated(JobId),
}

impl Default for Deliveries {
    fn default() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self(Arc::new(Shared { started, next: AtomicU64::new(1), last: Mutex::default(), sink: OnceLock::new() }))
    }
}

impl Deliveries {
    /// The last ones, the newest first.
    pub fn recent(&self) -> Vec<Delivery> {
        let last = self.lock();
        let mut all: Vec<Delivery> = last.heard.iter().chain(&last.refused).cloned().collect();
        drop(last);
        all.sort_by_key(|delivery| std::cmp::Reverse(delivery.job.number));
        all
    }

    /// Tells `sink` of all that come from now on. The first sink stays.
    pub fn tell(&self, sink: Sink) {
        if self.0.sink.set(sink).is_err() {
            tracing::debug!("deliveries have a journal already");
        }
    }

    /// One that showed a secret. `key` is what the same delivery has in common with it if it comes again: one whose look
    /// failed is then tried again.
    pub(super) fn heard(&self, reading: &Reading, meaning: Meaning, key: Option<Digest>) -> Entry {
        let (sender, id, said) = (reading.sender, reading.id.clone(), said(&reading.content));
        let (status, words) = match meaning {
            Meaning::Look(_) => (202, "look at the reference"),
            Meaning::Irrelevant(why) => (202, why),
        };
        let delivery = Delivery { sender, id, said, key, ..self.delivery(status, words) };
        let mut last = self.lock();
        let is_same = |known: &&mut Delivery| {
            key.is_some() && known.key == key && !matches!(known.outcome, Some(Looked::Failed { .. }))
        };
        if let Some(known) = last.heard.iter_mut().rev().find(is_same) {
            known.repeats = known.repeats.saturating_add(1);
            return Entry::Repeated(known.job);
        }
        push(&mut last.heard, delivery.clone(), REMEMBERED);
        drop(last);
        self.pass_on(&delivery);
        Entry::New(delivery.job)
    }

    /// One that showed none; nothing of it is read.
    pub(super) fn refused(&self, status: u16) -> JobId {
        let delivery = self.delivery(status, "it shows no secret that is known here");
        push(&mut self.lock().refused, delivery.clone(), REFUSED);
        self.pass_on(&delivery);
        delivery.job
    }

    /// What the look came to that `jobs` led to.
    pub(super) fn settle(&self, jobs: &VecDeque<JobId>, outcome: &Looked) {
        let mut last = self.lock();
        let mut settled = Vec::new();
        for delivery in last.heard.iter_mut().filter(|delivery| jobs.contains(&delivery.job)) {
            delivery.outcome = Some(outcome.clone());
            settled.push(delivery.clone());
        }
        drop(last);
        settled.iter().for_each(|delivery| self.pass_on(delivery));
    }

    fn delivery(&self, status: u16, meaning: &'static str) -> Delivery {
        let job = JobId { started: self.0.started, number: self.0.next.fetch_add(1, Relaxed) };
        Delivery {
            job,
            time: SystemTime::now(),
            sender: Sender::Unknown,
            id: None,
            said: Vec::new(),
            status,
            meaning,
            outcome: None,
            repeats: 0,
            key: None,
        }
    }

    fn pass_on(&self, delivery: &Delivery) {
        if let Some(sink) = self.0.sink.get() {
            sink(delivery);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deliveries").field(&self.lock().heard.len()).finish()
    }
}

impl Looked {
    /// A failure, with its message cut to what is ever read.
    pub(super) fn failed(error: &impl fmt::Display) -> Self {
        Self::Failed { message: error.to_string().chars().take(LONGEST_MESSAGE).collect() }
    }
}

fn push(deliveries: &mut VecDeque<Delivery>, delivery: Delivery, limit: usize) {
    if deliveries.len() == limit {
        deliveries.pop_front();
    }
    deliveries.push_back(delivery);
}

fn said(content: &Content) -> Vec<Said> {
    let of_image = |image: &Image| Said {
        repository: image.host.iter().map(|host| format!("{host}/")).chain([image.repository.clone()]).collect(),
        tag: image.tag.clone(),
        digest: image.digest.map(|digest| digest.to_string()),
    };
    match content {
        Content::Images(images) => images.iter().rev().take(TAGS).map(of_image).collect(),
        Content::Push(push) => vec![Said {
            repository: push.repository.clone(),
            tag: Some(push.reference.clone()),
            digest: push.commit.clone(),
        }],
        Content::Nothing(_) | Content::Unknown => Vec::new(),
    }
}

fn in_utc<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let time = Timestamp::try_from(*time).unwrap_or(Timestamp::UNIX_EPOCH);
    serializer.collect_str(&format_args!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        super::super::hook::read(&http::HeaderMap::new(), br#"{"image":"registry.example/a/b:c"}"#)
    }

    #[test]
    fn the_last_hundred_are_remembered_whatever_is_refused() {
        let deliveries = Deliveries::default();
        for _ in 0..250 {
            deliveries.heard(&reading(), Meaning::Look(None), None);
            deliveries.refused(401);
        }
        let recent = deliveries.recent();
        assert_eq!(recent.iter().filter(|delivery| delivery.status == 202).count(), REMEMBERED);
        assert_eq!(recent.iter().filter(|delivery| delivery.status == 401).count(), REFUSED);
        assert_eq!(recent[0].job.number, 500);
    }

    #[test]
    fn what_became_of_each_is_told() {
        let deliveries = Deliveries::default();
        let told = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&told);
        deliveries.tell(Box::new(move |delivery| lines.lock().unwrap().push(serde_json::to_value(delivery).unwrap())));
        let Entry::New(job) = deliveries.heard(&reading(), Meaning::Look(None), None) else { panic!() };
        deliveries.heard(&reading(), Meaning::Irrelevant("a push of another tag"), None);
        let digest = Digest::of(b"index");
        deliveries.settle(&VecDeque::from([job]), &Looked::Release { digest });
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 3);
        assert_eq!(told[0]["said"][0]["repository"], "registry.example/a/b");
        assert_eq!((&told[0]["sender"], &told[0]["outcome"]), (&"generic".into(), &serde_json::Value::Null));
        assert_eq!(told[1]["meaning"], "a push of another tag");
        assert_eq!(told[2]["job"], told[0]["job"]);
        assert_eq!(told[2]["outcome"]["outcome"], "release");
        assert_eq!(told[2]["outcome"]["digest"], digest.to_string());
    }

    #[test]
    fn the_same_once_more_is_no_other_unless_the_first_failed() {
        let deliveries = Deliveries::default();
        let key = Some(Digest::of(b"delivery"));
        let hear = || deliveries.heard(&reading(), Meaning::Look(None), key);
        let Entry::New(job) = hear() else { panic!() };
        assert_eq!(hear(), Entry::Repeated(job));
        deliveries.settle(&VecDeque::from([job]), &Looked::NothingNew);
        assert_eq!(hear(), Entry::Repeated(job));
        assert_eq!(deliveries.recent()[0].repeats, 2);
        deliveries.settle(&VecDeque::from([job]), &Looked::failed(&"the registry is away"));
        assert!(matches!(hear(), Entry::New(second) if second != job));
        assert!(matches!(deliveries.heard(&reading(), Meaning::Look(None), None), Entry::New(_)));
    }
}
