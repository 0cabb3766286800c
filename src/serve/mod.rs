//! HTTP: snapshots answered from memory behind an accept loop with limits.
//!
//! A request reads the current snapshot once; status, headers, body and 404 page come from that one release. Paths under
//! `/_galley/` go to the router that the caller brings; everything else never leaves memory.

mod accept;
mod activity;
mod answer;
mod body;
mod conditions;
mod deployment;
mod limits;
mod negotiation;
mod routes;
mod service;

pub use accept::{bind, serve};
pub use body::AnswerBody;
pub use deployment::Deployment;
pub use limits::Limits;
pub use routes::Routes;
pub use service::Public;
