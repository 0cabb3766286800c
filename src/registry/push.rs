//! Putting an image into a registry: blobs first, the tag last.

use std::io;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};

use super::client::Client;
use super::error::RegistryError;
use crate::image::{Blob, Descriptor, Package};
use crate::snapshot::Digest;

/// What a push moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Bytes sent: blobs that were missing, manifest and index.
    pub bytes: u64,
    /// Blobs that the registry had already.
    pub kept: usize,
}

/// What a push may have to move.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Layers and configs; those without bytes are in the registry already.
    pub blobs: Vec<(&'a Descriptor, Option<Bytes>)>,
    /// One manifest a platform.
    pub manifests: Vec<&'a Blob>,
    /// What the tag will point at.
    pub index: &'a Blob,
}

impl<'a> Outgoing<'a> {
    /// All that `package` is made of.
    pub fn of(package: &'a Package) -> io::Result<Self> {
        let layers = package.layers().map(|layer| Ok((&layer.descriptor, layer.bytes()?)));
        let configs =
            package.images.iter().map(|image| Ok((&image.config.descriptor, Some(image.config.bytes.clone()))));
        Ok(Self {
            blobs: layers.chain(configs).collect::<io::Result<_>>()?,
            manifests: package.images.iter().map(|image| &image.manifest).collect(),
            index: &package.index,
        })
    }
}

impl Client {
    /// Pushes what `outgoing` names and moves the tag to it. `previous` is what the tag pointed at when the image was made: there is no
    /// compare-and-swap of a tag, so it is looked at again just before and after.
    pub async fn push(&self, outgoing: Outgoing<'_>, previous: Option<Digest>) -> Result<Pushed, RegistryError> {
        let mut pushed = Pushed::default();
        for (descriptor, bytes) in outgoing.blobs {
            if self.has_blob(descriptor).await? {
                pushed.kept += 1;
                continue;
            }
            let Some(bytes) = bytes else { return Err(RegistryError::NotFound(descriptor.digest.to_string())) };
            self.push_blob(&Blob { descriptor: descriptor.clone(), bytes }).await?;
            pushed.bytes += descriptor.size;
        }
        for manifest in outgoing.manifests {
            self.put_manifest(&manifest.descriptor.digest.to_string(), manifest).await?;
            pushed.bytes += manifest.descriptor.size;
        }
        self.expect_tag(previous).await?;
        self.put_manifest(self.reference.tag(), outgoing.index).await?;
        self.expect_tag(Some(outgoing.index.descriptor.digest)).await?;
        pushed.bytes += outgoing.index.descriptor.size;
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

    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        let url = self.url(&format!("blobs/{}", descriptor.digest))?;
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
