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
//! 3. *enforced*: the log knows that nobody decides below the change any more, or
//!    the time that the acknowledgement stated has passed, on the clock of the very
//!    process that took it;
//! 4. *settled*: the row is deleted.
//!
//! `enforced` is step 3 or 4 and never the key's state: a repeated call finds the
//! row and joins its wait. Only rows are stored. How far the wait has come is
//! kept in memory, because another process would measure it on another clock:
//! after a restart each remaining row is appended and waited for again, and the
//! acknowledgement says at once if nobody is below it.
//!
//! **Confirmed.** An acknowledgement names the change's place in the log. Once the
//! log's floor has reached it, the change is enforced whatever the clocks say, and
//! stays so. Places of two lives of the log have no order: then time decides.
//!
//! **Changes that take effect later.** A change may alter decisions from a future
//! instant on: a rotated key keeps working until its overlap ends. If every lease
//! that predates the change is over by then, no request is ever decided
//! otherwise, and the change is enforced as soon as it is acknowledged. That no
//! longer holds once the clock that named the instant was set back.
//!
//! **Restored from a backup.** Before a registry that has just started serves
//! anything, it asks the log what that knows beyond the registry's revision
//! ([`CommitWait::restore_check`]). If there is something, the registry was
//! restored and has lost changes, which may have been revocations. It then
//! jumps past the log's greatest revision, writes each lost subject anew in
//! its *most restrictive* state (a key disabled, an organization without API
//! access) and appends those: what was enforced stays enforced, and what the
//! operator wants back is enabled again on purpose.
//!
//! A revocation of all keys is a change of the organization that its API access
//! does not undo. So each append of an organization tells the log through which
//! revision its keys were revoked, and a registry that lost the last one takes
//! that over.

use std::collections::BTreeMap;

use super::append::{Ack, Append, RestoreCheck, RestoreCheckReply};
use super::sync::{Cursor, Requirement, Revision, Version};
use super::time::{Millis, Reading, RegistryClock};
use crate::key::Subject;

/// A change that is committed and not yet settled: one stored row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PendingChange {
    /// What changed.
    pub subject: Subject,
    /// At which revision it is now.
    pub revision: Revision,
    /// Whether anybody's rights changed, so that callers wait. Issuing and renaming
    /// only need the append.
    pub waits: bool,
    /// Until then the old state and the new one decide alike; none where they
    /// differ at once.
    pub from: Option<Reading<RegistryClock>>,
    /// Of the organization: through which revision its keys were revoked at once;
    /// zero where they never were.
    pub keys_revoked_through: Option<Revision>,
}

impl PendingChange {
    /// What the change log is told.
    #[must_use]
    pub const fn append(&self) -> Append {
        Append {
            v: Version::CURRENT,
            subject: self.subject,
            revision: self.revision,
            keys_revoked_through: self.keys_revoked_through,
            waits: false,
        }
    }
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

/// Whether the registry lost changes that the log knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Restored {
    /// Not known yet; what the log's pages have said so far.
    Unknown(Vec<Requirement>),
    No,
    Yes(Recovery),
}

/// How far a pending change has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Progress {
    change: PendingChange,
    /// When the acknowledgement came, and the wait it stated.
    acknowledged: Option<(Reading<RegistryClock>, Millis)>,
    /// Where the acknowledgement said it stands in the log.
    place: Option<Cursor>,
    /// Nobody decides below it any more.
    confirmed: bool,
}

/// The pending changes of one organization, in one process of its registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitWait {
    organization: Subject,
    revision: Revision,
    restored: Restored,
    pending: BTreeMap<Subject, Progress>,
    read: Option<Reading<RegistryClock>>,
    confirmations: bool,
}

impl CommitWait {
    /// At the start of a process: the organization's tag, its revision, and the
    /// stored rows.
    #[must_use]
    pub fn start(
        organization: Subject,
        revision: Revision,
        rows: impl IntoIterator<Item = PendingChange>,
    ) -> Self {
        let mut started = Self {
            organization,
            revision,
            restored: Restored::Unknown(Vec::new()),
            pending: BTreeMap::new(),
            read: None,
            confirmations: false,
        };
        for row in rows {
            started.committed(row);
        }
        started
    }

    /// Has edges hear at once of a change that is waited for, so that it can be
    /// enforced by their confirmation; without it, time alone decides.
    #[must_use]
    pub const fn with_confirmations(mut self) -> Self {
        self.confirmations = true;
        self
    }

    /// Whether the registry may serve, reads and writes alike: it is known to
    /// have lost nothing.
    #[must_use]
    pub fn may_serve(&self) -> bool {
        self.restored == Restored::No
    }

    /// What to ask the log before serving; none once it has answered.
    #[must_use]
    pub fn restore_check(&self) -> Option<RestoreCheck> {
        let Restored::Unknown(seen) = &self.restored else {
            return None;
        };
        let last = seen.last();
        Some(RestoreCheck {
            v: Version::CURRENT,
            organization: self.organization,
            above: last.map_or(self.revision, |last| last.revision),
            after_subject: last.map(|last| last.subject),
        })
    }

    /// Takes the log's reply to `request`; a late or repeated one is ignored.
    pub fn restore_check_answered(&mut self, request: &RestoreCheck, reply: &RestoreCheckReply) {
        if self.restore_check().as_ref() != Some(request) {
            return;
        }
        let Restored::Unknown(seen) = &mut self.restored else {
            return;
        };
        seen.extend(&reply.beyond);
        if reply.more {
            return;
        }
        self.restored = if reply.greatest <= self.revision && seen.is_empty() {
            Restored::No
        } else {
            let lost: Vec<Subject> = seen.iter().map(|required| required.subject).collect();
            let through = reply.keys_revoked_through.unwrap_or(self.revision);
            Restored::Yes(Recovery {
                revision: reply.greatest.max(self.revision).next(),
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
        match &self.restored {
            Restored::Yes(recovery) => Some(recovery),
            _ => None,
        }
    }

    /// The transaction of [`Self::recovery`] is committed; through which revision
    /// the organization's keys were revoked at once by now, if there is one.
    pub fn recovered(&mut self, keys_revoked_through: Option<Revision>) {
        let Restored::Yes(recovery) = std::mem::replace(&mut self.restored, Restored::No) else {
            return;
        };
        self.revision = recovery.revision;
        for subject in recovery.lost {
            self.committed(PendingChange {
                subject,
                revision: recovery.revision,
                waits: true,
                from: None,
                keys_revoked_through: keys_revoked_through.filter(|_| subject == self.organization),
            });
        }
    }

    /// A change is committed. Idempotent. A row of the same subject that was still
    /// waiting is replaced: whoever waits for it waits for the new one. A right
    /// that changed before is not settled by a renaming after, and not put off by
    /// a change that alters decisions later.
    pub fn committed(&mut self, row: PendingChange) {
        self.revision = self.revision.max(row.revision);
        let earlier = self.pending.get(&row.subject).map(|earlier| earlier.change);
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
        self.pending.insert(
            row.subject,
            Progress {
                change: PendingChange { waits, from, ..row },
                acknowledged: None,
                place: None,
                confirmed: false,
            },
        );
    }

    /// The next change to tell the log; none if it has all. Sent again until
    /// acknowledged, in any order.
    #[must_use]
    pub fn next_append(&self) -> Option<Append> {
        let mut pending = self.pending.values();
        let next = pending.find(|progress| progress.acknowledged.is_none())?;
        Some(Append {
            waits: self.confirmations && next.change.waits,
            ..next.change.append()
        })
    }

    /// The log has acknowledged an append. One that is overtaken by a newer
    /// change says nothing about that; a second acknowledgement says nothing
    /// new.
    pub fn acknowledged(&mut self, append: &Append, ack: &Ack, now: Reading<RegistryClock>) {
        self.observe(now);
        self.observe_log_revision(ack.greatest);
        if let Some(progress) = self.pending.get_mut(&append.subject)
            && progress.change.revision == append.revision
            && progress.acknowledged.is_none()
        {
            progress.acknowledged = Some((now, ack.wait_ms));
            progress.place = ack.place.filter(|_| self.confirmations);
        }
        if let Some(floor) = ack.floor {
            self.confirmed(floor);
        }
    }

    /// The log says that nobody decides below `floor` any more. What is known so
    /// stays known, however late this comes and whatever the clock does.
    pub fn confirmed(&mut self, floor: Cursor) {
        for progress in self.pending.values_mut() {
            progress.confirmed |= progress.place.is_some_and(|place| {
                place.incarnation == floor.incarnation && place.seq <= floor.seq
            });
        }
    }

    /// The place in the log to be awaited for a subject; none where its change is
    /// not acknowledged, enforced, or enforced by time alone.
    #[must_use]
    pub fn awaited_place(&self, subject: &Subject) -> Option<Cursor> {
        let progress = self.pending.get(subject)?;
        progress
            .place
            .filter(|_| progress.change.waits && !progress.confirmed)
    }

    /// An edge reads `subject` strongly and says what is `required` of it; the
    /// registry's record is at `held`. A record below its requirement is a
    /// change that was lost after the check at the start: an append sent before
    /// the registry was restored reached the log only then. To be called
    /// before the read is answered, and [`Self::may_serve`] after it.
    pub fn observe_required(&mut self, subject: Subject, required: Revision, held: Revision) {
        self.observe_log_revision(required);
        if required > held && self.restored == Restored::No {
            self.restored = Restored::Yes(Recovery {
                revision: self.revision.next(),
                lost: vec![subject],
                // Whoever asked for that change never heard that it was enforced.
                keys_revoked_through: None,
            });
        }
    }

    /// The log knows this revision of the organization. One beyond the
    /// registry's own means lost changes: ask which before serving on.
    fn observe_log_revision(&mut self, revision: Revision) {
        if revision > self.revision && self.restored == Restored::No {
            self.restored = Restored::Unknown(Vec::new());
        }
    }

    /// Whether the record of a subject may be given away to keep: to KV, or to
    /// an edge's memory. If not, an edge may decide one request on it.
    #[must_use]
    pub fn may_publish(&self, subject: &Subject) -> bool {
        (self.pending.get(subject)).is_none_or(|progress| progress.acknowledged.is_some())
    }

    /// Whether the last change of a subject that altered rights is enforced.
    pub fn enforcement(&mut self, subject: &Subject, now: Reading<RegistryClock>) -> Enforcement {
        self.observe(now);
        match self.pending.get(subject) {
            None => Enforcement::Enforced,
            Some(progress) => progress.enforcement(now),
        }
    }

    /// Subjects whose change is waited for, by a call or by the alarm.
    #[must_use]
    pub fn unenforced(&self) -> Vec<Subject> {
        let waited = self.pending.values().map(|progress| progress.change);
        let waited = waited.filter(|change| change.waits);
        waited.map(|change| change.subject).collect()
    }

    /// Rows whose wait is over, to be deleted from storage where they still
    /// have this revision; then [`Self::settled`].
    pub fn due(&mut self, now: Reading<RegistryClock>) -> Vec<PendingChange> {
        self.observe(now);
        (self.pending.values())
            .filter(|progress| progress.enforcement(now) == Enforcement::Enforced)
            .map(|progress| progress.change)
            .collect()
    }

    /// The row is deleted from storage.
    pub fn settled(&mut self, row: &PendingChange) {
        let held = self.pending.get(&row.subject);
        if held.is_some_and(|held| held.change.revision == row.revision) {
            self.pending.remove(&row.subject);
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
        self.pending.values().filter_map(left).max()
    }

    /// A backward step begins every wait anew, to its end: what passed before it
    /// was measured on a clock that is gone, and what lay ahead named on it.
    fn observe(&mut self, now: Reading<RegistryClock>) {
        if self.read.is_some_and(|read| now < read) {
            for progress in self.pending.values_mut() {
                progress.change.from = None;
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
        if self.confirmed {
            return Enforcement::Enforced;
        }
        let left = wait.less(now.since(at));
        let over = at.ahead_by(*wait);
        let is_before_anything = self.change.from.is_some_and(|from| over <= from);
        if self.change.waits && left > Millis::ZERO && !is_before_anything {
            Enforcement::Waiting(left)
        } else {
            Enforcement::Enforced
        }
    }
}
