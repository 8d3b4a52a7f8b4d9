//! A trap in the crate costs the requests under way, and nothing else.

use crate::support::{ACME, acme, assert_problem, until};
use anyhow::Result;
use katalo_rig::{Admin, Caller, Class, Issued, Rig};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn the_request_after_a_trap_works() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let edge = rig.edge(0);
    for (path, secret) in [
        ("/healthz", None),
        ("/v1/key", Some(key.secret.as_str())),
        ("/v1/catalogs/c1", Some(key.secret.as_str())),
        ("/admin/v1/organizations/acme", Some(admin.key())),
    ] {
        let call = |trap: u64| {
            let call = edge.call("GET", path).header("rig-trap", &trap.to_string());
            secret
                .map_or_else(
                    || edge.call("GET", path).header("rig-trap", &trap.to_string()),
                    |key| call.bearer(key),
                )
                .send()
        };
        let mut trapped = 0;
        for calls in 1..1_000 {
            let answer = call(calls)?;
            if answer.status == 200 {
                break;
            }
            trapped += 1;
            assert_problem(&answer, 500, "internal_error");
            // Counts that were not used up must not reach the next request.
            if calls % 8 == 0 {
                let next = call(0)?;
                assert_eq!(next.status, 200, "after call {calls}: {next:?}");
            }
        }
        assert!(trapped > 2, "{path}: {trapped}");
        let next = call(0)?;
        assert_eq!(next.status, 200, "{path}: {next:?}");
    }
    Ok(())
}

/// A trap ends the requests under way in its own plane, whose instance is lost, and
/// none of the other plane's.
#[test]
fn requests_under_way_when_another_traps_are_answered() -> Result<()> {
    let rig = Rig::builder().strict().start()?;
    let (admin, key) = acme(&rig)?;
    let link = rig.link(Caller::Edge(0), Class::Registry);
    let managed_by = rig.link(Caller::Control, Class::Registry);
    link.hold()?;
    managed_by.hold()?;
    // No deadline can answer in the trap's place.
    rig.clock(0).stop()?;
    std::thread::scope(|scope| {
        let before = link.calls()?.fetches;
        let managed_before = managed_by.calls()?.fetches;
        let client = || {
            let call = rig.edge(0).call("GET", "/v1/catalogs/c1");
            call.bearer(&key.secret).send()
        };
        let waiting = scope.spawn(client);
        let managing = scope.spawn(|| admin.call("GET", "/organizations/acme").send());
        if rig.has_two_workers() {
            link.wait_for(before + 1)?;
            managed_by.wait_for(managed_before + 1)?;
        } else {
            link.wait_for(before + 2)?;
        }
        let trapping = rig
            .edge(0)
            .call("GET", "/v1/key")
            .header("rig-trap", "2")
            .send()?;
        assert_problem(&trapping, 500, "internal_error");
        let waited = waiting.join().expect("the thread ends")?;
        assert_problem(&waited, 500, "internal_error");
        link.heal()?;
        managed_by.heal()?;
        let managed = managing.join().expect("the thread ends")?;
        assert_eq!(managed.status, 200, "{managed:?}");
        assert_eq!(client()?.status, 200);
        assert_eq!(admin.call("GET", "/organizations/acme").send()?.status, 200);
        Ok(())
    })
}

/// Every page of a listing.
fn all(admin: &Admin, path: &str, cursor: &str) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut next = String::new();
    loop {
        let page = admin
            .call("GET", &format!("{path}?limit=200{next}"))
            .send()?;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json()?;
        items.extend(page["items"].as_array().expect("a list").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(at) => next = format!("&{cursor}={at}"),
            None => return Ok(items),
        }
    }
}

// A registry writes the key's row, the audit entry, the revision and the outbox
// as one. Whatever it traps at, all are there, or none.
#[test]
fn an_object_that_traps_commits_nothing_by_half() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let registry = rig.objects(Class::Registry);
    let (mut trapped, mut done) = (0, 0);
    // The count runs on through the strong read that proves the administrator.
    for calls in (1..900).step_by(4) {
        registry.trap_after(calls)?;
        let answer = if calls % 8 == 1 {
            let body = json!({ "name": "n", "environment": "live", "scopes": ["read"] });
            admin
                .call("POST", &format!("/organizations/{ACME}/keys"))
                .json(&body)
                .send()?
        } else {
            let act = if calls % 16 == 5 { "disable" } else { "enable" };
            admin.act(ACME, &key.id, act, &json!({ "wait": false }))?
        };
        registry.heal()?;
        match answer.status {
            200..=202 => done += 1,
            _ => {
                trapped += 1;
                assert!(answer.status >= 500, "at call {calls}: {answer:?}");
            }
        }
        agrees(&admin, &key, calls)?;
        if done > 12 {
            break;
        }
    }
    assert!(trapped > 20, "{trapped} trapped, {done} done");
    // And what is there is published in the end.
    let ids: Vec<String> = all(&admin, &format!("/organizations/{ACME}/keys"), "cursor")?
        .iter()
        .map(|key| key["id"].as_str().expect("an id").to_owned())
        .collect();
    until("KV holds every key", || {
        let names = rig.kv().names();
        Ok(ids
            .iter()
            .all(|id| names.contains(&format!("key/{}", &id["kat_live_".len()..]))))
    })
}

/// The audit, the keys' rows and their revisions tell one story.
fn agrees(admin: &Admin, changed: &Issued, calls: u64) -> Result<()> {
    let keys = all(admin, &format!("/organizations/{ACME}/keys"), "cursor")?;
    let audit = all(admin, &format!("/organizations/{ACME}/audit"), "after")?;
    let at = format!("at call {calls}");
    let set = |name: &str| -> BTreeSet<String> {
        audit
            .iter()
            .filter(|entry| entry["action"] == name)
            .map(|entry| entry["subject"]["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let ids: BTreeSet<String> = keys
        .iter()
        .map(|key| key["id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(set("key.issue"), ids, "{at}");
    for (index, entry) in audit.iter().enumerate() {
        assert_eq!(entry["seq"], json!(index + 1), "{at}");
    }
    let head = admin
        .call("GET", &format!("/organizations/{ACME}/audit/head"))
        .send()?
        .json()?;
    assert_eq!(head["count"], json!(audit.len()), "{at}");
    assert_eq!(head["hash"], audit[audit.len() - 1]["hash"], "{at}");
    // A change is a revision, and each revision is the last of one object at most.
    let mut revisions: Vec<u64> = keys
        .iter()
        .filter_map(|key| key["revision"].as_u64())
        .collect();
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), keys.len(), "{at}");
    let greatest = revisions.last().copied().unwrap_or_default();
    assert_eq!(greatest, u64::try_from(audit.len())?, "{at}");
    let turned = audit
        .iter()
        .rev()
        .find(|entry| {
            entry["subject"]["id"] == changed.id.as_str() && entry["action"] != "key.issue"
        })
        .map_or("active", |entry| {
            if entry["action"] == "key.disable" {
                "disabled"
            } else {
                "active"
            }
        });
    let state = keys
        .iter()
        .find(|key| key["id"] == changed.id.as_str())
        .map(|key| key["state"].clone());
    assert_eq!(state, Some(turned.into()), "{at}");
    Ok(())
}
