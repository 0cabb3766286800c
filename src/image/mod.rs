//! Images as the OCI image specification has them: values with digests, packed from a tree and unpacked to one, without
//! a daemon and without a network.

mod archive;
mod assemble;
mod binary;
mod content;
mod layer;
mod layout;
mod manifest;
mod platform;

pub use archive::{Archive, ArchiveImage, ArchiveName};
pub use assemble::{Image, Origin, assemble};
pub use binary::{Binary, BinaryError};
pub use content::{ContentError, content, layout_content};
pub use layer::{Layer, UnpackError, unpack};
pub use layout::{Layout, LayoutError, read_layout, write_layout};
pub use manifest::{
    Blob, CONTENT_ROOT, Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest, MediaType, ROLE, Role, SEQUENCE,
};
pub use platform::{Platform, PlatformError, PlatformFields};
