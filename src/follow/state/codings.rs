//! `codings/<content root>`: the codings of what is served, which a board would make for minutes after each start.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use xxhash_rust::xxh3::xxh3_64;

use crate::follow::durable::{self, Aside};
use crate::snapshot::ContentRoot;

/// Before the codings: their checksum. Nobody is to get what a card made of them.
const SUM: usize = 8;

fn folder(state: &Path) -> PathBuf {
    state.join("codings")
}

/// Removes what a crash left half written.
pub(super) fn sweep(state: &Path) -> io::Result<()> {
    match durable::sweep(&folder(state)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        swept => swept,
    }
}

/// Those that are kept, whole or not; what is being written is none of them.
fn kept(state: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder(state))?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let is_kept = |path: &PathBuf| !durable::is_aside(&path.file_name().unwrap_or_default().to_string_lossy());
    Ok(paths.into_iter().filter(is_kept).collect())
}

/// Those that were kept last.
pub(super) fn read(state: &Path) -> Option<Bytes> {
    let path = kept(state).ok()?.pop()?;
    let mut bytes = Bytes::from(fs::read(&path).ok()?);
    if bytes.len() < SUM || bytes.get_u64_le() != xxh3_64(&bytes) {
        tracing::warn!("{}: is damaged; codings are made anew", path.display());
        return None;
    }
    Some(bytes)
}

/// Keeps `codings` in the place of all others.
pub(super) fn write(state: &Path, root: ContentRoot, codings: &[u8]) -> io::Result<()> {
    let folder = folder(state);
    fs::create_dir_all(&folder)?;
    let path = folder.join(root.digest().hex());
    let mut aside = Aside::beside(&path)?;
    aside.file.write_all(&xxh3_64(codings).to_le_bytes())?;
    aside.file.write_all(codings)?;
    aside.put_at(&path)?;
    kept(state)?.iter().filter(|other| **other != path).try_for_each(fs::remove_file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Tree;

    #[test]
    fn the_last_ones_are_there_unless_they_are_damaged() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(read(state.path()), None);
        let other = ContentRoot::of(&Tree::new());
        let root: ContentRoot = other.to_string().replace('e', "f").parse().unwrap();
        write(state.path(), root, b"one").unwrap();
        write(state.path(), other, b"two").unwrap();
        assert_eq!(read(state.path()).as_deref(), Some(&b"two"[..]));
        assert_eq!(fs::read_dir(folder(state.path())).unwrap().count(), 1);
        fs::write(folder(state.path()).join("0.7.aside"), "half").unwrap();
        assert_eq!(read(state.path()).as_deref(), Some(&b"two"[..]));
        sweep(state.path()).unwrap();
        assert_eq!(fs::read_dir(folder(state.path())).unwrap().count(), 1);
        let path = folder(state.path()).join(other.digest().hex());
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(read(state.path()), None);
    }
}
