//! The accept loop: listeners in, connections with limits out, an orderly stop.
//!
//! `axum::serve` has no timers: slow clients would stay for ever. Each core has a thread with a runtime of its own, and
//! everything on a connection stays on the thread that took it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::activity::{Connections, Leaving};
use super::connection::{Budgets, Thread, connection};
use super::handler::Handler;
use super::limits::Limits;
use super::listen::{BACKLOG, Listener};
use super::observe::Observer;
use super::peer::Trust;
use super::per_address::PerAddress;
use super::places::{Placed, Places};
use super::stream::{Loose, Socket};
use super::tls::Tls;

/// After the system has run out of something, accepting waits this long instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A shortage is said once; it is over when nothing of it was seen for so long.
const SHORTAGE: Duration = Duration::from_secs(60);
/// Threads of a runtime that wait for files. A disk has nothing from more.
const BLOCKING_THREADS: usize = 16;
/// After a stop is asked for, connections that are idle stay this long: a client that is about to send gets its answer, and
/// with it the word that it is the last one.
const LINGER: Duration = Duration::from_secs(2);

/// How clients are parted with. `()` is [`Brief`](Self::Brief).
#[derive(Default)]
pub enum Farewell {
    /// The process is to end: answers finish within the limit for a stop, and nobody who is idle is waited for.
    #[default]
    Brief,
    /// Others serve on, from the same listeners: clients that are idle may come back for as long as they might if nothing had
    /// happened, and hear then that the answer is the last one. When this is done, the rest is brief.
    Patient(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl From<()> for Farewell {
    fn from((): ()) -> Self {
        Self::Brief
    }
}

/// How far the parting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parting {
    Not,
    Patient,
}

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
    budgets: Budgets,
    shortage: Arc<Shortage>,
}

/// Serves on all `listeners` until `shutdown` is done; then accepts no more, parts with the clients as it says, and returns.
pub async fn serve<L: Into<Listener>>(
    listeners: Vec<L>,
    handler: impl Handler,
    settings: Settings,
    shutdown: impl Future<Output = impl Into<Farewell>>,
) -> io::Result<()> {
    let listeners: Vec<Listener> = listeners.into_iter().map(Into::into).collect();
    let permits = Arc::new(Semaphore::new(settings.limits.connections.min(Semaphore::MAX_PERMITS)));
    let per_address = settings.limits.connections_per_address.map(PerAddress::new);
    let stop_limit = settings.limits.stop;
    // By the cores that this process may use: a container's share counts, not the machine's.
    let count = settings.threads.map_or_else(std::thread::available_parallelism, Ok)?.get();
    let (budgets, shortage) = <(Budgets, Arc<Shortage>)>::default();
    let shared = Shared { handler, settings, permits, per_address, budgets, shortage };
    let (stop, stopped) = watch::channel(Parting::Not);
    // Each thread tells its end, however it comes, and the last one ends the channel.
    let (ended, mut ends) = mpsc::channel(count);
    let mut threads = Vec::new();
    for (index, (places, handed)) in Places::new(count).into_iter().enumerate() {
        let sockets = listeners
            .iter()
            .map(|listener| Ok((listener.share()?, listener.is_tcp())))
            .collect::<io::Result<Vec<_>>>()?;
        let (shared, stopped, end) = (shared.clone(), stopped.clone(), End(ended.clone()));
        let thread = std::thread::Builder::new().name(format!("serve-{index}"));
        threads.push(thread.spawn(move || {
            let _end = end;
            run(shared, sockets, places, handed, stopped)
        })?);
    }
    drop((shared, stopped, ended));
    let farewell = tokio::select! {
        farewell = shutdown => farewell.into(),
        // A thread that could not begin, or panicked: what is left would serve only a part of the connections.
        _ = ends.recv() => Farewell::Brief,
    };
    if let Farewell::Patient(until) = farewell {
        drop(listeners);
        stop.send_replace(Parting::Patient);
        tokio::select! {
            () = until => {}
            () = async { while ends.recv().await.is_some() {} } => {}
        }
    } else {
        // Who comes later finds a door that is shut, instead of a queue that nobody empties; and no file of a Unix socket.
        listeners.iter().for_each(Listener::close_queue);
        drop(listeners);
    }
    drop(stop);
    while ends.recv().await.is_some() {}
    let mut all_finished = true;
    for thread in threads {
        all_finished &= thread.join().map_err(|_| io::Error::other("a serving thread panicked"))??;
    }
    if !all_finished {
        tracing::warn!("some answers did not finish within {stop_limit:?} and were cut");
    }
    Ok(())
}

/// Tells that a thread is at its end.
struct End(mpsc::Sender<()>);

impl Drop for End {
    fn drop(&mut self) {
        // There is room for all; an error says that nobody waits for it.
        let _ = self.0.try_send(());
    }
}

/// One thread, from its beginning to its end; whether all answers were finished.
fn run<H: Handler>(
    shared: Shared<H>,
    sockets: Vec<(OwnedFd, bool)>,
    places: Places<Accepted<Loose>>,
    mut handed: UnboundedReceiver<Handed>,
    mut stopped: watch::Receiver<Parting>,
) -> io::Result<bool> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(BLOCKING_THREADS);
    let runtime = builder.build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let Shared { handler, settings, permits, per_address, budgets, shortage } = shared;
        let Settings { limits, observer, trust, tls, .. } = settings;
        let thread = Rc::new(Thread::new(handler, observer.for_thread(), limits, per_address, budgets, trust, tls));
        let connections = Rc::clone(&thread.connections);
        let sweep = Rc::clone(&connections);
        tokio::task::spawn_local(async move { sweep.sweep().await });
        let mut loops = JoinSet::new();
        for (socket, is_tcp) in sockets {
            let queue = Queue::new(socket, is_tcp)?;
            let accepting = Accepting {
                thread: Rc::clone(&thread),
                permits: Arc::clone(&permits),
                places: places.clone(),
                shortage: Arc::clone(&shortage),
            };
            loops.spawn_local(accepting.run(queue, stopped.clone()));
        }
        drop(places);
        // It ends with the accept loops of all threads: what they handed over is never left behind.
        loops.spawn_local(async move {
            while let Some(connection) = handed.recv().await {
                receive(&thread, connection);
            }
        });
        // The error is the sender's end, which is the sign.
        let _ = stopped.changed().await;
        connections.leave(Leaving::AfterAnswer);
        while loops.join_next().await.is_some() {}
        if *stopped.borrow_and_update() == Parting::Patient {
            let patience = limits.idle + limits.stop;
            tokio::select! {
                _ = tokio::time::timeout(patience, connections.gone()) => {}
                _ = stopped.changed() => {}
            }
        }
        Ok(leave(&connections, limits.stop).await)
    })
}

/// Waits until all connections are gone, with more and more emphasis; whether all answers were finished.
async fn leave(connections: &Connections, limit: Duration) -> bool {
    let linger = LINGER.min(limit);
    if tokio::time::timeout(linger, connections.gone()).await.is_ok() {
        return true;
    }
    // Without a look at what is half said: a handshake, the head of a request.
    connections.leave(Leaving::UnlessAnswering);
    tokio::time::timeout(limit - linger, connections.gone()).await.is_ok() || !connections.are_answering()
}

/// A listener's queue, as one thread sees it.
enum Queue {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// A connection that was taken. S is the socket: of this thread, or of none while it is handed over.
struct Accepted<S> {
    socket: S,
    address: Option<IpAddr>,
    /// Its share of the connections that there may be; those that come during a stop have none.
    permit: Option<OwnedSemaphorePermit>,
}

/// What is handed to another thread.
type Handed = (Accepted<Loose>, Placed);

impl Queue {
    fn new(socket: OwnedFd, is_tcp: bool) -> io::Result<Self> {
        Ok(if is_tcp {
            Self::Tcp(tokio::net::TcpListener::from_std(socket.into())?)
        } else {
            Self::Unix(tokio::net::UnixListener::from_std(socket.into())?)
        })
    }

    async fn next(&self) -> io::Result<Accepted<Socket>> {
        let (socket, address) = match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                (Socket::Tcp(stream), Some(address.ip()))
            }
            Self::Unix(listener) => (Socket::Unix(listener.accept().await?.0), None),
        };
        Ok(Accepted { socket, address, permit: None })
    }

    /// Takes what waits, without waiting for more. Not by the runtime, which may not know yet that something came.
    fn rest(&self) -> io::Result<Accepted<Socket>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (socket, address) = match self {
            Self::Tcp(listener) => {
                let (socket, address) = acceptfrom_with(listener, flags)?;
                let address = address.and_then(|address| SocketAddr::try_from(address).ok());
                (Loose::Tcp(socket.into()), address.map(|address| address.ip()))
            }
            Self::Unix(listener) => (Loose::Unix(acceptfrom_with(listener, flags)?.0.into()), None),
        };
        Ok(Accepted { socket: socket.bind()?, address, permit: None })
    }
}

/// What one thread needs to accept.
struct Accepting<H> {
    thread: Rc<Thread<H>>,
    permits: Arc<Semaphore>,
    places: Places<Accepted<Loose>>,
    shortage: Arc<Shortage>,
}

impl<H: Handler> Accepting<H> {
    /// Accepts until `stopped` says otherwise, or its sender is gone; what waits in the queue then is still taken, unless others
    /// go on with it.
    async fn run(self, queue: Queue, mut stopped: watch::Receiver<Parting>) {
        loop {
            let accepted = tokio::select! {
                accepted = queue.next() => accepted,
                _ = stopped.wait_for(|parting| *parting != Parting::Not) => break,
            };
            match accepted {
                Ok(mut accepted) => {
                    // At the cap this one waits here and the others in the listener's queue. Accepting comes first: a thread
                    // that has no connection to accept keeps no permit from those that have.
                    accepted.permit = tokio::select! {
                        permit = Arc::clone(&self.permits).acquire_owned() => permit.ok(),
                        _ = stopped.wait_for(|parting| *parting != Parting::Not) => None,
                    };
                    self.serve(accepted);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if self.shortage.is_new(Instant::now()) {
                        tracing::warn!(
                            "could not accept a connection: {error}; further ones wait until it can be done"
                        );
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        if *stopped.borrow() != Parting::Patient {
            take_rest(|| queue.rest(), |accepted| self.serve(accepted));
        }
    }

    fn serve(&self, accepted: Accepted<Socket>) {
        let placed = self.places.find();
        if self.places.is_here(&placed) {
            return begin(&self.thread, accepted, placed);
        }
        let Accepted { socket, address, permit } = accepted;
        let loose = socket.release().map(|socket| Accepted { socket, address, permit });
        if let Err(error) = loose.and_then(|accepted| self.places.hand_over(accepted, placed)) {
            tracing::debug!("a connection could not be handed over: {error}");
        }
    }
}

/// Takes what still waits, and no more than a queue holds: it may be that clients go on connecting.
fn take_rest<T>(mut next: impl FnMut() -> io::Result<T>, mut take: impl FnMut(T)) {
    for _ in 0..BACKLOG {
        match next() {
            Ok(accepted) => take(accepted),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => return tracing::warn!("connections that waited at the stop were not taken: {error}"),
        }
    }
}

/// That the system has run out of something, as all threads see it.
#[derive(Default)]
struct Shortage(Mutex<Option<Instant>>);

impl Shortage {
    /// Notes a failure at `now`; whether it is the first one of a shortage.
    fn is_new(&self, now: Instant) -> bool {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        before.is_none_or(|before| now.saturating_duration_since(before) > SHORTAGE)
    }
}

/// Serves a connection, as a task of its own on this thread.
fn begin<H: Handler>(thread: &Rc<Thread<H>>, accepted: Accepted<Socket>, placed: Placed) {
    let Accepted { socket, address, permit } = accepted;
    if let Err(error) = socket.prepare(thread.write_stall) {
        tracing::debug!("a connection was gone before it began: {error}");
        return;
    }
    let served = connection(socket, address, Rc::clone(thread), thread.connections.enter());
    tokio::task::spawn_local(async move {
        served.await;
        drop((permit, placed));
    });
}

/// Serves what another thread hands over.
fn receive<H: Handler>(thread: &Rc<Thread<H>>, (accepted, placed): Handed) {
    let Accepted { socket, address, permit } = accepted;
    match socket.bind() {
        Ok(socket) => begin(thread, Accepted { socket, address, permit }, placed),
        Err(error) => tracing::debug!("a connection was gone before it began: {error}"),
    }
}

/// accept(2): such errors are pending ones of the new socket and say nothing of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_at_the_stop_is_taken_whatever_became_of_one() {
        use io::ErrorKind::{ConnectionAborted, WouldBlock};
        let queue = [Ok(1), Err(ConnectionAborted), Ok(2), Err(WouldBlock), Ok(3)];
        let mut queue = queue.map(|next| next.map_err(io::Error::from)).into_iter();
        let mut taken = Vec::new();
        take_rest(|| queue.next().unwrap(), |number| taken.push(number));
        assert_eq!(taken, [1, 2]);
        // Clients that go on connecting do not keep it from its end.
        let mut count = 0;
        take_rest(|| Ok(()), |()| count += 1);
        assert_eq!(count, BACKLOG);
    }

    #[test]
    fn a_shortage_is_new_once() {
        let (shortage, begin) = (Shortage::default(), Instant::now());
        let at = |seconds| shortage.is_new(begin + Duration::from_secs(seconds));
        assert_eq!([0, 1, 50, 110, 171].map(at), [true, false, false, false, true]);
    }
}
