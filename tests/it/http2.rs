//! HTTP/2 in clear text, by prior knowledge: what clients get, and what those get who misuse it.

use std::time::{Duration, Instant};

use galley::serve::{Limits, Settings, Tls};

use crate::frames::*;
use crate::server::Server;

const SHORT: Duration = Duration::from_millis(300);
/// RFC 9113 section 7.
const ENHANCE_YOUR_CALM: u32 = 0xb;
const REFUSED_STREAM: u32 = 0x7;

fn server() -> Server {
    Server::start(Settings::default())
}

/// Others get their answers while somebody misbehaves.
#[track_caller]
fn is_unharmed(server: &Server) {
    assert_eq!(server.open().request("GET", "/", &[], "").status, 200);
    let mut client = Client::open(&server.address);
    client.get(1, "/");
    assert_eq!(client.status(), Some(200));
}

#[test]
fn pages_come_over_http2() {
    let server = server();
    let mut client = Client::open(&server.address);
    client.get(1, "/");
    client.get(3, "/nothing");
    assert_eq!(client.status(), Some(200));
    let body = client.next_of(DATA).unwrap();
    assert_eq!((body.stream, body.flags & END_STREAM, body.payload.len()), (1, END_STREAM, 100));
    assert_eq!(client.status(), Some(404));
}

/// The answer to a request with a body follows the body: a client that still sends would take it for a reset.
#[test]
fn a_body_is_read_before_the_answer() {
    let server = server();
    let mut client = Client::open(&server.address);
    client.send(HEADERS, END_HEADERS, 1, &head("POST", "/"));
    client.send(DATA, 0, 1, &[b'x'; 1000]);
    client.send(DATA, END_STREAM, 1, &[b'x'; 1000]);
    assert_eq!(client.status(), Some(405));
    let body = client.next_of(DATA).unwrap();
    assert_eq!(body.flags & END_STREAM, END_STREAM);
    // Nothing is reset behind it.
    client.get(3, "/");
    let next = client.next().unwrap();
    assert_eq!((next.kind, next.stream), (HEADERS, 3), "{next:?}");
}

#[test]
fn requests_that_no_handler_may_see_are_refused() {
    let server = server();
    let mut client = Client::open(&server.address);
    client.get(1, &format!("/{}", "a".repeat(9000)));
    assert_eq!(client.status(), Some(414));
    let mut other_host = head("GET", "/");
    literal(&mut other_host, 0, "host");
    string(&mut other_host, "other.example");
    client.send(HEADERS, END_HEADERS | END_STREAM, 3, &other_host);
    assert_eq!(client.status(), Some(400));
    let mut many = head("GET", "/");
    for _ in 0..101 {
        literal(&mut many, 0, "x");
        string(&mut many, "y");
    }
    client.send(HEADERS, END_HEADERS | END_STREAM, 5, &many);
    assert_eq!(client.status(), Some(431));
    is_unharmed(&server);
}

/// hyper leaves out a body that HEAD may not have over HTTP/1.1 only.
#[test]
fn head_has_no_body_whoever_answers_it() {
    let (tls, _) = Tls::self_signed(vec!["localhost".to_owned()]).unwrap();
    let (plain, with_tls) = (server(), Server::start(Settings { tls: Some(tls), ..Settings::default() }));
    let long = format!("/{}", "a".repeat(9000));
    for (server, path, status) in [
        (&plain, "/", 200),
        (&plain, "/large.bin", 200),
        (&plain, "/none", 404),
        (&plain, "/_galley/x", 404),
        (&plain, &long, 414),
        (&with_tls, "/", 308),
    ] {
        let mut client = Client::open(&server.address);
        client.send(HEADERS, END_HEADERS | END_STREAM, 1, &head("HEAD", path));
        assert_eq!(client.next_of(HEADERS).unwrap().answer(), (status, true), "{path:.20}");
    }
}

#[test]
fn there_is_no_tunnel() {
    let server = server();
    let mut client = Client::open(&server.address);
    // RFC 9113 section 8.5: CONNECT has neither scheme nor path.
    let mut connect = Vec::new();
    literal(&mut connect, 2, "CONNECT");
    literal(&mut connect, 1, "evil.example:443");
    client.send(HEADERS, END_HEADERS, 1, &connect);
    client.send(DATA, END_STREAM, 1, b"x");
    assert_eq!(client.status(), Some(405));
    is_unharmed(&server);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = server();
    let mut client = Client::open(&server.address);
    let mut large = head("GET", "/");
    for _ in 0..3 {
        literal(&mut large, 0, "x");
        string(&mut large, &"y".repeat(12_000));
    }
    let parts: Vec<&[u8]> = large.chunks(16_000).collect();
    client.send(HEADERS, END_STREAM, 1, parts[0]);
    for (index, part) in parts.iter().enumerate().skip(1) {
        let last = if index == parts.len() - 1 { END_HEADERS } else { 0 };
        client.send(CONTINUATION, last, 1, part);
    }
    assert_eq!(client.status(), Some(431));
    is_unharmed(&server);
}

#[test]
fn streams_beyond_the_hundredth_are_refused() {
    let server = server();
    let mut client = Client::open(&server.address);
    // Their bodies do not end, so that all stay open.
    for index in 0..101 {
        client.send(HEADERS, END_HEADERS, 2 * index + 1, &head("POST", "/"));
    }
    let reset = client.next_of(RST_STREAM).unwrap();
    assert_eq!((reset.stream, reset.number(0)), (201, REFUSED_STREAM));
    is_unharmed(&server);
}

/// CVE-2023-44487: requests that are taken back at once cost the server work and never count as open.
#[test]
fn a_rapid_reset_ends_the_connection() {
    let server = server();
    let mut client = Client::open(&server.address);
    let mut burst = Vec::new();
    for index in 0..10_000 {
        burst.extend(Client::frame(HEADERS, END_HEADERS | END_STREAM, 2 * index + 1, &head("GET", "/large.bin")));
        burst.extend(Client::frame(RST_STREAM, 0, 2 * index + 1, &8_u32.to_be_bytes()));
    }
    client.try_send(&burst);
    let end = client.next_of(GOAWAY).expect("it went on without a word");
    assert_eq!(end.number(4), ENHANCE_YOUR_CALM);
    assert!(client.next_of(GOAWAY).is_none());
    is_unharmed(&server);
}

/// CVE-2025-8671: requests whose mistakes make the server take them back.
#[test]
fn resets_that_a_client_provokes_end_the_connection() {
    let server = server();
    let mut client = Client::open(&server.address);
    let mut burst = Vec::new();
    for index in 0..1000 {
        burst.extend(Client::frame(HEADERS, END_HEADERS, 2 * index + 1, &head("POST", "/")));
        // A window of more than 2^31-1 is an error of the stream (RFC 9113 section 6.9.1).
        burst.extend(Client::frame(WINDOW_UPDATE, 0, 2 * index + 1, &0x7fff_ffff_u32.to_be_bytes()));
    }
    client.try_send(&burst);
    let end = client.next_of(GOAWAY).expect("it went on without a word");
    assert_eq!(end.number(4), ENHANCE_YOUR_CALM);
    is_unharmed(&server);
}

/// CVE-2024-27316: a head that never ends.
#[test]
fn a_flood_of_continuations_ends_the_connection() {
    let server = server();
    let mut client = Client::open(&server.address);
    client.send(HEADERS, END_STREAM, 1, &head("GET", "/"));
    let mut field = Vec::new();
    literal(&mut field, 0, "x");
    string(&mut field, "y");
    let burst = Client::frame(CONTINUATION, 0, 1, &field).repeat(10_000);
    client.try_send(&burst);
    let end = client.next_of(GOAWAY).expect("it went on without a word");
    assert_eq!(end.number(4), ENHANCE_YOUR_CALM);
    is_unharmed(&server);
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let limits = Limits { idle: SHORT, ..Limits::default() };
    let server = Server::start(Settings { limits, ..Settings::default() });
    let mut client = Client::open(&server.address);
    // 64 KiB are in its window at the beginning, and it gives no more.
    client.get(1, "/large.bin");
    assert_eq!(client.status(), Some(200));
    let started = Instant::now();
    while client.next().is_some() {}
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_first_request_that_does_not_come_is_not_waited_for() {
    let limits = Limits { head: SHORT, ..Limits::default() };
    let server = Server::start(Settings { limits, ..Settings::default() });
    let started = Instant::now();
    // A greeting and nothing more; and a head that drips.
    let mut silent = Client::open(&server.address);
    while silent.next().is_some() {}
    let mut dripping = Client::open(&server.address);
    let request = head("GET", "/");
    dripping.send(HEADERS, END_STREAM, 1, &request[..1]);
    for part in request[1..].chunks(1).cycle() {
        if !dripping.try_send(&Client::frame(CONTINUATION, 0, 1, part)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    // Between requests it is another limit that counts.
    let mut client = Client::open(&server.address);
    for stream in [1, 3] {
        client.get(stream, "/");
        assert_eq!(client.status(), Some(200));
        std::thread::sleep(SHORT * 2);
    }
}

/// Whoever asks for nothing does not stay by pinging.
#[test]
fn an_idle_client_is_told_to_go() {
    const PING: u8 = 6;
    let limits = Limits { idle: SHORT, ..Limits::default() };
    let server = Server::start(Settings { limits, ..Settings::default() });
    let mut client = Client::open(&server.address);
    client.get(1, "/");
    assert_eq!(client.status(), Some(200));
    let started = Instant::now();
    let end = loop {
        if !client.try_send(&Client::frame(PING, 0, 0, &[0; 8])) {
            panic!("cut without a word");
        }
        match client.next() {
            Some(frame) if frame.kind == GOAWAY => break frame,
            Some(_) => {}
            None => panic!("cut without a word"),
        }
        assert!(started.elapsed() < Duration::from_secs(5));
    };
    assert_eq!(end.number(4), 0);
}

#[test]
fn a_stop_lets_streams_finish_and_takes_no_more() {
    let mut server = server();
    let mut client = Client::open(&server.address);
    client.send(HEADERS, END_HEADERS, 1, &head("POST", "/"));
    client.get(3, "/");
    assert_eq!(client.status(), Some(200));
    server.begin_stop();
    let end = client.next_of(GOAWAY).unwrap();
    assert_eq!(end.number(4), 0);
    client.send(DATA, END_STREAM, 1, b"x");
    assert_eq!(client.status(), Some(405));
    while client.next().is_some() {}
    server.join();
}
