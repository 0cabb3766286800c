//! Images that lost something, in a registry that was swept or on a disk that was damaged: packing again mends them.

use std::fs;
use std::path::Path;

use galley::image::{Platform, layout_content, read_layout};
use galley::snapshot::Digest;

use crate::double::Registry;
use crate::package::{Workshop, announced, images, roles};
use crate::registry::client;
use crate::support::{run, wait};

/// All that a tag refers to can be pulled.
#[track_caller]
fn assert_whole(registry: &Registry) {
    let client = client(registry);
    wait(async {
        let pulled = client.index().await.unwrap();
        for platform in Platform::ALL {
            let manifest = client.manifest(&pulled.index, platform).await.unwrap();
            for blob in manifest.layers.iter().chain([&manifest.config]) {
                client.blob(blob).await.unwrap();
            }
        }
    });
}

fn forget_manifests(registry: &Registry) {
    let index = wait(client(registry).index()).unwrap().index;
    index.manifests.iter().for_each(|manifest| registry.forget(&format!("blog/{}", manifest.digest)));
}

#[test]
fn what_a_registry_lost_is_sent_again() {
    let (workshop, registry) = (Workshop::new(), Registry::start());
    let reference = format!("{}/blog", registry.address);
    let push = || workshop.package(&["--push", &reference]);
    push().says(0, "release 1, ");
    let digest = wait(client(&registry).index()).unwrap().digest;
    // Of a site that did not change: blobs, manifests, both. The tag stays what it was.
    let losses: [fn(&Registry); 3] = [Registry::sweep, forget_manifests, |registry| {
        registry.sweep();
        forget_manifests(registry);
    }];
    for (lose, least) in losses.into_iter().zip([40_000.0, 3_000.0, 40_000.0]) {
        lose(&registry);
        let ran = push();
        ran.says(0, "of its parts that are lost");
        assert!(announced(&ran) > least, "{}", ran.errors);
        assert_whole(&registry);
        assert_eq!(wait(client(&registry).index()).unwrap().digest, digest);
    }
    push().says(0, "is that already: nothing was moved");
    // After an edit, where the layers below can't be sent again because nobody here has their bytes.
    workshop.edit("one");
    push().says(0, "release 2, ");
    for (text, lose) in ["two", "three"].iter().zip([losses[0], losses[2]]) {
        lose(&registry);
        workshop.edit(text);
        push().says(0, "of the image before; all is packed again");
        assert_whole(&registry);
    }
    registry.sweep();
    push().says(0, "of its parts that are lost");
    assert_whole(&registry);
}

#[test]
fn a_program_that_is_lost_is_taken_from_elsewhere_or_asked_for() {
    let (workshop, registry) = (Workshop::new(), Registry::start());
    let (reference, base) = (format!("{}/blog", registry.address), workshop.at("base").display().to_string());
    workshop.package(&["--push", &reference, "--oci", &base]).says(0, "release 1, ");
    let own = workshop.own_binary();
    let push = |more: &[&str]| workshop.bare(&[&["--push", &reference, own.as_str()], more].concat());
    for edit in [None, Some("one")] {
        registry.sweep();
        edit.iter().for_each(|text| workshop.edit(text));
        for more in [&[][..], &["--full"]] {
            let ran = push(more);
            ran.says(1, "that of the image before is not taken: its layer sha256:");
            ran.says(1, "is no longer there");
            ran.says(1, "or an image that has it by --base");
        }
        push(&["--base", &format!("oci:{base}")]).says(0, "pushed ");
        assert_whole(&registry);
    }
}

#[test]
fn what_a_disk_damaged_is_written_again() {
    let root: Part = |folder| read_layout(folder).unwrap().digest;
    let parts: [(Part, bool); 5] = [
        (|folder| images(folder).1[0].layers[0].digest, true),
        (|folder| images(folder).1[0].layers.last().unwrap().digest, true),
        (|folder| images(folder).0.manifests[1].digest, true),
        (|folder| images(folder).1[1].config.digest, true),
        // The number goes on if it can be read.
        (root, false),
    ];
    for cached in [true, false] {
        let workshop = Workshop::new();
        let folder = workshop.at("image");
        workshop.oci(&[]).says(0, "release 1, ");
        for (number, (part, goes_on)) in parts.iter().enumerate() {
            workshop.edit(&format!("a delta, {number}"));
            workshop.oci(&[]).says(0, "release ");
            let before = images(&folder).0.sequence();
            damage(&folder.join("blobs/sha256").join(part(&folder).hex()));
            if !cached {
                fs::remove_dir_all(workshop.site.path().join(".galley")).unwrap();
            }
            let ran = workshop.oci(&[]);
            assert_eq!(ran.code, 0, "{}", ran.errors);
            run(&["inspect", &format!("oci:{}", folder.display())]).says(0, "");
            assert!(layout_content(&folder, Platform::ArmV7).unwrap().get("posts/p7/index.html").is_some());
            assert_eq!(images(&folder).0.sequence() >= before, *goes_on, "{number} {}", ran.errors);
        }
        fs::write(folder.join("index.json"), "{").unwrap();
        workshop.oci(&[]).says(0, "all is written again");
        assert_eq!(roles(&images(&folder).1[0]), ["binary", "base"]);
    }
}

/// Finds a blob of the image in a folder.
type Part = fn(&Path) -> Digest;

fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// A chart, or what somebody wrote by hand.
#[test]
fn what_is_no_image_is_written_over_only_with_full() {
    let chart = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":
        "application/vnd.cncf.helm.config.v1+json","digest":"CONFIG","size":16},"layers":[]}"#;
    let (manifest, index) = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json");
    let long = format!("{{\"padding\":\"{}\"}}", "x".repeat(5_000_000));
    for (media_type, bytes) in [(manifest, chart), (index, "{"), (index, "[]"), (index, &long)] {
        let (workshop, registry) = (Workshop::new(), Registry::start());
        let reference = format!("{}/blog", registry.address);
        let config = registry.put_blob(b"{\"name\":\"chart\"}"[..16].as_ref());
        registry.put_manifest("blog/latest", media_type, bytes.replace("CONFIG", &config).as_bytes());
        let ran = workshop.package(&["--push", &reference]);
        ran.says(1, &format!("{reference}:latest is no image that galley can read; push to another tag, or"));
        workshop.package(&["--push", &reference, "--full"]).says(0, "release 1, ");
        assert_whole(&registry);
    }
}

#[test]
fn a_number_after_which_there_is_none_is_refused() {
    let (workshop, registry) = (Workshop::new(), Registry::start());
    let reference = format!("{}/blog", registry.address);
    for number in [u64::MAX, 1 << 53] {
        let index =
            format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"dev.galley.sequence":"{number}"}}}}"#);
        registry.put_manifest("blog/latest", "application/vnd.oci.image.index.v1+json", index.as_bytes());
        workshop.package(&["--push", &reference]).says(1, "there is no number after it; remove it there, or choose");
    }
}

/// In Docker's words all that an index says stands in the configs. Without them, here and there, nobody knows what it is.
#[test]
fn configs_that_are_lost_are_named_with_the_way_on() {
    let (workshop, registry) = (Workshop::new(), Registry::start());
    let reference = format!("{}/blog", registry.address);
    let push = |more: &[&str]| workshop.package(&[&["--push", &reference, "--format", "docker"], more].concat());
    push(&[]).says(0, "release 1, ");
    let forget = || {
        registry.sweep();
        fs::remove_dir_all(workshop.site.path().join(".galley")).unwrap();
    };
    for edit in [false, true] {
        forget();
        if edit {
            workshop.edit("one");
        }
        let ran = push(&[]);
        ran.says(
            1,
            &format!("{reference}:latest is no image that galley can read; push to another tag, or write over"),
        );
        ran.says(1, "it with --full: its config sha256:");
        ran.says(1, &format!("can't be had: the registry {} answers 404 to a pull of a blob", registry.address));
        push(&["--full"]).says(0, "release 1, ");
        assert_whole(&registry);
    }
    // What the cache knows is not asked for.
    registry.sweep();
    push(&[]).says(0, "of its parts that are lost");
    assert_whole(&registry);
}
