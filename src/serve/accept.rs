//! The accept loop: listeners in, connections with limits out, an orderly stop.
//!
//! `axum::serve` has no timers: slow clients would stay for ever. Each core has a thread with a runtime of its own, and
//! everything on a connection stays on the thread that took it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::runtime::LocalOptions;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::activity::{Connections, Leaving};
use super::connection::{Thread, connection};
use super::handler::Handler;
use super::limits::Limits;
use super::listen::Listener;
use super::observe::Observer;
use super::peer::Trust;
use super::per_address::PerAddress;
use super::stream::Socket;
use super::tls::Tls;

/// After the system has run out of something, accepting waits this long instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// After a stop is asked for, connections that are idle stay this long: a client that is about to send gets its answer, and
/// with it the word that it is the last one.
const LINGER: Duration = Duration::from_secs(2);

/// How connections are served.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What clients may take.
    pub limits: Limits,
    /// Who takes note of requests.
    pub observer: Observer,
    /// Threads that serve; one for each core, if it is not said.
    pub threads: Option<NonZeroUsize>,
    /// TLS, on all listeners but Unix sockets. Whoever comes in clear text is sent to HTTPS.
    pub tls: Option<Tls>,
    /// The proxies that are believed.
    pub trust: Trust,
}

/// What the threads share.
#[derive(Clone)]
struct Shared<H> {
    handler: H,
    settings: Settings,
    permits: Arc<Semaphore>,
    per_address: Option<PerAddress>,
}

/// Serves on all `listeners` until `shutdown` is done; then accepts no more, lets answers finish within the limit, and
/// returns.
pub async fn serve<L: Into<Listener>>(
    listeners: Vec<L>,
    handler: impl Handler,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listeners: Vec<Listener> = listeners.into_iter().map(Into::into).collect();
    let permits = Arc::new(Semaphore::new(settings.limits.connections));
    let per_address = settings.limits.connections_per_address.map(PerAddress::new);
    let stop_limit = settings.limits.stop;
    // By the cores that this process may use: a container's share counts, not the machine's.
    let count = settings.threads.map_or_else(std::thread::available_parallelism, Ok)?.get();
    let shared = Shared { handler, settings, permits, per_address };
    let (stop, stopped) = watch::channel(());
    // Each thread holds an end of it: it is over when they all are, however they end.
    let (alive, mut all_ended) = mpsc::channel::<()>(1);
    let mut threads = Vec::new();
    for index in 0..count {
        let sockets = listeners
            .iter()
            .map(|listener| Ok((listener.share()?, listener.is_tcp())))
            .collect::<io::Result<Vec<_>>>()?;
        let (shared, stopped, alive) = (shared.clone(), stopped.clone(), alive.clone());
        let thread = std::thread::Builder::new().name(format!("serve-{index}"));
        threads.push(thread.spawn(move || {
            let _alive = alive;
            run(shared, sockets, stopped)
        })?);
    }
    drop((shared, stopped, alive));
    tokio::select! {
        () = shutdown => {}
        _ = all_ended.recv() => {}
    }
    // The file of a Unix socket goes first: who comes later finds nothing there, instead of a queue that nobody empties.
    drop(listeners);
    drop(stop);
    let _ = all_ended.recv().await;
    let mut all_finished = true;
    for thread in threads {
        all_finished &= thread.join().map_err(|_| io::Error::other("a serving thread panicked"))??;
    }
    if !all_finished {
        tracing::warn!("some answers did not finish within {stop_limit:?} and were cut");
    }
    Ok(())
}

/// One thread, from its beginning to its end; whether all answers were finished.
fn run<H: Handler>(
    shared: Shared<H>,
    sockets: Vec<(OwnedFd, bool)>,
    mut stopped: watch::Receiver<()>,
) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let Shared { handler, settings, permits, per_address } = shared;
        let Settings { limits, observer, trust, tls, .. } = settings;
        let thread = Thread::new(handler, observer.for_thread(), limits, per_address, trust, tls);
        let thread = Rc::new(thread);
        let connections = Rc::clone(&thread.connections);
        let sweep = Rc::clone(&connections);
        tokio::task::spawn_local(async move { sweep.sweep().await });
        let mut loops = JoinSet::new();
        for (socket, is_tcp) in sockets {
            loops.spawn_local(accept(
                Queue::new(socket, is_tcp)?,
                Rc::clone(&thread),
                Arc::clone(&permits),
                stopped.clone(),
            ));
        }
        // The error is the sender's end, which is the sign.
        let _ = stopped.changed().await;
        connections.leave(Leaving::AfterAnswer);
        while loops.join_next().await.is_some() {}
        Ok(leave(&connections, limits.stop).await)
    })
}

/// Waits until all connections are gone, with more and more emphasis; whether they went by themselves.
async fn leave(connections: &Connections, limit: Duration) -> bool {
    let linger = LINGER.min(limit);
    if tokio::time::timeout(linger, connections.gone()).await.is_ok() {
        return true;
    }
    connections.leave(Leaving::WhenIdle);
    tokio::time::timeout(limit - linger, connections.gone()).await.is_ok()
}

/// A listener's queue, as one thread sees it.
enum Queue {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// A connection that was taken, and where it comes from.
type Accepted = (Socket, Option<IpAddr>);

impl Queue {
    fn new(socket: OwnedFd, is_tcp: bool) -> io::Result<Self> {
        Ok(if is_tcp {
            Self::Tcp(tokio::net::TcpListener::from_std(socket.into())?)
        } else {
            Self::Unix(tokio::net::UnixListener::from_std(socket.into())?)
        })
    }

    async fn next(&self) -> io::Result<Accepted> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                (Socket::Tcp(stream), Some(address.ip()))
            }
            Self::Unix(listener) => (Socket::Unix(listener.accept().await?.0), None),
        })
    }

    /// Takes what waits, without waiting for more. Not by the runtime, which may not know yet that something came.
    fn rest(&self) -> io::Result<Accepted> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        Ok(match self {
            Self::Tcp(listener) => {
                let (socket, address) = acceptfrom_with(listener, flags)?;
                let address = address.and_then(|address| SocketAddr::try_from(address).ok());
                let stream = tokio::net::TcpStream::from_std(socket.into())?;
                (Socket::Tcp(stream), address.map(|address| address.ip()))
            }
            Self::Unix(listener) => {
                let (socket, _) = acceptfrom_with(listener, flags)?;
                (Socket::Unix(tokio::net::UnixStream::from_std(socket.into())?), None)
            }
        })
    }
}

/// Accepts until the sender of `stopped` is gone; what waits in the queue then is still taken.
async fn accept<H: Handler>(
    queue: Queue,
    thread: Rc<Thread<H>>,
    permits: Arc<Semaphore>,
    mut stopped: watch::Receiver<()>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = queue.next() => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok(accepted) => {
                // At the cap this one waits here and the others in the listener's queue. Accepting comes first: a thread
                // that has no connection to accept keeps no permit from those that have.
                let permit = tokio::select! {
                    permit = Arc::clone(&permits).acquire_owned() => permit.ok(),
                    _ = stopped.changed() => None,
                };
                begin(&thread, accepted, permit);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!("could not accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    while let Ok(accepted) = queue.rest() {
        begin(&thread, accepted, None);
    }
}

/// Serves a connection, as a task of its own on this thread.
fn begin<H: Handler>(thread: &Rc<Thread<H>>, (socket, address): Accepted, permit: Option<OwnedSemaphorePermit>) {
    if let Err(error) = socket.prepare(thread.write_stall) {
        tracing::debug!("a connection was gone before it began: {error}");
        return;
    }
    let served = connection(socket, address, Rc::clone(thread), thread.connections.enter());
    tokio::task::spawn_local(async move {
        served.await;
        drop(permit);
    });
}

/// accept(2): such errors are pending ones of the new socket and say nothing of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
