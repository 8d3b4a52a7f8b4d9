//! What the edge knows of a key and of its organization: the values of Workers
//! KV and of the registry's strong read.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::brand::Environment;
use super::digest::KeyDigest;
use super::organization::OrganizationId;
use super::scope::Scopes;
use crate::limits::policy::Policy;
use crate::time::Timestamp;

/// A number that grows by one with every change inside an organization.
pub type Revision = u64;

/// How a key stands; derived, never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Usable.
    Active,
    /// Usable until its overlap ends: it has a successor.
    Retiring,
    /// Paused; can be enabled again.
    Disabled,
    /// Its time, or its overlap, is over.
    Expired,
    /// Revoked for ever.
    Revoked,
}

impl KeyState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Retiring,
        Self::Disabled,
        Self::Expired,
        Self::Revoked,
    ];

    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// The value of `key/<publicKeyId>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Version of this form.
    pub v: u8,
    /// Revision of the key's last change.
    pub revision: Revision,
    /// Revision at which it was issued.
    pub issued: Revision,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Digest of the presented key.
    pub digest: KeyDigest,
    /// Who it is for.
    pub environment: Environment,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Revoked for ever.
    #[serde(default, skip_serializing_if = "is_false")]
    pub revoked: bool,
    /// Paused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// Held to `scopes`, which are fewer than it was given, since it leaked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restricted: bool,
    /// Not usable from this instant on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When its successor was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_at: Option<Timestamp>,
    /// When the overlap with its successor ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<Timestamp>,
    /// Networks it may be used from; everywhere when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "networks")]
    pub allowed_ips: Vec<IpNet>,
    /// For an admin key: the one organization it reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_organization: Option<OrganizationId>,
    /// What it is held to, by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Policy>,
}

/// The value of `org/<tag>`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrganizationRecord {
    /// Version of this form.
    pub v: u8,
    /// Revision of the organization's last change of its own fields.
    pub revision: Revision,
    /// The organization's id.
    pub id: OrganizationId,
    /// Whether its keys open anything.
    pub api_access: bool,
    /// Every key issued at or below this revision is revoked for ever.
    #[serde(default)]
    pub keys_revoked_through: Revision,
    /// What all its keys together are held to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Policy>,
}

/// Version of both forms.
pub const RECORD_VERSION: u8 = 1;

impl KeyRecord {
    /// A key just issued to a client, without a name, that never expires and may be
    /// used from everywhere: what tests and benches begin with.
    #[cfg(any(test, not(target_arch = "wasm32")))]
    #[must_use]
    pub const fn issued(
        issued: Revision,
        at: Timestamp,
        digest: KeyDigest,
        scopes: Scopes,
    ) -> Self {
        Self {
            v: RECORD_VERSION,
            revision: issued,
            issued,
            issued_at: at,
            digest,
            environment: Environment::Live,
            name: String::new(),
            scopes,
            revoked: false,
            disabled: false,
            restricted: false,
            expires_at: None,
            replaced_at: None,
            retires_at: None,
            allowed_ips: Vec::new(),
            bound_organization: None,
            limits: Vec::new(),
        }
    }

    /// How the key stands at `now` under `organization`.
    #[must_use]
    pub fn state(&self, organization: &OrganizationRecord, now: Timestamp) -> KeyState {
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        if self.revoked || self.issued <= organization.keys_revoked_through {
            KeyState::Revoked
        } else if over(self.expires_at) || over(self.retires_at) {
            KeyState::Expired
        } else if self.disabled {
            KeyState::Disabled
        } else if self.retires_at.is_some() {
            KeyState::Retiring
        } else {
            KeyState::Active
        }
    }

    /// Bytes held beyond the record itself.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.name.capacity()
            + self.scopes.weight()
            + self.allowed_ips.capacity() * size_of::<IpNet>()
            + self
                .bound_organization
                .as_ref()
                .map_or(0, |id| id.as_str().len())
            + self.limits.iter().map(Policy::weight).sum::<usize>()
    }
}

const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Networks as text: `192.0.2.0/24`.
mod networks {
    use ipnet::IpNet;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(networks: &[IpNet], to: S) -> Result<S::Ok, S::Error> {
        networks
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
        Vec::<String>::deserialize(from)?
            .iter()
            .map(|text| {
                text.parse()
                    .map_err(|_| D::Error::custom("not a network, as 192.0.2.0/24"))
            })
            .collect()
    }
}
