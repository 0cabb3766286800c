//! What the time brings: workers that are too slow, and those that have lasted.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::children::{Child, Stage};
use super::supervisor::Supervisor;

/// A new program is ready within this, or it is killed: the old one serves meanwhile, so there is no haste.
pub(super) const READY: Duration = Duration::from_secs(30);
/// A program that has served so long does.
pub(super) const CONFIRMED: Duration = Duration::from_secs(60);
/// What a worker may need beyond what it gives its clients when another one has taken over: notices that are tried again.
const NOTICES: Duration = Duration::from_secs(29);
/// What a worker has to do when its last client is cut.
const LAST_STEPS: Duration = Duration::from_millis(800);

/// How long workers wait for their clients, by what they are told themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A connection may be idle so long.
    pub idle: Duration,
    /// Answers may take so long to their end after a stop is asked for.
    pub stop: Duration,
}

impl Patience {
    /// Within this a worker has ended after another one has taken over, or it is asked to stop. It waits for who is idle or
    /// downloads, and then it cuts as at a stop.
    fn with_a_drain(self) -> Duration {
        self.idle + self.stop * 2 + NOTICES
    }

    /// Within this a worker has ended that was asked to stop; then it is killed.
    pub(super) fn with_a_stop(self) -> Duration {
        self.stop + LAST_STEPS
    }
}

impl Supervisor<'_> {
    /// When there is something to do next without anything happening.
    pub(super) fn deadline(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        let of = |child: &Child| match child.stage {
            Stage::Starting | Stage::Going if self.is_tried(child) => Some(child.since + READY),
            Stage::Serving => Some(child.since + CONFIRMED).filter(|at| *at > Instant::now()),
            Stage::Draining => Some(child.since + self.patience_with(child)),
            Stage::Starting | Stage::Going => None,
        };
        self.children.iter().filter_map(of).chain(self.stopping).min().unwrap_or(far)
    }

    /// Whether a worker does not serve yet, while there is another program to serve with.
    fn is_tried(&self, child: &Child) -> bool {
        let pid = Some(child.pid);
        matches!(child.stage, Stage::Starting | Stage::Going)
            && (self.next == pid || self.current == pid && self.before.is_some())
    }

    /// How long a worker may go on with what it does since another one took over, or since it was asked to stop.
    fn patience_with(&self, child: &Child) -> Duration {
        if child.is_late { self.patience.with_a_stop() } else { self.patience.with_a_drain() }
    }

    pub(super) fn look_at_the_time(&mut self) {
        let now = Instant::now();
        if self.stopping.is_some_and(|until| now >= until) {
            self.children.iter().for_each(|child| child.signal(Signal::KILL));
            self.stopping = Some(now + Duration::from_secs(1));
            return;
        }
        let late = self.children.iter().find(|child| self.is_tried(child) && now >= child.since + READY);
        let late = late.map(|child| child.pid);
        if let Some(child) = self.child(late) {
            // Its end is noticed like any other's.
            child.signal(Signal::KILL);
            (child.is_late, child.since) = (true, now);
        }
        let is_late = |child: &&Child| child.stage == Stage::Draining && now >= child.since + self.patience_with(child);
        let late: Vec<_> = self.children.iter().filter(is_late).map(|child| child.pid).collect();
        for pid in late {
            let Some(child) = self.child(Some(pid)) else { continue };
            // It says itself what it cuts, if it can.
            child.signal(if child.is_late { Signal::KILL } else { Signal::TERM });
            (child.is_late, child.since) = (true, now);
        }
        let current = self.current;
        let confirmed = |child: &Child| child.stage == Stage::Serving && now >= child.since + CONFIRMED;
        if let Some(child) = self.child(current).filter(|child| confirmed(child)) {
            let program = Arc::clone(&child.program);
            self.early = 0;
            if let Some(before) = self.before.take() {
                tracing::info!("{} is confirmed: there is no way back to {}", program.name(), before.name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_given_what_they_were_told_to_give_their_clients() {
        let told = |idle, stop| Patience { idle: Duration::from_secs(idle), stop: Duration::from_secs(stop) };
        // Docker kills after ten seconds.
        assert_eq!(told(75, 8).with_a_stop(), Duration::from_millis(8800));
        assert_eq!(told(75, 8).with_a_drain(), Duration::from_secs(120));
        assert!(told(75, 25).with_a_stop() > Duration::from_secs(25));
        assert!(told(600, 60).with_a_drain() > Duration::from_secs(720));
    }
}
