//! `galley health`
//!
//! A container's probe: it runs every few seconds in an image from scratch, so one thread and one connection do.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::report::Report;
use super::serve::ControlAddress;
use crate::serve::Address;

/// An instance on the same machine answers within milliseconds; Docker gives a probe 30 s, systemd and people less.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The longest line of an answer's head that is read, in bytes.
const MAX_LINE: u64 = 8 << 10;
/// The most lines of a head.
const MAX_LINES: usize = 100;
/// As much of the reason as is shown, in bytes.
const MAX_REASON: u64 = 200;
/// The port of `http://` without one (RFC 9110, section 4.2.1).
const HTTP: u16 = 80;

/// Ask a running instance whether it is well
///
/// Asks the control listener of an instance, by default the one of this machine or container, and ends with 0 if it
/// answers that all is well, else with 1: the probe of a container. It answers within three seconds.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley health                               is it alive?\n  \
    galley health --ready                       does it have content to serve?\n  \
    galley health --ready http://10.0.0.7:8081\n  \
    galley health unix:/run/galley/control.sock")]
pub(super) struct Arguments {
    /// Where the control listener is: http://HOST:PORT, HOST:PORT or unix:PATH
    #[arg(value_name = "URL", env = "GALLEY_CONTROL", default_value = "127.0.0.1:8081", hide_env_values = true)]
    url: Target,
    /// Ask whether it has content to serve and is not about to stop
    #[arg(long)]
    ready: bool,
}

/// Where to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Tcp(String, u16),
    Unix(PathBuf),
    /// What `GALLEY_CONTROL` may also say, though nobody can be asked there.
    Nowhere(&'static str),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const NO_TLS: &str = "the control listener does not speak TLS; name it as http://HOST:PORT or unix:PATH";
        const PATH: &str = "name no path behind the address; /healthz is asked for, with --ready /readyz";
        if text.starts_with("https://") {
            return Err(NO_TLS.to_owned());
        }
        if let Some(rest) = text.strip_prefix("http://") {
            let authority = rest.strip_suffix('/').unwrap_or(rest);
            if authority.contains(['/', '?', '#']) {
                return Err(PATH.to_owned());
            }
            let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
            let with_port = if has_port { authority.to_owned() } else { format!("{authority}:{HTTP}") };
            return match with_port.parse()? {
                Address::Tcp(host, port) if !host.is_empty() => Ok(Self::Tcp(host, port)),
                _ => Err("expected http://HOST:PORT".to_owned()),
            };
        }
        match text.parse::<ControlAddress>().map_err(|error| error.to_string())? {
            ControlAddress::At(Address::Tcp(host, port)) => Ok(Self::Tcp(host, port)),
            ControlAddress::At(Address::Unix(path)) => Ok(Self::Unix(path)),
            ControlAddress::At(Address::Descriptor(_)) => {
                Ok(Self::Nowhere("GALLEY_CONTROL names a descriptor, which only the instance itself has"))
            }
            ControlAddress::Off => Ok(Self::Nowhere("GALLEY_CONTROL=off closes the control listener")),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => Address::Tcp(host.clone(), *port).fmt(f),
            Self::Unix(path) => Address::Unix(path.clone()).fmt(f),
            Self::Nowhere(_) => f.write_str("nowhere"),
        }
    }
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let (path, well, ill) =
        if arguments.ready { ("/readyz", "ready", "not ready") } else { ("/healthz", "alive", "not well") };
    let target = arguments.url.clone();
    if let Target::Nowhere(reason) = target {
        bail!("{reason}; name where to ask, as in `galley health 127.0.0.1:8081`");
    }
    let (sender, answer) = channel();
    let asked = target.clone();
    // Apart, so that the time is bounded whatever takes it: a name that is looked up, a connection, an answer.
    std::thread::Builder::new().name("probe".to_owned()).spawn(move || {
        // The error says that nobody waits for it any more.
        let _ = sender.send(ask(&asked, path));
    })?;
    let answer = answer.recv_timeout(TIMEOUT);
    let answer = answer.map_err(|_| anyhow::anyhow!("{target}: no answer within {} s", TIMEOUT.as_secs()))?;
    let (status, reason) = answer.with_context(|| format!("{target}: no instance answers there"))?;
    match (status, reason) {
        (200, _) => report.say(format_args!("{target}: {well}")),
        (503, reason) if !reason.is_empty() => bail!("{target}: {ill}: {reason}"),
        (404, _) => bail!("{target}: there is no {path}: it is not the control listener of an instance"),
        (status, _) => bail!("{target}: {ill}: {path} answers {status}"),
    }
    Ok(())
}

/// The status of the answer at `path`, and the first line of its body if that is not 200.
fn ask(target: &Target, path: &str) -> io::Result<(u16, String)> {
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nuser-agent: galley-health\r\nconnection: close\r\n\r\n",
        match target {
            Target::Tcp(..) => target.to_string(),
            _ => "localhost".to_owned(),
        }
    );
    match target {
        Target::Tcp(host, port) => exchange(connect(host, *port)?, &head),
        Target::Unix(path) => exchange(UnixStream::connect(path)?, &head),
        Target::Nowhere(reason) => Err(io::Error::other(*reason)),
    }
}

/// Connects to the first address that takes the connection. One that means "all addresses" where it is listened on is reached
/// by the loopback.
fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let addresses: Vec<SocketAddr> = match (host, host.parse::<IpAddr>()) {
        // Known without a resolver, which an image from scratch has no configuration for.
        ("" | "localhost", _) => loopback.map(|address| SocketAddr::new(address, port)).to_vec(),
        (_, Ok(address)) if address.is_unspecified() => {
            let same_family = loopback.into_iter().filter(|known| known.is_ipv4() == address.is_ipv4());
            same_family.map(|known| SocketAddr::new(known, port)).collect()
        }
        _ => (host, port).to_socket_addrs()?.collect(),
    };
    TcpStream::connect(addresses.as_slice())
}

fn exchange(mut stream: impl Read + Write, head: &str) -> io::Result<(u16, String)> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "what answers does not speak HTTP");
    stream.write_all(head.as_bytes())?;
    let mut answer = BufReader::new(stream);
    let status = line(&mut answer)?;
    let status =
        status.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status: u16 = status.ok_or_else(malformed)?;
    let mut length = 0;
    for _ in 0..MAX_LINES {
        let field = line(&mut answer)?;
        match field.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(|_| malformed())?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut reason = Vec::new();
    if status != 200 {
        answer.take(MAX_REASON.min(length)).read_to_end(&mut reason)?;
    }
    let reason = String::from_utf8_lossy(&reason);
    let reason = reason.lines().next().unwrap_or_default();
    Ok((status, reason.chars().filter(|c| !c.is_control()).collect()))
}

/// The next line without its end; empty at the end of what comes.
fn line(answer: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    answer.take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_named_as_it_names_itself() {
        let tcp = |host: &str, port| Ok(Target::Tcp(host.to_owned(), port));
        for (text, target) in [
            ("127.0.0.1:8081", tcp("127.0.0.1", 8081)),
            (":8081", tcp("", 8081)),
            ("0.0.0.0:8081", tcp("0.0.0.0", 8081)),
            ("[::1]:8081", tcp("::1", 8081)),
            ("http://127.0.0.1:8081", tcp("127.0.0.1", 8081)),
            ("http://[::1]:8081/", tcp("::1", 8081)),
            ("http://[::1]", tcp("::1", 80)),
            ("http://blog.internal", tcp("blog.internal", 80)),
            ("unix:/run/control.sock", Ok(Target::Unix("/run/control.sock".into()))),
        ] {
            assert_eq!(text.parse::<Target>(), target, "{text}");
        }
        assert!(matches!("off".parse(), Ok(Target::Nowhere(_))));
        assert!(matches!("fd:3".parse(), Ok(Target::Nowhere(_))));
        for (text, part) in [
            ("https://127.0.0.1:8081", "does not speak TLS"),
            ("http://127.0.0.1:8081/readyz", "name no path"),
            ("http://:8081", "expected http://HOST:PORT"),
            ("127.0.0.1", "expected host:port"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    /// Sends `answer`, whatever is asked.
    struct Peer(&'static [u8]);

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_answer_is_its_status_and_its_reason() {
        let ask = |answer: &'static str| exchange(Peer(answer.as_bytes()), "").ok();
        assert_eq!(ask("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n"), Some((200, String::new())));
        let late = "HTTP/1.1 503 X\r\nContent-Length: 8\r\n\r\nnothing\nis";
        assert_eq!(ask(late), Some((503, "nothing".to_owned())));
        assert_eq!(ask("HTTP/1.1 503 X\r\n\r\nbody without a length"), Some((503, String::new())));
        for no_http in ["", "220 mail ESMTP\r\n", "HTTP/1.1\r\n", "HTTP/2 200\r\n", "HTTP/1.1 abc\r\n"] {
            assert_eq!(ask(no_http), None, "{no_http:?}");
        }
    }
}
