//! A file of our own that is watched beside the site's.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The system tells what happened in the order in which it did (inotify(7)): once a write to this file is heard of, all that
/// was before it has been.
pub(super) struct Beacon {
    file: File,
    path: PathBuf,
}

impl Beacon {
    /// A file without a name, so that it is gone with the process, however that ends.
    ///
    /// # Errors
    /// If there can be none: the folder for temporary files lies where nothing can be written, or not on Linux.
    pub(super) fn new() -> io::Result<Self> {
        let file = nameless()?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Ok(Self { file, path })
    }

    /// By what it is watched.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it heard of.
    pub(super) fn light(&self) -> io::Result<()> {
        self.file.write_all_at(b"!", 0)
    }
}

#[cfg(target_os = "linux")]
fn nameless() -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    Ok(open(std::env::temp_dir(), flags, Mode::RUSR | Mode::WUSR)?.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
