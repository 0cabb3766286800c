//! What a process that serves may do: no more than its user, and of root's powers those over files alone.

use std::fs;

use rustix::process::Pid;

use crate::handover::{Yard, page, taken_over};
use crate::support::programs::{Program, are_there};
use crate::support::{Instance, TempSite};

/// CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (linux/capability.h).
const OF_FILES: u64 = 1 << 1 | 1 << 2;

/// The set of capabilities that `/proc` has by this name.
fn set(process: Pid, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
}

#[track_caller]
fn assert_dropped(process: Pid) {
    for name in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(set(process, name) & !OF_FILES, 0, "{name}");
    }
    if rustix::process::geteuid().is_root() {
        assert_eq!(set(process, "CapBnd") & !OF_FILES, 0);
    }
    assert_eq!(set(process, "NoNewPrivs"), 1);
}

#[test]
fn a_process_that_serves_keeps_no_capability_but_those_over_files() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let site = TempSite::bare().file("index.html", "<p>one</p>");
    let instance = Instance::start(&[site.str()]);
    assert_dropped(instance.id());
    assert!(instance.get("/").text().contains("one"));
    instance.stop();
}

#[test]
fn neither_does_a_supervisor_nor_what_it_starts() {
    if !are_there() {
        return;
    }
    let yard = Yard::with("one", &Program::Build(0));
    let instance = yard.start();
    let worker = taken_over(&instance);
    assert_dropped(instance.id());
    assert_dropped(worker);
    assert!(page(&instance).contains("one"));
    instance.stop();
}
