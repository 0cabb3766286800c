//! Getting indexes and manifests, each checked against its digest.

use bytes::Bytes;
use reqwest::header::{ACCEPT, HeaderValue, IF_NONE_MATCH};
use reqwest::{Response, StatusCode};

use super::client::Client;
use super::error::{Action, RegistryError};
use crate::image::{Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest, Platform};
use crate::snapshot::Digest;

/// Indexes and manifests above this are refused, as registries refuse them.
const MAX_MANIFEST: u64 = 4 << 20;

/// What a tag points at, as far as it is known without pulling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagState {
    /// At the digest that was asked about.
    Unchanged,
    /// At something else.
    Changed,
}

/// An index as it was pulled.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The digest of the bytes received.
    pub digest: Digest,
    /// What they say.
    pub index: Index,
    /// The bytes themselves, an index or a single manifest.
    pub bytes: Bytes,
}

impl Client {
    /// Asks by HEAD whether the reference still points at `known`: a HEAD counts against no pull quota.
    pub async fn tag_state(&self, known: Digest) -> Result<TagState, RegistryError> {
        let url = self.url(&format!("manifests/{}", self.name()))?;
        let condition = format!("\"{known}\"");
        let response = self
            .send(Action::LookAtTag, &url, |http, url| {
                http.head(url).header(ACCEPT, accepted()).header(IF_NONE_MATCH, condition.clone())
            })
            .await?;
        match response.status() {
            StatusCode::NOT_MODIFIED => Ok(TagState::Unchanged),
            StatusCode::OK if content_digest(&response) == Some(known) => Ok(TagState::Unchanged),
            StatusCode::OK => Ok(TagState::Changed),
            StatusCode::NOT_FOUND => Err(RegistryError::NotFound(self.reference().to_string())),
            _ => Err(self.failed(Action::LookAtTag, response).await),
        }
    }

    /// Where the tag points now; `None` if there is no such tag.
    pub async fn tag_digest(&self) -> Result<Option<Digest>, RegistryError> {
        let url = self.url(&format!("manifests/{}", self.reference().tag()))?;
        let response =
            self.send(Action::LookAtTag, &url, |http, url| http.head(url).header(ACCEPT, accepted())).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(self.failed(Action::LookAtTag, response).await),
        }
        match content_digest(&response) {
            Some(digest) => Ok(Some(digest)),
            // The header is a SHOULD (distribution-spec, "Pulling manifests").
            None => {
                let (bytes, _) = self.manifest_bytes(self.reference().tag()).await?;
                Ok(Some(Digest::of(&bytes)))
            }
        }
    }

    /// Pulls the index that the reference points at. An image without one is taken for an index of that one image.
    pub async fn index(&self) -> Result<Pulled, RegistryError> {
        let (bytes, media_type) = self.manifest_bytes(&self.name()).await?;
        let digest = Digest::of(&bytes);
        if let Some(wanted) = self.reference().digest().filter(|wanted| *wanted != digest) {
            return Err(RegistryError::Mismatch { host: self.host(), digest: wanted });
        }
        if MANIFEST_TYPES.contains(&media_type.as_str()) {
            return Ok(Pulled { digest, index: self.single(&bytes, &media_type).await?, bytes });
        }
        let index = serde_json::from_slice(&bytes).map_err(|error| self.malformed("an index", &error.to_string()))?;
        Ok(Pulled { digest, index, bytes })
    }

    /// The index of one image whose platform stands in its config.
    async fn single(&self, bytes: &Bytes, media_type: &str) -> Result<Index, RegistryError> {
        const ACTION: &str = "a manifest";
        let parse = |error: serde_json::Error| self.malformed(ACTION, &error.to_string());
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(parse)?;
        let config = self.blob(&manifest.config).await?;
        let mut descriptor = Descriptor::of(media_type, bytes);
        descriptor.platform = Some(serde_json::from_slice(&config.bytes).map_err(parse)?);
        Ok(Index {
            schema_version: 2,
            media_type: INDEX_TYPES[0].to_owned(),
            manifests: vec![descriptor],
            annotations: Default::default(),
        })
    }

    /// Pulls the manifest for `platform` from `index`.
    pub async fn manifest(&self, index: &Index, platform: Platform) -> Result<Manifest, RegistryError> {
        let descriptor = index.manifest(platform).ok_or_else(|| RegistryError::NoPlatform {
            reference: self.reference().to_string(),
            platform,
            has: index.platforms(),
        })?;
        let (bytes, _) = self.manifest_bytes(&descriptor.digest.to_string()).await?;
        if Digest::of(&bytes) != descriptor.digest {
            return Err(RegistryError::Mismatch { host: self.host(), digest: descriptor.digest });
        }
        serde_json::from_slice(&bytes).map_err(|error| self.malformed("a manifest", &error.to_string()))
    }

    /// What the reference is asked for by: its digest goes before its tag.
    pub(super) fn name(&self) -> String {
        self.reference().digest().map_or_else(|| self.reference().tag().to_owned(), |digest| digest.to_string())
    }

    pub(super) async fn manifest_bytes(&self, name: &str) -> Result<(Bytes, String), RegistryError> {
        let url = self.url(&format!("manifests/{name}"))?;
        let response =
            self.send(Action::PullManifest, &url, |http, url| http.get(url).header(ACCEPT, accepted())).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                let reference = self.reference();
                // The manifest of a platform may be gone where the index is there.
                let missing = match name.contains(':') {
                    true => format!("{}/{}@{name}", reference.host(), reference.repository()),
                    false => reference.to_string(),
                };
                return Err(RegistryError::NotFound(missing));
            }
            _ => return Err(self.failed(Action::PullManifest, response).await),
        }
        let media_type = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
        let bytes = self.read_limited(response, MAX_MANIFEST, "a manifest").await?;
        Ok((Bytes::from(bytes), media_type))
    }
}

/// All types that galley reads: without them distribution answers 404 for an OCI index.
pub(super) fn accepted() -> HeaderValue {
    let types = [INDEX_TYPES, MANIFEST_TYPES].concat().join(", ");
    HeaderValue::try_from(types).unwrap_or(HeaderValue::from_static("*/*"))
}

/// What the registry says that the digest of its answer is.
pub(super) fn content_digest(response: &Response) -> Option<Digest> {
    response.headers().get("docker-content-digest")?.to_str().ok()?.parse().ok()
}
