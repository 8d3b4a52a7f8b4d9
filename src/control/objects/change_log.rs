//! The change log's object: one for the whole deployment, so one name.
//!
//! **Atomicity.** Each event runs from its first read to its last write without
//! an await, so the runtime commits it whole and sends nothing before it is
//! durable. A message that is held looks at storage again after each wait, in the
//! turn that answers it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::State;
use worker::worker_sys::types::DurableObjectState;

use super::answer::ObjectAnswer;
use super::notify::Notify;
use super::sql::ObjectSql;
use crate::control::log;
use crate::expiring_semaphore::{ExpiringSemaphore, Permit};
use crate::freshness::account::{Account, AccountStatus};
use crate::freshness::append::{Append, Await};
use crate::freshness::change_log::{AwaitStep, ChangeLog as Log};
use crate::freshness::message::{LogReply, LogRequest, LogStatus};
use crate::freshness::recent::Recent;
use crate::freshness::relay::Relay;
use crate::freshness::sql_log::{self, SqlLog};
use crate::freshness::sync::Watch;
use crate::freshness::{Bound, Cursor, Incarnation, LogClock, Millis, Reading};
use crate::json;
use crate::random::Randomness as _;
use crate::runtime::host;
use crate::runtime::isolate;
use crate::sql::SqlError;

/// Messages held at once: one of each holder, and of each change that is waited for.
const HELD: usize = 2 * Account::<LogClock>::LIMIT;
/// How long one is held at most, and a while, in milliseconds: whoever sent it is gone
/// then.
const HELD_FOR: u64 = Relay::HOLD.0 + 4_000;

/// The object.
#[wasm_bindgen]
pub struct ChangeLog {
    /// Whether the settings can be used. Else it answers nothing: by a bound that the
    /// operator did not mean, nothing is proven.
    is_set_up: bool,
    log: RefCell<Log<SqlLog<ObjectSql>>>,
    recent: RefCell<Recent>,
    held: RefCell<ExpiringSemaphore>,
    /// Whether it keeps account of the leases that it gives.
    confirms: bool,
    /// The place that nobody decides below, as it was found last.
    floor: Cell<Option<Cursor>>,
    /// Something urgent was appended.
    urged: Notify,
    /// That place is another.
    confirmed: Notify,
}

#[wasm_bindgen]
impl ChangeLog {
    /// The object at its start.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: &JsValue) -> Self {
        let state = State::from(state);
        let sql = Rc::new(ObjectSql::of(&state));
        let mut bits = [0; 8];
        host::Crypto.fill(&mut bits);
        let mut log = Log::start(
            SqlLog::over(Rc::clone(&sql)),
            Incarnation::from_random(u64::from_be_bytes(bits)),
        );
        let settings = isolate::settings(env);
        let confirms = settings.as_ref().is_some_and(|of| of.confirmations);
        if confirms {
            log = log.with_confirmations(Account::<LogClock>::LIMIT);
        }
        let bound = settings.as_ref().and_then(|of| of.bound);
        if let Err(error) = prepare(&sql, &mut log, bound) {
            log::storage_failed("ChangeLog", &error);
        }
        Self {
            is_set_up: settings.is_some(),
            log: RefCell::new(log),
            recent: RefCell::default(),
            held: RefCell::new(ExpiringSemaphore::new(HELD, HELD_FOR)),
            confirms,
            floor: Cell::new(None),
            urged: Notify::default(),
            confirmed: Notify::default(),
        }
    }

    /// Every message has its place: none takes longer than it takes to answer, and
    /// where too many are held the next is answered at once.
    pub fn enter(&self, _yields: bool) -> Option<f64> {
        Some(0.0)
    }

    /// What it says to a message.
    pub async fn answer(&self, message: String) -> JsValue {
        self.say(&message).await.into()
    }
}

impl ChangeLog {
    async fn say(&self, message: &str) -> ObjectAnswer {
        let Ok(request) = json::from_str::<LogRequest>(message) else {
            return ObjectAnswer::Unread;
        };
        if !self.is_set_up {
            return ObjectAnswer::Failed;
        }
        let now = host::reading();
        // From here on no await, but where a message is held.
        let reply = match &request {
            // As one of an older version does: whoever asks then looks away for a while.
            LogRequest::Watch(_) | LogRequest::Confirm(_) | LogRequest::Await(_)
                if !self.confirms =>
            {
                return ObjectAnswer::Unread;
            }
            LogRequest::Sync(request) => {
                let reply = self.log.borrow_mut().sync(request, now);
                self.note_floor(now);
                reply.map(LogReply::Sync)
            }
            LogRequest::Watch(watch) => self.watch(watch, now).await,
            LogRequest::Confirm(confirm) => {
                self.log.borrow_mut().confirm(confirm, now);
                self.note_floor(now);
                Ok(LogReply::Confirmed {})
            }
            LogRequest::Append(append) => self.append(append, now),
            LogRequest::Await(ask) => self.await_floor(ask, now).await,
            LogRequest::RestoreCheck(request) => {
                (self.log.borrow().check_restored(request)).map(LogReply::RestoreCheck)
            }
            LogRequest::Status {} => self.status(now).map(LogReply::Status),
        };
        match reply {
            Ok(reply) => ObjectAnswer::reply(&reply),
            Err(error) => {
                log::storage_failed("ChangeLog", &error);
                ObjectAnswer::Failed
            }
        }
    }

    fn append(&self, append: &Append, now: Reading<LogClock>) -> Result<LogReply, SqlError> {
        let ack = self.log.borrow_mut().append(append, now)?;
        if append.waits {
            self.recent.borrow_mut().appended(&ack, now);
            self.urged.notify_waiters();
        }
        Ok(LogReply::Ack(ack))
    }

    /// A message of a holder came, or a lease is over, and may have raised the floor.
    fn note_floor(&self, now: Reading<LogClock>) {
        let Ok(floor) = self.log.borrow_mut().floor(now) else {
            return;
        };
        if self.floor.replace(floor) != floor {
            self.confirmed.notify_waiters();
        }
        if let Some(floor) = floor {
            self.recent.borrow_mut().confirmed(floor, now);
        }
    }

    async fn watch(&self, watch: &Watch, arrived: Reading<LogClock>) -> Result<LogReply, SqlError> {
        let mut held = Held::begin(self, watch.hold_ms.min(Relay::HOLD), arrived);
        let mut is_noted = false;
        loop {
            let (now, left) = held.look();
            let request = &watch.request;
            let over = left == Millis::ZERO;
            let said = (self.log.borrow_mut()).watch(request, arrived, over, now);
            if !is_noted {
                is_noted = true;
                self.note_floor(now);
            }
            match said? {
                Some(reply) => return Ok(LogReply::Sync(reply)),
                None => self.urged.within(left).await,
            }
        }
    }

    async fn await_floor(
        &self,
        ask: &Await,
        arrived: Reading<LogClock>,
    ) -> Result<LogReply, SqlError> {
        let mut held = Held::begin(self, ask.hold_ms.min(Await::HOLD), arrived);
        loop {
            let (now, left) = held.look();
            let over = left == Millis::ZERO;
            let said = (self.log.borrow_mut()).await_floor(ask, over, now);
            match said? {
                AwaitStep::Reply(floor) => {
                    self.note_floor(now);
                    return Ok(LogReply::Floor(floor));
                }
                AwaitStep::Hold(next) => {
                    self.confirmed.within(next.min(left)).await;
                }
            }
        }
    }

    fn status(&self, now: Reading<LogClock>) -> Result<LogStatus, SqlError> {
        let mut log = self.log.borrow_mut();
        let (meta, head) = log.status(now)?;
        let lending = (log.account.as_mut())
            .map_or_else(AccountStatus::default, |account| account.status(now));
        Ok(LogStatus {
            incarnation: meta.incarnation,
            head,
            bound_ms: meta.lease,
            wait_for_ms: meta.wait_for,
            holders: lending.holders,
            expired_unconfirmed: lending.expired_unconfirmed,
            recent: self.recent.borrow_mut().list(now),
        })
    }
}

/// A message that is held. It has a permit to be; without one its hold is over at once.
struct Held<'a> {
    log: &'a ChangeLog,
    permit: Option<Permit>,
    until: Reading<LogClock>,
    hold: Millis,
}

impl<'a> Held<'a> {
    fn begin(log: &'a ChangeLog, hold: Millis, arrived: Reading<LogClock>) -> Self {
        let permit = log.held.borrow_mut().acquire(arrived.ms());
        let hold = permit.as_ref().map_or(Millis::ZERO, |_| hold);
        Self {
            log,
            permit,
            until: arrived.ahead_by(hold),
            hold,
        }
    }

    /// The present reading, and what is left of the hold; nothing on a clock that was
    /// set back.
    fn look(&mut self) -> (Reading<LogClock>, Millis) {
        let now = host::reading();
        let left = self.until.since(&now);
        let left = Some(left).filter(|left| *left <= self.hold);
        (now, left.unwrap_or_default())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.log.held.borrow_mut().release(permit);
        }
    }
}

/// Makes the tables and takes over the operator's bound.
fn prepare(
    sql: &ObjectSql,
    log: &mut Log<SqlLog<ObjectSql>>,
    bound: Option<Bound>,
) -> Result<(), SqlError> {
    sql_log::create_tables(sql)?;
    let now = host::reading();
    match bound {
        Some(wanted) if log.status(now)?.0.lease != wanted => log.set_bound(wanted, now),
        _ => Ok(()),
    }
}
