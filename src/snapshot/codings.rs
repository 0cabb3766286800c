//! Codings that were made, by the digest of what was coded: compressing a site takes much longer than rendering it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::coding::Coding;
use super::digest::Digest;
use super::frozen::Snapshot;
use super::held::{Held, LARGE};
use super::memory_file::MemoryFile;
use super::resource::Resource;

/// What stands before each coding: 32 bytes of digest, one that names the coding, and 4 of length.
const HEAD: usize = 37;

/// Codings lie one behind the other in blocks of this size: an allocator rounds each up, by 0.9 MB of the 20 MB
/// that a thousand posts have.
const BLOCK: usize = 256 * 1024;
/// A block stays as long as one of its codings does. What blocks take may be this many times what is in use in them.
const SPARSE: usize = 2;

/// Codings by the digest of the bytes that were coded. A coding that saves nothing is known as such.
#[derive(Debug, Default)]
pub struct Codings {
    known: HashMap<(Digest, Coding), Option<Held>>,
    /// Where large ones are held.
    file: Option<Arc<MemoryFile>>,
    /// What is left of the newest block.
    block: BytesMut,
    /// Bytes of all blocks since they were last packed.
    allocated: usize,
}

impl Codings {
    /// Reads what [`Codings::of`] wrote; nothing is copied but large ones, if there is a `file` for them. What is cut short
    /// or unknown ends it: the rest is made anew.
    pub fn from_bytes(mut bytes: Bytes, file: Option<Arc<MemoryFile>>) -> Self {
        let mut known = HashMap::new();
        let allocated = bytes.len();
        while bytes.len() >= HEAD {
            let mut digest = [0; 32];
            bytes.copy_to_slice(&mut digest);
            let coding = Coding::MADE.get(usize::from(bytes.get_u8())).copied();
            let length = bytes.get_u32_le() as usize;
            let Some(coding) = coding.filter(|_| length <= bytes.len()) else { break };
            let coded = Some(bytes.split_to(length)).filter(|coded| !coded.is_empty());
            let held = coded.map(|coded| Held::new(coded, file.as_ref()));
            known.insert((Digest::from_bytes(digest), coding), held);
        }
        Self { known, file, block: BytesMut::new(), allocated }
    }

    /// All that is known of the codings of `snapshot`, in the order of their digests.
    pub fn of(&self, snapshot: &Snapshot) -> Vec<u8> {
        let mut digests: Vec<Digest> = snapshot.all_resources().map(Resource::digest).collect();
        digests.sort_unstable();
        digests.dedup();
        let known = digests.iter().flat_map(|digest| Coding::MADE.map(|coding| (*digest, coding)));
        let known = (0..Coding::MADE.len() as u8).cycle().zip(known);
        let known = known.filter_map(|(number, key)| Some((number, key.0, self.known.get(&key)?.as_ref())));
        // In one go: this is as large as the site, and growing it would take twice as much.
        let length_of = |coded: Option<&Held>| coded.map_or(0, Held::length);
        let length: usize = known.clone().map(|(_, _, coded)| HEAD + length_of(coded) as usize).sum();
        let mut bytes = Vec::with_capacity(length);
        for (number, digest, coded) in known {
            // A coding of 4 GiB and more is of no page; it is made anew.
            let Ok(length) = u32::try_from(length_of(coded)) else { continue };
            let Ok(coded) = coded.map_or_else(|| Ok(Bytes::new()), Held::bytes) else { continue };
            bytes.put_slice(&digest.bytes());
            bytes.put_u8(number);
            bytes.put_u32_le(length);
            bytes.put_slice(&coded);
        }
        bytes
    }

    /// The bytes of all that are known.
    pub fn length(&self) -> u64 {
        self.known.values().flatten().map(Held::length).sum()
    }

    /// What is known of a coding: nothing, that it saves nothing, or its bytes.
    pub fn get(&self, digest: Digest, coding: Coding) -> Option<Option<&Held>> {
        self.known.get(&(digest, coding)).map(Option::as_ref)
    }

    /// Makes the coding of `bytes`, whose digest is `digest`. Takes milliseconds a page.
    pub fn make(digest: Digest, coding: Coding, bytes: &[u8]) -> Made {
        Made { digest, coding, coded: coding.make(bytes) }
    }

    /// Keeps a copy of what was made: it takes no more room than it needs, and lies in the memory of the thread that keeps
    /// it, not among the holes that making it left.
    pub fn keep(&mut self, made: &Made) {
        let file = self.file.clone();
        let coded = made.coded.as_deref().map(|coded| match &file {
            Some(file) if coded.len() >= LARGE => Held::new(Bytes::copy_from_slice(coded), Some(file)),
            _ => self.pack(coded),
        });
        self.known.insert((made.digest, made.coding), coded);
    }

    /// Forgets the codings of what `snapshot` does not hold. Those that stay may lie elsewhere then: a snapshot that has them
    /// takes the room of the others too, until it is [given them](Snapshot::with) anew.
    pub fn retain(&mut self, snapshot: &Snapshot) {
        let held: HashSet<Digest> = snapshot.all_resources().map(Resource::digest).collect();
        self.known.retain(|(digest, _), _| held.contains(digest));
        let heap = |held: &Held| if let Held::Bytes(bytes) = held { bytes.len() } else { 0 };
        let used: usize = self.known.values().flatten().map(heap).sum();
        if self.allocated > SPARSE * used.max(BLOCK) {
            self.allocated = 0;
            self.block = BytesMut::new();
            let known = std::mem::take(&mut self.known);
            let mut packed = |held| match held {
                Held::Bytes(bytes) => self.pack(&bytes),
                Held::Pages(_) => held,
            };
            let known: HashMap<_, _> = known.into_iter().map(|(key, held)| (key, held.map(&mut packed))).collect();
            self.known = known;
        }
    }

    /// A copy in the newest block, or in a new one if there is no room.
    fn pack(&mut self, coded: &[u8]) -> Held {
        if self.block.capacity() < coded.len() {
            let size = coded.len().max(BLOCK);
            self.block = BytesMut::with_capacity(size);
            self.allocated += size;
        }
        self.block.extend_from_slice(coded);
        Held::Bytes(self.block.split().freeze())
    }
}

/// A coding that was made, or found to save nothing.
#[derive(Debug)]
pub struct Made {
    digest: Digest,
    coding: Coding,
    coded: Option<Vec<u8>>,
}

impl Made {
    /// The number of its bytes.
    pub fn length(&self) -> u64 {
        self.coded.as_ref().map_or(0, |coded| coded.len() as u64)
    }
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
        let read = Codings::from_bytes(Bytes::from(kept.clone()), None);
        let freezing = Freezing { codings: Some(&read), ..Freezing::default() };
        let frozen = freeze_with(&tree, &freezing).unwrap();
        for coding in Coding::MADE {
            let made = codings.get(digest, coding).unwrap().map(|held| held.bytes().unwrap());
            assert_eq!(coding_of(&frozen, coding), made);
            assert_eq!(coding_of(&plain.with(&codings), coding), coding_of(&frozen, coding));
        }
        let cut = Codings::from_bytes(Bytes::from(kept[..kept.len() - 1].to_vec()), None);
        assert_eq!((cut.get(digest, Coding::Gzip).is_some(), cut.get(digest, Coding::Zstd).is_some()), (true, false));
        codings.retain(&freeze(&Tree::new(), None).unwrap());
        assert!(codings.get(digest, Coding::Gzip).is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn large_codings_lie_in_the_file_and_are_kept_like_others() {
        let text: String = (0..60_000u32).map(|number| format!("{:x}", number.wrapping_mul(2_654_435_761))).collect();
        let (mut tree, entry) = (Tree::new(), Entry::new(Bytes::from(text.clone()), None));
        let digest = entry.digest();
        tree.insert(TreePath::new("a.txt").unwrap(), entry).unwrap();
        let file = MemoryFile::new().unwrap();
        let mut codings = Codings::from_bytes(Bytes::new(), Some(Arc::clone(&file)));
        codings.keep(&Codings::make(digest, Coding::Gzip, text.as_bytes()));
        let record = codings.of(&freeze(&tree, None).unwrap());
        for codings in [codings, Codings::from_bytes(Bytes::from(record), Some(file))] {
            let Some(Some(Held::Pages(pages))) = codings.get(digest, Coding::Gzip) else { panic!("it is on the heap") };
            assert_eq!(pages.bytes().unwrap(), Coding::Gzip.make(text.as_bytes()).unwrap());
        }
    }

    /// The room of what is forgotten is not kept for ever by what lies beside it.
    #[test]
    fn blocks_are_packed_anew_when_they_are_sparse() {
        let page = |release: u32, number: u32| {
            let mut random = u64::from(release) << 32 | u64::from(number);
            let text = (0..4000).map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                b'a' + (random >> 59) as u8
            });
            Entry::new(Bytes::from_iter(text), None)
        };
        let mut codings = Codings::default();
        let mut packed = 0;
        let mut served = freeze(&Tree::new(), None).unwrap();
        for release in 0..40 {
            let mut tree = Tree::new();
            // The first page stays the same, the others change with each release.
            for number in 0..30 {
                let entry = page(if number == 0 { 0 } else { release }, number);
                let name = if number == 0 { "a.txt".to_owned() } else { format!("{number}.txt") };
                tree.insert(TreePath::new(&name).unwrap(), entry).unwrap();
            }
            let snapshot = freeze(&tree, None).unwrap();
            let before = codings.allocated;
            codings.retain(&snapshot);
            packed += usize::from(codings.allocated < before);
            let missing: Vec<_> = snapshot
                .resources()
                .map(|resource| (resource.digest(), resource.to_code().unwrap().bytes().unwrap()))
                .collect();
            for (digest, bytes) in missing {
                if codings.get(digest, Coding::Gzip).is_none() {
                    codings.keep(&Codings::make(digest, Coding::Gzip, &bytes));
                }
                let coded = codings.get(digest, Coding::Gzip).unwrap().unwrap();
                assert_eq!(coded.bytes().unwrap()[..], Coding::Gzip.make(&bytes).unwrap());
            }
            // What is the same as before lies where it was moved to, or it would keep the old block.
            served = freeze(&tree, Some(&served)).unwrap().with(&codings);
            let first = coding_of(&served, Coding::Gzip).unwrap();
            let known = tree.get("a.txt").unwrap().digest();
            assert_eq!(first.as_ptr(), codings.get(known, Coding::Gzip).unwrap().unwrap().bytes().unwrap().as_ptr());
            assert!(codings.allocated <= (SPARSE + 1) * BLOCK, "{}", codings.allocated);
        }
        assert!(packed > 0);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            Codings::from_bytes(Bytes::from(bytes), None);
        }
    }
}
