//! Looking at an image, whoever made it.

use reqwest::StatusCode;
use reqwest::header::ACCEPT;

use super::client::Client;
use super::error::{Action, RegistryError};
use super::parallel::parallel;
use super::pull::accepted;
use crate::image::{Blob, Descriptor, INDEX_TYPES, MANIFEST_TYPES};
use crate::snapshot::Digest;

impl Client {
    /// Pulls what the reference points at, an index or a manifest, as it was sent.
    pub async fn root(&self) -> Result<Blob, RegistryError> {
        let (bytes, media_type) = self.manifest_bytes(&self.name()).await?;
        let descriptor = Descriptor::of(&media_type, &bytes);
        match self.reference().digest().filter(|wanted| *wanted != descriptor.digest) {
            Some(digest) => Err(RegistryError::Mismatch { host: self.host(), digest }),
            None => Ok(Blob { descriptor, bytes }),
        }
    }

    /// Pulls a manifest that an index lists, and checks it.
    pub async fn manifest_blob(&self, descriptor: &Descriptor) -> Result<Blob, RegistryError> {
        let (bytes, _) = self.manifest_bytes(&descriptor.digest.to_string()).await?;
        if Digest::of(&bytes) != descriptor.digest {
            return Err(RegistryError::Mismatch { host: self.host(), digest: descriptor.digest });
        }
        Ok(Blob { descriptor: descriptor.clone(), bytes })
    }

    /// Which of these manifests and blobs the registry does not have: what a tag refers to may have been swept.
    pub async fn missing(&self, wanted: &[Descriptor]) -> Result<Vec<Digest>, RegistryError> {
        let asked = wanted.iter().cloned().map(|wanted| {
            let client = self.clone();
            async move {
                let is_there = match [INDEX_TYPES, MANIFEST_TYPES].concat().contains(&wanted.media_type.as_str()) {
                    true => client.has_manifest(wanted.digest).await?,
                    false => client.has_blob(&wanted).await?,
                };
                Ok((!is_there).then_some(wanted.digest))
            }
        });
        Ok(parallel(asked).await?.into_iter().flatten().collect())
    }

    async fn has_manifest(&self, digest: Digest) -> Result<bool, RegistryError> {
        let url = self.url(&format!("manifests/{digest}"))?;
        let head = |http: &reqwest::Client, url| http.head(url).header(ACCEPT, accepted());
        let response = self.send(Action::LookAtTag, &url, head).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.failed(Action::LookAtTag, response).await),
        }
    }
}
