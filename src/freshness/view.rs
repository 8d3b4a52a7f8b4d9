//! The edge's view: what an isolate may decide from memory.
//!
//! A request is decided on two records, its key's and its organization's, if
//! the view holds both and its proof was young enough *when the request
//! arrived*. Age at arrival is what the guarantee speaks of: a request that
//! waited for a slow load is decided on a proof that was sent for after it
//! came, however long the answer took.
//!
//! **Race fence.** A load registers its subjects before it reads or asks.
//! Changes that arrive meanwhile raise what is required there, so the record
//! it brings is measured against all that the view knows by then. A slot that
//! was pruned or reset in between is another slot, even for the same subject,
//! and takes nothing from the older load. A record below its requirement never
//! enters, whatever brought it.
//!
//! The caller goes, within its deadline, round this loop:
//!
//! ```text
//! loop { match view.lookup(&key, &organization, arrived, now) {
//!     Ready { .. } => decide now, synchronously
//!     Unproven     => match view.begin_refresh(now) {
//!         Refresh::Ask(ask) => ask, by failover; then accept(…) or failed(…)
//!         Refresh::Wait(ms) => wait for the shared state to change
//!         Refresh::Failing  => strong read: proves the two for this request
//!     }
//!     Missing      => match view.begin_load(&[key, organization], now) {
//!         Some(load) => read KV and ask, at the same time; accept(…), enter(…)
//!         None       => wait for the shared state to change
//!     }
//! } }
//! ```

use super::ask::{Answer, Revision};
use super::follower::{Accepted, Ask, Follower, Turn};
use super::records::{Record, Records};
use super::time::{Bound, EdgeClock, Millis, Reading};
use crate::key::Subject;

/// What the view says of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'v, R> {
    /// Decide on these, now, without an await in between.
    Ready {
        /// The key's record.
        key: &'v R,
        /// The organization's record.
        organization: &'v R,
        /// Age of the proof when the request arrived.
        age: Millis,
    },
    /// The records are here, but nothing proves that they still hold.
    Unproven,
    /// A record is missing.
    Missing,
}

/// May this request refresh the proof?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Yes: ask, and report with [`View::accept`] or [`View::failed`].
    Ask(Ask<EdgeClock>),
    /// Somebody does: look again when the state changed, at the latest after
    /// this time.
    Wait(Millis),
    /// It failed everywhere a moment ago: read strongly, or refuse.
    Failing,
}

/// A load in progress: which slots it may fill, and its question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Load {
    slots: Vec<(Subject, u64)>,
    /// The question to ask while the records are read. None if the view knows
    /// what is required of them already.
    pub ask: Option<Ask<EdgeClock>>,
}

impl Load {
    /// What is to be read.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> + '_ {
        self.slots.iter().map(|(subject, _)| *subject)
    }
}

/// What became of a record that a load brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered<R> {
    /// The view holds it.
    Held,
    /// It is below what is required: whoever gave it lags. Read strongly at
    /// the registry, and enter that.
    Behind,
    /// The view does not know yet what is required. Ask with
    /// [`View::ask_again`], and enter the record once more.
    Unanswered(R),
    /// The load's slot is gone, by a reset or for want of room. Begin a new
    /// load.
    Gone,
}

/// The view of one isolate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View<R> {
    follower: Follower<EdgeClock>,
    records: Records<R>,
    /// The edge's own setting: it may shorten the bound and no more.
    at_most: Bound,
}

impl<R: Record> View<R> {
    /// An empty view with a memory limit in bytes, and the edge's own setting
    /// of the bound ([`Bound::MAX`] for none).
    #[must_use]
    pub fn new(limit_bytes: usize, at_most: Bound) -> Self {
        Self {
            follower: Follower::default(),
            records: Records::new(limit_bytes),
            at_most,
        }
    }

    /// Looks up a request's records. `arrived` is the reading when the request
    /// came in, `now` the present one: on the hot path the same.
    pub fn lookup(
        &mut self,
        key: &Subject,
        organization: &Subject,
        arrived: Reading<EdgeClock>,
        now: Reading<EdgeClock>,
    ) -> Lookup<'_, R> {
        self.follower.observe(now);
        let proven = self.proven_age(arrived);
        let Some((key, organization)) = self.records.both(key, organization) else {
            return Lookup::Missing;
        };
        match proven {
            Some(age) => Lookup::Ready {
                key,
                organization,
                age,
            },
            None => Lookup::Unproven,
        }
    }

    /// The records that [`Self::lookup`] found unproven, and the age of the last
    /// proof when the request arrived, if that is at most `at_most`: for an
    /// operator who would rather serve on the older state than refuse. Nothing
    /// where the clock dropped the proof: nobody knows how old it is.
    pub fn last_proven(
        &mut self,
        key: &Subject,
        organization: &Subject,
        arrived: Reading<EdgeClock>,
        at_most: Millis,
    ) -> Option<(&R, &R, Millis)> {
        let age = self.follower.age(arrived).filter(|age| *age <= at_most)?;
        let (key, organization) = self.records.both(key, organization)?;
        Some((key, organization, age))
    }

    /// Whether a request that was just decided should start a refresh in the
    /// background, off its own path: the proof is older than half the bound
    /// and nobody is at it.
    #[must_use]
    pub fn should_refresh(&self, now: Reading<EdgeClock>) -> bool {
        let old = match self.follower.proof() {
            Some(proof) => now.since(&proof.at) > proof.bound.min(self.at_most).half(),
            None => true,
        };
        old && !self.follower.is_asking(now) && !self.follower.is_failing(now)
    }

    /// Takes the turn to refresh the proof.
    pub fn begin_refresh(&mut self, now: Reading<EdgeClock>) -> Refresh {
        self.follower.observe(now);
        match self.follower.take_turn(now) {
            Turn::Yours => Refresh::Ask(self.follower.ask(Vec::new(), true, now)),
            Turn::Taken(until) => Refresh::Wait(until),
            Turn::Failing => Refresh::Failing,
        }
    }

    /// Registers a load of those subjects whose record is missing and nobody
    /// is loading; none if there are none. To be called before anything is
    /// read or asked.
    pub fn begin_load(&mut self, subjects: &[Subject], now: Reading<EdgeClock>) -> Option<Load> {
        self.follower.observe(now);
        let mut slots = Vec::new();
        let mut unknown = Vec::new();
        for subject in subjects {
            let Some(slot) = self.records.register(*subject) else {
                continue;
            };
            if slot.record.is_some() || slot.is_loading(now) {
                continue;
            }
            slot.begin_loading(now);
            slots.push((*subject, slot.serial));
            if !slot.answered {
                unknown.push(*subject);
            }
        }
        if slots.is_empty() {
            return None;
        }
        let proven = self.proven_age(now).is_some();
        let ask = (!unknown.is_empty() || !proven).then(|| self.follower.ask(unknown, false, now));
        Some(Load { slots, ask })
    }

    /// The question of a load whose answer was discarded.
    #[must_use]
    pub fn ask_again(&mut self, load: &Load, now: Reading<EdgeClock>) -> Ask<EdgeClock> {
        self.follower.observe(now);
        self.follower.ask(load.subjects().collect(), false, now)
    }

    /// Takes over an answer, to a refresh or to a load.
    pub fn accept(
        &mut self,
        ask: &Ask<EdgeClock>,
        answer: &Answer,
        now: Reading<EdgeClock>,
    ) -> Accepted {
        let accepted = self.follower.accept(ask, answer, now);
        match accepted {
            Accepted::Discarded => return accepted,
            Accepted::Reset => self.records.clear(),
            Accepted::Advanced => {}
        }
        for change in &answer.changes {
            self.records
                .require(&change.subject, change.revision, false);
        }
        for required in &answer.required {
            self.records
                .require(&required.subject, required.revision, true);
        }
        accepted
    }

    /// Nobody answered the question.
    pub fn failed(&mut self, ask: &Ask<EdgeClock>, now: Reading<EdgeClock>) {
        self.follower.failed(ask, now);
    }

    /// Enters a record that a load has read, from KV or strongly.
    pub fn enter(
        &mut self,
        load: &Load,
        subject: &Subject,
        record: R,
        now: Reading<EdgeClock>,
    ) -> Entered<R> {
        self.follower.observe(now);
        let registered = load.slots.iter().find(|(named, _)| named == subject);
        let slot = self.records.get(subject);
        let (Some((_, serial)), Some(slot)) = (registered, slot) else {
            return Entered::Gone;
        };
        if slot.serial != *serial {
            return Entered::Gone;
        }
        if !slot.answered {
            return Entered::Unanswered(record);
        }
        if record.revision() < slot.required {
            return Entered::Behind;
        }
        self.records.put(subject, record, now);
        Entered::Held
    }

    /// Ends a load that could not bring its records: others may try at once.
    pub fn abandon(&mut self, load: &Load) {
        for (subject, serial) in &load.slots {
            if let Some(slot) = self.records.get_mut(subject)
                && slot.serial == *serial
            {
                slot.end_loading();
            }
        }
    }

    /// Slots held, and the bytes counted for them.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.records.len(), self.records.weight())
    }

    /// A record however old: good for what never changes, such as the digest
    /// that proves a secret wrong.
    #[must_use]
    pub fn peek(&self, subject: &Subject) -> Option<&R> {
        self.records.get(subject)?.record.as_ref()
    }

    /// What the view knows to be required of a subject: to be sent along with
    /// a strong read, so that a registry that lost changes learns of it.
    #[must_use]
    pub fn required(&self, subject: &Subject) -> Revision {
        (self.records.get(subject)).map_or_else(Revision::default, |slot| slot.required)
    }

    /// Whether a record is held; what a decision needs beside it is
    /// [`Self::lookup`]'s.
    #[must_use]
    pub fn holds(&self, subject: &Subject) -> bool {
        (self.records.get(subject)).is_some_and(|slot| slot.record.is_some())
    }

    /// The age of the proof at a reading, if it may be decided on.
    fn proven_age(&self, at: Reading<EdgeClock>) -> Option<Millis> {
        let proof = self.follower.proof()?;
        let age = at.since(&proof.at);
        proof.bound.min(self.at_most).covers(age).then_some(age)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ask::{Cursor, Incarnation, Version};
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Fake;

    impl Record for Fake {
        fn revision(&self) -> Revision {
            Revision(1)
        }
        fn weight_bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn what_was_last_proven_has_an_age_or_is_not_told() {
        let key = Subject::parse("20abcdefghijkNONCENONCE0TAGTAG").unwrap();
        let organization = key.organization();
        let at = Reading::at;
        let mut view = View::new(1 << 20, Bound::MAX);
        let load = view.begin_load(&[key, organization], at(10_000)).unwrap();
        let ask = load.ask.clone().unwrap();
        let required = |subject: Subject| super::super::ask::Required {
            subject,
            revision: Revision(1),
        };
        let answer = Answer {
            v: Version::CURRENT,
            reset: false,
            cursor: Cursor {
                incarnation: Incarnation::from_stored(1),
                seq: 0,
            },
            age_ms: Millis(50),
            bound_ms: Bound::DEFAULT,
            changes: Vec::new(),
            required: vec![required(key), required(organization)],
        };
        view.accept(&ask, &answer, at(10_010));
        for subject in [key, organization] {
            assert_eq!(view.enter(&load, &subject, Fake, at(10_010)), Entered::Held);
        }
        let late = at(19_950);
        let found = view.lookup(&key, &organization, late, late);
        assert_eq!(found, Lookup::Unproven);
        let mut last =
            |at_most| (view.last_proven(&key, &organization, late, at_most)).map(|(_, _, age)| age);
        assert_eq!(last(Millis(10_000)), Some(Millis(10_000)));
        assert_eq!(last(Millis(9_999)), None);
        // A backward step: the age is not known any more.
        let back = at(9_000);
        assert_eq!(
            view.lookup(&key, &organization, back, back),
            Lookup::Unproven
        );
        let age = view.last_proven(&key, &organization, back, Millis(u64::MAX));
        assert_eq!(age, None);
    }
}
