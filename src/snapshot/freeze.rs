//! Freezing: a tree becomes the one immutable value that requests read.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use rayon::prelude::*;

use super::codings::Codings;
use super::fault::Fault;
use super::fields::Interner;
use super::file_body::{FileBody, Files};
use super::frozen::{Snapshot, Target};
use super::header_rules::{HEADERS, HeaderRules};
use super::held::Held;
use super::media_type;
use super::memory::memory_of;
use super::memory_file::MemoryFile;
use super::redirects::{REDIRECTS, Redirects};
use super::resource::{Body, Resource};
use super::root::ContentRoot;
use super::spelling::leads_to_one;
use super::tree::{Content, Entry, Tree, TreePath};
use super::url_path::place_of;

/// The page that answers requests for what is not there.
const NOT_FOUND: &str = "/404.html";
/// Endings of files that other servers keep beside a page as its codings.
const SIDECARS: [&str; 3] = [".br", ".gz", ".zst"];
/// What freezing may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Freezing<'a> {
    /// Resources that are the same in it are shared with it and not made again.
    pub previous: Option<&'a Snapshot>,
    /// Codings that were made before.
    pub codings: Option<&'a Codings>,
    /// The bytes that content may take in memory; without a limit, that of `previous`, and without one all of it is held. What lies in files and needs no coding gives way first;
    /// texts are always held.
    pub memory: Option<u64>,
    /// How many of the files that lie on disk may be open at a time; as in `previous`, or some, if it is not said.
    pub open_files: Option<usize>,
    /// Where large bodies are held; as in `previous`, or on the heap, if it is not said.
    pub file: Option<&'a Arc<MemoryFile>>,
}

/// Open at a time where nobody says how many may be.
const OPEN_FILES: usize = 64;

/// Freezes `tree` with no limit of memory. Resources that are the same in `previous` are shared with it.
pub fn freeze(tree: &Tree, previous: Option<&Snapshot>) -> io::Result<Snapshot> {
    freeze_with(tree, &Freezing { previous, ..Freezing::default() })
}

/// Freezes `tree`. No coding is made: they are taken from where they were kept, and added later by [`Snapshot::with`].
pub fn freeze_with(tree: &Tree, freezing: &Freezing<'_>) -> io::Result<Snapshot> {
    let (rules, rule_faults) = HeaderRules::parse(&text(tree, HEADERS)?);
    let (redirects, mut redirect_faults) = Redirects::parse(&text(tree, REDIRECTS)?);
    let rules_digest = tree.get(HEADERS).map(Entry::digest);
    let previous = freezing.previous.filter(|previous| previous.rules == rules_digest);
    let entries: Vec<_> = tree.iter().filter(|(path, _)| is_public(tree, path)).collect();
    let memory = freezing.memory.or_else(|| freezing.previous.and_then(Snapshot::memory));
    let on_disk = on_disk(&entries, memory);
    let open_files = freezing.open_files.or(freezing.previous.map(|previous| previous.open_files));
    let open_files = open_files.unwrap_or(OPEN_FILES);
    let files = Files::new(open_files);
    let file = freezing.file.or_else(|| freezing.previous?.file.as_ref());
    let interner = Interner::default();
    let resources = || {
        entries
            .into_par_iter()
            .map(|(path, entry)| {
                let url = place_of(path);
                let in_memory = !on_disk.contains(path.as_str());
                let kept = previous.and_then(|previous| previous.paths.get(&url));
                let resource = match kept {
                    Some(Target::Resource(kept)) if kept.is(entry, in_memory) => Arc::clone(kept),
                    _ => Arc::new(Resource::of(
                        path,
                        &url,
                        entry,
                        body(path, entry, in_memory.then_some(file), &files)?,
                        &rules,
                        &interner,
                    )),
                };
                let complete = freezing.codings.and_then(|codings| resource.with(codings));
                Ok((url, Target::Resource(complete.map_or(resource, Arc::new))))
            })
            .collect::<io::Result<HashMap<_, _>>>()
    };
    // The root is hashed line by line, on one core; the others need not wait for it.
    let (root, paths) = rayon::join(|| ContentRoot::of(tree), resources);
    let mut paths = paths?;
    let not_found = match paths.get(NOT_FOUND) {
        Some(Target::Resource(page)) => Some(Arc::clone(page)),
        _ => None,
    };
    let (redirects, circles) = redirects.without_circles(|path| leads_to_one(path, |path| paths.contains_key(path)));
    redirect_faults.extend(circles);
    let told = |file: &str, faults: Vec<Fault>| faults.into_iter().map(|fault| format!("{file}:{fault}")).collect();
    let faults: [Vec<String>; 2] = [told(HEADERS, rule_faults), told(REDIRECTS, redirect_faults)];
    paths.extend(redirects.exact().map(|(path, number)| (path, Target::Redirect(number))));
    let redirects = Arc::new(redirects);
    let faults = faults.concat().into();
    let retained = Vec::new();
    let (file, rules) = (file.cloned(), rules_digest);
    Ok(Snapshot { root, paths, redirects, rules, faults, memory, open_files, file, not_found, retained })
}

fn text(tree: &Tree, path: &str) -> io::Result<String> {
    let bytes = tree.get(path).map(Entry::read).transpose()?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default())
}

/// Dot files are kept from readers; `.well-known` is what RFC 8615 reserves for them. What says how to serve is not served,
/// and neither are codings that another program left beside a file.
fn is_public(tree: &Tree, path: &TreePath) -> bool {
    let stem = SIDECARS.iter().find_map(|ending| path.as_str().strip_suffix(ending));
    path.names().all(|name| !name.starts_with('.') || name == ".well-known")
        && !matches!(path.as_str(), REDIRECTS | HEADERS)
        && stem.is_none_or(|stem| tree.get(stem).is_none())
}

/// The paths of those files that memory has no room for, the largest first.
fn on_disk<'a>(entries: &[(&'a TreePath, &'a Entry)], memory: Option<u64>) -> HashSet<&'a str> {
    let Some(memory) = memory else { return HashSet::new() };
    let (mut media, mut held) = (Vec::new(), 0);
    for (path, entry) in entries {
        let memory = memory_of(path, entry.length());
        if memory.may_give_way() && !entry.is_in_memory() {
            media.push((entry.length(), path.as_str()));
        } else {
            held += memory.bytes();
        }
    }
    media.sort_unstable();
    let fits = |(length, _): &&(u64, &str)| {
        held += length;
        held <= memory
    };
    let fitting = media.iter().take_while(fits).count();
    media[fitting..].iter().map(|(_, path)| *path).collect()
}

fn body(
    path: &TreePath,
    entry: &Entry,
    in_memory: Option<Option<&Arc<MemoryFile>>>,
    files: &Arc<Files>,
) -> io::Result<Body> {
    match (entry.content(), in_memory) {
        (Content::File(path), None) => Ok(Body::File(Arc::new(FileBody::new(path, entry.length(), files)?))),
        (_, file) => {
            // Pages are read once more, and nearly always sent in a coding.
            let is_page = media_type::of(path.names().last().unwrap_or_default()).is_page();
            Ok(Body::Memory(Held::new(entry.read()?, file.flatten().filter(|_| !is_page))))
        }
    }
}
