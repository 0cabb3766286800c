//! What happened, for those who operate an instance: the access log and the metrics.
//!
//! On the request path there are only atomic additions to numbers of the thread's own, and with a log one lock that is
//! held for the copying of a line.

mod counts;
mod escape;
mod line;
mod log;
mod metrics;
mod process;
mod secrets;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use http::header::{CONTENT_ENCODING, HeaderValue};
use http::{Request, Response, StatusCode};

use self::counts::{CodingColumn, Counts, End, Totals};
use self::line::Line;
use self::log::Lines;
use super::body::AnswerBody;
use super::peer::Peer;

pub use self::line::LogFormat;
pub(super) use self::line::Logged;
pub use self::log::AccessLog;
pub(super) use self::metrics::{CONTENT_TYPE, Metrics};
pub use self::metrics::{Counted, Counter};

/// Buffers of finished lines that a thread keeps for its next ones.
const SPARE: usize = 32;
/// A longer buffer is not kept.
const SPARE_LENGTH: usize = 4096;

/// Takes note of every request. A clone is cheap and counts into the same numbers.
#[derive(Clone)]
pub struct Observer(Arc<Local>);

/// Numbers of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// All of them.
    pub all: u64,
    /// Those with a status of 500 and above.
    pub failed: u64,
}

/// What the threads of an instance share.
struct Shared {
    log: Option<Arc<Lines>>,
    /// The numbers of each thread.
    counts: Mutex<Vec<Arc<Counts>>>,
    started: SystemTime,
}

/// What is one thread's own.
struct Local {
    shared: Arc<Shared>,
    counts: Arc<Counts>,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Local {
    fn new(shared: Arc<Shared>) -> Self {
        let counts = Arc::<Counts>::default();
        shared.counts.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counts));
        Self { shared, counts, spare: Mutex::default() }
    }

    fn begin_line(&self, lines: &Lines, request: &Logged<'_>, client: Option<IpAddr>) -> Line {
        let buffer = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Line::begin(buffer.unwrap_or_default(), lines.format, request, client, SystemTime::now())
    }

    fn end_line(&self, line: Line, end: &End) {
        if let Some(lines) = &self.shared.log {
            lines.push(&line, end);
        }
        let buffer = line.into_buffer();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE && buffer.capacity() <= SPARE_LENGTH {
            spare.push(buffer);
        }
    }
}

impl Observer {
    /// An observer that counts, and writes lines if there is a log.
    pub fn new(log: Option<&AccessLog>) -> Self {
        let log = log.map(|log| Arc::clone(&log.lines));
        let shared = Shared { log, counts: Mutex::default(), started: SystemTime::now() };
        Self(Arc::new(Local::new(Arc::new(shared))))
    }

    /// The same for a further thread: it counts into numbers of its own, so that threads need not wait for each other.
    pub fn for_thread(&self) -> Self {
        Self(Arc::new(Local::new(Arc::clone(&self.0.shared))))
    }

    /// A request has begun.
    pub(super) fn begin<B>(&self, request: &Request<B>, peer: &Peer) -> Exchange {
        self.begin_as(|| (Logged::of(request), peer.client(request.headers())))
    }

    /// The same of a request by what is logged of it, and its client; they are asked for if there is a log.
    pub(super) fn begin_as<'a>(&self, request: impl FnOnce() -> (Logged<'a>, Option<IpAddr>)) -> Exchange {
        let local = Arc::clone(&self.0);
        local.counts.begin();
        let lines = local.shared.log.as_ref().filter(|lines| lines.are_wanted());
        let line = lines.map(|lines| {
            let (request, client) = request();
            local.begin_line(lines, &request, client)
        });
        Exchange {
            local,
            began: Instant::now(),
            line,
            status: None,
            coding: CodingColumn::IDENTITY,
            expected: None,
            sent: 0,
        }
    }

    /// A connection has been accepted; it is open until what is returned is dropped.
    pub(super) fn connected(&self) -> Connected {
        self.0.counts.connect();
        Connected(Arc::clone(&self.0))
    }

    /// What came on a connection was refused before it was a request: nothing else is known of it.
    pub(super) fn unreadable(&self, status: StatusCode) {
        self.0.counts.unreadable(status);
    }

    /// How many requests were answered so far, and how many of them by a fault of the server's own (5xx).
    pub fn answered(&self) -> Answered {
        let mut answered = Answered::default();
        for (status, _, count) in self.totals().answers() {
            answered.all += count;
            if status.starts_with('5') {
                answered.failed += count;
            }
        }
        answered
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for counts in self.0.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            totals.add(counts);
        }
        totals
    }

    fn lines_dropped(&self) -> u64 {
        self.0.shared.log.as_ref().map_or(0, |lines| lines.dropped())
    }

    fn started(&self) -> SystemTime {
        self.0.shared.started
    }
}

/// Counts for itself alone, and has no log.
impl Default for Observer {
    fn default() -> Self {
        Self::new(None)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Observer").field(&self.0.shared.log.is_some()).finish()
    }
}

/// One request and its answer; dropped when the answer is finished.
pub(super) struct Exchange {
    local: Arc<Local>,
    began: Instant,
    line: Option<Line>,
    /// `None` until there is an answer.
    status: Option<u16>,
    coding: CodingColumn,
    /// The length of the body, if it is known.
    expected: Option<u64>,
    sent: u64,
}

impl Exchange {
    /// The answer's head is known.
    pub(super) fn answered(&mut self, response: &Response<AnswerBody>) {
        let coding = response.headers().get(CONTENT_ENCODING);
        self.answered_as(response.status(), coding.map(HeaderValue::as_bytes), response.body().length().exact());
    }

    /// The same by status, value of `Content-Encoding`, and length of the body if it is known.
    pub(super) fn answered_as(&mut self, status: StatusCode, coding: Option<&[u8]>, expected: Option<u64>) {
        self.status = Some(status.as_u16());
        if let Some(coding) = coding {
            self.coding = CodingColumn::of(coding);
        }
        self.expected = expected;
    }

    /// So many bytes of the body were handed on.
    pub(super) fn sent(&mut self, bytes: usize) {
        // usize has 64 bits at most on all targets.
        self.sent += bytes as u64;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let end = End {
            status: self.status,
            coding: self.coding,
            bytes: self.sent,
            cut: self.status.is_none() || self.expected.is_some_and(|expected| self.sent < expected),
            took: self.began.elapsed(),
        };
        self.local.counts.end(&end);
        if let Some(line) = self.line.take() {
            self.local.end_line(line, &end);
        }
    }
}

/// An open connection.
pub(super) struct Connected(Arc<Local>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.counts.disconnect();
    }
}

#[cfg(test)]
mod tests {
    use super::super::peer::Trust;
    use super::*;
    use bytes::Bytes;

    fn exchange(observer: &Observer) -> Exchange {
        let peer = Peer::new(None, &Trust::default());
        observer.begin(&Request::new(()), &peer)
    }

    fn answer() -> Response<AnswerBody> {
        Response::new(AnswerBody::Full(Some(Bytes::from_static(b"0123456789"))))
    }

    #[test]
    fn an_answer_that_ends_early_is_cut() {
        for (answered, sent, cut) in [(true, 10, 0), (true, 9, 1), (true, 0, 1), (false, 0, 1)] {
            let observer = Observer::default();
            let mut exchange = exchange(&observer);
            assert_eq!(observer.totals().in_flight(), 1);
            if answered {
                exchange.answered(&answer());
                exchange.sent(sent);
            }
            drop(exchange);
            let totals = observer.totals();
            assert_eq!((totals.cut, totals.in_flight()), (cut, 0), "{answered} {sent}");
        }
    }

    #[test]
    fn threads_count_for_themselves_and_are_added_up() {
        let observer = Observer::default();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let observer = observer.for_thread();
                scope.spawn(move || {
                    let connected = observer.connected();
                    let mut exchange = exchange(&observer);
                    exchange.answered(&answer());
                    exchange.sent(10);
                    drop((exchange, connected));
                });
            }
        });
        let _open = observer.connected();
        let totals = observer.totals();
        assert_eq!((totals.connected, totals.connections_open(), totals.body_bytes), (4, 1, 30));
    }

    #[test]
    fn buffers_of_lines_are_used_again() {
        let log = AccessLog::start(LogFormat::Combined, std::io::sink()).unwrap();
        let observer = Observer::new(Some(&log));
        for _ in 0..3 {
            drop(exchange(&observer));
        }
        assert_eq!(observer.0.spare.lock().unwrap().len(), 1);
        drop([exchange(&observer), exchange(&observer)]);
        assert_eq!(observer.0.spare.lock().unwrap().len(), 2);
        log.finish();
    }
}
