//! The organization's row.

use serde_json::{Map, Value as Json};

use super::columns::Columns;
use super::key::limits;
use super::value::{first, object, parsed, to_json};
use crate::key::{OrganizationId, OrganizationRecord, RECORD_VERSION, Revision, Subject};
use crate::limits::policy::Policy;
use crate::registry::message::{KeyLifetimeDays, LeakPolicy, Limits, Name};
use crate::registry::sql as statements;
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// The organization's row.
#[derive(Clone, Debug)]
pub(in crate::registry) struct Organization {
    pub(in crate::registry) id: OrganizationId,
    pub(in crate::registry) name: Name,
    pub(in crate::registry) api_access: bool,
    pub(in crate::registry) keys_revoked_through: Revision,
    pub(in crate::registry) max_key_lifetime_days: Option<KeyLifetimeDays>,
    pub(in crate::registry) leak_policy: LeakPolicy,
    pub(in crate::registry) limits: Vec<Policy>,
    /// Read, and written as the instant of each change.
    pub(in crate::registry) updated_at: Option<Timestamp>,
    pub(in crate::registry) created_at: Timestamp,
    pub(in crate::registry) deleted_at: Option<Timestamp>,
    pub(in crate::registry) effective_at: Option<Timestamp>,
    pub(in crate::registry) revision: Revision,
    /// Whether a change that decides is not in the log yet. Read, never written.
    pub(in crate::registry) pending: bool,
}

impl Organization {
    pub(in crate::registry) fn subject(&self) -> Subject {
        self.id.tag().into()
    }

    pub(in crate::registry) fn record(&self) -> OrganizationRecord {
        OrganizationRecord {
            v: RECORD_VERSION,
            revision: self.revision,
            id: self.id.clone(),
            api_access: self.api_access,
            keys_revoked_through: self.keys_revoked_through,
            limits: self.limits.clone(),
        }
    }

    /// Whether every edge decides by its own fields.
    pub(in crate::registry) const fn is_enforced(&self) -> bool {
        !self.pending
    }

    /// Since when; `None` while not enforced.
    pub(in crate::registry) fn effective_at(&self) -> Option<Timestamp> {
        self.effective_at.filter(|_| self.is_enforced())
    }

    /// What the audit says of it.
    pub(in crate::registry) fn audit_snapshot(&self) -> Map<String, Json> {
        let mut snapshot = object(serde_json::json!({
            "name": self.name,
            "api_access": self.api_access,
            "keys_revoked_through": self.keys_revoked_through,
            "max_key_lifetime_days": self.max_key_lifetime_days,
            "leak_policy": self.leak_policy,
            "deleted_at": self.deleted_at.map(Timestamp::to_rfc3339),
            "revision": self.revision,
        }));
        // As it was before there were any.
        if !self.limits.is_empty() {
            let limits = serde_json::json!(Limits::shown(&self.limits));
            snapshot.insert("limits".to_owned(), limits);
        }
        snapshot
    }

    /// The one row there is, if the registry holds an organization.
    pub(in crate::registry) fn load(sql: &dyn Sql) -> Result<Option<Self>, SqlError> {
        let Some(id) = first(sql, statements::ORGANIZATION_ID, &[])? else {
            return Ok(None);
        };
        let id = parsed(OrganizationId::parse(id.text(0)?), "organization.id")?;
        let subject = id.tag().to_string();
        let Some(row) = first(sql, statements::ORGANIZATION, &[subject.into()])? else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        // As it was read above.
        columns.skip();
        Ok(Some(Self {
            name: columns.parse(Name::try_from, "organization.name")?,
            api_access: columns.flag()?,
            keys_revoked_through: columns.unsigned()?,
            max_key_lifetime_days: columns.optional(1, |columns| {
                let days = KeyLifetimeDays::try_from(columns.unsigned()?);
                parsed(days, "organization.max_key_lifetime_days")
            })?,
            created_at: columns.instant()?,
            deleted_at: columns.optional(1, Columns::instant)?,
            effective_at: columns.optional(1, Columns::instant)?,
            revision: columns.unsigned()?,
            pending: columns.flag()?,
            leak_policy: columns
                .optional(1, |columns| columns.json("organization.leak_policy"))?
                .unwrap_or_else(|| usual_policy(&id)),
            limits: columns
                .optional(1, |columns| columns.json("organization.limits"))?
                .unwrap_or_default(),
            updated_at: columns.optional(1, Columns::instant)?,
            id,
        }))
    }

    /// Writes the row; `now` is the instant of its change.
    pub(in crate::registry) fn save(&self, sql: &dyn Sql, now: Timestamp) -> Result<(), SqlError> {
        sql.query(
            statements::PUT_ORGANIZATION,
            &[
                self.id.as_str().into(),
                self.name.as_str().into(),
                self.api_access.into(),
                self.keys_revoked_through.into(),
                self.max_key_lifetime_days.map(KeyLifetimeDays::get).into(),
                self.created_at.0.into(),
                self.deleted_at.map(|at| at.0).into(),
                self.effective_at.map(|at| at.0).into(),
                self.revision.into(),
                to_json(&self.leak_policy)?,
                limits(&self.limits)?,
                now.0.into(),
            ],
        )?;
        Ok(())
    }
}

/// What a report of a leak does where nobody said: an admin key is revoked.
fn usual_policy(id: &OrganizationId) -> LeakPolicy {
    if id.is_platform() {
        LeakPolicy::Revoke
    } else {
        LeakPolicy::default()
    }
}
