//! Layers: a tree packed into a tar archive with gzip, and unpacked again with suspicion.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Archive, Builder, EntryType, Header};

use super::manifest::{Blob, Descriptor, MediaType, ROLE, Role};
use crate::snapshot::{Digest, Entry, Hasher, Modified, Tree, TreeError, TreePath};

/// Where the tree lies in an image.
const SITE: &str = "site/";
/// The program's file in an image.
const PROGRAM: &str = "galley";
/// Where a volume for the state will be mounted.
const STATE: &str = "var/lib/galley/";
/// The user that an image runs as: a volume takes its owner from the folder that it is mounted on.
const USER: u64 = 65532;

/// Layers are pulled far more often than packed.
const LEVEL: u32 = 9;

/// The most bytes that layers may unpack to: all of it is held in memory.
const MAX_UNPACKED: u64 = 1 << 30;
/// The most files: some twenty times those of a blog with 10,000 posts.
const MAX_FILES: usize = 250_000;
/// Real pages compress about 4 times, generated ones 20: far above that is a bomb.
const MAX_RATIO: u64 = 200;
/// Below this a layer may compress as well as it likes.
const RATIO_FREE: u64 = 16 << 20;

/// The prefix of a name that hides one from the layers below (layer.md, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// Hides everything that the layers below have in its folder.
const OPAQUE: &str = ".wh..wh..opq";

/// A packed layer.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The compressed archive.
    pub blob: Blob,
    /// The digest of the archive before compression, for the config.
    pub diff_id: Digest,
}

impl Layer {
    /// The whole `tree`. Equal trees give equal bytes: path order, no owner, fixed modes, times only from the tree.
    pub fn of_tree(tree: &Tree) -> io::Result<Self> {
        let mut packer = Packer::new();
        for (path, entry) in tree.iter() {
            let modified = entry.modified().map_or(0, Modified::seconds);
            packer.file(&format!("{SITE}{path}"), 0o644, modified, &entry.read()?)?;
        }
        packer.finish(Role::Base)
    }

    /// The program, and the folder for its state.
    pub fn of_binary(program: &[u8]) -> io::Result<Self> {
        let mut packer = Packer::new();
        packer.file(PROGRAM, 0o755, 0, program)?;
        packer.folder(STATE, USER)?;
        packer.finish(Role::Binary)
    }
}

/// Hashes what goes into the compressor.
struct Tee {
    encoder: GzEncoder<Vec<u8>>,
    hasher: Hasher,
}

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

struct Packer(Builder<Tee>);

impl Packer {
    fn new() -> Self {
        // No time, no name, "unknown" as the system: the header is the same everywhere (RFC 1952 section 2.3.1).
        let encoder = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::new(LEVEL));
        Self(Builder::new(Tee { encoder, hasher: Hasher::default() }))
    }

    fn file(&mut self, path: &str, mode: u32, modified: u64, bytes: &[u8]) -> io::Result<()> {
        let mut header = header(EntryType::Regular, mode, 0);
        header.set_mtime(modified);
        header.set_size(bytes.len() as u64);
        self.append(header, path, bytes)
    }

    fn folder(&mut self, path: &str, owner: u64) -> io::Result<()> {
        let header = header(EntryType::Directory, 0o755, owner);
        self.append(header, path, &[])
    }

    /// One rule for names: what is ASCII and fits ustar's fields stands there, everything else in a PAX record.
    fn append(&mut self, mut header: Header, path: &str, bytes: &[u8]) -> io::Result<()> {
        if !path.is_ascii() || header.set_path(path).is_err() {
            self.0.append_pax_extensions([("path", path.as_bytes())])?;
            header.set_path("named-by-pax")?;
        }
        header.set_cksum();
        self.0.append(&header, bytes)
    }

    fn finish(self, role: Role) -> io::Result<Layer> {
        let Tee { encoder, hasher } = self.0.into_inner()?;
        let bytes = Bytes::from(encoder.finish()?);
        let mut descriptor = Descriptor::of(MediaType::LAYER, &bytes);
        descriptor.annotations.insert(ROLE.to_owned(), role.name().to_owned());
        Ok(Layer { blob: Blob { descriptor, bytes }, diff_id: hasher.finish() })
    }
}

fn header(kind: EntryType, mode: u32, owner: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(0);
    header.set_size(0);
    header
}

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
    /// One layer names a file twice.
    #[error("a layer is refused: it names `{0}` twice")]
    Duplicate(TreePath),
    /// More than galley unpacks.
    #[error("a layer is refused: {0}")]
    TooMuch(&'static str),
    /// A compression that galley does not read.
    #[error(
        "a layer has the media type `{0}`, which galley does not read; gzip is what every registry and engine knows"
    )]
    MediaType(String),
}

/// Unpacks the tree under `/site` from `layers`, lowest first, with whiteouts applied. What lies elsewhere in the layers is
/// passed over.
pub fn unpack<'a>(layers: impl IntoIterator<Item = (&'a Descriptor, &'a Bytes)>) -> Result<Tree, UnpackError> {
    let mut unpacker = Unpacker::default();
    for (descriptor, bytes) in layers {
        unpacker.layer(&descriptor.media_type, bytes)?;
    }
    let mut tree = Tree::new();
    for (path, entry) in unpacker.files {
        tree.insert(path, entry)?;
    }
    Ok(tree)
}

#[derive(Default)]
struct Unpacker {
    files: BTreeMap<TreePath, Entry>,
    unpacked: u64,
}

/// What one layer does to those below.
#[derive(Default)]
struct Changes {
    /// Paths below `site/` that are hidden with all that lies in them; `""` is the whole site.
    hidden: Vec<String>,
    files: BTreeMap<TreePath, Entry>,
}

impl Unpacker {
    fn layer(&mut self, media_type: &str, bytes: &Bytes) -> Result<(), UnpackError> {
        let limit = (bytes.len() as u64).saturating_mul(MAX_RATIO).max(RATIO_FREE).min(MAX_UNPACKED - self.unpacked);
        let archive: Box<dyn Read + '_> = match media_type.rsplit(['.', '+']).next() {
            Some("gzip") => Box::new(MultiGzDecoder::new(bytes.as_ref())),
            Some("tar") => Box::new(bytes.as_ref()),
            _ => return Err(UnpackError::MediaType(media_type.to_owned())),
        };
        let mut archive = Archive::new(Limited { inner: archive, left: limit });
        let changes = self.changes(&mut archive)?;
        let mut rest = archive.into_inner();
        // An archive ends before its compression does: what is cut off there, or added, is seen only by reading on.
        io::copy(&mut rest, &mut io::sink())?;
        self.unpacked += limit - rest.left;
        self.apply(changes);
        Ok(())
    }

    fn changes<R: Read>(&self, archive: &mut Archive<R>) -> Result<Changes, UnpackError> {
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
                    changes.hidden.push(String::new());
                }
                continue;
            };
            match entry.header().entry_type() {
                EntryType::Directory => {}
                kind if kind.is_file() => self.take(&mut changes, path, &mut entry)?,
                _ => return Err(UnpackError::Special(name.to_owned())),
            }
        }
        Ok(changes)
    }

    fn take<R: Read>(
        &self,
        changes: &mut Changes,
        path: &str,
        entry: &mut tar::Entry<'_, R>,
    ) -> Result<(), UnpackError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name == OPAQUE {
            changes.hidden.push(folder.to_owned());
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            changes.hidden.push(if folder.is_empty() { hidden.to_owned() } else { format!("{folder}/{hidden}") });
            return Ok(());
        }
        if self.files.len() + changes.files.len() >= MAX_FILES {
            return Err(UnpackError::TooMuch("it has more than 250,000 files"));
        }
        let path = TreePath::new(path)?;
        let modified = i64::try_from(entry.header().mtime()?).ok().and_then(Modified::from_seconds);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != entry.size() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        // Without the room to grow: an instance keeps it for long.
        let bytes = Bytes::from(bytes.into_boxed_slice());
        if changes.files.insert(path.clone(), Entry::new(bytes, modified)).is_some() {
            return Err(UnpackError::Duplicate(path));
        }
        Ok(())
    }

    /// Whiteouts hide what lies below this layer, never what is in it.
    fn apply(&mut self, changes: Changes) {
        for hidden in changes.hidden {
            let prefix = format!("{hidden}/");
            self.files
                .retain(|path, _| !hidden.is_empty() && path.as_str() != hidden && !path.as_str().starts_with(&prefix));
        }
        self.files.extend(changes.files);
    }
}

/// Ends with an error where more comes than may.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, "it unpacks to far more than a site has")),
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
