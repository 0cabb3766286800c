//! Connections from their beginning to their end: malformed requests, panics, a stop under load, sockets of other kinds.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use galley::serve::{Inherited, Listener, Settings};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::server::{Answering, Server};
use crate::support::{Connection, Instance, Ran, TempSite, galley};

const SOON: Duration = Duration::from_secs(5);

fn server() -> Server {
    Server::start(Settings::default())
}

fn site() -> TempSite {
    TempSite::new().file("content/_index.md", "Welcome.\n")
}

#[test]
fn malformed_requests_are_refused_and_end_their_connection() {
    let server = server();
    let lines = |count: usize| (0..count).map(|index| format!("x{index}: y\r\n")).collect::<String>();
    for (head, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/3.7\r\nhost: a\r\n\r\n".to_owned(), 400),
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), 400),
        ("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n".to_owned(), 405),
        (format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(8192)), 414),
        // Longer than what hyper reads of a head.
        (format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(32 * 1024)), 414),
        (format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(400_000)), 414),
        (format!("GET /?{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(40_000)), 414),
        (format!("{} / HTTP/1.1\r\nhost: a\r\n\r\n", "A".repeat(40_000)), 431),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", lines(100)), 431),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(33_000)), 431),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(400_000)), 431),
    ] {
        let mut connection = server.open();
        connection.send(&head);
        let begin: String = head.chars().take(60).collect();
        let response = connection.response(false).unwrap_or_else(|| panic!("no answer to {begin}"));
        assert_eq!(response.status, status, "{begin}");
        assert!(connection.response(false).is_none(), "the connection goes on after {begin}");
    }
    for good in [
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", lines(99)),
        "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
    ] {
        let mut connection = server.open();
        connection.send(&good);
        assert_eq!(connection.response(false).unwrap().status, 200, "{good}");
    }
}

/// What hyper decides before anybody else sees it.
#[test]
fn what_the_parser_takes_is_known() {
    let server = server();
    let head = |length: usize| {
        let begin = "GET / HTTP/1.1\r\nhost: a\r\nx: ";
        format!("{begin}{}\r\n\r\n", "y".repeat(length - begin.len() - 4))
    };
    for (sent, status, goes_on) in [
        // RFC 9112 section 2.2 allows it.
        ("GET / HTTP/1.1\nhost: a\n\n".to_owned(), 200, true),
        // The length does not count, and nothing is read behind it (section 6.3).
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            405,
            false,
        ),
        // Section 6.3 allows to take two of the same for one.
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx".to_owned(), 405, true),
        (head(32 * 1024 - 1), 200, true),
        (head(32 * 1024 + 1), 431, false),
    ] {
        let mut connection = server.open();
        connection.send(&sent);
        let begin: String = sent.chars().take(80).collect();
        assert_eq!(connection.response(false).unwrap().status, status, "{begin}");
        if goes_on {
            assert_eq!(connection.request("GET", "/", &[], "").status, 200, "{begin}");
        } else {
            assert!(connection.response(false).is_none(), "the connection goes on after {begin}");
        }
    }
}

#[test]
fn a_body_that_nobody_wants_is_passed_over() {
    let server = server();
    let mut connection = server.open();
    assert_eq!(connection.request("POST", "/", &[], &"x".repeat(100_000)).status, 405);
    assert_eq!(connection.request("GET", "/", &[], "").status, 200);
    // Who asks before sending is told at once.
    let mut connection = server.open();
    connection.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n");
    assert_eq!(connection.response(false).unwrap().status, 405);
}

#[test]
fn requests_may_come_in_one_packet_and_in_pieces() {
    let server = server();
    let mut connection = server.open();
    connection.send(&"GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(50));
    for _ in 0..50 {
        assert_eq!(connection.response(false).unwrap().body.len(), 100);
    }
    for piece in "GET / HTTP/1.1\r\nhost: a\r\n\r\n".split_inclusive(' ') {
        connection.send(piece);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(connection.response(false).unwrap().status, 200);
}

#[test]
fn a_panic_costs_one_connection() {
    let handler = Answering(|request: &::http::Request<_>, _: &galley::serve::Peer| {
        assert_ne!(request.uri().path(), "/panic", "a handler's fault, as this test wants it");
        "fine".to_owned()
    });
    let settings = Settings { threads: Some(1.try_into().unwrap()), ..Settings::default() };
    let server = Server::with(handler, settings, Vec::new());
    let mut other = server.open();
    assert_eq!(other.request("GET", "/", &[], "").text(), "fine");
    for _ in 0..3 {
        let mut connection = server.open();
        connection.send("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n");
        assert!(connection.response(false).is_none());
        let mut client = crate::frames::Client::open(&server.address);
        client.get(1, "/panic");
        assert!(client.next_of(crate::frames::HEADERS).is_none());
    }
    assert_eq!(other.request("GET", "/", &[], "").text(), "fine");
    assert_eq!(server.open().request("GET", "/", &[], "").text(), "fine");
}

#[test]
fn an_idle_client_that_sends_during_a_stop_gets_its_answer() {
    let mut server = server();
    let mut connection = server.open();
    assert_eq!(connection.request("GET", "/", &[], "").header("connection"), "");
    let started = Instant::now();
    server.begin_stop();
    std::thread::sleep(Duration::from_millis(300));
    let response = connection.request("GET", "/", &[], "");
    assert_eq!((response.status, response.header("connection")), (200, "close"));
    assert!(connection.response(false).is_none());
    server.join();
    assert!(started.elapsed() < Duration::from_secs(2), "it waited for nobody: {:?}", started.elapsed());
}

/// As the first process of a container it would not hear the signal at all if it did not ask for it.
#[test]
fn a_stop_is_heard_before_there_is_anything_to_serve() {
    // A registry that accepts and never answers.
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let reference = format!("{}/blog", registry.local_addr().unwrap());
    for signal in [Signal::TERM, Signal::INT] {
        let mut command = galley();
        command.args(["serve", &reference, "--registry-plain-http"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Once it asks the registry.
        let _asked = registry.accept().unwrap();
        let started = Instant::now();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        assert_eq!((status.code(), said.as_str()), (Some(0), "stopped before there was anything to serve\n"));
    }
}

/// Also by a process that is busy with files and does not look at the network.
#[test]
fn a_stop_is_heard_while_an_image_is_pulled() {
    // A registry that never answers.
    let registry = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let reference = format!("{}/blog", registry.local_addr().unwrap());
    let mut command = galley();
    command.args(["serve", &reference]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _waiting = registry.accept().unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > SOON {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((status.code(), said.as_str()), (Some(0), "stopped before there was anything to serve\n"));
}

/// Whoever has asked for nothing yet has no answer to lose.
#[test]
fn a_stop_does_not_wait_for_what_is_half_said() {
    let site = site();
    let instance = Instance::start(&[site.str(), "--tls-self-signed"]);
    let begin = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&instance.address).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    // The hello of TLS, the head of a request, an HTTP/2 client that does not answer a ping, one of its heads, and nothing.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let partial = [&preface[..], b"\0\0\x01\x01\x01\0\0\0\x01\x82"].concat();
    let mut streams = [&b"\x16\x03\x01\x02\0"[..], b"GET / HTTP/1.1\r\nhost:", preface, &partial, b""].map(begin);
    // They are connected, and the last one that comes is answered: all are being served.
    let _ = Connection::open(&instance.address).request("GET", "/", &[], "");
    let started = Instant::now();
    let said = instance.stop();
    // Two seconds are given to those who are about to ask.
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(!said.contains("did not finish"), "{said}");
    for stream in &mut streams {
        stream.set_read_timeout(Some(SOON)).unwrap();
        // Its end, in good order or not.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// Clients that never try again: each request is answered, or was never sent because the connection's end was announced.
#[test]
fn a_stop_under_load_fails_no_request() {
    let mut server = server();
    let address = &server.address.clone();
    let (answered, failed, stopping) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for client in 0..24 {
            let (answered, failed, stopping) = (&answered, &failed, &stopping);
            scope.spawn(move || {
                loop {
                    // Nobody is there any more: that is an answer too.
                    let Ok(stream) = TcpStream::connect(address) else { return };
                    let mut writer = stream.try_clone().unwrap();
                    let mut connection = Connection::of(stream);
                    loop {
                        // Every third one is idle for a while between its requests.
                        if client % 3 == 0 {
                            std::thread::sleep(Duration::from_millis(5));
                        }
                        let sent = writer.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").is_ok();
                        let Some(response) = sent.then(|| connection.response(false)).flatten() else {
                            failed.fetch_add(1, Ordering::Relaxed);
                            return;
                        };
                        answered.fetch_add(1, Ordering::Relaxed);
                        if response.header("connection") == "close" {
                            break;
                        }
                        // A connection for each request, now and then, so that some wait in the queue.
                        if client % 3 == 1 && !stopping.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                }
            });
        }
        let started = Instant::now();
        while answered.load(Ordering::Relaxed) < 2000 {
            assert!(started.elapsed() < SOON * 4);
            std::thread::sleep(Duration::from_millis(5));
        }
        stopping.store(true, Ordering::Relaxed);
        let took = server.stop();
        assert!(took < SOON, "{took:?}");
    });
    assert_eq!(failed.load(Ordering::Relaxed), 0, "of {}", answered.load(Ordering::Relaxed));
}

#[test]
fn ten_thousand_connections_are_served_at_a_time() {
    let site = site();
    let instance = Instance::start(&[site.str()]);
    let before = resident(&instance);
    let count = open_files().saturating_sub(FILES_OF_OTHER_TESTS).min(9_900);
    let mut connections: Vec<Connection> = (0..count).map(|_| Connection::open(&instance.address)).collect();
    for _ in 0..2 {
        for connection in &mut connections {
            assert_eq!(connection.request("GET", "/", &[], "").status, 200);
        }
    }
    let taken = resident(&instance).saturating_sub(before);
    eprintln!("{count} connections take {} KB each", taken / count / 1024);
    // Some 11 KB each, of which most is hyper's.
    assert!(taken < count * 24 * 1024, "{taken}");
}

#[test]
fn what_an_instance_runs_has_no_more_rights_than_itself() {
    let instance = Instance::start(&[site().str()]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", instance.id().as_raw_nonzero())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
}

/// Bytes of an instance that are in memory.
fn resident(instance: &Instance) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", instance.id().as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// What the tests beside this one may have open.
const FILES_OF_OTHER_TESTS: usize = 1500;

/// How many files this process, and each that it starts, may have open.
fn open_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

fn ask(stream: &mut (impl Read + Write)) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_unix_socket_is_made_used_and_removed() {
    let site = site();
    let path = site.path().join("galley.sock");
    let address = format!("unix:{}", path.display());
    // As a process that was killed leaves it.
    drop(UnixListener::bind(&path).unwrap());
    let instance = Instance::start(&[site.str(), "--listen", "127.0.0.1:0", "--listen", &address]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(ask(&mut UnixStream::connect(&path).unwrap()).starts_with("HTTP/1.1 200 OK"));
    let second = Ran::of(galley().args(["serve", site.str(), "--listen", &address]));
    second.says(1, "can't listen there; choose another address with --listen");
    second.says(1, "another server answers there");
    instance.stop();
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    let third = Ran::of(galley().args(["serve", site.str(), "--listen", &address]));
    third.says(1, "a file that is no socket is there");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

/// What is not known to be left behind stays.
#[test]
fn the_socket_of_somebody_else_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &std::path::Path| {
        let address = format!("unix:{}", path.display()).parse().unwrap();
        let error = Listener::open(&address, &mut Inherited::default()).unwrap_err();
        assert!(path.exists());
        error.to_string()
    };
    let path = folder.path().join("datagrams");
    let _datagrams = UnixDatagram::bind(&path).unwrap();
    let error = open(&path);
    assert!(
        error.starts_with(&format!("{}: whether somebody uses this socket is unknown (", path.display())),
        "{error}"
    );
    assert!(error.ends_with("; remove it if nobody does"), "{error}");
    // A server that is behind with accepting: whoever waits for it waits long.
    let path = folder.path().join("full");
    let socket = || socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    let (full, address) = (socket(), socket2::SockAddr::unix(&path).unwrap());
    full.bind(&address).unwrap();
    full.listen(0).unwrap();
    let mut waiting = Vec::new();
    loop {
        let client = socket();
        client.set_nonblocking(true).unwrap();
        match client.connect(&address) {
            Ok(()) => waiting.push(client),
            Err(error) => break assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        assert!(waiting.len() < 100);
    }
    assert_eq!(open(&path), "another server answers there");
}

#[test]
fn addresses_that_are_none_are_refused() {
    for (address, part) in [
        ("8080", "expected host:port, :port, unix:PATH or fd:N"),
        ("::1:8080", "an IPv6 address stands in brackets: [::1]:8080"),
    ] {
        Ran::of(galley().args(["serve", "--listen", address])).says(2, part);
    }
    let site = site();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Ran::of(galley().args(["serve", site.str(), "--listen", &address])).says(1, "can't listen there");
    Ran::of(galley().args(["serve", site.str(), "--listen", "fd:0"])).says(1, "fd:0: can't listen there");
}

#[test]
fn names_and_bare_ports_are_listened_on() {
    let site = site();
    let instance = Instance::start(&[site.str(), "--listen", "localhost:0"]);
    assert_eq!(instance.get("/").status, 200);
    let instance = Instance::start(&[site.str(), "--listen", ":0"]);
    let (_, port) = instance.address.rsplit_once(':').unwrap();
    assert_eq!(Connection::open(&format!("127.0.0.1:{port}")).request("GET", "/", &[], "").status, 200);
}

/// A service manager's sockets: by their number, and by LISTEN_FDS when nothing else is said.
#[test]
fn sockets_that_were_handed_over_are_used() {
    let site = site();
    for (flags, variables) in
        [(&["--listen", "fd:0"][..], &[][..]), (&[], &[("LISTEN_FDS", "1"), ("LISTEN_FDS_FIRST_FD", "0")])]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // Who comes before the process does waits in the queue.
        let mut early = TcpStream::connect(&address).unwrap();
        let mut command = galley();
        command.env_remove("GALLEY_LISTEN").envs(variables.iter().copied()).arg("serve").arg(site.str()).args(flags);
        command.stdin(std::os::fd::OwnedFd::from(listener));
        let instance = Instance::of(&mut command);
        assert_eq!(instance.address, address);
        assert!(ask(&mut early).starts_with("HTTP/1.1 200 OK"));
        assert_eq!(instance.get("/").status, 200);
        instance.stop();
    }
}

#[test]
fn the_service_manager_is_told() {
    let site = site();
    let path = site.path().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let instance = Instance::with(&[site.str()], &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    let mut buffer = [0; 100];
    let mut next = || {
        let count = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };
    assert_eq!(next(), "READY=1\n");
    instance.stop();
    assert_eq!(next(), "STOPPING=1\n");
}
