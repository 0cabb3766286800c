//! The tree of an image, as its index promises it.

use std::path::Path;

use super::layout::{Layout, LayoutError, read_layout};
use super::manifest::{Blob, CONTENT_ROOT, ContentLimit, Index};
use super::platform::Platform;
use super::room::Room;
use super::stored::StoredLayer;
use super::unpack::{UnpackError, unpack_onto};
use crate::snapshot::{ContentRoot, Tree};

/// Why an image's content is refused.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The layers' fault.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A layout's fault.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// There is more than galley takes.
    #[error(transparent)]
    Limit(#[from] ContentLimit),
    /// The image has no `/site`.
    #[error("{0} has no site in it; make it with `galley package`")]
    NoSite(String),
    /// The layers give another tree than the index promises.
    #[error("{name} is refused: it promises the content {promised}, but its layers hold {found}")]
    Root {
        /// The image.
        name: String,
        /// What the index says.
        promised: String,
        /// What the layers hold.
        found: ContentRoot,
    },
    /// The layout has no image for this platform.
    #[error("{name} has no image for {platform}; it has {has}")]
    NoPlatform {
        /// The layout.
        name: String,
        /// What is needed.
        platform: Platform,
        /// What is there.
        has: String,
    },
}

/// The tree in the content layers of the image called `name`, lowest first, and its root, if it is what `index` promises.
pub fn content(name: &str, index: &Index, layers: &[Blob]) -> Result<(Tree, ContentRoot), ContentError> {
    let layers: Vec<StoredLayer> = layers.iter().cloned().map(StoredLayer::from).collect();
    content_onto(&Tree::new(), name, index, &layers, None)
}

/// What the lowest layer of an image gives; what `room` does not hold of it lies in files.
pub fn base_content(layer: &StoredLayer, room: Option<&Room>) -> Result<Tree, ContentError> {
    Ok(unpack_onto(&Tree::new(), std::slice::from_ref(layer), room)?)
}

/// The same as [`content`] where `below` is what lower layers gave before, and `layers` are those above them.
pub fn content_onto(
    below: &Tree,
    name: &str,
    index: &Index,
    layers: &[StoredLayer],
    room: Option<&Room>,
) -> Result<(Tree, ContentRoot), ContentError> {
    let tree = unpack_onto(below, layers, room)?;
    if tree.is_empty() {
        return Err(ContentError::NoSite(name.to_owned()));
    }
    let found = ContentRoot::of(&tree);
    match index.annotations.get(CONTENT_ROOT) {
        Some(promised) if promised.parse().ok() != Some(found) => {
            Err(ContentError::Root { name: name.to_owned(), promised: promised.clone(), found })
        }
        _ => Ok((tree, found)),
    }
}

/// The tree of the image in the OCI layout in `folder`.
pub fn layout_content(folder: &Path, platform: Platform) -> Result<Tree, ContentError> {
    read_layout(folder)?.content(platform)
}

impl Layout {
    /// The tree of the image for `platform`.
    pub fn content(&self, platform: Platform) -> Result<Tree, ContentError> {
        self.content_in(platform, None)
    }

    /// The same; what `room` does not hold of it lies in files.
    pub fn content_in(&self, platform: Platform, room: Option<&Room>) -> Result<Tree, ContentError> {
        let name = self.folder().display().to_string();
        let descriptor = self.index.manifest(platform).ok_or_else(|| ContentError::NoPlatform {
            name: name.clone(),
            platform,
            has: self.index.platforms(),
        })?;
        let manifest = self.manifest(descriptor)?;
        let layers: Result<Vec<_>, _> =
            manifest.content_to_pull()?.into_iter().map(|layer| self.layer(layer)).collect();
        Ok(content_onto(&Tree::new(), &name, &self.index, &layers?, room)?.0)
    }
}
