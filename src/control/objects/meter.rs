//! The meter's object: one per organization, beside its registry, which it keeps free.
//!
//! **Atomicity.** Each message runs from its first read to its last write in one
//! transaction without an await, so the runtime commits it whole and sends nothing before
//! it is durable: what was leased has been debited.

use std::cell::Cell;

use wasm_bindgen::prelude::*;
use worker::State;
use worker::worker_sys::types::DurableObjectState;

use super::alarm;
use super::answer::ObjectAnswer;
use super::sql::ObjectSql;
use crate::control::log;
use crate::json;
use crate::limits::ledgers::SqlLedgers;
use crate::limits::message::{LeaseReply, LeaseRequest};
use crate::limits::meter;
use crate::runtime::host;
use crate::runtime::zones::Iana;
use crate::sql::Sql as _;

/// How often ledgers of no use are dropped, in milliseconds.
const TIDY_EVERY: u64 = 86_400_000;

/// The object.
#[wasm_bindgen]
pub struct Meter {
    state: State,
    sql: ObjectSql,
    /// Whether the alarm is set.
    tidies: Cell<bool>,
}

#[wasm_bindgen]
impl Meter {
    /// The object at its start.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState) -> Self {
        let state = State::from(state);
        let sql = ObjectSql::of(&state);
        if let Err(error) = SqlLedgers(&sql).migrate() {
            log::storage_failed("Meter", &error);
        }
        Self {
            state,
            sql,
            tidies: Cell::new(false),
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

    /// The alarm went off.
    pub fn alarm(&self) {
        self.tidies.set(false);
        if let Err(error) = SqlLedgers(&self.sql).tidy(host::now().0) {
            log::storage_failed("Meter", &error);
        }
    }
}

impl Meter {
    fn say(&self, message: &str) -> ObjectAnswer {
        let Ok(request) = json::from_str::<LeaseRequest>(message) else {
            return ObjectAnswer::Unread;
        };
        let now = host::now();
        if !self.tidies.replace(true) {
            alarm::set(&self.state, now.plus(TIDY_EVERY));
        }
        let mut reply = LeaseReply::default();
        let leased = self.sql.transaction(&mut || {
            reply = meter::lease(&mut SqlLedgers(&self.sql), &request, &Iana, now.0)?;
            Ok(())
        });
        match leased {
            Ok(()) => ObjectAnswer::reply(&reply),
            Err(error) => {
                log::storage_failed("Meter", &error);
                ObjectAnswer::Failed
            }
        }
    }
}
