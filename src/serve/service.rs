//! The public listener's handler.

use std::sync::Arc;

use http::{Request, StatusCode};
use hyper::body::Incoming;

use super::alternative;
use super::answer::{content, text};
use super::deployment::Deployment;
use super::handler::{Answer, Handler};
use super::peer::Peer;
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

impl Handler for Public {
    fn answer(&self, mut request: Request<Incoming>, peer: &Peer) -> Answer {
        if !Routes::own(request.uri().path()) {
            let previews = self.routes.as_ref().and_then(Routes::previews);
            let previewed = previews.and_then(|previews| alternative::previewed(previews, request.headers()));
            if let Some(previewed) = previewed {
                return alternative::answer(previewed, request);
            }
            let response = content(&self.deployment.read(), &request);
            return Answer::after(request, response);
        }
        match self.routes.clone() {
            Some(routes) => {
                // Routes want to know whose request it is.
                request.extensions_mut().insert(peer.clone());
                Answer::routed(routes, request)
            }
            None => text(StatusCode::NOT_FOUND, "not found\n").into(),
        }
    }

    fn deployment(&self) -> Option<&Deployment> {
        Some(&self.deployment)
    }
}
