use std::io::Read;

use serde_json::{Value, json};

use super::*;
use crate::image::Blob;

fn blob(text: &'static str) -> Blob {
    let bytes = Bytes::from_static(text.as_bytes());
    Blob { descriptor: Descriptor::of(MediaType::LAYER, &bytes), bytes }
}

fn name() -> ArchiveName {
    ArchiveName { repository: "docker.io/library/blog".to_owned(), tag: "latest".to_owned() }
}

const PLATFORMS: [Platform; 3] = [Platform::Amd64, Platform::Arm64, Platform::ArmV7];

/// Images of three platforms that share their second layer.
struct Example {
    index: Blob,
    images: Vec<ArchiveImage>,
    blobs: Vec<Blob>,
}

impl Example {
    fn new() -> Self {
        let (index, content) = (blob("index"), blob("content"));
        let own = ["one", "two", "three"].map(|text| (blob(text), blob(text)));
        let images = PLATFORMS.iter().zip(&own).map(|(platform, (binary, config))| ArchiveImage {
            platform: *platform,
            config: config.descriptor.digest,
            layers: vec![binary.descriptor.digest, content.descriptor.digest],
        });
        let images = images.collect();
        let each = own.into_iter().flat_map(|(binary, config)| [binary, config, content.clone()]);
        let blobs = each.chain([index.clone()]).collect();
        Self { index, images, blobs }
    }

    fn archive(&self, named: Option<Platform>) -> Archive {
        let blobs = self.blobs.iter().map(|blob| (blob.descriptor.digest, blob.bytes.clone()));
        Archive::new(&name(), &self.index.descriptor, &self.images, named, blobs).unwrap()
    }
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
    let example = Example::new();
    let entries = entries(&bytes(&example.archive(None)));
    assert_eq!(json(&entries, "oci-layout"), json!({"imageLayoutVersion": "1.0.0"}));
    let index = json(&entries, "index.json");
    let [only] = index["manifests"].as_array().unwrap().as_slice() else { panic!("{index}") };
    assert_eq!(only["digest"], example.index.descriptor.digest.to_string());
    let names = json!({"io.containerd.image.name": "docker.io/library/blog:latest",
        "org.opencontainers.image.ref.name": "latest"});
    assert_eq!(only["annotations"], names);
    let blobs: Vec<_> = entries.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(BLOBS)?, bytes))).collect();
    assert!(blobs.iter().all(|(hex, bytes)| hex.is_empty() || Digest::of(bytes).hex() == *hex));
    // The folder, three programs that are their own configs, the content once, the index.
    assert_eq!(blobs.len(), 6);
}

#[test]
fn each_platform_is_an_image_of_its_own_for_older_engines() {
    let example = Example::new();
    let archive = example.archive(None);
    let others = json!([
        ["docker.io/library/blog:latest"],
        ["docker.io/library/blog:latest-arm64"],
        ["docker.io/library/blog:latest-arm-v7"]
    ]);
    assert_eq!(tags(&archive), others);
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
fn the_name_itself_goes_to_the_platform_that_is_asked_for() {
    let example = Example::new();
    let armv7 = json!([
        ["docker.io/library/blog:latest-amd64"],
        ["docker.io/library/blog:latest-arm64"],
        ["docker.io/library/blog:latest"]
    ]);
    assert_eq!(tags(&example.archive(Some(Platform::ArmV7))), armv7);
    // A platform that is not among them gets nothing, and the first one the name.
    let one = Example { images: example.images[1..2].to_vec(), ..Example::new() };
    assert_eq!(tags(&one.archive(Some(Platform::Amd64))), json!([["docker.io/library/blog:latest"]]));
}

#[test]
fn a_tag_stays_as_short_as_tags_are() {
    assert_eq!(own_tag(&"x".repeat(MAX_TAG - 6), Platform::Arm64).unwrap().len(), MAX_TAG);
    assert_eq!(own_tag(&"x".repeat(MAX_TAG - 5), Platform::Arm64), None);
}

#[test]
fn the_bytes_do_not_depend_on_the_order_or_the_day() {
    let example = Example::new();
    let first = bytes(&example.archive(None));
    let mut turned = Example::new();
    turned.blobs.reverse();
    assert!(first == bytes(&turned.archive(None)));
    let mut archive = tar::Archive::new(first.as_slice());
    for entry in archive.entries().unwrap() {
        let header = entry.unwrap().header().clone();
        let owner = (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
        assert_eq!(owner, (0, 0, 0));
        assert!(header.as_ustar().is_some());
    }
    // Held against what was written on the day that this was made: a change of the tar crate must not go unseen.
    assert_eq!(Digest::of(&first).hex(), "9e956e25a9685a662a7956e19ec60b6ae5bd6a3f9cee23583208a5c949411a03");
}
