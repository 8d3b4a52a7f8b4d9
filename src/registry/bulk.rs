//! One order to many keys of an organization: each has its own result, and all that
//! changes is one transaction, so that one wait enforces it.
//!
//! What it costs is bounded by [`KeyIds::MAX`] and does not grow with the keys there are:
//! the rows and the audit entry that the same order to one key writes, as many times.

use super::context::{CommandError, CommandResult, RequestContext};
use super::message::{Changed, KeyIds, KeyResult, KeyView, Object, Outcome};
use super::outbox;
use super::store::{Key, Organization};
use super::transition::Step;
use super::transition_context::TransitionContext;
use crate::key::{KeyId, Subject};

impl RequestContext<'_> {
    /// Gives one order to each of these keys, in turn: what one leaves counts for the
    /// next (the last-admin rule).
    pub(super) fn change_keys(
        &self,
        held: &Organization,
        ids: &KeyIds,
        step: impl Fn(&TransitionContext<'_>, &Key) -> Step,
    ) -> CommandResult {
        self.check_if_match(held.revision)?;
        let mut results = Vec::new();
        let mut awaits = Vec::new();
        self.sql.transaction(&mut || {
            for id in ids.iter() {
                let result = match self.change_listed(held, id, &step) {
                    Ok(key) => Ok(Box::new(key)),
                    Err(CommandError::Refused(refusal)) => Err(refusal),
                    Err(CommandError::Storage(error)) => return Err(error),
                };
                results.push(KeyResult { id: *id, result });
            }
            let changed = results.iter().filter(|one| one.result.is_ok());
            let subjects: Vec<Subject> = changed
                .map(|one| one.id.public.into())
                .chain([held.subject()])
                .collect();
            awaits = outbox::awaits(self.sql, &subjects)?;
            Ok(())
        })?;
        Ok(Outcome::Changed(Box::new(Changed {
            object: Object::Keys(results),
            created: false,
            awaits,
        })))
    }

    /// One of them, within the transaction.
    fn change_listed(
        &self,
        held: &Organization,
        id: &KeyId,
        step: impl Fn(&TransitionContext<'_>, &Key) -> Step,
    ) -> Result<KeyView, CommandError> {
        let key = self.key(id)?;
        let change = step(&self.transition_context(held)?, &key)?;
        self.check_last_admin(held, Some(&key), change.as_ref())?;
        if let Some(change) = change {
            change.write(self.sql, &self.commit_context(held))?;
        }
        Ok(self.view(&self.reload_key(key.issued)?, held))
    }
}
