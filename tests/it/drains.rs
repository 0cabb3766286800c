//! What a worker still does after another one has taken over, and how long it may.

use std::io::Read;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use galley::snapshot::{Entry, Tree, TreePath};
use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::control::Observed;
use crate::double::{Answer, Received, Receiver};
use crate::handover::{Yard, page, taken_over};
use crate::image::tree;
use crate::support::programs::{Program, are_there};
use crate::support::{Connection, PATIENCE};

/// More than the system takes for a client that does not read, and asks for little.
const LARGE: usize = 32 << 20;

fn large(text: &str) -> Tree {
    let mut tree = tree(text);
    let bytes: Vec<u8> = (0..LARGE as u64 / 8).flat_map(|number| (number * 0x9e37_79b9).to_le_bytes()).collect();
    tree.insert(TreePath::new("large.bin").unwrap(), Entry::new(Bytes::from(bytes), None)).unwrap();
    tree
}

/// With a large file in its first release.
fn yard() -> Yard {
    let mut yard = Yard::new();
    yard.push_tree(&large("one"), &Program::Build(0), None);
    yard
}

/// A download that has begun, and its client, who does not read on.
fn begin_download(instance: &Observed) -> TcpStream {
    let mut stream = TcpStream::connect(&instance.address).unwrap();
    set_socket_recv_buffer_size(&stream, 1 << 16).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /large.bin HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    stream
}

/// How much comes of it yet, at a pace that takes `time` for all of it, until there is haste.
fn rest(mut stream: TcpStream, time: Duration, haste: &AtomicBool) -> usize {
    let (begun, mut all, mut buffer) = (Instant::now(), 1000, vec![0; 1 << 16]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return all,
            Ok(read) => all += read,
        }
        let due = time.mul_f64((all as f64 / LARGE as f64).min(1.0));
        if !haste.load(Ordering::Relaxed) {
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
}

/// The supervisor's own limit was that of the default: whoever asked for more did not get it.
#[test]
fn a_stop_gives_answers_the_time_that_was_asked_for() {
    if !are_there() {
        return;
    }
    let yard = yard();
    let instance = yard.start_taken_over(&["--stop-timeout", "20s"]);
    let download = begin_download(&instance);
    instance.terminate();
    // What lies in the system at the former limit of 8.8 s is less than the rest of it.
    assert!(rest(download, Duration::from_secs(13), &AtomicBool::new(false)) > LARGE);
}

#[test]
fn a_download_goes_on_over_a_handover_and_is_cut_at_its_limit() {
    if !are_there() {
        return;
    }
    let mut yard = yard();
    let instance = yard.start_taken_over(&["--idle-timeout", "10s", "--stop-timeout", "1s"]);
    let (whole, endless) = (begin_download(&instance), begin_download(&instance));
    let (haste, slow) = (AtomicBool::new(false), Duration::from_secs(120));
    std::thread::scope(|scope| {
        let whole = scope.spawn(|| rest(whole, slow, &haste));
        let endless = scope.spawn(|| rest(endless, slow, &AtomicBool::new(false)));
        yard.push("two", &Program::Build(1));
        taken_over(&instance);
        assert!(page(&instance).contains("two"));
        haste.store(true, Ordering::Relaxed);
        assert!(whole.join().unwrap() > LARGE);
        instance.hear("some answers did not finish within 1s and were cut");
        assert!(endless.join().unwrap() < LARGE);
    });
    assert!(page(&instance).contains("two"));
    instance.stop();
}

/// An instance that has handed over while a notice was to be tried again after so many seconds, and that notice.
fn hand_over_with_a_notice(seconds: &'static str) -> (Yard, Receiver, Observed, Received) {
    let (receiver, mut yard) = (Receiver::start(), Yard::with("one", &Program::Build(0)));
    let way = format!("webhook=http://{}/", receiver.address);
    let instance = yard.start_taken_over(&["--notify", &way]);
    receiver.answer(&[Answer::Status(503, "retry-after", seconds)]);
    yard.push("two", &Program::Build(1));
    let first = receiver.next();
    taken_over(&instance);
    (yard, receiver, instance, first)
}

#[test]
fn notices_that_are_tried_again_outlive_a_handover() {
    if !are_there() {
        return;
    }
    let (_yard, receiver, instance, first) = hand_over_with_a_notice("5");
    let second = receiver.next();
    assert_eq!(first.header("x-galley-delivery"), second.header("x-galley-delivery"));
    assert_eq!(first.json()["sequence"], 2);
    instance.stop();
}

/// One who connects to whom serves now, while the one before waits.
#[test]
fn a_stop_ends_who_waits_for_notices() {
    if !are_there() {
        return;
    }
    let (_yard, _receiver, instance, _) = hand_over_with_a_notice("100");
    assert_eq!(Connection::open(&instance.address).request("GET", "/", &[], "").status, 200);
    let begun = Instant::now();
    instance.stop();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
