//! The directory's object: which organizations there are. One for all.
//!
//! **Atomicity.** One statement per event.

use wasm_bindgen::prelude::*;
use worker::State;
use worker::worker_sys::types::DurableObjectState;

use super::answer::ObjectAnswer;
use super::sql::ObjectSql;
use crate::control::log;
use crate::json;
use crate::registry::directory;

/// The object.
#[wasm_bindgen]
pub struct Directory {
    sql: ObjectSql,
}

#[wasm_bindgen]
impl Directory {
    /// The object at its start.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState) -> Self {
        let sql = ObjectSql::of(&State::from(state));
        if let Err(error) = directory::migrate(&sql) {
            log::storage_failed("Directory", &error);
        }
        Self { sql }
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

impl Directory {
    fn say(&self, message: &str) -> ObjectAnswer {
        let Ok(order) = json::from_str::<directory::Order>(message) else {
            return ObjectAnswer::Unread;
        };
        match directory::handle(&self.sql, &order) {
            Ok(page) => ObjectAnswer::reply(&page),
            Err(error) => {
                log::storage_failed("Directory", &error);
                ObjectAnswer::Failed
            }
        }
    }
}
