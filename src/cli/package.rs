//! `galley package`

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::RegistryArguments;
use super::report::{Report, size};
use super::source::{Source, advise, local_tree};
use super::transfer::Transfer;
use crate::image::{
    Binary, Image, Index, LayoutError, Manifest, Origin, Platform, assemble, read_layout, write_layout,
};
use crate::registry::{Client, Outgoing, Reference, RegistryError};
use crate::site::{Site, revision};
use crate::snapshot::Digest;

/// Pack this program with a site into an image, without a daemon
///
/// The image holds this very program and the rendered site, and nothing else. The same site and the same program give the
/// same bytes on any machine and day; what the registry has already is not pushed again.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley package site --push registry.example/blog:latest\n  \
    galley package --oci image && galley serve oci:image\n\n\
    Credentials: GALLEY_REGISTRY_USER with GALLEY_REGISTRY_PASSWORD or GALLEY_REGISTRY_PASSWORD_FILE, \
    or what `docker login` left in ~/.docker/config.json, credential helpers included.")]
#[group(id = "destination", required = true, multiple = true, args = ["push", "oci"])]
pub(super) struct Arguments {
    /// The site's folder, or a rendered folder [default: the working folder, or site/ in it]
    site: Option<String>,
    /// Push the image to a registry
    #[arg(long, value_name = "REF")]
    push: Option<Reference>,
    /// Write the image as an OCI layout
    #[arg(long, value_name = "DIR")]
    oci: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// What is at the destination now.
struct Previous {
    digest: Digest,
    sequence: u64,
    manifest: Option<Manifest>,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    if let Some(reference) = arguments.push.as_ref().filter(|reference| reference.digest().is_some()) {
        bail!("{reference} names a digest, which only a pull can; push to a tag");
    }
    let binary = Binary::of_this_program()?;
    let source = Source::resolve(arguments.site.as_deref())?;
    let (tree, site) = local_tree(&source, report, "nothing was packed")?;
    site.iter().for_each(|site| advise(site, report));
    let origin = origin(&source, site.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let push = |reference: &Reference| {
        runtime.block_on(async {
            let client = Client::new(reference.clone(), arguments.registry.transport())?.for_push();
            let previous = previous_in_registry(&client, binary.platform).await?;
            let image = assemble(&binary, &tree, &origin, previous.as_ref().map_or(0, |found| found.sequence) + 1)?;
            push(&client, &image, previous.as_ref(), report).await?;
            anyhow::Ok(image)
        })
    };
    let pushed = arguments.push.as_ref().map(push).transpose()?;
    if let Some(folder) = &arguments.oci {
        let previous = previous_in_layout(folder, binary.platform)?;
        let image = match pushed {
            Some(image) => image,
            None => assemble(&binary, &tree, &origin, previous.as_ref().map_or(0, |found| found.sequence) + 1)?,
        };
        write(folder, &image, previous.as_ref(), report)?;
    }
    Ok(())
}

/// Title, commit and repository; what git does not tell is left out, with a word on why.
fn origin(source: &Source, site: Option<&Site>) -> Origin {
    let (Source::Site(folder) | Source::Folder(folder) | Source::Layout(folder)) = source else {
        return Origin::default();
    };
    let title = site.map(|site| site.config.title.clone()).unwrap_or_default();
    let found = revision(folder).unwrap_or_else(|error| {
        tracing::warn!("{}: git: {}; the image says no revision", folder.display(), error.message());
        None
    });
    let Some(found) = found else { return Origin { title, ..Origin::default() } };
    let created = found.committed.map(|time| time.to_string());
    Origin { title, revision: Some(found.id), source: found.origin, created }
}

async fn previous_in_registry(client: &Client, platform: Platform) -> Result<Option<Previous>, RegistryError> {
    let pulled = match client.index().await {
        Ok(pulled) => pulled,
        Err(RegistryError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let manifest = match client.manifest(&pulled.index, platform).await {
        Ok(manifest) => Some(manifest),
        // Another platform's image, or one whose manifest was swept: it gives the sequence and nothing else.
        Err(RegistryError::NoPlatform { .. } | RegistryError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(Some(Previous { digest: pulled.digest, sequence: pulled.index.sequence(), manifest }))
}

async fn push(client: &Client, image: &Image, previous: Option<&Previous>, report: &Report) -> anyhow::Result<()> {
    let reference = client.reference();
    if let Some(previous) = previous.filter(|previous| is_same(previous, image)) {
        report.say(format_args!("{reference} is that already: nothing was pushed, {}", report.elapsed()));
        report.result(format_args!("{}@{}", without_digest(reference), previous.digest));
        return Ok(());
    }
    let transfer = Transfer::new(report, "pushing");
    let outgoing = Outgoing::of(image).knowing(previous.and_then(|previous| previous.manifest.as_ref()));
    let client = client.clone().with_progress(transfer.clone());
    let pushed = client.push(&outgoing, previous.map(|previous| previous.digest)).await;
    transfer.ends();
    let pushed = pushed?;
    report.say(format_args!(
        "pushed {reference}: release {}, {} of {} sent, content {}, {}",
        image.sequence,
        size(pushed.bytes),
        size(total(image)),
        image.root,
        report.elapsed()
    ));
    report.result(format_args!("{}@{}", without_digest(reference), image.index.descriptor.digest));
    Ok(())
}

fn is_same(previous: &Previous, image: &Image) -> bool {
    previous.manifest.as_ref().is_some_and(|manifest| image.has_layers_of(manifest))
}

fn total(image: &Image) -> u64 {
    let all = image.blobs().chain([&image.manifest, &image.index]);
    all.map(|blob| blob.descriptor.size).sum()
}

fn without_digest(reference: &Reference) -> String {
    format!("{}/{}:{}", reference.host(), reference.repository(), reference.tag())
}

fn previous_in_layout(folder: &std::path::Path, platform: Platform) -> Result<Option<Previous>, LayoutError> {
    let layout = match read_layout(folder) {
        Ok(layout) => layout,
        Err(LayoutError::NoImage(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let index: &Index = &layout.index;
    let manifest = index.manifest(platform).map(|descriptor| layout.blob(descriptor)).transpose()?;
    let manifest = manifest.and_then(|blob| serde_json::from_slice(&blob.bytes).ok());
    Ok(Some(Previous { digest: layout.digest, sequence: index.sequence(), manifest }))
}

fn write(folder: &std::path::Path, image: &Image, previous: Option<&Previous>, report: &Report) -> anyhow::Result<()> {
    if let Some(previous) = previous.filter(|previous| is_same(previous, image)) {
        report.say(format_args!("{} holds that already, {}", folder.display(), report.elapsed()));
        report.result(previous.digest);
        return Ok(());
    }
    write_layout(folder, image)?;
    report.say(format_args!(
        "wrote {}: release {}, {} for {}, content {}, {}",
        folder.display(),
        image.sequence,
        size(total(image)),
        image.platform,
        image.root,
        report.elapsed()
    ));
    report.result(image.index.descriptor.digest);
    Ok(())
}
