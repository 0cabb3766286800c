//! One connection: what is spoken on it is found out from its first bytes, then it is served until it leaves.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http::StatusCode;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::{Connections, Entered, Leaving, Notes};
use super::body::ChunkBudget;
use super::coalesce::{Buffers, Gathered};
use super::direct::{self, Scratch};
use super::exchange::Watched;
use super::handler::Handler;
use super::headroom::Headroom;
use super::limits::Limits;
use super::long_line::{Line, Lined};
use super::observe::Observer;
use super::peer::{Peer, Trust};
use super::per_address::PerAddress;
use super::proxy::{self, Parsed, Source};
use super::stream::{Socket, Wire};
use super::tls::Tls;

/// The longest head of a request, and hyper's buffer a connection.
const MAX_HEAD: usize = 32 * 1024;
/// HTTP/2: requests at a time on one connection.
const MAX_STREAMS: u32 = 100;
/// HTTP/2: streams that a client reset before they were looked at; one more ends the connection.
const MAX_PENDING_RESETS: usize = 20;
/// HTTP/2: streams that a client's mistakes made us reset; one more ends the connection.
const MAX_ERROR_RESETS: usize = 100;
/// HTTP/2: what a client may send unasked. Only hooks take bodies.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// HTTP/2: bytes of an answer that wait in its stream.
const SEND_BUFFER: usize = 64 * 1024;
/// Read at once while it is unknown what is spoken: a head, or the hello of TLS.
const FIRST_READ: usize = 2048;
/// TLS: a record with a part of a handshake, RFC 8446 section 5.1.
const TLS_HANDSHAKE: u8 = 22;
/// RFC 9113 section 3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What waits for clients, of all threads together.
#[derive(Clone, Debug, Default)]
pub(super) struct Budgets {
    pub(super) chunks: ChunkBudget,
    pub(super) headroom: Headroom,
}

/// What all connections of a thread share.
pub(super) struct Thread<H> {
    pub(super) handler: H,
    pub(super) observer: Observer,
    pub(super) connections: Rc<Connections>,
    pub(super) per_address: Option<PerAddress>,
    pub(super) budget: Rc<ChunkBudget>,
    pub(super) hsts: bool,
    pub(super) write_stall: Duration,
    trust: Trust,
    tls: Option<Tls>,
    http1: http1::Builder,
    http2: http2::Builder<Local>,
    buffers: Buffers,
    pub(super) headroom: Headroom,
    pub(super) scratch: Scratch,
}

impl<H> Thread<H> {
    pub(super) fn new(
        handler: H,
        observer: Observer,
        limits: Limits,
        per_address: Option<PerAddress>,
        budgets: Budgets,
        trust: Trust,
        tls: Option<Tls>,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        // The sweep has the timers. Who ends its own direction after a request still gets the answer.
        http1.header_read_timeout(None).max_buf_size(MAX_HEAD).half_close(true);
        let mut http2 = http2::Builder::new(Local);
        http2
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEAD as u32)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_ERROR_RESETS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER);
        let hsts = tls.as_ref().is_some_and(Tls::is_for_browsers);
        Self {
            handler,
            observer,
            connections: Connections::new(&limits),
            per_address,
            budget: Rc::new(budgets.chunks),
            hsts,
            write_stall: limits.write_stall,
            trust,
            tls,
            http1,
            http2,
            buffers: Buffers::default(),
            headroom: budgets.headroom,
            scratch: Scratch::default(),
        }
    }
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Http1,
    Http2,
    Tls,
    Proxy,
}

impl Spoken {
    /// `None` if more bytes are needed. Whatever is nothing else is left to HTTP/1.1's parser, which knows how to refuse it.
    fn of(bytes: &[u8], proxies: bool) -> Option<Self> {
        let first = *bytes.first()?;
        if first == TLS_HANDSHAKE {
            return Some(Self::Tls);
        }
        let prefaces = [(HTTP2_PREFACE, Self::Http2), (proxy::TEXT, Self::Proxy), (proxy::BINARY, Self::Proxy)];
        for (preface, spoken) in prefaces {
            if spoken == Self::Proxy && !proxies {
                continue;
            }
            if bytes.starts_with(preface) {
                return Some(spoken);
            }
            if preface.starts_with(bytes) {
                return None;
            }
        }
        Some(Self::Http1)
    }
}

/// Serves a connection until it ends or has to leave.
pub(super) async fn connection<H: Handler>(
    socket: Socket,
    address: Option<IpAddr>,
    thread: Rc<Thread<H>>,
    entered: Entered,
) {
    let observer = thread.observer.clone();
    let _connected = observer.connected();
    let notes = Rc::clone(&entered.notes);
    let mut served = pin!(serve(socket, address, thread, Rc::clone(&notes)));
    let ended = poll_fn(|context| {
        notes.remember(context);
        if notes.leaving() == Leaving::Cut {
            tracing::debug!("a connection took too long");
            return Poll::Ready(Ok(()));
        }
        let polled = served.as_mut().poll(context);
        // After the poll: a request that has come is answered first, and who can end in good order does.
        if polled.is_pending() && notes.is_over() {
            return Poll::Ready(Ok(()));
        }
        polled
    });
    if let Err(error) = ended.await {
        // The parser answers by itself, and no exchange begins.
        if error.is::<LongAddress>() {
            observer.unreadable(StatusCode::URI_TOO_LONG);
        } else if let Some(error) = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse()) {
            observer.unreadable(match error.is_parse_too_large() {
                true => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                false => StatusCode::BAD_REQUEST,
            });
        }
        tracing::debug!("a connection ended early: {error}");
    }
}

type Ended = Result<(), Box<dyn std::error::Error>>;

/// The address in a request is longer than the head of one may be.
#[derive(Debug, thiserror::Error)]
#[error("the address of a request was too long")]
struct LongAddress;

async fn serve<H: Handler>(socket: Socket, address: Option<IpAddr>, thread: Rc<Thread<H>>, notes: Rc<Notes>) -> Ended {
    let may_have_tls = matches!(socket, Socket::Tcp(_));
    let mut wire = Wire::new(socket, Rc::clone(&notes));
    let mut peer = Peer::new(address, &thread.trust);
    let mut counted = count(&thread, &peer)?;
    let mut bytes = Vec::new();
    let mut proxies = peer.is_trusted();
    let spoken = loop {
        match Spoken::of(&bytes, proxies) {
            Some(Spoken::Proxy) => match proxy::parse(&bytes) {
                Parsed::Complete(preface) => {
                    bytes.drain(..preface.length);
                    proxies = false;
                    peer = match preface.source {
                        Source::Client(address) => Peer::new(Some(address), &thread.trust),
                        Source::Unknown => peer.unknown_behind(),
                        Source::Proxy => peer,
                    };
                    counted = count(&thread, &peer)?;
                    continue;
                }
                Parsed::Bad => break Spoken::Http1,
                Parsed::Partial => {}
            },
            Some(spoken) => break spoken,
            None => {}
        }
        if read_more(&mut wire, &mut bytes).await? == 0 {
            if bytes.is_empty() {
                return Ok(());
            }
            break Spoken::Http1;
        }
    };
    wire.put_back(bytes);
    let tls = thread.tls.clone().filter(|_| may_have_tls);
    // Boxed, because most connections speak only one of these, and a waiting one none.
    let ended = match (spoken, tls) {
        (Spoken::Tls, Some(tls)) => Box::pin(encrypted(wire, tls, thread, peer, notes)).await,
        (Spoken::Http2, tls) => {
            let service = Watched { thread, peer, notes, redirects: tls.is_some() };
            Box::pin(http2(wire, service)).await
        }
        (_, tls) => {
            let service = Watched { thread, peer, notes, redirects: tls.is_some() };
            match direct::serve(wire, &service).await? {
                Some(wire) => Box::pin(http1(wire, service)).await,
                None => Ok(()),
            }
        }
    };
    drop(counted);
    ended
}

/// Those of trusted proxies are counted later, by their clients.
fn count<H>(thread: &Thread<H>, peer: &Peer) -> Result<Option<super::per_address::Counted>, &'static str> {
    match &thread.per_address {
        Some(per_address) if !peer.is_trusted() => {
            per_address.count(peer.address).map_err(|_| "its address has too many already")
        }
        _ => Ok(None),
    }
}

/// Reads once; 0 at the end of the stream.
async fn read_more(wire: &mut Wire, bytes: &mut Vec<u8>) -> io::Result<usize> {
    poll_fn(|context| {
        let mut scratch = [MaybeUninit::uninit(); FIRST_READ];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        ready!(Pin::new(&mut *wire).poll_read(context, &mut buffer))?;
        bytes.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
    .await
}

async fn encrypted<H: Handler>(wire: Wire, tls: Tls, thread: Rc<Thread<H>>, mut peer: Peer, notes: Rc<Notes>) -> Ended {
    let stream = tls.accept(wire).await?;
    peer.secure = true;
    let has_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = Watched { thread, peer, notes, redirects: false };
    if has_http2 { http2(stream, service).await } else { http1(stream, service).await }
}

async fn http1<S, H>(stream: S, service: Watched<H>) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let notes = Rc::clone(&service.notes);
    let line = Rc::<Line>::default();
    let stream = Lined::new(stream, Rc::clone(&line));
    let mut connection = pin!(service.thread.http1.clone().serve_connection(TokioIo::new(stream), service));
    let mut asked = false;
    poll_fn(|context| {
        let polled = connection.as_mut().poll(context);
        // After the poll: a request that has come is answered first.
        if polled.is_pending() && notes.leaving() >= Leaving::WhenIdle && !asked {
            asked = true;
            connection.as_mut().graceful_shutdown();
            return connection.as_mut().poll(context);
        }
        polled
    })
    .await
    .map_err(|error| if line.is_refused() { LongAddress.into() } else { error.into() })
}

async fn http2<S, H>(stream: S, service: Watched<H>) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    H: Handler,
{
    let notes = Rc::clone(&service.notes);
    notes.multiplexes();
    let stream = Gathered::new(stream, service.thread.buffers.clone());
    let builder = service.thread.http2.clone();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream.clone()), service));
    let mut asked = false;
    poll_fn(|context| {
        if notes.leaving() >= Leaving::AfterAnswer && !asked {
            asked = true;
            connection.as_mut().graceful_shutdown();
        }
        let polled = connection.as_mut().poll(context);
        // What the turn gathered goes out in one piece. Where the client takes nothing it stays, and a later turn goes on.
        match stream.poll_send(context) {
            Poll::Ready(Err(error)) if polled.is_pending() => Poll::Ready(Err(error.into())),
            _ => polled.map_err(Into::into),
        }
    })
    .await
}

/// Runs the answers of HTTP/2 on the connection's own thread.
#[derive(Clone, Copy)]
struct Local;

impl<F> Executor<F> for Local
where
    F: Future<Output = ()> + Unpin + 'static,
{
    fn execute(&self, mut future: F) {
        // Content is there at once, and mostly its window too: then no task is needed. A task polls it again, so nothing is
        // lost with this waker.
        if Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            tokio::task::spawn_local(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_is_spoken() {
        for (bytes, proxies, spoken) in [
            (&b""[..], true, None),
            (b"G", true, Some(Spoken::Http1)),
            (b"\x16", true, Some(Spoken::Tls)),
            (b"P", false, None),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", false, None),
            (HTTP2_PREFACE, false, Some(Spoken::Http2)),
            (b"PRI * HTTP/2.0\r\n\r\nXX", false, Some(Spoken::Http1)),
            (b"PO", true, Some(Spoken::Http1)),
            (b"PROXY", true, None),
            (b"PROXY ", true, Some(Spoken::Proxy)),
            (b"PROXY ", false, Some(Spoken::Http1)),
            (b"\r\n", true, None),
            (b"\r\n", false, Some(Spoken::Http1)),
            (b"\r\nGET", true, Some(Spoken::Http1)),
            (proxy::BINARY, true, Some(Spoken::Proxy)),
            (proxy::BINARY, false, Some(Spoken::Http1)),
        ] {
            assert_eq!(Spoken::of(bytes, proxies), spoken, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
