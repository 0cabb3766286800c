//! Files that outlive a crash: written aside, synced, renamed, and the rename synced too.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The ending of what is being written; what is left of it after a crash belongs to nobody.
const ASIDE: &str = ".aside";
/// How often this process wrote something.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// Puts `bytes` at `path`. After a crash the file is what it was before, or this, and never a part of it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, None)
}

/// The same with a mode of its own, whatever the process's mask says.
pub(super) fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    put(path, bytes, Some(mode))
}

fn put(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    let mut aside = Aside::beside(path)?;
    aside.file.write_all(bytes)?;
    if let Some(mode) = mode {
        aside.file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    aside.put_at(path)
}

/// A file that is being written. Dropped before it is put where it belongs, it is removed: a full disk is to have room again.
#[derive(Debug)]
pub(super) struct Aside {
    /// To write to.
    pub(super) file: File,
    path: PathBuf,
    is_done: bool,
}

impl Aside {
    /// Begins a file beside the one at `path`.
    pub(super) fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Two may write the same blob at once: each has a file of its own, and the last one stays.
        let number = WRITES.fetch_add(1, Relaxed);
        let path = path.with_file_name(format!("{name}.{number}{ASIDE}"));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        Ok(Self { file, path, is_done: false })
    }

    /// Puts it at `path`, in the same folder. After a crash what is there is what was before, or this.
    pub(super) fn put_at(mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        self.is_done = true;
        path.parent().map_or(Ok(()), sync_folder)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.is_done {
            // What can't be removed is swept at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a file of this name is being written, or is what a crash left of one.
pub(super) fn is_aside(name: &str) -> bool {
    name.ends_with(ASIDE)
}

/// Makes what was renamed or removed in `folder` outlive a crash.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes what a crash left half written in `folder`.
pub(super) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_aside(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_what_was_left_aside_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("current.json");
        write(&file, b"one").unwrap();
        write(&file, b"two").unwrap();
        fs::write(folder.path().join("current.json.aside"), "thr").unwrap();
        sweep(folder.path()).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_may_write_the_same_file_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("blob");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| write(&file, b"same").unwrap()));
            }
        });
        assert_eq!(fs::read(&file).unwrap(), b"same");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("current.json")).unwrap();
        assert!(write(&folder.path().join("current.json"), b"one").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
