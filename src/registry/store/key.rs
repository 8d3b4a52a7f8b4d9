//! A key's row.

use super::columns::Columns;
use super::value::{first, folded, parsed, to_json};
use crate::key::{Environment, KeyDigest, OrganizationId, PublicKeyId, Revision, Scopes, Subject};
use crate::limits::policy::Policy;
use crate::registry::message::{AllowedIps, Metadata, Name, Restriction, RevocationReason, Who};
use crate::registry::sql as statements;
use crate::sql::{Row, Sql, SqlError, Value};
use crate::time::Timestamp;

/// When a key was revoked, and why.
#[derive(Clone, Copy, Debug)]
pub(in crate::registry) struct Revocation {
    pub(in crate::registry) at: Timestamp,
    pub(in crate::registry) reason: RevocationReason,
}

/// A revocation of every key at once, as it took one of them.
#[derive(Clone, Copy, Debug)]
pub(in crate::registry) struct BulkRevocation {
    pub(in crate::registry) revocation: Revocation,
    pub(in crate::registry) effective_at: Option<Timestamp>,
}

/// A key's row.
#[derive(Clone, Debug)]
pub(in crate::registry) struct Key {
    pub(in crate::registry) id: PublicKeyId,
    pub(in crate::registry) issued: Revision,
    pub(in crate::registry) revision: Revision,
    pub(in crate::registry) digest: KeyDigest,
    pub(in crate::registry) environment: Environment,
    pub(in crate::registry) name: Name,
    pub(in crate::registry) scopes: Scopes,
    pub(in crate::registry) allowed_ips: AllowedIps,
    pub(in crate::registry) metadata: Metadata,
    pub(in crate::registry) bound_organization: Option<OrganizationId>,
    pub(in crate::registry) created_at: Timestamp,
    pub(in crate::registry) created_by: Who,
    pub(in crate::registry) expires_at: Option<Timestamp>,
    pub(in crate::registry) retires_at: Option<Timestamp>,
    pub(in crate::registry) disabled: bool,
    pub(in crate::registry) revocation: Option<Revocation>,
    pub(in crate::registry) replaces: Option<PublicKeyId>,
    pub(in crate::registry) replaced_by: Option<PublicKeyId>,
    /// When it was replaced.
    pub(in crate::registry) replaced_at: Option<Timestamp>,
    /// Read here, written by `notes`.
    pub(in crate::registry) exposed: Option<(Timestamp, String)>,
    pub(in crate::registry) restriction: Option<Restriction>,
    pub(in crate::registry) leaked: Option<(Timestamp, String)>,
    pub(in crate::registry) limits: Vec<Policy>,
    /// Read, and written as the instant of each change.
    pub(in crate::registry) updated_at: Option<Timestamp>,
    /// Written at import and by `usage`.
    pub(in crate::registry) last_used_at: Option<Timestamp>,
    pub(in crate::registry) effective_at: Option<Timestamp>,
    /// The first bulk revocation that took it. Read, never written.
    pub(in crate::registry) bulk_revocation: Option<BulkRevocation>,
    /// Whether a change that decides is not in the log yet. Read, never written.
    pub(in crate::registry) pending: bool,
}

impl Key {
    /// The key with this public id.
    pub(in crate::registry) fn load(
        sql: &dyn Sql,
        id: &PublicKeyId,
    ) -> Result<Option<Self>, SqlError> {
        Self::load_subject(sql, (*id).into())
    }

    /// The key that this is about; `None` where it is about no key held here.
    pub(in crate::registry) fn load_subject(
        sql: &dyn Sql,
        subject: Subject,
    ) -> Result<Option<Self>, SqlError> {
        first(sql, statements::KEY, &[subject.as_str().into()])?
            .map(|row| Self::read(&row))
            .transpose()
    }

    /// The key issued at this revision.
    pub(in crate::registry) fn load_issued(
        sql: &dyn Sql,
        issued: Revision,
    ) -> Result<Option<Self>, SqlError> {
        first(sql, statements::KEY_BY_ISSUED, &[issued.into()])?
            .map(|row| Self::read(&row))
            .transpose()
    }

    /// Reads a row of `key_columns!`.
    pub(in crate::registry) fn read(row: &Row) -> Result<Self, SqlError> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.public_id()?,
            issued: columns.unsigned()?,
            revision: columns.unsigned()?,
            digest: parsed(KeyDigest::from_text(columns.text()?), "keys.digest")?,
            environment: columns.word("keys.environment")?,
            name: columns.parse(Name::try_from, "keys.name")?,
            scopes: columns.json("keys.scopes")?,
            allowed_ips: columns.json("keys.allowed_ips")?,
            metadata: columns.json("keys.metadata")?,
            bound_organization: columns.optional(1, |columns| {
                let id = OrganizationId::parse(columns.text()?);
                parsed(id, "keys.bound_organization")
            })?,
            created_at: columns.instant()?,
            created_by: columns.json("keys.created_by")?,
            expires_at: columns.optional(1, Columns::instant)?,
            retires_at: columns.optional(1, Columns::instant)?,
            disabled: columns.flag()?,
            revocation: columns.optional(2, revocation)?,
            replaces: columns.optional(1, Columns::public_id)?,
            replaced_by: columns.optional(1, Columns::public_id)?,
            exposed: columns.optional(2, sighting)?,
            last_used_at: columns.optional(1, Columns::instant)?,
            effective_at: columns.optional(1, Columns::instant)?,
            bulk_revocation: columns.optional(3, |columns| {
                Ok(BulkRevocation {
                    revocation: revocation(columns)?,
                    effective_at: columns.optional(1, Columns::instant)?,
                })
            })?,
            pending: columns.flag()?,
            replaced_at: columns.optional(1, Columns::instant)?,
            restriction: columns.optional(1, |columns| columns.json("keys.restriction"))?,
            leaked: columns.optional(2, sighting)?,
            limits: columns
                .optional(1, |columns| columns.json("keys.limits"))?
                .unwrap_or_default(),
            updated_at: columns.optional(1, Columns::instant)?,
        })
    }

    fn restriction_text(&self) -> Result<Value, SqlError> {
        self.restriction.as_ref().map_or(Ok(Value::Null), to_json)
    }

    /// Writes a new row; `now` is the instant of its change.
    pub(in crate::registry) fn insert(
        &self,
        sql: &dyn Sql,
        now: Timestamp,
    ) -> Result<(), SqlError> {
        sql.query(
            statements::INSERT_KEY,
            &[
                self.id.as_str().into(),
                self.issued.into(),
                self.revision.into(),
                self.digest.to_text().into(),
                self.environment.as_str().into(),
                self.name.as_str().into(),
                folded(self.name.as_str()).into(),
                to_json(&self.scopes)?,
                to_json(&self.allowed_ips)?,
                to_json(&self.metadata)?,
                self.bound_organization
                    .as_ref()
                    .map(OrganizationId::as_str)
                    .into(),
                self.created_at.0.into(),
                to_json(&self.created_by)?,
                self.expires_at.map(|at| at.0).into(),
                self.retires_at.map(|at| at.0).into(),
                self.disabled.into(),
                self.revocation.map(|revocation| revocation.at.0).into(),
                self.revocation
                    .map(|revocation| revocation.reason.as_str())
                    .into(),
                self.replaces.as_ref().map(PublicKeyId::as_str).into(),
                self.replaced_by.as_ref().map(PublicKeyId::as_str).into(),
                self.last_used_at.map(|at| at.0).into(),
                self.effective_at.map(|at| at.0).into(),
                self.replaced_at.map(|at| at.0).into(),
                self.restriction_text()?,
                limits(&self.limits)?,
                now.0.into(),
            ],
        )?;
        Ok(())
    }

    /// Writes what may have changed; `now` is the instant of its change.
    pub(in crate::registry) fn update(
        &self,
        sql: &dyn Sql,
        now: Timestamp,
    ) -> Result<(), SqlError> {
        sql.query(
            statements::UPDATE_KEY,
            &[
                self.issued.into(),
                self.revision.into(),
                self.name.as_str().into(),
                folded(self.name.as_str()).into(),
                to_json(&self.scopes)?,
                to_json(&self.allowed_ips)?,
                to_json(&self.metadata)?,
                self.expires_at.map(|at| at.0).into(),
                self.retires_at.map(|at| at.0).into(),
                self.disabled.into(),
                self.revocation.map(|revocation| revocation.at.0).into(),
                self.revocation
                    .map(|revocation| revocation.reason.as_str())
                    .into(),
                self.replaced_by.as_ref().map(PublicKeyId::as_str).into(),
                self.effective_at.map(|at| at.0).into(),
                self.replaced_at.map(|at| at.0).into(),
                self.restriction_text()?,
                self.leaked.as_ref().map(|(at, _)| at.0).into(),
                self.leaked.as_ref().map(|(_, url)| url.as_str()).into(),
                limits(&self.limits)?,
                now.0.into(),
            ],
        )?;
        Ok(())
    }
}

/// The column of limits: none where there are none.
pub(super) fn limits(limits: &[Policy]) -> Result<Value, SqlError> {
    match limits {
        [] => Ok(Value::Null),
        _ => to_json(&limits),
    }
}

/// Two columns: when, and why.
fn revocation(columns: &mut Columns<'_>) -> Result<Revocation, SqlError> {
    Ok(Revocation {
        at: columns.instant()?,
        reason: columns.word("reason")?,
    })
}

/// Two columns: when, and where.
fn sighting(columns: &mut Columns<'_>) -> Result<(Timestamp, String), SqlError> {
    Ok((columns.instant()?, columns.text()?.to_owned()))
}
