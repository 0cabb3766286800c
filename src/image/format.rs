//! The two spellings of one thing: OCI's media types and Docker's.

use std::fmt;
use std::str::FromStr;

/// How an image's parts are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The OCI image specification.
    #[default]
    Oci,
    /// Docker's image manifest version 2, schema 2: for registries that know nothing else, such as Harbor before 2.0. It has
    /// no annotations.
    Docker,
}

/// The media types of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaTypes {
    /// An index; Docker calls it a manifest list.
    pub index: &'static str,
    /// A manifest.
    pub manifest: &'static str,
    /// A config.
    pub config: &'static str,
    /// A layer: tar, gzip. Docker before 23 fails on zstd.
    pub layer: &'static str,
}

/// A text that names no format.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no format of images; there are oci and docker")]
pub struct FormatError(String);

impl Format {
    /// What its parts are called (media-types.md; Docker's manifest-v2-2.md).
    pub const fn media_types(self) -> MediaTypes {
        match self {
            Self::Oci => MediaTypes {
                index: "application/vnd.oci.image.index.v1+json",
                manifest: "application/vnd.oci.image.manifest.v1+json",
                config: "application/vnd.oci.image.config.v1+json",
                layer: "application/vnd.oci.image.layer.v1.tar+gzip",
            },
            Self::Docker => MediaTypes {
                index: "application/vnd.docker.distribution.manifest.list.v2+json",
                manifest: "application/vnd.docker.distribution.manifest.v2+json",
                config: "application/vnd.docker.container.image.v1+json",
                layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
            },
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oci => "oci",
            Self::Docker => "docker",
        })
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text {
            "oci" => Ok(Self::Oci),
            "docker" => Ok(Self::Docker),
            _ => Err(FormatError(text.to_owned())),
        }
    }
}
