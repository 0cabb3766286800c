//! The one pointer that a swap changes.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::snapshot::Snapshot;

/// What is being served. Reading it is one atomic load; requests in flight keep the snapshot that they began with.
#[derive(Debug)]
pub struct Deployment(ArcSwap<Snapshot>);

impl Deployment {
    /// A deployment that serves `snapshot`.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// Serves `snapshot` from now on; returns the one that it replaces.
    pub fn install(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        self.0.swap(Arc::new(snapshot))
    }

    /// The snapshot of this moment, for one request.
    pub(super) fn read(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// The snapshot of this moment, to be kept.
    pub fn current(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }
}
