//! The last-admin rule: `_platform` always keeps a key that can make others.

use super::authority::ADMINS_WRITE;
use super::change::Change;
use super::context::{CommandError, RequestContext};
use super::message::{Actor, Refusal};
use super::sql as statements;
use super::store::{Key, Organization, first};
use crate::key::{Environment, Revision};
use crate::sql::SqlError;

/// Whether this key by itself keeps the last-admin rule: an unexpiring, enabled,
/// unbound admin key with `admins:write` that works from every address. The same
/// rule stands in SQL as the index `keys_stewards`.
fn is_steward(key: &Key, keys_revoked_through: u64) -> bool {
    key.environment == Environment::Admin
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

impl RequestContext<'_> {
    /// The last-admin rule, on the state that the change would leave.
    pub(super) fn check_last_admin(
        &self,
        held: &Organization,
        before: Option<&Key>,
        change: Option<&Change>,
    ) -> Result<(), CommandError> {
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
                statements::OTHER_STEWARD,
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
