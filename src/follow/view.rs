//! What an instance tells of its releases.

use serde::Serialize;

use super::releases::Releases;
use super::state::{Record, Status};
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
    /// What the reference pointed at when it was last looked at.
    pub latest: Option<Record>,
    /// How many releases are newer than the one that is served.
    pub behind: u64,
    /// Why the latest is not served.
    pub waiting: Option<String>,
    /// What is to be known of the program of the release that is served, if there is something.
    pub program: Option<String>,
    /// The state folder; `None` if nothing outlives the process.
    pub state: Option<String>,
}

impl Releases {
    /// What is served, and what else there is.
    pub fn view(&self) -> View {
        let inner = self.lock();
        let get = |digest: Option<Digest>| digest.and_then(|digest| inner.records.get(&digest)).cloned();
        let (serving, latest) = (get(inner.current.current), get(inner.latest));
        let behind = inner.current.current.filter(|_| inner.latest != inner.current.current).and_then(|_| {
            let newer = inner.records.values().filter(|record| {
                record.sequence > serving.as_ref().map_or(0, |serving| serving.sequence)
                    && !matches!(record.status, Status::Quarantined(_))
            });
            Some(newer.count() as u64)
        });
        View {
            content_root: self.deployment.current().root().to_string(),
            serving,
            previous: inner.current.previous,
            pinned: inner.current.pinned,
            latest,
            behind: behind.unwrap_or(0),
            waiting: inner.waiting.clone(),
            program: inner.program.clone(),
            state: self.store.state().map(|state| state.folder().display().to_string()),
        }
    }
}
