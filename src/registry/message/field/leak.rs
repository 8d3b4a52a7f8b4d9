//! Leaks: what an organization wants done, and who found a key.

use serde::{Deserialize, Serialize};

use super::patch::present;
use crate::key::Scopes;

/// `leak_policy`: what a report of a leak does to a key.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "WrittenPolicy", into = "WrittenPolicy")]
pub enum LeakPolicy {
    /// It is on record, and shown.
    #[default]
    Report,
    /// The key is held to these scopes until an administrator lifts it.
    Quarantine {
        /// Only what the key has of these.
        scopes: Scopes,
    },
    /// The key is revoked.
    Revoke,
}

/// The same as JSON: `{"action": "quarantine", "scopes": ["read"]}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPolicy {
    action: LeakAction,
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    scopes: Option<Scopes>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LeakAction {
    Report,
    Quarantine,
    Revoke,
}

impl TryFrom<WrittenPolicy> for LeakPolicy {
    type Error = &'static str;
    fn try_from(written: WrittenPolicy) -> Result<Self, Self::Error> {
        match (written.action, written.scopes) {
            (LeakAction::Report, None) => Ok(Self::Report),
            (LeakAction::Revoke, None) => Ok(Self::Revoke),
            (LeakAction::Quarantine, Some(scopes)) => Ok(Self::Quarantine { scopes }),
            _ => Err("`scopes` is required with the action quarantine, and allowed with no other"),
        }
    }
}

impl From<LeakPolicy> for WrittenPolicy {
    fn from(policy: LeakPolicy) -> Self {
        let (action, scopes) = match policy {
            LeakPolicy::Report => (LeakAction::Report, None),
            LeakPolicy::Quarantine { scopes } => (LeakAction::Quarantine, Some(scopes)),
            LeakPolicy::Revoke => (LeakAction::Revoke, None),
        };
        Self { action, scopes }
    }
}

impl LeakPolicy {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Quarantine { .. } => "quarantine",
            Self::Revoke => "revoke",
        }
    }
}

/// Who found a key where it does not belong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeakSource {
    /// GitHub's secret scanning.
    Github,
}

impl LeakSource {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
        }
    }
}
