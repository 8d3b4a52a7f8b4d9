//! What a check costs in I/O.

use crate::support::{acme, assert_problem, forged_id, own_key, source, until_in_kv, wrong_secret};
use anyhow::Result;
use katalo_rig::{Class, Rig};

/// Reads of KV by the first edge, calls of registries and of relays.
fn spent(rig: &Rig) -> Result<[u64; 3]> {
    Ok([
        rig.kv().edge(0).counts().reads,
        rig.objects(Class::Registry).calls()?.fetches,
        rig.objects(Class::Relay).calls()?.fetches,
    ])
}

#[test]
fn what_is_no_key_of_ours_costs_no_io() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    let before = spent(&rig)?;
    let edge = rig.edge(0);
    for _ in 0..20 {
        assert_problem(&edge.get("/v1/key")?, 401, "missing_credentials");
        assert_problem(&own_key(edge, "kat_live_x.y")?, 401, "malformed_key");
        let mistyped = format!("{}0", &key.secret[..key.secret.len() - 1]);
        let mistyped = if mistyped == key.secret {
            mistyped.replace('0', "1")
        } else {
            mistyped
        };
        assert_problem(&own_key(edge, &mistyped)?, 401, "malformed_key");
        assert_problem(&own_key(edge, &forged_id(&key.secret))?, 401, "invalid_key");
    }
    assert_eq!(spent(&rig)?, before);
    Ok(())
}

#[test]
fn a_wrong_secret_never_reaches_the_registry_once_kv_has_the_record() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    let [_, before, _] = spent(&rig)?;
    let wrong = wrong_secret(&key.secret);
    for _ in 0..20 {
        assert_problem(&own_key(rig.edge(0), &wrong)?, 401, "invalid_key");
    }
    let [_, after, _] = spent(&rig)?;
    assert_eq!(after, before);
    Ok(())
}

#[test]
fn a_warm_edge_answers_from_memory() -> Result<()> {
    let rig = Rig::builder()
        .variable("FRESHNESS_BOUND_MS", "5000")
        .start()?;
    let (_, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    own_key(rig.edge(0), &key.secret)?;
    let [kv, registry, _] = spent(&rig)?;
    let mut from_memory = 0;
    for _ in 0..500 {
        from_memory += u32::from(source(&own_key(rig.edge(0), &key.secret)?)? == "memory");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(from_memory >= 495, "{from_memory} of 500");
    assert_eq!(spent(&rig)?[..2], [kv, registry]);
    Ok(())
}
