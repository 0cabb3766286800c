//! The real parts, and how they are started and ended.

use std::fmt;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::corpora;
use crate::independent;
use crate::network;

/// A slow machine starts an engine within this.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a test needs beside Rust and a C compiler.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// A program and the Debian package that has it.
    Program(&'static str, &'static str),
    /// A Python module and the Debian package that has it.
    Python(&'static str, &'static str),
    /// Checks from a package registry, those for `python` or those for `node`.
    Checks(&'static str),
    /// A Node.js that is newer than that of Debian 12.
    Node20,
    /// A program under test that can pack itself.
    Static,
    /// The rights to start an engine.
    Root,
    /// The rights to make networks.
    Namespaces,
    /// A program that scripts/dist has built.
    Built(&'static str),
    /// The images with the programs alone.
    Base,
    /// QEMU's program for another processor.
    Emulator(&'static str),
    /// Containers of another processor, by QEMU's entry in the kernel's list.
    Emulation(&'static str),
    /// A real blog beside the project.
    Corpus(&'static str),
}

impl Part {
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::Program(name, _) => find(name).is_some(),
            Self::Python(module, _) => python(module).is_some(),
            Self::Checks(kind) => independent::is_installed(kind),
            Self::Node20 => independent::node_version().is_some_and(|version| version >= 20),
            Self::Static => galley::image::Binary::read(Path::new(env!("CARGO_BIN_EXE_galley"))).is_ok(),
            Self::Root => rustix::process::geteuid().is_root(),
            Self::Namespaces => network::can_be_made(),
            Self::Built(platform) => dist(platform).is_file(),
            Self::Emulator(name) => find(name).is_some(),
            Self::Base => base().join("index.json").is_file(),
            Self::Emulation(entry) => Path::new("/proc/sys/fs/binfmt_misc").join(entry).exists(),
            Self::Corpus(name) => corpora::folder(name).is_dir(),
        }
    }

    pub(crate) fn is_required(&self) -> bool {
        match self {
            Self::Corpus(_) | Self::Node20 => false,
            // A registry that does not answer is nobody's fault here.
            Self::Checks(kind) => {
                std::env::var("GALLEY_TEST_CHECKS").is_ok_and(|kinds| kinds.split(' ').any(|word| word == *kind))
            }
            Self::Built(_) | Self::Base | Self::Emulation(_) | Self::Emulator(_) => {
                std::env::var("GALLEY_TEST_ARM").is_ok_and(|value| value == "1")
            }
            _ => true,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name, package) => write!(f, "{name} of Debian's package {package}"),
            Self::Python(module, package) => write!(f, "Python's {module} of Debian's package {package}"),
            Self::Checks(kind) => write!(f, "what tests/e2e/independent/install {kind} installs"),
            Self::Node20 => write!(f, "Node.js 20 or later"),
            Self::Static => write!(f, "a statically linked galley, as cargo builds it on Linux"),
            Self::Root => write!(f, "root"),
            Self::Namespaces => write!(f, "root that may make network namespaces"),
            Self::Built(platform) => write!(f, "dist/{}/galley of scripts/dist", platform.replace('/', "-")),
            Self::Emulator(name) => write!(f, "{name} of Debian's package qemu-user-static"),
            Self::Base => write!(f, "dist/base of scripts/dist"),
            Self::Emulation(entry) => write!(f, "{entry} in /proc/sys/fs/binfmt_misc, as tests/run registers it"),
            Self::Corpus(name) => write!(f, "../shared/corpora/{name}"),
        }
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let folders = std::env::split_paths(&std::env::var_os("PATH")?).collect::<Vec<_>>();
    let folders = folders.into_iter().chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A Python that has `module`: Debian's packages are Debian's own Python's, and another one may come first on PATH.
pub(crate) fn python(module: &str) -> Option<&'static str> {
    let has = |python: &&str| {
        let import = format!("import {module}");
        let tried = Command::new(python).args(["-c", &import]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(has)
}

/// A process that ends with the test, and the folder that it works in.
struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    fn start(command: &mut Command, folder: TempDir) -> Self {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        Self { child, folder }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until `ready`, or fails with what the process said.
    fn wait_until(&mut self, ready: impl Fn() -> bool) {
        let started = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && started.elapsed() < PATIENCE, "it did not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        // An engine must stop its containers before it goes; what has ended already can't be asked.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A folder in memory, on systems that have one.
pub(crate) fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A port that was free a moment ago, for programs that can't say which one they took.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// distribution's registry from Debian.
pub(crate) struct Registry {
    process: Process,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

impl Registry {
    /// A registry that tells `hook` of every push, by its `notifications:`.
    pub(crate) fn start(hook: Option<&str>) -> Self {
        let notifications = hook.map(|url| {
            format!(
                "notifications:\n  endpoints:\n    - name: galley\n      url: {url}\n      timeout: 1s\n      \
                 threshold: 5\n      backoff: 1s\n"
            )
        });
        Self::with(&notifications.unwrap_or_default(), "", None)
    }

    /// A registry with further settings, also under `http:`, and with its data in a folder of somebody else's.
    pub(crate) fn with(settings: &str, http: &str, data: Option<&Path>) -> Self {
        // It waits for the disk at each upload, and a disk that has just given up gigabytes answers after seconds.
        let folder = in_memory();
        let address = format!("127.0.0.1:{}", free_port());
        let data = data.map_or_else(|| folder.path().join("data"), Path::to_path_buf);
        let config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http:\n  addr: {address}\n{http}{settings}",
            data.display(),
        );
        let file = folder.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let mut process = Process::start(Command::new("docker-registry").arg("serve").arg(&file), folder);
        process.wait_until(|| TcpStream::connect(&address).is_ok());
        Self { process, address }
    }

    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

/// A bridge of the engine's own. Without one, and even with `--bridge none`, an engine takes or deletes `docker0`, which
/// may be that of another engine.
struct Bridge(String);

impl Bridge {
    fn add() -> Self {
        let id = std::process::id();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let bridge = Self(format!("gly{}-{number}", id % 1_000_000));
        // From the range for measuring devices (RFC 2544), which no real network uses.
        let address = format!("198.18.{}.1/24", (id + number) % 250);
        ip(&["link", "add", &bridge.0, "type", "bridge"]);
        ip(&["address", "add", &address, "dev", &bridge.0]);
        bridge
    }
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

#[track_caller]
pub(crate) fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Drop for Bridge {
    fn drop(&mut self) {
        ip(&["link", "delete", &self.0]);
    }
}

static MACHINE: Mutex<()> = Mutex::new(());

/// Held by whoever keeps all cores busy, and by whoever starts what gives up if it has to wait: dockerd gives containerd
/// fifteen seconds.
pub(crate) fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Docker Engine from Debian, with its state in a temporary folder.
pub(crate) struct Engine {
    // Dropped in this order: the bridge goes when nobody uses it any more.
    _process: Process,
    _bridge: Bridge,
    /// `unix://PATH`
    pub(crate) socket: String,
}

impl Engine {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let socket = format!("unix://{}", at("docker.sock"));
        let mut command = Command::new("dockerd");
        command.args([
            "--host",
            &socket,
            "--data-root",
            &at("data"),
            "--exec-root",
            &at("exec"),
            "--pidfile",
            &at("pid"),
        ]);
        let bridge = Bridge::add();
        // The tests use the host's network, so nothing of it has to be changed.
        command.args(["--bridge", &bridge.0, "--iptables=false", "--ip-forward=false"]);
        let _calm = machine();
        let mut process = Process::start(&mut command, folder);
        process.wait_until(|| docker(&socket).arg("version").output().unwrap().status.success());
        Self { _process: process, _bridge: bridge, socket }
    }

    /// Runs the docker command line, which must go well; returns its output.
    #[track_caller]
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let output = docker(&self.socket).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Engine {
    /// Runs the docker command line; returns what came on standard error.
    pub(crate) fn said(&self, arguments: &[&str]) -> String {
        let output = docker(&self.socket).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Builds an image; what was said is in both results.
    pub(crate) fn build(&self, arguments: &[&str]) -> Result<String, String> {
        let output = docker(&self.socket).args(["build", "--progress", "plain"]).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    /// Builds an image without BuildKit; Ok and Err hold what was said.
    pub(crate) fn build_classic(&self, arguments: &[&str]) -> Result<String, String> {
        let output = docker(&self.socket).env("DOCKER_BUILDKIT", "0").arg("build").args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.success() { Ok(said) } else { Err(said) }
    }
}

/// containerd from Debian, which newer engines keep their images in, with its state in a temporary folder.
pub(crate) struct Containerd {
    _process: Process,
    address: String,
}

impl Containerd {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let address = at("sock");
        let mut command = Command::new("containerd");
        command.args(["--config", "/dev/null", "--root", &at("root"), "--state", &at("state"), "--address", &address]);
        let _calm = machine();
        let mut process = Process::start(&mut command, folder);
        process.wait_until(|| Self::ctr_at(&address).arg("version").output().unwrap().status.success());
        Self { _process: process, address }
    }

    fn ctr_at(address: &str) -> Command {
        let mut command = Command::new("ctr");
        command.args(["--address", address, "--namespace", "test"]);
        command
    }

    /// Its command line.
    pub(crate) fn ctr(&self) -> Command {
        Self::ctr_at(&self.address)
    }
}

fn docker(socket: &str) -> Command {
    // Debian's own client speaks BuildKit by itself; a newer one before it on PATH may lack the component for that.
    let debian = Path::new("/usr/bin/docker");
    let mut command = Command::new(if debian.is_file() { debian } else { Path::new("docker") });
    command.env("DOCKER_BUILDKIT", "1").args(["--host", socket]).env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// Where scripts/cross puts the program for `platform`.
pub(crate) fn dist(platform: &str) -> PathBuf {
    project().join("dist").join(platform.replace('/', "-")).join("galley")
}

/// Where scripts/dist puts the images with the programs alone.
pub(crate) fn base() -> PathBuf {
    project().join("dist/base")
}

/// The project's folder.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
