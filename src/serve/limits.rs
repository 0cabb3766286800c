//! What clients may take: time and connections.

use std::num::{NonZeroU32, NonZeroUsize};
use std::thread::available_parallelism;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections at a time, if the file limit allows them.
const MAX_CONNECTIONS: usize = 10_000;
/// File descriptors kept for everything that is nothing of the below.
const RESERVED_FILES: u64 = 64;
/// Each thread has a runtime (epoll, a second descriptor of it, an eventfd, a pipe for signals), and every listener once
/// more; twelve listeners are many. As many files again may be read by name at the same time.
const FILES_A_THREAD: u64 = 32;
/// Files of media that are open at a time to be sent, if the file limit allows them.
const MEDIA_FILES: usize = 256;

/// How long clients may take, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte of a request, or from the accepting of the connection, to the end of its head. Over HTTP/2 for the
    /// first request only.
    pub head: Duration,
    /// Between two requests; also for a head that began in one piece with the request before it and stays incomplete.
    pub idle: Duration,
    /// Without taking a byte of an answer.
    pub write_stall: Duration,
    /// For one answer in all, however steadily it is taken; it is cut after this at the earliest, after twice this at the
    /// latest.
    pub answer: Duration,
    /// For answers to finish after the stop is asked for: shorter than the ten seconds after which Docker kills.
    pub stop: Duration,
    /// Connections at a time; further ones wait in the listener's queue.
    pub connections: usize,
    /// Connections at a time from one address; further ones are closed. Those of trusted proxies are counted by the
    /// client that the proxy names.
    pub connections_per_address: Option<NonZeroU32>,
}

impl Limits {
    /// The defaults, with the connection cap that the process's file limit allows; the soft limit is raised to the hard.
    pub fn for_this_process() -> Self {
        Self { connections: possible_connections().min(MAX_CONNECTIONS), ..Self::default() }
    }
}

/// How many connections the process may hold by its limit of open files; the soft limit is raised to the hard.
pub fn possible_connections() -> usize {
    let files = open_files();
    let threads = available_parallelism().map_or(1, NonZeroUsize::get) as u64;
    let reserved = RESERVED_FILES + threads * FILES_A_THREAD + media_files_of(files) as u64;
    usize::try_from(files.saturating_sub(reserved)).unwrap_or(usize::MAX).max(1)
}

/// A time as people write it in seconds, minutes or hours: `90s`, `5m`, `1h`; a second at least and a year at most.
pub fn duration_of(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let total = number.parse::<u64>().ok()?.checked_mul(seconds)?;
    (1..=365 * 86_400).contains(&total).then(|| Duration::from_secs(total))
}

/// How many files of media may be open at a time: [`MEDIA_FILES`], or a quarter of what the process may open if that is
/// less.
pub fn media_files() -> usize {
    media_files_of(open_files())
}

fn media_files_of(files: u64) -> usize {
    usize::try_from(files / 4).unwrap_or(MEDIA_FILES).clamp(1, MEDIA_FILES)
}

/// How many files this process may open. The soft limit is raised to the hard one.
fn open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::debug!("the limit of open files stays at {current:?}: {error}");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write_stall: Duration::from_secs(30),
            // A video of a gigabyte, taken at 100 KB a second, is not an attack.
            answer: Duration::from_secs(3 * 60 * 60),
            stop: Duration::from_secs(8),
            connections: MAX_CONNECTIONS,
            connections_per_address: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_manual() {
        let Limits { head, idle, write_stall, answer, stop, connections, connections_per_address } = Limits::default();
        let seconds = [head, idle, write_stall, answer, stop].map(|limit| limit.as_secs());
        assert_eq!(seconds, [10, 75, 30, 10_800, 8]);
        assert_eq!((connections, connections_per_address), (10_000, None));
        let here = Limits::for_this_process().connections;
        assert_eq!(here, possible_connections().min(10_000));
    }

    #[test]
    fn times_have_a_unit_and_bounds() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("5m", 300), ("1h", 3600), ("8760h", 31_536_000)] {
            assert_eq!(duration_of(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "1 s",
            "1S",
            "1d",
            "1ms",
            "8761h",
            "99999999999999999999h",
            "5124095576030432h",
        ] {
            assert_eq!(duration_of(text), None, "{text}");
        }
    }

    #[test]
    fn media_take_a_quarter_of_the_files_at_most() {
        for (files, media) in [(0, 1), (64, 16), (1023, 255), (1024, 256), (20_000, 256), (u64::MAX, 256)] {
            assert_eq!(media_files_of(files), media, "{files}");
        }
    }
}
