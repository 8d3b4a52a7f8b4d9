//! What becomes of a deleted organization.
//!
//! 1. `DeleteOrganization`: every key is revoked and access is off, as one
//!    change, enforced like any other. [`pending_note`] then has `_platform` put
//!    it on record, as this audit will go, and revoke the admin keys that are tied
//!    to it, in one transaction: whoever uses the id again has no administrators
//!    but those made for it.
//! 2. For the retention the records can be read, and the id cannot be used. Until it is
//!    over `UndeleteOrganization` takes the deletion back: the organization is there
//!    again with its settings, its audit and its keys' records. What the deletion revoked
//!    stays revoked, as all that is revoked does, and access is off until it is switched
//!    on.
//! 3. Then, step by step from [`housekeeping`](super::housekeeping): the keys go,
//!    and their values and the organization's in Workers KV with them; the
//!    directory is told; once nothing is left to tell anyone, the rest goes. What
//!    stays is the revision: should the id be used again, it goes on from there,
//!    above all that any edge may still remember.

use super::audit::AuditSubject;
use super::change::Change;
use super::context::{CommandError, RequestContext};
use super::message::{Command, Outcome, Refusal, RevocationReason, RevokeKey, Wait};
use super::settings::RegistrySettings;
use super::sql as statements;
use super::store::{self, Key, Organization, first, public_id};
use super::transition_context::TransitionContext;
use super::{organization, outbox, transition};
use crate::key::{OrganizationId, Revision, Subject};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

const DAY: u64 = 86_400_000;

/// How many keys go in one step.
const AT_ONCE: u64 = 500;

/// Name in `meta`: the deletion at this revision is on record in `_platform`.
const NOTED: &str = "deletion.noted";
/// Name in `meta`: the revision of the last deletion that was taken back. It is to be on
/// record in `_platform` all the same: the admin keys tied to the organization ended.
const TAKEN_BACK: &str = "deletion.taken_back";
/// Name in `meta`: 1 once the directory was told so.
const UNLISTED: &str = "deletion.unlisted";

impl RequestContext<'_> {
    pub(super) fn delete(&self, held: &Organization) -> Result<Outcome, CommandError> {
        organization::check_id(&held.id)?;
        if held.deleted_at.is_some() {
            return self.change_organization(held, None);
        }
        self.check_if_match(held.revision)?;
        let change = delete(&self.transition_context(held)?);
        self.change_organization(held, Some(change))
    }

    /// Takes a deletion back; nothing to do where there was none.
    pub(super) fn undelete(&self, held: &Organization) -> Result<Outcome, CommandError> {
        if held.deleted_at.is_none() {
            return self.change_organization(held, None);
        }
        self.check_if_match(held.revision)?;
        let purge_at = purge_at(held, self.settings);
        if purge_at.is_none_or(|at| at <= self.now) || store::is_going(self.sql)? {
            return Err(Refusal::NotFound.into());
        }
        let change = undelete(&self.transition_context(held)?);
        self.change_organization(held, Some(change))
    }

    /// Why an organization cannot be created where a deleted one still is.
    pub(super) fn met_deleted(&self, held: &Organization) -> Refusal {
        match (held.deleted_at, purge_at(held, self.settings)) {
            (Some(deleted_at), Some(purge_at)) if purge_at > self.now => {
                Refusal::OrganizationDeleted {
                    deleted_at,
                    purge_at,
                }
            }
            _ => Refusal::OrganizationIdTaken,
        }
    }
}

/// When the records of a deleted organization begin to go.
pub(super) fn purge_at(held: &Organization, settings: &RegistrySettings) -> Option<Timestamp> {
    let kept = u64::from(settings.retention_days) * DAY;
    Some(held.deleted_at?.plus(kept))
}

impl RequestContext<'_> {
    /// `_platform`: puts a deletion on record and ends the admin keys that reach
    /// that organization alone. Once for each deletion: a later key is meant for
    /// whoever has the id then. None of them keeps the last-admin rule.
    pub(super) fn note_deletion(
        &self,
        platform: &OrganizationId,
        held: Option<&Organization>,
        organization: &OrganizationId,
        revision: Revision,
    ) -> Result<(), CommandError> {
        let row = [organization.as_str().into(), revision.into()];
        if first(self.sql, statements::DELETION, &row)?.is_some() {
            return Ok(());
        }
        let ends = match held {
            Some(held) => self.end_tied_keys(held, organization)?,
            None => Vec::new(),
        };
        self.sql.transaction(&mut || {
            self.sql.query(statements::INSERT_DELETION, &row)?;
            let subject = AuditSubject::organization(organization);
            let after = [("revision", revision.into())];
            self.record(platform, "organization.delete", &subject, &after)?;
            if let Some(held) = held {
                for end in &ends {
                    end.write(self.sql, &self.commit_context(held))?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// The changes that revoke the keys tied to `organization`, each a revision.
    fn end_tied_keys(
        &self,
        held: &Organization,
        organization: &OrganizationId,
    ) -> Result<Vec<Change>, SqlError> {
        let order = RevokeKey {
            reason: RevocationReason::CessationOfOperation,
            note: None,
            wait: Wait::default(),
        };
        let mut context = self.transition_context(held)?;
        let mut changes = Vec::new();
        for row in self
            .sql
            .query(statements::TIED_KEYS, &[organization.as_str().into()])?
        {
            if let Some(change) = transition::revoke(&context, &Key::read(&row)?, &order) {
                changes.push(change.with_detail("deleted", organization.as_str().into()));
                context.revision += 1;
            }
        }
        Ok(changes)
    }
}

fn delete(context: &TransitionContext<'_>) -> Change {
    let before = context.organization;
    let mut after = before.clone();
    after.api_access = false;
    after.keys_revoked_through = context.revision;
    after.deleted_at = Some(context.now);
    let mut change =
        Change::of_organization("organization.delete", before, after, context.revision, true);
    change.bulk_revocation = Some(RevocationReason::CessationOfOperation);
    change
}

fn undelete(context: &TransitionContext<'_>) -> Change {
    let before = context.organization;
    let mut after = before.clone();
    after.deleted_at = None;
    let mut change = Change::of_organization(
        "organization.undelete",
        before,
        after,
        context.revision,
        // Access stays off, and the keys revoked.
        false,
    );
    change.taken_back = Some(before.revision);
    change
}

/// Notes the deletion that was taken back. To be called within a transaction.
pub(super) fn mark_taken_back(sql: &dyn Sql, revision: Revision) -> Result<(), SqlError> {
    store::set_meta(sql, TAKEN_BACK, revision)
}

/// What `_platform` must be told of a deletion here, as a
/// [`NoteDeletion`](Command::NoteDeletion) by the system; may be told twice.
///
/// # Errors
/// Those of the storage.
pub fn pending_note(sql: &dyn Sql) -> Result<Option<Command>, SqlError> {
    let Some(organization) = Organization::load(sql)? else {
        return Ok(None);
    };
    let revision = match organization.deleted_at {
        Some(_) => organization.revision,
        None => store::meta(sql, TAKEN_BACK)?,
    };
    if store::meta(sql, NOTED)? == revision {
        return Ok(None);
    }
    Ok(Some(Command::NoteDeletion {
        organization: organization.id,
        revision,
    }))
}

/// Notes that `_platform` has it on record.
///
/// # Errors
/// Those of the storage.
pub fn mark_noted(sql: &dyn Sql, revision: Revision) -> Result<(), SqlError> {
    store::set_meta(sql, NOTED, revision)
}

/// Whether the directory was told.
pub(super) fn is_unlisted(sql: &dyn Sql) -> Result<bool, SqlError> {
    Ok(store::meta(sql, UNLISTED)? != 0)
}

pub(super) fn mark_unlisted(sql: &dyn Sql) -> Result<(), SqlError> {
    store::set_meta(sql, UNLISTED, 1)
}

/// How far it has come.
pub(super) enum Progress {
    /// There is nothing to do before then, or ever.
    Later(Option<Timestamp>),
    /// A step was made; the next one may be made at once.
    Moved,
    /// Something must be told outside first.
    Waits,
}

/// One step of a deletion whose retention is over.
pub(super) fn step(
    sql: &dyn Sql,
    settings: &RegistrySettings,
    held: &Organization,
    now: Timestamp,
) -> Result<Progress, SqlError> {
    let Some(end) = purge_at(held, settings) else {
        return Ok(Progress::Later(None));
    };
    let going = store::is_going(sql)?;
    if now < end && !going {
        return Ok(Progress::Later(Some(end)));
    }
    if pending_note(sql)?.is_some() {
        return Ok(Progress::Waits);
    }
    let keys = sql.query(statements::OLDEST_KEYS, &[AT_ONCE.into()])?;
    if !going || !keys.is_empty() {
        sql.transaction(&mut || {
            if !going {
                store::set_meta(sql, store::GOING, 1)?;
                outbox::put(sql, held.subject(), held.revision, outbox::Need::Publish)?;
            }
            for row in &keys {
                sql.query(statements::DELETE_KEY, &[row.unsigned(1)?.into()])?;
                let key = Subject::from(public_id(row, 0)?);
                outbox::put(sql, key, held.revision, outbox::Need::Publish)?;
            }
            Ok(())
        })?;
        return Ok(Progress::Moved);
    }
    if first(sql, statements::OUTBOX_ANY, &[])?.is_some() || !is_unlisted(sql)? {
        return Ok(Progress::Waits);
    }
    sql.transaction(&mut || {
        for text in statements::WIPE {
            sql.query(text, &[])?;
        }
        Ok(())
    })?;
    Ok(Progress::Later(None))
}
