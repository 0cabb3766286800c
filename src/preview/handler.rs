//! Answers the requests of browsers that look at the preview.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use xxhash_rust::xxh3::xxh3_64;

use super::events;
use super::inject::{allow, inject};
use super::stage::{Stage, State};
use super::version::seen;
use crate::serve::Answer;
use crate::serve::AnswerBody;
use crate::serve::Handler as Handles;
use crate::serve::Peer;
use crate::serve::content;

/// Where the preview's own things are.
const OWN: &str = "/_galley/";
const SCRIPT: &str = "/_galley/preview/script.js";
const EVENTS: &str = "/_galley/preview/events";

/// The page that stands where there is no good site yet; its script shows what is wrong.
const NO_SITE: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n<title>galley preview</title>\n</head>\n<body>\n\
    <p>The site can't be shown yet. What is wrong stands on the terminal; this page reloads when it is mended.</p>\n\
    </body>\n</html>\n";

/// Answers from the stage.
#[derive(Clone, Debug)]
pub struct Handler {
    stage: Stage,
}

impl Handler {
    /// Answers from `stage`.
    pub fn new(stage: Stage) -> Self {
        Self { stage }
    }

    fn page(&self, mut request: Request<()>) -> Response<AnswerBody> {
        let state = self.stage.state();
        let is_page = names_a_page(request.uri().path());
        if is_page {
            // The page that is sent is never the one that such a tag names.
            for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::RANGE, header::IF_RANGE] {
                request.headers_mut().remove(name);
            }
        }
        request.headers_mut().remove(header::ACCEPT_ENCODING);
        let Some(shown) = &state.shown else { return self.no_site(&state, &request) };
        let is_head = request.method() == Method::HEAD;
        if is_head {
            *request.method_mut() = Method::GET;
        }
        let path = decoded(request.uri().path());
        let response = content(&shown.snapshot, &request);
        let mut response = match is_html(response.headers()) {
            true => self.with_script(&state, &path, response),
            false => asset(response),
        };
        if is_head {
            *response.body_mut() = AnswerBody::Full(None);
        }
        response
    }

    fn no_site<B>(&self, state: &State, request: &Request<B>) -> Response<AnswerBody> {
        let mut page = Response::new(AnswerBody::Full(Some(Bytes::from_static(NO_SITE.as_bytes()))));
        *page.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        page.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        self.with_script(state, &decoded(request.uri().path()), page)
    }

    fn with_script(&self, state: &State, path: &str, response: Response<AnswerBody>) -> Response<AnswerBody> {
        let (mut head, body) = response.into_parts();
        let AnswerBody::Full(Some(html)) = body else { return Response::from_parts(head, body) };
        let version = state.shown.as_ref().map(|shown| seen(&shown.snapshot, shown.kinds, path).version);
        // A page can't take on another policy in place.
        let policy = head.headers.get(header::CONTENT_SECURITY_POLICY).map_or(0, |policy| xxh3_64(policy.as_bytes()));
        let tag = format!(
            "<script src=\"{SCRIPT}\" data-path=\"{}\" data-version=\"{}\" data-run=\"{:x}\" data-policy=\"{policy:x}\" \
             defer></script>\n",
            utf8_percent_encode(path, NON_ALPHANUMERIC),
            version.unwrap_or_default(),
            self.stage.run(),
        );
        let page = inject(&html, &tag);
        for name in [header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES] {
            head.headers.remove(name);
        }
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(page.len()));
        head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(policy) = head.headers.get(header::CONTENT_SECURITY_POLICY).and_then(allow) {
            head.headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        Response::from_parts(head, AnswerBody::Full(Some(page)))
    }
}

impl Handles for Handler {
    fn answer(&self, request: Request<Incoming>, _peer: &Peer) -> Answer {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        if !request.uri().host().or(host).is_none_or(is_local_name) {
            let message = "this preview is not called by that name; use its address\n";
            return text(StatusCode::FORBIDDEN, message).into();
        }
        match request.uri().path() {
            SCRIPT => script().into(),
            EVENTS => {
                Answer::Routed(Box::pin(events::answer(self.stage.clone(), request.uri().query().map(str::to_owned))))
            }
            own if own.starts_with(OWN) => text(StatusCode::NOT_FOUND, "not found\n").into(),
            _ => self.page(request.map(drop)).into(),
        }
    }
}

/// Whether only this machine or its neighbours can be called so. A page of another site that has let its own name lead here
/// must not read drafts (DNS rebinding); it can't do so with an address, nor with a name that no public zone has.
fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        // More than one colon is an address without brackets.
        None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or_default(),
        None => host,
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_of_no_zone =
        [".localhost", ".local", ".lan", ".home.arpa", ".internal"].iter().any(|end| name.ends_with(end));
    name.parse::<IpAddr>().is_ok() || !name.contains('.') || is_of_no_zone
}

/// Pages are at folders and at files of their kind.
fn names_a_page(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.is_empty() || !name.contains('.') || name.ends_with(".html") || name.ends_with(".htm")
}

fn is_html(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// What is no page is asked for again each time, too: in an hour it will be another one.
fn asset(mut response: Response<AnswerBody>) -> Response<AnswerBody> {
    if response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

fn script() -> Response<AnswerBody> {
    let mut response = text(StatusCode::OK, include_str!("script.js"));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    response
}

pub(super) fn text(status: StatusCode, text: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Full(Some(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_can_have_are_answered() {
        for host in
            ["127.0.0.1:8080", "[::1]:8080", "localhost:3000", "desk", "desk.local:80", "192.168.1.20", "::1", ""]
        {
            assert!(is_local_name(host), "{host}");
        }
        for host in ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example."] {
            assert!(!is_local_name(host), "{host}");
        }
    }
}
