//! What is forgotten: releases beyond the limits, and what a fetch left that came to nothing.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::OwnedRwLockReadGuard;

use super::{Inner, Releases};
use crate::follow::state::StateError;
use crate::snapshot::Digest;

impl Releases {
    /// For as long as it is held nothing is swept: a fetch keeps blobs before any record names them.
    pub(in crate::follow) async fn fetching(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.fetching).read_owned().await
    }

    /// Forgets what no release has that is to be kept. Where somebody fetches it is left to their end.
    pub(in crate::follow) fn sweep(&self) {
        let Ok(_nobody_fetches) = self.fetching.try_write() else { return };
        if let Err(error) = self.sweep_locked(&mut self.lock()) {
            tracing::warn!("{error}; what is no longer needed stays there");
        }
    }

    fn sweep_locked(&self, inner: &mut Inner) -> Result<(), StateError> {
        let Inner { records, current, latest, begun, suspended, .. } = inner;
        // Another process is about to keep things there.
        if *suspended {
            return Ok(());
        }
        // The latest one may be served yet.
        let named: Vec<Digest> = current.named().chain(*latest).collect();
        // Pages that readers have open ask for those of earlier releases.
        let mut media = self.deployment.current().media();
        media.extend(begun.iter().flat_map(|(begun, _)| begun.media()));
        if let Some(state) = self.store.state() {
            return state.sweep(records, &named, current.current, &media);
        }
        // What is in quarantine costs nothing but its name.
        records.retain(|digest, record| named.contains(digest) || record.status.is_harmful());
        let kept = records.values().filter(|record| !record.status.is_harmful());
        let mut blobs = HashSet::new();
        for record in kept {
            blobs.extend(record.layers.iter().copied().chain([record.digest, record.manifest]));
            media.extend(&record.media);
        }
        self.store.retain(&blobs, &media);
        Ok(())
    }
}
