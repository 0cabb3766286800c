//! What can go wrong between here and a registry.

use std::time::Duration;

use crate::image::Platform;
use crate::snapshot::Digest;

/// Why a push or a pull failed. No message holds a token, a password or a URL's query.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nobody answered.
    #[error("the registry {host} can't be reached: {reason}")]
    Unreachable {
        /// The registry.
        host: String,
        /// What the connection said.
        reason: String,
    },
    /// The registry wants other credentials.
    #[error(
        "the registry {host} refuses access to {repository} with {credentials}; \
         set GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD, or run `docker login`"
    )]
    Refused {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// Which credentials were tried.
        credentials: &'static str,
    },
    /// There is no such image.
    #[error("{0}: there is no such image in the registry")]
    NotFound(String),
    /// An answer that says no.
    #[error("the registry {host} answers {status} to {action}{message}")]
    Status {
        /// The registry.
        host: String,
        /// What was asked.
        action: &'static str,
        /// The HTTP status.
        status: u16,
        /// The registry's own words, if it had any.
        message: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The bytes are not those that were asked for.
    #[error("the registry {host} sent other bytes than {digest}; they were dropped")]
    Mismatch {
        /// The registry.
        host: String,
        /// What was asked for.
        digest: Digest,
    },
    /// More bytes than announced, or than galley takes.
    #[error("the registry {host} sent more than {limit} bytes of {what}; they were dropped")]
    TooLong {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// How many it may be.
        limit: u64,
    },
    /// An index without a manifest for this platform.
    #[error("{reference} has no image for {platform}; it has {has}")]
    NoPlatform {
        /// The image.
        reference: String,
        /// What is needed.
        platform: Platform,
        /// What is there.
        has: String,
    },
    /// An answer that breaks the protocol.
    #[error("the registry {host} answers {action} with something that can't be read: {reason}")]
    Malformed {
        /// The registry.
        host: String,
        /// What was asked.
        action: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// It does not speak TLS.
    #[error(
        "the registry {0} does not answer in HTTPS; if it is one that you trust, allow plain HTTP by --registry-plain-http"
    )]
    PlainHttp(String),
    /// The tag was moved by somebody else while this push went on.
    #[error("{0}: the tag was moved by another push at the same time, which won; look at it and push again")]
    Overtaken(String),
}
