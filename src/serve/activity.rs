//! What a connection is doing, and since when: the timers of the accept loop.
//!
//! hyper's own header timeout cuts idle keep-alive connections as well and begins only after a first byte, and a timer of
//! the system for each connection costs more than the requests on it. So stream and service note here what happens, and
//! one sweep a thread looks at all notes now and then. Everything on a connection stays on one thread: cells are enough.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::limits::Limits;

/// Stands for "not now" in the notes below.
const NEVER: u32 = u32::MAX;
/// Between two sweeps at most; a shorter limit makes them more frequent.
const LONGEST_PERIOD: Duration = Duration::from_secs(1);
const SHORTEST_PERIOD: Duration = Duration::from_millis(10);
/// Sweeps within the shortest limit.
const SWEEPS_A_LIMIT: u32 = 8;

/// How far a connection is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leaving {
    /// It stays.
    No,
    /// The next answer is its last one; HTTP/2 takes no new requests.
    AfterAnswer,
    /// It ends as soon as no answer is open, in its protocol's own way.
    WhenIdle,
    /// It ends now, unless an answer is open.
    UnlessAnswering,
    /// It is cut where it stands.
    Cut,
}

/// The limits in sweeps, and the sweep of this moment.
#[derive(Debug)]
struct Clock {
    now: Cell<u32>,
    /// Answers are counted by the span that they begin in; spans are as long as an answer may take.
    span: Cell<u32>,
    started: Instant,
    period: Duration,
    head: u32,
    idle: u32,
    write_stall: u32,
    answer: u32,
}

impl Clock {
    fn new(limits: &Limits) -> Self {
        let shortest = limits.head.min(limits.idle).min(limits.write_stall).min(limits.answer);
        let period = (shortest / SWEEPS_A_LIMIT).clamp(SHORTEST_PERIOD, LONGEST_PERIOD);
        // One more, because what is noted may have happened at any time since the last sweep: never too early.
        let sweeps = |limit: Duration| sweeps(limit, period).saturating_add(1);
        Self {
            now: Cell::new(0),
            span: Cell::new(0),
            started: Instant::now(),
            period,
            head: sweeps(limits.head),
            idle: sweeps(limits.idle),
            write_stall: sweeps(limits.write_stall),
            answer: sweeps(limits.answer),
        }
    }

    /// Goes to this moment by the real time: a thread that was kept from sweeping does not prolong the limits. Whether a
    /// span began.
    fn tick(&self) -> bool {
        self.now.set(sweeps(self.started.elapsed(), self.period));
        let span = self.now.get() / self.answer;
        self.span.replace(span) != span
    }
}

fn sweeps(time: Duration, period: Duration) -> u32 {
    u32::try_from(time.as_nanos() / period.as_nanos()).unwrap_or(NEVER - 1)
}

/// The notes on one connection, in sweeps of its thread.
pub(super) struct Notes {
    clock: Rc<Clock>,
    /// Where it stands in the list of the sweep.
    place: Cell<usize>,
    /// Since when a request's head is awaited or incomplete.
    head_since: Cell<u32>,
    /// Bytes that came while an answer was open: the next request's, if nothing begins one by the time the answer ends.
    early_since: Cell<u32>,
    /// The last time that bytes of an answer went out, or an answer began or ended.
    progress: Cell<u32>,
    /// Since when the client takes no bytes.
    blocked_since: Cell<u32>,
    /// Since when it is asked to leave because nothing happens on it.
    idle_since: Cell<u32>,
    /// Answers not finished yet, those that began in even spans and those of odd ones.
    open: [Cell<u32>; 2],
    /// What comes while the answer is open is the request's own body, or follows it in one piece.
    takes_body: Cell<bool>,
    /// HTTP/2: bytes between requests are no head of one.
    multiplexed: Cell<bool>,
    /// The answers' direction has been ended; what the client still sends is read and thrown away.
    ending: Cell<bool>,
    leaving: Cell<Leaving>,
    task: RefCell<Option<Waker>>,
}

impl Notes {
    fn new(clock: &Rc<Clock>, place: usize, leaving: Leaving) -> Self {
        let now = clock.now.get();
        Self {
            clock: Rc::clone(clock),
            place: Cell::new(place),
            head_since: Cell::new(now),
            early_since: Cell::new(NEVER),
            progress: Cell::new(now),
            blocked_since: Cell::new(NEVER),
            idle_since: Cell::new(NEVER),
            open: [Cell::new(0), Cell::new(0)],
            takes_body: Cell::new(false),
            multiplexed: Cell::new(false),
            ending: Cell::new(false),
            leaving: Cell::new(leaving),
            task: RefCell::new(None),
        }
    }

    pub(super) fn read_some(&self) {
        if self.multiplexed.get() || self.takes_body.get() && self.open() > 0 {
            return;
        }
        let since = if self.open() == 0 { &self.head_since } else { &self.early_since };
        if since.get() == NEVER {
            since.set(self.clock.now.get());
        }
    }

    pub(super) fn wrote_some(&self) {
        self.blocked_since.set(NEVER);
    }

    pub(super) fn blocked(&self) {
        if self.blocked_since.get() == NEVER {
            self.blocked_since.set(self.clock.now.get());
        }
    }

    /// Whether the client takes nothing at the moment.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since.get() != NEVER
    }

    /// From now on requests come as streams of HTTP/2. The first one has the head's limit; from then on nothing is known of
    /// heads that are incomplete, and the connection is idle with them.
    pub(super) fn multiplexes(&self) {
        self.multiplexed.set(true);
    }

    /// The last answer is out.
    pub(super) fn ends(&self) {
        self.ending.set(true);
    }

    /// A request's head is here, and its answer begins.
    pub(super) fn begin(self: &Rc<Self>, takes_body: bool) -> Open {
        self.takes_body.set(takes_body);
        let parity = (self.clock.span.get() & 1) as usize;
        self.open[parity].set(self.open[parity].get() + 1);
        self.head_since.set(NEVER);
        self.early_since.set(NEVER);
        self.progress.set(self.clock.now.get());
        Open { notes: Rc::clone(self), parity }
    }

    pub(super) fn open(&self) -> u32 {
        self.open[0].get() + self.open[1].get()
    }

    /// Whether something of an answer is still to go out.
    fn is_answering(&self) -> bool {
        self.open() > 0 || self.is_blocked()
    }

    pub(super) fn leaving(&self) -> Leaving {
        self.leaving.get()
    }

    /// Whether there is nothing to wait for any more: it was cut, or it is to leave and has no answer open. One that ends in
    /// good order is left to it, or the client would lose its last answer.
    pub(super) fn is_over(&self) -> bool {
        match self.leaving() {
            Leaving::Cut => true,
            Leaving::UnlessAnswering => !self.is_answering() && !self.ending.get(),
            Leaving::No | Leaving::AfterAnswer | Leaving::WhenIdle => false,
        }
    }

    /// Remembers the connection's task, to wake it when it is to leave.
    pub(super) fn remember(&self, context: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *task = Some(context.waker().clone());
        }
    }

    fn leave(&self, how: Leaving) {
        if self.leaving.get() < how {
            self.leaving.set(how);
            if let Some(task) = &*self.task.borrow() {
                task.wake_by_ref();
            }
        }
    }

    /// Looks whether a limit is exceeded.
    fn look(&self, span_is_new: bool) {
        let clock = &self.clock;
        let now = clock.now.get();
        let exceeded = |since: u32, limit: u32| since != NEVER && now - since >= limit;
        // A span begins: what is still open of the last but one has its parity.
        let too_long = span_is_new && self.open[(clock.span.get() & 1) as usize].get() > 0;
        if too_long
            || exceeded(self.blocked_since.get(), clock.write_stall)
            || self.open() == 0 && exceeded(self.head_since.get(), clock.head)
            || exceeded(self.idle_since.get(), clock.head)
        {
            self.leave(Leaving::Cut);
        } else if self.head_since.get() == NEVER && exceeded(self.progress.get(), clock.idle) {
            if self.open() > 0 {
                // Its window of HTTP/2 is closed, or a route is silent.
                self.leave(Leaving::Cut);
            } else if self.idle_since.get() == NEVER {
                self.idle_since.set(now);
                self.leave(Leaving::WhenIdle);
            }
        }
    }
}

/// An answer that is not finished.
pub(super) struct Open {
    notes: Rc<Notes>,
    parity: usize,
}

impl Open {
    /// Bytes of it went out.
    pub(super) fn progress(&self) {
        self.notes.progress.set(self.notes.clock.now.get());
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let notes = &self.notes;
        let open = &notes.open[self.parity];
        open.set(open.get() - 1);
        notes.progress.set(notes.clock.now.get());
        if notes.open() == 0 {
            notes.head_since.set(notes.early_since.replace(NEVER));
        }
    }
}

/// All connections of a thread.
pub(super) struct Connections {
    clock: Rc<Clock>,
    notes: RefCell<Vec<Rc<Notes>>>,
    /// What new connections are told.
    leaving: Cell<Leaving>,
    /// The first one came, or the last one went.
    changed: Notify,
}

impl Connections {
    pub(super) fn new(limits: &Limits) -> Rc<Self> {
        Rc::new(Self {
            clock: Rc::new(Clock::new(limits)),
            notes: RefCell::default(),
            leaving: Cell::new(Leaving::No),
            changed: Notify::new(),
        })
    }

    /// A new connection; it is on the list until the guard is dropped.
    pub(super) fn enter(self: &Rc<Self>) -> Entered {
        let mut all = self.notes.borrow_mut();
        if all.is_empty() {
            // The clock stood still as long as nobody was there, and what is noted now would seem to be that old. A span that
            // begins here has nothing of an earlier one in it.
            self.clock.tick();
        }
        let notes = Rc::new(Notes::new(&self.clock, all.len(), self.leaving.get()));
        all.push(Rc::clone(&notes));
        if all.len() == 1 {
            self.changed.notify_waiters();
        }
        Entered { connections: Rc::clone(self), notes }
    }

    fn is_empty(&self) -> bool {
        self.notes.borrow().is_empty()
    }

    /// Tells all connections, and those that come later.
    pub(super) fn leave(&self, how: Leaving) {
        self.leaving.set(how);
        self.notes.borrow().iter().for_each(|notes| notes.leave(how));
    }

    /// Whether something of an answer is still to go out.
    pub(super) fn are_answering(&self) -> bool {
        self.notes.borrow().iter().any(|notes| notes.is_answering())
    }

    /// Done when none is left.
    pub(super) async fn gone(&self) {
        while !self.is_empty() {
            self.changed.notified().await;
        }
    }

    /// Looks at all connections again and again; sleeps while there are none.
    pub(super) async fn sweep(&self) {
        loop {
            while self.is_empty() {
                self.changed.notified().await;
            }
            tokio::time::sleep(self.clock.period).await;
            let span_is_new = self.clock.tick();
            self.notes.borrow().iter().for_each(|notes| notes.look(span_is_new));
        }
    }
}

/// A connection that is on its thread's list.
pub(super) struct Entered {
    connections: Rc<Connections>,
    pub(super) notes: Rc<Notes>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut all = self.connections.notes.borrow_mut();
        let place = self.notes.place.get();
        all.swap_remove(place);
        if let Some(moved) = all.get(place) {
            moved.place.set(place);
        }
        if all.is_empty() {
            self.connections.changed.notify_waiters();
        }
    }
}
