//! Waits for changes in a site's folder: the one place that knows notify.
//!
//! Of inotify's events those count that say that a file is whole: it was closed after writing, or moved into its place.
//! There is no timer that waits for the end of a series of changes: what has come when a pass begins is taken together,
//! and what comes later is the next pass.

mod beacon;
mod method;
mod poll;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, MetadataKind, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecursiveMode, Watcher};

use self::beacon::Beacon;
pub use self::method::Method;
use self::method::{LIMIT, is_limit, tells_closing, watcher};
use super::network::lies_on_a_network;
use super::noise::{is_noise, relative};
use super::run::Stop;
use crate::config;
use crate::site::Changes;
use crate::site::Kept;
use crate::site::Known;
use crate::site::PARTS;

/// How often files are looked at where the system reports no changes.
const POLL: Duration = Duration::from_secs(1);
/// Editors that put a file aside before they write it anew need less; only removed files are believed that much later.
const GRACE: Duration = Duration::from_millis(50);
/// How often is looked whether a folder that is gone is back.
const ABSENCE: Duration = Duration::from_millis(500);

/// How long the system's news may take; what comes later is the next pass.
const LATEST: Duration = Duration::from_secs(1);

/// What the thread that builds waits for.
pub(super) enum Signal {
    /// By the watcher of that number.
    Heard(u64, notify::Result<Event>),
    Stop,
}

/// Hears of changes in a site's folder.
pub struct Watch {
    folder: PathBuf,
    watcher: Box<dyn Watcher + Send>,
    /// Which one it is: what earlier ones hear counts no more.
    number: u64,
    method: Method,
    /// Whether events say when a file is whole.
    tells_closing: bool,
    /// The folder itself and those right in it that are watched.
    watched: BTreeSet<String>,
    /// Tells when all that happened was heard of; `None` where that can't be known.
    beacon: Option<Beacon>,
    included: BTreeSet<String>,
    /// Whether the folder was moved or removed: what is watched is no longer what has its name.
    lost: bool,
    signals: Receiver<Signal>,
    /// What came during a pause.
    early: Option<Signal>,
    /// What came while a pass was made.
    batch: Batch,
    stop: Stop,
}

/// Changes that were heard of and not yet handed on.
#[derive(Default)]
struct Batch {
    all: bool,
    files: BTreeSet<String>,
    /// Those of them that were not there before: one that is gone again is nobody's loss.
    born: BTreeSet<String>,
    /// Files that somebody has begun to write.
    unclosed: BTreeSet<String>,
    /// Whether a pass is owed whatever has changed: the last one was not shown.
    is_owed: bool,
    began: Option<Instant>,
}

impl Watch {
    /// Watches `folder` from now on.
    ///
    /// # Errors
    /// If nothing can be watched there at all.
    pub fn new(folder: &Path) -> Result<Self, String> {
        let method = if lies_on_a_network(folder) { Method::Network } else { Method::Reported };
        Self::by(folder, method)
    }

    /// The same by a given method.
    pub(super) fn by(folder: &Path, method: Method) -> Result<Self, String> {
        let folder = std::path::absolute(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let (sender, signals) = channel();
        let stop = Stop(sender);
        let (watcher, method) = watcher(method, 0, &stop).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut watch = Self {
            folder,
            watcher,
            number: 0,
            tells_closing: tells_closing(method),
            method,
            watched: BTreeSet::new(),
            beacon: None,
            included: BTreeSet::new(),
            lost: false,
            signals,
            early: None,
            batch: Batch::default(),
            stop,
        };
        watch.begin();
        Ok(watch)
    }

    /// How changes come to be known.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Ends the waiting.
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// Counts `included` among the site's files from now on, wherever they lie in its folder.
    pub(super) fn include(&mut self, included: BTreeSet<String>) {
        if self.included != included {
            self.included = included;
            self.watch_all();
        }
    }

    /// Waits for changes of files that count, and for when the first of them was heard of; `None` if it is to end. `kept`
    /// is what was known of the files; of a site that is `broken`, permissions count as well.
    pub(super) fn next(&mut self, kept: &Kept, broken: bool) -> Option<(Changes, Instant)> {
        let mut batch = std::mem::take(&mut self.batch);
        loop {
            if !self.take_all(broken, &mut batch) {
                return None;
            }
            // Another folder may have taken its place before anybody could see that there was none.
            if self.lost && self.folder.is_dir() {
                self.renew(self.method);
                batch.doubt();
            }
            let wait = self.settle(kept, &mut batch);
            if let (Some(began), None) = (batch.began, wait) {
                let changes = if batch.all { Changes::All } else { Changes::Files(batch.files) };
                return Some((changes, began));
            }
            self.lost |= !self.folder.is_dir();
            let limit = wait.or(self.lost.then_some(ABSENCE));
            let signal = match limit {
                Some(limit) => self.signals.recv_timeout(limit),
                None => self.signals.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match signal {
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(Signal::Heard(number, heard)) => self.take(number, heard, broken, &mut batch),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Whether no file that counts has become another one since changes were last handed on. If not, what was read since may
    /// be half of something, and the next changes come soon in any case.
    pub(super) fn is_still(&mut self, broken: bool) -> bool {
        let mut batch = std::mem::take(&mut self.batch);
        if !self.catch_up(broken, &mut batch) || !self.take_all(broken, &mut batch) {
            self.early = Some(Signal::Stop);
            return true;
        }
        let is_still = batch.began.is_none() && batch.unclosed.is_empty();
        if !is_still {
            batch.is_owed = true;
            batch.began.get_or_insert_with(Instant::now);
        }
        self.batch = batch;
        is_still
    }

    /// Takes all that happened up to this moment. `false` if it is to end.
    fn catch_up(&mut self, broken: bool, batch: &mut Batch) -> bool {
        let limit = Instant::now() + LATEST;
        let mut lit = None;
        while let Some(beacon) = &self.beacon {
            if lit != Some(self.number) {
                // Another watcher than the one that was to tell of it.
                lit = Some(self.number);
                if let Err(error) = beacon.light() {
                    tracing::debug!("whether all was heard is not known: {error}");
                    return true;
                }
            }
            let path = beacon.path().to_owned();
            let signal = match self.early.take() {
                Some(signal) => signal,
                None => match self.signals.recv_timeout(limit.saturating_duration_since(Instant::now())) {
                    Ok(signal) => signal,
                    Err(RecvTimeoutError::Timeout) => {
                        // Where it is never heard of, no other pass has to wait for it.
                        self.beacon.take_if(|beacon| !beacon.was_heard);
                        return true;
                    }
                    Err(RecvTimeoutError::Disconnected) => return false,
                },
            };
            match signal {
                Signal::Stop => return false,
                Signal::Heard(number, Ok(event)) if number == self.number && event.paths.contains(&path) => {
                    self.beacon.iter_mut().for_each(|beacon| beacon.was_heard = true);
                    return true;
                }
                Signal::Heard(number, heard) => self.take(number, heard, broken, batch),
            }
        }
        true
    }

    /// Taken together: all that has come so far. `false` if it is to end.
    fn take_all(&mut self, broken: bool, batch: &mut Batch) -> bool {
        while let Some(signal) = self.early.take().or_else(|| self.signals.try_recv().ok()) {
            match signal {
                Signal::Stop => return false,
                Signal::Heard(number, heard) => self.take(number, heard, broken, batch),
            }
        }
        true
    }

    /// Waits that long, or until something is heard.
    pub(super) fn pause(&mut self, length: Duration) {
        if self.early.is_none() {
            self.early = self.signals.recv_timeout(length).ok();
        }
    }

    /// Drops from the batch what came and went; how long to wait for a file that may come back.
    fn settle(&self, kept: &Kept, batch: &mut Batch) -> Option<Duration> {
        let mut is_missing = false;
        batch.files.retain(|path| {
            let is_there = self.folder.join(path).symlink_metadata().is_ok();
            let known = kept.knows(path);
            let came_and_went = !is_there && known == Known::Nothing && batch.born.contains(path);
            is_missing |= !is_there && !came_and_went && known != Known::Folder;
            !came_and_went
        });
        if batch.files.is_empty() && !batch.all && !batch.is_owed {
            batch.began = None;
            return None;
        }
        let since = batch.began?.elapsed();
        let is_half = is_missing || !batch.unclosed.is_empty();
        GRACE.checked_sub(since).filter(|_| is_half && !batch.all)
    }

    fn take(&mut self, number: u64, heard: notify::Result<Event>, broken: bool, batch: &mut Batch) {
        if number != self.number {
            return;
        }
        let event = match heard {
            Ok(event) => event,
            Err(error) => {
                self.failed(&error);
                batch.doubt();
                return;
            }
        };
        if event.need_rescan() {
            tracing::debug!("more changed than the system could report: everything is read again");
            self.renew(self.method);
            batch.doubt();
            return;
        }
        if self.tells_closing && matches!(event.kind, EventKind::Modify(ModifyKind::Data(_))) {
            let names = event.paths.iter().filter_map(|path| relative(&self.folder, path));
            batch.unclosed.extend(names.filter(|name| !is_noise(name) && self.is_of_the_site(name)));
            return;
        }
        if !self.counts(event.kind, broken) {
            return;
        }
        for path in &event.paths {
            self.changed(path, event.kind, batch);
        }
    }

    /// Whether a kind of event says that a file is another one now.
    fn counts(&self, kind: EventKind, broken: bool) -> bool {
        match kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Modify(ModifyKind::Name(mode)) => mode != RenameMode::Both,
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::WriteTime)) => !self.tells_closing,
            EventKind::Modify(ModifyKind::Metadata(_)) => broken,
            EventKind::Modify(_) | EventKind::Any => !self.tells_closing,
            EventKind::Create(_) | EventKind::Remove(_) => true,
            EventKind::Access(_) | EventKind::Other => false,
        }
    }

    fn changed(&mut self, path: &Path, kind: EventKind, batch: &mut Batch) {
        let Some(name) = relative(&self.folder, path) else { return };
        if name.is_empty() {
            // The folder itself was moved or removed.
            self.lost = true;
            batch.doubt();
            return;
        }
        if is_noise(&name) || !self.is_of_the_site(&name) {
            return;
        }
        let metadata = path.symlink_metadata().ok();
        if metadata.as_ref().is_some_and(std::fs::Metadata::is_dir) {
            if !matches!(kind, EventKind::Modify(ModifyKind::Metadata(_))) {
                // It may have been filled before anybody watched it: first it is watched, then everything is read.
                self.watch(&name);
                batch.doubt();
            }
            return;
        }
        let begun = matches!(kind, EventKind::Create(CreateKind::File | CreateKind::Any | CreateKind::Other));
        if begun {
            batch.born.insert(name.clone());
        }
        if begun && self.tells_closing && metadata.is_some_and(|metadata| is_being_written(&metadata)) {
            batch.unclosed.insert(name);
            return;
        }
        batch.unclosed.remove(&name);
        batch.began.get_or_insert_with(Instant::now);
        batch.files.insert(name);
    }

    fn is_of_the_site(&self, name: &str) -> bool {
        let top = name.split('/').next().unwrap_or_default();
        let is_above = |path: &String| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
        PARTS.contains(&top)
            || name == config::FILE
            || self.included.contains(name)
            || self.included.iter().any(is_above)
    }

    /// Watches with a watcher that watches nothing yet.
    fn begin(&mut self) {
        self.watched.clear();
        self.beacon = None;
        if self.tells_closing {
            let beacon = Beacon::new().map_err(notify::Error::io);
            let watched = beacon.and_then(|beacon| {
                self.watcher.watch(beacon.path(), RecursiveMode::NonRecursive)?;
                Ok(beacon)
            });
            match watched {
                Ok(beacon) => self.beacon = Some(beacon),
                Err(error) => tracing::debug!("whether all was heard is not known: {error}"),
            }
        }
        self.watch_all();
    }

    /// Watches all folders that are there and count.
    fn watch_all(&mut self) {
        if self.watched.insert(String::new()) {
            self.add("", RecursiveMode::NonRecursive);
        }
        let tops: BTreeSet<String> = self
            .included
            .iter()
            .filter_map(|path| path.split_once('/'))
            .map(|(top, _)| top)
            .chain(PARTS)
            .map(str::to_owned)
            .collect();
        for top in tops {
            if !self.watched.contains(&top) && self.folder.join(&top).is_dir() {
                self.watch(&top);
            }
        }
    }

    fn watch(&mut self, name: &str) {
        self.watched.insert(name.split('/').next().unwrap_or_default().to_owned());
        self.add(name, RecursiveMode::Recursive);
    }

    fn add(&mut self, name: &str, mode: RecursiveMode) {
        let path = if name.is_empty() { self.folder.clone() } else { self.folder.join(name) };
        if let Err(error) = self.watcher.watch(&path, mode) {
            self.failed(&error);
        }
    }

    /// The system watches no more folders: files are looked at instead. What is gone again needs no watching.
    fn failed(&mut self, error: &notify::Error) {
        if !is_limit(error) || self.method != Method::Reported {
            tracing::debug!("watching: {error}");
            return;
        }
        tracing::warn!("{LIMIT}");
        self.renew(Method::Limit);
    }

    /// Watches everything that is there now, and nothing else. The old watcher knows folders by the paths that they had: it
    /// would take what happens in one that was moved away for news of the one in its place, and leave that when the other is
    /// removed.
    fn renew(&mut self, method: Method) {
        self.lost = false;
        match watcher(method, self.number + 1, &self.stop) {
            Ok((watcher, method)) => {
                self.number += 1;
                (self.watcher, self.method, self.tells_closing) = (watcher, method, tells_closing(method));
                self.begin();
            }
            Err(error) => tracing::warn!("changes are not seen: {error}"),
        }
    }
}

impl Batch {
    /// Anything may have changed.
    fn doubt(&mut self) {
        self.all = true;
        self.began.get_or_insert_with(Instant::now);
    }
}

/// A file that was made just now is closed later, and then counts; a link to another file is whole at once.
fn is_being_written(metadata: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    let links = std::os::unix::fs::MetadataExt::nlink(metadata);
    #[cfg(not(unix))]
    let links = 1;
    metadata.is_file() && links == 1
}

#[cfg(test)]
mod tests;
