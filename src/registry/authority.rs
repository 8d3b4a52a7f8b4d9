//! Who may do what: scopes, reach, and that nobody grants what they lack.

use super::change::Change;
use super::handle::{Registry, Stop};
use super::message::{Actor, Admin, Command, Refusal};
use super::sql as texts;
use super::store::{Key, Organization, first};
use super::transition::Scene;
use crate::key::{OrganizationId, Revision, Scope, Scopes};
use crate::sql::SqlError;

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
        Command::PutOrganization(_) | Command::DeleteOrganization(_) => {
            Needs::Permission(Permission::WriteOrganizations)
        }
        Command::GetKey { .. } | Command::ListKeys(_) => Needs::Permission(Permission::ReadKeys),
        Command::Export { .. }
        | Command::Import(_)
        | Command::IssueKey(_)
        | Command::PatchKey { .. }
        | Command::RotateKey { .. }
        | Command::RevokeKey { .. }
        | Command::DisableKey { .. }
        | Command::EnableKey { .. }
        | Command::RevokeAll(_) => Needs::Permission(Permission::WriteKeys),
        Command::ListAudit(_) | Command::AuditHead {} => Needs::Permission(Permission::ReadAudit),
        Command::ListUsage(_) | Command::Impact { .. } => Needs::Permission(Permission::ReadUsage),
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

/// Whether the actor may put this admin key, with these of its scopes, into
/// somebody's hands: nobody hands on a scope, an organization, a network or a day
/// that their own key does not have. For keys of other organizations there is
/// nothing to lack.
///
/// # Errors
/// `insufficient_scope` with the first scope that the actor lacks; `not_found`
/// where the reach is beyond the actor's; `invalid_request` for `expires_at` or
/// `allowed_ips` where the key outlives the actor's or works from elsewhere.
pub(super) fn permit_grant(scene: &Scene<'_>, key: &Key, scopes: &Scopes) -> Result<(), Refusal> {
    let (Actor::Key(admin) | Actor::Session(admin)) = scene.actor else {
        return Ok(());
    };
    if !scene.organization.id.is_platform() {
        return Ok(());
    }
    if let Some(scope) = scopes.without(&admin.scopes).iter().next() {
        return Err(Refusal::InsufficientScope {
            scope: scope.clone(),
        });
    }
    if admin.bound_organization.is_some() && admin.bound_organization != key.bound_organization {
        return Err(Refusal::NotFound);
    }
    let own = scene.acting.as_ref().ok_or(Refusal::NotFound)?;
    if let Some(latest) = own.end()
        && key.end().is_none_or(|end| end > latest)
    {
        let detail = format!(
            "a key that you hand on ends when your own does at the latest: {}",
            latest.to_rfc3339()
        );
        return Err(Refusal::field("expires_at", detail));
    }
    if !own.allowed_ips.cover(&key.allowed_ips) {
        let detail = "a key that you hand on works from networks of your own key alone";
        return Err(Refusal::field("allowed_ips", detail));
    }
    Ok(())
}

/// Whether this key by itself keeps the last-admin rule: an unexpiring, enabled,
/// unbound admin key with `admins:write` that works from every address. The same
/// rule stands in SQL as the index `keys_stewards`.
fn is_steward(key: &Key, keys_revoked_through: u64) -> bool {
    key.environment == crate::key::Environment::Admin
        && key.issued > keys_revoked_through
        && key.revocation.is_none()
        && !key.disabled
        && key.expires_at.is_none()
        && key.retires_at.is_none()
        && key.bound_organization.is_none()
        && key.allowed_ips.is_empty()
        && key.scopes.contains(ADMINS_WRITE)
}

/// Whether the last-admin rule spares this actor: a key's holder and a report of
/// a leak must always be able to end a key. A new bootstrap token is the way
/// back.
const fn is_spared_last_admin(actor: &Actor) -> bool {
    matches!(actor, Actor::Holder { .. } | Actor::System)
}

impl Registry<'_> {
    /// The last-admin rule, on the state that the change would leave.
    pub(super) fn check_last_admin(
        &self,
        held: &Organization,
        before: Option<&Key>,
        change: Option<&Change>,
    ) -> Result<(), Stop> {
        let Some(change) = change else { return Ok(()) };
        if !held.id.is_platform() || is_spared_last_admin(&self.request.actor) {
            return Ok(());
        }
        let through = held.keys_revoked_through;
        let after = change
            .organization
            .as_ref()
            .map_or(through, |(organization, _)| {
                organization.keys_revoked_through
            });
        let taken = before.is_some_and(|key| is_steward(key, through));
        let left = [&change.key, &change.issued]
            .into_iter()
            .flatten()
            .any(|key| is_steward(key, after));
        let other = |through: Revision| -> Result<bool, SqlError> {
            let besides = before.map_or(0, |key| key.issued);
            let found = first(
                self.sql,
                texts::OTHER_STEWARD,
                &[besides.into(), through.into()],
            )?;
            Ok(found.is_some())
        };
        // Where there was none before, nothing is taken.
        if left || other(after)? || !(taken || other(through)?) {
            Ok(())
        } else {
            Err(Refusal::LastAdmin.into())
        }
    }
}
