//! The relay's object: one per region and replica, in memory only.
//!
//! **Atomicity.** The state is borrowed between awaits, never across one. What
//! requests share is data: a question that waits for another's answer looks at
//! the state again, it never awaits the other's future.

use std::cell::RefCell;

use wasm_bindgen::prelude::*;
use worker::worker_sys::types::DurableObjectState;

use super::answer::ObjectAnswer;
use crate::expiring_semaphore::{ExpiringSemaphore, Permit};
use crate::freshness::message::{LogReply, LogRequest, RelayReply, RelayRequest};
use crate::freshness::relay::{Relay as Shared, Serve};
use crate::freshness::{Millis, SyncRequest};
use crate::json;
use crate::runtime::host;
use crate::runtime::objects::{self, Address};
use crate::settings::bindings;

/// Requests worked on at once. An isolate has one under way, so more are more
/// isolates than one relay can serve: they ask elsewhere.
const REQUESTS: usize = 1_024;
/// How long a permit is good for at most, in milliseconds: whoever asked is gone then.
const PERMIT_TTL: u64 = 4_000;

/// How often a waiting question looks at the shared state, in milliseconds.
const LOOK_EVERY: u64 = 5;

/// The object.
#[wasm_bindgen]
pub struct Relay {
    env: JsValue,
    relay: RefCell<Shared>,
    permits: RefCell<ExpiringSemaphore>,
}

#[wasm_bindgen]
impl Relay {
    /// The object at its start.
    #[wasm_bindgen(constructor)]
    pub fn new(_: DurableObjectState, env: JsValue) -> Self {
        Self {
            env,
            relay: RefCell::new(Shared::new()),
            permits: RefCell::new(ExpiringSemaphore::new(REQUESTS, PERMIT_TTL)),
        }
    }

    /// Takes a permit for a message that has yet to be read; none where there is
    /// too much to do.
    pub fn enter(&self, _yields: bool) -> Option<f64> {
        let permit = self.permits.borrow_mut().acquire(host::now().0);
        permit.map(Permit::into_number)
    }

    /// What it says to the message that took this permit.
    pub async fn answer(&self, message: String, _yields: bool, permit: f64) -> JsValue {
        let answer = self.say(&message).await;
        let mut permits = self.permits.borrow_mut();
        permits.release(Permit::from_number(permit));
        answer.into()
    }
}

impl Relay {
    async fn say(&self, message: &str) -> ObjectAnswer {
        let Ok(request) = json::from_str(message) else {
            return ObjectAnswer::Unread;
        };
        let reply = match request {
            RelayRequest::Sync(request) => self.serve(&request).await,
            // As one of an older version does: nobody sends them yet.
            RelayRequest::Watch(_) | RelayRequest::Confirm(_) => return ObjectAnswer::Unread,
            RelayRequest::Status {} => RelayReply::Status {
                proof_age_ms: self.relay.borrow().age(host::reading()),
            },
        };
        ObjectAnswer::reply(&reply)
    }

    async fn serve(&self, request: &SyncRequest) -> RelayReply {
        let arrived = host::reading();
        loop {
            let next = self
                .relay
                .borrow_mut()
                .serve(request, arrived, host::reading());
            match next {
                Serve::Reply(reply) => return RelayReply::Sync(reply),
                Serve::Unavailable => return RelayReply::Unavailable {},
                Serve::Wait(Millis(most)) => host::sleep(most.min(LOOK_EVERY)).await,
                Serve::SyncWithLog(sync) => {
                    let message = LogRequest::Sync(sync.request.clone());
                    let to = Address::of(bindings::CHANGE_LOG, objects::CHANGE_LOG);
                    let reply = objects::ask(&self.env, to, &message).await;
                    let mut relay = self.relay.borrow_mut();
                    match reply {
                        Ok(LogReply::Sync(reply)) => relay.accept(&sync, &reply, host::reading()),
                        _ => relay.failed(&sync, host::reading()),
                    }
                }
            }
        }
    }
}
