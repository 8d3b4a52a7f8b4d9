//! Words and flags of requests.

use serde::{Deserialize, Serialize};

/// `api_access`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiAccess {
    /// Its keys open what their scopes say.
    Enabled,
    /// Its keys open nothing, and none is issued.
    Disabled,
}

impl From<bool> for ApiAccess {
    fn from(enabled: bool) -> Self {
        if enabled {
            Self::Enabled
        } else {
            Self::Disabled
        }
    }
}

/// The reasons of a revocation, after RFC 5280 section 5.3.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// Somebody else has it, or may have.
    KeyCompromise,
    /// Another took its place.
    Superseded,
    /// What it was for has ended.
    CessationOfOperation,
    /// Its holder may no longer.
    PrivilegeWithdrawn,
    /// Not said.
    Unspecified,
}

impl RevocationReason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::KeyCompromise,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
        Self::Unspecified,
    ];

    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyCompromise => "key_compromise",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation_of_operation",
            Self::PrivilegeWithdrawn => "privilege_withdrawn",
            Self::Unspecified => "unspecified",
        }
    }
}

/// Whether to answer only once the change is enforced; yes unless said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wait(pub bool);

impl Default for Wait {
    fn default() -> Self {
        Self(true)
    }
}
