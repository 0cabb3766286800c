//! A line to a registry that is cut once so many bytes have gone over it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the line has still to carry before it is cut, and what it has carried back.
#[derive(Default)]
struct State {
    /// 0 is never.
    left: AtomicU64,
    back: AtomicU64,
}

/// Forwards connections.
pub(super) struct Line {
    /// Where it begins.
    pub(super) address: String,
    state: Arc<State>,
}

impl Line {
    pub(super) fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (state, target) = (Arc::<State>::default(), target.to_owned());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&target).unwrap());
                let ways = [(client.try_clone().unwrap(), server.try_clone().unwrap(), false), (server, client, true)];
                for (from, to, back) in ways {
                    let state = Arc::clone(&shared);
                    std::thread::spawn(move || forward(from, to, back, &state));
                }
            }
        });
        Self { address, state }
    }

    /// Cuts, once, the connection over which the last of so many bytes goes, in either direction.
    pub(super) fn cut_after(&self, bytes: u64) {
        self.state.back.store(0, Ordering::SeqCst);
        self.state.left.store(bytes, Ordering::SeqCst);
    }

    /// Bytes until the next cut; 0 if it has been.
    pub(super) fn cuts_left(&self) -> u64 {
        self.state.left.load(Ordering::SeqCst)
    }

    /// Bytes that went from the registry since the last cut was asked for.
    pub(super) fn sent_back(&self) -> u64 {
        self.state.back.load(Ordering::SeqCst)
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, back: bool, state: &State) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let before = state
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(length as u64)));
        let before = before.unwrap_or(0);
        if before > 0 && before <= length as u64 {
            // Both ends see it.
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
        if back {
            state.back.fetch_add(length as u64, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
