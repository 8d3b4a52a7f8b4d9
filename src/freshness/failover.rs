//! Whom an edge asks, in which order, and how long it waits for each.
//!
//! A relay of its region, another one there, another region's, and last the change
//! log itself. Each hop has a deadline of its own inside one total, so that a hop
//! that hangs costs its deadline and not the request. What none of them answers is
//! left to a strong read at the registry, which needs none of them but proves only
//! the two records of one request.

use std::fmt;

use super::time::Millis;

/// Where relays stand: the location hints that exist. Objects do not really
/// spawn in `sam`, `afr` and `me`; a relay named so stands near by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Region {
    /// Western North America.
    Wnam,
    /// Eastern North America.
    Enam,
    /// South America.
    Sam,
    /// Western Europe.
    Weur,
    /// Eastern Europe.
    Eeur,
    /// Asia-Pacific.
    Apac,
    /// Oceania.
    Oc,
    /// Africa.
    Afr,
    /// Middle East.
    Me,
}

impl Region {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Wnam,
        Self::Enam,
        Self::Sam,
        Self::Weur,
        Self::Eeur,
        Self::Apac,
        Self::Oc,
        Self::Afr,
        Self::Me,
    ];

    /// The location hint.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Wnam => "wnam",
            Self::Enam => "enam",
            Self::Sam => "sam",
            Self::Weur => "weur",
            Self::Eeur => "eeur",
            Self::Apac => "apac",
            Self::Oc => "oc",
            Self::Afr => "afr",
            Self::Me => "me",
        }
    }

    /// The region whose relay is asked when this one's do not answer: the one
    /// nearest by cable.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Wnam | Self::Sam | Self::Weur => Self::Enam,
            Self::Enam | Self::Eeur | Self::Afr => Self::Weur,
            Self::Apac | Self::Oc => Self::Wnam,
            Self::Me => Self::Eeur,
        }
    }
}

/// The name of a relay's object, `weur-0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelayName {
    /// Near which region.
    pub region: Region,
    /// Which of the region's replicas.
    pub replica: u8,
}

impl fmt::Display for RelayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.region.hint(), self.replica)
    }
}

/// One place to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hop {
    /// A relay.
    Relay(RelayName),
    /// The change log itself.
    ChangeLog,
}

/// The order of hops for one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failover {
    hops: [Hop; 4],
    next: usize,
    total: Millis,
}

impl Failover {
    /// What all hops together may take: less than a client's patience, and
    /// less than a turn to refresh lasts.
    pub const TOTAL: Millis = Millis(2_000);
    /// What one hop may take: a round trip around the earth and a cold start.
    /// Four of them and the strong read fit the total.
    pub const HOP: Millis = Millis(375);
    /// Kept for the strong read, however the hops before it fared.
    pub const LAST: Millis = Millis(500);

    /// The order for an isolate in `region` that prefers its region's replica
    /// number `preferred` of `replicas` (any number of at least one; both are
    /// reduced to it).
    #[must_use]
    pub fn new(region: Region, preferred: u8, replicas: u8, total: Millis) -> Self {
        let replicas = replicas.max(1);
        let relay = |region, replica: u8| {
            Hop::Relay(RelayName {
                region,
                replica: replica % replicas,
            })
        };
        Self {
            hops: [
                relay(region, preferred),
                relay(region, preferred.wrapping_add(1)),
                relay(region.next(), preferred),
                Hop::ChangeLog,
            ],
            next: 0,
            total,
        }
    }

    /// The next hop, and how long to wait for it, when `spent` of the total
    /// has passed; none when all were asked or the time is up.
    pub fn next(&mut self, spent: Millis) -> Option<(Hop, Millis)> {
        let deadline = self.total.less(spent).less(Self::LAST).min(Self::HOP);
        if deadline == Millis::ZERO {
            return None;
        }
        loop {
            let hop = *self.hops.get(self.next)?;
            let again = (self.hops.iter().take(self.next)).any(|before| *before == hop);
            self.next += 1;
            if !again {
                return Some((hop, deadline));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(failover: &mut Failover, each: u64) -> Vec<(String, u64)> {
        let mut spent = Millis::ZERO;
        let mut asked = Vec::new();
        while let Some((hop, deadline)) = failover.next(spent) {
            let name = match hop {
                Hop::Relay(name) => name.to_string(),
                Hop::ChangeLog => "log".into(),
            };
            asked.push((name, deadline.0));
            spent.0 += each.min(deadline.0);
        }
        asked
    }

    #[test]
    fn every_hop_is_asked_when_each_fails_at_once() {
        let mut failover = Failover::new(Region::Weur, 1, 2, Failover::TOTAL);
        let asked = names(&mut failover, 10);
        let order: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(order, ["weur-1", "weur-0", "enam-1", "log"]);
    }

    #[test]
    fn hanging_hops_leave_time_for_the_strong_read_and_never_pass_the_total() {
        let mut failover = Failover::new(Region::Me, 0, 2, Failover::TOTAL);
        let asked = names(&mut failover, u64::MAX);
        let order: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(order, ["me-0", "me-1", "eeur-0", "log"]);
        assert_eq!(
            asked.iter().map(|(_, deadline)| deadline).sum::<u64>(),
            (Failover::TOTAL.0 - Failover::LAST.0)
        );
    }

    #[test]
    fn a_single_replica_is_asked_once() {
        let mut failover = Failover::new(Region::Oc, 7, 1, Failover::TOTAL);
        let asked = names(&mut failover, 1);
        assert_eq!(asked[0].0, "oc-0");
        assert_eq!(asked[1].0, "wnam-0");
    }

    #[test]
    fn what_is_left_belongs_to_the_strong_read() {
        let fresh = || Failover::new(Region::Weur, 0, 2, Failover::TOTAL);
        assert_eq!(fresh().next(Millis(1_500)), None);
        assert_eq!(fresh().next(Millis(u64::MAX)), None);
        let (_, deadline) = fresh().next(Millis(1_499)).unwrap();
        assert_eq!(deadline, Millis(1));
    }

    /// The names of stored objects hang on them.
    #[test]
    fn the_location_hints_are_pinned() {
        let hints = Region::ALL.map(Region::hint);
        let pinned = [
            "wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me",
        ];
        assert_eq!(hints, pinned);
    }

    #[test]
    fn following_the_next_region_leaves_every_region() {
        for region in Region::ALL {
            assert_ne!(region.next(), region);
        }
    }
}
