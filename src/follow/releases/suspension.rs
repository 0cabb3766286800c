//! Who may change what is served: this process, until another one takes over.

use std::sync::MutexGuard;

use super::{Inner, Releases};
use crate::follow::state::StateError;
use crate::snapshot::Digest;

impl Releases {
    /// The releases, if this process may change them.
    pub(in crate::follow) fn lock_to_change(&self) -> Result<MutexGuard<'_, Inner>, StateError> {
        let inner = self.lock();
        if inner.suspended { Err(StateError::Suspended) } else { Ok(inner) }
    }

    /// From now on another process writes, or will, if `release` is still what is served and nobody wants it to stay. What was
    /// changed meanwhile, by a person or for the harm that it did, is not undone by who takes over.
    pub(in crate::follow) fn suspend_at(&self, release: Digest) -> bool {
        let mut inner = self.lock();
        inner.suspended = inner.current.current == Some(release) && inner.current.pinned.is_none();
        self.hand_on(inner.suspended);
        inner.suspended
    }

    pub(in crate::follow) fn is_pinned(&self) -> bool {
        self.lock().current.pinned.is_some()
    }

    pub(in crate::follow) fn resume(&self) {
        self.lock().suspended = false;
        self.hand_on(false);
    }

    fn hand_on(&self, is_handed_on: bool) {
        if let Some(state) = self.store.state() {
            state.hand_on(is_handed_on);
        }
    }

    /// Whether another process is about to take over.
    pub(in crate::follow) fn is_suspended(&self) -> bool {
        self.lock().suspended
    }
}
