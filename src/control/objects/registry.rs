//! The registry's object: one per organization, named by its tag.
//!
//! **Atomicity.** A command runs from its first read to its last write in one
//! SQLite transaction without an await, and the alarm that will carry its
//! outbox on is set in the same turn. What follows (telling the change log,
//! waiting) may stop anywhere: every step is done again from the outbox, by the
//! next request or the alarm. Workers KV is written by the alarm alone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use worker::worker_sys::types::DurableObjectState;
use worker::{Delay, State};

use super::alarm;
use super::answer::ObjectAnswer;
use super::sql::ObjectSql;
use crate::control::kv;
use crate::control::log;
use crate::expiring_semaphore::{ExpiringSemaphore, Permit};
use crate::freshness::commit_wait::{CommitWait, PendingChange, Recovery};
use crate::freshness::enforcer::{Enforcer, EnforcerEvent, EnforcerStep};
use crate::freshness::message::{LogReply, LogRequest};
use crate::freshness::restore_guard::{GuardEvent, GuardStep, ReadRevision, RestoreGuard};
use crate::freshness::{Millis, Reading, RegistryClock, Revision};
use crate::json;
use crate::key::{OrganizationId, OrganizationTag, Subject};
use crate::registry::message::{
    Actor, Awaited, Command, MESSAGE_VERSION, Outcome, Page, Records, RegistryResponse, Reply,
    Request,
};
use crate::registry::outbox::{self, Entry};
use crate::registry::{self, deletion, directory};
use crate::runtime::host;
use crate::runtime::isolate;
use crate::runtime::objects::{self, Address};
use crate::settings::{Settings, bindings};
use crate::sql::SqlError;
use crate::time::Timestamp;

/// How long another object may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How soon the alarm tries the change log again, in milliseconds.
const TRY_AGAIN: u64 = 1_000;
/// Edges' errands worked on at once: a quarter of a second's work, far less than
/// an edge waits. What is beyond is refused before it is read.
const ERRANDS: usize = 256;
/// Administrators' orders worked on at once; most of them wait for enforcement.
const ORDERS: usize = 1_024;
/// How long a permit is good for at most, in milliseconds.
const PERMIT_TTL: u64 = 30_000;
/// Subjects published in one go.
const BATCH: u64 = 100;

/// The object.
#[wasm_bindgen]
pub struct Registry {
    state: State,
    env: JsValue,
    sql: ObjectSql,
    /// `None` until the organization exists.
    wait: RefCell<Option<CommitWait>>,
    /// Changes up to this revision are taken up in `wait`.
    taken_up: Cell<registry::Revision>,
    errands: RefCell<ExpiringSemaphore>,
    orders: RefCell<ExpiringSemaphore>,
}

fn reading() -> Reading<RegistryClock> {
    host::reading()
}

fn tag_of(request: &Request) -> Option<OrganizationTag> {
    match (&request.organization, &request.command) {
        (Some(organization), _) => Some(organization.tag()),
        (
            None,
            Command::Records { key, .. }
            | Command::MarkExposed { key, .. }
            | Command::ReportLeak { key, .. }
            | Command::RevokeSelf { key },
        ) => Some(key.organization_tag()),
        (None, Command::ReportBehind { subject }) => Some(subject.organization_tag()),
        (None, Command::CountUsage { rows, .. }) => {
            rows.first().map(|row| row.key.organization_tag())
        }
        (None, _) => None,
    }
}

#[wasm_bindgen]
impl Registry {
    /// The object at its start.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: JsValue) -> Self {
        let state = State::from(state);
        let sql = ObjectSql::of(&state);
        Self {
            state,
            env,
            sql,
            wait: RefCell::new(None),
            taken_up: Cell::new(0),
            errands: RefCell::new(ExpiringSemaphore::new(ERRANDS, PERMIT_TTL)),
            orders: RefCell::new(ExpiringSemaphore::new(ORDERS, PERMIT_TTL)),
        }
    }

    /// Takes a permit for a message that has yet to be read. None where there is
    /// too much to do; what `yields` is refused first.
    pub fn enter(&self, yields: bool) -> Option<f64> {
        let permit = self.permits(yields).borrow_mut().acquire(host::now().0);
        permit.map(Permit::into_number)
    }

    /// What it says to the message that took this permit.
    pub async fn answer(&self, message: String, yields: bool, permit: f64) -> JsValue {
        let answer = self.say(&message).await;
        let mut permits = self.permits(yields).borrow_mut();
        permits.release(Permit::from_number(permit));
        answer.into()
    }

    /// The alarm went off.
    pub async fn alarm(&self) {
        if let Some(settings) = isolate::settings(&self.env)
            && let Err(error) = self.carry_on(&settings).await
        {
            log::storage_failed("Registry", &error);
        }
    }
}

impl Registry {
    const fn permits(&self, yields: bool) -> &RefCell<ExpiringSemaphore> {
        if yields { &self.errands } else { &self.orders }
    }

    async fn say(&self, message: &str) -> ObjectAnswer {
        let Ok(request) = json::from_str(message) else {
            return ObjectAnswer::Unread;
        };
        let Some(settings) = isolate::settings(&self.env) else {
            return ObjectAnswer::Failed;
        };
        match self.carry_out(&settings, &request).await {
            Ok(response) => ObjectAnswer::reply(&response),
            Err(error) => {
                log::storage_failed("Registry", &error);
                ObjectAnswer::Failed
            }
        }
    }

    async fn carry_out(
        &self,
        settings: &Rc<Settings>,
        request: &Request,
    ) -> Result<RegistryResponse, SqlError> {
        let Some(tag) = tag_of(request) else {
            return Ok(RegistryResponse::of(Some(Err(
                registry::message::Refusal::NotFound,
            ))));
        };
        if !self.begin(tag, request.command.creates())? {
            return Ok(RegistryResponse::of(Some(registry::absent(request))));
        }
        let mut guard = RestoreGuard::default();
        let arrived = GuardEvent::Arrived;
        if self.ensure_not_restored(&mut guard, arrived).await? != GuardStep::Serve {
            return Ok(RegistryResponse::of(None));
        }
        if let Command::Records { key, required } = &request.command {
            let subjects = [
                (Subject::from(*key), required.key),
                (Subject::from(tag), required.organization),
            ];
            return self.read(settings, request, guard, subjects).await;
        }
        let mut reply = self.handle(settings, request)?;
        if let Ok(Outcome::Changed(changed)) = &mut reply {
            self.enforce(Enforcer::append_all()).await?;
            self.tell_platform().await;
            if request.command.waits() {
                let awaited = changed.awaits.iter();
                let awaited = awaited.map(|awaited| awaited.subject);
                let enforcer = Enforcer::until_enforced(awaited.collect(), reading());
                self.enforce(enforcer).await?;
            }
            self.tell_directory().await;
            outbox::refresh(&self.sql, &settings.keyring, changed, host::now())?;
        }
        Ok(RegistryResponse::of(Some(reply)))
    }

    /// A strong read by an edge that knows what is required of the records. One
    /// below that is a change that was lost: they are given once that is made up
    /// for.
    async fn read(
        &self,
        settings: &Settings,
        request: &Request,
        mut guard: RestoreGuard,
        subjects: [(Subject, registry::Revision); 2],
    ) -> Result<RegistryResponse, SqlError> {
        loop {
            let reply = self.handle(settings, request)?;
            let Ok(Outcome::Records(records)) = &reply else {
                return Ok(RegistryResponse::of(Some(reply)));
            };
            let read = GuardEvent::Read(read_revisions(subjects, records));
            match self.ensure_not_restored(&mut guard, read).await? {
                GuardStep::Answer => {
                    return Ok(RegistryResponse {
                        may_keep: self.may_keep(&subjects.map(|(subject, _)| subject)),
                        reply: Some(reply),
                    });
                }
                GuardStep::Serve => {}
                _ => return Ok(RegistryResponse::of(None)),
            }
        }
    }

    /// The reply, and what it changed taken up.
    fn handle(&self, settings: &Settings, request: &Request) -> Result<Reply, SqlError> {
        let reply = registry::handle(
            &self.sql,
            &settings.keyring,
            &settings.control.registry,
            request,
            host::now(),
            &mut host::Crypto,
        )?;
        // Still the same turn: no await since the transaction.
        let awaited = match &reply {
            Ok(Outcome::Changed(changed)) => changed.awaits.as_slice(),
            _ => &[],
        };
        self.take_up_changes(awaited)?;
        Ok(reply)
    }

    /// Takes up, once in the life of a process, what an earlier one has left. `false`
    /// where there is no organization, unless it is about to be made.
    fn begin(&self, tag: OrganizationTag, creates: bool) -> Result<bool, SqlError> {
        if self.wait.borrow().is_some() {
            return Ok(true);
        }
        if !creates && !registry::exists(&self.sql)? {
            return Ok(false);
        }
        registry::migrate(&self.sql)?;
        let revision = Revision(registry::revision(&self.sql)?);
        let rows = outbox::pending_appends(&self.sql, 0)?;
        let rows = rows.iter().map(pending_change);
        *self.wait.borrow_mut() = Some(CommitWait::start(tag.into(), revision, rows));
        self.taken_up.set(revision.0);
        Ok(true)
    }

    /// Goes on until the registry is known to have lost nothing that the change log
    /// knows of, or has made up for it.
    async fn ensure_not_restored(
        &self,
        guard: &mut RestoreGuard,
        mut event: GuardEvent,
    ) -> Result<GuardStep, SqlError> {
        loop {
            let step = match self.wait.borrow_mut().as_mut() {
                Some(wait) => guard.next(wait, &event),
                None => GuardStep::Refuse,
            };
            event = match step {
                GuardStep::AskLog(check) => {
                    match self.ask_log(&LogRequest::RestoreCheck(check)).await {
                        Some(LogReply::RestoreCheck(reply)) => GuardEvent::Answered(reply),
                        _ => GuardEvent::Unanswered,
                    }
                }
                GuardStep::Recover(recovery) => GuardEvent::Recovered(self.recover(&recovery)?),
                GuardStep::Serve | GuardStep::Answer | GuardStep::Refuse => return Ok(step),
            };
        }
    }

    /// It was restored from a backup: what was lost is locked, at a revision
    /// past all that was ever shown. Through which revision the organization's keys
    /// are revoked at once then.
    fn recover(&self, recovery: &Recovery) -> Result<Option<Revision>, SqlError> {
        let through = recovery.keys_revoked_through.map(|through| through.0);
        registry::recover(
            &self.sql,
            recovery.revision.0,
            &recovery.lost,
            through,
            host::now(),
        )?;
        self.taken_up.set(recovery.revision.0);
        Ok(registry::keys_revoked_through(&self.sql)?.map(Revision))
    }

    /// Carries out what it takes until changes are enforced; whether they are.
    async fn enforce(&self, mut enforcer: Enforcer) -> Result<bool, SqlError> {
        let mut event = EnforcerEvent::Look;
        loop {
            let step = match self.wait.borrow_mut().as_mut() {
                Some(wait) => enforcer.next(wait, &event, reading()),
                None => EnforcerStep::Done,
            };
            event = match step {
                EnforcerStep::Settle(rows) => {
                    for row in &rows {
                        let revision = row.revision.0;
                        outbox::mark_enforced(&self.sql, row.subject, revision, host::now())?;
                    }
                    EnforcerEvent::Settled(rows)
                }
                EnforcerStep::Append(append) => {
                    match self.ask_log(&LogRequest::Append(append)).await {
                        Some(LogReply::Ack(ack)) => EnforcerEvent::Acknowledged(ack),
                        _ => EnforcerEvent::Unanswered,
                    }
                }
                EnforcerStep::Await(ask) => match self.ask_log(&LogRequest::Await(ask)).await {
                    Some(LogReply::Floor(floor)) => EnforcerEvent::Floor(floor),
                    _ => EnforcerEvent::NoFloor,
                },
                EnforcerStep::Wait(pause) => {
                    Delay::from(Duration::from_millis(pause.0)).await;
                    EnforcerEvent::Look
                }
                EnforcerStep::Done => return Ok(true),
                EnforcerStep::GiveUp => return Ok(false),
            };
        }
    }

    /// Takes new rows of the outbox up, and has the alarm carry on with them if
    /// this process does not live to. What is `awaited` says of a row from when on
    /// it alters decisions; another process takes it to do so at once.
    fn take_up_changes(&self, awaited: &[Awaited]) -> Result<(), SqlError> {
        let mut wait = self.wait.borrow_mut();
        let Some(wait) = wait.as_mut() else {
            return Ok(());
        };
        let rows = outbox::pending_appends(&self.sql, self.taken_up.get())?;
        for entry in &rows {
            let awaited = awaited.iter().find(|awaited| {
                (awaited.subject, awaited.revision) == (entry.subject, entry.revision)
            });
            wait.committed(PendingChange {
                // Both are readings of this machine's clock.
                from: awaited
                    .and_then(|awaited| awaited.from)
                    .map(|at| Reading::at(at.0)),
                ..pending_change(entry)
            });
        }
        self.taken_up.set(registry::revision(&self.sql)?);
        if !rows.is_empty() || outbox::next_publication(&self.sql)?.is_some() {
            alarm::set(&self.state, host::now());
        }
        Ok(())
    }

    fn may_keep(&self, subjects: &[Subject]) -> bool {
        let wait = self.wait.borrow();
        let Some(wait) = wait.as_ref() else {
            return false;
        };
        subjects.iter().all(|subject| wait.may_publish(subject))
    }

    /// Asks another object; `None` where it does not answer in time. Whoever waits
    /// for this registry waits no longer for that one.
    async fn ask<R: DeserializeOwned>(
        &self,
        class: &str,
        name: &str,
        message: &impl Serialize,
    ) -> Option<R> {
        let to = Address::of(class, name).within(ANSWER);
        objects::ask(&self.env, to, message).await.ok()
    }

    async fn ask_log(&self, message: &LogRequest) -> Option<LogReply> {
        self.ask(bindings::CHANGE_LOG, objects::CHANGE_LOG, message)
            .await
    }

    /// Tells the directory of the organization's own fields; whether it knows
    /// them now.
    async fn tell_directory(&self) -> bool {
        let Ok(Some(order)) = directory::pending_order(&self.sql) else {
            return true;
        };
        let told: Option<Page<directory::Listed>> = self
            .ask(bindings::DIRECTORY, super::DIRECTORY, &order)
            .await;
        told.is_some() && directory::mark_told(&self.sql, &order).is_ok()
    }

    /// Has `_platform` put a deletion on record and end the admin keys tied to what
    /// was deleted; whether it has by now.
    async fn tell_platform(&self) -> bool {
        let Ok(Some(note)) = deletion::pending_note(&self.sql) else {
            return true;
        };
        let Command::NoteDeletion { revision, .. } = &note else {
            return true;
        };
        let revision = *revision;
        let platform = OrganizationId::platform();
        let request = Request {
            v: MESSAGE_VERSION,
            organization: Some(platform.clone()),
            actor: Actor::System,
            request_id: String::new(),
            if_match: None,
            must_exist: false,
            idempotency: None,
            command: note,
        };
        let told: Option<RegistryResponse> = self
            .ask(bindings::REGISTRY, platform.tag().as_str(), &request)
            .await;
        told.is_some_and(|said| matches!(said.reply, Some(Ok(_))))
            && deletion::mark_noted(&self.sql, revision).is_ok()
    }

    /// The alarm: does what is left of the outbox, and sets itself again while
    /// something is.
    async fn carry_on(&self, settings: &Settings) -> Result<(), SqlError> {
        let Some(tag) = registry::tag(&self.sql)? else {
            return Ok(());
        };
        let mut guard = RestoreGuard::default();
        let ready = self.begin(tag, false)?
            && self
                .ensure_not_restored(&mut guard, GuardEvent::Arrived)
                .await?
                == GuardStep::Serve;
        let told = ready
            && self.enforce(Enforcer::append_all()).await?
            && self.tell_directory().await
            && self.tell_platform().await;
        if ready {
            self.publish(settings).await?;
        }
        // What has come due meanwhile.
        self.enforce(Enforcer::until_enforced(Vec::new(), reading()))
            .await?;
        let now = host::now();
        let kept = registry::housekeeping(
            &self.sql,
            &settings.keyring,
            &settings.control.registry,
            now,
        )?;
        let due = outbox::next_publication(&self.sql)?.map(|at| Timestamp(at.0.max(now.0)));
        let retry = (!told).then(|| now.plus(TRY_AGAIN));
        let waiting = self.longest_wait().map(|left| now.plus(left.0));
        if let Some(next) = [due, retry, waiting, kept].into_iter().flatten().min() {
            alarm::set(&self.state, next);
        }
        Ok(())
    }

    /// How long until all that is acknowledged is enforced.
    fn longest_wait(&self) -> Option<Millis> {
        self.wait
            .borrow_mut()
            .as_mut()
            .and_then(|wait| wait.longest_wait(reading()))
    }

    /// Writes a batch to Workers KV: what the change log has acknowledged, since
    /// no revision may be seen anywhere that the log does not know.
    async fn publish(&self, settings: &Settings) -> Result<(), SqlError> {
        for row in outbox::pending_publications(&self.sql, host::now(), BATCH)? {
            if !self.may_keep(&[row.subject]) {
                outbox::put_off(&self.sql, row.subject, host::now())?;
                continue;
            }
            let name = row.subject.kv_name();
            let written = match outbox::kv_value(&self.sql, row.subject)? {
                Some(value) => kv::write(&self.env, &settings.keyring, &name, &value).await,
                None => kv::delete(&self.env, &name).await,
            };
            match written {
                Some(()) => {
                    outbox::mark_published(&self.sql, row.subject, row.revision, host::now())
                        .map(|_| ())?
                }
                None => outbox::put_off(&self.sql, row.subject, host::now())?,
            }
        }
        Ok(())
    }
}

fn pending_change(row: &Entry) -> PendingChange {
    PendingChange {
        subject: row.subject,
        revision: Revision(row.revision),
        waits: row.decides,
        from: None,
        keys_revoked_through: row.keys_revoked_through.map(Revision),
    }
}

/// What a strong read found, beside what the edge requires. A key that is not even
/// known has nothing to lock.
fn read_revisions(
    [key, organization]: [(Subject, registry::Revision); 2],
    records: &Records,
) -> [ReadRevision; 2] {
    let read = |(subject, required), held: Option<registry::Revision>| ReadRevision {
        subject,
        required: Revision(required),
        held: Revision(held.unwrap_or(required)),
    };
    [
        read(key, records.key.as_ref().map(|key| key.revision)),
        read(
            organization,
            records.organization.as_ref().map(|held| held.revision),
        ),
    ]
}
