//! The handover of the program: from one build of galley to the next, under load, and what happens when the next one does not do.
//! In containers: tests/e2e/handover.rs.

use std::io::Write;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use galley::image::{Content, Descriptor, Format, Layer, Origin, Package, Platform, SigningKey, assemble, pack_tree};
use galley::snapshot::{ContentRoot, Digest, Tree};
use rustix::process::{Pid, Signal, kill_process};

use crate::control::Observed;
use crate::double::Registry;
use crate::failures::until;
use crate::follow::push;
use crate::image::tree;
use crate::support::load::Load;
use crate::support::programs::{Program, are_there, smallest, tail};
use crate::support::{Connection, PATIENCE, Ran, TempSite, galley, program};

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// galley, compressed.
fn packed() -> &'static Vec<u8> {
    static PACKED: OnceLock<Vec<u8>> = OnceLock::new();
    PACKED.get_or_init(|| pack(smallest()))
}

/// The layer with it, which is what the program's own packing gives but for the compression: the program is compressed once
/// for all of its builds.
pub(crate) fn layer(program: &Program) -> Layer {
    let (body, packed, tail) = match program {
        Program::Build(number) => (smallest(), packed().clone(), tail(*number)),
        Program::Bytes(bytes) => (&bytes[..], pack(bytes), Vec::new()),
    };
    let length = body.len() + tail.len();
    let header = |path: &str, kind, mode, owner, size| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_path(path).unwrap();
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let before = header("galley", tar::EntryType::Regular, 0o755, 0, length as u64);
    let padding = vec![0; length.next_multiple_of(512) - length];
    let state = header("var/lib/galley/", tar::EntryType::Directory, 0o755, 65532, 0);
    let after = [tail, padding, state, vec![0; 1024]].concat();
    let blob = Bytes::from([pack(&before), packed, pack(&after)].concat());
    let diff_id = Digest::of(&[&before[..], body, &after].concat());
    let descriptor = Descriptor::of("application/vnd.oci.image.layer.v1.tar+gzip", &blob);
    let mut layer = Layer::kept(descriptor, diff_id);
    layer.fill(blob);
    layer
}

/// A registry, and a place for the state.
pub(crate) struct Yard {
    pub(crate) registry: Registry,
    pub(crate) place: TempSite,
    /// What the tag points at.
    pub(crate) last: Option<Digest>,
    sequence: u64,
    /// How often instances look without being told.
    pub(crate) poll: &'static str,
    /// What was pushed last.
    pub(crate) package: Option<Package>,
}

impl Yard {
    pub(crate) fn new() -> Self {
        Self {
            registry: Registry::start(),
            place: TempSite::bare(),
            last: None,
            sequence: 0,
            poll: "1s",
            package: None,
        }
    }

    /// With a first release, whose program is another one than that under test.
    pub(crate) fn with(text: &str, program: &Program) -> Self {
        let mut yard = Self::new();
        yard.push(text, program);
        yard
    }

    pub(crate) fn push(&mut self, text: &str, program: &Program) {
        self.push_signed(text, program, None);
    }

    pub(crate) fn push_signed(&mut self, text: &str, program: &Program, key: Option<&SigningKey>) {
        self.push_tree(&tree(text), program, key);
    }

    pub(crate) fn push_tree(&mut self, tree: &Tree, program: &Program, key: Option<&SigningKey>) {
        self.sequence += 1;
        let platform = Platform::of_this_program().unwrap();
        let programs = [galley::image::Program { platform, layer: layer(program) }];
        let layers = vec![pack_tree(tree).unwrap()];
        let content = Content { layers, root: ContentRoot::of(tree), sequence: self.sequence };
        let origin = Origin { title: "Test".to_owned(), ..Origin::default() };
        let mut image = assemble(&programs, Some(&content), &origin, Format::Oci).unwrap();
        key.into_iter().for_each(|key| image.sign("blog", key).unwrap());
        push(&self.registry, &image, self.last);
        self.last = Some(image.index.descriptor.digest);
        self.package = Some(image);
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let reference = format!("{}/blog", self.registry.address);
        let state = self.place.path().join("state").display().to_string();
        ["--follow", &reference, "--poll", self.poll, "--state", &state].map(str::to_owned).to_vec()
    }

    pub(crate) fn start_with(&self, more: &[&str]) -> Observed {
        let own = self.arguments();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        Observed::begin(&[&own, more].concat()).serving()
    }

    pub(crate) fn start(&self) -> Observed {
        self.start_with(&["--handover"])
    }

    /// An instance that runs the program of its release by now.
    pub(crate) fn start_taken_over(&self, more: &[&str]) -> Observed {
        let instance = self.start_with(&[&["--handover"], more].concat());
        taken_over(&instance);
        instance
    }
}

pub(crate) fn page(instance: &Observed) -> String {
    instance.get("/", &[]).text()
}

/// What `galley status` says.
pub(crate) fn status(instance: &Observed) -> String {
    let ran = Ran::of(galley().args(["status", "--control", &instance.control]));
    assert_eq!(ran.code, 0, "{}", ran.errors);
    ran.output
}

/// The worker that is said to have taken over.
pub(crate) fn taken_over(instance: &Observed) -> Pid {
    let line = instance.hear(" has taken over from worker ");
    let number = line.split("worker ").nth(1).unwrap().split(' ').next().unwrap();
    Pid::from_raw(number.parse().unwrap()).unwrap()
}

/// How many handovers; figures are made with more.
fn handovers() -> u32 {
    std::env::var("GALLEY_TEST_HANDOVERS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

#[test]
fn no_request_fails_while_programs_take_over_from_each_other() {
    if !are_there() {
        return;
    }
    let mut yard = Yard::with("build 0", &Program::Build(0));
    let instance = yard.start();
    let load = Load::start(&instance.address, 6, 4, 2);
    // The first release has another program than the one under test, too.
    taken_over(&instance);
    for number in 1..handovers() {
        let served = load.served();
        yard.push(&format!("build {number}"), &Program::Build(number));
        taken_over(&instance);
        assert!(page(&instance).contains(&format!("build {number}")));
        assert!(load.served() > served);
    }
    let outcome = load.finish();
    assert!(outcome.failures.is_empty(), "{outcome:?}");
    assert!(outcome.served > 1000, "{outcome:?}");
    // Seen with --nocapture.
    println!("{} handovers: {} requests on {} connections, none failed", handovers(), outcome.served, outcome.opened);
    let state = yard.place.path().join("state/binaries/sha256");
    // What was served, and what was before it.
    assert!(std::fs::read_dir(state).unwrap().count() <= 2);
    instance.stop();
}

#[test]
fn a_program_that_does_not_do_changes_nothing_but_the_content() {
    if !are_there() {
        return;
    }
    let mut yard = Yard::with("one", &Program::Build(0));
    let instance = yard.start();
    taken_over(&instance);
    let load = Load::start(&instance.address, 2, 1, 1);
    let platform = Platform::of_this_program().unwrap();
    let whole = Program::Build(1).bytes();
    let cut = whole[..whole.len() / 2].to_vec();
    for (text, program, said) in [
        ("exits", Program::failing(), "its worker ended before it served: exit code 1"),
        ("no segment", Program::Bytes(program(platform, "")), "it can't be started: Exec format error"),
        ("a script", Program::Bytes(b"#!/bin/sh\n".to_vec()), "is no statically linked one for linux/"),
        ("half", Program::Bytes(cut), "is no statically linked one for linux/"),
    ] {
        yard.push(text, &program);
        let line = instance.hear("is not run: ");
        assert!(line.contains(said), "{line}");
        assert!(page(&instance).contains(text));
        assert!(status(&instance).contains(said), "{}", status(&instance));
    }
    yard.push("good", &Program::Build(2));
    taken_over(&instance);
    assert!(page(&instance).contains("good"));
    // Until it is gone the worker that leaves may be the one that answers, and it knows of the program before.
    until(|| !status(&instance).contains("is not run"));
    let outcome = load.finish();
    assert!(outcome.failures.is_empty(), "{outcome:?}");
    instance.stop();
}

#[test]
fn a_program_that_crashes_early_is_replaced_by_the_one_before() {
    if !are_there() {
        return;
    }
    let mut yard = Yard::with("one", &Program::Build(0));
    let instance = yard.start();
    let first = taken_over(&instance);
    kill_process(first, Signal::KILL).unwrap();
    let line = instance.hear("starting another one from ");
    assert!(line.ends_with("from the program that was started first"), "{line}");
    // Whoever comes meanwhile waits in the queue of a listener that is never closed.
    assert!(page(&instance).contains("one"));
    let line = instance.hear("is not run: ");
    assert!(line.contains("its worker ended 0 s after it took over: signal 9"), "{line}");
    // Another release with that program does not change that; one with another program does.
    yard.push("two", &Program::Build(0));
    instance.hear("release 2 ");
    yard.push("three", &Program::Build(3));
    taken_over(&instance);
    assert!(page(&instance).contains("three"));
    instance.stop();
}

#[test]
fn workers_that_end_again_and_again_end_the_supervisor() {
    if !are_there() {
        return;
    }
    let yard = Yard::with("one", &Program::Bytes(b"no program".to_vec()));
    let instance = yard.start_with(&["--handover", "-v"]);
    // The first one was told of before the control listener was.
    let mut last = instance.hear("is not run: ");
    assert!(last.contains("is no statically linked one"), "{last}");
    let reference = yard.arguments()[1].clone();
    for _ in 0..4 {
        let worker = worker_of(&reference);
        kill_process(worker, Signal::KILL).unwrap();
        last = instance.hear(" end");
        if last.contains("starting another one") {
            assert!(page(&instance).contains("one"));
        }
    }
    assert!(last.contains("workers end again and again, the last one after 0 s: signal 9"), "{last}");
}

/// The process that serves `reference` and was started by another one that does.
fn worker_of(reference: &str) -> Pid {
    let begun = Instant::now();
    loop {
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let read = |name: &str| std::fs::read(process.path().join(name)).unwrap_or_default();
            let has = |bytes: Vec<u8>, text: &str| String::from_utf8_lossy(&bytes).contains(text);
            let state = String::from_utf8_lossy(&read("stat")).contains(") Z");
            if !state && has(read("cmdline"), reference) && has(read("environ"), "GALLEY_WORKER=1") {
                return Pid::from_raw(process.file_name().to_string_lossy().parse().unwrap()).unwrap();
            }
        }
        assert!(begun.elapsed() < PATIENCE, "there is no worker");
    }
}

#[test]
fn a_restart_begins_with_the_program_in_the_state() {
    if !are_there() {
        return;
    }
    let yard = Yard::with("one", &Program::Build(0));
    let instance = yard.start();
    taken_over(&instance);
    instance.stop();
    let instance = yard.start();
    let digest = Digest::of(&Program::Build(0).bytes());
    instance.hear_nothing_of("has taken over", "from the state: release 1");
    assert!(page(&instance).contains("one"));
    assert!(runs(&digest.hex()), "no process runs {digest}");
    instance.stop();
    // A file that was changed is not run.
    let file = yard.place.path().join("state/binaries/sha256").join(digest.hex());
    std::fs::write(&file, "changed").unwrap();
    let instance = yard.start();
    taken_over(&instance);
    assert_eq!(Digest::of(&std::fs::read(&file).unwrap()), digest);
    instance.stop();
}

/// Whether a process runs the program of this name.
fn runs(name: &str) -> bool {
    let found = std::fs::read_dir("/proc").unwrap().flatten();
    let programs = found.filter_map(|process| std::fs::read_link(process.path().join("exe")).ok());
    programs.into_iter().any(|program| program.to_string_lossy().contains(name))
}

#[test]
fn a_stop_does_not_wait_for_a_program_that_is_not_ready() {
    if !are_there() {
        return;
    }
    let mut yard = Yard::with("one", &Program::Build(0));
    let instance = yard.start();
    taken_over(&instance);
    yard.push("two", &Program::waiting());
    instance.hear("handing over to the program ");
    let begun = Instant::now();
    instance.stop();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn idle_clients_are_served_once_more_by_the_program_that_they_are_connected_to() {
    if !are_there() {
        return;
    }
    let yard = Yard::with("one", &Program::Build(0));
    let instance = yard.start();
    let mut idle = Connection::open(&instance.address);
    assert_eq!(idle.request("GET", "/", &[], "").status, 200);
    taken_over(&instance);
    // Longer than a stop lets an idle client linger.
    std::thread::sleep(Duration::from_secs(3));
    let last = idle.request("GET", "/", &[], "");
    assert_eq!((last.status, last.header("connection")), (200, "close"));
    // One that is idle all the same does not hold up a stop.
    let _idle = Connection::open(&instance.address);
    let begun = Instant::now();
    instance.stop();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_supervisor_that_is_killed_leaves_nobody_behind() {
    if !are_there() {
        return;
    }
    let yard = Yard::with("one", &Program::Build(0));
    let instance = yard.start();
    let worker = taken_over(&instance);
    drop(instance);
    let begun = Instant::now();
    while rustix::process::test_kill_process(worker).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "the worker is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn without_a_supervisor_it_is_said_that_there_is_another_program() {
    if !are_there() {
        return;
    }
    let mut yard = Yard::with("one", &Program::Build(0));
    let instance = yard.start_with(&[]);
    yard.push("two", &Program::Build(1));
    let line = instance.hear("has another program");
    assert!(line.contains("start its image anew, or this instance with --handover"), "{line}");
    assert!(status(&instance).contains("release 2 has another program"));
    assert!(page(&instance).contains("two"));
}

/// Content may pass without a signature, if the operator says so; a program is run only with one.
#[test]
fn a_program_that_nobody_signed_is_not_run() {
    if !are_there() {
        return;
    }
    let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
    let mut yard = Yard::new();
    yard.push_signed("one", &Program::Build(0), Some(&key));
    yard.place.write("key.pub", key.verifying_key().pem());
    let public = yard.place.path().join("key.pub").display().to_string();
    let instance = yard.start_with(&["--handover", "--verify", &public, "--policy", "warn"]);
    taken_over(&instance);
    yard.push("two", &Program::Build(1));
    let line = instance.hear("is not run: ");
    assert!(line.contains("no key of --verify vouches for it"), "{line}");
    assert!(page(&instance).contains("two"));
    yard.push_signed("three", &Program::Build(1), Some(&key));
    taken_over(&instance);
    assert!(page(&instance).contains("three"));
    instance.stop();
}

/// Hooks that come over a connection from before the handover are for the new worker.
#[test]
fn a_hook_that_comes_to_the_old_worker_is_handed_on() {
    const HOOK: &str = "/_galley/hook/a-secret-that-nobody-guesses";
    if !are_there() {
        return;
    }
    let mut yard = Yard::with("one", &Program::Build(0));
    yard.place.write("secret", "a-secret-that-nobody-guesses\n");
    let secret = yard.place.path().join("secret").display().to_string();
    let reference = format!("{}/blog", yard.registry.address);
    let state = yard.place.path().join("state").display().to_string();
    let follow = ["--follow", &reference, "--poll", "1h", "--state", &state, "--hook-secret-file", &secret];
    let instance = Observed::begin(&[&follow[..], &["--handover"]].concat()).serving();
    let mut old = Connection::open(&instance.address);
    assert_eq!(old.request("GET", "/", &[], "").status, 200);
    taken_over(&instance);
    // The look that the new worker begins with.
    yard.registry.take_log();
    let begun = Instant::now();
    while !yard.registry.take_log().iter().any(|line| line.starts_with("HEAD "))
        && begun.elapsed() < Duration::from_secs(2)
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    yard.push("two", &Program::Build(0));
    assert_eq!(old.request("POST", HOOK, &[], "{}").status, 202);
    while !page(&instance).contains("two") {
        assert!(begun.elapsed() < PATIENCE, "the hook was lost");
        std::thread::sleep(Duration::from_millis(10));
    }
    instance.stop();
}

#[test]
fn a_handover_needs_something_to_follow() {
    let site = TempSite::new();
    Ran::of(galley().args(["serve", site.str(), "--handover"])).says(1, "--handover needs --follow");
    let mut command: Command = galley();
    command.args(["serve", site.str()]).env("GALLEY_WORKER", "1");
    Ran::of(&mut command).says(1, "that variable is galley's own: remove it");
}
