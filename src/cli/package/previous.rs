//! The image that a new one takes the place of: what need not be made or moved again.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

use super::place::{Place, is_damage};
use super::signing::Trust;
use crate::cache::Cache;
use crate::image::{
    CONTENT_ROOT, Descriptor, Format, Index, Known, Manifest, Package, Platform, ROLE, Role, SEQUENCE, list, record,
};
use crate::registry::at_once;
use crate::snapshot::Digest;

/// The group of the cache that holds what is known of layers.
const LAYERS: &str = "layers";
/// The group that holds manifests and configs, which their digests name.
const METADATA: &str = "metadata";
/// A config or manifest that is longer is not kept.
const MAX_METADATA: u64 = 256 << 10;

/// What is at a destination before a new image comes there.
pub(super) struct Previous<'a> {
    pub(super) digest: Digest,
    pub(super) sequence: u64,
    pub(super) index: Index,
    /// Why neither programs nor pages are taken over from it.
    pub(super) doubt: Option<&'static str>,
    /// The manifests of galley's platforms, with roles.
    manifests: BTreeMap<Platform, Manifest>,
    pub(super) place: &'a Place,
    cache: Option<&'a Cache>,
}

/// What galley reads of a config.
#[derive(Deserialize)]
struct ConfigFields {
    #[serde(default)]
    config: Execution,
    rootfs: RootFs,
}

#[derive(Default, Deserialize)]
struct Execution {
    #[serde(default, rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "Entrypoint")]
    entrypoint: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

impl<'a> Previous<'a> {
    /// What is at `place` now, to be read; `None` if nothing is.
    pub(super) async fn of_base(place: &'a Place, cache: Option<&'a Cache>) -> anyhow::Result<Option<Self>> {
        Self::read(place, cache, false).await
    }

    /// What is at `place` now, to be replaced; `None` if nothing is. With `full` it need not be an image.
    pub(super) async fn at_destination(
        place: &'a Place,
        cache: Option<&'a Cache>,
        full: bool,
    ) -> anyhow::Result<Option<Self>> {
        let found = Self::read(place, cache, true).await;
        let Place::Registry(client) = place else { return found };
        match found {
            // Its digest still tells whether somebody else pushes meanwhile.
            Err(error) if is_damage(&error) && full => {
                // The number goes on where it can be read.
                let index = place.index().await.ok().flatten().map(|(_, index)| index).unwrap_or_default();
                Ok(client.tag_digest().await?.map(|digest| Self {
                    digest,
                    sequence: index.sequence(),
                    index,
                    doubt: None,
                    manifests: BTreeMap::new(),
                    place,
                    cache,
                }))
            }
            Err(error) if is_damage(&error) => {
                let reference = client.reference();
                Err(error.context(format!(
                    "{reference} is no image that galley can read; push to another tag, or write over it with --full"
                )))
            }
            found => found,
        }
    }

    /// With `mends`, what a disk has damaged counts as not there, because it will be written again.
    async fn read(place: &'a Place, cache: Option<&'a Cache>, mends: bool) -> anyhow::Result<Option<Self>> {
        let Some((digest, index)) = place.index().await? else { return Ok(None) };
        let (sequence, manifests) = (index.sequence(), BTreeMap::new());
        let mut previous = Self { digest, sequence, index, doubt: None, manifests, place, cache };
        let manifests = at_once(Platform::ALL.map(|platform| previous.manifest_of(platform))).await;
        for (platform, manifest) in Platform::ALL.into_iter().zip(manifests) {
            match manifest {
                Ok(Some(manifest)) => drop(previous.manifests.insert(platform, manifest)),
                Ok(None) => {}
                Err(error) if mends && place.is_damaged(&error) => tracing::warn!("{error:#}; it is written again"),
                Err(error) => return Err(error),
            }
        }
        match previous.read_labels().await {
            Err(error) if mends && place.is_damaged(&error) => tracing::warn!("{error:#}; it is written again"),
            read => read?,
        }
        Ok(Some(previous))
    }

    /// The same, from which nothing is taken over unless `trust` vouches for it.
    pub(super) fn judged_by(self, trust: Option<&Trust>) -> Self {
        let other_bytes = || {
            let is_own = self.index.is_written_as(self.digest);
            (!is_own).then_some("its index has more in it than galley writes and a signature covers")
        };
        Self { doubt: trust.and_then(|trust| trust.doubt(&self.index).or_else(other_bytes)), ..self }
    }

    /// The same as an older release that was put back, from which nothing is taken over either.
    pub(super) fn put_back(self) -> Self {
        let doubt = "it is older than what was pushed from here, so whoever may push could have put it back";
        Self { doubt: Some(doubt), ..self }
    }

    /// Docker's format has no annotations: what they say stands in the labels of the configs, and the order of the layers tells
    /// their roles.
    async fn read_labels(&mut self) -> anyhow::Result<()> {
        let is_bare = |manifest: &Manifest| manifest.layers.iter().all(|layer| layer.role().is_none());
        let Some(bare) = self.manifests.values().find(|manifest| is_bare(manifest)) else { return Ok(()) };
        let execution = self.config(&bare.config).await?.config;
        let labels = execution.labels.unwrap_or_default();
        // Programs alone are one layer, and nothing is said of content.
        let is_dockers = bare.media_type == Format::Docker.media_types().manifest;
        let is_program =
            is_dockers && bare.layers.len() == 1 && execution.entrypoint.is_some_and(|words| words == ["/galley"]);
        if !labels.contains_key(CONTENT_ROOT) && !is_program {
            return Ok(());
        }
        self.sequence = labels.get(SEQUENCE).and_then(|text| text.parse().ok()).unwrap_or(self.sequence);
        for manifest in self.manifests.values_mut() {
            let roles = [Role::Binary, Role::Base].into_iter().chain(std::iter::repeat(Role::Delta));
            for (layer, role) in manifest.layers.iter_mut().zip(roles) {
                layer.annotations.insert(ROLE.to_owned(), role.name().to_owned());
            }
        }
        Ok(())
    }

    async fn manifest_of(&self, platform: Platform) -> anyhow::Result<Option<Manifest>> {
        let Some(descriptor) = self.index.manifest(platform) else { return Ok(None) };
        if let Some(manifest) = self.kept(descriptor).and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(Some(manifest));
        }
        self.place.manifest(&self.index, platform).await
    }

    /// What the cache has of a manifest or a config: it is checked like anything that comes from elsewhere.
    fn kept(&self, descriptor: &Descriptor) -> Option<Vec<u8>> {
        let bytes = self.cache?.blob(METADATA, &descriptor.digest.bytes())?;
        (Digest::of(&bytes) == descriptor.digest).then_some(bytes)
    }

    async fn config(&self, descriptor: &Descriptor) -> anyhow::Result<ConfigFields> {
        if let Some(config) = self.kept(descriptor).and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(config);
        }
        let had = self.place.blob(descriptor).await;
        let blob = had.with_context(|| format!("its config {} can't be had", descriptor.digest))?;
        Ok(serde_json::from_slice(&blob.bytes)?)
    }

    /// The layer of the program for `platform`, and the digest of its archive.
    pub(super) async fn program(&self, platform: Platform) -> anyhow::Result<Option<(Descriptor, Digest)>> {
        let Some(manifest) = self.manifests.get(&platform) else { return Ok(None) };
        let position = manifest.layers.iter().position(|layer| layer.role() == Some(Role::Binary));
        let Some(position) = position else { return Ok(None) };
        let config = self.config(&manifest.config).await?;
        let diff_id = config.rootfs.diff_ids.get(position).context("a config names fewer layers than there are")?;
        Ok(Some((manifest.layers[position].clone(), *diff_id)))
    }

    /// The digest of the archive in a layer, as a config says it; `None` if no layer of that digest is there.
    pub(super) async fn diff_id(&self, layer: Digest) -> anyhow::Result<Option<Digest>> {
        for manifest in self.manifests.values() {
            if let Some(position) = manifest.layers.iter().position(|own| own.digest == layer) {
                return Ok(self.config(&manifest.config).await?.rootfs.diff_ids.get(position).copied());
            }
        }
        Ok(None)
    }

    /// What is known of the content layers: from the cache, or from the layers themselves. None if the image is not of the kind
    /// that can be built upon.
    pub(super) async fn content(&self) -> anyhow::Result<Vec<Known>> {
        let Some(manifest) = self.manifests.values().next() else { return Ok(Vec::new()) };
        let has_base = manifest.layers.iter().any(|layer| layer.role() == Some(Role::Base));
        let layers = manifest.content_to_pull()?;
        let shared = self.manifests.values().all(|other| other.content_layers() == layers);
        if !has_base || !shared {
            return Ok(Vec::new());
        }
        at_once(layers.into_iter().map(|descriptor| self.known(descriptor))).await.into_iter().collect()
    }

    async fn known(&self, descriptor: &Descriptor) -> anyhow::Result<Known> {
        let key = descriptor.digest.bytes();
        let kept = self.cache.and_then(|cache| cache.blob(LAYERS, &key));
        if let Some(known) = kept.and_then(|bytes| Known::from_record(descriptor, &bytes)) {
            return Ok(known);
        }
        let blob = self.place.blob(descriptor).await?;
        let (listing, diff_id) = list(descriptor, &blob.bytes)?;
        keep(self.cache, LAYERS, &key, &record(diff_id, &listing));
        Ok(Known { descriptor: descriptor.clone(), diff_id, listing })
    }

    /// Whether `package` is what is there: the same platforms, each with the same layers.
    pub(super) fn is_same(&self, package: &Package) -> bool {
        let same = |image: &crate::image::Image| {
            self.manifests.get(&image.platform).is_some_and(|manifest| image.has_layers_of(manifest))
        };
        package.images.len() == self.manifests.len() && package.images.iter().all(same)
    }

    /// Whether it is said to hold a program for `platform`.
    pub(super) fn has_program(&self, platform: Platform) -> bool {
        self.manifests.get(&platform).is_some_and(|manifest| manifest.binary_layer().is_some())
    }

    /// All that it refers to: manifests, configs and layers.
    pub(super) fn parts(&self) -> Vec<Descriptor> {
        let blobs = |manifest: &Manifest| manifest.layers.iter().chain([&manifest.config]).cloned().collect::<Vec<_>>();
        let mut parts: Vec<Descriptor> = self.index.manifests.clone();
        for part in self.manifests.values().flat_map(blobs) {
            if parts.iter().all(|other| other.digest != part.digest) {
                parts.push(part);
            }
        }
        parts
    }

    /// Whether no layer of it is said to hold a program.
    pub(super) fn is_foreign(&self) -> bool {
        self.manifests.values().all(|manifest| manifest.binary_layer().is_none())
    }

    /// What the index and its manifests are called.
    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        self.index.manifests.iter().map(|manifest| manifest.digest).chain([self.digest])
    }

    /// The manifests that are there.
    pub(super) fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values()
    }

    /// Whether a layer of that digest is there.
    pub(super) fn has_layer(&self, digest: Digest) -> bool {
        self.manifests.values().flat_map(|manifest| &manifest.layers).any(|layer| layer.digest == digest)
    }

    /// The platforms that are there and not in `package`.
    pub(super) fn platforms_beside(&self, package: &Package) -> Vec<Platform> {
        let packed = |platform: &Platform| package.images.iter().any(|image| image.platform == *platform);
        self.manifests.keys().copied().filter(|platform| !packed(platform)).collect()
    }
}

/// Keeps what the next run will ask of this package: its small parts, and the listing of its new layer.
pub(super) fn remember(
    cache: Option<&Cache>,
    package: &Package,
    new: Option<(Digest, Digest, &crate::image::Listing)>,
) {
    for blob in package.metadata().filter(|blob| blob.descriptor.size <= MAX_METADATA) {
        keep(cache, METADATA, &blob.descriptor.digest.bytes(), &blob.bytes);
    }
    if let Some((layer, diff_id, listing)) = new {
        keep(cache, LAYERS, &layer.bytes(), &record(diff_id, listing));
    }
    for kind in [METADATA, LAYERS] {
        if let Some(Err(error)) = cache.map(|cache| cache.sweep(kind)) {
            tracing::debug!("the cache can't be swept: {error}");
        }
    }
}

pub(super) fn keep(cache: Option<&Cache>, kind: &str, key: &[u8; 32], bytes: &[u8]) {
    // The next run makes again what could not be kept.
    if let Some(Err(error)) = cache.map(|cache| cache.keep_blob(kind, key, bytes)) {
        tracing::debug!("nothing can be kept in the cache: {error}");
    }
}
