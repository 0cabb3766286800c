//! Sources of deliveries that know no secret: how many each of them has sent lately.
//!
//! Only failures count, and they only change what a failure is answered and whether it is worth a line in the log. A true
//! hook is never refused: behind a proxy that is not trusted all the world has one address, and whoever guesses from there
//! must not keep the registry's hooks out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of one source within [`WINDOW`] that are answered as such.
const ALLOWED: u32 = 20;
/// How long they are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Sources that are told apart within one window; further ones are counted as one.
const SOURCES: usize = 4096;

/// Failures by source. Whoever has no address is one source.
#[derive(Debug)]
pub(super) struct Failures(Mutex<Window>);

#[derive(Debug)]
struct Window {
    began: Instant,
    counts: HashMap<Option<IpAddr>, u32>,
}

/// What a failure comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is one of few.
    Counted,
    /// It is the first too many.
    FirstTooMany,
    /// It is one of many.
    TooMany,
}

impl Failures {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Window { began: now, counts: HashMap::new() }))
    }

    /// One more of `source`.
    pub(super) fn count(&self, source: Option<IpAddr>, now: Instant) -> Failure {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(window.began) >= WINDOW {
            window.began = now;
            window.counts.clear();
        }
        let is_room = window.counts.len() < SOURCES || window.counts.contains_key(&source);
        let count = window.counts.entry(if is_room { source } else { None }).or_default();
        *count = count.saturating_add(1);
        match *count {
            ..=ALLOWED => Failure::Counted,
            count if count == ALLOWED + 1 => Failure::FirstTooMany,
            _ => Failure::TooMany,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(number: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn each_source_has_its_share_for_a_minute() {
        let now = Instant::now();
        let failures = Failures::new(now);
        for _ in 0..ALLOWED {
            assert_eq!(failures.count(address(1), now), Failure::Counted);
        }
        assert_eq!(failures.count(address(1), now), Failure::FirstTooMany);
        assert_eq!(failures.count(address(1), now), Failure::TooMany);
        assert_eq!(failures.count(address(2), now), Failure::Counted);
        assert_eq!(failures.count(address(1), now + WINDOW), Failure::Counted);
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let failures = Failures::new(now);
        for number in 0..100_000 {
            failures.count(address(number), now);
        }
        assert!(failures.0.lock().unwrap().counts.len() <= SOURCES + 1);
        assert_eq!(failures.count(address(99_999), now), Failure::TooMany);
        assert_eq!(failures.count(address(1), now), Failure::Counted);
    }
}
