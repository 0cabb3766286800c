//! Images as they should not be, seen by those who serve them and by those who look at them first.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::time::{Duration, Instant};

use galley::image::{Descriptor, unpack, write_layout};
use galley::snapshot::{Digest, TreePath};
use proptest::prelude::*;
use serde_json::{Value, json};
use tar::EntryType;

use crate::image::{image, tree};
use crate::layouts::{CONFIG, GZIP, INDEX, Layout, TAR, archive, archive_with_mode, file, gzip, pax};
use crate::support::{Instance, PATIENCE, Ran, galley, run};

/// Runs a verb that should end by itself; one that serves what it should not would never.
#[track_caller]
fn ended(verb: &str, source: &str) -> Ran {
    let mut command = galley();
    let mut child = command.args([verb, source]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            panic!("{verb} goes on: {}", String::from_utf8_lossy(&output.stderr));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ran::from(child.wait_with_output().unwrap())
}

/// Neither is it served nor does `inspect` pass it; both end with one message that has these parts.
#[track_caller]
fn refused(layout: &Layout, serve: &str, inspect: &str) {
    let source = layout.source();
    for (ran, part) in [(ended("serve", &source), serve), (ended("inspect", &source), inspect)] {
        assert_eq!(ran.code, 1, "{}{}", ran.output, ran.errors);
        assert!(ran.errors.contains(part) || ran.output.contains(part), "{part}\n{}{}", ran.output, ran.errors);
        assert!(!ran.errors.contains("panicked"), "{}", ran.errors);
        assert_eq!(ran.errors.matches("error: ").count(), 1, "{}", ran.errors);
    }
}

#[test]
fn a_layer_that_was_made_to_do_harm_is_refused() {
    const PAX: EntryType = EntryType::XHeader;
    let deep = pax(&format!("site/{}x", "folder/".repeat(200)));
    let wide = pax(&format!("site/{}", "x".repeat(256)));
    for (entries, says) in [
        (&[file("site/../etc/passwd", "x")][..], "`.` and `..` are not allowed"),
        (&[file("../x", "x")], "`.` and `..` are not allowed"),
        (&[file("/site/index.html", "x")], "it is absolute"),
        (&[file("site/a//b", "x")], "has an empty part"),
        (&[file("site/a\\b", "x")], "a backslash"),
        (&[file("site/a\x07b", "x")], "a control character"),
        (&[(b"site/\xff\xfe", EntryType::Regular, "x")], "a name that is not UTF-8"),
        (&[(b"site/link", EntryType::Symlink, "/etc/passwd")], "is a link, device or the like"),
        (&[(b"site/link", EntryType::Symlink, "index.html")], "is a link, device or the like"),
        (&[(b"site/link", EntryType::Link, "../../etc/passwd")], "is a link, device or the like"),
        (&[(b"site/null", EntryType::Char, "")], "is a link, device or the like"),
        (&[(b"site/disk", EntryType::Block, "")], "is a link, device or the like"),
        (&[(b"site/pipe", EntryType::Fifo, "")], "is a link, device or the like"),
        (&[file("site/a", "x"), file("site/a", "y")], "it names `a` twice"),
        (&[file("site/a", "x"), file("site/A", "y")], "would be the same file"),
        (&[file("site/a", "x"), file("site/a/b", "y")], "would be the same file"),
        // The name that counts is the one of the record before.
        (&[(b"pax", PAX, "19 path=../escaped\n"), file("site/fine", "x")], "`.` and `..` are not allowed"),
        (&[(b"pax", PAX, &deep), file("site/fine", "x")], "it is longer than 1024 bytes"),
        (&[(b"pax", PAX, &wide), file("site/fine", "x")], "one of its names is longer than 255 bytes"),
    ] {
        refused(&Layout::of_archive(&archive(entries)), says, says);
    }
    for mode in [0o4755, 0o2755, 0o6711] {
        let says = "`site/x` is setuid or setgid";
        refused(&Layout::of_archive(&archive_with_mode(&[file("site/x", "x")], mode)), says, says);
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_large() {
    let large = "\0".repeat(48 << 20);
    let bomb = archive(&[file("site/a", &large)]);
    refused(
        &Layout::of_archive(&bomb),
        "it unpacks to far more than a site has",
        "unpacks to more than 200 times its size",
    );
    // Within the layer of the program it would be as bad.
    let layout = Layout::new();
    let (site, site_id) = layout.layer(&archive(&[file("site/index.html", "x")]), "base");
    let (binary, binary_id) = layout.layer(&bomb, "binary");
    layout.list(&[layout.index(&[layout.image(&[binary, site], &[binary_id, site_id])], &json!({}))]);
    run(&["inspect", &layout.source()]).says(1, "1 fault");
}

/// A whole archive of one page.
fn page() -> Vec<u8> {
    archive(&[file("site/index.html", "<p>hello</p>")])
}

#[test]
fn a_blob_that_is_cut_or_padded_is_refused() {
    let whole = gzip(&page());
    let layer = |layout: &Layout| layout.layer(&page(), "base").0;
    // Other bytes than the descriptor names.
    for bytes in [&whole[..whole.len() - 4], &[&whole[..], b"more"].concat(), b""] {
        let layout = Layout::of_archive(&page());
        fs::write(layout.file(&layer(&layout)), bytes).unwrap();
        refused(&layout, "does not match its digest or size", "fault");
    }
    // Bytes that the descriptor names, and that are no archive to their end.
    for bytes in [&whole[..whole.len() - 4], &whole[..whole.len() / 2], &[&whole[..], b"more"].concat(), b"", b"text"] {
        let layout = Layout::new();
        let mut layer = layout.blob(GZIP, bytes);
        layer["annotations"] = json!({"dev.galley.role": "base"});
        layout.list(&[layout.index(&[layout.image(&[layer], &[Digest::of(&page())])], &json!({}))]);
        refused(&layout, "a layer can't be read", "can't be read to its end");
    }
}

#[test]
fn a_blob_that_is_no_file_is_not_read() {
    let layout = Layout::new();
    let mut layer = layout.blob(GZIP, b"");
    layer["annotations"] = json!({"dev.galley.role": "base"});
    layout.list(&[layout.index(&[layout.image(&[layer.clone()], &[Digest::of(b"")])], &json!({}))]);
    let file = layout.file(&layer);
    fs::remove_file(&file).unwrap();
    refused(&layout, "No such file or directory", "No such file or directory");
    // Its length is 0, and it never ends.
    symlink("/dev/zero", &file).unwrap();
    refused(&layout, "does not match its digest or size", "does not match its digest or size");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused(&layout, "does not match its digest or size", "does not match its digest or size");
}

/// Instances go by the content root; engines refuse such an image. So `inspect` says it.
#[test]
fn a_config_that_lies_about_its_layers_is_found_by_inspect() {
    let layout = Layout::new();
    let (layer, diff_id) = layout.layer(&page(), "base");
    for (diff_ids, says) in [
        (&[Digest::of(b"other")][..], "the config promises the diff_id sha256:"),
        (&[], "the config promises 0 layers, but there are 1"),
        (&[diff_id, diff_id], "the config promises 2 layers, but there are 1"),
    ] {
        layout.list(&[layout.index(&[layout.image(std::slice::from_ref(&layer), diff_ids)], &json!({}))]);
        let ran = run(&["inspect", &layout.source()]);
        ran.says(1, "1 fault");
        assert!(ran.output.contains(says), "{}", ran.output);
        assert_eq!(Instance::start(&[&layout.source()]).get("/").text(), "<p>hello</p>");
    }
    layout.list(&[layout.index(&[layout.image(&[layer], &[diff_id])], &json!({}))]);
    assert_eq!(run(&["inspect", &layout.source()]).code, 0);
}

#[test]
fn a_content_root_that_lies_is_refused() {
    let layout = Layout::new();
    let (layer, diff_id) = layout.layer(&page(), "base");
    let image = layout.image(&[layer], &[diff_id]);
    for root in [Digest::of(b"other").to_string(), "nonsense".to_owned(), String::new()] {
        layout.list(&[layout.index(std::slice::from_ref(&image), &json!({"dev.galley.content-root": root}))]);
        refused(&layout, "is refused: it promises the content", "is refused: it promises the content");
    }
}

#[test]
fn an_index_or_manifest_that_is_far_too_long_is_refused() {
    let padding = json!({"x": "x".repeat(5 << 20)});
    let layout = Layout::of_archive(&page());
    let entries: Value = serde_json::from_slice(&fs::read(layout.path().join("index.json")).unwrap()).unwrap();
    let long = "is longer than 4194304 bytes";
    let mut padded = entries.clone();
    padded["annotations"] = padding.clone();
    fs::write(layout.path().join("index.json"), padded.to_string()).unwrap();
    refused(&layout, long, long);
    let (layer, diff_id) = layout.layer(&page(), "base");
    let image = layout.image(std::slice::from_ref(&layer), &[diff_id]);
    layout.list(&[layout.index(&[image], &padding)]);
    refused(&layout, long, long);
    let manifest =
        json!({"schemaVersion": 2, "config": layout.json(CONFIG, &json!({})), "layers": [layer], "x": padding});
    let mut manifest = layout.json(crate::layouts::MANIFEST, &manifest);
    manifest["platform"] = json!(galley::image::Platform::of_this_program().unwrap().fields());
    layout.list(&[layout.index(&[manifest], &json!({}))]);
    refused(&layout, long, "galley reads 4194304 of a manifest");
}

#[test]
fn descriptors_that_can_be_no_descriptors_are_refused() {
    let layout = Layout::of_archive(&page());
    let (mut layer, diff_id) = layout.layer(&page(), "base");
    layer["size"] = json!(u64::MAX);
    layout.list(&[layout.index(&[layout.image(&[layer.clone()], &[diff_id])], &json!({}))]);
    refused(
        &layout,
        "has 1 content layers of 18446744073709551615 bytes together",
        "does not match its digest or size",
    );
    for digest in ["sha512:00", "sha256:../../../../etc/passwd", "SHA256:00", ""] {
        layer["digest"] = json!(digest);
        layout.list(&[layout.index(&[layout.image(&[layer.clone()], &[diff_id])], &json!({}))]);
        refused(&layout, "is no sha256 digest", "is no sha256 digest");
        layout.list(&[json!({"mediaType": INDEX, "digest": digest, "size": 2})]);
        refused(&layout, "is no sha256 digest", "is no sha256 digest");
    }
    for text in ["", "{", "[]", "{\"manifests\": 1}", "{\"schemaVersion\": 2}"] {
        fs::write(layout.path().join("index.json"), text).unwrap();
        refused(&layout, "index.json: ", "index.json: ");
    }
    layout.list(&[]);
    refused(&layout, "is no OCI layout with an image in it", "is no OCI layout with an image in it");
}

#[test]
fn an_image_that_is_not_galleys_is_shown_and_not_served() {
    let layout = Layout::new();
    let (base, diff_id) = layout.layer(&archive(&[file("bin/sh", "x"), (b"etc/link", EntryType::Symlink, "/x")]), "");
    layout.list(&[layout.index(&[layout.image(&[base], &[diff_id])], &json!({}))]);
    run(&["serve", &layout.source()]).says(1, "has no site in it; make it with `galley package`");
    let ran = run(&["inspect", &layout.source()]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(ran.output.contains("\n  layer ") && !ran.output.contains("content "), "{}", ran.output);
    // A compression that galley does not read.
    let zstd = layout.blob("application/vnd.oci.image.layer.v1.tar+zstd", b"some zstd");
    layout.list(&[layout.index(&[layout.image(&[zstd], &[Digest::of(b"unknown")])], &json!({}))]);
    run(&["serve", &layout.source()]).says(1, "which galley does not read; gzip is what every registry");
    let ran = run(&["inspect", &layout.source()]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(ran.output.contains("1 layer not unpacked: an unknown compression"), "{}", ran.output);
}

/// A layer of galley's own, not compressed.
fn real_archive() -> Vec<u8> {
    use std::io::Read;
    let folder = tempfile::tempdir().unwrap();
    write_layout(folder.path(), &image(&tree("hello"), 1)).unwrap();
    for blob in fs::read_dir(folder.path().join("blobs/sha256")).unwrap() {
        let bytes = fs::read(blob.unwrap().path()).unwrap();
        let mut archive = Vec::new();
        let read = flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut archive);
        if read.is_ok() && archive.starts_with(b"site/") {
            return archive;
        }
    }
    panic!("no layer with a site");
}

/// What is changed in an archive.
#[derive(Clone, Debug)]
enum Change {
    Byte(usize, u8),
    /// A name in a header, whose checksum is made to fit.
    Name(usize, Vec<u8>),
    Kind(usize, u8),
    Size(usize, Vec<u8>),
    Cut(usize),
    /// A block is repeated elsewhere.
    Block(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let name =
        proptest::collection::vec(prop_oneof![Just(b'/'), Just(b'.'), Just(b'w'), Just(b'h'), any::<u8>()], 1..12);
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (any::<usize>(), name).prop_map(|(at, name)| Change::Name(at, name)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, kind)| Change::Kind(at, kind)),
        (any::<usize>(), proptest::collection::vec(any::<u8>(), 1..12)).prop_map(|(at, size)| Change::Size(at, size)),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Change::Block(from, to)),
    ]
}

/// The places in a header, POSIX.1-1988 (ustar).
const BLOCK: usize = 512;
const SITE: usize = 5;
const SIZE: usize = 124;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;

fn apply(archive: &mut Vec<u8>, change: &Change) {
    if archive.len() < BLOCK {
        return;
    }
    let blocks = archive.len() / BLOCK;
    let mut set = |block: usize, offset: usize, bytes: &[u8]| {
        let header = &mut archive[block % blocks * BLOCK..][..BLOCK];
        header[offset..offset + bytes.len()].copy_from_slice(bytes);
        header[CHECKSUM].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    };
    match change {
        Change::Name(block, name) => set(*block, SITE, name),
        Change::Kind(block, kind) => set(*block, KIND, &[*kind]),
        Change::Size(block, size) => set(*block, SIZE, size),
        Change::Byte(at, byte) => {
            let at = at % archive.len();
            archive[at] = *byte;
        }
        Change::Cut(at) => archive.truncate(at % archive.len()),
        Change::Block(from, to) => {
            let (from, to) = (from % blocks * BLOCK, to % blocks * BLOCK);
            archive.copy_within(from..from + BLOCK, to);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is done to a layer: it is refused, or gives a tree that can be written to any file system.
    #[test]
    fn a_changed_layer_is_refused_or_harmless(
        changes in proptest::collection::vec(change(), 1..6),
        compressed in any::<bool>(),
    ) {
        let mut bytes = real_archive();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        let (media_type, bytes) = if compressed { (GZIP, gzip(&bytes)) } else { (TAR, bytes) };
        let bytes = bytes::Bytes::from(bytes);
        let descriptor = Descriptor::of(media_type, &bytes);
        if let Ok(tree) = unpack([(&descriptor, &bytes)]) {
            for (path, entry) in tree.iter() {
                prop_assert_eq!(&TreePath::new(path.as_str()).unwrap(), path);
                prop_assert_eq!(Digest::of(&entry.read().unwrap()), entry.digest());
            }
            prop_assert!(tree.length() <= 16 << 20, "{} bytes of {}", tree.length(), bytes.len());
        }
    }

    /// The same for what is compressed: a flipped bit or a cut never gives another tree in silence, nor a panic.
    #[test]
    fn a_damaged_blob_is_refused_or_the_same(at in any::<proptest::sample::Index>(), bit in 0u8..8, cut in any::<bool>()) {
        let archive = real_archive();
        let whole = gzip(&archive);
        let mut bytes = whole.clone();
        match cut {
            true => bytes.truncate(at.index(whole.len())),
            false => bytes[at.index(whole.len())] ^= 1 << bit,
        }
        let bytes = bytes::Bytes::from(bytes);
        let original = bytes::Bytes::from(whole);
        let unpacked = |bytes: &bytes::Bytes| unpack([(&Descriptor::of(GZIP, bytes), bytes)]);
        if let Ok(tree) = unpacked(&bytes) {
            let root = galley::snapshot::ContentRoot::of(&unpacked(&original).unwrap());
            prop_assert_eq!(galley::snapshot::ContentRoot::of(&tree), root);
        }
    }
}
