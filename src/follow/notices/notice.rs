//! What is told: one thing that happened to one release.

use jiff::Timestamp;
use serde::Serialize;

use crate::follow::state::{Changes, Record};
use crate::snapshot::{ContentRoot, Digest};

/// Characters of an identifier: 128 bits, in hex.
const ID: usize = 32;
/// What a person reads is not longer, in characters: ntfy makes a file of what is longer than 4,096 bytes.
const MAX_TEXT: usize = 1000;

/// What happened to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::follow) enum Event {
    /// It is served in the place of another one.
    Swap,
    /// It is served again: a person went back to it, or the one after it did harm.
    Rollback,
    /// It is kept, and waits for a person, a window or the end of a pin.
    Hold,
    /// It is not served, because of its number.
    Refuse,
    /// It is never served: it failed a check, or did harm.
    Quarantine,
    /// Looks have failed one after the other: what is pushed is not seen.
    Trouble,
    /// A look has gone well again.
    Recovery,
}

/// What a change of what is served is told as, and why it came.
pub(in crate::follow) type Told<'a> = (Event, Option<&'a str>);

/// A notice. As JSON it is public (the manual's page on notices): fields are added, never changed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Notice {
    /// The same for each try and each way, and for no other notice.
    pub(super) id: String,
    pub(super) event: Event,
    pub(super) time: Timestamp,
    pub(super) reference: String,
    pub(super) sequence: u64,
    /// None of content that came from elsewhere.
    pub(super) digest: Option<Digest>,
    pub(super) content_root: ContentRoot,
    /// The commit that the release was made from.
    pub(super) revision: Option<String>,
    /// How it differs from what was served before.
    pub(super) changes: Changes,
    pub(super) reason: Option<String>,
    /// Where readers find the blog, if that is known.
    pub(super) url: Option<String>,
    /// The URLs of the feeds that changed by it.
    #[serde(skip)]
    pub(super) feeds: Vec<String>,
}

impl Notice {
    /// A notice of `record`, of this moment.
    pub(super) fn of(record: &Record, event: Event, reason: Option<&str>) -> Self {
        Self {
            sequence: record.sequence,
            digest: Some(record.digest),
            revision: record.revision.clone(),
            changes: record.changes,
            ..Self::of_content(&record.reference, record.content_root, event, reason)
        }
    }

    /// The same of content that came from elsewhere.
    pub(super) fn of_content(reference: &str, content_root: ContentRoot, event: Event, reason: Option<&str>) -> Self {
        let time = Timestamp::now();
        let mut id = Digest::of(format!("{content_root} {event:?} {}", time.as_nanosecond()).as_bytes()).hex();
        id.truncate(ID);
        Self {
            id,
            event,
            time,
            reference: reference.to_owned(),
            sequence: 0,
            digest: None,
            content_root,
            revision: None,
            changes: Changes::default(),
            reason: reason.map(str::to_owned),
            url: None,
            feeds: Vec::new(),
        }
    }

    /// `release 43 is live`: ASCII, and short.
    pub(super) fn title(&self) -> String {
        let what = match self.event {
            Event::Swap => "is live",
            Event::Rollback => "is served again",
            Event::Hold => "waits",
            Event::Refuse => "is refused",
            Event::Quarantine => "is in quarantine",
            Event::Trouble => return "the registry can't be followed".to_owned(),
            Event::Recovery => return "the registry is followed again".to_owned(),
        };
        format!("release {} {what}", self.sequence)
    }

    /// The title with what else there is to say, on one line.
    pub(super) fn text(&self) -> String {
        let Changes { added, changed, removed } = self.changes;
        let more = match &self.reason {
            Some(reason) => reason.clone(),
            None => format!("{added} added, {changed} changed, {removed} removed"),
        };
        let text = format!("{}: {more}", self.title());
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect()
    }
}
