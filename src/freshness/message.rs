//! The envelopes: every message to the change log and to a relay, one JSON value
//! each. The data plane sends syncs alone, and can name no other.

use serde::{Deserialize, Serialize};

#[cfg(feature = "control")]
use super::append::{Ack, Append, Await, Floor, RestoreCheck, RestoreCheckReply};
#[cfg(feature = "control")]
use super::change_log::LogMeta;
#[cfg(feature = "control")]
use super::sync::Incarnation;
use super::sync::{Confirm, SyncReply, SyncRequest, Watch};
#[cfg(feature = "control")]
use super::time::{Bound, Millis};

/// To the change log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogRequest {
    /// By a relay, or an edge that reaches none: [`LogReply::Sync`].
    #[serde(rename = "ask")]
    Sync(SyncRequest),
    /// By a relay: [`LogReply::Sync`], when something urgent changed.
    Watch(Watch),
    /// By whoever holds a lease from the log: [`LogReply::Confirmed`].
    Confirm(Confirm),
    /// By a registry: [`LogReply::Ack`].
    #[cfg(feature = "control")]
    Append(Append),
    /// By a registry: [`LogReply::Floor`], when nobody decides below its change.
    #[cfg(feature = "control")]
    Await(Await),
    /// By a registry that has just started: [`LogReply::RestoreCheck`].
    #[cfg(feature = "control")]
    #[serde(rename = "standing")]
    RestoreCheck(RestoreCheck),
    /// For the status: [`LogReply::Status`].
    #[cfg(feature = "control")]
    Status {},
}

/// From the change log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogReply {
    /// The reply.
    #[serde(rename = "answer")]
    Sync(SyncReply),
    /// It is noted.
    Confirmed {},
    /// It is recorded.
    #[cfg(feature = "control")]
    Ack(Ack),
    /// What nobody decides below any more.
    #[cfg(feature = "control")]
    Floor(Floor),
    /// What is known beyond a revision.
    #[cfg(feature = "control")]
    #[serde(rename = "standing")]
    RestoreCheck(RestoreCheckReply),
    /// The log's status.
    #[cfg(feature = "control")]
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
}

#[cfg(feature = "control")]
impl LogMeta {
    /// The status of a log with this row and this head.
    #[must_use]
    pub const fn into_status(self, head: u64) -> LogStatus {
        LogStatus {
            incarnation: self.incarnation,
            head,
            bound_ms: self.lease,
            wait_for_ms: self.wait_for,
        }
    }
}

/// To a relay.
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
    #[cfg(feature = "control")]
    Status {},
}

/// From a relay.
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
    /// Age of the relay's proof in milliseconds, if it has one.
    #[cfg(feature = "control")]
    Status {
        /// The age.
        proof_age_ms: Option<Millis>,
    },
}

#[cfg(test)]
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
