//! Who sends what an isolate has counted.

use crate::time::Timestamp;

/// A promise to flush. It expires by itself: whoever made it may be cancelled.
#[derive(Debug, Default)]
pub struct FlushPromise {
    by: Option<Timestamp>,
}

impl FlushPromise {
    /// Whether the caller is the one to flush, `after` milliseconds from now. Nobody
    /// else is then told so until that is long over.
    pub fn make(&mut self, now: Timestamp, after: u64) -> bool {
        let made = self
            .by
            .is_some_and(|by| now < by && by.0 <= now.0 + 3 * after);
        if !made {
            self.by = Some(now.plus(2 * after));
        }
        !made
    }

    /// It was kept.
    pub fn kept(&mut self) {
        self.by = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_holds_twice_as_long_as_announced_and_no_clock_keeps_it_longer() {
        let mut promise = FlushPromise::default();
        assert!(promise.make(Timestamp(100), 10));
        for now in [100, 119] {
            assert!(!promise.make(Timestamp(now), 10), "at {now}");
        }
        // A clock that was set back: the promise is for 120.
        assert!(!promise.make(Timestamp(90), 10));
        assert!(promise.make(Timestamp(89), 10));
        promise.kept();
        assert!(promise.make(Timestamp(90), 10));
    }

    #[test]
    fn a_promise_that_was_lost_is_replaced() {
        let mut promise = FlushPromise::default();
        assert!(promise.make(Timestamp(0), 10));
        assert!(!promise.make(Timestamp(19), 10));
        assert!(promise.make(Timestamp(20), 10));
        // A clock that was set back does not hold the promise for ever.
        let mut promise = FlushPromise::default();
        assert!(promise.make(Timestamp(1_000_000), 10));
        assert!(promise.make(Timestamp(5), 10));
    }
}
