//! Packing and unpacking.

use proptest::prelude::*;

use super::*;
use crate::image::Format;
use crate::image::layer::Layer;
use crate::image::pack::{PackError, header, pack_tree};
use crate::snapshot::ContentRoot;

fn tree(files: &[(&str, &str, i64)]) -> Tree {
    let mut tree = Tree::new();
    for (path, text, seconds) in files {
        let entry = Entry::new(Bytes::copy_from_slice(text.as_bytes()), Modified::from_seconds(*seconds));
        tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
    }
    tree
}

fn unpack_one(layer: &Layer) -> Result<Tree, UnpackError> {
    unpack([(&layer.descriptor, &layer.bytes().unwrap().unwrap())])
}

/// A layer made by hand, entry by entry.
fn archive(entries: &[(&str, EntryType, &str)]) -> (Descriptor, Bytes) {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, text) in entries {
        let mut header = header(*kind, 0o644, 0);
        header.set_size(text.len() as u64);
        // Written past the checks of `set_path`, as an attacker would.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_size(0);
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        let body = if header.size().unwrap() == 0 { "" } else { text };
        builder.append(&header, body.as_bytes()).unwrap();
    }
    let bytes = Bytes::from(builder.into_inner().unwrap());
    (Descriptor::of("application/vnd.oci.image.layer.v1.tar", &bytes), bytes)
}

fn unpack_all(layers: &[(Descriptor, Bytes)]) -> Result<Tree, UnpackError> {
    unpack(layers.iter().map(|(descriptor, bytes)| (descriptor, bytes)))
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.iter().map(|(path, _)| path.as_str()).collect()
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn what_is_unpacked_is_what_was_packed() {
    let long = format!("{}/ü/{}.html", "folder".repeat(20), "n".repeat(120));
    let tree = tree(&[("index.html", "home", 0), ("posts/a/index.html", "a", 1_500_000_000), (&long, "long", 7)]);
    let unpacked = unpack_one(&pack_tree(&tree).unwrap()).unwrap();
    assert_eq!(ContentRoot::of(&unpacked), ContentRoot::of(&tree));
}

/// The digest is what instances and registries know a layer by: a change of it ships the whole site again, so it changes
/// only on purpose (another compressor or rule) and never by platform.
#[test]
fn the_bytes_of_a_layer_are_golden() {
    let layer = pack_tree(&tree(&[("index.html", &"<p>galley</p>\n".repeat(500), 1_500_000_000), ("ü.txt", "ü", 0)]));
    let layer = layer.unwrap();
    assert_eq!(layer.diff_id.to_string(), "sha256:b48ffa6ac5e34ebc14e2224db2fad38b677282ba0c914f2da16abc6b033f08d0");
    assert_eq!(
        layer.descriptor.digest.to_string(),
        "sha256:34bc6be7bce2cf087a8acedf4a8f016c24fefbb7d8771f0ef87d5a68250d1485"
    );
}

#[test]
fn a_whiteout_hides_what_lies_below_and_not_what_is_beside_it() {
    let below =
        archive(&[("site/a/1", FILE, "1"), ("site/a/2", FILE, "2"), ("site/b", FILE, "b"), ("site/c/x", FILE, "x")]);
    let above = archive(&[
        ("site/a/.wh.1", FILE, ""),
        ("site/.wh.b", FILE, ""),
        ("site/b", FILE, "new"),
        ("site/c/y", FILE, "y"),
        ("site/c/.wh..wh..opq", FILE, ""),
    ]);
    let tree = unpack_all(&[below, above]).unwrap();
    assert_eq!(paths(&tree), ["a/2", "b", "c/y"]);
    assert_eq!(tree.get("b").unwrap().read().unwrap(), "new");
}

#[test]
fn the_whole_site_can_be_hidden() {
    for name in [".wh.site", "site/.wh..wh..opq", ".wh..wh..opq"] {
        let tree =
            unpack_all(&[archive(&[("site/a", FILE, "a")]), archive(&[(name, FILE, ""), ("site/b", FILE, "b")])]);
        assert_eq!(paths(&tree.unwrap()), ["b"], "{name}");
    }
}

#[test]
fn what_could_do_harm_is_refused() {
    for (path, kind) in [
        ("site/../etc/passwd", FILE),
        ("../x", FILE),
        ("/site/x", FILE),
        ("site/a//b", FILE),
        ("site/a\\b", FILE),
        ("site/link", EntryType::Symlink),
        ("site/link", EntryType::Link),
        ("site/null", EntryType::Char),
        ("site/pipe", EntryType::Fifo),
    ] {
        let refused = unpack_all(&[archive(&[(path, kind, "x")])]);
        assert!(refused.is_err(), "{path} {kind:?}");
    }
    for twice in [["site/a", "site/a"], ["site/a", "site/A"], ["site/a", "site/a/b"]] {
        assert!(unpack_all(&[archive(&twice.map(|path| (path, FILE, "x")))]).is_err(), "{twice:?}");
    }
}

#[test]
fn what_lies_outside_the_site_is_passed_over() {
    let layer = archive(&[("galley", FILE, "x"), ("bin/sh", EntryType::Symlink, ""), ("./site/index.html", FILE, "x")]);
    assert_eq!(paths(&unpack_all(&[layer]).unwrap()), ["index.html"]);
}

#[test]
fn a_layer_that_is_cut_or_grows_without_end_is_refused() {
    let layer = pack_tree(&tree(&[("a", &"text ".repeat(10_000), 0)])).unwrap();
    let bytes = layer.bytes().unwrap().unwrap();
    let cut = bytes.slice(..bytes.len() / 2);
    assert!(unpack([(&layer.descriptor, &cut)]).is_err());
    let bomb = pack_tree(&tree(&[("a", &"\0".repeat(40 << 20), 0)])).unwrap();
    let error = unpack_one(&bomb).unwrap_err().to_string();
    assert!(error.contains("far more than a site has"), "{error}");
    let zstd = Descriptor { media_type: "application/vnd.oci.image.layer.v1.tar+zstd".into(), ..layer.descriptor };
    assert!(matches!(unpack([(&zstd, &cut)]), Err(UnpackError::MediaType(_))));
}

/// Empty files are small, and each is an entry in a table that is held.
#[test]
fn more_files_than_a_blog_has_are_refused() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(FILE);
    header.set_mode(0o644);
    header.set_size(0);
    header.set_mtime(0);
    for number in 0..=MAX_FILES {
        builder.append_data(&mut header, format!("site/{number}"), std::io::empty()).unwrap();
    }
    let bytes = Bytes::from(builder.into_inner().unwrap());
    let descriptor = Descriptor::of("application/vnd.oci.image.layer.v1.tar", &bytes);
    let error = unpack([(&descriptor, &bytes)]).unwrap_err().to_string();
    assert!(error.contains("it has more than 250,000 files"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_tree_comes_back_with_its_root(files in proptest::collection::btree_map("[a-zäß]{1,60}(/[a-z .-]{1,60}x){0,3}", ("\\PC{0,50}", 0i64..1 << 33), 0..8)) {
        let mut tree = Tree::new();
        for (path, (text, seconds)) in files {
            if let Ok(path) = TreePath::new(&path) {
                // A path that collides with an earlier one is left out.
                let _ = tree.insert(path, Entry::new(Bytes::from(text), Modified::from_seconds(seconds)));
            }
        }
        // Now and then a name comes up that would hide others in a layer (`.wh.x`): that is refused, by its name.
        let packed = match pack_tree(&tree) {
            Ok(packed) => packed,
            Err(PackError::Reserved(path)) => {
                prop_assert!(path.to_string().contains(".wh."), "{path}");
                return Ok(());
            }
            Err(error) => panic!("{error}"),
        };
        prop_assert_eq!(ContentRoot::of(&unpack_one(&packed).unwrap()), ContentRoot::of(&tree));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let bytes = Bytes::from(bytes);
        for media_type in [Format::Oci.media_types().layer, "application/vnd.oci.image.layer.v1.tar"] {
            let _ = unpack([(&Descriptor::of(media_type, &bytes), &bytes)]);
        }
    }
}
