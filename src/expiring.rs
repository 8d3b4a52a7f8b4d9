//! What was so a moment ago and is taken for granted until it ends by itself.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// A bounded set whose members leave after a time.
#[derive(Debug)]
pub struct ExpiringSet<K> {
    most: usize,
    lasts: u64,
    until: FxHashMap<K, u64>,
}

impl<K: Eq + Hash> ExpiringSet<K> {
    /// Room for `most`, each for `lasts` milliseconds.
    #[must_use]
    pub fn new(most: usize, lasts: u64) -> Self {
        Self {
            most,
            lasts,
            until: FxHashMap::default(),
        }
    }

    /// Whether `key` is in it. `now` is in milliseconds; a clock that was set back
    /// lets everybody leave.
    #[must_use]
    pub fn contains(&self, key: &K, now: u64) -> bool {
        (self.until.get(key)).is_some_and(|until| is_ahead(*until, now, self.lasts))
    }

    /// Puts `key` in. `false` where it is there already, or where there is no room:
    /// whoever came first stays, so that a flood drives nobody out.
    pub fn insert(&mut self, key: K, now: u64) -> bool {
        if self.contains(&key, now) {
            return false;
        }
        if self.until.len() >= self.most {
            let lasts = self.lasts;
            self.until.retain(|_, until| is_ahead(*until, now, lasts));
        }
        if self.until.len() >= self.most {
            return false;
        }
        self.until.insert(key, now + self.lasts);
        true
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &K) {
        self.until.remove(key);
    }
}

const fn is_ahead(until: u64, now: u64, lasts: u64) -> bool {
    now < until && until <= now + lasts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_leave_by_themselves_and_come_back() {
        let mut set = ExpiringSet::new(2, 10);
        assert!(set.insert("a", 0));
        assert!(!set.insert("a", 9), "it is there");
        assert!(set.contains(&"a", 9) && !set.contains(&"a", 10));
        assert!(set.insert("a", 10));
        set.remove(&"a");
        assert!(!set.contains(&"a", 10));
    }

    #[test]
    fn it_never_grows_beyond_its_limit() {
        let mut set = ExpiringSet::new(2, 10);
        assert!(set.insert(1, 0) && set.insert(2, 0));
        assert!(!set.insert(3, 9), "a flood drives nobody out");
        assert!(set.contains(&1, 9) && set.contains(&2, 9));
        assert!(set.insert(3, 10));
        assert_eq!(set.until.len(), 1);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_in() {
        let mut set = ExpiringSet::new(1, 10);
        assert!(set.insert(1, 1_000_000));
        assert!(!set.contains(&1, 5));
        assert!(set.insert(2, 5));
    }
}
