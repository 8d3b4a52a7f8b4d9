//! When a registry may say `enforced: true`, and what it may show before.
//!
//! A change goes through four steps, each of which may be the last one before
//! a crash:
//!
//! 1. *committed*: in the registry's storage, with a row here in the same
//!    transaction;
//! 2. *appended*: the change log has acknowledged it. Until then nobody is
//!    given the changed record to keep, neither KV nor an edge's memory
//!    ([`CommitWait::may_publish`]): so every revision that was ever shown is in
//!    the log, and a registry that lost some can find out;
//! 3. *waited*: the time that the acknowledgement stated has passed, on the
//!    clock of the very process that took it;
//! 4. *settled*: the row is deleted.
//!
//! `enforced` is step 3 or 4 and never the key's state: a repeated call finds
//! the row and joins its wait. Only rows are stored. How far the wait has come
//! is in memory, because another process would measure it on another clock:
//! after a restart each remaining row is appended and waited for again.
//!
//! **What comes later.** A change may alter decisions from an instant that lies
//! ahead: a rotated key works on until its overlap ends. Where every lease that
//! predates the change is over by then, no request is ever decided otherwise than
//! it says, and the change is enforced from its acknowledgement on. That is no
//! longer so once the clock was set back, by which the instant was named.
//!
//! **Restored from a backup.** Before a registry that has just started serves
//! anything, it asks the log what that knows beyond the registry's revision
//! ([`CommitWait::standing_question`]). If there is something, the registry was
//! restored and has lost changes, which may have been revocations. It then
//! jumps past the log's greatest revision, writes each lost subject anew in
//! its *most restrictive* state (a key disabled, an organization without API
//! access) and appends those: what was enforced stays enforced, and what the
//! operator wants back is enabled again on purpose.
//!
//! That all keys were revoked at once is a change of the organization which its API
//! access does not undo. So each change of an organization tells the log through which
//! revision that reached, and a registry that lost the last one takes it over.

use std::collections::BTreeMap;

use super::ask::{Ack, Append, Required, Revision, Standing, StandingQuestion, Version};
use super::time::{Millis, Reading, RegistryClock};
use crate::key::Subject;

/// A stored row: a change that is committed and not yet settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unsettled {
    /// What changed.
    pub subject: Subject,
    /// At which revision it is now.
    pub revision: Revision,
    /// Whether anybody's rights changed, so that the wait counts. Issuing and
    /// renaming only need the append.
    pub waits: bool,
    /// Until then the old state and the new one decide alike; none where they
    /// differ at once.
    pub from: Option<Reading<RegistryClock>>,
    /// Of the organization: through which revision its keys were revoked at once;
    /// zero where they never were.
    pub keys_revoked_through: Option<Revision>,
}

/// Whether a change is enforced everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// No request that arrives from now on is decided on an older state.
    Enforced,
    /// The log has it; leases may run for this much longer.
    Waiting(Millis),
    /// The log has not acknowledged it.
    Unacknowledged,
}

/// What a registry that was restored must do before it serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recovery {
    /// The revision of this one change: past all that was ever shown.
    pub revision: Revision,
    /// Whose changes are lost; the registry may not even know some of them.
    pub lost: Vec<Subject>,
    /// Where the organization itself is lost: every key issued at or below this
    /// revision stays revoked, as the log knows. Where it was not told, that is every
    /// key which the registry then knows.
    pub keys_revoked_through: Option<Revision>,
}

/// How the registry stands to what the log knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Check {
    /// Pages still to come; what they said so far.
    Open(Vec<Required>),
    Current,
    Behind(Recovery),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Progress {
    revision: Revision,
    waits: bool,
    from: Option<Reading<RegistryClock>>,
    keys_revoked_through: Option<Revision>,
    /// When the acknowledgement came, and the wait it stated.
    acknowledged: Option<(Reading<RegistryClock>, Millis)>,
}

/// The unsettled changes of one organization, in one process of its registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitWait {
    organization: Subject,
    revision: Revision,
    check: Check,
    unsettled: BTreeMap<Subject, Progress>,
    read: Option<Reading<RegistryClock>>,
}

impl CommitWait {
    /// At the start of a process: the organization's tag, its revision, and the
    /// stored rows.
    #[must_use]
    pub fn start(
        organization: Subject,
        revision: Revision,
        rows: impl IntoIterator<Item = Unsettled>,
    ) -> Self {
        let mut started = Self {
            organization,
            revision,
            check: Check::Open(Vec::new()),
            unsettled: BTreeMap::new(),
            read: None,
        };
        for row in rows {
            started.committed(row);
        }
        started
    }

    /// Whether the registry may serve, reads and writes alike: it is known to
    /// have lost nothing.
    #[must_use]
    pub fn may_serve(&self) -> bool {
        self.check == Check::Current
    }

    /// What to ask the log before serving; none once that is settled.
    #[must_use]
    pub fn standing_question(&self) -> Option<StandingQuestion> {
        let Check::Open(seen) = &self.check else {
            return None;
        };
        let last = seen.last();
        Some(StandingQuestion {
            v: Version::CURRENT,
            organization: self.organization,
            above: last.map_or(self.revision, |last| last.revision),
            after_subject: last.map(|last| last.subject),
        })
    }

    /// Takes the log's answer to `question`; a late or repeated one is ignored.
    pub fn standing_answered(&mut self, question: &StandingQuestion, standing: &Standing) {
        if self.standing_question().as_ref() != Some(question) {
            return;
        }
        let Check::Open(seen) = &mut self.check else {
            return;
        };
        seen.extend(&standing.beyond);
        if standing.more {
            return;
        }
        self.check = if standing.greatest <= self.revision && seen.is_empty() {
            Check::Current
        } else {
            let lost: Vec<Subject> = seen.iter().map(|required| required.subject).collect();
            let through = standing.keys_revoked_through.unwrap_or(self.revision);
            Check::Behind(Recovery {
                revision: standing.greatest.max(self.revision).next(),
                keys_revoked_through: (lost.contains(&self.organization)).then_some(through),
                lost,
            })
        };
    }

    /// What a restored registry must do: in one transaction take over the
    /// revision, write each lost subject anew in its most restrictive state,
    /// and a row for it that waits. Then [`Self::recovered`].
    #[must_use]
    pub fn recovery(&self) -> Option<&Recovery> {
        match &self.check {
            Check::Behind(recovery) => Some(recovery),
            _ => None,
        }
    }

    /// The transaction of [`Self::recovery`] is committed; through which revision
    /// the organization's keys were revoked at once by now, if there is one.
    pub fn recovered(&mut self, keys_revoked_through: Option<Revision>) {
        let Check::Behind(recovery) = std::mem::replace(&mut self.check, Check::Current) else {
            return;
        };
        self.revision = recovery.revision;
        for subject in recovery.lost {
            self.committed(Unsettled {
                subject,
                revision: recovery.revision,
                waits: true,
                from: None,
                keys_revoked_through: keys_revoked_through.filter(|_| subject == self.organization),
            });
        }
    }

    /// A change is committed; told again it says nothing new. A row of the same
    /// subject that was still waiting is replaced: whoever waits for it waits for
    /// the new one. A right that changed before is not settled by a renaming
    /// after, and not put off by a change that alters decisions later.
    pub fn committed(&mut self, row: Unsettled) {
        self.revision = self.revision.max(row.revision);
        let earlier = self.unsettled.get(&row.subject);
        if earlier.is_some_and(|earlier| earlier.revision == row.revision) {
            return;
        }
        let (waits, from) = match earlier {
            Some(earlier) if earlier.waits && row.waits => {
                (true, earlier.from.zip(row.from).map(|(a, b)| a.min(b)))
            }
            Some(earlier) if earlier.waits => (true, earlier.from),
            _ => (row.waits, row.from),
        };
        self.unsettled.insert(
            row.subject,
            Progress {
                revision: row.revision,
                waits,
                from,
                keys_revoked_through: row.keys_revoked_through,
                acknowledged: None,
            },
        );
    }

    /// The next change to tell the log; none if it has all. Sent again until
    /// acknowledged, in any order.
    #[must_use]
    pub fn next_append(&self) -> Option<Append> {
        let (subject, progress) =
            (self.unsettled.iter()).find(|(_, progress)| progress.acknowledged.is_none())?;
        Some(Append {
            v: Version::CURRENT,
            subject: *subject,
            revision: progress.revision,
            keys_revoked_through: progress.keys_revoked_through,
        })
    }

    /// The log has acknowledged an append. One that is overtaken by a newer
    /// change says nothing about that; a second acknowledgement says nothing
    /// new.
    pub fn acknowledged(&mut self, append: &Append, ack: &Ack, now: Reading<RegistryClock>) {
        self.observe(now);
        self.log_is_at(ack.greatest);
        if let Some(progress) = self.unsettled.get_mut(&append.subject)
            && progress.revision == append.revision
            && progress.acknowledged.is_none()
        {
            progress.acknowledged = Some((now, ack.wait_ms));
        }
    }

    /// An edge reads `subject` strongly and says what is `required` of it; the
    /// registry's record is at `held`. A record below its requirement is a
    /// change that was lost after the start's question: an append sent before
    /// the registry was restored reached the log only then. To be called
    /// before the read is answered, and [`Self::may_serve`] after it.
    pub fn heard_of(&mut self, subject: Subject, required: Revision, held: Revision) {
        self.log_is_at(required);
        if required > held && self.check == Check::Current {
            self.check = Check::Behind(Recovery {
                revision: self.revision.next(),
                lost: vec![subject],
                // Whoever asked for that change never heard that it was enforced.
                keys_revoked_through: None,
            });
        }
    }

    /// The log knows this revision of the organization. One beyond the
    /// registry's own means lost changes: ask which before serving on.
    fn log_is_at(&mut self, revision: Revision) {
        if revision > self.revision && self.check == Check::Current {
            self.check = Check::Open(Vec::new());
        }
    }

    /// Whether the record of a subject may be given away to keep: to KV, or to
    /// an edge's memory. If not, an edge may decide one request on it.
    #[must_use]
    pub fn may_publish(&self, subject: &Subject) -> bool {
        (self.unsettled.get(subject)).is_none_or(|progress| progress.acknowledged.is_some())
    }

    /// Whether the last change of a subject that altered rights is enforced.
    pub fn enforcement(&mut self, subject: &Subject, now: Reading<RegistryClock>) -> Enforcement {
        self.observe(now);
        match self.unsettled.get(subject) {
            None => Enforcement::Enforced,
            Some(progress) => progress.enforcement(now),
        }
    }

    /// Rows whose wait is over, to be deleted from storage where they still
    /// have this revision; then [`Self::settled`].
    pub fn due(&mut self, now: Reading<RegistryClock>) -> Vec<Unsettled> {
        self.observe(now);
        (self.unsettled.iter())
            .filter(|(_, progress)| progress.enforcement(now) == Enforcement::Enforced)
            .map(|(subject, progress)| Unsettled {
                subject: *subject,
                revision: progress.revision,
                waits: progress.waits,
                from: progress.from,
                keys_revoked_through: progress.keys_revoked_through,
            })
            .collect()
    }

    /// The row is deleted from storage.
    pub fn settled(&mut self, row: &Unsettled) {
        if (self.unsettled.get(&row.subject)).is_some_and(|held| held.revision == row.revision) {
            self.unsettled.remove(&row.subject);
        }
    }

    /// How long until every acknowledged change is enforced; none where none is
    /// waited for.
    pub fn longest_wait(&mut self, now: Reading<RegistryClock>) -> Option<Millis> {
        self.observe(now);
        let left = |progress: &Progress| match progress.enforcement(now) {
            Enforcement::Waiting(left) => Some(left),
            Enforcement::Enforced | Enforcement::Unacknowledged => None,
        };
        self.unsettled.values().filter_map(left).max()
    }

    /// A backward step begins every wait anew, to its end: what passed before it
    /// was measured on a clock that is gone, and what lay ahead named on it.
    fn observe(&mut self, now: Reading<RegistryClock>) {
        if self.read.is_some_and(|read| now < read) {
            for progress in self.unsettled.values_mut() {
                progress.from = None;
                if let Some((at, _)) = &mut progress.acknowledged {
                    *at = now;
                }
            }
        }
        self.read = Some(now);
    }
}

impl Progress {
    fn enforcement(&self, now: Reading<RegistryClock>) -> Enforcement {
        let Some((at, wait)) = &self.acknowledged else {
            return Enforcement::Unacknowledged;
        };
        let left = wait.less(now.since(at));
        let over = at.ahead_by(*wait);
        let is_before_anything = self.from.is_some_and(|from| over <= from);
        if self.waits && left > Millis::ZERO && !is_before_anything {
            Enforcement::Waiting(left)
        } else {
            Enforcement::Enforced
        }
    }
}
