//! What an instance tells of its releases.

use serde::Serialize;
use serde_json::{Map, Value};

use super::releases::{ChangeError, Releases};
use super::state::Record;
use crate::snapshot::Digest;

/// What an instance serves. As JSON it is public: fields are added, never changed.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// The content that requests read.
    pub content_root: String,
    /// The release that it came with; `None` if it came from elsewhere.
    pub serving: Option<Record>,
    /// The release before.
    pub previous: Option<Digest>,
    /// The release that stays.
    pub pinned: Option<Digest>,
    /// The number of the release that the image was made with, if it was made with one.
    pub baked: Option<u64>,
    /// What the reference pointed at when it was last looked at.
    pub latest: Option<Record>,
    /// How many releases are newer than the one that is served.
    pub behind: u64,
    /// Why the latest is not served.
    pub waiting: Option<String>,
    /// What is to be known of the program of the release that is served, if there is something.
    pub program: Option<String>,
    /// How many bytes of media are held that memory has no room for, because they could not be put on a disk.
    pub crowded: u64,
    /// The state folder; `None` if nothing outlives the process.
    pub state: Option<String>,
}

impl Releases {
    /// What is served, and what else there is.
    pub fn view(&self) -> View {
        let inner = self.lock();
        let get = |digest: Option<Digest>| digest.and_then(|digest| inner.records.get(&digest)).cloned();
        let (serving, latest) = (get(inner.current.current), get(inner.latest));
        let sequence = serving.as_ref().map_or(0, |serving| serving.sequence);
        let is_newer = |record: &&Record| record.sequence > sequence && !record.status.is_harmful();
        let is_behind = serving.is_some() && inner.latest != inner.current.current;
        let behind = if is_behind { inner.records.values().filter(is_newer).count() as u64 } else { 0 };
        View {
            content_root: self.deployment.current().root().to_string(),
            serving,
            previous: inner.current.previous,
            pinned: inner.current.pinned,
            baked: self.baked(),
            latest,
            behind,
            waiting: inner.waiting.clone(),
            program: inner.program.clone(),
            crowded: self.deployment.current().crowded(),
            state: self.store.state().map(|state| state.folder().display().to_string()),
        }
    }
    /// All releases that are kept, the one with the highest number first.
    pub fn list(&self) -> Vec<Record> {
        let mut records: Vec<_> = self.lock().records.values().cloned().collect();
        records.sort_by_key(|record| std::cmp::Reverse((record.sequence, record.fetched)));
        records
    }

    /// The last `count` steps, the latest first; hooks are told of by themselves.
    pub fn steps(&self, count: usize) -> Vec<Map<String, Value>> {
        self.store.state().map(|state| state.journal().last(count, |step| step != "hook")).unwrap_or_default()
    }

    /// The release whose digest begins with `text`, with or without the algorithm's name.
    pub fn find(&self, text: &str) -> Result<Digest, ChangeError> {
        let wanted = text.strip_prefix("sha256:").unwrap_or(text);
        let inner = self.lock();
        let mut found = inner.records.keys().filter(|digest| wanted.len() >= 4 && digest.hex().starts_with(wanted));
        match (found.next(), found.next()) {
            (Some(digest), None) => Ok(*digest),
            (None, _) => Err(ChangeError::Unknown(text.chars().take(80).collect())),
            (Some(_), Some(_)) => Err(ChangeError::Ambiguous(text.to_owned())),
        }
    }
}
