//! What a key's row shows: the record for edges, the key object, the audit's snapshot.

use serde_json::{Map, Value as Json};

use super::key::{Key, Revocation};
use super::organization::Organization;
use super::value::object;
use crate::key::{Brand, KeyId, KeyRecord, KeyState, PublicKeyId, RECORD_VERSION, Scopes, Subject};
use crate::registry::message::{KeyView, Limits};
use crate::time::Timestamp;

impl Key {
    pub(in crate::registry) fn subject(&self) -> Subject {
        self.id.into()
    }

    pub(in crate::registry) const fn key_id(&self, brand: Brand) -> KeyId {
        KeyId {
            brand,
            environment: self.environment,
            public: self.id,
        }
    }

    pub(in crate::registry) fn record(&self) -> KeyRecord {
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
            limits: self.limits.clone(),
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

    pub(in crate::registry) fn state(
        &self,
        organization: &Organization,
        now: Timestamp,
    ) -> KeyState {
        self.record().state(&organization.record(), now)
    }

    /// From when on it opens nothing, whatever happens: its own end, or that of
    /// its overlap.
    pub(in crate::registry) fn end(&self) -> Option<Timestamp> {
        self.expires_at.into_iter().chain(self.retires_at).min()
    }

    /// Its own revocation, or the first one that took it with all others.
    pub(in crate::registry) fn revoked(&self) -> Option<Revocation> {
        let bulk = self.bulk_revocation.map(|bulk| bulk.revocation);
        match (self.revocation, bulk) {
            (Some(own), Some(bulk)) if bulk.at < own.at => Some(bulk),
            (own, bulk) => own.or(bulk),
        }
    }

    pub(in crate::registry) fn view(
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
        let effective_at = match (self.revocation, self.bulk_revocation) {
            (None, Some(bulk)) => bulk.effective_at,
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
            limits: Limits::shown(&self.limits),
            updated_at: self.updated_at,
            enforced,
            effective_at: effective_at.filter(|_| enforced),
            revision: self.revision,
        }
    }

    /// What the audit says of it. No digest.
    pub(in crate::registry) fn audit_snapshot(&self) -> Map<String, Json> {
        let mut snapshot = object(serde_json::json!({
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
        }));
        // As it was before there were any.
        if !self.limits.is_empty() {
            let limits = serde_json::json!(Limits::shown(&self.limits));
            snapshot.insert("limits".to_owned(), limits);
        }
        snapshot
    }
}
