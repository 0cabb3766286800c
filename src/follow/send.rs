//! Sends a delivery once more, for whoever wants to see what an instance makes of it.

use std::error::Error;
use std::time::Duration;

use http::HeaderMap;

use crate::outbound::{self, Trust, TrustError};

/// An instance answers within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// As much of an answer as is read, in bytes.
const LONGEST_ANSWER: usize = 4096;

/// Why there was no answer. No message holds the URL: a secret may be in it.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// TLS can't be set up.
    #[error("{0}")]
    Tls(String),
    /// Nobody answers, or not in HTTP.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

impl From<TrustError> for SendError {
    fn from(error: TrustError) -> Self {
        Self::Tls(error.to_string())
    }
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut innermost: &dyn Error = &error;
        while let Some(cause) = innermost.source() {
            innermost = cause;
        }
        Self::NoAnswer(innermost.to_string())
    }
}

/// Posts `body` to `url`, and gives the status of the answer with what it says.
pub async fn send(url: &str, headers: HeaderMap, body: Vec<u8>) -> Result<(u16, String), SendError> {
    let client = outbound::client(&Trust::default())?;
    // An instance that redirects is asked by another name: whoever posts there does not follow either.
    let client = client.timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()?;
    let mut answer = client.post(url).headers(headers).body(body).send().await?;
    let (status, mut text) = (answer.status().as_u16(), Vec::new());
    while text.len() < LONGEST_ANSWER
        && let Some(chunk) = answer.chunk().await?
    {
        text.extend_from_slice(&chunk);
    }
    text.truncate(LONGEST_ANSWER);
    Ok((status, String::from_utf8_lossy(&text).trim().to_owned()))
}
