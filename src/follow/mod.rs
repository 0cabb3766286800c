//! Following a reference: a hint makes the instance look, what is new is pulled, verified and installed by one pointer.
//!
//! A hint is a doorbell, not a letter: whatever a webhook says, the instance looks at the reference that its operator
//! configured and at nothing else, and no connection is ever opened to an address from a payload. A failed pull or
//! verification leaves what is being served as it was.

mod boot;
mod control;
mod counts;
mod doorbell;
mod durable;
mod follower;
mod handover;
mod hook;
mod http;
mod release;
mod releases;
mod schedule;
mod secret;
mod self_check;
mod state;
mod store;
mod verify;
mod view;
mod watch;

pub use boot::{boot, boot_program, take_over};
pub use control::{ControlCell, Followed, control_routes};
pub use counts::Counts;
pub use doorbell::Doorbell;
pub use follower::{Follower, FollowerHandle, Poll, PollError, Trouble, TroubleView};
pub use handover::{Offer, Successor};
pub use http::routes;
pub use release::{FetchError, Fetcher, Release};
pub use releases::{Assessment, ChangeError, Outcome, Releases};
pub use schedule::{Decision, Schedule, Window, WindowError};
pub use secret::{SecretError, Secrets};
pub use state::{
    Cause, Changes, Current, Journal, Limits, Record, Size, State, StateError, Status, lock, look, look_at_blob,
    look_at_program,
};
pub use store::Store;
pub use verify::{Policy, PolicyError, Verified, Verifier};
pub use view::View;
