//! What a package costs to move, and what of it costs most.

use std::cmp::Reverse;
use std::io;

use super::super::report::{Report, size};
use super::place::Name;
use crate::image::{Listing, Package, Program, packed_length};
use crate::snapshot::{Digest, Tree, TreePath};

/// Paths are compressed one by one to see what each costs: the largest of them, beyond which none costs most.
const MEASURED: usize = 100;
/// Shown at most.
const SHOWN: usize = 3;
/// What costs less than this share of all, in percent, is not worth a word.
const LEAST_SHARE: u64 = 5;

/// Bytes that a destination does not have yet.
pub(super) struct Costs {
    /// All of them.
    pub(super) bytes: u64,
    /// What costs most, and how much.
    most: Vec<(String, u64)>,
}

impl Costs {
    /// What `package` costs where `is_there` says which layers are; `new` is the listing of its new content layer, of the files in
    /// `tree`.
    pub(super) fn of(
        package: &Package,
        programs: &[Program],
        new: Option<(&Listing, &Tree)>,
        is_there: impl Fn(Digest) -> bool,
    ) -> io::Result<Self> {
        let layers = package.layers().filter(|layer| !is_there(layer.descriptor.digest));
        let metadata = package.metadata().map(|blob| blob.descriptor.size);
        let bytes = layers.map(|layer| layer.descriptor.size).chain(metadata).sum();
        let programs = programs.iter().filter(|program| !is_there(program.layer.descriptor.digest));
        let mut most: Vec<(String, u64)> = programs
            .map(|program| (format!("the program for {}", program.platform), program.layer.descriptor.size))
            .collect();
        if let Some((listing, tree)) = new {
            most.extend(paths(listing, tree)?);
        }
        most.sort_by_key(|(_, bytes)| Reverse(*bytes));
        most.retain(|(_, part)| part * 100 >= bytes * LEAST_SHARE);
        most.truncate(SHOWN);
        Ok(Self { bytes, most })
    }

    /// Says it before anything is moved.
    pub(super) fn announce(&self, name: &Name, report: &Report) {
        report.say(format_args!("to {name}: {self}"));
    }
}

fn paths(listing: &Listing, tree: &Tree) -> io::Result<Vec<(String, u64)>> {
    let mut largest: Vec<(&TreePath, u64)> = listing.files.iter().map(|(path, listed)| (path, listed.length)).collect();
    largest.sort_by_key(|(_, length)| Reverse(*length));
    let measured = largest.into_iter().take(MEASURED).filter_map(|(path, _)| Some((path, tree.get(path.as_str())?)));
    measured.map(|(path, entry)| Ok((url(path), packed_length(&entry.read()?)?))).collect()
}

/// A page by its address, anything else by its path.
fn url(path: &TreePath) -> String {
    let text = path.as_str();
    match text.strip_suffix("index.html") {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => format!("/{folder}"),
        _ => format!("/{text}"),
    }
}

impl std::fmt::Display for Costs {
    /// `9.0 KB; /sitemap.xml 2.1 KB of it`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&size(self.bytes))?;
        let most: Vec<_> = self.most.iter().map(|(name, bytes)| format!("{name} {}", size(*bytes))).collect();
        if most.is_empty() { Ok(()) } else { write!(f, "; {} of it", most.join(", ")) }
    }
}
