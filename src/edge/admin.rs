//! `/admin/v1/*`: who is asking is proven at the platform's registry on every
//! request, then the organization's registry is told what to do.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::incoming::Incoming;
use super::isolate::Edge;
use super::object::directory;
use super::{log, memory, objects, registry, rim, status};
use crate::http::admin::{self, Ask, Facts};
use crate::http::{
    AdminPlace, Answer, Body, Code, Place, Problem, clear_session_cookie, is_write_from_own_page,
    same_origin, session_cookie, set_session_cookie,
};
use crate::key::{KeyId, OrganizationId, PresentedKey};
use crate::random;
use crate::registry::directory::{Listed, Order};
use crate::registry::message::{
    Actor, Admin, Command, Idempotency, MESSAGE_VERSION, Outcome, Page, Request, Required, Session,
    SessionToken,
};
use crate::settings::names;
use crate::time::Timestamp;
use crate::verify::{Audience, ClientAddress, Credentials, Demand, Denial, bearer_token, decide};

/// Asks for `Server-Timing`: a boolean of RFC 9651.
const SERVER_TIMING: &str = "katalo-server-timing";
/// How long a dashboard session lasts, in seconds.
const SESSION_SECONDS: u64 = 3_600;

/// An administrator whose right to be here is proven, with the request's id.
struct Caller<'a> {
    edge: &'a Edge,
    incoming: &'a Incoming,
    request_id: &'a str,
    actor: Actor,
}

/// Answers an admin request. A failed authentication is put on record, after
/// the answer and within the platform registry's bound.
pub(super) async fn answer(
    edge: &Edge,
    incoming: &Incoming,
    place: &AdminPlace<'_>,
    request_id: &str,
) -> Result<Answer, Problem> {
    let answered = carry_out(edge, incoming, place, request_id).await;
    if let Err(problem) = &answered
        && is_failed_authentication(problem.code)
    {
        let note = Command::NoteFailedAuthentication {
            problem: problem.code.as_str().to_owned(),
            key: shown_id(edge, incoming),
            route: format!("{} {}", incoming.method(), incoming.path()),
            address: incoming.header("cf-connecting-ip"),
        };
        let env = edge.env.clone();
        edge.after(async move {
            // One note less, where the platform's registry does not answer.
            let _ = registry::tell_platform(&env, note).await;
        });
    }
    if let Ok(answer) = &answered
        && incoming.method() != "GET"
    {
        log::act(incoming, place, answer.status);
    }
    answered
}

/// Somebody showed a credential of ours, or a guess at one, and was refused.
const fn is_failed_authentication(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidKey
            | Code::RevokedKey
            | Code::ExpiredKey
            | Code::DisabledKey
            | Code::WrongEnvironment
            | Code::AddressNotAllowed
            | Code::InsufficientScope
    )
}

/// The id of the key in the header, where it is of the right form.
fn shown_id(edge: &Edge, incoming: &Incoming) -> Option<KeyId> {
    let authorization = &incoming.authorization;
    match Credentials::read(authorization.as_deref(), &edge.settings.keyring) {
        Credentials::Key(key) => Some(*key.id()),
        Credentials::Refused(_) => None,
    }
}

async fn carry_out(
    edge: &Edge,
    incoming: &Incoming,
    place: &AdminPlace<'_>,
    request_id: &str,
) -> Result<Answer, Problem> {
    if let Some(origin) = incoming.header("origin")
        && !same_origin(&origin, incoming.origin())
    {
        return Err(Problem::from(Code::BrowserCallRefused)
            .because("Admin routes answer pages of their own origin alone."));
    }
    let method = incoming.method();
    if !place.allow().split(", ").any(|allowed| allowed == method) {
        return Err(Problem::method_not_allowed(place.allow()));
    }
    match place {
        AdminPlace::Bootstrap => bootstrap(edge, incoming, request_id).await,
        AdminPlace::Session => session(edge, incoming, request_id).await,
        AdminPlace::Status => {
            Caller::prove(edge, incoming, request_id, "status:read")
                .await?
                .status()
                .await
        }
        AdminPlace::RootKeys => {
            Caller::prove(edge, incoming, request_id, "status:read")
                .await?
                .overview(place, Command::Status { unused_for_days: 1 })
                .await
        }
        AdminPlace::Organizations => {
            Caller::prove(edge, incoming, request_id, "organizations:read")
                .await?
                .overview(place, Command::GetOrganization {})
                .await
        }
        _ => about_an_organization(edge, incoming, place, request_id).await,
    }
}

async fn about_an_organization(
    edge: &Edge,
    incoming: &Incoming,
    place: &AdminPlace<'_>,
    request_id: &str,
) -> Result<Answer, Problem> {
    let began = rim::now();
    // Who asks is settled before what is asked: a stranger learns nothing about
    // the form of requests. The scope hangs on the place alone.
    let caller = Caller::prove(
        edge,
        incoming,
        request_id,
        admin::scope_of(place, incoming.method()),
    )
    .await?;
    let proven = rim::now();
    let body = if incoming.method() == "GET" {
        Vec::new()
    } else {
        incoming.json_body_or_empty().await?
    };
    // The runtime does not pass all empty headers on; so none of them counts.
    let stated = |name: &str| incoming.header(name).filter(|value| !value.is_empty());
    let if_match = stated("if-match");
    let if_none_match = stated("if-none-match");
    let facts = Facts {
        method: incoming.method(),
        query: incoming.query(),
        body: &body,
        if_match: if_match.as_deref(),
        if_none_match: if_none_match.as_deref(),
        now: rim::now(),
    };
    let Some(mut ask) = admin::ask(place, &facts)? else {
        return Err(Code::NotFound.into());
    };
    caller.reach(&ask.organization)?;
    let ndjson = incoming
        .header("accept")
        .is_some_and(|accept| accept.contains(crate::http::NDJSON))
        && admin::as_lines(&mut ask.command);
    let idempotency = stated("idempotency-key")
        .map(|key| admin::idempotency(&key, incoming.path(), &body))
        .transpose()?;
    let outcome = caller.ask(ask, idempotency).await?;
    let answer = admin::answer_to(outcome, ndjson);
    Ok(timed(answer, incoming, began, proven))
}

/// The lines of a listing after `next`: one page, for a caller who is proven anew,
/// so that a stream of lines costs and may do what a client can who asks for page
/// after page.
pub(super) async fn lines_after(
    edge: &Edge,
    incoming: &Incoming,
    next: &str,
) -> Result<Body, Problem> {
    let Place::Admin(place) = Place::of(incoming.path()) else {
        return Err(Code::NotFound.into());
    };
    let request_id = incoming.request_id();
    let scope = admin::scope_of(&place, incoming.method());
    let caller = Caller::prove(edge, incoming, request_id, scope).await?;
    let facts = Facts {
        method: incoming.method(),
        query: &admin::query_after(&place, next),
        body: &[],
        if_match: None,
        if_none_match: None,
        now: rim::now(),
    };
    let Some(mut ask) = admin::ask(&place, &facts)? else {
        return Err(Code::NotFound.into());
    };
    caller.reach(&ask.organization)?;
    admin::as_lines(&mut ask.command);
    Ok(admin::answer_to(caller.ask(ask, None).await?, true).body)
}

/// Says how long the proof of the caller and the registry took, in whole
/// milliseconds of waiting for I/O, if the caller asks for it (Server Timing,
/// section 3). Only a proven administrator comes here.
fn timed(answer: Answer, incoming: &Incoming, began: Timestamp, proven: Timestamp) -> Answer {
    if incoming.header(SERVER_TIMING).as_deref() != Some("?1") {
        return answer;
    }
    let (proof, registry) = (proven.since(began), rim::now().since(proven));
    answer.with(
        "server-timing",
        format!("proof;dur={proof}, registry;dur={registry}"),
    )
}

impl<'a> Caller<'a> {
    /// Proves the administrator by the presented key or the dashboard's session.
    async fn prove(
        edge: &'a Edge,
        incoming: &'a Incoming,
        request_id: &'a str,
        scope: &str,
    ) -> Result<Self, Problem> {
        let authorization = &incoming.authorization;
        let cookie = incoming.header("cookie");
        let actor = match (authorization, cookie.as_deref().and_then(session_cookie)) {
            (None, Some(token)) => by_session(edge, incoming, token, request_id, scope).await?,
            (authorization, _) => {
                match Credentials::read(authorization.as_deref(), &edge.settings.keyring) {
                    Credentials::Key(key) => Actor::Key(
                        by_key(edge, &key, Some(scope), incoming.client_address()).await?,
                    ),
                    Credentials::Refused(denial) => return Err(Problem::from(&denial)),
                }
            }
        };
        Ok(Self {
            edge,
            incoming,
            request_id,
            actor,
        })
    }

    fn admin(&self) -> Option<&Admin> {
        match &self.actor {
            Actor::Key(admin) | Actor::Session(admin) => Some(admin),
            Actor::Holder { .. } | Actor::Bootstrap | Actor::System => None,
        }
    }

    /// A tied administrator's other organizations do not exist.
    fn reach(&self, organization: &OrganizationId) -> Result<(), Problem> {
        match self
            .admin()
            .and_then(|admin| admin.bound_organization.as_ref())
        {
            Some(bound) if bound != organization => Err(Code::NotFound.into()),
            _ => Ok(()),
        }
    }

    async fn ask(&self, ask: Ask, idempotency: Option<Idempotency>) -> Result<Outcome, Problem> {
        let tag = ask.organization.tag();
        let request = Request {
            v: MESSAGE_VERSION,
            organization: Some(ask.organization),
            actor: self.actor.clone(),
            request_id: self.request_id.to_owned(),
            if_match: ask.if_match,
            must_exist: ask.must_exist,
            idempotency,
            command: ask.command,
        };
        registry::ask(&self.edge.env, tag, &request)
            .await?
            .map_err(admin::problem_of)
    }

    /// How the installation stands.
    async fn status(&self) -> Result<Answer, Problem> {
        let page = match self.page(&AdminPlace::Status).await {
            Ok(page) => Some(page),
            Err(problem) if problem.code.status() >= 500 => None,
            Err(problem) => return Err(problem),
        };
        let region = self.incoming.region(self.edge);
        Ok(status::answer(self.edge, region, page, rim::now()).await)
    }

    /// A page of organizations that the administrator reaches.
    async fn page(&self, place: &AdminPlace<'_>) -> Result<Page<OrganizationId>, Problem> {
        let page = admin::organizations_query(place, self.incoming.query())?;
        let bound = self
            .admin()
            .and_then(|admin| admin.bound_organization.clone());
        if let Some(bound) = bound {
            return Ok(Page {
                items: vec![bound],
                next_cursor: None,
            });
        }
        let order = Order::List {
            search: page.search,
            cursor: page.cursor,
            limit: page.limit,
        };
        let to = objects::Address::of(names::DIRECTORY, directory::NAME);
        let listed: Page<Listed> = objects::ask(&self.edge.env, to, &order).await?;
        Ok(Page {
            items: listed.items.into_iter().map(|listed| listed.id).collect(),
            next_cursor: listed.next_cursor,
        })
    }

    /// Asks the registry of each organization of a page.
    async fn each(
        &self,
        place: &AdminPlace<'_>,
        command: Command,
    ) -> Result<Page<(OrganizationId, Outcome)>, Problem> {
        let listed = self.page(place).await?;
        let asked = listed.items.into_iter().map(|organization| {
            let command = command.clone();
            async move {
                let ask = Ask {
                    organization: organization.clone(),
                    if_match: None,
                    must_exist: false,
                    command,
                };
                (organization, self.ask(ask, None).await)
            }
        });
        let mut items = Vec::new();
        for (organization, outcome) in futures_util::future::join_all(asked).await {
            match outcome {
                Ok(outcome) => items.push((organization, outcome)),
                // Listed, but its creation was refused or is under way.
                Err(problem) if problem.code == Code::NotFound => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(Page {
            items,
            next_cursor: listed.next_cursor,
        })
    }

    /// What each registry of a page tells: the organization itself, or how many of
    /// its keys could still open something, by the root key that made them.
    async fn overview(&self, place: &AdminPlace<'_>, command: Command) -> Result<Answer, Problem> {
        let page = self.each(place, command).await?;
        let items = page
            .items
            .into_iter()
            .map(|(organization, outcome)| match outcome {
                Outcome::Status(status) => Ok(serde_json::json!({
                    "organization": organization,
                    "keys_per_ring_entry": status.keys_per_ring_entry,
                })),
                Outcome::Organization(organization) => Ok(serde_json::json!(organization)),
                _ => Err(Code::RegistryUnavailable.into()),
            })
            .collect::<Result<Vec<_>, Problem>>()?;
        let next_cursor = page.next_cursor;
        Ok(Answer::json(200, &Page { items, next_cursor }).with("cache-control", "no-store"))
    }
}

/// Proves an admin key, always at the registry itself.
async fn by_key(
    edge: &Edge,
    key: &PresentedKey,
    scope: Option<&str>,
    client: ClientAddress,
) -> Result<Admin, Problem> {
    let id = *key.id();
    let digest = edge.settings.keyring.digest(key).ok_or(Code::InvalidKey)?;
    let read = registry::read(&edge.env, &id, Required::default())
        .await
        .ok_or(Code::RegistryUnavailable)?;
    let demand = Demand {
        audience: Audience::Admins,
        scope,
    };
    let (key, organization) = (
        read.records.key.as_ref(),
        read.records.organization.as_ref(),
    );
    let grant = decide(&digest, key, organization, &demand, &|| client, rim::now())
        .map_err(|d| Problem::from(&d))?;
    let key = grant.key();
    Ok(Admin {
        id,
        name: key.name.clone(),
        scopes: key.scopes.clone(),
        bound_organization: key.bound_organization.clone(),
    })
}

/// Proves the administrator behind a dashboard session, at the registry itself:
/// signing out or revoking the key ends it at once.
async fn by_session(
    edge: &Edge,
    incoming: &Incoming,
    token: &str,
    request_id: &str,
    scope: &str,
) -> Result<Actor, Problem> {
    let session = read_session(edge, token, request_id).await?;
    if !session.record.allowed_ips.is_empty()
        && !incoming
            .client_address()
            .is_within(&session.record.allowed_ips)
    {
        return Err(Code::AddressNotAllowed.into());
    }
    if incoming.method() != "GET" {
        prove_own_page(incoming, &session)?;
    }
    if !session.record.scopes.contains(scope) {
        return Err(Problem::from(&Denial::InsufficientScope(scope.to_owned())));
    }
    Ok(Actor::Session(Admin {
        id: session.id,
        name: session.record.name,
        scopes: session.record.scopes,
        bound_organization: session.record.bound_organization,
    }))
}

/// A write by cookie comes from a page of ours, which shows its CSRF token.
fn prove_own_page(incoming: &Incoming, session: &Session) -> Result<(), Problem> {
    let (origin, site) = (incoming.header("origin"), incoming.header("sec-fetch-site"));
    let shown = incoming.header("x-csrf-token").unwrap_or_default();
    let from_own_page =
        is_write_from_own_page(origin.as_deref(), site.as_deref(), incoming.origin());
    if from_own_page && bool::from(shown.as_bytes().ct_eq(session.csrf_token.as_bytes())) {
        return Ok(());
    }
    Err(Problem::from(Code::BrowserCallRefused)
        .because("A change through the dashboard's session comes from the dashboard itself, with its `X-CSRF-Token`."))
}

fn on_platform(actor: Actor, request_id: &str, command: Command) -> Request {
    Request {
        v: MESSAGE_VERSION,
        organization: Some(OrganizationId::platform()),
        actor,
        request_id: request_id.to_owned(),
        if_match: None,
        must_exist: false,
        idempotency: None,
        command,
    }
}

async fn ask_platform(edge: &Edge, request: &Request) -> Result<Outcome, Problem> {
    let tag = OrganizationId::platform().tag();
    registry::ask(&edge.env, tag, request)
        .await?
        .map_err(admin::problem_of)
}

async fn read_session(edge: &Edge, token: &str, request_id: &str) -> Result<Session, Problem> {
    let over = || {
        Problem::from(Code::MissingCredentials)
            .because("The dashboard session is over: sign in again.")
    };
    let token = SessionToken::try_from(token.to_owned()).map_err(|_| over())?;
    match ask_platform(
        edge,
        &on_platform(Actor::System, request_id, Command::ReadSession { token }),
    )
    .await
    {
        Ok(Outcome::Session(session)) => Ok(*session),
        Ok(_) => Err(over()),
        // A platform without a registry has no sessions.
        Err(problem) if problem.code == Code::NotFound => Err(over()),
        Err(problem) => Err(problem),
    }
}

/// Lets an address try at a secret, unless it failed too often a moment ago.
fn may_try(edge: &Edge, incoming: &Incoming) -> Result<String, Problem> {
    let address = incoming.header("cf-connecting-ip").unwrap_or_default();
    match memory::with(edge.settings.at_most, |memory| {
        memory.attempts.wait(&address, rim::now().0)
    }) {
        None => Ok(address),
        Some(seconds) => Err(Problem {
            retry_after: Some(seconds),
            ..Problem::from(Code::RateLimited)
        }),
    }
}

fn failed_to(edge: &Edge, address: &str) {
    memory::with(edge.settings.at_most, |memory| {
        memory.attempts.failed(address, rim::now().0)
    });
}

/// `POST /admin/v1/bootstrap`: the first admin key, once per token.
async fn bootstrap(edge: &Edge, incoming: &Incoming, request_id: &str) -> Result<Answer, Problem> {
    let address = may_try(edge, incoming)?;
    let authorization = Zeroizing::new(
        incoming
            .header("authorization")
            .ok_or(Code::MissingCredentials)?,
    );
    let shown = bearer_token(&authorization).ok_or(Code::MissingCredentials)?;
    let digest_of = |token: &str| Sha256::digest(token.as_bytes());
    let shown = digest_of(shown);
    let genuine = edge
        .settings
        .bootstrap_token
        .as_ref()
        .is_some_and(|token| digest_of(token).ct_eq(&shown).into());
    if !genuine {
        failed_to(edge, &address);
        return Err(Problem::from(Code::InvalidKey)
            .because("This is not the bootstrap token that the operator set."));
    }
    let command = Command::Bootstrap {
        token_digest: random::hex(&shown),
    };
    let outcome = ask_platform(edge, &on_platform(Actor::Bootstrap, request_id, command)).await?;
    Ok(admin::answer_to(outcome, false))
}

/// What `POST /admin/v1/session` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    key: Zeroizing<String>,
}

/// `/admin/v1/session`: the dashboard signs in, asks who it is, signs out.
async fn session(edge: &Edge, incoming: &Incoming, request_id: &str) -> Result<Answer, Problem> {
    let cookie = incoming.header("cookie");
    let token = cookie.as_deref().and_then(session_cookie);
    match incoming.method() {
        "POST" => sign_in(edge, incoming, request_id).await,
        "GET" => {
            let token = token.ok_or(Code::MissingCredentials)?;
            Ok(admin::session_answer(
                200,
                &read_session(edge, token, request_id).await?,
            ))
        }
        _ => {
            let token = token.ok_or(Code::MissingCredentials)?;
            let session = read_session(edge, token, request_id).await?;
            prove_own_page(incoming, &session)?;
            if let Ok(token) = SessionToken::try_from(token.to_owned()) {
                ask_platform(
                    edge,
                    &on_platform(Actor::System, request_id, Command::CloseSession { token }),
                )
                .await?;
            }
            Ok(Answer::new(204, Body::Empty).with("set-cookie", clear_session_cookie()))
        }
    }
}

async fn sign_in(edge: &Edge, incoming: &Incoming, request_id: &str) -> Result<Answer, Problem> {
    let address = may_try(edge, incoming)?;
    let body = Zeroizing::new(incoming.json_body().await?);
    let shown: SignIn = admin::parse_body(&body)?;
    let proven = match edge.settings.keyring.read(&shown.key) {
        Ok(key) => by_key(edge, &key, None, incoming.client_address()).await,
        Err(crate::key::Unreadable::Malformed) => Err(Code::MalformedKey.into()),
        Err(crate::key::Unreadable::Forged) => Err(Code::InvalidKey.into()),
    };
    let admin = proven.inspect_err(|problem| {
        if problem.code.status() == 401 {
            failed_to(edge, &address);
        }
    })?;
    let request = on_platform(Actor::Key(admin), request_id, Command::OpenSession {});
    match ask_platform(edge, &request).await? {
        Outcome::Session(session) => {
            let answer = admin::session_answer(201, &session);
            Ok(match &session.token {
                Some(token) => answer.with(
                    "set-cookie",
                    set_session_cookie(token.expose(), SESSION_SECONDS),
                ),
                None => answer,
            })
        }
        _ => Err(Code::RegistryUnavailable.into()),
    }
}
