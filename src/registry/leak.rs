//! A key that was found where it does not belong: what the organization's policy
//! says is done to it, and it is on record either way.

use super::change::Change;
use super::context::{CommandError, RequestContext};
use super::message::{
    LeakPolicy, LeakSource, Outcome, Refusal, Restriction, RestrictionReason, RevocationReason,
};
use super::notes::{LEAKS, cleaned};
use super::sql as statements;
use super::store::{Key, Organization, Revocation};
use super::transition_context::TransitionContext;
use crate::key::PublicKeyId;

/// A report that changes nothing is taken no sooner than this after the last one of
/// its key, in milliseconds: a minute.
const NOTE_AFTER: u64 = 60_000;

impl RequestContext<'_> {
    /// Does to a key what its organization's policy says; `_platform`'s is to
    /// revoke, whatever is left.
    pub(super) fn report_leak(
        &self,
        held: &Organization,
        id: &PublicKeyId,
        source: LeakSource,
        url: &str,
    ) -> Result<Outcome, CommandError> {
        let key = Key::load(self.sql, id)?.ok_or(Refusal::NotFound)?;
        let policy = &held.leak_policy;
        let url = cleaned(url);
        let change = leaked(&self.transition_context(held)?, &key, policy);
        let Some(change) = change else {
            return self.note_leak(held, &key, source, &url);
        };
        let mut change = change
            .with_detail("policy", policy.as_str().into())
            .with_detail("source", source.as_str().into())
            .with_detail("url", url.as_str().into());
        if let Some(after) = &mut change.key {
            after.leaked = Some((self.now, url));
        }
        self.change_key(held, &key, |_| Ok(Some(change)))
    }

    fn note_leak(
        &self,
        held: &Organization,
        key: &Key,
        source: LeakSource,
        url: &str,
    ) -> Result<Outcome, CommandError> {
        let noted = key.leaked.as_ref().map(|(at, _)| *at);
        if noted.is_some_and(|at| self.now.since(at) < NOTE_AFTER) {
            return Ok(Outcome::Done {});
        }
        self.sql.transaction(&mut || {
            let row = [key.issued.into(), self.now.0.into(), url.into()];
            self.sql.query(statements::MARK_LEAKED, &row)?;
            if !self.has_room(&LEAKS, held, noted.is_none())? {
                return Ok(());
            }
            let after = [
                ("policy", held.leak_policy.as_str().into()),
                ("source", source.as_str().into()),
                ("url", url.into()),
            ];
            self.record_of_key("key.leaked", key, held, &after)
        })?;
        Ok(Outcome::Done {})
    }
}

/// What the policy makes of a key; `None` where there is nothing to change: it
/// says `report`, or the key is revoked or held to no more already.
fn leaked(context: &TransitionContext<'_>, key: &Key, policy: &LeakPolicy) -> Option<Change> {
    if key.revoked().is_some() {
        return None;
    }
    let mut after = key.clone();
    match policy {
        LeakPolicy::Report => return None,
        LeakPolicy::Revoke => {
            after.revocation = Some(Revocation {
                at: context.now,
                reason: RevocationReason::KeyCompromise,
            });
        }
        LeakPolicy::Quarantine { scopes } => {
            let held_to = key.restriction.as_ref().map(|held| &held.scopes);
            if held_to.is_some_and(|held| scopes.cover(held)) {
                return None;
            }
            after.restriction = Some(Restriction {
                reason: RestrictionReason::Leak,
                since: context.now,
                scopes: held_to.map_or_else(|| scopes.clone(), |held| held.within(scopes)),
            });
        }
    }
    Some(Change::of_key(
        "key.leaked",
        context.brand,
        key,
        after,
        context.revision,
        true,
    ))
}
