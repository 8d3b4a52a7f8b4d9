//! The change log's object: one for the whole deployment, so one name.
//!
//! **Atomicity.** Each event runs from its first read to its last write without
//! an await, so the runtime commits it whole and sends nothing before it is
//! durable.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::State;
use worker::worker_sys::types::DurableObjectState;

use super::answer::ObjectAnswer;
use super::sql::ObjectSql;
use crate::control::log;
use crate::freshness::change_log::ChangeLog as Log;
use crate::freshness::message::{LogReply, LogRequest};
use crate::freshness::sql_log::{self, SqlLog};
use crate::freshness::{Bound, Incarnation};
use crate::json;
use crate::random::Randomness as _;
use crate::runtime::host;
use crate::runtime::objects;
use crate::settings::bindings;
use crate::sql::SqlError;

/// The object.
#[wasm_bindgen]
pub struct ChangeLog {
    log: RefCell<Log<SqlLog<ObjectSql>>>,
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
        if let Err(error) = prepare(&sql, &mut log, env) {
            log::storage_failed("ChangeLog", &error);
        }
        Self {
            log: RefCell::new(log),
        }
    }

    /// Every message has its place: none takes longer than it takes to answer.
    pub fn enter(&self, _yields: bool) -> Option<f64> {
        Some(0.0)
    }

    /// What it says to a message.
    pub fn answer(&self, message: &str) -> JsValue {
        self.say(message).into()
    }
}

impl ChangeLog {
    fn say(&self, message: &str) -> ObjectAnswer {
        let Ok(request) = json::from_str::<LogRequest>(message) else {
            return ObjectAnswer::Unread;
        };
        let now = host::reading();
        // No await from here on.
        let mut log = self.log.borrow_mut();
        let reply = match &request {
            LogRequest::Sync(request) => log.sync(request, now).map(LogReply::Sync),
            LogRequest::Append(append) => log.append(append, now).map(LogReply::Ack),
            LogRequest::RestoreCheck(request) => {
                log.check_restored(request).map(LogReply::RestoreCheck)
            }
            // As one of an older version does: nobody sends them yet.
            LogRequest::Watch(_) | LogRequest::Confirm(_) | LogRequest::Await(_) => {
                return ObjectAnswer::Unread;
            }
            LogRequest::Status {} => log
                .status(now)
                .map(|(meta, head)| LogReply::Status(meta.into_status(head))),
        };
        match reply {
            Ok(reply) => ObjectAnswer::reply(&reply),
            Err(error) => {
                log::storage_failed("ChangeLog", &error);
                ObjectAnswer::Failed
            }
        }
    }
}

/// Makes the tables and takes over the operator's bound.
fn prepare(
    sql: &ObjectSql,
    log: &mut Log<SqlLog<ObjectSql>>,
    env: &JsValue,
) -> Result<(), SqlError> {
    sql_log::create_tables(sql)?;
    let wanted =
        objects::variable(env, bindings::FRESHNESS_BOUND_MS).and_then(|text| text.parse().ok());
    let now = host::reading();
    match wanted.and_then(Bound::new) {
        Some(wanted) if log.status(now)?.0.lease != wanted => log.set_bound(wanted, now),
        _ => Ok(()),
    }
}
