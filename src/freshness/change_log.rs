//! The change log: for every subject that ever changed its greatest revision,
//! and the order of the changes. One object for the whole deployment, and the
//! owner of the freshness bound.
//!
//! **Safety argument.** The object handles one event at a time, and each event
//! reads storage before it answers (an object that was replaced unnoticed is
//! found out there). So of any append and any request one comes first. If it is
//! the append, the reply carries the change. If it is the request, its proof
//! dates from before the append, and the acknowledgement states a wait that
//! outlasts the lease in that reply.
//!
//! **The bound.** A reply grants a lease; an acknowledgement states how long
//! leases may still run. It states the wait for the
//! greatest bound that any running lease may have, whoever holds it. Both bounds are in
//! storage, so a restart forgets nothing. Raising the bound raises both at
//! once. Lowering it lowers the lease at once, and what is waited for only
//! after the old leases have run out on this object's clock, counted anew
//! after a restart, whose clock may be another machine's.
//!
//! **Confirmations.** The log keeps account of whom it gave a lease
//! ([`Account`]), and says with an acknowledgement, and to whoever awaits it, below
//! which place nobody decides any more. After a start it does not know what its
//! last process granted, and says nothing for as long as that may run.

use super::account::Account;
use super::append::{Ack, Append, Await, Floor, RestoreCheck, RestoreCheckReply};
use super::sync::{
    Change, Confirm, Cursor, Incarnation, Requirement, Revision, SyncReply, SyncRequest, Version,
};
use super::time::{Bound, LogClock, Millis, Reading};
use crate::key::Subject;

/// What the log keeps beside its subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogMeta {
    /// The life of this log.
    pub incarnation: Incarnation,
    /// The bound granted in replies.
    pub lease: Bound,
    /// The greatest bound a running lease may have; never below `lease`.
    pub wait_for: Bound,
}

/// That all keys of an organization up to a revision were revoked at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeysRevoked {
    /// Every key issued at or below this revision.
    pub through: Revision,
    /// The revision of the organization as of which that holds.
    pub at: Revision,
}

/// What to do with an [`Await`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwaitStep {
    /// Send this.
    Reply(Floor),
    /// Call again when a holder has spoken, and after this time at the latest: the end
    /// of a lease may raise the floor.
    Hold(Millis),
}

/// Storage of the log. Writes of one event are committed together or not at
/// all, and nothing the event sends leaves before they are durable; a Durable
/// Object gives both to writes without an await between them.
/// [`sql`](super::sql) has the statements.
pub trait LogStore {
    /// Why storage failed.
    type Error;

    /// The row beside the subjects, and the greatest sequence number. Neither
    /// in a new log.
    ///
    /// # Errors
    /// If storage fails, as for every method here.
    fn meta_and_head(&self) -> Result<Option<(LogMeta, u64)>, Self::Error>;
    /// Writes that row.
    ///
    /// # Errors
    /// If storage fails.
    fn set_meta(&mut self, meta: &LogMeta) -> Result<(), Self::Error>;
    /// Writes the row of the change's subject, which belongs to
    /// `organization`.
    ///
    /// # Errors
    /// If storage fails.
    fn upsert_subject(&mut self, change: &Change, organization: Subject)
    -> Result<(), Self::Error>;
    /// Subjects whose row is after `seq`, in order, at most `limit`.
    ///
    /// # Errors
    /// If storage fails.
    fn changes_since(&self, seq: u64, limit: usize) -> Result<Vec<Change>, Self::Error>;
    /// The row of a subject; none if it never changed.
    ///
    /// # Errors
    /// If storage fails.
    fn last_change_of(&self, subject: Subject) -> Result<Option<Change>, Self::Error>;
    /// Notes what the change of an organization at a revision said of its keys that
    /// were revoked at once.
    ///
    /// # Errors
    /// If storage fails.
    fn set_keys_revoked(
        &mut self,
        organization: Subject,
        said: KeysRevoked,
    ) -> Result<(), Self::Error>;
    /// What [`Self::set_keys_revoked`] noted last.
    ///
    /// # Errors
    /// If storage fails.
    fn keys_revoked(&self, organization: Subject) -> Result<Option<KeysRevoked>, Self::Error>;
    /// The greatest revision among an organization's subjects; zero without
    /// one.
    ///
    /// # Errors
    /// If storage fails.
    fn greatest_revision_of(&self, organization: Subject) -> Result<Revision, Self::Error>;
    /// An organization's subjects ordered by revision and subject, from the
    /// first one above `revision` or, where `after` is given, at `revision`
    /// and after that subject; at most `limit`.
    ///
    /// # Errors
    /// If storage fails.
    fn beyond(
        &self,
        organization: Subject,
        revision: Revision,
        after: Option<Subject>,
        limit: usize,
    ) -> Result<Vec<Requirement>, Self::Error>;
}

/// The change log over its storage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangeLog<S> {
    store: S,
    /// What a new log would be called.
    incarnation: Incarnation,
    /// Since when, on this object's clock, only the lowered bound has been
    /// granted. Memory only: a restart counts anew.
    lowered_at: Option<Reading<LogClock>>,
    /// Who holds a lease; none where time alone decides.
    pub account: Option<Account<LogClock>>,
    /// Whether the leases of the last process are accounted for.
    fenced: bool,
}

impl<S: LogStore> ChangeLog<S> {
    /// The log at the start of its object. A new log takes `incarnation` and
    /// [`Bound::DEFAULT`] at its first event; an old one keeps its own.
    #[must_use]
    pub const fn start(store: S, incarnation: Incarnation) -> Self {
        Self {
            store,
            incarnation,
            lowered_at: None,
            account: None,
            fenced: false,
        }
    }

    /// Keeps account of at most `holders`; without it, time alone decides.
    #[must_use]
    pub fn with_confirmations(mut self, holders: usize) -> Self {
        self.account = Some(Account::new(holders));
        self
    }

    /// Ends this process of the log: what is left is its storage.
    pub fn into_store(self) -> S {
        self.store
    }

    /// Records a change. Repeats and late arrivals are harmless: only the
    /// greatest revision of a subject counts, and the acknowledgement holds
    /// for whatever recorded it.
    ///
    /// # Errors
    /// If storage fails; then nothing may be answered.
    pub fn append(&mut self, append: &Append, now: Reading<LogClock>) -> Result<Ack, S::Error> {
        let (meta, head) = self.meta_and_head(now)?;
        let organization = append.subject.organization();
        let known = self.store.last_change_of(append.subject)?;
        let greatest = self.store.greatest_revision_of(organization)?;
        let recorded = match known {
            Some(known) if known.revision >= append.revision => known,
            _ => {
                let change = Change {
                    subject: append.subject,
                    revision: append.revision,
                    seq: head + 1,
                };
                self.store.upsert_subject(&change, organization)?;
                change
            }
        };
        if let Some(through) = append.keys_revoked_through {
            let at = append.revision;
            let noted = self.store.keys_revoked(organization)?;
            if noted.is_none_or(|noted| noted.at < at) {
                self.store
                    .set_keys_revoked(organization, KeysRevoked { through, at })?;
            }
        }
        let at = |seq| Cursor {
            incarnation: meta.incarnation,
            seq,
        };
        let place = at(recorded.seq);
        if let Some(account) = &mut self.account
            && append.waits
        {
            account.urge(place);
        }
        let account = self.account.as_mut();
        Ok(Ack {
            v: Version::CURRENT,
            wait_ms: meta.wait_for.wait(),
            greatest: greatest.max(append.revision),
            place: account.is_some().then_some(place),
            floor: account.and_then(|account| account.floor(at(head.max(place.seq)), now)),
        })
    }

    /// Answers a request that may be held, if it is time: something urgent changed
    /// since its cursor, or its hold is `over`. `arrived` is the reading when it
    /// came in. Grants what is left of a lease.
    ///
    /// # Errors
    /// If storage fails.
    pub fn watch(
        &mut self,
        request: &SyncRequest,
        arrived: Reading<LogClock>,
        over: bool,
        now: Reading<LogClock>,
    ) -> Result<Option<SyncReply>, S::Error> {
        let (meta, _) = self.meta_and_head(now)?;
        let held = self.account.as_mut().is_some_and(|account| {
            if let Some(holding) = &request.holding {
                account.confirmed(holding);
            }
            request.cursor.is_some_and(|cursor| {
                cursor.incarnation == meta.incarnation && !account.is_urgent_above(cursor)
            })
        });
        if held && !over {
            return Ok(None);
        }
        self.reply(request, arrived, now).map(Some)
    }

    /// A holder says what it no longer decides on.
    pub fn confirm(&mut self, confirm: &Confirm, now: Reading<LogClock>) {
        if let Some(account) = &mut self.account {
            account.observe(now);
            account.confirmed(&confirm.holding);
        }
    }

    /// Answers a registry that waits until nobody decides below its change, if it is
    /// time: that is so, or its hold is `over`.
    ///
    /// # Errors
    /// If storage fails.
    pub fn await_floor(
        &mut self,
        ask: &Await,
        over: bool,
        now: Reading<LogClock>,
    ) -> Result<AwaitStep, S::Error> {
        let floor = self.floor(now)?;
        let is_past = floor.is_some_and(|floor| {
            floor.incarnation == ask.place.incarnation && ask.place.seq <= floor.seq
        });
        let account = self.account.as_mut();
        Ok(match account.and_then(|account| account.next_expiry(now)) {
            Some(next) if !is_past && !over => AwaitStep::Hold(next),
            _ => AwaitStep::Reply(Floor {
                v: Version::CURRENT,
                floor,
            }),
        })
    }

    /// The place below which nobody decides any more; none where that is not known.
    ///
    /// # Errors
    /// If storage fails.
    pub fn floor(&mut self, now: Reading<LogClock>) -> Result<Option<Cursor>, S::Error> {
        let (meta, seq) = self.meta_and_head(now)?;
        let head = Cursor {
            incarnation: meta.incarnation,
            seq,
        };
        let account = self.account.as_mut();
        Ok(account.and_then(|account| account.floor(head, now)))
    }

    /// Answers a relay, or an edge that reaches none. Grants a lease.
    ///
    /// # Errors
    /// If storage fails.
    pub fn sync(
        &mut self,
        request: &SyncRequest,
        now: Reading<LogClock>,
    ) -> Result<SyncReply, S::Error> {
        if let (Some(account), Some(holding)) = (&mut self.account, &request.holding) {
            account.confirmed(holding);
        }
        self.reply(request, now, now)
    }

    fn reply(
        &mut self,
        request: &SyncRequest,
        arrived: Reading<LogClock>,
        now: Reading<LogClock>,
    ) -> Result<SyncReply, S::Error> {
        let (meta, seq) = self.meta_and_head(now)?;
        let head = Cursor {
            incarnation: meta.incarnation,
            seq,
        };
        let changes = self.changes_for(request.cursor, head)?;
        let mut required = Vec::new();
        for subject in request.subjects.iter().take(SyncRequest::MAX_SUBJECTS) {
            required.push(Requirement {
                subject: *subject,
                revision: self.revision_of(*subject)?,
            });
        }
        let account = self.account.as_mut();
        let reply = SyncReply {
            v: Version::CURRENT,
            reset: changes.is_none(),
            cursor: head,
            age_ms: Millis::ZERO,
            bound_ms: meta.lease,
            changes: changes.unwrap_or_default(),
            required,
            urgent: (account.as_ref()).and_then(|account| account.urgent(meta.incarnation)),
        };
        if let Some(account) = account {
            account.granted(request.holding.as_ref(), &reply, arrived, now);
        }
        Ok(reply)
    }

    /// Zero for a subject that never changed.
    fn revision_of(&self, subject: Subject) -> Result<Revision, S::Error> {
        let change = self.store.last_change_of(subject)?;
        Ok(change.map_or_else(Revision::default, |change| change.revision))
    }

    /// Tells a registry that has just started what the log knows of its
    /// organization beyond a revision.
    ///
    /// # Errors
    /// If storage fails.
    pub fn check_restored(&self, request: &RestoreCheck) -> Result<RestoreCheckReply, S::Error> {
        let organization = request.organization;
        let mut beyond = self.store.beyond(
            organization,
            request.above,
            request.after_subject,
            RestoreCheckReply::PAGE + 1,
        )?;
        let more = beyond.len() > RestoreCheckReply::PAGE;
        beyond.truncate(RestoreCheckReply::PAGE);
        Ok(RestoreCheckReply {
            v: Version::CURRENT,
            greatest: self.store.greatest_revision_of(organization)?,
            beyond,
            more,
            keys_revoked_through: self.keys_revoked_through(organization)?,
        })
    }

    /// As of the organization's last change: an older registry does not say, and
    /// then nobody knows.
    fn keys_revoked_through(&self, organization: Subject) -> Result<Option<Revision>, S::Error> {
        let last = self.revision_of(organization)?;
        let said = self.store.keys_revoked(organization)?;
        Ok(said.filter(|said| said.at >= last).map(|said| said.through))
    }

    /// Sets the bound. See the module on what takes effect when.
    ///
    /// # Errors
    /// If storage fails; the old bound then holds.
    pub fn set_bound(&mut self, bound: Bound, now: Reading<LogClock>) -> Result<(), S::Error> {
        let (meta, _) = self.meta_and_head(now)?;
        let changed = LogMeta {
            lease: bound,
            wait_for: meta.wait_for.max(bound),
            ..meta
        };
        self.store.set_meta(&changed)?;
        self.lowered_at = Some(now);
        Ok(())
    }

    /// The bound, the incarnation and, by `head`, the length: for the status.
    ///
    /// # Errors
    /// If storage fails.
    pub fn status(&mut self, now: Reading<LogClock>) -> Result<(LogMeta, u64), S::Error> {
        self.meta_and_head(now)
    }

    /// The row beside the subjects, after lowering what is waited for if the
    /// old leases have run out, and the head.
    fn meta_and_head(&mut self, now: Reading<LogClock>) -> Result<(LogMeta, u64), S::Error> {
        let (mut meta, head) = match self.store.meta_and_head()? {
            Some(both) => both,
            None => {
                let new = LogMeta {
                    incarnation: self.incarnation,
                    lease: Bound::DEFAULT,
                    wait_for: Bound::DEFAULT,
                };
                self.store.set_meta(&new)?;
                (new, 0)
            }
        };
        if let Some(account) = &mut self.account {
            account.observe(now);
            if !self.fenced {
                account.fence(meta.wait_for.wait(), now);
                self.fenced = true;
            }
        }
        if meta.wait_for > meta.lease {
            let since = *self.lowered_at.get_or_insert(now);
            if now < since {
                self.lowered_at = Some(now);
            } else if now.since(&since) >= meta.wait_for.wait() {
                meta.wait_for = meta.lease;
                self.store.set_meta(&meta)?;
            }
        }
        Ok((meta, head))
    }

    /// Changes after `cursor`; none if it cannot be continued.
    fn changes_for(
        &self,
        cursor: Option<Cursor>,
        head: Cursor,
    ) -> Result<Option<Vec<Change>>, S::Error> {
        let Some(cursor) = cursor else {
            return Ok(Some(Vec::new()));
        };
        if cursor.incarnation != head.incarnation || head.is_behind(&cursor) {
            return Ok(None);
        }
        if cursor == head {
            return Ok(Some(Vec::new()));
        }
        let changes = self
            .store
            .changes_since(cursor.seq, SyncReply::MAX_CHANGES + 1)?;
        Ok((changes.len() <= SyncReply::MAX_CHANGES).then_some(changes))
    }
}
