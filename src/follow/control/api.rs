//! `/api/…`: JSON for programs, of which `galley status` and its kin are the first.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use super::{Followed, Shared};
use crate::follow::deliveries::Delivery;
use crate::follow::release::FetchError;
use crate::follow::releases::{ChangeError, Outcome, Releases};
use crate::follow::state::Record;
use crate::follow::trouble::TroubleView;
use crate::follow::view::View;
use crate::snapshot::Digest;

/// So many steps of the journal are told of.
pub(super) const STEPS: usize = 20;

/// The answer to `/api/status`. It is public: fields are added, never changed.
#[derive(Serialize)]
struct Status {
    version: &'static str,
    reference: String,
    #[serde(flatten)]
    view: View,
    trouble: Option<TroubleView>,
    /// The last webhooks, the latest first.
    hooks: Vec<Delivery>,
    /// The last steps, the latest first.
    steps: Vec<Map<String, Value>>,
}

/// What may be said in the body of a request.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// The release that is meant, or the beginning of its digest.
    digest: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// Why a request is refused: its status and what to do.
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        answer(self.0, &json!({"error": self.1}))
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        let status = match error {
            ChangeError::Unknown(_) => StatusCode::NOT_FOUND,
            ChangeError::NoPrevious | ChangeError::Ambiguous(_) | ChangeError::NoCurrent | ChangeError::Harmful(..) => {
                StatusCode::CONFLICT
            }
            ChangeError::Fetch(_) | ChangeError::NotWritten(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => {
            let fields = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            (status, fields, text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl Shared {
    /// The instance; until it follows, whoever asks is to ask again.
    pub(super) fn ready(&self) -> Result<&Followed, Refusal> {
        let wait = || Refusal(StatusCode::SERVICE_UNAVAILABLE, "nothing is followed yet; ask again".to_owned());
        self.followed().ok_or_else(wait)
    }

    /// Whether the request may change something.
    fn permit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(tokens) = &self.tokens else {
            let remedy = "nothing can be changed without a token: start the instance with --control-token-file";
            return Err(Refusal(StatusCode::FORBIDDEN, remedy.to_owned()));
        };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match token {
            Some((_, token)) if tokens.contain(token.trim()) => Ok(()),
            _ => Err(Refusal(
                StatusCode::UNAUTHORIZED,
                "the token is wrong or missing; name it by --token-file".to_owned(),
            )),
        }
    }
}

pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let followed = shared.ready()?;
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        reference: followed.follower.reference.to_string(),
        view: followed.releases.view(),
        trouble: followed.follower.trouble.view(),
        hooks: followed.follower.bell.deliveries().recent(),
        steps: followed.releases.steps(STEPS),
    };
    Ok(answer(StatusCode::OK, &status))
}

pub(super) async fn releases(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    Ok(answer(StatusCode::OK, &json!({"releases": shared.ready()?.releases.list()})))
}

fn wish(body: &[u8]) -> Result<Wish, Refusal> {
    if body.is_empty() {
        return Ok(Wish::default());
    }
    let malformed = |error: serde_json::Error| Refusal(StatusCode::BAD_REQUEST, format!("the body: {error}"));
    serde_json::from_slice(body).map_err(malformed)
}

pub(super) async fn rollback(state: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    serve(state, headers, body, Releases::rollback).await
}

pub(super) async fn pin(state: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    serve(state, headers, body, Releases::pin).await
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
    how: fn(&Releases, Option<Digest>) -> Result<Record, ChangeError>,
) -> Result<Response, Refusal> {
    shared.permit(&headers)?;
    let wish = wish(&body)?;
    let record = change(shared.ready()?, wish.digest, how).await?;
    Ok(answer(StatusCode::OK, &json!({"serving": record})))
}

pub(super) async fn unpin(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Refusal> {
    shared.permit(&headers)?;
    let outcome = unpin_now(shared.ready()?).await?;
    Ok(answer(StatusCode::OK, &outcome))
}

pub(super) async fn deploy(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    shared.permit(&headers)?;
    let wish = wish(&body)?;
    let follower = &shared.ready()?.follower;
    let failed = |message| Refusal(StatusCode::BAD_GATEWAY, message);
    match wish.dry_run {
        true => Ok(answer(StatusCode::OK, &follower.assess().await.map_err(failed)?)),
        false => Ok(answer(StatusCode::OK, &follower.look().await.map_err(failed)?)),
    }
}

/// Follows again. What works on releases may have to read and to write.
pub(super) async fn unpin_now(followed: &Followed) -> Result<Outcome, Refusal> {
    let releases = Arc::clone(&followed.releases);
    match spawn_blocking(move || releases.unpin()).await.map_err(|error| broken(&error))? {
        // What was kept is damaged; the follower pulls it again.
        Err(ChangeError::Fetch(FetchError::Lost(_))) => {
            followed.follower.look().await.map_err(|message| Refusal(StatusCode::BAD_GATEWAY, message))
        }
        outcome => {
            // The follower watches what is served now, and looks whether that is still the latest.
            followed.follower.bell.ring(None, None);
            Ok(outcome?)
        }
    }
}

/// Does `change` with the release that is named.
pub(super) async fn change(
    followed: &Followed,
    digest: Option<String>,
    change: fn(&Releases, Option<Digest>) -> Result<Record, ChangeError>,
) -> Result<Record, Refusal> {
    let releases = Arc::clone(&followed.releases);
    let changed = spawn_blocking(move || {
        let digest = digest.filter(|text| !text.is_empty()).map(|text| releases.find(&text)).transpose()?;
        change(&releases, digest)
    });
    Ok(changed.await.map_err(|error| broken(&error))??)
}

fn broken(error: &tokio::task::JoinError) -> Refusal {
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, format!("galley itself broke; please report it: {error}"))
}
