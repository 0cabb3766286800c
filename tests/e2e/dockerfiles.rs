//! The project's Dockerfiles and those of a new blog, built and run by a real engine. What compiles is a stand-in: no image
//! can be fetched here, and galley is compiled already.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::engine::look;
use crate::parts::{Engine, Registry, dist, project};
use crate::support::{TempSite, run};

/// A Dockerfile, its platform, and what Docker must say of the image.
struct File {
    name: &'static str,
    platform: &'static str,
    architecture: &'static str,
}

const AMD64: File = File { name: "Dockerfile", platform: "linux/amd64", architecture: "amd64" };
const ARM64: File = File { name: "Dockerfile.aarch64", platform: "linux/arm64", architecture: "arm64" };
const ARM_V7: File = File { name: "Dockerfile.armhf", platform: "linux/arm/v7", architecture: "arm v7" };

/// What scripts/cross runs.
const TOOLS: [&str; 15] =
    ["bash", "cp", "dirname", "env", "grep", "gzip", "id", "mkdir", "mv", "rm", "sed", "stat", "timeout", "tr", "wc"];

/// Plays a compiler: what it would make lies there already.
const CARGO: &str = r#"#!/bin/bash
set -eu
verb=$1
while [ $# -gt 0 ]; do
  [ "$1" != --target ] || target=$2
  shift
done
case $verb in
  metadata) echo '{"target_directory":"/galley/target"}' ;;
  clean) rm -r "target/$target" ;;
  *)
    [ -e src/main.rs ] && [ -e .cargo/config.toml ] && [ -e build.rs ]
    echo "compiling for $target"
    mkdir -p "target/$target/release"
    cp "/programs/$target" "target/$target/release/galley"
    ;;
esac
"#;
const RUSTC: &str = "#!/bin/bash\n[ \"$2\" = sysroot ] && echo /none || echo x86_64-unknown-linux-gnu\n";
const RUSTUP: &str = "#!/bin/bash\nprintf '%s-linux-gnu%s\\n' aarch64-unknown '' armv7-unknown eabihf\n";

fn place(folder: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The libraries that ldd names for a program.
fn libraries(program: &str) -> Vec<String> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
    words.map(str::to_owned).collect()
}

/// An image that compiles at once: a shell, and programs in the place of those that it would compile.
fn builder(engine: &Engine) -> &'static str {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut copied = BTreeSet::new();
    for tool in TOOLS {
        let program = [format!("/usr/bin/{tool}"), format!("/bin/{tool}")];
        let program = program.into_iter().find(|path| Path::new(path).is_file()).unwrap();
        copied.extend(libraries(&program));
        place(at, &format!("usr/bin/{tool}"), fs::read(&program).unwrap());
    }
    for library in copied {
        place(at, library.trim_start_matches('/'), fs::read(&library).unwrap());
    }
    for shell in ["bin/sh", "bin/bash"] {
        place(at, shell, fs::read("/bin/bash").unwrap());
    }
    for (name, script) in [("cargo", CARGO), ("rustc", RUSTC), ("rustup", RUSTUP), ("dpkg", "#!/bin/bash\n")] {
        place(at, &format!("bin/{name}"), script);
    }
    place(at, "programs/x86_64-unknown-linux-gnu", fs::read(env!("CARGO_BIN_EXE_galley")).unwrap());
    for (target, platform) in
        [("aarch64-unknown-linux-gnu", "linux/arm64"), ("armv7-unknown-linux-gnueabihf", "linux/arm/v7")]
    {
        if let Ok(program) = fs::read(dist(platform)) {
            place(at, &format!("programs/{target}"), program);
        }
    }
    place(at, "Dockerfile", "FROM scratch\nCOPY . /\nENV PATH=/usr/bin:/bin\n");
    engine.docker(&["build", "--quiet", "--tag", "test/builder", at.to_str().unwrap()]);
    "test/builder"
}

/// What the Dockerfiles copy, with a blog of its own.
fn context() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in [".dockerignore", ".cargo", "Cargo.toml", "Cargo.lock", "build.rs", "scripts", "src", "themes"] {
        let status = Command::new("cp").arg("-r").arg(project().join(name)).arg(folder.path()).status().unwrap();
        assert!(status.success(), "{name}");
    }
    place(folder.path(), "site/galley.toml", "title = \"Test\"\nbase_url = \"https://blog.example\"\n");
    place(folder.path(), "site/content/_index.md", "From a Dockerfile.\n");
    folder
}

impl File {
    /// Builds it from `context`; Ok and Err hold what was said.
    fn build(&self, engine: &Engine, context: &Path, file: &Path, options: &[&str]) -> Result<String, String> {
        let (tag, file, context) = (self.tag(), file.join(self.name), context.to_str().unwrap());
        let own = ["--network", "none", "--file", file.to_str().unwrap(), "--tag", &tag];
        engine.build(&[&own[..], options, &[context]].concat())
    }

    fn tag(&self) -> String {
        format!("test/{}", self.name.to_lowercase())
    }

    /// Builds it, looks at what the engine says of the image, and runs it.
    fn works(&self, engine: &Engine, context: &Path, file: &Path, options: &[&str], text: &str) -> String {
        let said = self.build(engine, context, file, options).unwrap_or_else(|said| panic!("{}: {said}", self.name));
        let found = engine.docker(&["inspect", "--format", "{{.Architecture}} {{.Variant}}", &self.tag()]);
        // BuildKit leaves v8 out where scratch was asked for by its short name.
        assert!(found == self.architecture || found == format!("{} v8", self.architecture), "{}: {found}", self.name);
        look(engine, &self.tag(), Some(self.platform), "/", text);
        said
    }
}

/// How `image` is run, but for what only one of the two ways knows.
fn execution(engine: &Engine, image: &str) -> Value {
    let config = engine.docker(&["inspect", "--format", "{{json .Config}}", image]);
    let config: Value = serde_json::from_str(&config).unwrap();
    let mut env: Vec<&str> = config["Env"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    // Docker adds a PATH, and a release has a number only where it is packed.
    env.retain(|variable| !variable.starts_with("PATH=") && !variable.starts_with("GALLEY_BAKED_"));
    env.sort_unstable();
    let keys = ["User", "ExposedPorts", "Entrypoint", "Cmd", "Volumes", "Healthcheck", "StopSignal"];
    let mut found = serde_json::json!({ "Env": env });
    keys.into_iter().for_each(|key| found[key] = config[key].clone());
    found["title"] = config["Labels"].get("org.opencontainers.image.title").is_some().into();
    found
}

pub(crate) fn the_projects() {
    let (engine, registry, context) = (Engine::start(), Registry::start(None), context());
    let compiler = format!("BUILDER={}", builder(&engine));
    let build = |file: &File, options: &[&str]| {
        file.build(&engine, context.path(), project(), &[&["--build-arg", &compiler], options].concat())
    };
    let said = AMD64.works(&engine, context.path(), project(), &["--build-arg", &compiler], "From a Dockerfile.");
    assert!(said.contains("compiling for x86_64-unknown-linux-gnu"), "{said}");

    let reference = format!("{}/me/blog:latest", registry.address);
    let site = context.path().join("site");
    run(&["package", site.to_str().unwrap(), "--push", &reference]).says(0, "pushed");
    engine.docker(&["pull", "--quiet", &reference]);
    assert_eq!(execution(&engine, &AMD64.tag()), execution(&engine, &reference));

    place(context.path(), "site/content/_index.md", "An edited post.\n");
    let said = build(&AMD64, &[]).unwrap();
    assert!(!said.contains("compiling for"), "{said}");
    look(&engine, &AMD64.tag(), None, "/", "An edited post.");

    place(context.path(), "site/content/_index.md", "[A dead link](/nowhere/)\n");
    let said = build(&AMD64, &[]).expect_err("a dead link ends the build");
    assert!(said.contains("/nowhere/"), "{said}");
}

/// Without BuildKit, which the engine's own programs for automated builds may lack.
pub(crate) fn the_classic_builder() {
    let (engine, context) = (Engine::start(), context());
    let compiler = format!("BUILDER={}", builder(&engine));
    let file = project().join("Dockerfile");
    let options = ["--network", "none", "--file", file.to_str().unwrap(), "--build-arg", &compiler];
    let place = context.path().to_str().unwrap();
    engine.build_classic(&[&options[..], &["--tag", "test/classic", place]].concat()).unwrap();
    look(&engine, "test/classic", None, "/", "From a Dockerfile.");

    // It would call this one an image for amd64, whatever was asked for.
    let file = project().join(ARM_V7.name);
    let options = ["--network", "none", "--file", file.to_str().unwrap(), "--build-arg", &compiler];
    for asked in [&[][..], &["--platform", ARM_V7.platform]] {
        let built = engine.build_classic(&[&options[..], asked, &[place]].concat());
        let said = built.expect_err("another platform");
        assert!(said.contains("say DOCKER_BUILDKIT=1 and --platform linux/arm/v7, or --build-arg BASE="), "{said}");
    }

    // A blog's begin with an image that says itself what it is for.
    let (registry, blog) = (Registry::start(None), new_blog());
    let base = published(&registry, &[]);
    let place = blog.str();
    engine.build_classic(&["--tag", "test/blog", "--build-arg", &base, place]).unwrap();
    look(&engine, "test/blog", None, "/", "Welcome.");
}

pub(crate) fn the_projects_for_arm() {
    let (engine, context) = (Engine::start(), context());
    let compiler = format!("BUILDER={}", builder(&engine));
    for file in [&ARM64, &ARM_V7] {
        let options = ["--build-arg", &compiler, "--platform", file.platform];
        let said = file.works(&engine, context.path(), project(), &options, "From a Dockerfile.");
        assert!(said.contains("compiling for x86_64-unknown-linux-gnu"), "{said}");
        // Docker would call it an image for this machine.
        let said = file.build(&engine, context.path(), project(), &options[..2]).expect_err("no --platform");
        assert!(said.contains(&format!("say --platform {}", file.platform)), "{said}");
        // One that says its platform itself; it has no layers.
        let base = TempSite::bare().file("Dockerfile", "FROM scratch\nLABEL of=platform\n");
        engine.build(&["--platform", file.platform, "--tag", "test/base", base.str()]).unwrap();
        let options = ["--build-arg", &compiler, "--build-arg", "BASE=test/base"];
        file.works(&engine, context.path(), project(), &options, "From a Dockerfile.");
    }
}

/// The images of galley alone, in a registry.
fn published(registry: &Registry, options: &[&str]) -> String {
    let reference = format!("{}/galley:latest", registry.address);
    run(&[&["package", "--no-site", "--push", &reference][..], options].concat()).says(0, "pushed");
    format!("GALLEY={reference}")
}

fn new_blog() -> TempSite {
    let blog = TempSite::bare();
    run(&["new", blog.str()]).says(0, "look at it");
    blog
}

pub(crate) fn a_blogs() {
    let (engine, registry, blog) = (Engine::start(), Registry::start(None), new_blog());
    let base = published(&registry, &[]);
    AMD64.works(&engine, blog.path(), blog.path(), &["--build-arg", &base], "Welcome.");
    let reference = format!("{}/me/blog:latest", registry.address);
    run(&["package", blog.str(), "--push", &reference]).says(0, "pushed");
    engine.docker(&["pull", "--quiet", &reference]);
    assert_eq!(execution(&engine, &AMD64.tag()), execution(&engine, &reference));

    blog.write("content/about.md", "# About\n\n[A dead link](/nowhere/)\n");
    let built = AMD64.build(&engine, blog.path(), blog.path(), &["--build-arg", &base]);
    let said = built.expect_err("a dead link ends the build");
    assert!(said.contains("/nowhere/"), "{said}");
}

pub(crate) fn a_blogs_for_arm() {
    let (engine, registry, blog) = (Engine::start(), Registry::start(None), new_blog());
    let binaries = [&ARM64, &ARM_V7].map(|file| format!("{}={}", file.platform, dist(file.platform).display()));
    let platforms = [AMD64.platform, ARM64.platform, ARM_V7.platform].join(",");
    let base = published(&registry, &["--platform", &platforms, "--binary", &binaries.join(",")]);
    for file in [&ARM64, &ARM_V7] {
        file.works(&engine, blog.path(), blog.path(), &["--build-arg", &base], "Welcome.");
    }
}
