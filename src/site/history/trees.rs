//! Compares trees of commits as the bytes that git stores: equal subtrees are never opened, and folders that hold no wanted
//! file are passed over.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;

use git2::{Error, ErrorClass, ErrorCode, ObjectType, Odb, OdbObject, Oid};

/// How many bytes of trees one thread keeps for the next commits: a parent's tree is read again when its turn comes.
const KEPT_TREES: usize = 8 * 1024 * 1024;

/// The files of the head, in the shape of its tree from the repository's top.
pub(super) struct Wanted {
    pub(super) top: Folder,
    /// By number: relative to the site's folder; `None` for a name that is not UTF-8.
    pub(super) paths: Vec<Option<String>>,
}

/// By their names as git has them, with the number of each file.
#[derive(Default)]
pub(super) struct Folder {
    files: HashMap<Box<[u8]>, usize>,
    folders: HashMap<Box<[u8]>, Folder>,
}

impl Wanted {
    pub(super) fn at(trees: &mut Trees, tree: Oid, place: &str) -> Result<Self, Error> {
        let mut wanted = Self { top: Folder::default(), paths: Vec::new() };
        let mut tree = tree;
        let mut parts = Vec::new();
        for part in place.split('/').filter(|part| !part.is_empty()) {
            let parent = trees.get(tree)?;
            let Some(below) = entries(parent.data()).find(|entry| entry.is_folder() && entry.name == part.as_bytes())
            else {
                return Ok(wanted);
            };
            tree = below.oid()?;
            parts.push(part);
        }
        let mut folder = wanted.collect(trees, tree, Some(""))?;
        for part in parts.into_iter().rev() {
            folder = Folder { folders: HashMap::from([(part.as_bytes().into(), folder)]), ..Folder::default() };
        }
        wanted.top = folder;
        Ok(wanted)
    }

    /// `prefix` is the folder's path with a `/` behind it.
    fn collect(&mut self, trees: &mut Trees, tree: Oid, prefix: Option<&str>) -> Result<Folder, Error> {
        let mut folder = Folder::default();
        let tree = trees.get(tree)?;
        for entry in entries(tree.data()) {
            let name = str::from_utf8(entry.name).ok();
            let path = prefix.zip(name).map(|(prefix, name)| format!("{prefix}{name}"));
            if entry.is_folder() {
                let prefix = path.map(|path| format!("{path}/"));
                let below = self.collect(trees, entry.oid()?, prefix.as_deref())?;
                folder.folders.insert(entry.name.into(), below);
            } else {
                folder.files.insert(entry.name.into(), self.paths.len());
                self.paths.push(path);
            }
        }
        Ok(folder)
    }
}

/// A wanted file that a commit has otherwise than its parent.
pub(super) struct Change {
    pub(super) file: usize,
    /// Whether the parent has the file at all.
    pub(super) is_older: bool,
}

/// Trees by their ids.
pub(super) struct Trees<'a> {
    odb: &'a Odb<'a>,
    kept: HashMap<Oid, Rc<OdbObject<'a>>>,
    bytes: usize,
}

impl<'a> Trees<'a> {
    pub(super) fn new(odb: &'a Odb<'a>) -> Self {
        Self { odb, kept: HashMap::new(), bytes: 0 }
    }

    fn get(&mut self, id: Oid) -> Result<Rc<OdbObject<'a>>, Error> {
        if let Some(tree) = self.kept.get(&id) {
            return Ok(Rc::clone(tree));
        }
        let tree = Rc::new(self.odb.read(id)?);
        if tree.kind() != ObjectType::Tree {
            return Err(Error::new(ErrorCode::Invalid, ErrorClass::Tree, format!("{id} is not a tree")));
        }
        self.bytes += tree.len();
        if self.bytes > KEPT_TREES {
            self.kept.clear();
            self.bytes = tree.len();
        }
        self.kept.insert(id, Rc::clone(&tree));
        Ok(tree)
    }

    /// Adds the files of `folder` that the tree `here` has otherwise than `there`. What only `there` has is not looked at:
    /// no file is looked for in a commit that lacks it.
    pub(super) fn compare(
        &mut self,
        folder: &Folder,
        here: Oid,
        there: Option<Oid>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let here = self.get(here)?;
        let there = there.map(|id| self.get(id)).transpose()?;
        let mut here = here.data();
        let mut there = there.as_ref().map_or(&[][..], |tree| tree.data());
        loop {
            let equal = equal_entries(here, there);
            (here, there) = (&here[equal..], &there[equal..]);
            let Some((entry, rest)) = Entry::parse(here) else { return Ok(()) };
            here = rest;
            let mut other = None;
            while let Some((candidate, rest)) = Entry::parse(there) {
                let order = candidate.order(&entry);
                if order == Ordering::Greater {
                    break;
                }
                there = rest;
                other = Some(candidate).filter(|_| order == Ordering::Equal);
            }
            if other.as_ref().is_some_and(|other| (other.mode, other.id) == (entry.mode, entry.id)) {
                continue;
            }
            if !entry.is_folder() {
                let is_older = other.is_some();
                changes.extend(folder.files.get(entry.name).map(|file| Change { file: *file, is_older }));
            } else if let Some(below) = folder.folders.get(entry.name) {
                let other = other.map(|other| other.oid()).transpose()?;
                self.compare(below, entry.oid()?, other, changes)?;
            }
        }
    }
}

/// An entry of a tree as git stores it: mode, space, name, NUL, the 20 bytes of an id.
struct Entry<'a> {
    mode: &'a [u8],
    name: &'a [u8],
    id: &'a [u8],
}

impl<'a> Entry<'a> {
    fn parse(tree: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let space = tree.iter().position(|byte| *byte == b' ')?;
        let end = space + 1 + tree[space + 1..].iter().position(|byte| *byte == 0)?;
        let (id, rest) = tree[end + 1..].split_at_checked(20)?;
        Some((Self { mode: &tree[..space], name: &tree[space + 1..end], id }, rest))
    }

    fn is_folder(&self) -> bool {
        self.mode.starts_with(b"4")
    }

    fn oid(&self) -> Result<Oid, Error> {
        Oid::from_bytes(self.id)
    }

    /// The order of entries in a tree: a folder's name counts as if it had a `/` behind it.
    fn order(&self, other: &Self) -> Ordering {
        let slash = |entry: &Self| if entry.is_folder() { &b"/"[..] } else { &[] };
        (self.name.iter().chain(slash(self))).cmp(other.name.iter().chain(slash(other)))
    }
}

fn entries(mut tree: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || {
        let (entry, rest) = Entry::parse(tree)?;
        tree = rest;
        Some(entry)
    })
}

/// How many bytes the whole entries take that two trees have in common at their beginning.
fn equal_entries(a: &[u8], b: &[u8]) -> usize {
    // Compared in blocks first: that is memcmp, and nearly all of two neighbouring trees is equal.
    let blocks = a.chunks_exact(64).zip(b.chunks_exact(64)).take_while(|(a, b)| a == b).count() * 64;
    let equal = blocks + a[blocks..].iter().zip(&b[blocks..]).take_while(|(a, b)| a == b).count();
    if equal == a.len() {
        return equal;
    }
    let mut rest = &a[..equal];
    while let Some((_, behind)) = Entry::parse(rest) {
        rest = behind;
    }
    equal - rest.len()
}
