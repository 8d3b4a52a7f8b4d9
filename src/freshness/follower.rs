//! What relay and edge share: following the change log by one question.
//!
//! A follower knows a place in the log (its cursor) and an instant up to which
//! that knowledge is proven complete. The rules that make it safe:
//!
//! - **The proof's instant** is the own clock when the question was *sent*,
//!   minus the age in the answer. However late an answer arrives, it is only
//!   old; a clock that stood still before sending makes it older.
//! - **Cursor and proof only grow.** An answer behind the cursor is discarded
//!   whole, so what it says of single subjects is exact at the new cursor.
//! - **An answer continues the cursor that asked**, or ends at the very cursor
//!   that is known by now: of many who ask at once because nothing is known yet,
//!   the first gives the cursor, and the others' answers are good where they
//!   come to the same. One from before a reset continues nothing and is
//!   discarded.
//! - **A backward reading drops the proof**, and answers to questions sent
//!   before it renew none: their sending was read on a clock that is gone.
//! - **One asker.** The right to refresh is a flag that expires by itself, so
//!   an asker that was cancelled wedges nobody.

use super::ask::{Answer, Cursor, Question, Version};
use super::time::{Bound, Clock, Millis, Reading};
use crate::key::Subject;

/// That everything up to the cursor is complete as of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proof<C> {
    /// The instant, on the follower's own clock.
    pub at: Reading<C>,
    /// The greatest age at which it may be decided on: the lease of the answer
    /// that gave this proof.
    pub bound: Bound,
}

/// A question, and what the follower must remember to judge its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ask<C> {
    /// What to send.
    pub question: Question,
    sent: Reading<C>,
    generation: u32,
    era: u32,
    holds_turn: bool,
}

impl<C: Clock> Ask<C> {
    /// To be called when the same question goes out once more, to another
    /// relay: without it the proof would count from the first sending, which
    /// is safe but older than it need be. Not after a backward step: the
    /// first reading then stays.
    pub fn sent_again(&mut self, now: Reading<C>) {
        self.sent = self.sent.max(now);
    }
}

/// What an answer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Its changes and requirements are to be taken over: they are exact at
    /// the follower's new cursor.
    Advanced,
    /// All that was known is void; the follower starts from the answer's
    /// cursor, and what the answer requires is exact there.
    Reset,
    /// It is behind, or from before a reset. Nothing may be taken from it.
    Discarded,
}

/// May this caller ask?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Yes, and nobody else may until it reports or the flag expires.
    Yours,
    /// Somebody is asking: look again at the shared state, at the latest
    /// after this time.
    Taken(Millis),
    /// The last question failed everywhere a moment ago.
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
    /// When the flag of the one asker expires.
    asking_until: Option<Reading<C>>,
    /// When a question last failed.
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
            asking_until: None,
            failed_at: None,
        }
    }
}

impl<C: Clock> Follower<C> {
    /// How long the asker's flag holds: longer than any asker's total time,
    /// so that two ask at once only where one was cancelled.
    pub const TURN: Millis = Millis(3_000);
    /// How long after a failure nobody tries again: recovery is noticed within
    /// this time, and a failing chain gets four questions a second from an
    /// isolate, not one a request.
    pub const PAUSE: Millis = Millis(250);

    /// Takes note of a reading; to be called first in every event. A backward
    /// one drops the proof, and the times of flags and failures with it.
    pub fn observe(&mut self, now: Reading<C>) {
        if self.read.is_some_and(|read| now < read) {
            self.proof = None;
            self.asking_until = None;
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
        if let Some(until) = self.asking_until
            && now < until
        {
            return Turn::Taken(until.since(&now));
        }
        if self.is_failing(now) {
            return Turn::Failing;
        }
        self.asking_until = Some(now.ahead_by(Self::TURN));
        Turn::Yours
    }

    /// Whether somebody has the turn.
    #[must_use]
    pub fn is_asking(&self, now: Reading<C>) -> bool {
        self.asking_until.is_some_and(|until| now < until)
    }

    /// Whether a question failed a moment ago.
    #[must_use]
    pub fn is_failing(&self, now: Reading<C>) -> bool {
        self.failed_at
            .is_some_and(|failed| now.since(&failed) < Self::PAUSE)
    }

    /// The question to send now; `holds_turn` if [`Self::take_turn`] gave the
    /// turn for it.
    #[must_use]
    pub fn ask(&self, subjects: Vec<Subject>, holds_turn: bool, now: Reading<C>) -> Ask<C> {
        Ask {
            question: Question {
                v: Version::CURRENT,
                cursor: self.cursor,
                subjects,
            },
            sent: now,
            generation: self.generation,
            era: self.era,
            holds_turn,
        }
    }

    /// The question failed everywhere. Gives back its turn.
    pub fn failed(&mut self, ask: &Ask<C>, now: Reading<C>) {
        self.observe(now);
        self.give_back_turn(ask);
        self.failed_at = Some(now);
    }

    /// Judges an answer, takes over its cursor and its proof, and gives back
    /// the question's turn. The caller takes over the rest as the verdict says.
    pub fn accept(&mut self, ask: &Ask<C>, answer: &Answer, now: Reading<C>) -> Accepted {
        self.observe(now);
        self.give_back_turn(ask);
        self.failed_at = None;
        let continues = ask.generation == self.generation
            && (answer.reset
                || ask.question.cursor.is_some()
                || self.cursor.is_none_or(|cursor| cursor == answer.cursor));
        let behind = self
            .cursor
            .is_some_and(|cursor| answer.cursor.is_behind(&cursor));
        if !continues || behind {
            return Accepted::Discarded;
        }
        let proof = (ask.era == self.era)
            .then(|| ask.sent.back_by(answer.age_ms))
            .flatten()
            .map(|at| Proof {
                at,
                bound: answer.bound_ms,
            });
        self.cursor = Some(answer.cursor);
        if answer.reset {
            self.generation += 1;
            self.proof = proof;
            return Accepted::Reset;
        }
        if proof.is_some_and(|new| self.proof.is_none_or(|old| old.at < new.at)) {
            self.proof = proof;
        }
        Accepted::Advanced
    }

    fn give_back_turn(&mut self, ask: &Ask<C>) {
        if ask.holds_turn {
            self.asking_until = None;
        }
    }
}
