//! Looking at an image, whoever made it.

use super::client::Client;
use super::error::RegistryError;
use crate::image::{Blob, Descriptor};
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
}
