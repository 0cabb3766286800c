//! Bodies that lie in files, because memory has no room for them.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A file as it was when the tree was frozen. Those who read it at the same time share one descriptor.
#[derive(Debug)]
pub struct FileBody {
    path: PathBuf,
    length: u64,
    stamp: Stamp,
    open: Mutex<Weak<OpenFile>>,
    files: Arc<Files>,
}

/// What is read from disk for a snapshot.
#[derive(Debug)]
pub(super) struct Files {
    open: AtomicUsize,
    /// How many stay open while they are read.
    limit: usize,
}

impl Files {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(0), limit })
    }

    /// Keeps `file` open, if there may be one more.
    fn keep(self: &Arc<Self>, file: File) -> Option<Arc<OpenFile>> {
        let kept = OpenFile { file, files: Arc::clone(self) };
        // The one that is too many takes its count back when it is dropped.
        (self.open.fetch_add(1, Relaxed) < self.limit).then(|| Arc::new(kept))
    }
}

/// A file that is being read.
#[derive(Debug)]
struct OpenFile {
    file: File,
    files: Arc<Files>,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.files.open.fetch_sub(1, Relaxed);
    }
}

/// One of those who read a file. A clone reads the same.
#[derive(Clone, Debug)]
pub struct FileReader(Reading);

#[derive(Clone, Debug)]
enum Reading {
    /// Open until the last reader is gone: it may be replaced meanwhile.
    Open(Arc<OpenFile>),
    /// Opened for each piece. Clients that take nothing could else keep the files of all others shut.
    ByName(Arc<FileBody>),
}

impl FileReader {
    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// The system's, `UnexpectedEof` if the file has become shorter, and `InvalidData` if it is another one.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.0 {
            Reading::Open(open) => open.file.read_exact_at(buffer, offset),
            Reading::ByName(body) => body.open_current()?.read_exact_at(buffer, offset),
        }
    }
}

/// What tells whether a file is still the one that it was.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    inode: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { length: metadata.len(), inode: metadata.ino(), modified }
    }
}

impl FileBody {
    pub(super) fn new(path: &Path, length: u64, files: &Arc<Files>) -> io::Result<Self> {
        let stamp = Stamp::of(&path.metadata()?);
        let body = Self { path: path.to_path_buf(), length, stamp, open: Mutex::default(), files: Arc::clone(files) };
        if body.stamp.length == length { Ok(body) } else { Err(body.changed()) }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file, or shares it with those who read it already.
    ///
    /// # Errors
    /// The system's; `InvalidData` if it is no longer the file that was frozen: its bytes are those of no release.
    pub fn open(self: &Arc<Self>) -> io::Result<FileReader> {
        let mut shared = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = shared.upgrade() {
            // It may have been written in place.
            self.is_frozen(&open.file.metadata()?)?;
            return Ok(FileReader(Reading::Open(open)));
        }
        let Some(open) = self.files.keep(self.open_current()?) else {
            return Ok(FileReader(Reading::ByName(Arc::clone(self))));
        };
        *shared = Arc::downgrade(&open);
        Ok(FileReader(Reading::Open(open)))
    }

    /// Looks whether the file is still the one that was frozen, without opening it.
    ///
    /// # Errors
    /// The same as of [`open`](Self::open).
    pub fn check(&self) -> io::Result<()> {
        self.is_frozen(&self.path.metadata().map_err(|error| self.named(&error))?)
    }

    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
    }

    fn open_current(&self) -> io::Result<File> {
        let file = File::open(&self.path).map_err(|error| self.named(&error))?;
        self.is_frozen(&file.metadata()?)?;
        Ok(file)
    }

    fn is_frozen(&self, metadata: &Metadata) -> io::Result<()> {
        if Stamp::of(metadata) == self.stamp { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> io::Error {
        let message = format!("{}: has changed since it was read; start the server again", self.path.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    }

    /// Whether the file is still the one that was frozen.
    pub(super) fn is_current(&self) -> bool {
        self.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(reader: &FileReader) -> io::Result<[u8; 2]> {
        let mut buffer = [0; 2];
        reader.read_at(&mut buffer, 1).map(|()| buffer)
    }

    #[test]
    fn files_beyond_the_limit_are_read_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(1);
        let body = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, name).unwrap();
            Arc::new(FileBody::new(&path, 3, &files).unwrap())
        };
        let (one, two) = (body("one"), body("two"));
        let first = one.open().unwrap();
        let readers: Vec<_> = (0..2000).map(|_| [one.open().unwrap(), two.open().unwrap()]).collect();
        for [one, two] in &readers {
            assert_eq!((&read(one).unwrap(), &read(two).unwrap()), (b"ne", b"wo"));
        }
        assert_eq!(files.open.load(Relaxed), 1);
        // What is read by name is never another file's.
        fs::remove_file(two.path()).unwrap();
        fs::write(two.path(), "2222").unwrap();
        assert_eq!(read(&readers[0][1]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(two.check().unwrap_err().kind(), io::ErrorKind::InvalidData);
        fs::remove_file(one.path()).unwrap();
        assert_eq!(&read(&first).unwrap(), b"ne");
        drop((first, readers));
        assert_eq!(files.open.load(Relaxed), 0);
    }
}
