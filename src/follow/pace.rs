//! How closely looks may follow each other.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Looks within [`SPAN`].
const LOOKS: usize = 3;
const SPAN: Duration = Duration::from_secs(1);

/// Three looks in any second at most, whatever they find and however many hooks arrive. One of them alone, and a second
/// push on the heels of the first, do not wait.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<Instant>);

impl Pace {
    /// Waits until one more look is due.
    pub(super) async fn wait(&mut self) {
        if self.0.len() == LOOKS
            && let Some(first) = self.0.pop_front()
        {
            sleep_until(first + SPAN).await;
        }
        self.0.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_fourth_look_comes_a_second_after_the_first() {
        let (mut pace, started) = (Pace::default(), Instant::now());
        for _ in 0..LOOKS {
            pace.wait().await;
        }
        let three = started.elapsed();
        pace.wait().await;
        assert!(three < SPAN && started.elapsed() >= SPAN, "{three:?}");
    }
}
