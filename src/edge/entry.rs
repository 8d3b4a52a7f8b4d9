//! The data plane's entry, called by `shim/edge.js`.

use wasm_bindgen::prelude::*;
use web_sys::{Headers, Request};

use crate::edge::{client, exposure, memory, oauth};
use crate::http::{AdminPlace, EdgeReport, Place, Problem, checked_path};
use crate::runtime::bindings::Context;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate::Edge;
use crate::runtime::promise::promise;
use crate::runtime::respond::{finish, not_set_up, path_is_ambiguous, refusal, respond};
use crate::verify::browser_sign;

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
    let incoming = Incoming::of(request, headers, url, authorization);
    let sign = browser_sign(signs & 1 != 0, signs & 2 != 0, signs & 4 != 0);
    let Some(edge) = Edge::of(env, context) else {
        return refusal(&incoming, not_set_up(), None);
    };
    let Some(path) = checked_path(incoming.path()) else {
        return refusal(&incoming, path_is_ambiguous(), None);
    };
    let place = edge.settings.routes.place(path);
    if place.refuses_browsers() && sign.is_some() {
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
        Place::Introspect => Ok(promise(async move {
            let answer = oauth::introspect(&edge, &incoming).await;
            finish(&incoming, answer)
        })),
        Place::Revoke => Ok(promise(async move {
            let answer = oauth::revoke(&edge, &incoming, incoming.request_id()).await;
            finish(&incoming, answer)
        })),
        Place::Admin(place) => Ok(told_of_this_edge(&edge, &place)),
        // Whether this plane is set up is known by now; the other has yet to say.
        Place::LeakReport | Place::Health => Ok(JsValue::NULL),
        _ => refusal(&incoming, Problem::no_such_address(path), None),
    }
}

/// What the status shows of this edge, as an [`EdgeReport`]; `null` for all else.
fn told_of_this_edge(edge: &Edge, place: &AdminPlace<'_>) -> JsValue {
    if *place != AdminPlace::Status {
        return JsValue::NULL;
    }
    let (records, bytes) = memory::with(&edge.settings, |memory| memory.view.size());
    let report = EdgeReport {
        records,
        bytes,
        unproven: edge.settings.serve_unproven.map(|most| most.0),
    };
    report.to_header().into()
}
