//! The handover of the program in a real container: FROM scratch, nothing to write to but one volume, no rights at all.

use std::fs;
use std::time::{Duration, Instant};

use galley::image::Platform;
use galley::snapshot::Digest;

use crate::engine::CONFINED;
use crate::parts::{Engine, Registry, dist, free_port};
use crate::support::load::Load;
use crate::support::programs::{Program, are_there, tail};
use crate::support::{Connection, PATIENCE, Ran, TempSite, galley};

/// A program has to do for so long before the supervisor becomes it.
const CONFIRMED: Duration = Duration::from_secs(60);

/// A registry, an engine, and a blog.
struct Port {
    registry: Registry,
    engine: Engine,
    site: TempSite,
    folder: tempfile::TempDir,
    listen: String,
    control: String,
}

/// A container that follows.
struct Container<'a> {
    port: &'a Port,
    id: String,
}

impl Port {
    fn new() -> Self {
        Self {
            registry: Registry::start(None),
            engine: Engine::start(),
            site: TempSite::new(),
            folder: tempfile::tempdir().unwrap(),
            listen: format!("127.0.0.1:{}", free_port()),
            control: format!("127.0.0.1:{}", free_port()),
        }
    }

    fn reference(&self, tag: &str) -> String {
        format!("{}/me/blog:{tag}", self.registry.address)
    }

    /// Pushes the blog with `text` on its first page, and `program`.
    fn publish(&self, text: &str, program: &Program) {
        self.publish_for(&Platform::of_this_program().unwrap().to_string(), text, program);
    }

    fn publish_for(&self, platform: &str, text: &str, program: &Program) {
        self.site.write("content/_index.md", format!("{text}\n"));
        let file = self.folder.path().join("program");
        fs::write(&file, program.bytes()).unwrap();
        let binary = format!("--binary={platform}={}", file.display());
        let reference = self.reference("latest");
        let mut command = galley();
        command.args(["package", self.site.str(), "--push", &reference, "--platform", platform, &binary]);
        let ran = Ran::of(&mut command);
        assert_eq!(ran.code, 0, "{}", ran.errors);
    }

    /// Starts the image `name` with its state mounted as `mount` says.
    fn run(&self, name: &str, mount: &[&str]) -> Container<'_> {
        let variables = [
            format!("GALLEY_LISTEN={}", self.listen),
            format!("GALLEY_CONTROL={}", self.control),
            format!("GALLEY_FOLLOW={}", self.reference("latest")),
            "GALLEY_POLL=1s".to_owned(),
        ];
        let variables: Vec<&str> = variables.iter().flat_map(|variable| ["--env", variable]).collect();
        let arguments = [&["run", "--detach"], &CONFINED[..], mount, &variables, &[name]].concat();
        Container { port: self, id: self.engine.docker(&arguments) }.serving()
    }
}

impl Container<'_> {
    fn docker(&self, arguments: &[&str]) -> String {
        self.port.engine.docker(&[arguments, &[&self.id]].concat())
    }

    fn inspect(&self, what: &str) -> String {
        self.docker(&["inspect", "--format", what])
    }

    fn serving(self) -> Self {
        self.wait("it serves", PATIENCE, || {
            assert_eq!(self.inspect("{{.State.Running}}"), "true", "{}", self.log());
            std::net::TcpStream::connect(&self.port.listen).is_ok()
        });
        self
    }

    fn wait(&self, what: &str, patience: Duration, is: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is() {
            assert!(begun.elapsed() < patience, "never: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All that it said, on standard error.
    fn log(&self) -> String {
        self.port.engine.said(&["logs", &self.id])
    }

    fn hears(&self, text: &str, times: usize) {
        self.wait(text, PATIENCE + PATIENCE, || self.log().matches(text).count() >= times);
    }

    fn page(&self) -> String {
        Connection::open(&self.port.listen).request("GET", "/", &[], "").text()
    }

    /// What the container's first process runs.
    fn first_program(&self) -> Digest {
        Digest::of(&fs::read(format!("/proc/{}/exe", self.inspect("{{.State.Pid}}"))).unwrap())
    }

    /// Stops it; how long that took.
    fn stop(&self) -> Duration {
        let begun = Instant::now();
        self.docker(&["stop"]);
        let took = begun.elapsed();
        assert_eq!(self.inspect("{{.State.ExitCode}}"), "0", "{}", self.log());
        took
    }
}

const TAKEN: &str = " has taken over from worker ";

pub(crate) fn in_a_container() {
    if !are_there() {
        return;
    }
    let port = Port::new();
    port.publish("Edition 0.", &Program::Build(0));
    port.engine.docker(&["pull", &port.reference("latest")]);
    port.engine.docker(&["tag", &port.reference("latest"), "old"]);
    let volume = ["--volume", "state:/var/lib/galley"];
    let container = port.run("old", &volume);
    let pid = container.inspect("{{.State.Pid}}");
    let load = Load::start(&port.listen, 6, 4, 2);
    let begun = Instant::now();

    port.publish("Edition 1.", &Program::Build(1));
    container.hears(TAKEN, 1);
    let confirmed_at = Instant::now() + CONFIRMED;
    assert!(container.page().contains("Edition 1."));
    let served = load.served();
    port.publish("Edition 2.", &Program::failing());
    container.hears("is not run: its worker ended before it served: exit code 1", 1);
    assert!(load.served() > served && container.page().contains("Edition 2."));
    // A program that never gets ready costs nothing either, and its content is served by the one before.
    port.publish("Edition 3.", &Program::waiting());
    container.hears("is not run: its worker was not ready within 30 s", 1);
    assert!(container.page().contains("Edition 3."));

    // The first process becomes the new program, and stays the first process.
    let digest = |number| Digest::of(&Program::Build(number).bytes());
    assert_eq!(container.first_program(), digest(0));
    let patience = confirmed_at.saturating_duration_since(Instant::now()) + PATIENCE;
    let goes_on = format!("the supervisor goes on as {}", digest(1));
    container.wait(&goes_on, patience, || container.log().contains(&goes_on));
    assert_eq!(container.first_program(), digest(1));
    // And hands over as the old one did.
    port.publish("Edition 4.", &Program::Build(2));
    container.hears(TAKEN, 2);
    assert!(container.page().contains("Edition 4."));
    port.engine.docker(&["exec", &container.id, "/galley", "health", "--ready"]);
    let outcome = load.finish();
    assert!(outcome.failures.is_empty(), "{outcome:?}\n{}", container.log());
    assert_eq!(container.inspect("{{.State.Pid}} {{.RestartCount}}"), format!("{pid} 0"));
    eprintln!(
        "2 handovers, 2 refused and an execve within {:.0?}: {} requests on {} connections, none failed",
        begun.elapsed(),
        outcome.served,
        outcome.opened
    );
    let took = container.stop();
    assert!(took < Duration::from_secs(2), "{took:?}\n{}", container.log());

    // A container of the old image goes on with the newer release, and its program.
    container.docker(&["rm"]);
    let container = port.run("old", &volume);
    assert!(container.page().contains("Edition 4."));
    assert!(container.log().contains("from the state: the program sha256:"), "{}", container.log());
    assert!(!container.log().contains(TAKEN), "{}", container.log());
    let took = container.stop();
    assert!(took < Duration::from_secs(2), "{took:?}\n{}", container.log());
}

/// The same for another processor: QEMU has no execveat(2), and no /proc of its own.
pub(crate) fn on_arm64() {
    const PLATFORM: &str = "linux/arm64";
    let port = Port::new();
    let galley = fs::read(dist(PLATFORM)).unwrap();
    let build = |number: u32| Program::Bytes([&galley[..], &tail(number)].concat());
    port.publish_for(PLATFORM, "Edition 0.", &build(0));
    port.engine.docker(&["pull", "--platform", PLATFORM, &port.reference("latest")]);
    let mount = ["--platform", PLATFORM, "--volume", "state:/var/lib/galley"];
    let container = port.run(&port.reference("latest"), &mount);
    let load = Load::start(&port.listen, 2, 2, 1);
    for number in [1, 2] {
        port.publish_for(PLATFORM, &format!("Edition {number}."), &build(number));
        container.hears(TAKEN, number as usize);
        assert!(container.page().contains(&format!("Edition {number}.")));
    }
    let outcome = load.finish();
    assert!(outcome.failures.is_empty(), "{outcome:?}\n{}", container.log());
    eprintln!("2 handovers of programs for {PLATFORM}: {} requests, none failed", outcome.served);
    container.stop();
}

/// Where nothing on the volume may be run, the program is run from memory.
pub(crate) fn without_a_place_for_programs() {
    if !are_there() {
        return;
    }
    let port = Port::new();
    port.publish("Edition 0.", &Program::Build(0));
    port.engine.docker(&["pull", &port.reference("latest")]);
    let mount = ["--tmpfs", "/var/lib/galley:rw,noexec,nosuid,nodev,mode=0700,uid=65532,gid=65532"];
    let container = port.run(&port.reference("latest"), &mount);
    let load = Load::start(&port.listen, 2, 2, 1);
    port.publish("Edition 1.", &Program::Build(1));
    container.hears(TAKEN, 1);
    assert!(container.page().contains("Edition 1."));
    assert!(!container.log().contains("the state can't be kept there"), "{}", container.log());
    let outcome = load.finish();
    assert!(outcome.failures.is_empty(), "{outcome:?}\n{}", container.log());
    let took = container.stop();
    assert!(took < Duration::from_secs(2), "{took:?}\n{}", container.log());
}
