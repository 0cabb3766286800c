//! The thread that turns changes into sites.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::builder::{Builder, Built, Failed};
use super::stage::Stage;
use super::watch::{Signal, Watch};
use crate::finding::Finding;
use crate::site::Changes;

/// How long pages have to follow before a pass is put in order.
const PAUSE: Duration = Duration::from_millis(150);

/// What came of one change, for the terminal.
#[derive(Debug)]
pub enum Round {
    /// The site is shown as it is now.
    Shown {
        /// Files that changed; `None` if that is not known.
        changed: Option<usize>,
        /// Pages that are other ones than before.
        pages: usize,
        /// Other such files.
        others: usize,
        /// Warnings that were not there before.
        warnings: Vec<Finding>,
        /// Whether it could not be shown before.
        mended: bool,
        /// From the first news of the change to the site's being there.
        took: Duration,
    },
    /// It can't be shown; what was shown before stays.
    Failed {
        /// All that is wrong.
        findings: Vec<Finding>,
    },
}

/// Ends [`run`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(pub(super) Sender<Signal>);

impl Stop {
    /// Asks the thread to end after what it is doing.
    pub fn stop(&self) {
        // If it has ended already, nobody is there to hear it.
        let _ = self.0.send(Signal::Stop);
    }
}

/// Renders the site, and again after each change that `watch` hears of, until it is stopped; `report` is told each time.
pub fn run(mut builder: Builder, mut watch: Watch, stage: &Stage, mut report: impl FnMut(Round)) {
    let (mut warned, mut broken) = (Vec::new(), false);
    let (mut changes, mut started) = (Changes::All, Instant::now());
    loop {
        match builder.pass(&changes) {
            Ok(Built { shown, warnings, pages, others, rest }) => {
                let old = stage.show(shown);
                let new = warnings.iter().filter(|warning| !warned.contains(*warning)).cloned().collect();
                let mended = std::mem::replace(&mut broken, false);
                let changed = if let Changes::Files(files) = &changes { Some(files.len()) } else { None };
                report(Round::Shown { changed, pages, others, warnings: new, mended, took: started.elapsed() });
                warned = warnings;
                // Until then the browsers that load the page anew need the machine more.
                watch.pause(PAUSE);
                drop(old);
                builder.settle(rest);
            }
            Err(Failed { findings, problems, .. }) => {
                stage.fail(problems);
                broken = true;
                report(Round::Failed { findings });
            }
        }
        watch.include(builder.included());
        match watch.next(builder.kept(), broken) {
            Some((next, at)) => (changes, started) = (next, at),
            None => return,
        }
    }
}
