//! Unpacking, with suspicion: what is in an archive may have been put there to do harm.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use rayon::Scope;
use tar::{Archive, EntryType};

use super::changes::{Changes, Listed, Listing, OPAQUE, SITE, WHITEOUT};
use super::manifest::{Blob, Descriptor};
use super::room::{Holding, PlaceFault, Room, Stuck};
use super::stored::{LayerBytes, StoredLayer};
use crate::snapshot::{Digest, Entry, Hasher, Modified, Tree, TreeError, TreePath};

/// The most bytes that layers may unpack to: texts are held in memory, and so are media where there is no other place.
const MAX_UNPACKED: u64 = 1 << 30;
/// The bits of a mode by which a program runs with the rights of its owner or group (inode(7)).
const SET_ID: u32 = 0o6000;
/// The most files: some twenty times those of a blog with 10,000 posts.
const MAX_FILES: usize = 250_000;
/// Real pages compress about 4 times, generated ones 20: far above that is a bomb.
pub(super) const MAX_RATIO: u64 = 200;
/// So many bytes may wait to be hashed.
const MAX_WAITING: u64 = 4 << 20;
/// Below this a layer may compress as well as it likes.
pub(super) const RATIO_FREE: u64 = 16 << 20;

/// Why layers were refused. Nothing of them is used then.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive is cut off or no archive.
    #[error("a layer can't be read: {0}")]
    Broken(#[from] io::Error),
    /// A path that no tree may have.
    #[error("a layer is refused: {0}")]
    Path(#[from] TreeError),
    /// An entry that is neither a file nor a folder.
    #[error("a layer is refused: `{0}` is a link, device or the like; a site holds files only")]
    Special(String),
    /// A file that whoever runs it runs as its owner.
    #[error("a layer is refused: `{0}` is setuid or setgid; a site holds files that nobody runs")]
    SetId(String),
    /// One layer names a file twice.
    #[error("a layer is refused: it names `{0}` twice")]
    Duplicate(TreePath),
    /// More than galley unpacks.
    #[error("a layer is refused: {0}")]
    TooMuch(&'static str),
    /// A file is too large for memory, and there is no place for it elsewhere.
    #[error("`{path}` can't be put away: {source}; make room for its {length} bytes on that disk, or raise --memory")]
    Unkept {
        /// The file.
        path: TreePath,
        /// Its bytes.
        length: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A compression that galley does not read.
    #[error(
        "a layer has the media type `{0}`, which galley does not read; gzip is what every registry and engine knows"
    )]
    MediaType(String),
}

impl UnpackError {
    /// Whether the image may be sound, and is to be tried again.
    pub fn is_of_the_place(&self) -> bool {
        match self {
            Self::Unkept { .. } => true,
            // A layer that lay there is gone.
            Self::Broken(error) => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

/// Unpacks the tree under `/site` from `layers`, lowest first, with whiteouts applied. What lies elsewhere in the layers is
/// passed over.
pub fn unpack<'a>(layers: impl IntoIterator<Item = (&'a Descriptor, &'a Bytes)>) -> Result<Tree, UnpackError> {
    let layers = layers.into_iter();
    let stored = layers.map(|(descriptor, bytes)| Blob { descriptor: descriptor.clone(), bytes: bytes.clone() }.into());
    unpack_onto(&Tree::new(), &stored.collect::<Vec<_>>(), None)
}

/// The same on top of what is in `below`, which layers gave before: the limits are those of all of it. Without a `room` all is held in
/// memory.
pub(super) fn unpack_onto(below: &Tree, layers: &[StoredLayer], room: Option<&Room>) -> Result<Tree, UnpackError> {
    let mut stuck = Stuck::default();
    loop {
        match (unpack_once(below, layers, room, &stuck), room) {
            // A part of it is read already: from the beginning, with this one held.
            (Err(UnpackError::Unkept { path, length, source }), Some(room)) if stuck.add(&path, length, room) => {
                tracing::warn!("{path} stays in memory, {length} bytes: {source}; make room, and restart");
            }
            (unpacked, _) => return unpacked,
        }
    }
}

fn unpack_once(below: &Tree, layers: &[StoredLayer], room: Option<&Room>, stuck: &Stuck) -> Result<Tree, UnpackError> {
    let files = below.iter().map(|(path, entry)| (path.clone(), entry.clone())).collect();
    let unpacked = below.length().min(MAX_UNPACKED);
    let mut unpacker = Unpacker {
        files,
        unpacked,
        holding: room.map(|room| Holding::new(room, stuck, below)),
        waiting: Arc::default(),
    };
    for layer in layers {
        unpacker.layer(&layer.descriptor.media_type, &layer.bytes)?;
    }
    let mut tree = Tree::new();
    for (path, entry) in unpacker.files {
        tree.insert(path, entry)?;
    }
    Ok(tree)
}

/// What `layer` does to those below it, without the bytes of its files, and its diff_id.
pub fn list(descriptor: &Descriptor, bytes: &Bytes) -> Result<(Listing, Digest), UnpackError> {
    let mut unpacker = Unpacker::default();
    let mut hasher = Hasher::default();
    let bytes = LayerBytes::Memory(bytes.clone());
    let changes = unpacker.read(&descriptor.media_type, &bytes, Some(&mut hasher))?;
    let files = changes.files.iter().map(|(path, entry)| (path.clone(), Listed::from(entry))).collect();
    Ok((Listing { hidden: changes.hidden, files }, hasher.finish()))
}

/// A file of the archive.
enum Archived {
    /// It was read; another thread gives it its digest.
    Read(Bytes, Option<Modified>, Arc<OnceLock<Digest>>),
    /// It lies where it stays.
    Put(Entry),
}

#[derive(Default)]
struct Unpacker<'a> {
    files: BTreeMap<TreePath, Entry>,
    unpacked: u64,
    holding: Option<Holding<'a>>,
    /// Bytes that are to be hashed.
    waiting: Arc<AtomicU64>,
}

impl Unpacker<'_> {
    fn layer(&mut self, media_type: &str, bytes: &LayerBytes) -> Result<(), UnpackError> {
        // Whiteouts hide what lies below this layer, never what is in it.
        self.read(media_type, bytes, None)?.apply_to(&mut self.files);
        Ok(())
    }

    /// What is in the layer; `hasher` gets all of its archive.
    fn read(
        &mut self,
        media_type: &str,
        bytes: &LayerBytes,
        hasher: Option<&mut Hasher>,
    ) -> Result<Changes<Entry>, UnpackError> {
        let limit = bytes.length().saturating_mul(MAX_RATIO).max(RATIO_FREE).min(MAX_UNPACKED - self.unpacked);
        // Docker's types end in `.gzip`, OCI's in `+gzip`.
        let archive: Box<dyn Read + '_> = match media_type.rsplit(['.', '+']).next() {
            Some("gzip") => Box::new(MultiGzDecoder::new(bytes.open()?)),
            Some("tar") => bytes.open()?,
            _ => return Err(UnpackError::MediaType(media_type.to_owned())),
        };
        let mut archive = Archive::new(Limited { inner: archive, left: limit, hasher });
        let changes = self.changes(&mut archive)?;
        let mut archive = archive.into_inner();
        // An archive ends before its compression does: what follows belongs to its digest, and what is cut off there, or
        // added, is seen only by reading on.
        io::copy(&mut archive, &mut io::sink())?;
        self.unpacked += limit - archive.left;
        Ok(changes)
    }

    fn changes<R: Read>(&mut self, archive: &mut Archive<R>) -> Result<Changes<Entry>, UnpackError> {
        // Files are hashed as they come, while the next ones are decompressed.
        let Changes { hidden, files } = rayon::in_place_scope(|hashing| self.archived(archive, hashing))?;
        if let Some(holding) = &mut self.holding {
            holding.settle();
        }
        let entry = |archived| match archived {
            Archived::Read(bytes, modified, digest) => {
                let digest = *digest.get_or_init(|| Digest::of(&bytes));
                Entry::hashed(bytes, digest, modified)
            }
            Archived::Put(entry) => entry,
        };
        Ok(Changes { hidden, files: files.into_iter().map(|(path, archived)| (path, entry(archived))).collect() })
    }

    fn archived<R: Read>(
        &mut self,
        archive: &mut Archive<R>,
        hashing: &Scope<'_>,
    ) -> Result<Changes<Archived>, UnpackError> {
        let mut changes = Changes::default();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = String::from_utf8(entry.path_bytes().into_owned())
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a name that is not UTF-8"))?;
            let name = name.strip_prefix("./").unwrap_or(&name);
            if name.starts_with('/') || name.split('/').any(|part| part == "..") {
                // Checked also where nothing would be written: such an archive was made to do harm.
                TreePath::new(name)?;
            }
            let hides_site = name == ".wh.site" || name == OPAQUE;
            let Some(path) = name.strip_prefix(SITE).filter(|path| !path.is_empty() || hides_site) else {
                if hides_site {
                    changes.hidden.insert(String::new());
                }
                continue;
            };
            match entry.header().entry_type() {
                EntryType::Directory => {}
                kind if kind.is_file() && entry.header().mode()? & SET_ID != 0 => {
                    return Err(UnpackError::SetId(name.to_owned()));
                }
                kind if kind.is_file() => self.take(&mut changes, path, &mut entry, hashing)?,
                _ => return Err(UnpackError::Special(name.to_owned())),
            }
        }
        Ok(changes)
    }

    fn take<R: Read>(
        &mut self,
        changes: &mut Changes<Archived>,
        path: &str,
        entry: &mut tar::Entry<'_, R>,
        hashing: &Scope<'_>,
    ) -> Result<(), UnpackError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name == OPAQUE {
            changes.hidden.insert(folder.to_owned());
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            changes.hidden.insert(if folder.is_empty() { hidden.to_owned() } else { format!("{folder}/{hidden}") });
            return Ok(());
        }
        if self.files.len() + changes.files.len() >= MAX_FILES {
            return Err(UnpackError::TooMuch("it has more than 250,000 files"));
        }
        let path = TreePath::new(path)?;
        let modified = i64::try_from(entry.header().mtime()?).ok().and_then(Modified::from_seconds);
        if changes.files.contains_key(&path) {
            return Err(UnpackError::Duplicate(path));
        }
        let length = entry.size();
        let passed = self.holding.as_ref().map(|holding| holding.pass(&path, entry, length, modified)).transpose();
        let passed = passed.map_err(|error| match PlaceFault::is(&error) {
            true => UnpackError::Unkept { path: path.clone(), length, source: error },
            false => error.into(),
        })?;
        if let Some(entry) = passed.flatten() {
            changes.files.insert(path, Archived::Put(entry));
            return Ok(());
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        // Without the room to grow: an instance keeps it for long.
        let bytes = Bytes::from(bytes.into_boxed_slice());
        let digest: Arc<OnceLock<Digest>> = Arc::default();
        let (hashed, known) = (bytes.clone(), Arc::clone(&digest));
        let waiting = Arc::clone(&self.waiting);
        let hash = move || {
            // Nobody else sets it before all of these are done.
            let _ = known.set(Digest::of(&hashed));
            waiting.fetch_sub(length, Relaxed);
        };
        // What waits for it stays in memory, also if it has to give way: where nobody else has time it is done here.
        if self.waiting.fetch_add(length, Relaxed) < MAX_WAITING {
            hashing.spawn(move |_| hash());
        } else {
            hash();
        }
        changes.files.insert(path.clone(), Archived::Read(bytes, modified, digest));
        self.give_way(changes, &path, length)
    }

    /// Memory has a file more: others leave it, if there is no room for all.
    fn give_way(&mut self, changes: &mut Changes<Archived>, path: &TreePath, length: u64) -> Result<(), UnpackError> {
        let Some(holding) = &mut self.holding else { return Ok(()) };
        for path in holding.take(path, length) {
            if let Some(file) = changes.files.get_mut(&path)
                && let Archived::Read(bytes, modified, _) = file
            {
                match holding.put(bytes, *modified) {
                    Ok(entry) => *file = Archived::Put(entry),
                    // What was served before is served again, if it is at all possible.
                    Err(error) if PlaceFault::is(&error) => {
                        tracing::warn!("{path} stays in memory: {error}");
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// Ends with an error where more comes than may; what is read can be hashed.
pub(super) struct Limited<'a, R> {
    pub(super) inner: R,
    pub(super) left: u64,
    pub(super) hasher: Option<&'a mut Hasher>,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, "it unpacks to far more than a site has")),
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
