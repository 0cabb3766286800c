//! Numbers that only grow, counted on the request path by atomic additions and nothing else.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;

/// The statuses that have a number of their own. Whatever else is answered counts as `other`, so that the number of
/// series is known beforehand.
const STATUSES: [u16; 30] = [
    200, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 410, 412, 413, 414, 416, 421,
    429, 431, 451, 500, 501, 503, 505,
];
/// For statuses that are not in the list.
const OTHER: usize = STATUSES.len();
/// For requests that got no answer: the client went away, or the handler broke.
const NONE: usize = STATUSES.len() + 1;
const ROWS: usize = STATUSES.len() + 2;

/// From a status, less 100, to its row.
const ROW_OF: [u8; 900] = {
    let mut rows = [OTHER as u8; 900];
    let mut at = 0;
    while at < STATUSES.len() {
        rows[STATUSES[at] as usize - 100] = at as u8;
        at += 1;
    }
    rows
};

/// The statuses that HTTP/1.1's parser answers with what it can't read.
const UNREADABLE: [u16; 3] = [400, 414, 431];

/// Content codings as they are named in `Content-Encoding`; the first stands for none, the last for all others.
const CODINGS: [&str; 5] = ["identity", "gzip", "br", "zstd", "other"];

/// A content coding, as a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodingColumn(u8);

impl CodingColumn {
    pub(super) const IDENTITY: Self = Self(0);

    /// From the value of `Content-Encoding`.
    pub(super) fn of(name: &[u8]) -> Self {
        let known = CODINGS[..CODINGS.len() - 1].iter().position(|known| known.as_bytes() == name);
        // There are five of them.
        Self(known.unwrap_or(CODINGS.len() - 1) as u8)
    }

    pub(super) fn name(self) -> &'static str {
        CODINGS[usize::from(self.0)]
    }
}

/// The upper ends of the histogram's buckets, in nanoseconds: from an answer out of memory to a client on a bad line.
const BOUNDS: [u64; 17] = {
    const MICRO: u64 = 1_000;
    const MILLI: u64 = 1_000_000;
    const SECOND: u64 = 1_000_000_000;
    [
        50 * MICRO,
        100 * MICRO,
        250 * MICRO,
        500 * MICRO,
        MILLI,
        2_500 * MICRO,
        5 * MILLI,
        10 * MILLI,
        25 * MILLI,
        50 * MILLI,
        100 * MILLI,
        250 * MILLI,
        500 * MILLI,
        SECOND,
        2_500 * MILLI,
        5 * SECOND,
        10 * SECOND,
    ]
};

/// What one thread has counted. Threads do not share a cache line, or they would wait for each other at each request.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counts {
    begun: AtomicU64,
    ended: [[AtomicU64; CODINGS.len()]; ROWS],
    cut: AtomicU64,
    body_bytes: AtomicU64,
    nanoseconds: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len() + 1],
    connected: AtomicU64,
    disconnected: AtomicU64,
    unreadable: [AtomicU64; UNREADABLE.len()],
}

/// How an exchange ended.
#[derive(Debug)]
pub(super) struct End {
    /// `None` if there was no answer.
    pub(super) status: Option<u16>,
    pub(super) coding: CodingColumn,
    pub(super) bytes: u64,
    pub(super) cut: bool,
    pub(super) took: Duration,
}

impl Counts {
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self, end: &End) {
        let row = match end.status {
            Some(status) => ROW_OF.get(usize::from(status).wrapping_sub(100)).map_or(OTHER, |row| usize::from(*row)),
            None => NONE,
        };
        self.ended[row][usize::from(end.coding.0)].fetch_add(1, Relaxed);
        if end.bytes > 0 {
            self.body_bytes.fetch_add(end.bytes, Relaxed);
        }
        if end.cut {
            self.cut.fetch_add(1, Relaxed);
        }
        // 584 years fit.
        let took = u64::try_from(end.took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Relaxed);
        let bucket = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
    }

    pub(super) fn connect(&self) {
        self.connected.fetch_add(1, Relaxed);
    }

    /// The parser refused what came with this status.
    pub(super) fn unreadable(&self, status: StatusCode) {
        if let Some(row) = UNREADABLE.iter().position(|known| *known == status.as_u16()) {
            self.unreadable[row].fetch_add(1, Relaxed);
        }
    }

    pub(super) fn disconnect(&self) {
        self.disconnected.fetch_add(1, Relaxed);
    }
}

/// What all threads together have counted.
#[derive(Debug, Default)]
pub(super) struct Totals {
    begun: u64,
    ended: [[u64; CODINGS.len()]; ROWS],
    pub(super) cut: u64,
    pub(super) body_bytes: u64,
    nanoseconds: u64,
    buckets: [u64; BOUNDS.len() + 1],
    pub(super) connected: u64,
    disconnected: u64,
    unreadable: [u64; UNREADABLE.len()],
}

impl Totals {
    pub(super) fn add(&mut self, counts: &Counts) {
        // Ends are read before beginnings: nothing ends that has not begun.
        let ended = counts.ended.iter().flatten();
        for (total, count) in self.ended.iter_mut().flatten().zip(ended) {
            *total += count.load(Relaxed);
        }
        for (total, count) in self.buckets.iter_mut().zip(&counts.buckets) {
            *total += count.load(Relaxed);
        }
        for (total, count) in self.unreadable.iter_mut().zip(&counts.unreadable) {
            *total += count.load(Relaxed);
        }
        for (total, count) in [
            (&mut self.cut, &counts.cut),
            (&mut self.body_bytes, &counts.body_bytes),
            (&mut self.nanoseconds, &counts.nanoseconds),
            (&mut self.disconnected, &counts.disconnected),
            (&mut self.connected, &counts.connected),
            (&mut self.begun, &counts.begun),
        ] {
            *total += count.load(Relaxed);
        }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.begun.saturating_sub(self.ended.iter().flatten().sum())
    }

    pub(super) fn connections_open(&self) -> u64 {
        self.connected.saturating_sub(self.disconnected)
    }

    /// What could not be read, by the status that it was answered with.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = (u16, u64)> {
        UNREADABLE.into_iter().zip(self.unreadable)
    }

    pub(super) fn seconds(&self) -> f64 {
        self.nanoseconds as f64 / 1e9
    }

    /// Upper ends in seconds, each with the answers in its own bucket.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1e9).chain([f64::INFINITY]);
        bounds.zip(self.buckets)
    }

    /// Status, coding and number of answers. Those without a coding are there from the beginning, so that the first error
    /// is seen as a rise; codings come with their first answer.
    pub(super) fn answers(&self) -> impl Iterator<Item = (String, &'static str, u64)> {
        let rows = self.ended.iter().enumerate();
        rows.flat_map(|(row, columns)| {
            let status = match row {
                OTHER => "other".to_owned(),
                NONE => "none".to_owned(),
                _ => STATUSES[row].to_string(),
            };
            let columns = CODINGS.iter().zip(columns).enumerate();
            let shown = columns.filter(|(column, (_, count))| *column == 0 || **count > 0);
            shown.map(move |(_, (coding, count))| (status.clone(), *coding, *count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(status: Option<u16>, coding: &str, took: Duration) -> End {
        End { status, coding: CodingColumn::of(coding.as_bytes()), bytes: 7, cut: false, took }
    }

    #[test]
    fn what_is_counted_is_found_again() {
        let counts = Counts::default();
        let cases = [
            (Some(200), "gzip", "200", "gzip"),
            (Some(505), "identity", "505", "identity"),
            (Some(404), "br", "404", "br"),
            (Some(299), "zstd", "other", "zstd"),
            (Some(999), "compress", "other", "other"),
            (None, "identity", "none", "identity"),
        ];
        let mut totals = Totals::default();
        for (status, coding, ..) in cases {
            counts.begin();
            counts.end(&end(status, coding, Duration::from_micros(1)));
        }
        counts.begin();
        totals.add(&counts);
        for (_, _, status, coding) in cases {
            let found = totals.answers().find(|(a, b, _)| a == status && *b == coding);
            assert_eq!(found.map(|(_, _, count)| count), Some(1), "{status} {coding}");
        }
        assert_eq!((totals.in_flight(), totals.body_bytes), (1, 7 * cases.len() as u64));
        assert_eq!(totals.answers().map(|(_, _, count)| count).sum::<u64>(), cases.len() as u64);
    }

    #[test]
    fn a_time_falls_into_the_first_bucket_that_holds_it() {
        let counts = Counts::default();
        for nanoseconds in [0, 50_000, 50_001, 10_000_000_000, 10_000_000_001] {
            counts.end(&end(Some(200), "identity", Duration::from_nanos(nanoseconds)));
        }
        let mut totals = Totals::default();
        totals.add(&counts);
        let buckets: Vec<_> = totals.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(buckets, [(50e-6, 2), (100e-6, 1), (10.0, 1), (f64::INFINITY, 1)]);
    }
}
