//! The thread that turns changes into sites.

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::builder::{Builder, Built, Failed};
use super::stage::Stage;
use super::watch::{Signal, Watch};
use crate::finding::Finding;
use crate::site::Changes;

/// How long pages have to follow before a pass is put in order.
const PAUSE: Duration = Duration::from_millis(150);

/// Passes in a row that are not shown because files changed beneath them.
const MOST_UNSHOWN: usize = 2;

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

/// What has come about since something was last shown.
struct News {
    /// Files that changed; `None` if that is not known.
    changed: Option<BTreeSet<String>>,
    pages: usize,
    others: usize,
    began: Instant,
}

impl News {
    fn of(changes: &Changes, began: Instant) -> Self {
        let changed = if let Changes::Files(files) = changes { Some(files.clone()) } else { None };
        Self { changed, pages: 0, others: 0, began }
    }

    fn shown(&self, warnings: Vec<Finding>, mended: bool) -> Round {
        let changed = self.changed.as_ref().map(BTreeSet::len);
        Round::Shown { changed, pages: self.pages, others: self.others, warnings, mended, took: self.began.elapsed() }
    }

    /// With what came after.
    fn and(self, changes: &Changes) -> Self {
        let changed = match (self.changed, changes) {
            (Some(changed), Changes::Files(files)) => Some(&changed | files),
            _ => None,
        };
        Self { changed, ..self }
    }
}

/// Renders the site, and again after each change that `watch` hears of, until it is stopped; `report` is told each time.
///
/// What a pass made while files were being saved is not shown: it may be of a state that nobody meant. Where that does not
/// end, what there is is shown after a few of them.
pub fn run(mut builder: Builder, mut watch: Watch, stage: &Stage, mut report: impl FnMut(Round)) {
    let (mut warned, mut broken) = (Vec::new(), false);
    let mut changes = Changes::All;
    let mut news = News::of(&changes, Instant::now());
    // There is nothing yet that could be shown instead of the first.
    let mut unshown = MOST_UNSHOWN;
    loop {
        let result = builder.pass(&changes);
        let is_shown = unshown == MOST_UNSHOWN || watch.is_still(broken);
        unshown = if is_shown { 0 } else { unshown + 1 };
        match result {
            Ok(Built { shown, warnings, pages, others, rest }) => {
                (news.pages, news.others) = (news.pages + pages, news.others + others);
                if is_shown {
                    let old = stage.show(shown);
                    let new = warnings.iter().filter(|warning| !warned.contains(*warning)).cloned().collect();
                    report(news.shown(new, std::mem::replace(&mut broken, false)));
                    warned = warnings;
                    // Until then the browsers that load the page anew need the machine more.
                    watch.pause(PAUSE);
                    drop(old);
                }
                builder.settle(rest);
            }
            Err(Failed { findings, problems, .. }) if is_shown => {
                stage.fail(problems);
                broken = true;
                report(Round::Failed { findings });
            }
            Err(_) => {}
        }
        watch.include(builder.included());
        let Some((next, began)) = watch.next(builder.kept(), broken) else { return };
        news = if is_shown { News::of(&next, began) } else { news.and(&next) };
        changes = next;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::channel;

    use super::super::builder::Load;
    use super::*;
    use crate::render::Memory;
    use crate::site::Options;
    use crate::site::load_again;
    use crate::snapshot::Lookup;

    const PAGE: &str = "content/a.md";

    fn page(word: &str) -> String {
        format!("---\ntitle: A\n---\n{word} text.\n")
    }

    /// Whether the page says `word`.
    fn says(stage: &Stage, word: &str) -> bool {
        let state = stage.state();
        let Lookup::Found(page) = state.shown.as_ref().unwrap().snapshot.lookup("/a/") else { panic!("no page") };
        let html = page.representations[0].body.bytes().unwrap();
        String::from_utf8_lossy(html).contains(&format!("{word} text."))
    }

    /// The second reading finds a page half saved; the rest comes when it has been read.
    #[test]
    fn a_state_in_between_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("content")).unwrap();
        let file = folder.path().join(PAGE);
        fs::write(&file, page("First")).unwrap();
        let (read, saved, mut readings) = (folder.path().to_path_buf(), file.clone(), 0);
        let load: Load = Box::new(move |kept, changes| {
            readings += 1;
            if readings == 2 {
                fs::write(&saved, page("Half")).unwrap();
            }
            let options = Options { drafts: true, future: true, now: Default::default(), revision: None };
            let site = load_again(&read, &options, kept, changes);
            if readings == 2 {
                fs::write(&saved, page("Whole")).unwrap();
            }
            site
        });
        let builder = Builder::new(folder.path(), load, Memory::in_process(None));
        let watch = Watch::new(folder.path()).unwrap();
        let (stage, stop) = (Stage::new(1), watch.stopper());
        let (sender, rounds) = channel();
        std::thread::scope(|scope| {
            let shown = &stage;
            scope
                .spawn(move || run(builder, watch, shown, |round| sender.send((round, says(shown, "Whole"))).unwrap()));
            let next = || rounds.recv_timeout(Duration::from_secs(30));
            let first = next();
            fs::write(&file, page("Begun")).unwrap();
            let second = next();
            stop.stop();
            assert!(matches!(first, Ok((Round::Shown { .. }, false))), "{first:?}");
            assert!(matches!(second, Ok((Round::Shown { changed: Some(1), .. }, true))), "{second:?}");
        });
    }
}
