//! The edge's view: what an isolate may decide from memory.
//!
//! A request is decided on two records, its key's and its organization's, if
//! the view holds both and its proof was young enough *when the request
//! arrived*. Age at arrival is what the guarantee speaks of: a request that
//! waited for a slow load is decided on a proof that was sent for after it
//! came, however long the reply took.
//!
//! **Race fence.** A load registers its subjects before it reads or asks.
//! Changes that arrive meanwhile raise what is required there, so the record it
//! has read is held against all that the view knows by then. A slot that was
//! evicted or reset in between is another slot, even for the same subject, and
//! takes nothing from the older load. A record below its requirement is never
//! stored, whatever its source.
//!
//! The caller goes, within its deadline, round this loop:
//!
//! ```text
//! loop { match view.lookup(&key, &organization, arrived, now) {
//!     Ready { .. } => decide now, synchronously
//!     Unproven     => match view.begin_refresh(now) {
//!         Refresh::Send(sync) => send it, by failover; then accept(…) or failed(…)
//!         Refresh::Wait(ms) => wait for the shared state to change
//!         Refresh::Failing  => strong read: proves the two for this request
//!     }
//!     Missing      => match view.begin_load(&[key, organization], now) {
//!         Some(load) => read KV and sync, at the same time; accept(…), insert(…)
//!         None       => wait for the shared state to change
//!     }
//! } }
//! ```

use super::carrier::Lenders;
use super::follower::{Accepted, Follower, PendingSync, Turn};
use super::holding::HolderId;
use super::records::{Record, Records};
use super::sync::{Cursor, Revision, SyncReply};
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
    /// Yes: send this, and report with [`View::accept`] or [`View::failed`].
    Send(PendingSync<EdgeClock>),
    /// Somebody else does: look again when the state has changed, after this time
    /// at the latest.
    Wait(Millis),
    /// It failed everywhere a moment ago: read strongly, or refuse.
    Failing,
}

/// A load in progress: which slots it may fill, and its request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Load {
    slots: Vec<(Subject, u64)>,
    /// What to send while the records are read. None if the view already knows
    /// what is required of them.
    pub sync: Option<PendingSync<EdgeClock>>,
}

impl Load {
    /// What is to be read.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> + '_ {
        self.slots.iter().map(|(subject, _)| *subject)
    }
}

/// What became of a record that a load has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted<R> {
    /// The view holds it.
    Stored,
    /// It is below what is required: its source lags. Read it strongly at the
    /// registry and insert that.
    Stale,
    /// The view does not know yet what is required. Send [`View::resync`], and
    /// insert the record again.
    RequirementUnknown(R),
    /// The load's slot is gone, by a reset or for want of room. Begin a new
    /// load.
    Evicted,
}

/// The view of one isolate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View<R> {
    pub(super) follower: Follower<EdgeClock>,
    records: Records<R>,
    /// The edge's own setting: it may shorten the bound and no more.
    at_most: Bound,
    /// Who lent to it; none where time alone decides.
    pub(super) lenders: Option<Lenders>,
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
            lenders: None,
        }
    }

    /// Confirms urgent changes as `holder`, drawn for this view; without it, time
    /// alone decides.
    #[must_use]
    pub fn with_confirmations(mut self, holder: HolderId) -> Self {
        self.lenders = Some(Lenders::new(holder));
        self
    }

    /// The place in the log that the view is complete up to.
    #[must_use]
    pub const fn cursor(&self) -> Option<Cursor> {
        self.follower.cursor()
    }

    /// Takes note of a reading, as every other method here does of its own. Whoever
    /// reads the clock for anything else says so here: a step back that nobody notes
    /// is past noticing once the clock has caught up.
    pub fn observe(&mut self, now: Reading<EdgeClock>) {
        self.follower.observe(now);
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
        old && !self.follower.is_syncing(now) && !self.follower.is_failing(now)
    }

    /// Takes the turn to refresh the proof.
    pub fn begin_refresh(&mut self, now: Reading<EdgeClock>) -> Refresh {
        self.follower.observe(now);
        match self.follower.take_turn(now) {
            Turn::Yours => Refresh::Send(self.request(Vec::new(), true, now)),
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
            if !slot.requirement_known {
                unknown.push(*subject);
            }
        }
        if slots.is_empty() {
            return None;
        }
        let proven = self.proven_age(now).is_some();
        let sync = (!unknown.is_empty() || !proven).then(|| self.request(unknown, false, now));
        Some(Load { slots, sync })
    }

    /// The request of a load whose reply was discarded.
    #[must_use]
    pub fn resync(&mut self, load: &Load, now: Reading<EdgeClock>) -> PendingSync<EdgeClock> {
        self.follower.observe(now);
        self.request(load.subjects().collect(), false, now)
    }

    /// A request, which says what the view no longer decides on.
    pub(super) fn request(
        &self,
        subjects: Vec<Subject>,
        holds_turn: bool,
        now: Reading<EdgeClock>,
    ) -> PendingSync<EdgeClock> {
        let mut sync = self.follower.request(subjects, holds_turn, now);
        let cursor = self.follower.cursor();
        sync.request.holding = (self.lenders.as_ref()).map(|lenders| lenders.holding(cursor));
        sync
    }

    /// Takes over a reply, to a refresh or to a load.
    pub fn accept(
        &mut self,
        sync: &PendingSync<EdgeClock>,
        reply: &SyncReply,
        now: Reading<EdgeClock>,
    ) -> Accepted {
        let accepted = self.follower.accept(sync, reply, now);
        if let Some(lenders) = &mut self.lenders {
            lenders.answered(sync, reply, now);
        }
        // What a reset leaves out may have been urgent.
        let urgent = match accepted {
            Accepted::Discarded => return accepted,
            Accepted::Reset => {
                self.records.clear();
                Some(reply.cursor.seq)
            }
            Accepted::Advanced => reply.urgent,
        };
        if let (Some(lenders), Some(seq)) = (&mut self.lenders, urgent) {
            lenders.passed(Cursor {
                seq,
                ..reply.cursor
            });
        }
        for change in &reply.changes {
            self.records
                .require(&change.subject, change.revision, false);
        }
        for required in &reply.required {
            self.records
                .require(&required.subject, required.revision, true);
        }
        accepted
    }

    /// Nobody answered the request.
    pub fn failed(&mut self, sync: &PendingSync<EdgeClock>, now: Reading<EdgeClock>) {
        self.follower.failed(sync, now);
    }

    /// Inserts a record that a load has read, from KV or strongly.
    pub fn insert(
        &mut self,
        load: &Load,
        subject: &Subject,
        record: R,
        now: Reading<EdgeClock>,
    ) -> Inserted<R> {
        self.follower.observe(now);
        let registered = load.slots.iter().find(|(named, _)| named == subject);
        let slot = self.records.get(subject);
        let (Some((_, serial)), Some(slot)) = (registered, slot) else {
            return Inserted::Evicted;
        };
        if slot.serial != *serial {
            return Inserted::Evicted;
        }
        if !slot.requirement_known {
            return Inserted::RequirementUnknown(record);
        }
        if record.revision() < slot.required {
            return Inserted::Stale;
        }
        self.records.put(subject, record, now);
        Inserted::Stored
    }

    /// Ends a load that could not read its records: others may try at once.
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
    use super::super::sync::{Incarnation, Version};
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
        let sync = load.sync.clone().unwrap();
        let required = |subject: Subject| super::super::sync::Requirement {
            subject,
            revision: Revision(1),
        };
        let reply = SyncReply {
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
            urgent: None,
        };
        view.accept(&sync, &reply, at(10_010));
        for subject in [key, organization] {
            assert_eq!(
                view.insert(&load, &subject, Fake, at(10_010)),
                Inserted::Stored
            );
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
