use bytes::Bytes;

use super::*;
use crate::image::pack::{pack_program, pack_tree};
use crate::image::stack::{Known, Stack};
use crate::snapshot::{Entry, Modified, Tree, TreePath};

fn package(text: &'static str, sequence: u64, format: Format) -> Package {
    let tree = tree([("index.html".to_owned(), text.to_owned(), 0)]);
    assembled(&tree, vec![pack_tree(&tree).unwrap()], sequence, format)
}

/// Paths, texts and times.
fn tree(files: impl IntoIterator<Item = (String, String, i64)>) -> Tree {
    let mut tree = Tree::new();
    for (path, text, modified) in files {
        let entry = Entry::new(Bytes::from(text), Modified::from_seconds(modified));
        tree.insert(TreePath::new(&path).unwrap(), entry).unwrap();
    }
    tree
}

/// A package for all platforms with these layers, which hold `tree`.
fn assembled(tree: &Tree, layers: Vec<Layer>, sequence: u64, format: Format) -> Package {
    let programs: Vec<Program> = Platform::ALL
        .into_iter()
        .map(|platform| Program { platform, layer: pack_program(platform.folder().as_bytes()).unwrap() })
        .collect();
    let origin = Origin {
        title: "A blog".to_owned(),
        revision: Some("0".repeat(46)),
        source: Some("https://git.example/somebody/a-blog-of-a-usual-name.git".to_owned()),
        created: Some("2026-11-21T10:00:00Z".to_owned()),
    };
    let content = Content { layers, root: ContentRoot::of(tree), sequence };
    assemble(&programs, Some(&content), &origin, format).unwrap()
}

fn index(package: &Package) -> Index {
    serde_json::from_slice(&package.index.bytes).unwrap()
}

#[test]
fn the_same_input_gives_the_same_index() {
    let digest = |text, sequence| package(text, sequence, Format::Oci).index.descriptor.digest;
    assert_eq!(digest("a", 1), digest("a", 1));
    assert_ne!(digest("a", 1), digest("a", 2));
    assert_ne!(digest("a", 1), digest("b", 1));
}

/// Whoever packs the same site with the same programs gets these bytes: a change here is a change of the format, made on
/// purpose. It holds on every platform.
#[test]
fn the_digest_of_a_package_is_golden() {
    let digest = |format| package("<p>galley</p>", 7, format).index.descriptor.digest.to_string();
    assert_eq!(digest(Format::Oci), "sha256:10e27bf7a32a33089fba85daaad95b3cddf59ccab841791a58a7b7b67e076ba5");
    assert_eq!(digest(Format::Docker), "sha256:5c3188b789dd821e8abf9eec80d2b505b01f22dce99ff6359658042c3ac175e0");
}

/// The second release of a blog: a base, and a layer that hides a page, a folder and a file in whose place a folder comes.
fn second_release(format: Format) -> Package {
    let post = |number: usize| {
        // Digests don't get smaller: the delta stays a small part of the base.
        let text = (0..40).map(|line| Digest::of(format!("{number} {line}").as_bytes()).to_string());
        (format!("posts/p{number}/index.html"), text.collect(), 1_500_000_000)
    };
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned(), 0);
    let gone = [file("gone.html", "x"), file("folder/one", "x"), file("folder/two", "x"), file("place", "a file")];
    let before = tree((0..20).map(post).chain(gone));
    let base = Stack::of_tree(&before, &[]).unwrap();
    let (layer, listing) = (&base.layers[0], base.listing.unwrap());
    let known = Known { descriptor: layer.descriptor.clone(), diff_id: layer.diff_id, listing };
    let edited = ("posts/p7/index.html".to_owned(), "<p>edited</p>".to_owned(), 1_600_000_000);
    let after = (0..20).map(post).filter(|(path, ..)| *path != edited.0);
    let after = tree(after.chain([edited.clone(), file("place/index.html", "in a folder"), file("ü.txt", "ü")]));
    let stack = Stack::of_tree(&after, &[known]).unwrap();
    assert_eq!(stack.layers.len(), 2);
    assembled(&after, stack.layers, 8, format)
}

/// Like the golden package above: what a second release adds is the layer of what changed.
#[test]
fn the_digest_of_a_delta_is_golden() {
    let (oci, docker) = (second_release(Format::Oci), second_release(Format::Docker));
    let delta = &oci.images[0].layers[2];
    let found = [delta.diff_id, delta.descriptor.digest, oci.index.descriptor.digest, docker.index.descriptor.digest];
    let golden = [
        "sha256:067282cb39f90494ed78dab30234be43c6ee47dc3cddf20579876b812fe8163b",
        "sha256:ece7f6025eaab4c66b47177310d9851ad33778b1ffe30eba151b5f7833f872ab",
        "sha256:62151e81b4b4dca00c487398b451af094bbdacc048fdd843cc4fc8c15f726b4e",
        "sha256:a58ee294c0aa5cf939b358d2cde3708c68acf7d915a4631436964cbe70df2d50",
    ];
    assert_eq!(found.map(|digest| digest.to_string()), golden);
}

#[test]
fn a_release_is_known_again_by_its_layers() {
    let first = package("a", 1, Format::Oci);
    let manifest: Manifest = serde_json::from_slice(&first.images[0].manifest.bytes).unwrap();
    assert!(package("a", 7, Format::Oci).images[0].has_layers_of(&manifest));
    assert!(!package("a", 7, Format::Oci).images[1].has_layers_of(&manifest));
    assert!(!package("b", 1, Format::Oci).images[0].has_layers_of(&manifest));
}

#[test]
fn the_content_is_shared_by_all_platforms() {
    let package = package("a", 1, Format::Oci);
    assert_eq!(package.layers().count(), 3 + 1);
    let content: Vec<_> = package.images.iter().map(|image| image.layers[1].descriptor.digest).collect();
    assert_eq!(content, [content[0]; 3]);
    let platforms: Vec<_> = index(&package).manifests.into_iter().map(|found| found.platform.unwrap()).collect();
    assert_eq!(platforms, Platform::ALL.map(Platform::fields));
}

/// They are pushed at every edit (formats.md).
#[test]
fn the_annotations_of_an_index_stay_short() {
    let mut package = package("a", 123_456, Format::Oci);
    let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
    package.sign("somebody/a-blog-of-a-usual-name", &key).unwrap();
    let index = index(&package);
    let length = serde_json::to_vec(&index.annotations).unwrap().len();
    assert!(length < 600, "{length}");
    assert_eq!(index.sequence(), 123_456);
    assert_eq!(index.annotations[TITLE], "A blog");
}

/// Registries and tools show these two for every image.
#[test]
fn an_index_says_title_and_version_where_there_is_room() {
    let content = Content { layers: Vec::new(), root: ContentRoot::of(&Tree::new()), sequence: 9 };
    let annotations = |title: String| index_annotations(Some(&content), &Origin { title, ..Origin::default() });
    assert_eq!(annotations("A blog".to_owned())[TITLE], "A blog");
    assert_eq!(annotations("A blog".to_owned())[VERSION], "9");
    let long = annotations("ü".repeat(300));
    assert_eq!((long.get(TITLE), long[VERSION].as_str()), (None, "9"));
    assert!(!annotations(String::new()).contains_key(TITLE));
    assert!(serde_json::to_vec(&annotations("x".repeat(290))).unwrap().len() + SIGNATURE_LENGTH < MAX_ANNOTATIONS);
}

#[test]
fn the_config_says_how_to_run_it() {
    let package = package("a", 9, Format::Oci);
    let config: serde_json::Value = serde_json::from_slice(&package.images[1].config.bytes).unwrap();
    assert_eq!((&config["architecture"], &config["variant"]), (&"arm64".into(), &"v8".into()));
    assert_eq!(config["created"], "2026-11-21T10:00:00Z");
    let run = &config["config"];
    assert_eq!(run["User"], "65532:65532");
    assert_eq!(run["Entrypoint"], serde_json::json!(["/galley"]));
    assert_eq!(run["Cmd"], serde_json::json!(["serve", "/site"]));
    let env =
        serde_json::json!(["GALLEY_LISTEN=0.0.0.0:8080", "GALLEY_CONTROL=127.0.0.1:8081", "GALLEY_BAKED_SEQUENCE=9"]);
    assert_eq!(run["Env"], env);
    assert_eq!(run["ExposedPorts"], serde_json::json!({"8080/tcp": {}}));
    assert_eq!(run["Volumes"], serde_json::json!({"/var/lib/galley": {}}));
    assert_eq!(run["Healthcheck"]["Test"], serde_json::json!(["CMD", "/galley", "health", "--ready"]));
    assert_eq!(run["StopSignal"], "SIGTERM");
    assert_eq!(run["Labels"]["org.opencontainers.image.title"], "A blog");
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
}

/// Docker's format has no annotations: configs say what the index can't.
#[test]
fn dockers_format_says_the_same_in_other_words() {
    let package = package("a", 9, Format::Docker);
    let index = index(&package);
    assert_eq!(index.media_type, "application/vnd.docker.distribution.manifest.list.v2+json");
    assert!(index.annotations.is_empty());
    let manifest: Manifest = serde_json::from_slice(&package.images[0].manifest.bytes).unwrap();
    assert!(
        manifest.layers.iter().all(|layer| layer.annotations.is_empty()
            && layer.media_type == "application/vnd.docker.image.rootfs.diff.tar.gzip")
    );
    let config: serde_json::Value = serde_json::from_slice(&package.images[0].config.bytes).unwrap();
    let labels = &config["config"]["Labels"];
    assert_eq!(labels["dev.galley.sequence"], "9");
    assert!(labels["dev.galley.content-root"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn programs_alone_are_a_base() {
    let programs = [Program { platform: Platform::Amd64, layer: pack_program(b"program").unwrap() }];
    let package = assemble(&programs, None, &Origin::default(), Format::Oci).unwrap();
    assert!(index(&package).content_root().is_none());
    let manifest: Manifest = serde_json::from_slice(&package.images[0].manifest.bytes).unwrap();
    assert_eq!(manifest.binary_layer(), Some(&manifest.layers[0]));
    assert!(manifest.content_layers().is_empty());
}

/// config.md, "created": absent or a time. Engines refuse an empty text.
#[test]
fn what_git_does_not_tell_is_left_out() {
    let programs = [Program { platform: Platform::Amd64, layer: pack_program(b"program").unwrap() }];
    for format in [Format::Oci, Format::Docker] {
        let package = assemble(&programs, None, &Origin::default(), format).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&package.images[0].config.bytes).unwrap();
        assert_eq!(config.get("created"), None);
        assert_eq!(config["config"]["Labels"], serde_json::json!({"org.opencontainers.image.title": ""}));
        assert!(index(&package).annotations.is_empty());
    }
}

/// Each by its own architecture and variant, where engines look for it: in the config, and in the index.
#[test]
fn platforms_are_named_in_the_config_and_in_the_index() {
    for format in [Format::Oci, Format::Docker] {
        let package = package("a", 1, format);
        let named = |value: &serde_json::Value| ["os", "architecture", "variant"].map(|name| value.get(name).cloned());
        let configs = package.images.iter().map(|image| named(&serde_json::from_slice(&image.config.bytes).unwrap()));
        let text = |text: &str| Some(serde_json::Value::from(text));
        let expected = [("amd64", None), ("arm64", text("v8")), ("arm", text("v7"))];
        let expected = expected.map(|(architecture, variant)| [text("linux"), text(architecture), variant]);
        assert_eq!(configs.collect::<Vec<_>>(), expected);
        let json: serde_json::Value = serde_json::from_slice(&package.index.bytes).unwrap();
        let listed = json["manifests"].as_array().unwrap().iter().map(|manifest| named(&manifest["platform"]));
        assert_eq!(listed.collect::<Vec<_>>(), expected);
    }
}
