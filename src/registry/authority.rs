//! Who may do what: scopes and reach.

use super::message::{Actor, Admin, Command, Refusal};
use crate::key::{OrganizationId, Scope, Scopes};

/// The scopes of admin keys.
pub const ADMIN_SCOPES: [&str; 9] = [
    "admins:write",
    "audit:read",
    "introspect",
    "keys:read",
    "keys:write",
    "organizations:read",
    "organizations:write",
    "status:read",
    "usage:read",
];

/// The one scope that reaches `_platform`, and so the admin keys.
pub const ADMINS_WRITE: &str = "admins:write";

/// All of them, for the first admin key.
pub(super) fn all_scopes() -> Option<Scopes> {
    Scopes::new(
        ADMIN_SCOPES
            .iter()
            .filter_map(|name| Scope::parse(name))
            .collect(),
    )
}

/// What an administrator may be allowed to do with an organization. The one table
/// of the scopes that allow it: the edge asks it by a request's path, the registry
/// by the command, the API's description by the route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permission {
    /// See an organization.
    ReadOrganizations,
    /// Create, change and delete it.
    WriteOrganizations,
    /// See its keys.
    ReadKeys,
    /// Issue, change and revoke keys. Export and import too: the lines carry
    /// digests, and an import makes keys.
    WriteKeys,
    /// See its audit.
    ReadAudit,
    /// See its usage.
    ReadUsage,
    /// See how the installation stands.
    ReadStatus,
}

impl Permission {
    /// The scope that allows it in an organization of clients, or in
    /// `_platform`, which nothing but [`ADMINS_WRITE`] reaches.
    #[must_use]
    pub const fn scope(self, in_platform: bool) -> &'static str {
        match self {
            Self::ReadStatus => "status:read",
            _ if in_platform => ADMINS_WRITE,
            Self::ReadOrganizations => "organizations:read",
            Self::WriteOrganizations => "organizations:write",
            Self::ReadKeys => "keys:read",
            Self::WriteKeys => "keys:write",
            Self::ReadAudit => "audit:read",
            Self::ReadUsage => "usage:read",
        }
    }
}

/// What an admin needs for a command.
#[derive(Clone, Copy)]
enum Needs {
    /// This permission.
    Permission(Permission),
    /// No scope: any admin key.
    Nothing,
    /// Not for admins.
    NotForAdmins,
}

const fn needs(command: &Command) -> Needs {
    match command {
        Command::GetOrganization {} => Needs::Permission(Permission::ReadOrganizations),
        Command::PutOrganization(_)
        | Command::PatchOrganization(_)
        | Command::DeleteOrganization(_)
        | Command::UndeleteOrganization(_) => Needs::Permission(Permission::WriteOrganizations),
        Command::GetKey { .. } | Command::ListKeys(_) => Needs::Permission(Permission::ReadKeys),
        Command::Export { .. }
        | Command::Import(_)
        | Command::IssueKey(_)
        | Command::PatchKey { .. }
        | Command::RotateKey { .. }
        | Command::RevokeKey { .. }
        | Command::DisableKey { .. }
        | Command::EnableKey { .. }
        | Command::DisableKeys(_)
        | Command::RevokeKeys(_)
        | Command::RevokeAll(_) => Needs::Permission(Permission::WriteKeys),
        Command::ListAudit(_) | Command::AuditHead {} => Needs::Permission(Permission::ReadAudit),
        Command::ListUsage(_) | Command::Impact { .. } | Command::GetLimits { .. } => {
            Needs::Permission(Permission::ReadUsage)
        }
        Command::Status { .. } => Needs::Permission(Permission::ReadStatus),
        Command::OpenSession {} => Needs::Nothing,
        Command::Records { .. }
        | Command::MarkExposed { .. }
        | Command::ReportLeak { .. }
        | Command::RevokeSelf { .. }
        | Command::CountUsage { .. }
        | Command::ReportBehind { .. }
        | Command::NotePreflights { .. }
        | Command::NotePreflight { .. }
        | Command::Bootstrap { .. }
        | Command::ReadSession { .. }
        | Command::CloseSession { .. }
        | Command::NoteFailures { .. }
        | Command::NoteFailedAuthentication { .. }
        | Command::NoteDeletion { .. } => Needs::NotForAdmins,
    }
}

/// Whether `actor` may give `command` to the registry of `organization`. The
/// registry asks this itself; the edge may ask before it reads a body.
///
/// # Errors
/// `not_found` where the organization is out of the actor's reach or the
/// command is not for such an actor, `insufficient_scope` where a scope lacks.
pub fn permit(
    actor: &Actor,
    organization: &OrganizationId,
    command: &Command,
) -> Result<(), Refusal> {
    let fits = match (actor, needs(command)) {
        (Actor::Key(admin) | Actor::Session(admin), needs) => {
            return permit_admin(admin, organization, needs);
        }
        (Actor::Holder { .. }, _) => matches!(
            command,
            Command::RevokeSelf { .. } | Command::ListUsage(_) | Command::MarkExposed { .. }
        ),
        (Actor::Bootstrap, _) => matches!(command, Command::Bootstrap { .. }),
        (Actor::System, Needs::NotForAdmins) => !matches!(
            command,
            Command::Bootstrap { .. } | Command::RevokeSelf { .. }
        ),
        // The edge's own status page.
        (Actor::System, _) => {
            matches!(command, Command::Status { .. } | Command::AuditHead {})
        }
    };
    if fits { Ok(()) } else { Err(Refusal::NotFound) }
}

fn permit_admin(admin: &Admin, organization: &OrganizationId, needs: Needs) -> Result<(), Refusal> {
    let within_reach = admin
        .bound_organization
        .as_ref()
        .is_none_or(|bound| bound == organization);
    match needs {
        Needs::Nothing => Ok(()),
        Needs::NotForAdmins => Err(Refusal::NotFound),
        Needs::Permission(_) if !within_reach => Err(Refusal::NotFound),
        Needs::Permission(permission) => {
            let needed = permission.scope(organization.is_platform());
            if admin.scopes.contains(needed) {
                Ok(())
            } else {
                Err(lacks(needed))
            }
        }
    }
}

fn lacks(scope: &str) -> Refusal {
    Scope::parse(scope).map_or(Refusal::NotFound, |scope| Refusal::InsufficientScope {
        scope,
    })
}
