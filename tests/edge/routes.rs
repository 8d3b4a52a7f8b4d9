//! An API at any path, with hosts and upstreams of its own, through the gateway and
//! behind a proxy.

use crate::support::{ACME, assert_problem};
use anyhow::{Context, Result};
use katalo_rig::{Answer, Issued, Rig};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

/// Answers every request with its own name, the method and the target.
pub(crate) fn api(name: &'static str) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let origin = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default().replace(" HTTP/1.1", "");
            // Up to the end of the head: nothing here has a body.
            lines.by_ref().take_while(|line| !line.is_empty()).count();
            let said = format!("{name}: {asked}");
            let _ = write!(
                &stream,
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{said}",
                said.len()
            );
        }
    });
    Ok(origin)
}

struct World {
    rig: Rig,
    all: Issued,
    reads: Issued,
    test: Issued,
}

/// Three upstreams, at `/api`, `/v2` and everywhere else, and hosts of their own.
fn world() -> Result<World> {
    let fallback = |method: &str, path: &str, scope: &str, upstream: Option<&str>| {
        let mut entry = json!({ "method": method, "path": path, "scope": scope, "fallback": true });
        if let Some(upstream) = upstream {
            entry["upstream"] = upstream.into();
        }
        entry
    };
    let routes = json!([
        { "method": "GET", "path": "/api/orders/{id}", "scope": "orders:read", "upstream": "ORDERS" },
        { "method": "DELETE", "path": "/api/orders/{id}", "scope": "orders:delete", "upstream": "ORDERS" },
        { "method": "*", "path": "/v2/*", "scope": "files", "upstream": "FILES" },
        { "method": "GET", "path": "/v1/key", "scope": "keys-of-doors", "host": "api.example" },
        { "method": "GET", "path": "/v1/key", "scope": "pianos", "host": "other.example" },
        fallback("GET", "/api/*", "orders:rest", Some("ORDERS")),
        fallback("*", "/*", "rest", None),
    ]);
    let rig = Rig::builder()
        .variable("ROUTES", routes)
        .variable("OWN_PREFIX", "/_keys")
        .variable("ORDERS_URL", api("orders")?)
        .variable("FILES_URL", api("files")?)
        .variable("FORWARD_AUTH_TEST_KEYS", "on")
        .upstream_url(Some(&api("the rest")?))
        .service("ORDERS_TEST")
        .start()?;
    let admin = rig.bootstrap()?;
    admin.organization(ACME)?;
    let all = [
        "orders:read",
        "orders:delete",
        "orders:rest",
        "files",
        "keys-of-doors",
        "rest",
    ];
    let test = json!({ "name": "test", "environment": "test", "scopes": all });
    Ok(World {
        all: admin.issue_live(ACME, &all)?,
        reads: admin.issue_live(ACME, &["orders:read", "rest"])?,
        test: admin.issue(ACME, &test)?,
        rig,
    })
}

impl World {
    fn call(&self, key: &Issued, method: &str, host: &str, path: &str) -> Result<Answer> {
        let edge = self.rig.edge(0);
        let call = edge.call(method, path).header("host", host);
        call.bearer(&key.secret).send()
    }
}

#[test]
fn an_api_at_any_path_goes_to_its_upstreams() -> Result<()> {
    let world = world()?;
    for (method, path, said) in [
        (
            "GET",
            "/api/orders/7?x=%2e",
            "orders: GET /api/orders/7?x=%2e",
        ),
        ("DELETE", "/api/orders/7", "orders: DELETE /api/orders/7"),
        ("GET", "/api/other", "orders: GET /api/other"),
        ("PUT", "/v2/a/%C3%A6/", "files: PUT /v2/a/%C3%A6/"),
        ("POST", "/anything", "the rest: POST /anything"),
        ("GET", "/v1/keys", "the rest: GET /v1/keys"),
        ("GET", "/authorize", "the rest: GET /authorize"),
        ("GET", "/v1/key", "the rest: GET /v1/key"),
    ] {
        let host = if path == "/v1/key" {
            "api.example"
        } else {
            "edge"
        };
        let answer = world.call(&world.all, method, host, path)?;
        assert_eq!((answer.status, answer.text().as_str()), (200, said));
    }
    // What is listed is not to be had by another method, spelling or host.
    for (method, host, path, status, code) in [
        ("POST", "edge", "/api/orders/7", 405, "method_not_allowed"),
        ("GET", "edge", "/API/orders/7", 404, "not_found"),
        ("GET", "edge", "/api/orders/7/", 404, "not_found"),
        ("GET", "edge", "/api/%6frders/7", 404, "not_found"),
        ("GET", "edge", "/V2/a", 404, "not_found"),
        ("POST", "edge", "/api/other", 405, "method_not_allowed"),
        ("GET", "other.example", "/v1/key", 403, "insufficient_scope"),
        ("GET", "api.example", "/v1/KEY", 404, "not_found"),
        ("GET", "edge", "/_keys/authorize/ngnix", 404, "not_found"),
        ("GET", "edge", "/admin/v1/nothing", 404, "not_found"),
        ("GET", "edge", "/a//b", 400, "invalid_request"),
        ("GET", "edge", "/a/%2e%2e/b", 400, "invalid_request"),
    ] {
        let answer = world.call(&world.all, method, host, path)?;
        assert_problem(&answer, status, code);
    }
    for path in ["/api/other", "/v2/a"] {
        let answer = world.call(&world.reads, "GET", "edge", path)?;
        assert_problem(&answer, 403, "insufficient_scope");
    }
    // Strangers and browsers learn nothing of what there is.
    let edge = world.rig.edge(0);
    for path in ["/api/orders/7", "/nowhere"] {
        assert_problem(&edge.get(path)?, 401, "missing_credentials");
        let page = edge
            .call("GET", path)
            .header("origin", "https://page.example");
        assert_problem(&page.send()?, 403, "browser_call_refused");
    }
    // Our own are where the setting says.
    let own = world.call(&world.all, "GET", "edge", "/_keys/v1/key")?;
    assert_eq!(own.json()?["organization"], ACME);
    assert_eq!(edge.get("/_keys/healthz")?.status, 200);
    assert_problem(&edge.get("/healthz")?, 401, "missing_credentials");
    Ok(())
}

#[test]
fn test_keys_go_where_the_routes_upstream_has_an_api_for_them() -> Result<()> {
    let world = world()?;
    let answer = world.call(&world.test, "GET", "edge", "/api/orders/7")?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = world.rig.upstream().take();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("katalo-environment"), ["test"]);
    for path in ["/v2/a", "/anything"] {
        let answer = world.call(&world.test, "GET", "edge", path)?;
        assert_problem(&answer, 403, "wrong_environment");
    }
    Ok(())
}

#[test]
fn a_proxy_is_answered_by_the_same_table() -> Result<()> {
    let world = world()?;
    let ask = |question: &str, method: &str, target: &str| {
        let call = world.rig.edge(0).call("GET", question);
        let (of_method, of_target) = match question.contains("nginx") {
            true => ("x-original-method", "x-original-uri"),
            false => ("x-forwarded-method", "x-forwarded-uri"),
        };
        let call = call.header(of_method, method).header(of_target, target);
        call.bearer(&world.reads.secret).send()
    };
    for dialect in ["/_keys/authorize/nginx", "/_keys/authorize/forwarded"] {
        for (host, method, target, status) in [
            ("", "GET", "/api/orders/7?x", 200),
            ("", "POST", "/anything", 200),
            ("", "DELETE", "/api/orders/7", 403),
            ("", "GET", "/API/orders/7", 403),
            ("", "GET", "/api/other", 403),
            // Whose it is depends on a host that the proxy did not say.
            ("", "GET", "/v1/key", 403),
            ("?host=third.example", "GET", "/v1/key", 200),
            ("?host=other.example", "GET", "/v1/key", 403),
            ("?host=other.example", "GET", "/v1/KEY", 403),
        ] {
            let answer = ask(&format!("{dialect}{host}"), method, target)?;
            let what = format!("{dialect}{host} {method} {target}");
            assert_eq!(answer.status, status, "{what}: {answer:?}");
        }
    }
    let envoy = world.rig.edge(0).call(
        "GET",
        "/_keys/authorize/envoy/api/orders/7?host=other.example",
    );
    let answer = envoy.bearer(&world.reads.secret).send()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let organization = answer.header("katalo-organization");
    assert_eq!(organization.context("no identity")?, ACME);
    Ok(())
}
