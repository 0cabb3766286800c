//! What open pages hear: an event stream (HTML standard, section 9.2) for each.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body::Frame;
use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio::sync::mpsc;

use super::handler::text;
use super::problem::Problem;
use super::stage::{Stage, State};
use super::version::{Step, Version, seen};
use crate::serve::AnswerBody;

/// Keeps the connection from being taken for a silent one, and finds out that nobody reads any more.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that may wait for a slow reader.
const WAITING: usize = 4;

/// A page that is open in a browser.
struct Page {
    path: String,
    version: Version,
    problems: Arc<[Problem]>,
}

/// The answer to a page that says which one it is.
pub(super) async fn answer(stage: Stage, query: Option<String>) -> Response<AnswerBody> {
    let value = |name: &str| {
        let pairs = query.as_deref().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.into_iter().find(|(key, _)| *key == name)?.1;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    let version = value("version").and_then(|version| version.parse().ok());
    let (Some(path), Some(version)) = (value("path"), version) else {
        return text(StatusCode::BAD_REQUEST, "an event stream needs a path and a version\n");
    };
    let is_of_this_run = value("run") == Some(format!("{:x}", stage.run()));
    let (sender, events) = mpsc::channel(WAITING);
    let page = Page { path, version, problems: Arc::default() };
    tokio::spawn(tell(stage, page, is_of_this_run, sender));
    let mut response = Response::new(AnswerBody::Routed(Body::new(Stream(events))));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Tells the page what becomes of it, until it is gone or the preview ends.
async fn tell(stage: Stage, mut page: Page, is_of_this_run: bool, sender: mpsc::Sender<Bytes>) {
    let mut states = stage.listen();
    // A comment at once, so that the browser knows the stream to be open.
    let mut events = vec![Bytes::from_static(b":\n\n")];
    if !is_of_this_run {
        events.push(event("reload", &json!({})));
    }
    loop {
        {
            let state = Arc::clone(&states.borrow_and_update());
            if state.ends {
                return;
            }
            page.look(&state, &mut events);
        }
        for event in events.drain(..) {
            if sender.send(event).await.is_err() {
                return;
            }
        }
        tokio::select! {
            changed = states.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(HEARTBEAT) => events.push(Bytes::from_static(b":\n\n")),
            () = sender.closed() => return,
        }
    }
}

impl Page {
    /// What it must hear to become what `state` shows.
    fn look(&mut self, state: &State, events: &mut Vec<Bytes>) {
        if self.problems != state.problems {
            self.problems = Arc::clone(&state.problems);
            events.push(event("problems", &json!(*self.problems)));
        }
        let Some(shown) = &state.shown else { return };
        let now = seen(&shown.snapshot, shown.kinds, &self.path);
        match self.version.step_to(now.version) {
            Step::Nothing => return,
            Step::Styles => {
                let told = json!({ "version": now.version.to_string(), "sheets": now.sheets });
                events.push(event("styles", &told));
            }
            Step::Html => events.push(event("html", &json!({}))),
            Step::Reload => events.push(event("reload", &json!({}))),
        }
        self.version = now.version;
    }
}

/// JSON has no line break of its own, so each event is one line of data.
fn event(name: &str, data: &serde_json::Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// The events as a body.
struct Stream(mpsc::Receiver<Bytes>);

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
