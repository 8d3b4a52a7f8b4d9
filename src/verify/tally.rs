//! What an isolate counts between two flushes. Only keys whose secret was proven
//! are counted: nobody else can make it write.

use std::collections::HashMap;

use rustc_hash::FxHashMap;

use crate::key::{OrganizationTag, PublicKeyId};
use crate::time::Timestamp;

/// Most different counts between two flushes; what comes beyond is not counted,
/// and their number is.
const MOST: usize = 20_000;

/// What is counted: a key, the place in the route table that was asked for
/// (`None` for routes without a scope), and what came of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Counted<O> {
    /// Whose secret was proven.
    pub key: PublicKeyId,
    /// Place in the route table.
    pub route: Option<u16>,
    /// What came of it.
    pub outcome: O,
}

/// How often, and when last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    /// How often.
    pub count: u64,
    /// When last.
    pub last_at: Timestamp,
}

/// Counts since the last flush, by the hour that they fall into.
#[derive(Debug)]
pub struct Tally<O> {
    counts: FxHashMap<(Counted<O>, u64), Count>,
    dropped: u64,
}

impl<O> Default for Tally<O> {
    fn default() -> Self {
        Self {
            counts: FxHashMap::default(),
            dropped: 0,
        }
    }
}

const HOUR: u64 = 3_600_000;

impl<O: Copy + Eq + std::hash::Hash> Tally<O> {
    /// Counts one request.
    pub fn count(&mut self, counted: Counted<O>, at: Timestamp) {
        let place = (counted, at.0 / HOUR);
        if let Some(count) = self.counts.get_mut(&place) {
            count.count += 1;
            count.last_at = count.last_at.max(at);
        } else if self.counts.len() < MOST {
            self.counts.insert(
                place,
                Count {
                    count: 1,
                    last_at: at,
                },
            );
        } else {
            self.dropped += 1;
        }
    }

    /// Takes all counts out, by organization, and how many were dropped.
    #[expect(clippy::type_complexity, reason = "read once, at once")]
    pub fn drain(&mut self) -> (HashMap<OrganizationTag, Vec<(Counted<O>, Count)>>, u64) {
        let mut by_organization: HashMap<_, Vec<_>> = HashMap::new();
        for ((counted, _), count) in self.counts.drain() {
            by_organization
                .entry(counted.key.organization_tag())
                .or_default()
                .push((counted, count));
        }
        (by_organization, std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(nonce: char) -> PublicKeyId {
        PublicKeyId::parse(format!("100000000000000000000000{}00000", nonce).as_bytes()).unwrap()
    }

    fn counted(nonce: char) -> Counted<u8> {
        Counted {
            key: key(nonce),
            route: Some(1),
            outcome: 0,
        }
    }

    #[test]
    fn counts_by_hour_and_drains_once() {
        let mut tally = Tally::default();
        for at in [1, 2, HOUR - 1, HOUR] {
            tally.count(counted('0'), Timestamp(at));
        }
        tally.count(counted('1'), Timestamp(5));
        let (drained, dropped) = tally.drain();
        assert_eq!(dropped, 0);
        let mut counts: Vec<u64> = drained
            .into_values()
            .flatten()
            .map(|(_, count)| count.count)
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 3]);
        assert!(tally.drain().0.is_empty());
    }

    #[test]
    fn the_last_use_is_the_latest_however_they_come() {
        let mut tally = Tally::default();
        for at in [5, 9, 7] {
            tally.count(counted('0'), Timestamp(at));
        }
        let (drained, _) = tally.drain();
        let expected = Count {
            count: 3,
            last_at: Timestamp(9),
        };
        let tag = key('0').organization_tag();
        assert_eq!(drained[&tag], [(counted('0'), expected)]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut tally = Tally::default();
        for hour in 0..MOST as u64 + 7 {
            tally.count(counted('0'), Timestamp(hour * HOUR));
        }
        let (drained, dropped) = tally.drain();
        assert_eq!(dropped, 7);
        assert_eq!(drained.values().flatten().count(), MOST);
    }
}
