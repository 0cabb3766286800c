//! `media/sha256/<hex>`: files of the content that memory has no room for, as readers get them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::follow::durable::{self, Aside};
use crate::image::{MediaFolder, PlaceFault};
use crate::snapshot::{Digest, Hasher};

/// Read and written at a time.
const PIECE: usize = 64 * 1024;
/// So many files of one length are compared with what comes.
const TWINS: usize = 8;

/// The folder of media, which is there with the first of them.
#[derive(Debug)]
pub(super) struct Media {
    folder: PathBuf,
    /// The names of the files by their lengths.
    lengths: Mutex<HashMap<u64, BTreeSet<String>>>,
}

impl Media {
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        let media = Self { folder: state.join("media/sha256"), lengths: Mutex::default() };
        for (name, length) in media.files()? {
            if durable::is_aside(&name) {
                fs::remove_file(media.folder.join(name))?;
            } else {
                media.lengths().entry(length).or_default().insert(name);
            }
        }
        Ok(media)
    }

    fn lengths(&self) -> MutexGuard<'_, HashMap<u64, BTreeSet<String>>> {
        self.lengths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    /// Names and lengths of all files.
    fn files(&self) -> io::Result<Vec<(String, u64)>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let file = |entry: fs::DirEntry| {
            let length = entry.metadata()?.len();
            Ok((entry.file_name().to_string_lossy().into_owned(), length))
        };
        entries.map(|entry| file(entry?)).collect()
    }

    /// The length of one; 0 if it is not there.
    pub(super) fn length(&self, digest: Digest) -> u64 {
        fs::metadata(self.path(digest)).map_or(0, |metadata| metadata.len())
    }

    /// The bytes of all media.
    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.files()?.iter().map(|(_, length)| length).sum())
    }

    /// Removes all that is not in `named`. What is being written stays.
    pub(super) fn sweep(&self, named: &HashSet<Digest>) -> io::Result<()> {
        let names: HashSet<String> = named.iter().map(Digest::hex).collect();
        for (name, length) in self.files()? {
            if !names.contains(&name) && !durable::is_aside(&name) {
                fs::remove_file(self.folder.join(&name))?;
                if let Some(names) = self.lengths().get_mut(&length) {
                    names.remove(&name);
                }
            }
        }
        Ok(())
    }

    /// Files that are as long, to be compared with what comes.
    fn as_long(&self, length: u64) -> Vec<File> {
        let names = self.lengths().get(&length).cloned().unwrap_or_default();
        names.iter().take(TWINS).filter_map(|name| File::open(self.folder.join(name)).ok()).collect()
    }

    fn put(&self, aside: Aside, digest: Digest) -> io::Result<()> {
        let path = self.path(digest);
        // One that is whole stays the file that it is: it may be read at the moment.
        let is_there = File::open(&path).and_then(Hasher::of_reader).is_ok_and(|(there, _)| there == digest);
        if !is_there {
            aside.put_at(&path)?;
        }
        self.lengths().entry(path.metadata()?.len()).or_default().insert(digest.hex());
        Ok(())
    }
}

impl MediaFolder for Media {
    /// The same files come at each start, and with each base that is packed anew: what is there is compared, and only what is not is
    /// written. A card wears out.
    fn keep(&self, bytes: &mut dyn Read, length: u64) -> io::Result<(PathBuf, Digest)> {
        let mut kept = Kept { media: self, known: self.as_long(length), passed: 0, aside: None };
        let (mut hasher, mut left) = (Hasher::default(), length);
        let (mut piece, mut other) = (vec![0; PIECE], vec![0; PIECE]);
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let count = match bytes.read(&mut piece[..wanted]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            hasher.update(&piece[..count]);
            kept.take(&piece[..count], &mut other[..count]).map_err(PlaceFault::of)?;
            left -= count as u64;
        }
        let digest = hasher.finish();
        kept.end(digest).map_err(PlaceFault::of)?;
        Ok((self.path(digest), digest))
    }
}

/// A file that comes.
struct Kept<'a> {
    media: &'a Media,
    /// Files that are the same so far.
    known: Vec<File>,
    /// How much was the same.
    passed: u64,
    /// What is written, once there is no such file.
    aside: Option<Aside>,
}

impl Kept<'_> {
    fn take(&mut self, piece: &[u8], other: &mut [u8]) -> io::Result<()> {
        let mut before = None;
        for mut known in std::mem::take(&mut self.known) {
            match known.read_exact(other).is_ok() && piece == other {
                true => self.known.push(known),
                false => before = Some(known),
            }
        }
        if !self.known.is_empty() {
            self.passed += piece.len() as u64;
            return Ok(());
        }
        if let Some(before) = before {
            self.begin(before)?;
        }
        self.aside()?.file.write_all(piece)
    }

    /// Begins to write, with what has passed already, as it stands in `known`.
    fn begin(&mut self, mut known: File) -> io::Result<()> {
        let passed = self.passed;
        let aside = self.aside()?;
        known.seek(SeekFrom::Start(0))?;
        io::copy(&mut known.take(passed), &mut aside.file)?;
        Ok(())
    }

    fn aside(&mut self) -> io::Result<&mut Aside> {
        match &mut self.aside {
            Some(aside) => Ok(aside),
            none => {
                fs::create_dir_all(&self.media.folder)?;
                Ok(none.insert(Aside::beside(&self.media.folder.join("medium"))?))
            }
        }
    }

    fn end(mut self, digest: Digest) -> io::Result<()> {
        if let Some(known) = self.known.pop() {
            let path = self.media.path(digest);
            // The one that is the same may bear another name, if a card lost bits of what it was.
            if path.metadata().is_ok_and(|metadata| metadata.len() == self.passed) {
                return Ok(());
            }
            self.begin(known)?;
        }
        self.aside()?;
        self.aside.map_or(Ok(()), |aside| self.media.put(aside, digest))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn names(media: &Media) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&media.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_can_not_be_put_there_is_told_from_what_can_not_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::open(folder.path()).unwrap();
        fs::write(folder.path().join("media"), "in the way").unwrap();
        assert!(PlaceFault::is(&media.keep(&mut &b"film"[..], 4).unwrap_err()));
        assert!(!PlaceFault::is(&media.keep(&mut &b""[..], 4).unwrap_err()));
    }

    #[test]
    fn what_is_there_is_not_written_again_and_what_is_not_is() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::open(folder.path()).unwrap();
        let one: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        // As long, and the same for a while.
        let mut two = one.clone();
        two[150_000] ^= 1;
        let keep = |bytes: &[u8]| media.keep(&mut &bytes[..], bytes.len() as u64).unwrap();
        let mut inodes = Vec::new();
        for bytes in [&one, &two, &one, &two] {
            let (path, digest) = keep(bytes);
            assert_eq!((&fs::read(&path).unwrap(), digest), (bytes, Digest::of(bytes)));
            inodes.push(path.metadata().unwrap().ino());
        }
        assert_eq!((inodes[0], inodes[1]), (inodes[2], inodes[3]));
        assert_eq!(names(&media).len(), 2);
        // A card lost a bit.
        let (path, _) = keep(&one);
        let mut damaged = one.clone();
        damaged[7] ^= 1;
        fs::write(&path, &damaged).unwrap();
        keep(&one);
        assert_eq!(fs::read(&path).unwrap(), one);
        keep(b"");
        assert!(media.keep(&mut &one[..10], 11).is_err());
        media.sweep(&[Digest::of(&two)].into()).unwrap();
        assert_eq!(names(&media), [Digest::of(&two).hex()]);
        assert_eq!(media.size().unwrap(), 200_000);
    }
}
