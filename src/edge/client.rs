//! Clients' routes: their own key, the gateway, forward-auth. What memory can
//! decide is answered without a promise.

use subtle::ConstantTimeEq as _;
use wasm_bindgen::prelude::*;

use crate::edge::authorize;
use crate::edge::gateway;
use crate::edge::limits::{self, Payment};
use crate::edge::usage;
use crate::edge_call::EdgeCall;
use crate::http::{
    About, Answer, Code, Dialect, Match, OWN_USAGE_SCOPE, Original, PROXIES_ASK, Place, Problem,
    Route, address_behind, assertion, for_proxy, original, own_usage_answer, unknown_route,
    usage_query,
};
use crate::limits::spending::{Spending, Step};
use crate::runtime::host;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate::Edge;
use crate::runtime::promise::promise;
use crate::runtime::registry;
use crate::runtime::respond::{refusal, refuse, respond};
use crate::time::Timestamp;
use crate::verify::{
    Audience, AuthorizationRequest, ClientAddress, Credentials, Demand, Freshness, Granted, LeadsTo,
};

/// What a client's request comes to once its key is granted.
enum Goal {
    /// `/v1/key`
    OwnKey,
    /// `/v1/key/usage`
    OwnUsage,
    /// `/authorize` and its dialects: the identity, nothing else.
    Identity(Option<Original>),
    /// On to the API behind.
    Forward,
    /// Only an authenticated caller learns that there is nothing here.
    Nothing(Problem),
}

/// A client's request, read once: what it asks for, and what that takes.
struct Wanted {
    goal: Goal,
    /// Its place in the route table.
    route: Option<u16>,
    /// What is counted under: the scope that is asked for without a route.
    scope: Option<&'static str>,
    freshness: Freshness,
    is_for_proxy: bool,
    /// Whether that is nginx, which passes few refusals on.
    is_for_nginx: bool,
}

impl Wanted {
    /// What a grant leads to.
    fn leads_to(&self, edge: &Edge) -> LeadsTo {
        match self.goal {
            Goal::OwnKey | Goal::OwnUsage | Goal::Nothing(_) => LeadsTo::OurAnswer,
            Goal::Identity(_) => LeadsTo::Proxy,
            Goal::Forward => LeadsTo::Gateway {
                has_test: self
                    .route(edge)
                    .and_then(|route| edge.settings.upstream(route))
                    .is_some_and(|(_, upstream)| upstream.has_test),
            },
        }
    }

    fn route<'a>(&self, edge: &'a Edge) -> Option<&'a Route> {
        self.route.and_then(|place| edge.settings.routes.get(place))
    }

    const fn plain(goal: Goal) -> Self {
        Self {
            goal,
            route: None,
            scope: None,
            freshness: Freshness::Bounded,
            is_for_proxy: false,
            is_for_nginx: false,
        }
    }

    /// Units of its limits that a request costs. What we answer ourselves is free.
    fn cost(&self, edge: &Edge) -> u64 {
        match self.goal {
            Goal::Identity(_) | Goal::Forward => self.route(edge).map_or(1, Route::cost),
            Goal::OwnKey | Goal::OwnUsage | Goal::Nothing(_) => 0,
        }
    }

    fn read(edge: &Edge, incoming: &Incoming) -> Result<Self, Problem> {
        let reads = matches!(incoming.method(), "GET" | "HEAD");
        let no_such_method = || Goal::Nothing(Problem::method_not_allowed("GET, HEAD"));
        Ok(match edge.settings.routes.place(incoming.path()) {
            Place::OwnKey if reads => Self::plain(Goal::OwnKey),
            Place::OwnUsage if reads => Self {
                scope: Some(OWN_USAGE_SCOPE),
                ..Self::plain(Goal::OwnUsage)
            },
            Place::OwnKey | Place::OwnUsage => Self::plain(no_such_method()),
            Place::Authorize | Place::ForwardAuth(Dialect::Nginx | Dialect::Forwarded)
                if !PROXIES_ASK.contains(&incoming.method()) =>
            {
                Self::plain(Goal::Nothing(Problem::method_not_allowed(
                    PROXIES_ASK.join(", "),
                )))
            }
            Place::Authorize => Self::plain(Goal::Identity(None)),
            Place::ForwardAuth(dialect) => {
                let header = |name: &str| incoming.header(name);
                let asked = original(dialect, incoming.method(), incoming.query(), &header)?;
                let wanted = match Self::by_table(edge, &asked.method, &asked.host, &asked.path) {
                    Ok(wanted) => Self {
                        goal: Goal::Identity(Some(asked)),
                        ..wanted
                    },
                    Err(_) => Self::plain(Goal::Nothing(unknown_route())),
                };
                Self {
                    is_for_proxy: true,
                    is_for_nginx: dialect == Dialect::Nginx,
                    ..wanted
                }
            }
            _ => Self::by_table(edge, incoming.method(), incoming.host(), incoming.path())
                .unwrap_or_else(|problem| Self::plain(Goal::Nothing(problem))),
        })
    }

    /// What the route table says of a request that would be forwarded.
    fn by_table(edge: &Edge, method: &str, host: &str, path: &str) -> Result<Self, Problem> {
        let routes = &edge.settings.routes;
        match routes.find(method, host, path) {
            Match::Route(place) => Ok(Self {
                route: Some(place),
                freshness: routes
                    .get(place)
                    .map_or(Freshness::Strict, |route| route.freshness()),
                ..Self::plain(Goal::Forward)
            }),
            Match::OtherMethod(allow) => Err(Problem::method_not_allowed(allow)),
            Match::None => Err(Problem::no_such_address(path)),
        }
    }

    fn demand<'a>(&'a self, edge: &'a Edge) -> Demand<'a> {
        Demand {
            audience: Audience::Clients {
                test_keys: edge.settings.test_keys.are_taken(self.leads_to(edge)),
            },
            scope: self
                .route(edge)
                .map(|route| route.scope().as_str())
                .or(self.scope),
        }
    }

    /// The client's address: as the platform saw it, or as a proxy tells it that
    /// proves itself.
    fn client(&self, edge: &Edge, incoming: &Incoming) -> ClientAddress {
        if !self.is_for_proxy {
            return incoming.client_address();
        }
        let shown = incoming.header("katalo-forward-auth-secret");
        let is_proxy = match (&edge.settings.forward_auth_secret, shown) {
            (Some(known), Some(shown)) => known.as_bytes().ct_eq(shown.as_bytes()).into(),
            _ => false,
        };
        address_behind(is_proxy, &|name| incoming.header(name))
    }

    /// A refusal as the one who asked takes it.
    fn refusal(&self, problem: Problem) -> Problem {
        if self.is_for_proxy {
            for_proxy(problem, self.is_for_nginx)
        } else {
            problem
        }
    }

    /// Whether a granted request is answered without further I/O of ours, if it is paid.
    fn is_answered_at_once(&self, granted: &Granted) -> bool {
        match self.goal {
            Goal::OwnUsage => false,
            Goal::OwnKey => granted.limits().is_empty(),
            Goal::Identity(_) | Goal::Forward | Goal::Nothing(_) => true,
        }
    }
}

/// A client's request with its key.
struct Call {
    edge: Edge,
    incoming: Incoming,
    wanted: Wanted,
    request: AuthorizationRequest,
    arrived: Timestamp,
}

/// Answers a client's request.
pub(crate) fn handle(edge: Edge, incoming: Incoming) -> Result<JsValue, JsValue> {
    let credentials = Credentials::read_with(
        incoming.authorization.as_deref(),
        &edge.settings.keyring,
        |id| authorize::is_held(&edge, id),
    );
    let presented = match credentials {
        Credentials::Key(presented) => presented,
        Credentials::Refused(denial) => return refuse(&incoming, incoming.refused(&denial), None),
    };
    let wanted = match Wanted::read(&edge, &incoming) {
        Ok(wanted) => wanted,
        Err(problem) => return refuse(&incoming, problem, None),
    };
    let arrived = host::now();
    let request = AuthorizationRequest::new(&edge.settings.keyring, &presented, arrived);
    let Some(request) = request else {
        return refuse(&incoming, Code::InvalidKey.into(), None);
    };
    let call = Call {
        edge,
        incoming,
        wanted,
        request,
        arrived,
    };
    let next = match call.authorize_from_cache() {
        None => Next::Load,
        Some(Err(problem)) => return call.refuse(problem),
        Some(Ok(granted)) if !call.wanted.is_answered_at_once(&granted) => Next::CarryOut(granted),
        Some(Ok(mut granted)) => match call.pay(&mut granted) {
            Payment::Done(Err(problem)) => return call.refuse(problem),
            Payment::Pending(spending, step) => Next::Settle(granted, spending, step),
            Payment::Done(Ok(())) => {
                call.count(None);
                let Call {
                    edge,
                    incoming,
                    wanted,
                    ..
                } = &call;
                return answer(edge, incoming, wanted, &granted, arrived);
            }
        },
    };
    Ok(promise(async move { call.go_on(next).await }))
}

/// What a request still needs that memory alone cannot answer.
enum Next {
    /// Records.
    Load,
    /// Units of its limits.
    Settle(Granted, Spending, Step),
    /// More than memory for its answer.
    CarryOut(Granted),
}

impl Call {
    fn authorize_from_cache(&self) -> Option<Result<Granted, Problem>> {
        let client = || self.wanted.client(&self.edge, &self.incoming);
        let decided = authorize::authorize_from_cache(
            &self.edge,
            &self.request,
            &self.wanted.demand(&self.edge),
            &client,
            self.wanted.freshness,
        )?;
        let region = || self.incoming.region(&self.edge);
        authorize::follow_up(&self.edge, &self.request, region);
        Some(decided.map_err(|denial| Problem::from(&denial)))
    }

    async fn load_and_authorize(&self) -> Result<Granted, Problem> {
        let client = || self.wanted.client(&self.edge, &self.incoming);
        authorize::load_and_authorize(
            &self.edge,
            self.incoming.region(&self.edge),
            &self.request,
            &self.wanted.demand(&self.edge),
            &client,
            self.wanted.freshness,
        )
        .await
    }

    fn refuse(&self, problem: Problem) -> Result<JsValue, JsValue> {
        self.count(Some(problem.code));
        refuse(&self.incoming, self.wanted.refusal(problem), None)
    }

    fn pay(&self, granted: &mut Granted) -> Payment {
        limits::pay(&self.edge, granted, self.wanted.cost(&self.edge))
    }

    async fn go_on(&self, next: Next) -> Result<JsValue, JsValue> {
        let (mut granted, payment) = match next {
            Next::CarryOut(granted) => (granted, Payment::Done(Ok(()))),
            Next::Settle(granted, spending, step) => (granted, Payment::Pending(spending, step)),
            Next::Load => match self.load_and_authorize().await {
                Err(problem) => return self.refuse(problem),
                Ok(mut granted) => {
                    let payment = self.pay(&mut granted);
                    (granted, payment)
                }
            },
        };
        let paid = match payment {
            Payment::Done(paid) => paid,
            Payment::Pending(spending, step) => {
                limits::settle(&self.edge, &mut granted, spending, step).await
            }
        };
        match paid {
            Ok(()) => self.carry_out(&granted).await,
            Err(problem) => self.refuse(problem),
        }
    }

    async fn carry_out(&self, granted: &Granted) -> Result<JsValue, JsValue> {
        self.count(None);
        let Self {
            edge,
            incoming,
            wanted,
            arrived,
            ..
        } = self;
        carry_out(edge, incoming, wanted, granted, *arrived).await
    }

    /// Counts a request whose secret was proven, whatever came of it.
    fn count(&self, denial: Option<Code>) {
        // The one denial that strangers can get, and the one without a decision.
        if !matches!(
            denial,
            Some(Code::InvalidKey | Code::FreshnessUnavailable | Code::RegistryUnavailable)
        ) {
            let key = self.request.id().public;
            usage::count(&self.edge, key, self.wanted.route, denial, self.arrived);
        }
    }
}

async fn carry_out(
    edge: &Edge,
    incoming: &Incoming,
    wanted: &Wanted,
    granted: &Granted,
    now: Timestamp,
) -> Result<JsValue, JsValue> {
    match wanted.goal {
        Goal::OwnUsage => match own_usage(edge, incoming, granted, now).await {
            Ok(mut answer) => {
                answer.headers.extend(granted.notices());
                respond(&answer)
            }
            Err(problem) => refuse(incoming, problem, None),
        },
        Goal::OwnKey if !granted.limits().is_empty() => {
            respond(&granted.own_key_with(&limits::shown(edge, granted).await))
        }
        _ => answer(edge, incoming, wanted, granted, now),
    }
}

/// The answer that takes no further I/O of ours.
fn answer(
    edge: &Edge,
    incoming: &Incoming,
    wanted: &Wanted,
    granted: &Granted,
    now: Timestamp,
) -> Result<JsValue, JsValue> {
    match &wanted.goal {
        Goal::Nothing(problem) => refusal(incoming, problem.clone(), granted.restriction()),
        Goal::OwnKey => granted.answer_own_key(),
        Goal::Identity(asked) => {
            granted.answer_identity(signed(edge, incoming, granted, asked.as_ref(), now))
        }
        Goal::Forward | Goal::OwnUsage => forward(edge, incoming, wanted, granted, now),
    }
}

/// `GET /v1/key/usage`: the key's own and its organization's, from the registry.
async fn own_usage(
    edge: &Edge,
    incoming: &Incoming,
    granted: &Granted,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let call = EdgeCall::ListUsage {
        organization: granted.organization().id.clone(),
        holder: granted.id(),
        request_id: incoming.request_id().to_owned(),
        listing: usage_query(incoming.query(), now)?,
    };
    let response = registry::call(&edge.env, &call).await?;
    own_usage_answer(response, &limits::shown(edge, granted).await)
}

/// The assertion about a request, or the one that a proxy asked about, where the
/// operator wants them.
fn signed(
    edge: &Edge,
    incoming: &Incoming,
    granted: &Granted,
    asked: Option<&Original>,
    now: Timestamp,
) -> Option<String> {
    let secret = edge.settings.assertion_secret.as_ref()?;
    let (method, path) = match asked {
        Some(asked) => (asked.method.as_str(), asked.path.as_str()),
        None => (incoming.method(), incoming.path()),
    };
    let address = format!("{}{path}", incoming.origin());
    let about = About {
        issuer: incoming.origin(),
        method,
        address: &address,
    };
    assertion(secret, &granted.identity(), &about, now)
}

/// The plan of what goes on to the API behind, which the shim carries out.
fn forward(
    edge: &Edge,
    incoming: &Incoming,
    wanted: &Wanted,
    granted: &Granted,
    now: Timestamp,
) -> Result<JsValue, JsValue> {
    let refuse = |problem: Problem| refuse(incoming, problem, granted.restriction());
    let environment = granted.key().environment;
    let route = wanted.route(edge);
    let behind =
        route.and_then(|route| gateway::behind(&edge.settings, incoming, route, environment));
    let Some(behind) = behind else {
        return refuse(Code::UpstreamUnavailable.into());
    };
    if incoming.asks_for_web_socket() {
        return refuse(Problem::invalid(
            "Upgrade",
            "The gateway passes no WebSocket on: open it without the gateway.",
        ));
    }
    let assertion = signed(edge, incoming, granted, None, now);
    let plan = gateway::Plan {
        behind,
        identity: granted.forwarded_identity(assertion)?,
        added: granted.forwarded_notices()?,
        deadline: edge.settings.upstream_timeout,
        is_restricted: granted.key().restricted,
    };
    Ok(plan.into())
}
