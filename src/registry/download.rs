//! Getting blobs: several at a time, and each from where it was cut.

use std::fs::File;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};

use super::client::Client;
use super::error::{Action, RegistryError};
use super::exchange::Attempts;
use super::parallel::parallel;
use super::sink::Sink;
use crate::image::{Blob, Descriptor};
use crate::snapshot::Digest;

/// The longest layer: in many places it is held in memory.
const MAX_BLOB: u64 = 512 << 20;
/// A cut connection that brought so much was worth it, and does not count as an attempt that failed.
const PROGRESS: u64 = 1 << 20;

impl Client {
    /// Pulls blobs, several at a time: each into the file beside it, or else into memory. Returns the bytes of those in memory, in the
    /// order of `wanted`.
    pub async fn blobs(&self, wanted: Vec<(Descriptor, Option<File>)>) -> Result<Vec<Option<Bytes>>, RegistryError> {
        let jobs = wanted.into_iter().map(|(descriptor, file)| {
            let client = self.clone();
            async move { client.download(&descriptor, Sink::of(file)).await }
        });
        parallel(jobs).await
    }

    /// Pulls a blob into memory.
    pub async fn blob(&self, descriptor: &Descriptor) -> Result<Blob, RegistryError> {
        let bytes = self.download(descriptor, Sink::default()).await?.unwrap_or_default();
        Ok(Blob { descriptor: descriptor.clone(), bytes })
    }

    /// Pulls a blob; never a byte more than its descriptor says. What was cut goes on where it was.
    async fn download(&self, descriptor: &Descriptor, sink: Sink) -> Result<Option<Bytes>, RegistryError> {
        let (digest, size) = (descriptor.digest, descriptor.size);
        if size > MAX_BLOB {
            return Err(RegistryError::TooLong { host: self.host(), what: digest.to_string(), limit: MAX_BLOB });
        }
        self.progress.planned(digest, size);
        let mut download = Download { client: self, digest, size, sink };
        let mut attempts = Attempts::default();
        while let Err(error) = download.go_on(&mut attempts).await {
            self.before_next(&mut attempts, error).await?;
        }
        let (found, bytes) = download.sink.finish().await?;
        if found != digest {
            return Err(RegistryError::Mismatch { host: self.host(), digest });
        }
        Ok(bytes)
    }
}

/// A blob of which some bytes have come.
struct Download<'a> {
    client: &'a Client,
    digest: Digest,
    size: u64,
    sink: Sink,
}

impl Download<'_> {
    fn have(&self) -> u64 {
        self.sink.length()
    }

    /// Asks for what is missing, and reads as much of it as comes.
    async fn go_on(&mut self, attempts: &mut Attempts) -> Result<(), RegistryError> {
        let before = self.have();
        if before > 0 && self.have() == self.size {
            return Ok(());
        }
        let result = self.read().await;
        if self.have().saturating_sub(before) >= PROGRESS {
            attempts.forget();
        }
        result
    }

    async fn read(&mut self) -> Result<(), RegistryError> {
        let client = self.client;
        let url = client.url(&format!("blobs/{}", self.digest))?;
        // Never past the end: some registries refuse that.
        let range = (self.have() > 0).then(|| format!("bytes={}-{}", self.have(), self.size - 1));
        let ask = |http: &reqwest::Client, url| match &range {
            Some(range) => http.get(url).header(RANGE, range),
            None => http.get(url),
        };
        let mut response = client.send_once(Action::PullBlob, &url, &ask, None).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if self.goes_on(&response) => {}
            // The whole of it, as a registry answers that knows no ranges.
            StatusCode::OK => self.sink.clear().await?,
            StatusCode::PARTIAL_CONTENT => {
                self.sink.clear().await?;
                return Err(self.cut("it sent another range than it was asked for"));
            }
            _ => return Err(client.failed(Action::PullBlob, response).await),
        }
        let announced = response.content_length().unwrap_or(0);
        if announced > self.size - self.have() {
            return Err(self.too_long());
        }
        // What is announced is at most the size here.
        self.sink.reserve(announced);
        client.progress.moved(self.digest, self.have());
        while let Some(piece) = client.piece(&mut response).await? {
            if self.have() + piece.len() as u64 > self.size {
                return Err(self.too_long());
            }
            self.sink.take(&piece).await?;
            client.progress.moved(self.digest, self.have());
        }
        if self.have() == self.size { Ok(()) } else { Err(self.too_short(announced)) }
    }

    /// Whether a 206 begins where the bytes at hand end (RFC 9110 section 14.4).
    fn goes_on(&self, response: &Response) -> bool {
        let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let start = range.strip_prefix("bytes ").and_then(|range| range.split_once('-')).map(|(start, _)| start);
        start.and_then(|start| start.trim().parse().ok()) == Some(self.have())
    }

    /// An answer that ended in good order and is too short: whoever announced that has no more, and whoever announced nothing
    /// may have been cut.
    fn too_short(&self, announced: u64) -> RegistryError {
        if announced == 0 && self.have() > 0 {
            return self.cut("the answer ended too early");
        }
        let (host, digest) = (self.client.host(), self.digest);
        RegistryError::TooShort { host, digest, got: self.have(), size: self.size }
    }

    fn cut(&self, reason: &str) -> RegistryError {
        RegistryError::Unreachable { host: self.client.host(), reason: reason.to_owned() }
    }

    fn too_long(&self) -> RegistryError {
        RegistryError::TooLong { host: self.client.host(), what: self.digest.to_string(), limit: self.size }
    }
}
