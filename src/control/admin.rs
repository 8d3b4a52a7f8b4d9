//! `/admin/v1/*`: who is asking is proven at the [`door`](crate::control::door) on every
//! request, then the organization's registry is told what to do.

use zeroize::Zeroizing;

use crate::control::door::Door;
use crate::control::log;
use crate::control::objects::DIRECTORY;
use crate::control::registry;
use crate::control::status;
use crate::http::admin::{self, Ask, Facts, LookedUp};
use crate::http::{AdminPlace, Answer, Body, Code, EdgeReport, Place, Problem, same_origin};
use crate::key::{KeyId, OrganizationId};
use crate::limits::message::{LeaseReply, LeaseRequest};
use crate::registry::directory::{Listed, Order};
use crate::registry::message::{
    Actor, Admin, Command, Idempotency, MESSAGE_VERSION, Outcome, Page, Records, Request,
};
use crate::runtime::host;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate::Edge;
use crate::runtime::objects;
use crate::runtime::secrets;
use crate::settings::bindings;
use crate::time::Timestamp;

/// Asks for `Server-Timing`: a boolean of RFC 9651.
const SERVER_TIMING: &str = "katalo-server-timing";

/// An administrator whose right to be here is proven, with the request's id.
struct Caller<'a> {
    edge: &'a Edge,
    incoming: &'a Incoming,
    request_id: &'a str,
    actor: Actor,
}

/// Answers an admin request.
pub(crate) async fn answer(
    edge: &Edge,
    incoming: &Incoming,
    place: &AdminPlace<'_>,
    request_id: &str,
) -> Result<Answer, Problem> {
    let answered = carry_out(Door {
        edge,
        incoming,
        place,
        request_id,
    })
    .await;
    if let Ok(answer) = &answered
        && incoming.method() != "GET"
        && *place != AdminPlace::KeyLookup
    {
        log::act(incoming, place, answer.status);
    }
    answered
}

async fn carry_out(door: Door<'_>) -> Result<Answer, Problem> {
    let Door {
        incoming, place, ..
    } = door;
    if let Some(origin) = incoming.header("origin")
        && !same_origin(&origin, incoming.origin())
    {
        return Err(Problem::from(Code::BrowserCallRefused)
            .because("Admin routes answer pages of their own origin alone."));
    }
    admin::check_method(place, incoming.method())?;
    match place {
        AdminPlace::Bootstrap => door.bootstrap().await,
        AdminPlace::Session => door.sessions().await,
        AdminPlace::Status => Caller::prove(door, "status:read").await?.status().await,
        AdminPlace::RootKeys => {
            Caller::prove(door, "status:read")
                .await?
                .overview(place, Command::Status { unused_for_days: 1 })
                .await
        }
        AdminPlace::KeyLookup => {
            let scope = admin::scope_of(place, incoming.method());
            Caller::prove(door, scope).await?.look_up().await
        }
        AdminPlace::Organizations => {
            Caller::prove(door, "organizations:read")
                .await?
                .overview(place, Command::GetOrganization {})
                .await
        }
        _ => about_an_organization(door).await,
    }
}

async fn about_an_organization(door: Door<'_>) -> Result<Answer, Problem> {
    let Door {
        incoming, place, ..
    } = door;
    let began = host::now();
    // Who asks is settled before what is asked: a stranger learns nothing about
    // the form of requests. The scope hangs on the place alone.
    let caller = Caller::prove(door, admin::scope_of(place, incoming.method())).await?;
    let proven = host::now();
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
        now: host::now(),
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
    let told_apart = |problem: Problem| match problem.code {
        Code::NotFound => admin::not_found(place, incoming.method()),
        _ => problem,
    };
    let outcome = caller.ask(ask, idempotency).await.map_err(told_apart)?;
    let answer = match outcome {
        Outcome::Records(records) => caller.limits(place, &records).await?,
        outcome => admin::answer_to(outcome, ndjson),
    };
    Ok(timed(answer, incoming, began, proven))
}

/// The lines of a listing after `next`: one page, for a caller who is proven anew,
/// so that a stream of lines costs and may do what a client can who asks for page
/// after page.
pub(crate) async fn lines_after(
    edge: &Edge,
    incoming: &Incoming,
    next: &str,
) -> Result<Body, Problem> {
    let Place::Admin(place) = Place::of(incoming.path()) else {
        return Err(Code::NotFound.into());
    };
    let door = Door {
        edge,
        incoming,
        place: &place,
        request_id: incoming.request_id(),
    };
    let caller = Caller::prove(door, admin::scope_of(&place, incoming.method())).await?;
    let facts = Facts {
        method: incoming.method(),
        query: &admin::query_after(incoming.query(), next),
        body: &[],
        if_match: None,
        if_none_match: None,
        now: host::now(),
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
    let (proof, registry) = (proven.since(began), host::now().since(proven));
    answer.with(
        "server-timing",
        format!("proof;dur={proof}, registry;dur={registry}"),
    )
}

impl<'a> Caller<'a> {
    async fn prove(door: Door<'a>, scope: &str) -> Result<Self, Problem> {
        Ok(Self {
            edge: door.edge,
            incoming: door.incoming,
            request_id: door.request_id,
            actor: door.prove(scope).await?,
        })
    }

    fn admin(&self) -> Option<&Admin> {
        match &self.actor {
            Actor::Key(admin) | Actor::Session(admin) => Some(admin),
            Actor::Holder { .. } | Actor::Bootstrap | Actor::System => None,
        }
    }

    /// The one organization that a tied administrator reaches.
    fn bound(&self) -> Option<&OrganizationId> {
        self.admin()?.bound_organization.as_ref()
    }

    /// A tied administrator's other organizations do not exist.
    fn reach(&self, organization: &OrganizationId) -> Result<(), Problem> {
        match self.bound() {
            Some(bound) if bound != organization => Err(Code::NotFound.into()),
            _ => Ok(()),
        }
    }

    fn request(&self, command: Command) -> Request {
        Request {
            v: MESSAGE_VERSION,
            organization: None,
            actor: self.actor.clone(),
            request_id: self.request_id.to_owned(),
            if_match: None,
            must_exist: false,
            idempotency: None,
            command,
        }
    }

    async fn ask(&self, ask: Ask, idempotency: Option<Idempotency>) -> Result<Outcome, Problem> {
        let tag = ask.organization.tag();
        let request = Request {
            organization: Some(ask.organization),
            if_match: ask.if_match,
            must_exist: ask.must_exist,
            idempotency,
            ..self.request(ask.command)
        };
        registry::ask(&self.edge.env, tag, &request)
            .await?
            .map_err(admin::problem_of)
    }

    /// Whose a key is. Its id names the registry, which asks for the scope of its
    /// organization, and does not exist for an administrator who is tied to another.
    async fn look_up(&self) -> Result<Answer, Problem> {
        let body = Zeroizing::new(self.incoming.json_body_or_empty().await?);
        let looked_up = LookedUp::read(&body, &self.edge.settings.keyring)?;
        let id = *looked_up.id();
        let request = self.request(Command::GetKey { id });
        let outcome = registry::ask(&self.edge.env, id.public.organization_tag(), &request)
            .await?
            .map_err(admin::problem_of)?;
        let Outcome::Key(key) = outcome else {
            return Err(Code::RegistryUnavailable.into());
        };
        let secret_matches = match &looked_up {
            LookedUp::Id(_) => None,
            LookedUp::Key(key) => Some(secrets::proves(self.edge, key, |_| None).await?),
        };
        Ok(admin::lookup_answer(&key, secret_matches))
    }

    /// How limits stand, by the organization's meter.
    async fn limits(&self, place: &AdminPlace<'_>, held: &Records) -> Result<Answer, Problem> {
        let key = match *place {
            AdminPlace::KeyLimits(_, id) => KeyId::parse(id),
            _ => None,
        };
        let limits = admin::limits(held, key);
        let tag = held.organization.as_ref().ok_or(Code::NotFound)?.id.tag();
        let mut reply = LeaseReply::default();
        if !limits.is_empty() {
            let to = objects::Address::of(bindings::METER, tag.as_str());
            reply = objects::ask(&self.edge.env, to, &LeaseRequest::look(&limits)).await?;
        }
        Ok(admin::limits_answer(&limits, &reply, host::now()))
    }

    /// How the installation stands.
    async fn status(&self) -> Result<Answer, Problem> {
        let page = match self.page(&AdminPlace::Status).await {
            Ok(page) => Some(page),
            Err(problem) if problem.code.status() >= 500 => None,
            Err(problem) => return Err(problem),
        };
        let region = self.incoming.region(self.edge);
        let is_tied = self.bound().is_some();
        let report = self.incoming.header(EdgeReport::HEADER);
        let report = report.as_deref().and_then(EdgeReport::parse);
        Ok(status::answer(self.edge, region, page, is_tied, report, host::now()).await)
    }

    /// A page of organizations that the administrator reaches.
    async fn page(&self, place: &AdminPlace<'_>) -> Result<Page<OrganizationId>, Problem> {
        let page = admin::organizations_query(place, self.incoming.query())?;
        if let Some(bound) = self.bound() {
            return Ok(Page {
                items: vec![bound.clone()],
                next_cursor: None,
            });
        }
        let order = Order::List {
            search: page.search,
            deleted: page.deleted,
            cursor: page.cursor,
            limit: page.limit,
        };
        let to = objects::Address::of(bindings::DIRECTORY, DIRECTORY);
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
        let deleted = admin::organizations_query(place, self.incoming.query())?.deleted;
        let items = page
            .items
            .into_iter()
            .filter(|(_, outcome)| admin::is_listed(outcome, deleted))
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
