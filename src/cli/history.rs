//! What git knows of a site's files, remembered between builds and within a preview.

use crate::cache::Cache;
use crate::site::{History, Site, attach_history, head};

/// The cache's record.
const RECORD: &str = "history";

/// The histories of one site's files.
#[derive(Default)]
pub(super) struct Histories {
    cache: Option<Cache>,
    last: Option<History>,
    /// Whether it was said that git can't tell.
    has_failed: bool,
}

impl Histories {
    /// Those that `cache` remembers, if there is one.
    pub(super) fn new(cache: Option<Cache>) -> Self {
        Self { cache, ..Self::default() }
    }

    /// Tells the pages of `site` when they were first committed and last changed. Outside git there is nothing to tell;
    /// what git can't tell is said and left out, because the pages are good without it.
    pub(super) fn attach(&mut self, site: &mut Site) {
        let commit = site.files.commit().map(|commit| commit.id);
        let is_newest =
            |last: &History| commit.map_or_else(|| head(&site.folder).ok().flatten(), Some) == Some(last.head());
        if !self.last.as_ref().is_some_and(is_newest) {
            self.last = self.read(site);
        }
        attach_history(site, self.last.as_ref());
    }

    fn read(&mut self, site: &Site) -> Option<History> {
        let earlier = self.cache.as_ref().and_then(|cache| postcard::from_bytes(&cache.record(RECORD)?).ok());
        let commit = site.files.commit().map(|commit| commit.id);
        let history = match History::read(&site.folder, commit, earlier.as_ref()) {
            Ok(history) => history?,
            Err(error) => {
                if !std::mem::replace(&mut self.has_failed, true) {
                    tracing::warn!("{}: git: {}; pages say no last change", site.folder.display(), error.message());
                }
                return None;
            }
        };
        if history.is_shallow() {
            tracing::warn!(
                "{}: the clone is shallow, so pages say no last change; git fetch --unshallow brings the rest",
                site.folder.display()
            );
            return Some(history);
        }
        let stored = history.to_stored();
        if let Some(cache) = &self.cache
            && earlier.as_ref() != Some(&stored)
        {
            let kept = postcard::to_stdvec(&stored).map_err(std::io::Error::other);
            if let Err(error) = kept.and_then(|bytes| cache.keep_record(RECORD, bytes)) {
                tracing::debug!("the cache: {error}");
            }
        }
        Some(history)
    }
}
