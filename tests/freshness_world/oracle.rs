//! What must never happen, judged from outside with true time.

use std::collections::BTreeMap;

use katalo_keys::freshness::{Revision, Subject};
use katalo_keys::verify::authorization::Source;

use super::Rec;

/// The violation of the guarantee.
pub const OLDER: &str = "decided on a state older than the enforced one";

/// A revision is one state.
pub const TWO_STATES: &str = "two states under one revision";

/// What was taken stays taken, until somebody gives it back.
pub const CAME_BACK: &str = "a right that was taken came back by itself";

/// Keys that were revoked all at once are revoked for ever.
pub const ALL_CAME_BACK: &str = "keys that were revoked all at once came back";

/// What no request may be decided on, and nobody be told.
pub const GUARANTEE: [&str; 4] = [OLDER, TWO_STATES, CAME_BACK, ALL_CAME_BACK];

/// The violation of monotonic reads.
pub const WENT_BACK: &str = "an edge went back to an older state";

/// How often requests were decided, by where their records came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decisions {
    pub memory: u64,
    pub kv: u64,
    pub registry: u64,
}

/// What was promised of two records when a request arrived.
pub type Promise = [(Subject, Option<Rec>); 2];

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Oracle {
    /// The last state of each subject for which a call returned `enforced`.
    enforced: BTreeMap<Subject, Rec>,
    /// Changes by which somebody deliberately gave rights.
    granted: Vec<(Subject, Revision)>,
    /// The first violation found.
    pub violation: Option<&'static str>,
    /// Decisions checked and promises made. Not part of a model's state:
    /// the models leave them at zero.
    pub decisions: Decisions,
    pub promises: u64,
    pub counting: bool,
}

impl Oracle {
    /// A call returns `enforced: true` for this state.
    pub fn promise(&mut self, subject: Subject, state: Rec) {
        let enforced = self.enforced.entry(subject).or_insert(state);
        if enforced.revision <= state.revision {
            *enforced = state;
        }
        self.promises += u64::from(self.counting);
    }

    /// Somebody deliberately gives rights at this revision.
    pub fn grant(&mut self, subject: Subject, revision: Revision) {
        self.granted.push((subject, revision));
    }

    /// What is promised to a request that arrives now.
    pub fn promised(&self, subjects: [Subject; 2]) -> Promise {
        subjects.map(|subject| (subject, self.enforced.get(&subject).copied()))
    }

    /// Whether a call has returned `enforced` for this revision or a later one.
    pub fn is_enforced(&self, subject: Subject, revision: Revision) -> bool {
        (self.enforced.get(&subject)).is_some_and(|state| state.revision >= revision)
    }

    /// A request, to which `promise` was made at its arrival, is decided on
    /// these records.
    pub fn decided(&mut self, promise: &Promise, records: [Rec; 2], source: Source) {
        let count = match source {
            Source::Memory | Source::Unproven => &mut self.decisions.memory,
            Source::Kv => &mut self.decisions.kv,
            Source::Registry => &mut self.decisions.registry,
        };
        *count += u64::from(self.counting);
        for ((subject, promised), used) in promise.iter().zip(records) {
            let Some(promised) = promised else { continue };
            if used.revision < promised.revision {
                self.violate(OLDER);
            }
            if used.revision == promised.revision && used != *promised {
                self.violate(TWO_STATES);
            }
            if used.keys_revoked_through < promised.keys_revoked_through {
                self.violate(ALL_CAME_BACK);
            }
            let regained = used.allowed && !promised.allowed;
            let given = (self.granted.iter()).any(|(whom, at)| {
                whom == subject && *at > promised.revision && *at <= used.revision
            });
            if regained && !given {
                self.violate(CAME_BACK);
            }
        }
    }

    pub fn violate(&mut self, what: &'static str) {
        self.violation.get_or_insert(what);
    }
}
