//! cosign's signatures: a small image under a tag made of the digest that it is about (sigstore/cosign,
//! specs/SIGNATURE_SPEC.md).

use reqwest::StatusCode;
use reqwest::header::ACCEPT;

use super::client::Client;
use super::error::{Action, RegistryError};
use super::pull::accepted;
use super::push::{Outgoing, OutgoingBlob};
use crate::image::{CosignImage, Manifest};
use crate::snapshot::Digest;

impl Client {
    /// Whether the repository has cosign's signature of `digest`. What it says is not checked.
    pub async fn has_cosign_signature(&self, digest: Digest) -> Result<bool, RegistryError> {
        let url = self.url(&format!("manifests/{}", tag(digest)))?;
        let response =
            self.send(Action::LookAtTag, &url, |http, url| http.head(url).header(ACCEPT, accepted())).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.failed(Action::LookAtTag, response).await),
        }
    }

    /// The manifest with cosign's signatures of `digest`; `None` if there are none.
    pub async fn cosign_signatures(&self, digest: Digest) -> Result<Option<Manifest>, RegistryError> {
        let (bytes, _) = match self.manifest_bytes(&tag(digest)).await {
            Err(RegistryError::NotFound(_)) => return Ok(None),
            found => found?,
        };
        let manifest = serde_json::from_slice(&bytes);
        manifest.map(Some).map_err(|error| self.malformed("a manifest", &error.to_string()))
    }

    /// Pushes cosign's signatures of `digest`. The tag is written last; whoever wrote it meanwhile is written over, as cosign
    /// does it.
    pub async fn push_cosign_signatures(&self, digest: Digest, image: &CosignImage) -> Result<(), RegistryError> {
        let client = self.clone().for_push();
        let blob = |blob| OutgoingBlob::of(blob);
        let blobs = [&image.payload, &image.config].map(blob).into();
        client.push_blobs(&Outgoing { blobs, manifests: Vec::new(), index: &image.manifest }).await?;
        client.put_manifest(&tag(digest), &image.manifest).await
    }
}

fn tag(digest: Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}
