//! What the data plane asks and tells a registry, and what it reads of the answer.
//!
//! A registry takes many more requests; the data plane can neither write them nor
//! read what comes back. To a registry an [`EdgeCall`] is one of its own requests, so
//! the JSON of both directions is pinned by a test beside the registry's
//! (`tests/registry/edge_calls.rs`).
//!
//! During a deployment the two sides may be of different versions for minutes. A
//! reader therefore skips members that it does not know.

use std::fmt;

use serde::de::{EnumAccess, VariantAccess as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::{
    KeyId, KeyRecord, OrganizationId, OrganizationRecord, OrganizationTag, PublicKeyId, Revision,
    Scope, Subject,
};
use crate::page::{Limit, Page};
use crate::time::{Rfc3339, Timestamp};

/// Version of the messages between Worker and registry.
pub const MESSAGE_VERSION: u8 = 1;

/// One call to a registry.
#[derive(Clone, Debug)]
pub enum EdgeCall {
    /// A strong read of a key's and its organization's records.
    ReadRecords {
        /// The key presented.
        key: PublicKeyId,
        /// Below which revisions they may not be: a registry that holds one has lost a
        /// change, and makes up for that before it answers.
        required: RequiredRevisions,
    },
    /// Adds an isolate's counts. Idempotent: a batch is added once.
    CountUsage {
        /// Whose keys these are.
        organization: OrganizationTag,
        /// Names the batch.
        batch: String,
        /// Its counts.
        rows: Vec<UsageCount>,
    },
    /// A browser sent the key. Idempotent.
    MarkExposed {
        /// The key, whose secret was proven.
        key: PublicKeyId,
        /// The page's origin, as sent.
        origin: String,
    },
    /// Preflights that asked for `authorization`; to `_platform`'s registry.
    NotePreflights {
        /// What was counted, at most 100 origins.
        preflights: Vec<PreflightCount>,
    },
    /// Workers KV holds an older record than is required, or one that cannot be read:
    /// it is to be written again. Idempotent.
    ReportStale {
        /// Whose record.
        subject: Subject,
    },
    /// RFC 7009: the holder ends the key that they presented. Idempotent; answered once
    /// the revocation is enforced, or after a while.
    Revoke {
        /// The key, whose secret was proven.
        key: KeyId,
        /// Of the HTTP request; for the audit.
        request_id: String,
    },
    /// The usage of the holder's organization.
    ListUsage {
        /// The organization.
        organization: OrganizationId,
        /// The key presented.
        holder: KeyId,
        /// Of the HTTP request.
        request_id: String,
        /// Which part of it.
        listing: ListUsage,
    },
}

/// The revisions below which an edge may not decide, as its view knows them; 0 where
/// it knows of none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RequiredRevisions {
    /// Of the key's record.
    #[serde(default)]
    pub key: Revision,
    /// Of the organization's.
    #[serde(default)]
    pub organization: Revision,
}

/// The records by which an edge decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Records {
    /// The key's, if there is such a key.
    pub key: Option<KeyRecord>,
    /// The organization's, if there is one.
    pub organization: Option<OrganizationRecord>,
}

/// What an isolate counted since its last flush, for one key, scope, outcome and hour.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsageCount {
    /// The key.
    pub key: PublicKeyId,
    /// The scope the route asks for; none for routes without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// `allowed`, or the code of the denial.
    pub outcome: String,
    /// How often.
    pub count: u64,
    /// When last; its hour is the bucket.
    pub last_at: Timestamp,
}

/// Preflights from one origin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreflightCount {
    /// The page's origin, as sent.
    pub origin: String,
    /// How many.
    pub count: u64,
}

/// Which part of an organization's usage is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListUsage {
    /// From the bucket that holds this instant.
    pub from: Timestamp,
    /// To before this instant.
    pub to: Timestamp,
    /// Width of the buckets.
    pub by: Span,
    /// Only this key's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKeyId>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Most rows.
    #[serde(default)]
    pub limit: Limit,
}

/// Width of a usage bucket; buckets begin at whole hours and days of UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    /// Kept for 90 days.
    Hour,
    /// Kept for 400 days.
    Day,
}

/// One count of a usage listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageRow {
    /// The bucket's beginning.
    #[serde(with = "Rfc3339")]
    pub start: Timestamp,
    /// Its width.
    pub by: Span,
    /// The key.
    pub key: KeyId,
    /// The scope asked for; `null` for routes without one.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::key::Scope>"))]
    pub scope: Option<String>,
    /// `allowed`, or the code of the denial.
    pub outcome: String,
    /// How often.
    pub count: u64,
}

impl EdgeCall {
    /// Which registry it goes to.
    #[must_use]
    pub fn registry(&self) -> OrganizationTag {
        match self {
            Self::ReadRecords { key, .. } | Self::MarkExposed { key, .. } => key.organization_tag(),
            Self::CountUsage { organization, .. } => *organization,
            Self::NotePreflights { .. } => OrganizationId::platform().tag(),
            Self::ReportStale { subject } => subject.organization_tag(),
            Self::Revoke { key, .. } => key.public.organization_tag(),
            Self::ListUsage { organization, .. } => organization.tag(),
        }
    }

    /// Whether an overloaded registry may refuse it first. Strangers cause these calls,
    /// or clients may ask again; a revocation has to get through.
    #[must_use]
    pub const fn is_sheddable(&self) -> bool {
        !matches!(self, Self::Revoke { .. })
    }
}

impl Serialize for EdgeCall {
    /// As a registry reads its requests.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let by_system = |command| Envelope {
            v: MESSAGE_VERSION,
            organization: None,
            actor: Actor::System,
            request_id: "",
            command,
        };
        match self {
            Self::ReadRecords { key, required } => by_system(Command::Records { key, required }),
            Self::CountUsage { batch, rows, .. } => by_system(Command::CountUsage { batch, rows }),
            Self::MarkExposed { key, origin } => by_system(Command::MarkExposed { key, origin }),
            Self::NotePreflights { preflights } => Envelope {
                organization: Some(OrganizationId::PLATFORM),
                ..by_system(Command::NotePreflights { preflights })
            },
            Self::ReportStale { subject } => by_system(Command::ReportBehind { subject }),
            Self::Revoke { key, request_id } => Envelope {
                actor: Actor::Holder { id: key },
                request_id,
                ..by_system(Command::RevokeSelf { key: &key.public })
            },
            Self::ListUsage {
                organization,
                holder,
                request_id,
                listing,
            } => Envelope {
                organization: Some(organization.as_str()),
                actor: Actor::Holder { id: holder },
                request_id,
                ..by_system(Command::ListUsage(listing))
            },
        }
        .serialize(to)
    }
}

/// A request to a registry.
#[derive(Serialize)]
struct Envelope<'a> {
    v: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    actor: Actor<'a>,
    request_id: &'a str,
    command: Command<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Actor<'a> {
    System,
    Holder { id: &'a KeyId },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Command<'a> {
    Records {
        key: &'a PublicKeyId,
        required: &'a RequiredRevisions,
    },
    CountUsage {
        batch: &'a str,
        rows: &'a [UsageCount],
    },
    MarkExposed {
        key: &'a PublicKeyId,
        origin: &'a str,
    },
    NotePreflights {
        preflights: &'a [PreflightCount],
    },
    ReportBehind {
        subject: &'a Subject,
    },
    RevokeSelf {
        key: &'a PublicKeyId,
    },
    ListUsage(&'a ListUsage),
}

/// What the registry's object answers a call.
#[derive(Debug, Deserialize)]
pub struct EdgeResponse {
    /// `None` where it may not serve: it has just started, and could not yet ask the
    /// change log whether it lost anything.
    pub reply: Option<Result<EdgeReply, EdgeRefusal>>,
    /// Whether an edge may keep the records: whether the change log knows their
    /// revisions.
    #[serde(default)]
    pub may_keep: bool,
}

/// What came of a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeReply {
    /// Of [`EdgeCall::ReadRecords`].
    Records(Box<Records>),
    /// Of [`EdgeCall::ListUsage`].
    Usage(Page<UsageRow>),
    /// Of [`EdgeCall::Revoke`].
    Changed(Changed),
    /// Of all others.
    Done {},
}

/// What is read of a change: how far it has come.
#[derive(Debug, Deserialize)]
pub struct Changed {
    object: Object,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Object {
    Key(Enforcement),
}

#[derive(Debug, Deserialize)]
struct Enforcement {
    enforced: bool,
}

impl Changed {
    /// Whether every edge decides by it.
    #[must_use]
    pub const fn is_enforced(&self) -> bool {
        let Object::Key(key) = &self.object;
        key.enforced
    }
}

/// Why a registry did not do it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EdgeRefusal {
    /// There is no such organization or key.
    NotFound,
    /// A field is wrong in a way that only the registry can see.
    InvalidRequest {
        /// Which field.
        field: String,
        /// What would be right.
        detail: String,
    },
    /// Anything else: nothing that the data plane sends is refused so by a registry of
    /// its own version.
    Unavailable,
}

impl<'de> Deserialize<'de> for EdgeRefusal {
    /// Serde's `other` takes no refusal that says more than its name; whatever a newer
    /// registry says of one that is not known here is skipped.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Refusal;

        #[derive(Deserialize)]
        struct Invalid {
            field: String,
            detail: String,
        }

        impl<'de> Visitor<'de> for Refusal {
            type Value = EdgeRefusal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a refusal")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, from: A) -> Result<EdgeRefusal, A::Error> {
                let (name, content) = from.variant::<String>()?;
                match name.as_str() {
                    "not_found" => Ok(EdgeRefusal::NotFound),
                    "invalid_request" => {
                        let Invalid { field, detail } = content.newtype_variant()?;
                        Ok(EdgeRefusal::InvalidRequest { field, detail })
                    }
                    _ => Ok(EdgeRefusal::Unavailable),
                }
            }
        }

        from.deserialize_enum("EdgeRefusal", &[], Refusal)
    }
}

/// Records as a strong read gave them.
#[derive(Debug)]
pub struct RecordsRead {
    /// The records.
    pub records: Records,
    /// Whether the edge may keep them; else they are good for this request alone.
    pub may_keep: bool,
}

impl EdgeResponse {
    /// The answer to [`EdgeCall::ReadRecords`]; `None` where the registry could not
    /// serve. Where there is no such organization there is no such key.
    #[must_use]
    pub fn into_records(self) -> Option<RecordsRead> {
        match self.reply? {
            Ok(EdgeReply::Records(records)) => Some(RecordsRead {
                records: *records,
                may_keep: self.may_keep,
            }),
            Err(EdgeRefusal::NotFound) => Some(RecordsRead {
                records: Records {
                    key: None,
                    organization: None,
                },
                may_keep: false,
            }),
            _ => None,
        }
    }

    /// The answer to [`EdgeCall::ListUsage`].
    ///
    /// # Errors
    /// The registry's refusal; [`EdgeRefusal::Unavailable`] where it could not serve.
    pub fn into_usage(self) -> Result<Page<UsageRow>, EdgeRefusal> {
        match self.reply {
            Some(Ok(EdgeReply::Usage(page))) => Ok(page),
            Some(Err(refusal)) => Err(refusal),
            _ => Err(EdgeRefusal::Unavailable),
        }
    }

    /// The answer to [`EdgeCall::Revoke`]: whether every edge refuses the key. A key
    /// that is not there needs no revocation.
    ///
    /// # Errors
    /// [`EdgeRefusal::Unavailable`] where the registry could not serve.
    pub fn is_revoked(&self) -> Result<bool, EdgeRefusal> {
        match &self.reply {
            Some(Ok(EdgeReply::Changed(changed))) => Ok(changed.is_enforced()),
            Some(Err(EdgeRefusal::NotFound)) => Ok(true),
            _ => Err(EdgeRefusal::Unavailable),
        }
    }

    /// Whether a change was made, now or before, by which every edge decides.
    #[must_use]
    pub const fn is_enforced(&self) -> bool {
        matches!(&self.reply, Some(Ok(EdgeReply::Changed(changed))) if changed.is_enforced())
    }

    /// Whether the registry has taken a count or a note, so that it need not be sent
    /// again: also where it refused it.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        self.reply.is_some()
    }
}
