//! From a request and a snapshot to an answer: first what it is, then its bytes.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use super::body::AnswerBody;
use super::conditions::is_not_modified;
use super::negotiation::choose;
use crate::snapshot::{Lookup, Representation, Resource, Snapshot};

/// What a request comes to.
enum Outcome<'a> {
    /// The representation in full.
    Found(&'a Representation),
    /// The client has it.
    NotModified(&'a Representation),
    /// To another path, relative to this one.
    Moved(String),
    /// Nothing is there.
    NotFound,
    /// No representation is acceptable.
    NotAcceptable,
    /// Only GET and HEAD mean something here.
    MethodNotAllowed,
}

/// Answers `request` from `snapshot`. The request's body is not looked at.
pub fn content<B>(snapshot: &Snapshot, request: &Request<B>) -> Response<AnswerBody> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let outcome = decide(snapshot, method, uri, headers);
    let response = respond(&outcome, snapshot, headers);
    if *method == Method::HEAD { without_body(response) } else { response }
}

fn decide<'a>(snapshot: &'a Snapshot, method: &Method, uri: &Uri, headers: &HeaderMap) -> Outcome<'a> {
    if *method != Method::GET && *method != Method::HEAD {
        return Outcome::MethodNotAllowed;
    }
    let Some(path) = decode(uri.path()) else { return Outcome::NotFound };
    match snapshot.lookup(&path) {
        Lookup::Found(resource) => choose_from(resource, headers),
        Lookup::MissesSlash => Outcome::Moved(relative(uri, |last| format!("./{last}/"))),
        Lookup::NamesIndex => Outcome::Moved(relative(uri, |_| "./".to_owned())),
        Lookup::Missing => Outcome::NotFound,
    }
}

fn choose_from<'a>(resource: &'a Resource, headers: &HeaderMap) -> Outcome<'a> {
    match choose(&resource.representations, headers) {
        None => Outcome::NotAcceptable,
        Some(chosen) if is_not_modified(headers, chosen, resource.modified) => Outcome::NotModified(chosen),
        Some(chosen) => Outcome::Found(chosen),
    }
}

/// The path's text. A slash or NUL that comes encoded is no part of any path of ours, and neither is what is not UTF-8;
/// `..` needs no care, because paths are only ever looked up in a table.
fn decode(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let lower = path.to_ascii_lowercase();
    if lower.contains("%2f") || lower.contains("%00") {
        return None;
    }
    percent_decode_str(path).decode_utf8().ok()
}

/// A location relative to the request's last path part, with the query kept (RFC 9110 section 10.2.2). Built from the
/// path as it came, still encoded, so nothing in it can end the header's line.
fn relative(uri: &Uri, target: impl Fn(&str) -> String) -> String {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", target(last))
}

fn respond(outcome: &Outcome<'_>, snapshot: &Snapshot, headers: &HeaderMap) -> Response<AnswerBody> {
    match outcome {
        Outcome::Found(found) => whole(StatusCode::OK, found.headers.clone(), found.bytes.clone()),
        Outcome::NotModified(found) => bare(StatusCode::NOT_MODIFIED, found.not_modified_headers()),
        Outcome::Moved(location) => match HeaderValue::try_from(location) {
            // 301 and not 308: only GET and HEAD come here, and every client knows it.
            Ok(location) => bare(StatusCode::MOVED_PERMANENTLY, one(header::LOCATION, location)),
            Err(_) => not_found(snapshot, headers),
        },
        Outcome::NotFound => not_found(snapshot, headers),
        Outcome::NotAcceptable => text(StatusCode::NOT_ACCEPTABLE, "none of the acceptable codings is there\n"),
        Outcome::MethodNotAllowed => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
    }
}

/// The release's own 404 page. It has no validator: it answers for paths that it is not the resource of.
fn not_found(snapshot: &Snapshot, headers: &HeaderMap) -> Response<AnswerBody> {
    let page = snapshot.not_found().and_then(|page| choose(&page.representations, headers));
    let Some(page) = page else { return text(StatusCode::NOT_FOUND, "not found\n") };
    let mut fields = page.headers.clone();
    fields.remove(header::ETAG);
    fields.remove(header::LAST_MODIFIED);
    whole(StatusCode::NOT_FOUND, fields, page.bytes.clone())
}

fn whole(status: StatusCode, headers: HeaderMap, bytes: Bytes) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Full(Some(bytes)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn bare(status: StatusCode, headers: HeaderMap) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn one(name: header::HeaderName, value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(name, value)])
}

/// A short answer of galley's own; an error is never kept by caches.
pub(super) fn text(status: StatusCode, message: &'static str) -> Response<AnswerBody> {
    let mut headers = one(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(message.len()));
    whole(status, headers, Bytes::from_static(message.as_bytes()))
}

/// HEAD: the same fields, `Content-Length` among them, and no body (RFC 9110 section 9.3.2).
fn without_body(response: Response<AnswerBody>) -> Response<AnswerBody> {
    response.map(|_| AnswerBody::empty())
}
