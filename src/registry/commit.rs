//! Writes a change, and reads back what the reply shows.

use super::change::{Change, CommitContext};
use super::context::{CommandError, CommandResult, RequestContext};
use super::message::{Actor, Changed, Issued, Object, Outcome, Secret};
use super::store::{self, Key, Organization};
use super::transition;
use super::transition_context::{Minted, TransitionContext};
use super::{outbox, read};
use crate::key::{Environment, Revision};
use crate::random::Randomness;
use crate::sql::SqlError;

impl RequestContext<'_> {
    pub(super) fn transition_context<'s>(
        &'s self,
        held: &'s Organization,
    ) -> Result<TransitionContext<'s>, SqlError> {
        let acting = match &self.request.actor {
            Actor::Key(admin) | Actor::Session(admin) if held.id.is_platform() => {
                Key::load(self.sql, &admin.id.public)?
            }
            _ => None,
        };
        Ok(TransitionContext {
            organization: held,
            actor: &self.request.actor,
            acting,
            who: &self.who,
            brand: self.keyring.brand(),
            settings: self.settings,
            revision: self.next_revision()?,
            now: self.now,
        })
    }

    pub(super) fn commit_context<'s>(&'s self, held: &'s Organization) -> CommitContext<'s> {
        CommitContext {
            organization: held,
            who: &self.who,
            request_id: &self.request_id,
            idempotency: self.request.idempotency.as_ref(),
            now: self.now,
        }
    }

    /// Writes a change, if there is one, and reads back what the reply shows.
    pub(super) fn commit<T>(
        &self,
        held: &Organization,
        change: Option<&Change>,
        read: impl Fn() -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let Some(change) = change else {
            return read();
        };
        let mut shown = None;
        self.sql.transaction(&mut || {
            change.write(self.sql, &self.commit_context(held))?;
            shown = Some(read()?);
            Ok(())
        })?;
        store::parsed(shown, "the transaction's result")
    }

    pub(super) fn reload(&self) -> Result<Organization, SqlError> {
        store::parsed(Organization::load(self.sql)?, "the organization")
    }

    pub(super) fn change_organization(
        &self,
        held: &Organization,
        change: Option<Change>,
    ) -> CommandResult {
        let created = change
            .as_ref()
            .is_some_and(|change| change.organization.as_ref().is_some_and(|(_, new)| *new));
        let changed = self.commit(held, change.as_ref(), || {
            let held = self.reload()?;
            Ok(Changed {
                awaits: outbox::awaits(self.sql, &[held.subject()])?,
                object: Object::Organization(Box::new(read::organization(self, &held)?)),
                created,
            })
        })?;
        Ok(Outcome::Changed(Box::new(changed)))
    }

    pub(super) fn change_key(
        &self,
        held: &Organization,
        key: &Key,
        step: impl FnOnce(&TransitionContext<'_>) -> transition::Step,
    ) -> CommandResult {
        self.check_if_match(key.revision)?;
        let change = step(&self.transition_context(held)?)?;
        self.check_last_admin(held, Some(key), change.as_ref())?;
        let changed = self.commit(held, change.as_ref(), || {
            let (held, key) = (self.reload()?, self.reload_key(key.issued)?);
            Ok(Changed {
                awaits: outbox::awaits(self.sql, &[key.subject(), held.subject()])?,
                object: Object::Key(Box::new(self.view(&key, &held))),
                created: false,
            })
        })?;
        Ok(Outcome::Changed(Box::new(changed)))
    }

    pub(super) fn reload_key(&self, issued: Revision) -> Result<Key, SqlError> {
        store::parsed(Key::load_issued(self.sql, issued)?, "the key")
    }

    /// Mints a key and commits the change that brings it.
    pub(super) fn make<E: Into<CommandError>>(
        &self,
        held: &Organization,
        environment: Environment,
        randomness: &mut dyn Randomness,
        step: impl FnOnce(Minted) -> Result<Change, E>,
    ) -> CommandResult {
        let minted = self
            .keyring
            .mint(environment, held.id.tag(), randomness)
            .and_then(|key| Some((self.keyring.digest(&key)?, key)));
        let (digest, presented) = store::parsed(minted, "the current root key")?;
        let id = presented.id().public;
        let change = step(Minted { id, digest }).map_err(Into::into)?;
        let replaced = change.key.as_ref().map(|key| key.issued);
        let (key, replaced, awaits) = self.commit(held, Some(&change), || {
            let held = self.reload()?;
            let key = store::parsed(Key::load(self.sql, &id)?, "the new key")?;
            let replaced = replaced.map(|issued| self.reload_key(issued)).transpose()?;
            let mut subjects = vec![key.subject(), held.subject()];
            subjects.extend(replaced.as_ref().map(Key::subject));
            let mut awaits = outbox::awaits(self.sql, &subjects)?;
            // The one thing that a rotation takes: the old key's life after its
            // overlap.
            for awaited in &mut awaits {
                awaited.from = replaced
                    .as_ref()
                    .filter(|key| key.subject() == awaited.subject)
                    .and_then(|key| key.retires_at);
            }
            Ok((
                self.view(&key, &held),
                replaced.map(|key| self.view(&key, &held)),
                awaits,
            ))
        })?;
        Ok(Outcome::Changed(Box::new(Changed {
            object: Object::Issued(Box::new(Issued {
                key,
                secret: Secret::new(presented.into_text()),
                replaced,
            })),
            created: true,
            awaits,
        })))
    }
}
