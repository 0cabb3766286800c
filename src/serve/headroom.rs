//! How much the kernel takes of an answer beyond what is on its way to the client.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Without a limit the kernel copies up to 4 MB for each client that reads nothing (tcp_wmem): 1.4 GB for a thousand of them, and
/// a new client waits until all are copied.
pub(super) const MAX_UNSENT: u32 = 128 * 1024;
/// A client that reads as fast as it is written to is written to once for an answer of this length, and not once for each part.
const MAX_UNSENT_WIDE: u32 = 1024 * 1024;
/// So many connections may have that at a time: if none of them reads they cost 32 MB of the kernel's memory.
const MAX_WIDE: usize = 32;
/// Whoever makes room again within this reads fast: half of [`MAX_UNSENT`], so 3 MB a second and more.
const QUICK: Duration = Duration::from_millis(20);
/// Whoever doesn't within this no longer does: half of [`MAX_UNSENT_WIDE`], at the same pace.
const SLOW: Duration = Duration::from_millis(160);

/// What is left for those who read fast, of all threads: the kernel's memory is one. A clone shares it.
#[derive(Clone, Debug)]
pub(super) struct Headroom(Arc<Semaphore>);

impl Default for Headroom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_WIDE)))
    }
}

/// What one connection has of it.
struct Share {
    _permit: OwnedSemaphorePermit,
    /// It reads slowly now: what the kernel took before still counts, until it takes something by the narrow limit.
    is_over: bool,
}

/// What the kernel takes for one connection.
pub(super) struct Room {
    all: Headroom,
    share: Option<Share>,
    waits_since: Option<Instant>,
}

impl Room {
    pub(super) fn new(all: Headroom) -> Self {
        Self { all, share: None, waits_since: None }
    }

    /// The kernel takes nothing at the moment.
    pub(super) fn filled(&mut self) {
        self.waits_since.get_or_insert_with(Instant::now);
    }

    /// The kernel says that it takes something again, or did all the time.
    pub(super) fn freed(&mut self, socket: BorrowedFd<'_>) {
        if let Some(since) = self.waits_since.take() {
            self.adapt(since.elapsed(), socket);
        }
    }

    /// What the client shows by having made room after `waited`.
    fn adapt(&mut self, waited: Duration, socket: BorrowedFd<'_>) {
        match &mut self.share {
            None if waited <= QUICK => {
                let permit = self.all.0.clone().try_acquire_owned().ok();
                let share = permit.map(|_permit| Share { _permit, is_over: false });
                self.share = share.filter(|_| set(socket, MAX_UNSENT_WIDE));
            }
            Some(share) if waited > SLOW && !share.is_over => share.is_over = set(socket, MAX_UNSENT),
            _ => {}
        }
    }

    /// The kernel took something by the limit of this moment.
    pub(super) fn took(&mut self) {
        self.share.take_if(|share| share.is_over);
    }

    /// All answers are out: whether the kernel holds so much of them that the room can't be another's yet.
    pub(super) fn is_held_at_the_end(&self, socket: BorrowedFd<'_>) -> bool {
        self.share.is_some() && set(socket, MAX_UNSENT) && !has_room(socket)
    }
}

/// Whether that could be done; if not, all goes on as it was.
fn set(socket: BorrowedFd<'_>, limit: u32) -> bool {
    match set_unsent(socket, limit) {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!("a connection keeps the room that it has: {error}");
            false
        }
    }
}

/// Sets how much may lie in the kernel that is not on its way yet (tcp(7), `TCP_NOTSENT_LOWAT`).
#[cfg(target_os = "linux")]
pub(super) fn set_unsent(socket: impl AsFd, limit: u32) -> io::Result<()> {
    socket2::SockRef::from(&socket.as_fd()).set_tcp_notsent_lowat(limit)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn set_unsent(_: impl AsFd, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn has_room(socket: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
    // What can't be asked is not waited for.
    poll(&mut polled, Some(&Timespec::default())).map_or(true, |ready| ready > 0)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use socket2::SockRef;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        set_unsent(&server, MAX_UNSENT).unwrap();
        (server, client)
    }

    fn limit(socket: &TcpStream) -> u32 {
        SockRef::from(socket).tcp_notsent_lowat().unwrap()
    }

    #[test]
    fn only_who_reads_fast_has_more_and_only_as_long() {
        let all = Headroom::default();
        let (socket, _client) = pair();
        let mut room = Room::new(all.clone());
        room.adapt(QUICK + Duration::from_millis(1), socket.as_fd());
        assert_eq!((limit(&socket), all.0.available_permits()), (MAX_UNSENT, MAX_WIDE));
        room.adapt(QUICK, socket.as_fd());
        assert_eq!((limit(&socket), all.0.available_permits()), (MAX_UNSENT_WIDE, MAX_WIDE - 1));
        room.took();
        room.adapt(SLOW, socket.as_fd());
        assert_eq!((limit(&socket), all.0.available_permits()), (MAX_UNSENT_WIDE, MAX_WIDE - 1));
        room.adapt(SLOW + Duration::from_millis(1), socket.as_fd());
        assert_eq!((limit(&socket), all.0.available_permits()), (MAX_UNSENT, MAX_WIDE - 1));
        room.took();
        assert_eq!((limit(&socket), all.0.available_permits()), (MAX_UNSENT, MAX_WIDE));
    }

    #[test]
    fn there_is_room_for_so_many_and_then_for_the_next() {
        let all = Headroom::default();
        let mut connections: Vec<_> = (0..=MAX_WIDE).map(|_| (Room::new(all.clone()), pair())).collect();
        for (room, (socket, _)) in &mut connections {
            room.adapt(Duration::ZERO, socket.as_fd());
        }
        let wide = |connections: &[(Room, (TcpStream, TcpStream))]| -> Vec<bool> {
            connections.iter().map(|(_, (socket, _))| limit(socket) == MAX_UNSENT_WIDE).collect()
        };
        assert_eq!(wide(&connections), [vec![true; MAX_WIDE], vec![false]].concat());
        connections.remove(0);
        let (room, (socket, _)) = connections.last_mut().unwrap();
        room.adapt(Duration::ZERO, socket.as_fd());
        assert_eq!(wide(&connections), [true; MAX_WIDE]);
    }

    /// What lies in the kernel for a connection that ends counts until the client has read it.
    #[test]
    fn room_is_held_until_it_is_read() {
        let (mut socket, mut client) = pair();
        let mut room = Room::new(Headroom::default());
        room.adapt(Duration::ZERO, socket.as_fd());
        assert!(!room.is_held_at_the_end(socket.as_fd()));
        set_unsent(&socket, MAX_UNSENT_WIDE).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(count) = socket.write(&[0; 64 * 1024]) {
            written += count;
        }
        assert!(room.is_held_at_the_end(socket.as_fd()));
        client.read_exact(&mut vec![0; written]).unwrap();
        assert!(!room.is_held_at_the_end(socket.as_fd()));
    }
}
