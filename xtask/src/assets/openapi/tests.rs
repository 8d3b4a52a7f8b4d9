//! The document against the code: nothing there that is not described, nothing
//! described that is not there.

use super::*;
use crate::settings::{self, Document, check};
use jsonschema::Validator;
use katalo_keys::http::admin::{
    Facts, RequestBody, answer_to, ask, lookup_answer, parse_body, problem_of, query_of,
    session_answer,
};
use katalo_keys::http::exceeded;
use katalo_keys::http::{AdminPlace, Answer, Body, Code, FIXED, MOVABLE, Place, Problem, oauth};
use katalo_keys::key::{KeyId, KeyRecord, OrganizationRecord};
use katalo_keys::limits::{allowance::Standing, policy::Policy, spending::Limit};
use katalo_keys::registry::message::{self, Refusal};
use katalo_keys::time::Timestamp;
use katalo_keys::verify::Denial;
use std::collections::BTreeSet;

const KEY: &str = "kat_live_20BAssrdJ8UvAGbTzdPedgcnuDWlHC";
const SECRET: &str =
    "kat_live_20BAssrdJ8UvAGbTzdPedgcnuDWlHC.0000000000000000000000000000000000000000000AAAAAA";
const AT: &str = "2026-11-24T03:41:14.123Z";
const DIGEST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Pinned by the registry's own tests.
const AUDIT: &str = include_str!("../../../../tests/registry/audit/acme.ndjson");

fn whole() -> Value {
    let loaded = settings::load(Some(Path::new(settings::EXAMPLE))).unwrap();
    document(&loaded.checked.settings).unwrap()
}

fn read(text: &str) -> Value {
    let file = Document::parse("katalo.toml", text).unwrap();
    document(&check(Some(&file), &[]).unwrap().settings).unwrap()
}

#[test]
fn routes_of_any_path_are_described_and_our_own_move() {
    let document = read(
        r#"
        own_prefix = "/_keys"
        scopes = [{ name = "read", description = { en = "Read it" }, dangerous = true }, { name = "rest" }]
        routes = [
          { method = "*", path = "/api/*", scope = "read", upstream = "ORDERS" },
          { method = "GET", path = "/v1/key", scope = "read", host = "api.example" },
          { method = "*", path = "/*", scope = "rest", fallback = true },
        ]
        upstreams.ORDERS.url = "https://orders.example""#,
    );
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(names(&paths["/api/{path}"]).len(), PROXIES_ASK.len());
    assert_eq!(names(&paths["/v1/key"]), set(["get"]));
    assert_eq!(
        paths["/v1/key"]["get"]["summary"],
        "GET /v1/key at api.example"
    );
    for moved in ["/_keys/v1/key", "/_keys/authorize/nginx", "/_keys/healthz"] {
        assert!(paths.contains_key(moved), "{moved}");
    }
    for gone in ["/authorize", "/healthz", "/oauth2/revoke", "/*", "/{path}"] {
        assert!(!paths.contains_key(gone), "{gone}");
    }
    assert!(paths.contains_key("/leaks/github"));
    let key = document["components"]["securitySchemes"]["key"]["description"].as_str();
    assert!(
        key.unwrap()
            .ends_with("- `read` (dangerous): Read it\n- `rest`\n- `usage`")
    );
}

/// The schema of that name, with every object closed.
fn schema(name: &str) -> Validator {
    let mut components = whole()["components"].take();
    crate::api::close(&mut components["schemas"]);
    let schema =
        json!({ "$ref": format!("#/components/schemas/{name}"), "components": components });
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}

#[track_caller]
fn fits(name: &str, value: &Value) {
    let errors: Vec<String> = schema(name)
        .iter_errors(value)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:?} in {value}");
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn properties(schema: &str) -> BTreeSet<String> {
    names(&whole()["components"]["schemas"][schema]["properties"])
}

fn set<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_place_of_the_code_is_described_and_no_other() {
    let document = whole();
    let paths = document["paths"].as_object().unwrap();
    for (template, make) in ADMIN {
        let path = format!("{ADMIN_PREFIX}{template}");
        let place = make("{organization}", "{key_id}");
        assert_eq!(Place::of(&path), Place::Admin(place), "{path}");
        let methods = place.allow().to_ascii_lowercase();
        assert_eq!(names(&paths[&path]), set(methods.split(", ")), "{path}");
    }
    for (path, place) in FIXED.into_iter().chain(MOVABLE) {
        assert_eq!(paths.contains_key(path), place != Place::Static, "{path}");
    }
    for described in ["/problems/{code}", "/authorize/envoy/{path}"] {
        assert!(paths.contains_key(described));
    }
    for path in paths.keys() {
        let place = Place::of(path);
        assert!(!matches!(place, Place::Unknown | Place::Static), "{path}");
        if place == Place::Gateway {
            assert!(
                paths[path]
                    .as_object()
                    .unwrap()
                    .values()
                    .all(|operation| operation["tags"] == json!(["gateway"]))
            );
        }
    }
    let mut operations = BTreeSet::new();
    for operation in paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
    {
        let id = operation["operationId"].as_str().unwrap();
        assert!(operations.insert(id.to_owned()), "{id} is there twice");
    }
}

#[test]
fn every_problem_is_described() {
    let responses = whole()["components"]["responses"].to_string();
    for code in Code::all() {
        assert!(
            responses.contains(&format!("\"{}\"", code.as_str())),
            "{}",
            code.as_str()
        );
    }
    let all: BTreeSet<String> = set(Code::all().map(Code::as_str));
    let named = whole()["components"]["schemas"]["ProblemCode"]["enum"].clone();
    assert_eq!(
        serde_json::from_value::<BTreeSet<String>>(named).unwrap(),
        all
    );
}

#[test]
fn query_parameters_are_those_of_the_code() {
    let document = whole();
    for (template, make) in ADMIN {
        let place = make("acme", KEY);
        for method in place.allow().split(", ") {
            let operation = &document["paths"][format!("{ADMIN_PREFIX}{template}")]
                [method.to_ascii_lowercase()];
            let parameters = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let described = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "query");
            let described: BTreeSet<String> = described
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect();
            let nameless = parameters
                .iter()
                .find(|parameter| parameter["description"].as_str().is_none_or(str::is_empty));
            assert_eq!(nameless, None, "{method} {template}: not described");
            let known: &[&str] = if method == "GET" {
                query_of(&place)
            } else {
                &[]
            };
            assert_eq!(described, set(known.iter().copied()), "{method} {template}");
        }
    }
}

/// What the code says to a query, and what the schemas of its parameters say.
#[test]
fn query_parameters_have_the_limits_of_the_code() {
    let document = whole();
    let check = |template: &str, place: AdminPlace<'_>, name: &str, text: &str| {
        let operation = &document["paths"][format!("{ADMIN_PREFIX}{template}")]["get"];
        let parameters = operation["parameters"].as_array().unwrap();
        let parameter = parameters
            .iter()
            .find(|parameter| parameter["name"] == name)
            .unwrap();
        let schema = json!({
            "allOf": [parameter["schema"]], "components": document["components"],
        });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let value: Value = match text.parse::<i64>() {
            Ok(number) if !matches!(name, "cursor" | "name" | "search") => number.into(),
            _ => text.replace("%2B", "+").into(),
        };
        let query = format!("{name}={text}");
        let facts = Facts {
            method: "GET",
            query: &query,
            body: b"",
            if_match: None,
            if_none_match: None,
            now: Timestamp::from_rfc3339(AT).unwrap(),
        };
        assert_eq!(
            validator.is_valid(&value),
            ask(&place, &facts).is_ok(),
            "{template} {query}"
        );
    };
    let long = "x".repeat(101);
    let noted = "x".repeat(201);
    let keys = AdminPlace::Keys("acme");
    for (name, text) in [
        ("limit", "0"),
        ("limit", "1"),
        ("limit", "200"),
        ("limit", "201"),
        ("limit", "many"),
        ("state", "active"),
        ("state", "revoked"),
        ("state", "gone"),
        ("state", ""),
        ("unused_for_days", "0"),
        ("unused_for_days", "1"),
        ("unused_for_days", "36500"),
        ("unused_for_days", "36501"),
        ("expires_within_days", "0"),
        ("expires_within_days", "36500"),
        ("environment", "live"),
        ("environment", "prod"),
        ("metadata", ""),
        ("metadata", "team"),
        ("metadata", "team=web"),
        ("metadata", "=web"),
        ("metadata", &noted),
        ("metadata", &noted[1..]),
        ("search", ""),
        ("search", "x"),
        ("search", &long),
        ("name", ""),
        ("name", "x"),
        ("name", &long),
        ("name", &long[1..]),
    ] {
        check("organizations/{organization}/keys", keys, name, text);
    }
    for text in ["0", "7", "9007199254740991", "9007199254740992", "-1", "x"] {
        check(
            "organizations/{organization}/audit",
            AdminPlace::Audit("acme"),
            "after",
            text,
        );
    }
    for text in ["0", "7", "999999999999999", "-1", "x"] {
        check(
            "organizations/{organization}/audit",
            AdminPlace::Audit("acme"),
            "cursor",
            text,
        );
    }
    let usage = AdminPlace::Usage("acme");
    for (name, text) in [
        ("by", "hour"),
        ("by", "day"),
        ("by", "week"),
        ("key", KEY),
        ("key", "kat_live_x"),
        // One beyond 64 bits in the organization's tag.
        ("key", "kat_live_20LygHa16AHYFTzdPedgcnuDWlHC"),
        ("key", "kat_live_20LygHa16AHYG0000000000000DWlHC"),
        ("from", "2020-01-01T00:00:00Z"),
        ("from", "2020-01-01"),
        ("from", "2020-01-01T00:00:00%2B01:00"),
        ("from", "2020-01-01T00:00:00-23:59"),
        ("from", "2020-01-01T00:00:00-24:00"),
        ("from", "1969-12-31T23:59:59Z"),
    ] {
        check("organizations/{organization}/usage", usage, name, text);
    }
}

/// The schema and the type take and refuse the same bodies.
#[track_caller]
fn agree<T: RequestBody>(name: &str, good: &Value, variants: &[(&str, Value)]) {
    let required = &whole()["components"]["schemas"][name]["required"];
    let required: BTreeSet<&str> = required
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(required, T::REQUIRED.iter().copied().collect(), "{name}");
    assert_eq!(
        names(good),
        properties(name),
        "{name}: the example shows all members"
    );
    let schema = schema(name);
    let check = |body: &Value| {
        let read = parse_body::<T>(body.to_string().as_bytes());
        assert_eq!(
            schema.is_valid(body),
            read.is_ok(),
            "{name}: {body}: {:?}",
            read.err()
        );
        read.is_ok()
    };
    assert!(check(good), "{name}");
    for member in names(good) {
        let mut body = good.clone();
        for wrong in [
            json!(null),
            json!(1.5),
            json!(-1),
            json!([7]),
            json!({ "a": 1.5 }),
            json!(""),
            json!("\u{7}"),
        ] {
            body[&member] = wrong;
            check(&body);
        }
        body.as_object_mut().unwrap().remove(&member);
        check(&body);
    }
    for (member, value) in variants {
        let mut body = good.clone();
        body[member] = value.clone();
        check(&body);
    }
    let mut more = good.clone();
    more["no such member"] = json!(1);
    assert!(!check(&more));
    for other in [
        json!([]),
        json!(good.as_object().unwrap().values().collect::<Vec<_>>()),
        json!(null),
        json!("x"),
    ] {
        assert!(!check(&other));
    }
}

#[test]
fn bodies_are_taken_as_described() {
    let text = |length: usize| json!("å".repeat(length));
    let scopes =
        |count: usize| -> Value { (0..count).map(|scope| json!(format!("s{scope}"))).collect() };
    let networks = |count: usize| -> Value {
        (0..count)
            .map(|place| json!(format!("192.0.2.{place}")))
            .collect()
    };
    let named = [
        ("name", text(100)),
        ("name", text(101)),
        ("name", json!("  x ")),
        ("name", json!("   ")),
        ("name", json!("a\nb")),
        ("name", json!("a\n")),
    ];
    let granted = [
        ("scopes", scopes(0)),
        ("scopes", scopes(50)),
        ("scopes", scopes(51)),
        ("scopes", json!(["a b"])),
        ("scopes", json!(["a\"b"])),
        ("scopes", json!(["a\\b"])),
        ("scopes", json!(["~!#[]"])),
        ("scopes", json!(["x".repeat(64)])),
        ("scopes", json!(["x".repeat(65)])),
        ("scopes", json!([""])),
        ("expires_at", json!("2030-02-30T00:00:00Z")),
        ("expires_at", json!("2030-01-01T00:00:00+00:00")),
        ("expires_at", json!("2030-01-01")),
        ("expires_at", json!("1969-01-01T00:00:00Z")),
        ("expires_at", json!("2030-01-01T00:00:00.1234567Z")),
        ("allowed_ips", networks(0)),
        ("allowed_ips", networks(50)),
        ("allowed_ips", networks(51)),
        ("metadata", json!({ "a": 9_007_199_254_740_991_i64 })),
        ("metadata", json!({ "a": 9_007_199_254_740_992_i64 })),
        ("metadata", json!({ "a": [{ "b": 1.0 }, null, true, "x"] })),
        ("metadata", json!({ "a": [0.5] })),
        ("metadata", json!([])),
    ];
    let ips: Vec<(&str, Value)> = [
        "192.0.2.0/24",
        "192.0.2.1",
        "0.0.0.0/0",
        "192.0.2.0/32",
        "192.0.2.0/33",
        "256.0.0.1",
        "192.0.2",
        "1.2.3.04",
        "::",
        "::1",
        "2001:db8::/32",
        "2001:db8::/128",
        "2001:db8::/129",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:9",
        "1::8/64",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1::2::3",
        ":1",
        "1:",
        "fe80::1%eth0",
        "x",
        "",
    ]
    .iter()
    .map(|network| ("allowed_ips", json!([network])))
    .collect();
    let limits = json!([
        { "name": "burst", "limit": 100, "window_seconds": 1, "burst": 50, "precision": "leased" },
        { "name": "daily", "limit": 100, "period": "day", "reset_time": "23:59", "time_zone": "UTC" },
        { "name": "monthly", "limit": 100, "period": "month", "reset_day": 28, "precision": "strict" },
        { "name": "all", "limit": 100, "period": "forever" },
    ]);
    let limit = |member: &str, value: Value| {
        let mut limit = json!({ "name": "q", "limit": 9, "period": "day" });
        limit[member] = value;
        ("limits", json!([limit]))
    };
    let limited = [
        limit("name", json!("Q")),
        limit("name", json!("")),
        limit("name", json!("a".repeat(33))),
        limit("limit", json!(0)),
        limit("limit", json!(1_000_000_001)),
        limit("reset_time", json!("24:00")),
        limit("reset_day", json!(1)),
        limit("burst", json!(1)),
        limit("window_seconds", json!(1)),
        limit("precision", json!("local")),
        limit("precision", json!("exact")),
        ("limits", json!([{ "name": "q", "limit": 9 }])),
        (
            "limits",
            json!(vec![json!({ "name": "q", "limit": 9, "period": "day" }); 9]),
        ),
    ];
    let issue = json!({
        "name": "Web shop", "environment": "live", "scopes": ["read"], "expires_at": AT,
        "allowed_ips": ["192.0.2.0/24"], "metadata": { "team": "web" }, "bound_organization": "acme",
        "limits": limits,
    });
    let patch = json!({
        "name": "Web shop", "scopes": ["read"], "expires_at": AT, "allowed_ips": ["192.0.2.0/24"],
        "metadata": { "team": "web" }, "limits": limits, "restriction": null, "wait": false,
    });
    let both = [&named[..], &granted, &ips, &limited].concat();
    let only_issue = [
        ("environment", json!("admin")),
        ("environment", json!("prod")),
        ("bound_organization", json!("x".repeat(64))),
        ("bound_organization", json!("x".repeat(65))),
        ("bound_organization", json!("_x")),
    ];
    agree::<message::IssueKey>("IssueKey", &issue, &[&both[..], &only_issue].concat());
    agree::<message::PatchKey>("PatchKey", &patch, &both);
    let days = |days: Value| ("max_key_lifetime_days", days);
    let organization = json!({ "name": "Acme", "api_access": "enabled", "max_key_lifetime_days": 90,
        "leak_policy": { "action": "report" }, "limits": limits, "wait": true });
    let policy = |policy: Value| ("leak_policy", policy);
    let only = [
        policy(json!({ "action": "revoke" })),
        policy(json!({ "action": "quarantine", "scopes": [] })),
        policy(json!({ "action": "quarantine", "scopes": ["read"] })),
        policy(json!({ "action": "quarantine", "scopes": scopes(50) })),
        policy(json!({ "action": "quarantine", "scopes": scopes(51) })),
        policy(json!({ "action": "quarantine", "scopes": ["a b"] })),
        policy(json!({ "action": "quarantine", "scopes": null })),
        policy(json!({ "action": "quarantine" })),
        policy(json!({ "action": "report", "scopes": ["read"] })),
        policy(json!({ "action": "report", "scopes": null })),
        policy(json!({ "action": "tell" })),
        policy(json!({ "action": "revoke", "when": "now" })),
        policy(json!(["report"])),
        policy(json!("report")),
        policy(json!({})),
        days(json!(0)),
        days(json!(1)),
        days(json!(3650)),
        days(json!(3651)),
        days(json!(90.0)),
        ("api_access", json!("on")),
    ];
    let variants = [&named[..], &only].concat();
    agree::<message::PutOrganization>("PutOrganization", &organization, &variants);
    agree::<message::PatchOrganization>("PatchOrganization", &organization, &variants);
    let seconds = |seconds: Value| ("overlap_seconds", seconds);
    agree::<message::RotateKey>(
        "RotateKey",
        &json!({ "overlap_seconds": 86_400, "wait": true }),
        &[
            seconds(json!(0)),
            seconds(json!(2_592_000)),
            seconds(json!(2_592_001)),
            seconds(json!(5e3)),
            seconds(json!("1")),
        ],
    );
    let note = |note: Value| ("note", note);
    agree::<message::RevokeKey>(
        "RevokeKey",
        &json!({ "reason": "superseded", "note": "Moved\nto another", "wait": true }),
        &[
            note(text(500)),
            note(text(501)),
            note(json!("a\tb")),
            note(json!("")),
            ("reason", json!("theft")),
        ],
    );
    let ids = |count: usize| ("ids", json!(vec![KEY; count]));
    let counts = [ids(0), ids(1), ids(100), ids(101)];
    agree::<message::DisableKeys>(
        "DisableKeys",
        &json!({ "ids": [KEY], "wait": true }),
        &counts,
    );
    agree::<message::RevokeKeys>(
        "RevokeKeys",
        &json!({ "ids": [KEY], "reason": "superseded", "note": "Moved", "wait": true }),
        &counts,
    );
    agree::<message::WaitOnly>("WaitOnly", &json!({ "wait": true }), &[]);
    let line = json!({
        "v": 1, "id": KEY, "digest": DIGEST, "name": "Web shop", "scopes": ["read"], "created_at": AT,
        "created_by": { "kind": "key", "id": "kat_admin_x", "name": "Ops" }, "expires_at": AT, "retires_at": AT,
        "disabled": false, "revoked_at": AT, "revocation_reason": "superseded", "last_used_at": AT, "replaces": KEY,
        "replaced_by": KEY, "allowed_ips": [], "metadata": {}, "restriction": { "reason": "leak", "since": AT, "scopes": [] },
    });
    fits("ExportedKey", &line);
    serde_json::from_value::<message::ExportedKey>(line.clone()).unwrap();
    let import = json!({ "keys": [&line], "wait": true });
    fits("ImportKeys", &import);
    let validator = schema("ImportKeys");
    let mut lists = [import.clone(), import.clone(), import.clone()];
    lists[0]["keys"][0] = line.as_object().unwrap().values().cloned().collect();
    lists[1]["keys"][0]["created_by"] = json!(["key", "kat_admin_x", "Ops"]);
    lists[2]["keys"][0]["restriction"] = json!(["leak", AT, []]);
    for list in lists {
        assert!(!validator.is_valid(&list));
        assert!(
            parse_body::<message::Import>(list.to_string().as_bytes()).is_err(),
            "{list}"
        );
    }
}

fn key_view() -> Value {
    json!({
        "id": KEY, "organization": "acme", "name": "Web shop", "environment": "live", "scopes": ["read"],
        "state": "retiring", "created_at": AT, "created_by": { "kind": "key", "id": "kat_admin_x", "name": "Ops" },
        "expires_at": AT, "retires_at": AT, "last_used_at": AT, "replaces": KEY, "replaced_by": KEY, "revoked_at": AT,
        "revocation_reason": "superseded", "exposed_at": AT, "exposed_origin": "https://shop.example",
        "leaked_at": AT, "leak_url": "https://github.com/acme/shop", "restriction": { "reason": "leak", "since": AT, "scopes": ["usage"] },
        "allowed_ips": ["192.0.2.0/24"], "metadata": { "team": "web" }, "bound_organization": "acme",
        "limits": [{ "name": "all", "limit": 9, "period": "forever", "precision": "leased" }], "updated_at": AT,
        "enforced": true, "effective_at": AT, "revision": 7,
    })
}

fn organization_view() -> Value {
    json!({
        "id": "acme", "name": "Acme", "api_access": "enabled", "max_key_lifetime_days": 90,
        "leak_policy": { "action": "quarantine", "scopes": ["usage"] }, "created_at": AT,
        "deleted_at": AT, "purge_at": AT, "keys": { "active": 1, "retiring": 0, "disabled": 0, "expired": 0, "revoked": 2 },
        "limits": [{ "name": "all", "limit": 9, "period": "forever", "precision": "leased" }], "updated_at": AT,
        "enforced": true, "effective_at": AT, "revision": 7,
    })
}

fn shown(answer: Answer) -> Value {
    match answer.body {
        Body::Text(_, text) | Body::Lines(text, _) => serde_json::from_str(&text).unwrap(),
        Body::Empty => Value::Null,
    }
}

/// What the code makes of an outcome with every member set fits the schema, whose
/// members are all there.
#[track_caller]
fn answers(name: &str, outcome: Value) {
    let body = shown(answer_to(serde_json::from_value(outcome).unwrap(), false));
    fits(name, &body);
    assert_eq!(names(&body), properties(name), "{name}");
}

#[test]
fn answers_are_as_described() {
    answers("Key", json!({ "key": key_view() }));
    answers(
        "Organization",
        json!({ "organization": organization_view() }),
    );
    answers(
        "KeyPage",
        json!({ "keys": { "items": [key_view()], "next_cursor": "7" } }),
    );
    let lines: Vec<&str> = AUDIT.lines().collect();
    answers(
        "AuditPage",
        json!({ "audit": { "lines": lines, "next_after": 9 } }),
    );
    let entry: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(names(&entry), properties("AuditEntry"));
    let hash = "ba1aaf89a1f58ab7ecb18935e575a2471144e0eee888237c4e560e2e086282e0";
    answers(
        "AuditHead",
        json!({ "audit_head": { "organization": "acme", "count": 6, "hash": hash, "signature": "s",
            "checkpoint": { "organization": "acme", "seq": 3, "hash": hash, "at": AT, "signature": "s" } } }),
    );
    let row = json!({ "start": AT, "by": "hour", "key": KEY, "scope": "read", "outcome": "allowed", "count": 3 });
    answers(
        "UsagePage",
        json!({ "usage": { "items": [row], "next_cursor": null } }),
    );
    let window = json!({ "requests": 3, "by_scope": { "read": 2, "": 1 } });
    answers(
        "Impact",
        json!({ "impact": {
        "key": KEY, "last_used_at": AT, "last_hour": window, "last_day": window, "last_30_days": window,
        "successor": { "id": KEY, "in_use": true, "last_used_at": AT },
    } }),
    );
    let changed =
        |object: Value| json!({ "changed": { "object": object, "created": false, "awaits": [] } });
    answers("KeyChanged", changed(json!({ "key": key_view() })));
    let many = json!([
        { "id": KEY, "result": { "Ok": key_view() } },
        { "id": KEY, "result": { "Err": "already_revoked" } },
    ]);
    answers("KeysChanged", changed(json!({ "keys": many })));
    let view = serde_json::from_value(key_view()).unwrap();
    for secret_matches in [None, Some(true)] {
        let found = shown(lookup_answer(&view, secret_matches));
        fits("KeyLookedUp", &found);
        assert_eq!(names(&found), properties("KeyLookedUp"));
    }
    answers(
        "KeyIssued",
        changed(json!({ "issued": { "key": key_view(), "secret": SECRET } })),
    );
    answers(
        "KeyRotated",
        changed(
            json!({ "issued": { "key": key_view(), "secret": SECRET, "replaced": key_view() } }),
        ),
    );
    answers(
        "OrganizationChanged",
        changed(json!({ "organization": organization_view() })),
    );
    answers(
        "KeysImported",
        changed(json!({
            "imported": { "imported": 2, "skipped": 1, "organization": organization_view() },
        })),
    );
}

#[test]
fn sessions_introspection_and_problems_are_as_described() {
    let record = json!({
        "v": 1, "revision": 7, "issued": 7, "issued_at": 1_000, "digest": DIGEST, "environment": "admin",
        "name": "Ops", "scopes": ["keys:read"], "revoked": false, "disabled": false, "expires_at": 2_000_000,
        "restricted": true, "bound_organization": "acme",
    });
    let key: KeyRecord = serde_json::from_value(record).unwrap();
    let organization: OrganizationRecord = serde_json::from_value(json!({
        "v": 1, "revision": 7, "id": "acme", "api_access": true, "keys_revoked_through": 0,
    }))
    .unwrap();
    let id = KeyId::parse(KEY).unwrap();
    let introspected = shown(oauth::active(
        id,
        &key,
        &organization,
        "https://keys.example",
        r#"[{"name":"monthly","limit":10,"remaining":3}]"#,
    ));
    fits("Introspection", &introspected);
    assert_eq!(names(&introspected), properties("Introspection"));
    fits("Introspection", &shown(oauth::inactive()));
    let scopes: Vec<DescribedScope> = serde_json::from_value(json!([
        { "name": "read", "description": { "en": "Read", "da": "L\u{e6}se" }, "dangerous": true },
        { "name": "usage" },
    ]))
    .unwrap();
    let session = message::Session {
        token: None,
        csrf_token: "t".to_owned(),
        expires_at: Timestamp(1_000),
        id,
        record: key,
    };
    let session = shown(session_answer(201, &session, &scopes));
    fits("Session", &session);
    assert_eq!(names(&session), properties("Session"));

    let view: message::KeyView = serde_json::from_value(key_view()).unwrap();
    let policy = Policy::try_from("monthly 1 - 10 0 0 leased never".to_owned()).unwrap();
    let limit = Limit {
        meter: id.public.into(),
        policy: &policy,
    };
    let standing = Standing {
        left: 0,
        resets_ms: 1_000,
    };
    let mut members = BTreeSet::new();
    for problem in [
        problem_of(Refusal::field("name", "is wrong")),
        parse_body::<message::IssueKey>(b"{}").unwrap_err(),
        problem_of(Refusal::RevisionMismatch { current: 7 }),
        problem_of(Refusal::InsufficientScope {
            scope: katalo_keys::key::Scope::parse("keys:read").unwrap(),
        }),
        problem_of(Refusal::OrganizationDeleted {
            deleted_at: Timestamp(0),
            purge_at: Timestamp(1_000),
        }),
        problem_of(Refusal::SecretAlreadyShown {
            key: Box::new(view),
        }),
        oauth::as_oauth(Code::InvalidKey.into()),
        exceeded(&limit, 1_000, standing, 0),
        Problem::from(&Denial::RestrictedKey("read".to_owned())),
    ] {
        let document = shown(problem.into_answer("https://keys.example", "r1"));
        fits("Problem", &document);
        members.extend(names(&document));
    }
    assert_eq!(members, properties("Problem"));
}
