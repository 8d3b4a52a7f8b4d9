//! Bodies of the admin routes, read straight from the HTTP body. Unknown and
//! repeated fields are refused; each field's type checks what is in it, so that
//! an error names its field.

use serde::{Deserialize, Serialize};

use super::field::{
    AllowedIps, ApiAccess, GrantedScopes, Instant, KeyIds, KeyLifetimeDays, LeakPolicy, Limits,
    Metadata, Name, Note, Nothing, OverlapSeconds, Patch, RevocationReason, Wait, present,
};
use super::view::ExportedKey;
use crate::http::admin::RequestBody;
use crate::key::{Environment, OrganizationId};

impl RequestBody for PutOrganization {
    const REQUIRED: &'static [&'static str] = &["name"];
}

impl RequestBody for PatchOrganization {
    const REQUIRED: &'static [&'static str] = &[];
}

impl RequestBody for IssueKey {
    const REQUIRED: &'static [&'static str] = &["name", "environment", "scopes"];
}

impl RequestBody for PatchKey {
    const REQUIRED: &'static [&'static str] = &[];
}

impl RequestBody for RotateKey {
    const REQUIRED: &'static [&'static str] = &[];
}

impl RequestBody for RevokeKey {
    const REQUIRED: &'static [&'static str] = &["reason"];
}

impl RequestBody for DisableKeys {
    const REQUIRED: &'static [&'static str] = &["ids"];
}

impl RequestBody for RevokeKeys {
    const REQUIRED: &'static [&'static str] = &["ids", "reason"];
}

impl RequestBody for WaitOnly {
    const REQUIRED: &'static [&'static str] = &[];
}

impl RequestBody for Import {
    const REQUIRED: &'static [&'static str] = &["keys"];
}

/// `PUT /admin/v1/organizations/{org}`; what is not said stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PutOrganization {
    /// What people call it.
    pub name: Name,
    /// Whether its keys open anything; off at creation unless said.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "ApiAccess"))]
    pub api_access: Option<ApiAccess>,
    /// Longest life of a key, in days from its creation; `null`: none.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub max_key_lifetime_days: Patch<KeyLifetimeDays>,
    /// What a report of a leak does; `report` at creation unless said.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "LeakPolicy"))]
    pub leak_policy: Option<LeakPolicy>,
    /// What all its keys together are held to; `null`: nothing.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub limits: Patch<Limits>,
    /// Whether to answer only once enforced.
    #[serde(default)]
    pub wait: Wait,
}

/// `PATCH /admin/v1/organizations/{org}`: a merge patch (RFC 7396).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchOrganization {
    /// A new name; an organization always has one.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Name"))]
    pub name: Option<Name>,
    /// Whether its keys open anything.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "ApiAccess"))]
    pub api_access: Option<ApiAccess>,
    /// Longest life of a key, in days from its creation; `null`: none.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub max_key_lifetime_days: Patch<KeyLifetimeDays>,
    /// What a report of a leak does.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "LeakPolicy"))]
    pub leak_policy: Option<LeakPolicy>,
    /// What all its keys together are held to; `null`: nothing.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub limits: Patch<Limits>,
    /// Whether to answer only once enforced.
    #[serde(default)]
    pub wait: Wait,
}

impl From<&PutOrganization> for PatchOrganization {
    fn from(order: &PutOrganization) -> Self {
        let PutOrganization {
            name,
            api_access,
            max_key_lifetime_days,
            leak_policy,
            limits,
            wait,
        } = order.clone();
        Self {
            name: Some(name),
            api_access,
            max_key_lifetime_days,
            leak_policy,
            limits,
            wait,
        }
    }
}

/// `POST …/keys`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IssueKey {
    /// What people call it.
    pub name: Name,
    /// `live` or `test`; `admin` in `_platform`.
    pub environment: Environment,
    /// What it may do.
    pub scopes: GrantedScopes,
    /// Not usable from this instant on; must lie ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Networks it may be used from; everywhere when empty.
    #[serde(default, skip_serializing_if = "AllowedIps::is_empty")]
    pub allowed_ips: AllowedIps,
    /// The caller's own notes.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// For an admin key: the one organization it reaches, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::schema::ClientOrganizationId>")
    )]
    pub bound_organization: Option<OrganizationId>,
    /// What it is held to, by itself.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
}

/// `PATCH …/keys/{key id}`: a merge patch (RFC 7396); `metadata` is replaced
/// whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchKey {
    /// A new name; a key always has one.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Name"))]
    pub name: Option<Name>,
    /// New scopes; a key always has some.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "GrantedScopes"))]
    pub scopes: Option<GrantedScopes>,
    /// A new end, or none.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub expires_at: Patch<Instant>,
    /// New networks, or everywhere.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub allowed_ips: Patch<AllowedIps>,
    /// New notes, or none.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub metadata: Patch<Metadata>,
    /// New limits, or none.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub limits: Patch<Limits>,
    /// `null` lifts the restriction of a key that leaked.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "()"))]
    pub restriction: Patch<Nothing>,
    /// Whether to answer only once enforced.
    #[serde(default)]
    pub wait: Wait,
}

/// `POST …/keys/{key id}/rotate`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// For how long both work.
    #[serde(default)]
    pub overlap_seconds: OverlapSeconds,
    /// Whether to answer only once enforced.
    #[serde(default)]
    pub wait: Wait,
}

/// `POST …/keys/{key id}/revoke`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeKey {
    /// Why.
    pub reason: RevocationReason,
    /// More about it, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Whether to answer only once enforced.
    #[serde(default)]
    pub wait: Wait,
}

/// `POST …/{org}/revoke-all`.
pub type RevokeAll = RevokeKey;

/// `POST …/keys/disable`: each of these, as `POST …/keys/{key id}/disable`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DisableKeys {
    /// Which.
    pub ids: KeyIds,
    /// Whether to answer only once enforced.
    #[serde(default)]
    pub wait: Wait,
}

/// `POST …/keys/revoke`: each of these, as `POST …/keys/{key id}/revoke`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeKeys {
    /// Which.
    pub ids: KeyIds,
    /// Why.
    pub reason: RevocationReason,
    /// More about it, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Whether to answer only once enforced.
    #[serde(default)]
    pub wait: Wait,
}

impl From<&RevokeKeys> for RevokeKey {
    fn from(order: &RevokeKeys) -> Self {
        Self {
            reason: order.reason,
            note: order.note.clone(),
            wait: order.wait,
        }
    }
}

/// A body that says no more than whether to wait: disable, enable, delete, undelete.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WaitOnly {
    /// Whether to answer only once enforced.
    #[serde(default)]
    pub wait: Wait,
}

/// `POST …/{org}/import`: lines of an export.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ImportKeys")
)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The keys.
    #[cfg_attr(feature = "schema", schemars(length(max = Self::MOST)))]
    pub keys: Vec<ExportedKey>,
    /// Whether to answer only once enforced.
    #[serde(default)]
    pub wait: Wait,
}

impl Import {
    /// Most keys of one import. So many usual ones fit into the 64 KiB of a
    /// request's body.
    pub const MOST: usize = 100;
}
