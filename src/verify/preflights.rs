//! What an isolate counts of browsers' preflights between two flushes: a sign that
//! somebody builds a page with a key in it. Anybody can send them.

use rustc_hash::FxHashMap;

/// Most different origins between two flushes; others are not counted.
const MOST: usize = 16;
/// Most bytes of an origin: a scheme, a host name of 253 and a port are fewer.
const LONGEST: usize = 300;

/// Preflights that asked for `authorization` since the last flush, by the page's
/// origin.
#[derive(Default, Debug)]
pub struct Preflights(FxHashMap<String, u64>);

impl Preflights {
    /// Counts one.
    pub fn count(&mut self, origin: String) {
        let has_room = self.0.len() < MOST && origin.len() <= LONGEST;
        match self.0.get_mut(&origin) {
            Some(count) => *count += 1,
            None if has_room => {
                self.0.insert(origin, 1);
            }
            None => {}
        }
    }

    /// Takes all counts out.
    pub fn drain(&mut self) -> Vec<(String, u64)> {
        self.0.drain().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(preflights: &mut Preflights) -> Vec<(String, u64)> {
        let mut drained = preflights.drain();
        drained.sort();
        drained
    }

    #[test]
    fn origins_are_counted_apart() {
        let mut preflights = Preflights::default();
        for origin in ["b", "a", "b"] {
            preflights.count(origin.to_owned());
        }
        let counts = [("a".to_owned(), 1), ("b".to_owned(), 2)];
        assert_eq!(drained(&mut preflights), counts);
        assert!(preflights.drain().is_empty());
    }

    #[test]
    fn what_strangers_make_up_takes_bounded_room() {
        let mut preflights = Preflights::default();
        preflights.count("x".repeat(LONGEST + 1));
        assert!(preflights.drain().is_empty());
        preflights.count("x".repeat(LONGEST));
        for number in 0..1_000 {
            preflights.count(number.to_string());
        }
        // Those that are there are counted on.
        preflights.count("0".to_owned());
        let drained = drained(&mut preflights);
        assert_eq!(drained.len(), MOST);
        assert_eq!(drained[0], ("0".to_owned(), 2));
    }
}
