//! Everything but the admin API.

use super::admin::usage_parameter;
use super::operation::{KEY_PROBLEMS, Operation, content, json_of, with_header};
use super::schema::reference;
use katalo_keys::http::USAGE_QUERY;
use katalo_keys::http::{Code, IDENTITY, JSON, PROXIES_ASK, Route, leaks, oauth};
use serde_json::{Value, json};

/// What a client's key can be refused with.
const REFUSED: [Code; 6] = [
    Code::ApiAccessDisabled,
    Code::WrongEnvironment,
    Code::AddressNotAllowed,
    Code::BrowserCallRefused,
    Code::InvalidRequest,
    Code::FreshnessUnavailable,
];

pub(super) fn operations() -> Vec<(String, &'static str, Operation)> {
    let mut operations = plain();
    for method in ["GET", "HEAD"] {
        operations.push(("/v1/key".to_owned(), method, own_key(method)));
        operations.push(("/v1/key/usage".to_owned(), method, own_usage(method)));
    }
    for method in PROXIES_ASK {
        for (path, dialect) in [
            ("/authorize", Dialect::None),
            ("/authorize/nginx", Dialect::Nginx),
            ("/authorize/forwarded", Dialect::Forwarded),
            ("/authorize/envoy/{path}", Dialect::Envoy),
        ] {
            operations.push((path.to_owned(), method, authorize(dialect, method)));
        }
    }
    operations.push(("/oauth2/introspect".to_owned(), "POST", introspect()));
    operations.push(("/oauth2/revoke".to_owned(), "POST", revoke()));
    operations.push(("/leaks/github".to_owned(), "POST", leak_report()));
    operations
}

fn plain() -> Vec<(String, &'static str, Operation)> {
    let document = json!({
        "type": "object", "required": ["openapi"],
        "properties": { "openapi": { "type": "string", "pattern": "^3\\.1\\." } },
    });
    let mut operations = Vec::new();
    for method in ["GET", "HEAD"] {
        let health = Operation::new(&id("readHealth", method), "service", "Whether it lives");
        operations.push((
            "/healthz".to_owned(),
            method,
            health.answers("200", unless_head(method, json_of("It does.", "Health"))),
        ));
    }
    operations.push((
        "/openapi.json".to_owned(),
        "GET",
        Operation::new("readDocument", "service", "This document")
            .answers(
                "200",
                content("OpenAPI 3.1.", "application/json", &document),
            )
            .answers("304", not_modified()),
    ));
    operations.push((
        "/problems/{code}".to_owned(),
        "GET",
        Operation::new("readProblem", "service", "A page about a problem")
            .answers(
                "200",
                content("For people.", "text/html", &json!({ "type": "string" })),
            )
            .answers("304", not_modified())
            .refused(&[Code::NotFound, Code::InvalidRequest]),
    ));
    operations
}

fn not_modified() -> Value {
    json!({ "description": "As it was (`If-None-Match`)." })
}

fn id(name: &str, method: &str) -> String {
    match method {
        "GET" => name.to_owned(),
        other => format!(
            "{name}{}{}",
            other.get(..1).unwrap_or_default(),
            other.get(1..).unwrap_or_default().to_ascii_lowercase()
        ),
    }
}

fn unless_head(method: &str, mut response: Value) -> Value {
    if let (Value::Object(members), "HEAD") = (&mut response, method) {
        members.remove("content");
    }
    response
}

fn key_security(scope: &str) -> Value {
    if scope.is_empty() {
        json!([{ "key": [] }])
    } else {
        json!([{ "key": [scope] }])
    }
}

/// How the request was decided, the end of a key that was rotated, and what one
/// that leaked is held to.
fn decided(response: Value) -> Value {
    let decision = json!({
        "description": "How the request was decided (RFC 9651): source of the records, age of the proof in \
            milliseconds, revision.",
        "required": true,
        "schema": { "type": "string", "pattern": "^source=(memory|kv|registry), age=[0-9]+, revision=[0-9]+$" },
    });
    let deprecation = json!({
        "description": "RFC 9745: since when the key is to be replaced by its successor.",
        "schema": { "type": "string", "pattern": "^@[0-9]+$" },
    });
    let sunset = json!({
        "description": "RFC 8594: when the key's overlap ends.", "schema": { "type": "string" },
    });
    let restriction = json!({
        "description": "The key leaked, and is held to a few of its scopes.", "schema": { "const": "leak" },
    });
    [
        ("Katalo-Decision", decision),
        ("Deprecation", deprecation),
        ("Sunset", sunset),
        ("Katalo-Restriction", restriction),
    ]
    .into_iter()
    .fold(response, |response, (name, header)| {
        with_header(response, name, header)
    })
}

/// What a key with limits hears where a request costs.
const LIMITED: [Code; 3] = [
    Code::RateLimitExceeded,
    Code::QuotaExceeded,
    Code::LimitsUnavailable,
];

fn own_key(method: &str) -> Operation {
    Operation::new(&id("readOwnKey", method), "clients", "The caller's key")
        .secured(key_security(""))
        .answers(
            "200",
            unless_head(method, decided(json_of("The key.", "OwnKey"))),
        )
        .refused(&KEY_PROBLEMS)
        .refused(&REFUSED)
}

fn own_usage(method: &str) -> Operation {
    let usage = Operation::new(
        &id("listOwnUsage", method),
        "clients",
        "Usage of the caller's organization",
    );
    USAGE_QUERY
        .iter()
        .fold(usage, |usage, name| usage.parameter(usage_parameter(name)))
        .secured(key_security("usage"))
        .answers(
            "200",
            unless_head(method, decided(json_of("A page.", "OwnUsagePage"))),
        )
        .refused(&KEY_PROBLEMS)
        .refused(&REFUSED)
        .refused(&[Code::InsufficientScope, Code::RegistryUnavailable])
}

/// A route of the API behind: what passes is its own answer.
pub(super) fn gateway(route: &Route, method: &str, path: &str) -> Operation {
    let host = route.host().map(|host| format!(" at {host}"));
    let name = format!("{method} {path}{}", host.unwrap_or_default());
    let words = format!("{} {path}", method.to_ascii_lowercase());
    let id: String = words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .enumerate()
        .map(|(place, word)| match place {
            0 => word.to_owned(),
            _ => {
                word.get(..1).unwrap_or_default().to_ascii_uppercase()
                    + word.get(1..).unwrap_or_default()
            }
        })
        .collect();
    Operation::new(&id, "gateway", &name)
        .described("Passed on to the protected API once the key is accepted. All other answers are the API's own.")
        .secured(key_security(route.scope().as_str()))
        .answers("default", json!({ "description": "The API's answer." }))
        .refused(&KEY_PROBLEMS)
        .refused(&REFUSED)
        .refused(&LIMITED)
        .refused(&[Code::InsufficientScope, Code::UpstreamUnavailable, Code::UpstreamTimeout])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    None,
    Nginx,
    Forwarded,
    Envoy,
}

fn authorize(dialect: Dialect, method: &str) -> Operation {
    let (name, summary, headers): (&str, &str, &[&str]) = match dialect {
        Dialect::None => ("authorize", "Whether the key is good, without a route", &[]),
        Dialect::Nginx => (
            "authorizeNginx",
            "Forward-auth for nginx",
            &["X-Original-Method", "X-Original-URI"],
        ),
        Dialect::Forwarded => (
            "authorizeForwarded",
            "Forward-auth for Caddy and Traefik",
            &["X-Forwarded-Method", "X-Forwarded-Uri"],
        ),
        Dialect::Envoy => (
            "authorizeEnvoy",
            "Forward-auth for Envoy: the path is appended",
            &[],
        ),
    };
    let mut operation = Operation::new(&id(name, method), "verification", summary)
        .secured(key_security(""))
        .answers(
            "200",
            identified(json!({ "description": "Let it through, with these headers." })),
        )
        .refused(&KEY_PROBLEMS)
        .refused(&LIMITED);
    for header in headers {
        let schema = if header.ends_with("Method") {
            json!({ "type": "string", "pattern": "^[A-Z]+$", "examples": ["GET"] })
        } else {
            json!({ "type": "string", "pattern": "^/[^ ]*$", "examples": ["/v1/usage"] })
        };
        operation = operation.parameter(json!({
            "name": header, "in": "header", "required": true, "schema": schema,
            "description": "Of the request that the proxy holds.",
        }));
    }
    if dialect == Dialect::None {
        return operation
            .described("`test` keys are refused, unless the operator takes them here (`FORWARD_AUTH_TEST_KEYS`).")
            .refused(&REFUSED);
    }
    for (header, description) in [
        (
            "Katalo-Forward-Auth-Secret",
            "`FORWARD_AUTH_SECRET`: proves the proxy, so that it is believed about the client's address.",
        ),
        ("Katalo-Client-Address", "The client's address."),
    ] {
        operation = operation.parameter(json!({
            "name": header, "in": "header", "description": description, "schema": { "type": "string" },
        }));
    }
    // Proxies know no refusals but 401 and 403.
    operation
        .described("A route of the API that does not exist is refused with 403, as is everything else but a missing \
            or bad key: proxies know 401 and 403 alone. So are `test` keys, unless the operator takes them here \
            (`FORWARD_AUTH_TEST_KEYS`).")
        .refused(&REFUSED)
        .refused_as(&[
            (403, Code::InvalidRequest),
            (403, Code::NotFound),
            (403, Code::MethodNotAllowed),
            (403, Code::InsufficientScope),
        ])
}

/// The identity headers: all of them, always.
fn identified(response: Value) -> Value {
    IDENTITY.iter().fold(decided(response), |response, name| {
        let header = json!({
            "description": "Who is calling; an assertion is empty where none is made.", "required": true,
            "schema": { "type": "string" },
        });
        with_header(response, name, header)
    })
}

/// What RFC 6749 section 5.2 asks of refusals stands beside the problem's members.
fn introspect() -> Operation {
    Operation::new(
        "introspect",
        "verification",
        "RFC 7662: what a key is good for",
    )
    .secured(json!([{ "adminKey": ["introspect"] }, { "introspector": ["introspect"] }]))
    .body("TokenForm", true, &[oauth::FORM])
    .answers("200", json_of("What it is.", "Introspection"))
    .refused(&KEY_PROBLEMS)
    .refused(&[
        Code::InsufficientScope,
        Code::WrongEnvironment,
        Code::AddressNotAllowed,
        Code::BrowserCallRefused,
        Code::ApiAccessDisabled,
        Code::InvalidRequest,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::FreshnessUnavailable,
    ])
}

fn revoke() -> Operation {
    Operation::new(
        "revoke",
        "verification",
        "RFC 7009: whoever shows a key can end it",
    )
    .described("200 says that it is refused everywhere; 503 that it may still be good: ask again.")
    .body("TokenForm", true, &[oauth::FORM])
    .answers(
        "200",
        json!({ "description": "It is refused everywhere, or never was good." }),
    )
    .refused(&[
        Code::BrowserCallRefused,
        Code::InvalidRequest,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::FreshnessUnavailable,
        Code::RegistryUnavailable,
    ])
}

fn leak_report() -> Operation {
    let header = |name: &str, description: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": description,
            "schema": { "type": "string", "pattern": "^[!-~]+$" },
        })
    };
    let answer = json!({ "type": "array", "items": reference("LeakFeedback") });
    Operation::new(
        "reportLeaks",
        "leaks",
        "Keys that GitHub's secret scanning found",
    )
    .described("Each that is ours comes to what its organization's `leak_policy` says before the answer. A report is \
        at most 1 MiB and here within 10 seconds; 503 where too many are being received.")
    .parameter(header(leaks::KEY_IDENTIFIER, "Which of GitHub's keys signed the report."))
    .parameter(header(leaks::SIGNATURE, "ECDSA over P-256 with SHA-256 of the body's exact bytes: base64 of DER."))
    .body("LeakReport", true, &[JSON])
    .answers("200", content("For each match whether it is ours.", JSON, &answer))
    .refused(&[
        Code::InvalidSignature,
        Code::InvalidRequest,
        Code::BodyTooLarge,
        Code::RegistryUnavailable,
    ])
    .refused_as(&[(503, Code::RateLimited)])
}
