//! The registry's object: one per organization, named by its tag.
//!
//! **Atomicity.** A command runs from its first read to its last write in one
//! SQLite transaction without an await, and the alarm that will carry its
//! outbox on is set in the same turn. What follows (telling the change log,
//! waiting) may stop anywhere: every step is done again from the outbox, by the
//! next request or the alarm. Workers KV is written by the alarm alone.

mod carry_on;
mod enforcement;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::State;
use worker::worker_sys::types::DurableObjectState;

use enforcement::read_revisions;

use super::answer::ObjectAnswer;
use super::sql::ObjectSql;
use crate::control::log;
use crate::expiring_semaphore::{ExpiringSemaphore, Permit};
use crate::freshness::commit_wait::CommitWait;
use crate::freshness::enforcer::Enforcer;
use crate::freshness::restore_guard::{GuardEvent, GuardStep, RestoreGuard};
use crate::freshness::{Reading, RegistryClock};
use crate::json;
use crate::key::{OrganizationTag, Subject};
use crate::registry;
use crate::registry::message::{Command, Outcome, RegistryResponse, Reply, Request};
use crate::registry::outbox;
use crate::runtime::host;
use crate::runtime::isolate;
use crate::settings::Settings;
use crate::sql::SqlError;

/// Edges' calls worked on at once: a quarter of a second's work, far less than
/// an edge waits. What is beyond is refused before it is read.
const EDGE_CALLS: usize = 256;
/// Administrators' calls worked on at once; most of them wait for enforcement.
const ADMIN_CALLS: usize = 1_024;
/// How long a permit is good for at most, in milliseconds.
const PERMIT_TTL: u64 = 30_000;

/// The object.
#[wasm_bindgen]
pub struct Registry {
    shared: Rc<Shared>,
    edge_calls: RefCell<ExpiringSemaphore>,
    admin_calls: RefCell<ExpiringSemaphore>,
}

/// What calls and tasks share.
struct Shared {
    state: State,
    env: JsValue,
    sql: ObjectSql,
    /// `None` until the organization exists.
    wait: RefCell<Option<CommitWait>>,
    /// Changes up to this revision are taken up in `wait`.
    taken_up: Cell<registry::Revision>,
    /// Whether a task enforces what nobody waits for.
    is_enforcing: Cell<bool>,
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
        (None, Command::GetKey { id }) => Some(id.public.organization_tag()),
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
            shared: Rc::new(Shared {
                state,
                env,
                sql,
                wait: RefCell::new(None),
                taken_up: Cell::new(0),
                is_enforcing: Cell::new(false),
            }),
            edge_calls: RefCell::new(ExpiringSemaphore::new(EDGE_CALLS, PERMIT_TTL)),
            admin_calls: RefCell::new(ExpiringSemaphore::new(ADMIN_CALLS, PERMIT_TTL)),
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
        let answer = self.shared.say(&message).await;
        let mut permits = self.permits(yields).borrow_mut();
        permits.release(Permit::from_number(permit));
        answer.into()
    }

    /// The alarm went off.
    pub async fn alarm(&self) {
        if let Some(settings) = isolate::settings(&self.shared.env)
            && let Err(error) = self.shared.carry_on(&settings).await
        {
            log::storage_failed("Registry", &error);
        }
    }
}

impl Registry {
    const fn permits(&self, yields: bool) -> &RefCell<ExpiringSemaphore> {
        if yields {
            &self.edge_calls
        } else {
            &self.admin_calls
        }
    }
}

impl Shared {
    async fn say(self: &Rc<Self>, message: &str) -> ObjectAnswer {
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
        self: &Rc<Self>,
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
            let is_appended = self.enforce(Enforcer::append_all()).await?;
            // Meanwhile the edges confirm.
            self.tell_platform().await;
            self.tell_directory().await;
            if request.command.waits() {
                let awaited = changed.awaits.iter().map(|awaited| awaited.subject);
                let enforcer = Enforcer::until_enforced(awaited.collect(), reading());
                self.enforce(enforcer).await?;
            } else if is_appended {
                // Where the log does not answer, the alarm asks it again.
                self.enforce_in_background();
            }
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
}
