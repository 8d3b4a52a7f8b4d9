//! What each order makes of the organization. Pure, as `transition` is for keys.

use super::audit::AuditSubject;
use super::change::{Change, difference};
use super::message::{
    ApiAccess, LeakPolicy, Name, Patch, PatchOrganization, PutOrganization, Refusal, RevokeAll,
};
use super::store::Organization;
use super::transition::Step;
use super::transition_context::TransitionContext;
use crate::key::{OrganizationId, Revision};
use crate::time::Timestamp;

/// An organization that begins now. Where its registry had a revision before
/// (an organization of this id was deleted and has gone), edges may still hold
/// records of that one: its keys stay revoked, and the change log must hear of
/// this.
pub(super) fn create(
    id: &OrganizationId,
    order: &PutOrganization,
    revision: Revision,
    now: Timestamp,
) -> Change {
    let lifetime = match order.max_key_lifetime_days {
        Patch::Set(days) => Some(days),
        Patch::Keep | Patch::Clear => None,
    };
    let limits = match &order.limits {
        Patch::Set(limits) => limits.replacing(&[], revision),
        Patch::Keep | Patch::Clear => Vec::new(),
    };
    let again = revision > 1;
    let organization = Organization {
        id: id.clone(),
        name: order.name.clone(),
        api_access: order.api_access == Some(ApiAccess::Enabled),
        keys_revoked_through: revision - 1,
        max_key_lifetime_days: lifetime,
        leak_policy: order.leak_policy.clone().unwrap_or_default(),
        limits,
        updated_at: Some(now),
        created_at: now,
        deleted_at: None,
        effective_at: (!again).then_some(now),
        revision,
        pending: false,
    };
    made(organization, revision, again)
}

/// `_platform`, for the first admin key.
pub(super) fn create_platform(name: Name, revision: Revision, now: Timestamp) -> Organization {
    Organization {
        id: OrganizationId::platform(),
        name,
        api_access: true,
        keys_revoked_through: 0,
        max_key_lifetime_days: None,
        leak_policy: LeakPolicy::Revoke,
        limits: Vec::new(),
        updated_at: Some(now),
        created_at: now,
        deleted_at: None,
        effective_at: Some(now),
        revision,
        pending: false,
    }
}

fn made(organization: Organization, revision: Revision, decides: bool) -> Change {
    let about = AuditSubject::organization(&organization.id);
    Change {
        after: Some(organization.audit_snapshot()),
        organization: Some((organization, true)),
        ..Change::blank("organization.create", about, revision, decides)
    }
}

/// Changes what a merge patch names.
pub(super) fn change(context: &TransitionContext<'_>, order: &PatchOrganization) -> Step {
    let before = context.organization;
    let mut after = before.clone();
    if let Some(name) = &order.name {
        after.name = name.clone();
    }
    if let Some(access) = order.api_access {
        after.api_access = access == ApiAccess::Enabled;
    }
    if let Some(policy) = &order.leak_policy {
        after.leak_policy = policy.clone();
    }
    match order.max_key_lifetime_days {
        Patch::Keep => {}
        Patch::Clear => after.max_key_lifetime_days = None,
        Patch::Set(days) => after.max_key_lifetime_days = Some(days),
    }
    match &order.limits {
        Patch::Keep => {}
        Patch::Clear => after.limits = Vec::new(),
        Patch::Set(limits) => {
            context.check_limits(limits)?;
            after.limits = limits.replacing(&before.limits, context.revision);
        }
    }
    let (_, changed) = difference(&before.audit_snapshot(), &after.audit_snapshot());
    if changed.is_empty() {
        return Ok(None);
    }
    let decides = before.api_access != after.api_access || before.limits != after.limits;
    Ok(Some(Change::of_organization(
        "organization.change",
        before,
        after,
        context.revision,
        decides,
    )))
}

/// Revokes every key there is. Nothing to do where the last such revocation took
/// them all: `newest` is the revision at which the newest key was issued.
pub(super) fn revoke_all(
    context: &TransitionContext<'_>,
    order: &RevokeAll,
    newest: Revision,
) -> Step {
    let before = context.organization;
    if newest <= before.keys_revoked_through {
        return Ok(None);
    }
    let mut after = before.clone();
    after.keys_revoked_through = context.revision;
    let mut change = Change::of_organization(
        "organization.revoke_all",
        before,
        after,
        context.revision,
        true,
    )
    .with_detail("reason", order.reason.as_str().into());
    if let Some(note) = &order.note {
        change = change.with_detail("note", note.as_str().into());
    }
    change.bulk_revocation = Some(order.reason);
    Ok(Some(change))
}

/// That an id may be given to an organization of clients.
pub(super) fn check_id(id: &OrganizationId) -> Result<(), Refusal> {
    if id.is_platform() {
        return Err(Refusal::field(
            "organization",
            "This id is reserved: it holds the admin keys.",
        ));
    }
    Ok(())
}
