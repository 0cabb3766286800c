//! Notices: other programs and people are told what this instance has done, by ways that its operator named.
//!
//! Telling delays nothing. What happens is put into a queue, one for each way, and a task of that way delivers from there; a
//! receiver that hangs keeps only itself waiting. Addresses of receivers are secrets: nothing but their host is ever printed.

mod attempt;
mod delivery;
mod feeds;
mod notice;
mod shapes;
mod tell;
mod way;

pub use attempt::NoticesError;
pub use delivery::Notices;
pub(super) use notice::{Event, Told};
pub use way::{Kind, Way, WayError};
