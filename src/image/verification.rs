//! Whether an image that lies in a folder is what it promises, down to the last byte of its layers.

use std::collections::{HashMap, HashSet};

use super::content::{ContentError, content};
use super::description::{Description, PlatformImage};
use super::diff_id::{ArchiveError, LayerArchive, read_archive};
use super::layout::{LayoutError, LayoutImages};
use super::manifest::{Blob, Descriptor};
use crate::snapshot::{Digest, Tree};

/// What is wrong with an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageFault {
    /// A layer is not there, or can't be read.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A layer that is damaged, or a bomb.
    #[error("layer {digest} {source}")]
    Archive {
        /// The layer.
        digest: Digest,
        /// What it does.
        source: ArchiveError,
    },
    /// A layer with other bytes than its descriptor says.
    #[error("layer {digest} does not match its digest or size")]
    Mismatch {
        /// The layer.
        digest: Digest,
    },
    /// A config that lies. Instances of galley go by the content root and would not notice; engines refuse it.
    #[error("{platform}: the config promises the diff_id {promised} of layer {digest}, but it is {found}")]
    DiffId {
        /// Whose config.
        platform: String,
        /// The layer.
        digest: Digest,
        /// What the config says.
        promised: String,
        /// What it is.
        found: Digest,
    },
    /// A config with another number of layers.
    #[error("{platform}: the config promises {promised} layers, but there are {found}")]
    Count {
        /// Whose config.
        platform: String,
        /// What the config says.
        promised: usize,
        /// What the manifest lists.
        found: usize,
    },
    /// Layers that don't hold the content that is promised.
    #[error(transparent)]
    Content(#[from] ContentError),
}

/// What came of reading all of an image.
#[derive(Debug, Default)]
pub struct Verification {
    /// What is wrong with it.
    pub faults: Vec<ImageFault>,
    /// Layers whose diff_id is not known, because galley does not read their compression.
    pub unread: Vec<Digest>,
}

impl Verification {
    /// Reads every layer of the image called `name`.
    pub fn of(name: &str, images: &LayoutImages, description: &Description) -> Self {
        let mut found = Self::default();
        let archives = found.archives(images, description);
        for image in &description.platforms {
            found.diff_ids(image, &archives);
        }
        // What is damaged can't hold what is promised, and has been said.
        let layers = || description.platforms.iter().flat_map(|image| &image.layers);
        let has_content = description.content_root.is_some() || layers().any(|layer| layer.role.is_some());
        if found.faults.is_empty() && has_content {
            found.contents(name, images, description);
        }
        found
    }

    fn archives(&mut self, images: &LayoutImages, description: &Description) -> HashMap<Digest, LayerArchive> {
        let mut archives = HashMap::new();
        let mut seen = HashSet::new();
        for layer in description.platforms.iter().flat_map(|image| &image.manifest.layers) {
            // A second descriptor of the same blob may promise another size.
            if !seen.insert((layer.digest, layer.size)) {
                continue;
            }
            match archive(images, layer) {
                Ok(archive) => {
                    if archive.diff_id.is_none() {
                        self.unread.push(layer.digest);
                    }
                    archives.insert(layer.digest, archive);
                }
                Err(fault) => self.faults.push(fault),
            }
        }
        archives
    }

    fn diff_ids(&mut self, image: &PlatformImage, archives: &HashMap<Digest, LayerArchive>) {
        let (layers, promised) = (&image.manifest.layers, &image.diff_ids);
        let platform = image.platform.clone().unwrap_or_else(|| image.digest.to_string());
        // Artifacts that are no images have a config without any.
        if promised.len() != layers.len() && !(promised.is_empty() && image.platform.is_none()) {
            self.faults.push(ImageFault::Count { platform, promised: promised.len(), found: layers.len() });
            return;
        }
        for (layer, promised) in layers.iter().zip(promised) {
            let found = archives.get(&layer.digest).and_then(|archive| archive.diff_id);
            if let Some(found) = found.filter(|found| found.to_string() != *promised) {
                let (platform, promised) = (platform.clone(), promised.chars().take(100).collect());
                self.faults.push(ImageFault::DiffId { platform, digest: layer.digest, promised, found });
            }
        }
    }

    /// Platforms share their content, which is unpacked once.
    fn contents(&mut self, name: &str, images: &LayoutImages, description: &Description) {
        let mut seen = HashSet::new();
        for image in &description.platforms {
            let layers = image.manifest.content_layers();
            if !seen.insert(layers.iter().map(|layer| layer.digest).collect::<Vec<_>>()) {
                continue;
            }
            let blobs = image.manifest.content_to_pull().map_err(ContentError::from).and_then(|layers| {
                Ok(layers.into_iter().map(|layer| images.blob(layer)).collect::<Result<Vec<_>, _>>()?)
            });
            let tree = blobs.and_then(|blobs| content_of(name, description, &blobs));
            if let Err(error) = tree {
                self.faults.push(error.into());
            }
        }
    }
}

/// The tree in the content layers of a described image, lowest first, if it is what the image promises.
pub fn content_of(name: &str, description: &Description, layers: &[Blob]) -> Result<Tree, ContentError> {
    Ok(content(name, &description.promises(), layers)?.0)
}

fn archive(images: &LayoutImages, layer: &Descriptor) -> Result<LayerArchive, ImageFault> {
    let (digest, file) = (layer.digest, images.open(layer)?);
    let archive = read_archive(&layer.media_type, file).map_err(|source| ImageFault::Archive { digest, source })?;
    match archive.digest == digest && archive.length == layer.size {
        true => Ok(archive),
        false => Err(ImageFault::Mismatch { digest }),
    }
}
