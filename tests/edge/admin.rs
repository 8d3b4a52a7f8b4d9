//! What an administrator expects of the admin routes, through the real runtime.

use crate::support::{ACME, acme, assert_problem, enforced, own_key, until, until_all_is_told};
use anyhow::Result;
use katalo_rig::{Admin, Answer, Builder, Issued, Rig};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const PLATFORM: &str = "_platform";

/// Most of what is done here waits for the bound.
fn quick() -> Builder {
    Rig::builder().variable("FRESHNESS_BOUND_MS", 200)
}

fn days_ahead(days: u64) -> String {
    let instant = SystemTime::now() + Duration::from_secs(days * 86_400);
    humantime::format_rfc3339_millis(instant).to_string()
}

fn at(organization: &str, below: &str) -> String {
    format!("/organizations/{organization}{below}")
}

fn key_at(organization: &str, key: &Issued) -> String {
    at(organization, &format!("/keys/{}", key.id))
}

fn get(admin: &Admin, path: &str) -> Result<Value> {
    let answer = admin.call("GET", path).send()?;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

fn post(admin: &Admin, path: &str, body: &Value) -> Result<Answer> {
    admin.call("POST", path).json(body).send()
}

fn patch(admin: &Admin, organization: &str, key: &Issued, body: &Value) -> Result<Answer> {
    let path = key_at(organization, key);
    admin.call("PATCH", &path).json(body).send()
}

fn issue_admin(admin: &Admin, more: &Value) -> Result<Answer> {
    let mut body = json!({ "name": "ops", "environment": "admin", "scopes": ["keys:read"] });
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    post(admin, &at(PLATFORM, "/keys"), &body)
}

/// The administrator who holds the key of this answer.
fn administrator(rig: &Rig, answer: &Answer) -> Result<Admin> {
    assert_eq!(answer.status, 201, "{answer:?}");
    let body = answer.json()?;
    Ok(Admin::new(
        rig.edge(0).clone(),
        body["secret"].as_str().expect("a secret"),
    ))
}

#[test]
fn a_patch_merges() -> Result<()> {
    let rig = quick().start()?;
    let (admin, key) = acme(&rig)?;
    let change = |body: Value| enforced(patch(&admin, ACME, &key, &body))["key"].clone();
    let end = days_ahead(30);
    let changed = change(json!({
        "name": "  Web shop  ", "expires_at": end, "allowed_ips": ["192.0.2.7/24", "2001:db8::1"],
        "metadata": { "team": { "name": "web", "floor": 3 } },
    }));
    assert_eq!(changed["name"], "Web shop");
    assert_eq!(changed["expires_at"], json!(end));
    assert_eq!(
        changed["allowed_ips"],
        json!(["192.0.2.0/24", "2001:db8::1/128"])
    );
    assert_eq!(changed["scopes"], json!(["read"]));

    // What is not there stays, `metadata` is replaced whole, nothing is nothing.
    let replaced = change(json!({ "metadata": { "desk": 7 } }));
    assert_eq!(replaced["metadata"], json!({ "desk": 7 }));
    assert_eq!(replaced["expires_at"], json!(end));
    assert_eq!(change(json!({}))["revision"], replaced["revision"]);
    assert_eq!(
        change(json!({ "name": "Web shop" }))["revision"],
        replaced["revision"]
    );
    let cleared = change(json!({ "expires_at": null, "allowed_ips": null, "metadata": null }));
    assert_eq!(cleared["expires_at"], Value::Null);
    assert_eq!(cleared["allowed_ips"], json!([]));
    assert_eq!(cleared["metadata"], json!({}));

    for (body, field) in [
        (json!({ "name": null }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "name": " " }), "name"),
        (json!({ "scopes": [] }), "scopes"),
        (json!({ "scopes": vec!["x"; 51] }), "scopes"),
        (json!({ "scopes": ["x".repeat(65)] }), "scopes[0]"),
        (
            json!({ "expires_at": "2020-01-01T00:00:00Z" }),
            "expires_at",
        ),
        (
            json!({ "allowed_ips": vec!["192.0.2.1"; 51] }),
            "allowed_ips",
        ),
        (
            json!({ "metadata": { "x": "y".repeat(4_090) } }),
            "metadata",
        ),
        (json!({ "environment": "test" }), "environment"),
    ] {
        let answer = patch(&admin, ACME, &key, &body)?;
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(answer.json()?["field"], field, "{body}");
    }
    enforced(admin.revoke(ACME, &key.id));
    let answer = patch(&admin, ACME, &key, &json!({ "name": "late" }))?;
    assert_problem(&answer, 409, "already_revoked");
    Ok(())
}

#[test]
fn a_scope_is_one_that_a_route_or_the_operator_names() -> Result<()> {
    let rig = quick().variable("CLIENT_SCOPES", "refund").start()?;
    let (admin, key) = acme(&rig)?;
    let issue = |scope: &str| {
        let body = json!({ "name": "n", "environment": "live", "scopes": ["read", scope] });
        post(&admin, &at(ACME, "/keys"), &body)
    };
    let change = |scope: &str| patch(&admin, ACME, &key, &json!({ "scopes": ["read", scope] }));
    assert_eq!(issue("refund")?.status, 201);
    enforced(change("refund"));
    for answer in [issue("nonsense")?, change("nonsense")?] {
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(answer.json()?["field"], "scopes");
        let known = "known scopes are billing, create, read, refund, regenerate, usage";
        assert!(answer.text().contains(known), "{answer:?}");
    }
    Ok(())
}

#[test]
fn the_own_usage_says_that_a_key_in_its_overlap_is_about_to_end() -> Result<()> {
    let rig = quick().start()?;
    let (admin, _) = acme(&rig)?;
    let key = admin.issue_live(ACME, &["usage"])?;
    let used = || {
        rig.edge(0)
            .call("GET", "/v1/key/usage")
            .bearer(&key.secret)
            .send()
    };
    let before = used()?;
    assert_eq!(before.status, 200, "{before:?}");
    assert_eq!(before.header("sunset"), None);
    admin.rotate(ACME, &key.id, 2_592_000)?;
    until("the edge knows", || {
        let own = own_key(rig.edge(0), &key.secret)?;
        Ok(own.header("sunset").is_some())
    })?;
    let retiring = used()?;
    assert_eq!(retiring.status, 200, "{retiring:?}");
    let own = own_key(rig.edge(0), &key.secret)?;
    for name in ["deprecation", "sunset"] {
        assert!(retiring.header(name).is_some(), "{retiring:?}");
        assert_eq!(retiring.header(name), own.header(name));
    }
    Ok(())
}

#[test]
fn rotations_make_a_chain_and_the_audit_names_the_keys() -> Result<()> {
    let rig = quick().start()?;
    let (admin, first) = acme(&rig)?;
    let second = admin.rotate(ACME, &first.id, 2_592_000)?;
    let third = admin.rotate(ACME, &second.id, 0)?;
    let show = |key: &Issued| get(&admin, &key_at(ACME, key));
    let (one, two, three) = (show(&first)?, show(&second)?, show(&third)?);
    assert_eq!(one["state"], "retiring");
    assert_eq!(two["state"], "expired");
    assert_eq!(three["state"], "active");
    for (old, new) in [(&one, &two), (&two, &three)] {
        assert_eq!(old["replaced_by"], new["id"]);
        assert_eq!(new["replaces"], old["id"]);
    }
    let retiring = own_key(rig.edge(0), &first.secret)?;
    assert_eq!(retiring.status, 200);
    assert!(
        retiring
            .header("deprecation")
            .is_some_and(|at| at.starts_with('@'))
    );
    assert!(
        retiring
            .header("sunset")
            .is_some_and(|at| at.ends_with(" GMT"))
    );
    assert_problem(&own_key(rig.edge(0), &second.secret)?, 401, "expired_key");
    assert_eq!(own_key(rig.edge(0), &third.secret)?.status, 200);

    for overlap in [json!(2_592_001), json!(-1), json!(1.5), json!("1")] {
        let body = json!({ "overlap_seconds": overlap });
        let answer = admin.act(ACME, &third.id, "rotate", &body)?;
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(answer.json()?["field"], "overlap_seconds");
    }
    for over in [&first, &second] {
        let answer = admin.act(ACME, &over.id, "rotate", &json!({}))?;
        assert_problem(&answer, 409, "not_rotatable");
    }
    enforced(admin.act(ACME, &third.id, "disable", &json!({})));
    enforced(admin.revoke(ACME, &third.id));
    let audit = get(&admin, &at(ACME, "/audit?limit=200"))?;
    for action in ["key.rotate", "key.disable", "key.revoke"] {
        let entries = audit["items"].as_array().expect("entries").iter();
        let mut entries = entries.filter(|entry| entry["action"] == action).peekable();
        assert!(entries.peek().is_some(), "no {action}");
        for entry in entries {
            assert_eq!(entry["subject"]["name"], "test", "{entry}");
        }
    }
    Ok(())
}

#[test]
fn a_repeat_makes_no_second_key() -> Result<()> {
    let rig = quick().start()?;
    let (admin, key) = acme(&rig)?;
    let send = |below: &str, name: &str, body: Value| -> Result<Answer> {
        admin
            .call("POST", &at(ACME, below))
            .header("idempotency-key", name)
            .json(&body)
            .send()
    };
    let rotate = format!("/keys/{}/rotate", key.id);
    let order = json!({ "overlap_seconds": 60 });
    let first = send(&rotate, "r1", order.clone())?;
    assert_eq!(first.status, 201, "{first:?}");
    // The key is not rotatable any more; the repeat is still told what it made.
    let again = send(&rotate, "r1", order.clone())?;
    assert_problem(&again, 409, "secret_already_shown");
    let again = again.json()?;
    assert_eq!(again["key"]["id"], first.json()?["key"]["id"]);
    assert_eq!(again["key"]["replaces"], key.id.as_str());
    assert!(again.get("secret").is_none());
    let other = send(&rotate, "r1", json!({ "overlap_seconds": 61 }))?;
    assert_problem(&other, 422, "idempotency_key_reused");
    // Neither does another route take the name for its own.
    let body = json!({ "name": "n", "environment": "live", "scopes": ["read"] });
    let other = send("/keys", "r1", body.clone())?;
    assert_problem(&other, 422, "idempotency_key_reused");
    // Another administrator's names are their own.
    let scopes = json!({ "scopes": ["keys:write"] });
    let colleague = administrator(&rig, &issue_admin(&admin, &scopes)?)?;
    let answer = colleague
        .call("POST", &at(ACME, "/keys"))
        .header("idempotency-key", "r1")
        .json(&body)
        .send()?;
    assert_eq!(answer.status, 201, "{answer:?}");
    for wrong in ["two words", &"x".repeat(256)] {
        let answer = send("/keys", wrong, body.clone())?;
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(answer.json()?["field"], "Idempotency-Key");
    }
    // At the same time, too.
    let made: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| send("/keys", "at-once", body.clone())))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("the thread ends"))
            .collect::<Result<_>>()
    })?;
    let created = made.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1);
    for answer in made.iter().filter(|answer| answer.status != 201) {
        assert_problem(answer, 409, "secret_already_shown");
    }
    Ok(())
}

#[test]
fn every_change_takes_a_precondition() -> Result<()> {
    let rig = quick().variable("KEY_TRANSFER", "on").start()?;
    let (admin, key) = acme(&rig)?;
    let revoke = json!({ "reason": "superseded" });
    let issue = json!({ "name": "n", "environment": "live", "scopes": ["read"] });
    let of_key = |below: &str| format!("/organizations/{ACME}/keys/{}{below}", key.id);
    let organization = at(ACME, "");
    // In an order in which each is possible.
    let changes = [
        ("PUT", organization.clone(), json!({ "name": "Renamed" })),
        ("POST", at(ACME, "/keys"), issue),
        ("POST", at(ACME, "/import"), json!({ "keys": [] })),
        ("PATCH", of_key(""), json!({ "name": "renamed" })),
        ("POST", of_key("/disable"), json!({})),
        ("POST", of_key("/enable"), json!({})),
        ("POST", of_key("/rotate"), json!({ "overlap_seconds": 60 })),
        ("POST", of_key("/revoke"), revoke.clone()),
        ("POST", at(ACME, "/revoke-all"), revoke),
        ("DELETE", organization.clone(), json!({})),
    ];
    for (method, path, body) in &changes {
        let subject = if path.contains(&key.id) {
            key_at(ACME, &key)
        } else {
            organization.clone()
        };
        let before = get(&admin, &subject)?;
        let revision = before["revision"].as_u64().expect("a revision");
        let send = |name: &str, value: &str| {
            admin
                .call(method, path)
                .header(name, value)
                .json(body)
                .send()
        };
        for (name, stale) in [
            ("if-match", format!("\"{}\"", revision + 1)),
            ("if-match", "\"0\"".to_owned()),
            ("if-none-match", "*".to_owned()),
        ] {
            let answer = send(name, &stale)?;
            assert_problem(&answer, 412, "revision_mismatch");
            assert_eq!(answer.json()?["current_revision"], revision, "{path}");
        }
        assert_problem(&send("if-match", "7")?, 400, "invalid_request");
        assert_problem(&send("if-none-match", "\"7\"")?, 400, "invalid_request");
        assert_eq!(get(&admin, &subject)?, before, "{method} {path}");
        let done = send("if-match", &format!("\"{revision}\""))?;
        assert!(
            matches!(done.status, 200 | 201),
            "{method} {path}: {done:?}"
        );
    }

    // An organization that is not there: made, or not.
    let put = |name: &str, value: &str| {
        admin
            .call("PUT", &at("new", ""))
            .header(name, value)
            .json(&json!({ "name": "New" }))
            .send()
    };
    for (name, value) in [("if-match", "*"), ("if-match", "\"1\"")] {
        let answer = put(name, value)?;
        assert_problem(&answer, 412, "revision_mismatch");
        assert_eq!(answer.json()?["current_revision"], 0);
    }
    let answer = admin.call("GET", &at("new", "")).send()?;
    assert_problem(&answer, 404, "not_found");
    assert_eq!(put("if-none-match", "*")?.status, 201);
    assert_problem(&put("if-none-match", "*")?, 412, "revision_mismatch");
    assert_eq!(put("if-match", "*")?.status, 200);
    Ok(())
}

#[test]
fn lifetimes_unused_keys_and_the_status() -> Result<()> {
    let rig = quick().start()?;
    let (admin, key) = acme(&rig)?;
    admin.organization("beta")?;
    admin.issue_live("beta", &["read"])?;
    let limit = |days: Value| {
        let body = json!({ "name": "Acme", "max_key_lifetime_days": days });
        enforced(admin.put_organization(ACME, &body))["organization"].clone()
    };
    assert_eq!(limit(json!(10))["max_key_lifetime_days"], 10);
    let issue = |expires_at: Value| {
        let body = json!({
            "name": "n", "environment": "live", "scopes": ["read"], "expires_at": expires_at,
        });
        post(&admin, &at(ACME, "/keys"), &body)
    };
    for bad in [Value::Null, json!(days_ahead(11)), json!(days_ahead(0))] {
        let answer = issue(bad)?;
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(answer.json()?["field"], "expires_at");
    }
    assert_eq!(issue(json!(days_ahead(9)))?.status, 201);
    // The key from before has no end; its successor has.
    let successor = admin.rotate(ACME, &key.id, 60)?;
    assert!(successor.key["expires_at"].is_string(), "{successor:?}");
    let answer = patch(
        &admin,
        ACME,
        &successor,
        &json!({ "expires_at": days_ahead(40) }),
    )?;
    assert_problem(&answer, 400, "invalid_request");
    assert_eq!(limit(Value::Null)["max_key_lifetime_days"], Value::Null);
    assert_eq!(issue(Value::Null)?.status, 201);

    // Nothing here is old enough to count as unused.
    let unused = get(&admin, &at(ACME, "/keys?unused_for_days=1"))?;
    assert_eq!(unused["items"], json!([]));
    let named = get(&admin, &at(ACME, "/keys?name=N&state=active&limit=1"))?;
    assert_eq!(named["items"].as_array().map(Vec::len), Some(1));

    let status = get(&admin, "/status")?;
    let sums = &status["organizations"];
    assert_eq!(sums["counted"], 2, "{status}");
    assert_eq!(sums["unanswered"], 0);
    assert_eq!(sums["keys_per_ring_entry"], json!({ "1": 5 }));
    assert_eq!(sums["next_cursor"], Value::Null);
    assert_eq!(status["platform"]["keys_per_ring_entry"], json!({ "1": 1 }));
    until_all_is_told(&admin)?;
    let one = get(&admin, "/status?limit=1")?;
    assert_eq!(one["organizations"]["counted"], 1);
    assert_eq!(one["organizations"]["next_cursor"], "acme");
    let rest = get(&admin, "/status?limit=1&cursor=acme")?;
    assert_eq!(
        rest["organizations"]["keys_per_ring_entry"],
        json!({ "1": 1 })
    );
    let answer = admin.call("GET", "/status?cursor=no%20id").send()?;
    assert_problem(&answer, 400, "invalid_request");
    Ok(())
}

/// Its audit can still be read, but by nobody who was tied to it: whoever has the
/// id next has not made them.
#[test]
fn tied_administrators_end_with_their_organization() -> Result<()> {
    let rig = quick().start()?;
    let (admin, _) = acme(&rig)?;
    let order = json!({ "scopes": ["organizations:read"], "bound_organization": ACME });
    let tied = administrator(&rig, &issue_admin(&admin, &order)?)?;
    get(&tied, &at(ACME, ""))?;
    let deleted = admin.call("DELETE", &at(ACME, "")).json(&json!({})).send();
    enforced(deleted);
    let answer = tied.call("GET", &at(ACME, "")).send()?;
    assert_problem(&answer, 401, "revoked_key");
    get(&admin, &at(ACME, ""))?;
    Ok(())
}

#[test]
fn an_administrator_who_is_tied_sees_one_organization() -> Result<()> {
    let rig = quick().start()?;
    let (admin, key) = acme(&rig)?;
    admin.organization("beta")?;
    let scopes = [
        "keys:read",
        "keys:write",
        "organizations:read",
        "organizations:write",
        "admins:write",
        "status:read",
        "audit:read",
        "usage:read",
    ];
    let order = json!({ "scopes": scopes, "bound_organization": ACME });
    let answer = issue_admin(&admin, &order)?;
    let tied = administrator(&rig, &answer)?;
    let id = answer.json()?["key"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(answer.json()?["key"]["bound_organization"], ACME);

    get(&tied, &key_at(ACME, &key))?;
    let listed = get(&tied, "/organizations")?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["id"], ACME);
    let status = get(&tied, "/status")?;
    assert_eq!(status["organizations"]["counted"], 1);
    for of_all in ["platform", "change_log", "edge"] {
        assert!(get(&admin, "/status")?[of_all].is_object(), "{of_all}");
        assert_eq!(status.get(of_all), None, "{of_all}");
    }
    assert_eq!(status["freshness_bound_ms"], 200);
    let root_keys = get(&tied, "/status/root-keys")?;
    assert_eq!(root_keys["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(root_keys["items"][0]["organization"], ACME);
    for below in ["", "/keys", "/audit", "/audit/head", "/usage"] {
        for organization in ["beta", "nowhere", PLATFORM] {
            let answer = tied.call("GET", &at(organization, below)).send()?;
            assert_problem(&answer, 404, "not_found");
        }
    }
    let answer = tied.put_organization("beta", &json!({ "name": "Mine" }))?;
    assert_problem(&answer, 404, "not_found");
    let answer = tied.put_organization("gamma", &json!({ "name": "Mine" }))?;
    assert_problem(&answer, 404, "not_found");
    // The tie is for ever, and nobody passes on what they lack.
    let answer = admin
        .call("PATCH", &at(PLATFORM, &format!("/keys/{id}")))
        .json(&json!({ "bound_organization": null }))
        .send()?;
    assert_problem(&answer, 400, "invalid_request");
    let few = json!({ "scopes": ["admins:write", "keys:read"] });
    let few = administrator(&rig, &issue_admin(&admin, &few)?)?;
    let answer = issue_admin(&few, &json!({ "scopes": ["keys:write"] }))?;
    assert_problem(&answer, 403, "insufficient_scope");
    assert_eq!(answer.json()?["scope"], "keys:write");
    // An administrator for a week makes nobody one for a month.
    let ends = |days| json!({ "scopes": ["admins:write"], "expires_at": days_ahead(days) });
    let week = administrator(&rig, &issue_admin(&admin, &ends(7))?)?;
    for longer in [ends(30), json!({ "scopes": ["admins:write"] })] {
        let answer = issue_admin(&week, &longer)?;
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(answer.json()?["field"], "expires_at");
    }
    assert_eq!(issue_admin(&week, &ends(6))?.status, 201);
    let answer = post(
        &few,
        &at(PLATFORM, &format!("/keys/{id}/rotate")),
        &json!({}),
    )?;
    assert_problem(&answer, 403, "insufficient_scope");
    for (body, field) in [
        (json!({ "environment": "live" }), "environment"),
        (json!({ "scopes": ["read"] }), "scopes"),
        (
            json!({ "bound_organization": PLATFORM }),
            "bound_organization",
        ),
    ] {
        let answer = issue_admin(&admin, &body)?;
        assert_problem(&answer, 400, "invalid_request");
        assert_eq!(answer.json()?["field"], field);
    }
    let body = json!({
        "name": "n", "environment": "live", "scopes": ["read"], "bound_organization": "beta",
    });
    let answer = post(&admin, &at(ACME, "/keys"), &body)?;
    assert_problem(&answer, 400, "invalid_request");
    Ok(())
}

#[test]
fn somebody_keeps_the_key_to_the_house() -> Result<()> {
    let rig = quick().start()?;
    let (admin, _) = acme(&rig)?;
    let id = admin.key().split_once('.').expect("a presented key").0;
    let me = at(PLATFORM, &format!("/keys/{id}"));
    let change = |body: Value| admin.call("PATCH", &me).json(&body).send();
    let last_admin =
        |answer: Result<Answer>| assert_problem(&answer.expect("an answer"), 409, "last_admin");
    last_admin(change(json!({ "expires_at": days_ahead(9) })));
    last_admin(change(json!({ "scopes": ["keys:read"] })));
    last_admin(change(json!({ "allowed_ips": ["192.0.2.0/24"] })));
    last_admin(post(&admin, &format!("{me}/disable"), &json!({})));
    last_admin(admin.revoke(PLATFORM, id));
    let all = json!({ "reason": "key_compromise" });
    last_admin(post(&admin, &at(PLATFORM, "/revoke-all"), &all));
    // Those who could not keep the house do not count.
    for more in [
        json!({ "scopes": ["keys:read"] }),
        json!({ "scopes": ["admins:write"], "expires_at": days_ahead(9) }),
        json!({ "scopes": ["admins:write"], "allowed_ips": ["192.0.2.1"] }),
        json!({ "scopes": ["admins:write"], "bound_organization": ACME }),
    ] {
        assert_eq!(issue_admin(&admin, &more)?.status, 201);
    }
    last_admin(post(&admin, &format!("{me}/disable"), &json!({})));
    // A successor does.
    let successor = admin.rotate(PLATFORM, id, 60)?;
    let next = Admin::new(rig.edge(0).clone(), &successor.secret);
    enforced(next.revoke(PLATFORM, id));
    let answer = admin.call("GET", "/status").send()?;
    assert_problem(&answer, 401, "revoked_key");
    last_admin(next.revoke(PLATFORM, &successor.id));
    // The holder can always end their own key.
    let answer = rig
        .edge(0)
        .call("POST", "/oauth2/revoke")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={}", successor.secret))
        .send()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = next.call("GET", "/status").send()?;
    assert_problem(&answer, 401, "revoked_key");
    Ok(())
}

#[test]
fn a_client_reads_its_own_usage() -> Result<()> {
    let rig = quick().start()?;
    let (admin, key) = acme(&rig)?;
    let usage = |key: &Issued, query: &str| {
        rig.edge(0)
            .call("GET", &format!("/v1/key/usage{query}"))
            .bearer(&key.secret)
            .send()
    };
    assert_problem(&usage(&key, "")?, 403, "insufficient_scope");
    let counts = admin.issue_live(ACME, &["usage"])?;
    assert_eq!(usage(&counts, "?by=day")?.status, 200);
    rig.clock(0).pass(Duration::from_secs(10))?;
    until("its own question is counted", || {
        let answer = usage(&counts, "?by=day")?;
        assert_eq!(answer.status, 200, "{answer:?}");
        let rows = answer.json()?["items"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let own = rows.iter().find(|row| row["key"] == counts.id.as_str());
        let refused = rows
            .iter()
            .find(|row| row["outcome"] == "insufficient_scope");
        Ok(own.is_some_and(|row| row["outcome"] == "allowed") && refused.is_some())
    })?;
    assert_problem(&usage(&counts, "?by=year")?, 400, "invalid_request");
    Ok(())
}

#[test]
fn an_empty_body_needs_no_media_type() -> Result<()> {
    let rig = quick().start()?;
    let (admin, key) = acme(&rig)?;
    let path = format!("{}/disable", key_at(ACME, &key));
    // Sent with `Content-Length: 0`, as most clients do.
    let answer = admin.call("POST", &path).body("").send()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let untyped = admin.call("POST", &path).body("{}").send()?;
    assert_problem(&untyped, 415, "unsupported_media_type");
    let wrong = post(&admin, &path, &json!({ "wait": 1 }))?;
    assert_problem(&wrong, 400, "invalid_request");
    Ok(())
}
