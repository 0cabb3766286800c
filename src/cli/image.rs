//! An image that a verb looks at: in a registry, or in a folder.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::RegistryArguments;
use crate::image::{Blob, Descriptor, MANIFEST_TYPES};
use crate::registry::{Client, Reference, ReferenceError, RegistryError};

/// The name of an image: `REF` or `oci:DIR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// An OCI image layout.
    Layout(PathBuf),
    /// An image in a registry.
    Registry(Reference),
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(folder) = text.strip_prefix("oci:") {
            return match folder {
                "" => Err("oci: needs a folder behind it".to_owned()),
                folder => Ok(Self::Layout(PathBuf::from(folder))),
            };
        }
        // Docker Hub is not to be asked for the folder that was meant.
        if text.starts_with(['.', '/']) || Path::new(text).join("oci-layout").is_file() {
            return Err(format!("a folder with an image in it is named as oci:{text}"));
        }
        text.parse().map(Self::Registry).map_err(|error: ReferenceError| error.to_string())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(folder) => write!(f, "oci:{}", folder.display()),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

/// A client for one command, and what runs its requests.
pub(super) struct Asking {
    pub(super) client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Asking {
    pub(super) fn new(reference: &Reference, registry: &RegistryArguments) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { client: Client::new(reference.clone(), registry.transport())?, runtime })
    }

    /// Pulls a manifest, a config or a layer.
    pub(super) fn get(&self, descriptor: &Descriptor) -> Result<Blob, RegistryError> {
        match MANIFEST_TYPES.contains(&descriptor.media_type.as_str()) {
            true => self.wait(self.client.manifest_blob(descriptor)),
            false => self.wait(self.client.blob(descriptor)),
        }
    }

    /// Waits for an answer.
    pub(super) fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_reference_are_told_apart() {
        assert_eq!("oci:a/b".parse(), Ok(Name::Layout("a/b".into())));
        let reference = "registry.example/blog:1".parse::<Name>().unwrap();
        assert_eq!(reference.to_string(), "registry.example/blog:1");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        for (text, part) in [(path, "is named as oci:/"), ("./image", "oci:./image"), ("oci:", "needs a folder")] {
            let error = text.parse::<Name>().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
