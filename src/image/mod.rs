//! Images as the OCI image specification has them: values with digests, packed from a tree and unpacked to one, without
//! a daemon and without a network.

mod archive;
mod assemble;
mod binary;
mod changes;
mod config;
mod content;
mod delta;
mod description;
mod diff_id;
mod format;
mod layer;
mod layout;
mod manifest;
mod pack;
mod platform;
mod program;
mod record;
mod room;
mod signature;
mod stack;
mod stored;
mod unpack;
mod verification;

pub use archive::{Archive, ArchiveName};
pub use assemble::{Content, Image, Origin, Package, Program, assemble};
pub use binary::{Binary, BinaryError};
pub use changes::{Changes, Listed, Listing};
pub use content::{ContentError, base_content, content, content_onto, layout_content};
pub use description::{Description, DescriptionError, LayerDescription, OriginFields, Other, OtherKind, PlatformImage};
pub use diff_id::{ArchiveError, LayerArchive, read_archive};
pub use format::{Format, FormatError, MediaTypes};
pub use layer::Layer;
pub use layout::{Layout, LayoutError, LayoutImages, NamedImage, layout_has, layout_images, read_layout, write_layout};
pub use manifest::{
    Blob, CONTENT_ROOT, ContentLimit, Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest, ROLE, Role, SEQUENCE,
};
pub use pack::{PackError, pack_program, pack_tree, packed_length, program_diff_id};
pub use platform::{Platform, PlatformError, PlatformFields};
pub use program::{ProgramError, unpack_program};
pub use record::record;
pub use room::{MediaFolder, PlaceFault, Room};
pub use signature::{
    COSIGN_SIGNATURE, CosignImage, KeyError, MalformedSignature, SIGNATURE, SIMPLE_SIGNING, Signature, SignatureError,
    SigningKey, VerifyingKey, statement,
};
pub use stack::{Known, Stack};
pub use stored::{LARGE_LAYER, LayerBytes, StoredLayer};
pub use unpack::{UnpackError, list, unpack};
pub use verification::{ImageFault, Verification, content_of};
