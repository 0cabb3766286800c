//! What is served and shipped: a [`Tree`] of files, and the [`Snapshot`] that requests read.
//!
//! A tree is what rendering yields, what a layer packs and what a folder holds. Freezing it gives the one immutable value
//! that answers requests: codings, entity tags and headers are made once, here, and never on the request path. The room
//! knows nothing of sites, images or sockets.

mod coding;
mod codings;
mod csp;
mod difference;
mod digest;
mod fault;
mod fields;
mod file_body;
mod folder;
mod freeze;
mod frozen;
mod gzip;
mod header_rules;
mod held;
mod media_type;
mod memory;
mod memory_file;
mod pattern;
mod policy;
mod redirects;
mod resource;
mod root;
mod sharing;
mod spelling;
mod tree;
mod url_path;

pub use coding::Coding;
pub use codings::{Codings, Made};
pub use csp::beyond_policy;
pub use difference::{Difference, FileVersion};
pub use digest::{Digest, DigestError, Hasher};
pub use fault::Fault;
pub use fields::Fields;
pub use file_body::{FileBody, FileReader};
pub use folder::{FolderError, OutputFolder, read_folder, read_folder_to_ship};
pub use freeze::{Freezing, freeze, freeze_with};
pub use frozen::{Compared, Lookup, RETAINED_RELEASES, Snapshot};
pub use gzip::gzip;
pub use header_rules::{HEADERS, HeaderRules};
pub use held::Held;
pub use memory::{Memory, SMALL, memory_of};
pub use memory_file::{MemoryFile, Pages};
pub use pattern::Pattern;
pub use redirects::{REDIRECTS, Redirect, Redirects};
pub use resource::{Body, Representation, Resource};
pub use root::{ContentRoot, RootHasher};
pub use spelling::{Spelling, leads_to_one, spelled};
pub use tree::{Content, Entry, Modified, Tree, TreeError, TreePath, below};
pub use url_path::{file_at, place_of, url_path};
