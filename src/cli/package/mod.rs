//! `galley package`

mod archive;
mod costs;
mod delivery;
mod made;
mod material;
mod place;
mod previous;
mod programs;
mod published;
mod signing;

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::Args;

use self::delivery::Destination;
use self::made::Made;
use self::material::{Material, Turn};
use self::place::{Name, Place, is_lost};
use self::previous::Previous;
use self::programs::Given;
use self::published::Published;
use self::signing::{Signing, SigningArguments, Trust};
use super::RegistryArguments;
use super::report::Report;
use super::transfer::Transfer;
use crate::engine::{Address, Engine, EngineError};
use crate::image::{Format, Platform};
use crate::registry::Reference;

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
    /// Write the images as one file, which docker load, podman load and skopeo read; - is standard output
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
    let is_output = arguments.tar.as_deref().is_some_and(archive::is_output);
    let report = &if is_output { report.without_output() } else { *report };
    let signing = Signing::of(&arguments.signing, arguments.push.as_ref(), arguments.format)?;
    let trust = Trust::of(&arguments.signing, signing.as_ref(), arguments.push.as_ref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // That no engine is there is known before anything is rendered.
    let engine = match arguments.load {
        true => Some(runtime.block_on(Engine::connect(Address::from_environment().map_err(EngineError::from)?))?),
        false => None,
    };
    let full = arguments.full;
    let mut job = Job { arguments, signing: signing.as_ref(), trust: trust.as_ref(), engine, report, full };
    let done = job.run(&runtime);
    let done = match done {
        // What the image before no longer has can be made again, but for programs.
        Err(error) if !full && is_lost(&error) => {
            report.say(format_args!("{error}; all is packed again"));
            job.full = true;
            job.run(&runtime)
        }
        done => done,
    };
    done.map_err(|error| match is_lost(&error) {
        true => anyhow!("{error}; name the programs by --binary PLATFORM=FILE, or an image that has them by --base"),
        false => error,
    })
}

/// What a run is to do, and with what.
struct Job<'a> {
    arguments: &'a Arguments,
    signing: Option<&'a Signing>,
    trust: Option<&'a Trust>,
    engine: Option<Engine>,
    report: &'a Report,
    /// Whether all of the site is packed, and nothing is taken for granted of what is said to be at the destination.
    full: bool,
}

impl Job<'_> {
    fn run(&self, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
        let (material, turn) = Material::of(self.arguments, self.report)?;
        runtime.block_on(self.package(&material, turn))
    }

    async fn package(&self, material: &Material, turn: Turn) -> anyhow::Result<()> {
        let name = self.arguments.destination();
        let transport = self.arguments.registry.transport();
        let place = name.as_ref().map(|name| Place::open(name, &transport)).transpose()?;
        let pulling = Transfer::new(self.report, "pulling");
        let place = place.map(|place| place.mounting_from(self.arguments.base.as_ref()).showing(&pulling));
        // A number that is not signed is nobody's word: it is not compared, and not remembered.
        let published = Published::of(self.arguments.push.as_ref(), material.cache.as_ref());
        let published = published.filter(|_| self.trust.is_some());
        let previous = match &place {
            Some(place) => Previous::at_destination(place, material.cache.as_ref(), self.full).await?,
            None => None,
        };
        let previous = previous.map(|previous| previous.judged_by(self.trust));
        let previous = match (previous, &published) {
            (Some(previous), Some(published)) => Some(published.check(previous, self.arguments.full)?),
            (previous, _) => previous,
        };
        let highest = published.as_ref().map_or(0, |published| published.highest);
        let made = Made::of(self, material, previous.as_ref(), highest, &pulling).await;
        pulling.ends();
        let made = made?;
        if let (Some(name), Some(place)) = (&name, &place) {
            let destination = Destination { place, name, previous: previous.as_ref() };
            destination.bring(&made, self, material, turn).await?;
        }
        if let (Some(published), Some(content), Some(_)) = (published, &made.content, self.signing) {
            let remembered = published.remember(content.sequence);
            remembered.unwrap_or_else(|error| {
                tracing::warn!("release {} can't be remembered in .galley/cache: {error}", content.sequence);
            });
        }
        self.copy(&made, material, place.as_ref()).await?;
        made.remember(material.cache.as_ref());
        Ok(())
    }
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
