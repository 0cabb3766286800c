//! One request and its answer on a connection, noted from beginning to end.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{CONNECTION, HeaderValue, STRICT_TRANSPORT_SECURITY};
use http::{Method, Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service;

use super::activity::{Leaving, Notes, Open};
use super::answer::without_body;
use super::body::{AnswerBody, ChunkBudget};
use super::connection::Thread;
use super::handler::{Answer, Handler};
use super::observe::Exchange;
use super::peer::Peer;
use super::per_address::{Counted, TooMany};
use super::request::{Refusal, refuse, to_https, too_many};

/// A year: what browsers ask for before they list a host.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// A handler's service for one connection.
pub(super) struct Watched<H> {
    pub(super) thread: Rc<Thread<H>>,
    pub(super) peer: Peer,
    pub(super) notes: Rc<Notes>,
    /// Clients are sent to HTTPS: the connection is in clear text on a listener that has TLS.
    pub(super) redirects: bool,
}

impl<H: Handler> Watched<H> {
    /// The answer, and whether it should be the connection's last.
    fn answer(&self, request: Request<Incoming>) -> (Answer, bool) {
        if let Some(Refusal { response, closes }) = refuse(&request) {
            return (response.into(), closes);
        }
        if self.redirects && !self.peer.is_secure(request.headers()) {
            let Refusal { response, closes } = to_https(&request);
            return (response.into(), closes);
        }
        (self.thread.handler.answer(request, &self.peer), false)
    }

    /// A trusted proxy's connection carries requests of many clients: each request is counted.
    fn count(&self, request: &Request<Incoming>) -> Result<Option<Counted>, TooMany> {
        match &self.thread.per_address {
            Some(per_address) if self.peer.is_trusted() => per_address.count(self.peer.client(request.headers())),
            _ => Ok(None),
        }
    }
}

impl<H: Handler> Service<Request<Incoming>> for Watched<H> {
    type Response = Response<WatchedBody>;
    type Error = Infallible;
    type Future = WatchedAnswer;

    fn call(&self, request: Request<Incoming>) -> WatchedAnswer {
        let open = self.notes.begin(!request.body().is_end_stream());
        let exchange = self.thread.observer.begin(&request, &self.peer);
        let (version, is_head) = (request.version(), *request.method() == Method::HEAD);
        let is_secure = self.peer.is_secure(request.headers());
        let (counted, answer, closes) = match self.count(&request) {
            Ok(counted) => {
                let (answer, closes) = self.answer(request);
                (counted, answer, closes)
            }
            Err(TooMany) => (None, too_many().into(), false),
        };
        WatchedAnswer {
            answer,
            closes,
            is_http1: version != Version::HTTP_2,
            is_head,
            is_secure,
            hsts: self.peer.secure && self.thread.hsts,
            notes: Rc::clone(&self.notes),
            budget: Rc::clone(&self.thread.budget),
            going: Some(Going { open, exchange, _counted: counted }),
        }
    }
}

/// What lasts as long as an answer: it ends when the last byte is out, or the connection is gone.
pub(super) struct Going {
    open: Open,
    pub(super) exchange: Exchange,
    _counted: Option<Counted>,
}

impl Going {
    pub(super) fn new(open: Open, exchange: Exchange) -> Self {
        Self { open, exchange, _counted: None }
    }

    /// So many bytes of the body are out.
    pub(super) fn sent(&mut self, count: usize) {
        self.exchange.sent(count);
        self.open.progress();
    }
}

/// An answer on its way.
pub(super) struct WatchedAnswer {
    answer: Answer,
    closes: bool,
    is_http1: bool,
    is_head: bool,
    is_secure: bool,
    hsts: bool,
    notes: Rc<Notes>,
    budget: Rc<ChunkBudget>,
    going: Option<Going>,
}

impl Future for WatchedAnswer {
    type Output = Result<Response<WatchedBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(Pin::new(&mut self.answer).poll(context))?;
        if self.is_head {
            // hyper leaves out the body over HTTP/1.1 only, and then it would seem to be cut.
            response = without_body(response);
        }
        // A connection that is to end says so with an answer, so that no client sends another request into the void.
        if self.is_http1 && (self.closes || self.notes.leaving() > Leaving::No) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.hsts {
            // The author of the site may have said how long.
            response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert(HSTS);
        } else if !self.is_secure {
            // In clear text it may not be said (RFC 6797 section 7.2).
            response.headers_mut().remove(STRICT_TRANSPORT_SECURITY);
        }
        let mut going = self.going.take();
        if let Some(going) = &mut going {
            going.exchange.answered(&response);
        }
        let budget = Rc::clone(&self.budget);
        Poll::Ready(Ok(response.map(|body| WatchedBody { body, budget, going })))
    }
}

/// A body that notes what it hands on.
pub(super) struct WatchedBody {
    body: AnswerBody,
    budget: Rc<ChunkBudget>,
    going: Option<Going>,
}

impl Body for WatchedBody {
    type Data = WatchedBytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<WatchedBytes>, axum::Error>>> {
        let Self { body, budget, going } = self.get_mut();
        let Some(frame) = ready!(body.poll_within(context, budget)) else { return Poll::Ready(None) };
        // The last bytes carry the notes: they lie in the connection long after the body is done.
        let last = body.is_at_end();
        let watched = |bytes: Bytes| {
            if let (false, Some(going)) = (last, &mut *going) {
                going.sent(bytes.len());
            }
            WatchedBytes { bytes, going: if last { going.take() } else { None } }
        };
        Poll::Ready(Some(frame.map(|frame| frame.map_data(watched))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_at_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.length()
    }
}

/// Bytes of an answer; the last ones note when they go out.
pub(super) struct WatchedBytes {
    bytes: Bytes,
    going: Option<Going>,
}

impl Buf for WatchedBytes {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(going) = &mut self.going {
            going.sent(count);
        }
    }
}
