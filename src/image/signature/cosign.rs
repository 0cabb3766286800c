//! The same key's signature as cosign has it, so that others can verify: a small image under a tag of its own (sigstore/cosign,
//! specs/SIGNATURE_SPEC.md).
//!
//! cosign makes ECDSA keys, and verifies whatever a PEM holds; for ed25519 that is the pure scheme up to cosign 2.

use bytes::Bytes;
use serde_json::json;

use super::SigningKey;
use crate::image::format::Format;
use crate::image::manifest::{Blob, Descriptor, Manifest};
use crate::snapshot::Digest;

/// The media type of what cosign signs: the "simple signing" JSON of containers/image (containers-signature.5).
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Annotation of such a layer: the signature of its bytes in base64.
pub const COSIGN_SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// The image that holds the signatures of one digest: each is a layer.
#[derive(Clone, Debug)]
pub struct CosignImage {
    /// What was signed by this key.
    pub payload: Blob,
    /// A config that says nothing but which layers there are.
    pub config: Blob,
    /// The manifest, which belongs under the tag.
    pub manifest: Blob,
}

impl CosignImage {
    /// Signs `digest`, which `reference` names, host and repository without a tag. Signatures of others that are `there` already
    /// stay. `None` if this one is among them.
    pub fn signing(
        reference: &str,
        digest: Digest,
        key: &SigningKey,
        there: Option<&Manifest>,
    ) -> serde_json::Result<Option<Self>> {
        let media_types = Format::Oci.media_types();
        let payload = payload(reference, digest);
        let mut descriptor = Descriptor::of(SIMPLE_SIGNING, &payload);
        descriptor.annotations.insert(COSIGN_SIGNATURE.to_owned(), key.sign(&payload).to_string());
        let mut layers = there.map(|manifest| manifest.layers.clone()).unwrap_or_default();
        if layers.contains(&descriptor) {
            return Ok(None);
        }
        layers.push(descriptor.clone());
        // They are not compressed: a layer's digest is its diff_id as well.
        let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
        let config =
            json!({"architecture": "", "config": {}, "os": "", "rootfs": {"diff_ids": diff_ids, "type": "layers"}});
        let config = Blob::json(media_types.config, &config)?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: media_types.manifest.to_owned(),
            config: config.descriptor.clone(),
            layers,
        };
        let manifest = Blob::json(media_types.manifest, &manifest)?;
        Ok(Some(Self { payload: Blob { descriptor, bytes: payload }, config, manifest }))
    }

    /// The bytes of all of it.
    pub fn size(&self) -> u64 {
        [&self.payload, &self.config, &self.manifest].into_iter().map(|blob| blob.descriptor.size).sum()
    }
}

/// The bytes as cosign itself writes them.
fn payload(reference: &str, digest: Digest) -> Bytes {
    let payload = json!({
        "critical": {
            "identity": {"docker-reference": reference},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    payload.to_string().into()
}
