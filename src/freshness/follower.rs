//! What relay and edge share: following the change log by one kind of request.
//!
//! A follower knows a place in the log (its cursor) and an instant up to which
//! that knowledge is proven complete. The rules that make it safe:
//!
//! - **The proof's instant** is the follower's own clock when the request was
//!   *sent*, minus the age in the reply. However late a reply arrives, it is
//!   merely old; a clock that stood still before sending makes it older.
//! - **Cursor and proof only advance.** A reply behind the cursor is discarded
//!   whole, so what it says about single subjects is exact at the new cursor.
//! - **A reply continues the cursor that was sent**, or ends at the very cursor
//!   known by now: when many ask at once because nothing is known yet, the first
//!   reply sets the cursor, and the others count if they end there too. A reply
//!   from before a reset continues nothing and is discarded.
//! - **A backward reading drops the proof**, and replies to requests sent before
//!   it do not renew one: their sending was read on a clock that is gone.
//! - **One refresh at a time.** The turn to refresh is a flag that expires by
//!   itself, so a request that was cancelled blocks nobody.

use super::failover::Hop;
use super::sync::{Cursor, SyncReply, SyncRequest, Version};
use super::time::{Bound, Clock, Millis, Reading};
use crate::key::Subject;

/// That everything up to the cursor is complete as of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proof<C> {
    /// The instant, on the follower's own clock.
    pub at: Reading<C>,
    /// The greatest age at which it may be decided on: the lease of the reply
    /// that gave this proof.
    pub bound: Bound,
}

/// A request under way, and what the follower must remember to judge its reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PendingSync<C> {
    /// What to send.
    pub request: SyncRequest,
    /// Where it was sent, the last one last: each may have granted a lease.
    pub(super) hops: Vec<Hop>,
    pub(super) sent: Reading<C>,
    generation: u32,
    era: u32,
    holds_turn: bool,
}

impl<C: Clock> PendingSync<C> {
    /// To be called whenever the request goes out: the proof counts from the last
    /// sending. After a backward step the first reading stays.
    pub fn sent_to(&mut self, hop: Hop, now: Reading<C>) {
        self.sent = self.sent.max(now);
        if self.hops.last() != Some(&hop) {
            self.hops.push(hop);
        }
    }
}

/// What became of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Its changes and requirements are to be taken over: they are exact at
    /// the follower's new cursor.
    Advanced,
    /// All that was known is void; the follower starts from the reply's
    /// cursor, and what the reply requires is exact there.
    Reset,
    /// It is behind, or from before a reset. Nothing may be taken from it.
    Discarded,
}

/// Whether this caller may refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Yes, and nobody else may until it reports back or the turn expires.
    Yours,
    /// Another request is under way: look at the shared state again, after this
    /// time at the latest.
    Taken(Millis),
    /// The last request failed everywhere a moment ago.
    Failing,
}

/// A follower of the change log on the clock `C`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Follower<C> {
    cursor: Option<Cursor>,
    proof: Option<Proof<C>>,
    /// Counts resets.
    generation: u32,
    /// Counts backward steps of the clock.
    era: u32,
    /// The latest reading seen.
    read: Option<Reading<C>>,
    /// When the turn to refresh expires.
    turn_until: Option<Reading<C>>,
    /// When a request last failed everywhere.
    failed_at: Option<Reading<C>>,
}

impl<C> Default for Follower<C> {
    fn default() -> Self {
        Self {
            cursor: None,
            proof: None,
            generation: 0,
            era: 0,
            read: None,
            turn_until: None,
            failed_at: None,
        }
    }
}

impl<C: Clock> Follower<C> {
    /// How long a turn lasts: longer than all hops of a request together, so that
    /// two are under way at once only if one was cancelled.
    pub const TURN: Millis = Millis(3_000);
    /// How long after a failure nobody tries again: recovery is noticed within
    /// this time, and a failing chain gets four requests a second from an
    /// isolate, not one per request.
    pub const PAUSE: Millis = Millis(250);

    /// Takes note of a reading; to be called first in every event. A backward one
    /// drops the proof, the turn and the time of the last failure.
    pub fn observe(&mut self, now: Reading<C>) {
        if self.read.is_some_and(|read| now < read) {
            self.proof = None;
            self.turn_until = None;
            self.failed_at = None;
            self.era += 1;
        }
        self.read = Some(now);
    }

    /// The place in the log.
    #[must_use]
    pub const fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// The proof, however old.
    #[must_use]
    pub const fn proof(&self) -> Option<Proof<C>> {
        self.proof
    }

    /// Age of the proof at a reading; zero if the proof is later.
    #[must_use]
    pub fn age(&self, at: Reading<C>) -> Option<Millis> {
        self.proof.map(|proof| at.since(&proof.at))
    }

    /// Takes the turn to refresh, if it is free.
    pub fn take_turn(&mut self, now: Reading<C>) -> Turn {
        if let Some(until) = self.turn_until
            && now < until
        {
            return Turn::Taken(until.since(&now));
        }
        if self.is_failing(now) {
            return Turn::Failing;
        }
        self.turn_until = Some(now.ahead_by(Self::TURN));
        Turn::Yours
    }

    /// Whether the turn is taken.
    #[must_use]
    pub fn is_syncing(&self, now: Reading<C>) -> bool {
        self.turn_until.is_some_and(|until| now < until)
    }

    /// Whether a request failed a moment ago.
    #[must_use]
    pub fn is_failing(&self, now: Reading<C>) -> bool {
        self.failed_at
            .is_some_and(|failed| now.since(&failed) < Self::PAUSE)
    }

    /// The request to send now; `holds_turn` if [`Self::take_turn`] gave the turn
    /// for it.
    #[must_use]
    pub fn request(
        &self,
        subjects: Vec<Subject>,
        holds_turn: bool,
        now: Reading<C>,
    ) -> PendingSync<C> {
        PendingSync {
            request: SyncRequest {
                v: Version::CURRENT,
                cursor: self.cursor,
                subjects,
                holding: None,
            },
            hops: Vec::new(),
            sent: now,
            generation: self.generation,
            era: self.era,
            holds_turn,
        }
    }

    /// The request failed everywhere. Gives its turn back.
    pub fn failed(&mut self, sync: &PendingSync<C>, now: Reading<C>) {
        self.observe(now);
        self.give_back_turn(sync);
        self.failed_at = Some(now);
    }

    /// Judges a reply, takes over its cursor and proof, and gives back the turn of
    /// its request. The caller takes over the rest as the verdict says.
    pub fn accept(
        &mut self,
        sync: &PendingSync<C>,
        reply: &SyncReply,
        now: Reading<C>,
    ) -> Accepted {
        self.observe(now);
        self.give_back_turn(sync);
        self.failed_at = None;
        let continues = sync.generation == self.generation
            && (reply.reset
                || sync.request.cursor.is_some()
                || self.cursor.is_none_or(|cursor| cursor == reply.cursor));
        let behind = self
            .cursor
            .is_some_and(|cursor| reply.cursor.is_behind(&cursor));
        if !continues || behind {
            return Accepted::Discarded;
        }
        let proof = (sync.era == self.era)
            .then(|| sync.sent.back_by(reply.age_ms))
            .flatten()
            .map(|at| Proof {
                at,
                bound: reply.bound_ms,
            });
        self.cursor = Some(reply.cursor);
        if reply.reset {
            self.generation += 1;
            self.proof = proof;
            return Accepted::Reset;
        }
        if proof.is_some_and(|new| self.proof.is_none_or(|old| old.at < new.at)) {
            self.proof = proof;
        }
        Accepted::Advanced
    }

    fn give_back_turn(&mut self, sync: &PendingSync<C>) {
        if sync.holds_turn {
            self.turn_until = None;
        }
    }
}
