//! The Worker's entry, called by `shim/index.js`.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{Headers, Request};
use worker::worker_sys::Context;

use crate::control::admin;
use crate::control::leaks;
use crate::edge::client;
use crate::edge::exposure;
use crate::edge::oauth;
use crate::http::{Answer, Body, Code, Place, Problem, checked_path};
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate::{self, Edge};
use crate::runtime::log;
use crate::runtime::respond::{refusal, refuse, respond};

/// Answers one request: with a `Response` or a [plan](crate::edge::gateway::Plan) where
/// memory suffices, else with a promise of either. `headers`, `url` and `authorization` are the request's; `signs` says
/// which of the headers that show a browser it has: 1 `Origin`, 2
/// `Sec-Fetch-Site`, 4 `Sec-Fetch-Dest`.
///
/// # Errors
/// Where the runtime would not build the answer; the shim makes an
/// `internal_error` of it.
#[wasm_bindgen]
pub fn handle(
    request: Request,
    headers: Headers,
    env: JsValue,
    context: Context,
    url: String,
    authorization: Option<String>,
    signs: u8,
) -> Result<JsValue, JsValue> {
    let incoming = Incoming::of(request, headers, url, authorization, signs);
    if incoming.path() == "/healthz" {
        return respond(&health(&incoming));
    }
    let Some(settings) = isolate::settings(&env) else {
        return refusal(
            &incoming,
            Problem::from(Code::InternalError).because("The service is not set up yet."),
            None,
        );
    };
    let Some(path) = checked_path(incoming.path()) else {
        return refusal(
            &incoming,
            Problem::invalid("path", "The path could be read in more than one way."),
            None,
        );
    };
    let edge = Edge {
        env,
        settings,
        context: std::rc::Rc::new(context),
    };
    let place = Place::of(path);
    if place.refuses_browsers() && incoming.browser_sign().is_some() {
        let (origin, request_id) = (
            incoming.origin().to_owned(),
            incoming.request_id().to_owned(),
        );
        let problem = exposure::refused_browser(&edge, incoming);
        return respond(&problem.into_answer(&origin, &request_id));
    }
    if place.refuses_browsers()
        && let Some(problem) = exposure::key_in_address(&edge, &incoming)
    {
        return refusal(&incoming, problem, None);
    }
    match place {
        Place::OwnKey
        | Place::OwnUsage
        | Place::Gateway
        | Place::Authorize
        | Place::ForwardAuth(_) => client::handle(edge, incoming),
        Place::Introspect => Ok(future_to_promise(async move {
            let answer = oauth::introspect(&edge, &incoming).await;
            finish(&incoming, answer)
        })
        .into()),
        Place::Revoke => Ok(future_to_promise(async move {
            let answer = oauth::revoke(&edge, &incoming, incoming.request_id()).await;
            finish(&incoming, answer)
        })
        .into()),
        Place::LeakReport => Ok(future_to_promise(async move {
            let answer = leaks::github(&edge, &incoming, incoming.request_id()).await;
            finish(&incoming, answer)
        })
        .into()),
        Place::Admin(_) => Ok(future_to_promise(async move {
            let Place::Admin(place) = Place::of(incoming.path()) else {
                return Ok(JsValue::UNDEFINED);
            };
            let answer = admin::answer(&edge, &incoming, &place, incoming.request_id()).await;
            finish(&incoming, answer)
        })
        .into()),
        _ => refusal(&incoming, Code::NotFound.into(), None),
    }
}

/// The lines of a listing after `next`, which the page before gave: a pair of their
/// text and of the cursor after which there are more, if there are. The other
/// parameters are those of [`handle`].
///
/// # Errors
/// Where there is no such page for this caller any more; the client's answer is
/// then broken off.
#[wasm_bindgen]
pub async fn lines_after(
    request: Request,
    headers: Headers,
    env: JsValue,
    context: Context,
    url: String,
    authorization: Option<String>,
    next: String,
) -> Result<Array, JsValue> {
    let incoming = Incoming::of(request, headers, url, authorization, 0);
    let settings = isolate::settings(&env).ok_or(JsValue::UNDEFINED)?;
    let edge = Edge {
        env,
        settings,
        context: std::rc::Rc::new(context),
    };
    match admin::lines_after(&edge, &incoming, &next).await {
        Ok(Body::Lines(text, next)) => Ok(Array::of2(&text.into(), &next.into())),
        Ok(Body::Text(_, text)) => Ok(Array::of1(&text.into())),
        Ok(Body::Empty) => Ok(Array::of1(&"".into())),
        Err(problem) => {
            log::refused(&incoming, &problem);
            Err(problem.code.as_str().into())
        }
    }
}

fn finish(incoming: &Incoming, answer: Result<Answer, Problem>) -> Result<JsValue, JsValue> {
    match answer {
        Ok(answer) => respond(&answer),
        Err(problem) => refuse(incoming, problem, None),
    }
}

fn health(incoming: &Incoming) -> Answer {
    match incoming.method() {
        "GET" | "HEAD" => Answer::json(200, &serde_json::json!({ "status": "ok" }))
            .with("cache-control", "no-store"),
        _ => Problem::method_not_allowed("GET, HEAD")
            .into_answer(incoming.origin(), incoming.request_id()),
    }
}
