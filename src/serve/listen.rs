//! Listeners: the sockets that connections come from.
//!
//! They are made in one place and owned as a list, so that a supervisor can pass on those that it holds. All threads share
//! one queue a listener, so that nothing is lost when they stop.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use listenfd::ListenFd;
#[cfg(target_os = "linux")]
use socket2::SockFilter;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

/// Connections that may wait to be accepted.
pub(super) const BACKLOG: i32 = 1024;
/// A socket's file is for its owner and for its group: a proxy's user is put into it.
const SOCKET_MODE: u32 = 0o660;
/// The first descriptor that a service manager hands over, sd_listen_fds(3).
const FIRST_INHERITED: i32 = 3;

/// Where to listen: `host:port`, `:port`, `unix:PATH` or `fd:N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host's name or address, and a port; without a host all addresses of this machine.
    Tcp(String, u16),
    /// The file of a Unix socket.
    Unix(PathBuf),
    /// A descriptor that listens already.
    Descriptor(i32),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err("unix: needs a path behind it".into())
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        if let Some(number) = text.strip_prefix("fd:") {
            let number = number.parse().ok().filter(|number| *number >= 0);
            return number.map(Self::Descriptor).ok_or_else(|| "fd: needs the number of a descriptor behind it".into());
        }
        let remedy = || "expected host:port, :port, unix:PATH or fd:N".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(remedy)?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        // Without brackets the last group of an IPv6 address would be taken as the port.
        if bare.is_none() && host.contains(':') {
            return Err("an IPv6 address stands in brackets: [::1]:8080".into());
        }
        Ok(Self::Tcp(bare.unwrap_or(host).to_owned(), port.parse().map_err(|_| remedy())?))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Descriptor(number) => write!(f, "fd:{number}"),
        }
    }
}

/// What a service manager handed over (LISTEN_FDS).
#[derive(Default)]
pub struct Inherited(Option<ListenFd>);

impl Inherited {
    /// Takes it from the environment.
    pub fn from_environment() -> Self {
        Self(Some(ListenFd::from_env()).filter(|found| found.len() > 0))
    }

    /// All of them that are not taken yet; none if there is no service manager.
    pub fn all(&mut self) -> io::Result<Vec<Listener>> {
        let count = self.0.as_ref().map_or(0, ListenFd::len);
        (0..count).filter_map(|index| self.take(index).transpose()).collect()
    }

    fn take(&mut self, index: usize) -> io::Result<Option<Listener>> {
        let Some(found) = &mut self.0 else { return Ok(None) };
        // Its kind is not known before: the first try leaves it in place if it is of the other one.
        match found.take_tcp_listener(index) {
            Ok(listener) => listener.map(Listener::of_tcp).transpose(),
            Err(_) => found.take_unix_listener(index)?.map(|listener| Listener::of_unix(listener, None)).transpose(),
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Tcp {
        /// Whether it was opened here: others may hold the queue of one that was handed over, and go on with it.
        ours: bool,
    },
    /// The path, and the file if it is ours to remove.
    Unix(PathBuf, Option<SocketFile>),
}

impl Listener {
    /// Listens on `address`: on each address that a host's name has.
    pub fn open(address: &Address, inherited: &mut Inherited) -> io::Result<Vec<Self>> {
        match address {
            Address::Tcp(host, port) => open_tcp(host, *port),
            Address::Unix(path) => Ok(vec![open_unix(path)?]),
            Address::Descriptor(number) => {
                let index = usize::try_from(number - FIRST_INHERITED).ok();
                let handed = index.map(|index| inherited.take(index)).transpose()?.flatten();
                Ok(vec![handed.map_or_else(|| open_descriptor(*number), Ok)?])
            }
        }
    }

    /// A listener that another process opened, and passed on. With `opened` it was the program before this one, in this process:
    /// then its queue, and the file of a Unix socket, are ours.
    pub fn adopt(socket: OwnedFd, opened: bool) -> io::Result<Self> {
        let about = SockRef::from(&socket);
        if about.r#type()? != Type::STREAM {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no socket that listens"));
        }
        if about.local_addr()?.domain() != Domain::UNIX {
            let listener = TcpListener::from(socket);
            return if opened { Ok(listener.into()) } else { Self::of_tcp(listener) };
        }
        let listener = UnixListener::from(socket);
        let path = listener.local_addr()?.as_pathname().map(Path::to_owned);
        let file = path.filter(|_| opened).map(|path| SocketFile::of(&path)).transpose()?;
        Self::of_unix(listener, file)
    }

    /// Whether it was opened here, and not handed over.
    pub fn is_ours(&self) -> bool {
        matches!(self.place, Place::Tcp { ours: true } | Place::Unix(_, Some(_)))
    }

    /// One that was handed over.
    fn of_tcp(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { socket: listener.into(), place: Place::Tcp { ours: false } })
    }

    fn of_unix(listener: UnixListener, file: Option<SocketFile>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let path = listener.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default();
        Ok(Self { socket: listener.into(), place: Place::Unix(path, file) })
    }

    /// The address, if it is one of the internet's.
    pub fn address(&self) -> Option<SocketAddr> {
        SockRef::from(&self.socket).local_addr().ok()?.as_socket()
    }

    /// What clients call it: `http://…`, `https://…` if TLS is spoken there, or `unix:PATH`.
    pub fn url(&self, secure: bool) -> String {
        let scheme = if secure { "https" } else { "http" };
        match &self.place {
            Place::Tcp { .. } => self.address().map_or_else(String::new, |address| format!("{scheme}://{address}")),
            Place::Unix(path, _) => format!("unix:{}", path.display()),
        }
    }

    /// Whether it takes connections of the internet's protocols.
    pub(super) fn is_tcp(&self) -> bool {
        matches!(self.place, Place::Tcp { .. })
    }

    /// Lets nobody into the queue any more; those who are in it stay. Who comes between the last look at a queue and its end
    /// would be reset with a request on the way; so they wait at the door, and try again a second later, when somebody else
    /// may listen there or nobody does.
    pub fn close_queue(&self) {
        #[cfg(target_os = "linux")]
        if matches!(self.place, Place::Tcp { ours: true }) {
            /// A program for the packet filter, bpf(4): `ret #0`, which keeps no byte of any packet.
            const DROP_ALL: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];
            if let Err(error) = SockRef::from(&self.socket).attach_filter(&DROP_ALL) {
                tracing::debug!("connections are let in until the very end: {error}");
            }
        }
    }

    /// The same queue once more, for a further thread or another process.
    pub fn share(&self) -> io::Result<OwnedFd> {
        self.socket.try_clone()
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self { socket: listener.into(), place: Place::Tcp { ours: true } }
    }
}

/// A listener on `address`, ready for [`serve`](super::serve).
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    bind_socket(Socket::new(Domain::for_address(address), Type::STREAM, None)?, address)
}

/// A listener on all addresses of this machine, of both families.
fn bind_all(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    // The system may be set to the contrary (net.ipv6.bindv6only).
    socket.set_only_v6(false)?;
    bind_socket(socket, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port))
}

fn bind_socket(socket: Socket, address: SocketAddr) -> io::Result<TcpListener> {
    // A restart does not wait for the connections of the last run to time out.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn open_tcp(host: &str, port: u16) -> io::Result<Vec<Listener>> {
    if host.is_empty() {
        let listener = match bind_all(port) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // A kernel may have only the older family.
            Err(_) => bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))?,
            Ok(listener) => listener,
        };
        return Ok(vec![listener.into()]);
    }
    let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut listeners = Vec::new();
    for address in addresses {
        match bind(address) {
            Ok(listener) => listeners.push(listener.into()),
            // A name may have an address of a family that this machine does not use.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && !is_literal(host) => {
                tracing::debug!("{address}: {error}");
            }
            Err(error) => return Err(error),
        }
    }
    if listeners.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(listeners) }
}

fn is_literal(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

fn open_unix(path: &Path) -> io::Result<Listener> {
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is there"));
        }
        if is_in_use(path)? {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server answers there"));
        }
        // Left behind by a process that was killed.
        fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::of(path)?;
    // Before it listens: until then nobody can connect.
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    socket.listen(BACKLOG)?;
    Listener::of_unix(socket.into(), Some(file))
}

/// Whether somebody listens at a socket's file. What can't be found out is an error: nothing of anybody's is removed then.
fn is_in_use(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server whose queue is full would let us wait.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => {
            let path = path.display();
            let text =
                format!("{path}: whether somebody uses this socket is unknown ({error}); remove it if nobody does");
            Err(io::Error::new(error.kind(), text))
        }
        Ok(()) => Ok(true),
    }
}

/// The process keeps the descriptor that it was given; this is a second one of the same socket.
#[cfg(target_os = "linux")]
fn open_descriptor(number: i32) -> io::Result<Listener> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    let socket = pidfd_getfd(this, number, PidfdGetfdFlags::empty())?;
    let about = SockRef::from(&socket);
    if about.r#type()? != Type::STREAM || !about.is_listener()? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no socket that listens"));
    }
    match about.domain()? {
        Domain::UNIX => Listener::of_unix(socket.into(), None),
        _ => Listener::of_tcp(socket.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_descriptor(_: i32) -> io::Result<Listener> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only descriptors of LISTEN_FDS can be used on this system"))
}

/// The file of a Unix socket, removed when nobody listens on it any more.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: Self::identity(path)? })
    }

    fn identity(path: &Path) -> io::Result<(u64, u64)> {
        fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another process may have put its own there meanwhile.
        if Self::identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!("{}: the socket could not be removed: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who has come in stays; who comes later waits outside.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_queue_that_is_closed_keeps_who_is_in_it() {
        use std::io::{Read, Write};
        use std::net::TcpStream;
        use std::time::Duration;
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let address = listener.local_addr().unwrap();
        let mut inside = TcpStream::connect(address).unwrap();
        let queue = listener.try_clone().unwrap();
        Listener::from(listener).close_queue();
        let outside = TcpStream::connect_timeout(&address, Duration::from_millis(200));
        assert_eq!(outside.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let (mut accepted, _) = queue.accept().unwrap();
        inside.write_all(b"x").unwrap();
        accepted.read_exact(&mut [0]).unwrap();
    }

    #[test]
    fn addresses_are_read_and_written() {
        for (text, address) in [
            ("127.0.0.1:8080", Address::Tcp("127.0.0.1".into(), 8080)),
            ("localhost:80", Address::Tcp("localhost".into(), 80)),
            (":8080", Address::Tcp(String::new(), 8080)),
            ("[::1]:8080", Address::Tcp("::1".into(), 8080)),
            ("unix:/run/galley.sock", Address::Unix("/run/galley.sock".into())),
            ("fd:3", Address::Descriptor(3)),
        ] {
            assert_eq!(text.parse::<Address>().unwrap(), address, "{text}");
            assert_eq!(address.to_string(), text);
        }
        for (text, part) in [
            ("8080", "expected host:port"),
            ("localhost", "expected host:port"),
            ("localhost:http", "expected host:port"),
            ("localhost:65536", "expected host:port"),
            ("::1:8080", "in brackets"),
            ("unix:", "needs a path"),
            ("fd:", "needs the number"),
            ("fd:-1", "needs the number"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
