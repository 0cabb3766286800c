//! Answers and broken connections as errors that say what to do.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::client::Client;
use super::error::{Action, RegistryError};
use crate::outbound::{self, Fault};

/// What a registry says in an error is shown up to here, in characters.
const MAX_MESSAGE: usize = 300;
/// And is read up to here, in bytes.
const MAX_BODY: u64 = 64 << 10;
/// However long a registry wants to be left alone: a mistake of its must not end the following of it.
const LONGEST_REST: Duration = Duration::from_secs(3600);
/// How registries say that there is no room, in lower case: distribution on a full disk (ENOSPC, 28, in the `detail` of a
/// 500), Harbor, GitLab and Quay at a quota.
const FULL: [&str; 5] = ["no space left", "\"err\":28", "quota", "exceed the configured upper limit", "storage limit"];
/// How servers that expect TLS answer plain HTTP, in lower case: Go's and nginx's.
const ONLY_HTTPS: [&str; 2] = ["http request to an https server", "plain http request was sent to https port"];

impl Client {
    /// The answer, unless it says that the registry can't just now.
    pub(super) async fn unless_busy(&self, action: Action, response: Response) -> Result<Response, RegistryError> {
        let status = response.status();
        let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status);
        if busy || status.is_server_error() { Err(self.failed(action, response).await) } else { Ok(response) }
    }

    /// The error for an answer that is not what was hoped for.
    pub(super) async fn failed(&self, action: Action, response: Response) -> RegistryError {
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = self.read_limited(response, MAX_BODY, "an error").await.unwrap_or_default();
        let text = String::from_utf8_lossy(&body).to_lowercase();
        let (host, message) = (self.host(), message(&body));
        let is_full = FULL.iter().any(|words| text.contains(words)) && is_about_storing(action);
        match status {
            StatusCode::INSUFFICIENT_STORAGE => RegistryError::Full { host, action, status: 507, message },
            _ if is_full => RegistryError::Full { host, action, status: status.as_u16(), message },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.unauthorized(action, message),
            StatusCode::PAYLOAD_TOO_LARGE => RegistryError::TooLarge { host, action, message },
            StatusCode::BAD_REQUEST if ONLY_HTTPS.iter().any(|words| text.contains(words)) => {
                RegistryError::OnlyHttps(host)
            }
            _ => RegistryError::Status { host, action, status: status.as_u16(), message, retry_after },
        }
    }

    pub(super) fn unauthorized(&self, action: Action, message: String) -> RegistryError {
        let reference = self.reference();
        RegistryError::unauthorized(action, reference.host(), reference.repository(), self.tried(), message)
    }

    pub(super) fn silent(&self) -> RegistryError {
        let reason = format!("it has not said a word for {} s", self.patience.as_secs_f64());
        RegistryError::Unreachable { host: self.host(), reason }
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> RegistryError {
        let host = self.host();
        match outbound::fault(error) {
            Some(Fault::NoTls) => return RegistryError::PlainHttp(host),
            Some(Fault::Certificate(reason)) => return RegistryError::Certificate { host, reason },
            Some(Fault::NoHost) => {
                return RegistryError::NoWay { host, reason: "there is no host of that name".to_owned() };
            }
            Some(Fault::Proxy(reason)) => {
                let reason = format!("the proxy that HTTPS_PROXY or ALL_PROXY names does not play along: {reason}");
                return RegistryError::NoWay { host, reason };
            }
            None if error.is_builder() => return RegistryError::NoWay { host, reason: "its URL is none".to_owned() },
            None => {}
        }
        // The innermost cause says what happened; the outer ones repeat the URL, whose query may be secret.
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause.and_then(std::error::Error::source) {
            cause = Some(inner);
        }
        let reason = cause.map_or_else(|| "the connection broke".to_owned(), |cause| cause.to_string().to_lowercase());
        RegistryError::Unreachable { host, reason }
    }
}

/// A registry without room can still be read from.
fn is_about_storing(action: Action) -> bool {
    matches!(action, Action::UploadBlob | Action::PushManifest)
}

/// In seconds; registries don't send the date form. Nobody is left alone for longer than [`LONGEST_REST`].
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(|seconds| Duration::from_secs(seconds).min(LONGEST_REST))
}

/// The registry's own words in an error body (distribution-spec, "Error Codes"), made fit for one line.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
        #[serde(default)]
        message: String,
    }
    let Ok(Errors { errors }) = serde_json::from_slice(body) else { return String::new() };
    let said: Vec<_> = errors.iter().map(|error| format!("{} {}", error.code.to_lowercase(), error.message)).collect();
    let line: String = said.join("; ").chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}
