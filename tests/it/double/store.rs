//! What lies in the registry, and what it answers when nothing goes wrong, and when something does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use galley::snapshot::Digest;

use super::fault::{Fault, Ranges};
use super::{Cut, Store, bare};

/// An index that somebody else has made.
pub(crate) const THEIRS: &[u8] = br#"{"schemaVersion":2,"manifests":[],"annotations":{"who":"somebody else"}}"#;

impl Store {
    /// POST begins an upload, or mounts; PUT ends it.
    pub(super) fn upload(&mut self, parts: &Parts, repository: &str, body: Bytes) -> Result<Response<Body>, Cut> {
        if let Fault::Refuses(status, body) = self.fault {
            let response = Response::builder().status(status).body(Body::from(body));
            return Ok(response.unwrap());
        }
        let query = parts.uri.query().unwrap_or_default().replace("%3A", ":").replace("%2F", "/");
        if parts.method == Method::POST {
            if let Some(digest) = query.strip_prefix("mount=").and_then(|rest| rest.split('&').next())
                && query.ends_with(&format!("&from={}", self.mounts_from.as_deref().unwrap_or_default()))
                && let Some(bytes) = self.elsewhere.get(digest).cloned()
            {
                self.blobs.insert(digest.to_owned(), bytes);
                return Ok(bare(StatusCode::CREATED));
            }
            self.uploads += 1;
            // With a query of its own, as real registries have it: the digest must be added to it.
            let mut location = format!("/v2/{repository}/blobs/uploads/{}?state=x", self.uploads);
            if let Fault::Location(host) = self.fault {
                let (_, port) = self.address.rsplit_once(':').unwrap();
                location = format!("{host}:{port}{location}");
            }
            let response = Response::builder().status(StatusCode::ACCEPTED).header(header::LOCATION, location);
            return Ok(response.body(Body::empty()).unwrap());
        }
        if self.fault.happens(|fault| matches!(fault, Fault::ForgottenUpload(_))) {
            return Ok(bare(StatusCode::NOT_FOUND));
        }
        let digest = Digest::of(&body).to_string();
        if query.strip_prefix("state=x&digest=").unwrap_or_default() != digest {
            return Ok(bare(StatusCode::BAD_REQUEST));
        }
        self.blobs.insert(digest.clone(), body);
        if self.fault.happens(|fault| matches!(fault, Fault::CutAnswer(_))) {
            return Err(Cut);
        }
        let found = if self.fault == Fault::Garbled { Digest::of(b"other").to_string() } else { digest };
        let response = Response::builder().status(StatusCode::CREATED).header("docker-content-digest", found);
        Ok(response.body(Body::empty()).unwrap())
    }

    pub(super) fn blob(&mut self, method: &Method, digest: &str, headers: &HeaderMap) -> Response<Body> {
        let Some(bytes) = self.blobs.get(digest).filter(|_| self.fault != Fault::NoBlobs) else {
            return bare(StatusCode::NOT_FOUND);
        };
        let mut bytes = bytes.to_vec();
        if *method == Method::HEAD {
            let length = bytes.len() + usize::from(self.fault == Fault::OtherLength);
            return Response::builder().header(header::CONTENT_LENGTH, length).body(Body::empty()).unwrap();
        }
        if let Some(storage) = &self.storage {
            let location = format!("http://{storage}/{digest}?signature=x");
            let response = Response::builder().status(StatusCode::TEMPORARY_REDIRECT);
            return response.header(header::LOCATION, location).body(Body::empty()).unwrap();
        }
        if self.fault == Fault::Circles {
            let response = Response::builder().status(StatusCode::TEMPORARY_REDIRECT);
            return response.header(header::LOCATION, format!("/v2/blog/blobs/{digest}")).body(Body::empty()).unwrap();
        }
        if self.fault == Fault::Endless {
            return chunks(bytes.into(), None);
        }
        if self.fault.happens(|fault| matches!(fault, Fault::Unannounced(_))) {
            bytes.truncate(bytes.len() / 2);
            return chunks(bytes.into(), Some(1));
        }
        match self.fault {
            Fault::OtherBytes => bytes[0] ^= 1,
            Fault::MoreBytes => bytes.extend_from_slice(b"more"),
            Fault::FewerBytes => drop(bytes.pop()),
            _ => {}
        }
        let is_cut = self.cut_once.remove(digest);
        self.ranged(bytes, headers, is_cut)
    }

    /// The bytes that were asked for, or the first half of them.
    pub(super) fn ranged(&mut self, bytes: Vec<u8>, headers: &HeaderMap, is_cut: bool) -> Response<Body> {
        let ranges = if let Fault::CutDownload(_, ranges) = self.fault { ranges } else { Ranges::Kept };
        let range = headers.get(header::RANGE).map(|value| value.to_str().unwrap().to_owned());
        let range = range.filter(|_| ranges != Ranges::Ignored).map(|range| {
            let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            (start.parse::<usize>().unwrap(), end.parse::<usize>().unwrap())
        });
        let total = bytes.len();
        let (status, start, wanted) = match range {
            None => (StatusCode::OK, 0, bytes),
            Some((start, end)) if end >= total || start > end => return bare(StatusCode::RANGE_NOT_SATISFIABLE),
            Some(_) if ranges == Ranges::Wrong => (StatusCode::PARTIAL_CONTENT, 0, bytes[..1].to_vec()),
            Some((start, end)) => (StatusCode::PARTIAL_CONTENT, start, bytes[start..=end].to_vec()),
        };
        let response = Response::builder().status(status).header(header::CONTENT_LENGTH, wanted.len());
        let response = match status {
            StatusCode::PARTIAL_CONTENT => {
                let end = start + wanted.len() - 1;
                response.header(header::CONTENT_RANGE, format!("bytes {start}-{end}/{total}"))
            }
            _ => response,
        };
        let is_cut = is_cut || wanted.len() > 1 && self.fault.happens(|fault| matches!(fault, Fault::CutDownload(..)));
        if is_cut {
            return response.body(half(&wanted)).unwrap();
        }
        response.body(Body::from(wanted)).unwrap()
    }

    pub(super) fn manifest(&mut self, parts: &Parts, repository: &str, name: &str, body: Bytes) -> Response<Body> {
        if parts.method == Method::PUT {
            return self.put_manifest(&parts.headers, repository, name, body);
        }
        let looked = self.manifests.get(&format!("{repository}/{name}"));
        let stale = self.stale.clone().filter(|_| self.fault.happens(|fault| matches!(fault, Fault::Settles(_))));
        let Some((media_type, bytes)) = stale.as_ref().or(looked) else {
            return bare(StatusCode::NOT_FOUND);
        };
        let digest = Digest::of(bytes).to_string();
        let says = self.fault != Fault::Silence;
        let condition = parts.headers.get(header::IF_NONE_MATCH).filter(|_| says);
        if condition.is_some_and(|value| value == format!("\"{digest}\"").as_str()) {
            return bare(StatusCode::NOT_MODIFIED);
        }
        // As distribution does it.
        let accepted = parts.headers.get(header::ACCEPT).map(|value| value.to_str().unwrap()).unwrap_or_default();
        if !accepted.contains(media_type.as_str()) {
            return bare(StatusCode::NOT_FOUND);
        }
        if self.fault == Fault::Endless && parts.method == Method::GET {
            return chunks(bytes.clone(), None);
        }
        let body = if parts.method == Method::HEAD { Body::empty() } else { Body::from(bytes.clone()) };
        let response = Response::builder();
        let response = if says { response.header("docker-content-digest", digest) } else { response };
        response.header(header::CONTENT_TYPE, media_type).body(body).unwrap()
    }

    /// What a manifest refers to has to be there.
    fn put_manifest(&mut self, headers: &HeaderMap, repository: &str, name: &str, body: Bytes) -> Response<Body> {
        if let Fault::Refuses(status, body) = self.fault {
            return Response::builder().status(status).body(Body::from(body)).unwrap();
        }
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let blobs = json["layers"].as_array().into_iter().flatten().chain(json.get("config"));
        let mut missing = blobs.filter(|blob| !self.blobs.contains_key(blob["digest"].as_str().unwrap()));
        if missing.next().is_some() {
            let unknown = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#;
            return Response::builder().status(StatusCode::BAD_REQUEST).body(Body::from(unknown)).unwrap();
        }
        let mut children = json["manifests"].as_array().into_iter().flatten();
        let is_there = |digest: &str| self.manifests.contains_key(&format!("{repository}/{digest}"));
        if !children.all(|child| is_there(child["digest"].as_str().unwrap())) {
            let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
            return Response::builder().status(StatusCode::BAD_REQUEST).body(Body::from(unknown)).unwrap();
        }
        let media_type = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let digest = Digest::of(&body);
        self.manifests.insert(format!("{repository}/{digest}"), (media_type.clone(), body.clone()));
        let before = self.manifests.insert(format!("{repository}/{name}"), (media_type, body));
        self.stale = before.filter(|_| !name.contains(':'));
        bare(StatusCode::CREATED)
    }

    /// Moves the tag, if it is time for that.
    pub(super) fn somebody_else(&mut self, line: &str) {
        if let Fault::TagMovesAfter(part) = self.fault
            && line.contains(part)
        {
            self.fault = Fault::None;
            let media_type = "application/vnd.oci.image.index.v1+json".to_owned();
            let theirs = self.theirs.take().unwrap_or(Bytes::from_static(THEIRS));
            self.manifests.insert("blog/latest".to_owned(), (media_type, theirs));
        }
    }
}

/// So many times `piece`, or without an end, and no word of a length before.
fn chunks(piece: Bytes, left: Option<u32>) -> Response<Body> {
    Response::new(Body::new(Chunks { piece, left }))
}

struct Chunks {
    piece: Bytes,
    left: Option<u32>,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        match &mut self.left {
            Some(0) => return Poll::Ready(None),
            Some(left) => *left -= 1,
            None => {}
        }
        Poll::Ready(Some(Ok(http_body::Frame::data(self.piece.clone()))))
    }
}

/// The first half, and then nothing more.
fn half(bytes: &[u8]) -> Body {
    Body::new(Half { first: Some(Bytes::copy_from_slice(&bytes[..bytes.len() / 2])), turns: 0 })
}

/// A body that breaks when its first piece is on its way.
struct Half {
    first: Option<Bytes>,
    turns: u32,
}

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(http_body::Frame::data(first))));
        }
        // What was given is written while there is nothing more.
        self.turns += 1;
        if self.turns < 3 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("the connection is cut here"))))
    }
}
