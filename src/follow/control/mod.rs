//! What people and programs ask an instance, and tell it: on the control listener, apart from the blog.
//!
//! Reading is free to whoever reaches the listener, which is this machine alone unless somebody opened it. What changes
//! something needs the token: as a bearer for programs, and by a session with a cookie for the page.

mod api;
mod page;
mod session;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};

use self::session::Sessions;
use super::follower::FollowerHandle;
use super::releases::Releases;
use super::secret::Secrets;
use crate::serve::Routes;

/// A deploy pulls an image, perhaps over a slow line: whoever asked for it waits so long.
const PATIENCE: Duration = Duration::from_secs(300);

/// An instance that follows.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Its releases.
    pub releases: Arc<Releases>,
    /// Its follower.
    pub follower: FollowerHandle,
}

/// What the control listener knows of an instance, once it has begun to follow.
#[derive(Clone, Debug, Default)]
pub struct ControlCell(Arc<OnceLock<Followed>>);

impl ControlCell {
    /// From now on there is something to tell. An instance begins once; what comes later is left out.
    pub fn begin(&self, followed: Followed) {
        self.0.get_or_init(|| followed);
    }
}

/// What all routes share.
struct Shared {
    followed: ControlCell,
    /// Without a token nothing can be changed.
    tokens: Option<Secrets>,
    sessions: Sessions,
}

impl Shared {
    fn followed(&self) -> Option<&Followed> {
        self.followed.0.get()
    }
}

/// The routes of the control listener beside its probes.
pub fn control_routes(followed: ControlCell, tokens: Option<Secrets>) -> Routes {
    let shared = Arc::new(Shared { followed, tokens, sessions: Sessions::default() });
    let router = Router::new()
        .route("/api/status", get(api::status))
        .route("/api/releases", get(api::releases))
        .route("/api/rollback", post(api::rollback))
        .route("/api/pin", post(api::pin))
        .route("/api/unpin", post(api::unpin))
        .route("/api/deploy", post(api::deploy))
        .route("/", get(page::show))
        .route("/style.css", get(page::style))
        .route("/login", post(page::login))
        .route("/logout", post(page::logout))
        .route("/do", post(page::act))
        .with_state(shared);
    Routes::patient(router, PATIENCE)
}
