//! HTTP/1.1 without hyper, for requests of the common kind: a GET or HEAD of something that lies in memory.
//!
//! Their heads are read where they lie, and answered with what was written when the snapshot was made: no map of fields is
//! built. The first request of another kind, or one that is not there in one piece, takes its connection to hyper for good;
//! hyper knows how to refuse what is no request at all.

mod answer;
mod request;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::answer::{Date, Found};
use self::request::Plain;
use super::activity::Leaving;
use super::exchange::{Going, Watched};
use super::handler::Handler;
use super::headroom::Headroom;
use super::observe::Logged;
use super::stream::Wire;
use crate::snapshot::Held;

/// Read at once. A head that is longer is none of the common kind.
const READ: usize = 4096;

/// What the connections of a thread use in turn.
#[derive(Default)]
pub(super) struct Scratch {
    head: RefCell<Vec<u8>>,
    date: Date,
}

/// Answers requests on `wire` as long as they are of the common kind; then returns it, or `None` if the connection is at
/// its end.
pub(super) async fn serve<H: Handler>(wire: Wire, service: &Watched<H>) -> io::Result<Option<Wire>> {
    // Those of a trusted proxy, or on their way to HTTPS, are looked at more closely.
    if service.redirects || service.peer.is_trusted() || service.thread.handler.deployment().is_none() {
        return Ok(Some(wire));
    }
    let mut connection = Connection { wire, service, early: Vec::new(), rest: None, ends: false };
    let left = poll_fn(|context| connection.poll(context)).await?;
    Ok(left.map(|bytes| {
        connection.wire.put_back(bytes);
        connection.wire
    }))
}

struct Connection<'a, H> {
    wire: Wire,
    service: &'a Watched<H>,
    /// Requests that came while an answer was on its way.
    early: Vec<u8>,
    rest: Option<Rest>,
    /// The last answer is out.
    ends: bool,
}

impl<H: Handler> Connection<'_, H> {
    /// What came and is to be read by hyper; `None` at the end.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        loop {
            if let Some(rest) = &mut self.rest {
                ready!(rest.poll(&mut self.wire, &self.service.thread.headroom, context))?;
                self.rest = None;
            }
            if self.ends {
                ready!(Pin::new(&mut self.wire).poll_shutdown(context))?;
                return Poll::Ready(Ok(None));
            }
            let left = if self.early.is_empty() {
                ready!(self.read(context))?
            } else {
                let early = std::mem::take(&mut self.early);
                self.answer(&early, context)?
            };
            if left.is_some() {
                return Poll::Ready(Ok(left));
            }
        }
    }

    /// Waits for requests, and answers them.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let mut scratch = [MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        match Pin::new(&mut self.wire).poll_read(context, &mut buffer) {
            // After the look: a request that has come is answered first.
            Poll::Pending if self.service.notes.leaving() < Leaving::WhenIdle => return Poll::Pending,
            Poll::Pending => self.ends = true,
            Poll::Ready(read) => {
                read?;
                self.ends = buffer.filled().is_empty();
            }
        }
        Poll::Ready(self.answer(buffer.filled(), context))
    }

    /// Answers the requests in `bytes`, one after the other, as long as the answers go out at once; returns what hyper is to
    /// read.
    fn answer(&mut self, mut bytes: &[u8], context: &mut Context<'_>) -> io::Result<Option<Vec<u8>>> {
        while !bytes.is_empty() && !self.ends {
            let Some(length) = self.begin(bytes, context)? else { return Ok(Some(bytes.to_vec())) };
            bytes = &bytes[length..];
            if self.rest.is_some() {
                self.early = bytes.to_vec();
                break;
            }
        }
        Ok(None)
    }

    /// Begins the answer to the first request in `bytes`, whose length it returns; `None` if it is not of the common kind.
    fn begin(&mut self, bytes: &[u8], context: &mut Context<'_>) -> io::Result<Option<usize>> {
        let Watched { thread, peer, notes, .. } = self.service;
        let Some(deployment) = thread.handler.deployment() else { return Ok(None) };
        let Some(plain) = Plain::parse(bytes) else { return Ok(None) };
        let snapshot = deployment.read();
        let Some(found) = Found::of(&plain, &snapshot) else { return Ok(None) };
        let open = notes.begin(false);
        let mut exchange = thread.observer.begin_as(|| (plain.logged(), peer.address));
        let body = found.body(plain.is_head);
        exchange.answered_as(found.status(), found.coding(), Some(body.map_or(0, Held::length)));
        let mut going = Going::new(open, exchange);
        self.ends = notes.leaving() > Leaving::No;
        let mut head = thread.scratch.head.borrow_mut();
        found.write_head(self.ends, &thread.scratch.date, &mut head);
        let sent = match send(&mut self.wire, &thread.headroom, context, &head, body, 0) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        let of_body = sent.saturating_sub(head.len());
        if of_body > 0 {
            going.sent(of_body);
        }
        if sent as u64 != head.len() as u64 + body.map_or(0, Held::length) {
            let head = head[sent.min(head.len())..].to_vec();
            self.rest = Some(Rest { head, body: body.cloned(), sent: of_body as u64, going });
        }
        Ok(Some(plain.length))
    }
}

impl<'a> Plain<'a> {
    fn logged(&self) -> Logged<'a> {
        Logged {
            method: if self.is_head { "HEAD" } else { "GET" },
            target: self.target,
            version: http::Version::HTTP_11,
            referer: self.referer,
            user_agent: self.user_agent,
        }
    }
}

/// What is left of an answer.
struct Rest {
    head: Vec<u8>,
    body: Option<Held>,
    /// Bytes of the body that are out.
    sent: u64,
    going: Going,
}

impl Rest {
    fn poll(&mut self, wire: &mut Wire, headroom: &Headroom, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.head.is_empty() || self.sent < self.body.as_ref().map_or(0, Held::length) {
            let sent = ready!(send(wire, headroom, context, &self.head, self.body.as_ref(), self.sent))?;
            let of_head = sent.min(self.head.len());
            if of_head > 0 {
                self.head = self.head.split_off(of_head);
            }
            self.sent += (sent - of_head) as u64;
            self.going.sent(sent - of_head);
        }
        Poll::Ready(Ok(()))
    }
}

/// Sends what is left of head and body; returns how much of it is out.
fn send(
    wire: &mut Wire,
    headroom: &Headroom,
    context: &mut Context<'_>,
    head: &[u8],
    body: Option<&Held>,
    from: u64,
) -> Poll<io::Result<usize>> {
    let sent = match body {
        Some(Held::Pages(pages)) => {
            if !head.is_empty() {
                let sent = ready!(wire.poll_send_more(context, headroom, head))?;
                if sent < head.len() {
                    return Poll::Ready(Ok(sent));
                }
            }
            match wire.poll_send_pages(context, headroom, pages, from)? {
                Poll::Pending if head.is_empty() => return Poll::Pending,
                Poll::Pending => head.len(),
                Poll::Ready(sent) => head.len() + sent,
            }
        }
        // What is held on the heap fits its addresses.
        Some(Held::Bytes(bytes)) => {
            let slices = [IoSlice::new(head), IoSlice::new(&bytes[from as usize..])];
            ready!(Pin::new(wire).poll_write_vectored(context, &slices))?
        }
        None => ready!(Pin::new(wire).poll_write(context, head))?,
    };
    if sent == 0 { Poll::Ready(Err(io::ErrorKind::WriteZero.into())) } else { Poll::Ready(Ok(sent)) }
}
