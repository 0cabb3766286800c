//! From a request and a snapshot to an answer: first what it is, then its bytes.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::body::{AnswerBody, Piece};
use super::conditions::{Verdict, evaluate};
use super::negotiation::choose;
use super::ranges::{Asked, asked};
use crate::snapshot::{Body, Digest, FileReader, Held, Lookup, Representation, Resource, Snapshot, Spelling};

/// Browsers keep a 301 for as long as they like if nothing is said: an author who corrects a redirect would not reach them.
const CACHE_PERMANENT: &str = "public, max-age=3600";
/// Where a temporary redirect leads to today is asked each time.
const CACHE_TEMPORARY: &str = "no-cache";

/// What a request comes to.
enum Outcome<'a> {
    /// The representation in full.
    Found(&'a Representation),
    /// Parts of it.
    Partial(&'a Representation, Vec<Range<u64>>),
    /// None of the parts asked for is there.
    Unsatisfiable(&'a Representation),
    /// The client has it.
    NotModified(&'a Representation),
    /// It is not what the client takes it for.
    PreconditionFailed,
    /// To another path.
    Moved(StatusCode, String),
    /// Nothing is there: 404, or 410.
    Nothing(StatusCode),
    /// No representation is acceptable.
    NotAcceptable,
    /// Only GET and HEAD mean something here.
    MethodNotAllowed,
}

/// Answers `request` from `snapshot`. The request's body is not looked at.
pub fn content<B>(snapshot: &Snapshot, request: &Request<B>) -> Response<AnswerBody> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let outcome = decide(snapshot, method, uri, headers);
    let response = respond(outcome, snapshot, method, headers);
    if *method == Method::HEAD { without_body(response) } else { response }
}

fn decide<'a>(snapshot: &'a Snapshot, method: &Method, uri: &Uri, headers: &HeaderMap) -> Outcome<'a> {
    if *method != Method::GET && *method != Method::HEAD {
        return Outcome::MethodNotAllowed;
    }
    let Some(path) = decode(uri.path()) else { return Outcome::Nothing(StatusCode::NOT_FOUND) };
    match snapshot.lookup_with(&path, uri.query()) {
        Lookup::Found(resource) => choose_from(resource, method, headers),
        Lookup::Spelled(spelling) => Outcome::Moved(StatusCode::MOVED_PERMANENTLY, put_right(uri, spelling)),
        Lookup::Redirect(status, location) => Outcome::Moved(status, location),
        Lookup::Gone(status) => Outcome::Nothing(status),
        Lookup::Missing => Outcome::Nothing(StatusCode::NOT_FOUND),
    }
}

/// Where what is meant by `uri` lies.
fn put_right(uri: &Uri, spelling: Spelling) -> String {
    relative(uri, |last| match spelling {
        Spelling::MissesSlash => format!("./{last}/"),
        Spelling::NamesIndex => "./".to_owned(),
        Spelling::MissesEnding => format!("./{last}.html"),
        Spelling::HasEnding => format!("./{}/", without_ending(last)),
    })
}

/// Negotiation, then preconditions, then ranges (RFC 9110 section 13.2.2, step 5).
fn choose_from<'a>(resource: &'a Resource, method: &Method, headers: &HeaderMap) -> Outcome<'a> {
    let Some(chosen) = choose(&resource.representations, headers) else { return Outcome::NotAcceptable };
    match evaluate(headers, chosen, resource.modified) {
        Verdict::Failed => Outcome::PreconditionFailed,
        Verdict::NotModified => Outcome::NotModified(chosen),
        // Section 14.2: a range means something for GET only.
        Verdict::Proceed if *method == Method::GET => match asked(headers, chosen) {
            Asked::Whole => Outcome::Found(chosen),
            Asked::One(range) => Outcome::Partial(chosen, vec![range]),
            Asked::Many(ranges) => Outcome::Partial(chosen, ranges),
            Asked::Unsatisfiable => Outcome::Unsatisfiable(chosen),
        },
        Verdict::Proceed => Outcome::Found(chosen),
    }
}

/// The path's text. A slash or NUL that comes encoded is no part of any path of ours, and neither is what is not UTF-8;
/// `..` needs no care, because paths are only ever looked up in a table.
pub(super) fn decode(path: &str) -> Option<Cow<'_, str>> {
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

/// A path part without `.html`, some of which may be encoded.
fn without_ending(part: &str) -> Cow<'_, str> {
    const ENDING: &str = ".html";
    if let Some(stem) = part.strip_suffix(ENDING) {
        return Cow::Borrowed(stem);
    }
    let decoded = percent_decode_str(part).decode_utf8_lossy();
    let stem = decoded.strip_suffix(ENDING).unwrap_or(&decoded);
    Cow::Owned(utf8_percent_encode(stem, NON_ALPHANUMERIC).to_string())
}

fn respond(outcome: Outcome<'_>, snapshot: &Snapshot, method: &Method, headers: &HeaderMap) -> Response<AnswerBody> {
    match outcome {
        Outcome::Found(found) if *method == Method::HEAD => without_reading(found),
        Outcome::Found(found) => found_whole(found),
        Outcome::Partial(found, ranges) => partial(found, &ranges),
        Outcome::Unsatisfiable(found) => {
            let mut response = negotiated(StatusCode::RANGE_NOT_SATISFIABLE, "none of the bytes asked for is there\n");
            insert(&mut response, header::CONTENT_RANGE, format!("bytes */{}", found.body.length()));
            response
        }
        Outcome::NotModified(found) => bare(StatusCode::NOT_MODIFIED, found.fields.not_modified()),
        Outcome::PreconditionFailed => negotiated(StatusCode::PRECONDITION_FAILED, "it is another version now\n"),
        Outcome::Moved(status, location) => match HeaderValue::try_from(location) {
            // 301 and not 308 for paths of our own: only GET and HEAD come here, and every client knows it.
            Ok(location) => {
                let is_permanent = matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT);
                let cache = if is_permanent { CACHE_PERMANENT } else { CACHE_TEMPORARY };
                let mut fields = one(header::LOCATION, location);
                fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
                bare(status, fields)
            }
            Err(_) => nothing(StatusCode::NOT_FOUND, snapshot, headers),
        },
        Outcome::Nothing(status) => nothing(status, snapshot, headers),
        Outcome::NotAcceptable => negotiated(StatusCode::NOT_ACCEPTABLE, "none of the acceptable codings is there\n"),
        Outcome::MethodNotAllowed => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
    }
}

fn found_whole(found: &Representation) -> Response<AnswerBody> {
    let body = match &found.body {
        Body::Memory(held) => AnswerBody::held(held),
        Body::File(file) => {
            let all = 0..found.body.length();
            file.open().map(|open| AnswerBody::pieces([Piece::File(open, all)]))
        }
    };
    match body {
        Ok(body) => with(StatusCode::OK, found.fields.all(), body),
        Err(error) => unreadable(&error),
    }
}

/// HEAD costs no reading, and shows a file that is not the one of the release any more as GET does.
fn without_reading(found: &Representation) -> Response<AnswerBody> {
    let checked = match &found.body {
        Body::Memory(_) => Ok(()),
        Body::File(file) => file.check(),
    };
    match checked {
        Ok(()) => bare(StatusCode::OK, found.fields.all()),
        Err(error) => unreadable(&error),
    }
}

/// One part as it is, several as multipart/byteranges (RFC 9110 section 14.6).
fn partial(found: &Representation, ranges: &[Range<u64>]) -> Response<AnswerBody> {
    let source = match &found.body {
        Body::Memory(held) => Ok(Source::Held(held)),
        Body::File(file) => file.open().map(Source::File),
    };
    let source = match source {
        Ok(source) => source,
        Err(error) => return unreadable(&error),
    };
    let piece = |range: &Range<u64>| source.part(range.clone());
    let total = found.body.length();
    let content_range = |range: &Range<u64>| format!("bytes {}-{}/{total}", range.start, range.end - 1);
    let mut fields = found.fields.all();
    fields.remove(header::CONTENT_LENGTH);
    if let [range] = ranges {
        let mut response = with(StatusCode::PARTIAL_CONTENT, fields, AnswerBody::pieces([piece(range)]));
        insert(&mut response, header::CONTENT_RANGE, content_range(range));
        return counted(response, range.end - range.start);
    }
    // Of the representation and of what is asked for: no part can hold it by chance of its author.
    let boundary = Digest::of(format!("{:?} {ranges:?}", found.fields.entity_tag()).as_bytes()).short();
    let media_type =
        fields.remove(header::CONTENT_TYPE).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let media_type = media_type.to_str().unwrap_or_default();
    let mut pieces = Vec::with_capacity(ranges.len() * 2 + 1);
    for range in ranges {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {}\r\n\r\n",
            content_range(range)
        );
        pieces.extend([Piece::Bytes(Bytes::from(head)), piece(range)]);
    }
    pieces.push(Piece::Bytes(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    let body = AnswerBody::pieces(pieces);
    let length = body.length().lower();
    let mut response = with(StatusCode::PARTIAL_CONTENT, fields, body);
    insert(&mut response, header::CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"));
    counted(response, length)
}

/// What parts are taken from.
enum Source<'a> {
    Held(&'a Held),
    File(FileReader),
}

impl Source<'_> {
    fn part(&self, range: Range<u64>) -> Piece {
        match self {
            // In memory, so its length fits the type.
            Self::Held(Held::Bytes(bytes)) => Piece::Bytes(bytes.slice(range.start as usize..range.end as usize)),
            Self::Held(Held::Pages(pages)) => Piece::Pages(pages.clone(), range),
            Self::File(file) => Piece::File(file.clone(), range),
        }
    }
}

/// The release's own 404 page. It has no validator: it answers for paths that it is not the resource of. Nobody may keep
/// it without asking again, whatever a rule says of the page itself.
fn nothing(status: StatusCode, snapshot: &Snapshot, headers: &HeaderMap) -> Response<AnswerBody> {
    let page = snapshot.not_found().and_then(|page| choose(&page.representations, headers));
    let Some((page, body)) = page.and_then(|page| Some((page, AnswerBody::held(page.body.held()?).ok()?))) else {
        return negotiated(status, "not found\n");
    };
    let mut fields = page.fields.all();
    for name in [header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES] {
        fields.remove(name);
    }
    set_cache(&mut fields, "no-cache");
    with(status, fields, body)
}

/// Sets how long the answer may be kept, for every cache: rules may have said something else to browsers, and to the caches of a
/// network by fields of their own (RFC 9213, and those that are older than it).
pub(super) fn set_cache(fields: &mut HeaderMap, cache: &'static str) {
    let is_of_caches = |name: &HeaderName| {
        let name = name.as_str();
        name == "expires" || name == "surrogate-control" || name.ends_with("cdn-cache-control")
    };
    let others: Vec<HeaderName> = fields.keys().filter(|name| is_of_caches(name)).cloned().collect();
    others.iter().for_each(|name| drop(fields.remove(name)));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
}

fn unreadable(error: &io::Error) -> Response<AnswerBody> {
    tracing::error!("{error}");
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "the file can't be read at the moment\n");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn with(status: StatusCode, headers: HeaderMap, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn bare(status: StatusCode, headers: HeaderMap) -> Response<AnswerBody> {
    with(status, headers, AnswerBody::empty())
}

fn one(name: header::HeaderName, value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(name, value)])
}

/// Sets a field to a text of visible ASCII.
fn insert(response: &mut Response<AnswerBody>, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

fn counted(mut response: Response<AnswerBody>, length: u64) -> Response<AnswerBody> {
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// A short answer of galley's own; an error is never kept by caches.
pub(super) fn text(status: StatusCode, message: &'static str) -> Response<AnswerBody> {
    let mut headers = one(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(message.len()));
    with(status, headers, AnswerBody::Full(Some(Bytes::from_static(message.as_bytes()))))
}

/// The same where another `Accept-Encoding` could have had another answer.
fn negotiated(status: StatusCode, message: &'static str) -> Response<AnswerBody> {
    let mut response = text(status, message);
    response.headers_mut().insert(header::VARY, HeaderValue::from_name(header::ACCEPT_ENCODING));
    response
}

/// HEAD: the same fields, `Content-Length` among them, and no body (RFC 9110 section 9.3.2).
pub(super) fn without_body(mut response: Response<AnswerBody>) -> Response<AnswerBody> {
    let length = response.body().length().exact().filter(|length| *length > 0);
    if let Some(length) = length {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|_| AnswerBody::empty())
}
