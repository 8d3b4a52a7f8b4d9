//! Slows guessing at the doors that take a secret in the open: bootstrap and
//! sign-in.

/// Failures an address may make in a window before it has to wait.
const ALLOWED: u32 = 10;
/// Length of a window, in milliseconds.
const WINDOW: u64 = 60_000;
/// Most addresses remembered; the oldest goes first.
const MOST: usize = 1_024;

/// Failures by address, in one isolate. Not a wall (an attacker has many
/// addresses and meets many isolates; 256 random bits are the wall), but it
/// takes the pace out and makes the noise show.
#[derive(Default)]
pub struct Attempts {
    failures: Vec<Failures>,
}

struct Failures {
    address: String,
    since: u64,
    count: u32,
}

impl Attempts {
    /// Seconds until `address` may try again; `None` where it may now.
    pub fn wait(&mut self, address: &str, now: u64) -> Option<u64> {
        self.failures.retain(|failures| {
            now.saturating_sub(failures.since) < WINDOW && failures.since <= now
        });
        let failures = self
            .failures
            .iter()
            .find(|failures| failures.address == address)?;
        let left = (failures.since + WINDOW).saturating_sub(now);
        (failures.count >= ALLOWED).then(|| left.div_ceil(1_000).max(1))
    }

    /// An attempt from `address` failed.
    pub fn failed(&mut self, address: &str, now: u64) {
        if let Some(failures) = self
            .failures
            .iter_mut()
            .find(|failures| failures.address == address)
        {
            failures.count += 1;
            return;
        }
        if self.failures.len() >= MOST {
            self.failures.remove(0);
        }
        self.failures.push(Failures {
            address: address.to_owned(),
            since: now,
            count: 1,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_keeps_failing_waits_and_others_do_not() {
        let mut attempts = Attempts::default();
        for _ in 0..ALLOWED {
            assert_eq!(attempts.wait("a", 1_000), None);
            attempts.failed("a", 1_000);
        }
        assert_eq!(attempts.wait("a", 1_000), Some(60));
        assert_eq!(attempts.wait("b", 1_000), None);
        assert_eq!(attempts.wait("a", 1_000 + WINDOW), None);
    }

    #[test]
    fn a_window_ends_a_minute_after_its_first_failure() {
        let mut attempts = Attempts::default();
        for late in 0..ALLOWED {
            attempts.failed("a", 1_000 + u64::from(late) * 1_000);
        }
        assert_eq!(attempts.wait("a", 10_000), Some(51));
        assert_eq!(attempts.wait("a", 10_001), Some(51), "rounded up");
        assert_eq!(attempts.wait("a", 999 + WINDOW), Some(1));
        assert_eq!(attempts.wait("a", 1_000 + WINDOW), None);
        // And the next one begins with nothing.
        attempts.failed("a", 1_000 + WINDOW);
        assert_eq!(attempts.wait("a", 1_000 + WINDOW), None);
    }

    #[test]
    fn failures_of_before_a_backward_step_are_forgotten() {
        let mut attempts = Attempts::default();
        for _ in 0..ALLOWED {
            attempts.failed("a", 100_000);
        }
        assert!(attempts.wait("a", 100_000).is_some());
        assert_eq!(attempts.wait("a", 99_999), None);
    }

    #[test]
    fn the_oldest_address_goes_first() {
        let mut attempts = Attempts::default();
        for n in 0..=MOST {
            for _ in 0..ALLOWED {
                attempts.failed(&n.to_string(), 1);
            }
        }
        assert_eq!(attempts.wait("0", 1), None);
        assert!(attempts.wait("1", 1).is_some());
    }

    #[test]
    fn it_never_grows_beyond_its_limit() {
        let mut attempts = Attempts::default();
        for n in 0..3_000 {
            attempts.failed(&n.to_string(), 1);
        }
        assert_eq!(attempts.failures.len(), MOST);
    }
}
