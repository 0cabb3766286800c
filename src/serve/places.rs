//! Which thread serves a connection: the one with the fewest.
//!
//! All threads wait at the same queue, and the first to wake would take a burst of connections as a whole; a socket for
//! each thread (SO_REUSEPORT) spreads them by lot, which of a proxy's four connections may put all on one core, and loses
//! what waits in it when it is closed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The threads, as one of them sees them.
pub(super) struct Places<T> {
    own: usize,
    all: Arc<[UnboundedSender<(T, Placed)>]>,
    counts: Arc<[AtomicUsize]>,
}

// Not derived: what is handed over need not be cloned.
impl<T> Clone for Places<T> {
    fn clone(&self) -> Self {
        Self { own: self.own, all: Arc::clone(&self.all), counts: Arc::clone(&self.counts) }
    }
}

impl<T> Places<T> {
    /// Places for so many threads: each gets its own with what others hand to it. That ends when all threads have dropped
    /// theirs.
    pub(super) fn new(count: usize) -> Vec<(Self, UnboundedReceiver<(T, Placed)>)> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| unbounded_channel()).unzip();
        let all: Arc<[_]> = senders.into();
        let counts: Arc<[AtomicUsize]> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        let place = |(own, receiver)| (Self { own, all: Arc::clone(&all), counts: Arc::clone(&counts) }, receiver);
        receivers.into_iter().enumerate().map(place).collect()
    }

    /// A place where the fewest are: on this thread if it is no worse, because handing over costs a wake-up.
    pub(super) fn find(&self) -> Placed {
        let count = |index: usize| self.counts[index].load(Relaxed);
        let best = (0..self.counts.len()).min_by_key(|index| (count(*index), *index != self.own)).unwrap_or(self.own);
        self.counts[best].fetch_add(1, Relaxed);
        Placed { index: best, counts: Arc::clone(&self.counts) }
    }

    /// Whether a place is on this thread.
    pub(super) fn is_here(&self, placed: &Placed) -> bool {
        placed.index == self.own
    }

    /// Hands a connection to the thread that its place is on.
    pub(super) fn hand_over(&self, connection: T, placed: Placed) -> io::Result<()> {
        let sent = self.all[placed.index].send((connection, placed));
        sent.map_err(|_| io::Error::other("the thread that should serve it is gone"))
    }
}

/// A connection's place on a thread, until it is dropped.
#[derive(Debug)]
pub(super) struct Placed {
    index: usize,
    counts: Arc<[AtomicUsize]>,
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.counts[self.index].fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_goes_where_the_fewest_are() {
        let mut threads = Places::new(3);
        let (first, _receiver) = threads.remove(0);
        let own = first.find();
        assert!(first.is_here(&own));
        for name in ["b", "c"] {
            let placed = first.find();
            assert!(!first.is_here(&placed));
            first.hand_over(name, placed).unwrap();
        }
        let received: Vec<_> = threads.iter_mut().map(|(_, receiver)| receiver.try_recv().unwrap()).collect();
        assert_eq!((received[0].0, received[1].0), ("b", "c"));
        // All have one: then it stays here.
        let second = first.find();
        assert!(first.is_here(&second));
        drop(received);
        assert!(!first.is_here(&first.find()));
        drop((own, second));
        assert!(first.is_here(&first.find()));
    }

    #[test]
    fn what_is_handed_over_ends_with_the_last_of_all_threads() {
        let mut threads = Places::<()>::new(2);
        let (second, mut receiver) = threads.pop().unwrap();
        drop(second);
        assert!(receiver.try_recv().is_err_and(|error| error == tokio::sync::mpsc::error::TryRecvError::Empty));
        drop(threads);
        assert!(receiver.try_recv().is_err_and(|error| error == tokio::sync::mpsc::error::TryRecvError::Disconnected));
    }
}
