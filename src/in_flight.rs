//! Work under way, counted so that it can be bounded: what is beyond the bound is
//! refused at once, instead of growing a queue that nobody outlives.
//!
//! A place expires by itself. The runtime cancels a request whose client went
//! away, and what was to give the place back then never runs: without an end of
//! their own, such places would fill up and shut the door for good.

/// The places taken.
#[derive(Debug)]
pub struct InFlight {
    most: usize,
    lasts: u64,
    taken: Vec<Taken>,
    next: u64,
}

#[derive(Debug)]
struct Taken {
    number: u64,
    since: u64,
}

/// A place; give it back with [`InFlight::leave`].
#[derive(Debug)]
#[must_use]
pub struct Place(u64);

impl Place {
    /// The place's number, for a caller that can only keep numbers.
    #[must_use]
    pub fn into_number(self) -> f64 {
        self.0 as f64
    }

    /// The place of this number.
    pub fn from_number(number: f64) -> Self {
        Self(number as u64)
    }
}

impl InFlight {
    /// Room for `most`, each for `lasts` milliseconds at most.
    #[must_use]
    pub const fn new(most: usize, lasts: u64) -> Self {
        Self {
            most,
            lasts,
            taken: Vec::new(),
            next: 0,
        }
    }

    /// Takes a place; `None` where there is none. `now` is in milliseconds; a
    /// clock that was set back frees the places taken before.
    pub fn enter(&mut self, now: u64) -> Option<Place> {
        if self.taken.len() >= self.most {
            let lasts = self.lasts;
            self.taken
                .retain(|taken| taken.since <= now && now - taken.since < lasts);
        }
        if self.taken.len() >= self.most {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.taken.push(Taken { number, since: now });
        Some(Place(number))
    }

    /// Gives a place back.
    pub fn leave(&mut self, place: Place) {
        if let Some(at) = (self.taken.iter()).position(|taken| taken.number == place.0) {
            self.taken.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bound_is_refused_until_a_place_is_given_back() {
        let mut in_flight = InFlight::new(2, 100);
        let first = in_flight.enter(0).unwrap();
        let second = in_flight.enter(1).unwrap();
        assert!(in_flight.enter(2).is_none());
        in_flight.leave(first);
        let third = in_flight.enter(3).unwrap();
        assert!(in_flight.enter(4).is_none());
        in_flight.leave(second);
        in_flight.leave(third);
        assert!(in_flight.taken.is_empty());
    }

    #[test]
    fn a_place_that_is_never_given_back_expires() {
        let mut in_flight = InFlight::new(2, 100);
        let lost = in_flight.enter(0).unwrap();
        let kept = in_flight.enter(50).unwrap();
        assert!(in_flight.enter(99).is_none());
        let later = in_flight.enter(100).unwrap();
        // Given back after all: that frees nobody else's place.
        in_flight.leave(lost);
        assert!(in_flight.enter(101).is_none());
        in_flight.leave(kept);
        in_flight.leave(later);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_shut_the_door() {
        let mut in_flight = InFlight::new(1, 100);
        let _before = in_flight.enter(1_000_000).unwrap();
        assert!(in_flight.enter(5).is_some());
    }
}
