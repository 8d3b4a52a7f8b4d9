//! What the operator sees: log lines, `Server-Timing`, metrics.

use crate::support::{ACME, acme, own_key, read, until, wrong_secret};
use anyhow::Result;
use katalo_rig::Rig;
use serde_json::{Value, json};
use std::time::Duration;

/// The log's lines that are JSON with this `event`.
fn events(rig: &Rig, event: &str) -> Result<Vec<Value>> {
    Ok(lines(rig)?
        .into_iter()
        .filter(|line| line["event"] == event)
        .collect())
}

fn lines(rig: &Rig) -> Result<Vec<Value>> {
    let log = rig.log()?;
    let json = log.lines().filter_map(|line| {
        let from = line.find('{')?;
        serde_json::from_str(&line[from..]).ok()
    });
    Ok(json.collect())
}

#[test]
fn a_refusal_of_a_proven_key_and_each_admin_act_have_a_line() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let edge = rig.edge(0);
    assert_eq!(own_key(edge, &key.secret)?.status, 200);
    assert_eq!(own_key(edge, &wrong_secret(&key.secret))?.status, 401);
    assert_eq!(own_key(edge, "kat_live_nothing")?.status, 401);
    let short = edge.call("GET", "/v1/usage").bearer(&key.secret).send()?;
    assert_eq!(short.status, 403);
    let request_id = short.json()?["request_id"].clone();
    admin.revoke(ACME, &key.id)?;
    assert_eq!(own_key(edge, &key.secret)?.status, 401);
    admin.call("GET", "/organizations").send()?;

    until("the lines are written", || {
        Ok(events(&rig, "refused")?.len() >= 2 && events(&rig, "act")?.len() >= 4)
    })?;
    let refused = events(&rig, "refused")?;
    let codes: Vec<&str> = refused
        .iter()
        .filter_map(|line| line["code"].as_str())
        .collect();
    assert_eq!(codes, ["insufficient_scope", "revoked_key"], "no strangers");
    assert_eq!(
        refused[0],
        json!({ "event": "refused", "code": "insufficient_scope", "status": 403, "method": "GET",
            "key": key.id, "request_id": request_id })
    );
    let acts = events(&rig, "act")?;
    let routes: Vec<&str> = acts
        .iter()
        .filter_map(|line| line["route"].as_str())
        .collect();
    assert_eq!(
        routes,
        [
            "bootstrap",
            "organizations/{organization}",
            "organizations/{organization}/keys",
            "organizations/{organization}/keys/{key_id}/revoke"
        ]
    );
    let revoke = &acts[3];
    assert_eq!(revoke["organization"], ACME);
    assert_eq!(revoke["key"], json!(key.id));
    assert_eq!(revoke["status"], 200);
    let actor = admin.key().split_once('.').map(|(id, _)| id);
    assert_eq!(revoke["actor"], json!(actor));
    // The line leads to the audit's entry.
    let audit = admin
        .call("GET", &format!("/organizations/{ACME}/audit"))
        .send()?
        .json()?;
    let entry = &audit["items"]
        .as_array()
        .map_or(&Value::Null, |items| &items[items.len() - 1]);
    assert_eq!(entry["action"], "key.revoke");
    assert_eq!(entry["request_id"], revoke["request_id"]);

    let log = rig.log()?;
    for secret in [&key.secret, admin.key()] {
        let part = secret.split_once('.').map_or("", |(_, part)| part);
        assert!(!log.contains(part));
    }
    Ok(())
}

#[test]
fn refusals_are_sampled_and_acts_are_not() -> Result<()> {
    let rig = Rig::builder().variable("LOG_SAMPLE_PERCENT", 0).start()?;
    let (_, key) = acme(&rig)?;
    for _ in 0..20 {
        let answer = rig.edge(0).call("GET", "/v1/usage").bearer(&key.secret);
        assert_eq!(answer.send()?.status, 403);
    }
    until("acts are written", || Ok(events(&rig, "act")?.len() == 3))?;
    assert_eq!(events(&rig, "refused")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn server_timing_is_for_administrators_who_ask() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let path = format!("/organizations/{ACME}");
    let asked = admin
        .call("GET", &path)
        .header("katalo-server-timing", "?1")
        .send()?;
    let timing = asked.header("server-timing").unwrap_or_default();
    assert!(timing.starts_with("proof;dur="), "{timing}");
    assert!(timing.contains(", registry;dur="), "{timing}");
    assert_eq!(
        admin.call("GET", &path).send()?.header("server-timing"),
        None
    );
    let client = rig
        .edge(0)
        .call("GET", "/v1/key")
        .bearer(&key.secret)
        .header("katalo-server-timing", "?1")
        .send()?;
    assert_eq!(client.header("server-timing"), None);
    let stranger = rig
        .edge(0)
        .call("GET", &format!("/admin/v1{path}"))
        .bearer(&wrong_secret(admin.key()))
        .header("katalo-server-timing", "?1")
        .send()?;
    assert_eq!(
        (stranger.status, stranger.header("server-timing")),
        (401, None)
    );
    Ok(())
}

#[test]
fn counts_go_to_the_dataset_where_one_is_bound() -> Result<()> {
    let rig = Rig::builder().variable("RIG_METRICS", "on").start()?;
    let (_, key) = acme(&rig)?;
    let edge = rig.edge(0);
    rig.clock(0).stop()?;
    for _ in 0..3 {
        assert_eq!(own_key(edge, "kat_live_nothing")?.status, 401);
        assert_eq!(read(edge, &key.secret)?.status, 200);
    }
    rig.clock(0).pass(Duration::from_secs(10))?;
    until("points are written", || {
        Ok(lines(&rig)?
            .iter()
            .any(|line| line["point"]["blobs"][0] == "allowed"))
    })?;
    let points = || -> Result<Vec<Value>> {
        let taken = lines(&rig)?.into_iter();
        Ok(taken
            .filter_map(|mut line| Some(line.get_mut("point")?.take()))
            .collect())
    };
    let version = env!("CARGO_PKG_VERSION");
    let point = |outcome: &str, count: u64| json!({ "indexes": [outcome], "blobs": [outcome, version], "doubles": [count] });
    let first = [point("malformed_key", 3), point("allowed", 3)];
    assert_eq!(points()?, first);
    // What was written is not written again, and a lone request is.
    assert_eq!(read(edge, &key.secret)?.status, 200);
    rig.clock(0).pass(Duration::from_secs(10))?;
    until("the next one is written", || Ok(points()?.len() > 2))?;
    assert_eq!(points()?[2..], [point("allowed", 1)]);
    Ok(())
}
