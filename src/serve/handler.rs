//! What answers requests, as the connections see it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::EXPECT;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};

use super::body::AnswerBody;
use super::deployment::Deployment;
use super::peer::Peer;
use super::routes::Routes;

/// A body that nobody asked for is read up to this length, for this long.
const MAX_UNWANTED: usize = 1024 * 1024;
const UNWANTED_TIME: Duration = Duration::from_secs(5);

/// Answers the requests of all connections of a listener. Each thread has a clone of its own; a panic in it costs one
/// connection.
pub trait Handler: Clone + Send + 'static {
    /// Answers one request that came from `peer`.
    fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Answer;

    /// The deployment, if the answer to a GET or HEAD outside of `/_galley/` is [`content`](super::content) of its snapshot.
    fn deployment(&self) -> Option<&Deployment> {
        None
    }
}

/// An answer on its way.
pub enum Answer {
    /// From memory: it is there at once and costs no allocation. `None` once it has been given.
    Ready(Option<Response<AnswerBody>>),
    /// From a route. It is cut when nothing of it goes out for as long as a connection may be idle.
    Routed(Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>>),
}

impl Answer {
    /// What `routes` answer.
    pub(super) fn routed(routes: Routes, request: Request<Incoming>) -> Self {
        let answer = async move { routes.answer(request.map(axum::body::Body::new)).await.map(AnswerBody::Routed) };
        Self::Routed(Box::pin(answer))
    }

    /// `response`, once the request's body is read and thrown away: a client that still sends may not look at an answer, and
    /// in HTTP/2 an answer that comes before the body's end is a reset. What is too long, or comes too slowly, is not waited
    /// for.
    pub fn after(request: Request<Incoming>, response: Response<AnswerBody>) -> Self {
        if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
            return response.into();
        }
        let body = Limited::new(request.into_body(), MAX_UNWANTED);
        Self::Routed(Box::pin(async move {
            // All three ends come to the same: it is there, it was cut off, or nobody waits any longer.
            let _ = tokio::time::timeout(UNWANTED_TIME, discard(body)).await;
            response
        }))
    }
}

async fn discard(mut body: Limited<Incoming>) {
    while let Some(Ok(_)) = body.frame().await {}
}

impl From<Response<AnswerBody>> for Answer {
    fn from(response: Response<AnswerBody>) -> Self {
        Self::Ready(Some(response))
    }
}

impl Future for Answer {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            // A future that is done is not polled again; if it were, it would wait for ever.
            Self::Ready(response) => response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
            Self::Routed(future) => future.as_mut().poll(context).map(Ok),
        }
    }
}
