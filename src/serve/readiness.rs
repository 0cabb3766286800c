//! Whether an instance can answer.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::deployment::Deployment;

/// What the control listener knows of an instance: its deployment, once there is one, and whether it is about to stop.
#[derive(Debug, Default)]
pub struct Readiness {
    deployment: OnceLock<Arc<Deployment>>,
    stopping: AtomicBool,
}

impl Readiness {
    /// Content is there: from now on requests are answered. There is one deployment in an instance's life; a second one
    /// changes nothing.
    pub fn installed(&self, deployment: &Arc<Deployment>) {
        self.deployment.get_or_init(|| Arc::clone(deployment));
    }

    /// No further connections are taken.
    pub fn stopping(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Why requests can't be answered; `None` if they can.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        if self.stopping.load(Relaxed) {
            return Some("stopping");
        }
        if self.deployment.get().is_none() { Some("nothing is installed yet") } else { None }
    }

    pub(super) fn deployment(&self) -> Option<&Deployment> {
        self.deployment.get().map(Arc::as_ref)
    }
}
