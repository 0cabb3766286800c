//! What earlier builds of a site made: an argument of rendering, which knows neither clock nor environment.
//!
//! Markdown is remembered by its content, outputs by the exact values that their templates got. Nothing rests on the
//! times of source files.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::images::Head;
use super::items::Hashes;
use super::markdown::{Fault, Outline};
use super::orders::Orders;
use super::scope::Asked;
use crate::cache::Cache;
use crate::config::Images;
use crate::finding::Finding;
use crate::site::Page;
use crate::snapshot::{Digest, Entry, Modified, TreePath};

/// The record of all pages.
const PAGES: &str = "pages";
/// How the records of output folders begin.
const OUTPUTS: &str = "outputs";

/// What is known of a page's Markdown without rendering it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PageRecord {
    pub(super) asked: Vec<Asked>,
    pub(super) outline: Outline,
    pub(super) html_hash: u128,
    pub(super) faults: Vec<Fault>,
    #[serde(skip)]
    pub(super) html: Html,
}

/// A page's HTML, as far as this process has rendered it. The record is the same with it and without.
#[derive(Clone, Debug, Default)]
pub(super) struct Html(OnceLock<String>);

impl Html {
    pub(super) fn of(html: String) -> Self {
        Self(OnceLock::from(html))
    }

    pub(super) fn get_or_render(&self, render: impl FnOnce() -> String) -> &str {
        self.0.get_or_init(render)
    }
}

impl PartialEq for Html {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// An output as it lies in the output folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The hash of all that it was made from.
    context: u128,
    digest: [u8; 32],
    length: u64,
    modified: Option<u64>,
    /// When the file was written, in nanoseconds since 1970: another one was not written by galley.
    written: u128,
}

/// What earlier builds made.
#[derive(Debug, Default)]
pub struct Memory {
    cache: Option<Cache>,
    pages: HashMap<u128, Arc<PageRecord>>,
    outputs: HashMap<String, Made>,
    folder: PathBuf,
    /// What this very process made, if it renders the site again and again.
    held: Option<Held>,
}

/// A first look at an image, with the settings that it was meant for.
#[derive(Debug)]
struct Looked {
    seen: u64,
    settings: Images,
    head: Arc<Head>,
}

/// A page and what it was rendered to, with the hashes of what both give to templates.
pub(super) type HashesOf = (Arc<Page>, Arc<PageRecord>, Hashes);

/// Hashes of pages by the places in memory that they are held at, which nothing else can have meanwhile.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<usize, HashesOf>);

impl Known {
    /// What is known of this very page, rendered to this very record.
    pub(super) fn of(&self, page: &Arc<Page>, record: &Arc<PageRecord>) -> Option<Hashes> {
        let (_, known, hashes) = self.0.get(&Arc::as_ptr(page).addr())?;
        Arc::ptr_eq(known, record).then_some(*hashes)
    }
}

/// What one process made and has in memory.
#[derive(Debug, Default)]
struct Held {
    outputs: HashMap<TreePath, (u128, Entry)>,
    /// The site's files by source path, each with the reading in which it was looked at.
    assets: Mutex<HashMap<String, (u64, Entry)>>,
    /// What the first look at each of them said, with the settings of images that it was meant for.
    heads: Mutex<HashMap<String, Looked>>,
    /// What is known of pages and what they were rendered to.
    hashes: Mutex<Known>,
    /// What the last rendering will say of them once it is held.
    fresh_hashes: Mutex<Vec<HashesOf>>,
    orders: Mutex<Option<(u128, Arc<Orders>)>>,
    /// The hash of all outputs' names, when they were last looked through and none collided.
    names: Mutex<Option<u128>>,
    /// What the last rendering knew of pages.
    fresh: Mutex<Vec<(u128, Arc<PageRecord>)>>,
    /// Files that the last rendering put into pages, or looked for.
    included: Mutex<BTreeSet<String>>,
}

impl Memory {
    /// Remembers nothing and keeps nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// What `cache` holds for a site whose outputs go to `folder`, if they go to one.
    pub fn open(cache: Cache, folder: Option<&Path>) -> Self {
        let mut memory = Self { folder: folder.map(Path::to_path_buf).unwrap_or_default(), ..Self::default() };
        let (pages, outputs) = rayon::join(
            || cache.record(PAGES).and_then(|bytes| postcard::from_bytes::<Vec<(u128, PageRecord)>>(&bytes).ok()),
            || {
                let bytes = folder.and_then(|folder| cache.record(&outputs_name(folder)))?;
                postcard::from_bytes::<Vec<(String, Made)>>(&bytes).ok()
            },
        );
        memory.pages = pages.unwrap_or_default().into_iter().map(|(key, record)| (key, Arc::new(record))).collect();
        memory.outputs = outputs.unwrap_or_default().into_iter().collect();
        memory.cache = Some(cache);
        memory
    }

    /// For a process that renders the site again and again: outputs stay in memory. Copies of images are still kept in
    /// `cache`, because making them takes longest.
    pub fn in_process(cache: Option<Cache>) -> Self {
        Self { cache, held: Some(Held::default()), ..Self::default() }
    }

    /// Holds what a rendering made, in place of what was held before: path, hash of the values, entry.
    pub fn hold(&mut self, outputs: impl IntoIterator<Item = (TreePath, u128, Entry)>) {
        let Some(held) = &mut self.held else { return };
        held.outputs = outputs.into_iter().map(|(path, context, entry)| (path, (context, entry))).collect();
        let fresh = std::mem::take(held.fresh.get_mut().unwrap_or_else(PoisonError::into_inner));
        if self.pages.len() > 2 * fresh.len() + 64 {
            self.pages.clear();
        }
        self.pages.extend(fresh);
        let fresh = std::mem::take(held.fresh_hashes.get_mut().unwrap_or_else(PoisonError::into_inner));
        let by_place = |known: HashesOf| (Arc::as_ptr(&known.0).addr(), known);
        held.hashes = Mutex::new(Known(fresh.into_iter().map(by_place).collect()));
    }

    /// Gives `use_them` the hashes that are known of pages.
    pub(super) fn with_hashes<T: Send>(&self, use_them: impl FnOnce(Option<&Known>) -> T) -> T {
        match &self.held {
            Some(held) => use_them(Some(&lock(&held.hashes))),
            None => use_them(None),
        }
    }

    /// Keeps the hashes of pages.
    pub(super) fn keep_hashes(&self, known: impl FnOnce() -> Vec<HashesOf>) {
        if let Some(held) = &self.held {
            *lock(&held.fresh_hashes) = known();
        }
    }

    /// The orders that were made of what has this hash, or what `make` gives.
    pub(super) fn orders(&self, key: impl FnOnce() -> u128, make: impl FnOnce() -> Orders) -> Arc<Orders> {
        let Some(held) = &self.held else { return Arc::new(make()) };
        let key = key();
        if let Some((known, orders)) = &*lock(&held.orders)
            && *known == key
        {
            return Arc::clone(orders);
        }
        let orders = Arc::new(make());
        *lock(&held.orders) = Some((key, Arc::clone(&orders)));
        orders
    }

    /// What is wrong with names that have this hash: nothing, if that was found before.
    pub(super) fn checked(&self, names: u128, check: impl FnOnce() -> Vec<Finding>) -> Vec<Finding> {
        let Some(held) = &self.held else { return check() };
        if *lock(&held.names) == Some(names) {
            return Vec::new();
        }
        let findings = check();
        *lock(&held.names) = findings.is_empty().then_some(names);
        findings
    }

    /// Whether the entry at `path` takes no memory that was not taken before.
    pub(super) fn has(&self, path: &TreePath, entry: &Entry) -> bool {
        match &self.held {
            Some(held) => held.outputs.get(path).is_some_and(|(_, known)| known.is_same(entry)),
            None => !entry.is_in_memory(),
        }
    }

    /// Files outside the site's own folders that pages show, or would if they were there.
    pub fn included(&self) -> BTreeSet<String> {
        self.held.as_ref().map(|held| lock(&held.included).clone()).unwrap_or_default()
    }

    /// Waits until no other build of the site writes into `folder`; ends with the file. Two builds that each renamed only
    /// what changed, of a site that was edited between them, would leave a mixture that neither knows of.
    pub fn turn(cache: &Cache, folder: &Path) -> Option<File> {
        let locked = cache.lock(&name_of("lock", folder));
        locked.inspect_err(|error| tracing::debug!("the cache can't be locked: {error}")).ok()
    }

    /// Whether anything will be kept.
    pub(super) fn keeps(&self) -> bool {
        self.cache.is_some() || self.held.is_some()
    }

    /// The entry of an asset that was read in the reading `seen`, or what `read` gives.
    pub(super) fn asset(
        &self,
        source: &str,
        seen: Option<u64>,
        read: impl FnOnce() -> Result<Entry, String>,
    ) -> Result<Entry, String> {
        let Some((held, seen)) = self.held.as_ref().zip(seen) else { return read() };
        if let Some((at, entry)) = lock(&held.assets).get(source)
            && *at == seen
        {
            return Ok(entry.clone());
        }
        let entry = read()?;
        lock(&held.assets).insert(source.to_owned(), (seen, entry.clone()));
        Ok(entry)
    }

    pub(super) fn page(&self, key: u128) -> Option<&Arc<PageRecord>> {
        self.pages.get(&key)
    }

    /// What the first look at an asset said, or what `look` says.
    pub(super) fn head(
        &self,
        source: &str,
        seen: Option<u64>,
        settings: &Images,
        look: impl FnOnce() -> Head,
    ) -> Arc<Head> {
        let Some((held, seen)) = self.held.as_ref().zip(seen) else { return Arc::new(look()) };
        if let Some(looked) = lock(&held.heads).get(source)
            && looked.seen == seen
            && looked.settings == *settings
        {
            return Arc::clone(&looked.head);
        }
        let head = Arc::new(look());
        let looked = Looked { seen, settings: settings.clone(), head: Arc::clone(&head) };
        lock(&held.heads).insert(source.to_owned(), looked);
        head
    }

    /// The output at `path`, if it was made from the same values and lies in the folder as it was written.
    pub(super) fn output(&self, path: &TreePath, context: u128) -> Option<Entry> {
        if let Some(held) = &self.held {
            return held.outputs.get(path).filter(|(made, _)| *made == context).map(|(_, entry)| entry.clone());
        }
        let made = self.outputs.get(path.as_str()).filter(|made| made.context == context)?;
        self.intact(path, made)
    }

    /// The output at `path` as it lies in the folder, if it has the same bytes, whatever they were made from: what is
    /// there is not written again.
    pub(super) fn best(&self, path: &TreePath, entry: Entry) -> Entry {
        if let Some((_, known)) = self.held.as_ref().and_then(|held| held.outputs.get(path)) {
            return if known.is_same(&entry) { known.clone() } else { entry };
        }
        let made = self.outputs.get(path.as_str()).filter(|made| made.digest == entry.digest().bytes());
        let Some(made) = made.filter(|_| !entry.lies_at(&path.below(&self.folder))) else { return entry };
        self.intact(path, made).filter(|kept| kept.modified() == entry.modified()).unwrap_or(entry)
    }

    fn intact(&self, path: &TreePath, made: &Made) -> Option<Entry> {
        let file = path.below(&self.folder);
        let metadata = file.symlink_metadata().ok()?;
        if !metadata.is_file() || metadata.len() != made.length || written(&metadata) != Some(made.written) {
            return None;
        }
        let modified = made.modified.and_then(|seconds| Modified::from_seconds(i64::try_from(seconds).ok()?));
        Some(Entry::known(file, Digest::from_bytes(made.digest), made.length, modified))
    }

    /// What was kept in the cache's group `kind` under `key`.
    pub(super) fn blob(&self, kind: &str, key: &[u8; 32]) -> Option<Vec<u8>> {
        self.cache.as_ref()?.blob(kind, key)
    }

    /// Keeps a blob; a full disk costs the next build some time and this one nothing.
    pub(super) fn keep_blob(&self, kind: &str, key: &[u8; 32], bytes: &[u8]) {
        if let Some(cache) = &self.cache
            && let Err(error) = cache.keep_blob(kind, key, bytes)
        {
            tracing::debug!("the cache: {error}");
        }
    }

    /// To be called before outputs change: until [`Memory::keep_outputs`] nothing is known of them.
    pub fn forget_outputs(&self) {
        if let Some(cache) = &self.cache {
            cache.drop_record(&outputs_name(&self.folder));
        }
    }

    /// Keeps what is known of all pages, and drops what no page needs any more.
    pub(super) fn keep_pages(&self, pages: Vec<(u128, Arc<PageRecord>)>) {
        if let Some(held) = &self.held {
            *lock(&held.fresh) = pages;
            return;
        }
        let is_same = |known: &Arc<PageRecord>, record| Arc::ptr_eq(known, record) || known == record;
        let known = pages.len() == self.pages.len()
            && pages.iter().all(|(key, record)| self.pages.get(key).is_some_and(|known| is_same(known, record)));
        if !known {
            let pages: Vec<(u128, &PageRecord)> = pages.iter().map(|(key, record)| (*key, &**record)).collect();
            self.keep(PAGES, &pages);
        }
    }

    /// Notes which files pages include.
    pub(super) fn keep_included(&self, included: impl FnOnce() -> BTreeSet<String>) {
        if let Some(held) = &self.held {
            *lock(&held.included) = included();
        }
    }

    /// Files that an earlier build wrote into the folder and that are not among `outputs`, which are in path order.
    pub fn gone(&self, outputs: &[(TreePath, u128, Entry)]) -> Vec<TreePath> {
        let is_there = |path: &str| outputs.binary_search_by(|(other, ..)| other.as_str().cmp(path)).is_ok();
        let gone = self.outputs.keys().filter(|path| !is_there(path));
        gone.filter_map(|path| TreePath::new(path).ok()).collect()
    }

    /// Keeps what was written into the folder: path, hash of the values, entry.
    pub fn keep_outputs(&self, outputs: &[(TreePath, u128, Entry)]) {
        if self.cache.is_none() {
            return;
        }
        let made: Vec<(&str, Made)> = outputs
            .iter()
            .filter_map(|(path, context, entry)| {
                let same = self
                    .outputs
                    .get(path.as_str())
                    .filter(|made| made.context == *context && entry.lies_at(&path.below(&self.folder)));
                Some((path.as_str(), same.cloned().or_else(|| self.made(path, *context, entry))?))
            })
            .collect();
        self.keep(&outputs_name(&self.folder), &made);
    }

    fn made(&self, path: &TreePath, context: u128, entry: &Entry) -> Option<Made> {
        let metadata = path.below(&self.folder).symlink_metadata().ok()?;
        Some(Made {
            context,
            digest: entry.digest().bytes(),
            length: entry.length(),
            modified: entry.modified().map(Modified::seconds),
            written: written(&metadata)?,
        })
    }

    fn keep(&self, name: &str, value: &impl Serialize) {
        let Some(cache) = &self.cache else { return };
        let kept =
            postcard::to_stdvec(value).map_err(std::io::Error::other).and_then(|bytes| cache.keep_record(name, bytes));
        if let Err(error) = kept {
            tracing::warn!("the cache can't be written, so the next build starts from nothing: {error}");
        }
    }

    /// Removes from the cache what has not been used for long.
    pub fn sweep(&self) {
        if let Some(cache) = &self.cache
            && let Err(error) = cache.sweep("images").and_then(|()| cache.sweep_records(OUTPUTS))
        {
            tracing::debug!("the cache: {error}");
        }
    }
}

/// What is behind the locks is replaced as a whole: a panic elsewhere leaves it whole.
fn lock<T>(held: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn written(metadata: &Metadata) -> Option<u128> {
    Some(metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos())
}

/// Each output folder of a site has a record of its own.
fn outputs_name(folder: &Path) -> String {
    name_of(OUTPUTS, folder)
}

fn name_of(kind: &str, folder: &Path) -> String {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    format!("{kind}-{:016x}", xxh3_128(folder.as_os_str().as_encoded_bytes()) as u64)
}
