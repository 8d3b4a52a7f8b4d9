//! What a check costs in I/O.

use crate::support::{
    ACME, acme, assert_problem, enforced, forged_id, make_cold, own_key, source, until_in_kv,
    wrong_secret,
};
use anyhow::Result;
use katalo_rig::{Caller, Class, Client, Issued, Rig};
use std::{sync::Barrier, thread, time::Duration};

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
    let [reads, before, _] = spent(&rig)?;
    let wrong = wrong_secret(&key.secret);
    for _ in 0..20 {
        assert_problem(&own_key(rig.edge(0), &wrong)?, 401, "invalid_key");
    }
    let [reads_after, after, _] = spent(&rig)?;
    assert_eq!(after, before);
    assert_eq!(reads_after - reads, 2, "the key and its organization, once");
    Ok(())
}

#[test]
fn a_warm_edge_answers_from_memory() -> Result<()> {
    let rig = Rig::builder()
        .variable("FRESHNESS_BOUND_MS", "5000")
        .start()?;
    let (_, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    rig.clock(0).stop()?;
    own_key(rig.edge(0), &key.secret)?;
    let [kv, registry, relays] = spent(&rig)?;
    let watches = rig.objects(Class::Relay).calls()?.watches;
    for _ in 0..500 {
        rig.clock(0).pass(Duration::from_millis(19))?;
        assert_eq!(source(&own_key(rig.edge(0), &key.secret)?)?, "memory");
    }
    // In nine and a half seconds (after ten, uses are counted) no proof is used up, as
    // each is renewed after half of its time.
    let after = spent(&rig)?;
    assert_eq!(after[..2], [kv, registry]);
    assert!((1..=8).contains(&(after[2] - relays)), "{after:?}");
    // One is open, and the next is due after nineteen seconds.
    let watches = rig.objects(Class::Relay).calls()?.watches - watches;
    assert!(watches <= 1, "{watches}");
    Ok(())
}

/// The sources of these keys' decisions, all asked for at once.
fn at_once(edge: &Client, keys: &[Issued]) -> Result<Vec<String>> {
    let barrier = Barrier::new(keys.len());
    thread::scope(|scope| {
        let threads: Vec<_> = keys
            .iter()
            .map(|key| {
                let (barrier, client) = (&barrier, Client::new(edge.address()));
                scope.spawn(move || {
                    let opened = client.get("/healthz");
                    barrier.wait();
                    opened?;
                    source(&own_key(&client, &key.secret)?)
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|source| source.expect("the thread ends"))
            .collect()
    })
}

#[test]
fn keys_that_come_at_once_to_a_cold_edge_load_no_registry() -> Result<()> {
    let rig = Rig::builder()
        .variable("FRESHNESS_BOUND_MS", 5_000)
        .start()?;
    let (admin, _) = acme(&rig)?;
    let keys: Vec<_> = (0..24)
        .map(|_| admin.issue_live(ACME, &["read"]))
        .collect::<Result<_>>()?;
    for key in &keys {
        until_in_kv(&rig, key)?;
    }
    // So that none is late for a deadline.
    rig.clock(0).go_slowly()?;
    for _ in 0..3 {
        make_cold(rig.edge(0))?;
        let [_, before, _] = spent(&rig)?;
        let sources = at_once(rig.edge(0), &keys)?;
        assert!(!sources.contains(&"registry".to_owned()), "{sources:?}");
        assert_eq!(spent(&rig)?[1], before);
    }
    Ok(())
}

#[test]
fn an_answer_that_was_overtaken_is_asked_for_again() -> Result<()> {
    let rig = Rig::builder()
        .edges(2)
        .variable("FRESHNESS_BOUND_MS", 800)
        .start()?;
    let (admin, overtaken) = acme(&rig)?;
    admin.organization("globex")?;
    let overtaking = admin.issue_live("globex", &["read"])?;
    for key in [&overtaking, &overtaken] {
        until_in_kv(&rig, key)?;
    }
    let edge = rig.edge(1);
    rig.clock(1).stop()?;
    let link = rig.link(Caller::Edge(1), Class::Relay);
    link.hold()?;
    let slow = Client::new(edge.address());
    let late = thread::spawn(move || source(&own_key(&slow, &overtaken.secret)?));
    link.wait_for(1)?;
    link.let_others_pass()?;
    // The edge learns the log's end, and behind that something changes: waited for
    // longer than a relay believes an answer.
    source(&own_key(edge, &overtaking.secret)?)?;
    enforced(admin.revoke("globex", &overtaking.id));
    link.heal()?;
    assert_eq!(late.join().expect("the thread ends")?, "kv");
    Ok(())
}
