//! What is shown at the moment: the last good site, and what is wrong with the present one.

use std::sync::Arc;

use tokio::sync::watch;

use super::problem::Problem;
use super::version::Kinds;
use crate::snapshot::Snapshot;

/// What the preview shows from one change to the next.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last good site, if there has been one.
    pub(super) shown: Option<Shown>,
    /// What is wrong with the site as it is now.
    pub(super) problems: Arc<[Problem]>,
    /// Whether the preview ends.
    pub(super) ends: bool,
}

/// A site that was rendered.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) kinds: Kinds,
}

/// Where the builder puts states and requests read them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stage {
    state: Arc<watch::Sender<Arc<State>>>,
    /// Tells this run of the program from others: pages of another run reload.
    run: u128,
}

impl Stage {
    /// An empty stage of the run that is told from others by `run`.
    pub fn new(run: u128) -> Self {
        Self { state: Arc::new(watch::Sender::default()), run }
    }

    pub(super) fn run(&self) -> u128 {
        self.run
    }

    /// The state of this moment.
    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    /// Hears of each further state; of some in between it may not.
    pub(super) fn listen(&self) -> watch::Receiver<Arc<State>> {
        self.state.subscribe()
    }

    /// Shows a good site. What was shown before is returned, to be dropped where nobody waits.
    pub(super) fn show(&self, shown: Shown) -> Arc<State> {
        self.change(|state| State { shown: Some(shown), problems: Arc::default(), ends: state.ends })
    }

    /// Says what is wrong; the last good site stays.
    pub(super) fn fail(&self, problems: Vec<Problem>) {
        self.change(|state| State { shown: state.shown.clone(), problems: problems.into(), ends: state.ends });
    }

    /// Ends the answers that would go on as long as the preview does, whatever comes of a pass that is on its way.
    pub fn close(&self) {
        self.change(|state| {
            let (shown, problems) = (state.shown.clone(), Arc::clone(&state.problems));
            State { shown, problems, ends: true }
        });
    }

    /// The builder and the signal to end come from two threads: nothing that one said is lost by the other.
    fn change(&self, next: impl FnOnce(&State) -> State) -> Arc<State> {
        let mut old = Arc::default();
        self.state.send_modify(|state| {
            let next = Arc::new(next(state));
            old = std::mem::replace(state, next);
        });
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Tree, freeze};

    #[test]
    fn a_pass_that_is_over_after_the_end_was_asked_for_does_not_undo_it() {
        let stage = Stage::new(1);
        stage.close();
        let snapshot = Arc::new(freeze(&Tree::new(), None).unwrap());
        stage.show(Shown { snapshot, kinds: Kinds::default() });
        assert!(stage.state().ends && stage.state().shown.is_some());
        stage.fail(Vec::new());
        assert!(stage.state().ends && stage.state().shown.is_some());
    }
}
