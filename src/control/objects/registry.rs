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
use crate::freshness::commit_wait::{CommitWait, Enforcement, Unsettled};
use crate::freshness::message::{LogReply, LogRequest};
use crate::freshness::{Millis, Reading, RegistryClock, Revision, Subject as LogSubject};
use crate::in_flight::{InFlight, Place};
use crate::json;
use crate::key::{OrganizationId, OrganizationTag};
use crate::registry::message::{
    Actor, Awaited, Command, MESSAGE_VERSION, Outcome, Page, Records, Reply, Request,
};
use crate::registry::outbox::{self, Entry};
use crate::registry::{self, Subject, deletion, directory};
use crate::runtime::host;
use crate::runtime::isolate;
use crate::runtime::objects::{self, Address};
use crate::runtime::registry::Said;
use crate::settings::{Settings, names};
use crate::sql::SqlError;
use crate::time::Timestamp;

/// How long a change waits for the change log's acknowledgement before it is
/// answered as not yet enforced, in milliseconds.
const ACKNOWLEDGEMENT: u64 = 10_000;
/// How long another object may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How soon the alarm tries the change log again, in milliseconds.
const TRY_AGAIN: u64 = 1_000;
/// Edges' errands worked on at once: a quarter of a second's work, far less than
/// an edge waits. What is beyond is refused before it is read.
const ERRANDS: usize = 256;
/// Administrators' orders worked on at once; most of them wait for enforcement.
const ORDERS: usize = 1_024;
/// How long a place is held at most, in milliseconds.
const LASTS: u64 = 30_000;
/// How often one read may find a lost change and be carried out anew: one for the
/// key, one for the organization, one for what the change log says of the rest.
const HEARINGS: usize = 4;
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
    errands: RefCell<InFlight>,
    orders: RefCell<InFlight>,
}

fn reading() -> Reading<RegistryClock> {
    host::reading()
}

/// Both name the same thing; the log holds it in place, the registry by parts.
fn log_subject(subject: Subject) -> Option<LogSubject> {
    LogSubject::parse(&subject.to_string()).ok()
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

impl Said {
    const fn only(reply: Option<Reply>) -> Self {
        Self {
            reply,
            may_keep: false,
        }
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
            errands: RefCell::new(InFlight::new(ERRANDS, LASTS)),
            orders: RefCell::new(InFlight::new(ORDERS, LASTS)),
        }
    }

    /// Takes a place for a message that has yet to be read. None where there is
    /// too much to do; what `yields` is refused first.
    pub fn enter(&self, yields: bool) -> Option<f64> {
        let place = self.in_flight(yields).borrow_mut().enter(host::now().0);
        place.map(Place::into_number)
    }

    /// What it says to the message that took this place.
    pub async fn answer(&self, message: String, yields: bool, place: f64) -> JsValue {
        let answer = self.say(&message).await;
        let in_flight = self.in_flight(yields);
        in_flight.borrow_mut().leave(Place::from_number(place));
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
    const fn in_flight(&self, yields: bool) -> &RefCell<InFlight> {
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
            Ok(said) => ObjectAnswer::reply(&said),
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
    ) -> Result<Said, SqlError> {
        let Some(tag) = tag_of(request) else {
            return Ok(Said::only(Some(Err(registry::message::Refusal::NotFound))));
        };
        if !self.make_sure(tag, request.command.creates()).await? {
            return Ok(Said::only(None));
        }
        if !registry::exists(&self.sql)? && !request.command.creates() {
            return Ok(Said::only(Some(registry::absent(request))));
        }
        if let Command::Records { key, required } = &request.command {
            let subjects = [
                (Subject::Key(*key), required.key),
                (Subject::Organization(tag), required.organization),
            ];
            return self.read(settings, request, tag, subjects).await;
        }
        let mut reply = self.handle(settings, request)?;
        if let Ok(Outcome::Changed(changed)) = &mut reply {
            self.tell_change_log().await;
            self.tell_platform().await;
            if request.command.waits() {
                self.wait_for(&changed.awaits).await?;
            } else {
                self.settle()?;
            }
            self.tell_directory().await;
            outbox::refresh(&self.sql, &settings.keyring, changed, host::now())?;
        }
        Ok(Said::only(Some(reply)))
    }

    /// A strong read by an edge that knows what is required of the records. One
    /// below that is a change that was lost: they are given once that is made up
    /// for.
    async fn read(
        &self,
        settings: &Settings,
        request: &Request,
        tag: OrganizationTag,
        subjects: [(Subject, registry::Revision); 2],
    ) -> Result<Said, SqlError> {
        for _ in 0..HEARINGS {
            let reply = self.handle(settings, request)?;
            let may_keep = match &reply {
                Ok(Outcome::Records(records)) if !self.hear_of(subjects, records) => None,
                Ok(_) => Some(self.may_keep(&subjects.map(|(subject, _)| subject))),
                Err(_) => Some(false),
            };
            if let Some(may_keep) = may_keep {
                return Ok(Said {
                    reply: Some(reply),
                    may_keep,
                });
            }
            if !self.make_sure(tag, false).await? {
                break;
            }
        }
        Ok(Said::only(None))
    }

    /// The reply, and what it changed taken up.
    fn handle(&self, settings: &Settings, request: &Request) -> Result<Reply, SqlError> {
        let reply = registry::handle(
            &self.sql,
            &settings.keyring,
            &settings.registry,
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

    /// Takes in what is required of the records that an edge is to get; whether
    /// they may be given. A key that is not even known has nothing to lock.
    fn hear_of(&self, subjects: [(Subject, registry::Revision); 2], records: &Records) -> bool {
        let mut wait = self.wait.borrow_mut();
        let Some(wait) = wait.as_mut() else {
            return true;
        };
        let held = [
            records.key.as_ref().map(|key| key.revision),
            records.organization.as_ref().map(|held| held.revision),
        ];
        for ((subject, required), held) in subjects.into_iter().zip(held) {
            if let Some(subject) = log_subject(subject) {
                wait.heard_of(
                    subject,
                    Revision(required),
                    Revision(held.unwrap_or(required)),
                );
            }
        }
        wait.may_serve()
    }

    /// Makes sure, once after every start, that the registry lost nothing the
    /// change log knows of; whether it may serve. An organization that does not
    /// exist has lost nothing, unless it is about to be made.
    async fn make_sure(&self, tag: OrganizationTag, creates: bool) -> Result<bool, SqlError> {
        if self.wait.borrow().is_none() {
            if !creates && !registry::exists(&self.sql)? {
                return Ok(true);
            }
            registry::migrate(&self.sql)?;
            let Some(organization) = log_subject(Subject::Organization(tag)) else {
                return Ok(false);
            };
            let revision = Revision(registry::revision(&self.sql)?);
            let rows = outbox::pending_appends(&self.sql, 0)?;
            let rows = rows.iter().filter_map(unsettled);
            *self.wait.borrow_mut() = Some(CommitWait::start(organization, revision, rows));
            self.taken_up.set(revision.0);
        }
        loop {
            let question = match self.wait.borrow().as_ref() {
                Some(wait) if wait.may_serve() => return Ok(true),
                Some(wait) => wait.standing_question(),
                None => return Ok(true),
            };
            let Some(question) = question else {
                self.recover()?;
                continue;
            };
            let message = LogRequest::Standing(question);
            match self.ask_log(&message).await {
                Some(LogReply::Standing(standing)) => {
                    if let Some(wait) = self.wait.borrow_mut().as_mut() {
                        wait.standing_answered(&question, &standing);
                    }
                }
                _ => return Ok(false),
            }
        }
    }

    /// It was restored from a backup: what was lost is locked, at a revision
    /// past all that was ever shown.
    fn recover(&self) -> Result<(), SqlError> {
        let mut wait = self.wait.borrow_mut();
        let Some(wait) = wait.as_mut() else {
            return Ok(());
        };
        let Some(recovery) = wait.recovery().cloned() else {
            return Ok(());
        };
        let lost: Vec<Subject> = recovery
            .lost
            .iter()
            .filter_map(|subject| Subject::parse(subject.as_str()))
            .collect();
        let through = recovery.keys_revoked_through.map(|through| through.0);
        registry::recover(&self.sql, recovery.revision.0, &lost, through, host::now())?;
        let through = registry::keys_revoked_through(&self.sql)?;
        wait.recovered(through.map(Revision));
        self.taken_up.set(recovery.revision.0);
        Ok(())
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
            if let Some(row) = unsettled(entry) {
                wait.committed(Unsettled {
                    // Both are readings of this machine's clock.
                    from: awaited
                        .and_then(|awaited| awaited.from)
                        .map(|at| Reading::at(at.0)),
                    ..row
                });
            }
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
        subjects
            .iter()
            .all(|subject| log_subject(*subject).is_some_and(|subject| wait.may_publish(&subject)))
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
        self.ask(names::CHANGE_LOG, objects::CHANGE_LOG, message)
            .await
    }

    /// Tells the change log what it has not acknowledged; whether it has all now.
    async fn tell_change_log(&self) -> bool {
        loop {
            let append = self
                .wait
                .borrow()
                .as_ref()
                .and_then(CommitWait::next_append);
            let Some(append) = append else { return true };
            let message = LogRequest::Append(append);
            let Some(LogReply::Ack(ack)) = self.ask_log(&message).await else {
                return false;
            };
            if let Some(wait) = self.wait.borrow_mut().as_mut() {
                wait.acknowledged(&append, &ack, reading());
            }
        }
    }

    /// Tells the directory of the organization's own fields; whether it knows
    /// them now.
    async fn tell_directory(&self) -> bool {
        let Ok(Some(order)) = directory::pending_order(&self.sql) else {
            return true;
        };
        let told: Option<Page<directory::Listed>> =
            self.ask(names::DIRECTORY, super::DIRECTORY, &order).await;
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
        let told: Option<Said> = self
            .ask(names::REGISTRY, platform.tag().as_str(), &request)
            .await;
        told.is_some_and(|said| matches!(said.reply, Some(Ok(_))))
            && deletion::mark_noted(&self.sql, revision).is_ok()
    }

    /// Waits until these changes are enforced, or until the acknowledgement has
    /// failed to come for too long.
    async fn wait_for(&self, awaited: &[Awaited]) -> Result<(), SqlError> {
        let give_up = host::now().plus(ACKNOWLEDGEMENT);
        loop {
            self.settle()?;
            let mut pause = None;
            for awaited in awaited
                .iter()
                .filter_map(|awaited| log_subject(awaited.subject))
            {
                let enforcement = self
                    .wait
                    .borrow_mut()
                    .as_mut()
                    .map(|wait| wait.enforcement(&awaited, reading()));
                match enforcement {
                    None | Some(Enforcement::Enforced) => {}
                    Some(Enforcement::Waiting(left)) => pause = pause.max(Some(left)),
                    Some(Enforcement::Unacknowledged) => {
                        if !self.tell_change_log().await {
                            if host::now() >= give_up {
                                return Ok(());
                            }
                            pause = pause.max(Some(Millis(100)));
                        } else {
                            pause = pause.max(Some(Millis(1)));
                        }
                    }
                }
            }
            match pause {
                None => return Ok(()),
                Some(pause) => Delay::from(Duration::from_millis(pause.0.max(1))).await,
            }
        }
    }

    /// Notes what is enforced by now.
    fn settle(&self) -> Result<(), SqlError> {
        let mut wait = self.wait.borrow_mut();
        let Some(wait) = wait.as_mut() else {
            return Ok(());
        };
        for row in wait.due(reading()) {
            if let Some(subject) = Subject::parse(row.subject.as_str()) {
                outbox::mark_enforced(&self.sql, subject, row.revision.0, host::now())?;
            }
            wait.settled(&row);
        }
        Ok(())
    }

    /// The alarm: does what is left of the outbox, and sets itself again while
    /// something is.
    async fn carry_on(&self, settings: &Settings) -> Result<(), SqlError> {
        let Some(tag) = registry::tag(&self.sql)? else {
            return Ok(());
        };
        let ready = self.make_sure(tag, false).await?;
        let told = ready
            && self.tell_change_log().await
            && self.tell_directory().await
            && self.tell_platform().await;
        if ready {
            self.publish(settings).await?;
        }
        self.settle()?;
        let now = host::now();
        let kept = registry::housekeeping(&self.sql, &settings.keyring, &settings.registry, now)?;
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

fn unsettled(row: &Entry) -> Option<Unsettled> {
    Some(Unsettled {
        subject: log_subject(row.subject)?,
        revision: Revision(row.revision),
        waits: row.decides,
        from: None,
        keys_revoked_through: row.keys_revoked_through.map(Revision),
    })
}
