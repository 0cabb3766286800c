//! The programs of an image's platforms, and where each is to be had.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;

use super::super::transfer::Transfer;
use super::place::{Name, Place, is_damage};
use super::previous::{Previous, keep};
use crate::cache::Cache;
use crate::image::{
    Binary, Descriptor, Layer, Platform, PlatformError, Program, pack_program, read_archive, unpack_program,
};
use crate::registry::{Reference, Transport, at_once};
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
    /// Whether the image before may no longer have what it says that it has.
    pub(super) doubts: bool,
    pub(super) cache: Option<&'a Cache>,
    /// Shows how far pulls have come.
    pub(super) pulling: &'a Arc<Transfer>,
}

/// The programs of a package.
pub(super) struct Programs {
    /// One a platform.
    pub(super) found: Vec<Program>,
    /// The layers that are taken over from the base where the image goes to, without being sent.
    pub(super) mounted: Vec<Digest>,
    /// Where each comes from, for people.
    pub(super) from: String,
}

/// A program that was found, and what to call its place.
struct Found {
    platform: Platform,
    from: String,
    is_of_base: bool,
    what: What,
}

/// What there is of a program in the image before.
enum Kept {
    None,
    Layer(Box<Layer>),
    /// Why it is not taken.
    Refused(String),
}

enum What {
    Binary(Binary),
    /// A layer of another image, with its bytes if the image that is being made may need them.
    Layer(Layer),
}

impl Sources<'_> {
    /// The program for each of `platforms`.
    pub(super) async fn find(&self, platforms: &[Platform]) -> anyhow::Result<Programs> {
        if let Some(other) = self.given.iter().find(|given| !platforms.contains(&given.platform)) {
            bail!("--binary names a program for {}, for which nothing is packed; see --platform", other.platform);
        }
        let open = |name| Place::open_to_read(name, self.transport, self.pushed);
        let place = self.base.map(open).transpose()?.map(|place| place.showing(self.pulling));
        let base = match self.base.zip(place.as_ref()) {
            Some((name, place)) => Some(Base::read(name, place, self.cache).await?),
            None => None,
        };
        let found = at_once(platforms.iter().map(|platform| self.find_one(*platform, base.as_ref()))).await;
        let found: Vec<Found> = found.into_iter().collect::<anyhow::Result<_>>()?;
        let mounted = self.mounted(&found);
        let names: Vec<_> = found.iter().map(|found| format!("{} {}", found.platform, found.from)).collect();
        let found = found.into_iter().map(|found| self.pack(found)).collect::<anyhow::Result<_>>()?;
        Ok(Programs { found, mounted, from: names.join(", ") })
    }

    fn mounted(&self, found: &[Found]) -> Vec<Digest> {
        let (Some(Name::Registry(base)), Some(pushed)) = (self.base, self.pushed) else { return Vec::new() };
        let of_base = |found: &&Found| found.is_of_base && base.host() == pushed.host();
        let layers = found.iter().filter(of_base).filter_map(|found| match &found.what {
            What::Layer(layer) => Some(layer.descriptor.digest),
            What::Binary(_) => None,
        });
        layers.collect()
    }

    async fn find_one(&self, platform: Platform, base: Option<&Base<'_>>) -> anyhow::Result<Found> {
        let found = |from: String, what| Ok(Found { platform, from, is_of_base: false, what });
        if let Some(given) = self.given.iter().find(|given| given.platform == platform) {
            return found(given.file.display().to_string(), What::Binary(read(&given.file, platform)?));
        }
        if Platform::of_this_program() == Some(platform) {
            return found("this program".to_owned(), What::Binary(Binary::of_this_program()?));
        }
        if let Some(base) = base
            && let Some(layer) = base.program(platform, self.previous.filter(|_| !self.doubts)).await?
        {
            let from = format!("from {}", base.name);
            return Ok(Found { platform, from, is_of_base: true, what: What::Layer(layer) });
        }
        let kept = self.kept(platform).await?;
        if let Kept::Layer(layer) = kept {
            return found("as in the image before".to_owned(), What::Layer(*layer));
        }
        match in_dist(platform) {
            Some(file) => found(file.display().to_string(), What::Binary(read(&file, platform)?)),
            None => Err(missing(platform, &kept)),
        }
    }

    /// The program of the image before.
    async fn kept(&self, platform: Platform) -> anyhow::Result<Kept> {
        let Some(previous) = self.previous.filter(|previous| previous.has_program(platform)) else {
            return Ok(Kept::None);
        };
        if let Some(doubt) = previous.doubt {
            return Ok(Kept::Refused(doubt.to_owned()));
        }
        let (descriptor, diff_id) = match previous.program(platform).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Kept::None),
            Err(error) if is_damage(&error) => return Ok(Kept::Refused(format!("{error:#}"))),
            Err(error) => return Err(error),
        };
        if self.doubts && !previous.place.missing(std::slice::from_ref(&descriptor)).await?.is_empty() {
            return Ok(Kept::Refused(format!("its layer {} is no longer there", descriptor.digest)));
        }
        Ok(Kept::Layer(Box::new(Layer::kept(descriptor, diff_id))))
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
        let image = Previous::of_base(place, cache).await?;
        let image = image.with_context(|| format!("{name}: there is no such image"))?;
        if image.is_foreign() {
            bail!("{name} is no image of galley's: none of its layers is said to hold the program");
        }
        Ok(Self { name, place, image })
    }

    /// The layer of the program; its bytes are had only if `previous`, what is at the destination, does not have it.
    async fn program(&self, platform: Platform, previous: Option<&Previous<'_>>) -> anyhow::Result<Option<Layer>> {
        let lacks = || format!("{}: the program for {platform} can't be pulled", self.name);
        let found = self.image.program(platform).await.with_context(lacks)?;
        let Some((descriptor, diff_id)) = found else { return Ok(None) };
        let mut layer = Layer::kept(descriptor.clone(), diff_id);
        // What is at the destination was checked by whoever brought it there, if it is said there to be the same. Where that
        // can't be read, it is checked anew.
        let known = match previous {
            Some(previous) => previous.diff_id(descriptor.digest).await.is_ok_and(|known| known == Some(diff_id)),
            None => false,
        };
        if !known {
            let bytes = self.place.blob(&descriptor).await.with_context(lacks)?.bytes;
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

fn missing(platform: Platform, kept: &Kept) -> anyhow::Error {
    let refused = match kept {
        Kept::Refused(why) => format!("; that of the image before is not taken: {why}"),
        Kept::None | Kept::Layer(_) => String::new(),
    };
    let own = Platform::of_this_program().map(|own| format!("; or pack for {own} alone by --platform {own}"));
    anyhow::anyhow!(
        "there is no program for {platform}: name one by --binary {platform}=FILE, or an image that has it by --base, or put it \
         into dist/{}/galley beside this program (scripts/dist makes all of them){}{refused}",
        platform.folder(),
        own.unwrap_or_default()
    )
}
