//! How much the kernel takes of an answer beyond what is on its way to the client.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use socket2::SockRef;

/// Without a limit the kernel copies up to 4 MB for each client that reads nothing (tcp_wmem): 1.4 GB for a thousand of them, and
/// a new client waits until all are copied.
pub(super) const MAX_UNSENT: u32 = 128 * 1024;
/// A client that reads as fast as it is written to is written to once for an answer of this length, and not once for each part.
const MAX_UNSENT_WIDE: u32 = 1024 * 1024;
/// So many connections may have that at a time: if none of them reads they cost 32 MB of the kernel's memory.
const MAX_WIDE: usize = 32;

/// How many connections have it, in all threads: the kernel's memory is one.
static WIDE: AtomicUsize = AtomicUsize::new(0);

/// More room for one connection, as long as this lives.
pub(super) struct Wide(());

impl Wide {
    /// Makes room at `socket`, if there is some for one more.
    pub(super) fn take(socket: BorrowedFd<'_>) -> Option<Self> {
        let more = |taken| (taken < MAX_WIDE).then_some(taken + 1);
        WIDE.fetch_update(Relaxed, Relaxed, more).ok()?;
        let wide = Self(());
        match SockRef::from(&socket).set_tcp_notsent_lowat(MAX_UNSENT_WIDE) {
            Ok(()) => Some(wide),
            Err(error) => {
                tracing::debug!("a connection gets no more room: {error}");
                None
            }
        }
    }
}

impl Drop for Wide {
    fn drop(&mut self) {
        WIDE.fetch_sub(1, Relaxed);
    }
}
