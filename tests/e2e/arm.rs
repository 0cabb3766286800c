//! The programs for ARM, run by QEMU: they give what this machine's program gives, byte for byte, and serve and follow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use jpeg_encoder::{ColorType, Encoder};

use crate::parts::{Registry, base, dist, project};
use crate::support::{Instance, Ran, TempSite, galley, galley_at, run};

/// A program that this machine can't run by itself.
struct Emulated {
    platform: &'static str,
    emulator: &'static str,
    program: PathBuf,
}

impl Emulated {
    fn new(platform: &'static str, emulator: &'static str) -> Self {
        Self { platform, emulator, program: dist(platform) }
    }

    fn galley(&self) -> Command {
        let mut command = galley_at(Path::new(self.emulator));
        command.arg(&self.program).env("GALLEY_PLATFORM", self.platform);
        command
    }
}

/// Everything whose bytes a processor could have a say in: the manual's code and search, and a picture to make smaller.
fn site() -> TempSite {
    let site = TempSite::new();
    for found in walkdir::WalkDir::new(project().join("site/content")) {
        let found = found.unwrap();
        if found.file_type().is_file() {
            let path = found.path().strip_prefix(project().join("site")).unwrap();
            site.write(path.to_str().unwrap(), std::fs::read(found.path()).unwrap());
        }
    }
    let (width, height) = (700_u16, 300_u16);
    let pixels =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [(x / 3) as u8, x.wrapping_mul(y) as u8, (y / 2) as u8]));
    let mut picture = Vec::new();
    let pixels: Vec<u8> = pixels.collect();
    Encoder::new(&mut picture, 90).encode(&pixels, width, height, ColorType::Rgb).unwrap();
    site.write("content/posts/picture/picture.jpg", picture);
    site.file("content/posts/picture/index.md", "# Picture\n\n![A slope](picture.jpg)\n")
        .file("content/edited.md", "---\ntitle: Edited\n---\nEdition 0.\n")
}

/// Path and content of every file.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let found = walkdir::WalkDir::new(folder).into_iter().map(|found| found.unwrap().into_path());
    let files = found.filter(|path| path.is_file());
    files.map(|path| (path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap())).collect()
}

/// A site is rendered by `command` into a folder of its own: a cache would hand on what another program made.
fn render(mut command: Command) -> BTreeMap<PathBuf, Vec<u8>> {
    let (site, place) = (site(), tempfile::tempdir().unwrap());
    let output = place.path().join("public");
    let ran = Ran::of(command.args(["build", site.str(), "-o", output.to_str().unwrap()]));
    assert_eq!(ran.code, 0, "{}", ran.errors);
    files(&output)
}

impl Emulated {
    fn renders_the_same(&self) {
        let (native, emulated) = (render(galley()), render(self.galley()));
        assert!(native.keys().any(|path| path.extension().is_some_and(|end| end == "webp")), "{:?}", native.keys());
        assert!(native.keys().eq(emulated.keys()), "{:?}\n{:?}", native.keys(), emulated.keys());
        for (path, bytes) in &native {
            assert!(bytes == &emulated[path], "{}: {} differs", self.platform, path.display());
        }
    }

    fn serves(&self, site: &TempSite) {
        let instance = Instance::of(self.galley().args(["serve", site.str()]));
        let response = instance.get("/edited/");
        assert!(response.status == 200 && response.text().contains("Edition 0."), "{}", response.text());
        let tag = response.header("etag").to_owned();
        assert_eq!(instance.request("GET", "/edited/", &[("if-none-match", &tag)], "").status, 304);
        instance.stop();
    }

    fn follows(&self, site: &TempSite) {
        let registry = Registry::start(None);
        let reference = format!("{}/me/blog:latest", registry.address);
        let binary = format!("{}={}", self.platform, self.program.display());
        let publish = |edition: u32| {
            site.write("content/edited.md", format!("---\ntitle: Edited\n---\nEdition {edition}.\n"));
            let options = ["--platform", self.platform, "--binary", &binary];
            run(&[&["package", site.str(), "--push", &reference][..], &options].concat()).says(0, "pushed");
        };
        publish(1);
        let instance = Instance::of(self.galley().args(["serve", "--follow", &reference, "--poll", "1s"]));
        assert!(instance.get("/edited/").text().contains("Edition 1."));
        publish(2);
        instance.wait_for("/edited/", "Edition 2.");
        instance.stop();
    }

    /// Compressed and put in order there as here: the same release, whoever makes it.
    fn packs_the_same(&self) {
        let release = |mut command: Command| {
            let (site, place) = (site(), tempfile::tempdir().unwrap());
            let base = format!("oci:{}", base().display());
            let ran = Ran::of(command.env_remove("GALLEY_PLATFORM").args([
                "package",
                site.str(),
                "--base",
                &base,
                "--oci",
                place.path().to_str().unwrap(),
            ]));
            assert_eq!(ran.code, 0, "{}", ran.errors);
            ran.output
        };
        let native = release(galley_at(&dist("linux/amd64")));
        assert!(native.contains("sha256:"), "{native}");
        assert_eq!(release(self.galley()), native);
    }

    fn does_all(&self) {
        let site = site();
        self.renders_the_same();
        self.packs_the_same();
        self.serves(&site);
        self.follows(&site);
    }
}

pub(crate) fn arm64() {
    Emulated::new("linux/arm64", "qemu-aarch64-static").does_all();
}

pub(crate) fn arm_v7() {
    Emulated::new("linux/arm/v7", "qemu-arm-static").does_all();
}
