//! A rotation takes nothing away before its overlap is over, and waits for nothing.

use crate::support::{ACME, acme, assert_problem, enforced, read, until, until_in_kv};
use anyhow::{Context, Result};
use katalo_rig::{Caller, Class, Issued, Rig};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// So long that no machine is slow enough to take the one for the other.
const LONG_MS: u64 = 60_000;

fn instant(of: &Value, name: &str) -> Result<SystemTime> {
    let text = of[name].as_str().with_context(|| format!("{name}: {of}"))?;
    Ok(humantime::parse_rfc3339(text)?)
}

#[test]
fn a_rotation_is_enforced_at_once_where_its_overlap_outlasts_the_wait() -> Result<()> {
    let rig = Rig::builder()
        .variable("FRESHNESS_BOUND_MS", LONG_MS)
        .start()?;
    let (admin, mut key) = acme(&rig)?;
    for (body, overlap) in [
        (json!({ "overlap_seconds": 86_400 }), 86_400),
        (json!({}), 86_400),
        (json!({ "overlap_seconds": 86_400, "wait": false }), 86_400),
        // Shorter than the wait: it begins after that.
        (json!({ "overlap_seconds": 30 }), 60 + 30),
    ] {
        assert_eq!(read(rig.edge(0), &key.secret)?.status, 200);
        let rotated = enforced(admin.act(ACME, &key.id, "rotate", &body));
        let (new, old) = (&rotated["key"], &rotated["replaced"]);
        let began = instant(new, "created_at")?;
        let took = instant(&rotated, "effective_at")?.duration_since(began)?;
        assert!(took < Duration::from_millis(LONG_MS), "{took:?}");
        assert_eq!(old["state"], "retiring");
        assert_eq!(old["enforced"], true);
        let life = instant(old, "retires_at")?.duration_since(began)?;
        assert!(life >= Duration::from_secs(overlap), "{life:?}");
        assert!(life <= Duration::from_secs(overlap + 1), "{life:?}");
        let successor = rotated["secret"].as_str().context("a secret")?;
        for secret in [key.secret.as_str(), successor] {
            assert_eq!(read(rig.edge(0), secret)?.status, 200);
        }
        key = Issued {
            id: new["id"].as_str().context("an id")?.to_owned(),
            secret: successor.to_owned(),
            key: new.clone(),
        };
    }
    Ok(())
}

/// The old key's end is proven only once the change log has it.
#[test]
fn a_rotation_that_the_log_has_not_heard_of_is_not_enforced() -> Result<()> {
    let rig = Rig::builder()
        .variable("FRESHNESS_BOUND_MS", LONG_MS)
        .start()?;
    let (admin, key) = acme(&rig)?;
    let log = rig.link(Caller::Object(Class::Registry), Class::ChangeLog);
    log.refuse()?;
    let answer = admin.act(ACME, &key.id, "rotate", &json!({ "wait": false }))?;
    assert_eq!(answer.status, 202, "{answer:?}");
    let rotated = answer.json()?;
    assert_eq!(rotated["enforced"], false);
    assert_eq!(rotated["effective_at"], Value::Null);
    assert_eq!(rotated["replaced"]["enforced"], false);
    log.heal()?;
    until("the log has it", || {
        let path = format!("/organizations/{ACME}/keys/{}", key.id);
        Ok(admin.call("GET", &path).send()?.json()?["enforced"] == true)
    })
}

/// Edges decide on what they remember, and Workers KV shows nothing newer: each
/// has learnt of the end by the time it comes.
#[test]
fn after_a_short_overlap_no_edge_takes_the_old_key() -> Result<()> {
    const EDGES: usize = 3;
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    // The first changes of a log wait longer than its bound says.
    enforced(admin.act(ACME, &key.id, "disable", &json!({})));
    enforced(admin.act(ACME, &key.id, "enable", &json!({})));
    for edge in 0..EDGES {
        rig.kv().edge(edge).lag(Duration::from_secs(3_600));
        assert_eq!(read(rig.edge(edge), &key.secret)?.status, 200);
    }
    let rotated = enforced(admin.act(ACME, &key.id, "rotate", &json!({ "overlap_seconds": 1 })));
    let end = instant(&rotated["replaced"], "retires_at")?;
    let mut after = 0;
    while after < 50 {
        for edge in 0..EDGES {
            let sent = SystemTime::now();
            let answer = read(rig.edge(edge), &key.secret)?;
            // Edges and this test read the same clock, but for its rounding.
            if sent > end + Duration::from_millis(20) {
                assert_problem(&answer, 401, "expired_key");
                after += 1;
            } else if SystemTime::now() < end {
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        }
    }
    Ok(())
}
