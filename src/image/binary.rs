//! The program that goes into an image: checked to run from an empty file system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use object::elf;
use object::read::elf::{ElfFile, FileHeader, ProgramHeader};
use object::{Architecture, Endianness, FileKind, Object};

use super::platform::Platform;

/// A statically linked program for one platform.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The program.
    pub bytes: Bytes,
    /// What it runs on.
    pub platform: Platform,
}

/// Why a program can't go into an image.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// It can't be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not a program of a platform that galley has images for.
    #[error("{path}: is no Linux program for amd64, arm64 or arm/v7", path = .0.display())]
    Foreign(PathBuf),
    /// It needs libraries that an image from scratch does not have.
    #[error(
        "{path}: is not statically linked, so it can't run in an image of its own; build it with `cargo build --release` \
         in galley's folder on Linux (its .cargo/config.toml links statically) without RUSTFLAGS in the environment",
        path = .0.display()
    )]
    Dynamic(PathBuf),
}

impl Binary {
    /// The program that is running.
    pub fn of_this_program() -> Result<Self, BinaryError> {
        let path =
            std::env::current_exe().map_err(|source| BinaryError::Io { path: PathBuf::from("galley"), source })?;
        Self::read(&path)
    }

    /// The program in the file at `path`.
    pub fn read(path: &Path) -> Result<Self, BinaryError> {
        let bytes = fs::read(path).map_err(|source| BinaryError::Io { path: path.to_path_buf(), source })?;
        match inspect(&bytes) {
            Some((platform, Linking::Static)) => Ok(Self { bytes: Bytes::from(bytes), platform }),
            Some((_, Linking::Dynamic)) => Err(BinaryError::Dynamic(path.to_path_buf())),
            None => Err(BinaryError::Foreign(path.to_path_buf())),
        }
    }
}

/// Whether `bytes` are a program that runs on `platform` without libraries.
pub(super) fn runs_on(bytes: &[u8], platform: Platform) -> bool {
    inspect(bytes) == Some((platform, Linking::Static))
}

#[derive(Debug, PartialEq)]
enum Linking {
    Static,
    Dynamic,
}

/// What an ELF file runs on and how it is linked; `None` for anything else.
fn inspect(bytes: &[u8]) -> Option<(Platform, Linking)> {
    match FileKind::parse(bytes).ok()? {
        FileKind::Elf64 => inspect_elf::<elf::FileHeader64<Endianness>>(bytes),
        FileKind::Elf32 => inspect_elf::<elf::FileHeader32<Endianness>>(bytes),
        _ => None,
    }
}

fn inspect_elf<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<(Platform, Linking)> {
    let file = ElfFile::<H>::parse(bytes).ok()?;
    let platform = match file.architecture() {
        Architecture::X86_64 => Platform::Amd64,
        Architecture::Aarch64 => Platform::Arm64,
        Architecture::Arm => Platform::ArmV7,
        _ => return None,
    };
    // A program that asks for an interpreter asks for ld.so and its libraries; a static-pie one has none.
    let asks = file.elf_program_headers().iter().any(|header| header.p_type(file.endian()) == elf::PT_INTERP);
    Some((platform, if asks { Linking::Dynamic } else { Linking::Static }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_program_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "#!/bin/sh\n").unwrap();
        assert!(matches!(Binary::read(file.path()), Err(BinaryError::Foreign(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
            inspect(&[b"\x7fELF\x02\x01\x01".as_slice(), &tail].concat());
            inspect(&[b"\x7fELF\x01\x01\x01".as_slice(), &tail].concat());
        }
    }
}
