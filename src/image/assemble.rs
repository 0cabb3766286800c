//! From programs and content layers to a package: configs, manifests, index.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::config::Config;
use super::format::Format;
use super::layer::Layer;
use super::manifest::{Blob, CONTENT_ROOT, Descriptor, Index, Manifest, ROLE, Role, SEQUENCE};
use super::platform::Platform;
use super::signature::SigningKey;
use crate::snapshot::{ContentRoot, Digest};

/// An index is pushed at every edit: its annotations stay below this, in bytes of JSON, with the signature that they may get.
const MAX_ANNOTATIONS: usize = 600;
/// A signature with its key.
const SIGNATURE_LENGTH: usize = 120;
/// The annotation that says what the content is called.
const TITLE: &str = "org.opencontainers.image.title";
/// The annotation that says which version of it this is: the number of the release.
const VERSION: &str = "org.opencontainers.image.version";

/// Where the content comes from, for labels and annotations (annotations.md, "Pre-Defined Annotation Keys").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The blog's title.
    pub title: String,
    /// The commit.
    pub revision: Option<String>,
    /// Where its repository is.
    pub source: Option<String>,
    /// When it was committed, RFC 3339.
    pub created: Option<String>,
}

impl Origin {
    fn annotations(&self) -> BTreeMap<String, String> {
        let pairs = [("revision", &self.revision), ("source", &self.source), ("created", &self.created)];
        let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        pairs.map(|(name, value)| (format!("org.opencontainers.image.{name}"), value)).collect()
    }
}

/// The program for one platform, as a layer.
#[derive(Clone, Debug)]
pub struct Program {
    /// What it runs on.
    pub platform: Platform,
    /// The layer with it.
    pub layer: Layer,
}

/// What the images of a release have in common.
#[derive(Clone, Debug)]
pub struct Content {
    /// The content layers, lowest first.
    pub layers: Vec<Layer>,
    /// The content root of what they hold.
    pub root: ContentRoot,
    /// The release's number.
    pub sequence: u64,
}

/// The image for one platform.
#[derive(Clone, Debug)]
pub struct Image {
    /// What it runs on.
    pub platform: Platform,
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
    /// The config.
    pub config: Blob,
    /// The manifest.
    pub manifest: Blob,
}

impl Image {
    /// Whether `manifest` has the same layers in the same format: the same binary and the same content, whatever commit they
    /// come from.
    pub fn has_layers_of(&self, manifest: &Manifest) -> bool {
        let ours = self.layers.iter().map(|layer| (layer.descriptor.digest, &layer.descriptor.media_type));
        ours.eq(manifest.layers.iter().map(|layer| (layer.digest, &layer.media_type)))
    }
}

/// All images of one release, ready to be pushed or written.
#[derive(Clone, Debug)]
pub struct Package {
    /// One image a platform.
    pub images: Vec<Image>,
    /// The index: its digest is the release's name.
    pub index: Blob,
}

impl Package {
    /// Each layer once, whatever number of images has it.
    pub fn layers(&self) -> impl Iterator<Item = &Layer> {
        let mut seen = Vec::new();
        self.images.iter().flat_map(|image| &image.layers).filter(move |layer| {
            let new = !seen.contains(&layer.descriptor.digest);
            seen.push(layer.descriptor.digest);
            new
        })
    }

    /// What the manifests and the index are called.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.images.iter().map(|image| &image.manifest).chain([&self.index]).map(|blob| blob.descriptor.digest)
    }

    /// Gives a layer its blob, in all images that have it.
    pub fn fill(&mut self, digest: Digest, bytes: &Bytes) {
        let layers = self.images.iter_mut().flat_map(|image| &mut image.layers);
        layers.filter(|layer| layer.descriptor.digest == digest).for_each(|layer| layer.fill(bytes.clone()));
    }

    /// Signs the index for `repository`, the path without its host; its digest is another one then. An index in Docker's format
    /// has no place for a signature.
    pub fn sign(&mut self, repository: &str, key: &SigningKey) -> serde_json::Result<()> {
        let mut index: Index = serde_json::from_slice(&self.index.bytes)?;
        index.sign(repository, key);
        self.index = Blob::json(&self.index.descriptor.media_type, &index)?;
        Ok(())
    }

    /// The bytes of all blobs, manifests and the index.
    pub fn size(&self) -> u64 {
        let layers: u64 = self.layers().map(|layer| layer.descriptor.size).sum();
        layers + self.metadata().map(|blob| blob.descriptor.size).sum::<u64>()
    }

    /// Configs, manifests and, last, the index: what refers comes after what it refers to.
    pub fn metadata(&self) -> impl Iterator<Item = &Blob> {
        let configs = self.images.iter().map(|image| &image.config);
        configs.chain(self.images.iter().map(|image| &image.manifest)).chain([&self.index])
    }
}

/// Assembles the images of `programs` with `content`; without any, images of the programs alone. The same arguments give the
/// same bytes on any machine and day.
pub fn assemble(
    programs: &[Program],
    content: Option<&Content>,
    origin: &Origin,
    format: Format,
) -> serde_json::Result<Package> {
    let labels = labels(content, origin, format);
    let images = programs.iter().map(|program| image(program, content, origin, &labels, format));
    let images = images.collect::<serde_json::Result<Vec<_>>>()?;
    let manifests = images
        .iter()
        .map(|image| Descriptor { platform: Some(image.platform.fields()), ..image.manifest.descriptor.clone() });
    let media_types = format.media_types();
    let index = Index {
        schema_version: 2,
        media_type: media_types.index.to_owned(),
        manifests: manifests.collect(),
        annotations: if format == Format::Docker { BTreeMap::new() } else { index_annotations(content, origin) },
    };
    Ok(Package { images, index: Blob::json(media_types.index, &index)? })
}

fn image(
    program: &Program,
    content: Option<&Content>,
    origin: &Origin,
    labels: &BTreeMap<String, String>,
    format: Format,
) -> serde_json::Result<Image> {
    let media_types = format.media_types();
    let layers = std::iter::once(&program.layer).chain(content.iter().flat_map(|content| &content.layers)).cloned();
    let roles = [Role::Binary, Role::Base].into_iter().chain(std::iter::repeat(Role::Delta));
    let layers: Vec<Layer> = layers.zip(roles).map(|(layer, role)| spelled(layer, role, format)).collect();
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id).collect();
    let sequence = content.map(|content| content.sequence);
    let config = Config::new(program.platform, origin.created.as_deref(), labels.clone(), sequence, diff_ids);
    let config = Blob::json(media_types.config, &config)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: media_types.manifest.to_owned(),
        config: config.descriptor.clone(),
        layers: layers.iter().map(|layer| layer.descriptor.clone()).collect(),
    };
    let manifest = Blob::json(media_types.manifest, &manifest)?;
    Ok(Image { platform: program.platform, layers, config, manifest })
}

/// The layer with the media type of `format`, whose bytes are the same in both, and with its role where there are annotations.
fn spelled(mut layer: Layer, role: Role, format: Format) -> Layer {
    layer.descriptor.media_type = format.media_types().layer.to_owned();
    layer.descriptor.annotations.clear();
    if format == Format::Oci {
        layer.descriptor.annotations.insert(ROLE.to_owned(), role.name().to_owned());
    }
    layer
}

fn annotations(content: Option<&Content>, origin: &Origin) -> BTreeMap<String, String> {
    let mut annotations = origin.annotations();
    if let Some(content) = content {
        annotations.insert(CONTENT_ROOT.to_owned(), content.root.to_string());
        annotations.insert(SEQUENCE.to_owned(), content.sequence.to_string());
    }
    annotations
}

/// What the index says. Two things that stand elsewhere as well are left out where there is no room for them.
fn index_annotations(content: Option<&Content>, origin: &Origin) -> BTreeMap<String, String> {
    let mut annotations = annotations(content, origin);
    let version = content.map(|content| content.sequence.to_string());
    let title = Some(origin.title.clone()).filter(|title| !title.is_empty());
    for (name, value) in [(TITLE, title), (VERSION, version)] {
        let Some(value) = value else { continue };
        annotations.insert(name.to_owned(), value);
        // Texts can always be written as JSON.
        let length = serde_json::to_vec(&annotations).map_or(usize::MAX, |bytes| bytes.len());
        if length + SIGNATURE_LENGTH >= MAX_ANNOTATIONS {
            annotations.remove(name);
        }
    }
    annotations
}

/// A config has labels where an index has annotations; in Docker's format they are all there is.
fn labels(content: Option<&Content>, origin: &Origin, format: Format) -> BTreeMap<String, String> {
    let mut labels = annotations(content, origin);
    match content.filter(|_| format == Format::Docker) {
        Some(content) => drop(labels.insert(VERSION.to_owned(), content.sequence.to_string())),
        // The environment has it.
        None => drop(labels.remove(SEQUENCE)),
    }
    labels.insert(TITLE.to_owned(), origin.title.clone());
    labels
}

#[cfg(test)]
mod tests;
