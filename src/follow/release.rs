//! One release: pulled, verified and unpacked, or read from where it is kept.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

use super::durable::Aside;
use super::served::{Below, Booted, Served, Unpacked, media, unpack};
use super::state::{Cause, Changes, Record, Size, StateError, Status};
use super::store::{BlobSource, Store};
use super::verify::Verifier;
use crate::image::{Blob, ContentError, Descriptor, Index, Manifest, Platform, Room, SignatureError, StoredLayer};
use crate::registry::{Client, RegistryError};
use crate::snapshot::{Digest, Tree};

/// So long a release may take: 450 MB at a megabit a second. A registry that drips must not hold up those that come later for ever.
const MAX_FETCH: Duration = Duration::from_secs(3600);

/// A release and what is in it.
#[derive(Debug)]
pub struct Release {
    /// What is known of it.
    pub record: Record,
    /// Its files.
    pub tree: Tree,
    /// What its lowest layer gave, without the bytes: the next release may have it, too.
    pub base: Arc<Tree>,
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
    /// Nobody whose key was given vouches for it.
    #[error("{name} ({digest}) is refused: {source}")]
    Signature {
        /// The reference.
        name: String,
        /// The digest of the index.
        digest: Digest,
        /// What is wrong with its signature.
        source: SignatureError,
    },
    /// It can't be kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// The unpacked content could not be frozen.
    #[error("the content can't be read: {0}")]
    Freeze(#[from] io::Error),
    /// A release is bad, whenever it is pulled again.
    #[error("{source}")]
    Bad {
        /// The digest of its index.
        digest: Digest,
        /// What is wrong with it.
        source: Box<FetchError>,
    },
    /// It does not come to an end.
    #[error("a release was not there after {} minutes; it was given up", MAX_FETCH.as_secs() / 60)]
    TooSlow,
    /// What was kept of a release is no longer there, or no longer whole.
    #[error("release {0} is no longer kept whole")]
    Lost(Digest),
    /// A fault of galley's own: it must not end the following.
    #[error("galley itself broke on this release; please report it: {0}")]
    Broken(#[from] JoinError),
}

impl FetchError {
    /// Whether the release itself is at fault, whenever it is looked at again.
    pub fn is_lasting(&self) -> bool {
        match self {
            // Of the place, not of the image.
            Self::Content(ContentError::Unpack(error)) => !error.is_of_the_place(),
            Self::Content(_) | Self::Signature { .. } => true,
            Self::Registry(error) => error.is_of_the_image(),
            Self::Bad { source, .. } => source.is_lasting(),
            Self::State(_) | Self::Freeze(_) | Self::Lost(_) | Self::TooSlow | Self::Broken(_) => false,
        }
    }

    /// The same of the release `digest`, if that is at fault.
    fn of(self, digest: Digest) -> Self {
        if self.is_lasting() { Self::Bad { digest, source: Box::new(self) } } else { self }
    }
}

/// What was pulled of a release, before its layers are.
struct Parts {
    name: String,
    digest: Digest,
    index: Index,
    index_bytes: Bytes,
    manifest: Blob,
    layers: Vec<Descriptor>,
    /// Its lower layers, if they need not be unpacked.
    below: Option<Below>,
    binary: Option<Digest>,
}

/// A layer that was pulled, and checked against its digest.
enum Pulled {
    /// It is in memory.
    Blob(Blob),
    /// It is in a file that is not kept yet.
    Aside(Descriptor, Aside),
}

/// The blobs to keep, and all layers in their order: those in files are kept at once, so that they can be read where they lie.
fn place(
    store: &Store,
    kept: Vec<Option<StoredLayer>>,
    pulled: Vec<Pulled>,
) -> Result<(Vec<Blob>, Vec<StoredLayer>), StateError> {
    let (mut blobs, mut pulled) = (Vec::new(), pulled.into_iter());
    let mut layers = Vec::with_capacity(kept.len());
    for kept in kept {
        let layer = match kept {
            Some(layer) => Some(layer),
            None => match pulled.next() {
                Some(Pulled::Aside(descriptor, aside)) => store.adopt(&descriptor, aside)?,
                Some(Pulled::Blob(blob)) => {
                    blobs.push(blob.clone());
                    Some(blob.into())
                }
                None => None,
            },
        };
        layers.extend(layer);
    }
    Ok((blobs, layers))
}

/// What gets releases from where a reference points.
#[derive(Clone, Debug)]
pub struct Fetcher {
    /// Of the reference.
    pub client: Client,
    /// What is asked for.
    pub platform: Platform,
    /// Where blobs are kept.
    pub store: Arc<Store>,
    /// Who has to vouch for releases, if somebody has to.
    pub verifier: Option<Verifier>,
}

impl Fetcher {
    /// Pulls what the reference points at now, and keeps it. Blobs that are there are not pulled again; with a verifier nothing but
    /// the index is pulled of what it refuses.
    ///
    /// Of a release that shares its lower layers with what is `served` only the others are unpacked: most of a blog is what it was.
    pub async fn fetch(&self, cause: Cause, served: Option<Served>) -> Result<Release, FetchError> {
        timeout(MAX_FETCH, self.fetch_all(cause, served)).await.unwrap_or(Err(FetchError::TooSlow))
    }

    async fn fetch_all(&self, cause: Cause, served: Option<Served>) -> Result<Release, FetchError> {
        let parts = self.parts().await?;
        let digest = parts.digest;
        self.fetch_layers(parts, cause, served).await.map_err(|error| error.of(digest))
    }

    async fn fetch_layers(
        &self,
        mut parts: Parts,
        cause: Cause,
        served: Option<Served>,
    ) -> Result<Release, FetchError> {
        let layers: Vec<Digest> = parts.layers.iter().map(|layer| layer.digest).collect();
        parts.below = served.and_then(|served| served.below(&layers));
        let (store, layers) = (Arc::clone(&self.store), parts.above().to_vec());
        let kept = spawn_blocking(move || layers.iter().map(|layer| store.layer(layer)).collect::<Vec<_>>());
        let kept = kept.await?;
        let missing = parts.above().iter().zip(&kept).filter(|(_, kept)| kept.is_none());
        let missing: Vec<&Descriptor> = missing.map(|(layer, _)| layer).collect();
        tracing::debug!("{} of {} layers are unpacked", parts.above().len(), parts.layers.len());
        let pulled = self.pull(&missing).await?;
        let store = Arc::clone(&self.store);
        // Unpacking is work for a processor, and keeping for a disk: not for the thread that answers requests.
        spawn_blocking(move || {
            let (blobs, layers) = place(&store, kept, pulled)?;
            let (kept_all, unpacked) =
                rayon::join(|| parts.keep(&store, &blobs), || parts.unpack(&layers, store.room(), cause));
            // What is wrong with the image is the better answer.
            let release = unpacked?;
            kept_all?;
            Ok(release)
        })
        .await?
    }

    /// Pulls `layers`: large ones into files, where there is a place for those.
    async fn pull(&self, layers: &[&Descriptor]) -> Result<Vec<Pulled>, FetchError> {
        let asides: Vec<Option<Aside>> =
            layers.iter().map(|layer| self.store.aside(layer)).collect::<Result<_, _>>()?;
        let files = asides.iter().map(|aside| aside.as_ref().map(|aside| aside.file.try_clone()).transpose());
        let wanted = layers.iter().zip(files).map(|(layer, file)| Ok(((*layer).clone(), file?)));
        let pulled = self.client.blobs(wanted.collect::<io::Result<_>>()?).await?;
        let pulled = layers.iter().zip(pulled).zip(asides).filter_map(|((layer, bytes), aside)| {
            let descriptor = (*layer).clone();
            match (bytes, aside) {
                (Some(bytes), _) => Some(Pulled::Blob(Blob { descriptor, bytes })),
                (None, aside) => aside.map(|aside| Pulled::Aside(descriptor, aside)),
            }
        });
        Ok(pulled.collect())
    }

    async fn parts(&self) -> Result<Parts, FetchError> {
        let (client, reference) = (&self.client, self.client.reference());
        let name = reference.to_string();
        let pulled = client.index().await?;
        let (digest, mut index) = (pulled.digest, pulled.index);
        if let Some(verifier) = &self.verifier {
            let checked = verifier.check(&name, reference.repository(), &index);
            checked.map_err(|source| FetchError::Signature { name: name.clone(), digest, source })?;
        }
        let descriptor = index.manifest(self.platform).ok_or_else(|| RegistryError::NoPlatform {
            reference: name.clone(),
            platform: self.platform,
            has: index.platforms(),
        })?;
        let (store, wanted) = (Arc::clone(&self.store), descriptor.digest);
        let manifest = match spawn_blocking(move || store.get(wanted)).await? {
            Some(bytes) => Blob { descriptor: descriptor.clone(), bytes },
            None => client.manifest_blob(descriptor).await?,
        };
        let parsed: Manifest = client.parse("a manifest", &manifest.bytes)?;
        if index.annotations.is_empty() {
            index.take_labels(&client.blob(&parsed.config).await?.bytes);
        }
        let layers = parsed.content_to_pull().map_err(ContentError::from)?.into_iter().cloned().collect();
        let binary = parsed.binary_layer().map(|layer| layer.digest);
        Ok(Parts { name, digest, index, index_bytes: pulled.bytes, manifest, layers, binary, below: None })
    }
}

impl From<&Release> for Served {
    fn from(release: &Release) -> Self {
        Self::new(release.record.layers.clone(), Arc::clone(&release.base), &release.tree)
    }
}

impl From<&Release> for Booted {
    fn from(release: &Release) -> Self {
        Self { record: release.record.clone(), served: release.into() }
    }
}

impl Release {
    /// Reads a release from where it is kept, as it was verified when it came.
    pub fn read(record: &Record, source: &impl BlobSource) -> Result<Self, FetchError> {
        let lost = || FetchError::Lost(record.digest);
        let manifest = source.blob(record.manifest).ok_or_else(lost)?;
        let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|_| lost())?;
        let layers: Option<Vec<StoredLayer>> =
            manifest.content_layers().into_iter().map(|layer| source.layer(layer)).collect();
        let index = Index {
            schema_version: 2,
            media_type: String::new(),
            manifests: Vec::new(),
            annotations: Default::default(),
        };
        let layers = layers.ok_or_else(lost)?;
        let Unpacked { tree, base, root } = unpack(None, &record.reference, &index, &layers, source.room())?;
        // By the record, which was written after all was verified.
        if root != record.content_root {
            return Err(lost());
        }
        Ok(Self { record: Record { media: media(&tree), ..record.clone() }, tree, base })
    }
}

impl Parts {
    /// The layers that have to be unpacked.
    fn above(&self) -> &[Descriptor] {
        &self.layers[self.below.as_ref().map_or(0, |below| below.layers)..]
    }

    fn keep(&self, store: &Store, pulled: &[Blob]) -> Result<(), StateError> {
        for blob in pulled {
            store.put(blob.descriptor.digest, &blob.bytes)?;
        }
        store.put(self.manifest.descriptor.digest, &self.manifest.bytes)?;
        store.put(self.digest, &self.index_bytes)
    }

    fn unpack(&self, layers: &[StoredLayer], room: Option<&Room>, cause: Cause) -> Result<Release, FetchError> {
        let Unpacked { tree, base, root } = unpack(self.below.as_ref(), &self.name, &self.index, layers, room)?;
        let record = Record {
            digest: self.digest,
            reference: self.name.clone(),
            sequence: self.index.sequence(),
            content_root: root,
            revision: self.index.revision().map(str::to_owned),
            manifest: self.manifest.descriptor.digest,
            layers: self.layers.iter().map(|layer| layer.digest).collect(),
            binary: self.binary,
            program: None,
            program_fault: None,
            media: media(&tree),
            size: Size::of(&tree),
            changes: Changes::default(),
            cause,
            fetched: Timestamp::now(),
            installed: None,
            installed_by: None,
            status: Status::Fetched,
        };
        Ok(Release { record, tree, base })
    }
}
