//! What a registry answers.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

use super::field::SessionToken;
use super::refusal::Refusal;
use super::view::{AuditHead, ExportedKey, KeyView, OrganizationView};
use crate::edge_call::{Records, UsageRow};
use crate::key::{KeyId, KeyRecord, Revision, SecretText, Subject};
use crate::page::Page;
use crate::time::{Rfc3339, Rfc3339OrNull, Timestamp};

/// What a registry's object answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct RegistryResponse {
    /// `None` where the registry may not serve: it has just started, and could not yet
    /// ask the change log whether it lost anything.
    pub reply: Option<Reply>,
    /// Whether an edge may keep the records: whether the change log knows their
    /// revisions.
    #[serde(default)]
    pub may_keep: bool,
}

impl RegistryResponse {
    /// A reply without records to keep.
    #[must_use]
    pub const fn of(reply: Option<Reply>) -> Self {
        Self {
            reply,
            may_keep: false,
        }
    }
}

/// What comes back.
pub type Reply = Result<Outcome, Refusal>;

/// What came of a command.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The edge's strong read.
    Records(Box<Records>),
    /// The organization.
    Organization(Box<OrganizationView>),
    /// One key.
    Key(Box<KeyView>),
    /// Keys, newest first.
    Keys(Page<KeyView>),
    /// Audit entries, oldest first.
    Audit(AuditPage),
    /// The audit's head.
    AuditHead(AuditHead),
    /// Usage, oldest bucket first.
    Usage(Page<UsageRow>),
    /// What a revocation would hit.
    Impact(Impact),
    /// How the registry stands.
    Status(Status),
    /// Keys with their digests, oldest first.
    Export(Page<ExportedKey>),
    /// A change was made, or had been made before.
    Changed(Box<Changed>),
    /// A dashboard session.
    Session(Box<Session>),
    /// Done; there is nothing to show.
    Done {},
}

/// Audit entries as the exact bytes that were hashed, with their hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditPage {
    /// Canonical JSON (RFC 8785), one entry each.
    pub lines: Vec<String>,
    /// What to ask for `after` next; `None` at the end.
    pub next_after: Option<u64>,
}

/// A change and how far it has come.
#[derive(Debug, Serialize, Deserialize)]
pub struct Changed {
    /// What it left behind.
    pub object: Object,
    /// Whether the object was made by it.
    pub created: bool,
    /// What must be enforced before `enforced` is true; empty when it is.
    pub awaits: Vec<Awaited>,
}

/// What a change left behind.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// A key.
    Key(Box<KeyView>),
    /// A key that was made now, with its secret.
    Issued(Box<Issued>),
    /// Keys of one order, each with what came of it.
    Keys(Vec<KeyResult>),
    /// The organization.
    Organization(Box<OrganizationView>),
    /// The organization, after keys were taken in.
    Imported {
        /// Taken in now.
        imported: u64,
        /// Here before, with the same digest.
        skipped: u64,
        /// As it stands now.
        organization: Box<OrganizationView>,
    },
}

/// What came of an order to many keys for one of them.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyResult {
    /// As it was named.
    pub id: KeyId,
    /// The key as it stands now, or why nothing was done to it.
    pub result: Result<Box<KeyView>, Refusal>,
}

/// A key with its secret: the one place where a secret leaves.
#[derive(Debug, Serialize, Deserialize)]
pub struct Issued {
    /// The key.
    pub key: KeyView,
    /// The whole presented key.
    pub secret: Secret,
    /// By rotation: the key whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<KeyView>,
}

/// A presented key on its way to the one who asked for it. Serializing shows
/// it; nothing else does.
pub struct Secret(SecretText);

impl Secret {
    /// Takes a minted key's text.
    #[must_use]
    pub const fn new(text: SecretText) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        SecretText::new(text.as_bytes())
            .map(Self)
            .ok_or_else(|| D::Error::custom("not a presented key"))
    }
}

/// Something the change log must know, and all edges with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Awaited {
    /// What changed.
    pub subject: Subject,
    /// To which revision.
    pub revision: Revision,
    /// Until then requests are decided as before; none where otherwise at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

impl Changed {
    /// Whether every edge decides by it.
    #[must_use]
    pub fn enforced(&self) -> bool {
        match &self.object {
            Object::Key(key) => key.enforced,
            Object::Issued(issued) => {
                issued.key.enforced && issued.replaced.as_ref().is_none_or(|key| key.enforced)
            }
            Object::Keys(results) => done(results).all(|key| key.enforced),
            Object::Organization(organization) | Object::Imported { organization, .. } => {
                organization.enforced && self.awaits.is_empty()
            }
        }
    }

    /// Since when; `None` while not enforced.
    #[must_use]
    pub fn effective_at(&self) -> Option<Timestamp> {
        if !self.enforced() {
            return None;
        }
        match &self.object {
            Object::Key(key) => key.effective_at,
            Object::Issued(issued) => issued
                .replaced
                .as_ref()
                .map_or(issued.key.effective_at, |key| key.effective_at),
            // Of the last one.
            Object::Keys(results) => done(results).filter_map(|key| key.effective_at).max(),
            Object::Organization(organization) | Object::Imported { organization, .. } => {
                organization.effective_at
            }
        }
    }
}

/// Those of the keys to which nothing was refused.
fn done(results: &[KeyResult]) -> impl Iterator<Item = &KeyView> {
    results.iter().filter_map(|one| one.result.as_deref().ok())
}

/// What a revocation would hit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Impact {
    /// The key.
    pub key: KeyId,
    /// When it last opened something.
    #[serde(with = "Rfc3339OrNull")]
    pub last_used_at: Option<Timestamp>,
    /// The last hour, in whole buckets: this hour and the one before.
    pub last_hour: WindowUse,
    /// The last 24 hours, in whole buckets.
    pub last_day: WindowUse,
    /// The last 30 days, in whole buckets.
    pub last_30_days: WindowUse,
    /// Its successor.
    pub successor: Option<Successor>,
}

/// Requests let through in a time.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WindowUse {
    /// All of them.
    pub requests: u64,
    /// By scope; those of routes without one under the empty name.
    pub by_scope: BTreeMap<String, u64>,
}

/// Whether the successor has taken over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Successor {
    /// Its key id.
    pub id: KeyId,
    /// Whether it was used yet.
    pub in_use: bool,
    /// When last.
    #[serde(with = "Rfc3339OrNull")]
    pub last_used_at: Option<Timestamp>,
}

/// How a registry stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Status {
    /// Its last revision.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Revision"))]
    pub revision: Revision,
    /// What has not reached the change log or Workers KV.
    pub outbox: OutboxDepth,
    /// Keys that could still open something, by the ring entry that made them.
    pub keys_per_ring_entry: BTreeMap<String, u64>,
    /// Usable keys without use for as long as was asked.
    pub unused_keys: u64,
    /// Usable keys that a browser showed.
    pub exposed_keys: u64,
    /// `_platform`: origins whose preflights asked for `authorization`, by count.
    pub preflights: Vec<Preflight>,
    /// `_platform`: failed authentications of this hour that were only counted.
    pub failures_suppressed: u64,
}

/// What has not left yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct OutboxDepth {
    /// Not enforced.
    pub appends: u64,
    /// Not in Workers KV.
    pub publications: u64,
}

/// A page that is being built with a key in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Preflight {
    /// Its origin.
    pub origin: String,
    /// How often.
    pub count: u64,
    /// When last.
    #[serde(with = "Rfc3339")]
    pub last_at: Timestamp,
}

/// A dashboard session.
#[derive(Debug, Serialize, Deserialize)]
pub struct Session {
    /// Where it was opened now: its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SessionToken>,
    /// What writes must carry.
    pub csrf_token: String,
    /// When it is over.
    #[serde(with = "Rfc3339")]
    pub expires_at: Timestamp,
    /// The admin key behind it.
    pub id: KeyId,
    /// Its record, checked as usable at the time of the answer but for the
    /// client's address.
    pub record: KeyRecord,
}
