//! Packing: a tree, or what changed in one, as a tar archive with gzip.
//!
//! Equal input gives equal bytes: whiteouts first, then path order; no owner, fixed modes, times only from the tree, one rule
//! for long names, one compressor with one setting.

use std::io::{self, Write};

use bytes::Bytes;
use rayon::prelude::*;
use tar::{Builder, EntryType, Header};

use super::changes::{SITE, WHITEOUT};
use super::delta::Delta;
use super::format::Format;
use super::layer::Layer;
use super::manifest::Descriptor;
use crate::snapshot::{Digest, Entry, Hasher, Modified, Tree, TreePath, gzip};

/// The program's file in an image.
pub(super) const PROGRAM: &str = "galley";
/// Where a volume for the state will be mounted.
const STATE: &str = "var/lib/galley/";
/// The user that an image runs as: a volume takes its owner from the folder that it is mounted on.
const USER: u64 = 65532;

/// An archive is compressed in members of so many bytes (RFC 1952 section 2.2), each on a processor of its own.
const MEMBER: usize = 8 << 20;
/// So many of them are in memory at a time.
const BATCH: usize = 4;

/// Why a tree can't be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file can't be read, or changed meanwhile.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A name that means something else in a layer.
    #[error("`{0}` can't be packed: in a layer a name that begins with `.wh.` hides another file; rename it")]
    Reserved(TreePath),
}

/// The layer of a program, with the folder for its state.
pub fn pack_program(program: &[u8]) -> io::Result<Layer> {
    let mut packer = Packer::new();
    packer.program(program)?;
    packer.finish()
}

/// What the archive of a program's layer is called before compression, without compressing it.
pub fn program_diff_id(program: &[u8]) -> io::Result<Digest> {
    let mut packer = Packer(Builder::new(HashOnly(Hasher::default())));
    packer.program(program)?;
    Ok(packer.0.into_inner()?.0.finish())
}

/// The layer of a whole tree.
pub fn pack_tree(tree: &Tree) -> Result<Layer, PackError> {
    let mut packer = Packer::new();
    tree.iter().try_for_each(|(path, entry)| packer.page(path, entry))?;
    Ok(packer.finish()?)
}

/// The layer of what changed in a tree.
pub(super) fn pack_delta(delta: &Delta<'_>) -> Result<Layer, PackError> {
    let mut packer = Packer::new();
    for hidden in &delta.hidden {
        let (folder, name) = hidden.rsplit_once('/').map_or(("", hidden.as_str()), |(folder, name)| (folder, name));
        let separator = if folder.is_empty() { "" } else { "/" };
        packer.file(&format!("{SITE}{folder}{separator}{WHITEOUT}{name}"), 0o644, 0, &[])?;
    }
    for folder in &delta.folders {
        packer.folder(&format!("{SITE}{folder}/"), 0)?;
    }
    delta.files.iter().try_for_each(|(path, entry)| packer.page(path, entry))?;
    Ok(packer.finish()?)
}

/// How many bytes these would be by themselves, compressed as a layer is.
pub fn packed_length(bytes: &[u8]) -> io::Result<u64> {
    Ok(gzip(bytes)?.len() as u64)
}

/// Compresses what is written, and hashes it.
#[derive(Default)]
struct Compressor {
    hasher: Hasher,
    /// What is not compressed yet; only the last of them grows.
    members: Vec<Vec<u8>>,
    packed: Vec<u8>,
}

impl Compressor {
    fn pack(&mut self) -> io::Result<()> {
        let members = std::mem::take(&mut self.members);
        let packed: Vec<_> = members.par_iter().map(|member| gzip(member)).collect::<io::Result<_>>()?;
        packed.iter().for_each(|member| self.packed.extend_from_slice(member));
        Ok(())
    }
}

impl Write for Compressor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.members.last().is_none_or(|member| member.len() == MEMBER) {
            if self.members.len() == BATCH {
                self.pack()?;
            }
            self.members.push(Vec::new());
        }
        let Some(member) = self.members.last_mut() else { return Ok(0) };
        // Their bounds do not depend on how it is written.
        let taken = &bytes[..bytes.len().min(MEMBER - member.len())];
        member.extend_from_slice(taken);
        self.hasher.update(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes what would go into the compressor.
struct HashOnly(Hasher);

impl Write for HashOnly {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Packer<W: Write>(Builder<W>);

impl Packer<Compressor> {
    fn new() -> Self {
        Self(Builder::new(Compressor::default()))
    }

    fn finish(self) -> io::Result<Layer> {
        let mut compressor = self.0.into_inner()?;
        compressor.pack()?;
        let Compressor { hasher, packed, .. } = compressor;
        let bytes = Bytes::from(packed);
        let descriptor = Descriptor::of(Format::default().media_types().layer, &bytes);
        Ok(Layer::new(descriptor, hasher.finish(), bytes))
    }
}

impl<W: Write> Packer<W> {
    fn program(&mut self, program: &[u8]) -> io::Result<()> {
        self.file(PROGRAM, 0o755, 0, program)?;
        self.folder(STATE, USER)
    }

    fn page(&mut self, path: &TreePath, entry: &Entry) -> Result<(), PackError> {
        if path.names().any(|name| name.starts_with(WHITEOUT)) {
            return Err(PackError::Reserved(path.clone()));
        }
        let modified = entry.modified().map_or(0, Modified::seconds);
        Ok(self.file(&format!("{SITE}{path}"), 0o644, modified, &entry.read()?)?)
    }

    fn file(&mut self, path: &str, mode: u32, modified: u64, bytes: &[u8]) -> io::Result<()> {
        let mut header = header(EntryType::Regular, mode, 0);
        header.set_mtime(modified);
        header.set_size(bytes.len() as u64);
        self.append(header, path, bytes)
    }

    fn folder(&mut self, path: &str, owner: u64) -> io::Result<()> {
        let header = header(EntryType::Directory, 0o755, owner);
        self.append(header, path, &[])
    }

    /// One rule for names: what is ASCII and fits ustar's fields stands there, everything else in a PAX record.
    fn append(&mut self, mut header: Header, path: &str, bytes: &[u8]) -> io::Result<()> {
        // An attempt that fails leaves parts of the name behind, which must not be seen.
        let mut named = header.clone();
        if path.is_ascii() && named.set_path(path).is_ok() {
            header = named;
        } else {
            self.0.append_pax_extensions([("path", path.as_bytes())])?;
            header.set_path("named-by-pax")?;
        }
        header.set_cksum();
        self.0.append(&header, bytes)
    }
}

pub(super) fn header(kind: EntryType, mode: u32, owner: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(0);
    header.set_size(0);
    header
}

#[cfg(test)]
mod tests;
