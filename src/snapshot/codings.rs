//! Codings that were made before, by the digest of what was coded: compressing a site takes longer than rendering it.

use std::collections::HashMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::coding::{Coding, gzip_if_smaller};
use super::digest::Digest;
use super::freeze::Snapshot;

/// What stands before each coding: 32 bytes of digest and 4 of length.
const HEAD: usize = 36;

/// gzip codings by the digest of the bytes that were coded.
#[derive(Debug, Default)]
pub struct Codings(HashMap<Digest, Bytes>);

impl Codings {
    /// Reads what [`Codings::of`] wrote; nothing is copied. What is cut short ends it: the rest is made anew.
    pub fn from_bytes(mut bytes: Bytes) -> Self {
        let mut codings = HashMap::new();
        while bytes.len() >= HEAD {
            let mut digest = [0; 32];
            bytes.copy_to_slice(&mut digest);
            let length = bytes.get_u32_le() as usize;
            if bytes.len() < length {
                break;
            }
            codings.insert(Digest::from_bytes(digest), bytes.split_to(length));
        }
        Self(codings)
    }

    /// All codings of a snapshot, in the order of their digests.
    pub fn of(snapshot: &Snapshot) -> Vec<u8> {
        let mut codings: Vec<(Digest, &Bytes)> = snapshot
            .resources()
            .flat_map(|resource| resource.representations.iter().map(move |made| (resource.digest(), made)))
            .filter(|(_, made)| made.coding == Coding::Gzip)
            .map(|(digest, made)| (digest, &made.bytes))
            .collect();
        codings.sort_unstable_by_key(|(digest, _)| *digest);
        codings.dedup_by_key(|(digest, _)| *digest);
        let mut bytes = BytesMut::new();
        for (digest, coded) in codings {
            // A coding of 4 GiB and more is of no page; it is made anew.
            let Ok(length) = u32::try_from(coded.len()) else { continue };
            bytes.put_slice(&digest.bytes());
            bytes.put_u32_le(length);
            bytes.put_slice(coded);
        }
        bytes.into()
    }

    /// The gzip coding of `bytes`, if it saves anything.
    pub(super) fn gzip(&self, digest: Digest, bytes: &[u8]) -> Option<Bytes> {
        self.0.get(&digest).cloned().or_else(|| gzip_if_smaller(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::freeze::{Lookup, freeze, freeze_with};
    use super::super::tree::{Entry, Tree, TreePath};
    use super::*;

    fn gzip_of(snapshot: &Snapshot) -> Bytes {
        let Lookup::Found(resource) = snapshot.lookup("/a.txt") else { panic!("no resource") };
        resource.representations.iter().find(|made| made.coding == Coding::Gzip).unwrap().bytes.clone()
    }

    #[test]
    fn a_coding_is_taken_from_where_it_was_kept_and_made_where_it_was_not() {
        let mut tree = Tree::new();
        let entry = Entry::new(Bytes::from("words ".repeat(100)), None);
        let digest = entry.digest();
        tree.insert(TreePath::new("a.txt").unwrap(), entry).unwrap();
        let made = freeze(&tree, None).unwrap();
        let kept = Codings::of(&made);
        assert_eq!(Codings::from_bytes(Bytes::from(kept.clone())).0[&digest], gzip_of(&made));
        let known = Codings(HashMap::from([(digest, Bytes::from_static(b"kept"))]));
        assert_eq!(gzip_of(&freeze_with(&tree, None, &known).unwrap()), "kept");
        let cut = Codings::from_bytes(Bytes::from(kept[..kept.len() - 1].to_vec()));
        assert_eq!(gzip_of(&freeze_with(&tree, None, &cut).unwrap()), gzip_of(&made));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            Codings::from_bytes(Bytes::from(bytes));
        }
    }
}
