use std::collections::BTreeSet;
use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::*;
use crate::image::delta::Files;
use crate::snapshot::Tree;

/// What a reader sees of an entry: its kind, name as it stands in the header, path, mode, owner and time.
#[derive(Debug, PartialEq)]
struct Seen {
    kind: EntryType,
    name: String,
    path: String,
    mode: u32,
    owner: (u64, u64),
    modified: u64,
}

fn seen(layer: &Layer) -> Vec<Seen> {
    let bytes = layer.bytes().unwrap().unwrap();
    let mut archive = tar::Archive::new(MultiGzDecoder::new(bytes.as_ref()));
    let entry = |entry: io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        io::copy(&mut entry, &mut io::sink()).unwrap();
        let header = entry.header();
        assert!(header.as_ustar().is_some());
        Seen {
            kind: header.entry_type(),
            name: String::from_utf8(header.path_bytes().into_owned()).unwrap(),
            path: String::from_utf8(entry.path_bytes().into_owned()).unwrap(),
            mode: header.mode().unwrap(),
            owner: (header.uid().unwrap(), header.gid().unwrap()),
            modified: header.mtime().unwrap(),
        }
    };
    archive.entries().unwrap().map(entry).collect()
}

fn tree(files: &[(&str, &'static str, i64)]) -> Tree {
    let mut tree = Tree::new();
    for (path, text, modified) in files {
        let entry = Entry::new(Bytes::from_static(text.as_bytes()), Modified::from_seconds(*modified));
        tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
    }
    tree
}

/// A named volume takes its owner from the folder that it is mounted on: that would be root.
#[test]
fn a_program_can_be_run_and_its_state_belongs_to_its_user() {
    let found = seen(&pack_program(b"program").unwrap());
    let entry = |kind, path: &str, mode, owner| {
        let path = path.to_owned();
        Seen { kind, name: path.clone(), path, mode, owner, modified: 0 }
    };
    let program = entry(EntryType::Regular, "galley", 0o755, (0, 0));
    assert_eq!(found, [program, entry(EntryType::Directory, "var/lib/galley/", 0o755, (65532, 65532))]);
}

/// Order is that of bytes, not of words; folders have no entries, and whoever has no time has 0.
#[test]
fn pages_stand_in_the_order_of_their_paths_and_say_nothing_of_this_machine() {
    let files = tree(&[("a/z", "", 7), ("a.b", "", 0), ("a-b", "", 0), ("Z", "", 0), ("ä", "", 0)]);
    let found = seen(&pack_tree(&files).unwrap());
    let paths: Vec<_> = found.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(paths, ["site/Z", "site/a-b", "site/a.b", "site/a/z", "site/ä"]);
    assert_eq!(found.iter().map(|seen| seen.modified).collect::<Vec<_>>(), [0, 0, 0, 7, 0]);
    assert!(found.iter().all(|seen| (seen.kind, seen.mode, seen.owner) == (EntryType::Regular, 0o644, (0, 0))));
}

/// ustar has 100 bytes for a name, and 155 for the folders before it.
#[test]
fn names_that_do_not_fit_stand_in_a_record_before_the_entry() {
    let fits = format!("{}/{}", "f".repeat(140), "n".repeat(100));
    let (folder, name) = (format!("{}/n", "f".repeat(151)), "n".repeat(101));
    for (path, is_in_header) in [(fits.as_str(), true), (&folder, false), (&name, false), ("ü", false), ("u", true)] {
        let layer = pack_tree(&tree(&[(path, "text", 0)])).unwrap();
        let path = format!("site/{path}");
        let name = if is_in_header { path.clone() } else { "named-by-pax".to_owned() };
        let found = seen(&layer);
        assert_eq!(found.iter().map(|seen| (&seen.name, &seen.path)).collect::<Vec<_>>(), [(&name, &path)]);
        let mut archive = Vec::new();
        MultiGzDecoder::new(layer.bytes().unwrap().unwrap().as_ref()).read_to_end(&mut archive).unwrap();
        let record = format!(" path={path}\n");
        let has_record = archive.windows(record.len()).any(|part| part == record.as_bytes());
        assert_eq!(has_record, !is_in_header, "{path}");
    }
}

/// Unpackers go from the first entry to the last: a whiteout behind a new file would take that away, too.
#[test]
fn what_is_hidden_stands_before_what_is_new_and_nothing_twice() {
    let before =
        tree(&[("a", "", 0), ("b/1", "", 0), ("b/2", "", 0), ("c", "a file", 0), ("d/1", "", 0), ("e", "", 0)]);
    let after = tree(&[("c/1", "in a folder", 0), ("d/0", "new", 0), ("e", "changed", 0), ("aa", "new", 0)]);
    let files: Files = before.iter().map(|(path, entry)| (path.clone(), entry.into())).collect();
    let found = seen(&pack_delta(&Delta::between(&files, &after)).unwrap());
    let paths: Vec<_> = found.iter().map(|seen| seen.path.as_str()).collect();
    let hidden = ["site/.wh.a", "site/.wh.b", "site/d/.wh.1"];
    assert_eq!(paths, [&hidden[..], &["site/c/", "site/aa", "site/c/1", "site/d/0", "site/e"]].concat());
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len());
    assert!(found.iter().all(|seen| (seen.owner, seen.modified) == ((0, 0), 0)));
}

/// A program is longer than a member, and members are packed beside each other in two rounds here: the bytes are always these.
#[test]
fn members_are_the_same_on_any_number_of_processors() {
    let program: Vec<u8> = (0_u32..8_800_000).flat_map(|number| (number / 7).to_le_bytes()).collect();
    let packed = |processors| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(processors).build().unwrap();
        pool.install(|| pack_program(&program)).unwrap()
    };
    let layer = packed(1);
    assert_eq!(
        layer.descriptor.digest.to_string(),
        "sha256:e63811498743773084aa10682552e99c3a8163512d29ad84f752cc4e740d437c"
    );
    assert_eq!(packed(3).descriptor, layer.descriptor);
    let bytes = layer.bytes().unwrap().unwrap();
    let mut archive = Vec::new();
    MultiGzDecoder::new(bytes.as_ref()).read_to_end(&mut archive).unwrap();
    assert_eq!(Digest::of(&archive), layer.diff_id);
    assert!(archive.len() > BATCH * MEMBER);
    // However it comes, and a member's end lies where it always does.
    let mut compressor = Compressor::default();
    for piece in archive.chunks(70_001) {
        compressor.write_all(piece).unwrap();
    }
    compressor.pack().unwrap();
    assert_eq!(compressor.packed, bytes);
}
