//! What a registry does until a change is enforced: append, wait, settle.
//!
//! A state machine without I/O over the [`CommitWait`] that all requests of a
//! process share: two requests that wait for the same change take turns, and
//! what the change log tells one, the other knows.

use super::append::{Ack, Append, Await, Floor};
use super::commit_wait::{CommitWait, Enforcement, PendingChange};
use super::sync::Version;
use super::time::{Millis, Reading, RegistryClock};
use crate::key::Subject;

/// How long a change waits for the change log's acknowledgement before it is
/// answered as not yet enforced.
const ACKNOWLEDGEMENT: Millis = Millis(10_000);
/// How soon the change log is asked again that did not answer.
const RETRY_AFTER: Millis = Millis(100);
/// How soon it is asked again that did not say whether anybody is below a change: it
/// was cut off, or does not know for as long as an untracked lease runs.
const ASK_AGAIN: Millis = Millis(250);

/// One caller on its way to an enforced change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Enforcer {
    goal: Goal,
    appending: Option<Append>,
    log_is_silent: bool,
    /// The change log did not say what is below, or not long ago.
    awaits_time: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Goal {
    /// The change log knows every change.
    Appended,
    /// These changes are enforced.
    Enforced {
        awaited: Vec<Subject>,
        give_up_at: Reading<RegistryClock>,
    },
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnforcerStep {
    /// Note in storage that these are enforced, where they still have this revision;
    /// then [`EnforcerEvent::Settled`].
    Settle(Vec<PendingChange>),
    /// Tell the change log, then [`EnforcerEvent::Acknowledged`] or
    /// [`EnforcerEvent::Unanswered`].
    Append(Append),
    /// Ask the change log whether anybody still decides below the change, which it
    /// may hold for as long as it says; then [`EnforcerEvent::Floor`], or
    /// [`EnforcerEvent::NoFloor`].
    Await(Await),
    /// Wait for this long, then [`EnforcerEvent::Look`].
    Wait(Millis),
    /// It is done.
    Done,
    /// The change log has not acknowledged what is awaited: not enforced, and carried
    /// on by the alarm.
    GiveUp,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnforcerEvent {
    /// It begins, or has waited.
    Look,
    /// These are settled in storage.
    Settled(Vec<PendingChange>),
    /// The change log has the change.
    Acknowledged(Ack),
    /// It did not answer in time.
    Unanswered,
    /// The change log says what nobody decides below any more.
    Floor(Floor),
    /// It did not say.
    NoFloor,
}

impl Enforcer {
    /// Appends all that the change log has not acknowledged, once, and settles what
    /// is enforced by then.
    #[must_use]
    pub const fn append_all() -> Self {
        Self::new(Goal::Appended)
    }

    /// Goes on until the last changes of these subjects are enforced, or the change
    /// log has failed to acknowledge one for too long.
    #[must_use]
    pub const fn until_enforced(awaited: Vec<Subject>, now: Reading<RegistryClock>) -> Self {
        Self::new(Goal::Enforced {
            awaited,
            give_up_at: now.ahead_by(ACKNOWLEDGEMENT),
        })
    }

    const fn new(goal: Goal) -> Self {
        Self {
            goal,
            appending: None,
            log_is_silent: false,
            awaits_time: false,
        }
    }

    /// Takes what happened, and says what to do next.
    pub fn next(
        &mut self,
        wait: &mut CommitWait,
        event: &EnforcerEvent,
        now: Reading<RegistryClock>,
    ) -> EnforcerStep {
        match event {
            EnforcerEvent::Look => {
                self.log_is_silent = false;
                self.awaits_time = false;
            }
            EnforcerEvent::Settled(rows) => rows.iter().for_each(|row| wait.settled(row)),
            EnforcerEvent::Acknowledged(ack) => {
                if let Some(append) = self.appending.take() {
                    wait.acknowledged(&append, ack, now);
                }
            }
            EnforcerEvent::Unanswered => self.log_is_silent = true,
            EnforcerEvent::Floor(said) => {
                self.awaits_time = true;
                said.floor.iter().for_each(|floor| wait.confirmed(*floor));
            }
            EnforcerEvent::NoFloor => self.awaits_time = true,
        }
        if !matches!(event, EnforcerEvent::Settled(_)) {
            let due = wait.due(now);
            if !due.is_empty() {
                return EnforcerStep::Settle(due);
            }
        }
        let (is_appended, left) = match &self.goal {
            Goal::Appended => (wait.next_append().is_none(), None),
            Goal::Enforced { awaited, .. } => progress(wait, awaited, now),
        };
        if is_appended {
            return left.map_or(EnforcerStep::Done, |left| self.pause(wait, left));
        }
        match (wait.next_append(), &self.goal) {
            (Some(append), _) if !self.log_is_silent => {
                self.appending = Some(append);
                EnforcerStep::Append(append)
            }
            (_, Goal::Enforced { give_up_at, .. }) if now < *give_up_at => {
                EnforcerStep::Wait(left.unwrap_or_default().max(RETRY_AFTER))
            }
            _ => EnforcerStep::GiveUp,
        }
    }
}

impl Enforcer {
    /// The floor is awaited where the change log can say it, and time passes meanwhile.
    fn pause(&self, wait: &CommitWait, left: Millis) -> EnforcerStep {
        let Goal::Enforced { awaited, .. } = &self.goal else {
            return EnforcerStep::Wait(left);
        };
        let places = awaited
            .iter()
            .filter_map(|subject| wait.awaited_place(subject));
        match places.max_by_key(|place| place.seq) {
            Some(place) if !self.awaits_time => EnforcerStep::Await(Await {
                v: Version::CURRENT,
                place,
                hold_ms: left.min(Await::HOLD),
            }),
            Some(_) => EnforcerStep::Wait(left.min(ASK_AGAIN)),
            None => EnforcerStep::Wait(left),
        }
    }
}

/// Whether the change log has acknowledged all that is awaited, and how long until
/// all of that is enforced which it has.
fn progress(
    wait: &mut CommitWait,
    awaited: &[Subject],
    now: Reading<RegistryClock>,
) -> (bool, Option<Millis>) {
    let mut progress = (true, None);
    for subject in awaited {
        match wait.enforcement(subject, now) {
            Enforcement::Enforced => {}
            Enforcement::Waiting(left) => progress.1 = progress.1.max(Some(left)),
            Enforcement::Unacknowledged => progress.0 = false,
        }
    }
    progress
}
