//! What is served and shipped: a [`Tree`] of files, and the [`Snapshot`] that requests read.
//!
//! A tree is what rendering yields, what a layer packs and what a folder holds. Freezing it gives the one immutable value
//! that answers requests: codings, entity tags and headers are made once, here, and never on the request path. The room
//! knows nothing of sites, images or sockets.

mod coding;
mod codings;
mod digest;
mod folder;
mod freeze;
mod media_type;
mod root;
mod tree;

pub use coding::Coding;
pub use codings::Codings;
pub use digest::{Digest, DigestError, Hasher};
pub use folder::{FolderError, OutputFolder, read_folder};
pub use freeze::{Lookup, Representation, Resource, Snapshot, freeze, freeze_with};
pub use root::{ContentRoot, RootHasher};
pub use tree::{Content, Entry, Modified, Tree, TreeError, TreePath};
