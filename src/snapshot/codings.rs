//! Codings that were made, by the digest of what was coded: compressing a site takes much longer than rendering it.

use std::collections::{HashMap, HashSet};

use bytes::{Buf, BufMut, Bytes};

use super::coding::Coding;
use super::digest::Digest;
use super::frozen::Snapshot;
use super::resource::Resource;

/// What stands before each coding: 32 bytes of digest, one that names the coding, and 4 of length.
const HEAD: usize = 37;

/// Codings by the digest of the bytes that were coded. A coding that saves nothing is known as such.
#[derive(Clone, Debug, Default)]
pub struct Codings(HashMap<(Digest, Coding), Option<Bytes>>);

impl Codings {
    /// Reads what [`Codings::of`] wrote; nothing is copied. What is cut short or unknown ends it: the rest is made anew.
    pub fn from_bytes(mut bytes: Bytes) -> Self {
        let mut codings = HashMap::new();
        while bytes.len() >= HEAD {
            let mut digest = [0; 32];
            bytes.copy_to_slice(&mut digest);
            let coding = Coding::MADE.get(usize::from(bytes.get_u8())).copied();
            let length = bytes.get_u32_le() as usize;
            let Some(coding) = coding.filter(|_| length <= bytes.len()) else { break };
            let coded = Some(bytes.split_to(length)).filter(|coded| !coded.is_empty());
            codings.insert((Digest::from_bytes(digest), coding), coded);
        }
        Self(codings)
    }

    /// All that is known of the codings of `snapshot`, in the order of their digests.
    pub fn of(&self, snapshot: &Snapshot) -> Vec<u8> {
        let mut digests: Vec<Digest> = snapshot.resources().map(Resource::digest).collect();
        digests.sort_unstable();
        digests.dedup();
        let known = digests.iter().flat_map(|digest| Coding::MADE.map(|coding| (*digest, coding)));
        let known = (0..Coding::MADE.len() as u8).cycle().zip(known);
        let known =
            known.filter_map(|(number, key)| Some((number, key.0, self.0.get(&key)?.as_deref().unwrap_or_default())));
        // In one go: this is as large as the site, and growing it would take twice as much.
        let length: usize = known.clone().map(|(_, _, coded)| HEAD + coded.len()).sum();
        let mut bytes = Vec::with_capacity(length);
        for (number, digest, coded) in known {
            // A coding of 4 GiB and more is of no page; it is made anew.
            let Ok(length) = u32::try_from(coded.len()) else { continue };
            bytes.put_slice(&digest.bytes());
            bytes.put_u8(number);
            bytes.put_u32_le(length);
            bytes.put_slice(coded);
        }
        bytes
    }

    /// What is known of a coding: nothing, that it saves nothing, or its bytes.
    pub fn get(&self, digest: Digest, coding: Coding) -> Option<Option<&Bytes>> {
        self.0.get(&(digest, coding)).map(Option::as_ref)
    }

    /// Makes the coding of `bytes`, whose digest is `digest`. Takes milliseconds a page.
    pub fn make(digest: Digest, coding: Coding, bytes: &[u8]) -> Made {
        Made { digest, coding, coded: coding.make(bytes) }
    }

    /// Keeps a copy of what was made: it takes no more room than it needs, and lies in the memory of the thread that keeps
    /// it, not among the holes that making it left.
    pub fn keep(&mut self, made: &Made) {
        let coded = made.coded.as_deref().map(Bytes::copy_from_slice);
        self.0.insert((made.digest, made.coding), coded);
    }

    /// Forgets the codings of what `snapshot` does not hold.
    pub fn retain(&mut self, snapshot: &Snapshot) {
        let held: HashSet<Digest> = snapshot.resources().map(Resource::digest).collect();
        self.0.retain(|(digest, _), _| held.contains(digest));
    }
}

/// A coding that was made, or found to save nothing.
#[derive(Debug)]
pub struct Made {
    digest: Digest,
    coding: Coding,
    coded: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::super::freeze::{Freezing, freeze, freeze_with};
    use super::super::frozen::Lookup;
    use super::super::tree::{Entry, Tree, TreePath};
    use super::*;

    fn coding_of(snapshot: &Snapshot, coding: Coding) -> Option<Bytes> {
        let Lookup::Found(resource) = snapshot.lookup("/a.txt") else { panic!("no resource") };
        let found = resource.representations.iter().find(|made| made.coding == coding);
        found.map(|found| found.body.bytes().unwrap().clone())
    }

    #[test]
    fn a_snapshot_has_the_codings_that_were_kept() {
        let mut tree = Tree::new();
        let text = Bytes::from("words ".repeat(100));
        let entry = Entry::new(text.clone(), None);
        let digest = entry.digest();
        tree.insert(TreePath::new("a.txt").unwrap(), entry).unwrap();
        let plain = freeze(&tree, None).unwrap();
        assert_eq!(coding_of(&plain, Coding::Gzip), None);
        let mut codings = Codings::default();
        for coding in Coding::MADE {
            codings.keep(&Codings::make(digest, coding, &text));
        }
        let kept = codings.of(&plain);
        let read = Codings::from_bytes(Bytes::from(kept.clone()));
        let freezing = Freezing { codings: Some(&read), ..Freezing::default() };
        let frozen = freeze_with(&tree, &freezing).unwrap();
        for coding in Coding::MADE {
            assert_eq!(coding_of(&frozen, coding).as_ref(), codings.get(digest, coding).unwrap());
            assert_eq!(coding_of(&plain.with(&codings), coding), coding_of(&frozen, coding));
        }
        let cut = Codings::from_bytes(Bytes::from(kept[..kept.len() - 1].to_vec()));
        assert_eq!((cut.get(digest, Coding::Gzip).is_some(), cut.get(digest, Coding::Zstd)), (true, None));
        codings.retain(&freeze(&Tree::new(), None).unwrap());
        assert_eq!(codings.get(digest, Coding::Gzip), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            Codings::from_bytes(Bytes::from(bytes));
        }
    }
}
