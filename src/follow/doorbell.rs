//! Hints, coalesced.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::snapshot::Digest;

/// Rung by hooks, heard by the follower. However often it rings while the follower looks, it looks once more.
#[derive(Debug, Default)]
pub struct Doorbell {
    ring: Notify,
    announced: Mutex<Option<Digest>>,
}

impl Doorbell {
    /// Asks for a look. `announced` is the digest that a sender says the tag points at now: advice on whether a look came
    /// too early, and never what is pulled.
    pub fn ring(&self, announced: Option<Digest>) {
        if announced.is_some() {
            *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = announced;
        }
        self.ring.notify_one();
    }

    /// Waits for the next ring, or returns at once if it rang since the last call.
    pub async fn rung(&self) {
        self.ring.notified().await;
    }

    /// The digest announced last; it is given once.
    pub(super) fn take_announced(&self) -> Option<Digest> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
