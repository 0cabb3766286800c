//! A site's files as they are in a commit.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;

use git2::{ObjectType, Oid, Repository};

use super::is_hidden;
use super::{Kind, Listed, Listing, joined, not_utf8, outside, parts, too_large};
use crate::site::history::{Commit, Repositories};

/// How many symbolic links one path may lead through, as on Linux.
const MAX_LINKS: usize = 40;

/// The longest target of a symbolic link in bytes, as on Linux.
const MAX_TARGET: u64 = 4096;

/// The files below a folder of a commit.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) commit: Commit,
    entries: BTreeMap<String, Entry>,
    /// Paths whose names are not UTF-8, with � for their odd bytes.
    unnamed: Vec<String>,
    repositories: Repositories,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Regular(Oid),
    Link(Oid),
    Submodule,
}

impl Tree {
    /// `top` is the tree of the site's folder.
    pub(super) fn read_from(repository: &Repository, commit: Commit, top: Oid) -> Result<Self, git2::Error> {
        let repositories = Repositories::at(repository.path());
        let mut tree = Self { commit, entries: BTreeMap::new(), unnamed: Vec::new(), repositories };
        tree.collect(repository, top, "")?;
        Ok(tree)
    }

    fn collect(&mut self, repository: &Repository, tree: Oid, folder: &str) -> Result<(), git2::Error> {
        for entry in &repository.find_tree(tree)? {
            let Ok(name) = str::from_utf8(entry.name_bytes()) else {
                self.unnamed.push(joined(folder, &String::from_utf8_lossy(entry.name_bytes())));
                continue;
            };
            let path = joined(folder, name);
            let found = match (entry.kind(), entry.filemode()) {
                (Some(ObjectType::Tree), _) => {
                    self.collect(repository, entry.id(), &path)?;
                    continue;
                }
                (_, 0o120_000) => Entry::Link(entry.id()),
                (Some(ObjectType::Blob), _) => Entry::Regular(entry.id()),
                _ => Entry::Submodule,
            };
            self.entries.insert(path, found);
        }
        Ok(())
    }

    pub(super) fn is_file(&self, path: &str) -> bool {
        matches!(self.entries.get(path), Some(Entry::Regular(_)))
    }

    pub(super) fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.below(path).next().is_some()
    }

    /// All entries below a folder, each with its path from there.
    fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, Entry)> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        self.entries.range::<str, _>(from).map_while(move |(path, entry)| Some((path.strip_prefix(&prefix)?, *entry)))
    }

    /// Where `path` leads to when symbolic links are followed as in a folder; whether anything is there is not looked at.
    pub(super) fn resolve(&self, path: &str) -> io::Result<String> {
        let mut rest: Vec<String> = parts(path)?.into_iter().rev().map(str::to_owned).collect();
        let mut at = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." if at.is_empty() => return Err(outside()),
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or_default());
                    continue;
                }
                _ => {}
            }
            let next = joined(&at, &part);
            let Some(Entry::Link(id)) = self.entries.get(&next) else {
                at = next;
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many levels of symbolic links"));
            }
            let target = self.blob(*id, MAX_TARGET)?;
            let target = String::from_utf8(target).map_err(|_| not_utf8())?;
            if target.starts_with('/') {
                return Err(outside());
            }
            rest.extend(target.split('/').rev().map(str::to_owned));
        }
        Ok(at)
    }

    fn blob(&self, id: Oid, max: u64) -> io::Result<Vec<u8>> {
        let content = self.repositories.with(|repository| {
            let odb = repository.odb()?;
            let (length, _) = odb.read_header(id)?;
            (length as u64 <= max).then(|| Ok(odb.read(id)?.data().to_vec())).transpose()
        });
        content.map_err(io::Error::other)?.ok_or_else(|| too_large(max))
    }

    pub(super) fn read(&self, path: &str, max: u64) -> io::Result<Vec<u8>> {
        let path = self.resolve(path)?;
        match self.entries.get(&path) {
            Some(Entry::Regular(id)) => self.blob(*id, max),
            Some(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "is no regular file")),
            None if self.is_folder(&path) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn list(&self, below: &str, skip: &dyn Fn(&str) -> bool, listing: &mut Listing) -> io::Result<()> {
        let top = self.resolve(below)?;
        if !self.is_folder(&top) {
            let is_something = self.entries.contains_key(&top);
            return Err(if is_something { io::ErrorKind::NotADirectory } else { io::ErrorKind::NotFound }.into());
        }
        let is_left_out = |path: &str| {
            let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
            is_hidden(name) || folders.split('/').any(|name| is_hidden(name) || !name.is_empty() && skip(name))
        };
        for path in &self.unnamed {
            let inside =
                path.strip_prefix(&top).map(|path| if top.is_empty() { Some(path) } else { path.strip_prefix('/') });
            if let Some(path) = inside.flatten().filter(|path| !is_left_out(path)) {
                listing.errors.push((joined(below, path), not_utf8()));
            }
        }
        let listed = self.repositories.with(|repository| {
            let odb = repository.odb()?;
            for (path, entry) in self.below(&top).filter(|(path, _)| !is_left_out(path)) {
                let path = joined(below, path);
                let listed = match entry {
                    Entry::Regular(id) => odb.read_header(id).map(|(length, _)| (Kind::Regular, length as u64)),
                    Entry::Link(_) | Entry::Submodule => Ok((Kind::Other, 0)),
                };
                match listed {
                    Ok((kind, length)) => listing.files.push(Listed { path, kind, length }),
                    Err(error) => listing.errors.push((path, io::Error::other(error))),
                }
            }
            Ok(())
        });
        listed.map_err(io::Error::other)
    }
}
