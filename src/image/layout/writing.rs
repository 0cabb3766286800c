//! Writing an image into a layout, and taking out what is of no use there any more.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::{
    INDEX_FILE, LAYOUT, LAYOUT_FILE, Layout, LayoutError, REF_NAME, at, blob_path, entry_point, is_there, json,
};
use crate::image::assemble::Package;
use crate::image::manifest::{Descriptor, INDEX_TYPES, Index, Manifest};
use crate::snapshot::Digest;

/// An index may list further ones.
const MAX_DEPTH: usize = 3;

/// Writes the images of `package` into the layout in `folder`, which is made if need be, and returns how many bytes that
/// took. Blobs that are there already stay; the index can be found only when all of it is there. What neither it nor the index
/// before names is removed then: whoever reads the one before comes to its end.
pub fn write_layout(folder: &Path, package: &Package) -> Result<u64, LayoutError> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    // Of two who write at once, the one must not remove what the other's index is about to name.
    let turn = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
    let foreign = fs::read_dir(folder).is_ok_and(|mut names| names.next().is_some());
    if foreign && !folder.join(LAYOUT_FILE).is_file() {
        return Err(LayoutError::Foreign(folder.to_path_buf()));
    }
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(at(&blobs))?;
    let mut kept = named(folder);
    let mut written = 0;
    for layer in package.layers() {
        let path = blob_path(folder, layer.descriptor.digest);
        if is_there(&path, &layer.descriptor) {
            continue;
        }
        match layer.bytes().map_err(at(&path))? {
            Some(bytes) => written += write_aside(&path, &bytes)?,
            None => return Err(LayoutError::MissingLayer(path)),
        }
    }
    for blob in package.metadata() {
        let path = blob_path(folder, blob.descriptor.digest);
        if !is_there(&path, &blob.descriptor) {
            written += write_aside(&path, &blob.bytes)?;
        }
    }
    written += write_aside(&folder.join(LAYOUT_FILE), LAYOUT.as_bytes())?;
    let path = folder.join(INDEX_FILE);
    let index = entry_point(&package.index, [(REF_NAME, "latest".to_owned())]);
    written += write_aside(&path, &index.map_err(|source| LayoutError::Json { path: path.clone(), source })?)?;
    kept.extend(package.layers().map(|layer| layer.descriptor.digest));
    kept.extend(package.metadata().map(|blob| blob.descriptor.digest));
    // Where nobody can be kept from writing at the same time, nothing is removed.
    if turn.is_ok() {
        sweep(&blobs, &kept);
    }
    Ok(written)
}

/// Returns the number of bytes.
fn write_aside(path: &Path, bytes: &[u8]) -> Result<u64, LayoutError> {
    let aside = path.with_extension(format!("galley-{}", std::process::id()));
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let written = written.and_then(|()| fs::rename(&aside, path)).map_err(at(path));
    if written.is_err() {
        // Half of it is of no use; where it can't be removed either, that is the same fault.
        let _ = fs::remove_file(&aside);
    }
    written.map(|()| bytes.len() as u64)
}

/// The blobs that the layout's index leads to.
fn named(folder: &Path) -> HashSet<Digest> {
    let path = folder.join(INDEX_FILE);
    let index = fs::read(&path).ok().and_then(|bytes| json::<Index>(&path, &bytes).ok());
    let mut found = HashSet::new();
    if let Some(index) = index {
        let layout = Layout { folder: folder.to_path_buf(), digest: Digest::of(b""), index };
        layout.index.manifests.iter().for_each(|listed| follow(&layout, listed, MAX_DEPTH, &mut found));
    }
    found
}

fn follow(layout: &Layout, descriptor: &Descriptor, depth: usize, found: &mut HashSet<Digest>) {
    let new = found.insert(descriptor.digest);
    let Some(blob) = layout.metadata(descriptor).ok().filter(|_| new && depth > 0) else { return };
    if INDEX_TYPES.contains(&descriptor.media_type.as_str()) {
        let index = serde_json::from_slice::<Index>(&blob.bytes).unwrap_or_default();
        index.manifests.iter().for_each(|listed| follow(layout, listed, depth - 1, found));
    } else if let Ok(manifest) = serde_json::from_slice::<Manifest>(&blob.bytes) {
        found.extend(manifest.layers.iter().chain([&manifest.config]).map(|blob| blob.digest));
    }
}

/// Removes what is not to be kept. What can't be removed is tried again by the next one who writes.
fn sweep(blobs: &Path, kept: &HashSet<Digest>) {
    let kept: HashSet<String> = kept.iter().map(Digest::hex).collect();
    for entry in fs::read_dir(blobs).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_none_or(|name| !kept.contains(name)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
