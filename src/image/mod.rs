//! Images as the OCI image specification has them: values with digests, packed from a tree and unpacked to one, without
//! a daemon and without a network.

mod assemble;
mod binary;
mod content;
mod description;
mod diff_id;
mod layer;
mod layout;
mod manifest;
mod platform;
mod verification;

pub use assemble::{Image, Origin, assemble};
pub use binary::{Binary, BinaryError};
pub use content::{ContentError, content, layout_content};
pub use description::{
    Description, DescriptionError, LayerDescription, OriginFields, Other, OtherKind, PlatformImage, SIGNATURE,
};
pub use diff_id::{Archive, ArchiveError, read_archive};
pub use layer::{Layer, UnpackError, unpack};
pub use layout::{Layout, LayoutError, LayoutImages, NamedImage, layout_images, read_layout, write_layout};
pub use manifest::{
    Blob, CONTENT_ROOT, Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest, MediaType, ROLE, Role, SEQUENCE,
};
pub use platform::{Platform, PlatformError, PlatformFields};
pub use verification::{ImageFault, Verification, content_of};
