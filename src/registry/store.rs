//! Rows as values: what a registry holds of its organization and its keys.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::message::{
    AllowedIps, KeyLifetimeDays, KeyView, LeakPolicy, Metadata, Name, Restriction,
    RevocationReason, Who,
};
use super::sql as texts;
use crate::json;
use crate::key::{
    Brand, Environment, KeyDigest, KeyId, KeyRecord, KeyState, OrganizationId, OrganizationRecord,
    PublicKeyId, RECORD_VERSION, Revision, Scopes, Subject,
};
use crate::sql::{Row, Sql, SqlError, Value};
use crate::time::Timestamp;

/// The organization's row.
#[derive(Clone, Debug)]
pub(super) struct Organization {
    pub(super) id: OrganizationId,
    pub(super) name: Name,
    pub(super) api_access: bool,
    pub(super) keys_revoked_through: Revision,
    pub(super) max_key_lifetime_days: Option<KeyLifetimeDays>,
    pub(super) leak_policy: LeakPolicy,
    pub(super) created_at: Timestamp,
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) effective_at: Option<Timestamp>,
    pub(super) revision: Revision,
    /// Whether a change that decides is not in the log yet. Read, never written.
    pub(super) pending: bool,
}

/// When a key was revoked, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revocation {
    pub(super) at: Timestamp,
    pub(super) reason: RevocationReason,
}

/// A revocation of every key at once, as it took one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    pub(super) revocation: Revocation,
    pub(super) effective_at: Option<Timestamp>,
}

/// A key's row.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: PublicKeyId,
    pub(super) issued: Revision,
    pub(super) revision: Revision,
    pub(super) digest: KeyDigest,
    pub(super) environment: Environment,
    pub(super) name: Name,
    pub(super) scopes: Scopes,
    pub(super) allowed_ips: AllowedIps,
    pub(super) metadata: Metadata,
    pub(super) bound_organization: Option<OrganizationId>,
    pub(super) created_at: Timestamp,
    pub(super) created_by: Who,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) retires_at: Option<Timestamp>,
    pub(super) disabled: bool,
    pub(super) revocation: Option<Revocation>,
    pub(super) replaces: Option<PublicKeyId>,
    pub(super) replaced_by: Option<PublicKeyId>,
    /// When it was replaced.
    pub(super) replaced_at: Option<Timestamp>,
    /// Read here, written by `notes`.
    pub(super) exposed: Option<(Timestamp, String)>,
    pub(super) restriction: Option<Restriction>,
    pub(super) leaked: Option<(Timestamp, String)>,
    /// Written at import and by `usage`.
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) effective_at: Option<Timestamp>,
    /// The first sweep that took it. Read, never written.
    pub(super) sweep: Option<Sweep>,
    /// Whether a change that decides is not in the log yet. Read, never written.
    pub(super) pending: bool,
}

impl Organization {
    pub(super) fn subject(&self) -> Subject {
        self.id.tag().into()
    }

    pub(super) fn record(&self) -> OrganizationRecord {
        OrganizationRecord {
            v: RECORD_VERSION,
            revision: self.revision,
            id: self.id.clone(),
            api_access: self.api_access,
            keys_revoked_through: self.keys_revoked_through,
        }
    }

    /// What the audit says of it.
    pub(super) fn facts(&self) -> Map<String, Json> {
        object(serde_json::json!({
            "name": self.name,
            "api_access": self.api_access,
            "keys_revoked_through": self.keys_revoked_through,
            "max_key_lifetime_days": self.max_key_lifetime_days,
            "leak_policy": self.leak_policy,
            "deleted_at": self.deleted_at.map(Timestamp::to_rfc3339),
            "revision": self.revision,
        }))
    }

    /// The one row there is, if the registry holds an organization.
    pub(super) fn load(sql: &dyn Sql) -> Result<Option<Self>, SqlError> {
        let Some(id) = first(sql, texts::ORGANIZATION_ID, &[])? else {
            return Ok(None);
        };
        let id = parsed(OrganizationId::parse(id.text(0)?), "organization.id")?;
        let subject = id.tag().to_string();
        let Some(row) = first(sql, texts::ORGANIZATION, &[subject.into()])? else {
            return Ok(None);
        };
        let leak_policy = match optional(&row, 10, |row, column| {
            from_json(row.text(column)?, "organization.leak_policy")
        })? {
            Some(policy) => policy,
            None if id.is_platform() => LeakPolicy::Revoke,
            None => LeakPolicy::default(),
        };
        Ok(Some(Self {
            id,
            name: parsed(Name::try_from(row.text(1)?.to_owned()), "organization.name")?,
            api_access: row.integer(2)? != 0,
            keys_revoked_through: row.unsigned(3)?,
            max_key_lifetime_days: optional(&row, 4, |row, column| {
                parsed(
                    KeyLifetimeDays::try_from(row.unsigned(column)?),
                    "organization.max_key_lifetime_days",
                )
            })?,
            created_at: instant(&row, 5)?,
            deleted_at: optional(&row, 6, instant)?,
            effective_at: optional(&row, 7, instant)?,
            revision: row.unsigned(8)?,
            pending: row.integer(9)? != 0,
            leak_policy,
        }))
    }

    pub(super) fn save(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        sql.query(
            texts::PUT_ORGANIZATION,
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
            ],
        )?;
        Ok(())
    }
}

impl Key {
    pub(super) fn subject(&self) -> Subject {
        self.id.into()
    }

    pub(super) const fn key_id(&self, brand: Brand) -> KeyId {
        KeyId {
            brand,
            environment: self.environment,
            public: self.id,
        }
    }

    pub(super) fn record(&self) -> KeyRecord {
        KeyRecord {
            v: RECORD_VERSION,
            revision: self.revision,
            issued: self.issued,
            issued_at: self.created_at,
            digest: self.digest,
            environment: self.environment,
            name: self.name.as_str().to_owned(),
            scopes: self.usable_scopes(),
            restricted: self.restriction.is_some(),
            revoked: self.revocation.is_some(),
            disabled: self.disabled,
            expires_at: self.expires_at,
            replaced_at: self.replaced_at,
            retires_at: self.retires_at,
            allowed_ips: self.allowed_ips.networks().to_vec(),
            bound_organization: self.bound_organization.clone(),
        }
    }

    /// What its restriction, if it has one, leaves of its scopes. Edges are told
    /// no others: one of an earlier version holds a key to them too.
    fn usable_scopes(&self) -> Scopes {
        match &self.restriction {
            Some(restriction) => self.scopes.within(&restriction.scopes),
            None => self.scopes.clone(),
        }
    }

    pub(super) fn state(&self, organization: &Organization, now: Timestamp) -> KeyState {
        self.record().state(&organization.record(), now)
    }

    /// From when on it opens nothing, whatever happens: its own end, or that of
    /// its overlap.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.expires_at.into_iter().chain(self.retires_at).min()
    }

    /// Its own revocation, or the first one that took it with all others.
    pub(super) fn revoked(&self) -> Option<Revocation> {
        let swept = self.sweep.map(|sweep| sweep.revocation);
        match (self.revocation, swept) {
            (Some(own), Some(swept)) if swept.at < own.at => Some(swept),
            (own, swept) => own.or(swept),
        }
    }

    pub(super) fn view(
        &self,
        brand: Brand,
        organization: &Organization,
        now: Timestamp,
    ) -> KeyView {
        let revoked = self.revoked();
        let sibling = |public: PublicKeyId| KeyId {
            brand,
            environment: self.environment,
            public,
        };
        let enforced = !self.pending && !organization.pending;
        let effective_at = match (self.revocation, self.sweep) {
            (None, Some(sweep)) => sweep.effective_at,
            _ => self.effective_at,
        };
        KeyView {
            id: self.key_id(brand),
            organization: organization.id.clone(),
            name: self.name.as_str().to_owned(),
            environment: self.environment,
            scopes: self.scopes.clone(),
            state: self.state(organization, now),
            created_at: self.created_at,
            created_by: self.created_by.clone(),
            expires_at: self.expires_at,
            retires_at: self.retires_at,
            last_used_at: self.last_used_at,
            replaces: self.replaces.map(sibling),
            replaced_by: self.replaced_by.map(sibling),
            revoked_at: revoked.map(|revocation| revocation.at),
            revocation_reason: revoked.map(|revocation| revocation.reason),
            exposed_at: self.exposed.as_ref().map(|(at, _)| *at),
            exposed_origin: self
                .exposed
                .as_ref()
                .map(|(_, origin)| origin.clone())
                .filter(|origin| !origin.is_empty()),
            leaked_at: self.leaked.as_ref().map(|(at, _)| *at),
            leak_url: self
                .leaked
                .as_ref()
                .map(|(_, url)| url.clone())
                .filter(|url| !url.is_empty()),
            restriction: self.restriction.clone(),
            allowed_ips: self.allowed_ips.clone(),
            metadata: self.metadata.clone(),
            bound_organization: self.bound_organization.clone(),
            enforced,
            effective_at: effective_at.filter(|_| enforced),
            revision: self.revision,
        }
    }

    /// What the audit says of it. No digest.
    pub(super) fn facts(&self) -> Map<String, Json> {
        object(serde_json::json!({
            "name": self.name,
            "environment": self.environment,
            "scopes": self.scopes,
            "allowed_ips": self.allowed_ips,
            "metadata": self.metadata,
            "bound_organization": self.bound_organization,
            "expires_at": self.expires_at.map(Timestamp::to_rfc3339),
            "retires_at": self.retires_at.map(Timestamp::to_rfc3339),
            "disabled": self.disabled,
            "restriction": self.restriction,
            "revoked_at": self.revocation.map(|revocation| revocation.at.to_rfc3339()),
            "revocation_reason": self.revocation.map(|revocation| revocation.reason),
            "replaces": self.replaces,
            "replaced_by": self.replaced_by,
            "revision": self.revision,
        }))
    }

    /// The key with this public id.
    pub(super) fn load(sql: &dyn Sql, id: &PublicKeyId) -> Result<Option<Self>, SqlError> {
        Self::load_subject(sql, (*id).into())
    }

    /// The key that this is about; `None` where it is about no key held here.
    pub(super) fn load_subject(sql: &dyn Sql, subject: Subject) -> Result<Option<Self>, SqlError> {
        first(sql, texts::KEY, &[subject.as_str().into()])?
            .map(|row| Self::read(&row))
            .transpose()
    }

    /// The key issued at this revision.
    pub(super) fn load_issued(sql: &dyn Sql, issued: Revision) -> Result<Option<Self>, SqlError> {
        first(sql, texts::KEY_BY_ISSUED, &[issued.into()])?
            .map(|row| Self::read(&row))
            .transpose()
    }

    /// Reads a row of `key_columns!`.
    pub(super) fn read(row: &Row) -> Result<Self, SqlError> {
        let revocation = |at: usize| -> Result<Option<Revocation>, SqlError> {
            optional(row, at, |row, at| {
                Ok(Revocation {
                    at: instant(row, at)?,
                    reason: word(row.text(at + 1)?, "reason")?,
                })
            })
        };
        Ok(Self {
            id: public_id(row, 0)?,
            issued: row.unsigned(1)?,
            revision: row.unsigned(2)?,
            digest: parsed(KeyDigest::from_text(row.text(3)?), "keys.digest")?,
            environment: word(row.text(4)?, "keys.environment")?,
            name: parsed(Name::try_from(row.text(5)?.to_owned()), "keys.name")?,
            scopes: from_json(row.text(6)?, "keys.scopes")?,
            allowed_ips: from_json(row.text(7)?, "keys.allowed_ips")?,
            metadata: from_json(row.text(8)?, "keys.metadata")?,
            bound_organization: optional(row, 9, |row, column| {
                parsed(
                    OrganizationId::parse(row.text(column)?),
                    "keys.bound_organization",
                )
            })?,
            created_at: instant(row, 10)?,
            created_by: from_json(row.text(11)?, "keys.created_by")?,
            expires_at: optional(row, 12, instant)?,
            retires_at: optional(row, 13, instant)?,
            disabled: row.integer(14)? != 0,
            revocation: revocation(15)?,
            replaces: optional(row, 17, public_id)?,
            replaced_by: optional(row, 18, public_id)?,
            exposed: optional(row, 19, |row, column| {
                Ok((instant(row, column)?, row.text(column + 1)?.to_owned()))
            })?,
            last_used_at: optional(row, 21, instant)?,
            effective_at: optional(row, 22, instant)?,
            sweep: revocation(23)?
                .map(|revocation| {
                    Ok::<_, SqlError>(Sweep {
                        revocation,
                        effective_at: optional(row, 25, instant)?,
                    })
                })
                .transpose()?,
            pending: row.integer(26)? != 0,
            replaced_at: optional(row, 27, instant)?,
            restriction: optional(row, 28, |row, column| {
                from_json(row.text(column)?, "keys.restriction")
            })?,
            leaked: optional(row, 29, |row, column| {
                Ok((instant(row, column)?, row.text(column + 1)?.to_owned()))
            })?,
        })
    }

    fn restriction_text(&self) -> Result<Value, SqlError> {
        self.restriction.as_ref().map_or(Ok(Value::Null), to_json)
    }

    pub(super) fn insert(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        sql.query(
            texts::INSERT_KEY,
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
            ],
        )?;
        Ok(())
    }

    pub(super) fn update(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        sql.query(
            texts::UPDATE_KEY,
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
            ],
        )?;
        Ok(())
    }
}

/// A name as it is searched for: in lower case, beyond ASCII too, which SQLite's
/// own `lower` is not.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// A counter of `meta`; 0 where it was never set.
pub(super) fn meta(sql: &dyn Sql, name: &str) -> Result<u64, SqlError> {
    first(sql, texts::META, &[name.into()])?.map_or(Ok(0), |row| row.unsigned(0))
}

pub(super) fn set_meta(sql: &dyn Sql, name: &str, value: u64) -> Result<(), SqlError> {
    sql.query(texts::SET_META, &[name.into(), value.into()])?;
    Ok(())
}

pub(super) fn first(
    sql: &dyn Sql,
    statement: &str,
    parameters: &[Value],
) -> Result<Option<Row>, SqlError> {
    Ok(sql.query(statement, parameters)?.into_iter().next())
}

pub(super) fn instant(row: &Row, column: usize) -> Result<Timestamp, SqlError> {
    row.unsigned(column).map(Timestamp)
}

pub(super) fn public_id(row: &Row, column: usize) -> Result<PublicKeyId, SqlError> {
    parsed(PublicKeyId::parse(row.text(column)?.as_bytes()), "key id")
}

pub(super) fn optional<T>(
    row: &Row,
    column: usize,
    read: impl FnOnce(&Row, usize) -> Result<T, SqlError>,
) -> Result<Option<T>, SqlError> {
    if row.is_null(column) {
        Ok(None)
    } else {
        read(row, column).map(Some)
    }
}

/// What was stored must be readable; an error names the place, not the content.
pub(super) fn parsed<T>(read: impl IntoOption<T>, place: &str) -> Result<T, SqlError> {
    read.into_option()
        .ok_or_else(|| SqlError(format!("{place} cannot be read")))
}

/// `Option` and `Result` alike.
pub(super) trait IntoOption<T> {
    fn into_option(self) -> Option<T>;
}

impl<T> IntoOption<T> for Option<T> {
    fn into_option(self) -> Self {
        self
    }
}

impl<T, E> IntoOption<T> for Result<T, E> {
    fn into_option(self) -> Option<T> {
        self.ok()
    }
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str, place: &str) -> Result<T, SqlError> {
    parsed(json::from_str(text), place)
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<Value, SqlError> {
    serde_json::to_string(value)
        .map(Value::Text)
        .map_err(|_| SqlError("not JSON".to_owned()))
}

/// A word of an enumeration as serde names it.
pub(super) fn word<T: DeserializeOwned>(text: &str, place: &str) -> Result<T, SqlError> {
    parsed(json::from_word(text), place)
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
