//! A site while it is being written: every change of a file is on the page at once.
//!
//! One thread waits for changes, renders by the same passes and the same memory as `galley build`, with everything that is
//! needed for it in memory, and installs what came of it. Pages that are open hear of it and reload, swap their style
//! sheets, or show what is wrong. Nothing of all this is in the tree: the script is put into pages as they are answered.

mod builder;
mod events;
mod handler;
mod inject;
mod network;
mod noise;
mod problem;
mod run;
mod stage;
mod version;
mod watch;

pub use builder::{Builder, Load};
pub use handler::Handler;
pub use run::{Round, Stop, run};
pub use stage::Stage;
pub use watch::{Method, Watch};
