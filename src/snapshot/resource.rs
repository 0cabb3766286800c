//! What one path answers with: its representations, each with all header fields of its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};

use super::coding::Coding;
use super::codings::Codings;
use super::digest::Digest;
use super::fields::{Fields, Interner};
use super::file_body::FileBody;
use super::header_rules::HeaderRules;
use super::held::Held;
use super::media_type::{self, MediaType};
use super::memory::Memory;
use super::policy;
use super::tree::{Entry, Modified, TreePath};

/// What one path answers with.
#[derive(Debug)]
pub struct Resource {
    /// By size, the smallest first: among equally acceptable codings the first one is sent.
    pub representations: Vec<Representation>,
    /// The modification date, which `Last-Modified` carries.
    pub modified: Option<Modified>,
    digest: Digest,
    negotiable: bool,
    immutable: bool,
}

/// One coding of a resource, with all header fields of its 200 answer.
#[derive(Debug)]
pub struct Representation {
    /// The content coding.
    pub coding: Coding,
    /// The coded bytes.
    pub body: Body,
    /// The header fields of its answers.
    pub fields: Fields,
}

/// Where the bytes of a representation are.
#[derive(Debug)]
pub enum Body {
    /// In memory.
    Memory(Held),
    /// In a file, because memory has no room for them.
    File(Arc<FileBody>),
}

impl Body {
    /// The number of bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Memory(held) => held.length(),
            Self::File(file) => file.length(),
        }
    }

    /// The bytes, if they are in memory.
    pub fn held(&self) -> Option<&Held> {
        match self {
            Self::Memory(held) => Some(held),
            Self::File(_) => None,
        }
    }

    /// The bytes, if they lie on the heap.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Memory(Held::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

impl Resource {
    /// The SHA-256 of the bytes as they are.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether its name holds its own hash: under this name there will never be anything else.
    pub fn is_immutable(&self) -> bool {
        self.immutable
    }

    /// The bytes as they are, if they are in memory and codings of them are worth a try.
    pub fn to_code(&self) -> Option<&Held> {
        self.identity()?.body.held()
    }

    /// What it was taken to need in memory, as far as it is there.
    pub(super) fn memory(&self) -> Memory {
        let identity = self.representations.iter().find(|made| made.coding == Coding::Identity);
        let held = identity.and_then(|made| made.body.held()).map_or(0, Held::length);
        if self.negotiable { Memory::text(held) } else { Memory::Media(held) }
    }

    pub(super) fn of(
        path: &TreePath,
        url: &str,
        entry: &Entry,
        body: Body,
        rules: &HeaderRules,
        interner: &Interner,
    ) -> Self {
        let media_type = media_type::of(path.names().last().unwrap_or_default());
        let negotiable = media_type.is_coded(entry.length());
        let mut fields = HeaderMap::with_capacity(16);
        let immutable = policy::is_immutable(path, entry.digest());
        fields.insert(header::CACHE_CONTROL, policy::cache(path, &media_type, immutable));
        let modified = entry.modified().map(policy::http_date);
        if negotiable {
            fields.insert(header::VARY, HeaderValue::from_name(header::ACCEPT_ENCODING));
        }
        fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        policy::protect(&media_type, body.bytes(), &mut fields);
        let MediaType { name, .. } = media_type;
        fields.insert(header::CONTENT_TYPE, name);
        rules.apply(url, &mut fields);
        let length = body.length();
        let fields = Fields::new(interner.common(fields), modified, Coding::Identity, length, entry.digest());
        let identity = Representation { coding: Coding::Identity, body, fields };
        Self {
            representations: vec![identity],
            modified: entry.modified(),
            digest: entry.digest(),
            negotiable,
            immutable,
        }
    }

    /// Whether it answers what `entry` would at the same path.
    pub(super) fn is(&self, entry: &Entry, in_memory: bool) -> bool {
        let identity = self.representations.iter().find(|made| made.coding == Coding::Identity);
        let is_as_before = |body: &Body| match body {
            Body::Memory(_) => in_memory,
            // The same bytes may have been written again.
            Body::File(file) => !in_memory && entry.lies_at(file.path()) && file.is_current(),
        };
        self.digest == entry.digest()
            && self.modified == entry.modified()
            && identity.is_some_and(|made| is_as_before(&made.body))
    }

    /// The same with the codings that `codings` has of it, those that it lacks and those that lie elsewhere there; `None` if
    /// there are none.
    pub(super) fn with(&self, codings: &Codings) -> Option<Self> {
        let identity = self.identity()?;
        let taken = |coding| self.coded(coding, identity, codings);
        let mut made: Vec<_> = Coding::MADE.into_iter().filter_map(taken).collect();
        if made.is_empty() {
            return None;
        }
        let kept = self.representations.iter().filter(|kept| made.iter().all(|made| made.coding != kept.coding));
        let kept: Vec<_> = kept.map(Representation::shared).collect();
        made.extend(kept);
        made.sort_by_key(|made| (made.body.length(), made.coding));
        Some(Self { representations: made, ..*self })
    }

    /// A coding of the bytes of `identity` as `codings` has it, unless it is here already.
    fn coded(&self, coding: Coding, identity: &Representation, codings: &Codings) -> Option<Representation> {
        let held = codings.get(self.digest, coding)??.clone();
        match self.representations.iter().find(|made| made.coding == coding) {
            Some(here) if here.body.held().is_some_and(|here| here.is(&held)) => None,
            Some(here) => Some(Representation { coding, body: Body::Memory(held), fields: here.fields.clone() }),
            None => {
                let digest = Digest::of(&held.bytes().ok()?);
                let fields = identity.fields.recoded(coding, held.length(), digest);
                Some(Representation { coding, body: Body::Memory(held), fields })
            }
        }
    }

    /// The bytes as they are, if codings of them are worth a try.
    fn identity(&self) -> Option<&Representation> {
        self.representations.iter().find(|made| made.coding == Coding::Identity && self.negotiable)
    }
}

impl Representation {
    /// The same, sharing the bytes. Only what is in memory has codings beside it.
    fn shared(&self) -> Self {
        let held = self.body.held().cloned().unwrap_or(Held::Bytes(Bytes::new()));
        Self { coding: self.coding, body: Body::Memory(held), fields: self.fields.clone() }
    }
}
