//! Following a reference: a hint makes the instance look, what is new is pulled, verified and installed by one pointer.
//!
//! A hint is a doorbell, not a letter: whatever a webhook says, the instance looks at the reference that its operator
//! configured and at nothing else, and no connection is ever opened to an address from a payload. A failed pull or
//! verification leaves what is being served as it was.

mod authentication;
mod boot;
mod channels;
mod control;
mod counts;
mod deliveries;
mod doorbell;
mod durable;
mod failures;
mod follower;
mod handover;
mod hook;
mod http;
mod ledger;
mod notices;
mod pace;
mod poll;
mod release;
mod releases;
mod schedule;
mod secret;
mod self_check;
mod send;
mod served;
mod state;
mod store;
mod trouble;
mod verify;
mod view;
mod watch;

pub use authentication::{headers_of, shows_secret};
pub use boot::{boot, boot_program, retained, take_over};
pub use channels::{Channels, Source, channel_routes};
pub use control::{ControlCell, Followed, control_routes};
pub use counts::Counts;
pub use deliveries::{Deliveries, Delivery, JobId, Looked, Said, Sink};
pub use doorbell::Doorbell;
pub use follower::{Follower, FollowerHandle};
pub use handover::{Offer, Successor};
pub use hook::{Content, GitPush, Image, Meaning, Reading, Sender, SenderError, meaning, read};
pub use http::routes;
pub use ledger::write_down;
pub use notices::{Kind, Notices, NoticesError, Way, WayError};
pub use poll::{Poll, PollError};
pub use release::{FetchError, Fetcher, Release};
pub use releases::{Assessment, ChangeError, Outcome, Releases};
pub use schedule::{Decision, Schedule, Window, WindowError};
pub use secret::{Secret, SecretError, Secrets};
pub use self_check::faults;
pub use send::{SendError, send};
pub use served::{Booted, Served};
pub use state::{
    Cause, Changes, Current, Journal, Limits, MAX_KEEP, Record, Size, State, StateError, Status, Temporary, lock, look,
    look_at_blob, look_at_program,
};
pub use store::{BlobSource, Store};
pub use trouble::{Trouble, TroubleView};
pub use verify::{Policy, PolicyError, Verified, Verifier};
pub use view::View;
