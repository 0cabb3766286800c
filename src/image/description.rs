//! What an image is, whoever made it: told from its index, manifests and configs, without its layers.

mod reading;

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use serde::Serialize;

use self::reading::{Reading, Root, kind, other_kind};

use super::manifest::{Blob, CONTENT_ROOT, Descriptor, INDEX_TYPES, Index, Manifest, SEQUENCE};
use super::platform::Platform;
use super::signature::SIGNATURE;
use crate::snapshot::Digest;

/// The most manifests of an index that are looked at: a public image has some thirty, attestations included.
const MAX_MANIFESTS: usize = 200;
/// Manifests and configs above this are refused, as registries refuse them, in bytes.
const MAX_METADATA: u64 = 4 << 20;

/// Why an image can't be described.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// JSON of another shape than the specification's.
    #[error("{digest} can't be read: {source}")]
    Json {
        /// The index, manifest or config.
        digest: Digest,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Neither an index nor a manifest.
    #[error("{digest} is no image: its type is `{media_type}`, and galley reads those of OCI and of Docker's schema 2")]
    Foreign {
        /// What it is called.
        digest: Digest,
        /// What it says that it is.
        media_type: String,
    },
    /// A size that no manifest and no config has.
    #[error(
        "{digest} is refused: it has {size} bytes, and galley reads {MAX_METADATA} of a manifest or a config at most"
    )]
    TooLong {
        /// The manifest or config.
        digest: Digest,
        /// Its length as its descriptor has it, in bytes.
        size: u64,
    },
    /// A length that no index has.
    #[error("{digest} lists {found} manifests; galley looks at {MAX_MANIFESTS} at most")]
    TooMany {
        /// The index.
        digest: Digest,
        /// How many it lists.
        found: usize,
    },
}

/// An image. As JSON it is what `galley inspect --json` prints: fields are added, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Of the index, or of the manifest of an image without one.
    pub digest: Digest,
    /// Of the same.
    pub media_type: String,
    /// Bytes of all that belongs to it; what is shared counts once.
    pub size: u64,
    /// The content root that it promises, as it is written.
    pub content_root: Option<String>,
    /// The number of the release.
    pub sequence: Option<u64>,
    /// Where it comes from.
    pub origin: OriginFields,
    /// Whether galley's signature is in the index. It is not checked here.
    pub signed: bool,
    /// One image a platform.
    pub platforms: Vec<PlatformImage>,
    /// What else the index lists.
    pub others: Vec<Other>,
    /// Bytes of layers that several platforms have, each layer counted once.
    pub shared: u64,
}

/// Annotations of org.opencontainers.image, or labels of the same names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OriginFields {
    /// What it is called.
    pub title: Option<String>,
    /// Which version of it.
    pub version: Option<String>,
    /// The commit.
    pub revision: Option<String>,
    /// Where its repository is.
    pub source: Option<String>,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
}

/// The image for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlatformImage {
    /// As `linux/arm/v7`; `None` if neither index nor config says.
    pub platform: Option<String>,
    /// Of the manifest.
    pub digest: Digest,
    /// Of the manifest.
    pub media_type: String,
    /// Bytes that a pull of it moves: manifest, config and layers.
    pub size: u64,
    /// Whom it runs as; empty is root.
    pub user: Option<String>,
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// Further arguments.
    pub command: Vec<String>,
    /// Ports that it says it listens on.
    pub ports: Vec<String>,
    /// The layers, lowest first.
    pub layers: Vec<LayerDescription>,
    /// The digests that the config promises of the layers' archives, as they are written.
    #[serde(skip)]
    pub diff_ids: Vec<String>,
    /// The manifest itself.
    #[serde(skip)]
    pub manifest: Manifest,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerDescription {
    /// Of the compressed archive.
    pub digest: Digest,
    /// Bytes of the same.
    pub size: u64,
    /// What it is.
    pub media_type: String,
    /// What galley put into it.
    pub role: Option<&'static str>,
    /// How many of the platforms have it.
    pub platforms: usize,
}

/// What an index lists besides images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Other {
    /// What it is.
    pub kind: OtherKind,
    /// What it is called.
    pub digest: Digest,
    /// What it says that it is.
    pub media_type: String,
    /// Its own bytes and those of its layers.
    pub size: u64,
    /// For an attestation: the manifest that it is about.
    pub about: Option<String>,
}

/// Kinds of entries that are no images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OtherKind {
    /// What BuildKit says of how an image was built.
    Attestation,
    /// An index in the index.
    Index,
    /// Something else.
    Unknown,
}

impl Description {
    /// Describes the image whose index or manifest is `root`; `fetch` gets further manifests and configs, each checked against
    /// its descriptor.
    pub fn of<E: From<DescriptionError>>(
        root: &Blob,
        fetch: impl FnMut(&Descriptor) -> Result<Bytes, E>,
    ) -> Result<Self, E> {
        let mut reading = Reading { fetch, sizes: HashMap::new(), facts: BTreeMap::new(), created: None };
        reading.takes(&root.descriptor);
        let mut others = Vec::new();
        let mut platforms = Vec::new();
        match kind(root)? {
            Root::Index(index) => {
                for descriptor in &index.manifests {
                    match other_kind(descriptor) {
                        Some(kind) => others.push(reading.other(kind, descriptor)?),
                        None => platforms.push(reading.image(descriptor, None)?),
                    }
                }
                // What the index says goes before what the configs say.
                reading.facts.extend(index.annotations);
            }
            Root::Manifest(manifest) => platforms.push(reading.image(&root.descriptor, Some(manifest))?),
        }
        count_platforms(&mut platforms);
        let shared = platforms.iter().flat_map(|image| &image.layers).filter(|layer| layer.platforms > 1);
        let shared: HashMap<Digest, u64> = shared.map(|layer| (layer.digest, layer.size)).collect();
        let fact = |name: &str| reading.facts.get(name).cloned();
        let origin = |name: &str| fact(&format!("org.opencontainers.image.{name}"));
        Ok(Self {
            digest: root.descriptor.digest,
            media_type: root.descriptor.media_type.clone(),
            size: sum(&reading.sizes),
            content_root: fact(CONTENT_ROOT),
            sequence: fact(SEQUENCE).and_then(|text| text.parse().ok()),
            origin: OriginFields {
                title: origin("title"),
                version: origin("version"),
                revision: origin("revision"),
                source: origin("source"),
                created: origin("created").or(reading.created),
            },
            signed: fact(SIGNATURE).is_some(),
            platforms,
            others,
            shared: sum(&shared),
        })
    }
}

impl Description {
    /// The image for `platform`, or else the first one: what they hold is the same.
    pub fn image_for(&self, platform: Option<Platform>) -> Option<&PlatformImage> {
        let is_own = |image: &&PlatformImage| {
            let text = image.platform.as_deref();
            platform.is_some() && text.and_then(|text| text.parse().ok()) == platform
        };
        self.platforms.iter().find(is_own).or(self.platforms.first())
    }

    /// What the content is compared with: an index that promises what this one does, wherever it says so.
    pub(super) fn promises(&self) -> Index {
        let root = self.content_root.iter().map(|root| (CONTENT_ROOT.to_owned(), root.clone()));
        Index {
            schema_version: 2,
            media_type: INDEX_TYPES[0].to_owned(),
            manifests: Vec::new(),
            annotations: root.collect(),
        }
    }
}

/// Descriptors may say anything: what is too much stays too much.
fn sum(sizes: &HashMap<Digest, u64>) -> u64 {
    sizes.values().fold(0, |sum, size| sum.saturating_add(*size))
}

/// Tells each layer how many of the platforms have it.
fn count_platforms(images: &mut [PlatformImage]) {
    let mut counts: HashMap<Digest, usize> = HashMap::new();
    for image in &*images {
        let own: HashSet<Digest> = image.layers.iter().map(|layer| layer.digest).collect();
        own.into_iter().for_each(|digest| *counts.entry(digest).or_default() += 1);
    }
    for layer in images.iter_mut().flat_map(|image| &mut image.layers) {
        layer.platforms = counts.get(&layer.digest).copied().unwrap_or(1);
    }
}

#[cfg(test)]
mod tests;
