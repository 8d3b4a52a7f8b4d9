//! What a registry and the change log say to each other.

use serde::{Deserialize, Serialize};

use super::sync::{Cursor, Requirement, Revision, Version};
use super::time::Millis;
use crate::key::Subject;

/// A registry tells the log that `subject` changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Append {
    /// Version of the message.
    pub v: Version,
    /// What changed.
    pub subject: Subject,
    /// The revision of the change.
    pub revision: Revision,
    /// Of an organization: every key issued at or below this revision was revoked at
    /// once, as of this change. Older registries leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_revoked_through: Option<Revision>,
    /// Whether somebody waits until it is enforced: edges are to hear of it at once.
    /// Older registries leave it out, and so does one that enforces by time alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
}

/// The log has the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ack {
    /// Version of the message.
    pub v: Version,
    /// How long to wait, from now, until every lease that predates the change
    /// is over, in milliseconds.
    pub wait_ms: Millis,
    /// The greatest revision of the subject's organization.
    pub greatest: Revision,
    /// Where the subject's last change stands in the log. Older logs leave it out,
    /// and so does one that enforces by time alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Cursor>,
    /// Nobody decides below this place any more, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Cursor>,
}

/// A registry waits until nobody decides below `place` any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Await {
    /// Version of the message.
    pub v: Version,
    /// The place of its change, from [`Ack::place`].
    pub place: Cursor,
    /// How long the reply may be held, in milliseconds; at most [`Await::HOLD`].
    pub hold_ms: Millis,
}

impl Await {
    /// The longest hold.
    pub const HOLD: Millis = Millis(2_000);
}

/// The reply to an [`Await`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Floor {
    /// Version of the message.
    pub v: Version,
    /// Nobody decides below this place any more, if that is known.
    #[serde(default)]
    pub floor: Option<Cursor>,
}

/// A registry that has just started asks whether it was restored from a backup:
/// whether the log knows changes of its organization that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RestoreCheck {
    /// Version of the message.
    pub v: Version,
    /// The organization's tag.
    pub organization: Subject,
    /// Where to begin: subjects above this revision, or at it and after
    /// `after_subject`.
    pub above: Revision,
    /// The last subject of the page before.
    #[serde(default)]
    pub after_subject: Option<Subject>,
}

/// What the log knows of an organization beyond a revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RestoreCheckReply {
    /// Version of the message.
    pub v: Version,
    /// The greatest revision of the organization.
    pub greatest: Revision,
    /// Subjects beyond the place asked for, by revision and subject.
    #[serde(default)]
    pub beyond: Vec<Requirement>,
    /// There is another page.
    #[serde(default)]
    pub more: bool,
    /// Every key of the organization issued at or below this revision was revoked at
    /// once, as of its own greatest revision; none where the log was not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_revoked_through: Option<Revision>,
}

impl RestoreCheckReply {
    /// Subjects on one page.
    pub const PAGE: usize = 1_000;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::sync::pinned;

    const KEY: &str = "20abcdefghijkNONCENONCE0TAGTAG";

    #[test]
    fn the_messages_are_pinned() {
        let subject = Subject::parse(KEY).unwrap();
        let (v, revision) = (Version::CURRENT, Revision(7));
        pinned(
            &Append {
                v,
                subject,
                revision,
                keys_revoked_through: None,
                waits: false,
            },
            r#"{"v":1,"subject":"20abcdefghijkNONCENONCE0TAGTAG","revision":7}"#,
        );
        pinned(
            &Append {
                v,
                subject: subject.organization(),
                revision,
                keys_revoked_through: Some(Revision(5)),
                waits: false,
            },
            r#"{"v":1,"subject":"abcdefghijk","revision":7,"keys_revoked_through":5}"#,
        );
        pinned(
            &Ack {
                v,
                wait_ms: Millis(5_151),
                greatest: revision,
                place: None,
                floor: None,
            },
            r#"{"v":1,"wait_ms":5151,"greatest":7}"#,
        );
        pinned(
            &RestoreCheck {
                v,
                organization: subject.organization(),
                above: revision,
                after_subject: None,
            },
            r#"{"v":1,"organization":"abcdefghijk","above":7,"after_subject":null}"#,
        );
        pinned(
            &RestoreCheckReply {
                v,
                greatest: revision,
                beyond: vec![Requirement { subject, revision }],
                more: false,
                keys_revoked_through: None,
            },
            r#"{"v":1,"greatest":7,"beyond":[{"subject":"20abcdefghijkNONCENONCE0TAGTAG","revision":7}],"more":false}"#,
        );
        pinned(
            &RestoreCheckReply {
                v,
                greatest: revision,
                beyond: Vec::new(),
                more: true,
                keys_revoked_through: Some(Revision(5)),
            },
            r#"{"v":1,"greatest":7,"beyond":[],"more":true,"keys_revoked_through":5}"#,
        );
    }
}
