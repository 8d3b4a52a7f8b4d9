//! Putting on record what is no change of the state: entries of the audit that
//! come without a revision.

use serde_json::{Map, Value as Json};

use super::audit::{self, AuditSubject};
use super::context::RequestContext;
use super::message::{Actor, Who};
use super::store::{Key, Organization};
use crate::key::OrganizationId;
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// Puts on record what the registry does about its organization by itself: no request
/// asked for it. To be called within a transaction.
pub(super) fn by_registry(
    sql: &dyn Sql,
    organization: &OrganizationId,
    action: &'static str,
    after: &[(&str, Json)],
    now: Timestamp,
) -> Result<(), SqlError> {
    let act = audit::Act {
        at: now,
        actor: &Who::from(&Actor::System),
        action,
        subject: &AuditSubject::organization(organization),
        before: None,
        after: Some(members(after)),
        request_id: "",
    };
    audit::append(sql, organization, act)
}

fn members(of: &[(&str, Json)]) -> Map<String, Json> {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

impl RequestContext<'_> {
    /// Puts an act on record. To be called within a transaction.
    pub(super) fn record(
        &self,
        organization: &OrganizationId,
        action: &'static str,
        subject: &AuditSubject,
        after: &[(&str, Json)],
    ) -> Result<(), SqlError> {
        let act = audit::Act {
            at: self.now,
            actor: &self.who,
            action,
            subject,
            before: None,
            after: (!after.is_empty()).then(|| members(after)),
            request_id: &self.request_id,
        };
        audit::append(self.sql, organization, act)
    }

    /// The same of an act on a key.
    pub(super) fn record_of_key(
        &self,
        action: &'static str,
        key: &Key,
        held: &Organization,
        after: &[(&str, Json)],
    ) -> Result<(), SqlError> {
        let subject = AuditSubject::key(key, self.keyring.brand());
        self.record(&held.id, action, &subject, after)
    }
}
