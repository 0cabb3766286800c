//! What supervisor and workers tell each other: JSON, one message a line. Programs of different ages speak it with each other:
//! fields are added, never changed, and a message that is not known is passed over.

use serde::{Deserialize, Serialize};

/// The first field of [`Start`], and what a worker must know to become the supervisor's program.
pub(super) const VERSION: u32 = 1;

/// To a worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToWorker {
    /// The first message; the descriptors come with it.
    Start(Start),
    /// Nobody else writes to the state: it may, and take connections.
    Go,
    /// Another worker has taken over.
    Drain,
    /// The program that it offered was not taken, for this reason.
    Refused(String),
    /// A hook rang at the worker before it.
    Hint,
}

/// To the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToSupervisor {
    /// Content is there and checked.
    Ready {
        /// The version of a supervisor's state that its program knows.
        version: u32,
    },
    /// It takes connections.
    Serving,
    /// A hook rang here, and what follows is another worker.
    Hint,
    /// A program to hand over to; its descriptor comes with the message.
    Offer {
        /// The digest of the program.
        program: String,
        /// The digest of the release that is served.
        release: String,
    },
}

/// What a worker begins with. Its descriptors come in this order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// Of this format.
    pub version: u32,
    /// How many descriptors are listeners of the control listener's.
    pub control: usize,
    /// How many are public listeners.
    pub public: usize,
    /// Whether the next one is the state's lock, locked.
    pub lock: bool,
    /// Whether another worker serves: nothing may be written, and no connection taken, before it is told so.
    pub takes_over: bool,
    /// The release that the other worker serves.
    #[serde(default)]
    pub release: Option<String>,
    /// Programs that were tried and did not do.
    #[serde(default)]
    pub refused: Vec<Refused>,
    /// Whether it is the first one: it says where it listens.
    #[serde(default)]
    pub first: bool,
}

/// A program that did not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its digest.
    pub program: String,
    /// What became of it.
    pub reason: String,
}
