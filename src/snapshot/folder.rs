//! A tree in a folder: written aside and put in place by one rename, read back with the same content root.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use walkdir::WalkDir;

use super::root::{ContentRoot, RootHasher};
use super::tree::{Content, Entry, Modified, Tree, TreeError, TreePath};

/// Lies in every folder that galley wrote: its first line is the content root, each further line the seconds and the path
/// of a file that has a modification date. The files' own times stay those of writing, because tools like rsync compare
/// them to find what changed.
const MARKER: &str = ".galley-tree";

/// Threads that write; more of them only wait for one another in the file system.
const WRITERS: usize = 2;
/// Files made and not written yet: few, because each is in memory.
const WAITING: usize = 64;

/// Why a folder could not be written or read as a tree.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Replacing it would delete files that galley did not write.
    #[error("{path}: is not empty and was not written by galley; empty it or choose another folder with -o", path = .0.display())]
    Foreign(PathBuf),
    /// What lies there is neither a file nor a folder.
    #[error("{path}: is a symbolic link or special file; put a copy of the file in its place", path = .0.display())]
    Special(PathBuf),
    /// A name that no tree can have.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_path_buf();
    move |source| FolderError::Io { path, source }
}

/// A folder being written beside the one that it will replace. Dropped without [`OutputFolder::finish`], it leaves the
/// old one as it was and removes itself.
///
/// Entries that lie in the old folder already are not written again. If most do, the few that changed are renamed into
/// place at the end, each in one step; if most changed, the few that did not are linked into the new folder and the
/// folders change places in one step.
///
/// Nothing is synced: the output can be made again from the site, and thousands of syncs cost minutes on a slow card.
pub struct OutputFolder {
    target: PathBuf,
    aside: PathBuf,
    root: RootHasher,
    times: String,
    writers: Writers,
    /// Written aside.
    changed: Vec<TreePath>,
    /// Lying in the old folder.
    kept: Vec<TreePath>,
}

impl OutputFolder {
    /// Starts a folder that will stand at `target`, which may be absent, empty or an earlier output of galley's.
    pub fn begin(target: &Path) -> Result<Self, FolderError> {
        if holds_foreign_files(target)? {
            return Err(FolderError::Foreign(target.to_path_buf()));
        }
        let parent = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(at(parent))?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let aside = parent.join(format!(".{name}.galley-{}", std::process::id()));
        remove_if_there(&aside)?;
        fs::create_dir(&aside).map_err(at(&aside))?;
        let target = target.to_path_buf();
        let (root, times) = (RootHasher::default(), String::new());
        Ok(Self { target, aside, root, times, writers: Writers::start(), changed: Vec::new(), kept: Vec::new() })
    }

    /// Writes the next entry; entries come in path order.
    pub fn write(&mut self, path: &TreePath, entry: &Entry) -> Result<(), FolderError> {
        if entry.lies_at(&path.below(&self.target)) {
            self.kept.push(path.clone());
        } else {
            self.writers.write(path.below(&self.aside), entry.content().clone())?;
            self.changed.push(path.clone());
        }
        if let Some(modified) = entry.modified() {
            self.times.push_str(&format!("{} {path}\n", modified.seconds()));
        }
        self.root.add(path, entry);
        Ok(())
    }

    /// How many files differ from those of the old folder.
    pub fn changed(&self) -> usize {
        self.changed.len()
    }

    /// Puts what was written in the place of the old folder. `gone` are the files of the old one that the tree does not
    /// have: they are removed where the old folder stays.
    pub fn finish(mut self, gone: &[TreePath]) -> Result<ContentRoot, FolderError> {
        self.writers.end()?;
        let root = std::mem::take(&mut self.root).finish();
        let text = format!("{root}\n{}", self.times);
        let marker = Path::new(MARKER);
        if self.kept.is_empty() || self.changed.len() > self.kept.len() {
            for path in &self.kept {
                let (from, to) = (path.below(&self.target), path.below(&self.aside));
                with_folder(&to, |to| fs::hard_link(&from, to).or_else(|_| fs::copy(&from, to).map(drop)))
                    .map_err(at(&to))?;
            }
            write_file(&self.aside.join(marker), &text)?;
            exchange(&self.aside, &self.target).map_err(at(&self.target))?;
            return Ok(root);
        }
        write_file(&self.aside.join(marker), &text)?;
        self.remove(gone)?;
        for path in &self.changed {
            let (from, to) = (path.below(&self.aside), path.below(&self.target));
            with_folder(&to, |to| fs::rename(&from, to)).map_err(at(&to))?;
        }
        let to = self.target.join(marker);
        fs::rename(self.aside.join(marker), &to).map_err(at(&to))?;
        Ok(root)
    }

    /// Removes files of the old folder, and folders that are left empty.
    fn remove(&self, gone: &[TreePath]) -> Result<(), FolderError> {
        for path in gone {
            let file = path.below(&self.target);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&file)(error)),
                _ => {}
            }
            let folders = file.ancestors().skip(1).take_while(|folder| *folder != self.target);
            for folder in folders {
                // Refused unless it is empty, which is what is wanted.
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Threads that write files while others are being made: creating a file takes longer than rendering it.
struct Writers {
    queue: Option<SyncSender<(PathBuf, Content)>>,
    threads: Vec<JoinHandle<Result<(), FolderError>>>,
}

impl Writers {
    fn start() -> Self {
        let (queue, waiting) = mpsc::sync_channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let thread = |_| {
            let waiting = Arc::clone(&waiting);
            std::thread::spawn(move || write_all(&waiting))
        };
        Self { queue: Some(queue), threads: (0..WRITERS).map(thread).collect() }
    }

    /// Queues a file, or says what went wrong with an earlier one.
    fn write(&mut self, file: PathBuf, content: Content) -> Result<(), FolderError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        match queue.send((file, content)) {
            Ok(()) => Ok(()),
            // All writers have given up, and say why.
            Err(mpsc::SendError((file, _))) => self.end().and(Err(at(&file)(io::ErrorKind::BrokenPipe.into()))),
        }
    }

    /// Waits until everything is written.
    fn end(&mut self) -> Result<(), FolderError> {
        self.queue = None;
        let broken = || FolderError::Io { path: PathBuf::new(), source: io::Error::other("a writer panicked") };
        let ended = self.threads.drain(..).map(|thread| thread.join().unwrap_or_else(|_| Err(broken())));
        // All of them, so that none still writes.
        ended.fold(Ok(()), Result::and)
    }
}

/// Writes what comes until nothing more does; the first error ends it.
fn write_all(waiting: &Mutex<Receiver<(PathBuf, Content)>>) -> Result<(), FolderError> {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((file, content)) = next else { return Ok(()) };
        match &content {
            Content::Bytes(bytes) => with_folder(&file, |file| fs::write(file, bytes)).map_err(at(&file))?,
            Content::File(source) => with_folder(&file, |file| fs::copy(source, file).map(drop)).map_err(at(source))?,
            Content::Served => return Err(at(&file)(io::ErrorKind::NotFound.into())),
        }
    }
}

fn write_file(path: &Path, text: &str) -> Result<(), FolderError> {
    File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(at(path))
}

/// Does something with a file whose folder may be missing: most are there, and asking first costs a call each.
fn with_folder<T>(file: &Path, mut work: impl FnMut(&Path) -> io::Result<T>) -> io::Result<T> {
    match work(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            work(file)
        }
        done => done,
    }
}

impl Drop for OutputFolder {
    /// What lies aside is either unfinished or, after the exchange, the old output.
    fn drop(&mut self) {
        // An error of theirs has been told, or belongs to what is thrown away.
        let _ = self.writers.end();
        if let Err(error) = remove_if_there(&self.aside) {
            tracing::warn!("could not remove a temporary folder: {error}");
        }
    }
}

/// Swaps two folders in one step where the system can; else, and when `target` is absent, by renames.
fn exchange(aside: &Path, target: &Path) -> io::Result<()> {
    if !target.exists() {
        return fs::rename(aside, target);
    }
    if renameat_with(CWD, aside, CWD, target, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    let old = aside.with_extension("old");
    fs::rename(target, &old)?;
    if let Err(error) = fs::rename(aside, target) {
        fs::rename(&old, target)?;
        return Err(error);
    }
    fs::rename(&old, aside)
}

fn remove_if_there(folder: &Path) -> Result<(), FolderError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}

fn holds_foreign_files(target: &Path) -> Result<bool, FolderError> {
    if target.join(MARKER).is_file() {
        return Ok(false);
    }
    match fs::read_dir(target) {
        Ok(mut names) => Ok(names.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(at(target)(error)),
    }
}

/// Reads a rendered folder. Names that begin with a dot are left out, except `.well-known` (RFC 8615). Modification dates
/// come from galley's own list if it lies there, else from the files, where a layer of an image keeps them.
pub fn read_folder(folder: &Path) -> Result<Tree, FolderError> {
    read(folder, file_time)
}

/// The same for an image, where only the list counts: a file says when it was written on this machine, which another program than
/// galley does at each of its runs. With that in it no image would be the same elsewhere, and all of it would be pushed at each edit.
pub fn read_folder_to_ship(folder: &Path) -> Result<Tree, FolderError> {
    read(folder, |_| None)
}

/// `unlisted` gives the modification date of a file where there is no list.
fn read(folder: &Path, unlisted: impl Fn(&fs::Metadata) -> Option<Modified>) -> Result<Tree, FolderError> {
    let listed = read_times(&folder.join(MARKER))?;
    let mut tree = Tree::new();
    let hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".") && name != ".well-known";
    let walk = WalkDir::new(folder).sort_by_file_name().into_iter();
    for found in walk.filter_entry(|found| found.depth() == 0 || !hidden(found.file_name())) {
        let found = found.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_path_buf();
            FolderError::Io { path, source: error.into() }
        })?;
        let file = found.path();
        if found.file_type().is_dir() {
            continue;
        }
        if !found.file_type().is_file() {
            return Err(FolderError::Special(file.to_path_buf()));
        }
        let path = tree_path(folder, file)?;
        let modified = match &listed {
            Some(times) => times.get(path.as_str()).copied(),
            None => unlisted(&found.metadata().map_err(io::Error::from).map_err(at(file))?),
        };
        let entry = Entry::file(file.to_path_buf(), modified).map_err(at(file))?;
        tree.insert(path, entry)?;
    }
    Ok(tree)
}

fn tree_path(folder: &Path, file: &Path) -> Result<TreePath, FolderError> {
    let relative = file.strip_prefix(folder).unwrap_or(file);
    let names: Option<Vec<&str>> = relative.iter().map(|name| name.to_str()).collect();
    match names {
        Some(names) => Ok(TreePath::new(&names.join("/"))?),
        None => Err(at(file)(io::Error::new(io::ErrorKind::InvalidData, "its name is not UTF-8; rename it"))),
    }
}

fn read_times(marker: &Path) -> Result<Option<HashMap<String, Modified>>, FolderError> {
    let text = match fs::read_to_string(marker) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(marker)(error)),
    };
    let times = text.lines().skip(1).filter_map(|line| {
        let (seconds, path) = line.split_once(' ')?;
        Some((path.to_owned(), Modified::from_seconds(seconds.parse().ok()?)?))
    });
    Ok(Some(times.collect()))
}

fn file_time(metadata: &fs::Metadata) -> Option<Modified> {
    let since = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Modified::from_seconds(i64::try_from(since.as_secs()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn write(target: &Path, text: &'static str) -> ContentRoot {
        let mut output = OutputFolder::begin(target).unwrap();
        let entry = Entry::new(Bytes::from_static(text.as_bytes()), Modified::from_seconds(7));
        output.write(&TreePath::new("a/index.html").unwrap(), &entry).unwrap();
        output.finish(&[]).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|name| name.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_folder_is_replaced_whole_and_reads_back_with_its_root() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("public");
        write(&target, "one");
        let root = write(&target, "two");
        assert_eq!(fs::read_to_string(target.join("a/index.html")).unwrap(), "two");
        assert_eq!(ContentRoot::of(&read_folder(&target).unwrap()), root);
        assert_eq!(names(place.path()), ["public"]);
    }

    #[test]
    fn an_unfinished_folder_leaves_the_old_one() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("public");
        write(&target, "one");
        drop(OutputFolder::begin(&target).unwrap());
        assert_eq!(fs::read_to_string(target.join("a/index.html")).unwrap(), "one");
        assert_eq!(names(place.path()), ["public"]);
    }

    #[test]
    fn a_folder_of_somebody_elses_files_is_not_replaced() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("thesis.tex"), "years").unwrap();
        assert!(matches!(OutputFolder::begin(place.path()), Err(FolderError::Foreign(_))));
        assert_eq!(names(place.path()), ["thesis.tex"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_refused() {
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", place.path().join("x.txt")).unwrap();
        assert!(matches!(read_folder(place.path()), Err(FolderError::Special(_))));
    }
}
