//! Following a reference: a hint makes the instance look, what is new is pulled, verified and installed by one pointer.
//!
//! A hint is a doorbell, not a letter: whatever a webhook says, the instance looks at the reference that its operator
//! configured and at nothing else, and no connection is ever opened to an address from a payload. A failed pull or
//! verification leaves what is being served as it was.

mod counts;
mod doorbell;
mod follower;
mod hook;
mod http;
mod release;
mod secret;
mod verify;

pub use counts::Counts;
pub use doorbell::Doorbell;
pub use follower::{Follower, Poll, PollError};
pub use http::routes;
pub use release::{FetchError, Release};
pub use secret::{SecretError, Secrets};
pub use verify::{Policy, PolicyError, Verified, Verifier};
