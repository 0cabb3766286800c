//! `.galley/cache` in the site's folder: what was made once and need not be made again, and which releases were pushed from here. It may be
//! deleted at any time; then nobody notices that an older release was put back.
//!
//! Files are named by the hash of what they were made from, or checked by one when they are read; they are written aside
//! and renamed, so that two builds at once at worst do the same work. Written by another version, it is emptied, but for what can't be
//! made again.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use xxhash_rust::xxh3::xxh3_128;

/// Its place in the site's folder.
const FOLDER: &str = ".galley/cache";
/// Names the format and the program that wrote it. Another program may render otherwise from the same input.
const VERSION: &str = concat!("galley cache 1, ", env!("CARGO_PKG_VERSION"), ", ", env!("GALLEY_BUILD"), "\n");
const VERSION_FILE: &str = "version";
/// The group of what can't be made again: it outlives another version, which has to be able to read it.
pub const LASTING: &str = "lasting";
/// Blobs beyond this are removed, those first that were not used for longest: some hundred photographs in three sizes.
const MAX_BLOBS: u64 = 512 * 1024 * 1024;
/// Records of one kind: a site is seldom built into more folders in turn.
const MAX_RECORDS: usize = 4;
/// How many bytes of hash stand behind a record.
const CHECK: usize = 16;

/// Counts names of files written aside, so that threads don't share one.
#[derive(Clone, Debug, Default)]
struct Aside(Arc<AtomicU64>);

/// An open cache.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    aside: Aside,
}

impl Cache {
    /// Opens the cache of the site in `site`, or makes one; empties one that another version wrote.
    pub fn open(site: &Path) -> io::Result<Self> {
        let folder = site.join(FOLDER);
        let cache = Self { folder, aside: Aside::default() };
        match fs::read_to_string(cache.folder.join(VERSION_FILE)) {
            Ok(version) if version == VERSION => return Ok(cache),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(_) | Err(_) => cache.empty()?,
        }
        fs::create_dir_all(&cache.folder)?;
        // Tells archivers to leave it out (bford.info/cachedir), and git not to look.
        fs::write(cache.folder.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n")?;
        fs::write(cache.folder.join(".gitignore"), "*\n")?;
        cache.write(&cache.folder.join(VERSION_FILE), &[VERSION.as_bytes()])?;
        Ok(cache)
    }

    /// Removes all but what lasts. The version stays until it is written over: what is left by one who was killed is not trusted.
    fn empty(&self) -> io::Result<()> {
        for found in fs::read_dir(&self.folder)? {
            let found = found?;
            let removed = match found.file_type() {
                _ if found.file_name() == LASTING || found.file_name() == VERSION_FILE => continue,
                Ok(kind) if kind.is_dir() => fs::remove_dir_all(found.path()),
                Ok(_) => fs::remove_file(found.path()),
                Err(error) => Err(error),
            };
            // Another process may be at it, too.
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The record called `name`, if it is there and whole.
    pub fn record(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.folder.join(name)).ok()?;
        let length = bytes.len().checked_sub(CHECK)?;
        let check = xxh3_128(&bytes[..length]).to_le_bytes();
        if bytes[length..] != check {
            return None;
        }
        bytes.truncate(length);
        Some(bytes)
    }

    /// Keeps `bytes` as the record called `name`.
    pub fn keep_record(&self, name: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        // A file that takes another's place by its name is put on the disk at once by ext4 (auto_da_alloc), and whoever renames
        // waits for that: seconds, if the disk is busy. A record need not outlive a crash.
        self.drop_record(name);
        self.write_checked(&self.folder.join(name), bytes.as_ref())
    }

    /// Forgets the record called `name`.
    pub fn drop_record(&self, name: &str) {
        // One that is not there is forgotten already; one that can't be removed fails its check or is replaced.
        let _ = fs::remove_file(self.folder.join(name));
    }

    /// Waits until no other process holds the lock called `name`, and holds it until the file is dropped.
    pub fn lock(&self, name: &str) -> io::Result<fs::File> {
        let file = fs::File::options().create(true).truncate(false).write(true).open(self.folder.join(name))?;
        file.lock()?;
        Ok(file)
    }

    /// What was kept in the group `kind` under `key`; its use is noted.
    pub fn blob(&self, kind: &str, key: &[u8; 32]) -> Option<Vec<u8>> {
        let path = self.blob_path(kind, key);
        let mut bytes = fs::read(&path).ok()?;
        let length = bytes.len().checked_sub(CHECK)?;
        if bytes[length..] != xxh3_128(&bytes[..length]).to_le_bytes() {
            return None;
        }
        bytes.truncate(length);
        if let Ok(file) = fs::File::options().write(true).open(&path) {
            // Only the order of removal depends on it.
            let _ = file.set_modified(SystemTime::now());
        }
        Some(bytes)
    }

    /// Keeps `bytes` in the group `kind` under `key`.
    pub fn keep_blob(&self, kind: &str, key: &[u8; 32], bytes: &[u8]) -> io::Result<()> {
        let path = self.blob_path(kind, key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        self.write_checked(&path, bytes)
    }

    fn blob_path(&self, kind: &str, key: &[u8; 32]) -> PathBuf {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(kind).join(hex)
    }

    /// Writes the bytes with their hash behind them: what is kept may be as large as the site, and is not copied for it.
    fn write_checked(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write(path, &[bytes, &xxh3_128(bytes).to_le_bytes()])
    }

    fn write(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let number = self.aside.0.fetch_add(1, Ordering::Relaxed);
        let aside = path.with_extension(format!("{}-{number}.aside", std::process::id()));
        let mut file = fs::File::create(&aside)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        fs::rename(&aside, path)
    }

    /// Removes blobs of the group `kind` until it is small enough, and what a killed build left aside.
    pub fn sweep(&self, kind: &str) -> io::Result<()> {
        self.sweep_to(kind, MAX_BLOBS)
    }

    /// Removes all but the latest records whose names begin with `prefix`.
    pub fn sweep_records(&self, prefix: &str) -> io::Result<()> {
        let mut records = Vec::new();
        for name in fs::read_dir(&self.folder)? {
            let name = name?;
            if name.file_name().to_string_lossy().starts_with(prefix) {
                records.push((name.metadata()?.modified()?, name.path()));
            }
        }
        records.sort();
        let many = records.len().saturating_sub(MAX_RECORDS);
        records.into_iter().take(many).try_for_each(|(_, path)| fs::remove_file(path))
    }

    fn sweep_to(&self, kind: &str, limit: u64) -> io::Result<()> {
        let folder = self.folder.join(kind);
        let names = match fs::read_dir(&folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for name in names {
            let name = name?;
            let metadata = name.metadata()?;
            files.push((metadata.modified()?, metadata.len(), name.path()));
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if total <= limit {
                break;
            }
            fs::remove_file(path)?;
            total -= length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_until_it_is_damaged() {
        let site = tempfile::tempdir().unwrap();
        let cache = Cache::open(site.path()).unwrap();
        cache.keep_record("pages", b"one").unwrap();
        cache.keep_blob("images", &[7; 32], b"two").unwrap();
        let cache = Cache::open(site.path()).unwrap();
        assert_eq!(cache.record("pages").as_deref(), Some(&b"one"[..]));
        assert_eq!(cache.blob("images", &[7; 32]).as_deref(), Some(&b"two"[..]));
        let path = site.path().join(".galley/cache/pages");
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(cache.record("pages"), None);
    }

    #[test]
    fn another_versions_cache_is_emptied() {
        let site = tempfile::tempdir().unwrap();
        let cache = Cache::open(site.path()).unwrap();
        cache.keep_record("pages", b"one").unwrap();
        cache.keep_blob("images", &[7; 32], b"two").unwrap();
        cache.keep_blob(LASTING, &[7; 32], b"three").unwrap();
        fs::write(site.path().join(".galley/cache/version"), "galley cache 0\n").unwrap();
        let cache = Cache::open(site.path()).unwrap();
        assert_eq!((cache.record("pages"), cache.blob("images", &[7; 32])), (None, None));
        assert_eq!(cache.blob(LASTING, &[7; 32]).as_deref(), Some(&b"three"[..]));
    }

    #[test]
    fn the_oldest_blobs_go_first() {
        let site = tempfile::tempdir().unwrap();
        let cache = Cache::open(site.path()).unwrap();
        for (key, age) in [(1, 300), (2, 100), (3, 200)] {
            cache.keep_blob("images", &[key; 32], &[0; 84]).unwrap();
            let file = fs::File::options().write(true).open(cache.blob_path("images", &[key; 32])).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
        }
        cache.sweep_to("images", 150).unwrap();
        let left = [1, 2, 3].map(|key| cache.blob("images", &[key; 32]).is_some());
        assert_eq!(left, [false, true, false]);
    }

    #[test]
    fn records_of_many_folders_are_bounded() {
        let site = tempfile::tempdir().unwrap();
        let cache = Cache::open(site.path()).unwrap();
        for number in 0..9 {
            cache.keep_record(&format!("outputs-{number}"), vec![number]).unwrap();
            let file = fs::File::options().write(true).open(cache.folder.join(format!("outputs-{number}"))).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(100 - u64::from(number))).unwrap();
        }
        cache.sweep_records("outputs-").unwrap();
        let left: Vec<u8> = (0..9).filter(|number| cache.record(&format!("outputs-{number}")).is_some()).collect();
        assert_eq!(left, [5, 6, 7, 8]);
    }
}
