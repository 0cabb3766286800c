//! What was pushed from here, as far as the site's cache remembers. Whoever may push and has no key can put an older release back
//! whose signature is good, and be served, or built upon, by whoever goes by signatures alone.

use anyhow::bail;

use super::previous::{Previous, keep};
use crate::cache::{Cache, LASTING};
use crate::registry::Reference;
use crate::snapshot::Digest;

/// What is remembered of one destination.
pub(super) struct Published<'a> {
    reference: &'a Reference,
    cache: &'a Cache,
}

impl<'a> Published<'a> {
    /// Of what is pushed to `reference`; `None` where nothing is pushed, or nothing can be remembered.
    pub(super) fn of(reference: Option<&'a Reference>, cache: Option<&'a Cache>) -> Option<Self> {
        reference.zip(cache).map(|(reference, cache)| Self { reference, cache })
    }

    /// The image before, unless it is vouched for and older than what was pushed from here. With `full` nothing is taken over from such
    /// a one.
    pub(super) fn check<'p>(&self, previous: Previous<'p>, full: bool) -> anyhow::Result<Previous<'p>> {
        let (found, highest) = (previous.sequence, self.highest());
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

    /// The highest number that was pushed and signed from here; 0 if there was none.
    pub(super) fn highest(&self) -> u64 {
        let kept = self.cache.blob(LASTING, &self.key()).unwrap_or_default();
        std::str::from_utf8(&kept).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Keeps in mind that the release with this number is there.
    pub(super) fn remember(&self, sequence: u64) {
        let highest = self.highest().max(sequence);
        keep(Some(self.cache), LASTING, &self.key(), highest.to_string().as_bytes());
    }

    fn key(&self) -> [u8; 32] {
        Digest::of(format!("published {}", self.reference).as_bytes()).bytes()
    }
}
