//! `/v1/*`: what was granted goes on to the API behind, bodies streamed.

use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, Request, RequestInit, RequestRedirect, Response, ResponseInit,
};

use super::bindings::{self, Fetcher};
use super::incoming::Incoming;
use crate::http::{Code, Problem, is_stripped_from_request, is_stripped_from_response};
use crate::key::Environment;
use crate::settings::names;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = Fetcher)]
    pub(super) type Service;

    #[wasm_bindgen(method, catch, js_name = fetch)]
    fn fetch_request(this: &Service, request: &Request) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch, js_name = fetch)]
    fn global_fetch(request: &Request) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_namespace = Array, js_name = from)]
    fn array_from(iterable: &JsValue) -> Array;

    #[wasm_bindgen(method)]
    fn keys(this: &HeaderNames) -> JsValue;

    #[wasm_bindgen(extends = Headers)]
    type HeaderNames;
}

/// Which API a key's requests go to.
pub(super) enum Behind {
    /// A Worker.
    Service(Service),
    /// An origin without a trailing slash.
    Origin(String),
}

/// The API behind for this environment; `None` where there is none.
pub(super) fn behind(env: &JsValue, environment: Environment) -> Option<Behind> {
    let service = |name| {
        bindings::binding(env, name).map(|service| Behind::Service(service.unchecked_into()))
    };
    match environment {
        Environment::Test => service(names::UPSTREAM_TEST),
        Environment::Live | Environment::Admin => service(names::UPSTREAM).or_else(|| {
            let origin = super::objects::variable(env, names::UPSTREAM_URL)?;
            Some(Behind::Origin(origin.trim_end_matches('/').to_owned()))
        }),
    }
}

/// The names in `headers`, lower-case, each once, with line feeds between: handed
/// over in one piece.
fn names_of(headers: &Headers) -> String {
    let names = headers.unchecked_ref::<HeaderNames>().keys();
    array_from(&names).join("\n").into()
}

/// Whether `Connection` names this header, which then holds for one connection.
fn names(connection: &str, name: &str) -> bool {
    connection
        .split(',')
        .any(|token| token.trim().eq_ignore_ascii_case(name))
}

/// The client's request as it goes on: its headers without those that stay
/// behind, then ours. What `Connection` names holds for one connection (RFC 9110
/// section 7.6.1), but it cannot name ours away: they are set last.
fn outgoing(
    incoming: &Incoming,
    behind: &Behind,
    identity: &[(&'static str, String)],
    init: &RequestInit,
) -> Result<Request, JsValue> {
    let request = match behind {
        // The URL is taken over as it is, whatever the parser would make of it.
        Behind::Service(_) => Request::new_with_request_and_init(&incoming.request, init)?,
        Behind::Origin(origin) => {
            let url = format!("{origin}{}", incoming.target());
            let moved = Request::new_with_str_and_init(
                &url,
                incoming.request.unchecked_ref::<RequestInit>(),
            )?;
            Request::new_with_request_and_init(&moved, init)?
        }
    };
    let headers = request.headers();
    let connection = incoming.header("connection").unwrap_or_default();
    for name in names_of(&headers).split('\n') {
        if is_stripped_from_request(name) || names(&connection, name) {
            headers.delete(name)?;
        }
    }
    for (name, value) in identity {
        headers.set(name, value)?;
    }
    Ok(request)
}

/// The upstream's answer as the client gets it.
fn returned(answer: &Response, added: &[(&'static str, String)]) -> Result<Response, JsValue> {
    // The answer stands in for the init: status and headers are taken from it.
    let init: &ResponseInit = answer.unchecked_ref();
    let response = Response::new_with_opt_readable_stream_and_init(answer.body().as_ref(), init)?;
    let headers = response.headers();
    let connection = headers.get("connection")?.unwrap_or_default();
    for name in names_of(&headers).split('\n') {
        if is_stripped_from_response(name) || names(&connection, name) {
            headers.delete(name)?;
        }
    }
    for (name, value) in added {
        headers.set(name, value)?;
    }
    Ok(response)
}

/// Sends the request on and gives the answer back, neither body held. The
/// upstream may take as long as `deadline` until its headers are there.
pub(super) async fn forward(
    incoming: &Incoming,
    behind: &Behind,
    identity: &[(&'static str, String)],
    added: &[(&'static str, String)],
    deadline: Duration,
) -> Result<Response, Problem> {
    let unavailable = |_: JsValue| Problem::from(Code::UpstreamUnavailable);
    let controller = AbortController::new().map_err(unavailable)?;
    let init = RequestInit::new();
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&controller.signal()));
    let request = outgoing(incoming, behind, identity, &init).map_err(unavailable)?;
    let sent = match behind {
        Behind::Service(service) => service.fetch_request(&request),
        Behind::Origin(_) => global_fetch(&request),
    };
    let sent = JsFuture::from(sent.map_err(unavailable)?);
    // Dropped, and so cleared, as soon as the headers are there: a long stream
    // is nobody's fault.
    let deadline = std::pin::pin!(worker::Delay::from(deadline));
    match select(sent, deadline).await {
        Either::Left((answer, _)) => {
            returned(&answer.map_err(unavailable)?.unchecked_into(), added).map_err(unavailable)
        }
        Either::Right(_) => {
            controller.abort();
            Err(Code::UpstreamTimeout.into())
        }
    }
}
