use std::io::Read;

use serde_json::{Value, json};

use super::*;
use crate::image::Format;
use crate::image::pack::{pack_program, pack_tree};
use crate::image::{Content, Layer, Origin, Program, assemble};
use crate::snapshot::{ContentRoot, Entry, Tree, TreePath};

fn name() -> ArchiveName {
    ArchiveName { repository: "docker.io/library/blog".to_owned(), tag: "latest".to_owned() }
}

/// Images of a few bytes for some platforms, with one content.
fn package(platforms: &[Platform]) -> Package {
    let mut tree = Tree::new();
    let entry = Entry::new(Bytes::from_static(b"<p>galley</p>"), None);
    tree.insert(TreePath::new("index.html").unwrap(), entry).unwrap();
    let program = |platform: &Platform| Program {
        platform: *platform,
        layer: pack_program(platform.folder().as_bytes()).unwrap(),
    };
    let programs: Vec<Program> = platforms.iter().map(program).collect();
    let content = Content { layers: vec![pack_tree(&tree).unwrap()], root: ContentRoot::of(&tree), sequence: 1 };
    assemble(&programs, Some(&content), &Origin::default(), Format::Oci).unwrap()
}

fn archive(platforms: &[Platform], engine: Option<Platform>) -> Archive {
    Archive::new(&package(platforms), &name(), engine).unwrap()
}

fn bytes(archive: &Archive) -> Vec<u8> {
    let mut bytes = Vec::new();
    archive.write(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, archive.size());
    let pieces: Vec<u8> = archive.clone().into_pieces().flatten().collect();
    assert!(pieces == bytes);
    bytes
}

fn entries(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
    });
    entries.collect()
}

fn json(entries: &[(String, Vec<u8>)], path: &str) -> Value {
    let (_, bytes) = entries.iter().find(|(own, _)| own == path).unwrap();
    serde_json::from_slice(bytes).unwrap()
}

fn tags(archive: &Archive) -> Value {
    let manifest = json(&entries(&bytes(archive)), MANIFEST_FILE);
    manifest.as_array().unwrap().iter().map(|image| image["RepoTags"].clone()).collect()
}

#[test]
fn it_is_a_layout_with_one_name_for_all_platforms() {
    for engine in [None, Some(Platform::Arm64)] {
        let entries = entries(&bytes(&archive(&Platform::ALL, engine)));
        assert_eq!(json(&entries, "oci-layout"), json!({"imageLayoutVersion": "1.0.0"}));
        let index = json(&entries, "index.json");
        let [only] = index["manifests"].as_array().unwrap().as_slice() else { panic!("{index}") };
        assert_eq!(only["digest"], package(&Platform::ALL).index.descriptor.digest.to_string());
        let names = json!({"io.containerd.image.name": "docker.io/library/blog:latest",
            "org.opencontainers.image.ref.name": "latest"});
        assert_eq!(only["annotations"], names);
        let blobs = entries.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(BLOBS)?, bytes)));
        let blobs: Vec<_> = blobs.filter(|(hex, _)| !hex.is_empty()).collect();
        assert!(blobs.iter().all(|(hex, bytes)| Digest::of(bytes).hex() == *hex));
        // Three programs, configs and manifests, the content once, the index.
        assert_eq!(blobs.len(), 3 * 3 + 2);
    }
}

#[test]
fn each_platform_is_an_image_of_its_own_for_older_engines() {
    let archive = archive(&Platform::ALL, None);
    let expected = json!([
        ["docker.io/library/blog:latest"],
        ["docker.io/library/blog:latest-arm64"],
        ["docker.io/library/blog:latest-arm-v7"]
    ]);
    assert_eq!(tags(&archive), expected);
    let entries = entries(&bytes(&archive));
    let images = json(&entries, MANIFEST_FILE);
    for image in images.as_array().unwrap() {
        let layers = image["Layers"].as_array().unwrap();
        assert_eq!(layers.len(), 2);
        for path in layers.iter().chain([&image["Config"]]) {
            assert!(entries.iter().any(|(own, _)| own == path), "{path} is not there");
        }
    }
}

#[test]
fn an_engine_gets_its_own_platform_under_the_name_itself() {
    let own = json!([["docker.io/library/blog:latest"]]);
    let archive_for = |platforms: &[Platform], engine| archive(platforms, Some(engine));
    assert_eq!(tags(&archive_for(&Platform::ALL, Platform::ArmV7)), own);
    let image = &json(&entries(&bytes(&archive_for(&Platform::ALL, Platform::ArmV7))), MANIFEST_FILE)[0];
    assert_eq!(image["Config"], path(package(&Platform::ALL).images[2].config.descriptor.digest));
    // Whoever packs for another one alone wants just that.
    assert_eq!(tags(&archive_for(&[Platform::Arm64], Platform::Amd64)), own);
}

#[test]
fn a_layer_whose_bytes_are_elsewhere_is_not_left_out() {
    let mut package = package(&[Platform::Amd64]);
    let kept = &package.images[0].layers[1];
    package.images[0].layers[1] = Layer::kept(kept.descriptor.clone(), kept.diff_id);
    assert!(Archive::new(&package, &name(), None).is_err());
}

#[test]
fn a_tag_stays_as_short_as_tags_are() {
    assert_eq!(own_tag(&"x".repeat(MAX_TAG - 6), Platform::Arm64).unwrap().len(), MAX_TAG);
    assert_eq!(own_tag(&"x".repeat(MAX_TAG - 5), Platform::Arm64), None);
}

#[test]
fn the_bytes_depend_on_nothing_but_the_package() {
    let tar = bytes(&archive(&Platform::ALL, None));
    assert!(tar == bytes(&archive(&Platform::ALL, None)));
    let mut archive = tar::Archive::new(tar.as_slice());
    for entry in archive.entries().unwrap() {
        let header = entry.unwrap().header().clone();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
        assert!(header.as_ustar().is_some());
    }
    // A change here is a change of the format, made on purpose.
    assert_eq!(Digest::of(&tar).hex(), "ed0a237ab3710a56d401bd2915d4f0b6fa64dc534cd2da8b297effb9becf7f7d");
}
