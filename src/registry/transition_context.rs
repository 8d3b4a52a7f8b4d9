//! What a transition may know, and what it holds a key to.

use super::authority::ADMIN_SCOPES;
use super::change::Change;
use super::message::{Actor, AllowedIps, KeyLifetimeDays, Limits, Metadata, Name, Refusal, Who};
use super::settings::RegistrySettings;
use super::store::{Key, Organization};
use crate::http::did_you_mean;
use crate::key::{
    Brand, Environment, KeyDigest, OrganizationId, PublicKeyId, Revision, Scope, Scopes,
};
use crate::limits::policy::Policy;
use crate::time::Timestamp;

const DAY: u64 = 86_400_000;

/// What a transition may know.
pub(super) struct TransitionContext<'a> {
    pub(super) organization: &'a Organization,
    pub(super) actor: &'a Actor,
    /// In `_platform`, the administrator's own key as it stands here.
    pub(super) acting: Option<Key>,
    pub(super) who: &'a Who,
    pub(super) brand: Brand,
    pub(super) settings: &'a RegistrySettings,
    /// The revision that a change will have.
    pub(super) revision: Revision,
    pub(super) now: Timestamp,
}

/// A key that was minted for a transition that makes one.
#[derive(Clone, Copy)]
pub(super) struct Minted {
    pub(super) id: PublicKeyId,
    pub(super) digest: KeyDigest,
}

impl TransitionContext<'_> {
    /// A key that begins now.
    pub(super) fn begin(&self, minted: Minted, like: KeyTemplate<'_>) -> Key {
        Key {
            id: minted.id,
            issued: self.revision,
            revision: self.revision,
            digest: minted.digest,
            environment: like.environment,
            name: like.name.clone(),
            scopes: like.scopes.clone(),
            allowed_ips: like.allowed_ips.clone(),
            metadata: like.metadata.clone(),
            bound_organization: like.bound_organization.cloned(),
            created_at: self.now,
            created_by: self.who.clone(),
            expires_at: like.expires_at,
            retires_at: None,
            disabled: false,
            revocation: None,
            replaces: None,
            replaced_by: None,
            replaced_at: None,
            exposed: None,
            restriction: None,
            leaked: None,
            limits: like.limits,
            updated_at: Some(self.now),
            last_used_at: None,
            // No edge holds an older record of it.
            effective_at: Some(self.now),
            bulk_revocation: None,
            pending: false,
        }
    }

    pub(super) fn latest_expiry(&self, created_at: Timestamp) -> Option<Timestamp> {
        let days = self.organization.max_key_lifetime_days?;
        Some(created_at.plus(days.get() * DAY))
    }

    /// That an end lies ahead and within the organization's greatest lifetime.
    pub(super) fn check_expiry(
        &self,
        expires_at: Option<Timestamp>,
        created_at: Timestamp,
    ) -> Result<(), Refusal> {
        if expires_at.is_some_and(|at| at <= self.now) {
            return Err(Refusal::field(
                "expires_at",
                "`expires_at` must be in the future.",
            ));
        }
        self.check_lifetime(expires_at, created_at)
    }

    /// That a key's life is within the organization's greatest.
    pub(super) fn check_lifetime(
        &self,
        expires_at: Option<Timestamp>,
        created_at: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(latest) = self.latest_expiry(created_at) else {
            return Ok(());
        };
        if expires_at.is_some_and(|at| at <= latest) {
            return Ok(());
        }
        let days = self.organization.max_key_lifetime_days;
        Err(Refusal::field(
            "expires_at",
            format!(
                "Keys of this organization may live for at most {} days: until {} at the latest.",
                days.map_or(0, KeyLifetimeDays::get),
                latest.to_rfc3339()
            ),
        ))
    }

    /// That there are such scopes: for clients' keys those that a route or the
    /// operator names, for admin keys their own.
    pub(super) fn check_scopes(&self, scopes: &Scopes) -> Result<(), Refusal> {
        let known: Vec<&str> = if self.organization.id.is_platform() {
            ADMIN_SCOPES.to_vec()
        } else {
            let known = self.settings.client_scopes.iter();
            known.map(Scope::as_str).collect()
        };
        let unknown = scopes.iter().find(|scope| !known.contains(&scope.as_str()));
        match unknown {
            Some(unknown) => Err(Refusal::field("scopes", unknown_scope(unknown, &known))),
            None => Ok(()),
        }
    }

    /// That limits can be kept: admin routes count nothing, and a quota begins anew in
    /// a time zone that there is.
    pub(super) fn check_limits(&self, limits: &Limits) -> Result<(), Refusal> {
        if self.organization.id.is_platform() && !limits.is_empty() {
            return Err(Refusal::field("limits", "Admin keys have no limits."));
        }
        match limits
            .zones()
            .find(|zone| !self.settings.time_zones.have(zone))
        {
            Some(zone) => Err(Refusal::field(
                "limits",
                format!(
                    "unknown time zone {zone}: it must be a name of the IANA time zone database, as Europe/Copenhagen"
                ),
            )),
            None => Ok(()),
        }
    }

    pub(super) fn of_key(
        &self,
        action: &'static str,
        before: &Key,
        after: Key,
        decides: bool,
    ) -> Change {
        Change::of_key(action, self.brand, before, after, self.revision, decides)
    }
}

/// Most scopes that a refusal names.
const NAMED: usize = 50;

fn unknown_scope(scope: &Scope, known: &[&str]) -> String {
    let named = known.get(..NAMED).unwrap_or(known).join(", ");
    let more = match known.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let meant = did_you_mean(scope.as_str(), known.iter().copied());
    format!("unknown scope {scope}{meant}; known scopes are {named}{more}")
}

/// What a new key takes from an order or from its predecessor.
pub(super) struct KeyTemplate<'a> {
    pub(super) environment: Environment,
    pub(super) name: &'a Name,
    pub(super) scopes: &'a Scopes,
    pub(super) allowed_ips: &'a AllowedIps,
    pub(super) metadata: &'a Metadata,
    pub(super) bound_organization: Option<&'a OrganizationId>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) limits: Vec<Policy>,
}
