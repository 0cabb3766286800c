//! Content that is swapped while it is being sent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use galley::serve::{Deployment, Public, Settings};
use galley::snapshot::{
    Digest, Entry, Freezing, MemoryFile, Snapshot, Tree, TreePath, freeze, freeze_with, read_folder,
};

use crate::failures::until;
use crate::frames::{Client, DATA, END_STREAM, WINDOW_UPDATE};
use crate::server::Server;
use crate::support::PATIENCE;

/// More than all buffers between server and client.
const LARGE: usize = 64 << 20;

fn release(letter: u8, length: usize) -> Tree {
    let mut tree = Tree::new();
    let entry = Entry::new(Bytes::from(vec![letter; length]), None);
    tree.insert(TreePath::new("film.bin").unwrap(), entry).unwrap();
    tree
}

fn serve(snapshot: Snapshot) -> (Server, Arc<Deployment>) {
    let deployment = Arc::new(Deployment::new(snapshot));
    (Server::with(Public::new(Arc::clone(&deployment), None), Settings::default(), Vec::new()), deployment)
}

/// An answer that has begun and that nobody takes yet.
struct Begun(TcpStream);

impl Begun {
    fn new(server: &Server) -> Self {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /film.bin HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        Self(stream)
    }

    #[track_caller]
    fn ends_as_it_began(mut self, letter: u8) {
        let mut received = Vec::new();
        self.0.read_to_end(&mut received).unwrap();
        let body = received.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(received.len() - body, LARGE);
        assert!(received[body..] == vec![letter; LARGE], "it is mixed");
    }
}

/// Whoever asks now.
#[track_caller]
fn is_served(server: &Server, letter: u8) {
    let response = server.open().request("GET", "/film.bin", &[("range", "bytes=5-6")], "");
    assert_eq!((response.status, response.text()), (206, String::from_utf8(vec![letter; 2]).unwrap()));
}

#[test]
fn answers_in_flight_end_as_they_began() {
    let file = MemoryFile::new().ok();
    for file in [None, file.as_ref()] {
        let freezing = Freezing { file, ..Freezing::default() };
        let (server, deployment) = serve(freeze_with(&release(b'a', LARGE), &freezing).unwrap());
        let begun = [Begun::new(&server), Begun::new(&server)];
        let mut client = Client::open(&server.address);
        client.get(1, "/film.bin");
        assert_eq!(client.status(), Some(200));
        let old = Arc::downgrade(&deployment.install(freeze_with(&release(b'b', LARGE), &freezing).unwrap()));
        is_served(&server, b'b');
        // What they still need is the bytes: all else of the old content is gone, and was dropped by whoever installed.
        until(|| old.upgrade().is_none());
        for answer in begun {
            answer.ends_as_it_began(b'a');
        }
        let mut received = 0;
        loop {
            let part = client.next_of(DATA).unwrap();
            assert!(part.payload == vec![b'a'; part.payload.len()], "it is mixed");
            received += part.payload.len();
            if part.flags & END_STREAM != 0 {
                break;
            }
            for stream in [0, 1] {
                client.send(WINDOW_UPDATE, 0, stream, &(part.payload.len() as u32).to_be_bytes());
            }
        }
        assert_eq!(received, LARGE);
    }
}

/// What memory has no room for is read while it is sent, from the file that was there when the answer began.
#[test]
fn so_do_those_from_the_disk() {
    let place = tempfile::tempdir().unwrap();
    let frozen = |path: &Path| {
        freeze_with(&read_folder(path).unwrap(), &Freezing { memory: Some(0), ..Freezing::default() }).unwrap()
    };
    let film = place.path().join("film.bin");
    std::fs::write(&film, vec![b'a'; LARGE]).unwrap();
    let (server, deployment) = serve(frozen(place.path()));
    let begun = Begun::new(&server);
    let aside = place.path().join(".new");
    std::fs::write(&aside, vec![b'b'; LARGE]).unwrap();
    std::fs::rename(&aside, &film).unwrap();
    drop(deployment.install(frozen(place.path())));
    is_served(&server, b'b');
    begun.ends_as_it_began(b'a');
}

/// Every answer is one of the two, whole: status, length, entity tag and bytes are of one release.
#[test]
fn swaps_one_after_the_other_are_seen_by_nobody() {
    const SWAPS: usize = 300;
    let lengths = [(b'a', 3000_usize), (b'b', 200_000)];
    let (server, deployment) = serve(freeze(&release(b'a', 3000), None).unwrap());
    let known = lengths.map(|(letter, length)| (length, Digest::of(&vec![letter; length]), letter));
    let (stop, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = server.open();
                let mut tags = std::collections::BTreeSet::new();
                while !stop.load(Relaxed) {
                    let response = connection.request("GET", "/film.bin", &[], "");
                    assert_eq!(response.status, 200);
                    let (_, digest, letter) =
                        known.iter().find(|(length, ..)| *length == response.body.len()).expect("of neither release");
                    assert_eq!(Digest::of(&response.body), *digest);
                    tags.insert((response.header("etag").to_owned(), *letter));
                    answers.fetch_add(1, Relaxed);
                }
                assert_eq!(tags.len(), 2, "{tags:?}");
            });
        }
        for (letter, length) in lengths.into_iter().rev().cycle().take(SWAPS) {
            let seen = answers.load(Relaxed);
            drop(deployment.install(freeze(&release(letter, length), None).unwrap()));
            until(|| answers.load(Relaxed) >= seen + 4);
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(deployment.swaps(), SWAPS as u64);
}
