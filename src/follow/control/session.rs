//! Who has shown the token to the page: a cookie that is kept from scripts and from other sites.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

/// The cookie's name.
const COOKIE: &str = "galley-session";
/// Few people operate one blog; the oldest session gives way.
const MAX_SESSIONS: usize = 32;
/// After so long the token is asked for again.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Bytes of chance in a name that is not to be guessed.
const CHANCE: usize = 32;

/// All sessions of an instance.
#[derive(Default)]
pub(super) struct Sessions(Mutex<VecDeque<Session>>);

struct Session {
    id: String,
    /// In each form, so that no other site can send one.
    form: String,
    begun: Instant,
    /// What the last action came to, for the page that follows it.
    said: Option<String>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.lock().len()).finish()
    }
}

/// What a page needs of a session.
pub(super) struct Visit {
    pub(super) form: String,
    pub(super) said: Option<String>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session; returns the cookie. `None` if the system has no chance to give.
    pub(super) fn begin(&self) -> Option<String> {
        let (id, form) = (chance()?, chance()?);
        let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", LIFE.as_secs());
        let mut sessions = self.lock();
        if sessions.len() >= MAX_SESSIONS {
            sessions.pop_front();
        }
        sessions.push_back(Session { id, form, begun: Instant::now(), said: None });
        Some(cookie)
    }

    /// The session that the request's cookie names; what was said is given once.
    pub(super) fn visit(&self, headers: &HeaderMap) -> Option<Visit> {
        self.with(headers, |session| Visit { form: session.form.clone(), said: session.said.take() })
    }

    /// Whether the request has a session and `form` is its own.
    pub(super) fn permit(&self, headers: &HeaderMap, form: &str) -> bool {
        self.with(headers, |session| equal(&session.form, form)).unwrap_or(false)
    }

    /// Notes what an action came to.
    pub(super) fn say(&self, headers: &HeaderMap, text: String) {
        self.with(headers, |session| session.said = Some(text));
    }

    /// Ends the session of the request.
    pub(super) fn end(&self, headers: &HeaderMap) {
        if let Some(id) = cookie(headers) {
            self.lock().retain(|session| !equal(&session.id, id));
        }
    }

    fn with<T>(&self, headers: &HeaderMap, use_it: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let id = cookie(headers)?;
        let mut sessions = self.lock();
        sessions.retain(|session| session.begun.elapsed() < LIFE);
        sessions.iter_mut().find(|session| equal(&session.id, id)).map(use_it)
    }
}

/// The time that it takes says nothing of where two texts differ.
fn equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

fn chance() -> Option<String> {
    let mut bytes = [0; CHANCE];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers
    }

    #[test]
    fn a_session_is_known_by_its_cookie_and_its_form() {
        let sessions = Sessions::default();
        let cookie = sessions.begin().unwrap();
        let own = headers(&format!("a=b; {}", cookie.split(';').next().unwrap()));
        let form = sessions.visit(&own).unwrap().form;
        assert!(sessions.permit(&own, &form));
        assert!(!sessions.permit(&own, "guessed") && !sessions.permit(&headers("galley-session=guessed"), &form));
        sessions.say(&own, "done".to_owned());
        assert_eq!(sessions.visit(&own).unwrap().said.as_deref(), Some("done"));
        assert_eq!(sessions.visit(&own).unwrap().said, None);
        sessions.end(&own);
        assert!(sessions.visit(&own).is_none());
    }

    #[test]
    fn sessions_are_bounded() {
        let sessions = Sessions::default();
        let first = sessions.begin().unwrap();
        (0..MAX_SESSIONS).for_each(|_| drop(sessions.begin()));
        assert!(sessions.visit(&headers(first.split(';').next().unwrap())).is_none());
        assert_eq!(format!("{sessions:?}"), format!("Sessions({MAX_SESSIONS})"));
    }
}
