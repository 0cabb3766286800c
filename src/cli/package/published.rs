//! What was pushed from here, as far as the site's cache remembers. Whoever may push and has no key can put an older release back
//! whose signature is good, and be served, or built upon, by whoever goes by signatures alone.

use std::io;

use anyhow::bail;

use super::previous::Previous;
use crate::cache::{Cache, LASTING};
use crate::registry::Reference;
use crate::snapshot::Digest;

/// Held while what is remembered is written.
const LOCK: &str = "published-lock";

/// What is remembered of one destination.
pub(super) struct Published<'a> {
    reference: &'a Reference,
    cache: &'a Cache,
    /// The highest number that was pushed and signed from here; 0 if there was none.
    pub(super) highest: u64,
}

impl<'a> Published<'a> {
    /// Of what is pushed to `reference`, as it is now: before the destination is looked at, since another run may push meanwhile. `None` where nothing is pushed, or nothing can be remembered.
    pub(super) fn of(reference: Option<&'a Reference>, cache: Option<&'a Cache>) -> Option<Self> {
        let (reference, cache) = reference.zip(cache)?;
        Some(Self { reference, cache, highest: highest(cache, reference) })
    }

    /// The image before, unless it is vouched for and older than what was pushed from here. With `full` nothing is taken over from such
    /// a one.
    pub(super) fn check<'p>(&self, previous: Previous<'p>, full: bool) -> anyhow::Result<Previous<'p>> {
        let (found, highest) = (previous.sequence, self.highest);
        if previous.doubt.is_some() || found >= highest {
            return Ok(previous);
        }
        if full {
            return Ok(previous.put_back());
        }
        bail!(
            "{} holds release {found}, though release {highest} was pushed there from here: an older one was put back; if that was \
             not you, look who may push there; pack with --full, which takes nothing over from it and makes release {}",
            self.reference,
            highest.saturating_add(1)
        )
    }

    /// Keeps in mind that the release with this number is there.
    ///
    /// # Errors
    /// The disk's: an older release that is put back would not be noticed.
    pub(super) fn remember(&self, sequence: u64) -> io::Result<()> {
        // Another run may have pushed a later one meanwhile.
        let _lock = self.cache.lock(LOCK)?;
        let highest = highest(self.cache, self.reference).max(sequence);
        self.cache.keep_blob(LASTING, &key(self.reference), highest.to_string().as_bytes())
    }
}

fn highest(cache: &Cache, reference: &Reference) -> u64 {
    let kept = cache.blob(LASTING, &key(reference)).unwrap_or_default();
    std::str::from_utf8(&kept).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn key(reference: &Reference) -> [u8; 32] {
    Digest::of(format!("published {reference}").as_bytes()).bytes()
}
