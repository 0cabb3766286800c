//! What git knows of a site's files, remembered between builds.

use crate::cache::Cache;
use crate::site::{History, Site, attach_history};

/// The cache's record.
const RECORD: &str = "history";

/// Tells the pages of `site` when they were first committed and last changed. Outside git there is nothing to tell; what
/// git can't tell is said and left out, because the pages are good without it.
pub(super) fn attach(site: &mut Site, cache: Option<&Cache>) {
    let earlier = cache.and_then(|cache| postcard::from_bytes(&cache.record(RECORD)?).ok());
    let commit = site.files.commit().map(|commit| commit.id);
    let history = match History::read(&site.folder, commit, earlier.as_ref()) {
        Ok(Some(history)) => history,
        Ok(None) => return,
        Err(error) => {
            tracing::warn!("{}: git: {}; pages say no last change", site.folder.display(), error.message());
            return;
        }
    };
    attach_history(site, &history);
    if history.is_shallow() {
        tracing::warn!(
            "{}: the clone is shallow, so pages say no last change; git fetch --unshallow brings the rest",
            site.folder.display()
        );
        return;
    }
    let stored = history.to_stored();
    if let Some(cache) = cache
        && earlier.as_ref() != Some(&stored)
    {
        let kept = postcard::to_stdvec(&stored).map_err(std::io::Error::other);
        if let Err(error) = kept.and_then(|bytes| cache.keep_record(RECORD, bytes)) {
            tracing::debug!("the cache: {error}");
        }
    }
}
