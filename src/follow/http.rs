//! The webhook's routes on the public listener.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::json;

use super::authentication::Shown;
use super::counts::Counts;
use super::deliveries::{Entry, JobId};
use super::doorbell::Doorbell;
use super::failures::{Failure, Failures, WINDOW};
use super::hook::{Meaning, Reading, meaning, read};
use super::secret::Secrets;
use crate::registry::Reference;
use crate::serve::{Peer, Routes};
use crate::snapshot::Digest;

struct Receiver {
    secrets: Secrets,
    bell: Arc<Doorbell>,
    reference: Reference,
    counts: Counts,
    failures: Failures,
}

/// What answers on `/_galley/hook/<secret>`, `/_galley/hook?token=<secret>`, and on `/_galley/hook` to those who show a
/// secret in a header, or sign with it.
pub fn routes(secrets: Secrets, bell: Arc<Doorbell>, reference: Reference, counts: Counts) -> Routes {
    let failures = Failures::new(Instant::now());
    let receiver = Arc::new(Receiver { secrets, bell, reference, counts, failures });
    let router = Router::new()
        .route("/_galley/hook/{secret}", post(by_path))
        .route("/_galley/hook", post(by_query))
        .with_state(receiver);
    Routes::new(router)
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
}

async fn by_path(
    State(receiver): State<Arc<Receiver>>,
    Path(secret): Path<String>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    receiver.receive(&peer, &Shown { in_url: Some(&secret), headers: &headers, body: &body })
}

async fn by_query(
    State(receiver): State<Arc<Receiver>>,
    Query(Token { token }): Query<Token>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    receiver.receive(&peer, &Shown { in_url: token.as_deref(), headers: &headers, body: &body })
}

impl Receiver {
    /// Answers at once; the work comes later. What is authenticated but means something else gets 202 as well: a sender
    /// that is refused tries for ever, or switches itself off.
    fn receive(&self, peer: &Peer, shown: &Shown<'_>) -> Response {
        if !shown.any_of(&self.secrets, SystemTime::now()) {
            return self.refuse(peer, shown.headers);
        }
        let reading = read(shown.headers, shown.body);
        let meant = meaning(&reading.content, &self.reference);
        let job = match self.bell.deliveries().heard(&reading, meant, key(&reading, shown.body)) {
            Entry::New(job) => job,
            Entry::Repeated(job) => {
                self.counts.hooks_repeated.inc();
                tracing::debug!("a hook of {} came again; it is job {job}", reading.sender);
                return accepted(job, "received before");
            }
        };
        match meant {
            Meaning::Look(announced) => {
                self.counts.hooks_accepted.inc();
                tracing::debug!("a hook of {}, job {job}: looking", reading.sender);
                self.bell.ring(Some(job), announced);
                accepted(job, "looking")
            }
            Meaning::Irrelevant(why) => {
                self.counts.hooks_passed_over.inc();
                tracing::debug!("a hook of {}, job {job}, was passed over: {why}", reading.sender);
                accepted(job, &format!("nothing to do: {why}"))
            }
        }
    }

    fn refuse(&self, peer: &Peer, headers: &HeaderMap) -> Response {
        self.counts.hooks_refused.inc();
        match self.failures.count(peer.source(headers), Instant::now()) {
            Failure::Counted => {
                self.bell.deliveries().refused(StatusCode::UNAUTHORIZED.as_u16());
                tracing::warn!("a hook with a wrong secret was refused");
                let said = "the secret is wrong or missing; see --hook-secret-file\n";
                return (StatusCode::UNAUTHORIZED, said).into_response();
            }
            Failure::FirstTooMany => {
                tracing::warn!(
                    "many hooks with a wrong secret come from one address; they are refused without a line each"
                );
            }
            Failure::TooMany => {}
        }
        let wait = [(RETRY_AFTER, WINDOW.as_secs().to_string())];
        (StatusCode::TOO_MANY_REQUESTS, wait, "too many hooks with a wrong secret\n").into_response()
    }
}

/// Senders show the answer to whoever looks at their list of deliveries.
fn accepted(job: JobId, said: &str) -> Response {
    let answer = json!({ "job": job.to_string(), "said": said });
    (StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json")], format!("{answer}\n")).into_response()
}

/// What a delivery has in common with itself when it comes again: its name, and all that it says. Headers are signed by
/// nobody, so that the name alone would let a replay hide another delivery.
fn key(reading: &Reading, body: &[u8]) -> Option<Digest> {
    let id = reading.id.as_deref()?;
    Some(Digest::of(&[id.as_bytes(), b"\0", &Digest::of(body).bytes()].concat()))
}
