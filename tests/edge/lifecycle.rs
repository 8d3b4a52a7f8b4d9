//! Keys and organizations from issue to revocation, on several edges at once.

use crate::support::{
    ACME, acme, assert_problem, decision, enforced, own_key, read, until, wrong_secret,
};
use anyhow::Result;
use katalo_rig::{Admin, Answer, Caller, Class, Issued, Rig};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const EDGES: usize = 3;

/// RFC 3339 of the instant so far ahead.
fn ahead(by: Duration) -> String {
    humantime::format_rfc3339_millis(SystemTime::now() + by).to_string()
}

/// What every edge says to a key at a route that takes `read`.
fn everywhere(rig: &Rig, key: &Issued) -> Vec<Answer> {
    (0..EDGES)
        .map(|edge| read(rig.edge(edge), &key.secret).expect("an answer"))
        .collect()
}

/// So much time passes at every edge.
fn pass(rig: &Rig, time: Duration) -> Result<()> {
    (0..EDGES).try_for_each(|edge| rig.clock(edge).pass(time))
}

#[track_caller]
fn works_everywhere(rig: &Rig, key: &Issued) {
    for answer in everywhere(rig, key) {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[track_caller]
fn is_refused_everywhere(rig: &Rig, key: &Issued, status: u16, code: &str) {
    for answer in everywhere(rig, key) {
        assert_problem(&answer, status, code);
    }
    // Only the secret buys the reason.
    let answer = read(rig.edge(0), &wrong_secret(&key.secret)).expect("an answer");
    assert_problem(&answer, 401, "invalid_key");
}

fn key_path(key: &Issued) -> String {
    format!("/organizations/{ACME}/keys/{}", key.id)
}

fn patch(admin: &Admin, key: &Issued, body: &Value) -> Result<Answer> {
    admin.call("PATCH", &key_path(key)).json(body).send()
}

#[test]
fn a_key_works_on_the_next_request_and_is_refused_after_its_revocation() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    // Each edge has looked for everything there is, and remembers the misses.
    for edge in 0..EDGES {
        rig.kv().edge(edge).cache(Duration::from_secs(60));
    }
    let (admin, key) = acme(&rig)?;
    works_everywhere(&rig, &key);
    let second = admin.issue_live(ACME, &["read"])?;
    works_everywhere(&rig, &second);

    let revoked = enforced(admin.revoke(ACME, &key.id));
    is_refused_everywhere(&rig, &key, 401, "revoked_key");
    works_everywhere(&rig, &second);
    assert_eq!(revoked["key"]["state"], "revoked");
    assert_eq!(revoked["key"]["revocation_reason"], "unspecified");

    // A repeat is the same answer; the first reason stays. Nothing is told anew
    // that would have to be waited for.
    let log = rig.link(Caller::Object(Class::Registry), Class::ChangeLog);
    log.refuse()?;
    let again = admin.act(
        ACME,
        &key.id,
        "revoke",
        &json!({ "reason": "key_compromise" }),
    );
    assert_eq!(enforced(again), revoked);
    log.heal()?;
    for act in ["disable", "enable"] {
        let answer = admin.act(ACME, &key.id, act, &json!({}))?;
        assert_problem(&answer, 409, "already_revoked");
    }
    let answer = admin.act(ACME, &key.id, "rotate", &json!({}))?;
    assert_problem(&answer, 409, "not_rotatable");
    Ok(())
}

#[test]
fn after_a_rotation_both_work_until_the_overlap_ends() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, old) = acme(&rig)?;
    works_everywhere(&rig, &old);
    enforced(patch(&admin, &old, &json!({ "scopes": ["read", "usage"] })));
    let overlap = Duration::from_secs(3_600);
    let new = admin.rotate(ACME, &old.id, overlap.as_secs())?;
    works_everywhere(&rig, &old);
    works_everywhere(&rig, &new);
    assert_eq!(new.key["scopes"], json!(["read", "usage"]));
    assert_eq!(new.key["replaces"], old.id.as_str());
    let mine = own_key(rig.edge(1), &old.secret)?.json()?;
    assert_eq!(mine["state"], "retiring");
    let answer = admin.act(ACME, &old.id, "rotate", &json!({}))?;
    assert_problem(&answer, 409, "not_rotatable");

    pass(&rig, overlap)?;
    is_refused_everywhere(&rig, &old, 401, "expired_key");
    works_everywhere(&rig, &new);
    Ok(())
}

#[test]
fn a_pause_an_organizations_switch_and_a_lost_scope_hold_everywhere() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, key) = acme(&rig)?;
    works_everywhere(&rig, &key);
    enforced(admin.act(ACME, &key.id, "disable", &json!({})));
    is_refused_everywhere(&rig, &key, 401, "disabled_key");
    let answer = admin.act(ACME, &key.id, "rotate", &json!({}))?;
    assert_problem(&answer, 409, "not_rotatable");
    enforced(admin.act(ACME, &key.id, "enable", &json!({})));
    works_everywhere(&rig, &key);

    let access = |to: &str| admin.put_organization(ACME, &json!({ "name": "A", "api_access": to }));
    enforced(access("disabled"));
    is_refused_everywhere(&rig, &key, 403, "api_access_disabled");
    let body = json!({ "name": "n", "environment": "live", "scopes": ["read"] });
    let path = format!("/organizations/{ACME}/keys");
    let answer = admin.call("POST", &path).json(&body).send()?;
    assert_problem(&answer, 409, "issuing_disabled");
    enforced(access("enabled"));
    works_everywhere(&rig, &key);

    enforced(patch(&admin, &key, &json!({ "scopes": ["usage"] })));
    is_refused_everywhere(&rig, &key, 403, "insufficient_scope");
    let answer = read(rig.edge(0), &key.secret)?;
    assert_eq!(answer.json()?["scope"], "read");
    enforced(patch(&admin, &key, &json!({ "scopes": ["usage", "read"] })));
    works_everywhere(&rig, &key);

    let other = admin.issue_live(ACME, &["read"])?;
    works_everywhere(&rig, &other);
    let answer = admin
        .call("POST", &format!("/organizations/{ACME}/revoke-all"))
        .json(&json!({ "reason": "key_compromise" }))
        .send();
    enforced(answer);
    is_refused_everywhere(&rig, &key, 401, "revoked_key");
    is_refused_everywhere(&rig, &other, 401, "revoked_key");
    let counts = admin
        .call("GET", &format!("/organizations/{ACME}"))
        .send()?
        .json()?;
    assert_eq!(counts["keys"]["revoked"], 2, "{counts}");
    let later = admin.issue_live(ACME, &["read"])?;
    works_everywhere(&rig, &later);
    Ok(())
}

#[test]
fn a_key_ends_in_time_and_is_tied_to_its_networks() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, key) = acme(&rig)?;
    let end = Duration::from_secs(3_600);
    let body = json!({
        "name": "short", "environment": "live", "scopes": ["read"], "expires_at": ahead(end),
    });
    let short = admin.issue(ACME, &body)?;
    works_everywhere(&rig, &short);
    pass(&rig, end)?;
    is_refused_everywhere(&rig, &short, 401, "expired_key");

    enforced(patch(
        &admin,
        &key,
        &json!({ "allowed_ips": ["192.0.2.0/24", "2001:db8::/32"] }),
    ));
    let from = |address: &str| -> Result<Answer> {
        rig.edge(1)
            .call("GET", "/v1/key")
            .header("cf-connecting-ip", address)
            .bearer(&key.secret)
            .send()
    };
    for good in ["192.0.2.7", "::ffff:192.0.2.9", "2001:db8::1"] {
        assert_eq!(from(good)?.status, 200, "{good}");
    }
    for bad in ["192.0.3.7", "2001:db9::1", "", "192.0.2.7, 192.0.2.8"] {
        assert_problem(&from(bad)?, 403, "address_not_allowed");
    }
    is_refused_everywhere(&rig, &key, 403, "address_not_allowed");
    Ok(())
}

#[test]
fn a_change_that_is_not_waited_for_says_so_and_comes_to_be_enforced() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, key) = acme(&rig)?;
    works_everywhere(&rig, &key);
    // Without the change log nothing can be enforced; with it, all is.
    let log = rig.link(Caller::Object(Class::Registry), Class::ChangeLog);
    log.refuse()?;
    let body = json!({ "reason": "superseded", "wait": false });
    let answer = admin.act(ACME, &key.id, "revoke", &body)?;
    assert_eq!(answer.status, 202, "{answer:?}");
    let body = answer.json()?;
    assert_eq!(body["enforced"], false);
    assert!(body["effective_at"].is_null());
    assert_eq!(body["key"]["enforced"], false);
    assert_eq!(body["key"]["state"], "revoked");
    log.heal()?;
    until("it is enforced", || {
        let key = admin.call("GET", &key_path(&key)).send()?.json()?;
        assert_eq!(key["enforced"] == true, key["effective_at"].is_string());
        Ok(key["enforced"] == true)
    })?;
    is_refused_everywhere(&rig, &key, 401, "revoked_key");

    let second = admin.issue_live(ACME, &["read"])?;
    works_everywhere(&rig, &second);
    log.refuse()?;
    std::thread::scope(|scope| {
        let before = log.calls()?.fetches;
        let revoking = scope.spawn(|| admin.revoke(ACME, &second.id));
        // Asked again and again.
        log.wait_for(before + 5)?;
        assert!(!revoking.is_finished(), "nobody acknowledged it");
        log.heal()?;
        enforced(revoking.join().expect("the thread ends"));
        is_refused_everywhere(&rig, &second, 401, "revoked_key");
        Ok(())
    })
}

// The log neither answers nor refuses.
#[test]
fn a_change_is_answered_though_the_change_log_hangs() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, key) = acme(&rig)?;
    let log = rig.link(Caller::Object(Class::Registry), Class::ChangeLog);
    log.hang()?;
    // Each time it is asked takes two seconds. The alarm asks as well.
    for (wait, most) in [(false, 4), (true, 14)] {
        let before = log.calls()?.fetches;
        let act = if wait { "enable" } else { "disable" };
        let answer = admin.act(ACME, &key.id, act, &json!({ "wait": wait }))?;
        assert_eq!(answer.status, 202, "{answer:?}");
        let asked = log.calls()?.fetches - before;
        assert!(asked <= most, "{asked}");
    }
    log.heal()?;
    until("it is enforced", || {
        let key = admin.call("GET", &key_path(&key)).send()?.json()?;
        Ok(key["enforced"] == true)
    })
}

#[test]
fn changes_carry_their_precondition() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, key) = acme(&rig)?;
    let path = key_path(&key);
    let shown = admin.call("GET", &path).send()?;
    let revision = shown.json()?["revision"].as_u64().expect("a revision");
    let tag = format!("\"{revision}\"");
    assert_eq!(shown.header("etag"), Some(tag.as_str()));
    let rename = |if_match: &str, name: &str| {
        admin
            .call("PATCH", &path)
            .header("if-match", if_match)
            .json(&json!({ "name": name }))
            .send()
    };
    let renamed = rename(&tag, "renamed")?;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    let current = renamed.json()?["key"]["revision"].as_u64().expect("one");
    assert!(current > revision);
    assert_eq!(
        renamed.header("etag"),
        Some(format!("\"{current}\"").as_str())
    );
    let stale = rename(&tag, "late")?;
    assert_problem(&stale, 412, "revision_mismatch");
    assert_eq!(stale.json()?["current_revision"], current);
    for wrong in ["7", "W/\"7\"", "\"x\"", "\"1\", \"2\""] {
        let answer = rename(wrong, "late")?;
        assert_eq!(answer.status, 400, "{wrong:?}: {answer:?}");
        assert_problem(&answer, 400, "invalid_request");
    }
    assert_eq!(rename("*", "any")?.status, 200);
    let answer = own_key(rig.edge(2), &key.secret)?;
    assert_eq!(answer.json()?["name"], "any");
    assert!(decision(&answer)?.revision > current);
    Ok(())
}

#[test]
fn a_repeated_request_is_done_once() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, _) = acme(&rig)?;
    let issue = |name: &str| {
        admin
            .call("POST", &format!("/organizations/{ACME}/keys"))
            .header("idempotency-key", "one")
            .json(&json!({ "name": name, "environment": "live", "scopes": ["read"] }))
            .send()
    };
    let first = issue("a")?;
    assert_eq!(first.status, 201, "{first:?}");
    let again = issue("a")?;
    assert_problem(&again, 409, "secret_already_shown");
    assert_eq!(again.json()?["key"]["id"], first.json()?["key"]["id"]);
    assert_problem(&issue("b")?, 422, "idempotency_key_reused");
    Ok(())
}

#[test]
fn the_door_of_administrators() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let edge = rig.edge(0);
    let [token, _] = Rig::secrets();
    let bootstrap = |token: &str| {
        edge.call("POST", "/admin/v1/bootstrap")
            .bearer(token)
            .send()
    };
    assert_problem(&bootstrap(token)?, 409, "already_bootstrapped");
    assert_problem(&bootstrap("wrong")?, 401, "invalid_key");
    let answer = edge.call("POST", "/admin/v1/bootstrap").send()?;
    assert_problem(&answer, 401, "missing_credentials");

    let path = "/admin/v1/organizations";
    assert_problem(&edge.get(path)?, 401, "missing_credentials");
    let answer = edge.call("GET", path).bearer(&key.secret).send()?;
    assert_problem(&answer, 403, "wrong_environment");
    assert_problem(&own_key(edge, admin.key())?, 403, "wrong_environment");
    let answer = edge
        .call("GET", path)
        .bearer(&wrong_secret(admin.key()))
        .send()?;
    assert_problem(&answer, 401, "invalid_key");

    let id = admin.key().split_once('.').expect("a presented key").0;
    let path = format!("/organizations/_platform/keys/{id}/disable");
    let answer = admin.call("POST", &path).json(&json!({})).send()?;
    assert_problem(&answer, 409, "last_admin");

    // Guessing at the sign-in is slowed down.
    let guess = || {
        edge.call("POST", "/admin/v1/session")
            .header("cf-connecting-ip", "192.0.2.1")
            .json(&json!({ "key": wrong_secret(admin.key()) }))
            .send()
    };
    for _ in 0..10 {
        assert_problem(&guess()?, 401, "invalid_key");
    }
    assert_problem(&guess()?, 429, "rate_limited");
    Ok(())
}

#[test]
fn what_was_made_is_where_location_says_and_a_patch_changes_it() -> Result<()> {
    let rig = Rig::builder().start()?;
    let admin = rig.bootstrap()?;
    let edge = rig.edge(0);
    let made = admin.put_organization("new", &json!({ "name": "New", "api_access": "enabled" }))?;
    let organization = "/admin/v1/organizations/new";
    assert_eq!(made.header("location"), Some(organization), "{made:?}");
    let body = json!({ "name": "n", "environment": "live", "scopes": ["read"],
        "expires_at": "2099-01-01T02:00:00+02:00" });
    let made = admin
        .call("POST", "/organizations/new/keys")
        .json(&body)
        .send()?;
    let location = made.header("location").expect("a location").to_owned();
    let key = edge.call("GET", &location).bearer(admin.key()).send()?;
    assert_eq!(key.json()?["id"], made.json()?["key"]["id"], "{key:?}");
    assert_eq!(key.json()?["expires_at"], "2099-01-01T00:00:00.000Z");
    let patch = |tag: &str, body: &Value| {
        edge.call("PATCH", organization)
            .bearer(admin.key())
            .header("if-match", tag)
            .json(body)
            .send()
    };
    let renamed = patch("*", &json!({ "name": "Newer" }))?;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    assert_eq!(renamed.json()?["organization"]["api_access"], "enabled");
    let stale = patch("\"1\"", &json!({ "name": "Newest" }))?;
    assert_problem(&stale, 412, "revision_mismatch");
    enforced(patch("*", &json!({ "api_access": "disabled" })));
    let secret = made.json()?["secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    assert_problem(&own_key(edge, &secret)?, 403, "api_access_disabled");
    Ok(())
}
