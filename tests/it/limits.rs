//! Slow, greedy and silent clients, with limits short enough to watch.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use galley::serve::{Deployment, Limits, Public, Settings, bind, serve};
use galley::snapshot::{Entry, Tree, TreePath, freeze};
use tokio::sync::oneshot;

use crate::support::Connection;

/// Far longer than any limit below, far shorter than the defaults.
const SOON: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(300);

struct Server {
    address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start(limits: Limits) -> Self {
        let mut tree = Tree::new();
        for (path, length) in [("index.html", 100), ("large.bin", 64 << 20)] {
            let entry = Entry::new(Bytes::from(vec![b'x'; length]), None);
            tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
        }
        let deployment = Arc::new(Deployment::new(freeze(&tree, None).unwrap()));
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            let stopped = async {
                stopped.await.unwrap();
            };
            let settings = Settings { limits, ..Settings::default() };
            runtime.block_on(serve(vec![listener], Public::new(deployment, None), settings, stopped)).unwrap();
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    fn open(&self) -> Connection {
        Connection::open(&self.address)
    }

    /// Asks the server to stop; returns how long it took.
    fn stop(&mut self) -> Duration {
        let started = Instant::now();
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap();
        started.elapsed()
    }
}

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

/// Waits until the server closes the connection; returns how long that took.
fn until_closed(connection: &mut Connection) -> Duration {
    let started = Instant::now();
    assert!(connection.response(false).is_none());
    started.elapsed()
}

#[test]
fn a_head_that_drips_is_cut() {
    let server = Server::start(Limits { head: SHORT, ..limits() });
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
    let server = Server::start(Limits { idle: SHORT * 3, head: SHORT, ..limits() });
    let mut connection = server.open();
    assert_eq!(connection.request("GET", "/", &[], "").status, 200);
    let closed = until_closed(&mut connection);
    assert!(closed >= SHORT * 2 && closed < SOON, "{closed:?}");
}

#[test]
fn a_reader_that_stalls_is_cut() {
    let server = Server::start(Limits { write_stall: SHORT, ..limits() });
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /large.bin HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
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
    let server = Server::start(Limits { write_stall: SOON, ..limits() });
    let mut connection = server.open();
    let response = connection.request("GET", "/large.bin", &[], "");
    assert_eq!(response.body.len(), 64 << 20);
}

#[test]
fn at_the_cap_new_connections_wait_for_their_turn() {
    let server = Server::start(Limits { connections: 2, ..limits() });
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

#[test]
fn a_stop_waits_for_answers_but_not_for_ever() {
    let mut server = Server::start(limits());
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /large.bin HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut first = [0; 16];
    stream.read_exact(&mut first).unwrap();
    let took = server.stop();
    assert!(took >= SHORT / 2 && took < SOON, "{took:?}");
}
