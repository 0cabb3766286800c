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
    /// Whether it ever was.
    pub(super) was_heard: bool,
}

impl Beacon {
    /// A file without a name, so that it is gone with the process, however that ends.
    ///
    /// # Errors
    /// If there can be none: the folder for temporary files lies where nothing can be written, or not on Linux.
    pub(super) fn new() -> io::Result<Self> {
        let file = nameless()?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Ok(Self { file, path, was_heard: false })
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
    let folder = std::env::temp_dir();
    open(&folder, flags, Mode::RUSR | Mode::WUSR).map(File::from).or_else(|_| unnamed(&folder))
}

/// The same where the file system knows no files without a name, as overlayfs does in older containers.
#[cfg(target_os = "linux")]
fn unnamed(folder: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    use std::time::{SystemTime, UNIX_EPOCH};
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let path = folder.join(format!("galley-{}-{}", std::process::id(), now.as_nanos()));
    let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(not(target_os = "linux"))]
fn nameless() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        unnamed(folder.path()).unwrap().write_all_at(b"!", 0).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
