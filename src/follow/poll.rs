//! How often the registry is looked at without a hint.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;
use std::time::Duration;

use crate::serve::duration_of;

/// How often the reference is looked at without a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll(Duration);

/// A text that is no interval.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no interval; write it as 90s, 5m or 1h, at least 1s")]
pub struct PollError(String);

impl Poll {
    /// The interval, up to a fifth longer or shorter, so that a fleet does not ask all at once.
    pub(super) fn next(self) -> Duration {
        // A new RandomState is keyed at random: no other source of randomness is needed here.
        let random = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
        self.0.mul_f64(0.8 + 0.4 * random)
    }
}

impl FromStr for Poll {
    type Err = PollError;

    fn from_str(text: &str) -> Result<Self, PollError> {
        duration_of(text).map(Self).ok_or_else(|| PollError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_and_jittered() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h", 3600)] {
            let poll: Poll = text.parse().unwrap();
            assert_eq!(poll.0, Duration::from_secs(seconds));
            let next = poll.next();
            assert!(next >= poll.0.mul_f64(0.79) && next <= poll.0.mul_f64(1.21), "{next:?}");
        }
        for text in ["", "5", "0s", "-1s", "5 m", "1d", "99999999999999999999h", "9999999h"] {
            assert!(text.parse::<Poll>().is_err(), "{text}");
        }
    }
}
