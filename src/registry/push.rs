//! Putting an image into a registry: blobs first, the tag last.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};

use super::client::Client;
use super::error::RegistryError;
use crate::image::{Blob, Image};
use crate::snapshot::Digest;

/// What a push moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Bytes sent: blobs that were missing, manifest and index.
    pub bytes: u64,
    /// Blobs that the registry had already.
    pub kept: usize,
}

impl Client {
    /// Pushes `image` and moves the tag to it. `previous` is what the tag pointed at when the image was made: there is no
    /// compare-and-swap of a tag, so it is looked at again just before and after.
    pub async fn push(&self, image: &Image, previous: Option<Digest>) -> Result<Pushed, RegistryError> {
        let mut pushed = Pushed::default();
        for blob in image.blobs() {
            if self.has_blob(blob).await? {
                pushed.kept += 1;
            } else {
                self.push_blob(blob).await?;
                pushed.bytes += blob.descriptor.size;
            }
        }
        let own = image.manifest.descriptor.digest.to_string();
        self.put_manifest(&own, &image.manifest).await?;
        self.expect_tag(previous).await?;
        self.put_manifest(self.reference.tag(), &image.index).await?;
        self.expect_tag(Some(image.index.descriptor.digest)).await?;
        pushed.bytes += image.manifest.descriptor.size + image.index.descriptor.size;
        Ok(pushed)
    }

    async fn expect_tag(&self, expected: Option<Digest>) -> Result<(), RegistryError> {
        let found = match self.index().await {
            Ok(pulled) => Some(pulled.digest),
            Err(RegistryError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        if found == expected { Ok(()) } else { Err(RegistryError::Overtaken(self.reference.to_string())) }
    }

    async fn has_blob(&self, blob: &Blob) -> Result<bool, RegistryError> {
        let url = self.url(&format!("blobs/{}", blob.descriptor.digest))?;
        let response = self.send(&url, reqwest::Client::head).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.failed("a look at a blob", response).await),
        }
    }

    /// In one piece: registries differ in how they take several.
    async fn push_blob(&self, blob: &Blob) -> Result<(), RegistryError> {
        const ACTION: &str = "an upload of a blob";
        let url = self.url("blobs/uploads/")?;
        let started = self.send(&url, |http, url| http.post(url).header(CONTENT_LENGTH, 0)).await?;
        if started.status() != StatusCode::ACCEPTED {
            return Err(self.failed(ACTION, started).await);
        }
        let mut upload = self.location(&url, &started)?;
        upload.query_pairs_mut().append_pair("digest", &blob.descriptor.digest.to_string());
        let finished = self
            .send(&upload, |http, url| {
                http.put(url).header(CONTENT_TYPE, "application/octet-stream").body(blob.bytes.clone())
            })
            .await?;
        if finished.status() != StatusCode::CREATED {
            return Err(self.failed(ACTION, finished).await);
        }
        Ok(())
    }

    async fn put_manifest(&self, name: &str, blob: &Blob) -> Result<(), RegistryError> {
        let url = self.url(&format!("manifests/{name}"))?;
        let media_type = blob.descriptor.media_type.as_str();
        let put = self
            .send(&url, |http, url| {
                http.put(url).header(CONTENT_TYPE, media_type).header(ACCEPT, "*/*").body(blob.bytes.clone())
            })
            .await?;
        match put.status() {
            StatusCode::CREATED | StatusCode::OK => Ok(()),
            _ => Err(self.failed("a push of a manifest", put).await),
        }
    }
}
