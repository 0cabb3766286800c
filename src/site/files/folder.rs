//! A site's files as they lie on disk.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::is_hidden;
use super::{Kind, Listed, Listing, joined, not_utf8, outside, parts, too_large};

/// How many files of a folder one thread asks the length of: fewer are not worth another thread.
const PIECE: usize = 512;

/// Finds `path` below `folder`. Only where a symbolic link is on the way, its end is looked up: that costs more system
/// calls than all else.
pub(super) fn locate(folder: &Path, path: &str) -> io::Result<(PathBuf, fs::Metadata)> {
    let mut at = folder.to_path_buf();
    let mut last = None;
    for part in parts(path)? {
        at.push(part);
        let metadata = at.symlink_metadata()?;
        if metadata.is_symlink() {
            let end = folder.join(path).canonicalize()?;
            if !end.starts_with(folder.canonicalize()?) {
                return Err(outside());
            }
            return Ok((end.clone(), end.symlink_metadata()?));
        }
        last = Some(metadata);
    }
    let metadata = last.map_or_else(|| folder.metadata(), Ok)?;
    Ok((at, metadata))
}

pub(super) fn read(folder: &Path, path: &str, max: u64) -> io::Result<Vec<u8>> {
    let (file, metadata) = locate(folder, path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        // Opening a pipe would wait for a writer.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no regular file"));
    }
    if metadata.len() > max {
        return Err(too_large(max));
    }
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // It may have grown since.
    fs::File::open(file)?.take(max.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > max { Err(too_large(max)) } else { Ok(content) }
}

pub(super) fn read_listed(folder: &Path, path: &str, length: u64, max: u64) -> io::Result<Vec<u8>> {
    let file = parts(path)?.into_iter().fold(folder.to_path_buf(), |at, part| at.join(part));
    let mut options = fs::File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    // A byte more than it had: so the end is seen without another piece of memory.
    let mut content = Vec::with_capacity(usize::try_from(length.min(max)).unwrap_or_default() + 1);
    options.open(file)?.take(max.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > max { Err(too_large(max)) } else { Ok(content) }
}

pub(super) fn list(folder: &Path, below: &str, skip: &dyn Fn(&str) -> bool, listing: &mut Listing) -> io::Result<()> {
    let (top, _) = locate(folder, below)?;
    // One folder at a time is open, however deep they lie.
    let mut folders = Vec::new();
    list_entries(fs::read_dir(&top)?, below, skip, listing, &mut folders);
    while let Some((folder, path)) = folders.pop() {
        match fs::read_dir(&folder) {
            Ok(entries) => list_entries(entries, &path, skip, listing, &mut folders),
            Err(error) => fault(path, error, listing),
        }
    }
    Ok(())
}

fn list_entries(
    entries: fs::ReadDir,
    folder: &str,
    skip: &dyn Fn(&str) -> bool,
    listing: &mut Listing,
    folders: &mut Vec<(PathBuf, String)>,
) {
    let mut regular = Vec::new();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                listing.errors.push((folder.to_owned(), error));
                continue;
            }
        };
        let name = entry.file_name();
        if name.to_str().is_some_and(is_hidden) {
            continue;
        }
        let path = joined(folder, &name.to_string_lossy());
        let Some(name) = name.to_str() else {
            listing.errors.push((path, not_utf8()));
            continue;
        };
        // The kind comes with the name; only a length takes another system call.
        match entry.file_type() {
            Ok(kind) if kind.is_file() => regular.push((path, entry)),
            Ok(kind) if kind.is_dir() && skip(name) => {}
            Ok(kind) if kind.is_dir() => folders.push((entry.path(), path)),
            Ok(_) => listing.files.push(Listed { path, kind: Kind::Other, length: 0 }),
            Err(error) => fault(path, error, listing),
        }
    }
    let length = |(path, entry): (String, fs::DirEntry)| (path, entry.metadata().map(|metadata| metadata.len()));
    let lengths: Vec<_> = regular.into_par_iter().with_min_len(PIECE).map(length).collect();
    for (path, length) in lengths {
        match length {
            Ok(length) => listing.files.push(Listed { path, kind: Kind::Regular, length }),
            Err(error) => fault(path, error, listing),
        }
    }
}

/// What is gone between its name's being read and its being looked at is as if it had not been there.
fn fault(path: String, error: io::Error, listing: &mut Listing) {
    if error.kind() != io::ErrorKind::NotFound {
        listing.errors.push((path, error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_vanishes_while_it_is_listed_was_not_there() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.md", "b.md", "c.md"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::create_dir(folder.path().join("d")).unwrap();
        // With the first name, all of so small a folder are read.
        let mut entries = fs::read_dir(folder.path()).unwrap();
        entries.next().unwrap().unwrap();
        for name in ["a.md", "b.md", "c.md"] {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        let (mut listing, mut folders) = (Listing::default(), Vec::new());
        list_entries(entries, "content", &|_| false, &mut listing, &mut folders);
        assert!(listing.files.is_empty() && listing.errors.is_empty(), "{listing:?}");
    }
}
