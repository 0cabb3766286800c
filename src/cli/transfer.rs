//! How far a push or a pull has come, for whoever waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::report::{Report, size};
use crate::registry::Progress;
use crate::snapshot::Digest;

/// On a terminal the line is written over this often, and not before: what takes less needs no line.
const ON_TERMINAL: Duration = Duration::from_millis(200);
/// A log gets a line this often.
const IN_LOG: Duration = Duration::from_secs(5);
/// A pause from here on is worth a word.
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// `pushing: 4.2 MB of 9.6 MB, 3 s left`.
#[derive(Debug)]
pub(super) struct Transfer {
    report: Report,
    verb: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes moved and to be moved.
    blobs: HashMap<Digest, (u64, u64)>,
    began: Option<Instant>,
    shown: Option<Instant>,
}

impl Transfer {
    /// `verb` says what goes on: "pushing".
    pub(super) fn new(report: &Report, verb: &'static str) -> Arc<Self> {
        Arc::new(Self { report: *report, verb, state: Mutex::default() })
    }

    /// Takes the line away.
    pub(super) fn ends(&self) {
        self.report.progress_ends();
    }

    fn show(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let now = Instant::now();
        let began = *state.began.get_or_insert(now);
        let every = if self.report.is_on_terminal() { ON_TERMINAL } else { IN_LOG };
        if now.duration_since(state.shown.unwrap_or(began)) >= every {
            state.shown = Some(now);
            self.report.progress(line(self.verb, &state.blobs, now.duration_since(began)));
        }
    }
}

fn line(verb: &str, blobs: &HashMap<Digest, (u64, u64)>, took: Duration) -> String {
    let (done, all) = blobs.values().fold((0, 0), |(done, all), (moved, size)| (done + moved, all + size));
    let moved = format!("{verb}: {} of {}", size(done), size(all));
    if done == 0 {
        return moved;
    }
    let left = took.as_secs_f64() * all.saturating_sub(done) as f64 / done as f64;
    format!("{moved}, {left:.0} s left")
}

impl Progress for Transfer {
    fn planned(&self, blob: Digest, size: u64) {
        self.show(|state| {
            state.blobs.insert(blob, (0, size));
        });
    }

    fn moved(&self, blob: Digest, done: u64) {
        self.show(|state| {
            if let Some((moved, _)) = state.blobs.get_mut(&blob) {
                *moved = done;
            }
        });
    }

    fn again(&self, reason: &str, pause: Duration) {
        self.report.progress_ends();
        if pause < LONG_PAUSE {
            tracing::debug!("{reason}; trying again");
        } else {
            self.report.say(format_args!("{reason}; trying again in {} s", pause.as_secs()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_is_left() {
        let blobs = HashMap::from([(Digest::of(b"a"), (1_000_000, 3_000_000)), (Digest::of(b"b"), (0, 1_000_000))]);
        assert_eq!(line("pushing", &blobs, Duration::from_secs(2)), "pushing: 1.0 MB of 4.0 MB, 6 s left");
        let blobs = HashMap::from([(Digest::of(b"a"), (0, 310_000))]);
        assert_eq!(line("pulling", &blobs, Duration::from_secs(2)), "pulling: 0 bytes of 310 KB");
    }
}
