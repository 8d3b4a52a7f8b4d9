//! Objects as the admin routes show them. Never a digest, except in the lines
//! of an export.

use serde::{Deserialize, Serialize};

use super::field::{AllowedIps, ApiAccess, LeakPolicy, Metadata, RevocationReason};
use crate::key::{Environment, KeyDigest, KeyId, KeyState, OrganizationId, Revision, Scopes};
use crate::time::{Rfc3339, Rfc3339OrNull, Timestamp};

/// Who did something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Who {
    /// `key`, `session`, `holder`, `bootstrap`, `system`.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::ActorKind"))]
    pub kind: String,
    /// The key id of the acting key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub id: Option<String>,
    /// What that key was called then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub name: Option<String>,
}

/// What a key is held to until an administrator lifts it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Restriction {
    /// Why.
    pub reason: RestrictionReason,
    /// Since when.
    #[serde(with = "Rfc3339")]
    pub since: Timestamp,
    /// Of the key's scopes only these.
    pub scopes: Scopes,
}

/// Why a key is restricted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RestrictionReason {
    /// It was found where it does not belong.
    Leak,
}

/// The key object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Key")
)]
pub struct KeyView {
    /// The key id.
    pub id: KeyId,
    /// Its owner.
    pub organization: OrganizationId,
    /// What people call it.
    #[cfg_attr(feature = "schema", schemars(with = "super::Name"))]
    pub name: String,
    /// Who it is for.
    pub environment: Environment,
    /// What it may do.
    pub scopes: Scopes,
    /// How it stands at the time of the answer.
    pub state: KeyState,
    /// When it was issued.
    #[serde(with = "Rfc3339")]
    pub created_at: Timestamp,
    /// Who issued it.
    pub created_by: Who,
    /// Not usable from this instant on.
    #[serde(with = "Rfc3339OrNull")]
    pub expires_at: Option<Timestamp>,
    /// When the overlap with its successor ends.
    #[serde(with = "Rfc3339OrNull")]
    pub retires_at: Option<Timestamp>,
    /// When it last opened something, as far as counts have come in.
    #[serde(with = "Rfc3339OrNull")]
    pub last_used_at: Option<Timestamp>,
    /// Its predecessor.
    pub replaces: Option<KeyId>,
    /// Its successor.
    pub replaced_by: Option<KeyId>,
    /// When it was revoked.
    #[serde(with = "Rfc3339OrNull")]
    pub revoked_at: Option<Timestamp>,
    /// Why.
    pub revocation_reason: Option<RevocationReason>,
    /// When a browser last showed it.
    #[serde(with = "Rfc3339OrNull")]
    pub exposed_at: Option<Timestamp>,
    /// The origin of that page.
    pub exposed_origin: Option<String>,
    /// When it was last reported as leaked.
    #[serde(default, with = "Rfc3339OrNull")]
    pub leaked_at: Option<Timestamp>,
    /// Where it was found.
    #[serde(default)]
    pub leak_url: Option<String>,
    /// What it is held to since; `null` where to nothing.
    #[serde(default)]
    pub restriction: Option<Restriction>,
    /// Networks it may be used from; everywhere when empty.
    pub allowed_ips: AllowedIps,
    /// The caller's own notes.
    pub metadata: Metadata,
    /// For an admin key: the one organization it reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "crate::schema::ClientOrganizationId")
    )]
    pub bound_organization: Option<OrganizationId>,
    /// What it is held to, by itself.
    #[serde(default)]
    pub limits: super::Limits,
    /// When it last changed; `null` where that was before this was kept.
    #[serde(default, with = "Rfc3339OrNull")]
    pub updated_at: Option<Timestamp>,
    /// Whether every edge decides by this state.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Enforced"))]
    pub enforced: bool,
    /// Since when; `null` while not enforced.
    #[serde(with = "Rfc3339OrNull")]
    pub effective_at: Option<Timestamp>,
    /// Revision of its last change.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Revision"))]
    pub revision: Revision,
}

/// The organization object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Organization")
)]
pub struct OrganizationView {
    /// Its id.
    pub id: OrganizationId,
    /// What people call it.
    #[cfg_attr(feature = "schema", schemars(with = "super::Name"))]
    pub name: String,
    /// Whether its keys open anything.
    pub api_access: ApiAccess,
    /// Longest life of a key in days, from its creation.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub max_key_lifetime_days: Option<u64>,
    /// What a report of a leak does to a key.
    #[serde(default)]
    pub leak_policy: LeakPolicy,
    /// When it was made here.
    #[serde(with = "Rfc3339")]
    pub created_at: Timestamp,
    /// When it was deleted; its records go once the audit's retention is over.
    #[serde(with = "Rfc3339OrNull")]
    pub deleted_at: Option<Timestamp>,
    /// When its records go, if it was deleted; until then it can be undeleted.
    #[serde(default, with = "Rfc3339OrNull")]
    pub purge_at: Option<Timestamp>,
    /// Its keys by state.
    pub keys: KeyCounts,
    /// What all its keys together are held to.
    #[serde(default)]
    pub limits: super::Limits,
    /// When its own fields last changed; `null` where that was before this was kept.
    #[serde(default, with = "Rfc3339OrNull")]
    pub updated_at: Option<Timestamp>,
    /// Whether every edge decides by this state.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Enforced"))]
    pub enforced: bool,
    /// Since when; `null` while not enforced.
    #[serde(with = "Rfc3339OrNull")]
    pub effective_at: Option<Timestamp>,
    /// Revision of the last change of its own fields.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Revision"))]
    pub revision: Revision,
}

/// Number of keys in each state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct KeyCounts {
    /// Usable.
    pub active: u64,
    /// In their overlap.
    pub retiring: u64,
    /// Paused.
    pub disabled: u64,
    /// Over.
    pub expired: u64,
    /// Revoked.
    pub revoked: u64,
}

/// The end of an audit chain, signed: whoever keeps it can tell later whether
/// anything before it was altered or left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditHead {
    /// Whose chain.
    pub organization: OrganizationId,
    /// Entries so far.
    pub count: u64,
    /// The last entry's hash; with no entry, the chain's beginning.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Sha256"))]
    pub hash: String,
    /// Under the keyring's key for audit heads.
    pub signature: String,
    /// Where the chain begins, if its beginning was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "AuditCheckpoint"))]
    pub checkpoint: Option<AuditCheckpoint>,
}

/// What took the place of a chain's beginning when that was dropped, signed: the
/// chain that is kept follows it, and tells of it in an entry `audit.sealed`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditCheckpoint {
    /// Whose chain.
    pub organization: OrganizationId,
    /// The last entry that was dropped.
    pub seq: u64,
    /// Its hash.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Sha256"))]
    pub hash: String,
    /// When it was dropped.
    #[serde(with = "Rfc3339")]
    pub at: Timestamp,
    /// Under the keyring's key for audit heads, current at that time.
    pub signature: String,
}

/// A line of an export: all there is to a key but the audit. Its digest can be
/// checked only where the same root keys are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExportedKey {
    /// Version of this form.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::ExportVersion"))]
    pub v: u8,
    /// The key id.
    pub id: KeyId,
    /// Digest of the presented key.
    pub digest: KeyDigest,
    /// What people call it.
    pub name: super::Name,
    /// What it may do.
    pub scopes: super::GrantedScopes,
    /// When it was issued.
    #[serde(with = "Rfc3339")]
    pub created_at: Timestamp,
    /// Who issued it.
    pub created_by: Who,
    /// Not usable from this instant on.
    #[serde(default, with = "Rfc3339OrNull")]
    pub expires_at: Option<Timestamp>,
    /// When its overlap ends.
    #[serde(default, with = "Rfc3339OrNull")]
    pub retires_at: Option<Timestamp>,
    /// Whether it is paused.
    #[serde(default)]
    pub disabled: bool,
    /// When it was revoked.
    #[serde(default, with = "Rfc3339OrNull")]
    pub revoked_at: Option<Timestamp>,
    /// Why.
    #[serde(default)]
    pub revocation_reason: Option<RevocationReason>,
    /// When it was last used.
    #[serde(default, with = "Rfc3339OrNull")]
    pub last_used_at: Option<Timestamp>,
    /// Its predecessor.
    #[serde(default)]
    pub replaces: Option<KeyId>,
    /// Its successor.
    #[serde(default)]
    pub replaced_by: Option<KeyId>,
    /// What it is held to, having leaked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<Restriction>,
    /// Networks it may be used from.
    #[serde(default)]
    pub allowed_ips: AllowedIps,
    /// The caller's own notes.
    #[serde(default)]
    pub metadata: Metadata,
    /// What it is held to, by itself.
    #[serde(default, skip_serializing_if = "super::Limits::is_empty")]
    pub limits: super::Limits,
}
