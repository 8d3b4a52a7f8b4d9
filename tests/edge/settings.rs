//! Anybody's API, protected by a `katalo.toml` alone; and settings that are wrong.

use crate::integrations;
use crate::routes::api;
use crate::support::{ACME, acme, assert_problem, own_key, read};
use anyhow::{Context, Result};
use katalo_rig::{Admin, Answer, Client, Issued, Rig};
use serde_json::{Value, json};

/// Three APIs, at `/api`, `/v2` and everywhere else, and eight scopes.
fn settings() -> Result<String> {
    let (orders, files, rest) = (api("orders")?, api("files")?, api("the rest")?);
    Ok(format!(
        r#"
freshness_bound_ms = 200

[[routes]]
method = "GET"
path = "/api/orders/{{id}}"
scope = "orders:read"
upstream = "ORDERS"

[[routes]]
method = "DELETE"
path = "/api/orders/{{id}}"
scope = "orders:delete"
upstream = "ORDERS"

[[routes]]
method = "POST"
path = "/api/orders"
scope = "orders:create"
upstream = "ORDERS"

[[routes]]
method = "GET"
path = "/v2/*"
scope = "files:read"
upstream = "FILES"

[[routes]]
method = "PUT"
path = "/v2/*"
scope = "files:write"
upstream = "FILES"

[[routes]]
method = "GET"
path = "/reports"
scope = "reports"

[[routes]]
method = "*"
path = "/*"
scope = "rest"
fallback = true

[upstreams]
ORDERS.url = "{orders}"
FILES.url = "{files}"
UPSTREAM.url = "{rest}"

[[scopes]]
name = "orders:read"
description = {{ en = "Read orders", da = "L\u00e6se ordrer" }}
[[scopes]]
name = "orders:create"
[[scopes]]
name = "orders:delete"
dangerous = true
[[scopes]]
name = "files:read"
[[scopes]]
name = "files:write"
[[scopes]]
name = "reports"
[[scopes]]
name = "rest"
[[scopes]]
name = "only-the-api-knows"
"#
    ))
}

const SCOPES: [&str; 8] = [
    "orders:read",
    "orders:create",
    "orders:delete",
    "files:read",
    "files:write",
    "reports",
    "rest",
    "only-the-api-knows",
];

/// An administrator, a key with every scope, and one that may read orders.
fn keys(rig: &Rig) -> Result<(Admin, Issued, Issued)> {
    let admin = rig.bootstrap()?;
    admin.organization(ACME)?;
    let (all, reads) = (
        admin.issue_live(ACME, &SCOPES)?,
        admin.issue_live(ACME, &["orders:read"])?,
    );
    Ok((admin, all, reads))
}

fn call(client: &Client, key: &Issued, method: &str, path: &str) -> Result<Answer> {
    client.call(method, path).bearer(&key.secret).send()
}

const REQUESTS: [(&str, &str, &str); 6] = [
    ("GET", "/api/orders/7?x=1", "orders"),
    ("DELETE", "/api/orders/7", "orders"),
    ("PUT", "/v2/a/b", "files"),
    ("GET", "/v2/a", "files"),
    ("GET", "/reports", "the rest"),
    ("POST", "/anything", "the rest"),
];

#[test]
fn a_file_of_ones_own_protects_an_api() -> Result<()> {
    let rig = Rig::builder().settings(&settings()?).start()?;
    let (admin, all, reads) = keys(&rig)?;
    let edge = rig.edge(0);
    for (method, path, name) in REQUESTS {
        let answer = call(edge, &all, method, path)?;
        let said = format!("{name}: {method} {path}");
        assert_eq!((answer.status, answer.text()), (200, said));
    }
    assert_eq!(call(edge, &reads, "GET", "/api/orders/7")?.status, 200);
    for (method, path) in [("DELETE", "/api/orders/7"), ("GET", "/v2/a"), ("GET", "/x")] {
        let answer = call(edge, &reads, method, path)?;
        assert_problem(&answer, 403, "insufficient_scope");
    }
    assert_problem(&edge.get("/api/orders/7")?, 401, "missing_credentials");

    // The dashboard has the scopes from here.
    let body = json!({ "key": admin.key() });
    let signed_in = edge.call("POST", "/admin/v1/session").json(&body).send()?;
    let cookie = signed_in.header("set-cookie").context("a cookie")?;
    let cookie = cookie.split(';').next().unwrap_or_default();
    let session = edge
        .call("GET", "/admin/v1/session")
        .header("cookie", cookie);
    let session = session.send()?.json()?;
    let scopes = session["client_scopes"].as_array().context("no scopes")?;
    let names: Vec<&str> = scopes
        .iter()
        .filter_map(|scope| scope["name"].as_str())
        .collect();
    assert_eq!(names, [&SCOPES[..], &["usage"]].concat());
    assert_eq!(scopes[0]["description"]["da"], "L\u{e6}se ordrer");
    assert_eq!(scopes[2]["dangerous"], true);
    Ok(())
}

#[test]
fn a_file_of_ones_own_protects_an_api_behind_nginx() -> Result<()> {
    let rig = Rig::builder()
        .settings(&settings()?)
        .variable("FORWARD_AUTH_SECRET", integrations::SECRET)
        .start()?;
    let (_, all, reads) = keys(&rig)?;
    let front = integrations::nginx(&rig)?;
    front.holds(|front| {
        for (method, path, _) in REQUESTS {
            assert_eq!(call(front, &all, method, path)?.status, 200, "{path}");
            let received = rig.upstream().take();
            assert_eq!(received.len(), 1, "{path}");
            assert_eq!(
                (received[0].method.as_str(), received[0].target.as_str()),
                (method, path)
            );
            assert_eq!(received[0].header("katalo-organization"), [ACME]);
        }
        assert_eq!(call(front, &reads, "GET", "/api/orders/7")?.status, 200);
        assert_eq!(rig.upstream().take().len(), 1);
        for (method, path) in [("DELETE", "/api/orders/7"), ("GET", "/v2/a"), ("GET", "/x")] {
            let answer = call(front, &reads, method, path)?;
            assert_problem(&answer, 403, "insufficient_scope");
        }
        assert_eq!(front.get("/api/orders/7")?.status, 401);
        assert!(rig.upstream().take().is_empty());
        Ok(())
    })
}

#[test]
fn a_variable_goes_before_the_file() -> Result<()> {
    let route = json!([{ "method": "GET", "path": "/v1/catalogs/{id}", "scope": "read" }]);
    let rig = Rig::builder()
        .settings(&settings()?)
        .variable("ROUTES", route)
        .variable("SCOPES", json!([{ "name": "read" }]))
        .variable("BRAND", "")
        .start()?;
    let (_, key) = acme(&rig)?;
    assert_eq!(read(rig.edge(0), &key.secret)?.status, 200);
    assert_problem(
        &call(rig.edge(0), &key, "GET", "/reports")?,
        404,
        "not_found",
    );
    Ok(())
}

/// None of these is taken for the default that it resembles.
#[test]
fn a_wrong_setting_serves_nothing() -> Result<()> {
    let mut rig = Rig::builder().upstream_url(None).start()?;
    let (admin, key) = acme(&rig)?;
    let upstream = format!("http://{}", rig.upstream().address());
    for (name, wrong, right) in [
        ("FRESHNESS_BOUND_MS", "five".into(), Value::from(200)),
        ("UPSTREAM_URL", "127.0.0.1:8895".into(), upstream.into()),
        // The control plane's alone.
        ("RETENTION_DAYS", "long".into(), "".into()),
        ("CONFIRMATIONS", Value::from(true), "on".into()),
        ("UPSTREAM_TIMEOUT_MS", Value::from(1.5), "".into()),
    ] {
        rig.deploy_with(name, wrong)?;
        let edge = rig.edge(0);
        let health = edge.get("/healthz")?;
        assert_problem(&health, 500, "internal_error");
        assert!(
            health.text().contains("misconfigured"),
            "{name}: {health:?}"
        );
        let answer = admin.call("GET", "/organizations").send()?;
        assert_problem(&answer, 500, "internal_error");
        let said = format!(r#""event":"misconfigured","reason":"{name} must be "#);
        let log = rig.log()?.replace("\\\"", "\"");
        assert!(log.contains(&said), "{name}: {log}");
        assert!(!log.contains("127.0.0.1:8895"), "{log}");
        rig.deploy_with(name, right)?;
        assert_eq!(rig.edge(0).get("/healthz")?.json()?["status"], "ok");
        assert_eq!(own_key(rig.edge(0), &key.secret)?.status, 200, "{name}");
    }
    Ok(())
}
