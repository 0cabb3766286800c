//! Looks at files again and again, where the system reports no changes: on a network, or beyond its limit of watches.
//!
//! A file is another one if its length or its times are: to read all of a site each second is more than a network bears.
//! Inodes do not count, because file systems of user space give out new ones at any time. Times may be too coarse to tell two saves
//! apart; so a small file is read as well for some looks after each change.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use notify::event::{CreateKind, DataChange, ModifyKind, RemoveKind};
use notify::{Config, Error, Event, EventHandler, EventKind, RecursiveMode, Watcher, WatcherKind};

use super::POLL;
use crate::preview::noise::is_noise;

/// Looks at which a file is read after it has changed; times are as coarse as two seconds.
const YOUNG: u32 = 3;
/// A file that was changed so long ago when it is seen first is not young; clocks of a network differ.
const RECENT: Duration = Duration::from_secs(60);
/// Longer files are not read: nobody saves them twice within a second.
const MAX_READ: u64 = 256 * 1024;

/// Looks at all that it watches each second, in a thread that ends with it.
pub(super) struct Poll {
    state: Arc<Mutex<State>>,
    _stop: Sender<()>,
}

struct State {
    /// What is watched, and whether with all that lies below.
    roots: BTreeMap<PathBuf, bool>,
    seen: Seen,
}

/// What was there at the last look.
type Seen = BTreeMap<PathBuf, Found>;

#[derive(Clone)]
struct Found {
    stamp: Stamp,
    /// At how many further looks it is read.
    young: u32,
    /// A hash of the bytes of a young file.
    content: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Folder,
    File { length: u64, modified: (i64, i64), changed: (i64, i64) },
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        if metadata.is_dir() {
            return Self::Folder;
        }
        Self::File {
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Found {
    fn new(path: &Path, metadata: &Metadata, before: Option<&Self>) -> Self {
        let stamp = Stamp::of(metadata);
        let is_recent = || {
            let age = metadata.modified().map(|modified| SystemTime::now().duration_since(modified));
            age.is_ok_and(|age| age.map_or(true, |age| age < RECENT))
        };
        let young = match before {
            Some(before) if before.stamp == stamp => before.young.saturating_sub(1),
            None if !is_recent() => 0,
            _ => YOUNG,
        };
        let is_read = young > 0 && stamp != Stamp::Folder && metadata.len() <= MAX_READ;
        let mut found = Self { stamp, young, content: if is_read { hash(path).ok() } else { None } };
        if before.is_some_and(|before| found.differs_from(before)) {
            found.young = YOUNG;
        }
        found
    }

    fn differs_from(&self, before: &Self) -> bool {
        let contents = self.content.zip(before.content);
        self.stamp != before.stamp || contents.is_some_and(|(now, before)| now != before)
    }
}

fn hash(path: &Path) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(path)?);
    Ok(hasher.finish())
}

impl State {
    /// What has changed since the last look.
    fn look(&mut self) -> Vec<Event> {
        let mut walk = Walk { before: &self.seen, found: Seen::new() };
        for (root, is_deep) in &self.roots {
            walk.enter(root, if *is_deep { usize::MAX } else { 1 }, &mut Vec::new());
        }
        let found = walk.found;
        let mut events = Vec::new();
        let mut tell = |kind, path: &PathBuf| events.push(Event::new(kind).add_path(path.clone()));
        for path in self.seen.keys().filter(|path| !found.contains_key(*path)) {
            tell(EventKind::Remove(RemoveKind::Any), path);
        }
        for (path, now) in &found {
            match self.seen.get(path) {
                None => tell(EventKind::Create(CreateKind::Any), path),
                Some(before) if now.differs_from(before) => {
                    tell(EventKind::Modify(ModifyKind::Data(DataChange::Any)), path);
                }
                Some(_) => {}
            }
        }
        self.seen = found;
        events
    }

    /// Whether `path` is looked at already, with all that lies below.
    fn covers(&self, path: &Path) -> bool {
        self.roots.iter().any(|(root, is_deep)| *is_deep && path.starts_with(root))
    }
}

/// One look.
struct Walk<'a> {
    before: &'a Seen,
    found: Seen,
}

impl Walk<'_> {
    /// Takes what lies at `path`, and what lies up to `depth` below it. `above` are the folders that it is in: a link may lead back
    /// to one of them.
    fn enter(&mut self, path: &Path, depth: usize, above: &mut Vec<(u64, u64)>) {
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) => return self.keep_unless_gone(path, &error),
        };
        self.found.insert(path.to_path_buf(), Found::new(path, &metadata, self.before.get(path)));
        let own = (metadata.dev(), metadata.ino());
        if !metadata.is_dir() || depth == 0 || above.contains(&own) {
            return;
        }
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        match entries {
            Ok(entries) => {
                above.push(own);
                let is_wanted = |entry: &&fs::DirEntry| !is_noise(&entry.file_name().to_string_lossy());
                entries.iter().filter(is_wanted).for_each(|entry| self.enter(&entry.path(), depth - 1, above));
                above.pop();
            }
            Err(error) => self.keep_unless_gone(path, &error),
        }
    }

    /// A network that does not answer takes no files away.
    fn keep_unless_gone(&mut self, path: &Path, error: &io::Error) {
        if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            let below = self.before.range(path.to_path_buf()..).take_while(|(other, _)| other.starts_with(path));
            self.found.extend(below.map(|(path, found)| (path.clone(), found.clone())));
        }
    }
}

impl Poll {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watcher for Poll {
    fn new<F: EventHandler>(mut handler: F, _: Config) -> notify::Result<Self> {
        let state = Arc::new(Mutex::new(State { roots: BTreeMap::new(), seen: Seen::new() }));
        let (stop, stopped) = channel::<()>();
        let looked_at = Arc::clone(&state);
        let look = move || {
            while stopped.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                let events = lock(&looked_at).look();
                events.into_iter().for_each(|event| handler.handle_event(Ok(event)));
            }
        };
        std::thread::Builder::new().name("poll".to_owned()).spawn(look).map_err(Error::io)?;
        Ok(Self { state, _stop: stop })
    }

    fn watch(&mut self, path: &Path, mode: RecursiveMode) -> notify::Result<()> {
        path.metadata().map_err(|error| Error::io(error).add_path(path.to_path_buf()))?;
        let mut state = self.lock();
        let is_deep = mode == RecursiveMode::Recursive;
        if state.covers(path) {
            return Ok(());
        }
        let mut walk = Walk { before: &state.seen, found: Seen::new() };
        walk.enter(path, if is_deep { usize::MAX } else { 1 }, &mut Vec::new());
        let found = walk.found;
        for (path, found) in found {
            // What was seen before is told of by the next look.
            state.seen.entry(path).or_insert(found);
        }
        state.roots.insert(path.to_path_buf(), is_deep);
        Ok(())
    }

    fn unwatch(&mut self, path: &Path) -> notify::Result<()> {
        let mut state = self.lock();
        state.roots.remove(path);
        state.seen.retain(|seen, _| !seen.starts_with(path));
        Ok(())
    }

    fn kind() -> WatcherKind {
        WatcherKind::PollWatcher
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, FileTimes};

    const HOUR: Duration = Duration::from_secs(3600);

    fn state(root: &Path) -> State {
        let mut state = State { roots: BTreeMap::from([(root.to_path_buf(), true)]), seen: Seen::new() };
        state.look();
        state
    }

    /// As a file that nobody has read or written for an hour.
    fn age(path: &Path) -> SystemTime {
        let time = SystemTime::now() - HOUR;
        let times = FileTimes::new().set_accessed(time).set_modified(time);
        File::options().write(true).open(path).unwrap().set_times(times).unwrap();
        path.metadata().unwrap().accessed().unwrap()
    }

    fn told(state: &mut State) -> Vec<(EventKind, String)> {
        let name = |event: &Event| event.paths[0].file_name().unwrap().to_string_lossy().into_owned();
        state.look().iter().map(|event| (event.kind, name(event))).collect()
    }

    #[test]
    fn old_files_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.md");
        fs::write(&path, "one").unwrap();
        let accessed = age(&path);
        let mut state = state(folder.path());
        for _ in 0..3 {
            assert_eq!(told(&mut state), []);
        }
        assert_eq!(path.metadata().unwrap().accessed().unwrap(), accessed);
        assert_eq!(state.seen[&path].content, None);
    }

    #[test]
    fn changes_are_seen_however_coarse_the_times_are() {
        let modified = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.md");
        fs::write(&path, "one").unwrap();
        let mut state = state(folder.path());
        assert_eq!(told(&mut state), []);
        // The second save has the stamp of the first.
        fs::write(&path, "two").unwrap();
        let stamp = Stamp::of(&path.metadata().unwrap());
        state.seen.get_mut(&path).unwrap().stamp = stamp;
        assert_eq!(told(&mut state), [(modified, "a.md".to_owned())]);
        assert_eq!(told(&mut state), []);
        // In the end it is not young any more, and its stamp alone counts.
        (0..YOUNG).for_each(|_| assert_eq!(told(&mut state), []));
        assert_eq!(state.seen[&path].content, None);
        fs::write(&path, "three").unwrap();
        assert_eq!(told(&mut state), [(modified, "a.md".to_owned())]);
    }

    #[test]
    fn what_comes_and_goes_is_told() {
        let (created, removed) = (EventKind::Create(CreateKind::Any), EventKind::Remove(RemoveKind::Any));
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path());
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/c.md"), "x").unwrap();
        fs::write(folder.path().join("b/.c.md.swp"), "x").unwrap();
        // A link that leads back.
        std::os::unix::fs::symlink("..", folder.path().join("b/d")).unwrap();
        let names = |kind| ["b", "c.md", "d"].map(|name| (kind, name.to_owned()));
        assert_eq!(told(&mut state), names(created));
        assert_eq!(told(&mut state), []);
        fs::remove_dir_all(folder.path().join("b")).unwrap();
        assert_eq!(told(&mut state), names(removed));
        let root = folder.path().to_path_buf();
        drop(folder);
        let events = state.look();
        assert_eq!((events[0].kind, &events[0].paths[0]), (removed, &root));
    }

    #[test]
    fn a_network_that_does_not_answer_takes_nothing_away() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.md"), "one").unwrap();
        let state = state(folder.path());
        for (kind, kept) in
            [(io::ErrorKind::TimedOut, 2), (io::ErrorKind::StaleNetworkFileHandle, 2), (io::ErrorKind::NotFound, 0)]
        {
            let mut walk = Walk { before: &state.seen, found: Seen::new() };
            walk.keep_unless_gone(folder.path(), &kind.into());
            assert_eq!(walk.found.len(), kept, "{kind}");
        }
    }
}
