//! The record of every act: a chain of entries, each bound to all before it.
//!
//! An entry is a JSON object in canonical bytes (RFC 8785):
//!
//! | member | content |
//! |---|---|
//! | `seq` | 1, 2, 3 … without gaps |
//! | `at` | when, RFC 3339 |
//! | `actor` | who: `kind`, and for keys `id` and `name` |
//! | `action` | what, as `key.revoke` |
//! | `subject` | on which: `kind` and `id`, and of a key the `name` it had |
//! | `before`, `after` | the members that changed, or `null` |
//! | `request_id` | the HTTP request |
//! | `previous` | hash of the entry before; for the first [`beginning`] |
//! | `hash` | SHA-256 over the canonical bytes of all other members |
//!
//! No entry holds a secret or a digest of one.
//!
//! Where the operator sets a retention, the chain's beginning is dropped in time: see
//! `retention`.

mod canonical;
mod retention;
mod verify;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

pub use canonical::{NotCanonical, canonical};
pub(super) use retention::seal;
pub use verify::{
    Broken, Reason, Verified, verify_checkpoint, verify_export, verify_head, verify_kept,
};

use super::context::CommandError;
use super::message::{Actor, Admin, AuditHead, AuditPage, ListAudit, Refusal, Who};
use super::sql as statements;
use super::store::{Key, first};
use crate::key::{Brand, KeyId, Keyring, OrganizationId};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// What the first entry has as `previous`: binds the chain to its organization.
#[must_use]
pub fn beginning(organization: &OrganizationId) -> String {
    sha256(&format!("katalo-keys/1/audit/{organization}"))
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(text: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(text.as_bytes()))
}

/// The bytes that are signed as a chain's end.
pub(super) fn head_text(organization: &OrganizationId, count: u64, hash: &str) -> String {
    format!(r#"{{"count":{count},"hash":"{hash}","organization":"{organization}"}}"#)
}

/// The bytes that are signed as a chain's new beginning. No head can be taken for one.
fn checkpoint_text(organization: &OrganizationId, seq: u64, hash: &str, at: Timestamp) -> String {
    let at = at.to_rfc3339();
    format!(r#"{{"at":"{at}","hash":"{hash}","organization":"{organization}","seq":{seq}}}"#)
}

/// What an act is about.
pub(super) struct AuditSubject {
    kind: &'static str,
    id: String,
    name: Option<String>,
}

impl AuditSubject {
    /// A key, by the name it has before the act.
    pub(super) fn key(key: &Key, brand: Brand) -> Self {
        Self {
            name: Some(key.name.as_str().to_owned()),
            ..Self::key_id(key.key_id(brand))
        }
    }

    /// A key of which only the id is known.
    pub(super) fn key_id(id: KeyId) -> Self {
        Self {
            kind: "key",
            id: id.to_string(),
            name: None,
        }
    }

    pub(super) fn organization(id: &OrganizationId) -> Self {
        Self {
            kind: "organization",
            id: id.to_string(),
            name: None,
        }
    }

    fn json(&self) -> Json {
        let mut subject = json!({"kind": self.kind, "id": self.id});
        if let (Json::Object(members), Some(name)) = (&mut subject, &self.name) {
            members.insert("name".to_owned(), name.as_str().into());
        }
        subject
    }
}

/// What an entry says of an act.
pub(super) struct Act<'a> {
    pub(super) at: Timestamp,
    pub(super) actor: &'a Who,
    pub(super) action: &'static str,
    pub(super) subject: &'a AuditSubject,
    pub(super) before: Option<Map<String, Json>>,
    pub(super) after: Option<Map<String, Json>>,
    pub(super) request_id: &'a str,
}

/// Adds an entry to the chain. To be called within a transaction.
pub(super) fn append(
    sql: &dyn Sql,
    organization: &OrganizationId,
    act: Act<'_>,
) -> Result<(), SqlError> {
    let (seq, previous) = end(sql, organization)?;
    let seq = seq + 1;
    let mut entry = json!({
        "seq": seq,
        "at": act.at.to_rfc3339(),
        "actor": act.actor,
        "action": act.action,
        "subject": act.subject.json(),
        "before": act.before,
        "after": act.after,
        "request_id": act.request_id,
        "previous": previous,
    });
    let canonical_bytes = |entry: &Json| {
        canonical(entry).map_err(|_| SqlError("an audit entry has no canonical form".to_owned()))
    };
    let hash = sha256(&canonical_bytes(&entry)?);
    if let Json::Object(members) = &mut entry {
        members.insert("hash".to_owned(), hash.into());
    }
    sql.query(
        statements::INSERT_AUDIT,
        &[seq.into(), canonical_bytes(&entry)?.into()],
    )?;
    Ok(())
}

/// The number and hash of the last entry.
fn end(sql: &dyn Sql, organization: &OrganizationId) -> Result<(u64, String), SqlError> {
    match first(sql, statements::AUDIT_END, &[])? {
        Some(row) => Ok((row.unsigned(0)?, row.text(1)?.to_owned())),
        None => Ok((0, beginning(organization))),
    }
}

/// The chain's end, signed.
pub(super) fn head(
    sql: &dyn Sql,
    keyring: &Keyring,
    organization: &OrganizationId,
) -> Result<AuditHead, SqlError> {
    let (count, hash) = end(sql, organization)?;
    let signature = keyring
        .sign_audit_head(&head_text(organization, count, &hash))
        .ok_or_else(|| SqlError("no current root key".to_owned()))?;
    Ok(AuditHead {
        organization: organization.clone(),
        count,
        hash,
        signature,
        checkpoint: retention::checkpoint(sql, organization)?,
    })
}

/// How many entries one page of those about a key looks at. It then costs the same
/// however many there are; where few fit, its cursor leads on.
const WINDOW: u64 = 2_000;

/// A page of entries: from the first that is kept on, or after one that is still
/// there. Who asks for what follows a dropped one would miss others, and is told.
pub(super) fn list(
    sql: &dyn Sql,
    organization: &OrganizationId,
    asked: &ListAudit,
) -> Result<AuditPage, CommandError> {
    let checkpoint = retention::checkpoint(sql, organization)?;
    if let Some(checkpoint) = checkpoint.filter(|dropped| (1..dropped.seq).contains(&asked.after)) {
        let detail = format!(
            "The entries up to {} were dropped: without `cursor` the list begins with the next.",
            checkpoint.seq
        );
        return Err(Refusal::field("cursor", detail).into());
    }
    let limit = asked.limit.get();
    let (after, most) = (asked.after.into(), (limit + 1).into());
    let rows = match &asked.key {
        None => sql.query(statements::LIST_AUDIT, &[after, most])?,
        Some(key) => sql.query(
            statements::LIST_AUDIT_OF_KEY,
            &[after, most, WINDOW.into(), key.to_string().into()],
        )?,
    };
    let shown = rows.iter().zip(0..limit).map(|(row, _)| row);
    let lines = shown
        .clone()
        .map(|row| row.text(1).map(str::to_owned))
        .collect::<Result<Vec<_>, _>>()?;
    let last = shown.last().map(|row| row.unsigned(0)).transpose()?;
    let next_after = if rows.len() > lines.len() {
        last
    } else if asked.key.is_some() {
        let seen = [asked.after.into(), (WINDOW - 1).into()];
        let seen = first(sql, statements::LAST_AUDIT_SEEN, &seen)?;
        seen.map(|row| row.unsigned(0)).transpose()?
    } else {
        None
    };
    Ok(AuditPage { lines, next_after })
}

impl From<&Actor> for Who {
    fn from(actor: &Actor) -> Self {
        let admin = |kind: &str, admin: &Admin| Self {
            kind: kind.to_owned(),
            id: Some(admin.id.to_string()),
            name: Some(admin.name.clone()),
        };
        let plain = |kind: &str, id: Option<String>| Self {
            kind: kind.to_owned(),
            id,
            name: None,
        };
        match actor {
            Actor::Key(key) => admin("key", key),
            Actor::Session(key) => admin("session", key),
            Actor::Holder { id } => plain("holder", Some(id.to_string())),
            Actor::Bootstrap => plain("bootstrap", None),
            Actor::System => plain("system", None),
        }
    }
}
