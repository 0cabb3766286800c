//! What a registry gives out in exchange for credentials, and for how long it holds (distribution's token specification, and
//! its OAuth2 form for identity tokens).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

use super::challenge::{Challenge, Scopes, challenge};
use super::client::Client;
use super::credentials::{self, Credentials, Proof};
use super::error::{Action, RegistryError};

/// How long a token holds if its registry does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// The longest life that is believed: a 401 ends it in any case.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The answer of a token endpoint is shorter.
const MAX_ANSWER: u64 = 1 << 20;

/// What is known of a registry's wishes, and what it gave for them.
#[derive(Debug, Default)]
pub(super) struct Session {
    challenge: Option<Challenge>,
    scopes: Scopes,
    /// By the scopes that it was asked for.
    granted: HashMap<String, Granted>,
}

impl Session {
    /// Drops what was `used` for `scope`, unless another request has renewed it in the meantime.
    fn forget(&mut self, scope: &str, used: Option<&HeaderValue>) {
        if self.granted.get(scope).is_some_and(|granted| Some(&granted.authorization) == used) {
            self.granted.remove(scope);
        }
    }
}

#[derive(Clone, Debug)]
struct Granted {
    authorization: HeaderValue,
    /// None holds until the registry refuses it.
    until: Option<Instant>,
}

impl Granted {
    fn holds(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// A token endpoint's answer.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
    issued_at: Option<String>,
}

impl TokenAnswer {
    /// Registries use either name.
    fn token(&self) -> Option<&str> {
        self.token.as_deref().or(self.access_token.as_deref()).filter(|token| !token.is_empty())
    }

    /// How long the token holds from `now` on, a tenth less for the way to the registry. One that was issued in the future
    /// has a clock that goes differently; it counts from now.
    fn life(&self, now: Timestamp) -> Duration {
        let life = self.expires_in.map_or(DEFAULT_LIFE, Duration::from_secs).min(LONGEST_LIFE);
        let issued: Option<Timestamp> = self.issued_at.as_deref().and_then(|text| text.parse().ok());
        let age = issued.map_or(0, |issued| now.as_second().saturating_sub(issued.as_second()).max(0));
        (life - life / 10).saturating_sub(Duration::from_secs(age.unsigned_abs()))
    }
}

impl Client {
    /// The `Authorization` for the next request to the registry: none before it asked for one.
    pub(super) async fn authorization(&self) -> Result<Option<HeaderValue>, RegistryError> {
        let mut session = self.session.lock().await;
        match session.challenge {
            None => Ok(None),
            // Whoever comes meanwhile waits for this one's token.
            Some(_) => self.grant(&mut session).await.map(Some),
        }
    }

    /// What a 401 to a request with `used` asks for.
    pub(super) async fn answer_to(
        &self,
        action: Action,
        response: Response,
        used: Option<&HeaderValue>,
    ) -> Result<HeaderValue, RegistryError> {
        let fields = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let found = fields.filter_map(|field| field.to_str().ok()).find_map(challenge);
        let Some(found) = found else { return Err(self.failed(action, response).await) };
        let mut session = self.session.lock().await;
        let before = session.scopes.text();
        if let Challenge::Bearer { scope: Some(wanted), .. } = &found {
            session.scopes.add(wanted);
        }
        session.challenge = Some(found);
        session.forget(&before, used);
        let granted = self.grant(&mut session).await?;
        if used == Some(&granted) {
            return Err(self.failed(action, response).await);
        }
        Ok(granted)
    }

    /// Another token than `used`, which the registry knows and lets do nothing; `None` if that was none, or the same comes again.
    pub(super) async fn renewed(&self, used: Option<&HeaderValue>) -> Result<Option<HeaderValue>, RegistryError> {
        let mut session = self.session.lock().await;
        if used.is_none() || !matches!(session.challenge, Some(Challenge::Bearer { .. })) {
            return Ok(None);
        }
        let scope = session.scopes.text();
        session.forget(&scope, used);
        let granted = self.grant(&mut session).await?;
        Ok(Some(granted).filter(|granted| Some(granted) != used))
    }

    /// A token that holds, from the session or a new one.
    async fn grant(&self, session: &mut Session) -> Result<HeaderValue, RegistryError> {
        session.scopes.add(&self.needed_scopes());
        let scope = session.scopes.text();
        if let Some(granted) = session.granted.get(&scope).filter(|granted| granted.holds()) {
            return Ok(granted.authorization.clone());
        }
        let found = credentials::find(self.reference().host(), self.is_meant).await?;
        self.set_tried(found.as_ref().map(|found| found.source.clone()));
        let (text, life) = match (&session.challenge, found) {
            (Some(Challenge::Bearer { realm, service, .. }), found) => {
                let (token, life) = self.token(realm, service.as_deref(), &scope, found.as_ref()).await?;
                (format!("Bearer {token}"), Some(life))
            }
            (_, Some(Credentials { proof: Proof::Password { user, password }, .. })) => {
                (format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))), None)
            }
            _ => return Err(self.unauthorized(Action::Token, String::new())),
        };
        let unusable = |_| self.malformed("a token request", "its token is no text for a header");
        let mut authorization = HeaderValue::try_from(text).map_err(unusable)?;
        authorization.set_sensitive(true);
        let until = life.map(|life| Instant::now() + life);
        session.granted.insert(scope, Granted { authorization: authorization.clone(), until });
        Ok(authorization)
    }

    /// The rights that this client's own work needs, all in one string: a mount needs to read where it mounts from.
    fn needed_scopes(&self) -> String {
        let actions = if self.pushes { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{actions}", self.reference().repository());
        match &self.mount_from {
            Some(from) => format!("{own} repository:{from}:pull"),
            None => own,
        }
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        found: Option<&Credentials>,
    ) -> Result<(String, Duration), RegistryError> {
        const ACTION: &str = "a token request";
        let mut url = Url::parse(realm).map_err(|error| self.malformed(ACTION, &error.to_string()))?;
        // Credentials never travel in the clear, unless the registry itself was allowed to be spoken to like that.
        if url.scheme() != "https" && !self.may_be_plain(&url) {
            return Err(self.malformed(ACTION, "its realm is not HTTPS"));
        }
        let asked = Timestamp::now();
        let response = match found.map(|found| &found.proof) {
            Some(Proof::Identity(token)) => self.ask_by_identity(url, service, scope, token).await?,
            other => {
                let pairs = [("service", service), ("scope", Some(scope))];
                url.query_pairs_mut().extend_pairs(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))));
                self.ask_by_password(url, other).await?
            }
        };
        if response.status() != StatusCode::OK {
            return Err(self.failed(Action::Token, response).await);
        }
        let bytes = self.read_limited(response, MAX_ANSWER, "a token").await?;
        let answer: TokenAnswer =
            serde_json::from_slice(&bytes).map_err(|_| self.malformed(ACTION, "it is no JSON with a token"))?;
        let token = answer.token().ok_or_else(|| self.malformed(ACTION, "it has no token"))?;
        Ok((token.to_owned(), answer.life(asked)))
    }

    async fn ask_by_password(&self, url: Url, proof: Option<&Proof>) -> Result<Response, RegistryError> {
        // Only the realm itself gets the password: where it sends us to gets none.
        let realm = url.origin();
        self.send_unauthorized(Action::Token, &url, |http, url| match proof {
            Some(Proof::Password { user, password }) if url.origin() == realm => {
                http.get(url).basic_auth(user, Some(password))
            }
            _ => http.get(url),
        })
        .await
    }

    /// The OAuth2 form: an identity token is a refresh token.
    async fn ask_by_identity(
        &self,
        url: Url,
        service: Option<&str>,
        scope: &str,
        token: &str,
    ) -> Result<Response, RegistryError> {
        let mut form = url.clone();
        form.set_query(None);
        // A form is written as a query is.
        form.query_pairs_mut().extend_pairs([
            ("grant_type", "refresh_token"),
            ("service", service.unwrap_or_default()),
            ("client_id", "galley"),
            ("scope", scope),
            ("refresh_token", token),
        ]);
        let form = form.query().unwrap_or_default().to_owned();
        let realm = url.origin();
        self.send_unauthorized(Action::Token, &url, |http, url| {
            let own = url.origin() == realm;
            let request = http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            let request = request.header(ACCEPT, "application/json");
            if own { request.body(form.clone()) } else { request }
        })
        .await
    }
}

/// `request` with what the registry gave, if it gave something.
pub(super) fn authorized(request: reqwest::RequestBuilder, granted: Option<&HeaderValue>) -> reqwest::RequestBuilder {
    match granted {
        Some(granted) => request.header(AUTHORIZATION, granted.clone()),
        None => request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_as_long_as_its_registry_says() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        for (answer, seconds) in [
            (r#"{"token": "t"}"#, 54),
            (r#"{"token": "t", "expires_in": 300}"#, 270),
            (r#"{"token": "t", "expires_in": 300, "issued_at": "2026-11-26T11:59:00Z"}"#, 210),
            (r#"{"token": "t", "expires_in": 300, "issued_at": "2026-11-26T13:59:00Z"}"#, 270),
            (r#"{"token": "t", "expires_in": 300, "issued_at": "2020-01-01T00:00:00Z"}"#, 0),
            (r#"{"token": "t", "expires_in": 300, "issued_at": "yesterday"}"#, 270),
            (r#"{"token": "t", "expires_in": 18446744073709551615}"#, 77_760),
        ] {
            let answer: TokenAnswer = serde_json::from_str(answer).unwrap();
            assert_eq!(answer.life(now), Duration::from_secs(seconds));
        }
    }

    #[test]
    fn either_name_of_a_token_is_taken() {
        for (answer, token) in
            [(r#"{"access_token": "a"}"#, Some("a")), (r#"{"token": "t"}"#, Some("t")), (r#"{"token": ""}"#, None)]
        {
            let answer: TokenAnswer = serde_json::from_str(answer).unwrap();
            assert_eq!(answer.token(), token);
        }
    }
}
