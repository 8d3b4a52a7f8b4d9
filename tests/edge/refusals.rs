//! What no well-behaved client sends: each gets its problem document, and the
//! Worker goes on.

use crate::support::{
    ACME, CLAIMS, acme, assert_no_cors, assert_problem, forged_id, own_key, raw, read, wrong_secret,
};
use anyhow::{Context, Result};
use katalo_rig::{Body, Reply, Rig, exchange};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

#[test]
fn bodies_that_are_not_what_they_should_be() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let keys = format!("/organizations/{ACME}/keys");
    let send = |body: &[u8]| {
        admin
            .call("POST", &keys)
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    let whole = json!({ "name": "n", "environment": "live", "scopes": ["read"] });
    let with = |name: &str, value: Value| {
        let mut body = whole.clone();
        body[name] = value;
        body.to_string().into_bytes()
    };
    let deep = format!(
        r#"{{"name":{}1{}}}"#,
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    let not_utf8 = b"{\"name\":\"\xff\xfe\",\"environment\":\"live\",\"scopes\":[\"read\"]}";
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"{} {}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"\x00".to_vec(),
        not_utf8.to_vec(),
        br#"{"name":"\ud800","environment":"live","scopes":["read"]}"#.to_vec(),
        br#"{"name":"a","name":"b","environment":"live","scopes":["read"]}"#.to_vec(),
        deep.into_bytes(),
        json!({ "name": "n" }).to_string().into_bytes(),
        with("name", json!("")),
        with("name", json!(7)),
        with("name", json!(null)),
        with("name", json!("n".repeat(5_000))),
        with("name", json!("line\nbreak")),
        with("environment", json!("prod")),
        with("environment", json!("admin")),
        with("scopes", json!("read")),
        with("scopes", json!([])),
        with("scopes", json!([1])),
        with("scopes", json!(["re ad"])),
        with("scopes", json!(["\"read"])),
        with("scopes", json!(vec!["read"; 5_000])),
        with("expires_at", json!("tomorrow")),
        with("expires_at", json!("1999-01-01T00:00:00Z")),
        with("expires_at", json!(1e300)),
        with("allowed_ips", json!(["300.0.0.1"])),
        with("allowed_ips", json!({})),
        with("metadata", json!([])),
        with("metadata", json!({ "k": "v".repeat(10_000) })),
        with("surprise", json!(true)),
        with("__proto__", json!({})),
        with("wait", json!(true)),
        with("digest", json!("A")),
    ];
    for body in &bodies {
        let answer = send(body)?;
        let shown = String::from_utf8_lossy(&body[..body.len().min(90)]).into_owned();
        assert!(answer.status < 500, "{shown}: {answer:?}");
        if answer.header("content-type") == Some("application/problem+json") {
            let code = answer.problem().context("a code")?;
            assert!(
                matches!(code.as_str(), "invalid_request" | "unsupported_media_type"),
                "{shown}: {answer:?}"
            );
            assert_problem(&answer, answer.status, &code);
        } else {
            panic!("{shown} was taken: {answer:?}");
        }
    }
    let answer = send(&with("surprise", json!(true)))?;
    assert_eq!(answer.json()?["field"], "surprise", "{answer:?}");
    let answer = send(&with("environment", json!("prod")))?;
    assert_eq!(answer.json()?["field"], "environment", "{answer:?}");

    // Size, with and without a declared length: the answer arrives also where a client
    // reads nothing before it has sent all.
    for length in [70_000, 1 << 20] {
        let too_large = with("name", json!("n".repeat(length)));
        assert_problem(&send(&too_large)?, 413, "body_too_large");
        let head = format!(
            "POST /admin/v1{keys} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            admin.key(),
            too_large.len()
        );
        let mut stream = TcpStream::connect(rig.edge(0).address())?;
        let (first, second) = too_large.split_at(too_large.len() / 2);
        stream.write_all(&[head.as_bytes(), first].concat())?;
        // What hangs up early is met while there is more to send.
        thread::sleep(Duration::from_millis(200));
        stream.write_all(&[second, b"\r\n0\r\n\r\n"].concat())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("body_too_large"), "{answer}");
    }

    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        let answer = admin
            .call("POST", &keys)
            .header("content-type", media_type)
            .body(whole.to_string())
            .send()?;
        assert_problem(&answer, 415, "unsupported_media_type");
    }
    let answer = admin
        .call("POST", &keys)
        .header("content-type", "Application/JSON ; charset=utf-8")
        .body(whole.to_string())
        .send()?;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(read(rig.edge(0), &key.secret)?.status, 200);
    Ok(())
}

#[test]
fn places_and_methods_that_are_not() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    for path in [
        "/organizations/nobody",
        "/organizations/nobody/keys",
        "/organizations/nobody/audit",
        "/organizations/_reserved/keys",
        "/organizations/acme/keys/kat_live_x",
        "/organizations/acme/surprise",
        "/organizations/%C3%A6",
        "/surprise",
        "",
    ] {
        assert_problem(&admin.call("GET", path).send()?, 404, "not_found");
    }
    // A genuine id, of another organization.
    admin.organization("other")?;
    for act in ["revoke", "disable", "enable", "rotate"] {
        let body = if act == "revoke" {
            json!({ "reason": "unspecified" })
        } else {
            json!({})
        };
        assert_problem(&admin.act("other", &key.id, act, &body)?, 404, "not_found");
    }
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "limit=1&limit=2",
        "surprise=1",
        "state=dead",
        "cursor=%ff",
        "cursor=nonsense",
        "name=",
    ] {
        let path = format!("/organizations/{ACME}/keys?{query}");
        assert_problem(&admin.call("GET", &path).send()?, 400, "invalid_request");
    }
    let methods = |path: &str, bearer: &str, allow: &str| -> Result<()> {
        for method in ["GET", "PUT", "POST", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let answer = rig.edge(0).call(method, path).bearer(bearer).send()?;
            // workerd itself knows no TRACE.
            if matches!(answer.status, 501) {
                continue;
            }
            assert_problem(&answer, 405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
        Ok(())
    };
    let base = format!("/admin/v1/organizations/{ACME}");
    for (path, allow) in [
        ("/admin/v1/bootstrap".to_owned(), "POST"),
        ("/admin/v1/session".to_owned(), "GET, POST, DELETE"),
        ("/admin/v1/status".to_owned(), "GET"),
        ("/admin/v1/organizations".to_owned(), "GET"),
        (base.clone(), "GET, PUT, PATCH, DELETE"),
        (format!("{base}/keys"), "GET, POST"),
        (format!("{base}/keys/{}", key.id), "GET, PATCH"),
        (format!("{base}/keys/{}/revoke", key.id), "POST"),
        (format!("{base}/revoke-all"), "POST"),
        (format!("{base}/audit"), "GET"),
        (format!("{base}/audit/head"), "GET"),
        (format!("{base}/usage"), "GET"),
    ] {
        methods(&path, admin.key(), allow)?;
    }
    methods("/v1/key", &key.secret, "GET, HEAD")?;
    methods("/v1/catalogs/c1", &key.secret, "GET")?;
    methods("/oauth2/revoke", &key.secret, "POST")?;
    methods("/oauth2/introspect", &key.secret, "POST")?;
    // What exists is told to the authenticated alone.
    let edge = rig.edge(0);
    assert_problem(&edge.get("/v1/nothing")?, 401, "missing_credentials");
    let answer = edge.call("GET", "/v1/nothing").bearer(&key.secret).send()?;
    assert_problem(&answer, 404, "not_found");
    let answer = edge.call("POST", "/v1/key").send()?;
    assert_problem(&answer, 401, "missing_credentials");
    assert_eq!(rig.upstream().take().len(), 0);
    Ok(())
}

#[test]
fn paths_that_could_mean_two_things_reach_nobody() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let edge = rig.edge(0);
    for path in [
        "/v1/catalogs/%2e%2e",
        "/v1/catalogs/%2E",
        "/v1/catalogs/a%2fb",
        "/v1/catalogs/a%5Cb",
        "/v1//catalogs/c1",
        "//v1/catalogs/c1",
        "/v1/catalogs//c1",
        "/v1/catalogs/./c1",
        "/v1/catalogs/c1/.",
        "/v1/x/../catalogs/c1",
        "/v1/catalogs/c1/..",
        "/v1\\catalogs\\c1",
        "/v1/catalogs\\c1",
        "/v1/catalogs/.%2e/.%2e/admin",
        "/../v1/catalogs/c1",
        "/v1/catalogs/..;/admin",
        "/v1/catalogs/..;x=y",
        "/v1/catalogs/.;x",
        "/v1/catalogs/;x",
        "/v1/catalogs/..%3B",
        "/v1/catalogs/%252e%252e",
        "/v1/catalogs/a%252Fb",
        "/v1/catalogs/a%255cb",
        "/v1/catalogs/%25252e",
        "/v1/catalogs/a%00",
        "/v1/catalogs/a%2500.png",
        "/v1/catalogs/a%0d%0aX:y",
        "/v1/catalogs/%c0%ae%c0%ae",
        "/v1/catalogs/%u002e",
        "/v1/catalogs/...",
    ] {
        let answer = raw(edge, &format!("GET {path}"), &key.secret, &[], b"")?;
        let forwarded = rig.upstream().take();
        // Segments that workerd resolves itself come to us resolved: then what
        // goes on is what was checked.
        if answer.status == 200 {
            assert_eq!(forwarded.len(), 1, "{path}");
            assert_eq!(forwarded[0].target, "/v1/catalogs/c1", "{path}");
            continue;
        }
        assert!(
            matches!(answer.status, 400 | 404 | 405),
            "{path}: {answer:?}"
        );
        assert_problem(&answer, answer.status, &answer.problem().context("a code")?);
        assert_eq!(forwarded.len(), 0, "{path}");
    }
    for path in [
        "/admin/v1/organizations/%2e%2e/keys",
        "/admin/v1//organizations",
        "/admin/v1/organizations/%00",
        "/admin/v1/organizations/%ff%fe",
    ] {
        let answer = raw(edge, &format!("GET {path}"), admin.key(), &[], b"")?;
        assert_problem(&answer, 400, "invalid_request");
    }
    // Absolute form, as a proxy would send it.
    let answer = raw(
        edge,
        "GET http://edge/v1/catalogs/c1",
        &key.secret,
        &[],
        b"",
    )?;
    assert!(matches!(answer.status, 200 | 400), "{answer:?}");
    // A key in the address is refused, wherever it stands.
    for path in [
        format!("/v1/catalogs/{}", key.secret),
        format!("/v1/catalogs/c1?access_token={}", key.secret),
    ] {
        let answer = edge.call("GET", &path).bearer(&key.secret).send()?;
        assert_problem(&answer, 400, "invalid_request");
        let answer = edge.call("GET", &path).send()?;
        assert_problem(&answer, 400, "invalid_request");
    }
    assert_eq!(read(edge, &key.secret)?.status, 200);
    Ok(())
}

#[test]
fn credentials_in_every_dress() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    let edge = rig.edge(0);
    let show = |value: &str| {
        edge.call("GET", "/v1/key")
            .header("authorization", value)
            .send()
    };
    let secret = &key.secret;
    for good in [
        format!("Bearer {secret}"),
        format!("bearer {secret}"),
        format!("BEARER {secret}"),
        format!("Bearer     {secret}"),
    ] {
        assert_eq!(show(&good)?.status, 200, "{good}");
    }
    for none in [
        secret.clone(),
        format!("Basic {secret}"),
        format!("Token {secret}"),
        format!("Bearer{secret}"),
        format!("Bearer:{secret}"),
        format!("Bearer\t{secret}"),
        String::new(),
    ] {
        assert_problem(&show(&none)?, 401, "missing_credentials");
    }
    let long = "a".repeat(30_000);
    for malformed in [
        "Bearer".to_owned(),
        format!("Bearer {secret} {secret}"),
        format!("Bearer {secret},{secret}"),
        format!("Bearer \"{secret}\""),
        format!("Bearer {secret}x"),
        format!("Bearer {}", &secret[..secret.len() - 1]),
        format!("Bearer {}", secret.to_uppercase()),
        format!("Bearer {}", secret.replace('.', "..")),
        format!("Bearer {}", key.id),
        format!("Bearer {long}"),
        "Bearer kat_live_".to_owned(),
        "Bearer ' OR 1=1 --".to_owned(),
    ] {
        assert_problem(&show(&malformed)?, 401, "malformed_key");
    }
    for invalid in [wrong_secret(secret), forged_id(secret)] {
        assert_problem(&own_key(edge, &invalid)?, 401, "invalid_key");
    }
    // Two headers, of whatever kind.
    let line = "GET /v1/key";
    for second in [
        format!("Authorization: Bearer {secret}"),
        "authorization: Basic eDp5".to_owned(),
    ] {
        let answer = raw(edge, line, secret, &[second.as_bytes()], b"")?;
        assert_problem(&answer, 401, "malformed_key");
    }
    // Bytes that are no text.
    for value in [
        &b"Authorization: Bearer \xff\xfe"[..],
        b"Authorization: Bearer \xc3\xa5",
        b"Authorization: B\xe9arer x",
    ] {
        let answer = raw(edge, line, "", &[value], b"")?;
        let code = answer.problem().context("a problem")?;
        assert!(
            matches!(code.as_str(), "malformed_key" | "missing_credentials"),
            "{answer:?}"
        );
        assert_problem(&answer, 401, &code);
    }
    // Headers beyond what the runtime takes end there, or are simply carried.
    let big = format!("X-Big: {}", "b".repeat(64 << 10));
    if let Some(answer) = exchange(
        edge.address(),
        format!("GET /v1/key HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n{big}\r\n\r\n")
            .as_bytes(),
    )? {
        assert!(matches!(answer.status, 400 | 401 | 413 | 431), "{answer:?}");
    }
    assert_eq!(own_key(edge, secret)?.status, 200);
    Ok(())
}

#[test]
fn browsers_are_refused_where_keys_are_used() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let edge = rig.edge(0);
    let signs = [
        ("origin", "https://shop.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "none"),
        ("sec-fetch-dest", "empty"),
    ];
    for path in [
        "/v1/key",
        "/v1/key/usage",
        "/v1/catalogs/c1",
        "/v1/nothing",
        "/authorize",
        "/authorize/nginx",
        "/authorize/forwarded",
        "/authorize/envoy/v1/catalogs/c1",
        "/oauth2/introspect",
        "/oauth2/revoke",
    ] {
        for (name, value) in signs {
            for secret in [Some(&key.secret), None] {
                let mut call = edge.call("GET", path).header(name, value);
                if let Some(secret) = secret {
                    call = call.bearer(secret);
                }
                assert_problem(&call.send()?, 403, "browser_call_refused");
            }
        }
        let preflight = edge
            .call("OPTIONS", path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
            .send()?;
        assert_problem(&preflight, 403, "browser_call_refused");
    }
    assert_eq!(rig.upstream().take().len(), 0);
    // Node's fetch sends this one.
    for path in ["/v1/key", "/v1/catalogs/c1", "/authorize"] {
        let answer = edge
            .call("GET", path)
            .header("sec-fetch-mode", "cors")
            .bearer(&key.secret)
            .send()?;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_no_cors(&answer);
    }
    // Admin routes take their own pages alone.
    let list = |origin: &str| {
        admin
            .call("GET", "/organizations")
            .header("origin", origin)
            .send()
    };
    assert_problem(&list("https://shop.example")?, 403, "browser_call_refused");
    assert_problem(&list("null")?, 403, "browser_call_refused");
    let own = format!("http://{}", edge.address());
    let answer = list(&own)?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_no_cors(&answer);
    assert_no_cors(&edge.get("/healthz")?);
    Ok(())
}

#[test]
fn nothing_of_ours_can_be_said_by_client_or_upstream() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    let edge = rig.edge(0);
    rig.upstream().answer(|_| Reply {
        headers: [
            ("content-type", "text/plain"),
            ("etag", "\"1\""),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("Access-Control-Expose-Headers", "*"),
            ("katalo-decision", "source=upstream"),
            ("Katalo-Key-Id", "kat_live_upstream"),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        body: Body::Whole(b"body".to_vec()),
        ..Reply::default()
    });
    let own: [&[u8]; 10] = [
        b"Katalo-Anything: evil",
        b"Connection: katalo-organization, x-named, katalo-key-id",
        b"X-Named: dropped",
        b"X-HTTP-Method-Override: DELETE",
        b"X-Method-Override: DELETE",
        b"X-Original-URL: /admin",
        b"Katalo~Organization: evil",
        b"X_Rewrite-URL: evil",
        b"CF_Connecting_IP: evil",
        b"X-Kept: kept",
    ];
    let answer = raw(
        edge,
        "GET /v1/catalogs/c1?q=%2e",
        &key.secret,
        &[&own, &CLAIMS[..]].concat(),
        b"",
    )?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_no_cors(&answer);
    assert_eq!(answer.text(), "body");
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(answer.header("katalo-key-id"), None);
    let decisions: Vec<_> = answer.headers_of("katalo-decision").collect();
    assert!(
        matches!(decisions[..], [one] if !one.contains("upstream")),
        "{decisions:?}"
    );
    let received = rig.upstream().take();
    assert_eq!(received.len(), 1);
    let received = &received[0];
    assert_eq!(received.target, "/v1/catalogs/c1?q=%2e");
    for (name, value) in [
        ("katalo-organization", ACME),
        ("katalo-key-id", &key.id),
        ("katalo-environment", "live"),
        ("katalo-scopes", "read"),
        ("x-kept", "kept"),
    ] {
        assert_eq!(received.header(name), [value], "{name}");
    }
    for name in [
        "authorization",
        "katalo-assertion",
        "katalo-anything",
        "x-named",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
    ] {
        assert_eq!(received.header(name), Vec::<&str>::new(), "{name}");
    }
    let all = format!("{:?}", received.headers);
    assert!(!all.contains("evil"), "{all}");
    assert!(!all.contains(&key.secret[40..]), "{all}");
    Ok(())
}

#[test]
fn forward_auth_believes_one_dialect_at_a_time() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    let ask = |path: &str, headers: &[(&str, &str)]| {
        let call = rig.edge(0).call("GET", path).bearer(&key.secret);
        headers
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value))
            .send()
    };
    let nginx = [
        ("x-original-method", "GET"),
        ("x-original-uri", "/v1/catalogs/c1?x=1"),
    ];
    let forwarded = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-uri", "/v1/catalogs/c1"),
    ];
    for (path, headers) in [
        ("/authorize/nginx", &nginx[..]),
        ("/authorize/forwarded", &forwarded[..]),
        ("/authorize/envoy/v1/catalogs/c1", &[]),
        ("/authorize", &[]),
    ] {
        let answer = ask(path, headers)?;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        for name in [
            "katalo-organization",
            "katalo-key-id",
            "katalo-environment",
            "katalo-scopes",
        ] {
            assert!(answer.header(name).is_some(), "{path}: {name}");
        }
        assert_no_cors(&answer);
    }
    let both: Vec<_> = nginx.iter().chain(&forwarded).copied().collect();
    let twice: Vec<_> = nginx.iter().chain(&nginx).copied().collect();
    for (path, headers) in [
        ("/authorize/nginx", &both[..]),
        ("/authorize/forwarded", &both[..]),
        ("/authorize/envoy/v1/catalogs/c1", &nginx[..]),
        ("/authorize/nginx", &twice[..]),
        ("/authorize/nginx", &nginx[..1]),
        ("/authorize/nginx", &[]),
        ("/authorize/forwarded", &nginx[..]),
    ] {
        assert_problem(&ask(path, headers)?, 403, "invalid_request");
    }
    for target in ["/v1/nothing", "/admin/v1/status", "/v1/key"] {
        let headers = [("x-original-method", "GET"), ("x-original-uri", target)];
        assert_problem(&ask("/authorize/nginx", &headers)?, 403, "not_found");
    }
    let headers = [
        ("x-original-method", "POST"),
        ("x-original-uri", "/v1/catalogs"),
    ];
    assert_problem(
        &ask("/authorize/nginx", &headers)?,
        403,
        "insufficient_scope",
    );
    Ok(())
}
