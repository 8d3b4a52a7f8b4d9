//! The response tables of RFC 6750 section 3, RFC 7662 sections 2.2 and 2.3, and
//! RFC 7009 section 2.2, row by row, and a client library that speaks them.

use crate::python;
use crate::support::{
    ACME, acme, assert_problem, enforced, forged_id, own_key, raw, read, wrong_secret,
};
use anyhow::{Context, Result};
use katalo_rig::{Admin, Answer, Caller, Class, Issued, Rig};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

const FORM: &str = "application/x-www-form-urlencoded";

/// The auth-params of a challenge of this scheme; each stands there once.
#[track_caller]
fn challenge(answer: &Answer, scheme: &str) -> BTreeMap<String, String> {
    let all: Vec<_> = answer.headers_of("www-authenticate").collect();
    let [value] = all[..] else {
        panic!("not one challenge: {answer:?}");
    };
    let rest = value.strip_prefix(scheme).expect("the scheme");
    let mut parameters = BTreeMap::new();
    for part in rest.trim_start().split(", ") {
        let (name, quoted) = part.split_once('=').expect("name=value");
        let text = quoted
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .expect("a quoted string");
        // The characters of section 3.
        assert!(
            text.bytes()
                .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
            "{text}"
        );
        let before = parameters.insert(name.to_owned(), text.to_owned());
        assert_eq!(before, None, "{name} stands there twice: {value}");
    }
    parameters
}

#[test]
fn rfc_6750_section_3() -> Result<()> {
    const LIFE: Duration = Duration::from_secs(3_600);
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let edge = rig.edge(0);

    // Section 3: no authentication information: a challenge without a code.
    let answer = edge.get("/v1/catalogs/c1")?;
    assert_eq!(answer.status, 401);
    let parameters = challenge(&answer, "Bearer");
    assert_eq!(parameters.keys().collect::<Vec<_>>(), ["realm"]);

    // Section 3.1, invalid_request: 400. A key in the address (section 2.3) is
    // never taken, with another one beside it or alone.
    let path = format!("/v1/catalogs/c1?access_token={}", key.secret);
    for call in [
        edge.call("GET", &path),
        edge.call("GET", &path).bearer(&key.secret),
    ] {
        assert_problem(&call.send()?, 400, "invalid_request");
    }

    // Section 3.1, invalid_token: 401; expired, revoked, malformed, or invalid
    // for other reasons.
    let expired = admin.issue(
        ACME,
        &json!({
            "name": "short", "environment": "live", "scopes": ["read"],
            "expires_at": humantime::format_rfc3339_millis(
                std::time::SystemTime::now() + LIFE
            ).to_string(),
        }),
    )?;
    let revoked = admin.issue_live(ACME, &["read"])?;
    enforced(admin.revoke(ACME, &revoked.id));
    rig.clock(0).pass(LIFE)?;
    let invalid = |presented: &str, code: &str| -> Result<()> {
        let answer = read(edge, presented)?;
        assert_problem(&answer, 401, code);
        let parameters = challenge(&answer, "Bearer");
        assert_eq!(parameters["error"], "invalid_token");
        assert!(!parameters["error_description"].is_empty());
        assert_eq!(parameters["realm"], "katalo");
        Ok(())
    };
    invalid(&expired.secret, "expired_key")?;
    invalid(&revoked.secret, "revoked_key")?;
    invalid("kat_live_x.y", "malformed_key")?;
    invalid(&wrong_secret(&key.secret), "invalid_key")?;
    invalid(&forged_id(&key.secret), "invalid_key")?;
    let second: &[u8] = b"Authorization: Bearer x";
    let twice = raw(edge, "GET /v1/catalogs/c1", &key.secret, &[second], b"")?;
    assert_eq!(challenge(&twice, "Bearer")["error"], "invalid_token");

    // Section 3.1, insufficient_scope: 403, with the scope that it takes.
    let answer = edge
        .call("POST", "/v1/catalogs")
        .bearer(&key.secret)
        .send()?;
    assert_problem(&answer, 403, "insufficient_scope");
    let parameters = challenge(&answer, "Bearer");
    assert_eq!(parameters["error"], "insufficient_scope");
    assert_eq!(parameters["scope"], "create");

    // Section 5.3: what a key was shown for is nobody else's to keep.
    let answer = own_key(edge, &key.secret)?;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("www-authenticate"), None);
    Ok(())
}

fn post(rig: &Rig, path: &str, authorization: &str, form: &str) -> Result<Answer> {
    let mut call = rig.edge(0).call("POST", path).header("content-type", FORM);
    if !authorization.is_empty() {
        call = call.header("authorization", authorization);
    }
    call.body(form).send()
}

/// A key of administrators with these scopes.
fn colleague(admin: &Admin, scopes: &[&str]) -> Result<Issued> {
    let body = json!({ "name": "gateway", "environment": "admin", "scopes": scopes });
    admin.issue("_platform", &body)
}

#[test]
fn rfc_7662_sections_2_2_and_2_3() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, _) = acme(&rig)?;
    let gateway = colleague(&admin, &["introspect"])?;
    let bearer = format!("Bearer {}", gateway.secret);
    let ask = |token: &str| {
        post(
            &rig,
            "/oauth2/introspect",
            &bearer,
            &format!("token={token}"),
        )
    };
    let soon = std::time::SystemTime::now() + Duration::from_secs(3_600);
    let key = admin.issue(
        ACME,
        &json!({
            "name": "k", "environment": "live", "scopes": ["read", "usage"],
            "expires_at": humantime::format_rfc3339_millis(soon).to_string(),
        }),
    )?;

    // Section 2.2, an active token: each member and its type.
    let answer = ask(&key.secret)?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let said = answer.json()?;
    assert_eq!(said["active"], json!(true));
    assert_eq!(said["scope"], "read usage");
    assert_eq!(said["client_id"], key.id.as_str());
    assert_eq!(said["sub"], ACME);
    assert_eq!(said["token_type"], "Bearer");
    assert_eq!(said["environment"], "live");
    assert_eq!(said["iss"], format!("http://{}", rig.edge(0).address()));
    let seconds = |at: std::time::SystemTime| -> Result<u64> {
        Ok(at.duration_since(std::time::UNIX_EPOCH)?.as_secs())
    };
    assert_eq!(said["exp"].as_u64(), Some(seconds(soon)?));
    let issued = said["iat"].as_u64().context("iat")?;
    assert!(
        issued.abs_diff(seconds(std::time::SystemTime::now())?) < 60,
        "{said}"
    );

    // Section 2.2, not active, for whatever reason: nothing more is said, and
    // (section 2.3) it is no error.
    let revoked = admin.issue_live(ACME, &["read"])?;
    enforced(admin.revoke(ACME, &revoked.id));
    let disabled = admin.issue_live(ACME, &["read"])?;
    enforced(admin.act(ACME, &disabled.id, "disable", &json!({})));
    for (what, token) in [
        ("revoked", revoked.secret.clone()),
        ("disabled", disabled.secret.clone()),
        ("wrong secret", wrong_secret(&key.secret)),
        ("forged", forged_id(&key.secret)),
        ("another kind", admin.key().to_owned()),
        ("no key of ours", "2YotnFZFEjr1zCsicMWpAA".to_owned()),
    ] {
        let answer = ask(&token)?;
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        assert_eq!(answer.json()?, json!({ "active": false }), "{what}");
    }
    let access = json!({ "name": "A", "api_access": "disabled" });
    enforced(admin.put_organization(ACME, &access));
    assert_eq!(ask(&key.secret)?.json()?, json!({ "active": false }));
    let access = json!({ "name": "A", "api_access": "enabled" });
    enforced(admin.put_organization(ACME, &access));

    // Section 2.1: the form, by POST, with a token; an unknown hint is no error.
    let hinted = format!("token={}&token_type_hint=surprise", key.secret);
    let answer = post(&rig, "/oauth2/introspect", &bearer, &hinted)?;
    assert_eq!(answer.json()?["active"], json!(true));
    let answer = post(&rig, "/oauth2/introspect", &bearer, "other=1")?;
    assert_problem(&answer, 400, "invalid_request");
    assert_eq!(answer.json()?["error"], "invalid_request");
    let answer = rig
        .edge(0)
        .call("GET", "/oauth2/introspect")
        .bearer(&gateway.secret)
        .send()?;
    assert_problem(&answer, 405, "method_not_allowed");

    // Section 2.3, client credentials that are wrong (RFC 6749 section 5.2): 401
    // with a challenge of the scheme that was tried, and `invalid_client`.
    let form = format!("token={}", key.secret);
    let answer = post(&rig, "/oauth2/introspect", "Basic eDp5", &form)?;
    assert_eq!(answer.status, 401, "{answer:?}");
    challenge(&answer, "Basic");
    assert_eq!(answer.json()?["error"], "invalid_client");

    // Section 2.3, a bearer token without the privilege, or of no use: 401 as of
    // RFC 6750 section 3.
    let weak = colleague(&admin, &["keys:read"])?;
    for (token, error) in [
        (weak.secret.as_str(), "insufficient_scope"),
        (key.secret.as_str(), "invalid_token"),
        (&wrong_secret(&gateway.secret), "invalid_token"),
    ] {
        let answer = post(
            &rig,
            "/oauth2/introspect",
            &format!("Bearer {token}"),
            &form,
        )?;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(challenge(&answer, "Bearer")["error"], error);
        assert!(answer.json()?["active"].is_null());
    }
    let answer = post(&rig, "/oauth2/introspect", "", &form)?;
    assert_problem(&answer, 401, "missing_credentials");
    Ok(())
}

#[test]
fn rfc_7009_section_2_2() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let revoke = |form: &str| post(&rig, "/oauth2/revoke", "", form);
    let done = |answer: &Answer| {
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, ""),
            "{answer:?}"
        );
    };

    // Section 2.2.1: 503 says that the token still exists, and when to ask again.
    let link = rig.link(Caller::Edge(0), Class::Registry);
    link.refuse()?;
    let answer = revoke(&format!("token={}", key.secret))?;
    assert_problem(&answer, 503, "registry_unavailable");
    link.heal()?;
    assert_eq!(read(rig.edge(0), &key.secret)?.status, 200);

    // Section 2.2: an invalid token is answered as if it had been revoked, and
    // nothing happens.
    for token in [
        wrong_secret(&key.secret),
        forged_id(&key.secret),
        "45ghiukldjahdnhzdauz".to_owned(),
        key.id.clone(),
    ] {
        done(&revoke(&format!("token={token}"))?);
    }
    assert_eq!(read(rig.edge(0), &key.secret)?.status, 200);

    // Section 2.2.1 and RFC 6749 section 5.2: what is not asked rightly.
    for form in ["", "other=1", "token=a&token=b"] {
        let answer = revoke(form)?;
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(answer.json()?["error"], "invalid_request");
    }
    let answer = rig.edge(0).get("/oauth2/revoke")?;
    assert_problem(&answer, 405, "method_not_allowed");

    // Section 2.2: revoked: 200, and from then on of no use. The hint, known or
    // not, makes no difference (section 2.1).
    done(&revoke(&format!(
        "token={}&token_type_hint=refresh_token",
        key.secret
    ))?);
    assert_problem(&read(rig.edge(0), &key.secret)?, 401, "revoked_key");
    done(&revoke(&format!("token={}", key.secret))?);

    // It is on record as the holder's own act, and once.
    let list = admin
        .call("GET", &format!("/organizations/{ACME}/audit?limit=200"))
        .send()?
        .json()?;
    let entries = list["items"].as_array().context("entries")?;
    let revocations: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["action"] == "key.revoke")
        .collect();
    let [entry] = revocations[..] else {
        panic!("{list}");
    };
    assert_eq!(entry["actor"], json!({ "kind": "holder", "id": key.id }));
    assert_eq!(entry["subject"]["id"], key.id.as_str());
    assert!(!list.to_string().contains(&key.secret[40..]));
    Ok(())
}

#[test]
fn a_client_library_introspects_and_revokes() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let gateway = colleague(&admin, &["introspect"])?;
    let (id, secret) = gateway.secret.split_once('.').context("a key")?;
    let said = python::run(
        "oauth.py",
        &[
            ("BASE", &format!("http://{}", rig.edge(0).address())),
            ("CLIENT_ID", id),
            ("CLIENT_SECRET", secret),
            ("KEY", &key.secret),
        ],
    )?;
    let said: Value = serde_json::from_str(&said).context("what it printed")?;
    assert_eq!(said["before"]["active"], json!(true), "{said}");
    assert_eq!(said["before"]["client_id"], key.id.as_str());
    assert_eq!(said["revoked"], json!(200));
    assert_eq!(said["after"], json!({ "active": false }));
    assert_problem(&read(rig.edge(0), &key.secret)?, 401, "revoked_key");
    Ok(())
}
