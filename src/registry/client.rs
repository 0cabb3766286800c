//! One registry, spoken to with retries and whatever authentication it asks for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Response, StatusCode, Url};

use super::auth::{Challenge, Credentials, TokenAnswer, challenge, credentials};
use super::error::RegistryError;
use super::reference::Reference;
use crate::outbound;

/// How often a request is sent again after a cut connection, a 5xx or a 429.
const RETRIES: u32 = 3;
/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A registry that wants longer is asked again by the next poll.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Between two pieces of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// What a registry says in an error is shown up to here.
const MAX_MESSAGE: usize = 300;

/// How registries are reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transport {
    /// Plain HTTP for any registry; without it only for those on this machine.
    pub plain_http: bool,
}

/// A client of the registry of one reference.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    pub(super) reference: Reference,
    base: Url,
    credentials: Option<Credentials>,
    /// The `Authorization` that the registry last accepted.
    authorization: Arc<Mutex<Option<HeaderValue>>>,
}

impl Client {
    /// A client for `reference`. Credentials are read now; nothing is sent yet.
    pub fn new(reference: Reference, transport: Transport) -> Result<Self, RegistryError> {
        let scheme = if transport.plain_http || reference.is_loopback() { "http" } else { "https" };
        let malformed = |reason: String| {
            let host = reference.host().to_owned();
            RegistryError::Malformed { host, action: "a client's set-up", reason }
        };
        let base = Url::parse(&format!("{scheme}://{}/v2/", reference.api_host()));
        let base = base.map_err(|error| malformed(error.to_string()))?;
        let http = http_client(reference.is_loopback()).map_err(|error| malformed(error.to_string()))?;
        let credentials = credentials(reference.host());
        Ok(Self { http, reference, base, credentials, authorization: Arc::default() })
    }

    /// What the client is for.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    pub(super) fn host(&self) -> String {
        self.reference.host().to_owned()
    }

    /// A URL below the repository: `manifests/latest`.
    pub(super) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let path = format!("{}/{path}", self.reference.repository());
        self.base.join(&path).map_err(|error| self.malformed("a request", &error.to_string()))
    }

    /// A location that the registry gave, absolute or relative to `from`.
    pub(super) fn location(&self, from: &Url, response: &Response) -> Result<Url, RegistryError> {
        let location = response.headers().get(reqwest::header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.and_then(|location| from.join(location).ok());
        location.ok_or_else(|| self.malformed("the start of an upload", "it has no usable Location"))
    }

    pub(super) fn malformed(&self, action: &'static str, reason: &str) -> RegistryError {
        RegistryError::Malformed { host: self.host(), action, reason: reason.to_owned() }
    }

    /// Sends what `make` builds. Connections that break, 5xx and 429 are tried again after a pause; a 401 is answered once
    /// with what the registry asks for. Any other answer is the caller's.
    pub(super) async fn send(
        &self,
        url: &Url,
        make: impl Fn(&reqwest::Client, Url) -> RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let mut attempt = 0;
        let mut authenticated = false;
        loop {
            let mut request = make(&self.http, url.clone());
            if let Some(authorization) = self.authorization_for(url) {
                request = request.header(AUTHORIZATION, authorization);
            }
            let pause = match request.send().await {
                Ok(response) if !authenticated && self.is_challenge(&response) => {
                    authenticated = true;
                    self.authenticate(&response).await?;
                    continue;
                }
                Ok(response) if attempt < RETRIES && may_pass(response.status()) => retry_after(&response),
                Ok(response) => return Ok(response),
                Err(error) if attempt < RETRIES && !error.is_builder() && !error.is_redirect() => {
                    tracing::debug!("the connection to {} broke, trying again", self.reference.host());
                    None
                }
                Err(error) => return Err(self.unreachable(&error)),
            };
            tokio::time::sleep(pause.unwrap_or(FIRST_PAUSE * 2u32.pow(attempt)).min(LONGEST_PAUSE)).await;
            attempt += 1;
        }
    }

    /// Only the registry itself gets credentials, and only it may ask for them: uploads and blobs may lie elsewhere.
    fn authorization_for(&self, url: &Url) -> Option<HeaderValue> {
        let known = || self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.is_own(url) { known() } else { None }
    }

    fn is_challenge(&self, response: &Response) -> bool {
        response.status() == StatusCode::UNAUTHORIZED && self.is_own(response.url())
    }

    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    async fn authenticate(&self, response: &Response) -> Result<(), RegistryError> {
        let fields = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let found = fields.filter_map(|field| field.to_str().ok()).find_map(challenge);
        let authorization = match (found, &self.credentials) {
            (Some(Challenge::Basic), Some(credentials)) => Some(basic(credentials)),
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                Some(self.token(&realm, service.as_deref(), scope.as_deref()).await?)
            }
            _ => None,
        };
        let Some(mut authorization) = authorization.and_then(|text| HeaderValue::try_from(text).ok()) else {
            return Err(self.refused());
        };
        authorization.set_sensitive(true);
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
        Ok(())
    }

    async fn token(&self, realm: &str, service: Option<&str>, scope: Option<&str>) -> Result<String, RegistryError> {
        const ACTION: &str = "a token request";
        let mut url = Url::parse(realm).map_err(|error| self.malformed(ACTION, &error.to_string()))?;
        // Credentials never travel in the clear, unless the registry itself was allowed to be spoken to like that.
        if url.scheme() != "https" && self.base.scheme() == "https" {
            return Err(self.malformed(ACTION, "its realm is not HTTPS"));
        }
        let pairs = [("service", service), ("scope", scope)];
        url.query_pairs_mut().extend_pairs(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let mut request = self.http.get(url);
        if let Some(credentials) = &self.credentials {
            request = request.basic_auth(&credentials.user, Some(&credentials.password));
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(self.refused());
        }
        let bytes = self.read_limited(response, 1 << 20, "a token").await?;
        let answer: TokenAnswer =
            serde_json::from_slice(&bytes).map_err(|_| self.malformed(ACTION, "it is no JSON with a token"))?;
        let token = answer.token().ok_or_else(|| self.malformed(ACTION, "it has no token"))?;
        Ok(format!("Bearer {token}"))
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
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() as u64 + piece.len() as u64 > limit {
                return Err(too_long());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// The error for an answer that is not what was hoped for.
    pub(super) async fn failed(&self, action: &'static str, response: Response) -> RegistryError {
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return self.refused();
        }
        let retry_after = retry_after(&response);
        let body = self.read_limited(response, 64 << 10, "an error").await.unwrap_or_default();
        RegistryError::Status {
            host: self.host(),
            action,
            status: status.as_u16(),
            message: message(&body),
            retry_after,
        }
    }

    fn refused(&self) -> RegistryError {
        RegistryError::Refused {
            host: self.host(),
            repository: self.reference.repository().to_owned(),
            credentials: self.credentials.as_ref().map_or("no credentials", |credentials| credentials.source),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> RegistryError {
        // The innermost cause says what happened; the outer ones repeat the URL, whose query may be secret.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let innermost = !std::ptr::eq(std::ptr::from_ref(cause).cast::<()>(), std::ptr::from_ref(error).cast());
        let reason = if innermost { cause.to_string().to_lowercase() } else { "the connection broke".to_owned() };
        if reason.contains("corrupt message") {
            return RegistryError::PlainHttp(self.host());
        }
        let nowhere = reason.contains("no records found");
        let reason = if nowhere { "there is no host of that name".to_owned() } else { reason };
        RegistryError::Unreachable { host: self.host(), reason }
    }
}

fn http_client(loopback: bool) -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let builder = outbound::client()?.read_timeout(READ_TIMEOUT);
    // A proxy of the environment could not reach this machine's own registry.
    let builder = if loopback { builder.no_proxy() } else { builder };
    Ok(builder.build()?)
}

fn basic(credentials: &Credentials) -> String {
    use base64::Engine;
    let pair = format!("{}:{}", credentials.user, credentials.password);
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// Whether the same request may succeed a little later. A 4xx otherwise never does.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// In seconds; registries don't send the date form.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// The registry's own words in an error body (distribution-spec, "Error Codes"), made fit for one line.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Errors {
        errors: Vec<Error>,
    }
    #[derive(serde::Deserialize)]
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
