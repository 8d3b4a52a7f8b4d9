//! The relay's object: one per region and replica, in memory only.
//!
//! **Atomicity.** The state is borrowed between awaits, never across one. What
//! requests share is data: a question that waits for another's answer looks at
//! the state again, it never awaits the other's future.

use std::cell::RefCell;

use wasm_bindgen::prelude::*;
use worker::worker_sys::types::DurableObjectState;

use super::answer::ObjectAnswer;
use crate::freshness::message::{LogReply, LogRequest, RelayReply, RelayRequest};
use crate::freshness::relay::{Relay as Shared, Serve};
use crate::freshness::{Millis, Question};
use crate::in_flight::{InFlight, Place};
use crate::json;
use crate::runtime::host;
use crate::runtime::objects::{self, Address};
use crate::settings::names;

/// Questions worked on at once. An isolate has one under way, so more are more
/// isolates than one relay can serve: they ask elsewhere.
const QUESTIONS: usize = 1_024;
/// How long a question takes at most, in milliseconds: its asker is gone then.
const QUESTION_LASTS: u64 = 4_000;

/// How often a waiting question looks at the shared state, in milliseconds.
const LOOK_EVERY: u64 = 5;

/// The object.
#[wasm_bindgen]
pub struct Relay {
    env: JsValue,
    relay: RefCell<Shared>,
    questions: RefCell<InFlight>,
}

#[wasm_bindgen]
impl Relay {
    /// The object at its start.
    #[wasm_bindgen(constructor)]
    pub fn new(_: DurableObjectState, env: JsValue) -> Self {
        Self {
            env,
            relay: RefCell::new(Shared::new()),
            questions: RefCell::new(InFlight::new(QUESTIONS, QUESTION_LASTS)),
        }
    }

    /// Takes a place for a message that has yet to be read; none where there is
    /// too much to do.
    pub fn enter(&self, _yields: bool) -> Option<f64> {
        let place = self.questions.borrow_mut().enter(host::now().0);
        place.map(Place::into_number)
    }

    /// What it says to the message that took this place.
    pub async fn answer(&self, message: String, _yields: bool, place: f64) -> JsValue {
        let answer = self.say(&message).await;
        let mut questions = self.questions.borrow_mut();
        questions.leave(Place::from_number(place));
        answer.into()
    }
}

impl Relay {
    async fn say(&self, message: &str) -> ObjectAnswer {
        let Ok(request) = json::from_str(message) else {
            return ObjectAnswer::Unread;
        };
        let reply = match request {
            RelayRequest::Ask(question) => self.serve(&question).await,
            RelayRequest::Status {} => RelayReply::Status {
                proof_age_ms: self.relay.borrow().age(host::reading()),
            },
        };
        ObjectAnswer::reply(&reply)
    }

    async fn serve(&self, question: &Question) -> RelayReply {
        let arrived = host::reading();
        loop {
            let next = self
                .relay
                .borrow_mut()
                .serve(question, arrived, host::reading());
            match next {
                Serve::Answer(answer) => return RelayReply::Answer(answer),
                Serve::Unavailable => return RelayReply::Unavailable {},
                Serve::Wait(Millis(most)) => host::sleep(most.min(LOOK_EVERY)).await,
                Serve::AskLog(ask) => {
                    let message = LogRequest::Ask(ask.question.clone());
                    let to = Address::of(names::CHANGE_LOG, objects::CHANGE_LOG);
                    let reply = objects::ask(&self.env, to, &message).await;
                    let mut relay = self.relay.borrow_mut();
                    match reply {
                        Ok(LogReply::Answer(answer)) => {
                            relay.accept(&ask, &answer, host::reading())
                        }
                        _ => relay.failed(&ask, host::reading()),
                    }
                }
            }
        }
    }
}
