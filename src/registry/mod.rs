//! Registries as the OCI distribution specification has them: references, and a client that pushes and pulls.
//!
//! The client is our own, on reqwest. oci-client 0.18, the best kept of the crates for this, has whole uploads, ranges, mounts,
//! tokens, certificates and proxies. But it never tries again, and leaves it to its caller to notice a cut; it reads blobs and
//! manifests to their end, however long; it takes the 202 to a mount for an error; it asks for one scope, not for the one that
//! the registry names, and does not renew a token on a 401; it knows nothing of docker's configuration, of credential helpers
//! and of identity tokens; it says nothing while it works. What would be left to it are the URLs.

mod challenge;
mod client;
mod cosign;
mod credentials;
mod docker;
mod download;
mod error;
mod exchange;
mod failure;
mod look;
mod parallel;
mod progress;
mod pull;
mod push;
mod reference;
mod sink;
mod token;
mod upload;

pub use client::{Client, Transport};
pub use error::{Action, RegistryError};
pub use parallel::at_once;
pub use progress::Progress;
pub use pull::{Pulled, TagState};
pub use push::{Outgoing, OutgoingBlob, Pushed};
pub use reference::{Reference, ReferenceError};
