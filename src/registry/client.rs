//! One registry and one repository in it: how it is reached, and under which URLs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Response, Url};

use super::credentials;
use super::error::RegistryError;
use super::progress::{Progress, Unseen};
use super::reference::{Reference, is_loopback};
use super::token::Session;
use crate::outbound::{self, Trust, TrustError};

/// A registry that does not say a word for so long is given up: a slow link still brings something.
const PATIENCE: Duration = Duration::from_secs(30);

/// How registries are reached.
#[derive(Clone, Debug)]
pub struct Transport {
    /// Plain HTTP for any registry; without it only for those on this machine.
    pub plain_http: bool,
    /// Certificates in PEM to believe beside the usual ones. With them a registry on this machine is spoken to in TLS, too.
    pub ca: Option<PathBuf>,
    /// How long a registry may be silent, and an upload stand still.
    pub patience: Duration,
}

impl Default for Transport {
    fn default() -> Self {
        Self { plain_http: false, ca: None, patience: PATIENCE }
    }
}

/// A client of the registry of one reference.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) http: reqwest::Client,
    reference: Reference,
    base: Url,
    pub(super) patience: Duration,
    pub(super) session: Arc<tokio::sync::Mutex<Session>>,
    /// Where the credentials came from that were used last.
    tried: Arc<Mutex<Option<String>>>,
    pub(super) progress: Arc<dyn Progress>,
    /// Whether tokens are to have the right to write.
    pub(super) pushes: bool,
    /// Whether the password of the environment is meant for this registry.
    pub(super) is_meant: bool,
    /// Another repository of the same registry, whose blobs are taken over without being sent.
    pub(super) mount_from: Option<String>,
}

impl Client {
    /// A client for `reference`. Nothing is sent yet.
    pub fn new(reference: Reference, transport: Transport) -> Result<Self, RegistryError> {
        credentials::check()?;
        let trusted = Trust { file: transport.ca };
        let plain = transport.plain_http || (reference.is_loopback() && trusted.file.is_none());
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{}/v2/", reference.api_host()));
        let base = base.map_err(|error| RegistryError::SetUp(format!("{reference}: {error}")))?;
        let set_up = |error: TrustError| RegistryError::SetUp(error.to_string());
        // Redirects are followed by hand: what is sent along depends on where to.
        let builder = outbound::client(&trusted).map_err(set_up)?.redirect(reqwest::redirect::Policy::none());
        // A proxy of the environment could not reach this machine's own registry.
        let builder = if reference.is_loopback() { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| RegistryError::SetUp(error.to_string()))?;
        Ok(Self {
            http,
            reference,
            base,
            patience: transport.patience,
            session: Arc::default(),
            tried: Arc::default(),
            progress: Arc::new(Unseen),
            pushes: false,
            is_meant: true,
            mount_from: None,
        })
    }

    /// The same, to push with: its tokens have the right to write from the first one on.
    #[must_use]
    pub fn for_push(self) -> Self {
        Self { pushes: true, ..self }
    }

    /// The same, for a registry that the password of the environment is not meant for: it is given what `docker login` left for it.
    #[must_use]
    pub fn beside_another(self) -> Self {
        Self { is_meant: false, ..self }
    }

    /// The same, which says how far it has come.
    #[must_use]
    pub fn with_progress(self, progress: Arc<dyn Progress>) -> Self {
        Self { progress, ..self }
    }

    /// The same, which takes over what `source` has already instead of sending it, if that is on the same registry.
    #[must_use]
    pub fn mounting_from(self, source: &Reference) -> Self {
        let other = source.host() == self.reference.host() && source.repository() != self.reference.repository();
        Self { mount_from: other.then(|| source.repository().to_owned()), ..self }
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
    pub(super) fn location(&self, from: &Url, response: &Response) -> Option<Url> {
        let location = response.headers().get(reqwest::header::LOCATION)?.to_str().ok()?;
        from.join(location).ok()
    }

    /// A location behind `from` that does not leave TLS. A registry behind a proxy that does not tell it of TLS (X-Forwarded-Proto) names
    /// itself in plain HTTP: it is meant as it was asked.
    pub(super) fn in_tls(&self, from: &Url, mut location: Url) -> Result<Url, RegistryError> {
        if from.scheme() != "https" || location.scheme() == "https" {
            return Ok(location);
        }
        let port = location.port();
        let is_same = location.host() == from.host() && (port.is_none() || port == from.port_or_known_default());
        let port = from.port();
        if is_same && location.set_scheme("https").is_ok() && location.set_port(port).is_ok() {
            return Ok(location);
        }
        Err(self.malformed("the start of an upload", "it sends us from HTTPS to plain HTTP"))
    }

    /// Only the registry itself gets credentials, and only it may ask for them: uploads and blobs may lie elsewhere.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Whether `url` may be asked in plain HTTP: on this machine where the registry is here, too, and elsewhere where that was
    /// asked for.
    pub(super) fn may_be_plain(&self, url: &Url) -> bool {
        let here = url.host_str().is_some_and(is_loopback);
        self.base.scheme() == "http" && (here || !self.reference.is_loopback())
    }

    pub(super) fn set_tried(&self, source: Option<String>) {
        *self.tried.lock().unwrap_or_else(PoisonError::into_inner) = source;
    }

    pub(super) fn tried(&self) -> Option<String> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `bytes`, which came from the registry, say as JSON; `what` names them in the error.
    pub fn parse<T: serde::de::DeserializeOwned>(&self, what: &'static str, bytes: &[u8]) -> Result<T, RegistryError> {
        serde_json::from_slice(bytes).map_err(|error| self.malformed(what, &error.to_string()))
    }

    pub(super) fn malformed(&self, action: &'static str, reason: &str) -> RegistryError {
        RegistryError::Malformed { host: self.host(), action, reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_does_not_know_of_its_tls_is_meant_as_it_was_asked() {
        let client = Client::new("registry.example/blog".parse().unwrap(), Transport::default()).unwrap();
        let url = |text: &str| Url::parse(text).unwrap();
        for (from, location, meant) in [
            ("https://registry.example/v2/", "http://registry.example/x?y", Some("https://registry.example/x?y")),
            ("https://registry.example/v2/", "http://registry.example:443/x", Some("https://registry.example/x")),
            (
                "https://registry.example:5000/v2/",
                "http://registry.example:5000/x",
                Some("https://registry.example:5000/x"),
            ),
            ("https://registry.example:5000/v2/", "http://registry.example/x", Some("https://registry.example:5000/x")),
            ("https://registry.example/v2/", "http://registry.example:8080/x", None),
            ("https://registry.example/v2/", "http://other.example/x", None),
            ("https://registry.example/v2/", "https://other.example/x", Some("https://other.example/x")),
        ] {
            let found = client.in_tls(&url(from), url(location)).ok();
            assert_eq!(found, meant.map(url), "{location}");
        }
    }
}
