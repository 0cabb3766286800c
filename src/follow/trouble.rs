//! What keeps an instance from seeing its registry.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use super::release::FetchError;

/// What keeps a follower from seeing the registry, since when and how often.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<Option<TroubleView>>);

/// The same, for those who ask.
#[derive(Clone, Debug, Serialize)]
pub struct TroubleView {
    /// What the last look said.
    pub message: String,
    /// When the first of these looks failed.
    pub since: Timestamp,
    /// How many have failed one after the other.
    pub failures: u32,
}

impl Trouble {
    /// What is wrong, if something is.
    pub fn view(&self) -> Option<TroubleView> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing is looked at any more.
    pub fn end(&self, message: &str) {
        let view = TroubleView { message: message.to_owned(), since: Timestamp::now(), failures: 1 };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(view);
    }

    pub(super) fn note(&self, error: Option<&FetchError>) -> u32 {
        let mut trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = error.map(|error| TroubleView {
            message: error.to_string(),
            since: trouble.as_ref().map_or_else(Timestamp::now, |known| known.since),
            failures: trouble.as_ref().map_or(0, |known| known.failures) + 1,
        });
        trouble.as_ref().map_or(0, |trouble| trouble.failures)
    }
}
