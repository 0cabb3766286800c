//! The paths by which one enters and leaves a preview.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::get;

use super::{Channels, is_name};
use crate::serve::{PREVIEW_COOKIE, Previews, Routes};

/// A preview is pulled, perhaps over a slow line: whoever asked for it waits so long.
const PATIENCE: Duration = Duration::from_secs(120);
/// Of the cookie: not for scripts, and sent when a link of another site leads here.
const ATTRIBUTES: &str = "Path=/; HttpOnly; SameSite=Lax";

/// What answers on `/_galley/preview/<name>/<secret>/` and `/_galley/preview/leave`; whoever has come in is answered from the
/// preview.
pub fn channel_routes(channels: Channels) -> Routes {
    let previews: Arc<dyn Previews> = Arc::new(channels.clone());
    let router = Router::new()
        .route("/_galley/preview/leave", get(leave))
        .route("/_galley/preview/{name}/{secret}", get(enter))
        .route("/_galley/preview/{name}/{secret}/", get(enter))
        .with_state(channels);
    Routes::patient(router, PATIENCE).with_previews(previews)
}

type Answer = (StatusCode, HeaderMap, String);

/// Looks at the tag at once, so that to visit the path again is to see what has just been pushed.
async fn enter(State(channels): State<Channels>, Path((name, secret)): Path<(String, String)>) -> Answer {
    if !channels.0.keys.know(&secret) {
        tracing::warn!("a preview with a wrong secret was refused");
        return answer(StatusCode::NOT_FOUND, "not found\n".to_owned());
    }
    let Some(cookie) = channels.0.keys.cookie(&name).filter(|_| is_name(&name)) else {
        let message = "the name of a preview has letters, digits, . _ and -, at most 100\n";
        return answer(StatusCode::NOT_FOUND, message.to_owned());
    };
    match channels.get(&name, Duration::ZERO).await.content {
        Ok(_) => go_home(&format!("{PREVIEW_COOKIE}={cookie}; {ATTRIBUTES}")),
        Err(message) => answer(StatusCode::NOT_FOUND, message + "\n"),
    }
}

async fn leave() -> Answer {
    go_home(&format!("{PREVIEW_COOKIE}=; Max-Age=0; {ATTRIBUTES}"))
}

fn answer(status: StatusCode, message: String) -> Answer {
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
        // The path is a secret: no page that is linked from here is to learn it.
        (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
    ];
    (status, HeaderMap::from_iter(headers), message)
}

/// Leads to the first page, with the cookie changed.
fn go_home(cookie: &str) -> Answer {
    let (status, mut headers, message) = answer(StatusCode::SEE_OTHER, String::new());
    headers.insert(LOCATION, HeaderValue::from_static("/"));
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        headers.insert(SET_COOKIE, cookie);
    }
    (status, headers, message)
}
