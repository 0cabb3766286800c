//! `codings/<content root>`: the codings of what is served, which a board would make for minutes after each start.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use xxhash_rust::xxh3::xxh3_64;

use crate::follow::durable::Aside;
use crate::snapshot::ContentRoot;

/// Before the codings: their checksum. Nobody is to get what a card made of them.
const SUM: usize = 8;

fn folder(state: &Path) -> PathBuf {
    state.join("codings")
}

/// Those that were kept last.
pub(super) fn read(state: &Path) -> Option<Bytes> {
    let entry = fs::read_dir(folder(state)).ok()?.next()?.ok()?;
    let mut bytes = Bytes::from(fs::read(entry.path()).ok()?);
    if bytes.len() < SUM || bytes.get_u64_le() != xxh3_64(&bytes) {
        tracing::warn!("{}: is damaged; codings are made anew", entry.path().display());
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
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        if entry.path() != path {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
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
        let path = folder(state.path()).join(other.digest().hex());
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(read(state.path()), None);
    }
}
