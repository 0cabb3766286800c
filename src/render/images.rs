//! The site's images: their dimensions, and smaller copies for narrow screens.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

use super::image::{self, Dimensions, ImageError};
use super::markdown::Image;
use super::memory::Memory;
use crate::finding::Finding;
use crate::site::{Asset, Permalink, Site};
use crate::snapshot::{Entry, TreePath};

/// Changes when the same image would become other bytes.
const RECIPE: &str = "webp 1";
/// A copy has to be this much narrower than the image, in percent, to be worth its bytes.
const WORTHWHILE: u32 = 90;

/// A smaller copy of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Copy {
    /// The position in the site's assets.
    pub(super) asset: usize,
    pub(super) width: u32,
}

/// What the first look at a file said.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// `None` if it is no image.
    size: Option<Dimensions>,
    /// Why there are no copies of it, though it is an image.
    obstacle: Option<ImageError>,
}

/// All files of the site that may be images, looked into when a page asks.
pub(super) struct Images<'a> {
    site: &'a Site,
    memory: &'a Memory,
    /// By path in the output.
    positions: HashMap<&'a str, usize>,
    entries: Vec<OnceLock<Result<Entry, String>>>,
    heads: Vec<OnceLock<Arc<Head>>>,
    /// Copies that a page shows, with the paths that they get.
    copies: Mutex<BTreeMap<TreePath, Copy>>,
}

impl<'a> Images<'a> {
    pub(super) fn new(site: &'a Site, memory: &'a Memory) -> Self {
        let count = site.assets.len();
        Self {
            site,
            memory,
            positions: site.assets.iter().enumerate().map(|(at, asset)| (asset.output.as_str(), at)).collect(),
            entries: std::iter::repeat_with(OnceLock::new).take(count).collect(),
            heads: std::iter::repeat_with(OnceLock::new).take(count).collect(),
            copies: Mutex::default(),
        }
    }

    /// The entry of an asset as it is.
    pub(super) fn entry(&self, position: usize) -> Result<Entry, Box<Finding>> {
        let asset = &self.site.assets[position];
        let entry = self.entries[position]
            .get_or_init(|| self.memory.asset(&asset.source, asset.seen, || read(self.site, asset)));
        entry.clone().map_err(|message| Box::new(Finding::error(&asset.source, None, message)))
    }

    /// The image at a rooted URL, with the copies that are to be made of it.
    pub(super) fn find(&self, url: &str) -> Option<Image> {
        let path = url.split(['?', '#']).next()?.trim_start_matches('/');
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let position = *self.positions.get(path.as_ref())?;
        if !is_image(&path) {
            return None;
        }
        let head = self.heads[position].get_or_init(|| self.head(position));
        let size = head.size?;
        let srcset = if head.obstacle.is_none() { self.srcset(position, url, size) } else { String::new() };
        Some(Image { url: url.to_owned(), width: size.width, height: size.height, srcset })
    }

    fn head(&self, position: usize) -> Arc<Head> {
        let asset = &self.site.assets[position];
        self.memory.head(&asset.source, asset.seen, &self.site.config.images, || self.look(position))
    }

    fn look(&self, position: usize) -> Head {
        let bytes = self.entry(position).ok().and_then(|entry| entry.read().ok());
        let Some(bytes) = bytes else { return Head::default() };
        let size = image::dimensions(&bytes);
        let copied = size.is_some_and(|size| self.widths(position, size).next().is_some());
        Head { size, obstacle: copied.then(|| image::refuse(&bytes)).flatten() }
    }

    /// What is wrong with the images that pages show: they are published as they are.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let seen = self.site.assets.iter().zip(&self.heads).filter_map(|(asset, head)| Some((asset, &**head.get()?)));
        let finding = |(asset, head): (&Asset, &Head)| {
            let message = match (head.size, &head.obstacle) {
                // An SVG image need not say how large it is.
                (None, _) if ending(&asset.source) == "svg" => return None,
                (None, _) => "is shown by a page, but is no image: check the file, or save it again".to_owned(),
                (_, Some(obstacle)) => format!("gets no smaller copies: {obstacle}"),
                _ => return None,
            };
            Some(Finding::warning(&asset.source, None, message))
        };
        seen.filter_map(finding).collect()
    }

    /// The widths of the copies that an image gets.
    fn widths(&self, position: usize, size: Dimensions) -> impl Iterator<Item = u32> {
        let settings = &self.site.config.images;
        let wanted = settings.resize && can_be_resized(self.site.assets[position].output.as_str());
        let worthwhile =
            move |width: &u32| u64::from(*width) * 100 <= u64::from(size.width) * u64::from(WORTHWHILE) && wanted;
        settings.widths.iter().copied().filter(worthwhile)
    }

    fn srcset(&self, position: usize, url: &str, size: Dimensions) -> String {
        let asset = &self.site.assets[position];
        let mut sources = Vec::new();
        for width in self.widths(position, size) {
            // Of the same folder and name, so that it lies where its original does.
            let Ok(path) = TreePath::new(&format!("{}.{width}.webp", asset.output)) else { continue };
            sources.push(format!("{} {width}w", Permalink::of_file(path.clone()).url()));
            let copy = Copy { asset: position, width };
            self.copies.lock().unwrap_or_else(PoisonError::into_inner).insert(path, copy);
        }
        if sources.is_empty() {
            return String::new();
        }
        sources.push(format!("{url} {}w", size.width));
        sources.join(", ")
    }

    /// The copies that pages show.
    pub(super) fn copies(&self) -> BTreeMap<TreePath, Copy> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a copy, or takes it from the cache.
    pub(super) fn copy(&self, copy: Copy) -> Result<Entry, Box<Finding>> {
        let entry = self.entry(copy.asset)?;
        let quality = self.site.config.images.quality;
        let mut key = Sha256::new();
        key.update(format!("{RECIPE} {} {} {quality}", entry.digest(), copy.width));
        let key: [u8; 32] = key.finalize().into();
        if let Some(bytes) = self.memory.blob("images", &key) {
            return Ok(Entry::new(Bytes::from(bytes), None));
        }
        let asset = &self.site.assets[copy.asset];
        let refuse = |message: String| Box::new(Finding::error(&asset.source, None, message));
        let bytes = entry.read().map_err(|error| refuse(error.to_string()))?;
        let made = image::resize(&bytes, copy.width, quality).map_err(|error| refuse(error.to_string()))?;
        self.memory.keep_blob("images", &key, &made.bytes);
        Ok(Entry::new(Bytes::from(made.bytes), None))
    }
}

fn read(site: &Site, asset: &Asset) -> Result<Entry, String> {
    match site.files.on_disk(&asset.source) {
        Some(path) => Entry::file(path, None).map_err(|error| error.to_string()),
        None => {
            let bytes = site.files.read(&asset.source, asset.length).map_err(|error| error.to_string())?;
            Ok(Entry::new(Bytes::from(bytes), None))
        }
    }
}

fn ending(path: &str) -> String {
    path.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_ascii_lowercase())
}

fn is_image(path: &str) -> bool {
    ["png", "jpg", "jpeg", "gif", "webp", "avif", "svg"].contains(&ending(path).as_str())
}

fn can_be_resized(path: &str) -> bool {
    ["png", "jpg", "jpeg"].contains(&ending(path).as_str())
}
