//! Registries as the OCI distribution specification has them: references, and a client that pushes and pulls.

mod auth;
mod client;
mod error;
mod pull;
mod push;
mod reference;

pub use client::{Client, Transport};
pub use error::RegistryError;
pub use pull::{Pulled, TagState};
pub use push::{Outgoing, Pushed};
pub use reference::{Reference, ReferenceError};
