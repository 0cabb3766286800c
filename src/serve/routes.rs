//! The router for what is not content: paths under `/_galley/`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::alternative::Previews;

/// The longest body of a request: no webhook known is longer.
const MAX_BODY: usize = 1024 * 1024;
/// A route answers at once and works later; what takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The first part of the paths that routes own.
const PREFIX: &str = "/_galley/";

/// Routes under `/_galley/`, with limits on body and time, and panics kept to one answer.
#[derive(Clone)]
pub struct Routes {
    router: Router,
    /// Content for those who came in by one of the routes.
    previews: Option<Arc<dyn Previews>>,
}

impl Routes {
    /// Puts the limits around `router`, whose paths begin with `/_galley/`.
    pub fn new(router: Router) -> Self {
        Self::patient(router, TIMEOUT)
    }

    /// The same for routes whose answers may take as long as `patience`.
    pub fn patient(router: Router, patience: Duration) -> Self {
        let router = router
            .layer(RequestBodyLimitLayer::new(MAX_BODY))
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, patience))
            .layer(CatchPanicLayer::new());
        Self { router, previews: None }
    }

    /// With content for whoever carries a preview's cookie.
    #[must_use]
    pub fn with_previews(self, previews: Arc<dyn Previews>) -> Self {
        Self { previews: Some(previews), ..self }
    }

    /// These and `other`, which has other paths.
    #[must_use]
    pub fn and(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        Self { router: self.router.merge(other.router), previews: self.previews.or(other.previews) }
    }

    /// Those who know previews by their cookies.
    pub(super) fn previews(&self) -> Option<&dyn Previews> {
        self.previews.as_deref()
    }

    /// Whether `path` is for routes and not for content.
    pub(super) fn own(path: &str) -> bool {
        path.starts_with(PREFIX)
    }

    /// The answer to one request.
    pub(super) async fn answer(self, request: Request<Body>) -> Response<Body> {
        // A router's error type has no value, so there is nothing to handle.
        self.router.oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}
