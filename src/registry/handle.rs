//! The one entry: a request in, a reply out.
//!
//! Reads come first, then the pure transition, then one transaction that writes
//! everything and reads back what the reply shows. Nothing is awaited between,
//! so an object can run it as it is.

use super::authority::{all_scopes, permit};
use super::context::{CommandError, CommandResult, RequestContext};
use super::message::{
    Actor, Command, MESSAGE_VERSION, Name, Outcome, Patch, PatchOrganization, PutOrganization,
    Records, Refusal, Reply, Request, RevocationReason, RevokeAll, RevokeKey, RotateKey, Wait, Who,
};
use super::notes::cleaned;
use super::settings::RegistrySettings;
use super::sql as statements;
use super::store::{self, Key, Organization, first};
use super::{audit, idempotency, organization, outbox, read, transition};
use crate::key::{Environment, KeyId, Keyring, OrganizationId, PublicKeyId};
use crate::random::Randomness;
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// Answers a request. The tables must be there ([`migrate`](super::migrate)).
///
/// # Errors
/// Those of the storage; nothing was changed then.
pub fn handle(
    sql: &dyn Sql,
    keyring: &Keyring,
    settings: &RegistrySettings,
    request: &Request,
    now: Timestamp,
    randomness: &mut dyn Randomness,
) -> Result<Reply, SqlError> {
    let registry = RequestContext {
        request_id: cleaned(&request.request_id),
        sql,
        keyring,
        settings,
        request,
        who: Who::from(&request.actor),
        now,
    };
    match registry.answer(randomness) {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(CommandError::Refused(refusal)) => Ok(Err(refusal)),
        Err(CommandError::Storage(error)) => Err(error),
    }
}

/// What a registry that holds nothing answers to a command that does not
/// [create](Command::creates); for objects without tables.
pub fn absent(request: &Request) -> Reply {
    match request.command {
        Command::Records { .. } => Ok(Outcome::Records(Box::new(Records {
            key: None,
            organization: None,
        }))),
        Command::CountUsage { .. } | Command::ReportBehind { .. } => Ok(Outcome::Done {}),
        Command::ReadSession { .. } => Err(Refusal::NoSession),
        _ => Err(Refusal::NotFound),
    }
}

impl RequestContext<'_> {
    fn answer(&self, randomness: &mut dyn Randomness) -> CommandResult {
        if self.request.v > MESSAGE_VERSION {
            return Err(Refusal::UnsupportedVersion.into());
        }
        let held = Organization::load(self.sql)?;
        let meant = match (&self.request.organization, &held) {
            (Some(id), _) => id.clone(),
            (None, Some(held)) => held.id.clone(),
            (None, None) => return Ok(absent(self.request)?),
        };
        permit(&self.request.actor, &meant, &self.request.command)?;
        let held = match held {
            Some(held) if held.id != meant => return Err(self.collision()),
            held => held,
        };
        match (&self.request.command, held) {
            (Command::PutOrganization(order), None) => self.create(&meant, order),
            (Command::Bootstrap { token_digest }, held) if meant.is_platform() => {
                self.bootstrap(held, token_digest, randomness)
            }
            (Command::RevokeSelf { .. }, Some(held)) => self.revoke_self(&held),
            (_, held) if meant.is_platform() => match (self.note(&meant, held.as_ref()), held) {
                (Some(noted), _) => noted,
                (None, None) => Ok(absent(self.request)?),
                (None, Some(held)) => self.act(&held, randomness),
            },
            (_, None) => Ok(absent(self.request)?),
            (_, Some(held)) => self.act(&held, randomness),
        }
    }

    /// Another organization's id has the same tag.
    fn collision(&self) -> CommandError {
        match self.request.command {
            Command::PutOrganization(_) => Refusal::OrganizationIdTaken,
            _ => Refusal::NotFound,
        }
        .into()
    }

    fn act(&self, held: &Organization, randomness: &mut dyn Randomness) -> CommandResult {
        if let Some(answer) = self.answer_read(held) {
            return answer;
        }
        if held.id.is_platform()
            && let Some(answer) = self.answer_session(held, randomness)
        {
            return answer;
        }
        let is_deleted = held.deleted_at.is_some();
        match &self.request.command {
            Command::ReportBehind { subject } => {
                outbox::report_behind(self.sql, *subject, self.now)?;
                Ok(Outcome::Done {})
            }
            Command::DeleteOrganization(_) => self.delete(held),
            Command::UndeleteOrganization(_) => self.undelete(held),
            Command::CountUsage { .. } if is_deleted => Ok(Outcome::Done {}),
            Command::CountUsage { batch, rows } => self.count_usage(batch, rows),
            Command::PutOrganization(_) if is_deleted => Err(self.met_deleted(held).into()),
            _ if is_deleted => Err(Refusal::NotFound.into()),
            _ => self.change(held, randomness),
        }
    }

    /// What can be read, of a deleted organization too; `None` for another command.
    fn answer_read(&self, held: &Organization) -> Option<CommandResult> {
        Some(match &self.request.command {
            Command::Records { key, .. } => self.records(held, key),
            Command::GetOrganization {} => read::organization(self, held)
                .map(|view| Outcome::Organization(Box::new(view)))
                .map_err(Into::into),
            Command::GetKey { id } => self
                .key(id)
                .map(|key| Outcome::Key(Box::new(self.view(&key, held)))),
            Command::ListKeys(asked) => read::keys(self, held, asked),
            Command::ListAudit(asked) => audit::list(self.sql, &held.id, asked).map(Outcome::Audit),
            Command::AuditHead {} => audit::head(self.sql, self.keyring, &held.id)
                .map(Outcome::AuditHead)
                .map_err(Into::into),
            Command::ListUsage(asked) => self.list_usage(asked),
            Command::Impact { id } => self.impact(id),
            Command::GetLimits { id: None } => Ok(Outcome::Records(Box::new(Records {
                key: None,
                organization: Some(held.record()),
            }))),
            Command::GetLimits { id: Some(id) } => {
                (self.key(id)).and_then(|key| self.records(held, &key.id))
            }
            Command::Status { unused_for_days } => read::status(self, held, *unused_for_days),
            _ => return None,
        })
    }

    fn records(&self, held: &Organization, key: &PublicKeyId) -> CommandResult {
        Ok(Outcome::Records(Box::new(Records {
            key: Key::load(self.sql, key)?.map(|key| key.record()),
            organization: Some(held.record()),
        })))
    }

    /// The dashboard's sessions, in `_platform`; `None` for another command.
    fn answer_session(
        &self,
        held: &Organization,
        randomness: &mut dyn Randomness,
    ) -> Option<CommandResult> {
        Some(match &self.request.command {
            Command::OpenSession {} => self.open_session(held, randomness),
            Command::ReadSession { token } => self.read_session(held, token),
            Command::CloseSession { token } => self.close_session(held, token),
            _ => return None,
        })
    }

    /// What changes an organization that is there, or one of its keys.
    fn change(&self, held: &Organization, randomness: &mut dyn Randomness) -> CommandResult {
        match &self.request.command {
            Command::PutOrganization(order) => self.patch_organization(held, &order.into()),
            Command::PatchOrganization(patch) => self.patch_organization(held, patch),
            Command::RevokeAll(order) => self.revoke_all(held, order),
            Command::IssueKey(order) => {
                self.check_repeat(held)?;
                self.check_if_match(held.revision)?;
                let context = self.transition_context(held)?;
                self.make(held, order.environment, randomness, |minted| {
                    transition::issue(&context, order, minted)
                })
            }
            Command::RotateKey { id, rotation } => self.rotate(held, id, rotation, randomness),
            Command::PatchKey { id, patch } => {
                let key = self.key(id)?;
                self.change_key(held, &key, |context| {
                    transition::patch(context, &key, patch)
                })
            }
            Command::RevokeKey { id, revocation } => {
                let key = self.key(id)?;
                self.change_key(held, &key, |context| {
                    Ok(transition::revoke(context, &key, revocation))
                })
            }
            Command::DisableKeys(order) => self.change_keys(held, &order.ids, |context, key| {
                transition::set_disabled(context, key, true)
            }),
            Command::RevokeKeys(order) => self.change_keys(held, &order.ids, |context, key| {
                Ok(transition::revoke(context, key, &order.into()))
            }),
            Command::DisableKey { id, .. } => self.set_disabled(held, id, true),
            Command::EnableKey { id, .. } => self.set_disabled(held, id, false),
            Command::ReportLeak { key, source, url } => self.report_leak(held, key, *source, url),
            Command::MarkExposed { key, origin } => self.mark_exposed(held, key, origin),
            Command::Export { cursor, limit } => self.export(held, cursor.as_deref(), *limit),
            Command::Import(order) => self.import(held, order),
            // Only for `_platform`, or answered before.
            _ => Err(Refusal::NotFound.into()),
        }
    }

    fn patch_organization(&self, held: &Organization, patch: &PatchOrganization) -> CommandResult {
        organization::check_id(&held.id)?;
        self.check_if_match(held.revision)?;
        let context = self.transition_context(held)?;
        self.change_organization(held, organization::change(&context, patch)?)
    }

    fn revoke_all(&self, held: &Organization, order: &RevokeAll) -> CommandResult {
        self.check_if_match(held.revision)?;
        let context = self.transition_context(held)?;
        let newest =
            first(self.sql, statements::NEWEST_KEY, &[])?.map_or(Ok(0), |row| row.unsigned(0))?;
        let change = organization::revoke_all(&context, order, newest)?;
        self.check_last_admin(held, None, change.as_ref())?;
        self.change_organization(held, change)
    }

    fn rotate(
        &self,
        held: &Organization,
        id: &KeyId,
        order: &RotateKey,
        randomness: &mut dyn Randomness,
    ) -> CommandResult {
        self.check_repeat(held)?;
        let key = self.key(id)?;
        self.check_if_match(key.revision)?;
        let context = self.transition_context(held)?;
        self.make(held, key.environment, randomness, |minted| {
            let change = transition::rotate(&context, &key, order, minted)?;
            self.check_last_admin(held, Some(&key), Some(&change))?;
            Ok::<_, CommandError>(change)
        })
    }

    fn set_disabled(&self, held: &Organization, id: &KeyId, disabled: bool) -> CommandResult {
        let key = self.key(id)?;
        self.change_key(held, &key, |context| {
            transition::set_disabled(context, &key, disabled)
        })
    }

    /// RFC 7009: the holder ends the key that they showed, and no other. One
    /// that is revoked already stays as it is, and the answer is the same.
    fn revoke_self(&self, held: &Organization) -> CommandResult {
        let (Actor::Holder { id }, Command::RevokeSelf { key }) =
            (&self.request.actor, &self.request.command)
        else {
            return Err(Refusal::NotFound.into());
        };
        if id.public != *key {
            return Err(Refusal::NotFound.into());
        }
        let key = self.key(id)?;
        let order = RevokeKey {
            reason: RevocationReason::Unspecified,
            note: None,
            wait: Wait::default(),
        };
        self.change_key(held, &key, |context| {
            Ok(transition::revoke(context, &key, &order))
        })
    }

    fn create(&self, id: &OrganizationId, order: &PutOrganization) -> CommandResult {
        organization::check_id(id)?;
        self.check_if_match(0)?;
        if self.request.must_exist {
            return Err(Refusal::RevisionMismatch { current: 0 }.into());
        }
        let revision = self.next_revision()?;
        let change = organization::create(id, order, revision, self.now);
        let Some((created, _)) = change.organization.clone() else {
            return Err(Refusal::NotFound.into());
        };
        if let Patch::Set(limits) = &order.limits {
            self.transition_context(&created)?.check_limits(limits)?;
        }
        self.change_organization(&created, Some(change))
    }

    fn bootstrap(
        &self,
        held: Option<Organization>,
        token_digest: &str,
        randomness: &mut dyn Randomness,
    ) -> CommandResult {
        let used = first(
            self.sql,
            statements::BOOTSTRAP_TOKEN,
            &[token_digest.into()],
        )?;
        if used.is_some() {
            return Err(Refusal::AlreadyBootstrapped.into());
        }
        let revision = self.next_revision()?;
        let name = |text: &str| store::parsed(Name::try_from(text.to_owned()), "a name");
        let platform = match &held {
            Some(held) => held.clone(),
            None => organization::create_platform(name("Platform")?, revision, self.now),
        };
        let scopes = store::parsed(all_scopes(), "the admin scopes")?;
        let context = self.transition_context(&platform)?;
        let key_name = name("First administrator")?;
        self.make(&platform, Environment::Admin, randomness, |minted| {
            let mut change = transition::bootstrap(&context, key_name, &scopes, minted);
            change.token_digest = Some(token_digest.to_owned());
            if held.is_none() {
                change.organization = Some((platform.clone(), true));
            }
            Ok::<_, CommandError>(change)
        })
    }

    fn check_repeat(&self, held: &Organization) -> Result<(), CommandError> {
        let Some(asked) = &self.request.idempotency else {
            return Ok(());
        };
        let actor = self.who.id.as_deref().unwrap_or_default();
        match idempotency::seen(self.sql, actor, asked, self.now)? {
            None => Ok(()),
            Some(idempotency::Seen::OtherBody) => Err(Refusal::IdempotencyKeyReused.into()),
            Some(idempotency::Seen::Made(key)) => Err(Refusal::SecretAlreadyShown {
                key: Box::new(self.view(&key, held)),
            }
            .into()),
        }
    }
}
