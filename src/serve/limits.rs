//! What clients may take: time and connections.

use std::num::NonZeroU32;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections at a time, if the file limit allows them.
const MAX_CONNECTIONS: usize = 10_000;
/// File descriptors kept for everything that is no connection.
const RESERVED_FILES: u64 = 64;

/// How long clients may take, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte of a request, or from the accepting of the connection, to the end of its head.
    pub head: Duration,
    /// Between two requests.
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
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current != maximum
            && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        {
            tracing::debug!("the limit of open files stays at {current:?}: {error}");
        }
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let available = usize::try_from(files.saturating_sub(RESERVED_FILES)).unwrap_or(MAX_CONNECTIONS);
        Self { connections: available.clamp(1, MAX_CONNECTIONS), ..Self::default() }
    }
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
