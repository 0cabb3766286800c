//! The least that a server can do, to compare with: one thread, epoll, httparse, everything in memory, one writev an answer.
//!
//! usage: floor FOLDER PORT. Serves the files of one folder on 127.0.0.1, `NAME.gz` in NAME's place to those who accept
//! gzip. It has no limits, and no idea of anything but GET.

use std::collections::HashMap;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::SystemTime;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

const LISTENER: u64 = u64::MAX;
const HEAD: usize = 16 * 1024;

struct Resource {
    /// From the status line to where the date goes.
    head: Vec<u8>,
    body: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
    filled: usize,
    /// What is being sent, and how much of it is out.
    sending: Option<(usize, Vec<u8>, usize)>,
}

/// By path the numbers of what is sent plain, and of what is sent to those who accept gzip.
type Table = HashMap<String, [usize; 2]>;

fn load(folder: &str) -> io::Result<(Vec<Resource>, Table)> {
    let (mut resources, mut table) = (Vec::new(), HashMap::new());
    let mut add = |body: Vec<u8>, coding: &str| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{coding}vary: accept-encoding\r\netag: \"{:016x}\"\r\n\
             cache-control: no-cache\r\ncontent-length: {}\r\ndate: ",
            body.len(),
            body.len()
        );
        resources.push(Resource { head: head.into_bytes(), body });
        resources.len() - 1
    };
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let plain = add(std::fs::read(&path)?, "");
        let packed = std::fs::read(path.with_file_name(format!("{name}.gz")));
        let packed = packed.map_or(plain, |body| add(body, "content-encoding: gzip\r\n"));
        table.insert(format!("/{name}"), [plain, packed]);
    }
    Ok((resources, table))
}

/// Whether the connection goes on.
fn serve(connection: &mut Connection, resources: &[Resource], table: &Table, date: &str) -> io::Result<bool> {
    loop {
        if let Some((which, tail, sent)) = &mut connection.sending {
            let resource = &resources[*which];
            let parts = [&resource.head[..], tail, &resource.body];
            let total: usize = parts.iter().map(|part| part.len()).sum();
            while *sent < total {
                let mut skip = *sent;
                let slices = parts.map(|part| {
                    let from = skip.min(part.len());
                    skip -= from;
                    IoSlice::new(&part[from..])
                });
                match connection.stream.write_vectored(&slices) {
                    Ok(count) => *sent += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                    Err(error) => return Err(error),
                }
            }
            connection.sending = None;
        }
        match connection.stream.read(&mut connection.read[connection.filled..]) {
            Ok(0) => return Ok(false),
            Ok(count) => connection.filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut fields);
        let parsed = request.parse(&connection.read[..connection.filled]).map_err(io::Error::other)?;
        if parsed.is_partial() {
            continue;
        }
        let packed = request.headers.iter().any(|field| {
            field.name.eq_ignore_ascii_case("accept-encoding") && field.value.windows(4).any(|part| part == b"gzip")
        });
        let Some(found) = request.path.and_then(|path| table.get(path)) else { return Ok(false) };
        connection.filled = 0;
        connection.sending = Some((found[usize::from(packed)], format!("{date}\r\n\r\n").into_bytes(), 0));
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, port] = &arguments[..] else { return Err(io::Error::other("usage: floor FOLDER PORT")) };
    let (resources, table) = load(folder)?;
    let listener = TcpListener::bind(("127.0.0.1", port.parse().map_err(io::Error::other)?))?;
    listener.set_nonblocking(true)?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, listener.as_fd(), EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections: HashMap<u64, Connection> = HashMap::new();
    let mut events = Vec::with_capacity(256);
    let (mut next, mut date, mut second) = (0, String::new(), SystemTime::UNIX_EPOCH);
    loop {
        events.clear();
        epoll::wait(&poll, spare_capacity(&mut events), None)?;
        let now = SystemTime::now();
        if now.duration_since(second).is_ok_and(|since| since.as_secs() > 0) {
            (date, second) = (httpdate::fmt_http_date(now), now);
        }
        for event in &events {
            let key = event.data.u64();
            if key != LISTENER {
                let Some(connection) = connections.get_mut(&key) else { continue };
                if !serve(connection, &resources, &table, &date).unwrap_or(false) {
                    connections.remove(&key);
                }
                continue;
            }
            while let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                // By edges, in both directions at once: no further call is needed while the connection lives.
                let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
                epoll::add(&poll, stream.as_fd(), EventData::new_u64(next), flags)?;
                connections.insert(next, Connection { stream, read: vec![0; HEAD], filled: 0, sending: None });
                next += 1;
            }
        }
    }
}
