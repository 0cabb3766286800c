//! Images as the OCI image specification has them: values with digests, packed from a tree and unpacked to one, without
//! a daemon and without a network.

mod assemble;
mod binary;
mod changes;
mod config;
mod content;
mod delta;
mod format;
mod layer;
mod layout;
mod manifest;
mod pack;
mod platform;
mod record;
mod stack;
mod unpack;

pub use assemble::{Content, Image, Origin, Package, Program, assemble};
pub use binary::{Binary, BinaryError};
pub use changes::{Changes, Listed, Listing};
pub use content::{ContentError, content, layout_content};
pub use format::{Format, FormatError, MediaTypes};
pub use layer::Layer;
pub use layout::{Layout, LayoutError, read_layout, write_layout};
pub use manifest::{
    Blob, CONTENT_ROOT, Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest, ROLE, Role, SEQUENCE,
};
pub use pack::{PackError, pack_program, pack_tree, packed_length};
pub use platform::{Platform, PlatformError, PlatformFields};
pub use record::record;
pub use stack::{Known, Stack};
pub use unpack::{UnpackError, list, unpack};
