//! Clients of HTTP/2 that ask for much and take nothing: each connection may have a hundred answers open.

use std::fs;

use crate::frames::*;
use crate::support::{Instance, TempSite};

const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
const CONNECTIONS: usize = 20;
const STREAMS: u32 = 100;
/// Longer than what is copied at once.
const LENGTH: usize = 3 << 20;

/// The most memory that the process has had, in bytes.
fn peak(instance: &Instance) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", instance.id().as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A client that takes `window` bytes of each answer, and has asked for as much as it may.
fn stalled(instance: &Instance, window: u32) -> Client {
    let mut client = Client::open(&instance.address);
    client.send(SETTINGS, 0, 0, &[&INITIAL_WINDOW_SIZE[..], &window.to_be_bytes()].concat());
    (0..STREAMS).for_each(|index| client.get(2 * index + 1, "/large.bin"));
    for _ in 0..STREAMS {
        assert_eq!(client.status(), Some(200));
    }
    client
}

/// Others get all of it, over both protocols.
#[track_caller]
fn is_unharmed(instance: &Instance, bytes: &[u8]) {
    assert_eq!(instance.get("/").status, 200);
    let range = instance.request("GET", "/large.bin", &[("range", "bytes=1-")], "");
    assert!(range.status == 206 && range.body == bytes[1..]);
    let whole = instance.get("/large.bin");
    assert!(whole.status == 200 && whole.body == bytes);
    let mut client = Client::open(&instance.address);
    client.send(SETTINGS, 0, 0, &[&INITIAL_WINDOW_SIZE[..], &(8u32 << 20).to_be_bytes()].concat());
    client.send(WINDOW_UPDATE, 0, 0, &(8u32 << 20).to_be_bytes());
    client.get(1, "/large.bin");
    let mut received = Vec::new();
    while received.len() < bytes.len() {
        received.extend(client.next_of(DATA).unwrap().payload);
    }
    assert!(received == bytes);
}

#[test]
fn answers_that_nobody_takes_cost_little_memory_and_nobody_else() {
    let bytes: Vec<u8> = (0..LENGTH).map(|number| (number * number / 7) as u8).collect();
    let folder = TempSite::bare().file("index.html", "x").file("large.bin", &bytes);
    for memory in ["64M", "0"] {
        // The second ones take enough to be sent large pieces.
        for window in [0, 2000] {
            let instance = Instance::start(&["--memory", memory, folder.str()]);
            is_unharmed(&instance, &bytes);
            let before = peak(&instance);
            let clients: Vec<_> = (0..CONNECTIONS).map(|_| stalled(&instance, window)).collect();
            is_unharmed(&instance, &bytes);
            let taken = peak(&instance) - before;
            // The second ones have what may wait for them all.
            let most = if window == 0 { 20 << 20 } else { 40 << 20 };
            assert!(taken < most, "{memory} {window}: {taken} bytes");
            drop(clients);
        }
    }
}
