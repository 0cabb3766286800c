//! The accept loop: listeners in, connections with limits out, an orderly stop.
//!
//! `axum::serve` has no timers: slow clients would stay for ever. The loop takes a list of listeners, so that a supervisor
//! can pass on those that it holds.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::activity::{Activity, WatchedService, WatchedStream};
use super::handler::Handler;
use super::limits::Limits;
use super::observe::Observer;
use super::peer::Peer;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// The longest head of a request, and hyper's buffer a connection.
const MAX_HEAD: usize = 32 * 1024;
/// HTTP/2 requests at a time on one connection.
const MAX_STREAMS: u32 = 100;
/// After the system has run out of something, accepting waits this long instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener on `address`, ready for [`serve`].
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restart does not wait for the connections of the last run to time out.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// How connections are served.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What clients may take.
    pub limits: Limits,
    /// Who takes note of requests.
    pub observer: Observer,
}

/// What all connections share.
#[derive(Clone)]
struct Shared<H> {
    handler: H,
    settings: Settings,
    permits: Arc<Semaphore>,
    http: auto::Builder<TokioExecutor>,
}

/// Serves on all `listeners` until `shutdown` is done; then accepts no more, lets answers finish within the limit, and
/// returns.
pub async fn serve(
    listeners: Vec<TcpListener>,
    handler: impl Handler,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let limits = settings.limits;
    let permits = Arc::new(Semaphore::new(limits.connections));
    let shared = Shared { handler, settings, permits, http: http_builder() };
    let graceful = Arc::new(GracefulShutdown::new());
    let (stop, stopped) = watch::channel(());
    let mut loops = JoinSet::new();
    for listener in listeners {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loops.spawn(accept(listener, shared.clone(), Arc::clone(&graceful), stopped.clone()));
    }
    shutdown.await;
    drop(stop);
    while loops.join_next().await.is_some() {}
    // The loops are over, so this is the last owner.
    let Some(graceful) = Arc::into_inner(graceful) else { return Ok(()) };
    if tokio::time::timeout(limits.stop, graceful.shutdown()).await.is_err() {
        tracing::warn!("some answers did not finish within {:?} and were cut", limits.stop);
    }
    Ok(())
}

fn http_builder() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEAD);
    http.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEAD as u32);
    http
}

/// Accepts until the sender of `stopped` is gone.
async fn accept<H: Handler>(
    listener: tokio::net::TcpListener,
    shared: Shared<H>,
    graceful: Arc<GracefulShutdown>,
    mut stopped: watch::Receiver<()>,
) {
    loop {
        // The permit comes first: at the cap new connections wait in the listener's queue.
        let next = async {
            let permit = Arc::clone(&shared.permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            _ = stopped.changed() => return,
        };
        match (permit, accepted) {
            (Ok(permit), Ok((stream, address))) => {
                let peer = Peer { address: Some(address.ip()), secure: false };
                tokio::spawn(connection(stream, peer, shared.clone(), graceful.watcher(), permit));
            }
            // The semaphore is never closed, so this is the system's error. Those of a single connection come with it.
            (_, Err(error)) if is_of_one_connection(&error) => {}
            (_, Err(error)) => {
                tracing::warn!("could not accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            (Err(_), Ok(_)) => return,
        }
    }
}

/// accept(2): such errors are pending ones of the new socket and say nothing of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

async fn connection<H: Handler>(
    stream: TcpStream,
    peer: Peer,
    shared: Shared<H>,
    watcher: Watcher,
    _permit: OwnedSemaphorePermit,
) {
    let Settings { limits, observer } = shared.settings;
    if let Err(error) = prepare(&stream, limits) {
        tracing::debug!("a connection was gone before it began: {error}");
        return;
    }
    let _connected = observer.connected();
    let activity = Activity::new(limits);
    let io = TokioIo::new(WatchedStream { stream, activity: Arc::clone(&activity) });
    let service = WatchedService { handler: shared.handler, peer, observer, activity: Arc::clone(&activity) };
    let served = watcher.watch(shared.http.serve_connection(io, service).into_owned());
    tokio::select! {
        result = served => if let Err(error) = result {
            tracing::debug!("a connection ended early: {error}");
        },
        () = activity.overstayed() => tracing::debug!("a connection took too long"),
    }
}

fn prepare(stream: &TcpStream, limits: Limits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // The kernel takes a whole answer of a megabyte for a client that reads nothing, and no write ever blocks: only the
    // kernel's own timer ends that.
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_user_timeout(Some(limits.write_stall))?;
    Ok(())
}
