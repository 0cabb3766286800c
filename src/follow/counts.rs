//! What hooks and looks came to, counted for the metrics.

use crate::serve::{Counted, Counter};

/// The counters of one follower and of the hooks that ring for it. A clone counts into the same numbers.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Hooks that rang.
    pub(super) hooks_accepted: Counter,
    /// Hooks that spoke of something else.
    pub(super) hooks_passed_over: Counter,
    /// Hooks that came again.
    pub(super) hooks_repeated: Counter,
    /// Hooks with a wrong secret.
    pub(super) hooks_refused: Counter,
    /// Looks that brought a release.
    pub(super) looks_new: Counter,
    /// Looks that found what is there already.
    pub(super) looks_unchanged: Counter,
    /// Looks that failed; what was served is served on.
    pub(super) looks_failed: Counter,
    /// Notices that were taken.
    pub(super) notices_sent: Counter,
    /// Tries that failed and were followed by another one.
    pub(super) notices_retried: Counter,
    /// Notices that were given up.
    pub(super) notices_failed: Counter,
    /// Notices that gave way to newer ones.
    pub(super) notices_dropped: Counter,
}

impl Counts {
    /// The counters with their names.
    pub fn named(&self) -> Vec<Counted> {
        let hooks = vec![
            ("accepted", self.hooks_accepted.clone()),
            ("passed_over", self.hooks_passed_over.clone()),
            ("repeated", self.hooks_repeated.clone()),
            ("refused", self.hooks_refused.clone()),
        ];
        let looks = vec![
            ("new", self.looks_new.clone()),
            ("unchanged", self.looks_unchanged.clone()),
            ("failed", self.looks_failed.clone()),
        ];
        let notices = vec![
            ("sent", self.notices_sent.clone()),
            ("retried", self.notices_retried.clone()),
            ("failed", self.notices_failed.clone()),
            ("dropped", self.notices_dropped.clone()),
        ];
        vec![
            Counted { name: "hooks", help: "Webhooks received", label: "outcome", counters: hooks },
            Counted { name: "looks", help: "Looks at the followed reference", label: "outcome", counters: looks },
            Counted { name: "notices", help: "Notices to other programs", label: "outcome", counters: notices },
        ]
    }
}
