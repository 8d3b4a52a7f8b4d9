//! Finding a key, orders to many of them, and organizations that were deleted.

use crate::support::{ACME, acme, assert_problem, enforced, forged_id, read, wrong_secret};
use anyhow::Result;
use katalo_rig::{Admin, Answer, Builder, Caller, Class, Issued, Rig};
use serde_json::{Value, json};

fn quick() -> Builder {
    Rig::builder().variable("FRESHNESS_BOUND_MS", 200)
}

fn look_up(admin: &Admin, key: &str) -> Result<Answer> {
    let body = json!({ "key": key });
    admin.call("POST", "/keys/lookup").json(&body).send()
}

fn post(admin: &Admin, path: &str, body: &Value) -> Result<Answer> {
    let path = format!("/organizations/{path}");
    admin.call("POST", &path).json(body).send()
}

fn get(admin: &Admin, path: &str) -> Result<Value> {
    let answer = admin.call("GET", path).send()?;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

fn issue_admin(rig: &Rig, admin: &Admin, scopes: &[&str], tied_to: Option<&str>) -> Result<Admin> {
    let mut body = json!({ "name": "a", "environment": "admin", "scopes": scopes });
    if let Some(organization) = tied_to {
        body["bound_organization"] = json!(organization);
    }
    let issued = admin.issue("_platform", &body)?;
    Ok(Admin::new(rig.edge(0).clone(), &issued.secret))
}

/// What a page of a list names, by a member of each item.
fn named(page: &Value, member: &str) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| item[member].as_str().expect("text").to_owned())
        .collect()
}

#[test]
fn a_key_is_looked_up_by_its_id_or_by_itself() -> Result<()> {
    let rig = quick().start()?;
    let (admin, key) = acme(&rig)?;
    admin.organization("beta")?;
    let other = admin.issue_live("beta", &["read"])?;
    for (shown, organization, secret_matches) in [
        (&key.id, ACME, Value::Null),
        (&other.id, "beta", Value::Null),
        (&other.secret, "beta", json!(true)),
        (&wrong_secret(&other.secret), "beta", json!(false)),
    ] {
        let answer = look_up(&admin, shown)?;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let found = answer.json()?;
        assert_eq!(found["key"]["organization"], organization);
        assert_eq!(found["secret_matches"], secret_matches);
    }

    // What was not made here costs no more than a body that is wrong in itself.
    let registry = rig.link(Caller::Control, Class::Registry);
    let cost = |shown: &str| -> Result<(u64, Answer)> {
        let before = registry.calls()?.fetches;
        let answer = look_up(&admin, shown)?;
        Ok((registry.calls()?.fetches - before, answer))
    };
    let (proof, answer) = cost("nonsense")?;
    assert_problem(&answer, 400, "invalid_request");
    let forged = forged_id(&key.secret);
    let id = forged.split('.').next().unwrap_or_default();
    for shown in [id, &forged] {
        let (asked, answer) = cost(shown)?;
        assert_problem(&answer, 404, "not_found");
        assert_eq!(asked, proof, "{shown}");
    }
    let (asked, _) = cost(&key.id)?;
    assert_eq!(asked, proof + 1);
    Ok(())
}

/// Strangers and clients do not get as far as the body.
#[test]
fn a_look_up_reaches_as_far_as_its_administrator() -> Result<()> {
    let rig = quick().start()?;
    let (admin, key) = acme(&rig)?;
    admin.organization("beta")?;
    let other = admin.issue_live("beta", &["read"])?;
    let tied = issue_admin(&rig, &admin, &["keys:read"], Some(ACME))?;
    assert_eq!(look_up(&tied, &key.id)?.status, 200);
    assert_problem(&look_up(&tied, &other.id)?, 404, "not_found");
    assert_problem(&look_up(&tied, &other.secret)?, 404, "not_found");
    let reader = issue_admin(&rig, &admin, &["keys:read"], None)?;
    assert_eq!(look_up(&reader, &other.id)?.status, 200);
    assert_problem(&look_up(&reader, admin.key())?, 403, "insufficient_scope");
    assert_eq!(look_up(&admin, admin.key())?.status, 200);
    let writer = issue_admin(&rig, &admin, &["keys:write"], None)?;
    assert_problem(&look_up(&writer, &key.id)?, 403, "insufficient_scope");
    let client = Admin::new(rig.edge(0).clone(), &key.secret);
    assert_problem(&look_up(&client, &key.id)?, 403, "wrong_environment");
    let call = rig.edge(0).call("POST", "/admin/v1/keys/lookup");
    let stranger = call.json(&json!({ "key": key.id })).send()?;
    assert_problem(&stranger, 401, "missing_credentials");
    Ok(())
}

/// A hundred keys at once are dead everywhere when the one call returns: the change log
/// hears of each, and is waited for once.
#[test]
fn an_order_to_many_keys_is_enforced_as_one() -> Result<()> {
    let rig = quick().edges(2).start()?;
    let (admin, first) = acme(&rig)?;
    let more = (0..99).map(|_| admin.issue_live(ACME, &["read"]));
    let mut keys: Vec<Issued> = more.collect::<Result<_>>()?;
    keys.push(first);
    for edge in 0..2 {
        for key in [&keys[0], &keys[99]] {
            assert_eq!(read(rig.edge(edge), &key.secret)?.status, 200);
        }
    }
    admin.organization("beta")?;
    let foreign = admin.issue_live("beta", &["read"])?;
    let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();

    let log = rig.link(Caller::Object(Class::Registry), Class::ChangeLog);
    let before = log.calls()?.fetches;
    let disabled = enforced(post(&admin, "acme/keys/disable", &json!({ "ids": ids })));
    let told = log.calls()?.fetches - before;
    assert!((100..110).contains(&told), "{told}");
    for edge in 0..2 {
        for key in [&keys[0], &keys[99]] {
            assert_problem(&read(rig.edge(edge), &key.secret)?, 401, "disabled_key");
        }
    }
    let results = disabled["results"].as_array().expect("results");
    assert_eq!(results.len(), 100);
    for (result, id) in results.iter().zip(&ids) {
        assert_eq!(result["id"], *id);
        assert_eq!(result["key"]["state"], "disabled");
    }

    // Each has a result of its own.
    enforced(admin.revoke(ACME, ids[1]));
    let order = json!({ "ids": [ids[1], foreign.id, ids[2]] });
    let answer = post(&admin, "acme/keys/disable", &order)?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let problems: Vec<Value> = answer.json()?["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| result["problem"]["code"].clone())
        .collect();
    assert_eq!(
        problems,
        [json!("already_revoked"), json!("not_found"), Value::Null]
    );
    let order = json!({ "ids": ids, "reason": "superseded", "wait": false });
    let revoked = post(&admin, "acme/keys/revoke", &order)?;
    // All may have confirmed before the log had the last of them.
    assert!(matches!(revoked.status, 200 | 202), "{revoked:?}");
    assert_eq!(revoked.header("etag"), None);
    let order = json!({ "ids": ids, "reason": "superseded" });
    enforced(post(&admin, "acme/keys/revoke", &order));
    assert_problem(&read(rig.edge(1), &keys[50].secret)?, 401, "revoked_key");
    assert_eq!(read(rig.edge(1), &foreign.secret)?.status, 200);

    let too_many = [ids, vec![foreign.id.as_str()]].concat();
    let order = json!({ "ids": too_many });
    let answer = post(&admin, "acme/keys/disable", &order)?;
    assert_problem(&answer, 400, "invalid_request");
    assert_eq!(answer.json()?["field"], "ids");
    Ok(())
}

#[test]
fn lists_are_filtered() -> Result<()> {
    let rig = quick().start()?;
    let (admin, _) = acme(&rig)?;
    let order = json!({ "name": "web", "environment": "test", "scopes": ["read"],
        "metadata": { "team": "web", "n": 7 } });
    let key = admin.issue(ACME, &order)?;
    let keys = |query: &str| -> Result<Vec<String>> {
        let page = get(&admin, &format!("/organizations/{ACME}/keys?{query}"))?;
        Ok(named(&page, "name"))
    };
    for query in [
        "environment=test",
        "metadata=team",
        "metadata=team%3Dweb",
        "metadata=n%3D7",
    ] {
        assert_eq!(keys(query)?, ["web"], "{query}");
    }
    for query in [
        "metadata=team%3Dops",
        "exposed=true",
        "expires_within_days=30",
        "environment=admin",
    ] {
        assert!(keys(query)?.is_empty(), "{query}");
    }
    let successor = admin.rotate(ACME, &key.id, 86_400)?;
    assert_eq!(keys("expires_within_days=1")?, ["web"]);

    let audit = |key: &str| format!("/organizations/{ACME}/audit?key={key}");
    let entries = get(&admin, &audit(&key.id))?;
    assert_eq!(named(&entries, "action"), ["key.issue", "key.rotate"]);
    let lines = admin
        .call("GET", &audit(&successor.id))
        .header("accept", "application/x-ndjson")
        .send()?;
    assert_eq!(lines.text().lines().count(), 1, "{lines:?}");
    Ok(())
}

#[test]
fn a_deleted_organization_is_listed_apart_and_comes_back() -> Result<()> {
    let rig = quick().start()?;
    let (admin, key) = acme(&rig)?;
    admin.organization("beta")?;
    let tied = issue_admin(&rig, &admin, &["organizations:read"], Some("beta"))?;
    let listed = |admin: &Admin, query: &str| -> Result<Vec<String>> {
        Ok(named(&get(admin, &format!("/organizations{query}"))?, "id"))
    };
    let path = format!("/organizations/{ACME}");
    enforced(admin.call("DELETE", &path).json(&json!({})).send());
    assert_eq!(listed(&admin, "")?, ["acme", "beta"]);
    assert_eq!(listed(&admin, "?deleted=true")?, ["acme"]);
    assert_eq!(listed(&admin, "?deleted=false")?, ["beta"]);
    assert!(listed(&tied, "?deleted=true")?.is_empty());
    assert_eq!(listed(&tied, "?deleted=false")?, ["beta"]);

    // Who would create it anew hears what is there.
    let shown = get(&admin, &path)?;
    let again = admin.put_organization(ACME, &json!({ "name": "Acme" }))?;
    assert_problem(&again, 409, "organization_id_taken");
    let met = &again.json()?["deleted_organization"];
    for member in ["deleted_at", "purge_at"] {
        assert!(shown[member].is_string(), "{shown}");
        assert_eq!(met[member], shown[member]);
    }

    let undeleted = enforced(post(&admin, "acme/undelete", &json!({})));
    assert_eq!(undeleted["organization"]["deleted_at"], Value::Null);
    assert_eq!(undeleted["organization"]["api_access"], "disabled");
    assert_eq!(listed(&admin, "?deleted=false")?, ["acme", "beta"]);
    let access = json!({ "name": "Acme", "api_access": "enabled" });
    enforced(admin.put_organization(ACME, &access));
    assert_problem(&read(rig.edge(0), &key.secret)?, 401, "revoked_key");
    let fresh = admin.issue_live(ACME, &["read"])?;
    assert_eq!(read(rig.edge(0), &fresh.secret)?.status, 200);
    Ok(())
}
