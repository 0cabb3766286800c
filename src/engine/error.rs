//! What can go wrong between here and an engine.

use std::error::Error;
use std::io;

use super::address::{Address, AddressError};

/// Why an engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It is not known where it is.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There is no such socket.
    #[error(
        "no Docker Engine at {0}: there is no such socket; start Docker, set DOCKER_HOST to where it listens, \
         or write --tar FILE for `docker load --input FILE`"
    )]
    Missing(Address),
    /// The socket is somebody else's.
    #[error(
        "the Docker Engine at {0} lets only root and the group of its socket in; \
         join that group (`sudo usermod -aG docker $USER`, then log in again), or write --tar FILE"
    )]
    Forbidden(Address),
    /// Nobody answers.
    #[error(
        "the Docker Engine at {address} can't be reached: {reason}; start it, or write --tar FILE for \
         `docker load --input FILE`"
    )]
    Unreachable {
        /// Where it should be.
        address: Address,
        /// What the connection said.
        reason: String,
    },
    /// It says no.
    #[error("the Docker Engine at {address} does not load the image: {message}")]
    Refused {
        /// Where it is.
        address: Address,
        /// Its own words.
        message: String,
    },
    /// It took everything and named no image.
    #[error("the Docker Engine at {0} took the image and did not say that it loaded it; look at `docker image ls`")]
    Silent(Address),
}

impl EngineError {
    /// What `error` means where the engine at `address` was greeted: whatever it says, it is of no use.
    pub(super) fn greeting(address: &Address, error: &bollard::errors::Error) -> Self {
        match Self::of(address, error) {
            Self::Refused { address, message } => Self::Unreachable { address, reason: format!("it says: {message}") },
            other => other,
        }
    }

    /// What `error` means where the engine at `address` was given an image.
    pub(super) fn of(address: &Address, error: &bollard::errors::Error) -> Self {
        use bollard::errors::Error as E;
        match error {
            E::DockerResponseServerError { message, .. } => Self::refused(address, message),
            E::DockerStreamError { error } => Self::refused(address, error),
            E::RequestTimeoutError => Self::unreachable(address, "it did not answer in time".to_owned()),
            other => match io_kind(other) {
                Some(io::ErrorKind::NotFound) => Self::Missing(address.clone()),
                Some(io::ErrorKind::PermissionDenied) => Self::Forbidden(address.clone()),
                _ => Self::unreachable(address, innermost(other)),
            },
        }
    }

    fn refused(address: &Address, message: &str) -> Self {
        Self::Refused { address: address.clone(), message: message.trim().to_owned() }
    }

    fn unreachable(address: &Address, reason: String) -> Self {
        Self::Unreachable { address: address.clone(), reason }
    }
}

fn sources<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn io_kind(error: &bollard::errors::Error) -> Option<io::ErrorKind> {
    // This one hides what it holds from those who ask for sources.
    if let bollard::errors::Error::IOError { err } = error {
        return Some(err.kind());
    }
    sources(error).find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind)
}

/// The outer ones say "client error (Connect)" and the like.
fn innermost(error: &(dyn Error + 'static)) -> String {
    sources(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_not_ours_says_how_to_get_in() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied).into();
        let said = EngineError::of(&"unix:///x.sock".parse().unwrap(), &error).to_string();
        assert!(said.starts_with("the Docker Engine at unix:///x.sock lets only root"), "{said}");
        assert!(said.contains("sudo usermod -aG docker"), "{said}");
    }
}
