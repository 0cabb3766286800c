//! Where an image is: in a registry, or in a folder as an OCI layout.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::super::transfer::Transfer;
pub(super) use crate::cli::image::Name;
use crate::image::{Blob, Descriptor, Index, Layout, LayoutError, Manifest, Platform, layout_has, read_layout};
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
        match name {
            Name::Layout(folder) => match read_layout(folder) {
                Err(error) if is_damage_of_layout(&error) => {
                    tracing::warn!("{error}; all is written again");
                    Ok(Self::Layout(folder.clone(), None))
                }
                read => Self::layout(folder, read),
            },
            Name::Registry(_) => Self::with(name, transport, Client::for_push),
        }
    }

    /// The same, which takes over what the base has already instead of getting it sent, if that is in the same registry.
    pub(super) fn mounting_from(self, base: Option<&Name>) -> Self {
        match (self, base) {
            (Self::Registry(client), Some(Name::Registry(base))) => Self::Registry(client.mounting_from(base)),
            (place, _) => place,
        }
    }

    /// The same, which shows how far pulls have come.
    pub(super) fn showing(self, transfer: &Arc<Transfer>) -> Self {
        match self {
            Self::Registry(client) => Self::Registry(client.with_progress(transfer.clone())),
            place => place,
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
            Name::Layout(folder) => Self::layout(folder, read_layout(folder)),
        }
    }

    fn layout(folder: &Path, read: Result<Layout, LayoutError>) -> anyhow::Result<Self> {
        match read {
            Ok(layout) => Ok(Self::Layout(folder.to_path_buf(), Some(layout))),
            Err(LayoutError::NoImage(_)) => Ok(Self::Layout(folder.to_path_buf(), None)),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether `error` says that what lies in a folder is damaged.
    pub(super) fn is_damaged(&self, error: &anyhow::Error) -> bool {
        matches!(self, Self::Layout(..)) && is_damage(error)
    }

    /// Which of `wanted` are not there as they should be: a registry may have swept them, a disk damaged them.
    pub(super) async fn missing(&self, wanted: &[Descriptor]) -> anyhow::Result<Vec<Digest>> {
        match self {
            Self::Registry(client) => Ok(client.missing(wanted).await?),
            Self::Layout(folder, _) => {
                let missing = wanted.iter().filter(|wanted| !layout_has(folder, wanted));
                Ok(missing.map(|missing| missing.digest).collect())
            }
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

/// Whether a layer of the image before is not to be had any more.
pub(super) fn is_lost(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(RegistryError::Gone { .. }))
        || matches!(error.downcast_ref(), Some(LayoutError::MissingLayer(_)))
}

/// Whether what was to be read is there and can't be used, or is not there: no matter of who asks, or of when.
pub(super) fn is_damage(error: &anyhow::Error) -> bool {
    let registry = error.downcast_ref().is_some_and(|error| {
        matches!(
            error,
            RegistryError::NotFound(_)
                | RegistryError::Mismatch { .. }
                | RegistryError::TooShort { .. }
                | RegistryError::TooLong { .. }
                | RegistryError::Malformed { .. }
                | RegistryError::Status { status: 404, .. }
        )
    });
    let layout = error.downcast_ref().is_some_and(is_damage_of_layout);
    registry || layout || error.downcast_ref::<serde_json::Error>().is_some()
}

fn is_damage_of_layout(error: &LayoutError) -> bool {
    match error {
        LayoutError::Mismatch(_) | LayoutError::Json { .. } | LayoutError::TooLong { .. } => true,
        LayoutError::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}
