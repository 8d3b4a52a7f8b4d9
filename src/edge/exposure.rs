//! Keys where they never belong: in a browser, in an address. A genuine one is
//! marked in its registry, with the origin that showed it.

use std::borrow::Cow;

use crate::edge::memory;
use crate::edge::usage;
use crate::edge_call::EdgeCall;
use crate::http::{Code, Dialect, Place, Problem, TARGETS, for_proxy, oauth};
use crate::key::{PresentedKey, Search};
use crate::runtime::host;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate::Edge;
use crate::runtime::registry;
use crate::runtime::secrets;
use crate::verify::Credentials;

/// A browser's request to a route of clients: what it shows is followed up after
/// the refusal.
pub(crate) fn refused_browser(edge: &Edge, incoming: Incoming) -> Problem {
    let origin = origin_of(&incoming).unwrap_or_default();
    // A proxy asks by GET about a preflight that it holds.
    if incoming.method() == "OPTIONS" || incoming.header("access-control-request-method").is_some()
    {
        let asked = incoming
            .header("access-control-request-headers")
            .unwrap_or_default();
        let asks = asked
            .split(',')
            .any(|name| name.trim().eq_ignore_ascii_case("authorization"));
        if asks && !origin.is_empty() {
            usage::count_preflight(edge, origin, host::now());
        }
        return Code::BrowserCallRefused.into();
    }
    let in_header = Credentials::read(incoming.authorization.as_deref(), &edge.settings.keyring);
    match in_header {
        Credentials::Key(key) => follow_up(edge, key, origin),
        Credentials::Refused(_) if key_in_address(edge, &incoming).is_some() => {}
        Credentials::Refused(_) if is_form(&incoming) => {
            let later = edge.clone();
            edge.after(async move {
                let mut search = Search::new(&later.settings.keyring);
                let found = incoming.find_in_body(|piece| search.next(piece)).await;
                if let Some(key) = found {
                    mark(&later, &key, origin).await;
                }
            });
        }
        Credentials::Refused(_) => {}
    }
    Code::BrowserCallRefused.into()
}

/// The page's origin: a form or image that asks by GET tells it in `Referer` alone.
fn origin_of(incoming: &Incoming) -> Option<String> {
    let origin = incoming.header("origin");
    origin.filter(|origin| !origin.is_empty()).or_else(|| {
        let referer = incoming.header("referer")?;
        let authority = referer.find("://")? + 3;
        let end = referer
            .get(authority..)?
            .find(['/', '?', '#'])
            .map_or(referer.len(), |at| authority + at);
        referer.get(..end).map(str::to_owned)
    })
}

/// What a page can post without a preflight.
fn is_form(incoming: &Incoming) -> bool {
    let media_type = incoming.header("content-type").unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    [oauth::FORM, "multipart/form-data", "text/plain"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

/// An address with a key in it: addresses end up in logs and histories.
pub(crate) fn key_in_address(edge: &Edge, incoming: &Incoming) -> Option<Problem> {
    let keyring = &edge.settings.keyring;
    let place = edge.settings.routes.place(incoming.path());
    let addresses = addresses(incoming, &place);
    let shown = addresses
        .iter()
        .find(|address| keyring.sightings(address).next().is_some())?;
    if let Some(key) = keyring.first_made_here(shown) {
        let origin = origin_of(incoming).unwrap_or_else(|| "url".to_owned());
        follow_up(edge, key, origin);
    }
    let problem = Problem::invalid(
        "path",
        "There is a key in the address, where it ends up in logs and histories. Send it in the `Authorization` header, and rotate it.",
    );
    Some(match place {
        Place::ForwardAuth(dialect) => for_proxy(problem, dialect == Dialect::Nginx),
        _ => problem,
    })
}

/// The request's target, and the one that a proxy asks about.
fn addresses<'a>(incoming: &'a Incoming, place: &Place<'_>) -> Vec<Cow<'a, str>> {
    let mut addresses = vec![Cow::from(incoming.target())];
    if matches!(place, Place::ForwardAuth(_)) {
        let held = TARGETS.iter().filter_map(|name| incoming.header(name));
        addresses.extend(held.map(Cow::from));
    }
    addresses
}

fn follow_up(edge: &Edge, key: PresentedKey, origin: String) {
    let later = edge.clone();
    edge.after(async move { mark(&later, &key, origin).await });
}

/// Marks a key whose secret proves; once a minute at most, and a few at a time. A
/// sighting counts only once its secret is proven: a wrong one of the same id, which
/// anybody can show, keeps no right one from being told.
async fn mark(edge: &Edge, key: &PresentedKey, origin: String) {
    let id = key.id().public;
    let settings = &edge.settings;
    let is_told = memory::with(settings, |memory| {
        memory.sighted.contains(&id, host::now().0)
    });
    if is_told
        || !secrets::proves(edge, key, memory::digest_at_hand(settings))
            .await
            .unwrap_or(false)
    {
        return;
    }
    if !memory::with(settings, |memory| memory.sighted.insert(id, host::now().0)) {
        return;
    }
    let told = registry::call(&edge.env, &EdgeCall::MarkExposed { key: id, origin }).await;
    if !told.is_ok_and(|response| response.is_taken()) {
        // The next sighting tells it.
        memory::with(settings, |memory| memory.sighted.remove(&id));
    }
}
