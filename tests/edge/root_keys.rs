//! The rehearsal of a new root key in the real runtime, step by step as
//! docs/operations.md tells it.

use crate::support::{
    ACME, acme, assert_problem, kv_names, own_key, source, until, until_all_is_told,
};
use anyhow::{Context, Result, ensure};
use katalo_rig::{Admin, Class, Rig};
use serde_json::{Value, json};

const NEW: &str = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=";

fn ring(current: &str, entries: &[(&str, &str)]) -> String {
    let keys: serde_json::Map<String, Value> = entries
        .iter()
        .map(|(name, key)| ((*name).to_owned(), json!(key)))
        .collect();
    json!({ "current": current, "keys": keys }).to_string()
}

/// How many keys of the organization are left under each entry.
fn left(admin: &Admin) -> Result<Value> {
    let page = admin.call("GET", "/status/root-keys").send()?.json()?;
    let items = page["items"].as_array().context("items")?;
    let acme = items.iter().find(|item| item["organization"] == ACME);
    Ok(acme.context("acme")?["keys_per_ring_entry"].clone())
}

#[test]
fn a_root_key_is_replaced_and_taken_out() -> Result<()> {
    let [_, old] = Rig::secrets();
    let mut rig = Rig::builder().edges(2).start()?;
    let (admin, key) = acme(&rig)?;
    until_all_is_told(&admin)?;
    let sign_in = |rig: &Rig| -> Result<String> {
        let answer = rig
            .edge(0)
            .call("POST", "/admin/v1/session")
            .json(&json!({ "key": admin.key() }))
            .send()?;
        let cookie = answer.header("set-cookie").context("a cookie")?;
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    };
    let session = |rig: &Rig, cookie: &str| -> Result<u16> {
        let call = rig.edge(0).call("GET", "/admin/v1/session");
        Ok(call.header("cookie", cookie).send()?.status)
    };
    let cookie = sign_in(&rig)?;

    // 1. Added, so that every edge can read what is made under it.
    rig.deploy_with("ROOT_KEYS", ring("1", &[("1", old), ("2", NEW)]))?;
    rig.clock(1).stop()?;
    assert_eq!(source(&own_key(rig.edge(1), &key.secret)?)?, "kv");

    // 2. Made current: new keys are under it, old ones go on.
    rig.deploy_with("ROOT_KEYS", ring("2", &[("1", old), ("2", NEW)]))?;
    assert_eq!(session(&rig, &cookie)?, 200);
    let newer = admin.issue_live(ACME, &["read"])?;
    assert!(newer.id.starts_with("kat_live_2"), "{}", newer.id);
    for edge in [0, 1] {
        for secret in [&key.secret, &newer.secret] {
            assert_eq!(own_key(rig.edge(edge), secret)?.status, 200);
        }
    }
    assert_eq!(left(&admin)?, json!({ "1": 1, "2": 1 }));
    // What Workers KV holds moves to it as it is read, but no sooner than two
    // minutes after it was last written. A change writes it at once.
    let (name, _) = kv_names(&key);
    let sealed_by = |rig: &Rig| rig.kv().value(&name).map(|value| char::from(value[0]));
    assert_eq!(sealed_by(&rig), Some('1'));
    let path = format!("/organizations/{ACME}/keys/{}", key.id);
    let renamed = admin.call("PATCH", &path).json(&json!({ "name": "b" }));
    assert_eq!(renamed.send()?.status, 200);
    until("it is sealed anew", || Ok(sealed_by(&rig) == Some('2')))?;

    // 3. What is left is rotated, and the admin keys too.
    let successor = admin.rotate(ACME, &key.id, 0)?;
    let steward = admin.issue(
        "_platform",
        &json!({ "name": "next", "environment": "admin", "scopes": [
            "admins:write", "keys:read", "keys:write", "organizations:read", "status:read"] }),
    )?;
    let next = Admin::new(rig.edge(0).clone(), &steward.secret);
    assert_eq!(left(&next)?, json!({ "2": 2 }), "none is left");

    // 4. Taken out: what is under it is refused at every edge, with no I/O.
    rig.deploy_with("ROOT_KEYS", ring("2", &[("2", NEW)]))?;
    let registry = rig.objects(Class::Registry).calls()?.fetches;
    for edge in [0, 1] {
        let reads = rig.kv().edge(edge).counts().reads;
        assert_problem(&own_key(rig.edge(edge), &key.secret)?, 401, "invalid_key");
        assert_eq!(rig.kv().edge(edge).counts().reads, reads);
    }
    assert_eq!(rig.objects(Class::Registry).calls()?.fetches, registry);
    assert_eq!(session(&rig, &cookie)?, 401);
    let answer = admin.call("GET", "/organizations").send()?;
    assert_problem(&answer, 401, "invalid_key");
    for edge in [0, 1] {
        for secret in [&successor.secret, &newer.secret] {
            assert_eq!(own_key(rig.edge(edge), secret)?.status, 200);
        }
    }
    Ok(())
}

/// A value under an older root key is believed, one that cannot be read is not;
/// both are reported to the registry, which writes them anew.
#[test]
fn values_that_should_be_sealed_anew_are_reported() -> Result<()> {
    let [_, old] = Rig::secrets();
    let mut rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    until_all_is_told(&admin)?;
    let reported = |rig: &Rig, reads: &str, strong: u64| -> Result<()> {
        rig.clock(0).stop()?;
        let before = rig.objects(Class::Registry).calls()?.fetches;
        assert_eq!(source(&own_key(rig.edge(0), &key.secret)?)?, reads);
        until("key and organization are reported", || {
            let calls = rig.objects(Class::Registry).calls()?.fetches - before;
            ensure!(calls <= 2 + strong, "{calls} calls");
            Ok(calls == 2 + strong)
        })
    };
    rig.deploy_with("ROOT_KEYS", ring("2", &[("1", old), ("2", NEW)]))?;
    reported(&rig, "kv", 0)?;
    let (name, organization) = kv_names(&key);
    for name in [&name, &organization] {
        rig.kv().put(name, b"1AAAA.{}");
    }
    rig.deploy_with("ROOT_KEYS", ring("2", &[("1", old), ("2", NEW)]))?;
    reported(&rig, "registry", 1)
}
