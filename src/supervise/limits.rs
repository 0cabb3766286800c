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
/// Longer than a worker waits for its last clients.
const DRAINED: Duration = Duration::from_secs(120);

impl Supervisor<'_> {
    /// When there is something to do next without anything happening.
    pub(super) fn deadline(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        let of = |child: &Child| match child.stage {
            Stage::Starting | Stage::Going if self.is_tried(child) => Some(child.since + READY),
            Stage::Serving => Some(child.since + CONFIRMED).filter(|at| *at > Instant::now()),
            Stage::Draining => Some(child.since + DRAINED),
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
        for child in self.children.iter_mut().filter(|child| child.stage == Stage::Draining) {
            if now >= child.since + DRAINED {
                child.signal(Signal::KILL);
                child.since = now;
            }
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
