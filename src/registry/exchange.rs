//! One request and its answer: authorization, redirects, patience, and another attempt where one may go better.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderValue;
use reqwest::{Method, Request, RequestBuilder, Response, StatusCode, Url};

use super::client::Client;
use super::error::{Action, RegistryError};
use super::token::authorized;

/// How often a request is sent again after a cut connection, a 5xx or a 429.
pub(super) const RETRIES: u32 = 3;
/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A registry that wants longer is not asked again by the same command, but by the next poll.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// An upload may stand still for so many times a registry's silence: the last of it lies in this machine's buffers, which are
/// megabytes and take their time on a slow line, and the registry hashes and stores it all before it answers.
const UPLOAD: u32 = 4;
/// A blob's storage is one or two redirects away.
const MAX_HOPS: usize = 5;

/// Attempts at the same thing.
#[derive(Debug, Default)]
pub(super) struct Attempts(u32);

impl Attempts {
    /// After progress was made, what comes is the first attempt again.
    pub(super) fn forget(&mut self) {
        self.0 = 0;
    }
}

impl Client {
    /// Sends what `make` builds, and again where that may help. The answer is the caller's, unless it is a 5xx or a 429.
    pub(super) async fn send(
        &self,
        action: Action,
        url: &Url,
        make: impl Fn(&reqwest::Client, Url) -> RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let mut attempts = Attempts::default();
        loop {
            match self.send_once(action, url, &make, None).await {
                Ok(response) => return Ok(response),
                Err(error) => self.before_next(&mut attempts, error).await?,
            }
        }
    }

    /// The same without what the registry gave: for those who give it.
    pub(super) async fn send_unauthorized(
        &self,
        action: Action,
        url: &Url,
        make: impl Fn(&reqwest::Client, Url) -> RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let mut attempts = Attempts::default();
        loop {
            let answered = match self.follow(url, None, &make, None).await {
                Ok(response) => self.unless_busy(action, response).await,
                Err(error) => Err(error),
            };
            match answered {
                Ok(response) => return Ok(response),
                Err(error) => self.before_next(&mut attempts, error).await?,
            }
        }
    }

    /// One attempt. A 401 is answered once with what the registry asks for: a token may have expired. So may one that gets a 403:
    /// some registries say that instead, and rights may have been given since it was made. `moved` counts the
    /// bytes of the body that were sent, if that may take its time.
    pub(super) async fn send_once(
        &self,
        action: Action,
        url: &Url,
        make: &impl Fn(&reqwest::Client, Url) -> RequestBuilder,
        moved: Option<&AtomicU64>,
    ) -> Result<Response, RegistryError> {
        let granted = self.authorization().await?;
        let mut response = self.follow(url, granted.as_ref(), make, moved).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.is_own(response.url()) {
            let granted = self.answer_to(action, response, granted.as_ref()).await?;
            response = self.follow(url, Some(&granted), make, moved).await?;
        } else if response.status() == StatusCode::FORBIDDEN
            && self.is_own(response.url())
            // What the registry itself says is the better answer.
            && let Ok(Some(renewed)) = self.renewed(granted.as_ref()).await
        {
            response = self.follow(url, Some(&renewed), make, moved).await?;
        }
        self.unless_busy(action, response).await
    }

    /// Waits before the next attempt, or fails for `error` if none is of use.
    pub(super) async fn before_next(&self, attempts: &mut Attempts, error: RegistryError) -> Result<(), RegistryError> {
        let pause = error.retry_after().unwrap_or(FIRST_PAUSE * 2u32.pow(attempts.0));
        if attempts.0 == RETRIES || !error.may_pass() || pause > LONGEST_PAUSE {
            return Err(error);
        }
        attempts.0 += 1;
        self.progress.again(&error.to_string(), pause);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Follows redirects; only the registry itself gets `granted`.
    async fn follow(
        &self,
        url: &Url,
        granted: Option<&HeaderValue>,
        make: &impl Fn(&reqwest::Client, Url) -> RequestBuilder,
        moved: Option<&AtomicU64>,
    ) -> Result<Response, RegistryError> {
        let mut url = url.clone();
        for _ in 0..MAX_HOPS {
            let request = make(&self.http, url.clone());
            let request = authorized(request, granted.filter(|_| self.is_own(&url)));
            let request = request.build().map_err(|error| self.unreachable(&error))?;
            let method = request.method().clone();
            let response = self.exchange(request, moved).await?;
            let Some(next) = self.redirect(&method, &url, &response) else { return Ok(response) };
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(self.malformed("a request", "it sends us from HTTPS to plain HTTP"));
            }
            url = next;
        }
        Err(self.malformed("a request", "it sends us from one place to the next"))
    }

    /// Where to ask instead (RFC 9110 section 15.4). What is to be stored goes elsewhere only where that keeps its method.
    fn redirect(&self, method: &Method, from: &Url, response: &Response) -> Option<Url> {
        let reads = *method == Method::GET || *method == Method::HEAD;
        match response.status().as_u16() {
            301..=303 if reads => self.location(from, response),
            307 | 308 => self.location(from, response),
            _ => None,
        }
    }

    /// Sends one request, and waits for the answer as long as something moves.
    async fn exchange(&self, request: Request, moved: Option<&AtomicU64>) -> Result<Response, RegistryError> {
        let mut answer = pin!(self.http.execute(request));
        let patience = if moved.is_some() { self.patience * UPLOAD } else { self.patience };
        let mut before = 0;
        loop {
            match tokio::time::timeout(patience, &mut answer).await {
                Ok(answer) => return answer.map_err(|error| self.unreachable(&error)),
                Err(_) => {
                    let now = moved.map_or(0, |moved| moved.load(Ordering::Relaxed));
                    if now == before {
                        return Err(self.silent());
                    }
                    before = now;
                }
            }
        }
    }

    /// The next piece of a body; `None` at its end.
    pub(super) async fn piece(&self, response: &mut Response) -> Result<Option<Bytes>, RegistryError> {
        match tokio::time::timeout(self.patience, response.chunk()).await {
            Ok(piece) => piece.map_err(|error| self.unreachable(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// Reads a body of at most `limit` bytes.
    pub(super) async fn read_limited(
        &self,
        mut response: Response,
        limit: u64,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let too_long = || RegistryError::TooLong { host: self.host(), what: what.to_owned(), limit };
        let announced = response.content_length().unwrap_or(0);
        if announced > limit {
            return Err(too_long());
        }
        // What is announced is at most the limit here, and the limit fits memory.
        let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
        while let Some(piece) = self.piece(&mut response).await? {
            if bytes.len() as u64 + piece.len() as u64 > limit {
                return Err(too_long());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}
