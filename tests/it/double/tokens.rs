//! Who may: tokens for accounts, for identity tokens, or for anybody.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use base64::Engine;

use super::{Store, bare};

/// Who gets in, and how long a token lasts.
#[derive(Clone, Default)]
pub(crate) struct Account {
    /// None is anybody.
    pub(crate) password: Option<(String, String)>,
    /// What is taken instead of a password.
    pub(crate) identity: Option<String>,
    /// User name and password with each request, without tokens.
    pub(crate) basic: bool,
    /// What a token's answer says of its life, in seconds.
    pub(crate) expires_in: Option<u32>,
    /// The account may read only.
    pub(crate) reads_only: bool,
    /// Who gets a 403.
    pub(crate) forbids: Forbids,
    /// Tokens are given out on another host than the one that is named.
    pub(crate) moved: bool,
    /// Whoever shows a password here has told it to the wrong registry.
    pub(crate) takes_no_password: bool,
}

/// Who is known, and may nothing.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) enum Forbids {
    #[default]
    Nobody,
    /// Whoever shows a token that has expired.
    Expired,
    /// Whoever shows a token.
    Everybody,
}

/// A token that was given out, and for which scope.
#[derive(Clone, Debug)]
pub(super) struct Token {
    text: String,
    scope: String,
}

impl Store {
    /// The answer to a request without the right that it needs.
    pub(super) fn challenge(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        let account = self.account.as_ref()?;
        let shown = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap()).unwrap_or_default();
        let writes = *method != Method::GET && *method != Method::HEAD;
        let repository = path.strip_prefix("/v2/")?.split(['?']).next()?;
        let repository = repository.split_once("/blobs/").or_else(|| repository.split_once("/manifests/"))?.0;
        let unauthorized = |field: String| {
            let response = Response::builder().status(StatusCode::UNAUTHORIZED).header(header::WWW_AUTHENTICATE, field);
            Some(response.body(Body::empty()).unwrap())
        };
        if account.basic {
            let allowed = account.password.as_ref().is_some_and(|(user, password)| shown == basic(user, password));
            return if allowed { None } else { unauthorized("Basic realm=\"test\"".to_owned()) };
        }
        let right = if writes { "pull,push" } else { "pull" };
        let known = self.tokens.iter().find(|token| shown == format!("Bearer {}", token.text));
        let forbids = match account.forbids {
            Forbids::Nobody => false,
            Forbids::Expired => known.is_none(),
            Forbids::Everybody => true,
        };
        if forbids && shown.starts_with("Bearer ") {
            return Some(bare(StatusCode::FORBIDDEN));
        }
        let needed = |token: &str| {
            let of_repository =
                token.split(' ').find_map(|scope| scope.strip_prefix(&format!("repository:{repository}:")));
            of_repository.is_some_and(|actions| !writes || actions.contains("push"))
        };
        if known.is_some_and(|token| needed(&token.scope)) {
            if writes && account.reads_only {
                let denied = r#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#;
                return Some(Response::builder().status(StatusCode::FORBIDDEN).body(Body::from(denied)).unwrap());
            }
            return None;
        }
        let (address, path) = (&self.address, if account.moved { "moved" } else { "token" });
        unauthorized(format!(
            "Bearer realm=\"http://{address}/{path}\",service=\"test\",scope=\"repository:{repository}:{right}\""
        ))
    }

    /// The endpoint of the token specification, and of its OAuth2 form.
    pub(super) fn token(&mut self, method: &Method, query: &str, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        let account = self.account.clone().unwrap_or_default();
        let fields = if *method == Method::POST { std::str::from_utf8(body).unwrap() } else { query };
        let field = |name: &str| {
            let pair = fields.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
            Some(percent_encoding::percent_decode_str(&pair.replace('+', " ")).decode_utf8().unwrap().into_owned())
        };
        assert_eq!(field("service").as_deref(), Some("test"));
        let allowed = match &account {
            Account { takes_no_password: true, .. } => !headers.contains_key(header::AUTHORIZATION),
            Account { identity: Some(identity), .. } if *method == Method::POST => {
                field("grant_type").as_deref() == Some("refresh_token")
                    && field("refresh_token").as_ref() == Some(identity)
            }
            Account { password: Some((user, password)), .. } => {
                headers.get(header::AUTHORIZATION).is_some_and(|value| value == basic(user, password).as_str())
            }
            Account { identity, .. } => identity.is_none(),
        };
        if !allowed {
            return bare(StatusCode::UNAUTHORIZED);
        }
        let scope = field("scope").unwrap_or_default();
        self.tokens_given += 1;
        let text = format!("token-{}", self.tokens_given);
        self.scopes_asked.push(scope.clone());
        self.tokens.push(Token { text: text.clone(), scope });
        let life = account.expires_in.map(|seconds| format!(",\"expires_in\":{seconds}")).unwrap_or_default();
        Response::new(Body::from(format!("{{\"access_token\":\"{text}\"{life}}}")))
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}
