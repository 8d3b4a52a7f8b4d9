//! What an isolate counts of failed authentications at the admin routes between
//! two flushes, so that no attempt costs a call or a write of its own.

use std::hash::Hash;
use std::net::IpAddr;

use rustc_hash::FxHashMap;

use super::tally::Count;
use crate::key::KeyId;
use crate::time::Timestamp;

/// Most different failures of a class between two flushes; of those beyond, the
/// number is kept.
const MOST: usize = 64;
/// Most of them that are about one key: it cannot use up the room of others.
const EACH: usize = 8;

/// A failed authentication.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Failure<C> {
    /// The problem.
    pub problem: C,
    /// The key that was shown; `None` where it was no key.
    pub key: Option<KeyId>,
    /// Method and pattern of the route, never its path: that may hold anything.
    pub route: String,
    /// The client's address, where it is known.
    pub address: Option<IpAddr>,
}

/// Whether the one who failed had proven a secret: a key that is revoked, expired,
/// disabled, tied to other networks or of too few scopes. Strangers cannot, and so
/// have no part in this class's room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// The secret was the right one.
    Proven,
    /// It was wrong, or nobody asked.
    Unproven,
}

/// The failures of one class.
#[derive(Debug)]
struct Class<C> {
    counts: FxHashMap<Failure<C>, Count>,
    /// Different failures by key.
    by_key: FxHashMap<Option<KeyId>, usize>,
    beyond: u64,
}

impl<C> Default for Class<C> {
    fn default() -> Self {
        Self {
            counts: FxHashMap::default(),
            by_key: FxHashMap::default(),
            beyond: 0,
        }
    }
}

/// Failures since the last flush.
#[derive(Debug)]
pub struct Failures<C> {
    proven: Class<C>,
    unproven: Class<C>,
}

impl<C> Default for Failures<C> {
    fn default() -> Self {
        Self {
            proven: Class::default(),
            unproven: Class::default(),
        }
    }
}

impl<C: Eq + Hash> Failures<C> {
    /// Counts one.
    pub fn count(&mut self, failure: Failure<C>, proof: Proof, at: Timestamp) {
        let class = match proof {
            Proof::Proven => &mut self.proven,
            Proof::Unproven => &mut self.unproven,
        };
        if let Some(count) = class.counts.get_mut(&failure) {
            count.count += 1;
            count.last_at = count.last_at.max(at);
            return;
        }
        let of_key = class.by_key.get(&failure.key).copied().unwrap_or_default();
        if class.counts.len() >= MOST || of_key >= EACH {
            class.beyond += 1;
            return;
        }
        class.by_key.insert(failure.key, of_key + 1);
        let count = Count {
            count: 1,
            last_at: at,
        };
        class.counts.insert(failure, count);
    }

    /// Takes all counts out, and how many failures of each class were beyond the
    /// bounds; `None` where there are none.
    pub fn drain(&mut self) -> Option<Drained<C>> {
        let Self { proven, unproven } = std::mem::take(self);
        let drained = Drained {
            beyond_proven: proven.beyond,
            beyond_unproven: unproven.beyond,
            counts: proven.counts.into_iter().chain(unproven.counts).collect(),
        };
        // Nothing is beyond a bound that was not reached.
        (!drained.counts.is_empty()).then_some(drained)
    }
}

/// What was counted.
#[derive(Debug)]
pub struct Drained<C> {
    /// The failures, those of proven secrets first.
    pub counts: Vec<(Failure<C>, Count)>,
    /// Further failures of proven secrets.
    pub beyond_proven: u64,
    /// Further failures of others.
    pub beyond_unproven: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(key: usize, route: usize) -> Failure<u8> {
        let text = format!("kat_admin_100000000000000000{key:012}");
        Failure {
            problem: 0,
            key: KeyId::parse(&text),
            route: route.to_string(),
            address: None,
        }
    }

    #[test]
    fn the_same_is_counted_once() {
        let mut failures = Failures::default();
        for at in [1, 3, 2] {
            failures.count(failure(1, 1), Proof::Unproven, Timestamp(at));
        }
        failures.count(failure(1, 2), Proof::Unproven, Timestamp(9));
        let mut drained = failures.drain().unwrap();
        drained.counts.sort_by_key(|(_, count)| count.last_at);
        let counts: Vec<_> = (drained.counts.iter())
            .map(|(failure, count)| (failure.route.as_str(), count.count, count.last_at.0))
            .collect();
        assert_eq!(counts, [("1", 3, 3), ("2", 1, 9)]);
        assert!(failures.drain().is_none());
    }

    #[test]
    fn no_key_and_no_stranger_uses_up_the_room_of_others() {
        let mut failures = Failures::default();
        for route in 0..1_000 {
            failures.count(failure(1, route), Proof::Unproven, Timestamp(0));
        }
        for key in 2..1_000 {
            failures.count(failure(key, 0), Proof::Unproven, Timestamp(0));
        }
        failures.count(failure(1, 0), Proof::Proven, Timestamp(0));
        let drained = failures.drain().unwrap();
        assert_eq!(drained.counts.len(), MOST + 1);
        assert_eq!(drained.counts[0].0, failure(1, 0), "proven first");
        let of_first = |(counted, _): &&(Failure<u8>, Count)| counted.key == failure(1, 0).key;
        assert_eq!(drained.counts[1..].iter().filter(of_first).count(), EACH);
        let beyond = 1_000 + 998 - MOST as u64;
        assert_eq!(
            (drained.beyond_proven, drained.beyond_unproven),
            (0, beyond)
        );
    }
}
