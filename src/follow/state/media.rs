//! `media/sha256/<hex>`: files of the content that memory has no room for, as readers get them.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::follow::durable::{self, Aside};
use crate::image::MediaFolder;
use crate::snapshot::{Digest, Hasher};

/// Read and written at a time.
const PIECE: usize = 64 * 1024;

/// The folder of media.
#[derive(Debug)]
pub(super) struct Media(PathBuf);

impl Media {
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        let folder = state.join("media/sha256");
        fs::create_dir_all(&folder)?;
        durable::sweep(&folder)?;
        Ok(Self(folder))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.0.join(digest.hex())
    }

    /// The bytes of all media.
    pub(super) fn size(&self) -> io::Result<u64> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
    }

    /// Removes all that is not in `named`. What is being written stays.
    pub(super) fn sweep(&self, named: &HashSet<Digest>) -> io::Result<()> {
        let names: HashSet<String> = named.iter().map(Digest::hex).collect();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !names.contains(&*name) && !durable::is_aside(&name) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// A file that is as long, to be compared with what comes.
    fn as_long(&self, length: u64) -> io::Result<Option<File>> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.metadata()?.len() == length && !durable::is_aside(&entry.file_name().to_string_lossy()) {
                return File::open(entry.path()).map(Some);
            }
        }
        Ok(None)
    }

    fn put(&self, aside: Aside, digest: Digest) -> io::Result<()> {
        let path = self.path(digest);
        // One that is whole stays the file that it is: it may be read at the moment.
        let is_there = File::open(&path).and_then(Hasher::of_reader).is_ok_and(|(there, _)| there == digest);
        if is_there { Ok(()) } else { aside.put_at(&path) }
    }
}

impl MediaFolder for Media {
    /// The same files come at each start, and with each base that is packed anew: what is there is compared, and only what is not is
    /// written. A card wears out.
    fn keep(&self, bytes: &mut dyn Read, length: u64) -> io::Result<(PathBuf, Digest)> {
        let mut kept = Kept { media: self, known: self.as_long(length)?, passed: 0, aside: None };
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
            kept.take(&piece[..count], &mut other[..count])?;
            left -= count as u64;
        }
        let digest = hasher.finish();
        kept.end(digest)?;
        Ok((self.path(digest), digest))
    }
}

/// A file that comes.
struct Kept<'a> {
    media: &'a Media,
    /// A file that is the same so far.
    known: Option<File>,
    /// How much was the same.
    passed: u64,
    /// What is written, once there is no such file.
    aside: Option<Aside>,
}

impl Kept<'_> {
    fn take(&mut self, piece: &[u8], other: &mut [u8]) -> io::Result<()> {
        if let Some(known) = &mut self.known {
            if known.read_exact(other).is_ok() && piece == other {
                self.passed += piece.len() as u64;
                return Ok(());
            }
            self.begin()?;
        }
        self.aside()?.file.write_all(piece)
    }

    /// Begins to write, with what has passed already.
    fn begin(&mut self) -> io::Result<()> {
        let (known, passed) = (self.known.take(), self.passed);
        let aside = self.aside()?;
        if let Some(mut known) = known {
            known.seek(SeekFrom::Start(0))?;
            io::copy(&mut known.take(passed), &mut aside.file)?;
        }
        Ok(())
    }

    fn aside(&mut self) -> io::Result<&mut Aside> {
        match &mut self.aside {
            Some(aside) => Ok(aside),
            none => Ok(none.insert(Aside::beside(&self.media.0.join("medium"))?)),
        }
    }

    fn end(mut self, digest: Digest) -> io::Result<()> {
        if self.known.is_some() {
            let path = self.media.path(digest);
            // The one that is the same may bear another name, if a card lost bits of what it was.
            if path.metadata().is_ok_and(|metadata| metadata.len() == self.passed) {
                return Ok(());
            }
            self.begin()?;
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
        let mut names: Vec<_> =
            fs::read_dir(&media.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
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
