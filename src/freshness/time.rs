//! Durations that machines may tell each other, and clock readings that they
//! may not.
//!
//! The protocol never compares the clocks of two machines. The type system
//! keeps it so: a [`Reading`] carries the kind of machine it was read on, and
//! only a [`Millis`] ever enters a message.
//!
//! What is assumed of a clock (the arithmetic is in `docs/freshness.md`):
//! over a span no longer than the longest wait, the difference of two readings
//! on one machine differs from the true time between them by at most 0.49 %
//! plus [`Bound::SLACK`] divided among the machines involved. A backward step
//! that shows in a reading may be of any size.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

/// A duration in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// What is left of this duration after `spent`; zero when it is over.
    #[must_use]
    pub const fn less(self, spent: Self) -> Self {
        Self(self.0.saturating_sub(spent.0))
    }
}

/// A kind of machine whose clock is read. The implementors are empty: they
/// only mark a [`Reading`].
pub trait Clock: Copy + Eq + Ord + std::hash::Hash + fmt::Debug {}

macro_rules! clocks {
    ($($(#[$doc:meta])* $name:ident),+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {}
        impl Clock for $name {}
    )+};
}
clocks!(
    /// The clock of the change log's object.
    LogClock,
    /// The clock of a relay's object.
    RelayClock,
    /// The clock of an isolate that decides requests.
    EdgeClock,
    /// The clock of a registry's object.
    RegistryClock
);

/// What the clock of one machine showed, in milliseconds since an origin of
/// its own choosing (in production the Unix epoch; nothing depends on it).
///
/// Two readings of one machine can be subtracted; readings of two kinds of
/// machine are two types. Readings of two *instances* of one kind must be kept
/// apart by the caller: the state machines hold them in memory only, and an
/// instance never outlives its memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reading<C> {
    ms: u64,
    clock: PhantomData<fn() -> C>,
}

impl<C> Reading<C> {
    /// The reading of `ms` milliseconds.
    #[must_use]
    pub const fn at(ms: u64) -> Self {
        Self {
            ms,
            clock: PhantomData,
        }
    }

    /// Milliseconds since the clock's origin.
    #[must_use]
    pub const fn ms(&self) -> u64 {
        self.ms
    }

    /// Time from `earlier` to this reading; zero if `earlier` is later.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Millis {
        Millis(self.ms.saturating_sub(earlier.ms))
    }

    /// The reading `span` ago, or `None` before the clock's origin: a proof
    /// must never look younger for want of room below zero.
    #[must_use]
    pub fn back_by(&self, span: Millis) -> Option<Self> {
        self.ms.checked_sub(span.0).map(Self::at)
    }

    /// The reading in `span` from now.
    #[must_use]
    pub const fn ahead_by(&self, span: Millis) -> Self {
        Self::at(self.ms.saturating_add(span.0))
    }
}

impl<C> fmt::Debug for Reading<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.ms)
    }
}

/// The freshness bound: the greatest age a proof may have when a request is
/// decided on it. The change log owns it and grants it as a lease in every
/// answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Bound(u64);

impl Bound {
    /// Two seconds and a half for a refresh, once it has begun at half the
    /// bound, are enough for the slowest chain edge, relay, log between
    /// continents with a cold object in it; a caller who revokes waits 5.2 s at most.
    pub const DEFAULT: Self = Self(5_000);
    /// Below this, one slow round trip would block every request.
    pub const MIN: Self = Self(200);
    /// Above this, nobody would wait for a revocation.
    pub const MAX: Self = Self(600_000);

    /// Added to every wait besides the 1 %: readings are whole milliseconds
    /// and may lag behind the truth (an overdue timer clamps a Worker's clock),
    /// and small backward steps between two distant readings do not show.
    /// 100 ms covers 20 ms for each of the relay, the edge and the registry,
    /// and a backward step of 40 ms that nobody saw.
    pub const SLACK: Millis = Millis(100);

    /// A bound of `ms` milliseconds, if that is between [`Self::MIN`] and
    /// [`Self::MAX`].
    #[must_use]
    pub const fn new(ms: u64) -> Option<Self> {
        if ms < Self::MIN.0 || ms > Self::MAX.0 {
            return None;
        }
        Some(Self(ms))
    }

    /// The bound as a duration.
    #[must_use]
    pub const fn millis(self) -> Millis {
        Millis(self.0)
    }

    /// A proof at most this old is good.
    #[must_use]
    pub fn covers(self, age: Millis) -> bool {
        age.0 <= self.0
    }

    /// The age from which a warm isolate refreshes in the background.
    #[must_use]
    pub const fn half(self) -> Millis {
        Millis(self.0 / 2)
    }

    /// The age from which a relay asks the change log.
    #[must_use]
    pub const fn quarter(self) -> Millis {
        Millis(self.0 / 4)
    }

    /// How long a registry waits after an acknowledged append, on its own
    /// clock, until no lease of this bound that predates the append can still
    /// be in use: the bound and [`Self::SLACK`], and 1 % for clocks that run at
    /// different rates (a lease on a clock 0.49 % slow, waited out on one
    /// 0.49 % fast).
    #[must_use]
    pub const fn wait(self) -> Millis {
        let slack = self.0 + Self::SLACK.0;
        Millis(slack + slack.div_ceil(100))
    }
}

impl TryFrom<u64> for Bound {
    type Error = &'static str;

    fn try_from(ms: u64) -> Result<Self, Self::Error> {
        Self::new(ms).ok_or("a freshness bound is 200 to 600000 milliseconds")
    }
}

impl From<Bound> for u64 {
    fn from(bound: Bound) -> Self {
        bound.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_outlasts_a_lease_under_the_stated_clock_errors() {
        for ms in [200, 999, 5_000, 600_000] {
            let bound = Bound::new(ms).unwrap();
            // Parts per million; 0.49 % either way, and the slack's three
            // readings of 20 ms and one unseen step of 40 ms.
            let lease_true_micros = ms * 1_000_000_000 / (1_000_000 - 4_900) + 80_000;
            let wait_true_micros =
                (bound.wait().0 * 1_000 - 20_000) * 1_000_000 / (1_000_000 + 4_900);
            assert!(wait_true_micros >= lease_true_micros, "bound {ms}");
        }
    }

    #[test]
    fn a_proof_older_than_the_clock_is_none() {
        let now = Reading::<EdgeClock>::at(5);
        assert_eq!(now.back_by(Millis(6)), None);
        assert_eq!(now.back_by(Millis(5)), Some(Reading::at(0)));
    }

    #[test]
    fn parts_of_a_bound() {
        let bound = Bound::DEFAULT;
        assert_eq!(bound.half(), Millis(2_500));
        assert_eq!(bound.quarter(), Millis(1_250));
        assert_eq!(bound.millis(), Millis(5_000));
        assert!(bound.covers(Millis(5_000)));
        assert!(!bound.covers(Millis(5_001)));
        // 1 % of what is no multiple of 100 is rounded up.
        assert_eq!(bound.wait(), Millis(5_151));
        assert_eq!(Bound::new(5_001).unwrap().wait(), Millis(5_153));
        assert_eq!(serde_json::to_string(&bound).unwrap(), "5000");
    }

    #[test]
    fn readings_have_distances() {
        let now = Reading::<EdgeClock>::at(5);
        assert_eq!(now.ms(), 5);
        assert_eq!(now.ahead_by(Millis(3)), Reading::at(8));
        assert_eq!(now.ahead_by(Millis(3)).since(&now), Millis(3));
        assert_eq!(now.since(&Reading::at(6)), Millis::ZERO);
        assert_eq!(Millis(5).less(Millis(3)), Millis(2));
        assert_eq!(format!("{now:?}"), "5ms");
    }

    #[test]
    fn a_bound_outside_its_range_is_refused() {
        assert!(Bound::new(199).is_none());
        assert!(serde_json::from_str::<Bound>("600001").is_err());
        assert_eq!(
            serde_json::from_str::<Bound>("5000").unwrap(),
            Bound::DEFAULT
        );
    }
}
