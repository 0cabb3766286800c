//! HTTP/2 by hand: frames as no well-behaved client would send them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The number at `at`, as errors and windows are written.
    pub(crate) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A client that sends exactly what it is told.
pub(crate) struct Client(TcpStream);

impl Client {
    /// Connects and greets; the server's settings are still to come.
    pub(crate) fn open(address: &str) -> Self {
        Self::of(TcpStream::connect(address).unwrap())
    }

    /// The same on a connection that is open.
    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut client = Self(stream);
        client.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        client.send(SETTINGS, 0, 0, &[]);
        client
    }

    /// A frame's bytes.
    pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    #[track_caller]
    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.0.write_all(&Self::frame(kind, flags, stream, payload)).unwrap();
    }

    /// Sends as much as the server takes; whether it took everything.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Asks for `path` on `stream`.
    pub(crate) fn get(&mut self, stream: u32, path: &str) {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", path));
    }

    /// The next frame; `None` at the connection's end, however it came.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// The next frame of `kind`, whatever comes before it.
    pub(crate) fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next()?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// The status of the next answer.
    pub(crate) fn status(&mut self) -> Option<u16> {
        self.next_of(HEADERS).map(|frame| status(&frame.payload))
    }
}

impl Frame {
    /// Of an answer's head: its status, and whether the answer ends with it.
    pub(crate) fn answer(&self) -> (u16, bool) {
        (status(&self.payload), self.flags & END_STREAM != 0)
    }
}

/// A request's head in HPACK, nothing of it compressed but by the static table (RFC 7541 appendix A).
pub(crate) fn head(method: &str, path: &str) -> Vec<u8> {
    let mut block = vec![0x86];
    for (index, value) in [(2, method), (4, path), (1, "blog.example")] {
        literal(&mut block, index, value);
    }
    block
}

/// A field whose name is the static table's `index`; without one the name comes first.
pub(crate) fn literal(block: &mut Vec<u8>, index: u8, value: &str) {
    block.push(index);
    string(block, value);
}

pub(crate) fn string(block: &mut Vec<u8>, text: &str) {
    // Seven bits of the length, then the rest seven bits each.
    match text.len() {
        short @ ..127 => block.push(short as u8),
        long => {
            block.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(text.as_bytes());
}

/// The status stands first, by the static table or as a literal with three digits.
fn status(block: &[u8]) -> u16 {
    match block[0] {
        0x88 => 200,
        0x8d => 404,
        0x8c => 400,
        0x8b => 304,
        // A literal of `:status`: three digits plain, or compressed.
        0x48 if block[1] == 3 => std::str::from_utf8(&block[2..5]).unwrap().parse().unwrap(),
        0x48 => digits(&block[2..2 + usize::from(block[1] & 0x7f)]),
        other => panic!("the status is written in an unexpected way: {other:x}"),
    }
}

/// Digits in the Huffman code of RFC 7541 appendix B: 0 to 2 have five bits, 3 to 9 six.
fn digits(bytes: &[u8]) -> u16 {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let five = u16::from_str_radix(&bits[at..at + 5], 2).unwrap();
        let digit = if five < 3 {
            at += 5;
            five
        } else {
            let six = u16::from_str_radix(&bits[at..at + 6], 2).unwrap();
            at += 6;
            six - 25 + 3
        };
        number = number * 10 + digit;
    }
    number
}
