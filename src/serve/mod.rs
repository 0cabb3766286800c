//! HTTP: snapshots answered from memory behind an accept loop with limits.
//!
//! A request reads the current snapshot once; status, headers, body and 404 page come from that one release. Paths under
//! `/_galley/` go to the router that the caller brings; everything else never leaves memory.

mod accept;
mod activity;
mod alternative;
mod answer;
mod body;
mod coalesce;
mod coder;
mod conditions;
mod connection;
mod control;
mod deployment;
mod direct;
mod exchange;
mod handler;
#[cfg(target_os = "linux")]
mod headroom;
mod limits;
mod listen;
mod long_line;
mod negotiation;
mod observe;
mod peer;
mod per_address;
mod places;
mod priority;
mod proxy;
mod ranges;
mod readiness;
mod request;
mod routes;
mod service;
mod stream;
mod tls;

pub use accept::{Farewell, Settings, serve};
pub use alternative::{PREVIEW_COOKIE, Previewed, Previews};
pub use answer::content;
pub use body::AnswerBody;
pub use coder::{Coder, Keep, WriteCodings};
pub use control::{Control, ControlThread};
pub use deployment::Deployment;
pub use handler::{Answer, Handler};
pub use limits::{Limits, duration_of, media_files, possible_connections};
pub use listen::{Address, Inherited, Listener, bind};
pub use observe::{AccessLog, Answered, Counted, Counter, LogFormat, Observer};
pub use peer::{Peer, Trust};
pub use priority::{Background, give_way};
pub use readiness::Readiness;
pub use routes::Routes;
pub use service::Public;
pub use tls::{Tls, TlsError, TlsFiles, TlsWatch, own_names};
