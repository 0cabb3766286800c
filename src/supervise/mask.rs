//! Signals that wait: the one file of galley's with `unsafe`.
//!
//! execve(2) forgets handlers. A SIGTERM that comes before the new program has set its own would end a process, and be lost on
//! the first process of a container, which would then be killed ten seconds later. A blocked signal waits, and execve(2) keeps
//! the mask. Neither the standard library nor rustix can block signals in safe code.

#![allow(unsafe_code, reason = "there is no safe call for pthread_sigmask(3)")]

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Those that the supervisor listens to.
const SIGNALS: [libc::c_int; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGCHLD];

/// Lets signals wait from now on. The supervisor has one thread, so its mask is the process's.
pub(super) fn block() -> io::Result<()> {
    change(libc::SIG_BLOCK)
}

/// Lets in those that waited.
pub(super) fn unblock() -> io::Result<()> {
    change(libc::SIG_UNBLOCK)
}

fn change(how: libc::c_int) -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset(3) initializes the set that it is given; sigaddset(3) and pthread_sigmask(3) read and write nothing but
    // that set, which lives until the end of this function, and a null pointer says that the old mask is not wanted.
    let result = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in SIGNALS {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(how, set.as_ptr(), ptr::null_mut())
    };
    // pthread_sigmask(3) returns the error instead of setting errno.
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}
