//! The request that both hops share, and what it is made of.
//!
//! An edge asks a relay, a relay asks the change log, and an edge cut off from
//! its relays asks the change log itself: always [`SyncRequest`] and
//! [`SyncReply`].
//!
//! During a deployment neighbouring versions talk to each other for minutes. So
//! every message carries its version, a reader ignores members it does not know,
//! and a version may only add members that can be left out. A reader accepts the
//! next version and refuses the one after it.

use serde::{Deserialize, Serialize};

use super::holding::Holding;
use super::time::{Bound, Millis};
use crate::key::Subject;

/// The version of the messages to and from the change log and relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Version(u8);

impl Version {
    /// The version this code writes.
    pub const CURRENT: Self = Self(1);
}

impl TryFrom<u8> for Version {
    type Error = &'static str;

    fn try_from(v: u8) -> Result<Self, Self::Error> {
        if v == 0 || v > Self::CURRENT.0 + 1 {
            return Err("a message of this version cannot be read");
        }
        Ok(Self(v))
    }
}

impl From<Version> for u8 {
    fn from(version: Version) -> Self {
        version.0
    }
}

/// A number that grows by one with every change inside an organization. Zero:
/// no change is known. Below 2^53, since storage carries integers as `f64`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The next revision of the organization.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Which life of the change log a cursor belongs to: drawn at random when its
/// storage is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(u64);

impl Incarnation {
    /// An incarnation from 64 random bits; 53 of them are kept, since storage
    /// carries integers as `f64`.
    #[must_use]
    pub const fn from_random(bits: u64) -> Self {
        Self(bits >> 11)
    }

    /// The incarnation as it is stored: below 2^53.
    #[must_use]
    pub const fn stored(self) -> u64 {
        self.0
    }

    /// Reads what [`Self::stored`] gave.
    #[must_use]
    pub const fn from_stored(stored: u64) -> Self {
        Self(stored)
    }
}

/// A place in the change log: everything up to `seq` is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The life of the log this place is in.
    pub incarnation: Incarnation,
    /// The number of the last change known.
    pub seq: u64,
}

impl Cursor {
    /// Whether this place is known to be before `other`. Places of two
    /// incarnations have no order.
    #[must_use]
    pub fn is_behind(&self, other: &Self) -> bool {
        self.incarnation == other.incarnation && self.seq < other.seq
    }
}

/// "What changed since `cursor`, and what is required of `subjects`?"
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Version of the message.
    pub v: Version,
    /// What the sender knows; none at the start.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// Subjects the sender does not follow yet.
    #[serde(default)]
    pub subjects: Vec<Subject>,
    /// Who asks, so that its lease can be accounted for. Older versions leave it
    /// out, and so does one that enforces by time alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holding: Option<Holding>,
}

impl SyncRequest {
    /// Subjects one request may carry; more are not answered, and the sender asks
    /// again. It bounds one event of the log to 256 look-ups.
    pub const MAX_SUBJECTS: usize = 256;
}

/// One change: `subject` is at `revision` since the log's `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Change {
    /// What changed.
    pub subject: Subject,
    /// Its greatest revision.
    pub revision: Revision,
    /// Its place in the log.
    pub seq: u64,
}

/// What is required of one subject: a record of a lower revision is stale.
/// Revision zero: it never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// Of what.
    pub subject: Subject,
    /// The least revision that may be used.
    pub revision: Revision,
}

/// The reply to a [`SyncRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyncReply {
    /// Version of the message.
    pub v: Version,
    /// The sender's cursor cannot be continued: forget everything and start from
    /// `cursor`.
    #[serde(default)]
    pub reset: bool,
    /// The place up to which this reply is complete.
    pub cursor: Cursor,
    /// Age of the proof in milliseconds when the reply was made: the state of the
    /// log at some instant no longer ago than this is included.
    pub age_ms: Millis,
    /// The lease: the greatest age at which this proof may be decided on, in
    /// milliseconds.
    pub bound_ms: Bound,
    /// Every subject that changed since the request's cursor, none if it had none.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// What is required, at `cursor`, of each subject asked for.
    #[serde(default)]
    pub required: Vec<Requirement>,
    /// The sequence number of the last change that somebody waits for; whoever was
    /// below it confirms. Never above `cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgent: Option<u64>,
}

impl SyncReply {
    /// Changes one reply may carry; a sender further behind is reset. About 100 kB,
    /// and ten seconds of the log at a hundred changes a second.
    pub const MAX_CHANGES: usize = 1_000;
}

/// A request that may be held: it is answered at once where a change that somebody
/// waits for lies above its cursor, else when the hold is over. The proof in its
/// reply is as old as the request: waiting earns nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Watch {
    /// What is asked.
    pub request: SyncRequest,
    /// How long it may be held, in milliseconds.
    pub hold_ms: Millis,
}

/// A holder says what it no longer decides on. It grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Confirm {
    /// Version of the message.
    pub v: Version,
    /// The holder and its floor.
    pub holding: Holding,
}

#[cfg(test)]
pub(super) fn pinned<T>(value: &T, json: &str)
where
    T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug,
{
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "20abcdefghijkNONCENONCE0TAGTAG";

    fn cursor() -> Cursor {
        Cursor {
            incarnation: Incarnation::from_stored(77),
            seq: 12,
        }
    }

    #[test]
    fn the_messages_are_pinned() {
        let subject = Subject::parse(KEY).unwrap();
        let (v, revision) = (Version::CURRENT, Revision(7));
        pinned(
            &SyncRequest {
                v,
                cursor: Some(cursor()),
                subjects: vec![subject, subject.organization()],
                holding: None,
            },
            r#"{"v":1,"cursor":{"incarnation":77,"seq":12},"subjects":["20abcdefghijkNONCENONCE0TAGTAG","abcdefghijk"]}"#,
        );
        pinned(
            &SyncReply {
                v,
                reset: false,
                cursor: cursor(),
                age_ms: Millis(250),
                bound_ms: Bound::DEFAULT,
                changes: vec![Change {
                    subject,
                    revision,
                    seq: 12,
                }],
                required: vec![Requirement { subject, revision }],
                urgent: None,
            },
            r#"{"v":1,"reset":false,"cursor":{"incarnation":77,"seq":12},"age_ms":250,"bound_ms":5000,"changes":[{"subject":"20abcdefghijkNONCENONCE0TAGTAG","revision":7,"seq":12}],"required":[{"subject":"20abcdefghijkNONCENONCE0TAGTAG","revision":7}]}"#,
        );
    }

    #[test]
    fn the_next_version_is_read_and_the_one_after_is_not() {
        let next = r#"{"v":2,"subjects":[],"hint":"new"}"#;
        assert!(serde_json::from_str::<SyncRequest>(next).is_ok());
        let after = r#"{"v":3,"subjects":[]}"#;
        assert!(serde_json::from_str::<SyncRequest>(after).is_err());
        let bare = r#"{"v":1}"#;
        assert!(serde_json::from_str::<SyncRequest>(bare).is_ok());
        let none = r#"{"v":0}"#;
        assert!(serde_json::from_str::<SyncRequest>(none).is_err());
    }

    /// Storage carries integers as `f64`.
    #[test]
    fn a_drawn_incarnation_is_stored_exactly() {
        assert_eq!(Incarnation::from_random(u64::MAX).stored(), (1 << 53) - 1);
        assert_eq!(Incarnation::from_random(3 << 11).stored(), 3);
    }

    #[test]
    fn places_have_an_order_within_one_life_of_the_log() {
        let at = |incarnation, seq| Cursor {
            incarnation: Incarnation::from_stored(incarnation),
            seq,
        };
        assert!(at(1, 4).is_behind(&at(1, 5)));
        for (place, other) in [
            (at(1, 5), at(1, 5)),
            (at(1, 6), at(1, 5)),
            (at(1, 4), at(2, 5)),
        ] {
            assert!(!place.is_behind(&other), "{place:?}");
        }
    }
}
