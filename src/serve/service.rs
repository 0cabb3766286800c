//! The service behind each connection of the public listener.

use std::convert::Infallible;
use std::future::Ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::Service;

use super::answer::{answer, text};
use super::body::AnswerBody;
use super::deployment::Deployment;
use super::routes::Routes;

/// Answers content from the deployment, and `/_galley/` from routes.
#[derive(Clone)]
pub struct Public {
    deployment: Arc<Deployment>,
    routes: Option<Routes>,
}

impl Public {
    /// Serves `deployment`, and `routes` if there are any.
    pub fn new(deployment: Arc<Deployment>, routes: Option<Routes>) -> Self {
        Self { deployment, routes }
    }
}

impl Service<Request<Incoming>> for Public {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        if !Routes::own(request.uri().path()) {
            let snapshot = self.deployment.read();
            let response = answer(&snapshot, request.method(), request.uri(), request.headers());
            return Answer::Content(std::future::ready(Ok(response)));
        }
        match self.routes.clone() {
            Some(routes) => Answer::Routed(Box::pin(routed(routes, request.map(Body::new)))),
            None => Answer::Content(std::future::ready(Ok(text(StatusCode::NOT_FOUND, "not found\n")))),
        }
    }
}

async fn routed(routes: Routes, request: Request<Body>) -> Result<Response<AnswerBody>, Infallible> {
    Ok(routes.answer(request).await.map(AnswerBody::Routed))
}

/// An answer on its way: content is there at once and costs no allocation.
pub enum Answer {
    /// From memory.
    Content(Ready<Result<Response<AnswerBody>, Infallible>>),
    /// From a route.
    Routed(Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>),
}

impl Future for Answer {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Content(ready) => Pin::new(ready).poll(context),
            Self::Routed(future) => future.as_mut().poll(context),
        }
    }
}
