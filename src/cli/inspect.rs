//! `galley inspect`

mod text;

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use self::text::text;
use super::RegistryArguments;
use super::image::{Asking, Name};
use super::key::verifying_keys;
use super::report::{Report, count};
use crate::image::{Blob, Description, Index, NamedImage, SignatureError, Verification, VerifyingKey, layout_images};
use crate::registry::Reference;
use crate::snapshot::Digest;

/// Show what is in an image
///
/// Platforms, layers, sizes, what is shared, where it comes from, and whether it is signed. Of an image in a registry only
/// index, manifests and configs are pulled. Of one in a folder every layer is read and compared with what index and configs
/// promise; if one of them lies, the exit code is 1. Images that galley did not make are shown too. With --verify galley's own
/// signature is checked; if none of the keys made it, the exit code is 1 as well.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley inspect registry.example/blog\n  \
    galley inspect oci:image\n  \
    galley inspect registry.example/blog --verify blog.key.pub\n  \
    galley inspect registry.example/blog --json | jq '.images[0].sequence'")]
pub(super) struct Arguments {
    /// An image in a registry, or oci:DIR for those in an OCI layout
    #[arg(value_name = "REF|oci:DIR")]
    image: Name,
    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
    /// Check that galley's signature is by one of these public keys
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    verify: Vec<PathBuf>,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// What is printed. As JSON it is public: fields are added, never changed.
#[derive(Serialize)]
struct Inspection {
    /// What was asked for.
    source: String,
    /// One; those of a layout may be several.
    images: Vec<Inspected>,
}

#[derive(Serialize)]
struct Inspected {
    /// What its layout calls it.
    name: Option<String>,
    #[serde(flatten)]
    description: Description,
    /// Whether the registry has a signature of cosign's under a tag of its own; `None` if it was not or can't be asked.
    cosign: Option<bool>,
    /// Whether one of the keys that were given made galley's signature; `None` if none were given.
    verified: Option<bool>,
    /// The fingerprint of that key.
    signed_by: Option<Digest>,
    /// Whether the layers were read.
    layers_read: bool,
    /// Layers whose compression is not known here.
    layers_unread: Vec<Digest>,
    faults: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let keys = verifying_keys(&arguments.verify)?;
    let images = match &arguments.image {
        Name::Layout(folder) => in_layout(folder, &keys)?,
        Name::Registry(reference) => vec![in_registry(reference, &arguments.registry, &keys)?],
    };
    let inspection = Inspection { source: arguments.image.to_string(), images };
    match arguments.json {
        true => report.result(serde_json::to_string_pretty(&inspection)?),
        false => report.result(text(&inspection).trim_end()),
    }
    match inspection.images.iter().map(|image| image.faults.len()).sum() {
        0 => Ok(()),
        faults => bail!("{}: {}", inspection.source, count(faults, "fault")),
    }
}

fn in_registry(
    reference: &Reference,
    registry: &RegistryArguments,
    keys: &[VerifyingKey],
) -> anyhow::Result<Inspected> {
    let asking = Asking::new(reference, registry)?;
    let root = asking.wait(asking.client.root())?;
    let description = Description::of(&root, |descriptor| anyhow::Ok(asking.get(descriptor)?.bytes))?;
    let cosign = asking.wait(asking.client.has_cosign_signature(description.digest));
    let cosign = cosign.inspect_err(|error| tracing::warn!("whether cosign signed it is not known: {error}")).ok();
    let inspected = Inspected {
        name: None,
        description,
        cosign,
        verified: None,
        signed_by: None,
        layers_read: false,
        layers_unread: Vec::new(),
        faults: Vec::new(),
    };
    Ok(inspected.verified(&root, reference.repository(), keys))
}

fn in_layout(folder: &Path, keys: &[VerifyingKey]) -> anyhow::Result<Vec<Inspected>> {
    let found = layout_images(folder)?;
    let describe = |root: &Blob| Description::of(root, |descriptor| anyhow::Ok(found.metadata(descriptor)?.bytes));
    let inspect = |image: &NamedImage| {
        let description = describe(&image.root)?;
        let source = folder.display().to_string();
        let Verification { faults, unread } = Verification::of(&source, &found, &description);
        let inspected = Inspected {
            name: image.name.clone(),
            description,
            cosign: None,
            verified: None,
            signed_by: None,
            layers_read: true,
            layers_unread: unread,
            faults: faults.iter().map(ToString::to_string).collect(),
        };
        // What lies in a folder is signed for no repository, unless it is a copy of what was pushed.
        Ok(inspected.verified(&image.root, "", keys))
    };
    found.images.iter().map(inspect).collect()
}

impl Inspected {
    /// With what comes of checking the signature in `root`, if there are keys; that it is not good is a fault.
    fn verified(mut self, root: &Blob, repository: &str, keys: &[VerifyingKey]) -> Self {
        if keys.is_empty() {
            return self;
        }
        // What is no index has no annotations that are signed.
        let index = serde_json::from_slice::<Index>(&root.bytes).map_err(|_| SignatureError::Missing);
        match index.and_then(|index| index.signed_by(repository, keys).copied()) {
            Ok(key) => self.signed_by = Some(key.fingerprint()),
            Err(error) => self.faults.push(error.to_string()),
        }
        self.verified = Some(self.signed_by.is_some());
        self
    }
}
