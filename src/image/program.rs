//! Taking the program out of its layer, for a handover: with suspicion, for what is in there is run.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use tar::Archive;

use super::binary::runs_on;
use super::manifest::Descriptor;
use super::pack::PROGRAM;
use super::platform::Platform;
use super::unpack::{Limited, MAX_RATIO, RATIO_FREE};

/// The longest program: it is held in memory once. galley has 25 MB, and one that was built for finding faults 110.
const MAX_PROGRAM: u64 = 256 << 20;
/// The most entries of a layer that holds one: the program, and the folders of its state.
const MAX_ENTRIES: usize = 100;

/// Why a layer has no program for a handover.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The archive is cut off or no archive.
    #[error("the program's layer can't be read: {0}")]
    Broken(#[from] io::Error),
    /// A compression that galley does not read.
    #[error("the program's layer has the media type `{0}`, which galley does not read")]
    MediaType(String),
    /// It holds none, or more than one.
    #[error("the program's layer is refused: {0}")]
    Refused(&'static str),
    /// It can't run here.
    #[error("what the image has as its program is no statically linked one for {0}; build it as scripts/dist does")]
    Foreign(Platform),
}

/// The program in `layer`, whose bytes have been checked against their digest. Nothing else of the layer is looked at.
pub fn unpack_program(layer: &Descriptor, bytes: &Bytes, platform: Platform) -> Result<Bytes, ProgramError> {
    let limit = (bytes.len() as u64).saturating_mul(MAX_RATIO).clamp(RATIO_FREE, MAX_PROGRAM + RATIO_FREE);
    let inner: Box<dyn Read + '_> = match layer.media_type.rsplit(['.', '+']).next() {
        Some("gzip") => Box::new(MultiGzDecoder::new(bytes.as_ref())),
        Some("tar") => Box::new(bytes.as_ref()),
        _ => return Err(ProgramError::MediaType(layer.media_type.clone())),
    };
    let mut archive = Archive::new(Limited { inner, left: limit, hasher: None });
    let mut program = None;
    for (number, entry) in archive.entries()?.enumerate() {
        let mut entry = entry?;
        if number >= MAX_ENTRIES {
            return Err(ProgramError::Refused("it holds more than a program"));
        }
        let name = entry.path_bytes();
        if name.strip_prefix(b"./").unwrap_or(&name) != PROGRAM.as_bytes() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(ProgramError::Refused("its `galley` is no regular file"));
        }
        if program.is_some() {
            return Err(ProgramError::Refused("it names `galley` twice"));
        }
        if entry.size() > MAX_PROGRAM {
            return Err(ProgramError::Refused("its program is longer than 256 MB"));
        }
        let mut read = Vec::with_capacity(usize::try_from(entry.size()).unwrap_or(0));
        entry.read_to_end(&mut read)?;
        if read.len() as u64 != entry.size() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        program = Some(Bytes::from(read));
    }
    let program = program.ok_or(ProgramError::Refused("it has no `galley`"))?;
    if runs_on(&program, platform) { Ok(program) } else { Err(ProgramError::Foreign(platform)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::pack::{pack_program, program_diff_id};
    use tar::{Builder, EntryType, Header};

    fn layer(entries: &[(&str, EntryType, &[u8])]) -> (Descriptor, Bytes) {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, bytes) in entries {
            let mut header = Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_path(name).unwrap();
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        let bytes = Bytes::from(builder.into_inner().unwrap());
        (Descriptor::of("application/vnd.oci.image.layer.v1.tar", &bytes), bytes)
    }

    fn said(entries: &[(&str, EntryType, &[u8])]) -> String {
        let (descriptor, bytes) = layer(entries);
        unpack_program(&descriptor, &bytes, Platform::Amd64).unwrap_err().to_string()
    }

    #[test]
    fn only_one_file_of_that_name_will_do() {
        let file = EntryType::Regular;
        assert!(said(&[("bin/galley", file, b"x")]).contains("it has no `galley`"));
        assert!(said(&[("galley", EntryType::Symlink, b"")]).contains("is no regular file"));
        assert!(said(&[("galley", file, b"x"), ("./galley", file, b"y")]).contains("names `galley` twice"));
        assert!(said(&[("galley", file, b"#!/bin/sh\n")]).contains("no statically linked one for linux/amd64"));
        let many = vec![("other", file, &b""[..]); MAX_ENTRIES + 1];
        assert!(said(&many).contains("more than a program"));
        let (mut descriptor, bytes) = layer(&[]);
        descriptor.media_type = "application/vnd.oci.image.layer.v1.tar+zstd".to_owned();
        assert!(matches!(unpack_program(&descriptor, &bytes, Platform::Arm64), Err(ProgramError::MediaType(_))));
    }

    #[test]
    fn the_archives_digest_needs_no_compression() {
        assert_eq!(program_diff_id(b"a program").unwrap(), pack_program(b"a program").unwrap().diff_id);
    }
}
