//! RFC 7662 introspection and RFC 7009 revocation.

use std::rc::Rc;

use zeroize::Zeroizing;

use crate::edge::authorize;
use crate::edge::limits;
use crate::edge::{memory, usage};
use crate::edge_call::EdgeCall;
use crate::http::oauth::{self, TokenForm, as_oauth};
use crate::http::{Answer, Body, Code, Problem};
use crate::runtime::host;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate::Edge;
use crate::runtime::registry;
use crate::runtime::secrets;
use crate::runtime::turns::in_turn;
use crate::verify::{
    Audience, AuthorizationRequest, ClientAddress, Credentials, Demand, Denial, Freshness, Granted,
};

/// `POST /oauth2/introspect`.
pub(crate) async fn introspect(edge: &Edge, incoming: &Incoming) -> Result<Answer, Problem> {
    check_method(incoming)?;
    let caller = introspector(edge, incoming)
        .await
        .map_err(|problem| oauth::refused_caller(problem, incoming.authorization.as_deref()))?;
    let form = form(incoming, incoming.body()).await?;
    let Ok(presented) = edge.settings.keyring.read(&form.token) else {
        return Ok(oauth::inactive());
    };
    let client = || match &form.client_address {
        Some(address) => ClientAddress::parse(Some(address)),
        None => ClientAddress::Unproven,
    };
    let demand = Demand {
        // The answer says of which environment it is.
        audience: Audience::Clients { test_keys: true },
        scope: None,
    };
    let now = host::now();
    let Some(request) = AuthorizationRequest::new(&edge.settings.keyring, &presented, now) else {
        return Ok(oauth::inactive());
    };
    let region = incoming.region(edge);
    let bounded = Freshness::Bounded;
    match authorize::authorize(edge, region, &request, &demand, &client, bounded).await {
        Ok(granted) => {
            // To a tied administrator other organizations do not exist.
            let reaches = caller
                .key()
                .bound_organization
                .as_ref()
                .is_none_or(|bound| *bound == granted.organization().id);
            if !reaches {
                return Ok(oauth::inactive());
            }
            usage::count(edge, granted.id().public, None, None, now);
            Ok(oauth::active(
                granted.id(),
                granted.key(),
                granted.organization(),
                incoming.origin(),
                &limits::shown(edge, &granted).await,
            )
            .with("katalo-decision", granted.decision()))
        }
        Err(problem) if problem.code.status() >= 500 => Err(as_oauth(problem)),
        Err(_) => Ok(oauth::inactive()),
    }
}

/// Proves the one who asks: an admin key with `introspect`, as Bearer or Basic.
async fn introspector(edge: &Edge, incoming: &Incoming) -> Result<Granted, Problem> {
    let authorization = &incoming.authorization;
    let basic = authorization.as_deref().and_then(oauth::basic_key);
    let presented = match basic {
        Some(key) => edge
            .settings
            .keyring
            .read(&key)
            .map_err(|_| Problem::from(&Denial::InvalidKey))?,
        None => match Credentials::read(authorization.as_deref(), &edge.settings.keyring) {
            Credentials::Key(key) => key,
            Credentials::Refused(denial) => return Err(incoming.refused(&denial)),
        },
    };
    let demand = Demand {
        audience: Audience::Admins,
        scope: Some("introspect"),
    };
    let client = || incoming.client_address();
    let request = AuthorizationRequest::new(&edge.settings.keyring, &presented, host::now())
        .ok_or_else(|| Problem::from(&Denial::InvalidKey))?;
    let region = incoming.region(edge);
    let bounded = Freshness::Bounded;
    authorize::authorize(edge, region, &request, &demand, &client, bounded).await
}

/// `POST /oauth2/revoke`: whoever shows a key can end it. Any other token is
/// answered alike (RFC 7009 section 2.2). 200 says that it is refused everywhere;
/// while that is not sure, 503 says that it may still be good (section 2.2.1).
pub(crate) async fn revoke(
    edge: &Edge,
    incoming: &Incoming,
    request_id: &str,
) -> Result<Answer, Problem> {
    check_method(incoming)?;
    let form = form(incoming, incoming.strangers_body()).await?;
    let done = Answer::new(200, Body::Empty).with("cache-control", "no-store");
    let Ok(presented) = edge.settings.keyring.read(&form.token) else {
        return Ok(done);
    };
    let id = *presented.id();
    let at_hand = memory::digest_at_hand(&edge.settings);
    if !secrets::proves(edge, &presented, at_hand)
        .await
        .map_err(as_oauth)?
    {
        return Ok(done);
    }
    let revocation = EdgeCall::Revoke {
        key: id,
        request_id: request_id.to_owned(),
    };
    let settings = &edge.settings;
    let revoke = async {
        let response = registry::call(&edge.env, &revocation).await?;
        if response.is_enforced() {
            memory::with(settings, |memory| {
                memory.ended.insert(id.public, host::now().0)
            });
        }
        Ok(response.is_revoked())
    };
    let known = || {
        memory::with(settings, |memory| {
            memory.ended.contains(&id.public, host::now().0)
        })
        .then_some(Ok(true))
    };
    let turns = memory::with(settings, |memory| Rc::clone(&memory.revocations));
    let revoked = in_turn(&turns, id.public, known, revoke).await;
    match revoked.map_err(as_oauth)? {
        Ok(true) => Ok(done),
        Ok(false) => Err(as_oauth(Problem::from(Code::FreshnessUnavailable).because(
            "The key is revoked, but not yet known so everywhere. Ask again until it is.",
        ))),
        Err(_) => Err(as_oauth(Code::RegistryUnavailable.into())),
    }
}

fn check_method(incoming: &Incoming) -> Result<(), Problem> {
    match incoming.method() {
        "POST" => Ok(()),
        _ => Err(Problem::method_not_allowed("POST")),
    }
}

async fn form(
    incoming: &Incoming,
    body: impl Future<Output = Result<Vec<u8>, Problem>>,
) -> Result<TokenForm, Problem> {
    let media_type = incoming.header("content-type").unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(oauth::FORM) {
        return Err(as_oauth(Problem::from(Code::UnsupportedMediaType).because(
            "Send `Content-Type: application/x-www-form-urlencoded`.",
        )));
    }
    let body = Zeroizing::new(body.await.map_err(as_oauth)?);
    TokenForm::read(&body)
}
