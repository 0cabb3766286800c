//! Behind a proxy: who the client is, and who may say so.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use galley::serve::{Answer, AnswerBody, Handler, Inherited, Limits, Listener, Peer, Settings, Trust};
use tokio::sync::Notify;

use crate::frames::{Client, DATA};
use crate::server::{Answering, Server};
use crate::support::{Connection, Instance, PATIENCE, TempSite, run};

/// Answers with the client's address, and whether it came by HTTPS.
fn server(trusted: &[&str], more: Vec<Listener>) -> Server {
    let handler = Answering(|request: &::http::Request<_>, peer: &Peer| {
        let client = peer.client(request.headers()).map_or("nobody".to_owned(), |address| address.to_string());
        format!("{client} {}", peer.is_secure(request.headers()))
    });
    let trust = Trust::new(trusted.iter().map(|network| network.parse().unwrap()));
    Server::with(handler, Settings { trust, ..Settings::default() }, more)
}

fn behind(trusted: &[&str]) -> Server {
    server(trusted, Vec::new())
}

fn ask(connection: &mut Connection, headers: &[(&str, &str)]) -> String {
    connection.request("GET", "/", headers, "").text()
}

#[test]
fn headers_of_a_trusted_proxy_are_believed_and_others_are_not() {
    let forwarded = [
        ("x-forwarded-for", "198.51.100.9, 203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "127.0.0.9"),
    ];
    assert_eq!(ask(&mut behind(&["127.0.0.0/8"]).open(), &forwarded), "203.0.113.7 true");
    assert_eq!(ask(&mut behind(&["10.0.0.0/8"]).open(), &forwarded), "127.0.0.1 false");
    assert_eq!(ask(&mut behind(&[]).open(), &forwarded), "127.0.0.1 false");
}

fn version_2(source: [u8; 4]) -> Vec<u8> {
    let addresses = [&source[..], &[192, 0, 2, 1], &[0x30, 0x39, 0, 80]].concat();
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &addresses].concat()
}

#[test]
fn the_proxy_protocol_names_the_client() {
    let server = behind(&["127.0.0.0/8"]);
    let text = b"PROXY TCP4 203.0.113.7 192.0.2.1 12345 80\r\n".to_vec();
    for preface in [text, version_2([203, 0, 113, 7])] {
        // In one piece, and byte by byte.
        for size in [1000, 1] {
            let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
            for piece in preface.chunks(size) {
                stream.write_all(piece).unwrap();
            }
            let mut connection = Connection::of(stream);
            assert_eq!(ask(&mut connection, &[]), "203.0.113.7 false");
            // The client behind a proxy of bytes is no proxy.
            assert_eq!(ask(&mut connection, &[("x-forwarded-for", "198.51.100.9")]), "203.0.113.7 false");
        }
    }
    assert_eq!(ask(&mut server.open(), &[]), "127.0.0.1 false");
}

/// What a proxy says for itself is believed; what somebody says of whom it knows nothing is not.
#[test]
fn a_client_that_the_proxy_does_not_know_is_no_proxy() {
    let server = behind(&["127.0.0.0/8"]);
    let forwarded = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")];
    let binary = |rest: &[u8]| [b"\r\n\r\n\0\r\nQUIT\n", rest].concat();
    for (preface, answer) in [
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1 false"),
        (binary(b"\x21\0\0\0"), "127.0.0.1 false"),
        (binary(b"\x20\0\0\0"), "203.0.113.7 true"),
    ] {
        let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
        stream.write_all(&preface).unwrap();
        assert_eq!(ask(&mut Connection::of(stream), &forwarded), answer, "{preface:?}");
    }
}

#[test]
fn http2_comes_behind_the_proxy_protocol_too() {
    let server = behind(&["127.0.0.0/8"]);
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    stream.write_all(&version_2([203, 0, 113, 7])).unwrap();
    let mut client = Client::of(stream);
    client.get(1, "/");
    assert_eq!(client.next_of(DATA).unwrap().payload, b"203.0.113.7 false");
}

#[test]
fn a_preface_that_is_wrong_or_of_a_stranger_is_a_bad_request() {
    let (trusting, other) = (behind(&["127.0.0.0/8"]), behind(&["10.0.0.0/8"]));
    for (server, preface) in [
        (&other, b"PROXY TCP4 203.0.113.7 192.0.2.1 12345 80\r\n".to_vec()),
        (&other, version_2([203, 0, 113, 7])),
        (&trusting, b"PROXY TCP4 203.0.113.700 192.0.2.1 12345 80\r\n".to_vec()),
        (&trusting, b"PROXY TCP5 203.0.113.7 192.0.2.1 12345 80\r\n".to_vec()),
        (&trusting, b"PROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\nPROXY TCP4 203.0.113.8 192.0.2.1 1 2\r\n".to_vec()),
    ] {
        let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
        stream.write_all(&[&preface[..], b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"].concat()).unwrap();
        let mut connection = Connection::of(stream);
        let status = connection.response(false).unwrap().status;
        assert_eq!(status, 400, "{}", String::from_utf8_lossy(&preface));
        assert!(connection.response(false).is_none());
    }
}

#[test]
fn a_proxy_on_a_unix_socket_is_trusted_if_any_is() {
    for (trusted, client) in [(&["10.0.0.0/8"][..], "203.0.113.7"), (&[], "nobody")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let address = format!("unix:{}", path.display()).parse().unwrap();
        let listeners = Listener::open(&address, &mut Inherited::default()).unwrap();
        let _server = server(trusted, listeners);
        let mut stream = UnixStream::connect(&path).unwrap();
        let request = "GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 203.0.113.7\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
        assert!(text.ends_with(&format!("\r\n\r\n{client} false")), "{text}");
    }
}

/// Holds requests to `/hold` until it is told to let them go, and tells that one has arrived.
#[derive(Clone)]
struct Holding {
    arrived: Sender<()>,
    released: Arc<Notify>,
}

impl Handler for Holding {
    fn answer(&self, request: ::http::Request<hyper::body::Incoming>, _: &Peer) -> Answer {
        let response = || ::http::Response::new(AnswerBody::Full(Some("done".into())));
        if request.uri().path() != "/hold" {
            return response().into();
        }
        self.arrived.send(()).unwrap();
        let released = Arc::clone(&self.released);
        Answer::Routed(Box::pin(async move {
            released.notified().await;
            response()
        }))
    }
}

/// A proxy's connections carry many clients: each has its share, and the proxy is not counted.
#[test]
fn clients_behind_a_proxy_have_their_shares() {
    let limits = Limits { connections_per_address: Some(1.try_into().unwrap()), ..Limits::default() };
    let trust = Trust::new(["127.0.0.0/8".parse().unwrap()]);
    let released = Arc::new(Notify::new());
    let settings = Settings { trust, limits, ..Settings::default() };
    let (arrived, arrivals) = channel();
    let server = Server::with(Holding { arrived, released: Arc::clone(&released) }, settings, Vec::new());
    let forwarded = |client| [("x-forwarded-for", client)];
    let mut held = server.open();
    held.send("GET /hold HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 203.0.113.7\r\n\r\n");
    arrivals.recv_timeout(PATIENCE).unwrap();
    let mut other = server.open();
    assert_eq!(other.request("GET", "/", &forwarded("203.0.113.7"), "").status, 429);
    assert_eq!(other.request("GET", "/", &forwarded("203.0.113.8"), "").status, 200);
    released.notify_one();
    assert_eq!(held.response(false).unwrap().text(), "done");
    // By the PROXY protocol it is connections that count.
    let mut first = named(&server, "203.0.113.9");
    assert_eq!(ask(&mut first, &[]), "done");
    assert!(named(&server, "203.0.113.9").response(false).is_none());
    assert_eq!(ask(&mut named(&server, "203.0.113.10"), &[]), "done");
}

fn named(server: &Server, client: &str) -> Connection {
    let mut connection = server.open();
    connection.send(&format!("PROXY TCP4 {client} 192.0.2.1 12345 80\r\n"));
    connection
}

#[test]
fn networks_are_given_by_flag_and_variable() {
    let site = TempSite::new().file("content/_index.md", "Welcome.\n");
    let preface = "PROXY TCP4 203.0.113.7 192.0.2.1 12345 80\r\n";
    for (flags, variables, status) in [
        (&["--trust-proxy", "127.0.0.1"][..], &[][..], 200),
        (&[], &[("GALLEY_TRUST_PROXY", "10.0.0.0/8,127.0.0.0/8")], 200),
        (&[], &[], 400),
    ] {
        let instance = Instance::with(&[&[site.str()], flags].concat(), variables);
        let mut connection = Connection::open(&instance.address);
        connection.send(preface);
        assert_eq!(connection.request("GET", "/", &[], "").status, status);
    }
    run(&["serve", "--trust-proxy", "proxy.example"]).says(2, "expected a network like 10.0.0.0/8, or an address");
}
