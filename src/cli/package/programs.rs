//! The programs of an image's platforms, and where each is to be had.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use bytes::Bytes;
use rayon::prelude::*;

use super::place::{Name, Place};
use super::previous::{Previous, keep};
use crate::cache::Cache;
use crate::image::{
    Binary, Descriptor, Layer, Platform, PlatformError, Program, pack_program, read_archive, unpack_program,
};
use crate::registry::{Reference, Transport};
use crate::snapshot::Digest;

/// The group of the cache that says which layer a program gives: packing one takes a second, and it changes seldom.
const PROGRAMS: &str = "programs";

/// `PLATFORM=FILE`
#[derive(Clone, Debug)]
pub(super) struct Given {
    platform: Platform,
    file: PathBuf,
}

/// A text that is no `PLATFORM=FILE`.
#[derive(Debug, thiserror::Error)]
pub(super) enum GivenError {
    #[error("write it as linux/arm64=FILE")]
    Malformed,
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

impl FromStr for Given {
    type Err = GivenError;

    fn from_str(text: &str) -> Result<Self, GivenError> {
        let (platform, file) = text.split_once('=').ok_or(GivenError::Malformed)?;
        if file.is_empty() {
            return Err(GivenError::Malformed);
        }
        Ok(Self { platform: platform.parse()?, file: file.into() })
    }
}

/// Where programs may come from.
pub(super) struct Sources<'a> {
    pub(super) given: &'a [Given],
    pub(super) base: Option<&'a Name>,
    pub(super) transport: &'a Transport,
    /// Where the image goes to, if that is a registry.
    pub(super) pushed: Option<&'a Reference>,
    pub(super) previous: Option<&'a Previous<'a>>,
    pub(super) cache: Option<&'a Cache>,
}

/// A program that was found, and what to call its place.
struct Found {
    platform: Platform,
    from: String,
    what: What,
}

enum What {
    Binary(Binary),
    /// A layer of another image, with its bytes if the image that is being made may need them.
    Layer(Layer),
}

impl Sources<'_> {
    /// The program for each of `platforms`, with a line that says where each comes from.
    pub(super) async fn find(&self, platforms: &[Platform]) -> anyhow::Result<(Vec<Program>, String)> {
        if let Some(other) = self.given.iter().find(|given| !platforms.contains(&given.platform)) {
            bail!("--binary names a program for {}, for which nothing is packed; see --platform", other.platform);
        }
        let open = |name| Place::open_to_read(name, self.transport, self.pushed);
        let place = self.base.map(open).transpose()?;
        let base = match self.base.zip(place.as_ref()) {
            Some((name, place)) => Some(Base::read(name, place, self.cache).await?),
            None => None,
        };
        let mut found = Vec::with_capacity(platforms.len());
        for platform in platforms {
            found.push(self.find_one(*platform, base.as_ref()).await?);
        }
        let names: Vec<_> = found.iter().map(|found| format!("{} {}", found.platform, found.from)).collect();
        let programs = found.into_par_iter().map(|found| self.pack(found)).collect::<anyhow::Result<_>>()?;
        Ok((programs, names.join(", ")))
    }

    async fn find_one(&self, platform: Platform, base: Option<&Base<'_>>) -> anyhow::Result<Found> {
        let found = |from: String, what| Ok(Found { platform, from, what });
        if let Some(given) = self.given.iter().find(|given| given.platform == platform) {
            return found(given.file.display().to_string(), What::Binary(read(&given.file, platform)?));
        }
        if Platform::of_this_program() == Some(platform) {
            return found("this program".to_owned(), What::Binary(Binary::of_this_program()?));
        }
        if let Some(base) = base
            && let Some(layer) = base.program(platform, self.previous).await?
        {
            return found(format!("from {}", base.name), What::Layer(layer));
        }
        if let Some(previous) = self.previous
            && let Some((descriptor, diff_id)) = previous.program(platform).await?
        {
            return found("as in the image before".to_owned(), What::Layer(Layer::kept(descriptor, diff_id)));
        }
        match in_dist(platform) {
            Some(file) => found(file.display().to_string(), What::Binary(read(&file, platform)?)),
            None => Err(missing(platform)),
        }
    }

    fn pack(&self, found: Found) -> anyhow::Result<Program> {
        let layer = match found.what {
            What::Layer(layer) => layer,
            What::Binary(binary) => self.pack_binary(&binary)?,
        };
        Ok(Program { platform: found.platform, layer })
    }

    fn pack_binary(&self, binary: &Binary) -> anyhow::Result<Layer> {
        let key = Digest::of(&binary.bytes).bytes();
        let kept = self.cache.and_then(|cache| cache.blob(PROGRAMS, &key));
        if let Some((descriptor, diff_id)) = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(Layer::of_known_program(descriptor, diff_id, binary.bytes.clone()));
        }
        let layer = pack_program(&binary.bytes)?;
        let known: (&Descriptor, Digest) = (&layer.descriptor, layer.diff_id);
        keep(self.cache, PROGRAMS, &key, &serde_json::to_vec(&known)?);
        Ok(layer)
    }
}

/// The image that `--base` names.
struct Base<'a> {
    name: &'a Name,
    place: &'a Place,
    image: Previous<'a>,
}

impl<'a> Base<'a> {
    async fn read(name: &'a Name, place: &'a Place, cache: Option<&'a Cache>) -> anyhow::Result<Self> {
        let image = Previous::read(place, cache).await?;
        let image = image.with_context(|| format!("{name}: there is no such image"))?;
        if image.is_foreign() {
            bail!("{name} is no image of galley's: none of its layers is said to hold the program");
        }
        Ok(Self { name, place, image })
    }

    /// The layer of the program; its bytes are had only if `previous`, what is at the destination, does not have it.
    async fn program(&self, platform: Platform, previous: Option<&Previous<'_>>) -> anyhow::Result<Option<Layer>> {
        let Some((descriptor, diff_id)) = self.image.program(platform).await? else { return Ok(None) };
        let mut layer = Layer::kept(descriptor.clone(), diff_id);
        if !previous.is_some_and(|previous| previous.has_layer(descriptor.digest)) {
            let bytes = self.place.blob(&descriptor).await?.bytes;
            self.check(platform, &descriptor, diff_id, &bytes)?;
            layer.fill(bytes);
        }
        Ok(Some(layer))
    }
}

impl Base<'_> {
    /// What others say of a layer is not handed on unseen: engines refuse an image whose config lies about it.
    fn check(&self, platform: Platform, layer: &Descriptor, diff_id: Digest, bytes: &Bytes) -> anyhow::Result<()> {
        let name = self.name;
        unpack_program(layer, bytes, platform)
            .with_context(|| format!("{name}: the program for {platform} is no use"))?;
        let archive = read_archive(&layer.media_type, bytes.as_ref())
            .with_context(|| format!("{name}: the program for {platform} can't be read"))?;
        if archive.diff_id != Some(diff_id) {
            bail!(
                "{name}: its config for {platform} promises other bytes of the program than there are; name another image"
            );
        }
        Ok(())
    }
}

fn read(file: &Path, platform: Platform) -> anyhow::Result<Binary> {
    let binary = Binary::read(file)?;
    if binary.platform != platform {
        bail!("{}: is a program for {}, not for {platform}", file.display(), binary.platform);
    }
    Ok(binary)
}

/// `dist/linux-arm64/galley` beside this program, or its sibling if this program lies in such a folder itself.
fn in_dist(platform: Platform) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let folder = own.parent()?;
    let below = PathBuf::from(platform.folder()).join("galley");
    let beside = folder.join("dist").join(&below);
    let sibling = Platform::of_this_program().filter(|own| folder.ends_with(own.folder()));
    let sibling = sibling.and_then(|_| Some(folder.parent()?.join(&below)));
    std::iter::once(beside).chain(sibling).find(|file| file.is_file())
}

fn missing(platform: Platform) -> anyhow::Error {
    let own = Platform::of_this_program().map(|own| format!("; or pack for {own} alone by --platform {own}"));
    anyhow::anyhow!(
        "there is no program for {platform}: name one by --binary {platform}=FILE, or an image that has it by --base, or put it \
         into dist/{}/galley beside this program (scripts/dist makes all of them){}",
        platform.folder(),
        own.unwrap_or_default()
    )
}
