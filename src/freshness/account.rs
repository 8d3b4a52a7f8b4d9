//! Who may still decide on an older state: the log's account of its relays, and
//! each relay's of its edges.
//!
//! A reply that grants a lease is entered in the turn that makes it. An entry
//! goes when its lease is over on the giver's own clock, and only then: a broken
//! connection is not a death, and a late message about a release would delete a
//! later lease. Until then the entry's *floor* is the place in the log below which
//! the holder decides nothing any more. The least of the floors is the account's.
//!
//! - **Expiry counts from the giver's reading at the arrival of the request.** The
//!   holder sent it earlier, so its lease ends earlier. What a holder claims of
//!   its own clock counts for nothing.
//! - **Answering is not confirming.** A new entry's floor is the cursor of the
//!   reply that made it, since the holder takes over the reply or gets no lease
//!   from it. An existing entry may stand for an earlier lease, so it rises only
//!   by what the holder says.
//! - **The giver's own cursor is part of its floor**: it may yet give a lease
//!   there.
//! - **What cannot be entered is untracked**: a request without a holder (an
//!   edge or relay of an older version), a holder beyond the limit, and whatever
//!   an earlier process of the giver granted. Until the longest of those leases is
//!   over the account has no floor, and time decides.
//! - **Places of two lives of the log have no order**: no floor while a lease from
//!   another life runs.

use std::collections::BTreeMap;

use super::holding::{HolderId, Holding};
use super::sync::{Cursor, Incarnation, SyncReply};
use super::time::{Clock, Millis, Reading};

/// A lease as its giver sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term<C> {
    /// The reading at which it is over.
    pub until: Reading<C>,
    /// How long it ran from the arrival of the request: what a clock that was set
    /// back counts anew.
    pub span: Millis,
}

impl<C: Clock> Term<C> {
    /// The lease of a reply to a request that arrived at this reading. `now`: a
    /// clock that was set back meanwhile.
    fn of(reply: &SyncReply, arrived: Reading<C>, now: Reading<C>) -> Self {
        let span = reply.bound_ms.wait().less(reply.age_ms);
        Self {
            until: arrived.min(now).ahead_by(span),
            span,
        }
    }

    fn is_over(&self, now: Reading<C>) -> bool {
        self.until <= now
    }

    fn restart(&mut self, now: Reading<C>) {
        self.until = now.ahead_by(self.span);
    }
}

/// What an account knows of one holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry<C> {
    /// Its last lease.
    pub term: Term<C>,
    /// The sequence number below which it decides nothing any more.
    pub floor: u64,
}

impl<C> Entry<C> {
    fn is_behind(&self, incarnation: Incarnation, place: Cursor) -> bool {
        incarnation == place.incarnation && self.floor < place.seq
    }
}

/// A number for the status that is no part of a state: states that differ in it alone
/// are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count(u64);

impl PartialEq for Count {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Count {}

impl std::hash::Hash for Count {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// What the status shows of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountStatus {
    /// Who holds a lease that is not over.
    pub holders: u64,
    /// Leases since the start that ended below an urgent change: their holders went
    /// away, or were cut off, without confirming it.
    pub expired_unconfirmed: u64,
}

/// The leases that one log or relay has given.
///
/// Its fields are public so that the proofs can plant faults in them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account<C> {
    /// By holder, and by the life of the log whose places it was told.
    pub entries: BTreeMap<(Incarnation, HolderId), Entry<C>>,
    /// Leases of which nothing but the end is known.
    pub untracked: Option<Term<C>>,
    /// The last change that somebody waits for.
    urgent: Option<Cursor>,
    limit: usize,
    /// The latest reading seen.
    read: Option<Reading<C>>,
    expired_unconfirmed: Count,
}

impl<C: Clock> Account<C> {
    /// Holders in the account of one object: what it can serve, with room. About
    /// half a megabyte.
    pub const LIMIT: usize = 4_096;

    /// An account of a giver that has never given a lease.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            untracked: None,
            urgent: None,
            limit,
            read: None,
            expired_unconfirmed: Count(0),
        }
    }

    /// Takes note of a reading; to be called first in every event. After a
    /// backward one every lease counts from now: what had passed was measured on a
    /// clock that is gone.
    pub fn observe(&mut self, now: Reading<C>) {
        if self.read.is_some_and(|read| now < read) {
            let terms = self.entries.values_mut().map(|entry| &mut entry.term);
            for term in terms.chain(&mut self.untracked) {
                term.restart(now);
            }
        }
        self.read = Some(now);
    }

    /// Leases that nobody knows of may be out for this long: those an earlier
    /// process gave.
    pub fn fence(&mut self, span: Millis, now: Reading<C>) {
        self.observe(now);
        self.raise_untracked(Term {
            until: now.ahead_by(span),
            span,
        });
    }

    /// A reply is about to leave: enters its lease. To be called in the very turn
    /// that made it, for every kind of request. `arrived` is the reading when the
    /// request came in.
    pub fn granted(
        &mut self,
        holding: Option<&Holding>,
        reply: &SyncReply,
        arrived: Reading<C>,
        now: Reading<C>,
    ) {
        self.observe(now);
        let term = Term::of(reply, arrived, now);
        if term.is_over(now) {
            return;
        }
        let Some(holding) = holding else {
            self.raise_untracked(term);
            return;
        };
        let key = (reply.cursor.incarnation, holding.id);
        let running = (self.entries.get_mut(&key)).filter(|entry| !entry.term.is_over(now));
        if let Some(entry) = running {
            if entry.term.until < term.until {
                entry.term = term;
            }
        } else if self.is_full(now) {
            self.raise_untracked(term);
        } else {
            let floor = reply.cursor.seq;
            let over = self.entries.insert(key, Entry { term, floor });
            let is_behind = |(over, urgent): (Entry<C>, Cursor)| over.is_behind(key.0, urgent);
            if over.zip(self.urgent).is_some_and(is_behind) {
                self.expired_unconfirmed.0 += 1;
            }
        }
    }

    /// A holder says what it no longer decides on.
    pub fn confirmed(&mut self, holding: &Holding) {
        if let Some(floor) = holding.floor
            && let Some(entry) = self.entries.get_mut(&(floor.incarnation, holding.id))
        {
            entry.floor = entry.floor.max(floor.seq);
        }
    }

    /// The place below which nobody who holds a lease from here decides any more,
    /// nor will: `own` is the giver's cursor. None: not known.
    pub fn floor(&mut self, own: Cursor, now: Reading<C>) -> Option<Cursor> {
        self.prune(now);
        let comparable =
            |(incarnation, _): &(Incarnation, HolderId)| *incarnation == own.incarnation;
        if self.untracked.is_some() || !self.entries.keys().all(comparable) {
            return None;
        }
        let floors = self.entries.values().map(|entry| entry.floor);
        Some(Cursor {
            seq: floors.fold(own.seq, u64::min),
            ..own
        })
    }

    /// Whether anybody who holds a lease may decide below this number: one of them is
    /// found sooner than the floor of all.
    pub fn is_below(&mut self, seq: u64, now: Reading<C>) -> bool {
        self.observe(now);
        let mut entries = self.entries.values();
        entries.any(|entry| entry.floor < seq && !entry.term.is_over(now))
    }

    /// The change at this place is waited for: whoever is below it is to hear of it
    /// at once.
    pub fn urge(&mut self, place: Cursor) {
        if self.urgent.is_none_or(|urgent| !place.is_behind(&urgent)) {
            self.urgent = Some(place);
        }
    }

    /// The last change that somebody waits for, in this life of the log.
    #[must_use]
    pub fn urgent(&self, incarnation: Incarnation) -> Option<u64> {
        let urgent = self
            .urgent
            .filter(|urgent| urgent.incarnation == incarnation);
        urgent.map(|urgent| urgent.seq)
    }

    /// Whether something urgent lies above a place.
    #[must_use]
    pub fn is_urgent_above(&self, place: Cursor) -> bool {
        self.urgent(place.incarnation)
            .is_some_and(|urgent| place.seq < urgent)
    }

    /// How many hold a lease that is not over.
    pub fn holders(&mut self, now: Reading<C>) -> usize {
        self.prune(now);
        self.entries.len()
    }

    /// What the status shows.
    pub fn status(&mut self, now: Reading<C>) -> AccountStatus {
        AccountStatus {
            holders: self.holders(now) as u64,
            expired_unconfirmed: self.expired_unconfirmed.0,
        }
    }

    /// Until the next lease is over: the floor may rise then, without a message.
    pub fn next_expiry(&mut self, now: Reading<C>) -> Option<Millis> {
        self.prune(now);
        let terms = self.entries.values().map(|entry| &entry.term);
        let ends = terms.chain(&self.untracked).map(|term| term.until);
        ends.min().map(|end| end.since(&now))
    }

    fn is_full(&mut self, now: Reading<C>) -> bool {
        if self.entries.len() >= self.limit {
            self.prune(now);
        }
        self.entries.len() >= self.limit
    }

    fn raise_untracked(&mut self, term: Term<C>) {
        if self
            .untracked
            .is_none_or(|longest| longest.until < term.until)
        {
            self.untracked = Some(term);
        }
    }

    fn prune(&mut self, now: Reading<C>) {
        self.observe(now);
        self.untracked = self.untracked.filter(|term| !term.is_over(now));
        let urgent = self.urgent;
        let mut unconfirmed = 0;
        self.entries.retain(|(incarnation, _), entry| {
            let is_over = entry.term.is_over(now);
            if is_over && urgent.is_some_and(|urgent| entry.is_behind(*incarnation, urgent)) {
                unconfirmed += 1;
            }
            !is_over
        });
        self.expired_unconfirmed.0 += unconfirmed;
    }
}
