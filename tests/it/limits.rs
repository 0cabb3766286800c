//! Slow, greedy and silent clients, with limits short enough to watch.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use galley::serve::{Limits, Settings};

use crate::server::Server;
use crate::support::{Connection, Instance, TempSite, galley, run};

/// Far longer than any limit below, far shorter than the defaults.
const SOON: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(300);
const LARGE: &[u8] = b"GET /large.bin HTTP/1.1\r\nhost: x\r\n\r\n";

fn limits() -> Limits {
    Limits {
        head: SOON * 10,
        idle: SOON * 10,
        write_stall: SOON * 10,
        stop: SHORT,
        connections: 100,
        ..Limits::default()
    }
}

fn start(limits: Limits) -> Server {
    Server::start(Settings { limits, ..Settings::default() })
}

/// Waits until the server closes the connection; returns how long that took.
fn until_closed(connection: &mut Connection) -> Duration {
    let started = Instant::now();
    assert!(connection.response(false).is_none());
    started.elapsed()
}

/// Sends `head`, then a byte every 10 ms as long as the server lets it; what it answered by then, and how long that took.
#[track_caller]
fn drip(server: &Server, head: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let (started, mut received, mut buffer) = (Instant::now(), Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => received.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // Where it is closed already, the next read says so.
                let _ = stream.write_all(b"x");
            }
            Ok(0) | Err(_) => return (String::from_utf8(received).unwrap(), started.elapsed()),
        }
        assert!(started.elapsed() < SOON * 4, "it is never cut");
    }
}

#[test]
fn a_head_that_drips_is_cut() {
    let server = start(Limits { head: SHORT, ..limits() });
    let (answer, closed) = drip(&server, "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ");
    assert!(answer.is_empty() && closed >= SHORT / 2 && closed < SOON, "{closed:?} {answer}");
    // Also where it stops.
    let mut connection = server.open();
    connection.send("GET / HTTP/1.1\r\nhost: x\r\nx-slow: ");
    let closed = until_closed(&mut connection);
    assert!(closed >= SHORT / 2 && closed < SOON, "{closed:?}");
    // And one that never begins.
    assert!(until_closed(&mut server.open()) < SOON);
    // And the second request of a connection as well as the first.
    let mut connection = server.open();
    assert_eq!(connection.request("GET", "/", &[], "").status, 200);
    connection.send("GET ");
    assert!(until_closed(&mut connection) < SOON);
    // Also when it begins long after the first one's answer, while the connection is idle.
    let mut connection = server.open();
    assert_eq!(connection.request("GET", "/", &[], "").status, 200);
    std::thread::sleep(SHORT * 2);
    connection.send("GET ");
    assert!(until_closed(&mut connection) < SOON);
}

#[test]
fn an_idle_connection_stays_for_its_own_time() {
    let server = start(Limits { idle: SHORT * 3, head: SHORT, ..limits() });
    let mut connection = server.open();
    assert_eq!(connection.request("GET", "/", &[], "").status, 200);
    let closed = until_closed(&mut connection);
    assert!(closed >= SHORT * 2 && closed < SOON, "{closed:?}");
}

/// The body comes after the head, and is no head of the next request.
#[test]
fn a_connection_stays_as_long_after_a_request_with_a_body() {
    let server = start(Limits { idle: SHORT * 10, head: SHORT, ..limits() });
    let mut connection = server.open();
    connection.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n");
    for part in ["a", "b"] {
        std::thread::sleep(SHORT / 6);
        connection.send(part);
    }
    assert_eq!(connection.response(false).unwrap().status, 405);
    let closed = until_closed(&mut connection);
    assert!(closed >= SHORT * 3, "{closed:?}");
    // A head that comes then and drips is cut as ever.
    let server = start(Limits { idle: SOON * 10, head: SHORT, ..limits() });
    let mut connection = server.open();
    connection.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n");
    std::thread::sleep(SHORT / 6);
    connection.send("ab");
    assert_eq!(connection.response(false).unwrap().status, 405);
    connection.send("GET ");
    assert!(until_closed(&mut connection) < SOON);
}

/// One thread, so that nothing else keeps its clock going.
#[test]
fn a_quiet_time_takes_nothing_from_those_who_come_after_it() {
    let (head, idle, answer) = (SHORT, SHORT, SHORT * 6);
    let limits = Limits { head, idle, answer, ..limits() };
    let server = Server::start(Settings { limits, threads: Some(1.try_into().unwrap()), ..Settings::default() });
    // Longer than each limit, and twice: the clock stands still again when the last one is gone.
    for _ in 0..2 {
        std::thread::sleep(answer + SHORT);
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(b"GET /large.bin HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut buffer = vec![0; 1 << 20];
        let (mut received, started) = (0, Instant::now());
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => received += count,
                Err(error) => panic!("after {received} bytes and {:?}: {error}", started.elapsed()),
            }
            // Several sweeps long, and far from the answer's own limit.
            if started.elapsed() < SHORT {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        assert!(received > 64 << 20, "only {received} bytes came");
        drop(stream);
        std::thread::sleep(answer + SHORT);
        let closed = until_closed(&mut server.open());
        assert!(closed >= SHORT / 2 && closed < SOON, "{closed:?}");
    }
}

#[test]
fn a_reader_that_stalls_is_cut() {
    let server = start(Limits { write_stall: SHORT, ..limits() });
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(LARGE).unwrap();
    // The system's buffers take some of it; then nobody reads until the server gives up.
    std::thread::sleep(SHORT * 4);
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut received = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => received += count,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
                break;
            }
        }
    }
    assert!(received < 64 << 20, "{received} bytes came after all");
}

#[test]
fn a_reader_that_reads_gets_everything() {
    let server = start(Limits { write_stall: SOON, ..limits() });
    let mut connection = server.open();
    let response = connection.request("GET", "/large.bin", &[], "");
    assert_eq!(response.body.len(), 64 << 20);
}

#[test]
fn at_the_cap_new_connections_wait_for_their_turn() {
    let server = start(Limits { connections: 2, ..limits() });
    let mut first = server.open();
    let mut second = server.open();
    assert_eq!(first.request("GET", "/", &[], "").status, 200);
    assert_eq!(second.request("GET", "/", &[], "").status, 200);
    let mut third = server.open();
    third.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    let waiting = std::thread::spawn(move || third.response(false).unwrap().status);
    assert_eq!(first.request("GET", "/", &[], "").status, 200);
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.join().unwrap(), 200);
}

/// The program with a limit of open files.
fn with_files(files: u64, arguments: &[&str]) -> Instance {
    let program = galley();
    let mut command = Command::new("sh");
    let limited = format!("ulimit -n {files} && exec \"$0\" serve \"$@\"");
    command.args(["-c", &limited]).arg(program.get_program()).args(arguments);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Instance::of(&mut command)
}

#[test]
fn how_many_connections_there_may_be_is_for_the_operator_to_say() {
    let site = TempSite::bare().file("index.html", "x");
    let instance = Instance::start(&["--connections", "1", site.str()]);
    let mut first = Connection::open(&instance.address);
    assert_eq!(first.request("GET", "/", &[], "").status, 200);
    let mut second = Connection::open(&instance.address);
    second.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    let waiting = std::thread::spawn(move || second.response(false).unwrap().status);
    assert_eq!(first.request("GET", "/", &[], "").status, 200);
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.join().unwrap(), 200);
    assert!(!instance.stop().contains("--connections"));
    // As many as the default does not have, if the system allows it; else it is said.
    let allowed = |instance: Instance| {
        let said = instance.stop();
        let (_, rest) = said.split_once("--connections 20000: the limit of open files allows ").expect(&said);
        rest.split(';').next().unwrap().parse::<u64>().unwrap()
    };
    let arguments = ["--connections", "20000", site.str()];
    assert!(allowed(with_files(900, &arguments)) < 900);
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(u64::MAX);
    if most >= 18_000 {
        assert!((10_001..18_000).contains(&allowed(with_files(18_000, &arguments))));
    }
    if most >= 30_000 {
        assert!(!with_files(30_000, &arguments).stop().contains("--connections"));
    }
}

#[test]
fn how_long_clients_may_take_is_for_the_operator_to_say() {
    let site = TempSite::bare().file("index.html", "x").file("large.bin", vec![b'x'; 64 << 20]);
    let instance = Instance::start(&["--idle-timeout", "1s", "--stop-timeout", "1s", site.str()]);
    let mut idle = Connection::open(&instance.address);
    assert_eq!(idle.request("GET", "/", &[], "").status, 200);
    let closed = until_closed(&mut idle);
    assert!(closed >= SHORT * 2 && closed < SOON, "{closed:?}");
    // A reader that takes nothing is not waited for.
    let mut stalled = TcpStream::connect(&instance.address).unwrap();
    stalled.write_all(LARGE).unwrap();
    stalled.read_exact(&mut [0; 16]).unwrap();
    let started = Instant::now();
    let said = instance.stop();
    let took = started.elapsed();
    assert!(took >= SHORT * 2 && took < SOON, "{took:?}");
    assert!(said.contains("did not finish within 1s"), "{said}");
    for (flag, value) in [("--idle-timeout", "0s"), ("--stop-timeout", "soon"), ("--connections", "0")] {
        assert_eq!(run(&["serve", flag, value, site.str()]).code, 2, "{flag} {value}");
    }
}

/// The system has run out of descriptors, until somebody gives some back.
#[test]
#[cfg(target_os = "linux")]
fn who_can_not_be_accepted_waits_and_that_is_said_once() {
    use rustix::process::{Resource, Rlimit, prlimit};
    let site = TempSite::new().file("content/_index.md", "Welcome.\n");
    let instance = Instance::start(&[site.str()]);
    let id = instance.id();
    // One for each thread: when all are answered, all threads have what they need.
    let threads = std::thread::available_parallelism().unwrap().get();
    let mut first: Vec<Connection> = (0..threads).map(|_| Connection::open(&instance.address)).collect();
    for connection in &mut first {
        assert_eq!(connection.request("GET", "/", &[], "").status, 200);
    }
    let open = || -> Vec<u64> {
        let names = std::fs::read_dir(format!("/proc/{}/fd", id.as_raw_nonzero())).unwrap();
        names.map(|name| name.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
    };
    // It is the numbers that are limited.
    let limit = open().iter().max().unwrap() + 3;
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    let old = prlimit(Some(id), Resource::Nofile, Rlimit { current: Some(limit), maximum }).unwrap();
    let mut connections: Vec<Connection> = (0..limit).map(|_| Connection::open(&instance.address)).collect();
    for connection in &mut connections {
        connection.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    }
    // Until there are no more; then for some tries longer.
    let started = Instant::now();
    while open().len() as u64 != limit {
        assert!(started.elapsed() < SOON, "{:?} are not all below {limit}", open());
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(SHORT * 2);
    prlimit(Some(id), Resource::Nofile, old).unwrap();
    for connection in &mut connections {
        assert_eq!(connection.response(false).unwrap().status, 200);
    }
    drop((first, connections));
    let said = instance.stop();
    assert_eq!(said.matches("could not accept a connection: ").count(), 1, "{said}");
    assert!(said.contains("; further ones wait until it can be done"), "{said}");
}

#[test]
fn a_stop_waits_for_answers_but_not_for_ever() {
    let mut server = start(limits());
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(LARGE).unwrap();
    let mut first = [0; 16];
    stream.read_exact(&mut first).unwrap();
    let took = server.stop();
    assert!(took >= SHORT / 2 && took < SOON, "{took:?}");
}

#[test]
fn a_body_that_drips_is_not_waited_for() {
    let server = start(Limits { head: SHORT, ..limits() });
    // As long as it takes to wait for one, and then as long as one may take to end.
    let (answer, closed) = drip(&server, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405 ") && closed < SOON * 2, "{closed:?} {answer}");
    let mut connection = server.open();
    connection.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nslow");
    let started = Instant::now();
    let response = connection.response(false).unwrap();
    assert_eq!(response.status, 405);
    assert!(started.elapsed() < SOON * 2, "{:?}", started.elapsed());
    assert!(connection.response(false).is_none());
}

#[test]
fn who_ends_its_own_direction_still_gets_the_answer() {
    let server = start(limits());
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(LARGE).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(received.starts_with(b"HTTP/1.1 200 ") && received.len() > 64 << 20, "{} bytes came", received.len());
}

/// Steady, and yet without an end: each read moves bytes long before any stall.
#[test]
fn a_reader_that_reads_for_ever_is_cut_in_the_end() {
    let server = start(Limits { answer: SHORT, ..limits() });
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(LARGE).unwrap();
    let started = Instant::now();
    let mut buffer = vec![0; 256 << 10];
    let mut received = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        received += count;
        // Slower than the whole could come in time, faster than any stall.
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(received < 64 << 20, "{received} bytes came after all");
    assert!(started.elapsed() >= SHORT && started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[test]
fn an_address_has_its_share_of_connections() {
    let server = start(Limits { connections_per_address: Some(2.try_into().unwrap()), ..limits() });
    let (mut first, mut second) = (server.open(), server.open());
    assert_eq!(first.request("GET", "/", &[], "").status, 200);
    assert_eq!(second.request("GET", "/", &[], "").status, 200);
    assert!(server.open().response(false).is_none());
    // Another address has its own.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.2:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&server.address.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    assert_eq!(Connection::of(socket.into()).request("GET", "/", &[], "").status, 200);
    // And who leaves makes room.
    drop(first);
    let started = Instant::now();
    loop {
        let mut again = server.open();
        again.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        if again.response(false).is_some() {
            break;
        }
        assert!(started.elapsed() < SOON);
    }
}
