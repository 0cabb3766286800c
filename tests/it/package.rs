//! `galley package`: which programs it takes, what it moves, and what it says of it.

use std::fs;
use std::path::{Path, PathBuf};

use galley::image::{Index, Manifest, Platform, layout_content, pack_program, read_layout};
use galley::snapshot::{ContentRoot, Digest};
use serde_json::json;

use crate::double::{Account, Registry};
use crate::layouts::Layout;
use crate::support::{Ran, TempSite, galley, program};

/// A site, programs for all platforms, and a place for images.
pub(crate) struct Workshop {
    pub(crate) site: TempSite,
    place: TempSite,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let posts = (0..60).map(|number| {
            let text = (0..200).map(|word| format!("word{} ", word * (number + 3) % 97)).collect::<String>();
            (format!("content/posts/p{number}.md"), format!("---\ntitle: P{number}\ndate: 2025-01-01\n---\n{text}\n"))
        });
        let site = posts.fold(TempSite::new(), |site, (path, text)| site.file(&path, text));
        let place = TempSite::bare();
        Platform::ALL.iter().for_each(|platform| place.write(platform.folder(), program(*platform, "program 1")));
        Self { site, place }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn binary(&self, platform: Platform) -> String {
        format!("--binary={platform}={}", self.at(platform.folder()).display())
    }

    /// The programs for all platforms.
    pub(crate) fn binaries(&self) -> [String; 3] {
        Platform::ALL.map(|platform| self.binary(platform))
    }

    /// The program for this machine.
    pub(crate) fn own_binary(&self) -> String {
        self.binary(Platform::of_this_program().unwrap())
    }

    /// Packs the programs alone, a base for other images.
    #[track_caller]
    pub(crate) fn base(&self, arguments: &[&str]) {
        let mut command = galley();
        command.env_remove("GALLEY_PLATFORM").args(["package", "--no-site"]).args(arguments).args(self.binaries());
        assert_eq!(Ran::of(&mut command).code, 0);
    }

    /// Packs with what is given and no more.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Ran {
        Ran::of(galley().env_remove("GALLEY_PLATFORM").args(["package", self.site.str()]).args(arguments))
    }

    /// Packs for all platforms with the programs of the workshop.
    pub(crate) fn package(&self, arguments: &[&str]) -> Ran {
        self.bare(&[self.binaries().each_ref().map(String::as_str).as_slice(), arguments].concat())
    }

    pub(crate) fn oci(&self, arguments: &[&str]) -> Ran {
        let folder = self.at("image");
        self.package(&[&["--oci", folder.to_str().unwrap()], arguments].concat())
    }

    pub(crate) fn edit(&self, text: &str) {
        self.site.write("content/posts/p7.md", format!("---\ntitle: P7\ndate: 2025-01-01\n---\n{text}\n"));
    }
}

/// The index in a layout, and its manifests.
pub(crate) fn images(folder: &Path) -> (Index, Vec<Manifest>) {
    let layout = read_layout(folder).unwrap();
    let manifests = layout.index.manifests.iter().map(|descriptor| layout.manifest(descriptor).unwrap()).collect();
    (layout.index, manifests)
}

pub(crate) fn roles(manifest: &Manifest) -> Vec<&str> {
    manifest.layers.iter().map(|layer| layer.role().unwrap().name()).collect()
}

/// The bytes that a run says it moves, in bytes.
pub(crate) fn announced(ran: &Ran) -> f64 {
    let line = ran.errors.lines().find(|line| line.starts_with("to ")).unwrap();
    let words: Vec<&str> = line.split(": ").nth(1).unwrap().split([' ', ';']).collect();
    let unit = ["bytes", "KB", "MB"].iter().position(|unit| *unit == words[1]).unwrap();
    words[0].parse::<f64>().unwrap() * 1000f64.powi(unit as i32)
}

#[test]
fn an_edit_is_a_delta_that_all_platforms_share() {
    let workshop = Workshop::new();
    workshop.oci(&[]).says(0, "release 1, linux/amd64, linux/arm64, linux/arm/v7,");
    workshop.edit("another");
    let ran = workshop.oci(&[]);
    ran.says(0, "release 2, ");
    assert!(ran.errors.contains("/posts/p7/ "), "{}", ran.errors);
    assert!(announced(&ran) < 12_000.0, "{}", ran.errors);
    let (index, manifests) = images(&workshop.at("image"));
    assert_eq!(index.sequence(), 2);
    assert_eq!(manifests.len(), 3);
    for manifest in &manifests {
        assert_eq!(roles(manifest), ["binary", "base", "delta"]);
        assert_eq!(manifest.layers[1..], manifests[0].layers[1..]);
    }
    for platform in Platform::ALL {
        let tree = layout_content(&workshop.at("image"), platform).unwrap();
        assert_eq!(index.content_root().unwrap(), ContentRoot::of(&tree).to_string());
    }
    workshop.oci(&[]).says(0, "is that already: nothing was moved");
    workshop.oci(&["--full"]).says(0, "release 3, ");
    assert_eq!(roles(&images(&workshop.at("image")).1[0]), ["binary", "base"]);
}

/// What is kept between runs makes them faster and nothing else (law 4), whoever else writes there.
#[test]
fn the_cache_changes_no_byte() {
    let workshop = Workshop::new();
    let page = workshop.site.path().join(".galley/cache/rendered/posts/p3/index.html");
    let digests = |forget: bool| {
        let _ = fs::remove_dir_all(workshop.at("image"));
        let edits = ["one", "two", "two and a half"].map(|text| {
            workshop.edit(text);
            if forget {
                fs::remove_dir_all(workshop.site.path().join(".galley")).unwrap();
            }
            let packed = workshop.oci(&[]).output;
            assert!(fs::read_to_string(&page).unwrap().contains("<title>P3"));
            if text == "two" {
                fs::write(&page, "somebody else's").unwrap();
            }
            packed
        });
        edits.to_vec()
    };
    assert_eq!(digests(false), digests(true));
}

#[test]
fn each_platform_needs_its_program() {
    let workshop = Workshop::new();
    let oci = workshop.at("image").display().to_string();
    let two = [Platform::Amd64, Platform::Arm64].map(|platform| workshop.binary(platform));
    let ran = workshop.bare(&[&two[0], &two[1], "--oci", &oci]);
    for part in
        ["there is no program for linux/arm/v7: name one by --binary linux/arm/v7=FILE", "--base", "dist/linux-arm-v7"]
    {
        ran.says(1, part);
    }
    assert!(!workshop.at("image").exists());
    let limited = ["--platform", "linux/amd64,linux/arm64", &two[0], &two[1], "--oci", &oci];
    workshop.bare(&limited).says(0, "release 1, linux/amd64, linux/arm64,");
    workshop.bare(&["--platform", "linux/arm64", &two[0], "--oci", &oci]).says(1, "for which nothing is packed");
    let crossed = format!("--binary=linux/arm64={}", workshop.at("linux-arm-v7").display());
    workshop
        .bare(&["--platform", "linux/arm64", &crossed, "--oci", &oci])
        .says(1, "is a program for linux/arm/v7, not for");
    workshop.bare(&["--binary", "linux/arm64", "--oci", &oci]).says(2, "write it as linux/arm64=FILE");
    workshop.bare(&["--platform", "linux/riscv64", "--oci", &oci]).says(2, "is no platform of galley's");
}

#[test]
fn programs_come_from_a_base_from_the_image_before_and_from_dist() {
    let workshop = Workshop::new();
    let at = |name: &str| workshop.at(name).display().to_string();
    let own = Platform::of_this_program().unwrap();
    workshop.base(&["--oci", &at("base")]);
    let manifests = images(&workshop.at("base")).1;
    assert!(manifests.iter().all(|manifest| roles(manifest) == ["binary"]));

    let named = format!("oci:{}", at("base"));
    let ran = workshop.bare(&["--base", &named, &workshop.own_binary(), "--oci", &at("image")]);
    let others: Vec<_> = Platform::ALL.into_iter().filter(|platform| *platform != own).collect();
    others.iter().for_each(|platform| ran.says(0, &format!("{platform} from {named}")));
    let packed = images(&workshop.at("image")).1;
    let programs = |manifests: &[Manifest]| manifests.iter().map(|one| one.layers[0].clone()).collect::<Vec<_>>();
    assert_eq!(programs(&packed), programs(&manifests));

    workshop.edit("without the base");
    let ran = workshop.bare(&[&workshop.own_binary(), "--oci", &at("image")]);
    others.iter().for_each(|platform| ran.says(0, &format!("{platform} as in the image before")));
    assert_eq!(programs(&images(&workshop.at("image")).1), programs(&manifests));

    let ran = workshop.bare(&["--base", "oci:nothing", &workshop.own_binary(), "--oci", &at("other")]);
    ran.says(1, "oci:nothing: there is no such image");
}

/// The password of the environment is for the registry that is pushed to, and nobody asks to write where he only reads.
#[test]
fn a_base_of_another_registry_gets_no_password_and_is_only_read() {
    let workshop = Workshop::new();
    let base = Registry::start();
    let reference = format!("{}/galley", base.address);
    workshop.base(&["--push", &reference]);
    let base = base.with_tokens(Account { takes_no_password: true, ..Account::default() });
    let password = Some(("me".to_owned(), "hunter2".to_owned()));
    let own = Registry::start().with_tokens(Account { password, ..Account::default() });
    let mut command = galley();
    command.env_remove("GALLEY_PLATFORM").args(["package", workshop.site.str(), "--base", &reference]);
    command.args(["--push", &format!("{}/blog", own.address), &workshop.own_binary()]);
    let variables = [("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", "hunter2")];
    Ran::of(command.envs(variables)).says(0, "pushed ");
    let scopes = base.take_scopes();
    assert!(!scopes.is_empty() && scopes.iter().all(|scope| scope == "repository:galley:pull"), "{scopes:?}");
}

#[test]
fn a_base_whose_config_lies_about_its_program_is_not_handed_on() {
    let (workshop, foreign) = (Workshop::new(), Layout::new());
    let platform = Platform::Arm64;
    let packed = pack_program(&program(platform, "program 1")).unwrap();
    let bytes = packed.bytes().unwrap().unwrap();
    let mut layer = foreign.blob("application/vnd.oci.image.layer.v1.tar+gzip", &bytes);
    layer["annotations"] = json!({"dev.galley.role": "binary"});
    let fields = serde_json::to_value(platform.fields()).unwrap();
    let folder = workshop.at("image");
    for (promised, code, said) in [
        (Digest::of(b"other bytes"), 1, "promises other bytes of the program than there are"),
        (packed.diff_id, 0, "wrote oci:"),
        // That the layer is where the image goes to makes it no truer.
        (Digest::of(b"other bytes"), 1, "promises other bytes of the program than there are"),
    ] {
        let image = foreign.image_for(&fields, &[layer.clone()], &[promised]);
        foreign.list(&[foreign.index(&[image], &json!({}))]);
        let ran = workshop.bare(&[
            "--base",
            &foreign.source(),
            "--platform",
            "linux/arm64",
            "--oci",
            folder.to_str().unwrap(),
        ]);
        ran.says(code, said);
    }
}

#[test]
fn a_damaged_layout_is_mended_by_packing_again() {
    let workshop = Workshop::new();
    workshop.oci(&[]).says(0, "wrote oci:");
    let folder = workshop.at("image");
    let layer = images(&folder).1[0].layers[1].digest;
    let file = folder.join("blobs/sha256").join(layer.hex());
    let whole = std::fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&file, &damaged).unwrap();
    workshop.oci(&[]).says(0, "is missing or damaged; all is packed again");
    assert!(std::fs::read(&file).unwrap() == whole);
    workshop.oci(&[]).says(0, "is that already");
}

#[test]
fn an_image_that_somebody_else_made_is_no_base() {
    let workshop = Workshop::new();
    let foreign = Layout::new();
    let (layer, diff_id) = foreign.layer(b"", "");
    foreign.list(&[foreign.index(&[foreign.image(&[layer], &[diff_id])], &serde_json::json!({}))]);
    let own = workshop.own_binary();
    let folder = workshop.at("image");
    let ran = workshop.bare(&["--base", &foreign.source(), &own, "--oci", folder.to_str().unwrap()]);
    ran.says(1, "is no image of galley's: none of its layers is said to hold the program");
    assert!(!folder.exists());
}

#[test]
fn dockers_format_is_built_upon_like_any_other() {
    let workshop = Workshop::new();
    let docker = ["--format", "docker"];
    workshop.oci(&docker).says(0, "release 1, ");
    workshop.edit("in Docker's words");
    let ran = workshop.oci(&docker);
    ran.says(0, "release 2, ");
    assert!(announced(&ran) < 12_000.0, "{}", ran.errors);
    let (index, manifests) = images(&workshop.at("image"));
    assert_eq!(index.media_type, "application/vnd.docker.distribution.manifest.list.v2+json");
    assert_eq!(manifests[0].layers.len(), 3);
    let tree = layout_content(&workshop.at("image"), Platform::Amd64).unwrap();
    assert!(tree.get("posts/p7/index.html").is_some());
    // The other format takes the same blobs by other names, there and back.
    workshop.oci(&[]).says(0, "release 3, ");
    assert_eq!(roles(&images(&workshop.at("image")).1[0]), ["binary", "base", "delta"]);
    workshop.oci(&docker).says(0, "release 4, ");
    assert!(images(&workshop.at("image")).0.media_type.contains("vnd.docker"));
    workshop.oci(&docker).says(0, "is that already");
    workshop.edit("and back");
    workshop.oci(&[]).says(0, "release 5, ");
    assert_eq!(roles(&images(&workshop.at("image")).1[0]), ["binary", "base", "delta", "delta"]);
}

/// skopeo copies an image so, and Docker's format has no roles.
#[test]
fn images_in_other_words_are_read_and_will_do_as_a_base() {
    let workshop = Workshop::new();
    let folder = workshop.at("image");
    workshop.oci(&[]).says(0, "wrote oci:");
    let layout = read_layout(&folder).unwrap();
    let platform = Platform::Arm64;
    let mut single = layout.index.manifest(platform).unwrap().clone();
    single.platform = None;
    single.annotations.insert("org.opencontainers.image.ref.name".to_owned(), "latest".to_owned());
    fs::write(folder.join("index.json"), json!({"schemaVersion": 2, "manifests": [single]}).to_string()).unwrap();
    let tree = layout_content(&folder, platform).unwrap();
    assert_eq!(layout.index.content_root().unwrap(), ContentRoot::of(&tree).to_string());
    assert!(layout_content(&folder, Platform::Amd64).unwrap_err().to_string().ends_with("it has linux/arm64/v8"));
    let take = |base: &str, name: &str| {
        let (base, oci) = (format!("oci:{base}"), workshop.at(name).display().to_string());
        let ran = workshop.bare(&["--platform", "linux/arm64", "--base", &base, "--oci", &oci]);
        ran.says(0, &format!("linux/arm64 from {base}"));
    };
    take(folder.to_str().unwrap(), "one");

    let base = workshop.at("base").display().to_string();
    workshop.base(&["--format", "docker", "--oci", &base]);
    take(&base, "two");
}

#[test]
fn a_registry_gets_what_it_does_not_have_and_a_folder_gets_all() {
    let workshop = Workshop::new();
    let registry = Registry::start();
    let reference = format!("{}/blog", registry.address);
    workshop.package(&["--push", &reference]).says(0, "release 1, ");
    workshop.edit("pushed");
    registry.take_log();
    let copy = workshop.at("copy");
    let ran = workshop.package(&["--push", &reference, "--oci", copy.to_str().unwrap()]);
    ran.says(0, "release 2, ");
    let uploads = registry.take_log().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(uploads, 1 + 3, "a delta and three configs");
    let (index, manifests) = images(&copy);
    assert_eq!((index.sequence(), manifests.len()), (2, 3));
    assert!(layout_content(&copy, Platform::ArmV7).unwrap().get("posts/p7/index.html").is_some());
}

#[test]
fn a_copy_of_what_was_pushed_before_is_the_same_release() {
    let workshop = Workshop::new();
    let registry = Registry::start();
    let reference = format!("{}/blog", registry.address);
    let pushed = workshop.package(&["--push", &reference]).output;
    let copy = workshop.at("copy");
    workshop.package(&["--push", &reference, "--oci", copy.to_str().unwrap()]).says(0, "is that already");
    assert!(pushed.trim().ends_with(&format!("@{}", read_layout(&copy).unwrap().digest)), "{pushed}");
}

#[test]
fn what_is_at_the_destination_and_is_no_site_is_packed_over() {
    let workshop = Workshop::new();
    workshop.oci(&[]);
    let folder = workshop.at("image");
    let (_, manifests) = images(&folder);
    // A base that can't be read any more: with nothing in the cache there is nothing to build upon.
    fs::write(folder.join("blobs/sha256").join(manifests[0].layers[1].digest.hex()), "broken").unwrap();
    fs::remove_dir_all(workshop.site.path().join(".galley")).unwrap();
    workshop.edit("over it");
    workshop.oci(&[]).says(0, "the image that is there can't be built upon, all is packed again");
    assert_eq!(roles(&images(&folder).1[0]), ["binary", "base"]);
}

#[test]
fn platforms_that_go_are_named() {
    let workshop = Workshop::new();
    workshop.oci(&[]);
    let folder = workshop.at("image");
    let arguments = ["--platform", "linux/arm64", &workshop.binary(Platform::Arm64), "--oci", folder.to_str().unwrap()];
    workshop.bare(&arguments).says(0, "will no longer have linux/amd64, linux/arm/v7");
}
