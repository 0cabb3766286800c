//! What a state holds of large files, for an instance without one: in a folder of the system's temporary place, which goes with the
//! process.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::blobs::Blobs;
use super::media::Media;
use super::{StateError, at};
use crate::follow::durable::Aside;
use crate::image::{Descriptor, LARGE_LAYER, MediaFolder, PlaceFault, Room, StoredLayer};
use crate::snapshot::Digest;

/// With what the names of such folders begin.
const PREFIX: &str = "galley-media-";
/// A disk that others use as well keeps so much.
const SPARE: u64 = 64 << 20;

/// A folder that is removed when this is dropped. Whoever is killed leaves it to the next one that begins.
#[derive(Debug)]
pub struct Temporary {
    folder: PathBuf,
    blobs: Blobs,
    media: Arc<Media>,
    room: Room,
    /// Held as long as the file is open: by it others see that somebody uses the folder, and so does systemd-tmpfiles.
    _lock: File,
}

impl Temporary {
    /// Begins one in the first of `places` that lies on a disk and may be written to, for content that may take `memory` bytes in memory and
    /// `most` at worst.
    pub fn begin(places: &[PathBuf], memory: u64, most: u64) -> Option<Arc<Self>> {
        let begin = |place: &PathBuf| {
            sweep(place);
            let begun = Self::begin_in(place, memory, most);
            begun.inspect_err(|error| tracing::debug!("{}: no media can be put there: {error}", place.display())).ok()
        };
        places.iter().filter(|place| !lies_in_memory(place)).find_map(begin).map(Arc::new)
    }

    fn begin_in(place: &Path, memory: u64, most: u64) -> io::Result<Self> {
        let (folder, lock) = make(place)?;
        let opened = || Ok((Blobs::open(&folder)?, Arc::new(Media::open(&folder)?)));
        let (blobs, media) = opened().inspect_err(|_: &io::Error| remove(&folder))?;
        let room = Room { memory, most, media: Arc::new(Shared { folder: folder.clone(), media: media.clone() }) };
        Ok(Self { folder, blobs, media, room, _lock: lock })
    }

    /// What content may take in memory, and where its media lie beyond that.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// A layer that was pulled, if it lies there.
    pub(in crate::follow) fn layer(&self, descriptor: &Descriptor) -> Option<StoredLayer> {
        self.blobs.layer(descriptor)
    }

    /// Begins a file for a layer, if it is too large for memory and there is room for it.
    pub(in crate::follow) fn aside(&self, descriptor: &Descriptor) -> Option<Aside> {
        let fits = descriptor.size >= LARGE_LAYER && has_room(&self.folder, descriptor.size);
        let begun = fits.then(|| self.blobs.aside(descriptor.digest))?;
        begun.inspect_err(|error| tracing::debug!("a layer is pulled into memory: {error}")).ok()
    }

    /// Keeps a layer that was pulled, whose digest has been checked.
    pub(in crate::follow) fn adopt(&self, descriptor: &Descriptor, aside: Aside) -> Result<StoredLayer, StateError> {
        self.blobs.adopt(descriptor, aside).map_err(at(&self.folder))
    }

    /// Removes all that is neither in `blobs` nor in `media`.
    pub(in crate::follow) fn retain(&self, blobs: &HashSet<Digest>, media: &HashSet<Digest>) {
        if let Err(error) = self.blobs.sweep(blobs).and_then(|()| self.media.sweep(media)) {
            tracing::warn!("{}: {error}; what is no longer needed stays there", self.folder.display());
        }
    }

    /// Removes the folder, whoever still holds this: nobody reads there any more.
    pub fn end(&self) {
        remove(&self.folder);
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.end();
    }
}

/// Media on a disk that others use as well.
#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    media: Arc<Media>,
}

impl MediaFolder for Shared {
    fn keep(&self, bytes: &mut dyn Read, length: u64) -> io::Result<(PathBuf, Digest)> {
        match has_room(&self.folder, length) {
            true => self.media.keep(bytes, length),
            false => Err(PlaceFault::of(io::ErrorKind::StorageFull.into())),
        }
    }
}

/// Whether the disk of `folder` has room for so many bytes, and keeps some for others.
fn has_room(folder: &Path, length: u64) -> bool {
    let free = rustix::fs::statvfs(folder).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize));
    length.saturating_add(SPARE) <= free
}

fn remove(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => tracing::debug!("{}: {error}", folder.display()),
        _ => {}
    }
}

/// Makes a folder that nobody else may look into, and takes its lock.
fn make(place: &Path) -> io::Result<(PathBuf, File)> {
    const ATTEMPTS: u32 = 16;
    for attempt in 0..ATTEMPTS {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let folder = place.join(format!("{PREFIX}{}-{}-{attempt}", std::process::id(), since.as_nanos()));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made?,
        }
        // Another one that begins may take it for one that was left behind, as long as it has no lock.
        let lock = match File::open(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => {
                fs::remove_dir(&folder)?;
                return Err(error);
            }
        }
        if folder.metadata().is_ok_and(|found| found.ino() == lock.metadata().map_or(0, |own| own.ino())) {
            return Ok((folder, lock));
        }
    }
    Err(io::Error::other("others remove what is made there"))
}

/// Removes what processes left behind that were killed.
fn sweep(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    let own = rustix::process::geteuid().as_raw();
    for folder in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let is_named = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        let is_own = || folder.symlink_metadata().is_ok_and(|found| found.is_dir() && found.uid() == own);
        if !is_named || !is_own() {
            continue;
        }
        // Held until it is gone: whoever made it just now waits for nothing, and makes another one.
        if let Ok(lock) = File::open(&folder)
            && lock.try_lock().is_ok()
        {
            remove(&folder);
        }
    }
}

/// Whether the files of `place` take memory anyway.
fn lies_in_memory(place: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        /// tmpfs and ramfs (statfs(2)).
        const MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];
        rustix::fs::statfs(place).is_ok_and(|found| MEMORY.contains(&(found.f_type as u32)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = place;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(place: &Path) -> usize {
        fs::read_dir(place).unwrap().count()
    }

    #[test]
    fn a_folder_goes_with_its_user_and_what_was_left_with_the_next() {
        let place = tempfile::tempdir().unwrap();
        let begin = || {
            sweep(place.path());
            Temporary::begin_in(place.path(), 0, 0).unwrap()
        };
        let (one, two) = (begin(), begin());
        assert_eq!(names(place.path()), 2);
        assert_eq!(one.folder.metadata().unwrap().mode() & 0o777, 0o700);
        drop(one);
        assert_eq!(names(place.path()), 1);
        // Killed: nobody has its lock.
        fs::create_dir(place.path().join("galley-media-1-2-3")).unwrap();
        fs::create_dir(place.path().join("others")).unwrap();
        let three = begin();
        assert_eq!(names(place.path()), 3);
        assert!(two.folder.exists() && three.folder.exists() && place.path().join("others").exists());
        three.end();
        drop((two, three));
        assert_eq!(names(place.path()), 1);
    }

    /// Those who begin at the same moment don't take each other's for what was left behind.
    #[test]
    fn many_begin_at_once_and_each_keeps_its_own() {
        let place = tempfile::tempdir().unwrap();
        let begin = || {
            let mut begun = Vec::new();
            for _ in 0..20 {
                sweep(place.path());
                begun.push(Temporary::begin_in(place.path(), 0, 0).unwrap());
            }
            begun
        };
        let all = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(all.iter().all(|one| one.folder.exists()));
        assert_eq!(names(place.path()), all.len());
    }

    #[test]
    fn where_nothing_may_be_written_or_memory_is_meant_there_is_none() {
        assert!(Temporary::begin(&["/no/such".into(), "/proc".into()], 0, 0).is_none());
        if lies_in_memory(Path::new("/dev/shm")) {
            assert!(Temporary::begin(&["/dev/shm".into()], 0, 0).is_none());
        }
    }
}
