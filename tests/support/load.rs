//! Clients that never retry: what fails, fails.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A client that waits longer for an answer has none.
const PATIENCE: Duration = Duration::from_secs(20);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// What a client does on one connection.
type Work = fn(&Client) -> Result<(), String>;

/// Clients at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    opened: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Result<(), String>>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) served: u64,
    pub(crate) opened: u64,
    pub(crate) failures: Vec<String>,
}

impl Load {
    /// So many clients of HTTP/1.1, each on a connection that it keeps as long as it may, so many of HTTP/2, and so many that
    /// open a connection for each request.
    pub(crate) fn start(address: &str, http1: usize, http2: usize, fresh: usize) -> Self {
        let mut load =
            Self { stop: Arc::default(), served: Arc::default(), opened: Arc::default(), threads: Vec::new() };
        let kinds: [(usize, Work); 3] = [(http1, Client::http1), (http2, Client::http2), (fresh, Client::fresh)];
        for (count, work) in kinds {
            for _ in 0..count {
                let client = Client {
                    address: address.to_owned(),
                    stop: Arc::clone(&load.stop),
                    served: Arc::clone(&load.served),
                    opened: Arc::clone(&load.opened),
                };
                load.threads.push(std::thread::spawn(move || {
                    // One failure is all that a client has: it is not to hide among the next ones.
                    while !client.is_over() {
                        work(&client)?;
                    }
                    Ok(())
                }));
            }
        }
        load
    }

    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    pub(crate) fn finish(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.threads.into_iter().map(|thread| thread.join().expect("a client does not panic"));
        let failures = ended.filter_map(Result::err).collect();
        let [served, opened] = [&self.served, &self.opened].map(|count| count.load(Ordering::Relaxed));
        Outcome { served, opened, failures }
    }
}

struct Client {
    address: String,
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    opened: Arc<AtomicU64>,
}

impl Client {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn open(&self) -> Result<TcpStream, String> {
        let stream = TcpStream::connect(&self.address).map_err(|error| format!("connect: {error}"))?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    }

    /// Requests on one connection, until the server says that an answer is its last one.
    fn http1(&self) -> Result<(), String> {
        let (mut stream, mut count) = (self.open()?, 0);
        while !self.is_over() {
            let failed = |what: &str| format!("HTTP/1.1, request {count} on its connection: {what}");
            stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").map_err(|error| failed(&error.to_string()))?;
            let is_last = answer(&mut stream).map_err(|what| failed(&what))?;
            count += 1;
            self.served.fetch_add(1, Ordering::Relaxed);
            if is_last {
                break;
            }
        }
        Ok(())
    }

    fn fresh(&self) -> Result<(), String> {
        let mut stream = self.open()?;
        let request = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        stream.write_all(request).map_err(|error| format!("a connection of its own: {error}"))?;
        answer(&mut stream).map_err(|what| format!("a connection of its own: {what}"))?;
        self.served.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Streams on one connection, until the server says GOAWAY.
    fn http2(&self) -> Result<(), String> {
        let mut stream = self.open()?;
        let failed = |id: u32, what: &str| format!("HTTP/2, stream {id}: {what}");
        let greeting = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &[])[..]].concat();
        stream.write_all(&greeting).map_err(|error| failed(0, &error.to_string()))?;
        let begun = Instant::now();
        for id in (1..).step_by(2) {
            if self.is_over() {
                break;
            }
            stream.write_all(&frame(HEADERS, 5, id, HEAD)).map_err(|error| failed(id, &error.to_string()))?;
            let is_last = self.stream(&mut stream, id).map_err(|what| failed(id, &format!("{what} ({begun:?})")))?;
            self.served.fetch_add(1, Ordering::Relaxed);
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Reads the answer on a stream; whether there are to be no further ones.
    fn stream(&self, stream: &mut TcpStream, id: u32) -> Result<bool, String> {
        let (mut is_last, mut is_good) = (false, false);
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).map_err(|error| error.to_string())?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            let of = u32::from_be_bytes(head[5..9].try_into().unwrap());
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).map_err(|error| error.to_string())?;
            let mut reply = Vec::new();
            match kind {
                SETTINGS if flags & 1 == 0 => reply = frame(SETTINGS, 1, 0, &[]),
                PING if flags & 1 == 0 => reply = frame(PING, 1, 0, &payload),
                HEADERS if of == id => is_good = payload.first() == Some(&0x88),
                DATA if length > 0 => {
                    let room = u32::try_from(length).unwrap().to_be_bytes();
                    reply = frame(WINDOW_UPDATE, 0, 0, &room);
                }
                RST_STREAM if of == id => return Err("the stream was reset".to_owned()),
                GOAWAY => {
                    let last = u32::from_be_bytes(payload[..4].try_into().unwrap());
                    if last < id {
                        return Err(format!("GOAWAY after stream {last}"));
                    }
                    is_last = true;
                }
                _ => {}
            }
            // Who has been told to go need not be heard any more; the answer may lie there all the same.
            let _ = stream.write_all(&reply);
            if of == id && matches!(kind, DATA | HEADERS) && flags & 1 == 1 {
                return if is_good { Ok(is_last) } else { Err("the answer is not 200".to_owned()) };
            }
        }
    }
}

/// `GET http://test/` in HPACK: all of it but the host stands in the static table.
const HEAD: &[u8] = &[0x82, 0x86, 0x84, 0x01, 4, b't', b'e', b's', b't'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Reads an answer of HTTP/1.1 with a length; whether it is the last one.
fn answer(stream: &mut TcpStream) -> Result<bool, String> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    let mut more = |bytes: &mut Vec<u8>| match stream.read(&mut piece) {
        Ok(0) => Err(format!("closed after {} bytes of an answer", bytes.len())),
        Ok(count) => {
            bytes.extend_from_slice(&piece[..count]);
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    };
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        more(&mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(head.lines().next().unwrap_or_default().to_owned());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|text| text.trim().parse().ok()).ok_or("no length")?;
    while bytes.len() < end + length {
        more(&mut bytes)?;
    }
    Ok(head.contains("\nconnection: close"))
}
