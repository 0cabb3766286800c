//! The access log's way to standard output: a buffer of a bounded size, and one thread that empties it.
//!
//! Standard output is often a pipe, and whoever reads it may be slow or stuck. A request never waits for that: a line for
//! which there is no room is dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::counts::End;
use super::line::{Line, LogFormat};

/// Lines that wait to be written: some thousands.
const ROOM: usize = 1024 * 1024;
/// When so much waits, it is written at once.
const PLENTY: usize = 64 * 1024;
/// For more lines to come, so that a busy instance wakes the writer some times a second and not at each request.
const GATHER: Duration = Duration::from_millis(250);
/// At the stop, for a reader of standard output that does not read.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Where threads that answer requests put their lines.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) format: LogFormat,
    waiting: Mutex<Waiting>,
    /// Lines came, or the stop.
    changed: Condvar,
    /// The writer has ended.
    written: Condvar,
    dropped: AtomicU64,
    /// Nobody reads them any more.
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    text: Vec<u8>,
    stopping: bool,
    ended: bool,
}

impl Lines {
    fn new(format: LogFormat) -> Self {
        Self {
            format,
            waiting: Mutex::default(),
            changed: Condvar::new(),
            written: Condvar::new(),
            dropped: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// Nothing here can panic between two changes that belong together, so a poisoned lock still holds what is right.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn are_wanted(&self) -> bool {
        !self.closed.load(Relaxed)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Puts a line among those that wait, if there is room.
    pub(super) fn push(&self, line: &Line, end: &End) {
        let mut waiting = self.lock();
        let before = waiting.text.len();
        if before + line.length() > ROOM {
            drop(waiting);
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        line.end(end, &mut waiting.text);
        let after = waiting.text.len();
        drop(waiting);
        // The writer sleeps until the first line, and then until plenty of them wait.
        if before == 0 || before < PLENTY && after >= PLENTY {
            self.changed.notify_one();
        }
    }

    /// Waits for lines and puts them into `batch`; `false` at the end.
    fn next(&self, batch: &mut Vec<u8>) -> bool {
        batch.clear();
        let idle = |waiting: &mut Waiting| waiting.text.is_empty() && !waiting.stopping;
        // Without a time limit: an idle process is not woken.
        let waiting = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let few = |waiting: &mut Waiting| waiting.text.len() < PLENTY && !waiting.stopping;
        let gathered = self.changed.wait_timeout_while(waiting, GATHER, few).unwrap_or_else(PoisonError::into_inner);
        let mut waiting = gathered.0;
        std::mem::swap(&mut waiting.text, batch);
        !batch.is_empty()
    }

    /// Writes until the stop, or until nobody reads.
    fn write_to(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        let mut told = false;
        let mut within_line = false;
        while self.next(&mut batch) {
            if let Err(failed) = write_lines(&mut output, &batch, &mut within_line) {
                if failed.error.kind() == io::ErrorKind::BrokenPipe {
                    self.closed.store(true, Relaxed);
                    tracing::warn!("standard output is closed; the access log ends here");
                    break;
                }
                self.dropped.fetch_add(failed.lines, Relaxed);
                if !told {
                    tracing::warn!("standard output: {}; lines of the access log are dropped", failed.error);
                }
                told = true;
            } else if !told && self.dropped() > 0 {
                tracing::warn!("standard output is read too slowly; lines of the access log were dropped");
                told = true;
            }
            // The buffers swap places: a flood's is not kept for ever.
            if batch.capacity() > 2 * PLENTY {
                batch = Vec::new();
            }
        }
        self.lock().ended = true;
        self.written.notify_all();
    }
}

/// Lines that could not be written, and why.
struct Failed {
    error: io::Error,
    lines: u64,
}

/// Writes `batch`; what is left after an error is lost. The line in which it happened is ended before the next one.
fn write_lines(output: &mut impl Write, batch: &[u8], within_line: &mut bool) -> Result<(), Failed> {
    let failed = |error, rest: &[u8]| {
        let lines = rest.iter().filter(|byte| **byte == b'\n').count();
        Failed { error, lines: u64::try_from(lines).unwrap_or(u64::MAX) }
    };
    if *within_line {
        output.write_all(b"\n").map_err(|error| failed(error, batch))?;
        *within_line = false;
    }
    let mut rest = batch;
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(failed(io::ErrorKind::WriteZero.into(), rest)),
            Ok(written) => {
                *within_line = rest[written - 1] != b'\n';
                rest = &rest[written..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error, rest)),
        }
    }
    output.flush().map_err(|error| failed(error, b""))
}

/// The access log: its thread runs until [`finish`](Self::finish).
#[derive(Debug)]
pub struct AccessLog {
    pub(super) lines: Arc<Lines>,
}

impl AccessLog {
    /// Starts the thread that writes to `output`.
    pub fn start(format: LogFormat, output: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Arc::new(Lines::new(format));
        let writer = Arc::clone(&lines);
        let thread = std::thread::Builder::new().name("access log".to_owned());
        thread.spawn(move || writer.write_to(output))?;
        Ok(Self { lines })
    }

    /// Writes what waits, and ends. A reader that does not read is not waited for.
    pub fn finish(self) {
        let mut waiting = self.lines.lock();
        waiting.stopping = true;
        self.lines.changed.notify_one();
        let writing = |waiting: &mut Waiting| !waiting.ended;
        let done = self.lines.written.wait_timeout_while(waiting, LAST_WRITE, writing);
        let (waiting, timeout) = done.unwrap_or_else(PoisonError::into_inner);
        drop(waiting);
        if timeout.timed_out() {
            tracing::warn!("nobody reads standard output; the last lines of the access log are lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::observe::counts::CodingColumn;
    use crate::serve::observe::line::Logged;
    use http::Request;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::{Instant, SystemTime};

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Hands on what is written; blocks while nobody takes it.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn started() -> (AccessLog, Receiver<Vec<u8>>) {
        let (sender, receiver) = sync_channel(0);
        (AccessLog::start(LogFormat::Combined, Pipe(sender)).unwrap(), receiver)
    }

    fn push(log: &AccessLog, path: &str) {
        let request = Request::builder().uri(path).body(()).unwrap();
        let line = Line::begin(Vec::new(), log.lines.format, &Logged::of(&request), None, SystemTime::UNIX_EPOCH);
        let coding = CodingColumn::IDENTITY;
        log.lines.push(&line, &End { status: Some(200), coding, bytes: 0, cut: false, took: Duration::ZERO });
    }

    #[test]
    fn a_line_is_written_within_a_second() {
        let (log, receiver) = started();
        let begin = Instant::now();
        push(&log, "/first");
        let text = receiver.recv_timeout(PATIENCE).unwrap();
        assert!(text.ends_with(b"\n") && String::from_utf8(text).unwrap().contains("GET /first "));
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    }

    #[test]
    fn the_last_lines_are_written_at_the_stop() {
        let (log, receiver) = started();
        push(&log, "/last");
        let reader = std::thread::spawn(move || receiver.iter().flatten().collect::<Vec<u8>>());
        log.finish();
        assert!(String::from_utf8(reader.join().unwrap()).unwrap().contains("GET /last "));
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_no_time() {
        let (log, receiver) = started();
        let path = format!("/{}", "x".repeat(1000));
        let begin = Instant::now();
        let count = 3 * ROOM / 1000;
        for _ in 0..count {
            push(&log, &path);
        }
        assert!(begin.elapsed() < PATIENCE);
        let dropped = log.lines.dropped();
        assert!(dropped > 0 && log.lines.lock().text.len() <= ROOM);
        let lines = Arc::clone(&log.lines);
        let reader = std::thread::spawn(move || receiver.iter().flatten().collect::<Vec<u8>>());
        log.finish();
        let text = reader.join().unwrap();
        let written = text.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(written as u64 + lines.dropped(), count as u64);
    }

    #[test]
    fn at_the_stop_a_reader_that_does_not_read_is_left() {
        let (log, _receiver) = started();
        push(&log, "/");
        let begin = Instant::now();
        log.finish();
        assert!(begin.elapsed() >= LAST_WRITE && begin.elapsed() < PATIENCE);
    }

    #[test]
    fn when_the_reader_has_gone_no_more_lines_are_made() {
        let (log, receiver) = started();
        drop(receiver);
        push(&log, "/");
        let waiting = log.lines.lock();
        let (waiting, timeout) =
            log.lines.written.wait_timeout_while(waiting, PATIENCE, |waiting| !waiting.ended).unwrap();
        drop(waiting);
        assert!(!timeout.timed_out() && !log.lines.are_wanted());
        log.finish();
    }

    #[test]
    fn after_an_error_the_next_line_begins_on_its_own() {
        struct Full(Vec<u8>, usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.0.len() == self.1 {
                    self.1 = usize::MAX;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                let count = bytes.len().min(self.1 - self.0.len());
                self.0.extend_from_slice(&bytes[..count]);
                Ok(count)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut output, mut within_line) = (Full(Vec::new(), 6), false);
        let failed = write_lines(&mut output, b"one\ntwo\nthree\n", &mut within_line).err().unwrap();
        assert_eq!((failed.lines, failed.error.kind()), (2, io::ErrorKind::StorageFull));
        assert!(write_lines(&mut output, b"four\n", &mut within_line).is_ok());
        assert_eq!(output.0, b"one\ntw\nfour\n");
    }
}
