//! Images on disk.

use std::fs;

use bytes::Bytes;
use galley::image::{
    Binary, BinaryError, Content, Format, Origin, Package, Platform, Program, assemble, layout_content, pack_program,
    pack_tree, read_layout, write_layout,
};
use galley::snapshot::{ContentRoot, Entry, Tree, TreePath};

use crate::support::{Instance, TempSite, run};

pub(crate) fn tree(text: &str) -> Tree {
    let mut tree = Tree::new();
    for (path, text) in [("index.html", format!("<p>{text}</p>")), ("404.html", "<p>gone</p>".to_owned())] {
        tree.insert(TreePath::new(path).unwrap(), Entry::new(Bytes::from(text), None)).unwrap();
    }
    tree
}

/// The same tree with one file more.
pub(crate) fn with(mut tree: Tree, path: &str, text: &str) -> Tree {
    tree.insert(TreePath::new(path).unwrap(), Entry::new(Bytes::from(text.to_owned()), None)).unwrap();
    tree
}

/// A package with a few bytes in the place of a program, for this machine.
pub(crate) fn image(tree: &Tree, sequence: u64) -> Package {
    image_for(platform(), tree, sequence)
}

/// The same for another platform.
pub(crate) fn image_for(platform: Platform, tree: &Tree, sequence: u64) -> Package {
    let programs = [Program { platform, layer: pack_program(b"program").unwrap() }];
    let content = Content { layers: vec![pack_tree(tree).unwrap()], root: ContentRoot::of(tree), sequence };
    let origin = Origin { title: "Test".to_owned(), ..Origin::default() };
    assemble(&programs, Some(&content), &origin, Format::Oci).unwrap()
}

fn platform() -> Platform {
    Platform::of_this_program().expect("tests of images run on a platform of galley's")
}

#[test]
fn a_layout_is_read_as_it_was_written_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let tree = tree("hello");
    let image = image(&tree, 3);
    write_layout(folder.path(), &image).unwrap();
    let layout = read_layout(folder.path()).unwrap();
    assert_eq!((layout.digest, layout.index.sequence()), (image.index.descriptor.digest, 3));
    let content = layout_content(folder.path(), platform()).unwrap();
    assert_eq!(ContentRoot::of(&content), ContentRoot::of(&tree));
    let instance = Instance::start(&[&format!("oci:{}", folder.path().display())]);
    assert_eq!(instance.get("/").text(), "<p>hello</p>");
}

#[test]
fn a_layout_that_was_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(&tree("hello"), 1);
    write_layout(folder.path(), &image).unwrap();
    let source = format!("oci:{}", folder.path().display());
    let layer = folder.path().join("blobs/sha256").join(image.images[0].layers[1].descriptor.digest.hex());
    let mut bytes = fs::read(&layer).unwrap();
    bytes[20] ^= 1;
    fs::write(&layer, &bytes).unwrap();
    run(&["serve", &source]).says(1, "does not match its digest or size; write the layout again");
    bytes.pop();
    fs::write(&layer, &bytes).unwrap();
    run(&["serve", &source]).says(1, "does not match its digest or size");
    fs::write(folder.path().join("index.json"), "{").unwrap();
    run(&["serve", &source]).says(1, "index.json: ");
}

#[test]
fn a_folder_of_other_files_is_no_place_for_a_layout() {
    let folder = TempSite::bare().file("thesis.tex", "years");
    let error = write_layout(folder.path(), &image(&tree("x"), 1)).unwrap_err().to_string();
    assert!(error.contains("is not empty and no OCI layout; choose another folder"), "{error}");
}

/// Digests, sizes and media types agree all the way down, by other eyes than those that wrote them.
#[test]
fn every_descriptor_of_a_layout_tells_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    write_layout(folder.path(), &image(&tree("hello"), 1)).unwrap();
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap()
    };
    let blob = |descriptor: &serde_json::Value| {
        let digest = descriptor["digest"].as_str().unwrap();
        let name = format!("blobs/sha256/{}", digest.strip_prefix("sha256:").unwrap());
        let length = fs::metadata(folder.path().join(&name)).unwrap().len();
        assert_eq!(descriptor["size"], length, "{name}");
        name
    };
    assert_eq!(json("oci-layout")["imageLayoutVersion"], "1.0.0");
    let entry = &json("index.json")["manifests"][0];
    assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "latest");
    let index = json(&blob(entry));
    assert_eq!(index["annotations"]["dev.galley.sequence"], "1");
    let manifest = json(&blob(&index["manifests"][0]));
    assert_eq!(manifest["mediaType"], index["manifests"][0]["mediaType"]);
    let roles: Vec<_> = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| {
            blob(layer);
            layer["annotations"]["dev.galley.role"].as_str().unwrap()
        })
        .collect();
    assert_eq!(roles, ["binary", "base"]);
    let config = json(&blob(&manifest["config"]));
    assert_eq!(config["architecture"], index["manifests"][0]["platform"]["architecture"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_needs_libraries_is_refused_with_the_way_to_one_that_does_not() {
    let shell = std::path::Path::new("/bin/sh");
    if !shell.exists() {
        eprintln!("skipped: needs /bin/sh");
        return;
    }
    match Binary::read(shell) {
        Err(error @ BinaryError::Dynamic(_)) => assert!(error.to_string().contains("cargo build --release"), "{error}"),
        // A busybox shell may be static: then it is fit for an image.
        other => assert!(other.is_ok_and(|binary| binary.bytes.len() > 1000)),
    }
}
