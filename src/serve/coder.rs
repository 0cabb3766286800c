//! Makes the codings that a deployment lacks, off the request path, and adds them to it.
//!
//! A snapshot is served as soon as it is there: as it is, and in the codings that were kept. The others take 20 ms a page, so
//! one thread of low priority makes them, the ones that bring most first, and installs what it has now and then.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::deployment::Deployment;
use super::priority::{Background, give_way};
use crate::snapshot::{Coding, Codings, ContentRoot, Digest, Held, Made, Snapshot};

/// What was made is installed this often: a table of a thousand paths takes half a millisecond.
const INSTALL_EVERY: Duration = Duration::from_secs(5);
/// While a coding is being made, a stop or other content is noticed within this time.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After this long without work the memory that it took is given back; the allocator keeps it for a second.
const SETTLE: Duration = Duration::from_millis(1500);

/// Codings are kept again when this part of them is new: all are written at once, and cards wear out.
const WORTH_KEEPING: u64 = 8;

/// Keeps the codings of the content that has this root.
pub type WriteCodings = Box<dyn Fn(ContentRoot, &[u8]) + Send>;

/// How codings outlive the process.
pub struct Keep {
    /// Gives those that were kept, where they need not be there at once.
    pub read: Box<dyn FnOnce() -> Option<Codings> + Send>,
    /// Keeps those of the content that has this root: what [`Codings::from_bytes`] reads.
    pub write: WriteCodings,
    /// Whether the last few are kept at the end.
    pub at_end: bool,
}

impl Default for Keep {
    /// They end with it.
    fn default() -> Self {
        Self { read: Box::new(|| None), write: Box::new(|_, _| {}), at_end: false }
    }
}

/// The thread that makes codings. Dropped, it keeps what there is and ends.
pub struct Coder {
    deployment: Arc<Deployment>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Coder {
    /// Starts making what `deployment` lacks, now and after each swap. `codings` are known already; when a coding of all resources
    /// is there, all go to `keep`.
    pub fn start(deployment: Arc<Deployment>, codings: Codings, keep: Keep) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (of_worker, heard) = (Arc::clone(&deployment), Arc::clone(&stop));
        let mut worker = Worker { deployment: of_worker, codings, keep, stop: heard, unkept: 0, told: false };
        let thread = std::thread::Builder::new().name("codings".to_owned()).spawn(move || worker.run())?;
        Ok(Self { deployment, stop, thread: Some(thread) })
    }
}

impl Drop for Coder {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.deployment.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that makes codings panicked; please report it");
        }
    }
}

struct Worker {
    deployment: Arc<Deployment>,
    codings: Codings,
    keep: Keep,
    stop: Arc<AtomicBool>,
    /// The bytes of what was made since the last time that codings were kept.
    unkept: u64,
    /// Whether it was said what all codings take.
    told: bool,
}

/// What was freed goes back to the system when a thread ends: the allocator looks for it then, and otherwise only while somebody
/// allocates. An instance that has nothing to do would keep for ever what its start took: some 60 MB at 1,000 posts.
fn give_back_memory() {
    let ended = std::thread::Builder::new().spawn(|| drop(black_box(vec![0u8; 64]))).map(JoinHandle::join);
    if let Err(error) = ended {
        tracing::debug!("memory that was freed is kept: {error}");
    }
}

/// Whether a pass over a snapshot came to its end.
#[derive(PartialEq)]
enum Pass {
    Done,
    /// The process stops, or other content was installed.
    Overtaken,
}

impl Worker {
    fn run(&mut self) {
        give_way(Background::Idle);
        let read = std::mem::replace(&mut self.keep.read, Box::new(|| None));
        if let Some(codings) = read() {
            self.codings = codings;
        }
        let mut seen = 0;
        while !self.is_stopped() {
            let idle = |timeout| self.deployment.wait(seen, timeout, || self.is_stopped());
            seen = match idle(Some(SETTLE)) {
                same if same == seen => {
                    give_back_memory();
                    idle(None)
                }
                next => next,
            };
            if self.is_stopped() {
                break;
            }
            // In a thread that ends with the work and takes its free memory along.
            let worker = &mut *self;
            let worked = std::thread::scope(|scope| scope.spawn(|| worker.passes()).join());
            worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        if self.keep.at_end && self.unkept > 0 {
            self.keep(&self.deployment.current());
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Makes all codings of what is served.
    fn passes(&mut self) {
        let snapshot = self.deployment.current();
        self.codings.retain(&snapshot);
        // What is known of it already, and what lies elsewhere now; it may be that nothing is missing.
        self.install();
        let done = Coding::MADE.into_iter().all(|coding| self.pass(&snapshot, coding) == Pass::Done);
        if done && !self.is_stopped() {
            let held = self.deployment.current().held().map(|(coding, bytes)| format!("{bytes} {}", coding.name()));
            let held = held.join(", ");
            // Once a start; what is served later is in the metrics.
            match std::mem::replace(&mut self.told, true) {
                false => tracing::info!("all codings are made; bytes in memory: {held}"),
                true => tracing::debug!("all codings are made; bytes in memory: {held}"),
            }
        }
    }

    /// Makes one coding of all resources of `snapshot`, in a thread of its own: what is kept lies apart from the holes that
    /// making it leaves, and a stop need not wait for a coding that takes seconds.
    fn pass(&mut self, snapshot: &Snapshot, coding: Coding) -> Pass {
        let missing: Vec<(Digest, Held)> = snapshot
            .all_resources()
            .filter_map(|resource| Some((resource.digest(), resource.to_code()?.clone())))
            .filter(|(digest, _)| self.codings.get(*digest, coding).is_none())
            .collect();
        if missing.is_empty() {
            return Pass::Done;
        }
        // One coding waits at most: what nobody will take is not made.
        let (sender, receiver) = mpsc::sync_channel(1);
        let maker = std::thread::spawn(move || {
            for (digest, held) in missing {
                let bytes = match held.bytes() {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        tracing::warn!("a body in memory can't be read, it is served uncoded: {error}");
                        continue;
                    }
                };
                if sender.send(Codings::make(digest, coding, &bytes)).is_err() {
                    return;
                }
            }
        });
        let pass = self.take(&receiver, snapshot);
        if pass == Pass::Done
            && let Err(panic) = maker.join()
        {
            std::panic::resume_unwind(panic);
        }
        pass
    }

    /// Keeps and installs what comes, until nothing more does.
    fn take(&mut self, made: &Receiver<Made>, snapshot: &Snapshot) -> Pass {
        let mut installed = Instant::now();
        loop {
            let next = made.recv_timeout(LOOK_EVERY);
            if self.is_stopped() || !self.deployment.is(snapshot.root()) {
                return Pass::Overtaken;
            }
            match next {
                Ok(made) => {
                    self.codings.keep(&made);
                    // Also that nothing is saved is worth knowing.
                    self.unkept += made.length().max(1);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if installed.elapsed() >= INSTALL_EVERY {
                self.install();
                installed = Instant::now();
            }
        }
        self.install();
        if self.unkept * WORTH_KEEPING >= self.codings.length() {
            self.keep(snapshot);
        }
        Pass::Done
    }

    fn install(&self) {
        self.deployment.complete(self.deployment.current().with(&self.codings));
    }

    fn keep(&mut self, snapshot: &Snapshot) {
        self.unkept = 0;
        (self.keep.write)(snapshot.root(), &self.codings.of(snapshot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    use crate::snapshot::{Entry, Tree, TreePath, freeze};

    /// Other rules make other answers of the same bytes, and no coding of them is missing.
    #[test]
    fn content_whose_codings_are_all_known_is_given_them() {
        let tree = |rules: &'static str| {
            let mut tree = Tree::new();
            for (path, text) in [("a.txt", "words ".repeat(100)), ("_headers", rules.to_owned())] {
                tree.insert(TreePath::new(path).unwrap(), Entry::new(Bytes::from(text), None)).unwrap();
            }
            tree
        };
        let deployment = Arc::new(Deployment::new(freeze(&tree("/*\n  X-A: 1\n"), None).unwrap()));
        let _coder = Coder::start(Arc::clone(&deployment), Codings::default(), Keep::default()).unwrap();
        let until_coded = || {
            let started = Instant::now();
            while deployment.current().held().iter().any(|(_, bytes)| *bytes == 0) {
                assert!(started.elapsed() < Duration::from_secs(30));
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        until_coded();
        deployment.install(freeze(&tree("/*\n  X-A: 2\n"), Some(&deployment.current())).unwrap());
        until_coded();
    }
}
