//! The previews that are in memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::follow::release::FetchError;
use crate::registry::Client;
use crate::snapshot::{Digest, Snapshot};

/// So many previews are in memory; the one that was not read for the longest time gives way, and is pulled again when somebody
/// wants it. On a small board each is as large as the blog.
pub(super) const MAX_HELD: usize = 4;

/// A preview, or why there is none.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) name: String,
    pub(super) content: Result<Arc<Snapshot>, String>,
    /// Where it came from, if it came.
    pub(super) found: Option<Found>,
    /// When the look that it came of began.
    pub(super) looked: Instant,
}

/// Where a preview came from.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) digest: Digest,
}

impl Held {
    pub(super) fn new(name: &str, client: Client, digest: Digest, snapshot: Arc<Snapshot>) -> Self {
        let found = Some(Found { client, digest });
        Self { name: name.to_owned(), content: Ok(snapshot), found, looked: Instant::now() }
    }

    /// Remembered as well: a page that is not there is asked for with all its pictures.
    pub(super) fn failed(name: &str, error: &FetchError) -> Self {
        let reason = format!("there is no preview {name}: {error}; /_galley/preview/leave leads back to the blog");
        Self { name: name.to_owned(), content: Err(reason), found: None, looked: Instant::now() }
    }
}

/// All that are held, the one that was read last at the end.
#[derive(Default)]
pub(super) struct Shelf(Vec<Held>);

impl Shelf {
    /// The preview called `name`, if it was looked at less than `age` ago; it is the one that was read last now.
    pub(super) fn take_up(&mut self, name: &str, age: Duration) -> Option<Held> {
        let at = self.0.iter().position(|held| held.name == name && held.looked.elapsed() < age)?;
        let held = self.0.remove(at);
        self.0.push(held.clone());
        Some(held)
    }

    /// Takes the place of the one with the same name, or of the one that was not read for the longest time.
    pub(super) fn put(&mut self, held: Held) {
        self.0.retain(|other| other.name != held.name);
        if self.0.len() >= MAX_HELD {
            self.0.remove(0);
        }
        self.0.push(held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(name: &str) -> Held {
        Held::failed(name, &FetchError::Lost(Digest::of(b"x")))
    }

    #[test]
    fn the_one_that_nobody_reads_gives_way() {
        let mut shelf = Shelf::default();
        for name in ["a", "b", "c", "d"] {
            shelf.put(held(name));
        }
        let known = |shelf: &mut Shelf, name: &str| shelf.take_up(name, Duration::MAX).is_some();
        assert!(known(&mut shelf, "a"));
        shelf.put(held("e"));
        shelf.put(held("e"));
        assert!(known(&mut shelf, "a") && known(&mut shelf, "c") && known(&mut shelf, "e") && !known(&mut shelf, "b"));
        assert_eq!(shelf.0.len(), MAX_HELD);
        assert!(shelf.take_up("a", Duration::ZERO).is_none());
    }
}
