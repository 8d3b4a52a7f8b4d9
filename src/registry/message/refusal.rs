//! Why a registry did not do it.

use serde::{Deserialize, Serialize};

use super::view::KeyView;
use crate::key::{Revision, Scope};
use crate::time::Timestamp;

/// A refusal; each but `no_session` and `unsupported_version` is a problem code.
/// Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// 404: no such organization or key, or none within the actor's reach.
    NotFound,
    /// 400: a field that is wrong only here (its form was right).
    InvalidRequest {
        /// Which field.
        field: String,
        /// What would be right.
        detail: String,
    },
    /// 412.
    RevisionMismatch {
        /// The revision it has.
        current: Revision,
    },
    /// 403: the actor lacks a scope, be it to act or to hand it on.
    InsufficientScope {
        /// Which.
        scope: Scope,
    },
    /// 409.
    IssuingDisabled,
    /// 409.
    NotRotatable,
    /// 409.
    AlreadyRevoked,
    /// 409.
    AlreadyBootstrapped,
    /// 409.
    LastAdmin,
    /// 409: another organization's id has the same tag, or this one was deleted
    /// and its records are going.
    OrganizationIdTaken,
    /// 409 `organization_id_taken`: this one was deleted, and can be undeleted.
    OrganizationDeleted {
        /// When it was deleted.
        deleted_at: Timestamp,
        /// Until when its records are kept.
        purge_at: Timestamp,
    },
    /// 409: the first request made this key; its secret is not stored.
    SecretAlreadyShown {
        /// The key made then.
        key: Box<KeyView>,
    },
    /// 422.
    IdempotencyKeyReused,
    /// 401 `missing_credentials`: no such session, or it is over.
    NoSession,
    /// 503 `registry_unavailable`: the sender is newer than this object.
    UnsupportedVersion,
}

impl Refusal {
    /// An [`InvalidRequest`](Self::InvalidRequest).
    #[must_use]
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::InvalidRequest {
            field: field.to_owned(),
            detail: detail.into(),
        }
    }
}
