//! The gateway: granted requests go on to the API behind. The shim forwards them; this
//! file says what goes where. Which headers are stripped: `http::identity`.

use std::cell::OnceCell;
use std::time::Duration;

use js_sys::JsString;
use wasm_bindgen::prelude::*;
use web_sys::{Headers, Request};

use crate::http::{Code, Passage, Route, request_passage, response_passage};
use crate::key::Environment;
use crate::runtime::bindings;
use crate::runtime::incoming::Incoming;
use crate::runtime::respond::refuse;
use crate::settings::bindings::TEST_OF;
use crate::settings::{Settings, Target};

/// What `forward` of the shim does.
pub(crate) struct Plan {
    pub(crate) behind: Behind,
    /// Headers for the API, by [`lines`].
    pub(crate) identity: JsString,
    /// Headers for the client, by [`lines`].
    pub(crate) added: JsString,
    /// How long the API may take until its headers are there.
    pub(crate) deadline: Duration,
    /// Whether the key leaked: a refusal says so too.
    pub(crate) is_restricted: bool,
}

impl From<Plan> for JsValue {
    fn from(plan: Plan) -> Self {
        let Behind { binding, url } = plan.behind;
        bindings::plan(
            &binding,
            url,
            &plan.identity,
            &plan.added,
            plan.deadline.as_millis() as f64,
            plan.is_restricted,
        )
    }
}

/// Names and values by turns, with line feeds between: handed over in one piece.
pub(crate) fn lines(headers: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.extend([name, "\n", &value]);
    }
    lines
}

/// Where the API behind is: in a Worker by its binding, or at a URL.
pub(crate) struct Behind {
    binding: JsString,
    url: Option<String>,
}

thread_local! {
    /// The names of all upstreams' bindings, as JavaScript has them: for `live` and
    /// for `test` keys by turns.
    static SERVICES: OnceCell<Vec<JsString>> = const { OnceCell::new() };
}

fn services(settings: &Settings) -> Vec<JsString> {
    let mut services = Vec::new();
    for (name, _) in &settings.upstreams {
        services.push(JsString::from(name.as_str()));
        services.push(JsString::from([name, TEST_OF].concat()));
    }
    services
}

/// The API behind a route for this environment, if there is one.
pub(crate) fn behind(
    settings: &Settings,
    incoming: &Incoming,
    route: &Route,
    of: Environment,
) -> Option<Behind> {
    let (place, upstream) = settings.upstream(route)?;
    let (service, url) = match (of, &upstream.live) {
        (Environment::Test, _) => (2 * place + 1, upstream.has_test.then_some(None)?),
        (_, Some(Target::Service)) => (2 * place, None),
        (_, Some(Target::Origin(origin))) => {
            (2 * place, Some([origin, incoming.target()].concat()))
        }
        (_, None) => return None,
    };
    let binding = SERVICES.with(|known| {
        let known = known.get_or_init(|| services(settings));
        known.get(service).cloned()
    })?;
    Some(Behind { binding, url })
}

/// What becomes of a header of this name, in lower case: 0 it goes on unless
/// `Connection` names it, 1 it goes on anyway, 2 it stays behind. The shim asks once
/// for each name.
#[wasm_bindgen]
pub fn passage(name: &str, is_of_request: bool) -> u8 {
    let passage = if is_of_request {
        request_passage(name)
    } else {
        response_passage(name)
    };
    match passage {
        Passage::GoesOn => 0,
        Passage::GoesOnAnyway => 1,
        Passage::StaysBehind => 2,
    }
}

/// The refusal of a request that the shim could not carry out. `code` is that of
/// the problem; `is_restricted` stood in the plan.
///
/// # Errors
/// Where the runtime would not build the answer.
#[wasm_bindgen]
pub fn not_forwarded(
    request: Request,
    headers: Headers,
    url: String,
    authorization: Option<String>,
    code: &str,
    is_restricted: bool,
) -> Result<JsValue, JsValue> {
    let incoming = Incoming::of(request, headers, url, authorization);
    let code = Code::parse(code).unwrap_or(Code::InternalError);
    let restriction = is_restricted.then(crate::edge::granted::restriction);
    refuse(&incoming, code.into(), restriction)
}
