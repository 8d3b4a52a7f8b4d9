//! The control plane's entry, called by `shim/control.js`.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::{Headers, Request};

use crate::control::log;
use crate::control::{admin, failures, leaks};
use crate::http::{Answer, Body, Code, JSON, Place, Problem, checked_path};
use crate::runtime::bindings::Context;
use crate::runtime::host;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate::Edge;
use crate::runtime::promise::promise;
use crate::runtime::respond::{finish, not_set_up, path_is_ambiguous, refusal};

/// Answers one request with a `Response`, or with a promise of one or of a listing
/// that has more pages. `headers`, `url` and `authorization` are the request's.
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
) -> Result<JsValue, JsValue> {
    let incoming = Incoming::of(request, headers, url, authorization);
    let Some(edge) = Edge::of(env, context) else {
        return refusal(&incoming, not_set_up(), None);
    };
    let Some(path) = checked_path(incoming.path()) else {
        return refusal(&incoming, path_is_ambiguous(), None);
    };
    match edge.settings.routes.place(path) {
        Place::Admin(_) => Ok(promise(async move {
            let Place::Admin(place) = Place::of(incoming.path()) else {
                return Ok(JsValue::UNDEFINED);
            };
            let answer = admin::answer(&edge, &incoming, &place, incoming.request_id()).await;
            counted(&edge, &incoming, answer)
        })),
        Place::LeakReport => Ok(promise(async move {
            let answer = leaks::github(&edge, &incoming, incoming.request_id()).await;
            counted(&edge, &incoming, answer)
        })),
        Place::Health => finish(&incoming, health(&incoming)),
        _ => refusal(&incoming, Code::NotFound.into(), None),
    }
}

/// Both planes are set up, or the request would not have come this far.
fn health(incoming: &Incoming) -> Result<Answer, Problem> {
    match incoming.method() {
        "GET" | "HEAD" => Ok(
            Answer::new(200, Body::Text(JSON, r#"{"status":"ok"}"#.to_owned()))
                .with("cache-control", "no-store"),
        ),
        _ => Err(Problem::method_not_allowed("GET, HEAD")),
    }
}

/// Answers, and has a refusal counted where the operator looks.
fn counted(
    edge: &Edge,
    incoming: &Incoming,
    answer: Result<Answer, Problem>,
) -> Result<JsValue, JsValue> {
    if answer.is_err() {
        failures::flush_later(edge, host::now());
    }
    finish(incoming, answer)
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
    let incoming = Incoming::of(request, headers, url, authorization);
    let edge = Edge::of(env, context).ok_or(JsValue::UNDEFINED)?;
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
