//! The header fields of answers, those that many answers have in common kept once.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::coding::Coding;
use super::digest::Digest;

/// All fields of a 200 answer. A site's pages differ in four of them; a map of its own for each coding of each page would
/// take 6 MB at 1,000 pages.
#[derive(Clone, Debug)]
pub struct Fields {
    common: Arc<Common>,
    coding: Coding,
    modified: Option<Date>,
    length: u64,
    entity_tag: EntityTag,
}

/// A date as HTTP has it: `Thu, 02 Jan 2025 00:00:00 GMT`.
pub(super) type Date = [u8; 29];
/// 16 hex digits between quotes.
type EntityTag = [u8; 18];

/// Fields that are an answer's own, in the order in which they stand behind the others. Of the last two an answer may have
/// none: taking away what is last moves nothing.
const OWN: [HeaderName; 4] = [header::ETAG, header::CONTENT_LENGTH, header::LAST_MODIFIED, header::CONTENT_ENCODING];
const EMPTY: HeaderValue = HeaderValue::from_static("");

/// What the answers of many resources have in common.
#[derive(Debug)]
pub(super) struct Common {
    /// Of a 200; with room for an answer's own, so that setting them grows nothing.
    found: HeaderMap,
    /// Of a 304.
    not_modified: HeaderMap,
    /// Both as HTTP/1.1 writes them, without an answer's own.
    lines: [Box<[u8]>; 2],
    insist_on_tls: bool,
}

impl Common {
    fn new(mut map: HeaderMap) -> Self {
        /// What describes the bytes that the client has.
        const OF_THE_BYTES: [HeaderName; 2] = [header::ACCEPT_RANGES, header::CONTENT_TYPE];
        let mut without = map.clone();
        for name in OF_THE_BYTES {
            without.remove(name);
        }
        let lines = [lines(&map), lines(&without)];
        let insist_on_tls = map.contains_key(header::STRICT_TRANSPORT_SECURITY);
        without.insert(header::ETAG, EMPTY);
        for name in OWN {
            map.insert(name, EMPTY);
        }
        Self { found: map, not_modified: without, lines, insist_on_tls }
    }
}

fn lines(map: &HeaderMap) -> Box<[u8]> {
    let mut lines = Vec::new();
    for (name, value) in map {
        line(&mut lines, name, value.as_bytes());
    }
    lines.into()
}

fn line(lines: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
        lines.extend_from_slice(part);
    }
}

/// Common fields that were made, by their text.
#[derive(Default)]
pub(super) struct Interner(Mutex<HashMap<Box<[u8]>, Arc<Common>>>);

impl Interner {
    /// What answers with the fields of `map` have in common.
    pub(super) fn common(&self, map: HeaderMap) -> Arc<Common> {
        let key = lines(&map);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(key).or_insert_with(|| Arc::new(Common::new(map))))
    }
}

impl Fields {
    /// Of the answers with these bytes: `length` of them, whose digest is `digest`.
    pub(super) fn new(
        common: Arc<Common>,
        modified: Option<Date>,
        coding: Coding,
        length: u64,
        digest: Digest,
    ) -> Self {
        let mut entity_tag = [b'"'; 18];
        entity_tag[1..17].copy_from_slice(digest.short().as_bytes());
        Self { common, coding, modified, length, entity_tag }
    }

    /// The same for another coding.
    pub(super) fn recoded(&self, coding: Coding, length: u64, digest: Digest) -> Self {
        Self::new(Arc::clone(&self.common), self.modified, coding, length, digest)
    }

    /// The fields of a 200 answer.
    pub fn all(&self) -> HeaderMap {
        let mut map = self.common.found.clone();
        map.insert(header::ETAG, value(&self.entity_tag));
        map.insert(header::CONTENT_LENGTH, HeaderValue::from(self.length));
        match self.coding {
            Coding::Identity => drop(map.remove(header::CONTENT_ENCODING)),
            coding => drop(map.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()))),
        }
        match &self.modified {
            None => drop(map.remove(header::LAST_MODIFIED)),
            Some(modified) => drop(map.insert(header::LAST_MODIFIED, value(modified))),
        }
        map
    }

    /// The same as HTTP/1.1 writes them, appended to `lines`.
    pub fn write_all(&self, lines: &mut Vec<u8>) {
        lines.extend_from_slice(&self.common.lines[0]);
        line(lines, &header::ETAG, &self.entity_tag);
        // Writing to a Vec gives no error.
        let _ = write!(lines, "content-length: {}\r\n", self.length);
        if let Some(modified) = &self.modified {
            line(lines, &header::LAST_MODIFIED, modified);
        }
        if self.coding != Coding::Identity {
            line(lines, &header::CONTENT_ENCODING, self.coding.name().as_bytes());
        }
    }

    /// The fields of a 304 answer: those of a 200 but what describes the bytes that the client has (RFC 9110 section 15.4.5).
    /// A cache takes them over (RFC 9111 section 3.2), so that a change of `_headers` reaches those who have the page.
    pub fn not_modified(&self) -> HeaderMap {
        let mut map = self.common.not_modified.clone();
        map.insert(header::ETAG, value(&self.entity_tag));
        map
    }

    /// The same as HTTP/1.1 writes them, appended to `lines`.
    pub fn write_not_modified(&self, lines: &mut Vec<u8>) {
        lines.extend_from_slice(&self.common.lines[1]);
        line(lines, &header::ETAG, &self.entity_tag);
    }

    /// Whether a field among them is for encrypted connections only.
    pub fn insist_on_tls(&self) -> bool {
        self.common.insist_on_tls
    }

    /// The strong entity tag, quotes included.
    pub fn entity_tag(&self) -> &[u8] {
        &self.entity_tag
    }
}

/// Of visible ASCII.
fn value(text: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(text).unwrap_or(EMPTY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_share_what_they_have_in_common() {
        let interner = Interner::default();
        let common =
            |policy| interner.common(HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(policy))]));
        let (one, same, other) = (common("a"), common("a"), common("b"));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        let digest = Digest::of(b"t");
        let tag = format!("\"{}\"", digest.short());
        let date = *b"Thu, 02 Jan 2025 00:00:00 GMT";
        let fields = Fields::new(one, Some(date), Coding::Identity, 7, digest);
        let all = fields.all();
        assert_eq!(
            (&all[header::LAST_MODIFIED], &all[header::CONTENT_LENGTH], &all[header::ETAG]),
            (&value(&date), &HeaderValue::from(7), &value(tag.as_bytes()))
        );
        assert!(!all.contains_key(header::CONTENT_ENCODING));
        let coded = fields.recoded(Coding::Gzip, 5, digest).all();
        assert_eq!(
            (&coded[header::CONTENT_ENCODING], &coded[header::CONTENT_LENGTH]),
            (&HeaderValue::from_static("gzip"), &HeaderValue::from(5))
        );
        assert_eq!(fields.not_modified().len(), 2);
    }

    #[test]
    fn lines_are_those_of_the_maps() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html"),
            (header::LINK, "<a>"),
            (header::ACCEPT_RANGES, "bytes"),
            (header::LINK, "<b>"),
            (header::VARY, "accept-encoding"),
        ] {
            map.append(name, HeaderValue::from_static(value));
        }
        for modified in [None, Some(*b"Thu, 02 Jan 2025 00:00:00 GMT")] {
            let common = Interner::default().common(map.clone());
            for coding in Coding::ALL {
                let fields = Fields::new(Arc::clone(&common), modified, coding, 7, Digest::of(b"t"));
                let (mut all, mut not_modified) = (Vec::new(), Vec::new());
                fields.write_all(&mut all);
                fields.write_not_modified(&mut not_modified);
                assert_eq!(String::from_utf8_lossy(&all), String::from_utf8_lossy(&lines(&fields.all())));
                assert_eq!(not_modified[..], lines(&fields.not_modified())[..]);
            }
        }
    }
}
