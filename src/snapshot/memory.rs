//! What a file takes in memory once it is served.

use super::media_type;
use super::tree::TreePath;

/// What the codings of texts take beside the texts themselves: 1.06 times as much on real pages (gzip, Brotli and Zstandard at a third
/// to a quarter each), more where there is little to save.
const CODINGS_SHARE: u64 = 1;

/// A smaller file takes more as a file on a disk than as bytes in memory.
pub const SMALL: u64 = 16 * 1024;

/// What a file takes in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// A text with its codings, which is held in any case.
    Text(u64),
    /// The bytes of a file that can be read from a disk as well.
    Media(u64),
}

/// What the file at `path` with `length` bytes takes in memory.
pub fn memory_of(path: &TreePath, length: u64) -> Memory {
    let media_type = media_type::of(path.names().last().unwrap_or_default());
    match media_type.is_coded(length) || media_type.is_page() {
        true => Memory::text(length),
        false => Memory::Media(length),
    }
}

impl Memory {
    /// Of a text of so many bytes.
    pub(super) fn text(length: u64) -> Self {
        Self::Text(length * (1 + CODINGS_SHARE))
    }

    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Text(bytes) | Self::Media(bytes) => bytes,
        }
    }

    /// Whether it may lie on a disk instead.
    pub fn may_give_way(self) -> bool {
        matches!(self, Self::Media(_))
    }
}
