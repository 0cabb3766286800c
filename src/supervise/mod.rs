//! The handover of the program: one process holds the listeners, starts workers and hands over from one to the next.
//!
//! ```text
//! supervisor ── holds ── listeners, the state's lock
//!   │ starts   a worker: the same program, or the next one; on its standard input a channel, and over it the listeners
//!   │◀ ready   its content is frozen, and it has answered a request of its own
//!   │▶ go      from now on it may write to the state
//!   │◀ serving it takes connections
//!   │▶ drain   to the worker before: it takes no more, and ends when its clients have gone
//! ```
//!
//! The listeners are never closed meanwhile, so nobody who connects is turned away. A worker that ends, or does not get ready,
//! costs nothing: the one before serves on. The supervisor becomes the new program by execve(2) when a worker of it has served
//! for a minute; the first process of a container stays the same process. Everything here but `mask` is safe code: descriptors
//! are passed by messages (unix(7), SCM_RIGHTS), which hand them out as owned ones.

mod children;
mod limits;
mod link;
mod mask;
mod message;
mod program;
mod saved;
mod supervisor;
mod worker;

pub use limits::Patience;
pub use message::{Refused, Start};
pub use program::Program;
pub use saved::{Resumed, resumed};
pub use supervisor::{Beginning, Ended, Happening, Socket, supervise};
pub use worker::{Handed, Word, Worker, WorkerError};
