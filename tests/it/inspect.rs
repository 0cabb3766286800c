//! `galley inspect`: what is in an image, whoever made it.

use serde_json::{Value, json};

use galley::image::write_layout;
use galley::snapshot::Digest;

use crate::double::Registry;
use crate::image::{image, tree};
use crate::layouts::{GZIP, INDEX, Layout, MANIFEST, archive, file};
use crate::support::{Ran, TempSite, run};

const REF_NAME: &str = "org.opencontainers.image.ref.name";

fn page(text: &str) -> Vec<u8> {
    archive(&[file("site/index.html", text)])
}

fn inspect(source: &str) -> Ran {
    let ran = run(&["inspect", source]);
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""), "{}", ran.output);
    ran
}

fn json_of(source: &str) -> Value {
    let ran = run(&["inspect", source, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    serde_json::from_str(&ran.output).unwrap()
}

fn has(ran: &Ran, parts: &[&str]) {
    for part in parts {
        assert!(ran.output.contains(part), "not shown: {part}\nbut:\n{}", ran.output);
    }
}

#[test]
fn an_image_of_galleys_in_a_folder_is_read_to_its_last_byte() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(&tree("hello"), 3);
    write_layout(folder.path(), &image).unwrap();
    let source = format!("oci:{}", folder.path().display());
    let digest = image.index.descriptor.digest.to_string();
    let ran = inspect(&source);
    has(&ran, &["\nrelease      3\n", "\ntitle        Test\n", "\n  binary ", "\n  base ", "\nsignatures   none\n"]);
    has(&ran, &[&format!("\ndigest       {digest}\n"), "/galley serve /site as 65532:65532, 8080/tcp"]);
    has(&ran, &["1 platform, ", "; every layer was read and is what it promises\n"]);
    let found = json_of(&source);
    assert_eq!(found["source"], source);
    let found = &found["images"][0];
    assert_eq!((&found["digest"], &found["sequence"]), (&json!(digest), &json!(3)));
    assert_eq!(found["content_root"], galley::snapshot::ContentRoot::of(&tree("hello")).to_string());
    assert_eq!((&found["layers_read"], &found["cosign"], &found["faults"]), (&json!(true), &Value::Null, &json!([])));
    let layers = found["platforms"][0]["layers"].as_array().unwrap();
    let roles: Vec<_> = layers.iter().map(|layer| layer["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["binary", "base"]);
    assert!(layers.iter().all(|layer| layer["digest"].as_str().is_some_and(|digest| digest.len() == 71)));
}

#[test]
fn what_platforms_share_is_said() {
    let layout = Layout::new();
    let (shared, shared_id) = layout.layer(&page("hello"), "base");
    let images = [("amd64", None), ("arm64", Some("v8")), ("arm", Some("v7"))].map(|(name, variant)| {
        let (binary, binary_id) = layout.layer(&archive(&[file("galley", name)]), "binary");
        let mut platform = json!({"os": "linux", "architecture": name});
        if let Some(variant) = variant {
            platform["variant"] = variant.into();
        }
        layout.image_for(&platform, &[binary, shared.clone()], &[binary_id, shared_id])
    });
    let annotations = json!({"dev.galley.signature": "c2ln", "dev.galley.sequence": "9",
        "org.opencontainers.image.source": "https://git.example/blog", "org.opencontainers.image.revision": "4d4f173"});
    layout.list(&[layout.index(&images, &annotations)]);
    let ran = inspect(&layout.source());
    has(&ran, &["linux/amd64 ", "linux/arm64/v8 ", "linux/arm/v7 ", "  in 3 platforms\n", "of it shared; every layer"]);
    has(
        &ran,
        &["source       https://git.example/blog\n", "revision     4d4f173\n", "galley's, in the index (not checked)"],
    );
    let found = json_of(&layout.source());
    let found = &found["images"][0];
    assert_eq!((&found["shared"], &found["signed"]), (&shared["size"], &json!(true)));
    assert_eq!(found["platforms"][2]["layers"][1]["platforms"], 3);
}

/// skopeo, umoci and crane list several images by name; a list of platforms may be there without an index of its own.
#[test]
fn a_folder_of_somebody_elses_may_hold_several_images() {
    let layout = Layout::new();
    let images = ["one", "two"].map(|name| {
        let (layer, diff_id) = layout.layer(&page(name), "");
        let mut image = layout.image(&[layer], &[diff_id]);
        // Nothing but the config says what it runs on.
        image.as_object_mut().unwrap().remove("platform");
        image["annotations"] = json!({REF_NAME: name});
        image
    });
    layout.list(&images);
    let ran = inspect(&layout.source());
    has(&ran, &[" one\n", " two\n", "\nlinux/", "\n\nimage "]);
    let found = json_of(&layout.source());
    let names: Vec<_> = found["images"].as_array().unwrap().iter().map(|image| image["name"].clone()).collect();
    assert_eq!(names, ["one", "two"]);
    let site = TempSite::new().file("content/a.md", "# A\n");
    let several = "holds several images: one, two; name a folder with one";
    run(&["diff", &layout.source(), site.str()]).says(1, several);
    let (layer, diff_id) = layout.layer(&page("bare"), "");
    layout.list(&[layout.image(&[layer], &[diff_id])]);
    assert_eq!(json_of(&layout.source())["images"][0]["media_type"], INDEX);
}

#[test]
fn attestations_are_named_as_such() {
    let layout = Layout::new();
    let (layer, diff_id) = layout.layer(&page("hello"), "");
    let image = layout.image(&[layer], &[diff_id]);
    let statement = layout.blob("application/vnd.in-toto+json", b"{}");
    let nowhere = json!({"os": "unknown", "architecture": "unknown"});
    let mut attestation = layout.image_for(&nowhere, &[statement], &[]);
    let annotations =
        json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]});
    attestation["annotations"] = annotations;
    layout.list(&[layout.index(&[image, attestation], &json!({}))]);
    let ran = inspect(&layout.source());
    has(&ran, &["\nattestation  ", ", of linux/", "1 platform, "]);
    let found = json_of(&layout.source());
    assert_eq!(found["images"][0]["others"][0]["kind"], "attestation");
}

#[test]
fn what_an_image_says_of_itself_does_not_reach_the_terminal_raw() {
    let layout = Layout::new();
    let (layer, diff_id) = layout.layer(&page("hello"), "base");
    let title = "\x1b]0;owned\x07\nrelease      1000";
    let annotations = json!({"org.opencontainers.image.title": title});
    let mut index = layout.index(&[layout.image(&[layer], &[diff_id])], &annotations);
    index["annotations"] = json!({REF_NAME: "a\x1b[2Jb"});
    layout.list(&[index]);
    let ran = inspect(&layout.source());
    assert!(!ran.output.contains(['\x1b', '\x07']) && !ran.output.contains("\nrelease"), "{:?}", ran.output);
    assert_eq!(json_of(&layout.source())["images"][0]["origin"]["title"], title);
}

fn push(registry: &Registry, layout: &Layout, entries: &[&Value]) {
    for entry in entries {
        let (digest, bytes) = (entry["digest"].as_str().unwrap(), std::fs::read(layout.file(entry)).unwrap());
        registry.put_manifest(&format!("blog/{digest}"), entry["mediaType"].as_str().unwrap(), &bytes);
    }
}

/// Only index, manifests and configs are pulled; the layers need not even be there.
#[test]
fn an_image_in_a_registry_is_described_without_its_layers() {
    let registry = Registry::start();
    let client = galley::registry::Client::new(
        format!("{}/blog", registry.address).parse().unwrap(),
        galley::registry::Transport::default(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let image = image(&tree("hello"), 5);
    runtime.block_on(client.unwrap().push(&galley::registry::Outgoing::of(&image), None)).unwrap();
    registry.take_log();
    let source = format!("{}/blog", registry.address);
    let ran = inspect(&source);
    has(&ran, &["release      5\n", "signatures   none\n", "; layers were not pulled\n"]);
    let log = registry.take_log();
    let blobs: Vec<_> = log.iter().filter(|line| line.contains("/blobs/")).collect();
    assert_eq!(blobs, [&format!("GET /v2/blog/blobs/{}", image.images[0].config.descriptor.digest)]);
    let signature = format!("blog/sha256-{}.sig", image.index.descriptor.digest.hex());
    assert!(log.contains(&format!("HEAD /v2/blog/manifests/{}", &signature["blog/".len()..])), "{log:?}");
    registry.put_manifest(&signature, MANIFEST, b"{}");
    has(&inspect(&source), &["signatures   cosign's, under its tag (not checked)\n"]);
    let found = json_of(&source);
    assert_eq!((&found["images"][0]["cosign"], &found["images"][0]["layers_read"]), (&json!(true), &json!(false)));
}

#[test]
fn dockers_types_are_read_from_a_registry() {
    let (registry, layout) = (Registry::start(), Layout::new());
    let layer = json!({"mediaType": GZIP, "digest": Digest::of(b"x"), "size": 1000});
    let helm = layout.json("application/vnd.cncf.helm.config.v1+json", &json!({}));
    let docker = "application/vnd.docker.distribution.manifest";
    let manifest =
        layout.json(&format!("{docker}.v2+json"), &json!({"schemaVersion": 2, "config": helm, "layers": [layer]}));
    push(&registry, &layout, &[&manifest]);
    let mut entry = manifest.clone();
    entry["platform"] = json!({"os": "linux", "architecture": "s390x"});
    let list = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    registry.put_manifest("blog/latest", &format!("{docker}.list.v2+json"), list.as_bytes());
    let reference = format!("{}/blog", registry.address);
    has(&inspect(&reference), &["linux/s390x  ", "1.0 KB", "\n  layer "]);
    // A single manifest, as `docker build` pushes it.
    registry.put_manifest("blog/one", &format!("{docker}.v2+json"), &std::fs::read(layout.file(&manifest)).unwrap());
    has(&inspect(&format!("{reference}:one")), &["no platform "]);
    registry.put_manifest("blog/old", &format!("{docker}.v1+prettyjws"), b"{}");
    run(&["inspect", &format!("{reference}:old")]).says(1, "is no image: its type is");
    run(&["inspect", &format!("{reference}:none")]).says(1, "there is no such image in the registry");
}

#[test]
fn a_folder_that_is_meant_is_not_asked_of_docker_hub() {
    let layout = Layout::of_archive(&page("hello"));
    let path = layout.path().to_str().unwrap();
    run(&["inspect", path]).says(2, &format!("a folder with an image in it is named as oci:{path}"));
    run(&["inspect", "oci:/no/such/folder"]).says(1, "/no/such/folder: is no OCI layout with an image in it");
    run(&["inspect", "Not A Reference"]).says(2, "is no image reference");
}
