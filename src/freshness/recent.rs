//! How the last changes that somebody waited for were enforced. The change log keeps
//! this for the status; nothing is decided by it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::append::Ack;
use super::sync::Cursor;
use super::time::{LogClock, Millis, Reading};

/// A change that somebody waited for.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentChange {
    /// `true`: all who held a lease that predated it confirmed it, or their leases were
    /// over. `false`: the wait that outlasts every lease was over first. None while it
    /// is not enforced.
    pub confirmed: Option<bool>,
    /// How long after the append, or how long ago that was, in milliseconds.
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub after_ms: Millis,
}

/// The last such changes.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    changes: VecDeque<Pending>,
}

#[derive(Clone, Debug)]
struct Pending {
    place: Cursor,
    appended: Reading<LogClock>,
    wait: Millis,
    enforced: Option<(bool, Millis)>,
}

impl Recent {
    /// Changes that are kept.
    const LIMIT: usize = 20;

    /// A change that is waited for was appended; a repetition is nothing new.
    pub fn appended(&mut self, ack: &Ack, now: Reading<LogClock>) {
        let Some(place) = ack.place else {
            return;
        };
        if self.changes.iter().any(|change| change.place == place) {
            return;
        }
        self.changes.push_front(Pending {
            place,
            appended: now,
            wait: ack.wait_ms,
            enforced: None,
        });
        self.changes.truncate(Self::LIMIT);
        if let Some(floor) = ack.floor {
            self.confirmed(floor, now);
        }
    }

    /// Nobody decides below this place any more.
    pub fn confirmed(&mut self, floor: Cursor, now: Reading<LogClock>) {
        self.expire(now);
        for change in &mut self.changes {
            let is_past =
                change.place.incarnation == floor.incarnation && change.place.seq <= floor.seq;
            if is_past && change.enforced.is_none() {
                let after = now.since(&change.appended);
                change.enforced = Some((true, after));
            }
        }
    }

    /// The newest first.
    pub fn list(&mut self, now: Reading<LogClock>) -> Vec<RecentChange> {
        self.expire(now);
        let listed = self.changes.iter().map(|change| RecentChange {
            confirmed: change.enforced.map(|(confirmed, _)| confirmed),
            after_ms: change
                .enforced
                .map_or_else(|| now.since(&change.appended), |(_, after)| after),
        });
        listed.collect()
    }

    fn expire(&mut self, now: Reading<LogClock>) {
        for change in &mut self.changes {
            if change.enforced.is_none() && change.wait <= now.since(&change.appended) {
                change.enforced = Some((false, change.wait));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::sync::{Incarnation, Revision, Version};

    fn at(ms: u64) -> Reading<LogClock> {
        Reading::at(ms)
    }

    fn place(seq: u64) -> Cursor {
        let incarnation = Incarnation::from_stored(1);
        Cursor { incarnation, seq }
    }

    fn ack(seq: u64) -> Ack {
        Ack {
            v: Version::CURRENT,
            wait_ms: Millis(5_000),
            greatest: Revision(1),
            place: Some(place(seq)),
            floor: None,
        }
    }

    #[test]
    fn a_change_is_known_or_waited_for() {
        let mut recent = Recent::default();
        recent.appended(&ack(1), at(1_000));
        recent.appended(&ack(2), at(1_010));
        recent.appended(&ack(2), at(1_020));
        recent.confirmed(place(1), at(1_040));
        let change = |confirmed, after| RecentChange {
            confirmed,
            after_ms: Millis(after),
        };
        let known = change(Some(true), 40);
        assert_eq!(recent.list(at(1_050)), [change(None, 40), known]);
        // A floor that comes after the wait enforces nothing any more.
        recent.confirmed(place(2), at(7_000));
        let waited = change(Some(false), 5_000);
        assert_eq!(recent.list(at(7_000)), [waited, known]);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recent = Recent::default();
        for seq in 1..=30 {
            recent.appended(&ack(seq), at(seq));
        }
        recent.confirmed(place(30), at(40));
        let listed: Vec<_> = recent.list(at(40)).iter().map(|c| c.after_ms.0).collect();
        assert_eq!(listed, (10..30).collect::<Vec<_>>());
    }
}
