//! What `galley package` writes, in the hands of readers that somebody else wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use galley::image::Platform;
use galley::snapshot::Digest;
use serde_json::Value;
use walkdir::WalkDir;

use crate::engine::look;
use crate::parts::{Containerd, Engine, Registry, project, python};
use crate::support::{Instance, Ran, TempSite, galley, program, run};

/// Each platform, and what readers call its processor.
const PLATFORMS: [(Platform, &str); 3] =
    [(Platform::Amd64, "amd64"), (Platform::Arm64, "arm64"), (Platform::ArmV7, "arm")];

/// A site, stand-ins for the programs, and a folder for what is written.
struct Bench {
    site: TempSite,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let site = TempSite::new()
            .file("content/_index.md", "Of ships.\n")
            .file("content/posts/anchor.md", "---\ntitle: Anchor\ndate: 2024-03-01\n---\nHeavy.\n")
            .file("content/posts/sail.md", "---\ntitle: Sail\ndate: 2024-04-01\n---\nLight.\n");
        let folder = tempfile::tempdir().unwrap();
        for platform in Platform::ALL {
            fs::write(folder.path().join(platform.folder()), program(platform, "")).unwrap();
        }
        Self { site, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Packs the site for all platforms, or for that which the arguments name.
    #[track_caller]
    fn package(&self, arguments: &[&str]) -> Ran {
        let mut command = galley();
        command.env_remove("GALLEY_PLATFORM").args(["package", self.site.str()]).args(arguments);
        let named = arguments.iter().position(|argument| *argument == "--platform").map(|at| arguments[at + 1]);
        for platform in Platform::ALL.iter().filter(|platform| named.is_none_or(|named| named == platform.to_string()))
        {
            command.arg(format!("--binary={platform}={}", self.path(platform.folder()).display()));
        }
        let ran = Ran::of(&mut command);
        assert_eq!(ran.code, 0, "{}", ran.errors);
        ran
    }

    /// The layout in `name` with the site packed in it.
    #[track_caller]
    fn layout(&self, name: &str, arguments: &[&str]) -> Layout {
        let folder = self.path(name);
        self.package(&[&["--oci", folder.to_str().unwrap()], arguments].concat());
        Layout(folder)
    }
}

/// An OCI layout, as plain JSON in files.
struct Layout(PathBuf);

impl Layout {
    fn blob(&self, descriptor: &Value) -> PathBuf {
        let digest = descriptor["digest"].as_str().unwrap();
        self.0.join("blobs").join(digest.replace(':', "/"))
    }

    fn json(&self, descriptor: &Value) -> Value {
        json(&self.blob(descriptor))
    }

    /// The descriptor of the image's index.
    fn index(&self) -> Value {
        json(&self.0.join("index.json"))["manifests"][0].clone()
    }

    /// The manifests' descriptors.
    fn manifests(&self) -> Vec<Value> {
        self.json(&self.index())["manifests"].as_array().unwrap().clone()
    }
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[track_caller]
fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[track_caller]
fn skopeo(arguments: &[&str]) -> String {
    output(Command::new("skopeo").arg("--insecure-policy").args(arguments))
}

/// What skopeo says of the image for each platform.
#[track_caller]
fn inspect(image: &str) -> Vec<Value> {
    let of = |(platform, architecture): (Platform, &str)| {
        let variant = platform.fields().variant.unwrap_or_default();
        let chosen = ["--override-os", "linux", "--override-arch", architecture, "--override-variant", &variant];
        let seen = skopeo(&[&chosen[..], &["inspect", "--tls-verify=false", image]].concat());
        let seen: Value = serde_json::from_str(&seen).unwrap();
        assert_eq!(seen["Architecture"], architecture, "{image}");
        seen
    };
    PLATFORMS.into_iter().map(of).collect()
}

/// Copies all platforms' images into a layout.
#[track_caller]
fn copy(from: &str, to: &Path) -> Layout {
    let target = format!("oci:{}:latest", to.display());
    skopeo(&["copy", "--all", "--preserve-digests", "--src-tls-verify=false", from, &target]);
    Layout(to.to_path_buf())
}

/// Index, manifests and configs keep to the schemas of the specification.
pub(crate) fn schemas() {
    let bench = Bench::new();
    let mut pairs = Vec::new();
    let mut expect = |schema: &str, file: PathBuf| pairs.extend([schema.into(), file.into_os_string()]);
    // The second one is made of deltas.
    for edit in ["Heavy.", "Heavier."] {
        bench.site.write("content/posts/anchor.md", format!("---\ntitle: Anchor\ndate: 2024-03-01\n---\n{edit}\n"));
        let layout = bench.layout("layout", &[]);
        expect("image-layout-schema.json", layout.0.join("oci-layout"));
        expect("image-index-schema.json", layout.blob(&layout.index()));
        for descriptor in layout.manifests() {
            expect("image-manifest-schema.json", layout.blob(&descriptor));
            expect("config-schema.json", layout.blob(&layout.json(&descriptor)["config"]));
            expect("content-descriptor.json", write(&bench, &descriptor));
        }
        expect("image-index-schema.json", write(&bench, &json(&layout.0.join("index.json"))));
    }
    let tests = project().join("tests");
    let mut command = Command::new(python("jsonschema").unwrap());
    output(command.arg(tests.join("e2e/schemas.py")).arg(tests.join("data/image-spec")).args(pairs));
}

/// A part of a document, or one that is written over, as a file of its own.
fn write(bench: &Bench, value: &Value) -> PathBuf {
    let text = value.to_string();
    let file = bench.path(&format!("{}.json", Digest::of(text.as_bytes()).hex()));
    fs::write(&file, text).unwrap();
    file
}

pub(crate) fn skopeo_reads_every_output() {
    let (bench, registry) = (Bench::new(), Registry::start(None));
    let (layout, tar) = (bench.layout("layout", &[]), bench.path("image.tar"));
    bench.package(&["--tar", tar.to_str().unwrap()]);
    let reference = format!("{}/me/blog:latest", registry.address);
    bench.package(&["--push", &reference]);
    let images = [
        format!("oci:{}:latest", layout.0.display()),
        format!("oci-archive:{}", tar.display()),
        format!("docker://{reference}"),
    ];
    for (number, image) in images.iter().enumerate() {
        let copied = copy(image, &bench.path(&format!("copy-{number}")));
        assert_eq!(copied.index()["digest"], layout.index()["digest"], "{image}");
        for seen in inspect(image) {
            assert_eq!(seen["Labels"]["org.opencontainers.image.title"], "Test", "{image}");
        }
    }
    // The other half of the tar: what docker reads.
    for (tag, architecture) in [("latest", "amd64"), ("latest-arm64", "arm64"), ("latest-arm-v7", "arm")] {
        let image = format!("docker-archive:{}:test:{tag}", tar.display());
        let seen: Value = serde_json::from_str(&skopeo(&["inspect", &image])).unwrap();
        assert_eq!(seen["Architecture"], architecture, "{image}");
        skopeo(&["copy", &image, &format!("oci:{}:{tag}", bench.path("legacy").display())]);
    }
}

/// A rendered folder, so that nothing changes but what is said to.
pub(crate) fn umoci_unpacks_deltas() {
    let folder = TempSite::bare().file("index.html", "<p>Of ships.</p>");
    for number in 0..60 {
        folder.write(&format!("posts/{number}/index.html"), words(number, 500));
    }
    let bench = Bench { site: folder, ..Bench::new() };
    let edits: [&dyn Fn(&Path); 4] = [
        &|folder| fs::write(folder.join("posts/1/index.html"), "<p>Heavier.</p>").unwrap(),
        &|folder| fs::remove_file(folder.join("posts/2/index.html")).unwrap(),
        // A page becomes a folder of pages, and a folder a file.
        &|folder| {
            fs::rename(folder.join("posts/3/index.html"), folder.join("posts/3/page")).unwrap();
            fs::remove_dir_all(folder.join("posts/4")).unwrap();
            fs::write(folder.join("posts/4"), "a file").unwrap();
        },
        &|folder| {
            fs::remove_file(folder.join("posts/4")).unwrap();
            fs::create_dir(folder.join("posts/4")).unwrap();
            fs::write(folder.join("posts/4/index.html"), "<p>A folder again.</p>").unwrap();
        },
    ];
    let pack = || bench.layout("layout", &["--platform", "linux/amd64"]);
    assert_unpacks(&bench, &pack(), 2);
    for (number, edit) in edits.iter().enumerate() {
        edit(bench.site.path());
        // Of four small deltas one is made.
        assert_unpacks(&bench, &pack(), if number < 3 { 3 + number } else { 3 });
    }
}

#[track_caller]
fn assert_unpacks(bench: &Bench, layout: &Layout, layers: usize) {
    assert_eq!(layout.json(&layout.manifests()[0])["layers"].as_array().unwrap().len(), layers);
    let bundle = bench.path(&format!("bundle-{}", layout.index()["digest"].as_str().unwrap()));
    let image = format!("{}:latest", layout.0.display());
    output(Command::new("umoci").args(["unpack", "--image", &image]).arg(&bundle));
    let (unpacked, packed) = (files(&bundle.join("rootfs/site")), files(bench.site.path()));
    assert_eq!(unpacked.keys().collect::<Vec<_>>(), packed.keys().collect::<Vec<_>>());
    let differing: Vec<_> = unpacked.iter().filter(|(path, bytes)| packed[*path] != **bytes).collect();
    assert!(differing.is_empty(), "{:?}", differing.iter().map(|(path, _)| path).collect::<Vec<_>>());
}

/// Words that compress as badly as words can: the same each time.
fn words(seed: u64, count: usize) -> String {
    let digests = (0..count).map(|number| Digest::of(format!("{seed} {number}").as_bytes()).hex());
    digests.map(|hex| hex[..8].to_owned()).collect::<Vec<_>>().join(" ")
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let found = WalkDir::new(folder).into_iter().map(|found| found.unwrap());
    let files = found.filter(|found| found.file_type().is_file());
    let named = files.map(|found| {
        let path = found.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        (path, fs::read(found.path()).unwrap())
    });
    named.collect()
}

pub(crate) fn docker_loads_the_tar() {
    let (bench, engine) = (Bench::new(), Engine::start());
    let tar = bench.path("image.tar");
    bench.package(&["--tar", tar.to_str().unwrap()]);
    let said = engine.docker(&["load", "--input", tar.to_str().unwrap()]);
    for (tag, expected) in [("latest", "amd64"), ("latest-arm64", "arm64v8"), ("latest-arm-v7", "armv7")] {
        let found = engine.docker(&["inspect", "--format", "{{.Architecture}}{{.Variant}}", &format!("test:{tag}")]);
        assert_eq!(found, expected, "{tag}: {said}");
    }
    // The same bytes again: nothing loses its name.
    engine.docker(&["load", "--input", tar.to_str().unwrap()]);
    let untagged = engine.docker(&["image", "ls", "--quiet", "--filter", "dangling=true"]);
    assert_eq!(untagged, "");
}

/// As engines with the containerd image store load: one name for all platforms, and the index as it was made.
pub(crate) fn containerd_imports_the_tar() {
    let (bench, containerd) = (Bench::new(), Containerd::start());
    let tar = bench.path("image.tar");
    let digest = bench.package(&["--tar", tar.to_str().unwrap()]).output;
    output(containerd.ctr().args(["images", "import", "--all-platforms", "--no-unpack", tar.to_str().unwrap()]));
    let listed = output(containerd.ctr().args(["images", "list"]));
    let rows: Vec<Vec<&str>> = listed.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let [row] = rows.as_slice() else { panic!("{listed}") };
    assert_eq!((row[0], row[2]), ("docker.io/library/test:latest", digest.trim()), "{listed}");
    for platform in Platform::ALL {
        assert!(row[5].contains(&platform.to_string()), "{listed}");
    }
}

pub(crate) fn the_engine_takes_the_image() {
    let engine = Engine::start();
    let site = TempSite::new().config("[extra]\n").file("content/_index.md", "Without a registry.\n");
    let ran = Ran::of(galley().env("DOCKER_HOST", &engine.socket).args(["package", site.str(), "--load"]));
    assert_eq!((ran.code, ran.output.as_str()), (0, "test:latest\n"), "{}", ran.errors);
    look(&engine, "test:latest", None, "/", "Without a registry.");
    let nowhere =
        Ran::of(galley().env("DOCKER_HOST", "unix:///nonexistent/docker.sock").args(["package", site.str(), "--load"]));
    nowhere.says(1, "no Docker Engine at unix:///nonexistent/docker.sock (from DOCKER_HOST)");
}

pub(crate) fn dockers_own_format() {
    let (bench, registry, engine) = (Bench::new(), Registry::start(None), Engine::start());
    let reference = format!("{}/me/blog:latest", registry.address);
    bench.package(&["--push", &reference, "--format", "docker"]);
    let image = format!("docker://{reference}");
    let list: Value = serde_json::from_str(&skopeo(&["inspect", "--raw", "--tls-verify=false", &image])).unwrap();
    let docker = |kind: &str| format!("application/vnd.docker.{kind}");
    assert_eq!(list["mediaType"], docker("distribution.manifest.list.v2+json"));
    assert_eq!(list["annotations"], Value::Null);
    for descriptor in list["manifests"].as_array().unwrap() {
        assert_eq!(descriptor["mediaType"], docker("distribution.manifest.v2+json"));
        let one = format!("docker://{}/me/blog@{}", registry.address, descriptor["digest"].as_str().unwrap());
        let manifest: Value = serde_json::from_str(&skopeo(&["inspect", "--raw", "--tls-verify=false", &one])).unwrap();
        assert_eq!(manifest["mediaType"], docker("distribution.manifest.v2+json"));
        assert_eq!(manifest["config"]["mediaType"], docker("container.image.v1+json"));
        for layer in manifest["layers"].as_array().unwrap() {
            assert_eq!(layer["mediaType"], docker("image.rootfs.diff.tar.gzip"));
            assert_eq!(layer["annotations"], Value::Null);
        }
    }
    for seen in inspect(&image) {
        let labels = &seen["Labels"];
        assert!(labels["dev.galley.content-root"].as_str().unwrap().starts_with("sha256:"), "{labels}");
        assert_eq!(labels["dev.galley.sequence"], "1");
    }
    skopeo(&["copy", "--all", "--src-tls-verify=false", &image, &format!("dir:{}", bench.path("copy").display())]);
    engine.docker(&["pull", &reference]);
    assert_eq!(engine.docker(&["inspect", "--format", "{{.Config.User}}", &reference]), "65532:65532");
}

pub(crate) fn docker_runs_dockers_own_format() {
    let (registry, engine) = (Registry::start(None), Engine::start());
    let site = TempSite::new().file("content/_index.md", "In Docker's words.\n");
    let reference = format!("{}/me/blog:latest", registry.address);
    let platform = Platform::of_this_program().unwrap().to_string();
    let arguments = ["package", site.str(), "--push", &reference, "--format", "docker", "--platform", &platform];
    assert_eq!(run(&arguments).code, 0);
    engine.docker(&["pull", &reference]);
    look(&engine, &reference, None, "/", "In Docker's words.");
    let instance = Instance::start(&[&reference]);
    assert!(instance.get("/").text().contains("In Docker's words."));
}
