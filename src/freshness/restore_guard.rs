//! Whether a registry may serve: what it does until it knows that it was not
//! restored from a backup, or has made up for it.
//!
//! A state machine without I/O over the [`CommitWait`] that all requests of a
//! process share. Each request runs its own guard before it is carried
//! out; a strong read runs one more afterwards, with what the edge requires.

use super::append::{RestoreCheck, RestoreCheckReply};
use super::commit_wait::{CommitWait, Recovery};
use super::sync::Revision;
use crate::key::Subject;

/// How often one read may find a lost change and be carried out anew: one for the
/// key, one for the organization, one for what the change log says of the rest.
const MAX_RECOVERY_ROUNDS: usize = 4;

/// One request on its way to be served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RestoreGuard {
    asked: Option<RestoreCheck>,
    rounds: usize,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardStep {
    /// Ask the change log, then [`GuardEvent::Answered`] or
    /// [`GuardEvent::Unanswered`].
    AskLog(RestoreCheck),
    /// In one transaction take over the revision, write each lost subject anew in
    /// its most restrictive state, and a row for it that waits; then
    /// [`GuardEvent::Recovered`].
    Recover(Recovery),
    /// Carry the request out, now, without an await in between. A strong read then
    /// has to say what it found ([`GuardEvent::Read`]) before it is answered.
    Serve,
    /// Answer what was just read.
    Answer,
    /// The registry may not serve.
    Refuse,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardEvent {
    /// The request arrived.
    Arrived,
    /// The change log answered.
    Answered(RestoreCheckReply),
    /// It did not, in time.
    Unanswered,
    /// The recovery is committed; through which revision the organization's keys
    /// were revoked at once by now, if there is one.
    Recovered(Option<Revision>),
    /// A strong read found these records; of each subject, what the edge requires
    /// and what there is.
    Read([ReadRevision; 2]),
}

/// A record that was read for an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRevision {
    /// Of what.
    pub subject: Subject,
    /// The least revision that the edge may use, as the change log told it.
    pub required: Revision,
    /// The record's revision; what is required where there is none, as an unknown
    /// key has nothing to lock.
    pub held: Revision,
}

impl RestoreGuard {
    /// Takes what happened, and says what to do next.
    pub fn next(&mut self, wait: &mut CommitWait, event: &GuardEvent) -> GuardStep {
        match event {
            GuardEvent::Arrived => {}
            GuardEvent::Answered(reply) => {
                if let Some(asked) = self.asked.take() {
                    wait.restore_check_answered(&asked, reply);
                }
            }
            GuardEvent::Unanswered => return GuardStep::Refuse,
            GuardEvent::Recovered(keys_revoked_through) => wait.recovered(*keys_revoked_through),
            GuardEvent::Read(records) => {
                for read in records {
                    wait.observe_required(read.subject, read.required, read.held);
                }
                if wait.may_serve() {
                    return GuardStep::Answer;
                }
                self.rounds += 1;
            }
        }
        if wait.may_serve() && self.rounds < MAX_RECOVERY_ROUNDS {
            return GuardStep::Serve;
        }
        if let Some(check) = wait.restore_check() {
            self.asked = Some(check);
            return GuardStep::AskLog(check);
        }
        match wait.recovery() {
            Some(recovery) => GuardStep::Recover(recovery.clone()),
            None => GuardStep::Refuse,
        }
    }
}
