//! The commands: questions first, then orders.

use serde::{Deserialize, Serialize};

use super::body::{
    DisableKeys, Import, IssueKey, PatchKey, PatchOrganization, PutOrganization, RevokeAll,
    RevokeKey, RevokeKeys, RotateKey, WaitOnly,
};
use super::field::{LeakSource, SessionToken};
use crate::edge_call::{ListUsage, PreflightCount, RequiredRevisions, UsageCount};
use crate::key::{Environment, KeyId, KeyState, OrganizationId, PublicKeyId, Revision, Subject};
use crate::page::Limit;

/// What a registry can be asked or told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The strong read of the edge: two look-ups by primary key, no write.
    /// [`Outcome::Records`](super::Outcome::Records).
    Records {
        /// The key presented.
        key: PublicKeyId,
        /// What the edge knows to be required of them; an edge of an older
        /// version does not say.
        #[serde(default)]
        required: RequiredRevisions,
    },
    /// [`Outcome::Organization`](super::Outcome::Organization).
    GetOrganization {},
    /// [`Outcome::Key`](super::Outcome::Key).
    GetKey {
        /// Which.
        id: KeyId,
    },
    /// Newest first; [`Outcome::Keys`](super::Outcome::Keys).
    ListKeys(ListKeys),
    /// Oldest first; [`Outcome::Audit`](super::Outcome::Audit).
    ListAudit(ListAudit),
    /// [`Outcome::AuditHead`](super::Outcome::AuditHead).
    AuditHead {},
    /// [`Outcome::Usage`](super::Outcome::Usage).
    ListUsage(ListUsage),
    /// What a revocation would hit; [`Outcome::Impact`](super::Outcome::Impact).
    Impact {
        /// Which key.
        id: KeyId,
    },
    /// What a key and its organization are held to, or the organization alone;
    /// [`Outcome::Records`](super::Outcome::Records).
    GetLimits {
        /// Which key.
        id: Option<KeyId>,
    },
    /// [`Outcome::Status`](super::Outcome::Status).
    Status {
        /// From how many days without use a key counts as unused.
        unused_for_days: u32,
    },
    /// All keys with their digests, oldest first; only where the operator
    /// allows it. [`Outcome::Export`](super::Outcome::Export).
    Export {
        /// Where the page before ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
        /// Most keys of the page.
        limit: Limit,
    },

    /// Creates or changes the organization. All orders up to `Import` give
    /// [`Outcome::Changed`](super::Outcome::Changed).
    PutOrganization(PutOrganization),
    /// Changes an organization that is there. A registry of an older version cannot
    /// read it, which is answered 503.
    PatchOrganization(PatchOrganization),
    /// Makes a key.
    IssueKey(IssueKey),
    /// Changes a key.
    PatchKey {
        /// Which.
        id: KeyId,
        /// The merge patch.
        patch: PatchKey,
    },
    /// Makes a successor.
    RotateKey {
        /// Of which.
        id: KeyId,
        /// How.
        rotation: RotateKey,
    },
    /// Revokes a key for ever.
    RevokeKey {
        /// Which.
        id: KeyId,
        /// Why.
        revocation: RevokeKey,
    },
    /// Pauses a key.
    DisableKey {
        /// Which.
        id: KeyId,
        /// Whether to wait.
        body: WaitOnly,
    },
    /// Ends a pause.
    EnableKey {
        /// Which.
        id: KeyId,
        /// Whether to wait.
        body: WaitOnly,
    },
    /// Pauses each of these keys. A registry of an older version cannot read it, which
    /// is answered 503.
    DisableKeys(DisableKeys),
    /// Revokes each of these keys for ever. The same of an older version.
    RevokeKeys(RevokeKeys),
    /// Revokes every key there is, as one change.
    RevokeAll(RevokeAll),
    /// Revokes everything, switches access off, and lets the records go once
    /// the audit's retention is over.
    DeleteOrganization(WaitOnly),
    /// Takes a deletion back while the records are kept; what it revoked stays revoked.
    /// The same of an older version.
    UndeleteOrganization(WaitOnly),
    /// Takes keys in that were exported; only where the operator allows it.
    Import(Import),

    /// A browser showed the key. The orders from here to `CountUsage` give
    /// [`Outcome::Done`](super::Outcome::Done), except `ReportLeak` and `RevokeSelf`.
    MarkExposed {
        /// Whose secret was proven.
        key: PublicKeyId,
        /// The page's origin, as sent.
        origin: String,
    },
    /// The key was found where it does not belong: what the organization's
    /// policy says is done to it. `Outcome::Changed` where that is something.
    ReportLeak {
        /// Whose secret was proven.
        key: PublicKeyId,
        /// Who found it.
        source: LeakSource,
        /// Where, as sent.
        url: String,
    },
    /// RFC 7009: whoever shows a key can end it. `Outcome::Changed`.
    RevokeSelf {
        /// Whose secret was proven.
        key: PublicKeyId,
    },
    /// Adds an isolate's counts; a batch that came before is not added again.
    CountUsage {
        /// Names the batch.
        batch: String,
        /// Its counts.
        rows: Vec<UsageCount>,
    },
    /// Workers KV was found to hold an older record: write it again.
    ReportBehind {
        /// Whose.
        subject: Subject,
    },

    /// `_platform`: preflights asked for `authorization`. `Outcome::Done`.
    NotePreflights {
        /// What an edge counted, at most 100 origins.
        preflights: Vec<PreflightCount>,
    },
    /// The same of one origin, by an edge of an older version.
    NotePreflight {
        /// The page's origin, as sent.
        origin: String,
        /// How many.
        count: u64,
    },
    /// `_platform`: makes the first admin key. `Outcome::Changed`.
    Bootstrap {
        /// SHA-256 of the token, in hexadecimal.
        token_digest: String,
    },
    /// `_platform`: opens a dashboard session for the acting key.
    /// [`Outcome::Session`](super::Outcome::Session), with its token.
    OpenSession {},
    /// `_platform`: who is behind a session's token. `Outcome::Session`.
    ReadSession {
        /// From the cookie.
        token: SessionToken,
    },
    /// `_platform`: ends a session. `Outcome::Done`.
    CloseSession {
        /// From the cookie.
        token: SessionToken,
    },
    /// `_platform`: puts failed authentications on record. `Outcome::Done`.
    NoteFailures {
        /// What an edge counted, at most 256.
        failures: Vec<FailedAuthentication>,
        /// Further failures of proven secrets.
        #[serde(default)]
        beyond_proven: u64,
        /// Further failures of others.
        #[serde(default)]
        beyond_unproven: u64,
    },
    /// The same of one, by an edge of an older version.
    NoteFailedAuthentication {
        /// The problem's code.
        problem: String,
        /// The key id, where one of ours was shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyId>,
        /// The route's path pattern.
        route: String,
        /// The client's address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// `_platform`: puts the deletion of an organization on record, once.
    /// `Outcome::Done`.
    NoteDeletion {
        /// Which organization.
        organization: OrganizationId,
        /// Its revision at deletion.
        revision: Revision,
    },
}

/// `GET …/keys`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListKeys {
    /// Only keys that stand so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<KeyState>,
    /// Only keys whose name has this in it, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only keys that were not used, and not issued, for so many days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused_for_days: Option<u32>,
    /// Only keys that are usable and come to an end within so many days, be it their own
    /// or that of their overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_within_days: Option<u32>,
    /// Only keys that a browser sent or that were reported as leaked, or only the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed: Option<bool>,
    /// Only keys for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// Only keys with this among their notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataFilter>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Most items.
    #[serde(default)]
    pub limit: Limit,
}

/// A member of a key's `metadata`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MetadataFilter {
    /// Its name, at the top.
    pub name: String,
    /// Its value as text: a string, a number, `true`, `false` or `null`. Any where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// `GET …/audit`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListAudit {
    /// Only entries after this sequence number.
    #[serde(default)]
    pub after: u64,
    /// Only entries about this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Most entries.
    #[serde(default)]
    pub limit: Limit,
}

/// A failed authentication at the admin routes, as often as it was counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FailedAuthentication {
    /// The problem's code.
    pub problem: String,
    /// The key id, where one of ours was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Method and pattern of the route.
    pub route: String,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// How often.
    pub count: u64,
}

impl FailedAuthentication {
    /// Whether the secret was the right one, going by the problem: a client's key is
    /// refused before anybody asks for it.
    #[must_use]
    pub fn proves_secret(&self) -> bool {
        !matches!(self.problem.as_str(), "invalid_key" | "wrong_environment")
    }
}

impl Command {
    /// Whether the caller wants the answer only once the change is enforced.
    #[must_use]
    pub const fn waits(&self) -> bool {
        match self {
            Self::PutOrganization(body) => body.wait.0,
            Self::PatchOrganization(body) => body.wait.0,
            Self::PatchKey { patch, .. } => patch.wait.0,
            Self::RotateKey { rotation, .. } => rotation.wait.0,
            Self::RevokeKey { revocation, .. } => revocation.wait.0,
            Self::RevokeAll(body) => body.wait.0,
            Self::DisableKey { body, .. }
            | Self::EnableKey { body, .. }
            | Self::DeleteOrganization(body)
            | Self::UndeleteOrganization(body) => body.wait.0,
            Self::DisableKeys(body) => body.wait.0,
            Self::RevokeKeys(body) => body.wait.0,
            Self::Import(body) => body.wait.0,
            Self::RevokeSelf { .. } => true,
            _ => false,
        }
    }

    /// Whether this command may create the registry. For
    /// all others `absent` is the answer, and an
    /// object that was only asked after stays empty.
    #[must_use]
    pub const fn creates(&self) -> bool {
        matches!(
            self,
            Self::PutOrganization(_)
                | Self::Bootstrap { .. }
                | Self::NotePreflights { .. }
                | Self::NotePreflight { .. }
                | Self::NoteFailures { .. }
                | Self::NoteFailedAuthentication { .. }
                | Self::NoteDeletion { .. }
        )
    }
}
