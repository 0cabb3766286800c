//! What can go wrong between here and a registry.

use std::fmt;
use std::time::Duration;

use crate::image::Platform;
use crate::snapshot::Digest;

/// What a registry was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Where a tag points.
    LookAtTag,
    /// An index or a manifest.
    PullManifest,
    /// A blob.
    PullBlob,
    /// Whether a blob is there.
    LookAtBlob,
    /// To take a blob.
    UploadBlob,
    /// To take an index or a manifest.
    PushManifest,
    /// A token.
    Token,
}

impl Action {
    /// Whether it needs the right to write.
    fn writes(self) -> bool {
        matches!(self, Self::UploadBlob | Self::PushManifest)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LookAtTag => "a look at a tag",
            Self::PullManifest => "a pull of a manifest",
            Self::PullBlob => "a pull of a blob",
            Self::LookAtBlob => "a look at a blob",
            Self::UploadBlob => "an upload of a blob",
            Self::PushManifest => "a push of a manifest",
            Self::Token => "a token request",
        })
    }
}

/// Why a push or a pull failed. No message holds a token, a password or a URL's query.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nobody answered, or the connection was cut: the next attempt may go better.
    #[error("the registry {host} can't be reached: {reason}")]
    Unreachable {
        /// The registry.
        host: String,
        /// What the connection said.
        reason: String,
    },
    /// There is no way to it: no host of that name, a proxy that refuses.
    #[error("the registry {host} can't be reached: {reason}")]
    NoWay {
        /// The registry.
        host: String,
        /// What stands in the way.
        reason: String,
    },
    /// Its certificate is not trusted.
    #[error(
        "the registry {host} shows a certificate that is not trusted: {reason}; \
         if it is your own, name it or its CA by --registry-ca FILE"
    )]
    Certificate {
        /// The registry.
        host: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The registry wants other credentials.
    #[error(
        "the registry {host} refuses access to {repository} with {credentials}{message}; \
         set GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD, or run `docker login`"
    )]
    Refused {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// Which credentials were tried.
        credentials: String,
        /// The registry's own words, if it had any.
        message: String,
    },
    /// It knows who asks, but who asks may not write there.
    #[error(
        "the registry {host} does not let {credentials} push to {repository}{message}; \
         give that account the right to write there, or push elsewhere"
    )]
    Denied {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// Which credentials were tried.
        credentials: String,
        /// The registry's own words, if it had any.
        message: String,
    },
    /// The credentials themselves can't be had.
    #[error("{0}")]
    Credentials(String),
    /// There is no such image.
    #[error("{0}: there is no such image in the registry")]
    NotFound(String),
    /// There is no room left.
    #[error(
        "the registry {host} is full: it answers {status} to {action}{message}; \
         delete what is not needed there, or have its quota raised"
    )]
    Full {
        /// The registry.
        host: String,
        /// What was asked.
        action: Action,
        /// The HTTP status.
        status: u16,
        /// The registry's own words, if it had any.
        message: String,
    },
    /// More in one piece than it takes.
    #[error(
        "the registry {host}, or a proxy before it, finds {action} too large (413){message}; \
         raise its limit (nginx: client_max_body_size)"
    )]
    TooLarge {
        /// The registry.
        host: String,
        /// What was asked.
        action: Action,
        /// The registry's own words, if it had any.
        message: String,
    },
    /// An answer that says no.
    #[error("the registry {host} answers {status} to {action}{message}{}", wait(retry_after))]
    Status {
        /// The registry.
        host: String,
        /// What was asked.
        action: Action,
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
    /// Fewer bytes than the descriptor says, however often they were asked for.
    #[error("the registry {host} has {got} of the {size} bytes that {digest} should have; they were dropped")]
    TooShort {
        /// The registry.
        host: String,
        /// What was asked for.
        digest: Digest,
        /// How many came.
        got: u64,
        /// How many there should be.
        size: u64,
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
    /// The registry took other bytes than it was sent.
    #[error("the registry {host} took {digest} for {found}; something on the way changes what is sent")]
    Garbled {
        /// The registry.
        host: String,
        /// What was sent.
        digest: Digest,
        /// What it says that it got.
        found: Digest,
    },
    /// A blob that the registry should have and that is not at hand here.
    #[error("the registry {host} no longer has layer {digest} of the image before")]
    Gone {
        /// The registry.
        host: String,
        /// What is missing.
        digest: Digest,
    },
    /// What came can't be written to the file that is to hold it.
    #[error("a layer can't be kept: {0}")]
    Unkept(#[from] std::io::Error),
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
    /// It speaks TLS where plain HTTP was spoken.
    #[error(
        "the registry {0} answers in HTTPS only; name its certificate, or its CA, by --registry-ca FILE, \
         and leave out --registry-plain-http"
    )]
    OnlyHttps(String),
    /// Nothing can be sent at all.
    #[error("{0}")]
    SetUp(String),
    /// The tag was moved by somebody else while this push went on.
    #[error("{0}: the tag was moved by another push at the same time, which won; look at it and push again")]
    Overtaken(String),
}

impl RegistryError {
    /// Whether the same may succeed a little later. A 4xx never does, but for those that say so (RFC 9110 section 15.5.9,
    /// RFC 6585 section 4).
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            _ => false,
        }
    }

    /// Whether it is about what the image is, and not about the way to it: the same comes each time, unless something on the way
    /// changed it.
    pub fn is_of_the_image(&self) -> bool {
        matches!(self, Self::Mismatch { .. } | Self::TooShort { .. } | Self::TooLong { .. } | Self::NoPlatform { .. })
    }

    /// How long the registry wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The error for a 401 or a 403, which are two things: nobody knows who asks, or who asks may not.
    pub(super) fn unauthorized(
        action: Action,
        host: &str,
        repository: &str,
        tried: Option<String>,
        message: String,
    ) -> Self {
        let (host, repository) = (host.to_owned(), repository.to_owned());
        match tried {
            Some(credentials) if action.writes() => Self::Denied { host, repository, credentials, message },
            tried => {
                let credentials = tried.unwrap_or_else(|| "no credentials".to_owned());
                Self::Refused { host, repository, credentials, message }
            }
        }
    }
}

fn wait(retry_after: &Option<Duration>) -> String {
    let named = retry_after.filter(|pause| !pause.is_zero());
    named.map(|pause| format!("; it wants to be left alone for {} s", pause.as_secs())).unwrap_or_default()
}
