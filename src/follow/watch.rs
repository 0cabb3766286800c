//! The first minute of a release: whether readers get more faults than before it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::releases::{ChangeError, Releases};
use crate::serve::{Answered, Observer};
use crate::snapshot::Digest;

/// How long a release is watched.
const WATCHED: Duration = Duration::from_secs(60);
/// How often: a rollback follows a rise of faults within a second.
const STEP: Duration = Duration::from_millis(250);
/// Fewer faults than this may be an accident.
const LEAST: u64 = 5;
/// The share of answers, in percent, that may be faults beyond the share that were before.
const TOLERATED: u64 = 5;

/// Watches the release `digest`, which was just put in place, and confirms it, or goes back. Ends early when another release
/// has taken its place.
pub(super) async fn watch(releases: Arc<Releases>, observer: Observer, digest: Digest) {
    tracing::debug!("release {digest} is watched for a minute");
    let begin = observer.answered();
    let deadline = Instant::now() + WATCHED;
    while Instant::now() < deadline {
        sleep(STEP).await;
        if releases.is_suspended() || releases.view().serving.is_none_or(|serving| serving.digest != digest) {
            return;
        }
        if let Some(reason) = harm(begin, observer.answered()) {
            tracing::error!("release {digest} does harm: {reason}; going back");
            let bad = Arc::clone(&releases);
            let gone = spawn_blocking(move || bad.quarantine(digest, &reason)).await;
            match gone {
                Ok(Ok(())) => {}
                Ok(Err(error @ ChangeError::NotWritten(_))) => tracing::error!("what was there before: {error}"),
                Ok(Err(error)) => tracing::error!("there is no way back from release {digest}: {error}"),
                Err(error) => tracing::error!("galley itself broke on the way back: {error}"),
            }
            return;
        }
    }
    match spawn_blocking(move || releases.confirm(digest)).await {
        Ok(Ok(())) => tracing::debug!("release {digest} is confirmed"),
        Ok(Err(error)) => tracing::warn!("{error}; the release is not confirmed"),
        Err(error) => tracing::error!("galley itself broke on a confirmation: {error}"),
    }
}

/// Why what happened between two moments speaks against a release.
fn harm(begin: Answered, now: Answered) -> Option<String> {
    let (all, failed) = (now.all - begin.all, now.failed - begin.failed);
    // In percent, rounded up: what failed before it is not its fault.
    let before = (begin.failed * 100).div_ceil(begin.all.max(1));
    let too_many = failed >= LEAST && failed * 100 > all * (before + TOLERATED);
    too_many.then(|| format!("{failed} of {all} answers were faults of the server"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_of_faults_is_harm_and_what_was_before_is_not() {
        let answered = |all, failed| Answered { all, failed };
        let fresh = answered(1000, 0);
        assert_eq!(harm(fresh, answered(2000, 4)), None);
        assert_eq!(harm(fresh, answered(2000, 50)), None);
        assert!(harm(fresh, answered(2000, 51)).is_some());
        assert!(harm(answered(0, 0), answered(5, 5)).is_some());
        let troubled = answered(1000, 200);
        assert_eq!(harm(troubled, answered(2000, 420)), None);
        assert!(harm(troubled, answered(2000, 500)).is_some());
    }
}
