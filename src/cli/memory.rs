//! How much of what is served lies in memory, and in which codings.

use std::env;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;

use super::report::{Report, count, size};
use super::source::{Source, apart, open_cache};
use crate::follow::{Store, Temporary};
use crate::serve::{Keep, media_files};
use crate::snapshot::{Codings, Freezing, MemoryFile, Snapshot, Tree, freeze_with};

/// The cache's record of a site's codings.
const RECORD: &str = "codings";
/// The part of the machine's memory that content takes if nothing is said: a board of 512 MB has room for the system, for a
/// swap, which needs both releases for a moment, and for its readers.
const SHARE: u64 = 4;
/// What is assumed where the system does not tell.
const FALLBACK: u64 = 512 * 1024 * 1024;

#[derive(Args)]
pub(super) struct MemoryArguments {
    /// How much content may take in memory; media beyond it are read from disk [default: a quarter of the machine's]
    #[arg(long, value_name = "SIZE", env = "GALLEY_MEMORY")]
    memory: Option<Size>,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(u64);

impl Size {
    pub(super) fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no size; write it as 64M, 1.5G or in bytes");
        let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
        let factor: u64 = match unit.to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
            "" => 1,
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            _ => return Err(refuse()),
        };
        let number: f64 = number.trim().parse().map_err(|_| refuse())?;
        // A product beyond what the type holds becomes its largest number.
        if number >= 0.0 { Ok(Self((number * factor as f64) as u64)) } else { Err(refuse()) }
    }
}

impl MemoryArguments {
    /// How many bytes content may take in memory.
    pub(super) fn limit(&self) -> u64 {
        self.memory.map_or_else(|| machine() / SHARE, |Size(bytes)| bytes)
    }

    /// How many at worst, where media can't be put on a disk.
    pub(super) fn most(&self) -> u64 {
        self.limit().max(machine() / 2)
    }

    /// A place for media beside a state, if there is one.
    pub(super) fn temporary(&self) -> Option<Arc<Temporary>> {
        Temporary::begin(&[env::temp_dir(), "/var/tmp".into()], self.limit(), self.most())
    }

    /// Freezes the tree to begin with, with the `codings` that are known of it; large bodies go to `file`, if there is one.
    pub(super) fn freeze(
        &self,
        tree: &Tree,
        codings: &Codings,
        file: Option<&Arc<MemoryFile>>,
        report: &Report,
    ) -> anyhow::Result<Snapshot> {
        let limit = self.limit();
        let freezing = Freezing {
            codings: Some(codings),
            memory: Some(limit),
            open_files: Some(media_files()),
            file,
            previous: None,
        };
        let snapshot = apart(|| Ok(freeze_with(tree, &freezing)?))?;
        report.say(format_args!("{}; the limit is {}", held(&snapshot), size(limit)));
        let (files, bytes) = snapshot.on_disk();
        if files > 0 {
            report.say(format_args!(
                "{} of {} stay on disk; --memory can be raised",
                count(files, "file"),
                size(bytes)
            ));
        }
        let bytes: u64 = snapshot.held().iter().map(|(_, bytes)| bytes).sum();
        if bytes > limit {
            report.say("more than that: pages, texts and the content of images are held in any case");
        }
        for fault in snapshot.faults() {
            report.say(format_args!("warning: {fault}; the line is left out"));
        }
        Ok(snapshot)
    }
}

/// The codings that are known of what `source` leads to, and how they are kept: in the site's cache, or beside the releases in
/// `store`.
pub(super) fn known_codings(
    source: &Source,
    store: Option<&Arc<Store>>,
    file: Option<&Arc<MemoryFile>>,
) -> (Codings, Keep) {
    if let Some(store) = store.filter(|store| store.state().is_some()) {
        let (reader, writer, file) = (Arc::clone(store), Arc::clone(store), file.cloned());
        // Readers need not wait for them.
        let read = move || Some(Codings::from_bytes(reader.state()?.codings()?, file));
        let write = move |root, codings: &[u8]| {
            if let Some(Err(error)) = writer.state().map(|state| state.keep_codings(root, codings)) {
                tracing::debug!("{error}; codings will be made anew after a restart");
            }
        };
        return (Codings::default(), Keep { read: Box::new(read), write: Box::new(write), at_end: false });
    }
    let cache = if let Source::Site(folder) = source { open_cache(folder) } else { None };
    let Some(cache) = cache else { return (Codings::from_bytes(Bytes::new(), file.cloned()), Keep::default()) };
    let known = cache.record(RECORD).unwrap_or_default();
    let write = move |_, codings: &[u8]| {
        if let Err(error) = cache.keep_record(RECORD, codings) {
            tracing::debug!("the cache: {error}");
        }
    };
    let codings = Codings::from_bytes(Bytes::from(known), file.cloned());
    (codings, Keep { write: Box::new(write), at_end: true, ..Keep::default() })
}

/// `in memory: 310 KB identity, 80 KB gzip, 60 KB br`.
fn held(snapshot: &Snapshot) -> String {
    let codings = snapshot.held().into_iter().filter(|(_, bytes)| *bytes > 0);
    let parts: Vec<String> = codings.map(|(coding, bytes)| format!("{} {}", size(bytes), coding.name())).collect();
    format!("in memory: {}", parts.join(", "))
}

/// The memory that this process may take: the machine's, or what its control group allows.
fn machine() -> u64 {
    let number = |path: &str| fs::read_to_string(Path::new(path)).ok()?.trim().parse::<u64>().ok();
    // cgroup v2 and v1; "max" is no number.
    let group = number("/sys/fs/cgroup/memory.max").or_else(|| number("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    let total = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    });
    total.into_iter().chain(group).min().unwrap_or(FALLBACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in
            [("0", 0), ("1024", 1024), ("64M", 64 << 20), ("1.5g", 3 << 29), ("2 MiB", 2 << 20), ("1kb", 1024)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "M", "-1", "1T", "1x", "NaN"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        assert!(machine() > 1 << 20);
    }
}
