//! A file that lies in memory, memfd_create(2), for large bodies: the kernel passes its pages on to a socket as they are,
//! where bytes of the process are copied for each answer.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

/// Bodies begin at multiples of it, which take memory only where something was written. No page of any size belongs to two of
/// them: the kernel would fill a part that is freed with zeros, and it may still be on its way to a client.
const ALIGNMENT: u64 = 2 * 1024 * 1024;

/// A file in memory. It has no name and goes with its last user.
#[derive(Debug)]
pub struct MemoryFile {
    file: File,
    /// Where the next body goes. Places are never used again: what was freed takes no memory.
    end: AtomicU64,
}

/// A body in a [`MemoryFile`]. A clone is the same one; its memory is freed with the last.
#[derive(Clone, Debug)]
pub struct Pages(Arc<Place>);

#[derive(Debug)]
struct Place {
    file: Arc<MemoryFile>,
    start: u64,
    length: u64,
    /// The copy of those who need one at the moment.
    copy: Mutex<Weak<Vec<u8>>>,
}

/// A copy on the heap.
struct Copied(Arc<Vec<u8>>);

impl AsRef<[u8]> for Copied {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl MemoryFile {
    /// A file with nothing in it.
    ///
    /// # Errors
    /// The system's: there are some that have no such files, and some that forbid them.
    pub fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { file: system::create()?, end: AtomicU64::new(0) }))
    }

    /// Copies `bytes` into it.
    pub(super) fn put(self: &Arc<Self>, bytes: &[u8]) -> io::Result<Pages> {
        let length = bytes.len() as u64;
        let start = self.end.fetch_add(length.next_multiple_of(ALIGNMENT), Relaxed);
        // Made first: what was written when it fails is freed with it.
        let copy = Mutex::default();
        let pages = Pages(Arc::new(Place { file: Arc::clone(self), start, length, copy }));
        self.file.write_all_at(bytes, start)?;
        Ok(pages)
    }
}

impl Pages {
    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.0.length
    }

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// The system's.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.file.file.read_exact_at(buffer, self.0.start + offset)
    }

    /// The bytes, copied. There is one copy at a time, shared by those who use it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn bytes(&self) -> io::Result<Bytes> {
        let place = &*self.0;
        let mut copy = place.copy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(copy) = copy.upgrade() {
            return Ok(Bytes::from_owner(Copied(copy)));
        }
        // What lies in memory fits its addresses.
        let mut bytes = vec![0; place.length as usize];
        self.read_at(&mut bytes, 0)?;
        let bytes = Arc::new(bytes);
        *copy = Arc::downgrade(&bytes);
        Ok(Bytes::from_owner(Copied(bytes)))
    }

    /// Sends the bytes from `offset` on to `socket`, as many as it takes; returns how many these were.
    ///
    /// # Errors
    /// The socket's.
    pub fn send(&self, socket: impl AsFd, offset: u64) -> io::Result<usize> {
        let left = self.0.length.saturating_sub(offset);
        system::send(&self.0.file.file, self.0.start + offset, left, socket)
    }

    /// Whether both are the same body in the same place.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = system::free(&self.file.file, self.start, self.length.next_multiple_of(ALIGNMENT)) {
            tracing::warn!("memory of {} bytes could not be given back: {error}", self.length);
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd;

    use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create, sendfile};

    pub(super) fn create() -> io::Result<File> {
        // Some systems demand that it says so; kernels before 6.3 don't know the word.
        let made = memfd_create(c"content", MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL);
        Ok(made.or_else(|_| memfd_create(c"content", MemfdFlags::CLOEXEC))?.into())
    }

    pub(super) fn send(file: &File, start: u64, length: u64, socket: impl AsFd) -> io::Result<usize> {
        let mut from = start;
        Ok(sendfile(socket, file, Some(&mut from), usize::try_from(length).unwrap_or(usize::MAX))?)
    }

    pub(super) fn free(file: &File, start: u64, length: u64) -> io::Result<()> {
        Ok(fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, start, length)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd;

    pub(super) fn create() -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn send(_: &File, _: u64, _: u64, _: impl AsFd) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn free(_: &File, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn bodies_are_found_again_and_freed_with_their_last_user() {
        let file = MemoryFile::new().unwrap();
        let held = || file.file.metadata().unwrap().blocks() * 512;
        let first = file.put(&[1; 5000]).unwrap();
        let one = held();
        assert!((5000..=ALIGNMENT).contains(&one));
        let second = file.put(&[2; 5000]).unwrap();
        assert_eq!(held(), 2 * one);
        let same = first.clone();
        drop(first);
        for (pages, byte) in [(&same, 1), (&second, 2)] {
            let copy = pages.bytes().unwrap();
            assert_eq!(copy, vec![byte; 5000]);
            assert_eq!(pages.bytes().unwrap().as_ptr(), copy.as_ptr());
        }
        drop(same);
        assert_eq!(held(), one);
        drop(second);
        assert_eq!(held(), 0);
    }
}
