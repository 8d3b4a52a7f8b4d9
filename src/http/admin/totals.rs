//! How many organizations stand, taken together.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::registry::message::{OutboxDepth, Status};

/// Members of the status that tell of all organizations: a tied administrator does
/// not get them.
pub const OF_ALL_ORGANIZATIONS: [&str; 3] = ["change_log", "edge", "platform"];

/// Sums over one page of organizations.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Totals {
    /// Organizations that the sums are of.
    pub counted: u64,
    /// Organizations whose registry did not answer.
    pub unanswered: u64,
    /// What has not reached the change log or Workers KV.
    pub outbox: OutboxDepth,
    /// Keys that could still open something, by the ring entry that made them.
    pub keys_per_ring_entry: BTreeMap<String, u64>,
    /// Usable keys without use for long.
    pub unused_keys: u64,
    /// Usable keys that a browser showed.
    pub exposed_keys: u64,
    /// Where the next page of organizations begins.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Cursor"))]
    pub next_cursor: Option<String>,
}

impl Totals {
    /// Adds an organization; `None` where its registry did not answer.
    pub fn add(&mut self, status: Option<&Status>) {
        let Some(status) = status else {
            self.unanswered += 1;
            return;
        };
        self.counted += 1;
        self.outbox.appends += status.outbox.appends;
        self.outbox.publications += status.outbox.publications;
        for (entry, keys) in &status.keys_per_ring_entry {
            *self.keys_per_ring_entry.entry(entry.clone()).or_default() += keys;
        }
        self.unused_keys += status.unused_keys;
        self.exposed_keys += status.exposed_keys;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let status = |entry: &str, keys: u64| Status {
            revision: 9,
            outbox: OutboxDepth {
                appends: 1,
                publications: keys,
            },
            keys_per_ring_entry: BTreeMap::from([(entry.to_owned(), keys)]),
            unused_keys: 2,
            exposed_keys: 3,
            preflights: Vec::new(),
            failures_suppressed: 0,
        };
        let mut totals = Totals::default();
        totals.add(Some(&status("1", 5)));
        totals.add(Some(&status("1", 6)));
        totals.add(Some(&status("2", 7)));
        totals.add(None);
        let expected = Totals {
            counted: 3,
            unanswered: 1,
            outbox: OutboxDepth {
                appends: 3,
                publications: 18,
            },
            keys_per_ring_entry: BTreeMap::from([("1".to_owned(), 11), ("2".to_owned(), 7)]),
            unused_keys: 6,
            exposed_keys: 9,
            next_cursor: None,
        };
        assert_eq!(totals, expected);
    }
}
