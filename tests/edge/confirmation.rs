//! Changes that are enforced because everybody says that they know them. The bound is
//! far longer than a test waits: whatever is enforced here was not waited for.

use crate::{
    revocation::{self, EDGES, Size},
    support::{ACME, acme, assert_problem, enforced, own_key, source, until},
};
use anyhow::{Context, Result};
use katalo_rig::{Admin, Caller, Class, Issued, Rig};
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Ten minutes.
const LONG: u64 = 600_000;

/// Three edges with a bound that nobody waits out. A log that starts knows nothing of
/// its last process's leases for as long as those may run: with the shorter bound of
/// before, that is no time.
fn rig() -> Result<(Rig, Admin, Issued)> {
    let mut rig = Rig::builder().edges(EDGES).start()?;
    let (admin, key) = acme(&rig)?;
    until("the bound is in force", || {
        let status = status(&admin)?;
        Ok(status["change_log"]["wait_for_ms"] == status["freshness_bound_ms"])
    })?;
    rig.deploy_with("FRESHNESS_BOUND_MS", LONG)?;
    until("it is the long one", || {
        Ok(status(&admin)?["change_log"]["wait_for_ms"] == LONG)
    })?;
    Ok((rig, admin, key))
}

fn status(admin: &Admin) -> Result<Value> {
    admin.call("GET", "/status").send()?.json()
}

/// How the last change that was waited for was enforced.
fn last_change(admin: &Admin) -> Result<Value> {
    let status = status(admin)?;
    let recent = status["change_log"]["recent"]
        .as_array()
        .context("a list")?;
    Ok(recent.first().context("a change")?.clone())
}

/// Every edge has the key in its memory, and a watch open.
fn warm(rig: &Rig, key: &Issued) -> Result<()> {
    for edge in 0..EDGES {
        let relays = rig.link(Caller::Edge(edge), Class::Relay);
        for _ in 0..2 {
            assert_eq!(own_key(rig.edge(edge), &key.secret)?.status, 200);
        }
        assert_eq!(source(&own_key(rig.edge(edge), &key.secret)?)?, "memory");
        until("a watch is open", || Ok(relays.calls()?.under_way > 0))?;
    }
    Ok(())
}

fn is_dead_everywhere(rig: &Rig, key: &Issued) -> Result<()> {
    for edge in 0..EDGES {
        assert_problem(&own_key(rig.edge(edge), &key.secret)?, 401, "revoked_key");
    }
    Ok(())
}

#[test]
fn what_every_edge_knows_is_not_waited_for() -> Result<()> {
    let (rig, admin, key) = rig()?;
    warm(&rig, &key)?;
    enforced(admin.revoke(ACME, &key.id));
    is_dead_everywhere(&rig, &key)?;
    assert_eq!(last_change(&admin)?["enforced_by"], "confirmation");
    let status = status(&admin)?;
    assert_eq!(status["relays"][0]["holders"], EDGES);
    assert_eq!(status["relays"][0]["expired_unconfirmed"], 0);
    Ok(())
}

#[test]
fn nor_what_follows_it_at_once() -> Result<()> {
    let (rig, admin, key) = rig()?;
    warm(&rig, &key)?;
    for _ in 0..5 {
        let act = |act: &str| admin.act(ACME, &key.id, act, &json!({}));
        enforced(act("disable"));
        for edge in 0..EDGES {
            assert_problem(&own_key(rig.edge(edge), &key.secret)?, 401, "disabled_key");
        }
        enforced(act("enable"));
        for edge in 0..EDGES {
            assert_eq!(own_key(rig.edge(edge), &key.secret)?.status, 200);
        }
    }
    Ok(())
}

/// As a deployment begins: some know nothing of confirmations, and whoever may still
/// decide on what they were told is waited for.
fn is_waited_for(older: impl Fn(&Rig) -> Result<()>) -> Result<()> {
    let bound = Duration::from_secs(2);
    let rig = Rig::builder()
        .edges(EDGES)
        .variable("FRESHNESS_BOUND_MS", bound.as_millis() as u64)
        .start()?;
    let (admin, key) = acme(&rig)?;
    older(&rig)?;
    // What was given before is over.
    thread::sleep(bound + bound / 10);
    let given = Instant::now();
    for edge in 0..EDGES {
        assert_eq!(own_key(rig.edge(edge), &key.secret)?.status, 200);
    }
    enforced(admin.revoke(ACME, &key.id));
    // A relay passes a proof on until it is a quarter of the bound old.
    assert!(given.elapsed() > bound / 2, "{:?}", given.elapsed());
    is_dead_everywhere(&rig, &key)
}

#[test]
fn edges_of_the_version_before_are_waited_for() -> Result<()> {
    is_waited_for(|rig| rig.link(Caller::Edge(0), Class::Relay).age())
}

#[test]
fn relays_of_the_version_before_are_waited_for() -> Result<()> {
    is_waited_for(|rig| {
        rig.link(Caller::Object(Class::Relay), Class::ChangeLog)
            .age()?;
        (0..EDGES).try_for_each(|edge| rig.link(Caller::Edge(edge), Class::Relay).age())
    })
}

#[test]
fn a_registry_of_the_version_before_waits() -> Result<()> {
    is_waited_for(|rig| {
        rig.link(Caller::Object(Class::Registry), Class::ChangeLog)
            .age()
    })
}

#[test]
fn the_operator_can_have_it_all_waited_for() -> Result<()> {
    let rig = Rig::builder()
        .edges(EDGES)
        .variable("FRESHNESS_BOUND_MS", 1_000)
        .variable("CONFIRMATIONS", "off")
        .start()?;
    let (admin, key) = acme(&rig)?;
    for edge in 0..EDGES {
        assert_eq!(own_key(rig.edge(edge), &key.secret)?.status, 200);
    }
    enforced(admin.revoke(ACME, &key.id));
    is_dead_everywhere(&rig, &key)?;
    let status = status(&admin)?;
    assert_eq!(status["change_log"]["recent"], json!([]));
    assert_eq!(status["relays"][0]["holders"], 0);
    for edge in 0..EDGES {
        let relays = rig.link(Caller::Edge(edge), Class::Relay);
        assert_eq!(relays.calls()?.under_way, 0);
    }
    Ok(())
}

/// A holder that is cut off right after its lease costs the wait once, and never more.
#[test]
fn an_edge_that_is_cut_off_is_waited_for_once() -> Result<()> {
    let rig = Rig::builder()
        .edges(EDGES)
        .variable("FRESHNESS_BOUND_MS", 2_000)
        .start()?;
    let (admin, key) = acme(&rig)?;
    let act = |act: &str| admin.act(ACME, &key.id, act, &json!({}));
    for edge in 0..EDGES {
        assert_eq!(own_key(rig.edge(edge), &key.secret)?.status, 200);
    }
    for class in [Class::Relay, Class::ChangeLog, Class::Registry] {
        rig.link(Caller::Edge(2), class).hang()?;
    }
    enforced(act("disable"));
    let mut by = Vec::new();
    for turn in ["enable", "disable", "enable", "disable"] {
        for edge in 0..2 {
            own_key(rig.edge(edge), &key.secret)?;
        }
        enforced(act(turn));
        by.push(last_change(&admin)?["enforced_by"].clone());
    }
    assert_eq!(by, ["confirmation"; 4]);
    // It is cut off, and so decides nothing any more.
    assert_eq!(own_key(rig.edge(2), &key.secret)?.status, 503);
    Ok(())
}

/// Figures for the docs: `ONE_WAY_MS=50 cargo nextest run -p katalo-edge-tests
/// --run-ignored only --no-capture how_long_it_takes`.
#[test]
#[ignore = "takes minutes"]
fn how_long_it_takes() -> Result<()> {
    let number = |name: &str, default: usize| {
        std::env::var(name).map_or(Ok(default), |text| text.parse().context("not a number"))
    };
    let one_way = Duration::from_millis(number("ONE_WAY_MS", 0)? as u64);
    let size = Size {
        administrators: number("ADMINISTRATORS", 2)?,
        clients: 1,
        withdrawals: number("WITHDRAWALS", 100)?,
        verifications: number("VERIFICATIONS", 10_000)?,
        pause: Duration::from_micros(number("PAUSE_US", 0)? as u64),
    };
    let rig = Rig::builder()
        .edges(EDGES)
        .variable("FRESHNESS_BOUND_MS", number("BOUND_MS", 5_000)?)
        .start()?;
    let history = revocation::run(rig, size, |rig, _, _| {
        if one_way.is_zero() {
            return Ok(());
        }
        for edge in 0..EDGES {
            for class in [Class::Relay, Class::ChangeLog, Class::Registry] {
                rig.link(Caller::Edge(edge), class)
                    .slow_both_ways(one_way)?;
            }
        }
        for class in [Class::Relay, Class::Registry] {
            rig.link(Caller::Object(class), Class::ChangeLog)
                .slow_both_ways(one_way)?;
        }
        thread::sleep(Duration::from_millis(500));
        Ok(())
    })?;
    revocation::holds(&history, size);
    Ok(())
}
