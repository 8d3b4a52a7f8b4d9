//! Which secrets are right, as far as an isolate knows without asking anybody.
//!
//! A digest never changes. One look-up for a key id thus settles every secret that
//! is ever shown under it: a flood of wrong ones costs no I/O beyond that.

use rustc_hash::FxHashMap;

use crate::expiring::ExpiringSet;
use crate::key::{KeyDigest, PublicKeyId};
use crate::keyed_semaphore::{Bounds, KeyedSemaphore};

/// Most digests remembered; when there are more, all are looked up anew.
const MOST: usize = 4_096;
/// For how long an id that its registry does not know is refused without asking
/// again, in milliseconds. A genuine id without a key is a copy from another
/// installation or a restored one: no client of ours sends it.
const UNKNOWN_FOR: u64 = 5_000;
/// Most such ids remembered.
const UNKNOWN_MOST: usize = 1_024;

/// One look-up at a time for an id. Its time is that of a read of Workers KV and a
/// strong read, twice over.
const LOOK_UPS: Bounds = Bounds {
    at_once: 1,
    each: 128,
    all: 1_024,
    lasts: 6_000,
};

/// The turns of look-ups.
#[must_use]
pub fn look_ups() -> KeyedSemaphore<PublicKeyId> {
    KeyedSemaphore::new(LOOK_UPS)
}

/// What is known of secrets, by key id. Only ids that are genuine come here.
pub struct Secrets {
    digests: FxHashMap<PublicKeyId, KeyDigest>,
    unknown: ExpiringSet<PublicKeyId>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            digests: FxHashMap::default(),
            unknown: ExpiringSet::new(UNKNOWN_MOST, UNKNOWN_FOR),
        }
    }
}

impl Secrets {
    /// Whether the secret behind `presented` is the one of this id, which it is not
    /// where there is no such key; `None` where that takes a look-up. `now` is in
    /// milliseconds.
    #[must_use]
    pub fn proves(&self, id: &PublicKeyId, presented: &KeyDigest, now: u64) -> Option<bool> {
        match self.digests.get(id) {
            Some(digest) => Some(digest.matches(presented)),
            None => self.unknown.contains(id, now).then_some(false),
        }
    }

    /// Takes in what a look-up found: the key's digest, or that there is no such key.
    pub fn learn(&mut self, id: PublicKeyId, found: Option<KeyDigest>, now: u64) {
        let Some(digest) = found else {
            self.unknown.insert(id, now);
            return;
        };
        if self.digests.len() >= MOST {
            self.digests.clear();
        }
        self.digests.insert(id, digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> PublicKeyId {
        PublicKeyId::parse(format!("100000000000000000{number:012}").as_bytes()).unwrap()
    }

    fn digest(first: char) -> KeyDigest {
        KeyDigest::from_text(&format!("{first}{}", "A".repeat(42))).unwrap()
    }

    #[test]
    fn one_look_up_settles_every_secret_of_an_id() {
        let mut secrets = Secrets::default();
        let (right, wrong) = (digest('A'), digest('B'));
        assert_eq!(secrets.proves(&id(1), &wrong, 0), None);
        secrets.learn(id(1), Some(right), 0);
        for now in [0, 1, 1 << 40] {
            assert_eq!(secrets.proves(&id(1), &right, now), Some(true));
            assert_eq!(secrets.proves(&id(1), &wrong, now), Some(false));
            assert_eq!(secrets.proves(&id(2), &right, now), None);
        }
    }

    /// Every request of a flood at one instant, as the runtime carries it: of those that
    /// find nothing known, one looks up, and the others find it known then.
    #[test]
    fn a_flood_of_wrong_secrets_costs_one_look_up() {
        let mut secrets = Secrets::default();
        let mut turns = look_ups();
        let flood: Vec<_> = (0..1_000).filter_map(|_| turns.enter(id(1), 0)).collect();
        let mut look_ups = 0;
        for permit in flood {
            assert!(turns.may_go(&permit, 0));
            if secrets.proves(&id(1), &digest('B'), 0).is_none() {
                look_ups += 1;
                secrets.learn(id(1), Some(digest('A')), 0);
            }
            turns.leave(permit);
        }
        assert_eq!(look_ups, 1);
    }

    #[test]
    fn an_unknown_id_is_asked_for_again_after_a_while() {
        let mut secrets = Secrets::default();
        secrets.learn(id(1), None, 0);
        assert_eq!(secrets.proves(&id(1), &digest('A'), 4_999), Some(false));
        assert_eq!(secrets.proves(&id(1), &digest('A'), 5_000), None);
        secrets.learn(id(1), Some(digest('A')), 5_000);
        assert_eq!(secrets.proves(&id(1), &digest('A'), 5_000), Some(true));
    }

    #[test]
    fn ids_are_known_side_by_side() {
        let mut secrets = Secrets::default();
        secrets.learn(id(1), Some(digest('A')), 0);
        secrets.learn(id(2), Some(digest('B')), 0);
        assert_eq!(secrets.proves(&id(1), &digest('A'), 0), Some(true));
        assert_eq!(secrets.proves(&id(2), &digest('B'), 0), Some(true));
    }

    #[test]
    fn memory_is_bounded() {
        let mut secrets = Secrets::default();
        for number in 0..=MOST {
            secrets.learn(id(number), Some(digest('A')), 0);
        }
        assert_eq!(secrets.digests.len(), 1);
        assert_eq!(secrets.proves(&id(MOST), &digest('A'), 0), Some(true));
    }
}
