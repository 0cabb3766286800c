//! What a signature may cover: nothing that somebody without the key has put at the destination.

use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use galley::image::{Platform, pack_program, read_layout};
use galley::snapshot::Digest;
use serde_json::{Value, json};

use crate::double::Registry;
use crate::layouts::{INDEX, Layout};
use crate::package::{Workshop, images};
use crate::signature::Keys;
use crate::support::{Ran, program};

/// A blog in a registry, its author's key, and a program of somebody who may push and has no key.
struct Scene {
    workshop: Workshop,
    keys: Keys,
    registry: Registry,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { workshop: Workshop::new(), keys: Keys::new(&["ours", "next"]), registry: Registry::start() };
        for platform in Platform::ALL {
            std::fs::write(scene.workshop.at(&format!("evil-{}", platform.folder())), evil(platform)).unwrap();
        }
        scene
    }

    fn reference(&self) -> String {
        format!("{}/blog", self.registry.address)
    }

    /// Pushes with the program for this machine alone, signed.
    fn author(&self, more: &[&str]) -> Ran {
        let (reference, key) = (self.reference(), self.keys.private("ours"));
        let own = self.workshop.own_binary();
        self.workshop.bare(&[&[own.as_str(), "--push", &reference, "--sign", &key], more].concat())
    }

    /// Puts the same pages with other programs under the tag.
    fn mallory(&self) {
        let binaries = Platform::ALL.map(|platform| {
            let file = self.workshop.at(&format!("evil-{}", platform.folder()));
            format!("--binary={platform}={}", file.display())
        });
        let reference = self.reference();
        let push = ["--push", reference.as_str()];
        self.workshop.bare(&[binaries.each_ref().map(String::as_str).as_slice(), &push].concat()).says(0, "");
    }

    /// The layers under the tag, and the index.
    fn layers(&self) -> (Digest, Vec<Digest>) {
        let copy = tempfile::tempdir().unwrap();
        let reference = self.reference();
        let oci = copy.path().display().to_string();
        self.workshop.package(&["--push", &reference, "--oci", &oci]);
        let layers = images(copy.path()).1.into_iter().flat_map(|manifest| manifest.layers);
        (read_layout(copy.path()).unwrap().digest, layers.map(|layer| layer.digest).collect())
    }
}

fn evil(platform: Platform) -> Vec<u8> {
    program(platform, "does what its author did not write")
}

fn other() -> Platform {
    let own = Platform::of_this_program();
    Platform::ALL.into_iter().find(|platform| Some(*platform) != own).unwrap()
}

#[test]
fn a_program_that_nobody_with_the_key_vouched_for_is_not_signed() {
    let scene = Scene::new();
    let key = scene.keys.private("ours");
    scene.workshop.package(&["--push", &scene.reference(), "--sign", &key]).says(0, "release 1, ");
    scene.workshop.edit("by the author");
    scene.author(&[]).says(0, &format!("{} as in the image before", other()));
    for edit in [false, true] {
        scene.mallory();
        if edit {
            scene.workshop.edit("by the author again");
        }
        scene.registry.take_log();
        let ran = scene.author(&[]);
        ran.says(1, &format!("there is no program for {}: name one by --binary", other()));
        ran.says(1, "that of the image before is not taken: it is not signed, so whoever may push could have put");
        assert!(!scene.registry.take_log().iter().any(|line| line.starts_with("PUT")));
    }
    // With programs from elsewhere all is well, and nothing of Mallory's is left.
    scene.workshop.package(&["--push", &scene.reference(), "--sign", &key]).says(0, "pushed ");
    let evils = Platform::ALL.map(|platform| pack_program(&evil(platform)).unwrap().descriptor.digest);
    let (_, layers) = scene.layers();
    assert!(!layers.iter().any(|layer| evils.contains(layer)));
    scene.workshop.edit("and once more");
    scene.author(&[]).says(0, &format!("{} as in the image before", other()));
}

#[test]
fn what_an_older_key_signed_is_taken_over_if_that_key_is_named() {
    let scene = Scene::new();
    let (ours, next) = (scene.keys.private("ours"), scene.keys.private("next"));
    scene.workshop.package(&["--push", &scene.reference(), "--sign", &ours]).says(0, "release 1, ");
    let own = scene.workshop.own_binary();
    let reference = scene.reference();
    let push =
        |more: &[&str]| scene.workshop.bare(&[&[own.as_str(), "--push", &reference, "--sign", &next], more].concat());
    push(&[]).says(1, "if an older key of yours signed it, name that by --verify KEY");
    push(&["--verify", &scene.keys.public("ours")]).says(0, &format!("{} as in the image before", other()));
    // Asked for alone, it asks the same.
    scene.mallory();
    let asked = [own.as_str(), "--push", &reference, "--verify", &scene.keys.public("next")];
    scene.workshop.bare(&asked).says(1, "that of the image before is not taken");
}

/// The base layer in `folder` with a program beside the pages, under an index of its own.
fn with_a_program_in_the_base(folder: &Path) -> Layout {
    let (index, manifests) = images(folder);
    let layout = Layout::new();
    let blob = |digest: Digest| std::fs::read(folder.join("blobs/sha256").join(digest.hex())).unwrap();
    let mut archive = Vec::new();
    MultiGzDecoder::new(&blob(manifests[0].layers[1].digest)[..]).read_to_end(&mut archive).unwrap();
    // Without its end, two blocks of zeros, more can be added.
    let mut builder = tar::Builder::new(archive[..archive.len() - 1024].to_vec());
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o755);
    header.set_size(4);
    builder.append_data(&mut header, "galley", &b"evil"[..]).unwrap();
    let (base, base_id) = layout.layer(&builder.into_inner().unwrap(), "base");
    let images = manifests.iter().zip(&index.manifests).map(|(manifest, listed)| {
        let mut binary = layout.blob(&manifest.layers[0].media_type, &blob(manifest.layers[0].digest));
        binary["annotations"] = json!({"dev.galley.role": "binary"});
        let config: Value = serde_json::from_slice(&blob(manifest.config.digest)).unwrap();
        let binary_id = config["rootfs"]["diff_ids"][0].as_str().unwrap().parse().unwrap();
        let platform = serde_json::to_value(listed.platform.as_ref().unwrap()).unwrap();
        layout.image_for(&platform, &[binary, base.clone()], &[binary_id, base_id])
    });
    let images: Vec<Value> = images.collect();
    layout.list(&[layout.index(&images, &json!(index.annotations))]);
    assert_eq!(layout.index(&images, &json!({}))["mediaType"], INDEX);
    layout
}

#[test]
fn a_layer_of_pages_with_a_program_in_it_is_not_signed() {
    let scene = Scene::new();
    let key = scene.keys.private("ours");
    for edit in [false, true] {
        scene.workshop.oci(&["--sign", &key, "--full"]).says(0, "");
        let layout = with_a_program_in_the_base(&scene.workshop.at("image"));
        let theirs = images(layout.path()).1[0].layers[1].digest;
        if edit {
            scene.workshop.edit("by the author");
        }
        let folder = layout.path().display().to_string();
        let ran = scene.workshop.package(&["--oci", &folder, "--sign", &key]);
        ran.says(0, "can't be built upon, all is packed again: it is not signed by your key");
        let layers = images(layout.path()).1.into_iter().flat_map(|manifest| manifest.layers);
        assert!(!layers.map(|layer| layer.digest).any(|digest| digest == theirs));
    }
}

/// Readers that go by the last of two keys, or by one in other letters, would see what was added.
#[test]
fn an_index_with_more_in_it_than_was_signed_is_written_anew() {
    let scene = Scene::new();
    let (reference, key) = (scene.reference(), scene.keys.private("ours"));
    let push = |more: &[&str]| scene.workshop.package(&[&["--push", &reference, "--sign", &key], more].concat());
    let copy = tempfile::tempdir().unwrap();
    push(&["--oci", &copy.path().display().to_string()]).says(0, "release 1, ");
    push(&[]).says(0, "is that already");
    // The same annotations and manifests, and the signature of a repository holds for them.
    let pushed = scene.registry.manifest("blog/latest");
    let mut more = pushed[..pushed.len() - 1].to_vec();
    more.extend_from_slice(br#","Manifests":[]}"#);
    scene.registry.put_manifest("blog/latest", INDEX, &more);
    let ran = push(&[]);
    ran.says(0, "pushed ");
    assert!(!ran.errors.contains("is that already"), "{}", ran.errors);
    assert!(!scene.registry.manifest("blog/latest").windows(11).any(|part| part == b"\"Manifests\""));
    // A number that nobody vouches for does not use up those that there are.
    let text = String::from_utf8(pushed).unwrap();
    let high = text.replace(r#""dev.galley.sequence":"1""#, r#""dev.galley.sequence":"9007199254740990""#);
    assert_ne!(high, text);
    scene.registry.put_manifest("blog/latest", INDEX, high.as_bytes());
    push(&[]).says(1, "there is no number after it that is signed, because nobody vouches for it");
}

/// A blog of three releases, signed; the index of the first.
fn three_releases(scene: &Scene) -> Vec<u8> {
    let (reference, key) = (scene.reference(), scene.keys.private("ours"));
    scene.workshop.package(&["--push", &reference, "--sign", &key]).says(0, "release 1, ");
    let first = scene.registry.manifest("blog/latest");
    for (text, said) in [("two", "release 2, "), ("three", "release 3, ")] {
        scene.workshop.edit(text);
        scene.author(&[]).says(0, said);
    }
    first
}

#[test]
fn an_older_release_that_was_put_back_is_not_built_upon() {
    let scene = Scene::new();
    let first = three_releases(&scene);
    let key = scene.keys.private("ours");
    let third = scene.registry.manifest("blog/latest");
    scene.registry.put_manifest("blog/latest", INDEX, &first);
    scene.workshop.edit("four");
    scene.registry.take_log();
    let refused = format!("{}:latest holds release 1, though release 3 was pushed there from here", scene.reference());
    let ran = scene.author(&[]);
    ran.says(1, &refused);
    ran.says(1, "pack with --full, which takes nothing over from it and makes release 4");
    // Whoever asks for no more than that it be signed by it is told so, too.
    let (reference, own) = (scene.reference(), scene.workshop.own_binary());
    let asked = [own.as_str(), "--push", &reference, "--verify", &scene.keys.public("ours")];
    scene.workshop.bare(&asked).says(1, &refused);
    // A copy that can't be written takes nothing of it away: it was pushed before.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.tex"), "years").unwrap();
    scene.registry.put_manifest("blog/latest", INDEX, &third);
    scene.author(&["--oci", folder.path().to_str().unwrap()]).says(1, "choose another folder");
    scene.registry.put_manifest("blog/latest", INDEX, &first);
    scene.author(&[]).says(1, "though release 4 was pushed there from here");
    scene.registry.take_log();
    // What was made by another version of the program is made anew; what was pushed is remembered.
    std::fs::write(scene.workshop.site.path().join(".galley/cache/version"), "galley cache 0\n").unwrap();
    scene.author(&[]).says(1, "though release 4 was pushed there from here");
    assert!(scene.registry.take_log().iter().all(|line| !line.starts_with("PUT")));
    assert_eq!(scene.registry.manifest("blog/latest"), first);

    // Programs of the older release are not taken over unseen either.
    let ran = scene.author(&["--full"]);
    ran.says(1, "that of the image before is not taken: it is older than what was pushed from here");
    scene.workshop.package(&["--push", &reference, "--sign", &key, "--full"]).says(0, "release 5, ");
    scene.workshop.edit("six");
    scene.author(&[]).says(0, "release 6, ");
}

/// Whoever went back by hand, and says so, goes on from there: with other pages or the same, and with its programs if he names it as
/// their base.
#[test]
fn an_older_release_that_its_author_put_back_is_gone_on_from() {
    for as_before in [false, true] {
        let scene = Scene::new();
        let page = scene.workshop.site.path().join("content/posts/p7.md");
        let original = std::fs::read(&page).unwrap();
        let first = three_releases(&scene);
        scene.registry.put_manifest("blog/latest", INDEX, &first);
        match as_before {
            true => std::fs::write(&page, &original).unwrap(),
            false => scene.workshop.edit("four"),
        }
        let ran = scene.author(&["--full", "--base", &scene.reference()]);
        ran.says(0, &format!("{} from {}", other(), scene.reference()));
        ran.says(0, "release 4, ");
        scene.author(&[]).says(0, "is that already");
        scene.workshop.edit("five");
        scene.author(&[]).says(0, "release 5, ");
    }
}

/// Numbers go on where the tag was removed, or holds a lower one of somebody else's: what was made then is no older release.
#[test]
fn a_lost_tag_does_not_make_releases_start_again() {
    let scene = Scene::new();
    three_releases(&scene);
    let (reference, key) = (scene.reference(), scene.keys.private("ours"));
    let push = || scene.workshop.package(&["--push", &reference, "--sign", &key]);
    scene.registry.forget("blog/latest");
    push().says(0, "release 4, ");
    push().says(0, "is that already");
    // The same layers under an index of his own.
    let unsigned = String::from_utf8(scene.registry.manifest("blog/latest")).unwrap();
    let low = unsigned.replace(r#""dev.galley.sequence":"4""#, r#""dev.galley.sequence":"1""#);
    assert_ne!(low, unsigned);
    scene.registry.put_manifest("blog/latest", INDEX, low.as_bytes());
    push().says(0, "release 5, ");
    scene.workshop.edit("six");
    scene.author(&[]).says(0, "release 6, ");
}

/// The memory is the cache's, and of one tag: elsewhere it is as if there had been no other release.
#[test]
fn what_nobody_remembers_is_taken_for_the_latest() {
    let scene = Scene::new();
    let first = three_releases(&scene);
    let other = format!("{}:other", scene.reference());
    scene.registry.put_manifest("blog/other", INDEX, &first);
    let (own, key) = (scene.workshop.own_binary(), scene.keys.private("ours"));
    scene.workshop.bare(&[&own, "--push", &other, "--sign", &key]).says(0, "release 2, ");
    scene.registry.put_manifest("blog/latest", INDEX, &first);
    std::fs::remove_dir_all(scene.workshop.site.path().join(".galley")).unwrap();
    scene.author(&[]).says(0, "release 2, ");
    // Without a signature a number says nothing, and is not remembered.
    let reference = scene.reference();
    let unsigned = scene.registry.manifest("blog/latest");
    for text in ["one", "two"] {
        scene.workshop.edit(text);
        scene.workshop.bare(&[&own, "--push", &reference]).says(0, "pushed ");
    }
    scene.registry.put_manifest("blog/latest", INDEX, &unsigned);
    scene.author(&[]).says(0, "release 3, ");
}
