//! What others have of a follower: the bell, and a person's ways to ask.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::follow::doorbell::Doorbell;
use crate::follow::release::Fetcher;
use crate::follow::releases::{Assessment, Outcome, Releases};
use crate::follow::state::{Cause, StateError};
use crate::follow::trouble::Trouble;
use crate::registry::Reference;

/// A person's request to look now.
pub(super) struct Request {
    pub(super) reply: oneshot::Sender<Result<Outcome, String>>,
}

/// What others have of a follower.
#[derive(Clone, Debug)]
pub struct FollowerHandle {
    /// What hooks ring.
    pub bell: Arc<Doorbell>,
    /// What it follows.
    pub reference: Reference,
    /// What is wrong with the registry, if something is.
    pub trouble: Arc<Trouble>,
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) fetcher: Fetcher,
    pub(super) releases: Arc<Releases>,
}

impl FollowerHandle {
    /// Fetches and checks what the reference points at now, and says what would become of it.
    pub async fn assess(&self) -> Result<Assessment, String> {
        let fetching = self.releases.fetching().await;
        let release = self.fetcher.fetch(Cause::Person, None).await.map_err(|error| error.to_string());
        let releases = Arc::clone(&self.releases);
        let assessed = spawn_blocking(move || {
            let assessed = release.and_then(|release| releases.assess(release).map_err(|error| error.to_string()));
            drop(fetching);
            releases.sweep();
            assessed
        });
        assessed.await.map_err(|error| error.to_string())?
    }

    /// Looks at the reference now, and serves what it points at, even if that was held or no window is open.
    pub async fn look(&self) -> Result<Outcome, String> {
        if self.releases.is_suspended() {
            return Err(StateError::Suspended.to_string());
        }
        let (reply, answer) = oneshot::channel();
        let gone = |_| "the instance is about to stop".to_owned();
        self.requests.send(Request { reply }).await.map_err(|_| gone(()))?;
        answer.await.unwrap_or_else(|_| Err(gone(())))
    }
}
