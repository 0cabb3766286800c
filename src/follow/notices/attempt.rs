//! One try to tell a receiver, and why it failed: in words that hold nothing of its address.

use std::error::Error;
use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode, redirect};

use super::shapes::Message;
use crate::outbound::{self, Fault, Trust};

/// For the whole of an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a receiver was not told.
#[derive(Debug)]
pub(super) struct Failure {
    /// What went wrong, and the remedy where there is one.
    pub(super) reason: String,
    /// Whether another try may go well.
    pub(super) passes: bool,
    /// When the receiver wants to be asked again.
    pub(super) retry_after: Option<Duration>,
}

/// Why nobody can be told at all.
pub type NoticesError = Box<dyn Error + Send + Sync>;

/// What sends. Redirects are not followed: they would carry a token, or what happened here, to whom nobody named.
pub(super) fn client() -> Result<Client, NoticesError> {
    let builder = outbound::client(&Trust::default())?.timeout(TIMEOUT).redirect(redirect::Policy::none());
    // Notices are rare: a connection that is kept would be closed by the other side before the next one.
    Ok(builder.pool_max_idle_per_host(0).build()?)
}

/// Sends a message once.
pub(super) async fn send(client: &Client, message: &Message) -> Result<(), Failure> {
    let request = client.post(message.url.clone()).headers(message.headers.clone()).body(message.body.clone());
    match request.send().await {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(refused(&response)),
        Err(error) => Err(unreachable(&error.without_url())),
    }
}

fn refused(response: &Response) -> Failure {
    let status = response.status();
    let retry_after = retry_after(response);
    let passes = match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => true,
        // GitHub's limits ("Rate limits for the REST API").
        StatusCode::FORBIDDEN => retry_after.is_some(),
        status => status.is_server_error(),
    };
    let remedy = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !passes => "; its token or its address is wrong",
        StatusCode::NOT_FOUND => "; its address is wrong, or its token may not do this",
        status if status.is_redirection() => ", which is not followed; name the address that it leads to",
        _ => "",
    };
    Failure { reason: format!("answers {}{remedy}", status.as_u16()), passes, retry_after }
}

/// In seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let date = || httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok();
    value.parse().ok().map(Duration::from_secs).or_else(date)
}

fn unreachable(error: &reqwest::Error) -> Failure {
    let lasting = |reason: String| Failure { reason, passes: false, retry_after: None };
    let reason = match outbound::fault(error) {
        Some(Fault::NoTls) => return lasting("speaks no TLS; write http:// if that is meant".to_owned()),
        Some(Fault::Certificate(reason)) => {
            return lasting(format!("shows a certificate that is not trusted: {reason}; SSL_CERT_FILE may name more"));
        }
        Some(Fault::NoHost) => "there is no host of that name".to_owned(),
        Some(Fault::Proxy(reason)) => format!("the proxy of the environment does not play along: {reason}"),
        None if error.is_timeout() => format!("does not answer within {} s", TIMEOUT.as_secs()),
        None => innermost(error),
    };
    Failure { reason, passes: true, retry_after: None }
}

/// The innermost cause says what happened.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(inner) = cause.and_then(Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(|| "the connection broke".to_owned(), |cause| cause.to_string().to_lowercase())
}
