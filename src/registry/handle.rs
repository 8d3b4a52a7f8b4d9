//! The one entry: a request in, a reply out.
//!
//! Reads come first, then the pure transition, then one transaction that writes
//! everything and reads back what the reply shows. Nothing is awaited between,
//! so an object can run it as it is.

use super::audit;
use super::authority::{all_scopes, permit};
use super::change::{Change, Occasion, REVISION};
use super::message::{
    Actor, Changed, Command, Issued, MESSAGE_VERSION, Name, Object, Outcome, PutOrganization,
    Records, Refusal, Reply, Request, RevocationReason, RevokeKey, Secret, Wait, Who,
};
use super::notes::cleaned;
use super::settings::RegistrySettings;
use super::sql as texts;
use super::store::{self, Key, Organization, first};
use super::transition::{self, Minted, Scene};
use super::{idempotency, organization, outbox, read};
use crate::key::{Environment, KeyId, Keyring, OrganizationId, Revision};
use crate::random::Randomness;
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// Why a command stops: refused, or the storage failed.
pub(super) enum Stop {
    Refused(Refusal),
    Storage(SqlError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Self::Storage(error)
    }
}

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
    let registry = Registry {
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
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stop::Storage(error)) => Err(error),
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

/// All that the answer to one request may use.
pub(super) struct Registry<'a> {
    pub(super) sql: &'a dyn Sql,
    pub(super) keyring: &'a Keyring,
    pub(super) settings: &'a RegistrySettings,
    pub(super) request: &'a Request,
    /// The request's id as it is kept: outside Cloudflare a client can choose it.
    pub(super) request_id: String,
    pub(super) who: Who,
    pub(super) now: Timestamp,
}

type Answer = Result<Outcome, Stop>;

impl Registry<'_> {
    fn answer(&self, randomness: &mut dyn Randomness) -> Answer {
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
    fn collision(&self) -> Stop {
        match self.request.command {
            Command::PutOrganization(_) => Refusal::OrganizationIdTaken,
            _ => Refusal::NotFound,
        }
        .into()
    }

    fn act(&self, held: &Organization, randomness: &mut dyn Randomness) -> Answer {
        match &self.request.command {
            Command::Records { key, .. } => Ok(Outcome::Records(Box::new(Records {
                key: Key::load(self.sql, key)?.map(|key| key.record()),
                organization: Some(held.record()),
            }))),
            Command::GetOrganization {} => Ok(Outcome::Organization(Box::new(read::organization(
                self.sql, held, self.now,
            )?))),
            Command::GetKey { id } => {
                let key = self.key(id)?;
                Ok(Outcome::Key(Box::new(self.view(&key, held))))
            }
            Command::ListKeys(asked) => read::keys(self, held, asked),
            Command::ListAudit(asked) => {
                Ok(Outcome::Audit(audit::list(self.sql, &held.id, asked)?))
            }
            Command::AuditHead {} => Ok(Outcome::AuditHead(audit::head(
                self.sql,
                self.keyring,
                &held.id,
            )?)),
            Command::ReportBehind { subject } => {
                outbox::report_behind(self.sql, *subject, self.now)?;
                Ok(Outcome::Done {})
            }
            Command::ListUsage(asked) => self.list_usage(asked),
            Command::Impact { id } => self.impact(id),
            Command::Status { unused_for_days } => read::status(self, held, *unused_for_days),
            Command::OpenSession {} if held.id.is_platform() => self.open_session(held, randomness),
            Command::ReadSession { token } if held.id.is_platform() => {
                self.read_session(held, token)
            }
            Command::CloseSession { token } if held.id.is_platform() => {
                self.close_session(held, token)
            }
            Command::DeleteOrganization(_) => self.delete(held),
            Command::CountUsage { .. } if held.deleted_at.is_some() => Ok(Outcome::Done {}),
            Command::CountUsage { batch, rows } => self.count_usage(batch, rows),
            Command::PutOrganization(_) if held.deleted_at.is_some() => {
                Err(Refusal::OrganizationIdTaken.into())
            }
            _ if held.deleted_at.is_some() => Err(Refusal::NotFound.into()),
            Command::PutOrganization(order) => {
                organization::check_id(&held.id)?;
                self.check_if_match(held.revision)?;
                let scene = self.scene(held)?;
                self.change_organization(held, organization::change(&scene, order))
            }
            Command::RevokeAll(order) => {
                self.check_if_match(held.revision)?;
                let scene = self.scene(held)?;
                let newest = first(self.sql, texts::NEWEST_KEY, &[])?
                    .map_or(Ok(0), |row| row.unsigned(0))?;
                let change = organization::revoke_all(&scene, order, newest)?;
                self.check_last_admin(held, None, change.as_ref())?;
                self.change_organization(held, change)
            }
            Command::IssueKey(order) => {
                self.check_repeat(held)?;
                self.check_if_match(held.revision)?;
                let scene = self.scene(held)?;
                self.make(held, order.environment, randomness, |minted| {
                    transition::issue(&scene, order, minted)
                })
            }
            Command::RotateKey { id, rotation } => {
                self.check_repeat(held)?;
                let key = self.key(id)?;
                self.check_if_match(key.revision)?;
                let scene = self.scene(held)?;
                self.make(held, key.environment, randomness, |minted| {
                    let change = transition::rotate(&scene, &key, rotation, minted)?;
                    self.check_last_admin(held, Some(&key), Some(&change))?;
                    Ok::<_, Stop>(change)
                })
            }
            Command::PatchKey { id, patch } => {
                let key = self.key(id)?;
                self.change_key(held, &key, |scene| transition::patch(scene, &key, patch))
            }
            Command::RevokeKey { id, revocation } => {
                let key = self.key(id)?;
                self.change_key(held, &key, |scene| {
                    Ok(transition::revoke(scene, &key, revocation))
                })
            }
            Command::DisableKey { id, .. } => {
                let key = self.key(id)?;
                self.change_key(held, &key, |scene| {
                    transition::set_disabled(scene, &key, true)
                })
            }
            Command::EnableKey { id, .. } => {
                let key = self.key(id)?;
                self.change_key(held, &key, |scene| {
                    transition::set_disabled(scene, &key, false)
                })
            }
            Command::ReportLeak { key, source, url } => self.report_leak(held, key, *source, url),
            Command::MarkExposed { key, origin } => self.mark_exposed(held, key, origin),
            Command::Export { cursor, limit } => self.export(held, cursor.as_deref(), *limit),
            Command::Import(order) => self.import(held, order),
            Command::Bootstrap { .. }
            | Command::RevokeSelf { .. }
            | Command::OpenSession {}
            | Command::ReadSession { .. }
            | Command::CloseSession { .. }
            | Command::NotePreflights { .. }
            | Command::NotePreflight { .. }
            | Command::NoteFailures { .. }
            | Command::NoteFailedAuthentication { .. }
            | Command::NoteDeletion { .. } => Err(Refusal::NotFound.into()),
        }
    }

    /// RFC 7009: the holder ends the key that they showed, and no other. One
    /// that is revoked already stays as it is, and the answer is the same.
    fn revoke_self(&self, held: &Organization) -> Answer {
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
        self.change_key(held, &key, |scene| {
            Ok(transition::revoke(scene, &key, &order))
        })
    }

    fn create(&self, id: &OrganizationId, order: &PutOrganization) -> Answer {
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
        self.change_organization(&created, Some(change))
    }

    fn bootstrap(
        &self,
        held: Option<Organization>,
        token_digest: &str,
        randomness: &mut dyn Randomness,
    ) -> Answer {
        let used = first(self.sql, texts::BOOTSTRAP_TOKEN, &[token_digest.into()])?;
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
        let scene = self.scene(&platform)?;
        let key_name = name("First administrator")?;
        self.make(&platform, Environment::Admin, randomness, |minted| {
            let mut change = transition::bootstrap(&scene, key_name, &scopes, minted);
            change.token_digest = Some(token_digest.to_owned());
            if held.is_none() {
                change.organization = Some((platform.clone(), true));
            }
            Ok::<_, Stop>(change)
        })
    }

    /// The key with this id; `not_found` where there is none, or it is of
    /// another brand or environment.
    pub(super) fn key(&self, id: &KeyId) -> Result<Key, Stop> {
        Key::load(self.sql, &id.public)?
            .filter(|key| key.key_id(self.keyring.brand()) == *id)
            .ok_or_else(|| Refusal::NotFound.into())
    }

    pub(super) fn view(&self, key: &Key, held: &Organization) -> super::message::KeyView {
        key.view(self.keyring.brand(), held, self.now)
    }

    fn next_revision(&self) -> Result<Revision, SqlError> {
        Ok(store::meta(self.sql, REVISION)? + 1)
    }

    pub(super) fn scene<'s>(&'s self, held: &'s Organization) -> Result<Scene<'s>, SqlError> {
        let acting = match &self.request.actor {
            Actor::Key(admin) | Actor::Session(admin) if held.id.is_platform() => {
                Key::load(self.sql, &admin.id.public)?
            }
            _ => None,
        };
        Ok(Scene {
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

    pub(super) fn check_if_match(&self, current: Revision) -> Result<(), Refusal> {
        match self.request.if_match {
            Some(asked) if asked != current => Err(Refusal::RevisionMismatch { current }),
            _ => Ok(()),
        }
    }

    fn check_repeat(&self, held: &Organization) -> Result<(), Stop> {
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

    pub(super) fn occasion<'s>(&'s self, held: &'s Organization) -> Occasion<'s> {
        Occasion {
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
            change.write(self.sql, &self.occasion(held))?;
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
    ) -> Answer {
        let created = change
            .as_ref()
            .is_some_and(|change| change.organization.as_ref().is_some_and(|(_, new)| *new));
        let changed = self.commit(held, change.as_ref(), || {
            let held = self.reload()?;
            Ok(Changed {
                awaits: outbox::awaits(self.sql, &[held.subject()])?,
                object: Object::Organization(Box::new(read::organization(
                    self.sql, &held, self.now,
                )?)),
                created,
            })
        })?;
        Ok(Outcome::Changed(Box::new(changed)))
    }

    pub(super) fn change_key(
        &self,
        held: &Organization,
        key: &Key,
        step: impl FnOnce(&Scene<'_>) -> transition::Step,
    ) -> Answer {
        self.check_if_match(key.revision)?;
        let change = step(&self.scene(held)?)?;
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

    fn reload_key(&self, issued: Revision) -> Result<Key, SqlError> {
        store::parsed(Key::load_issued(self.sql, issued)?, "the key")
    }

    /// Mints a key and commits the change that brings it.
    fn make<E: Into<Stop>>(
        &self,
        held: &Organization,
        environment: Environment,
        randomness: &mut dyn Randomness,
        step: impl FnOnce(Minted) -> Result<Change, E>,
    ) -> Answer {
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
