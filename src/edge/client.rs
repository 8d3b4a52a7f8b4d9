//! Clients' routes: their own key, the gateway, forward-auth. What memory can
//! decide is answered without a promise.

use subtle::ConstantTimeEq as _;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::Response;

use super::authorize::{self, Asked, Granted};
use super::gateway;
use super::incoming::Incoming;
use super::isolate::Edge;
use super::respond::respond;
use super::rim;
use crate::http::{
    Answer, Body, Code, Freshness, Match, Place, Problem, address_behind, for_proxy, original,
    unknown_route,
};
use crate::key::Environment;
use crate::verify::{Audience, ClientAddress, Credentials, Demand};

/// What a client's route comes to once its key is granted.
enum Goal {
    /// `/v1/key`
    OwnKey,
    /// `/authorize` and its dialects: the identity, nothing else.
    Identity,
    /// On to the API behind.
    Forward,
    /// Only an authenticated caller learns that there is nothing here.
    Nothing(Problem),
}

/// A client's request, read once: what it asks for, and what that takes.
struct Route {
    goal: Goal,
    scope: Option<String>,
    freshness: Freshness,
    client: ClientAddress,
    is_for_proxy: bool,
}

impl Route {
    fn read(edge: &Edge, incoming: &Incoming) -> Result<Self, Problem> {
        let plain = |goal| Self {
            goal,
            scope: None,
            freshness: Freshness::Bounded,
            client: incoming.client_address(),
            is_for_proxy: false,
        };
        let by_table = |method: &str, path: &str| match edge.settings.routes.find(method, path) {
            Match::Route(route) => Ok((Some(route.scope().to_owned()), route.freshness())),
            Match::OtherMethod(allow) => Err(Problem::method_not_allowed(allow)),
            Match::None => Err(Code::NotFound.into()),
        };
        Ok(match Place::of(incoming.path()) {
            Place::OwnKey if matches!(incoming.method.as_str(), "GET" | "HEAD") => {
                plain(Goal::OwnKey)
            }
            Place::OwnKey => plain(Goal::Nothing(Problem::method_not_allowed("GET, HEAD"))),
            Place::Authorize => plain(Goal::Identity),
            Place::ForwardAuth(dialect) => {
                let header = |name: &str| incoming.header(name);
                let asked = original(dialect, &incoming.method, &header)?;
                let secret = incoming.header("katalo-forward-auth-secret");
                let is_proxy = match (&edge.settings.forward_auth_secret, secret) {
                    (Some(known), Some(shown)) => known.as_bytes().ct_eq(shown.as_bytes()).into(),
                    _ => false,
                };
                let client = address_behind(is_proxy, &header);
                match by_table(&asked.method, &asked.path) {
                    Ok((scope, freshness)) => Self {
                        goal: Goal::Identity,
                        scope,
                        freshness,
                        client,
                        is_for_proxy: true,
                    },
                    Err(_) => Self {
                        client,
                        is_for_proxy: true,
                        ..plain(Goal::Nothing(unknown_route()))
                    },
                }
            }
            _ => match by_table(&incoming.method, incoming.path()) {
                Ok((scope, freshness)) => Self {
                    scope,
                    freshness,
                    ..plain(Goal::Forward)
                },
                Err(problem) => plain(Goal::Nothing(problem)),
            },
        })
    }

    fn demand(&self) -> Demand<'_> {
        Demand {
            audience: Audience::Clients,
            scope: self.scope.as_deref(),
        }
    }
}

/// Answers a client's request.
pub(super) fn handle(edge: Edge, incoming: Incoming) -> Result<JsValue, JsValue> {
    let refuse = |problem: Problem, incoming: &Incoming| {
        respond(&problem.into_answer(incoming.origin(), &incoming.request_id())).map(JsValue::from)
    };
    let credentials = Credentials::read(
        incoming.header("authorization").as_deref(),
        &edge.settings.keyring,
    );
    let presented = match credentials {
        Credentials::Key(presented) => presented,
        Credentials::Refused(denial) => return refuse(Problem::from(&denial), &incoming),
    };
    let route = match Route::read(&edge, &incoming) {
        Ok(route) => route,
        Err(problem) => return refuse(problem, &incoming),
    };
    let (arrived, region) = (rim::now(), incoming.region(&edge));
    let Some(asked) = Asked::of(
        &edge,
        &presented,
        route.demand(),
        route.client,
        region,
        arrived,
    ) else {
        return refuse(Code::InvalidKey.into(), &incoming);
    };
    if let Some(decided) = authorize::at_once(&edge, &asked, route.freshness) {
        if authorize::should_refresh(&edge, &asked) {
            edge.after(authorize::refresh(edge.clone(), region));
        }
        match decided {
            Ok(granted) if !matches!(route.goal, Goal::Forward) => {
                let answer = answer(&incoming, &route, &granted);
                return respond(&answer).map(JsValue::from);
            }
            Ok(granted) => {
                return Ok(future_to_promise(async move {
                    forward(&edge, &incoming, &granted).await.map(JsValue::from)
                })
                .into());
            }
            Err(denial) => return refuse(proxied(&route, Problem::from(&denial)), &incoming),
        }
    }
    Ok(future_to_promise(async move {
        // The key is read again: a future owns what it uses.
        let Some(asked) = Asked::of(
            &edge,
            &presented,
            route.demand(),
            route.client,
            region,
            arrived,
        ) else {
            return refuse(Code::InvalidKey.into(), &incoming);
        };
        match authorize::authorize(&edge, &asked, route.freshness).await {
            Ok(granted) if matches!(route.goal, Goal::Forward) => {
                forward(&edge, &incoming, &granted).await.map(JsValue::from)
            }
            Ok(granted) => respond(&answer(&incoming, &route, &granted)).map(JsValue::from),
            Err(problem) => refuse(proxied(&route, problem), &incoming),
        }
    })
    .into())
}

fn proxied(route: &Route, problem: Problem) -> Problem {
    if route.is_for_proxy {
        for_proxy(problem)
    } else {
        problem
    }
}

/// The answer where nothing is forwarded.
fn answer(incoming: &Incoming, route: &Route, granted: &Granted) -> Answer {
    let answer = match &route.goal {
        Goal::Nothing(problem) => {
            return problem
                .clone()
                .into_answer(incoming.origin(), &incoming.request_id());
        }
        Goal::OwnKey => granted.own_key(),
        Goal::Identity | Goal::Forward => granted.identity().on(Answer::new(200, Body::Empty)),
    };
    answer
        .with("katalo-decision", granted.decision())
        .with("cache-control", "no-store")
}

async fn forward(edge: &Edge, incoming: &Incoming, granted: &Granted) -> Result<Response, JsValue> {
    let refuse =
        |problem: Problem| respond(&problem.into_answer(incoming.origin(), &incoming.request_id()));
    let Some(behind) = gateway::behind(&edge.env, granted.key.environment) else {
        return refuse(match granted.key.environment {
            Environment::Test => Problem::from(Code::WrongEnvironment)
                .because("There is no test upstream here: use a `live` key."),
            Environment::Live | Environment::Admin => Code::UpstreamUnavailable.into(),
        });
    };
    let added = [("katalo-decision", granted.decision())];
    match gateway::forward(incoming, &behind, &granted.identity().headers(), &added).await {
        Ok(response) => Ok(response),
        Err(problem) => refuse(problem),
    }
}
