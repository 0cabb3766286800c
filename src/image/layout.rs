//! An image in a folder: the OCI image layout (image-layout.md).

mod images;
mod writing;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;

pub use self::images::{LayoutImages, NamedImage, layout_images};
pub use self::writing::write_layout;
use super::format::Format;
use super::manifest::{Blob, Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest};
use super::stored::{LARGE_LAYER, LayerBytes, StoredLayer};
use crate::snapshot::{Digest, Hasher};

/// The longest index or manifest that is read, as registries limit it too.
const MAX_MANIFEST: u64 = 4 << 20;
/// The longest layer: it is held in memory.
const MAX_BLOB: u64 = 512 << 20;

pub(super) const LAYOUT_FILE: &str = "oci-layout";
pub(super) const LAYOUT: &str = "{\"imageLayoutVersion\":\"1.0.0\"}";
pub(super) const INDEX_FILE: &str = "index.json";
/// The name by which tools find the image in the layout (annotations.md).
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Why a layout could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file can't be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder of other things.
    #[error("{path}: is not empty and no OCI layout; choose another folder", path = .0.display())]
    Foreign(PathBuf),
    /// A folder without an image.
    #[error("{path}: is no OCI layout with an image in it", path = .0.display())]
    NoImage(PathBuf),
    /// A blob is not what its descriptor says.
    #[error("{path}: does not match its digest or size; write the layout again", path = .0.display())]
    Mismatch(PathBuf),
    /// A layer of the image before is not where that image is.
    #[error("{path}: a layer of the image before is missing or damaged", path = .0.display())]
    MissingLayer(PathBuf),
    /// A file that is longer than any of its kind.
    #[error("{path}: is longer than {limit} bytes, the most that galley reads of such a file", path = .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How long it may be.
        limit: u64,
    },
    /// JSON that can't be read.
    #[error("{path}: {source}", path = .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl LayoutError {
    /// Of a layout's own index: without one the folder is no layout.
    fn or_no_image(self, folder: &Path) -> Self {
        match self {
            Self::Io { source, .. }
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                Self::NoImage(folder.to_path_buf())
            }
            Self::Mismatch(_) => Self::NoImage(folder.to_path_buf()),
            other => other,
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> LayoutError {
    let path = path.to_path_buf();
    move |source| LayoutError::Io { path, source }
}

/// Whether the blob lies there, and is what its name says: a disk may have damaged it, and who writes it again wants it mended.
fn is_there(path: &Path, descriptor: &Descriptor) -> bool {
    let is_as_long = fs::metadata(path).is_ok_and(|found| found.len() == descriptor.size);
    is_as_long && fs::read(path).is_ok_and(|bytes| Digest::of(&bytes) == descriptor.digest)
}

/// Whether the blob that `descriptor` names lies in `folder`, undamaged.
pub fn layout_has(folder: &Path, descriptor: &Descriptor) -> bool {
    is_there(&blob_path(folder, descriptor.digest), descriptor)
}

/// A layout's own index, which lists the one image that is in it under the names that `annotations` give.
pub(super) fn entry_point(
    index: &Blob,
    annotations: impl IntoIterator<Item = (&'static str, String)>,
) -> serde_json::Result<Vec<u8>> {
    let mut descriptor = index.descriptor.clone();
    descriptor.annotations.extend(annotations.into_iter().map(|(name, value)| (name.to_owned(), value)));
    serde_json::to_vec(&Index {
        schema_version: 2,
        media_type: Format::Oci.media_types().index.to_owned(),
        manifests: vec![descriptor],
        annotations: Default::default(),
    })
}

fn blob_path(folder: &Path, digest: Digest) -> PathBuf {
    folder.join("blobs/sha256").join(digest.hex())
}

/// A layout that can be read: its index, and its blobs by descriptor.
#[derive(Debug)]
pub struct Layout {
    folder: PathBuf,
    /// The digest of the image's index.
    pub digest: Digest,
    /// The image's index.
    pub index: Index,
}

/// Opens the layout in `folder`.
pub fn read_layout(folder: &Path) -> Result<Layout, LayoutError> {
    let path = folder.join(INDEX_FILE);
    let bytes = read_file(&path, MAX_MANIFEST).map_err(|error| error.or_no_image(folder))?;
    let index = json::<Index>(&path, &bytes)?;
    let mut layout = Layout { folder: folder.to_path_buf(), digest: Digest::of(&bytes), index };
    // What the layout lists is one image's index, or that index is the layout's own.
    if let [only] = layout.index.manifests.as_slice()
        && INDEX_TYPES.contains(&only.media_type.as_str())
    {
        let inner = layout.metadata(&only.clone())?;
        layout.digest = inner.descriptor.digest;
        layout.index = json(&path, &inner.bytes)?;
    }
    if layout.index.manifests.is_empty() {
        return Err(LayoutError::NoImage(folder.to_path_buf()));
    }
    layout.read_single()?;
    Ok(layout)
}

impl Layout {
    /// A layout of one manifest without a platform, as skopeo copies an image, has it in the config, like what an index would say.
    fn read_single(&mut self) -> Result<(), LayoutError> {
        let [only] = self.index.manifests.as_slice() else { return Ok(()) };
        if only.platform.is_some() || !MANIFEST_TYPES.contains(&only.media_type.as_str()) {
            return Ok(());
        }
        let descriptor = only.clone();
        let config = self.manifest(&descriptor)?.config;
        let bytes = self.metadata(&config)?.bytes;
        let platform = Some(json(&blob_path(&self.folder, config.digest), &bytes)?);
        self.digest = descriptor.digest;
        self.index.manifests = vec![Descriptor { platform, ..descriptor }];
        self.index.take_labels(&bytes);
        Ok(())
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads a manifest and checks it.
    pub fn manifest(&self, descriptor: &Descriptor) -> Result<Manifest, LayoutError> {
        json(&blob_path(&self.folder, descriptor.digest), &self.metadata(descriptor)?.bytes)
    }

    /// Reads an index, a manifest or a config and checks it.
    pub fn metadata(&self, descriptor: &Descriptor) -> Result<Blob, LayoutError> {
        self.read(descriptor, MAX_MANIFEST)
    }

    /// Reads a blob and checks it.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<Blob, LayoutError> {
        self.read(descriptor, MAX_BLOB)
    }

    /// A layer, checked; a large one stays where it is.
    pub(super) fn layer(&self, descriptor: &Descriptor) -> Result<StoredLayer, LayoutError> {
        let path = blob_path(&self.folder, descriptor.digest);
        let is_file = || fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == descriptor.size);
        if !(LARGE_LAYER..=MAX_BLOB).contains(&descriptor.size) || !is_file() {
            return Ok(self.blob(descriptor)?.into());
        }
        let (digest, length) = File::open(&path).and_then(Hasher::of_reader).map_err(at(&path))?;
        if digest != descriptor.digest || length != descriptor.size {
            return Err(LayoutError::Mismatch(path));
        }
        Ok(StoredLayer { descriptor: descriptor.clone(), bytes: LayerBytes::File { path, length } })
    }

    fn read(&self, descriptor: &Descriptor, limit: u64) -> Result<Blob, LayoutError> {
        let path = blob_path(&self.folder, descriptor.digest);
        if descriptor.size > limit {
            return Err(LayoutError::TooLong { path, limit });
        }
        let bytes = match read_file(&path, descriptor.size) {
            Err(LayoutError::TooLong { path, .. }) => return Err(LayoutError::Mismatch(path)),
            read => read?,
        };
        if bytes.len() as u64 != descriptor.size || Digest::of(&bytes) != descriptor.digest {
            return Err(LayoutError::Mismatch(path));
        }
        Ok(Blob { descriptor: descriptor.clone(), bytes })
    }
}

/// Reads a file of at most `limit` bytes. What is no file, a device perhaps, might never end.
fn read_file(path: &Path, limit: u64) -> Result<Bytes, LayoutError> {
    let found = fs::metadata(path).map_err(at(path))?;
    if !found.is_file() {
        return Err(LayoutError::Mismatch(path.to_path_buf()));
    }
    let too_long = || LayoutError::TooLong { path: path.to_path_buf(), limit };
    if found.len() > limit {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(at(path))?;
    if bytes.len() as u64 > limit { Err(too_long()) } else { Ok(bytes.into()) }
}

fn json<T: serde::de::DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, LayoutError> {
    serde_json::from_slice(bytes).map_err(|source| LayoutError::Json { path: path.to_path_buf(), source })
}
