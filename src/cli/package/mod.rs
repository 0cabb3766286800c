//! `galley package`

mod archive;
mod costs;
mod place;
mod previous;
mod programs;
mod signing;

use std::fs::File;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use self::costs::Costs;
use self::place::{Name, Place};
use self::previous::{Previous, remember};
use self::programs::{Given, Sources};
use self::signing::{Signing, SigningArguments};
use super::RegistryArguments;
use super::kept::{RenderedSite, render_kept};
use super::report::{Report, size};
use super::source::{Source, advise, folder_tree, open_cache};
use super::transfer::Transfer;
use crate::cache::Cache;
use crate::engine::{Address, Engine, EngineError};
use crate::image::{
    Content, Format, Known, Listing, Origin, Package, Platform, Program, Stack, assemble, write_layout,
};
use crate::registry::{Client, Outgoing, Pushed, Reference, Transport};
use crate::site::{Site, revision};
use crate::snapshot::{ContentRoot, Tree};

/// Pack this program with a site into images, without a daemon
///
/// An image holds galley and the rendered site, and nothing else; there is one for each platform. The same site and the same
/// programs give the same bytes on any machine and day; what is there already is not moved again, and of a site that changed
/// only the changes are.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley package site --push registry.example/blog:latest\n  \
    galley package --platform linux/arm64 --binary linux/arm64=galley-arm64 --push registry.example/blog\n  \
    galley package --oci image && galley serve oci:image\n  \
    galley package --load && docker run --rm -p 8080:8080 my-blog\n  \
    galley package site --push registry.example/blog --sign blog.key\n\n\
    The program for this machine's platform is this one. Those for the others are looked for in --binary, in --base, in the \
    image that is at the destination, and in dist/ beside this program.\n\n\
    Credentials: GALLEY_REGISTRY_USER with GALLEY_REGISTRY_PASSWORD or GALLEY_REGISTRY_PASSWORD_FILE, or what \
    `docker login` left in ~/.docker/config.json, credential helpers included.")]
#[group(id = "destination", required = true, multiple = true, args = ["push", "oci", "tar", "load"])]
pub(super) struct Arguments {
    /// The site's folder, or a rendered folder [default: the working folder, or site/ in it]
    site: Option<String>,
    /// Push the images to a registry
    #[arg(long, value_name = "REF")]
    push: Option<Reference>,
    /// Write the images as an OCI layout
    #[arg(long, value_name = "DIR")]
    oci: Option<PathBuf>,
    /// Write the images as one file, which docker load, podman load and skopeo read
    #[arg(long, value_name = "FILE")]
    tar: Option<PathBuf>,
    /// Put the image into the Docker Engine of this machine: only that of its platform, unless there are other outputs
    #[arg(long)]
    load: bool,
    /// Pack for these platforms only [default: linux/amd64, linux/arm64 and linux/arm/v7]
    #[arg(long, value_name = "P", value_delimiter = ',', env = "GALLEY_PLATFORM")]
    platform: Vec<Platform>,
    /// The program for a platform
    #[arg(long, value_name = "P=FILE", value_delimiter = ',', env = "GALLEY_BINARY")]
    binary: Vec<Given>,
    /// An image that has programs for other platforms
    #[arg(long, value_name = "REF|oci:DIR", env = "GALLEY_BASE")]
    base: Option<Name>,
    /// Spell the images as OCI does, or as Docker did before, for registries that know nothing else
    #[arg(long, value_name = "FORMAT", default_value_t, env = "GALLEY_FORMAT")]
    format: Format,
    /// Pack all of the site again instead of what changed
    #[arg(long)]
    full: bool,
    /// Pack the programs alone: a base for other images
    #[arg(long, conflicts_with = "site")]
    no_site: bool,
    #[command(flatten)]
    signing: SigningArguments,
    #[command(flatten)]
    registry: RegistryArguments,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    if let Some(reference) = arguments.push.as_ref().filter(|reference| reference.digest().is_some()) {
        bail!("{reference} names a digest, which only a pull can; push to a tag");
    }
    let signing = Signing::of(&arguments.signing, arguments.push.as_ref(), arguments.format)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // That no engine is there is known before anything is rendered.
    let engine = match arguments.load {
        true => Some(runtime.block_on(Engine::connect(Address::from_environment().map_err(EngineError::from)?))?),
        false => None,
    };
    let (material, turn) = Material::of(arguments, signing, report)?;
    runtime.block_on(package(arguments, &material, turn, engine.as_ref(), report))
}

/// What goes into the images beside the programs.
struct Material {
    tree: Option<Tree>,
    origin: Origin,
    cache: Option<Cache>,
    signing: Option<Signing>,
}

/// While it is held, the files that entries of a rendered site lie in stay what they are.
type Turn = Option<File>;

impl Material {
    fn of(arguments: &Arguments, signing: Option<Signing>, report: &Report) -> anyhow::Result<(Self, Turn)> {
        if arguments.no_site {
            let origin = Origin { title: "galley".to_owned(), ..Origin::default() };
            return Ok((Self { tree: None, origin, cache: None, signing }, None));
        }
        let source = Source::resolve(arguments.site.as_deref())?;
        let Source::Site(folder) = &source else {
            let tree = folder_tree(&source, report)?;
            let origin = origin(&source, None);
            return Ok((Self { tree: Some(tree), origin, cache: None, signing }, None));
        };
        let RenderedSite { tree, site, turn } = render_kept(folder, report, "nothing was packed")?;
        advise(&site, report);
        let origin = origin(&source, Some(&site));
        Ok((Self { tree: Some(tree), origin, cache: open_cache(folder), signing }, turn))
    }
}

async fn package(
    arguments: &Arguments,
    material: &Material,
    turn: Turn,
    engine: Option<&Engine>,
    report: &Report,
) -> anyhow::Result<()> {
    let name = arguments.destination();
    let transport = arguments.registry.transport();
    let place = name.as_ref().map(|name| Place::open(name, &transport)).transpose()?;
    let place = place.map(|place| place.mounting_from(arguments.base.as_ref()));
    let previous = match &place {
        Some(place) => Previous::read(place, material.cache.as_ref()).await?,
        None => None,
    };
    let platforms = arguments.platforms(engine)?;
    let made = Made::of(arguments, &platforms, &transport, material, previous.as_ref(), report).await?;
    if let (Some(name), Some(place)) = (&name, &place) {
        made.bring(place, name, material, turn, previous.as_ref(), report).await?;
    }
    made.copy(arguments, material, place.as_ref(), engine, report).await?;
    made.remember(material.cache.as_ref());
    Ok(())
}

impl Arguments {
    /// Where the image before is looked for: further destinations get what this one gets. A file and an engine keep none.
    fn destination(&self) -> Option<Name> {
        match (&self.push, &self.oci) {
            (Some(reference), _) => Some(Name::Registry(reference.clone())),
            (None, Some(folder)) => Some(Name::Layout(folder.clone())),
            (None, None) => None,
        }
    }

    fn platforms(&self, engine: Option<&Engine>) -> anyhow::Result<Vec<Platform>> {
        let only_loaded = self.destination().is_none() && self.tar.is_none();
        if let Some(engine) = engine.filter(|_| only_loaded && self.platform.is_empty()) {
            return match engine.platform() {
                Some(platform) => Ok(vec![platform]),
                None => bail!(
                    "the Docker Engine at {} runs {}, for which galley has no images; choose by --platform",
                    engine.address(),
                    engine.runs()
                ),
            };
        }
        let wanted = |platform: &Platform| self.platform.is_empty() || self.platform.contains(platform);
        Ok(Platform::ALL.into_iter().filter(wanted).collect())
    }
}

/// A package, and what is known of how it came about.
struct Made {
    package: Package,
    programs: Vec<Program>,
    content: Option<Content>,
    /// What is in the content layer that is new.
    listing: Option<Listing>,
}

impl Made {
    async fn of(
        arguments: &Arguments,
        platforms: &[Platform],
        transport: &Transport,
        material: &Material,
        previous: Option<&Previous<'_>>,
        report: &Report,
    ) -> anyhow::Result<Self> {
        let sources = Sources {
            given: &arguments.binary,
            base: arguments.base.as_ref(),
            transport,
            pushed: arguments.push.as_ref(),
            previous,
            cache: material.cache.as_ref(),
        };
        let (programs, from) = sources.find(platforms).await?;
        report.say(format_args!("programs: {from}"));
        let (mut content, listing) = match &material.tree {
            Some(tree) => {
                let known = known(arguments, previous, report).await;
                let stack = Stack::of_tree(tree, &known)?;
                let sequence = previous.map_or(0, |previous| previous.sequence) + 1;
                let content = Content { layers: stack.layers, root: ContentRoot::of(tree), sequence };
                (Some(content), stack.listing)
            }
            None => (None, None),
        };
        let mut package = assemble(&programs, content.as_ref(), &material.origin, arguments.format)?;
        // What is there already is no further release: copies of it are to be the same one.
        if let Some((content, previous)) = content.as_mut().zip(previous.filter(|previous| previous.is_same(&package)))
        {
            content.sequence = previous.sequence;
            package = assemble(&programs, Some(content), &material.origin, arguments.format)?;
        }
        // The number is final now.
        if let Some(signing) = &material.signing {
            signing.sign(&mut package)?;
        }
        Ok(Self { package, programs, content, listing })
    }

    fn costs(&self, material: &Material, previous: Option<&Previous<'_>>) -> anyhow::Result<Costs> {
        let new = self.listing.as_ref().zip(material.tree.as_ref());
        Ok(Costs::of(&self.package, &self.programs, new, previous)?)
    }

    /// Brings the package to its place, if it is not there.
    async fn bring(
        &self,
        place: &Place,
        name: &Name,
        material: &Material,
        turn: Turn,
        previous: Option<&Previous<'_>>,
        report: &Report,
    ) -> anyhow::Result<()> {
        let signing = material.signing.as_ref();
        // What nobody signed, or somebody else, is signed: no layer moves for that.
        let has_signed = |previous: &&Previous<'_>| signing.is_none_or(|signing| signing.has_signed(&previous.index));
        let is_same = |previous: &&Previous<'_>| previous.is_same(&self.package) && place.is_whole(&self.package);
        if let Some(previous) = previous.filter(is_same).filter(has_signed) {
            if let Some(signing) = signing {
                signing.cosign(place, previous.digests(), report).await?;
            }
            report.say(format_args!("{name} is that already: nothing was moved, {}", report.elapsed()));
            report.result(result(name, previous.digest));
            return Ok(());
        }
        self.costs(material, previous)?.announce(name, report);
        // All that is to be read has been. Others need not wait until it is moved.
        drop(turn);
        let gone = previous.map(|previous| previous.platforms_beside(&self.package)).unwrap_or_default();
        if !gone.is_empty() {
            let gone: Vec<_> = gone.iter().map(ToString::to_string).collect();
            report.say(format_args!("{name} will no longer have {}", gone.join(", ")));
        }
        // Before the tag: whoever verifies by it never finds an image without.
        if let Some(signing) = signing {
            signing.cosign(place, self.package.digests(), report).await?;
        }
        self.deliver(place, name, previous, report).await
    }

    async fn deliver(
        &self,
        place: &Place,
        name: &Name,
        previous: Option<&Previous<'_>>,
        report: &Report,
    ) -> anyhow::Result<()> {
        let moved = match place {
            Place::Registry(client) => {
                let pushed = push(&self.package, client, previous, report).await?;
                format!("{} of {} sent", size(pushed.bytes), size(self.package.size()))
            }
            Place::Layout(folder, _) => {
                write_layout(folder, &self.package)?;
                size(self.package.size())
            }
        };
        report.say(format_args!("{} {}, {}", self.told(place, name), moved, report.elapsed()));
        report.result(result(name, self.package.index.descriptor.digest));
        Ok(())
    }

    fn told(&self, place: &Place, name: &Name) -> String {
        let verb = if matches!(place, Place::Registry(_)) { "pushed" } else { "wrote" };
        let platforms: Vec<_> = self.package.images.iter().map(|image| image.platform.to_string()).collect();
        let release = self.content.as_ref().map(|content| format!("release {}, ", content.sequence));
        format!("{verb} {name}: {}{},", release.unwrap_or_default(), platforms.join(", "))
    }

    /// Writes what was made to the further destinations.
    async fn copy(
        &self,
        arguments: &Arguments,
        material: &Material,
        place: Option<&Place>,
        engine: Option<&Engine>,
        report: &Report,
    ) -> anyhow::Result<()> {
        let folder = arguments.oci.as_ref().filter(|_| arguments.push.is_some());
        if folder.is_none() && arguments.tar.is_none() && engine.is_none() {
            return Ok(());
        }
        let package = self.whole(place).await?;
        let name = archive::name(arguments.push.as_ref(), &material.origin.title);
        if let Some(folder) = folder {
            write_layout(folder, &package)?;
            report.say(format_args!("wrote oci:{}: {}, {}", folder.display(), size(package.size()), report.elapsed()));
        }
        if let Some(file) = &arguments.tar {
            archive::write(file, &package, &name, report)?;
        }
        match engine {
            Some(engine) => archive::load(engine, &package, &name, report).await,
            None => Ok(()),
        }
    }

    /// The package with the bytes of all its layers; those that are not here are read where the image before is.
    async fn whole(&self, place: Option<&Place>) -> anyhow::Result<Package> {
        let mut package = self.package.clone();
        let kept = self.package.layers().filter(|layer| layer.is_kept()).map(|layer| layer.descriptor.clone());
        for descriptor in kept {
            if let Some(place) = place {
                package.fill(descriptor.digest, &place.blob(&descriptor).await?.bytes);
            }
        }
        Ok(package)
    }

    fn remember(&self, cache: Option<&Cache>) {
        let layer = self.content.as_ref().and_then(|content| content.layers.last());
        let new = layer.zip(self.listing.as_ref());
        let new = new.map(|(layer, listing)| (layer.descriptor.digest, layer.diff_id, listing));
        remember(cache, &self.package, new);
    }
}

/// Pushes `package`; programs are packed only if they have to be moved.
async fn push(
    package: &Package,
    client: &Client,
    previous: Option<&Previous<'_>>,
    report: &Report,
) -> anyhow::Result<Pushed> {
    let mut package = package.clone();
    let is_there = |digest| previous.is_some_and(|previous| previous.has_layer(digest));
    let layers: Vec<_> = package.layers().filter(|layer| !is_there(layer.descriptor.digest)).cloned().collect();
    for layer in layers {
        if let Some(bytes) = layer.bytes()? {
            package.fill(layer.descriptor.digest, &bytes);
        }
    }
    let transfer = Transfer::new(report, "pushing");
    let outgoing = Outgoing::of(&package).knowing(previous.iter().flat_map(|previous| previous.manifests()));
    let client = client.clone().with_progress(transfer.clone());
    let pushed = client.push(&outgoing, previous.map(|previous| previous.digest)).await;
    transfer.ends();
    Ok(pushed?)
}

/// What is known of the layers that the new ones may be put upon.
async fn known(arguments: &Arguments, previous: Option<&Previous<'_>>, report: &Report) -> Vec<Known> {
    let Some(previous) = previous.filter(|_| !arguments.full) else { return Vec::new() };
    match previous.content().await {
        Ok(known) => known,
        Err(error) => {
            report.say(format_args!("the image that is there can't be built upon, all is packed again: {error}"));
            Vec::new()
        }
    }
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

/// What a program may go on with: the image by its digest.
fn result(name: &Name, digest: crate::snapshot::Digest) -> String {
    match name {
        Name::Registry(reference) => {
            format!("{}/{}:{}@{digest}", reference.host(), reference.repository(), reference.tag())
        }
        Name::Layout(_) => digest.to_string(),
    }
}
