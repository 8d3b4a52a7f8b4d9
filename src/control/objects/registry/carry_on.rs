//! Carries the outbox on: to the change log, the directory, `_platform` and Workers KV.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Shared, reading};
use crate::control::kv;
use crate::control::objects::{DIRECTORY, alarm};
use crate::freshness::Millis;
use crate::freshness::enforcer::Enforcer;
use crate::freshness::message::{LogReply, LogRequest};
use crate::freshness::restore_guard::{GuardEvent, GuardStep, RestoreGuard};
use crate::key::OrganizationId;
use crate::registry::message::{Actor, Command, MESSAGE_VERSION, Page, RegistryResponse, Request};
use crate::registry::{self, deletion, directory, outbox};
use crate::runtime::host;
use crate::runtime::objects::{self, Address};
use crate::settings::{Settings, bindings};
use crate::sql::SqlError;
use crate::time::Timestamp;

/// How long another object may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How soon the alarm tries the change log again, in milliseconds.
const TRY_AGAIN: u64 = 1_000;
/// Subjects published in one go.
const BATCH: u64 = 100;

impl Shared {
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

    /// Asks the change log, which may hold its answer.
    pub(super) async fn ask_log(&self, message: &LogRequest) -> Option<LogReply> {
        let held = match message {
            LogRequest::Await(ask) => Duration::from_millis(ask.hold_ms.0),
            _ => Duration::ZERO,
        };
        let to = Address::of_change_log().within(ANSWER + held);
        objects::ask(&self.env, to, message).await.ok()
    }

    /// Tells the directory of the organization's own fields; whether it knows
    /// them now.
    pub(super) async fn tell_directory(&self) -> bool {
        let Ok(Some(order)) = directory::pending_order(&self.sql) else {
            return true;
        };
        let told: Option<Page<directory::Listed>> =
            self.ask(bindings::DIRECTORY, DIRECTORY, &order).await;
        told.is_some() && directory::mark_told(&self.sql, &order).is_ok()
    }

    /// Has `_platform` put a deletion on record and end the admin keys tied to what
    /// was deleted; whether it has by now.
    pub(super) async fn tell_platform(&self) -> bool {
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
    pub(super) async fn carry_on(&self, settings: &Settings) -> Result<(), SqlError> {
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
    pub(super) fn longest_wait(&self) -> Option<Millis> {
        self.wait
            .borrow_mut()
            .as_mut()
            .and_then(|wait| wait.longest_wait(reading()))
    }

    /// Writes a batch to Workers KV: what the change log has acknowledged, since
    /// no revision may be seen anywhere that the log does not know.
    pub(super) async fn publish(&self, settings: &Settings) -> Result<(), SqlError> {
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
