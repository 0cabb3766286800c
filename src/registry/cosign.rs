//! cosign's signatures: a small image under a tag made of the digest that it is about (sigstore/cosign,
//! specs/SIGNATURE_SPEC.md).

use std::sync::Arc;

use reqwest::StatusCode;
use reqwest::header::ACCEPT;

use super::client::Client;
use super::error::{Action, RegistryError};
use super::parallel::parallel;
use super::pull::accepted;
use super::push::{Outgoing, OutgoingBlob};
use crate::image::{CosignImage, Manifest, SigningKey};
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

    /// Signs each of `digests` in cosign's way, where that key has not done so, and gives the bytes pushed for each of those. What
    /// others have signed stays.
    pub async fn sign_for_cosign(
        &self,
        key: &Arc<SigningKey>,
        digests: impl IntoIterator<Item = Digest>,
    ) -> Result<Vec<u64>, RegistryError> {
        let signed = digests.into_iter().map(|digest| {
            let (client, key) = (self.clone(), Arc::clone(key));
            async move { client.sign_one(&key, digest).await }
        });
        Ok(parallel(signed).await?.into_iter().flatten().collect())
    }

    async fn sign_one(&self, key: &SigningKey, digest: Digest) -> Result<Option<u64>, RegistryError> {
        let there = self.cosign_signatures(digest).await?;
        let name = format!("{}/{}", self.host(), self.reference().repository());
        let image = CosignImage::signing(&name, digest, key, there.as_ref());
        let Some(image) = image.map_err(|error| self.malformed("a manifest", &error.to_string()))? else {
            return Ok(None);
        };
        self.push_cosign_signatures(digest, &image).await?;
        Ok(Some(image.size()))
    }

    /// Pushes cosign's signatures of `digest`. The tag is written last; whoever wrote it meanwhile is written over, as cosign
    /// does it.
    pub async fn push_cosign_signatures(&self, digest: Digest, image: &CosignImage) -> Result<(), RegistryError> {
        let client = self.clone().for_push();
        let blobs = [&image.payload, &image.config].map(OutgoingBlob::of).into();
        client.push_blobs(&Outgoing { blobs, manifests: Vec::new(), index: &image.manifest }).await?;
        client.put_manifest(&tag(digest), &image.manifest).await
    }
}

fn tag(digest: Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}
