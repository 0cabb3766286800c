//! The one pointer that a swap changes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, Guard};

use crate::snapshot::{ContentRoot, Snapshot};

/// What is being served. Reading it is one atomic load; requests in flight keep the snapshot that they began with.
#[derive(Debug)]
pub struct Deployment {
    current: ArcSwap<Snapshot>,
    swaps: AtomicU64,
    /// Seconds since 1970.
    installed: AtomicU64,
    /// How often something was installed, for those who wait for it.
    changes: Mutex<u64>,
    changed: Condvar,
}

impl Deployment {
    /// A deployment that serves `snapshot`.
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            current: ArcSwap::from_pointee(snapshot),
            swaps: AtomicU64::new(0),
            installed: AtomicU64::new(now()),
            changes: Mutex::new(1),
            changed: Condvar::new(),
        }
    }

    /// Serves `snapshot` from now on, and still the fingerprinted assets of the releases before it; returns the one that it
    /// replaces. Dropping that takes time: whoever installs does it off the threads that answer.
    pub fn install(&self, mut snapshot: Snapshot) -> Arc<Snapshot> {
        // Under the lock, so that of two who install at once neither loses what the other one retains.
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = self.current.load_full();
        snapshot.retain_from(&previous);
        if snapshot.root() != previous.root() {
            self.swaps.fetch_add(1, Relaxed);
            self.installed.store(now(), Relaxed);
        }
        self.current.store(Arc::new(snapshot));
        *changes += 1;
        self.changed.notify_all();
        previous
    }

    /// Puts `snapshot` in the place of one of the same content root; another one that was installed meanwhile stays.
    pub(super) fn complete(&self, snapshot: Snapshot) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if self.current.load().root() == snapshot.root() {
            let old = self.current.swap(Arc::new(snapshot));
            drop(changes);
            drop(old);
        }
    }

    /// The snapshot of this moment, for one request.
    pub(super) fn read(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The snapshot of this moment, to be kept.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// How often other content was installed than was there.
    pub fn swaps(&self) -> u64 {
        self.swaps.load(Relaxed)
    }

    /// When the content of this moment was installed.
    pub fn installed(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.installed.load(Relaxed))
    }

    /// Whether the content of this moment is that of `root`.
    pub(super) fn is(&self, root: ContentRoot) -> bool {
        self.current.load().root() == root
    }

    /// Waits until more than `seen` things were installed, `stopped` says so, or the time is over; returns how many.
    pub(super) fn wait(&self, seen: u64, timeout: Option<Duration>, stopped: impl Fn() -> bool) -> u64 {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = |changes: &mut u64| *changes <= seen && !stopped();
        match timeout {
            Some(timeout) => {
                let waited = self.changed.wait_timeout_while(changes, timeout, nothing);
                *waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => *self.changed.wait_while(changes, nothing).unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Lets those who wait look again.
    pub(super) fn wake(&self) {
        let _changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        self.changed.notify_all();
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
