//! The clock of one machine: offset, rate, lag, and steps.

use super::{Mutant, Setup};

/// A clock that shows `origin + (true time since `since`) × rate − lag`, never
/// going back but by [`Clock::step_back`] and [`Clock::slip`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clock {
    since: u64,
    origin: u64,
    /// Parts per million fast.
    pub rate: i64,
    /// How far readings lag behind at present, in milliseconds: a clamped
    /// clock.
    pub lag: u64,
    /// The last reading.
    last: u64,
    /// How far behind the last reading the next one is: a step back that
    /// shows.
    behind: Option<u64>,
    frozen: bool,
}

impl Clock {
    /// A clock at its own origin.
    pub fn new(now: u64, origin: u64, rate: i64) -> Self {
        Self {
            since: now,
            origin,
            rate,
            lag: 0,
            last: 0,
            behind: None,
            frozen: false,
        }
    }

    /// A reading at true time `now`. Only for a machine that takes note of it:
    /// what it has not seen, it cannot miss.
    pub fn read(&mut self, now: u64, setup: &Setup) -> u64 {
        if self.frozen {
            return self.last;
        }
        if let Some(by) = self.behind.take() {
            self.origin = self.last.saturating_sub(by);
            self.since = now;
            self.lag = 0;
        }
        let shown = self.unclamped(now).saturating_sub(self.lag);
        self.last = if setup.mutant == Some(Mutant::BackwardClockAccepted) || self.lag > 0 {
            shown.max(self.last)
        } else {
            shown
        };
        self.last
    }

    /// Stands still at the last reading.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// The last reading.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Steps back so that it shows: the next reading is `by` behind the last
    /// one, whenever it comes.
    pub fn step_back(&mut self, by: u64) {
        self.behind = Some(by);
    }

    /// Steps back without regard to the last reading: nobody may notice.
    pub fn slip(&mut self, by: u64) {
        self.origin = self.origin.saturating_sub(by);
    }

    /// Steps ahead.
    pub fn step_ahead(&mut self, by: u64) {
        self.origin += by;
    }

    fn unclamped(&self, now: u64) -> u64 {
        let elapsed = now.saturating_sub(self.since);
        let drift = (elapsed as i64).saturating_mul(self.rate) / 1_000_000;
        (self.origin + elapsed).saturating_add_signed(drift)
    }
}
