//! What the edge Worker and a registry object say to each other.
//!
//! During a deployment the two may be of different versions for minutes. The
//! envelopes ([`Request`], [`Outcome`]) therefore carry a version and skip fields
//! they do not know. The bodies of the admin routes ([`IssueKey`] and its like)
//! refuse them, in both places: an older object that skipped a new `allowed_ips`
//! would make a key that opens more than was asked for.

mod body;
mod command;
mod field;
mod outcome;
mod refusal;
mod view;

use serde::{Deserialize, Serialize};

pub use body::{
    DisableKeys, Import, IssueKey, PatchKey, PatchOrganization, PutOrganization, RevokeAll,
    RevokeKey, RevokeKeys, RotateKey, WaitOnly,
};
pub use command::{Command, FailedAuthentication, ListAudit, ListKeys, MetadataFilter};
pub use field::{
    AllowedIps, ApiAccess, GrantedScopes, Instant, KeyIds, KeyLifetimeDays, LeakPolicy, LeakSource,
    LimitPolicy, LimitUnits, Limits, Metadata, Name, Note, Nothing, OverlapSeconds, Patch, Period,
    ResetDay, RevocationReason, SessionToken, Wait, WindowSeconds,
};
pub use outcome::{
    AuditPage, Awaited, Changed, Impact, Issued, KeyResult, Object, OutboxDepth, Outcome,
    Preflight, RegistryResponse, Reply, Secret, Session, Status, Successor, WindowUse,
};
pub use refusal::Refusal;
pub use view::{
    AuditCheckpoint, AuditHead, ExportedKey, KeyCounts, KeyView, OrganizationView, Restriction,
    RestrictionReason, Who,
};

// The data plane's part of the messages, which may not name this module.
pub use crate::edge_call::{
    ListUsage, MESSAGE_VERSION, PreflightCount, Records, RequiredRevisions, Span, UsageCount,
    UsageRow,
};
pub use crate::page::{Limit, Page};

use crate::key::{KeyId, OrganizationId, Revision, Scopes};

/// One question or order to a registry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// [`MESSAGE_VERSION`].
    pub v: u8,
    /// The organization meant; `None` where only a key, and so only its tag, is
    /// known. A registry that holds another id refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Who asks, as the edge proved it.
    pub actor: Actor,
    /// The HTTP request it belongs to; stands in the audit.
    pub request_id: String,
    /// `If-Match`: the revision that the object of the route must still have; 0,
    /// which none has, where it must not be there (`If-None-Match: *`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<Revision>,
    /// `If-Match: *`: the object must be there. All but an organization that is
    /// put must be anyway.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_exist: bool,
    /// `Idempotency-Key` of an issue or a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// What to do.
    pub command: Command,
}

impl Request {
    /// Whether it is an edge's errand for a client: refused first where a
    /// registry has too much to do, so that administrators still get through. A
    /// read of records is one, except where the edge reads them to let an
    /// administrator in whose secret is proven: only the edge can tell.
    #[must_use]
    pub const fn is_sheddable(&self) -> bool {
        match self.command {
            Command::Records { .. }
            | Command::CountUsage { .. }
            | Command::MarkExposed { .. }
            | Command::ReportBehind { .. }
            | Command::NotePreflights { .. }
            | Command::NotePreflight { .. }
            | Command::NoteFailures { .. }
            | Command::NoteFailedAuthentication { .. } => true,
            // A client's view of its own use; else an administrator's.
            Command::ListUsage(_) => matches!(self.actor, Actor::Holder { .. }),
            _ => false,
        }
    }
}

/// Who acts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// An admin key, presented.
    Key(Admin),
    /// An admin key, through a dashboard session.
    Session(Admin),
    /// Whoever showed the key it is about.
    Holder {
        /// That key.
        id: KeyId,
    },
    /// The holder of the bootstrap token.
    Bootstrap,
    /// The system itself: the edge's counts and reports.
    System,
}

/// An admin key as the edge proved it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Admin {
    /// Its key id.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The one organization it reaches, or all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_organization: Option<OrganizationId>,
}

/// A caller's word that two requests are the same one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Idempotency {
    /// The header's value; counts per actor.
    pub key: String,
    /// A digest over method, path and body.
    pub body_digest: String,
}
