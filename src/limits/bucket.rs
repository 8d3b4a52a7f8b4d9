//! The token bucket of a rate: GCRA in the form that counts what is left.

use serde::{Deserialize, Serialize};

/// How fast tokens come, and how many are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Tokens that come in one window.
    pub limit: u64,
    /// The window, in milliseconds.
    pub window_ms: u64,
    /// Most tokens that are kept.
    pub capacity: u64,
}

/// A bucket at the instant at which it was looked at last, on the clock of whoever
/// keeps it. It begins full.
///
/// The level is kept in tokens times the window, so that it is always whole: `limit`
/// of these come in a millisecond.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Bucket {
    level: u64,
    at: u64,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub const fn full(rate: Rate, now: u64) -> Self {
        Self {
            level: rate.capacity * rate.window_ms,
            at: now,
        }
    }

    /// Whole tokens there are at `now`. A clock that was set back brings none.
    pub fn available(&mut self, rate: Rate, now: u64) -> u64 {
        let came = now.saturating_sub(self.at).saturating_mul(rate.limit);
        let most = rate.capacity * rate.window_ms;
        self.level = self.level.saturating_add(came).min(most);
        self.at = now;
        self.level / rate.window_ms
    }

    /// Takes tokens that [`available`](Self::available) has just shown.
    pub const fn take(&mut self, rate: Rate, tokens: u64) {
        self.level = self.level.saturating_sub(tokens * rate.window_ms);
    }

    /// Milliseconds until so many tokens are there, if nobody takes any.
    #[must_use]
    pub const fn until(&self, rate: Rate, tokens: u64) -> u64 {
        let missing = (tokens * rate.window_ms).saturating_sub(self.level);
        missing.div_ceil(rate.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        limit: 3,
        window_ms: 1_000,
        capacity: 2,
    };

    #[test]
    fn tokens_come_evenly_and_are_kept_up_to_the_capacity() {
        let mut bucket = Bucket::full(RATE, 0);
        assert_eq!(bucket.available(RATE, 0), 2);
        bucket.take(RATE, 2);
        assert_eq!(bucket.available(RATE, 0), 0);
        assert_eq!(bucket.until(RATE, 1), 334);
        assert_eq!(bucket.available(RATE, 333), 0);
        assert_eq!(bucket.until(RATE, 1), 1);
        assert_eq!(bucket.available(RATE, 334), 1);
        assert_eq!(bucket.available(RATE, 100_000), 2);
        assert_eq!(bucket.until(RATE, 2), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_brings_nothing_and_stops_nothing() {
        let mut bucket = Bucket::full(RATE, 10_000);
        bucket.take(RATE, 2);
        assert_eq!(bucket.available(RATE, 5_000), 0);
        assert_eq!(bucket.available(RATE, 5_334), 1);
    }
}
