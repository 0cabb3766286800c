//! What a client says of its work while it goes on.

use std::fmt;
use std::time::Duration;

use crate::snapshot::Digest;

/// From here on a pause is worth a line of the log.
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// Hears how far pushes and pulls have come. Calls come from several tasks, and come often.
pub trait Progress: fmt::Debug + Send + Sync {
    /// A blob of `size` bytes has to be moved.
    fn planned(&self, blob: Digest, size: u64);

    /// `done` bytes of a blob have been moved; less than before if it had to start anew.
    fn moved(&self, blob: Digest, done: u64);

    /// Something failed for `reason` and is tried again after `pause`.
    fn again(&self, reason: &str, pause: Duration);
}

/// For whoever shows nothing: attempts go to the log.
#[derive(Debug)]
pub(super) struct Unseen;

impl Progress for Unseen {
    fn planned(&self, _: Digest, _: u64) {}

    fn moved(&self, _: Digest, _: u64) {}

    fn again(&self, reason: &str, pause: Duration) {
        if pause < LONG_PAUSE {
            tracing::debug!("{reason}; trying again");
        } else {
            tracing::info!("{reason}; trying again in {} s", pause.as_secs());
        }
    }
}
