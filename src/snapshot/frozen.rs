//! The one immutable value that requests read.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use http::StatusCode;

use super::coding::Coding;
use super::codings::Codings;
use super::digest::Digest;
use super::freeze::{Freezing, freeze_with};
use super::held::Held;
use super::memory::SMALL;
use super::memory_file::MemoryFile;
use super::redirects::Redirects;
use super::resource::{Body, Resource};
use super::root::ContentRoot;
use super::spelling::{Spelling, spelled};
use super::tree::Tree;

/// Releases whose fingerprinted assets are still answered after a swap: pages that readers have open ask for them.
pub const RETAINED_RELEASES: usize = 4;

/// What a path leads to.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// A resource.
    Found(&'a Resource),
    /// Nothing, but a resource is there in another spelling.
    Spelled(Spelling),
    /// Elsewhere, by a rule of `_redirects`.
    Redirect(StatusCode, String),
    /// Nothing, as a rule of `_redirects` says.
    Gone(StatusCode),
    /// Nothing.
    Missing,
}

/// What a path of the table is.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Resource(Arc<Resource>),
    /// The redirect of this number.
    Redirect(usize),
}

/// Resources by path.
type Assets = Arc<HashMap<String, Arc<Resource>>>;

/// The same, each as `complete` makes it; shared if that changes none.
fn completed(assets: &Assets, complete: impl Fn(&Arc<Resource>) -> Arc<Resource>) -> Assets {
    let made: HashMap<_, _> = assets.iter().map(|(path, resource)| (path.clone(), complete(resource))).collect();
    let is_same = made.iter().all(|(path, made)| Arc::ptr_eq(made, &assets[path]));
    if is_same { Arc::clone(assets) } else { Arc::new(made) }
}

/// How many resources of a snapshot are not those of an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Only in it.
    pub added: usize,
    /// With other bytes or another date.
    pub changed: usize,
    /// Only in the earlier one.
    pub removed: usize,
}

/// All resources of one content root, immutable. A clone shares them.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) root: ContentRoot,
    pub(super) paths: HashMap<String, Target>,
    pub(super) redirects: Arc<Redirects>,
    /// The digest of `_headers`, by which all resources were made.
    pub(super) rules: Option<Digest>,
    /// What was wrong in the files of rules; those lines are left out.
    pub(super) faults: Arc<[String]>,
    /// The bytes that content may take in memory.
    pub(super) memory: Option<u64>,
    /// How many files may be open at a time.
    pub(super) open_files: usize,
    /// Where large bodies are held.
    pub(super) file: Option<Arc<MemoryFile>>,
    pub(super) not_found: Option<Arc<Resource>>,
    /// Fingerprinted assets of the releases before, the last one first.
    pub(super) retained: Vec<Assets>,
}

impl Snapshot {
    /// The content root of the tree that was frozen.
    pub fn root(&self) -> ContentRoot {
        self.root
    }

    /// The resource at `path`, which is percent-decoded and begins with `/`; no other release's, and nothing that a rule says.
    pub fn find(&self, path: &str) -> Option<&Resource> {
        match self.paths.get(path)? {
            Target::Resource(resource) => Some(resource),
            Target::Redirect(_) => None,
        }
    }

    /// What `path`, percent-decoded and beginning with `/`, leads to; `query` is kept on the way.
    pub fn lookup(&self, path: &str) -> Lookup<'_> {
        self.lookup_with(path, None)
    }

    /// The same for a request with a query.
    pub fn lookup_with(&self, path: &str, query: Option<&str>) -> Lookup<'_> {
        match self.paths.get(path) {
            Some(Target::Resource(resource)) => Lookup::Found(resource),
            Some(Target::Redirect(number)) => self.redirect(*number, path, query),
            None => self.lookup_missing(path, query),
        }
    }

    fn lookup_missing(&self, path: &str, query: Option<&str>) -> Lookup<'_> {
        if let Some(found) = self.lookup_spelled(path) {
            return found;
        }
        // One that fits what it leads to is followed where something is: there it ends.
        let is_there = |path: &str| self.find(path).is_some() || self.lookup_spelled(path).is_some();
        let pattern = self.redirects.find_pattern(path).filter(|number| self.redirects.ends(*number, path, is_there));
        pattern.map_or(Lookup::Missing, |number| self.redirect(number, path, query))
    }

    /// What is meant by a path where nothing is, before patterns, which give way to what is there.
    fn lookup_spelled(&self, path: &str) -> Option<Lookup<'_>> {
        if let Some((spelling, _)) = spelled(path, |path| self.find(path).is_some()) {
            return Some(Lookup::Spelled(spelling));
        }
        let retained = self.retained.iter().find_map(|assets| assets.get(path));
        retained.map(|resource| Lookup::Found(resource))
    }

    fn redirect(&self, number: usize, path: &str, query: Option<&str>) -> Lookup<'_> {
        let status = self.redirects.rules()[number].status;
        match self.redirects.location(number, path, query) {
            Some(location) => Lookup::Redirect(status, location),
            None => Lookup::Gone(status),
        }
    }

    /// What was wrong in `_redirects` and `_headers`, with file and line; those lines are left out. A build refuses them: they
    /// come from folders and images that others made.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// The bytes that content may take in memory, if there is a limit.
    pub fn memory(&self) -> Option<u64> {
        self.memory
    }

    /// The 404 page, if the tree has one.
    pub fn not_found(&self) -> Option<&Resource> {
        self.not_found.as_deref()
    }

    /// All resources, in no order.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.paths.values().filter_map(|target| match target {
            Target::Resource(resource) => Some(resource.as_ref()),
            Target::Redirect(_) => None,
        })
    }

    /// All resources, and the fingerprinted assets of releases before it, each once; in no order.
    pub fn all_resources(&self) -> impl Iterator<Item = &Resource> {
        let mut retained: HashMap<&str, &Resource> = HashMap::new();
        for (path, resource) in self.retained.iter().flat_map(|assets| assets.iter()) {
            // As it is answered: what is there goes first, then the latest.
            if !self.paths.contains_key(path) {
                retained.entry(path).or_insert(resource);
            }
        }
        self.resources().chain(retained.into_values())
    }

    /// How it differs from `earlier`.
    pub fn compare(&self, earlier: &Self) -> Compared {
        let resources = |snapshot: &Self| snapshot.resources().count();
        let mut compared = Compared::default();
        for (path, target) in &self.paths {
            let Target::Resource(resource) = target else { continue };
            match earlier.find(path) {
                None => compared.added += 1,
                Some(other) if other.digest() == resource.digest() && other.modified == resource.modified => {}
                Some(_) => compared.changed += 1,
            }
        }
        let kept = resources(self) - compared.added;
        compared.removed = resources(earlier).saturating_sub(kept);
        compared
    }

    /// The paths of its resources that `earlier` does not have, or has with other bytes, as far as they are `wanted`; in no
    /// order.
    pub fn changed_since<'a>(&'a self, earlier: &Self, wanted: impl Fn(&str) -> bool) -> Vec<&'a str> {
        let is_changed = |path: &str, target: &Target| match target {
            Target::Resource(resource) => earlier.find(path).is_none_or(|other| other.digest() != resource.digest()),
            Target::Redirect(_) => false,
        };
        let changed = self.paths.iter().filter(|(path, target)| wanted(path) && is_changed(path, target));
        changed.map(|(path, _)| path.as_str()).collect()
    }

    /// The number of paths that answer.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether no path answers.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The bytes held in memory of each coding, in the order of [`Coding::ALL`].
    pub fn held(&self) -> [(Coding, u64); 4] {
        Coding::ALL.map(|coding| {
            let made = self
                .all_resources()
                .flat_map(|resource| &resource.representations)
                .filter(|made| made.coding == coding);
            (coding, made.filter_map(|made| made.body.held()).map(Held::length).sum())
        })
    }

    /// The bytes of media that are held although memory has no room for them: they could not be put on a disk.
    pub fn crowded(&self) -> u64 {
        let Some(limit) = self.memory else { return 0 };
        let (mut all, mut media) = (0u64, 0u64);
        for resource in self.resources() {
            let memory = resource.memory();
            all += memory.bytes();
            media += if memory.may_give_way() && memory.bytes() >= SMALL { memory.bytes() } else { 0 };
        }
        media.min(all.saturating_sub(limit))
    }

    /// The files that are read from disk when they are asked for, and their bytes.
    pub fn on_disk(&self) -> (usize, u64) {
        let bodies = self.all_resources().flat_map(|resource| &resource.representations).map(|made| &made.body);
        let files = bodies.filter(|body| matches!(body, Body::File(_)));
        files.fold((0, 0), |(count, bytes), file| (count + 1, bytes + file.length()))
    }

    /// The digests of those files.
    pub fn media(&self) -> HashSet<Digest> {
        let on_disk =
            |resource: &&Resource| resource.representations.iter().any(|made| matches!(made.body, Body::File(_)));
        self.all_resources().filter(on_disk).map(Resource::digest).collect()
    }

    /// The same with the codings that it lacks and `codings` has.
    pub fn with(&self, codings: &Codings) -> Self {
        let complete = |resource: &Arc<Resource>| resource.with(codings).map_or_else(|| Arc::clone(resource), Arc::new);
        let paths = self.paths.iter().map(|(path, target)| {
            let target = match target {
                Target::Resource(resource) => Target::Resource(complete(resource)),
                Target::Redirect(number) => Target::Redirect(*number),
            };
            (path.clone(), target)
        });
        Self {
            root: self.root,
            paths: paths.collect(),
            redirects: Arc::clone(&self.redirects),
            rules: self.rules,
            faults: Arc::clone(&self.faults),
            memory: self.memory,
            open_files: self.open_files,
            file: self.file.clone(),
            not_found: self.not_found.as_ref().map(complete),
            retained: self.retained.iter().map(|assets| completed(assets, complete)).collect(),
        }
    }

    /// Answers also the fingerprinted assets of `trees`, which were served before it, the latest first. What of them lies on a disk
    /// stays there.
    pub fn retain(&mut self, trees: &[Tree]) -> io::Result<()> {
        let mut before: Option<Self> = None;
        for tree in trees.iter().take(RETAINED_RELEASES).rev() {
            let previous = Some(before.as_ref().unwrap_or(self));
            let mut snapshot = freeze_with(tree, &Freezing { previous, memory: Some(0), ..Freezing::default() })?;
            if let Some(before) = &before {
                snapshot.retain_from(before);
            }
            before = Some(snapshot);
        }
        if let Some(before) = &before {
            self.retain_from(before);
        }
        Ok(())
    }

    /// Goes on answering the fingerprinted assets of `previous` and of those that it retained.
    pub fn retain_from(&mut self, previous: &Self) {
        if previous.root == self.root {
            self.retained = previous.retained.clone();
            return;
        }
        let immutable = previous.paths.iter().filter_map(|(path, target)| match target {
            Target::Resource(resource) if resource.is_immutable() => Some((path.clone(), Arc::clone(resource))),
            _ => None,
        });
        let assets: HashMap<_, _> = immutable.filter(|(path, _)| !self.paths.contains_key(path)).collect();
        self.retained = std::iter::once(Arc::new(assets))
            .chain(previous.retained.iter().cloned())
            .take(RETAINED_RELEASES)
            .collect();
    }
}
