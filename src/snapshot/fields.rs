//! The header fields of answers, those that many answers have in common kept once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::coding::Coding;

/// All fields of a 200 answer. A site's pages differ in four of them; a map of its own for each coding of each page would
/// take 6 MB at 1,000 pages.
#[derive(Clone, Debug)]
pub struct Fields {
    /// With room for the ones below, so that setting them grows nothing.
    common: Arc<HeaderMap>,
    coding: Coding,
    modified: Option<HeaderValue>,
    length: HeaderValue,
    entity_tag: HeaderValue,
}

/// Fields that are an answer's own.
const OWN: [HeaderName; 3] = [header::ETAG, header::CONTENT_LENGTH, header::CONTENT_ENCODING];
const EMPTY: HeaderValue = HeaderValue::from_static("");

/// Common fields that were made, by their text.
#[derive(Default)]
pub(super) struct Interner(Mutex<HashMap<Vec<u8>, Arc<HeaderMap>>>);

impl Interner {
    /// The one map that has the fields of `map`, and places for an answer's own.
    pub(super) fn common(&self, mut map: HeaderMap) -> Arc<HeaderMap> {
        for name in OWN {
            map.insert(name, EMPTY);
        }
        // Its dates differ from page to page, its places do not.
        if let Some(modified) = map.get_mut(header::LAST_MODIFIED) {
            *modified = EMPTY;
        }
        let mut key = Vec::new();
        for (name, value) in &map {
            for part in [name.as_ref(), value.as_bytes()] {
                key.extend_from_slice(&(part.len() as u64).to_le_bytes());
                key.extend_from_slice(part);
            }
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(key).or_insert_with(|| Arc::new(map)))
    }
}

impl Fields {
    pub(super) fn new(
        common: Arc<HeaderMap>,
        modified: Option<HeaderValue>,
        coding: Coding,
        length: u64,
        entity_tag: HeaderValue,
    ) -> Self {
        Self { common, coding, modified, length: HeaderValue::from(length), entity_tag }
    }

    /// The same for another coding.
    pub(super) fn recoded(&self, coding: Coding, length: u64, entity_tag: HeaderValue) -> Self {
        Self::new(Arc::clone(&self.common), self.modified.clone(), coding, length, entity_tag)
    }

    /// The fields of a 200 answer.
    pub fn all(&self) -> HeaderMap {
        let mut map = HeaderMap::clone(&self.common);
        map.insert(header::ETAG, self.entity_tag.clone());
        map.insert(header::CONTENT_LENGTH, self.length.clone());
        match self.coding {
            Coding::Identity => drop(map.remove(header::CONTENT_ENCODING)),
            coding => drop(map.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()))),
        }
        if let Some(modified) = &self.modified {
            map.insert(header::LAST_MODIFIED, modified.clone());
        }
        map
    }

    /// The fields of a 304 answer: those of a 200 but what describes the bytes that the client has (RFC 9110 section 15.4.5).
    /// A cache takes them over (RFC 9111 section 3.2), so that a change of `_headers` reaches those who have the page.
    pub fn not_modified(&self) -> HeaderMap {
        const OF_THE_BYTES: [HeaderName; 5] = [
            header::ACCEPT_RANGES,
            header::CONTENT_ENCODING,
            header::CONTENT_LENGTH,
            header::CONTENT_TYPE,
            header::LAST_MODIFIED,
        ];
        let mut map = HeaderMap::clone(&self.common);
        for name in OF_THE_BYTES {
            map.remove(name);
        }
        map.insert(header::ETAG, self.entity_tag.clone());
        map
    }

    /// The strong entity tag, quotes included.
    pub fn entity_tag(&self) -> &HeaderValue {
        &self.entity_tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_share_what_they_have_in_common() {
        let interner = Interner::default();
        let common = |policy, modified| {
            let fields = [(header::CACHE_CONTROL, policy), (header::LAST_MODIFIED, modified)];
            interner.common(fields.map(|(name, value)| (name, HeaderValue::from_static(value))).into_iter().collect())
        };
        let (one, same, other) = (common("a", "x"), common("a", "y"), common("b", "x"));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        let tag = HeaderValue::from_static("\"t\"");
        let fields = Fields::new(one, Some(HeaderValue::from_static("now")), Coding::Identity, 7, tag);
        let all = fields.all();
        assert_eq!(
            (&all[header::LAST_MODIFIED], &all[header::CONTENT_LENGTH], &all[header::ETAG]),
            (&HeaderValue::from_static("now"), &HeaderValue::from(7), &HeaderValue::from_static("\"t\""))
        );
        assert!(!all.contains_key(header::CONTENT_ENCODING));
        let coded = fields.recoded(Coding::Gzip, 5, HeaderValue::from_static("\"u\"")).all();
        assert_eq!(
            (&coded[header::CONTENT_ENCODING], &coded[header::CONTENT_LENGTH]),
            (&HeaderValue::from_static("gzip"), &HeaderValue::from(5))
        );
        assert_eq!(fields.not_modified().len(), 2);
    }
}
