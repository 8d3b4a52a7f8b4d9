//! Work under way, counted so that it can be bounded: what is beyond the bound is
//! refused at once, instead of growing a queue that outlives its callers.
//!
//! A permit expires by itself. The runtime cancels a request whose client went
//! away, and what was to release the permit then never runs: without an expiry,
//! such permits would add up and shut everybody out for good.

/// A semaphore whose permits expire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExpiringSemaphore {
    permits: usize,
    ttl: u64,
    taken: Vec<Taken>,
    next: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Taken {
    number: u64,
    since: u64,
}

/// Leave to do a piece of work; give it back with [`ExpiringSemaphore::release`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Permit(u64);

impl Permit {
    /// The permit's number, for a caller that can only keep numbers.
    #[must_use]
    pub fn into_number(self) -> f64 {
        self.0 as f64
    }

    /// The permit of this number.
    pub fn from_number(number: f64) -> Self {
        Self(number as u64)
    }
}

impl ExpiringSemaphore {
    /// A semaphore of so many permits, each good for `ttl` milliseconds.
    #[must_use]
    pub const fn new(permits: usize, ttl: u64) -> Self {
        Self {
            permits,
            ttl,
            taken: Vec::new(),
            next: 0,
        }
    }

    /// Takes a permit; `None` where all are taken. `now` is in milliseconds; a clock
    /// that was set back frees the permits taken before.
    pub fn acquire(&mut self, now: u64) -> Option<Permit> {
        if self.taken.len() >= self.permits {
            let ttl = self.ttl;
            self.taken
                .retain(|taken| taken.since <= now && now - taken.since < ttl);
        }
        if self.taken.len() >= self.permits {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.taken.push(Taken { number, since: now });
        Some(Permit(number))
    }

    /// Gives a permit back.
    pub fn release(&mut self, permit: Permit) {
        if let Some(at) = (self.taken.iter()).position(|taken| taken.number == permit.0) {
            self.taken.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bound_is_refused_until_a_permit_is_released() {
        let mut semaphore = ExpiringSemaphore::new(2, 100);
        let first = semaphore.acquire(0).unwrap();
        let second = semaphore.acquire(1).unwrap();
        assert!(semaphore.acquire(2).is_none());
        semaphore.release(first);
        let third = semaphore.acquire(3).unwrap();
        assert!(semaphore.acquire(4).is_none());
        semaphore.release(second);
        semaphore.release(third);
        assert!(semaphore.taken.is_empty());
    }

    #[test]
    fn a_permit_that_is_never_released_expires() {
        let mut semaphore = ExpiringSemaphore::new(2, 100);
        let lost = semaphore.acquire(0).unwrap();
        let kept = semaphore.acquire(50).unwrap();
        assert!(semaphore.acquire(99).is_none());
        let later = semaphore.acquire(100).unwrap();
        // Released after all: that frees nobody else's permit.
        semaphore.release(lost);
        assert!(semaphore.acquire(101).is_none());
        semaphore.release(kept);
        semaphore.release(later);
    }

    #[test]
    fn a_clock_that_was_set_back_shuts_nobody_out() {
        let mut semaphore = ExpiringSemaphore::new(1, 100);
        let _before = semaphore.acquire(1_000_000).unwrap();
        assert!(semaphore.acquire(5).is_some());
    }
}
