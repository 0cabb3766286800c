//! An image in one file: an OCI image layout as a tar (image-layout.md) that also has the `manifest.json` by which engines
//! before the containerd image store load images (Docker 20.10 refuses a layout without it).
//!
//! The two name things differently. The layout has one name for the index of all platforms; it is what newer engines, Podman
//! and `oci-archive:` read. In `manifest.json` each platform is an image of its own, and a name that two of them carry
//! goes to the last: so the first one has the name itself, and the others have it with their platform behind the tag.

use std::collections::BTreeMap;
use std::io::{self, Write};

use bytes::Bytes;
use serde::Serialize;
use tar::EntryType;

use super::assemble::{Image, Package};
use super::layout::{INDEX_FILE, LAYOUT, LAYOUT_FILE, REF_NAME, entry_point};
use super::pack::header;
use super::platform::Platform;
use crate::snapshot::Digest;

const MANIFEST_FILE: &str = "manifest.json";
const BLOBS: &str = "blobs/sha256/";
/// The annotation by which containerd and what is built on it name an image in a layout; the specification's own one can
/// only hold the tag (containerd, `images.AnnotationImageName`).
const IMAGE_NAME: &str = "io.containerd.image.name";
/// The longest tag (distribution-spec, "Pulling manifests").
const MAX_TAG: usize = 128;
/// What a tar is made of.
const BLOCK: usize = 512;

/// What an archive's images are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveName {
    /// Registry and repository, with nothing left out: `docker.io/library/blog`.
    pub repository: String,
    /// The tag.
    pub tag: String,
}

/// A tar in pieces. Blobs are not copied.
#[derive(Clone, Debug)]
pub struct Archive {
    pieces: Vec<Bytes>,
}

/// One image in `manifest.json` (moby, `image/spec/v1.2.md`).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LegacyImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Archive {
    /// The archive of `package`, all of whose layers have their bytes. In `manifest.json` the images of all platforms are
    /// named, unless it is for an `engine`: one that reads that file has one image a name, and gets its own platform's. The
    /// same arguments give the same bytes.
    pub fn new(package: &Package, name: &ArchiveName, engine: Option<Platform>) -> io::Result<Self> {
        let mut builder = Builder { pieces: Vec::new() };
        builder.file(LAYOUT_FILE, Bytes::from_static(LAYOUT.as_bytes()))?;
        let names = [(REF_NAME, name.tag.clone()), (IMAGE_NAME, format!("{}:{}", name.repository, name.tag))];
        builder.file(INDEX_FILE, entry_point(&package.index, names)?.into())?;
        builder.file(MANIFEST_FILE, legacy(name, &package.images, engine)?)?;
        builder.folder("blobs/")?;
        builder.folder(BLOBS)?;
        // Entries of a tar stand in the order of their names.
        let mut blobs = BTreeMap::new();
        for layer in package.layers() {
            let path = path(layer.descriptor.digest);
            let bytes = layer.bytes()?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, path.clone()))?;
            blobs.insert(path, bytes);
        }
        blobs.extend(package.metadata().map(|blob| (path(blob.descriptor.digest), blob.bytes.clone())));
        for (path, bytes) in blobs {
            builder.file(&path, bytes)?;
        }
        Ok(builder.finish())
    }

    /// How many bytes the tar has.
    pub fn size(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// The tar's bytes, in order.
    pub fn into_pieces(self) -> impl Iterator<Item = Bytes> + Send + 'static {
        self.pieces.into_iter()
    }

    /// Writes the tar.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        self.pieces.iter().try_for_each(|piece| to.write_all(piece))
    }
}

fn path(digest: Digest) -> String {
    format!("{BLOBS}{}", digest.hex())
}

fn legacy(name: &ArchiveName, images: &[Image], engine: Option<Platform>) -> io::Result<Bytes> {
    let engine = engine.filter(|platform| images.iter().any(|image| image.platform == *platform));
    let images = images.iter().filter(|image| engine.is_none_or(|platform| image.platform == platform));
    let of = |(number, image): (usize, &Image)| {
        let tag = if number == 0 { Some(name.tag.clone()) } else { own_tag(&name.tag, image.platform) };
        LegacyImage {
            config: path(image.config.descriptor.digest),
            repo_tags: tag.map(|tag| format!("{}:{tag}", name.repository)).into_iter().collect(),
            layers: image.layers.iter().map(|layer| path(layer.descriptor.digest)).collect(),
        }
    };
    let images: Vec<_> = images.enumerate().map(of).collect();
    Ok(Bytes::from(serde_json::to_vec(&images)?))
}

/// `latest-arm-v7`; none where that is longer than a tag may be.
fn own_tag(tag: &str, platform: Platform) -> Option<String> {
    let fields = platform.fields();
    // arm64 is v8 unless it says otherwise, and nobody writes that.
    let variant = fields.variant.filter(|_| platform == Platform::ArmV7).map(|variant| format!("-{variant}"));
    let tag = format!("{tag}-{}{}", fields.architecture, variant.unwrap_or_default());
    (tag.len() <= MAX_TAG).then_some(tag)
}

struct Builder {
    pieces: Vec<Bytes>,
}

impl Builder {
    fn file(&mut self, path: &str, bytes: Bytes) -> io::Result<()> {
        self.header(path, EntryType::Regular, 0o644, bytes.len())?;
        let over = bytes.len() % BLOCK;
        self.pieces.push(bytes);
        self.zeros(if over == 0 { 0 } else { BLOCK - over });
        Ok(())
    }

    fn folder(&mut self, path: &str) -> io::Result<()> {
        self.header(path, EntryType::Directory, 0o755, 0)
    }

    /// Nobody's, of no time: the same everywhere.
    fn header(&mut self, path: &str, kind: EntryType, mode: u32, size: usize) -> io::Result<()> {
        let mut header = header(kind, mode, 0);
        header.set_path(path)?;
        header.set_size(size as u64);
        header.set_cksum();
        self.pieces.push(Bytes::copy_from_slice(header.as_bytes()));
        Ok(())
    }

    fn zeros(&mut self, count: usize) {
        const ZEROS: [u8; 2 * BLOCK] = [0; 2 * BLOCK];
        self.pieces.push(Bytes::from_static(&ZEROS[..count]));
    }

    /// A tar ends with two blocks of zeros.
    fn finish(mut self) -> Archive {
        self.zeros(2 * BLOCK);
        Archive { pieces: self.pieces }
    }
}

#[cfg(test)]
mod tests;
