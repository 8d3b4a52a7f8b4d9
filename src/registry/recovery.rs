//! What a registry does that was restored from a backup: the change log knows
//! of changes that it has lost.

use serde_json::{Map, Value as Json};

use super::audit::{self, AuditSubject};
use super::message::{Actor, RevocationReason, Who};
use super::outbox;
use super::sql as statements;
use super::store::{self, Key, Organization, first, parsed};
use crate::key::{OrganizationId, OrganizationTag, Revision, Subject};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// How many of the lost subjects the audit names; it always tells their number.
const NAMED: usize = 100;

/// The greatest revision that was ever given here; 0 before the first.
///
/// # Errors
/// Those of the storage.
pub fn revision(sql: &dyn Sql) -> Result<Revision, SqlError> {
    store::meta(sql, store::REVISION)
}

/// The tag of the organization that is held here, if one is.
///
/// # Errors
/// Those of the storage.
pub fn tag(sql: &dyn Sql) -> Result<Option<OrganizationTag>, SqlError> {
    first(sql, statements::ORGANIZATION_ID, &[])?
        .map(|row| parsed(OrganizationId::parse(row.text(0)?), "organization.id"))
        .transpose()
        .map(|id| id.map(|id| id.tag()))
}

/// Through which revision of issue the keys of the organization that is held here
/// were revoked at once, if one is held; zero where they never were.
///
/// # Errors
/// Those of the storage.
pub fn keys_revoked_through(sql: &dyn Sql) -> Result<Option<Revision>, SqlError> {
    first(sql, statements::KEYS_REVOKED_THROUGH, &[])?
        .map(|row| row.unsigned(0))
        .transpose()
}

/// Takes over `revision`, which is past all that was ever shown, and writes each
/// lost subject anew in its most restrictive state: a key disabled, an
/// organization without API access. What had been enforced so stays enforced,
/// and what is wanted back is enabled again on purpose. Where all keys had been
/// revoked at once, those issued at or below `keys_revoked_through` stay so. A key that is not even
/// known here has no record any more, and its value in Workers KV goes. On
/// record in the audit.
///
/// # Errors
/// Those of the storage; nothing was changed then.
pub fn recover(
    sql: &dyn Sql,
    revision: Revision,
    lost: &[Subject],
    keys_revoked_through: Option<Revision>,
    now: Timestamp,
) -> Result<(), SqlError> {
    let was = self::revision(sql)?;
    let mut organization = Organization::load(sql)?;
    let forgotten = organization.as_mut().and_then(|held| {
        let through =
            keys_revoked_through.filter(|through| *through > held.keys_revoked_through)?;
        held.keys_revoked_through = through;
        Some(through)
    });
    sql.transaction(&mut || {
        store::set_meta(sql, store::REVISION, revision)?;
        if let Some(through) = forgotten {
            let reason = RevocationReason::Unspecified.as_str();
            let row = [through.into(), now.0.into(), reason.into()];
            sql.query(statements::INSERT_BULK_REVOCATION, &row)?;
        }
        for &subject in lost {
            lock(sql, organization.as_ref(), subject, revision, now)?;
            outbox::put(sql, subject, revision, outbox::Need::Enforce)?;
        }
        let Some(organization) = &organization else {
            return Ok(());
        };
        audit::append(
            sql,
            &organization.id,
            audit::Act {
                at: now,
                actor: &Who::from(&Actor::System),
                action: "registry.recover",
                subject: &AuditSubject::organization(&organization.id),
                before: Some(snapshot(was, None)),
                after: Some(snapshot(revision, Some((lost, forgotten)))),
                request_id: "",
            },
        )
    })
}

fn lock(
    sql: &dyn Sql,
    organization: Option<&Organization>,
    subject: Subject,
    revision: Revision,
    now: Timestamp,
) -> Result<(), SqlError> {
    if subject.is_organization() {
        let Some(mut organization) = organization.cloned() else {
            return Ok(());
        };
        // Nobody could give `_platform` its access back.
        organization.api_access &= organization.id.is_platform();
        organization.revision = revision;
        organization.effective_at = None;
        organization.save(sql, now)
    } else {
        let Some(mut key) = Key::load_subject(sql, subject)? else {
            return Ok(());
        };
        key.disabled = true;
        key.revision = revision;
        key.effective_at = None;
        key.update(sql, now)
    }
}

fn snapshot(revision: Revision, lost: Option<(&[Subject], Option<Revision>)>) -> Map<String, Json> {
    let mut snapshot = Map::new();
    snapshot.insert("revision".to_owned(), revision.into());
    if let Some((lost, forgotten)) = lost {
        if let Some(through) = forgotten {
            snapshot.insert("keys_revoked_through".to_owned(), through.into());
        }
        snapshot.insert("locked".to_owned(), lost.len().into());
        let named = lost.iter().take(NAMED).map(ToString::to_string);
        snapshot.insert("subjects".to_owned(), named.collect());
    }
    snapshot
}
