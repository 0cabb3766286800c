//! What a layout holds, by whoever it was written: one image, or several under names.

use std::fs::File;
use std::path::Path;

use super::{INDEX_FILE, Layout, LayoutError, MAX_MANIFEST, REF_NAME, at, blob_path, json, read_file};
use crate::image::manifest::{Blob, Descriptor, INDEX_TYPES, Index};
use crate::snapshot::Digest;

/// One of a layout's images.
#[derive(Clone, Debug)]
pub struct NamedImage {
    /// What the layout calls it, if it does.
    pub name: Option<String>,
    /// Its index or manifest.
    pub root: Blob,
}

/// The images of a layout.
#[derive(Debug)]
pub struct LayoutImages {
    layout: Layout,
    /// In the layout's order.
    pub images: Vec<NamedImage>,
}

/// Looks at everything that the layout in `folder` lists. Manifests without names are the platforms of one image, whose index is
/// the layout's own; everything else is an image of its own.
pub fn layout_images(folder: &Path) -> Result<LayoutImages, LayoutError> {
    let path = folder.join(INDEX_FILE);
    let bytes = read_file(&path, MAX_MANIFEST).map_err(|error| error.or_no_image(folder))?;
    let index: Index = json(&path, &bytes)?;
    let is_whole = |entry: &Descriptor| {
        entry.annotations.contains_key(REF_NAME) || INDEX_TYPES.contains(&entry.media_type.as_str())
    };
    let whole: Vec<Descriptor> = index.manifests.iter().filter(|entry| is_whole(entry)).cloned().collect();
    let has_platforms = whole.len() < index.manifests.len();
    let layout = Layout { folder: folder.to_path_buf(), digest: Digest::of(&bytes), index };
    let mut images = Vec::new();
    if has_platforms {
        let mut platforms = layout.index.clone();
        platforms.manifests.retain(|entry| !is_whole(entry));
        // If nothing else is listed, the bytes stay those that were read, and so does the digest.
        let bytes = match whole.is_empty() {
            true => bytes,
            false => serde_json::to_vec(&platforms).map_err(|source| LayoutError::Json { path, source })?.into(),
        };
        let descriptor = Descriptor::of(INDEX_TYPES[0], &bytes);
        images.push(NamedImage { name: None, root: Blob { descriptor, bytes } });
    }
    for entry in whole {
        let name = entry.annotations.get(REF_NAME).cloned();
        images.push(NamedImage { name, root: layout.metadata(&entry)? });
    }
    match images.is_empty() {
        true => Err(LayoutError::NoImage(folder.to_path_buf())),
        false => Ok(LayoutImages { layout, images }),
    }
}

impl LayoutImages {
    /// Reads an index, a manifest or a config and checks it.
    pub fn metadata(&self, descriptor: &Descriptor) -> Result<Blob, LayoutError> {
        self.layout.metadata(descriptor)
    }

    /// Reads a blob and checks it.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<Blob, LayoutError> {
        self.layout.blob(descriptor)
    }

    /// Opens a blob, unread and unchecked, however long it is.
    pub fn open(&self, descriptor: &Descriptor) -> Result<File, LayoutError> {
        let path = blob_path(&self.layout.folder, descriptor.digest);
        match path.metadata().map_err(at(&path))?.is_file() {
            true => File::open(&path).map_err(at(&path)),
            false => Err(LayoutError::Mismatch(path)),
        }
    }
}
