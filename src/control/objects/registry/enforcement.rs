//! Carries out what two state machines say: whether a change was lost
//! ([`RestoreGuard`]), and when one is enforced ([`Enforcer`]).

use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;

use super::{Shared, reading};
use crate::control::log;
use crate::control::objects::{self, alarm};
use crate::freshness::Reading;
use crate::freshness::Revision;
use crate::freshness::commit_wait::{CommitWait, PendingChange, Recovery};
use crate::freshness::enforcer::{Enforcer, EnforcerEvent, EnforcerStep};
use crate::freshness::message::{LogReply, LogRequest};
use crate::freshness::restore_guard::{GuardEvent, GuardStep, ReadRevision, RestoreGuard};
use crate::key::{OrganizationTag, Subject};
use crate::registry;
use crate::registry::message::{Awaited, Records};
use crate::registry::outbox::{self, Entry};
use crate::runtime::host;
use crate::sql::SqlError;

impl Shared {
    /// Takes up, once in the life of a process, what an earlier one has left. `false`
    /// where there is no organization, unless it is about to be made.
    pub(super) fn begin(&self, tag: OrganizationTag, creates: bool) -> Result<bool, SqlError> {
        if self.wait.borrow().is_some() {
            return Ok(true);
        }
        if !creates && !registry::exists(&self.sql)? {
            return Ok(false);
        }
        registry::migrate(&self.sql)?;
        let revision = Revision(registry::revision(&self.sql)?);
        let rows = outbox::pending_appends(&self.sql, 0)?;
        let rows = rows.iter().map(pending_change);
        let wait = CommitWait::start(tag.into(), revision, rows);
        *self.wait.borrow_mut() = Some(if objects::confirm(&self.env) {
            wait.with_confirmations()
        } else {
            wait
        });
        self.taken_up.set(revision.0);
        Ok(true)
    }

    /// Goes on until the registry is known to have lost nothing that the change log
    /// knows of, or has made up for it.
    pub(super) async fn ensure_not_restored(
        &self,
        guard: &mut RestoreGuard,
        mut event: GuardEvent,
    ) -> Result<GuardStep, SqlError> {
        loop {
            let step = match self.wait.borrow_mut().as_mut() {
                Some(wait) => guard.next(wait, &event),
                None => GuardStep::Refuse,
            };
            event = match step {
                GuardStep::AskLog(check) => {
                    match self.ask_log(&LogRequest::RestoreCheck(check)).await {
                        Some(LogReply::RestoreCheck(reply)) => GuardEvent::Answered(reply),
                        _ => GuardEvent::Unanswered,
                    }
                }
                GuardStep::Recover(recovery) => GuardEvent::Recovered(self.recover(&recovery)?),
                GuardStep::Serve | GuardStep::Answer | GuardStep::Refuse => return Ok(step),
            };
        }
    }

    /// It was restored from a backup: what was lost is locked, at a revision
    /// past all that was ever shown. Through which revision the organization's keys
    /// are revoked at once then.
    pub(super) fn recover(&self, recovery: &Recovery) -> Result<Option<Revision>, SqlError> {
        let through = recovery.keys_revoked_through.map(|through| through.0);
        registry::recover(
            &self.sql,
            recovery.revision.0,
            &recovery.lost,
            through,
            host::now(),
        )?;
        self.taken_up.set(recovery.revision.0);
        Ok(registry::keys_revoked_through(&self.sql)?.map(Revision))
    }

    /// Carries out what it takes until changes are enforced; whether they are.
    pub(super) async fn enforce(&self, mut enforcer: Enforcer) -> Result<bool, SqlError> {
        let mut event = EnforcerEvent::Look;
        loop {
            let step = match self.wait.borrow_mut().as_mut() {
                Some(wait) => enforcer.next(wait, &event, reading()),
                None => EnforcerStep::Done,
            };
            event = match step {
                EnforcerStep::Settle(rows) => {
                    for row in &rows {
                        let revision = row.revision.0;
                        outbox::mark_enforced(&self.sql, row.subject, revision, host::now())?;
                    }
                    EnforcerEvent::Settled(rows)
                }
                EnforcerStep::Append(append) => {
                    match self.ask_log(&LogRequest::Append(append)).await {
                        Some(LogReply::Ack(ack)) => EnforcerEvent::Acknowledged(ack),
                        _ => EnforcerEvent::Unanswered,
                    }
                }
                EnforcerStep::Await(ask) => match self.ask_log(&LogRequest::Await(ask)).await {
                    Some(LogReply::Floor(floor)) => EnforcerEvent::Floor(floor),
                    _ => EnforcerEvent::NoFloor,
                },
                EnforcerStep::Wait(pause) => {
                    host::sleep(pause.0).await;
                    EnforcerEvent::Look
                }
                EnforcerStep::Done => return Ok(true),
                EnforcerStep::GiveUp => return Ok(false),
            };
        }
    }

    /// Goes on until all is enforced, for callers that do not wait. What it fails to
    /// do is the alarm's.
    pub(super) fn enforce_in_background(self: &Rc<Self>) {
        if self.is_enforcing.replace(true) {
            return;
        }
        let shared = Rc::clone(self);
        spawn_local(async move {
            while let Some(awaited) = shared.unenforced() {
                let enforcer = Enforcer::until_enforced(awaited, reading());
                match shared.enforce(enforcer).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        log::storage_failed("Registry", &error);
                        break;
                    }
                }
            }
            shared.is_enforcing.set(false);
        });
    }

    fn unenforced(&self) -> Option<Vec<Subject>> {
        let wait = self.wait.borrow();
        let unenforced = wait.as_ref()?.unenforced();
        (!unenforced.is_empty()).then_some(unenforced)
    }

    /// Takes new rows of the outbox up, and has the alarm carry on with them if
    /// this process does not live to. What is `awaited` says of a row from when on
    /// it alters decisions; another process takes it to do so at once.
    pub(super) fn take_up_changes(&self, awaited: &[Awaited]) -> Result<(), SqlError> {
        let mut wait = self.wait.borrow_mut();
        let Some(wait) = wait.as_mut() else {
            return Ok(());
        };
        let rows = outbox::pending_appends(&self.sql, self.taken_up.get())?;
        for entry in &rows {
            let awaited = awaited.iter().find(|awaited| {
                (awaited.subject, awaited.revision) == (entry.subject, entry.revision)
            });
            wait.committed(PendingChange {
                // Both are readings of this machine's clock.
                from: awaited
                    .and_then(|awaited| awaited.from)
                    .map(|at| Reading::at(at.0)),
                ..pending_change(entry)
            });
        }
        self.taken_up.set(registry::revision(&self.sql)?);
        if !rows.is_empty() || outbox::next_publication(&self.sql)?.is_some() {
            alarm::set(&self.state, host::now());
        }
        Ok(())
    }

    pub(super) fn may_keep(&self, subjects: &[Subject]) -> bool {
        let wait = self.wait.borrow();
        let Some(wait) = wait.as_ref() else {
            return false;
        };
        subjects.iter().all(|subject| wait.may_publish(subject))
    }
}

fn pending_change(row: &Entry) -> PendingChange {
    PendingChange {
        subject: row.subject,
        revision: Revision(row.revision),
        waits: row.decides,
        from: None,
        keys_revoked_through: row.keys_revoked_through.map(Revision),
    }
}

/// What a strong read found, beside what the edge requires. A key that is not even
/// known has nothing to lock.
pub(super) fn read_revisions(
    [key, organization]: [(Subject, registry::Revision); 2],
    records: &Records,
) -> [ReadRevision; 2] {
    let read = |(subject, required), held: Option<registry::Revision>| ReadRevision {
        subject,
        required: Revision(required),
        held: Revision(held.unwrap_or(required)),
    };
    [
        read(key, records.key.as_ref().map(|key| key.revision)),
        read(
            organization,
            records.organization.as_ref().map(|held| held.revision),
        ),
    ]
}
