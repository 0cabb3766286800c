//! The webhook's routes on the public listener.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;

use super::counts::Counts;
use super::doorbell::Doorbell;
use super::hook::{Meaning, meaning};
use super::secret::Secrets;
use crate::registry::Reference;
use crate::serve::Routes;

struct Receiver {
    secrets: Secrets,
    bell: Arc<Doorbell>,
    reference: Reference,
    counts: Counts,
}

/// What answers on `/_galley/hook/<secret>` and `/_galley/hook?token=<secret>`.
pub fn routes(secrets: Secrets, bell: Arc<Doorbell>, reference: Reference, counts: Counts) -> Routes {
    let receiver = Arc::new(Receiver { secrets, bell, reference, counts });
    let router = Router::new()
        .route("/_galley/hook/{secret}", post(by_path))
        .route("/_galley/hook", post(by_query))
        .with_state(receiver);
    Routes::new(router)
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
}

async fn by_path(
    State(receiver): State<Arc<Receiver>>,
    Path(secret): Path<String>,
    body: Bytes,
) -> (StatusCode, String) {
    receiver.receive(&secret, &body)
}

async fn by_query(
    State(receiver): State<Arc<Receiver>>,
    Query(Token { token }): Query<Token>,
    body: Bytes,
) -> (StatusCode, String) {
    receiver.receive(&token, &body)
}

impl Receiver {
    /// Answers at once; the work comes later. What is authenticated but means something else gets 202 as well: a sender
    /// that is refused tries for ever, or switches itself off.
    fn receive(&self, secret: &str, body: &[u8]) -> (StatusCode, String) {
        if !self.secrets.contain(secret) {
            self.counts.hooks_refused.inc();
            tracing::warn!("a hook with a wrong secret was refused");
            return (StatusCode::UNAUTHORIZED, "the secret is wrong; see --hook-secret-file\n".to_owned());
        }
        match meaning(body, &self.reference) {
            Meaning::Look(announced) => {
                self.counts.hooks_accepted.inc();
                self.bell.ring(announced);
                (StatusCode::ACCEPTED, "looking\n".to_owned())
            }
            Meaning::Irrelevant(why) => {
                self.counts.hooks_passed_over.inc();
                tracing::debug!("a hook was passed over: {why}");
                (StatusCode::ACCEPTED, format!("nothing to do: {why}\n"))
            }
        }
    }
}
