//! The Docker Engine of this machine, by its API: images are put into it without a registry between.

mod address;
mod connection;
mod error;
mod load;
mod transport;

pub use address::{Address, AddressError};
pub use connection::Engine;
pub use error::EngineError;
pub use load::Loaded;
