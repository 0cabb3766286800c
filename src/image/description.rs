//! What an image is, whoever made it: told from its index, manifests and configs, without its layers.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::manifest::{Blob, CONTENT_ROOT, Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest, Role, SEQUENCE};
use super::platform::{Platform, PlatformFields};
use crate::snapshot::Digest;

/// Annotation of an index: the signature of its maker.
pub const SIGNATURE: &str = "dev.galley.signature";

/// The most manifests of an index that are looked at: a public image has some thirty, attestations included.
const MAX_MANIFESTS: usize = 200;
/// Manifests and configs above this are refused, as registries refuse them, in bytes.
const MAX_METADATA: u64 = 4 << 20;
/// Media types of configs that say how an image is run; those of other artifacts say anything.
const CONFIG_TYPES: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// Annotations by which BuildKit tells what a manifest without a platform is for.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

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

/// A manifest with what it says of itself.
#[derive(Deserialize)]
struct Annotated {
    #[serde(flatten)]
    manifest: Manifest,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What is read of a config. Docker writes `null` where nothing is.
#[derive(Default, Deserialize)]
struct ConfigFile {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    created: Option<String>,
    config: Option<Execution>,
    rootfs: Option<RootFs>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    user: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

impl ConfigFile {
    fn platform(&self) -> Option<PlatformFields> {
        let (os, architecture) = (self.os.clone()?, self.architecture.clone()?);
        let variant = self.variant.clone().filter(|variant| !variant.is_empty());
        (!os.is_empty() && !architecture.is_empty()).then_some(PlatformFields { architecture, os, variant })
    }
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

enum Root {
    Index(Index),
    Manifest(Annotated),
}

/// A root that doesn't say what it is is known by its shape, as `mediaType` is optional in OCI's.
fn kind(root: &Blob) -> Result<Root, DescriptionError> {
    #[derive(Deserialize)]
    struct Shape {
        manifests: Option<IgnoredAny>,
        layers: Option<IgnoredAny>,
    }
    let (digest, media_type) = (root.descriptor.digest, root.descriptor.media_type.as_str());
    let json = |source| DescriptionError::Json { digest, source };
    let said = [(INDEX_TYPES, true), (MANIFEST_TYPES, false)];
    let said = said.iter().find(|(types, _)| types.contains(&media_type)).map(|(_, is_index)| *is_index);
    let shape = |shape: Shape| match (shape.manifests, shape.layers) {
        (Some(_), None) => Some(true),
        (None, Some(_)) => Some(false),
        _ => None,
    };
    let is_index = match said {
        Some(said) => Some(said),
        None if ["", "application/json", "application/octet-stream"].contains(&media_type) => {
            shape(serde_json::from_slice(&root.bytes).map_err(json)?)
        }
        None => None,
    };
    match is_index {
        Some(true) => {
            let index: Index = serde_json::from_slice(&root.bytes).map_err(json)?;
            match index.manifests.len() {
                found if found > MAX_MANIFESTS => Err(DescriptionError::TooMany { digest, found }),
                _ => Ok(Root::Index(index)),
            }
        }
        Some(false) => Ok(Root::Manifest(serde_json::from_slice(&root.bytes).map_err(json)?)),
        None => Err(DescriptionError::Foreign { digest, media_type: media_type.chars().take(100).collect() }),
    }
}

/// What an entry of an index is, if it is no image.
fn other_kind(descriptor: &Descriptor) -> Option<OtherKind> {
    let unknown = |fields: &PlatformFields| fields.os == "unknown" && fields.architecture == "unknown";
    let is_manifest = MANIFEST_TYPES.contains(&descriptor.media_type.as_str());
    match descriptor.annotations.get(REFERENCE_TYPE).map(String::as_str) {
        Some("attestation-manifest") => Some(OtherKind::Attestation),
        _ if INDEX_TYPES.contains(&descriptor.media_type.as_str()) => Some(OtherKind::Index),
        _ if !is_manifest || descriptor.platform.as_ref().is_some_and(unknown) => Some(OtherKind::Unknown),
        _ => None,
    }
}

struct Reading<F> {
    fetch: F,
    /// Of each blob that belongs to the image.
    sizes: HashMap<Digest, u64>,
    /// Annotations and labels, the first ones that are said.
    facts: BTreeMap<String, String>,
    created: Option<String>,
}

impl<E: From<DescriptionError>, F: FnMut(&Descriptor) -> Result<Bytes, E>> Reading<F> {
    fn takes(&mut self, descriptor: &Descriptor) {
        self.sizes.insert(descriptor.digest, descriptor.size);
    }

    fn get<T: DeserializeOwned>(&mut self, descriptor: &Descriptor) -> Result<T, E> {
        let Descriptor { digest, size, .. } = *descriptor;
        if size > MAX_METADATA {
            return Err(DescriptionError::TooLong { digest, size }.into());
        }
        let bytes = (self.fetch)(descriptor)?;
        let json = |source| E::from(DescriptionError::Json { digest, source });
        serde_json::from_slice(&bytes).map_err(json)
    }

    fn image(&mut self, descriptor: &Descriptor, read: Option<Annotated>) -> Result<PlatformImage, E> {
        let Annotated { manifest, annotations } = match read {
            Some(read) => read,
            None => self.get(descriptor)?,
        };
        let is_image = CONFIG_TYPES.contains(&manifest.config.media_type.as_str());
        let config: ConfigFile = if is_image { self.get(&manifest.config)? } else { ConfigFile::default() };
        let platform = descriptor.platform.clone().or_else(|| config.platform());
        let size = self.size_of(descriptor, &manifest);
        let Execution { user, entrypoint, cmd, exposed_ports, labels } = config.config.unwrap_or_default();
        for (name, value) in annotations.iter().chain(labels.iter().flatten()) {
            self.facts.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self.created = self.created.take().or(config.created);
        let layer = |layer: &Descriptor| LayerDescription {
            digest: layer.digest,
            size: layer.size,
            media_type: layer.media_type.clone(),
            role: layer.role().map(Role::name),
            platforms: 1,
        };
        Ok(PlatformImage {
            platform: platform.map(|fields| fields.to_string()),
            digest: descriptor.digest,
            media_type: descriptor.media_type.clone(),
            size,
            user,
            entrypoint: entrypoint.unwrap_or_default(),
            command: cmd.unwrap_or_default(),
            ports: exposed_ports.unwrap_or_default().into_keys().collect(),
            layers: manifest.layers.iter().map(layer).collect(),
            diff_ids: config.rootfs.unwrap_or_default().diff_ids,
            manifest,
        })
    }

    fn other(&mut self, kind: OtherKind, descriptor: &Descriptor) -> Result<Other, E> {
        let is_manifest = MANIFEST_TYPES.contains(&descriptor.media_type.as_str());
        let size = if is_manifest {
            let manifest: Manifest = self.get(descriptor)?;
            self.size_of(descriptor, &manifest)
        } else {
            self.takes(descriptor);
            descriptor.size
        };
        Ok(Other {
            kind,
            digest: descriptor.digest,
            media_type: descriptor.media_type.clone(),
            size,
            about: descriptor.annotations.get(REFERENCE_DIGEST).cloned(),
        })
    }

    /// The bytes of the manifest and all that it names.
    fn size_of(&mut self, descriptor: &Descriptor, manifest: &Manifest) -> u64 {
        let all = [descriptor, &manifest.config].into_iter().chain(&manifest.layers);
        let own: HashMap<Digest, u64> = all.map(|blob| (blob.digest, blob.size)).collect();
        self.sizes.extend(&own);
        sum(&own)
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
