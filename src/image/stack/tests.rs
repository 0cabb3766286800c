use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::image::unpack::{list, unpack};
use crate::snapshot::{ContentRoot, Entry, TreePath};

/// Hashed once, however many trees they are in.
type Files = BTreeMap<String, Entry>;

fn tree(files: &Files) -> Tree {
    let mut tree = Tree::new();
    for (path, entry) in files {
        tree.insert(TreePath::new(path).unwrap(), entry.clone()).unwrap();
    }
    tree
}

fn file(bytes: impl Into<Bytes>) -> Entry {
    Entry::new(bytes.into(), None)
}

/// The layers as a destination has them, lowest first.
#[derive(Default)]
struct Destination {
    known: Vec<Known>,
    blobs: BTreeMap<Digest, Bytes>,
}

impl Destination {
    /// Puts the layers of `tree` there; returns the bytes that had to be moved.
    fn take(&mut self, tree: &Tree) -> u64 {
        let stack = Stack::of_tree(tree, &self.known).unwrap();
        let mut moved = 0;
        let mut listing = stack.listing;
        let mut known = Vec::new();
        for layer in stack.layers {
            match layer.bytes().unwrap() {
                Some(bytes) => {
                    moved += layer.descriptor.size;
                    self.blobs.insert(layer.descriptor.digest, bytes);
                    let listing = listing.take().unwrap();
                    known.push(Known { descriptor: layer.descriptor, diff_id: layer.diff_id, listing });
                }
                None => known.push(self.known.iter().find(|one| one.descriptor == layer.descriptor).unwrap().clone()),
            }
        }
        self.known = known;
        moved
    }

    fn tree(&self) -> Tree {
        unpack(self.known.iter().map(|known| (&known.descriptor, &self.blobs[&known.descriptor.digest]))).unwrap()
    }
}

/// Words that compress about as a page does, to a third.
fn text(seed: u64, length: usize) -> Entry {
    const SYLLABLES: [&str; 16] =
        ["ka", "lo", "mi", "re", "tu", "sen", "dor", "vi", "pa", "ne", "gos", "ter", "ban", "lu", "fe", "shi"];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(length);
    while text.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Few words are frequent and many are rare.
        let word = (state % 2000) * (state >> 32) % 2000 % (1 + state % 1000);
        for shift in [0, 4, 8] {
            text.push_str(SYLLABLES[(word >> shift) as usize % 16]);
        }
        text.push_str(if state.is_multiple_of(11) { "</p>\n<p>" } else { " " });
    }
    file(text)
}

fn blog(posts: u64) -> Files {
    (0..posts).map(|number| (format!("posts/p{number}/index.html"), text(number, 4000))).collect()
}

#[test]
fn an_edit_moves_the_page_and_not_the_blog() {
    let mut files = blog(200);
    let mut destination = Destination::default();
    let all = destination.take(&tree(&files));
    files.insert("posts/p7/index.html".to_owned(), text(1000, 4000));
    let moved = destination.take(&tree(&files));
    assert!(moved < all / 100, "{moved} of {all}");
    assert_eq!(destination.known.len(), 2);
    assert_eq!(destination.take(&tree(&files)), 0);
}

#[test]
fn deltas_that_are_a_quarter_of_the_base_become_a_new_one() {
    let mut destination = Destination::default();
    let mut files = blog(200);
    destination.take(&tree(&files));
    // Seven posts are some 3 % of all, and nothing of what is there dies.
    let mut layers = Vec::new();
    for deploy in 0..10 {
        files.extend(
            (0..7).map(|post| (format!("new/{deploy}-{post}/index.html"), text(5000 + deploy * 7 + post, 4000))),
        );
        destination.take(&tree(&files));
        layers.push(destination.known.len());
        let deltas: u64 = destination.known[1..].iter().map(|known| known.descriptor.size).sum();
        assert!(deltas * 4 <= destination.known[0].descriptor.size, "{deploy}: {deltas}");
    }
    // Three stay, the fourth takes them in; with the eighth or ninth it is too much.
    assert_eq!(layers[..4], [2, 3, 4, 2]);
    assert!(layers[4..].contains(&1), "{layers:?}");
}

#[test]
fn layers_of_which_a_quarter_is_dead_become_a_new_base() {
    let mut destination = Destination::default();
    let mut files = blog(100);
    destination.take(&tree(&files));
    // What goes costs next to nothing to ship: only what nobody sees any more tells.
    for (left, layers) in [(90, 2), (80, 3), (70, 1)] {
        files.retain(|path, _| !(left..left + 10).any(|post| path.contains(&format!("/p{post}/"))));
        assert_eq!(files.len() as u64, left);
        destination.take(&tree(&files));
        assert_eq!(destination.known.len(), layers, "{left}");
    }
}

#[test]
fn whole_folders_are_hidden_by_one_name() {
    let mut files = blog(3);
    files.insert("posts/p0/image.png".to_owned(), file(vec![1]));
    let before = tree(&files);
    files.retain(|path, _| !path.starts_with("posts/p0/"));
    let after = tree(&files);
    let all = Delta::between(&BTreeMap::new(), &before).listing().files;
    let delta = Delta::between(&all, &after);
    assert_eq!(delta.hidden.iter().map(String::as_str).collect::<Vec<_>>(), ["posts/p0"]);
    assert!(delta.files.is_empty());
}

#[test]
fn files_and_folders_may_change_places() {
    let mut destination = Destination::default();
    let mut files = blog(300);
    files.extend([("a".to_owned(), file("file")), ("b/x".to_owned(), file("in a folder"))]);
    destination.take(&tree(&files));
    files.remove("a");
    files.remove("b/x");
    files.extend([("a/x".to_owned(), file("in a folder")), ("b".to_owned(), file("file"))]);
    destination.take(&tree(&files));
    assert_eq!(destination.known.len(), 2);
    assert_eq!(ContentRoot::of(&destination.tree()), ContentRoot::of(&tree(&files)));
}

#[test]
fn what_hides_others_can_not_be_packed() {
    for name in [".wh.index.html", "a/.wh..wh..opq", ".wh.a/b"] {
        let files = Files::from([(name.to_owned(), file("x"))]);
        let error = Stack::of_tree(&tree(&files), &[]).unwrap_err().to_string();
        assert!(error.contains("hides another file; rename it"), "{error}");
    }
}

/// A thousand deploys, three in ten of them a new post: what the figures of the manual are from. It prints them.
#[test]
fn a_thousand_deploys_stay_small_in_bytes_and_layers() {
    let mut files = blog(1000);
    let mut destination = Destination::default();
    let all = destination.take(&tree(&files));
    let (mut moved, mut layers) = (Vec::new(), 0);
    let mut posts = 1000;
    for deploy in 0..1000u64 {
        let number = if deploy % 10 < 3 { posts } else { (deploy * 7919) % posts };
        posts = posts.max(number + 1);
        files.insert(format!("posts/p{number}/index.html"), text(10_000 + deploy, 4000));
        // The pages that list it, of which one is always the first.
        for (path, length) in [("index.html", 5000), ("feed.xml", 12_000), ("posts/index.html", 5000)] {
            files.insert(path.to_owned(), text(20_000 + deploy, length));
        }
        files.insert(format!("page/{}/index.html", number / 20), text(30_000 + deploy, 5000));
        moved.push(destination.take(&tree(&files)));
        layers = layers.max(destination.known.len() + 1);
        if deploy % 250 == 0 {
            assert_eq!(ContentRoot::of(&destination.tree()), ContentRoot::of(&tree(&files)));
        }
    }
    let mean = moved.iter().sum::<u64>() / moved.len() as u64;
    moved.sort_unstable();
    eprintln!("all {all}, mean {mean} bytes, p99 {}, most layers {layers}", moved[moved.len() * 99 / 100]);
    assert!(mean < 40_000, "{mean}");
    assert!(layers <= 16, "{layers}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Law 3: however many layers it came in, what is unpacked has the content root of what was packed.
    #[test]
    fn any_history_gives_the_last_tree(
        history in proptest::collection::vec(
            proptest::collection::btree_map("[a-c](/[a-c]){0,2}", proptest::collection::vec(any::<u8>(), 0..40), 1..8),
            1..20,
        ),
    ) {
        let mut destination = Destination::default();
        for files in history {
            let mut packed = Tree::new();
            for (path, bytes) in files {
                // A path that collides with an earlier one is left out.
                let _ = packed.insert(TreePath::new(&path).unwrap(), Entry::new(Bytes::from(bytes), None));
            }
            destination.take(&packed);
            prop_assert_eq!(ContentRoot::of(&destination.tree()), ContentRoot::of(&packed));
            prop_assert!(destination.known.len() <= MAX_DELTAS + 1);
            for known in &destination.known {
                let (listing, diff_id) = list(&known.descriptor, &destination.blobs[&known.descriptor.digest]).unwrap();
                prop_assert_eq!((&listing, diff_id), (&known.listing, known.diff_id));
                let bytes = crate::image::record(diff_id, &listing);
                prop_assert_eq!(&Known::from_record(&known.descriptor, &bytes).unwrap().listing, &listing);
            }
        }
    }
}
