//! `/openapi.json`: the whole API as an OpenAPI 3.1 document.
//!
//! Paths, methods, scopes, query parameters, problems and limits are read from
//! the crate's own tables, and most schemas are derived from its types; the words,
//! and the shapes of what has no type, are written here, and tests hold them against
//! what the code does. The routes of the API behind the gateway come from
//! wrangler.toml, as they do at the deployment.

mod admin;
mod clients;
mod operation;
mod schema;
#[cfg(test)]
mod tests;
mod untyped;

use crate::project;
use anyhow::{Context, Result, anyhow, bail};
use katalo_keys::http::{
    ADMIN, ADMIN_PREFIX, DescribedScope, PROXIES_ASK, Place, Route, RouteTable, described_scopes,
    own_prefix,
};
use katalo_keys::key::Scope;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, path::Path};

/// Writes the document, and returns it.
pub(super) fn run(file: &Path) -> Result<Value> {
    let text = fs::read_to_string(project::root().join("wrangler.toml"))?;
    let gateway = Gateway::read(&text)?;
    let document = document(&gateway)?;
    fs::write(file, serde_json::to_string(&document)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(document)
}

/// What wrangler.toml says of the API behind, checked as the Worker will.
struct Gateway {
    routes: RouteTable,
    own_prefix: String,
    scopes: Vec<DescribedScope>,
}

impl Gateway {
    fn read(text: &str) -> Result<Self> {
        let settings: toml::Table = text.parse()?;
        let variable = |name: &str| settings.get("vars").and_then(|all| all.get(name));
        let own_prefix = match variable("OWN_PREFIX").and_then(toml::Value::as_str) {
            None | Some("") => String::new(),
            Some(text) => own_prefix(text)
                .context("OWN_PREFIX must be a path such as /_keys, without a slash at its end")?,
        };
        let routes = variable("ROUTES").context("wrangler.toml has no ROUTES")?;
        let routes = RouteTable::parse(&serde_json::to_string(routes)?, &own_prefix)
            .map_err(|error| anyhow!("{error}"))?;
        let services = settings.get("services").and_then(toml::Value::as_array);
        let is_bound = |name: &str| {
            let mut services = services.into_iter().flatten();
            services
                .any(|service| service.get("binding").and_then(toml::Value::as_str) == Some(name))
        };
        let is_somewhere =
            |name: &str| is_bound(name) || variable(&format!("{name}_URL")).is_some();
        let named = routes
            .iter()
            .map(Route::upstream)
            .filter(|name| *name != "UPSTREAM");
        if let Some(name) = named.into_iter().find(|name| !is_somewhere(name)) {
            bail!(
                "ROUTES: the upstream {name} is neither bound under [[services]] nor is there {name}_URL"
            );
        }
        let more = variable("CLIENT_SCOPES").and_then(toml::Value::as_str);
        let more = more.unwrap_or_default().split_ascii_whitespace();
        let more: Option<Vec<Scope>> = more.map(Scope::parse).collect();
        let catalogue = variable("SCOPES").map(serde_json::to_string).transpose()?;
        let more = more.context("CLIENT_SCOPES must be scopes separated by spaces")?;
        let scopes = described_scopes(catalogue.as_deref(), &routes, more)
            .map_err(|reason| anyhow!("SCOPES: {reason}"))?;
        Ok(Self {
            routes,
            own_prefix,
            scopes,
        })
    }
}

fn document(gateway: &Gateway) -> Result<Value> {
    let mut paths = paths(gateway)?;
    let responses = shared(&mut paths);
    Ok(json!({
        "openapi": "3.1.1",
        "info": info(),
        "servers": [{ "url": "/", "description": "Where this document lies." }],
        "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        "paths": paths,
        "components": {
            "securitySchemes": security_schemes(&gateway.scopes),
            "schemas": schema::all(),
            "responses": responses,
        },
    }))
}

fn info() -> Value {
    json!({
        "title": "Katalo keys",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "Organization-scoped API keys, verified at the edge.",
        "description": "Issues, verifies, rotates and revokes API keys. When a change that decides requests is \
            answered with `enforced: true`, no request that arrives afterwards at any edge is decided on the \
            older state.\n\nTimes are RFC 3339: requests may have any offset, answers are in UTC. Requests refuse unknown and repeated members, and carry \
            at most 64 KiB, or 4 KiB where no key was shown (to sign in, to revoke a token). Every refusal is a problem document (RFC 9457) whose `type` is a page; an address \
            that does not take a method answers 405 `method_not_allowed` with `Allow`.",
        "license": { "name": "MIT or Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    })
}

const TAGS: [(&str, &str); 10] = [
    ("organizations", "Who owns keys."),
    ("keys", "From issue to revocation."),
    ("audit", "Every act, in a hash chain."),
    ("usage", "Who uses what."),
    (
        "sign-in",
        "The first admin key, and the dashboard's sessions.",
    ),
    ("service", "How the installation stands."),
    ("clients", "What the holder of a key asks."),
    ("gateway", "The protected API itself."),
    (
        "verification",
        "For proxies, gateways and frameworks: forward-auth, RFC 7662, RFC 7009.",
    ),
    ("leaks", "Keys that were found where they do not belong."),
];

fn paths(of: &Gateway) -> Result<Value> {
    let mut paths = Map::new();
    let mut put = |path: &str, method: &str, operation: Value| {
        let item = paths
            .entry(path.to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(item) = item {
            item.insert(method.to_ascii_lowercase(), operation);
        }
    };
    for (template, make) in ADMIN {
        let place = make("{organization}", "{key_id}");
        for method in place.allow().split(", ") {
            let operation = admin::operation(&place, method)
                .with_context(|| format!("{method} {template} is not described"))?;
            put(
                &format!("{ADMIN_PREFIX}{template}"),
                method,
                operation.document(method, template),
            );
        }
    }
    for (path, method, operation) in clients::operations() {
        // What is for clients and proxies moves.
        let moves = Place::of(&path).refuses_browsers() || path == "/healthz";
        let prefix = if moves { of.own_prefix.as_str() } else { "" };
        let path = [prefix, &path].concat();
        put(&path, method, operation.document(method, &path));
    }
    for (path, method, operation) in gateway(&of.routes) {
        put(&path, method, operation.document(method, &path));
    }
    Ok(Value::Object(paths))
}

/// Takes refusals that several operations have out to one place, and refers to
/// them there.
fn shared(paths: &mut Value) -> Map<String, Value> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut shared = Map::new();
    let operations = paths
        .as_object_mut()
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.values_mut());
    for operation in operations {
        let Some(Value::Object(responses)) = operation.get_mut("responses") else {
            continue;
        };
        for (status, response) in responses {
            if !status.starts_with(['4', '5']) {
                continue;
            }
            let next = shared.len() + 1;
            let name = names
                .entry(response.to_string())
                .or_insert_with(|| format!("Refusal{status}-{next}"));
            let refers = json!({ "$ref": format!("#/components/responses/{name}") });
            let response = std::mem::replace(response, refers);
            shared.entry(name.clone()).or_insert(response);
        }
    }
    shared
}

/// The routes that are listed. OpenAPI has no word for all that follows, and none for
/// hosts in a path: a variable stands for the one, the description tells the other.
fn gateway(routes: &RouteTable) -> Vec<(String, &str, operation::Operation)> {
    let mut operations = Vec::new();
    let listed = (0..).map_while(|place| routes.get(place));
    for route in listed.filter(|route| !route.is_fallback()) {
        let path = match route.path().strip_suffix("/*") {
            Some(start) => format!("{start}/{{path}}"),
            None => route.path().to_owned(),
        };
        let methods = match route.method() {
            "*" => PROXIES_ASK.to_vec(),
            method => vec![method],
        };
        for method in methods {
            operations.push((path.clone(), method, clients::gateway(route, method, &path)));
        }
    }
    operations
}

/// What a client's key may be given, in English where it is described.
fn scopes_in_words(scopes: &[DescribedScope]) -> String {
    let words = scopes.iter().map(|scope| {
        let description = scope
            .description
            .get("en")
            .or(scope.description.values().next());
        let description = description.map_or(String::new(), |text| format!(": {text}"));
        let danger = if scope.dangerous { " (dangerous)" } else { "" };
        format!("- `{}`{danger}{description}", scope.name)
    });
    words.collect::<Vec<_>>().join("\n")
}

fn security_schemes(scopes: &[DescribedScope]) -> Value {
    let scopes = scopes_in_words(scopes);
    json!({
        "adminKey": {
            "type": "http", "scheme": "bearer", "bearerFormat": "kat_admin_<publicKeyId>.<secret>",
            "description": "An admin key. What an operation needs of it stands beside it.",
        },
        "key": {
            "type": "http", "scheme": "bearer", "bearerFormat": "kat_live_<publicKeyId>.<secret>",
            "description": format!("A client's key. Servers send it; browsers are refused. Its scopes:\n\n{scopes}"),
        },
        "session": {
            "type": "apiKey", "in": "cookie", "name": "__Host-katalo-session",
            "description": "The dashboard's session, one hour.",
        },
        "csrf": {
            "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
            "description": "`csrf_token` of the session: changes by cookie show it, with an `Origin` of this service.",
        },
        "bootstrapToken": {
            "type": "http", "scheme": "bearer",
            "description": "The secret `BOOTSTRAP_TOKEN`, once.",
        },
        "introspector": {
            "type": "http", "scheme": "basic",
            "description": "An admin key: its id as user, its secret part as password.",
        },
    })
}
