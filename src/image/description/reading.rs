//! Reading what an image says of itself: index, manifests, configs.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{DescriptionError, LayerDescription, MAX_MANIFESTS, MAX_METADATA, Other, OtherKind, PlatformImage, sum};
use crate::image::format::Format;
use crate::image::manifest::{Blob, Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest, Role};
use crate::image::platform::PlatformFields;
use crate::snapshot::Digest;

/// Media types of configs that say how an image is run; those of other artifacts say anything.
pub(super) const CONFIG_TYPES: [&str; 2] = [Format::Oci.media_types().config, Format::Docker.media_types().config];
/// Annotations by which BuildKit tells what a manifest without a platform is for.
pub(super) const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
pub(super) const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// A manifest with what it says of itself.
#[derive(Deserialize)]
pub(super) struct Annotated {
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

pub(super) enum Root {
    Index(Index),
    Manifest(Annotated),
}

/// A root that doesn't say what it is is known by its shape, as `mediaType` is optional in OCI's.
pub(super) fn kind(root: &Blob) -> Result<Root, DescriptionError> {
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
pub(super) fn other_kind(descriptor: &Descriptor) -> Option<OtherKind> {
    let unknown = |fields: &PlatformFields| fields.os == "unknown" && fields.architecture == "unknown";
    let is_manifest = MANIFEST_TYPES.contains(&descriptor.media_type.as_str());
    match descriptor.annotations.get(REFERENCE_TYPE).map(String::as_str) {
        Some("attestation-manifest") => Some(OtherKind::Attestation),
        _ if INDEX_TYPES.contains(&descriptor.media_type.as_str()) => Some(OtherKind::Index),
        _ if !is_manifest || descriptor.platform.as_ref().is_some_and(unknown) => Some(OtherKind::Unknown),
        _ => None,
    }
}

/// An image that is being described.
pub(super) struct Reading<F> {
    pub(super) fetch: F,
    /// Of each blob that belongs to the image.
    pub(super) sizes: HashMap<Digest, u64>,
    /// Annotations and labels, the first ones that are said.
    pub(super) facts: BTreeMap<String, String>,
    pub(super) created: Option<String>,
}

impl<E: From<DescriptionError>, F: FnMut(&Descriptor) -> Result<Bytes, E>> Reading<F> {
    pub(super) fn takes(&mut self, descriptor: &Descriptor) {
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

    pub(super) fn image(&mut self, descriptor: &Descriptor, read: Option<Annotated>) -> Result<PlatformImage, E> {
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

    pub(super) fn other(&mut self, kind: OtherKind, descriptor: &Descriptor) -> Result<Other, E> {
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
