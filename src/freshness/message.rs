//! The envelopes: every message to the change log and to a relay, one JSON value
//! each. An edge says the same to both, and the data plane can name nothing else.

use serde::{Deserialize, Serialize};

#[cfg(feature = "control")]
use super::append::{Ack, Append, Await, Floor, RestoreCheck, RestoreCheckReply};
#[cfg(feature = "control")]
use super::recent::RecentChange;
#[cfg(feature = "control")]
use super::sync::Incarnation;
use super::sync::{Confirm, SyncReply, SyncRequest, Watch};
#[cfg(feature = "control")]
use super::time::{Bound, Millis};

/// By whoever holds a lease, or asks for one, to whoever gives it: a relay, or the
/// change log itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LenderRequest {
    /// [`LenderReply::Sync`]
    #[serde(rename = "ask")]
    Sync(SyncRequest),
    /// [`LenderReply::Sync`], when something urgent changed.
    Watch(Watch),
    /// [`LenderReply::Confirmed`]
    Confirm(Confirm),
}

/// From whoever gives leases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LenderReply {
    /// The reply.
    #[serde(rename = "answer")]
    Sync(SyncReply),
    /// It is noted.
    Confirmed {},
    /// There is no proof that is young enough: ask elsewhere.
    Unavailable {},
}

impl LenderReply {
    /// The reply to a sync or a watch.
    #[must_use]
    pub fn sync(self) -> Option<SyncReply> {
        match self {
            Self::Sync(reply) => Some(reply),
            Self::Confirmed {} | Self::Unavailable {} => None,
        }
    }
}

/// To the change log.
#[cfg(feature = "control")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogRequest {
    /// By a relay, or an edge that reaches none: [`LogReply::Sync`].
    #[serde(rename = "ask")]
    Sync(SyncRequest),
    /// By a relay, or an edge that reaches none: [`LogReply::Sync`], when something urgent
    /// changed.
    Watch(Watch),
    /// By whoever holds a lease from the log: [`LogReply::Confirmed`].
    Confirm(Confirm),
    /// By a registry: [`LogReply::Ack`].
    Append(Append),
    /// By a registry: [`LogReply::Floor`], when nobody decides below its change.
    Await(Await),
    /// By a registry that has just started: [`LogReply::RestoreCheck`].
    #[serde(rename = "standing")]
    RestoreCheck(RestoreCheck),
    /// For the status: [`LogReply::Status`].
    Status {},
}

/// From the change log.
#[cfg(feature = "control")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogReply {
    /// The reply.
    #[serde(rename = "answer")]
    Sync(SyncReply),
    /// It is noted.
    Confirmed {},
    /// It is recorded.
    Ack(Ack),
    /// What nobody decides below any more.
    Floor(Floor),
    /// What is known beyond a revision.
    #[serde(rename = "standing")]
    RestoreCheck(RestoreCheckReply),
    /// The log's status.
    Status(LogStatus),
}

/// The change log's status.
#[cfg(feature = "control")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// The number of its last change.
    pub head: u64,
    /// The freshness bound granted in replies, in milliseconds.
    pub bound_ms: Bound,
    /// The bound that changes still wait for, in milliseconds.
    pub wait_for_ms: Bound,
    /// Who holds a lease from it: relays, and edges that reached none.
    #[serde(default)]
    pub holders: u64,
    /// Leases that ended below an urgent change, since its start.
    #[serde(default)]
    pub expired_unconfirmed: u64,
    /// How the last changes that were waited for were enforced, the newest first.
    #[serde(default)]
    pub recent: Vec<RecentChange>,
}

/// To a relay.
#[cfg(feature = "control")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayRequest {
    /// By an edge: [`RelayReply::Sync`] or [`RelayReply::Unavailable`].
    #[serde(rename = "ask")]
    Sync(SyncRequest),
    /// By an edge: [`RelayReply::Sync`], when something urgent changed.
    Watch(Watch),
    /// By an edge: [`RelayReply::Confirmed`].
    Confirm(Confirm),
    /// For the status: [`RelayReply::Status`].
    Status {},
}

/// From a relay.
#[cfg(feature = "control")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayReply {
    /// The reply.
    #[serde(rename = "answer")]
    Sync(SyncReply),
    /// It is noted.
    Confirmed {},
    /// The relay has no proof that is young enough: ask elsewhere.
    Unavailable {},
    /// The relay's status.
    Status {
        /// Age of its proof in milliseconds, if it has one.
        proof_age_ms: Option<Millis>,
        /// Edges that hold a lease from it.
        #[serde(default)]
        holders: u64,
        /// Their leases that ended below an urgent change, since its start.
        #[serde(default)]
        expired_unconfirmed: u64,
    },
}

#[cfg(all(test, feature = "control"))]
mod tests {
    use super::*;
    use crate::freshness::sync::{Revision, Version};
    use crate::key::Subject;

    #[test]
    fn the_envelopes_are_pinned() {
        let subject = Subject::parse("abcdefghijk").unwrap();
        let append = Append {
            v: Version::CURRENT,
            subject,
            revision: Revision(7),
            keys_revoked_through: None,
            waits: false,
        };
        assert_eq!(
            serde_json::to_string(&LogRequest::Append(append)).unwrap(),
            r#"{"append":{"v":1,"subject":"abcdefghijk","revision":7}}"#
        );
        assert_eq!(
            serde_json::to_string(&LogRequest::Status {}).unwrap(),
            r#"{"status":{}}"#
        );
        assert_eq!(
            serde_json::to_string(&RelayReply::Unavailable {}).unwrap(),
            r#"{"unavailable":{}}"#
        );
    }
}
