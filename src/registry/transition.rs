//! What each order makes of a key. Pure: the state and the order in, a change or
//! a refusal out; `None` where there is nothing to change.

use serde_json::json;

use super::audit::AuditSubject;
use super::change::{Change, difference};
use super::grant::permit_grant;
use super::message::{
    AllowedIps, IssueKey, Limits, Patch, PatchKey, Refusal, RevokeKey, RotateKey,
};
use super::store::{Key, Revocation};
use super::transition_context::{KeyTemplate, Minted, TransitionContext};
use crate::key::{Environment, KeyState, Scopes};
use crate::time::Timestamp;

pub(super) type Step = Result<Option<Change>, Refusal>;

/// Makes a key.
pub(super) fn issue(
    context: &TransitionContext<'_>,
    order: &IssueKey,
    minted: Minted,
) -> Result<Change, Refusal> {
    if !context.organization.api_access {
        return Err(Refusal::IssuingDisabled);
    }
    let platform = context.organization.id.is_platform();
    if platform == order.environment.is_for_clients() {
        return Err(Refusal::field(
            "environment",
            "`environment` must be `admin` in `_platform`, and `live` or `test` elsewhere.",
        ));
    }
    let bound = order.bound_organization.as_ref();
    if bound.is_some_and(|bound| !platform || bound.is_platform()) {
        return Err(Refusal::field(
            "bound_organization",
            "Only an admin key can be bound to an organization, and not to `_platform`.",
        ));
    }
    let scopes = order.scopes.scopes();
    context.check_scopes(scopes)?;
    let expires_at = order.expires_at.map(|at| at.0);
    context.check_expiry(expires_at, context.now)?;
    context.check_limits(&order.limits)?;
    let key = context.begin(
        minted,
        KeyTemplate {
            environment: order.environment,
            name: &order.name,
            scopes,
            allowed_ips: &order.allowed_ips,
            metadata: &order.metadata,
            bound_organization: bound,
            expires_at,
            limits: order.limits.replacing(&[], context.revision),
        },
    );
    permit_grant(context, &key, scopes)?;
    Ok(made("key.issue", context, key))
}

/// The first admin key: every scope, everywhere, for ever.
pub(super) fn bootstrap(
    context: &TransitionContext<'_>,
    name: super::message::Name,
    scopes: &Scopes,
    minted: Minted,
) -> Change {
    let key = context.begin(
        minted,
        KeyTemplate {
            environment: Environment::Admin,
            name: &name,
            scopes,
            allowed_ips: &AllowedIps::default(),
            metadata: &super::message::Metadata::default(),
            bound_organization: None,
            expires_at: None,
            limits: Vec::new(),
        },
    );
    made("platform.bootstrap", context, key)
}

fn made(action: &'static str, context: &TransitionContext<'_>, key: Key) -> Change {
    let about = AuditSubject::key(&key, context.brand);
    Change {
        after: Some(key.audit_snapshot()),
        issued: Some(key),
        ..Change::blank(action, about, context.revision, false)
    }
}

/// Changes what a merge patch names.
pub(super) fn patch(context: &TransitionContext<'_>, key: &Key, order: &PatchKey) -> Step {
    if key.revoked().is_some() {
        return Err(Refusal::AlreadyRevoked);
    }
    let mut after = key.clone();
    if let Some(name) = &order.name {
        after.name = name.clone();
    }
    if let Some(scopes) = &order.scopes {
        after.scopes = scopes.scopes().clone();
    }
    match order.expires_at {
        Patch::Keep => {}
        Patch::Clear => after.expires_at = None,
        Patch::Set(at) => after.expires_at = Some(at.0),
    }
    match &order.allowed_ips {
        Patch::Keep => {}
        Patch::Clear => after.allowed_ips = AllowedIps::default(),
        Patch::Set(networks) => after.allowed_ips = networks.clone(),
    }
    match &order.metadata {
        Patch::Keep => {}
        Patch::Clear => after.metadata = super::message::Metadata::default(),
        Patch::Set(metadata) => after.metadata = metadata.clone(),
    }
    match &order.limits {
        Patch::Keep => {}
        Patch::Clear => after.limits = Vec::new(),
        Patch::Set(limits) => {
            context.check_limits(limits)?;
            after.limits = limits.replacing(&key.limits, context.revision);
        }
    }
    if matches!(order.restriction, Patch::Clear) {
        after.restriction = None;
    }
    let (_, changed) = difference(&key.audit_snapshot(), &after.audit_snapshot());
    if changed.is_empty() {
        return Ok(None);
    }
    let new_scopes = after.scopes != key.scopes;
    let reaches_otherwise = after.expires_at != key.expires_at
        || after.allowed_ips != key.allowed_ips
        || after.restriction != key.restriction;
    // What it had stays, also where no route asks for it any more.
    let added = after.scopes.without(&key.scopes);
    context.check_scopes(&added)?;
    if after.expires_at != key.expires_at {
        context.check_expiry(after.expires_at, key.created_at)?;
    }
    let granted = if reaches_otherwise {
        Some(after.scopes.clone())
    } else if !added.is_empty() {
        Some(added)
    } else {
        None
    };
    if let Some(granted) = granted {
        permit_grant(context, &after, &granted)?;
    }
    let decides = new_scopes || reaches_otherwise || after.limits != key.limits;
    Ok(Some(context.of_key("key.change", key, after, decides)))
}

/// Makes a successor that has everything but the secret; the key itself works on
/// until the overlap ends.
pub(super) fn rotate(
    context: &TransitionContext<'_>,
    key: &Key,
    order: &RotateKey,
    minted: Minted,
) -> Result<Change, Refusal> {
    if key.state(context.organization, context.now) != KeyState::Active || key.replaced_by.is_some()
    {
        return Err(Refusal::NotRotatable);
    }
    if !context.organization.api_access {
        return Err(Refusal::IssuingDisabled);
    }
    let latest = context.latest_expiry(context.now);
    let expires_at = match (key.expires_at, latest) {
        (Some(at), Some(latest)) => Some(at.min(latest)),
        (at, latest) => at.or(latest),
    };
    let mut successor = context.begin(
        minted,
        KeyTemplate {
            environment: key.environment,
            name: &key.name,
            scopes: &key.scopes,
            allowed_ips: &key.allowed_ips,
            metadata: &key.metadata,
            bound_organization: key.bound_organization.as_ref(),
            expires_at,
            limits: Limits::handed_on(&key.limits, key.id),
        },
    );
    // The successor's secret goes to the actor.
    permit_grant(context, &successor, &successor.scopes)?;
    successor.replaces = Some(key.id);
    let mut after = key.clone();
    after.replaced_by = Some(successor.id);
    after.replaced_at = Some(context.now);
    let overlap = order.overlap_seconds.get() * 1000;
    after.retires_at = Some(
        context
            .now
            .plus(life_of_the_replaced(overlap, context.settings.wait.0)),
    );
    let mut change = context.of_key("key.rotate", key, after, true).with_detail(
        "successor",
        json!({"id": successor.key_id(context.brand), "expires_at": expires_at.map(Timestamp::to_rfc3339)}),
    );
    change.issued = Some(successor);
    Ok(change)
}

/// How long the old key still works, in milliseconds. The change that ends it is to
/// be everywhere before, so that nobody has to wait for that: a short overlap is
/// counted from the end of that wait on, as far as one more wait. None at all ends
/// the key now, and is waited for.
fn life_of_the_replaced(overlap: u64, wait: u64) -> u64 {
    match overlap {
        0 => 0,
        _ => overlap.max(wait + overlap.min(wait)),
    }
}

/// Revokes a key for ever; a repeat changes nothing, the first reason stays.
pub(super) fn revoke(
    context: &TransitionContext<'_>,
    key: &Key,
    order: &RevokeKey,
) -> Option<Change> {
    if key.revoked().is_some() {
        return None;
    }
    let mut after = key.clone();
    after.revocation = Some(Revocation {
        at: context.now,
        reason: order.reason,
    });
    let change = context.of_key("key.revoke", key, after, true);
    Some(match &order.note {
        Some(note) => change.with_detail("note", note.as_str().into()),
        None => change,
    })
}

/// Pauses a key, or ends its pause.
pub(super) fn set_disabled(context: &TransitionContext<'_>, key: &Key, disabled: bool) -> Step {
    if key.revoked().is_some() {
        return Err(Refusal::AlreadyRevoked);
    }
    if key.disabled == disabled {
        return Ok(None);
    }
    if !disabled {
        permit_grant(context, key, &key.scopes)?;
    }
    let mut after = key.clone();
    after.disabled = disabled;
    let action = if disabled {
        "key.disable"
    } else {
        "key.enable"
    };
    Ok(Some(context.of_key(action, key, after, true)))
}
