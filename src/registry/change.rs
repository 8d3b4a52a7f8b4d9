//! A change as a value, and the one way to write it: rows, audit entry, outbox
//! and revision in a single transaction.

use serde_json::{Map, Value as Json};

use super::audit::{self, AuditSubject};
use super::message::{Idempotency, RevocationReason, Who};
use super::sql as statements;
use super::store::{self, Key, Organization, set_meta};
use super::{deletion, outbox};
use crate::key::{Brand, Revision};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// What a transition makes of the state.
pub(super) struct Change {
    /// As it stands in the audit.
    pub(super) action: &'static str,
    /// For the audit.
    pub(super) subject: AuditSubject,
    pub(super) before: Option<Map<String, Json>>,
    pub(super) after: Option<Map<String, Json>>,
    /// Its revision; the counter stands here afterwards.
    pub(super) revision: Revision,
    /// Whether requests are decided otherwise by it.
    pub(super) decides: bool,
    /// The key as it is now.
    pub(super) key: Option<Key>,
    /// A key that is new.
    pub(super) issued: Option<Key>,
    /// Keys that come from elsewhere, each with a revision of its own.
    pub(super) imported: Vec<Key>,
    /// The organization as it is now, and whether it is new.
    pub(super) organization: Option<(Organization, bool)>,
    /// All keys issued up to its revision are revoked by it.
    pub(super) bulk_revocation: Option<RevocationReason>,
    /// The revision of the deletion that it takes back.
    pub(super) taken_back: Option<Revision>,
    /// The token that is used up by it.
    pub(super) token_digest: Option<String>,
}

/// Who, when, and for which request.
pub(super) struct CommitContext<'a> {
    pub(super) organization: &'a Organization,
    /// Its key id is the actor's name for idempotency.
    pub(super) who: &'a Who,
    pub(super) request_id: &'a str,
    pub(super) idempotency: Option<&'a Idempotency>,
    pub(super) now: Timestamp,
}

impl Change {
    /// A change of one key.
    pub(super) fn of_key(
        action: &'static str,
        brand: Brand,
        before: &Key,
        mut after: Key,
        revision: Revision,
        decides: bool,
    ) -> Self {
        after.revision = revision;
        if decides {
            after.effective_at = None;
        }
        let (was, is) = difference(&before.audit_snapshot(), &after.audit_snapshot());
        Self {
            before: Some(was),
            after: Some(is),
            key: Some(after),
            ..Self::blank(action, AuditSubject::key(before, brand), revision, decides)
        }
    }

    /// A change of the organization's own fields.
    pub(super) fn of_organization(
        action: &'static str,
        before: &Organization,
        mut after: Organization,
        revision: Revision,
        decides: bool,
    ) -> Self {
        after.revision = revision;
        if decides {
            after.effective_at = None;
        }
        let (was, is) = difference(&before.audit_snapshot(), &after.audit_snapshot());
        Self {
            before: Some(was),
            after: Some(is),
            organization: Some((after, false)),
            ..Self::blank(
                action,
                AuditSubject::organization(&before.id),
                revision,
                decides,
            )
        }
    }

    pub(super) fn blank(
        action: &'static str,
        subject: AuditSubject,
        revision: Revision,
        decides: bool,
    ) -> Self {
        Self {
            action,
            subject,
            before: None,
            after: None,
            revision,
            decides,
            key: None,
            issued: None,
            imported: Vec::new(),
            organization: None,
            bulk_revocation: None,
            taken_back: None,
            token_digest: None,
        }
    }

    /// Says more in the audit than the rows hold.
    pub(super) fn with_detail(mut self, name: &str, value: Json) -> Self {
        self.after
            .get_or_insert_default()
            .insert(name.to_owned(), value);
        self
    }

    /// Writes all of it. To be called within a transaction.
    pub(super) fn write(&self, sql: &dyn Sql, context: &CommitContext<'_>) -> Result<(), SqlError> {
        set_meta(sql, store::REVISION, self.revision)?;
        if let Some((organization, _)) = &self.organization {
            organization.save(sql, context.now)?;
            outbox::put(
                sql,
                organization.subject(),
                self.revision,
                outbox::Need::of(self.decides),
            )?;
        }
        if let Some(reason) = self.bulk_revocation {
            sql.query(
                statements::INSERT_BULK_REVOCATION,
                &[
                    self.revision.into(),
                    context.now.0.into(),
                    reason.as_str().into(),
                ],
            )?;
        }
        if let Some(key) = &self.key {
            key.update(sql, context.now)?;
            outbox::put(
                sql,
                key.subject(),
                self.revision,
                outbox::Need::of(self.decides),
            )?;
        }
        if let Some(key) = &self.issued {
            key.insert(sql, context.now)?;
            outbox::put(sql, key.subject(), self.revision, outbox::Need::Tell)?;
            if let Some(idempotency) = context.idempotency {
                sql.query(
                    statements::PUT_IDEMPOTENCY,
                    &[
                        context.who.id.as_deref().unwrap_or_default().into(),
                        idempotency.key.as_str().into(),
                        idempotency.body_digest.as_str().into(),
                        key.issued.into(),
                        context.now.0.into(),
                    ],
                )?;
            }
        }
        for key in &self.imported {
            key.insert(sql, context.now)?;
            outbox::put(sql, key.subject(), key.revision, outbox::Need::Tell)?;
        }
        if let Some(deletion) = self.taken_back {
            deletion::mark_taken_back(sql, deletion)?;
        }
        if let Some(digest) = &self.token_digest {
            sql.query(
                statements::INSERT_BOOTSTRAP_TOKEN,
                &[digest.as_str().into(), context.now.0.into()],
            )?;
        }
        audit::append(
            sql,
            &context.organization.id,
            audit::Act {
                at: context.now,
                actor: context.who,
                action: self.action,
                subject: &self.subject,
                before: self.before.clone(),
                after: self.after.clone(),
                request_id: context.request_id,
            },
        )
    }
}

/// The members in which two sets of facts differ, as they were and as they are.
pub(super) fn difference(
    before: &Map<String, Json>,
    after: &Map<String, Json>,
) -> (Map<String, Json>, Map<String, Json>) {
    let of = |these: &Map<String, Json>, others: &Map<String, Json>| {
        these
            .iter()
            .filter(|(name, value)| others.get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    (of(before, after), of(after, before))
}
