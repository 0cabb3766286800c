//! Requests that are answered without hyper get the bytes that hyper makes of the same answer.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use galley::serve::{
    AccessLog, Answer, AnswerBody, Deployment, Handler, LogFormat, Observer, Peer, Public, Settings, Trust,
};
use galley::snapshot::{
    Coding, Codings, Entry, Freezing, Lookup, MemoryFile, Modified, Snapshot, Tree, TreePath, freeze_with,
};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use crate::server::Server;
use crate::support::PATIENCE;

const PATHS: [&str; 17] = [
    "/",
    "/a/",
    "/a/?b=c&d",
    "/a",
    "/a/index.html",
    "/large.txt",
    "/large.bin",
    "/empty.txt",
    "/%C3%BC.txt",
    "/%66.txt",
    "/f.txt",
    "/moved/",
    "/nothing",
    "/../a/",
    "//a/",
    "/_galley/x",
    "/a/?q=\"x\"",
];

/// Made once: its codings take a while.
fn deployment() -> Arc<Deployment> {
    static MADE: LazyLock<Arc<Deployment>> = LazyLock::new(|| Arc::new(Deployment::new(snapshot())));
    Arc::clone(&MADE)
}

fn snapshot() -> Snapshot {
    let mut tree = Tree::new();
    let modified = Modified::from_seconds(1_735_776_000);
    let words = "Many words. ".repeat(20);
    for (path, content, modified) in [
        ("index.html", "<title>home</title>".to_owned(), None),
        ("a/index.html", words.clone(), modified),
        ("404.html", format!("<title>not here</title>{words}"), None),
        // No coding of it is small.
        ("large.txt", (0..25_000u32).map(|number| format!("{:x}", number.wrapping_mul(2_654_435_761))).collect(), None),
        ("large.bin", "0123456789".repeat(120_000), modified),
        ("empty.txt", String::new(), None),
        ("ü.txt", "ü".to_owned(), modified),
        ("f.txt", words, None),
        ("_redirects", "/moved/ /a/ 302\n".to_owned(), None),
        (
            "_headers",
            "/a/*\n  Link: <x>\n  Cache-Control: max-age=7\n  Set-Cookie: a=b\n  Set-Cookie: c=d\n".to_owned(),
            None,
        ),
    ] {
        tree.insert(TreePath::new(path).unwrap(), Entry::new(Bytes::from(content), modified)).unwrap();
    }
    let file = MemoryFile::new().ok();
    let mut codings = Codings::from_bytes(Bytes::new(), file.clone());
    for path in ["a/index.html", "large.txt", "404.html"] {
        let entry = tree.get(path).unwrap();
        for coding in Coding::MADE {
            codings.keep(&Codings::make(entry.digest(), coding, &entry.read().unwrap()));
        }
    }
    freeze_with(&tree, &Freezing { codings: Some(&codings), file: file.as_ref(), ..Freezing::default() }).unwrap()
}

/// The tags of all that is there, and one of nothing.
fn tags(snapshot: &Snapshot) -> Vec<String> {
    let resources = ["/", "/a/", "/large.bin"].map(|path| match snapshot.lookup(path) {
        Lookup::Found(resource) => resource,
        other => panic!("{path}: {other:?}"),
    });
    let tags = resources.iter().flat_map(|resource| &resource.representations);
    let tags = tags.map(|made| String::from_utf8(made.fields.entity_tag().to_vec()).unwrap());
    tags.chain(["\"0\"".to_owned()]).collect()
}

fn line(tags: Vec<String>) -> impl Strategy<Value = String> {
    let codings =
        vec(select(&["gzip", "br", "zstd", "identity", "*", "x-gzip", "deflate", "br;q=0.5", "*;q=0"][..]), 0..4);
    let tags = vec((any::<bool>(), select(tags)), 1..3);
    let named = |(weak, tag): (bool, String)| format!("{}{tag}", if weak { "W/" } else { "" });
    prop_oneof![
        6 => codings.prop_map(|codings| format!("accept-encoding: {}", codings.join(", "))),
        4 => tags.prop_map(move |tags| format!("If-None-Match: {}", tags.into_iter().map(named).collect::<Vec<_>>().join(","))),
        1 => Just("if-none-match: *".to_owned()),
        2 => select(&["Wed, 01 Jan 2025 00:00:00 GMT", "Fri, 03 Jan 2025 00:00:00 GMT", "x"][..])
            .prop_map(|date| format!("If-Modified-Since: {date}")),
        2 => select(&["Referer: https://x.example/", "user-agent: A \"1\"", "Cookie: a=b", "x: \u{fc}", "accept: */*"][..])
            .prop_map(str::to_owned),
        1 => select(&["Connection: keep-alive", "connection: close", "connection: x", "keep-alive: timeout=5"][..])
            .prop_map(str::to_owned),
        1 => select(&["range: bytes=0-3", "range: bytes=2-,0-1", "if-range: x", "if-match: *", "if-match: \"0\""][..])
            .prop_map(str::to_owned),
        1 => select(&["expect: x", "te: trailers", "upgrade: x", "host: b", "content-length: 0", "trailer: a"][..])
            .prop_map(str::to_owned),
        1 => "[ -~]{0,20}",
    ]
}

fn request(tags: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![8 => Just("GET"), 3 => Just("HEAD"), 1 => Just("OPTIONS")];
    let version = prop_oneof![15 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0")];
    let host = prop_oneof![15 => Just("host: a"), 1 => Just("x: y"), 1 => Just("Host: a/b")];
    let ending = prop_oneof![9 => Just("\r\n"), 1 => Just("\n")];
    (method, select(&PATHS[..]), version, host, vec(line(tags), 0..5), ending).prop_map(
        |(method, path, version, host, lines, ending)| {
            let mut text = format!("{method} {path} {version}{ending}{host}{ending}");
            for line in lines {
                text += &format!("{line}{ending}");
            }
            (text + ending).into_bytes()
        },
    )
}

/// What comes back for `bytes`, sent in two pieces, until the server ends; without dates. `None` if the second piece found a
/// connection that had ended with an answer to the first: its reset may take that answer along.
fn answers(server: &Server, bytes: &[u8], middle: usize) -> Option<String> {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    // It may end earlier, after an answer that says so.
    let _ = stream.write_all(&bytes[..middle]).and_then(|()| stream.write_all(&bytes[middle..]));
    let _ = stream.shutdown(Shutdown::Write);
    let mut answers = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answers) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        return None;
    }
    let text: String = answers.iter().map(|byte| char::from(*byte)).collect();
    let undated = text.split_inclusive('\n').map(|line| if line.starts_with("date: ") { "date\n" } else { line });
    Some(undated.collect())
}

/// Keeps what is written to it.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// The lines, without their times.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| format!("{} {}", &line[..line.find('[').unwrap()], &line[line.find(']').unwrap()..]))
            .collect()
    }
}

/// A trusted proxy's requests are all left to hyper, so that a server that trusts everybody is one without the short way.
#[test]
fn both_ways_give_the_same_bytes_and_the_same_lines_in_the_log() {
    let deployment = deployment();
    let tags = tags(&deployment.current());
    let mut servers = [Trust::default(), Trust::new(["127.0.0.0/8".parse().unwrap()])].map(|trust| {
        let written = Written::default();
        let log = AccessLog::start(LogFormat::Combined, written.clone()).unwrap();
        let settings = Settings { trust, observer: Observer::new(Some(&log)), ..Settings::default() };
        (Server::with(Public::new(Arc::clone(&deployment), None), settings, Vec::new()), log, written)
    });
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let requests = (vec(request(tags), 1..5), any::<prop::sample::Index>(), any::<bool>());
    let outcome = runner.run(&requests, |(requests, middle, whole)| {
        let bytes = requests.concat();
        let middle = if whole { bytes.len() } else { middle.index(bytes.len()) };
        let both = [0, 1].map(|which| answers(&servers[which].0, &bytes, middle));
        let [Some(direct), Some(ordinary)] = both else { return Ok(()) };
        prop_assert!(
            direct == ordinary,
            "{}\n---\n{direct:.2000}\n---\n{ordinary:.2000}",
            String::from_utf8_lossy(&bytes)
        );
        Ok(())
    });
    outcome.unwrap();
    for (server, ..) in &mut servers {
        server.begin_stop();
        server.join();
    }
    let [direct, ordinary] = servers.map(|(_, log, written)| {
        log.finish();
        written.lines()
    });
    assert_eq!(direct, ordinary);
    assert!(direct.len() > 200);
}

/// Has a deployment, and would answer everything in a way of its own.
#[derive(Clone)]
struct Own(Arc<Deployment>);

impl Handler for Own {
    fn answer(&self, _: Request<Incoming>, _: &Peer) -> Answer {
        let mut response = Response::new(AnswerBody::Full(None));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response.into()
    }

    fn deployment(&self) -> Option<&Deployment> {
        Some(&self.0)
    }
}

#[test]
fn common_requests_are_answered_directly_until_another_one_comes() {
    let server = Server::with(Own(deployment()), Settings::default(), Vec::new());
    let mut connection = server.open();
    let tag = connection
        .request("GET", "/a/", &[("accept-encoding", "gzip, deflate, br, zstd")], "")
        .header("etag")
        .to_owned();
    for (method, path, fields, status) in [
        ("GET", "/large.bin", &[("accept-encoding", "br"), ("cookie", "a")][..], 200),
        ("HEAD", "/%C3%BC.txt", &[], 200),
        ("GET", "/a/?b", &[("accept-encoding", "br"), ("if-none-match", &tag)], 304),
        ("GET", "/nothing", &[], 418),
        ("GET", "/a/", &[], 418),
    ] {
        assert_eq!(connection.request(method, path, fields, "").status, status, "{method} {path}");
    }
    let mut connection = server.open();
    connection.send(&"GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(40));
    assert!((0..40).all(|_| connection.response(false).is_some_and(|answer| answer.status == 200)));
}

/// They end in the middle of a request wherever a read does.
#[test]
fn many_requests_sent_at_once_are_all_answered() {
    let server = Server::with(Public::new(deployment(), None), Settings::default(), Vec::new());
    let mut connection = server.open();
    connection.send(&"GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(300));
    assert!((0..300).all(|_| connection.response(false).is_some_and(|answer| answer.body == b"<title>home</title>")));
}

/// A large body goes on where it was left each time that the reader takes some of it.
#[test]
fn a_slow_reader_gets_all_of_a_large_body() {
    let server = Server::with(Own(deployment()), Settings::default(), Vec::new());
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address: std::net::SocketAddr = server.address.parse().unwrap();
    socket.connect(&address.into()).unwrap();
    let mut connection = crate::support::Connection::of(socket.into());
    for _ in 0..3 {
        let answer = connection.request("GET", "/large.bin", &[], "");
        assert_eq!((answer.status, answer.body), (200, b"0123456789".repeat(120_000)));
    }
}
