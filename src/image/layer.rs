//! Layers: what names one, and where its bytes are to be had.

use std::io;

use bytes::Bytes;

use super::manifest::Descriptor;
use super::pack::pack_program;
use crate::snapshot::Digest;

/// A layer of an image that is being made.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What names its blob.
    pub descriptor: Descriptor,
    /// The digest of the archive before compression, for the config (config.md, "Layer DiffID").
    pub diff_id: Digest,
    contents: Contents,
}

#[derive(Clone, Debug)]
enum Contents {
    /// The blob itself.
    Packed(Bytes),
    /// The program that the layer is made of: known from an earlier time, it is packed only if somebody needs the blob.
    Program(Bytes),
    /// A layer of the image before: its blob is where that image is.
    Kept,
}

impl Layer {
    pub(super) fn new(descriptor: Descriptor, diff_id: Digest, bytes: Bytes) -> Self {
        Self { descriptor, diff_id, contents: Contents::Packed(bytes) }
    }

    /// The layer of `program`, of which it is known what packing it gives.
    pub fn of_known_program(descriptor: Descriptor, diff_id: Digest, program: Bytes) -> Self {
        Self { descriptor, diff_id, contents: Contents::Program(program) }
    }

    /// A layer of an image that is there already.
    pub fn kept(descriptor: Descriptor, diff_id: Digest) -> Self {
        Self { descriptor, diff_id, contents: Contents::Kept }
    }

    /// Whether its bytes have to be looked for where the image before is.
    pub fn is_kept(&self) -> bool {
        matches!(self.contents, Contents::Kept)
    }

    /// The blob, if it is in memory.
    pub fn packed(&self) -> Option<&Bytes> {
        match &self.contents {
            Contents::Packed(bytes) => Some(bytes),
            Contents::Program(_) | Contents::Kept => None,
        }
    }

    /// The blob, packed if need be; `None` for a layer that is kept.
    pub fn bytes(&self) -> io::Result<Option<Bytes>> {
        match &self.contents {
            Contents::Packed(bytes) => Ok(Some(bytes.clone())),
            Contents::Kept => Ok(None),
            Contents::Program(program) => {
                let packed = pack_program(program)?;
                if packed.descriptor.digest != self.descriptor.digest {
                    let message =
                        "the program packs otherwise than it did before; remove .galley/cache/programs in the site";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
                packed.bytes()
            }
        }
    }

    /// Gives the layer its blob, which has been checked against its digest.
    pub fn fill(&mut self, bytes: Bytes) {
        self.contents = Contents::Packed(bytes);
    }
}
