//! What answers requests, as the connections see it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;

use super::body::AnswerBody;
use super::peer::Peer;

/// Answers the requests of all connections of a listener. Each thread has a clone of its own.
pub trait Handler: Clone + Send + 'static {
    /// Answers one request that came from `peer`.
    fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Answer;
}

/// An answer on its way.
pub enum Answer {
    /// From memory: it is there at once and costs no allocation. `None` once it has been given.
    Ready(Option<Response<AnswerBody>>),
    /// From a route.
    Routed(Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>>),
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
