//! The links to other hosts that `galley check --external` asks about.

use std::io::IsTerminal;
use std::path::Path;

use jiff::Timestamp;

use super::report::Report;
use super::source::open_cache;
use crate::check::{Answers, ExternalLink, ask as ask_hosts};
use crate::finding::Finding;

/// The cache's record.
const RECORD: &str = "external";
/// Without a terminal a line comes after so many links.
const PROGRESS_STEP: usize = 50;

/// Asks the hosts, and remembers what they answered.
pub(super) fn ask(links: &[ExternalLink], folder: &Path, report: &Report) -> anyhow::Result<Vec<Finding>> {
    let cache = open_cache(folder);
    let kept = cache.as_ref().and_then(|cache| cache.record(RECORD));
    let mut answers: Answers = kept.and_then(|bytes| postcard::from_bytes(&bytes).ok()).unwrap_or_default();
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    let step = if std::io::stderr().is_terminal() { 1 } else { PROGRESS_STEP };
    let progress = |done: usize| {
        if done.is_multiple_of(step) {
            report.progress(format_args!("{done} of at most {} asked", links.len()));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(ask_hosts(links, &mut answers, now, progress));
    let findings = findings.map_err(|error| anyhow::anyhow!("external links: {error}"))?;
    report.progress_ends();
    if let Some(cache) = cache {
        let bytes = postcard::to_stdvec(&answers)?;
        if let Err(error) = cache.keep_record(RECORD, bytes) {
            tracing::debug!("the cache: {error}");
        }
    }
    Ok(findings)
}
