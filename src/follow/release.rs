//! One release: pulled, verified and unpacked.

use std::collections::HashMap;
use std::io;

use bytes::Bytes;
use tokio::task::{JoinError, spawn_blocking};

use super::verify::Verifier;
use crate::image::{Blob, ContentError, Descriptor, Index, Platform, SignatureError, content};
use crate::registry::{Client, RegistryError};
use crate::snapshot::{Digest, Tree};

/// What is installed: its name, and its layers for the next release to share.
#[derive(Debug)]
pub struct Release {
    /// The digest of the index.
    pub digest: Digest,
    /// The number that its maker gave it.
    pub sequence: u64,
    blobs: HashMap<Digest, Bytes>,
}

/// Why a release can't be had or is refused.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The registry's fault, or the way there.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The image's fault.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Nobody who is trusted vouches for it.
    #[error("{name} ({digest}) is refused: {source}")]
    Signature {
        /// The reference.
        name: String,
        /// The digest of the index.
        digest: Digest,
        /// What is wrong with its signature.
        source: SignatureError,
    },
    /// The unpacked content could not be frozen.
    #[error("the content can't be read: {0}")]
    Freeze(#[from] io::Error),
    /// A fault of galley's own: it must not end the following.
    #[error("galley itself broke on this release; please report it: {0}")]
    Broken(#[from] JoinError),
}

impl Release {
    /// Pulls what the client's reference points at. Layers that `previous` has are not pulled again; with a `verifier` nothing
    /// but the index is pulled of what it refuses.
    pub async fn fetch(
        client: &Client,
        platform: Platform,
        previous: Option<&Self>,
        verifier: Option<&Verifier>,
    ) -> Result<(Self, Tree), FetchError> {
        let pulled = client.index().await?;
        if let Some(verifier) = verifier {
            let (reference, digest) = (client.reference(), pulled.digest);
            let name = reference.to_string();
            let checked = verifier.check(&name, reference.repository(), &pulled.index);
            checked.map_err(|source| FetchError::Signature { name, digest, source })?;
        }
        let manifest = client.manifest(&pulled.index, platform).await?;
        let layers = manifest.content_layers();
        let known = |descriptor: &Descriptor| previous?.blobs.get(&descriptor.digest);
        let missing: Vec<_> = layers.iter().copied().filter(|layer| known(layer).is_none()).collect();
        let mut pulled_blobs = client.blobs(&missing).await?.into_iter();
        let had = |descriptor: &&Descriptor| {
            known(descriptor).map(|bytes| Blob { descriptor: (*descriptor).clone(), bytes: bytes.clone() })
        };
        let blobs = layers.iter().filter_map(|layer| had(layer).or_else(|| pulled_blobs.next())).collect();
        let name = client.reference().to_string();
        // Unpacking is work for a processor, not for the thread that answers requests.
        spawn_blocking(move || Self::unpack(&name, pulled.digest, &pulled.index, blobs)).await?
    }

    fn unpack(name: &str, digest: Digest, index: &Index, blobs: Vec<Blob>) -> Result<(Self, Tree), FetchError> {
        let tree = content(name, index, &blobs)?;
        let blobs = blobs.into_iter().map(|blob| (blob.descriptor.digest, blob.bytes)).collect();
        Ok((Self { digest, sequence: index.sequence(), blobs }, tree))
    }
}
