//! What is known of a content layer, as it is kept between runs: with it a later image can be made without the layer itself.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::changes::{Listed, Listing};
use super::manifest::Descriptor;
use super::stack::Known;
use crate::snapshot::{Digest, FileVersion, Modified, TreePath};

#[derive(Serialize, Deserialize)]
struct Record {
    diff_id: [u8; 32],
    hidden: Vec<String>,
    files: Vec<FileRecord>,
}

#[derive(Serialize, Deserialize)]
struct FileRecord {
    path: String,
    digest: [u8; 32],
    length: u64,
    /// Seconds since 1970; 0 is none.
    modified: u64,
}

/// What is known of a layer, to be kept under the layer's digest.
pub fn record(diff_id: Digest, listing: &Listing) -> Bytes {
    let files = listing.files.iter().map(|(path, listed)| FileRecord {
        path: path.to_string(),
        digest: listed.version.digest.bytes(),
        length: listed.length,
        modified: listed.version.modified.map_or(0, Modified::seconds),
    });
    let hidden = listing.hidden.iter().cloned().collect();
    let record = Record { diff_id: diff_id.bytes(), hidden, files: files.collect() };
    // Nothing in it can fail to be written; an empty record is one that can't be read again.
    Bytes::from(postcard::to_stdvec(&record).unwrap_or_default())
}

impl Known {
    /// The layer that `descriptor` names, as [`record`] kept it; `None` if that can't be read.
    pub fn from_record(descriptor: &Descriptor, bytes: &[u8]) -> Option<Self> {
        let record: Record = postcard::from_bytes(bytes).ok()?;
        let files = record.files.into_iter().map(|file| {
            let modified = i64::try_from(file.modified).ok().and_then(Modified::from_seconds);
            let version = FileVersion { digest: Digest::from_bytes(file.digest), modified };
            Some((TreePath::new(&file.path).ok()?, Listed { version, length: file.length }))
        });
        let listing = Listing { hidden: record.hidden.into_iter().collect(), files: files.collect::<Option<_>>()? };
        Some(Self { descriptor: descriptor.clone(), diff_id: Digest::from_bytes(record.diff_id), listing })
    }
}
