//! Following a reference: a hint makes the instance look, what is new is pulled, verified and installed by one pointer.
//!
//! A hint is a doorbell, not a letter: whatever a webhook says, the instance looks at the reference that its operator
//! configured and at nothing else, and no connection is ever opened to an address from a payload. A failed pull or
//! verification leaves what is being served as it was.

mod authentication;
mod counts;
mod deliveries;
mod doorbell;
mod failures;
mod follower;
mod hook;
mod http;
mod pace;
mod release;
mod secret;
mod send;

pub use authentication::{headers_of, shows_secret};
pub use counts::Counts;
pub use deliveries::{Deliveries, Delivery, JobId, Outcome, Said, Sink};
pub use doorbell::Doorbell;
pub use follower::{Follower, Poll, PollError};
pub use hook::{Content, GitPush, Image, Meaning, Reading, Sender, SenderError, meaning, read};
pub use http::routes;
pub use release::{FetchError, Release};
pub use secret::{Secret, SecretError, Secrets};
pub use send::{SendError, send};
