//! Putting on record what is no change of the state: entries of the audit that
//! come without a revision.

use serde_json::{Map, Value as Json};

use super::audit::{self, AuditSubject};
use super::context::RequestContext;
use super::store::{Key, Organization};
use crate::key::OrganizationId;
use crate::sql::SqlError;

impl RequestContext<'_> {
    /// Puts an act on record. To be called within a transaction.
    pub(super) fn record(
        &self,
        organization: &OrganizationId,
        action: &'static str,
        subject: &AuditSubject,
        after: &[(&str, Json)],
    ) -> Result<(), SqlError> {
        let after: Map<String, Json> = after
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let act = audit::Act {
            at: self.now,
            actor: &self.who,
            action,
            subject,
            before: None,
            after: (!after.is_empty()).then_some(after),
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
