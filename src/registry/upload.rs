//! Putting one blob into a registry.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{StatusCode, Url};

use super::client::Client;
use super::error::{Action, RegistryError};
use super::exchange::Attempts;
use super::progress::Progress;
use super::pull::content_digest;
use crate::image::Descriptor;
use crate::snapshot::Digest;

/// How much of a blob is handed to the connection at a time: what is counted as sent is at most this much ahead.
const PIECE: usize = 64 << 10;

/// How a blob got there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// All its bytes were sent.
    Sent,
    /// The registry took it over from another repository.
    Mounted,
}

impl Client {
    /// Whether the registry has the blob, whole.
    pub(super) async fn has_blob(&self, blob: &Descriptor) -> Result<bool, RegistryError> {
        let url = self.url(&format!("blobs/{}", blob.digest))?;
        let response = self.send(Action::LookAtBlob, &url, reqwest::Client::head).await?;
        let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        match response.status() {
            // What has another size is another blob, whatever the registry takes it for: sent again, it is checked there.
            StatusCode::OK => Ok(length.is_none_or(|length: u64| length == blob.size)),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.failed(Action::LookAtBlob, response).await),
        }
    }

    /// Sends a blob that the registry lacks; without `bytes` it can only be taken over from elsewhere. An upload that was cut is
    /// given up and begun anew: nobody knows what arrived of it, and not every registry can say.
    pub(super) async fn push_blob(&self, blob: &Descriptor, bytes: Option<&Bytes>) -> Result<Arrived, RegistryError> {
        let mut attempts = Attempts::default();
        loop {
            match self.push_blob_once(blob, bytes).await {
                Ok(arrived) => {
                    self.progress.moved(blob.digest, blob.size);
                    return Ok(arrived);
                }
                Err(error) => self.before_next(&mut attempts, error).await?,
            }
            // What was cut at its very end may have arrived all the same.
            if self.has_blob(blob).await? {
                self.progress.moved(blob.digest, blob.size);
                return Ok(Arrived::Sent);
            }
        }
    }

    async fn push_blob_once(&self, blob: &Descriptor, bytes: Option<&Bytes>) -> Result<Arrived, RegistryError> {
        let gone = || RegistryError::Gone { host: self.host(), digest: blob.digest };
        if bytes.is_none() && self.mount_from.is_none() {
            return Err(gone());
        }
        let mut url = self.url("blobs/uploads/")?;
        if let Some(from) = &self.mount_from {
            url.query_pairs_mut().append_pair("mount", &blob.digest.to_string()).append_pair("from", from);
        }
        let post = |http: &reqwest::Client, url| http.post(url).header(CONTENT_LENGTH, 0);
        let started = self.send_once(Action::UploadBlob, &url, &post, None).await?;
        match started.status() {
            StatusCode::CREATED if self.mount_from.is_some() => return Ok(Arrived::Mounted),
            StatusCode::ACCEPTED => {}
            _ => return Err(self.failed(Action::UploadBlob, started).await),
        }
        let bytes = bytes.ok_or_else(gone)?;
        let location = self.location(started.url(), &started);
        let location = location.ok_or_else(|| self.malformed("the start of an upload", "it has no usable Location"))?;
        let location = self.in_tls(started.url(), location)?;
        self.put_blob(location, blob.digest, bytes).await
    }

    /// In one piece: registries differ in how they take several.
    async fn put_blob(&self, mut to: Url, digest: Digest, bytes: &Bytes) -> Result<Arrived, RegistryError> {
        to.query_pairs_mut().append_pair("digest", &digest.to_string());
        let moved = Arc::new(AtomicU64::new(0));
        let put = |http: &reqwest::Client, url| {
            moved.store(0, Ordering::Relaxed);
            let (progress, moved) = (Arc::clone(&self.progress), Arc::clone(&moved));
            let body = Counted { rest: bytes.clone(), digest, moved, progress };
            http.put(url).header(CONTENT_TYPE, "application/octet-stream").body(reqwest::Body::wrap(body))
        };
        let finished = self.send_once(Action::UploadBlob, &to, &put, Some(&moved)).await?;
        match finished.status() {
            StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT => {}
            // The upload is known no more: of several servers behind one name, another one was asked.
            StatusCode::NOT_FOUND => {
                let reason = "it has forgotten an upload".to_owned();
                return Err(RegistryError::Unreachable { host: self.host(), reason });
            }
            _ => return Err(self.failed(Action::UploadBlob, finished).await),
        }
        match content_digest(&finished).filter(|found| *found != digest) {
            Some(found) => Err(RegistryError::Garbled { host: self.host(), digest, found }),
            None => Ok(Arrived::Sent),
        }
    }
}

/// The bytes of a blob, counted as the connection takes them.
struct Counted {
    rest: Bytes,
    digest: Digest,
    moved: Arc<AtomicU64>,
    progress: Arc<dyn Progress>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = PIECE.min(self.rest.len());
        let piece = self.rest.split_to(length);
        let moved = self.moved.fetch_add(length as u64, Ordering::Relaxed) + length as u64;
        self.progress.moved(self.digest, moved);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    /// So that the length is announced.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
