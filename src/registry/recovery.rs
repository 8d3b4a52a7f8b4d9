//! What a registry does that was restored from a backup: the change log knows
//! of changes that it has lost.

use serde_json::{Map, Value as Json};

use super::audit::{self, About};
use super::change::{self, REVISION};
use super::message::{Actor, RevocationReason, Who};
use super::outbox;
use super::sql as texts;
use super::store::{self, Key, Organization, first, parsed};
use super::subject::Subject;
use crate::key::{OrganizationId, OrganizationTag, PublicKeyId, Revision};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// How many of the lost subjects the audit names; it always tells their number.
const NAMED: usize = 100;

/// The greatest revision that was ever given here; 0 before the first.
///
/// # Errors
/// Those of the storage.
pub fn revision(sql: &dyn Sql) -> Result<Revision, SqlError> {
    store::meta(sql, REVISION)
}

/// The tag of the organization that is held here, if one is.
///
/// # Errors
/// Those of the storage.
pub fn tag(sql: &dyn Sql) -> Result<Option<OrganizationTag>, SqlError> {
    first(sql, texts::ORGANIZATION_ID, &[])?
        .map(|row| parsed(OrganizationId::parse(row.text(0)?), "organization.id"))
        .transpose()
        .map(|id| id.map(|id| id.tag()))
}

/// Through which revision of issue the keys of the organization that is held here
/// are revoked at once, if one is.
///
/// # Errors
/// Those of the storage.
pub fn keys_revoked_through(sql: &dyn Sql) -> Result<Option<Revision>, SqlError> {
    first(sql, texts::KEYS_REVOKED_THROUGH, &[])?
        .map(|row| row.unsigned(0))
        .transpose()
}

/// Takes over `revision`, which is past all that was ever shown, and writes each
/// lost subject anew in its most restrictive state: a key disabled, an
/// organization without API access. What had been enforced so stays enforced,
/// and what is wanted back is enabled again on purpose. A key that is not even
/// known here has no record any more, and its value in Workers KV goes. On
/// record in the audit.
///
/// API access, once it is enabled again, must not bring back keys that a lost
/// change had revoked all at once: where the organization is lost, those issued at
/// or below `revoked_through` are revoked. That is all of `_platform` that a change
/// of the organization's own can take: it keeps its API access, which nobody could
/// give back, and a new bootstrap token is the way in.
///
/// # Errors
/// Those of the storage; nothing was changed then.
pub fn recover(
    sql: &dyn Sql,
    revision: Revision,
    lost: &[Subject],
    revoked_through: Revision,
    now: Timestamp,
) -> Result<(), SqlError> {
    let was = self::revision(sql)?;
    let organization = Organization::load(sql)?;
    sql.transaction(&mut || {
        store::set_meta(sql, REVISION, revision)?;
        for &subject in lost {
            match (subject, &organization) {
                (Subject::Key(id), _) => lock_key(sql, &id, revision)?,
                (Subject::Organization(_), Some(organization)) => {
                    lock_organization(sql, organization, revision, revoked_through, now)?;
                }
                (Subject::Organization(_), None) => {}
            }
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
                subject: &About::organization(&organization.id),
                before: Some(facts(was, organization.keys_revoked_through)),
                after: Some(after(sql, revision, lost)?),
                request_id: "",
            },
        )
    })
}

fn lock_key(sql: &dyn Sql, id: &PublicKeyId, revision: Revision) -> Result<(), SqlError> {
    let Some(mut key) = Key::load(sql, id)? else {
        return Ok(());
    };
    key.disabled = true;
    key.revision = revision;
    key.effective_at = None;
    key.update(sql)
}

fn lock_organization(
    sql: &dyn Sql,
    organization: &Organization,
    revision: Revision,
    revoked_through: Revision,
    now: Timestamp,
) -> Result<(), SqlError> {
    let mut locked = organization.clone();
    locked.api_access &= organization.id.is_platform();
    locked.revision = revision;
    locked.effective_at = None;
    if revoked_through > organization.keys_revoked_through {
        locked.keys_revoked_through = revoked_through;
        change::put_sweep(sql, revoked_through, now, RevocationReason::Unspecified)?;
    }
    locked.save(sql)
}

fn facts(revision: Revision, keys_revoked_through: Revision) -> Map<String, Json> {
    [
        ("revision", revision),
        ("keys_revoked_through", keys_revoked_through),
    ]
    .map(|(name, revision)| (name.to_owned(), revision.into()))
    .into_iter()
    .collect()
}

fn after(
    sql: &dyn Sql,
    revision: Revision,
    lost: &[Subject],
) -> Result<Map<String, Json>, SqlError> {
    let mut facts = facts(revision, keys_revoked_through(sql)?.unwrap_or_default());
    facts.insert("locked".to_owned(), lost.len().into());
    let named = lost.iter().take(NAMED).map(ToString::to_string);
    facts.insert("subjects".to_owned(), named.collect());
    Ok(facts)
}
