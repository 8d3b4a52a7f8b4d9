//! The relay's object: one per region and replica, in memory only.
//!
//! **Atomicity.** The state is borrowed between awaits, never across one. What
//! requests share is data: a question that waits for another's answer looks at
//! the state again, it never awaits the other's future.

use std::cell::RefCell;
use std::time::Duration;

use wasm_bindgen::JsValue;
use worker::{Delay, DurableObject, Env, Request, Response, Result, State, durable_object};

use super::change_log;
use crate::edge::{objects, rim};
use crate::freshness::message::{LogReply, LogRequest, RelayReply, RelayRequest};
use crate::freshness::relay::{Relay as Shared, Serve};
use crate::freshness::{Millis, Question};
use crate::in_flight::InFlight;
use crate::settings::names;

/// Questions worked on at once. An isolate has one under way, so more are more
/// isolates than one relay can serve: they ask elsewhere.
const QUESTIONS: usize = 1_024;
/// How long a question takes at most, in milliseconds: its asker is gone then.
const QUESTION_LASTS: u64 = 4_000;

/// How often a waiting question looks at the shared state, in milliseconds.
const LOOK_EVERY: u64 = 5;

/// The object.
#[durable_object(fetch)]
pub struct Relay {
    env: JsValue,
    relay: RefCell<Shared>,
    questions: RefCell<InFlight>,
}

impl DurableObject for Relay {
    fn new(_: State, env: Env) -> Self {
        Self {
            env: env.into(),
            relay: RefCell::new(Shared::new()),
            questions: RefCell::new(InFlight::new(QUESTIONS, QUESTION_LASTS)),
        }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let place = self.questions.borrow_mut().enter(rim::now().0);
        let Some(place) = place else {
            return objects::overloaded();
        };
        let response = self.reply(request).await;
        self.questions.borrow_mut().leave(place);
        response
    }
}

impl Relay {
    async fn reply(&self, mut request: Request) -> Result<Response> {
        let request: RelayRequest = objects::message(&request.text().await?)?;
        let reply = match request {
            RelayRequest::Ask(question) => self.serve(&question).await,
            RelayRequest::Status {} => RelayReply::Status {
                proof_age_ms: self.relay.borrow().age(rim::reading()),
            },
        };
        Response::from_json(&reply)
    }

    async fn serve(&self, question: &Question) -> RelayReply {
        let arrived = rim::reading();
        loop {
            let next = self
                .relay
                .borrow_mut()
                .serve(question, arrived, rim::reading());
            match next {
                Serve::Answer(answer) => return RelayReply::Answer(answer),
                Serve::Unavailable => return RelayReply::Unavailable {},
                Serve::Wait(Millis(most)) => {
                    Delay::from(Duration::from_millis(most.min(LOOK_EVERY))).await
                }
                Serve::AskLog(ask) => {
                    let message = LogRequest::Ask(ask.question.clone());
                    let reply =
                        objects::ask(&self.env, names::CHANGE_LOG, change_log::NAME, &message)
                            .await;
                    let mut relay = self.relay.borrow_mut();
                    match reply {
                        Ok(LogReply::Answer(answer)) => relay.accept(&ask, &answer, rim::reading()),
                        _ => relay.failed(&ask, rim::reading()),
                    }
                }
            }
        }
    }
}
