//! Where an image is: in a registry, or in a folder as an OCI layout.

use std::path::PathBuf;

use anyhow::Context;

pub(super) use crate::cli::image::Name;
use crate::image::{
    Blob, Descriptor, Index, Layout, LayoutError, Manifest, Package, Platform, layout_is_whole, read_layout,
};
use crate::registry::{Client, Reference, RegistryError, Transport};
use crate::snapshot::Digest;

/// An image's place, opened.
pub(super) enum Place {
    Registry(Client),
    /// With the image that is in the folder, if there is one.
    Layout(PathBuf, Option<Layout>),
}

impl Place {
    /// The place of the image that is made.
    pub(super) fn open(name: &Name, transport: &Transport) -> anyhow::Result<Self> {
        Self::with(name, transport, Client::for_push)
    }

    /// The same, which takes over what the base has already instead of getting it sent, if that is in the same registry.
    pub(super) fn mounting_from(self, base: Option<&Name>) -> Self {
        match (self, base) {
            (Self::Registry(client), Some(Name::Registry(base))) => Self::Registry(client.mounting_from(base)),
            (place, _) => place,
        }
    }

    /// The place of an image that is only read; `pushed` is where the one that is made goes to, whose registry the password of the
    /// environment is meant for.
    pub(super) fn open_to_read(name: &Name, transport: &Transport, pushed: Option<&Reference>) -> anyhow::Result<Self> {
        Self::with(name, transport, |client| {
            let is_another = pushed.is_some_and(|pushed| pushed.host() != client.reference().host());
            if is_another { client.beside_another() } else { client }
        })
    }

    fn with(name: &Name, transport: &Transport, set: impl FnOnce(Client) -> Client) -> anyhow::Result<Self> {
        match name {
            Name::Registry(reference) => Ok(Self::Registry(set(Client::new(reference.clone(), transport.clone())?))),
            Name::Layout(folder) => match read_layout(folder) {
                Ok(layout) => Ok(Self::Layout(folder.clone(), Some(layout))),
                Err(LayoutError::NoImage(_)) => Ok(Self::Layout(folder.clone(), None)),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Whether all of `package` lies there as it should. Registries look after themselves.
    pub(super) fn is_whole(&self, package: &Package) -> bool {
        match self {
            Self::Registry(_) => true,
            Self::Layout(folder, _) => layout_is_whole(folder, package),
        }
    }

    /// The index that is there, and its digest; `None` if there is no image.
    pub(super) async fn index(&self) -> anyhow::Result<Option<(Digest, Index)>> {
        match self {
            Self::Registry(client) => match client.index().await {
                Ok(pulled) => Ok(Some((pulled.digest, pulled.index))),
                Err(RegistryError::NotFound(_)) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Layout(_, layout) => Ok(layout.as_ref().map(|layout| (layout.digest, layout.index.clone()))),
        }
    }

    /// The manifest for `platform`; `None` if the index has none, or one that was swept.
    pub(super) async fn manifest(&self, index: &Index, platform: Platform) -> anyhow::Result<Option<Manifest>> {
        match self {
            Self::Registry(client) => match client.manifest(index, platform).await {
                Ok(manifest) => Ok(Some(manifest)),
                Err(RegistryError::NoPlatform { .. } | RegistryError::NotFound(_)) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Layout(_, layout) => {
                let Some((layout, descriptor)) = layout.as_ref().zip(index.manifest(platform)) else { return Ok(None) };
                Ok(Some(layout.manifest(descriptor)?))
            }
        }
    }

    /// A blob, checked against its digest.
    pub(super) async fn blob(&self, descriptor: &Descriptor) -> anyhow::Result<Blob> {
        match self {
            Self::Registry(client) => Ok(client.blob(descriptor).await?),
            Self::Layout(folder, layout) => {
                let layout = layout.as_ref().with_context(|| format!("{}: has no image", folder.display()))?;
                Ok(layout.blob(descriptor)?)
            }
        }
    }
}
