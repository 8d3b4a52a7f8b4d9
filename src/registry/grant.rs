//! That nobody grants what they lack.

use super::message::{Actor, Refusal};
use super::store::Key;
use super::transition_context::TransitionContext;
use crate::key::Scopes;

/// Whether the actor may put this admin key, with these of its scopes, into
/// somebody's hands: nobody hands on a scope, an organization, a network or a day
/// that their own key does not have. For keys of other organizations there is
/// nothing to lack.
///
/// # Errors
/// `insufficient_scope` with the first scope that the actor lacks; `not_found`
/// where the reach is beyond the actor's; `invalid_request` for `expires_at` or
/// `allowed_ips` where the key outlives the actor's or works from elsewhere.
pub(super) fn permit_grant(
    context: &TransitionContext<'_>,
    key: &Key,
    scopes: &Scopes,
) -> Result<(), Refusal> {
    let (Actor::Key(admin) | Actor::Session(admin)) = context.actor else {
        return Ok(());
    };
    if !context.organization.id.is_platform() {
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
    let own = context.acting.as_ref().ok_or(Refusal::NotFound)?;
    if let Some(latest) = own.end()
        && key.end().is_none_or(|end| end > latest)
    {
        let detail = format!(
            "`expires_at` must not be later than the end of your own key: {}.",
            latest.to_rfc3339()
        );
        return Err(Refusal::field("expires_at", detail));
    }
    if !own.allowed_ips.cover(&key.allowed_ips) {
        let detail = "`allowed_ips` must be within the networks of your own key.";
        return Err(Refusal::field("allowed_ips", detail));
    }
    Ok(())
}
