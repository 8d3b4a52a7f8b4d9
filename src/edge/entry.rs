//! The Worker's entry, called by `shim/index.js`.

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::Request;
use worker::worker_sys::Context;

use super::incoming::Incoming;
use super::isolate::{self, Edge};
use super::respond::{respond, respond_again};
use super::{admin, client, exposure, leaks, log, oauth};
use crate::http::{Answer, Code, Place, Problem, checked_path};

/// Answers one request: with a `Response` where memory suffices, else with a
/// promise of one. `url` and `authorization` are the request's; `signs` says
/// which of the headers that show a browser it has: 1 `Origin`, 2
/// `Sec-Fetch-Site`, 4 `Sec-Fetch-Dest`.
///
/// # Errors
/// Where the runtime would not build the answer; the shim makes an
/// `internal_error` of it.
#[wasm_bindgen]
pub fn handle(
    request: Request,
    env: JsValue,
    context: Context,
    url: String,
    authorization: Option<String>,
    signs: u8,
) -> Result<JsValue, JsValue> {
    let incoming = Incoming::of(request, url, authorization, signs);
    if incoming.path() == "/healthz" {
        return respond(&health(&incoming)).map(JsValue::from);
    }
    let Some(settings) = isolate::settings(&env) else {
        return refuse(
            &incoming,
            Problem::from(Code::InternalError).because("The service is not set up yet."),
        );
    };
    let Some(path) = checked_path(incoming.path()) else {
        return refuse(
            &incoming,
            Problem::invalid("path", "The path could be read in more than one way."),
        );
    };
    let edge = Edge {
        env,
        settings,
        context: std::rc::Rc::new(context),
    };
    let place = Place::of(path);
    if place.refuses_browsers() && incoming.browser_sign().is_some() {
        let (origin, request_id) = (incoming.origin().to_owned(), incoming.request_id());
        let problem = exposure::refused_browser(&edge, incoming);
        return respond(&problem.into_answer(&origin, &request_id)).map(JsValue::from);
    }
    if place.refuses_browsers()
        && let Some(problem) = exposure::key_in_address(&edge, &incoming)
    {
        return refuse(&incoming, problem);
    }
    match place {
        Place::OwnKey
        | Place::OwnUsage
        | Place::Gateway
        | Place::Authorize
        | Place::ForwardAuth(_) => client::handle(edge, incoming),
        Place::Introspect => Ok(future_to_promise(async move {
            let answer = oauth::introspect(&edge, &incoming).await;
            finish(&incoming, &incoming.request_id(), answer)
        })
        .into()),
        Place::Revoke => Ok(future_to_promise(async move {
            let request_id = incoming.request_id();
            let answer = oauth::revoke(&edge, &incoming, &request_id).await;
            finish(&incoming, &request_id, answer)
        })
        .into()),
        Place::LeakReport => Ok(future_to_promise(async move {
            let request_id = incoming.request_id();
            let answer = leaks::github(&edge, &incoming, &request_id).await;
            finish(&incoming, &request_id, answer)
        })
        .into()),
        Place::Admin(_) => Ok(future_to_promise(async move {
            let request_id = incoming.request_id();
            let Place::Admin(place) = Place::of(incoming.path()) else {
                return Ok(JsValue::UNDEFINED);
            };
            let answer = admin::answer(&edge, &incoming, &place, &request_id).await;
            finish(&incoming, &request_id, answer)
        })
        .into()),
        _ => refuse(&incoming, Code::NotFound.into()),
    }
}

fn finish(
    incoming: &Incoming,
    request_id: &str,
    answer: Result<Answer, Problem>,
) -> Result<JsValue, JsValue> {
    let answer = answer.unwrap_or_else(|problem| {
        log::refused(incoming, &problem, request_id);
        problem.into_answer(incoming.origin(), request_id)
    });
    respond(&answer).map(JsValue::from)
}

fn refuse(incoming: &Incoming, problem: Problem) -> Result<JsValue, JsValue> {
    respond_again(problem.into_answer(incoming.origin(), &incoming.request_id())).map(JsValue::from)
}

fn health(incoming: &Incoming) -> Answer {
    match incoming.method() {
        "GET" | "HEAD" => Answer::json(200, &serde_json::json!({ "status": "ok" }))
            .with("cache-control", "no-store"),
        _ => Problem::method_not_allowed("GET, HEAD")
            .into_answer(incoming.origin(), &incoming.request_id()),
    }
}
