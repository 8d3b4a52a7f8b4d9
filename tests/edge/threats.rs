//! Threats of docs/security.md that only the real runtime can show.

use crate::support::{ACME, acme, assert_problem, own_key, until, until_in_kv, with_checksum};
use anyhow::{Context, Result};
use katalo_rig::{Class, Rig, exchange_and_end};
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::TcpStream;

/// Two lengths: what one server takes for the body, another takes for the next
/// request (RFC 9112 section 6.1).
#[test]
fn a_request_with_two_lengths_smuggles_nothing() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, _) = acme(&rig)?;
    let key = admin.issue_live(ACME, &["create", "read"])?;
    let secret = &key.secret;
    let inner = format!(
        "GET /v1/catalogs/smuggled HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer {secret}\r\n\r\n"
    );
    let chunked = format!("0\r\n\r\n{inner}");
    let long = chunked.len();
    let _ = rig.upstream().take();
    for lengths in [
        format!("Content-Length: {long}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {long}\r\n"),
        format!("Content-Length: 5\r\nContent-Length: {long}\r\n"),
        format!("Transfer-Encoding: identity, chunked\r\nContent-Length: {long}\r\n"),
        format!("Transfer-Encoding : chunked\r\nContent-Length: {long}\r\n"),
        format!("Transfer-Encoding: xchunked\r\nContent-Length: {long}\r\n"),
    ] {
        let request = format!(
            "POST /v1/catalogs HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer {secret}\r\n{lengths}\r\n{chunked}"
        );
        exchange_and_end(rig.edge(0).address(), request.as_bytes())?;
        // Without a key of its own it reaches the API only as part of another.
        for one in rig.upstream().take() {
            assert!(!one.target.contains("smuggled"), "{lengths}: {one:?}");
        }
    }
    Ok(())
}

#[test]
fn slow_bodies_hold_up_nobody() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    let mut slow = Vec::new();
    for path in ["/oauth2/revoke", "/leaks/github", "/admin/v1/session"] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(rig.edge(0).address())?;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: e\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\ntoken="
            );
            stream.write_all(head.as_bytes())?;
            slow.push(stream);
        }
    }
    rig.requests(0).wait_for(60)?;
    // They are answered while none of the bodies has come to its end.
    for _ in 0..20 {
        assert_eq!(own_key(rig.edge(0), &key.secret)?.status, 200);
    }
    drop(slow);
    Ok(())
}

/// Whoever has shown no key yet has an isolate hold no more than one needs.
#[test]
fn strangers_bodies_are_small() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let bodies = [
        (
            "/oauth2/revoke",
            "application/x-www-form-urlencoded",
            format!("token={}&rest=", key.secret),
        ),
        (
            "/admin/v1/session",
            "application/json",
            format!(r#"{{"key":"{}"}}"#, admin.key()),
        ),
    ];
    for (path, media_type, body) in bodies {
        let send = |length: usize| {
            let spaces = " ".repeat(length - body.len());
            let call = rig
                .edge(0)
                .call("POST", path)
                .header("content-type", media_type);
            call.body(format!("{body}{spaces}")).send()
        };
        assert_problem(&send(4 * 1024 + 1)?, 413, "body_too_large");
        let answer = send(4 * 1024)?;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
    }
    Ok(())
}

/// Ids of organizations and keys that are made up, in every place that takes
/// one, bring no object to life.
#[test]
fn spraying_ids_makes_no_objects() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    let before = std::fs::read_dir(rig.state().join("Registry"))?.count();
    let fetches = rig.objects(Class::Registry).calls()?.fetches;
    let (id, random) = key.secret.split_once('.').context("a dot")?;
    for number in 0..50 {
        let made_up = with_checksum(&format!(
            "{}{number:06}.{}",
            &id[..id.len() - 6],
            &random[..43]
        ));
        assert_problem(&own_key(rig.edge(0), &made_up)?, 401, "invalid_key");
        let path = format!("/admin/v1/organizations/o{number}");
        assert_problem(&rig.edge(0).get(&path)?, 401, "missing_credentials");
        let form = rig
            .edge(0)
            .call("POST", "/oauth2/revoke")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={made_up}"));
        assert_eq!(form.send()?.status, 200);
    }
    assert_eq!(rig.objects(Class::Registry).calls()?.fetches, fetches);
    let after = std::fs::read_dir(rig.state().join("Registry"))?.count();
    assert_eq!(after, before);
    Ok(())
}

#[test]
fn a_header_forges_no_line_of_the_log() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    let forged = r#"r1","x":{"event":"act"},"y":""#;
    let answer = rig
        .edge(0)
        .call("GET", "/v1/usage")
        .bearer(&key.secret)
        .header("cf-ray", forged)
        .send()?;
    assert_problem(&answer, 403, "insufficient_scope");
    assert_eq!(answer.json()?["request_id"], forged);
    let find = || -> Result<Option<Value>> {
        let log = rig.log()?;
        let line = log.lines().find(|line| line.contains("insufficient_scope"));
        Ok(line
            .and_then(|line| line.get(line.find('{')?..))
            .and_then(|line| serde_json::from_str(line).ok()))
    };
    until("it is in the log", || Ok(find()?.is_some()))?;
    let line = find()?.unwrap_or_default();
    assert_eq!(line["request_id"], json!(forged), "one member of one line");
    assert_eq!(line.as_object().map_or(0, |line| line.len()), 6);
    Ok(())
}
