//! Where a decision comes from, what that costs, and what happens when the
//! places that prove it are gone.

use crate::support::{
    ACME, acme, assert_problem, decision, enforced, forged_id, kv_names, make_cold, own_key, read,
    source, until, until_in_kv, wrong_secret,
};
use anyhow::Result;
use katalo_rig::{Answer, Caller, Class, Client, Rig};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// The rig's freshness bound.
const BOUND: Duration = Duration::from_millis(1_000);
/// What one hop may take before the next is asked.
const HOP: Duration = Duration::from_millis(375);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_millis(250);

/// Waits until what an edge holds is proven no longer.
fn grow_old() {
    thread::sleep(BOUND + Duration::from_millis(100));
}

/// Calls that an edge has sent to objects of each class.
fn calls(rig: &Rig, edge: usize) -> Result<[u64; 3]> {
    let mut sent = [0; 3];
    for (sent, class) in sent
        .iter_mut()
        .zip([Class::Relay, Class::ChangeLog, Class::Registry])
    {
        *sent = rig.link(Caller::Edge(edge), class).calls()?.fetches;
    }
    Ok(sent)
}

fn timed(client: &Client, key: &str) -> Result<(Duration, Answer)> {
    let sent = Instant::now();
    let answer = own_key(client, key)?;
    Ok((sent.elapsed(), answer))
}

#[test]
fn a_warm_edge_decides_from_memory() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (_, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    let edge = rig.edge(1);
    assert_eq!(source(&own_key(edge, &key.secret)?)?, "kv");
    let (before, began) = (calls(&rig, 1)?, Instant::now());
    let mut sources: BTreeMap<String, u32> = BTreeMap::new();
    let mut all = 0;
    while began.elapsed() < Duration::from_secs(4) {
        let answer = own_key(edge, &key.secret)?;
        assert_eq!(answer.status, 200, "{answer:?}");
        let decision = decision(&answer)?;
        assert!(decision.age <= 1_000, "{decision:?}");
        *sources.entry(decision.source).or_default() += 1;
        all += 1;
        thread::sleep(Duration::from_millis(4));
    }
    let memory = sources.get("memory").copied().unwrap_or_default();
    assert!(memory * 100 >= all * 99, "{sources:?}");
    // One question for each half of the bound, and nothing else.
    let after = calls(&rig, 1)?;
    assert!(
        (4..=10).contains(&(after[0] - before[0])),
        "{before:?} {after:?}"
    );
    assert_eq!(after[1..], before[1..]);
    assert_eq!(rig.kv().edge(1).counts().reads, 2);
    Ok(())
}

#[test]
fn what_cannot_be_genuine_costs_nothing() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (_, key) = acme(&rig)?;
    let edge = rig.edge(1);
    let secret = &key.secret;
    for (shown, code) in [
        (forged_id(secret), "invalid_key"),
        (format!("{}0", &secret[..secret.len() - 1]), "malformed_key"),
        (format!("{secret}0"), "malformed_key"),
        (secret.replace("live", "test"), "malformed_key"),
        ("kat_live_x.y".to_owned(), "malformed_key"),
        ("x".to_owned(), "malformed_key"),
    ] {
        // One in 62 keys ends in the digit that is put there.
        if shown == *secret {
            continue;
        }
        for path in ["/v1/key", "/v1/catalogs/c1", "/authorize"] {
            let answer = edge.call("GET", path).bearer(&shown).send()?;
            assert_problem(&answer, 401, code);
        }
    }
    assert_eq!(calls(&rig, 1)?, [0, 0, 0]);
    assert_eq!(rig.kv().edge(1).counts().reads, 0);
    Ok(())
}

#[test]
fn a_leaked_id_does_not_load_the_registry() -> Result<()> {
    for rig in [Rig::builder(), Rig::builder().strict()] {
        let rig = rig.edges(3).start()?;
        let (_, key) = acme(&rig)?;
        until_in_kv(&rig, &key)?;
        // Neither on an edge that knows nothing but KV …
        for _ in 0..20 {
            let answer = read(rig.edge(1), &wrong_secret(&key.secret))?;
            assert_problem(&answer, 401, "invalid_key");
        }
        assert_eq!(calls(&rig, 1)?[2], 0);
        // … nor on one whose proof is too old.
        assert_eq!(read(rig.edge(2), &key.secret)?.status, 200);
        grow_old();
        let before = calls(&rig, 2)?;
        for _ in 0..20 {
            let answer = read(rig.edge(2), &wrong_secret(&key.secret))?;
            assert_problem(&answer, 401, "invalid_key");
        }
        assert_eq!(calls(&rig, 2)?[2], before[2]);
    }
    // Where KV shows nothing, the registry is asked once.
    let rig = Rig::builder().edges(2).start()?;
    let (_, key) = acme(&rig)?;
    rig.kv().edge(1).lag(Duration::from_secs(3_600));
    for _ in 0..20 {
        let answer = read(rig.edge(1), &wrong_secret(&key.secret))?;
        assert_problem(&answer, 401, "invalid_key");
    }
    assert_eq!(calls(&rig, 1)?[2], 1);
    Ok(())
}

#[test]
fn a_strict_route_asks_the_registry_every_time() -> Result<()> {
    let rig = Rig::builder().strict().start()?;
    let (_, key) = acme(&rig)?;
    for _ in 0..3 {
        assert_eq!(source(&read(rig.edge(0), &key.secret)?)?, "registry");
    }
    rig.link(Caller::Edge(0), Class::Registry).refuse()?;
    assert_problem(
        &read(rig.edge(0), &key.secret)?,
        503,
        "freshness_unavailable",
    );
    rig.link(Caller::Edge(0), Class::Registry).heal()?;
    assert_eq!(source(&read(rig.edge(0), &key.secret)?)?, "registry");
    Ok(())
}

// Whoever can write KV can neither make a key nor bring one back.
#[test]
fn kv_is_believed_only_where_its_seal_and_its_revision_hold() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (admin, key) = acme(&rig)?;
    let other = admin.issue_live(ACME, &["read", "billing"])?;
    until_in_kv(&rig, &key)?;
    until_in_kv(&rig, &other)?;
    let (name, organization) = kv_names(&key);
    let (other_name, _) = kv_names(&other);
    let active = rig.kv().value(&name).expect("a value");
    let edge = rig.edge(1);
    let cold = || -> Result<Answer> {
        make_cold(edge)?;
        own_key(edge, &key.secret)
    };
    assert_eq!(source(&cold()?)?, "kv");
    // Another key's record, a record without its seal, nonsense, nothing.
    let others = rig.kv().value(&other_name).expect("a value");
    let mut broken = active.clone();
    if let Some(byte) = broken.last_mut() {
        *byte ^= 1;
    }
    for value in [
        &others[..],
        &broken,
        b"",
        b"{}",
        b"\xff\xfe",
        &active[active.len() / 2..],
    ] {
        rig.kv().put(&name, value);
        let answer = cold()?;
        assert_eq!(source(&answer)?, "registry");
        assert_eq!(answer.json()?["scopes"], json!(["read"]));
    }
    rig.kv().put(&name, &active);
    rig.kv().edge(1).corrupt(true);
    assert_eq!(source(&cold()?)?, "registry");
    rig.kv().edge(1).corrupt(false);
    rig.kv().edge(1).refuse(true);
    assert_eq!(source(&cold()?)?, "registry");
    rig.kv().edge(1).refuse(false);
    assert_eq!(source(&cold()?)?, "kv");

    enforced(admin.revoke(ACME, &key.id));
    until("the revocation is in KV", || {
        let value = rig.kv().value(&name).unwrap_or_default();
        Ok(String::from_utf8_lossy(&value).contains("revoked"))
    })?;
    rig.kv().put(&name, &active);
    let before = calls(&rig, 1)?[2];
    assert_problem(&cold()?, 401, "revoked_key");
    // What was found behind is reported, beside the strong read. The registry
    // writes it anew two minutes after its last write (its own tests).
    until("the record is reported", || {
        Ok(calls(&rig, 1)?[2] == before + 2)
    })?;
    rig.kv().delete(&name);
    rig.kv().delete(&organization);
    assert_problem(&cold()?, 401, "revoked_key");
    Ok(())
}

#[test]
fn many_requests_that_wait_at_the_bound_cause_one_question() -> Result<()> {
    const REQUESTS: usize = 500;
    let bound = Duration::from_millis(4_000);
    let rig = Rig::builder()
        .edges(2)
        .variable("FRESHNESS_BOUND_MS", 4_000)
        .start()?;
    let (_, key) = acme(&rig)?;
    let edge = rig.edge(1);
    let secret = &key.secret;
    assert_eq!(own_key(edge, secret)?.status, 200);
    let warm = Instant::now();
    let link = rig.link(Caller::Edge(1), Class::Relay);
    let barrier = Barrier::new(REQUESTS + 1);
    let (before, took) = thread::scope(|scope| -> Result<_> {
        let threads: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let (barrier, secret) = (&barrier, &key.secret);
                let client = Client::new(edge.address());
                scope.spawn(move || -> Result<Duration> {
                    let opened = client.get("/healthz");
                    barrier.wait();
                    opened?;
                    let (took, answer) = timed(&client, secret)?;
                    assert_eq!(source(&answer)?, "memory");
                    Ok(took)
                })
            })
            .collect();
        thread::sleep((bound + Duration::from_millis(200)).saturating_sub(warm.elapsed()));
        link.slow(Duration::from_millis(250))?;
        let before = calls(&rig, 1)?;
        barrier.wait();
        let mut took = Vec::new();
        for thread in threads {
            took.push(thread.join().expect("the thread ends")?);
        }
        Ok((before, took))
    })?;
    let waited = took
        .iter()
        .filter(|took| **took > Duration::from_millis(100))
        .count();
    assert!(waited > REQUESTS / 4, "{waited} waited");
    let after = calls(&rig, 1)?;
    assert_eq!(after, [before[0] + 1, before[1], before[2]]);
    assert_eq!(rig.kv().edge(1).counts().reads, 2);
    Ok(())
}

#[test]
fn a_relay_that_hangs_costs_its_deadline_at_most() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (_, key) = acme(&rig)?;
    let edge = rig.edge(1);
    assert_eq!(own_key(edge, &key.secret)?.status, 200);
    let strong_reads = calls(&rig, 1)?[2];
    rig.link(Caller::Edge(1), Class::Relay).hang()?;
    grow_old();
    // This region's relay, the next region's, then the change log itself.
    let (took, answer) = timed(edge, &key.secret)?;
    assert_eq!(source(&answer)?, "memory");
    assert!(took < HOP * 2 + SLACK, "{took:?}");
    assert_eq!(calls(&rig, 1)?[2], strong_reads);
    // At a steady load all of that happens in the background, or nearly.
    let mut most = Duration::ZERO;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        let (took, answer) = timed(edge, &key.secret)?;
        assert_eq!(source(&answer)?, "memory");
        most = most.max(took);
        thread::sleep(Duration::from_millis(5));
    }
    assert!(most < HOP * 2 + SLACK, "{most:?}");
    Ok(())
}

#[test]
fn an_edge_that_is_cut_off_reads_strongly_then_refuses_and_recovers() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (admin, key) = acme(&rig)?;
    let spare = admin.issue_live(ACME, &["read"])?;
    let edge = rig.edge(1);
    for key in [&key, &spare] {
        assert_eq!(own_key(edge, &key.secret)?.status, 200);
    }
    let link = |class| rig.link(Caller::Edge(1), class);
    link(Class::Relay).refuse()?;
    assert_eq!(source(&own_key(edge, &key.secret)?)?, "memory");
    grow_old();
    assert_eq!(source(&own_key(edge, &key.secret)?)?, "memory");
    assert!(link(Class::ChangeLog).calls()?.fetches > 0);

    link(Class::ChangeLog).refuse()?;
    grow_old();
    for _ in 0..5 {
        assert_eq!(source(&own_key(edge, &key.secret)?)?, "registry");
    }
    enforced(admin.revoke(ACME, &spare.id));
    assert_problem(&own_key(edge, &spare.secret)?, 401, "revoked_key");

    // With its proof it goes on until the bound; then nothing is guessed.
    link(Class::Relay).heal()?;
    link(Class::ChangeLog).heal()?;
    until("it decides from memory again", || {
        Ok(source(&own_key(edge, &key.secret)?)? == "memory")
    })?;
    for class in [Class::Relay, Class::ChangeLog, Class::Registry] {
        link(class).refuse()?;
    }
    let cut = Instant::now();
    let mut last = Duration::ZERO;
    while cut.elapsed() < BOUND + SLACK {
        let sent = cut.elapsed();
        let (took, answer) = timed(edge, &key.secret)?;
        assert!(took < SLACK, "{took:?}");
        if answer.status == 200 {
            assert_eq!(source(&answer)?, "memory");
            last = sent;
        } else {
            assert_problem(&answer, 503, "freshness_unavailable");
        }
        thread::sleep(Duration::from_millis(2));
    }
    assert!(last < BOUND, "{last:?}");
    assert_problem(&own_key(edge, &key.secret)?, 503, "freshness_unavailable");
    // A wrong secret is still told from a right one.
    let answer = own_key(edge, &wrong_secret(&key.secret))?;
    assert_problem(&answer, 401, "invalid_key");

    serves_again_once_healed(&rig, &key.secret)
}

/// Gives the second edge its links back: it serves within a second.
fn serves_again_once_healed(rig: &Rig, secret: &str) -> Result<()> {
    for class in [Class::Relay, Class::ChangeLog, Class::Registry] {
        rig.link(Caller::Edge(1), class).heal()?;
    }
    let healed = Instant::now();
    until("it serves again", || {
        Ok(own_key(rig.edge(1), secret)?.status == 200)
    })?;
    let took = healed.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    Ok(())
}

// The same, where nothing refuses but everything hangs.
#[test]
fn an_edge_whose_every_question_hangs_refuses_in_time() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (_, key) = acme(&rig)?;
    let edge = rig.edge(1);
    assert_eq!(own_key(edge, &key.secret)?.status, 200);
    let link = |class| rig.link(Caller::Edge(1), class);
    for class in [Class::Relay, Class::ChangeLog, Class::Registry] {
        link(class).hang()?;
    }
    grow_old();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..40)
            .map(|_| scope.spawn(|| timed(&Client::new(edge.address()), &key.secret)))
            .collect();
        for thread in threads {
            let (took, answer) = thread.join().expect("the thread ends")?;
            assert_problem(&answer, 503, "freshness_unavailable");
            // Two seconds for relays and log, and two for the registry.
            assert!(took < Duration::from_secs(4) + SLACK, "{took:?}");
        }
        Ok::<_, anyhow::Error>(())
    })?;
    serves_again_once_healed(&rig, &key.secret)
}

// What an operator may choose, and is told of.
#[test]
fn an_edge_told_to_serve_the_unproven_says_so_and_comes_to_an_end() -> Result<()> {
    let rig = Rig::builder()
        .edges(2)
        .variable("ON_UNPROVEN", "serve")
        .variable("UNPROVEN_AT_MOST_MS", 6_000)
        .start()?;
    let (admin, key) = acme(&rig)?;
    let disabled = admin.issue_live(ACME, &["read"])?;
    enforced(admin.act(ACME, &disabled.id, "disable", &json!({})));
    let edge = rig.edge(1);
    let introspect = || {
        edge.call("POST", "/oauth2/introspect")
            .bearer(admin.key())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={}", key.secret))
            .send()
    };
    let is_unproven = |answer: &Answer| {
        let decision = answer.header("katalo-decision").unwrap_or_default();
        decision.ends_with(", unproven")
    };
    until("all are in memory", || {
        let answer = own_key(edge, &key.secret)?;
        Ok(source(&answer)? == "memory" && !is_unproven(&answer))
    })?;
    assert_problem(&own_key(edge, &disabled.secret)?, 401, "disabled_key");
    assert_eq!(introspect()?.json()?["active"], true);
    for class in [Class::Relay, Class::ChangeLog, Class::Registry] {
        rig.link(Caller::Edge(1), class).refuse()?;
    }
    let cut = Instant::now();
    grow_old();
    let answer = read(edge, &key.secret)?;
    assert_eq!(source(&answer)?, "memory");
    assert!(is_unproven(&answer), "{answer:?}");
    assert!(decision(&answer)?.age > 1_000, "{answer:?}");
    // Nobody is refused on what was last known, and no administrator let in.
    let answer = own_key(edge, &disabled.secret)?;
    assert_problem(&answer, 503, "freshness_unavailable");
    assert_eq!(introspect()?.status, 503);

    thread::sleep(Duration::from_millis(6_100).saturating_sub(cut.elapsed()));
    let answer = read(edge, &key.secret)?;
    assert_problem(&answer, 503, "freshness_unavailable");

    let status = admin.call("GET", "/status").send()?.json()?;
    let weakened = status["weakened"].to_string();
    assert!(weakened.contains("ON_UNPROVEN is serve"), "{weakened}");
    Ok(())
}
