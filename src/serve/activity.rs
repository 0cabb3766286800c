//! What a connection is doing, and since when: the timers of the accept loop.
//!
//! hyper's own header timeout cuts idle keep-alive connections as well and begins only after a first byte, so the stream
//! and the service note here what happens, and one timer a connection looks at the notes.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::body::AnswerBody;
use super::handler::{Answer, Handler};
use super::limits::Limits;
use super::observe::{Exchange, Observer};
use super::peer::Peer;

/// Stands for "not now" in the notes below.
const NEVER: u64 = u64::MAX;

/// The notes on one connection, in milliseconds since it was accepted. Only its own task writes them, so no order
/// between them needs to be kept.
pub(super) struct Activity {
    accepted: Instant,
    limits: Limits,
    /// Since when a request's head is awaited or incomplete.
    head_since: AtomicU64,
    /// Bytes that came while an answer was open: the next request's, if nothing begins one by the time the answer ends.
    early_since: AtomicU64,
    /// The last read or write that moved bytes.
    progress: AtomicU64,
    /// Since when the client takes no bytes.
    blocked_since: AtomicU64,
    /// Answers not finished yet.
    open: AtomicU32,
    /// HTTP/2: bytes between requests are no head of one.
    multiplexed: AtomicBool,
}

impl Activity {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            accepted: Instant::now(),
            limits,
            head_since: AtomicU64::new(0),
            early_since: AtomicU64::new(NEVER),
            progress: AtomicU64::new(0),
            blocked_since: AtomicU64::new(NEVER),
            open: AtomicU32::new(0),
            multiplexed: AtomicBool::new(false),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    fn read_some(&self) {
        let now = self.now();
        self.progress.store(now, Relaxed);
        if self.multiplexed.load(Relaxed) {
            return;
        }
        let since = if self.open.load(Relaxed) == 0 { &self.head_since } else { &self.early_since };
        // The error is the value found: it began before, and that counts.
        let _ = since.compare_exchange(NEVER, now, Relaxed, Relaxed);
    }

    fn wrote_some(&self) {
        self.progress.store(self.now(), Relaxed);
        self.blocked_since.store(NEVER, Relaxed);
    }

    fn blocked(&self) {
        let now = self.now();
        // The error is the value found: it was blocked before, and that counts.
        let _ = self.blocked_since.compare_exchange(NEVER, now, Relaxed, Relaxed);
    }

    fn begin(self: &Arc<Self>, version: Version) -> Open {
        self.open.fetch_add(1, Relaxed);
        self.head_since.store(NEVER, Relaxed);
        self.early_since.store(NEVER, Relaxed);
        if version == Version::HTTP_2 {
            self.multiplexed.store(true, Relaxed);
        }
        Open(Arc::clone(self))
    }

    /// When the connection will have overstayed, if nothing happens until then.
    fn deadline(&self) -> Instant {
        let after = |since: u64, limit: Duration| self.accepted + Duration::from_millis(since) + limit;
        let (head, blocked) = (self.head_since.load(Relaxed), self.blocked_since.load(Relaxed));
        if blocked != NEVER {
            after(blocked, self.limits.write_stall)
        } else if self.open.load(Relaxed) > 0 {
            // A route is working, and has a timer of its own: look again later.
            Instant::now() + self.limits.head
        } else if head != NEVER {
            after(head, self.limits.head)
        } else {
            after(self.progress.load(Relaxed), self.limits.idle)
        }
    }

    /// Waits until the connection has overstayed. What happens meanwhile may bring the deadline nearer (a head begins on
    /// an idle connection), so it is looked at again after the shortest of the limits at the latest.
    pub(super) async fn overstayed(&self) {
        let shortest = self.limits.head.min(self.limits.idle).min(self.limits.write_stall);
        loop {
            let (now, deadline) = (Instant::now(), self.deadline());
            if deadline <= now {
                return;
            }
            sleep_until(deadline.min(now + shortest)).await;
        }
    }
}

/// An answer that is not finished.
pub(super) struct Open(Arc<Activity>);

impl Drop for Open {
    fn drop(&mut self) {
        let last = self.0.open.fetch_sub(1, Relaxed) == 1;
        self.0.progress.store(self.0.now(), Relaxed);
        if last {
            // A body's own bytes are among the early ones: after such a request the next head has the head's limit.
            let early = self.0.early_since.swap(NEVER, Relaxed);
            self.0.head_since.store(early, Relaxed);
        }
    }
}

/// A stream that notes what it moves.
pub(super) struct WatchedStream {
    pub(super) stream: TcpStream,
    pub(super) activity: Arc<Activity>,
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.activity.read_some();
        }
        Poll::Ready(Ok(()))
    }
}

impl WatchedStream {
    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.activity.blocked(),
            Poll::Ready(_) => self.activity.wrote_some(),
        }
        written
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A handler's service for one connection, which notes when answers begin and end.
pub(super) struct WatchedService<H> {
    pub(super) handler: H,
    pub(super) peer: Peer,
    pub(super) observer: Observer,
    pub(super) activity: Arc<Activity>,
}

impl<H: Handler> Service<Request<Incoming>> for WatchedService<H> {
    type Response = Response<WatchedBody>;
    type Error = Infallible;
    type Future = WatchedAnswer;

    fn call(&self, request: Request<Incoming>) -> WatchedAnswer {
        let open = self.activity.begin(request.version());
        let exchange = self.observer.begin(&request, &self.peer);
        WatchedAnswer { answer: self.handler.answer(request, &self.peer), noted: Some((open, exchange)) }
    }
}

/// An answer on its way, noted.
pub(super) struct WatchedAnswer {
    answer: Answer,
    noted: Option<(Open, Exchange)>,
}

impl Future for WatchedAnswer {
    type Output = Result<Response<WatchedBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(Pin::new(&mut self.answer).poll(context))?;
        let mut noted = self.noted.take();
        if let Some((_, exchange)) = &mut noted {
            exchange.answered(&response);
        }
        Poll::Ready(Ok(response.map(|body| WatchedBody { body, noted })))
    }
}

/// A body that notes what it sends and when it is finished.
pub(super) struct WatchedBody {
    body: AnswerBody,
    noted: Option<(Open, Exchange)>,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let (Some((_, exchange)), Some(Ok(frame))) = (&mut self.noted, &frame) {
            exchange.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
