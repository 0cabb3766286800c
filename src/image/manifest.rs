//! Indexes, manifests and descriptors: OCI image specification 1.1, and Docker's equal types when reading.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::format::Format;
use super::platform::{Platform, PlatformFields};
use crate::snapshot::Digest;

/// Annotation of an index: the content root.
pub const CONTENT_ROOT: &str = "dev.galley.content-root";
/// Annotation of an index: the number of the release, the previous one's plus one.
pub const SEQUENCE: &str = "dev.galley.sequence";
/// Annotation of a layer's descriptor: what the layer holds.
pub const ROLE: &str = "dev.galley.role";

/// Media types of an index, for `Accept`.
pub const INDEX_TYPES: [&str; 2] = [Format::Oci.media_types().index, Format::Docker.media_types().index];
/// Media types of a manifest, for `Accept`.
pub const MANIFEST_TYPES: [&str; 2] = [Format::Oci.media_types().manifest, Format::Docker.media_types().manifest];

/// The most content layers that are pulled: overlay2 takes no more either.
const MAX_CONTENT_LAYERS: usize = 125;
/// The most bytes that they may have together. Of galley's own images a base has at most half of it, and its deltas a quarter of that.
const MAX_CONTENT: u64 = 1 << 30;

/// More content than galley pulls, as far as the descriptors say.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the image has {layers} content layers of {size} bytes together; galley takes at most {MAX_CONTENT_LAYERS} of \
     {MAX_CONTENT} bytes: pack it again with --full"
)]
pub struct ContentLimit {
    layers: usize,
    size: u64,
}

/// What a layer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `/galley` and the folder of its state.
    Binary,
    /// The whole tree.
    Base,
    /// Changes to the layers below.
    Delta,
}

impl Role {
    /// The annotation's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Base => "base",
            Self::Delta => "delta",
        }
    }
}

/// A reference to a blob (descriptor.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    pub media_type: String,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// The number of its bytes.
    pub size: u64,
    /// For a manifest in an index: what it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformFields>,
    /// Further facts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The descriptor of `bytes`.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }

    /// What the layer holds, if its descriptor says.
    pub fn role(&self) -> Option<Role> {
        let name = self.annotations.get(ROLE)?;
        [Role::Binary, Role::Base, Role::Delta].into_iter().find(|role| role.name() == name)
    }
}

/// Bytes with the descriptor that names them.
#[derive(Clone, Debug)]
pub struct Blob {
    /// What names them.
    pub descriptor: Descriptor,
    /// The bytes.
    pub bytes: Bytes,
}

impl Blob {
    /// `value` as JSON, without white space and with keys in the order of its type: equal values give equal bytes.
    pub(super) fn json(media_type: &str, value: &impl Serialize) -> serde_json::Result<Self> {
        let bytes = Bytes::from(serde_json::to_vec(value)?);
        Ok(Self { descriptor: Descriptor::of(media_type, &bytes), bytes })
    }
}

/// The images of one release, one a platform (image-index.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Its own media type.
    #[serde(default)]
    pub media_type: String,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
    /// Content root, sequence and origin.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// Whether writing it anew gives the bytes with this `digest`. In others there may be more than galley reads and signs, and another
    /// reader may go by that.
    pub fn is_written_as(&self, digest: Digest) -> bool {
        Blob::json(&self.media_type, self).is_ok_and(|blob| blob.descriptor.digest == digest)
    }

    /// The manifest for `platform`.
    pub fn manifest(&self, platform: Platform) -> Option<&Descriptor> {
        self.manifests.iter().find(|manifest| manifest.platform.as_ref().is_some_and(|fields| platform.is(fields)))
    }

    /// The platforms that it has manifests for, as a reader would write them.
    pub fn platforms(&self) -> String {
        let names: Vec<_> =
            self.manifests.iter().filter_map(|manifest| manifest.platform.as_ref().map(ToString::to_string)).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// The content root that it promises, as it is written.
    pub fn content_root(&self) -> Option<&str> {
        self.annotations.get(CONTENT_ROOT).map(String::as_str)
    }

    /// Takes over what the labels in `config` say, the bytes of a config: Docker's format has no annotations.
    pub fn take_labels(&mut self, config: &[u8]) {
        #[derive(Deserialize)]
        struct Config {
            #[serde(default)]
            config: Execution,
        }
        #[derive(Default, Deserialize)]
        struct Execution {
            #[serde(default, rename = "Labels")]
            labels: Option<BTreeMap<String, String>>,
        }
        // A config that can't be read says nothing; whether it has to is for the engine that runs it.
        let Ok(config) = serde_json::from_slice::<Config>(config) else { return };
        let known = |(name, _): &(String, String)| {
            name.starts_with("dev.galley.") || name.starts_with("org.opencontainers.image.")
        };
        self.annotations.extend(config.config.labels.unwrap_or_default().into_iter().filter(known));
    }

    /// The commit that the release was made from, if it says.
    pub fn revision(&self) -> Option<&str> {
        self.annotations.get("org.opencontainers.image.revision").map(String::as_str)
    }

    /// The release's number; 0 for an index that is not galley's.
    pub fn sequence(&self) -> u64 {
        self.annotations.get(SEQUENCE).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// One image (manifest.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Its own media type.
    #[serde(default)]
    pub media_type: String,
    /// The config blob.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
}

impl Manifest {
    /// The layer that holds the program, if a role says so.
    pub fn binary_layer(&self) -> Option<&Descriptor> {
        self.layers.iter().find(|layer| layer.role() == Some(Role::Binary))
    }

    /// The layers that hold the tree: those whose role says so, or all of an image without roles.
    pub fn content_layers(&self) -> Vec<&Descriptor> {
        let has_roles = self.layers.iter().any(|layer| layer.role().is_some());
        let holds_content = |layer: &&Descriptor| !has_roles || matches!(layer.role(), Some(Role::Base | Role::Delta));
        self.layers.iter().filter(holds_content).collect()
    }

    /// The same, to be pulled: it is refused before a byte is if it is too much.
    pub fn content_to_pull(&self) -> Result<Vec<&Descriptor>, ContentLimit> {
        let content = self.content_layers();
        let layers = content.len();
        let size = content.iter().fold(0u64, |sum, layer| sum.saturating_add(layer.size));
        if layers > MAX_CONTENT_LAYERS || size > MAX_CONTENT {
            return Err(ContentLimit { layers, size });
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_content_than_is_pulled_is_refused_by_its_descriptors() {
        let layer = Descriptor::of("application/vnd.oci.image.layer.v1.tar+gzip", b"");
        let limit = |layers: usize, size: u64| {
            let layers = vec![Descriptor { size, ..layer.clone() }; layers];
            let manifest = Manifest { schema_version: 2, media_type: String::new(), config: layer.clone(), layers };
            manifest.content_to_pull().map(|content| content.len())
        };
        assert_eq!(limit(125, 1 << 20), Ok(125));
        assert_eq!(limit(126, 1), Err(ContentLimit { layers: 126, size: 126 }));
        assert!(
            limit(3, 400 << 20).unwrap_err().to_string().contains("has 3 content layers of 1258291200 bytes together")
        );
        assert!(limit(2, u64::MAX).is_err());
    }
}
