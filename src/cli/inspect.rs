//! `galley inspect`

mod text;

use std::path::Path;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use self::text::text;
use super::RegistryArguments;
use super::image::{Asking, Name};
use super::report::{Report, count};
use crate::image::{Blob, Description, NamedImage, Verification, layout_images};
use crate::registry::Reference;
use crate::snapshot::Digest;

/// Show what is in an image
///
/// Platforms, layers, sizes, what is shared, where it comes from, and whether it is signed. Of an image in a registry only
/// index, manifests and configs are pulled. Of one in a folder every layer is read and compared with what index and configs
/// promise; if one of them lies, the exit code is 1. Images that galley did not make are shown too.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley inspect registry.example/blog\n  \
    galley inspect oci:image\n  \
    galley inspect registry.example/blog --json | jq '.images[0].sequence'")]
pub(super) struct Arguments {
    /// An image in a registry, or oci:DIR for those in an OCI layout
    #[arg(value_name = "REF|oci:DIR")]
    image: Name,
    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
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
    /// Whether the layers were read.
    layers_read: bool,
    /// Layers whose compression is not known here.
    layers_unread: Vec<Digest>,
    faults: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let images = match &arguments.image {
        Name::Layout(folder) => in_layout(folder)?,
        Name::Registry(reference) => vec![in_registry(reference, &arguments.registry)?],
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

fn in_registry(reference: &Reference, registry: &RegistryArguments) -> anyhow::Result<Inspected> {
    let asking = Asking::new(reference, registry)?;
    let root = asking.wait(asking.client.root())?;
    let description = Description::of(&root, |descriptor| anyhow::Ok(asking.get(descriptor)?.bytes))?;
    let cosign = asking.wait(asking.client.has_cosign_signature(description.digest));
    let cosign = cosign.inspect_err(|error| tracing::warn!("whether cosign signed it is not known: {error}")).ok();
    let (layers_unread, faults) = (Vec::new(), Vec::new());
    Ok(Inspected { name: None, description, cosign, layers_read: false, layers_unread, faults })
}

fn in_layout(folder: &Path) -> anyhow::Result<Vec<Inspected>> {
    let found = layout_images(folder)?;
    let describe = |root: &Blob| Description::of(root, |descriptor| anyhow::Ok(found.metadata(descriptor)?.bytes));
    let inspect = |image: &NamedImage| {
        let description = describe(&image.root)?;
        let source = folder.display().to_string();
        let Verification { faults, unread } = Verification::of(&source, &found, &description);
        Ok(Inspected {
            name: image.name.clone(),
            description,
            cosign: None,
            layers_read: true,
            layers_unread: unread,
            faults: faults.iter().map(ToString::to_string).collect(),
        })
    };
    found.images.iter().map(inspect).collect()
}
