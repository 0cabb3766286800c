//! Putting an image into a registry: blobs first, the tag last.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::client::Client;
use super::error::{Action, RegistryError};
use super::exchange::Attempts;
use super::parallel::parallel;
use super::upload::Arrived;
use crate::image::{Blob, Descriptor, Manifest, Package};
use crate::snapshot::Digest;

/// A registry of several servers may show the tag as it was for a moment after it took the new index.
const SETTLING: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1)];

/// What is to be pushed.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Layers and configs.
    pub blobs: Vec<OutgoingBlob<'a>>,
    /// The manifests that the index names.
    pub manifests: Vec<&'a Blob>,
    /// What the tag will point at.
    pub index: &'a Blob,
}

/// A layer or a config.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingBlob<'a> {
    /// What names it.
    pub descriptor: &'a Descriptor,
    /// Its bytes; without them the registry has to have it.
    pub bytes: Option<&'a Bytes>,
    /// Whether the registry has it for sure: it is not asked then.
    pub known: bool,
}

impl<'a> OutgoingBlob<'a> {
    /// What has its bytes at hand and may not be there yet.
    pub(super) fn of(blob: &'a Blob) -> Self {
        Self { descriptor: &blob.descriptor, bytes: Some(&blob.bytes), known: false }
    }
}

impl<'a> Outgoing<'a> {
    /// All of `package`.
    pub fn of(package: &'a Package) -> Self {
        let blob = |descriptor, bytes| OutgoingBlob { descriptor, bytes, known: false };
        let layers = package.layers().map(|layer| blob(&layer.descriptor, layer.packed()));
        let configs = package.images.iter().map(|image| blob(&image.config.descriptor, Some(&image.config.bytes)));
        Self {
            blobs: layers.chain(configs).collect(),
            manifests: package.images.iter().map(|image| &image.manifest).collect(),
            index: &package.index,
        }
    }

    /// What `manifests`, which were pulled from the same repository, refer to is known to be there.
    #[must_use]
    pub fn knowing<'b>(mut self, manifests: impl IntoIterator<Item = &'b Manifest>) -> Self {
        let referred = |manifest: &'b Manifest| manifest.layers.iter().chain([&manifest.config]);
        let known: Vec<Digest> = manifests.into_iter().flat_map(referred).map(|blob| blob.digest).collect();
        for blob in &mut self.blobs {
            blob.known |= known.contains(&blob.descriptor.digest);
        }
        self
    }
}

/// What a push moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Bytes sent: blobs that were missing, manifests and index.
    pub bytes: u64,
    /// Blobs that the registry had already.
    pub kept: usize,
    /// Blobs that the registry took over from another repository.
    pub mounted: usize,
}

impl Client {
    /// Pushes `outgoing` and moves the tag to it. `previous` is what the tag pointed at when the image was made: there is no
    /// compare-and-swap of a tag (distribution-spec#251), so it is looked at again just before and after.
    pub async fn push(&self, outgoing: &Outgoing<'_>, previous: Option<Digest>) -> Result<Pushed, RegistryError> {
        let client = self.clone().for_push();
        let mut pushed = client.push_blobs(outgoing).await?;
        if let Err(error) = client.put_manifests(&outgoing.manifests).await {
            // What was known to be there may have been swept since.
            if !is_blob_unknown(&error) || !outgoing.blobs.iter().any(|blob| blob.known) {
                return Err(error);
            }
            let doubted = outgoing.blobs.iter().map(|blob| OutgoingBlob { known: false, ..*blob }).collect();
            let more = client.push_blobs(&Outgoing { blobs: doubted, ..outgoing.clone() }).await?;
            pushed = Pushed { bytes: pushed.bytes + more.bytes, ..more };
            client.put_manifests(&outgoing.manifests).await?;
        }
        client.move_tag(outgoing.index, previous).await?;
        let manifests = outgoing.manifests.iter().chain([&outgoing.index]);
        pushed.bytes += manifests.map(|blob| blob.descriptor.size).sum::<u64>();
        Ok(pushed)
    }

    /// Asks for all blobs first, so that it is clear what has to be sent, and that it can be.
    pub(super) async fn push_blobs(&self, outgoing: &Outgoing<'_>) -> Result<Pushed, RegistryError> {
        let mut blobs: Vec<OutgoingBlob<'_>> = Vec::new();
        for blob in &outgoing.blobs {
            // The same layer in the images of several platforms is one.
            if blobs.iter().all(|other| other.descriptor.digest != blob.descriptor.digest) {
                blobs.push(*blob);
            }
        }
        let asked = blobs.iter().map(|blob| {
            let (client, descriptor, known) = (self.clone(), blob.descriptor.clone(), blob.known);
            async move { if known { Ok(true) } else { client.has_blob(&descriptor).await } }
        });
        let there = parallel(asked).await?;
        let mut missing = Vec::new();
        let mut pushed = Pushed::default();
        for (blob, there) in blobs.iter().zip(there) {
            if there {
                pushed.kept += 1;
                continue;
            }
            // Without bytes, and without a repository to take it from, there is no use in beginning.
            if blob.bytes.is_none() && self.mount_from.is_none() {
                return Err(RegistryError::Gone { host: self.host(), digest: blob.descriptor.digest });
            }
            missing.push((blob.descriptor.clone(), blob.bytes.cloned()));
        }
        missing.iter().for_each(|(blob, _)| self.progress.planned(blob.digest, blob.size));
        let sent = missing.into_iter().map(|(blob, bytes)| {
            let client = self.clone();
            async move { Ok((client.push_blob(&blob, bytes.as_ref()).await?, blob.size)) }
        });
        for (arrived, size) in parallel(sent).await? {
            match arrived {
                Arrived::Sent => pushed.bytes += size,
                Arrived::Mounted => pushed.mounted += 1,
            }
        }
        Ok(pushed)
    }

    async fn put_manifests(&self, manifests: &[&Blob]) -> Result<(), RegistryError> {
        let puts = manifests.iter().map(|blob| {
            let (client, blob) = (self.clone(), (*blob).clone());
            async move { client.put_manifest(&blob.descriptor.digest.to_string(), &blob).await }
        });
        parallel(puts).await.map(drop)
    }

    /// The loser of two pushes is told so, and leaves the tag to the winner.
    async fn move_tag(&self, index: &Blob, previous: Option<Digest>) -> Result<(), RegistryError> {
        let ours = Some(index.descriptor.digest);
        let mut attempts = Attempts::default();
        let mut found = self.tag_digest().await?;
        // Somebody else pushed the same, or only what it refers to was missing.
        if found == ours {
            return Ok(());
        }
        loop {
            if found != previous {
                return Err(self.overtaken());
            }
            match self.put_manifest_once(self.reference().tag(), index).await {
                Ok(()) => break,
                Err(error) => self.before_next(&mut attempts, error).await?,
            }
            // What was cut may have arrived, and somebody else may have been faster since: it is not sent again unseen.
            found = self.tag_digest().await?;
            if found == ours {
                return Ok(());
            }
        }
        found = self.tag_digest().await?;
        for pause in SETTLING {
            if found != previous || found == ours {
                break;
            }
            tokio::time::sleep(pause).await;
            found = self.tag_digest().await?;
        }
        if found == ours { Ok(()) } else { Err(self.overtaken()) }
    }

    fn overtaken(&self) -> RegistryError {
        RegistryError::Overtaken(self.reference().to_string())
    }

    /// Under its own digest, or a tag that depends on nothing else: that may be sent as often as one likes.
    pub(super) async fn put_manifest(&self, name: &str, blob: &Blob) -> Result<(), RegistryError> {
        let mut attempts = Attempts::default();
        loop {
            match self.put_manifest_once(name, blob).await {
                Ok(()) => return Ok(()),
                Err(error) => self.before_next(&mut attempts, error).await?,
            }
        }
    }

    async fn put_manifest_once(&self, name: &str, blob: &Blob) -> Result<(), RegistryError> {
        let url = self.url(&format!("manifests/{name}"))?;
        let media_type = blob.descriptor.media_type.as_str();
        let put = |http: &reqwest::Client, url| {
            http.put(url).header(CONTENT_TYPE, media_type).header(ACCEPT, "*/*").body(blob.bytes.clone())
        };
        let answer = self.send_once(Action::PushManifest, &url, &put, None).await?;
        match answer.status() {
            StatusCode::CREATED | StatusCode::OK => Ok(()),
            _ => Err(self.failed(Action::PushManifest, answer).await),
        }
    }
}

/// distribution-spec, "Error Codes": a manifest refers to a blob that is not there.
fn is_blob_unknown(error: &RegistryError) -> bool {
    let RegistryError::Status { status: 400 | 404, message, .. } = error else { return false };
    message.contains("manifest_blob_unknown") || message.contains("blob_unknown")
}
