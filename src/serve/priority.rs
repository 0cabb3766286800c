//! Work beside the answering of requests, which gives way to it.

/// How far work in the background gives way, nice(2).
#[derive(Clone, Copy, Debug)]
pub enum Background {
    /// What readers wait for: a new release. Under full load it still gets a quarter of what a thread that answers gets, so that it
    /// goes live in the same second.
    Awaited = 5,
    /// What can wait.
    Idle = 10,
}

/// Lets the calling thread give way to those that answer requests. On Linux a priority is a thread's own; where it can't be
/// lowered, the work is done all the same.
pub fn give_way(background: Background) {
    if let Err(error) = rustix::process::setpriority_process(None, background as i32) {
        tracing::debug!("work in the background does not give way to requests: {error}");
    }
}
