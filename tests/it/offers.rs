//! When the program of a release is taken up, and when it is not: what a person or a fault says meanwhile counts.

use std::fs;
use std::path::Path;

use crate::control::Observed;
use crate::double::Fault;
use crate::failures::until;
use crate::handover::{Yard, layer, page, status, taken_over};
use crate::support::programs::{Program, are_there};
use crate::support::{Connection, Ran, galley};

const TOKEN: &str = "a-token-that-nobody-guesses";

/// A yard with a token, and its instance, which runs the program of its first release.
fn begin(poll: &'static str) -> (Yard, Observed) {
    let mut yard = Yard::with("one", &Program::Build(0));
    yard.poll = poll;
    yard.place.write("token", TOKEN);
    let token = yard.place.path().join("token").display().to_string();
    let instance = yard.start_taken_over(&["--control-token-file", &token]);
    (yard, instance)
}

#[track_caller]
fn does(yard: &Yard, instance: &Observed, verb: &str) {
    let mut command = galley();
    command.args([verb, "--control", &instance.control]);
    let ran = Ran::of(command.env("GALLEY_CONTROL_TOKEN_FILE", yard.place.path().join("token")));
    assert_eq!(ran.code, 0, "{}", ran.errors);
}

#[track_caller]
fn wait_for(instance: &Observed, text: &str) {
    until(|| page(instance).contains(text));
}

/// The request for the program's layer, for as long as the tests run.
fn request_for(program: &Program) -> &'static str {
    Box::leak(format!("GET /v2/blog/blobs/{}", layer(program).descriptor.digest).into_boxed_str())
}

#[test]
fn a_rollback_while_the_program_is_pulled_is_not_undone() {
    if !are_there() {
        return;
    }
    let (mut yard, instance) = begin("1h");
    let request = request_for(&Program::Build(1));
    yard.push("two", &Program::Build(1));
    yard.registry.set_fault(Fault::Hangs(request));
    does(&yard, &instance, "deploy");
    yard.registry.wait_for_request(request);
    wait_for(&instance, "two");
    does(&yard, &instance, "rollback");
    assert!(page(&instance).contains("one"));
    yard.registry.set_fault(Fault::None);
    instance.hear_nothing_of("handing over", "another release is served by now");
    assert!(page(&instance).contains("one"));
    // What was put off is made up for.
    does(&yard, &instance, "unpin");
    taken_over(&instance);
    assert!(page(&instance).contains("two"));
    instance.stop();
}

#[test]
fn a_rollback_of_the_content_keeps_the_program() {
    if !are_there() {
        return;
    }
    let (mut yard, instance) = begin("1s");
    // It may be looked at or not before the next release comes: only what is known is begun with.
    let records = yard.place.path().join("state/releases");
    let is_known = |entry: &Path| fs::read_to_string(entry).is_ok_and(|text| text.contains("\"program\""));
    until(|| fs::read_dir(&records).unwrap().any(|entry| is_known(&entry.unwrap().path())));
    yard.push("two", &Program::Build(1));
    taken_over(&instance);
    does(&yard, &instance, "rollback");
    instance.hear_nothing_of("handing over", "the program of release 1 is not run while a release is pinned");
    assert!(status(&instance).contains("a restart begins with it"), "{}", status(&instance));
    yard.push("three", &Program::Build(2));
    instance.hear_nothing_of("handing over", "is kept and not served");
    assert!(page(&instance).contains("one"));
    does(&yard, &instance, "unpin");
    taken_over(&instance);
    assert!(page(&instance).contains("three"));
    // The worker that leaves may still be the one that answers.
    until(|| !status(&instance).contains("is not run"));
    instance.stop();
}

/// A tag that points at an older release again means all of it.
#[test]
fn a_program_that_is_kept_is_taken_up_again_without_the_registry() {
    if !are_there() {
        return;
    }
    let (mut yard, instance) = begin("1s");
    let first = yard.package.take().unwrap();
    yard.push("two", &Program::Build(1));
    taken_over(&instance);
    yard.registry.sweep();
    yard.registry.put_manifest("blog/latest", "application/vnd.oci.image.index.v1+json", &first.index.bytes);
    taken_over(&instance);
    assert!(page(&instance).contains("one"));
    instance.stop();
}

/// Who takes over knows of pins, of numbers and of what did harm only by a state.
#[test]
fn without_a_state_the_program_stays() {
    if !are_there() {
        return;
    }
    let mut yard = Yard::with("one", &Program::Build(0));
    let writer = yard.start_with(&[]);
    let reader = yard.start();
    yard.push("two", &Program::Build(1));
    reader.hear_nothing_of("handing over", "has another program");
    assert!(status(&reader).contains("give this instance a state of its own with --state"), "{}", status(&reader));
    wait_for(&reader, "two");
    reader.stop();
    writer.stop();
}

/// The registry may take its time with a program: hooks, windows and people do not wait for that.
#[test]
fn a_hook_is_answered_while_the_program_is_looked_at() {
    const HOOK: &str = "/_galley/hook/a-secret-that-nobody-guesses";
    if !are_there() {
        return;
    }
    let mut yard = Yard::with("one", &Program::Build(0));
    yard.place.write("secret", "a-secret-that-nobody-guesses\n");
    let secret = yard.place.path().join("secret").display().to_string();
    let config = yard.package.as_ref().unwrap().images[0].config.descriptor.digest;
    let config: &'static str = Box::leak(format!("/blobs/{config}").into_boxed_str());
    yard.registry.set_fault(Fault::Hangs(config));
    yard.poll = "1h";
    let instance = yard.start_with(&["--handover", "--hook-secret-file", &secret]);
    yard.registry.wait_for_request(config);
    yard.push("two", &Program::Build(0));
    assert_eq!(Connection::open(&instance.address).request("POST", HOOK, &[], "{}").status, 202);
    wait_for(&instance, "two");
    yard.registry.set_fault(Fault::None);
    taken_over(&instance);
    assert!(page(&instance).contains("two"));
    instance.stop();
}

#[test]
fn what_a_release_is_known_to_have_is_not_asked_for_again() {
    if !are_there() {
        return;
    }
    let yard = Yard::with("one", &Program::Build(0));
    yard.start_taken_over(&[]).stop();
    yard.registry.take_log();
    let instance = yard.start_with(&["--handover", "-v"]);
    instance.hear_nothing_of("handing over", "the program of release 1 is the one that runs");
    let log = yard.registry.take_log();
    assert!(log.iter().any(|line| line.contains("HEAD /v2/blog/manifests/latest")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("/blobs/")), "{log:?}");
    instance.stop();
}
