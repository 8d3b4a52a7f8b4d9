//! A bound of work under way for each key: the first few do it, the others wait
//! their turn, and most find it done by then. So a flood for one key neither
//! multiplies its I/O nor stands in the way of other keys.
//!
//! Permits expire by themselves, as those of an
//! [`ExpiringSemaphore`](crate::expiring_semaphore::ExpiringSemaphore) do: what a
//! cancelled request held comes free.

use std::collections::VecDeque;
use std::hash::Hash;

use rustc_hash::FxHashMap;

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many may work for one key at once.
    pub at_once: usize,
    /// How many may work or wait for one key.
    pub each: usize,
    /// How many may work or wait in all.
    pub all: usize,
    /// How long one may take, in milliseconds; counts from its arrival.
    pub lasts: u64,
}

/// Who works or waits, by key.
#[derive(Debug)]
pub struct KeyedSemaphore<K> {
    bounds: Bounds,
    queues: FxHashMap<K, VecDeque<Waiting>>,
    /// The sum of the queues' lengths.
    count: usize,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    since: u64,
}

/// A place in the queue of a key; give it back with [`KeyedSemaphore::leave`].
#[derive(Debug)]
#[must_use]
pub struct Permit<K> {
    key: K,
    number: u64,
}

impl<K: Copy + Eq + Hash> KeyedSemaphore<K> {
    /// Nobody works or waits.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            queues: FxHashMap::default(),
            count: 0,
            next: 0,
        }
    }

    /// Takes a place for `key`; `None` where too many wait. `now` is in
    /// milliseconds.
    pub fn enter(&mut self, key: K, now: u64) -> Option<Permit<K>> {
        let waiting = self.expire(key, now);
        if waiting >= self.bounds.each {
            return None;
        }
        if self.count >= self.bounds.all {
            let keys: Vec<K> = self.queues.keys().copied().collect();
            for key in keys {
                self.expire(key, now);
            }
        }
        if self.count >= self.bounds.all {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.count += 1;
        let queue = self.queues.entry(key).or_default();
        queue.push_back(Waiting { number, since: now });
        Some(Permit { key, number })
    }

    /// Whether it is this one's turn. One whose time is over has lost its place, and
    /// may go: it counts against nobody any more.
    pub fn may_go(&mut self, permit: &Permit<K>, now: u64) -> bool {
        self.expire(permit.key, now);
        let Some(queue) = self.queues.get(&permit.key) else {
            return true;
        };
        let nth = queue.get(self.bounds.at_once);
        nth.is_none_or(|first_to_wait| permit.number < first_to_wait.number)
    }

    /// Gives a place back.
    pub fn leave(&mut self, permit: Permit<K>) {
        let Some(queue) = self.queues.get_mut(&permit.key) else {
            return;
        };
        let before = queue.len();
        queue.retain(|waiting| waiting.number != permit.number);
        self.count -= before - queue.len();
        if queue.is_empty() {
            self.queues.remove(&permit.key);
        }
    }

    /// Ends what took too long, or seems to come from the future, as a clock set
    /// back has it; how many are left. The oldest stand first.
    fn expire(&mut self, key: K, now: u64) -> usize {
        let Some(queue) = self.queues.get_mut(&key) else {
            return 0;
        };
        let lasts = self.bounds.lasts;
        let is_over = |waiting: &Waiting| waiting.since > now || now - waiting.since >= lasts;
        while queue.front().is_some_and(is_over) {
            queue.pop_front();
            self.count -= 1;
        }
        let left = queue.len();
        if left == 0 {
            self.queues.remove(&key);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        at_once: 1,
        each: 3,
        all: 5,
        lasts: 100,
    };

    #[test]
    fn one_works_and_the_others_wait_their_turn() {
        let mut semaphore = KeyedSemaphore::new(BOUNDS);
        let first = semaphore.enter('a', 0).unwrap();
        let second = semaphore.enter('a', 0).unwrap();
        let third = semaphore.enter('a', 0).unwrap();
        assert!(semaphore.may_go(&first, 0));
        assert!(!semaphore.may_go(&second, 0) && !semaphore.may_go(&third, 0));
        // Another key is not concerned.
        let other = semaphore.enter('b', 0).unwrap();
        assert!(semaphore.may_go(&other, 0));
        // One that waits no longer holds up nobody.
        semaphore.leave(second);
        assert!(!semaphore.may_go(&third, 0));
        semaphore.leave(first);
        assert!(semaphore.may_go(&third, 0));
        semaphore.leave(third);
        semaphore.leave(other);
        assert!(semaphore.queues.is_empty() && semaphore.count == 0);
    }

    #[test]
    fn a_flood_for_one_key_leaves_room_for_others() {
        let mut semaphore = KeyedSemaphore::new(BOUNDS);
        let flood: Vec<_> = (0..100).filter_map(|_| semaphore.enter('a', 0)).collect();
        assert_eq!(flood.len(), BOUNDS.each);
        let other = semaphore.enter('b', 0).unwrap();
        assert!(semaphore.may_go(&other, 0));
        let _fifth = semaphore.enter('c', 0).unwrap();
        assert!(semaphore.enter('d', 99).is_none(), "all that there may be");
        assert!(semaphore.enter('d', 100).is_some(), "those are over");
        assert_eq!(semaphore.count, 1);
    }

    #[test]
    fn a_place_that_is_never_given_back_expires() {
        let mut semaphore = KeyedSemaphore::new(BOUNDS);
        let lost = semaphore.enter('a', 0).unwrap();
        let next = semaphore.enter('a', 50).unwrap();
        assert!(!semaphore.may_go(&next, 99));
        assert!(semaphore.may_go(&next, 100));
        // Given back after all: that frees nobody else's place.
        semaphore.leave(lost);
        let third = semaphore.enter('a', 101).unwrap();
        assert!(!semaphore.may_go(&third, 101));
        semaphore.leave(next);
        assert!(semaphore.may_go(&third, 101));
        // A clock that was set back frees the places taken before.
        assert!(
            semaphore
                .enter('a', 5)
                .is_some_and(|after| semaphore.may_go(&after, 5))
        );
    }
}
