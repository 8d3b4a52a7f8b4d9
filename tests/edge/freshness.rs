//! Where a decision comes from, what that costs, and what happens when the
//! places that prove it are gone.

use crate::support::{
    ACME, acme, assert_problem, decision, enforced, forged_id, kv_names, make_cold, own_key, read,
    source, until, until_in_kv, wrong_secret,
};
use anyhow::Result;
use katalo_rig::{Answer, Builder, Caller, Class, Client, Rig};
use serde_json::json;
use std::{thread, time::Duration};

const BOUND_MS: u64 = 1_000;
const BOUND: Duration = Duration::from_millis(BOUND_MS);
/// What one hop may take before the next is asked.
const HOP: Duration = Duration::from_millis(375);
/// After a failure nobody tries again for so long.
const PAUSE: Duration = Duration::from_millis(250);
/// More than the bound: what an edge holds is then proven no longer.
const TOO_OLD: Duration = Duration::from_millis(1_100);

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

fn builder() -> Builder {
    Rig::builder().variable("FRESHNESS_BOUND_MS", BOUND_MS)
}

/// A rig of two edges; the clock of the second stands still.
fn rig() -> Result<Rig> {
    let rig = builder().edges(2).start()?;
    rig.clock(1).stop()?;
    Ok(rig)
}

#[test]
fn a_warm_edge_decides_from_memory() -> Result<()> {
    const STEP: Duration = Duration::from_millis(5);
    const STEPS: u32 = 800;
    let rig = rig()?;
    let (_, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    let edge = rig.edge(1);
    // Each proof is as young as it can be.
    rig.link(Caller::Edge(1), Class::Relay).forge("age_ms", 0)?;
    assert_eq!(source(&own_key(edge, &key.secret)?)?, "kv");
    let before = calls(&rig, 1)?;
    for _ in 0..STEPS {
        rig.clock(1).pass(STEP)?;
        let answer = own_key(edge, &key.secret)?;
        assert_eq!(source(&answer)?, "memory");
        let age = decision(&answer)?.age;
        assert!(u128::from(age) <= BOUND.as_millis(), "{age}");
    }
    // One question for each half of the bound at most, of the whole at least, and
    // nothing else.
    let after = calls(&rig, 1)?;
    let bounds = u64::from(STEPS) * 5 / 1_000;
    assert!(
        (bounds..=2 * bounds).contains(&(after[0] - before[0])),
        "{before:?} {after:?}"
    );
    assert_eq!(after[1..], before[1..]);
    assert_eq!(rig.kv().edge(1).counts().reads, 2);
    Ok(())
}

#[test]
fn what_cannot_be_genuine_costs_nothing() -> Result<()> {
    let rig = rig()?;
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
    for rig in [builder(), builder().strict()] {
        let rig = rig.edges(3).start()?;
        rig.clock(1).stop()?;
        rig.clock(2).stop()?;
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
        rig.clock(2).pass(TOO_OLD)?;
        let before = calls(&rig, 2)?;
        for _ in 0..20 {
            let answer = read(rig.edge(2), &wrong_secret(&key.secret))?;
            assert_problem(&answer, 401, "invalid_key");
        }
        assert_eq!(calls(&rig, 2)?[2], before[2]);
    }
    // Where KV shows nothing, the registry is asked once.
    let rig = rig()?;
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
    let rig = builder().strict().start()?;
    let (_, key) = acme(&rig)?;
    rig.clock(0).stop()?;
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
    let rig = rig()?;
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
    let rig = rig()?;
    let (_, key) = acme(&rig)?;
    let edge = rig.edge(1);
    assert_eq!(own_key(edge, &key.secret)?.status, 200);
    let link = rig.link(Caller::Edge(1), Class::Relay);
    link.hold()?;
    rig.clock(1).pass(TOO_OLD)?;
    let before = calls(&rig, 1)?;
    let arrived = rig.requests(1).calls()?.fetches;
    thread::scope(|scope| -> Result<_> {
        let threads: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let (secret, client) = (&key.secret, Client::new(edge.address()));
                scope.spawn(move || source(&own_key(&client, secret)?))
            })
            .collect();
        // All are there, and one has asked.
        rig.requests(1)
            .wait_for(arrived + u64::try_from(REQUESTS)?)?;
        link.wait_for(before[0] + 1)?;
        assert!(!threads.iter().any(thread::ScopedJoinHandle::is_finished));
        link.heal()?;
        rig.clock(1).go_slowly()?;
        for thread in threads {
            assert_eq!(thread.join().expect("the thread ends")?, "memory");
        }
        Ok(())
    })?;
    let after = calls(&rig, 1)?;
    assert_eq!(after, [before[0] + 1, before[1], before[2]]);
    assert_eq!(rig.kv().edge(1).counts().reads, 2);
    Ok(())
}

#[test]
fn a_relay_that_hangs_costs_its_deadline_at_most() -> Result<()> {
    let rig = rig()?;
    let (_, key) = acme(&rig)?;
    let (edge, clock) = (rig.edge(1), rig.clock(1));
    assert_eq!(own_key(edge, &key.secret)?.status, 200);
    let strong_reads = calls(&rig, 1)?[2];
    let relay = rig.link(Caller::Edge(1), Class::Relay);
    let log = rig.link(Caller::Edge(1), Class::ChangeLog);
    relay.hang()?;
    clock.pass(TOO_OLD)?;
    // This region's relay, the next region's, then the change log itself.
    let hop_by_hop = |[first, asked, _]: [u64; 3]| -> Result<()> {
        relay.wait_for(first + 1)?;
        clock.pass(HOP)?;
        relay.wait_for(first + 2)?;
        clock.pass(HOP)?;
        log.wait_for(asked + 1)
    };
    let before = calls(&rig, 1)?;
    thread::scope(|scope| {
        let waiting = scope.spawn(|| own_key(edge, &key.secret));
        hop_by_hop(before)?;
        let answer = waiting.join().expect("the thread ends")?;
        assert_eq!(source(&answer)?, "memory");
        Ok::<_, anyhow::Error>(())
    })?;
    // At a steady load that happens in the background, until what is held is too
    // old: a request is answered though no time passes.
    for _ in 0..3 {
        let before = calls(&rig, 1)?;
        clock.pass(BOUND / 2 + Duration::from_millis(10))?;
        assert_eq!(source(&own_key(edge, &key.secret)?)?, "memory");
        hop_by_hop(before)?;
        // Waits for the answer to come through, and for no more.
        clock.go_slowly()?;
        assert_eq!(source(&own_key(edge, &key.secret)?)?, "memory");
        clock.stop()?;
    }
    assert_eq!(calls(&rig, 1)?[2], strong_reads);
    Ok(())
}

#[test]
fn an_edge_that_is_cut_off_reads_strongly_then_refuses_and_recovers() -> Result<()> {
    let rig = rig()?;
    let (admin, key) = acme(&rig)?;
    let spare = admin.issue_live(ACME, &["read"])?;
    let (edge, clock) = (rig.edge(1), rig.clock(1));
    for key in [&key, &spare] {
        assert_eq!(own_key(edge, &key.secret)?.status, 200);
    }
    let link = |class| rig.link(Caller::Edge(1), class);
    link(Class::Relay).refuse()?;
    assert_eq!(source(&own_key(edge, &key.secret)?)?, "memory");
    clock.pass(TOO_OLD)?;
    assert_eq!(source(&own_key(edge, &key.secret)?)?, "memory");
    assert!(link(Class::ChangeLog).calls()?.fetches > 0);

    link(Class::ChangeLog).refuse()?;
    clock.pass(TOO_OLD)?;
    for _ in 0..5 {
        assert_eq!(source(&own_key(edge, &key.secret)?)?, "registry");
    }
    enforced(admin.revoke(ACME, &spare.id));
    assert_problem(&own_key(edge, &spare.secret)?, 401, "revoked_key");

    // With its proof it goes on until the bound; then nothing is guessed. Nobody
    // waits for anything: no time passes.
    link(Class::Relay).heal()?;
    link(Class::ChangeLog).heal()?;
    clock.pass(PAUSE)?;
    let answer = own_key(edge, &key.secret)?;
    assert_eq!(source(&answer)?, "memory");
    for class in [Class::Relay, Class::ChangeLog, Class::Registry] {
        link(class).refuse()?;
    }
    let mut age = Duration::from_millis(decision(&answer)?.age);
    while age < BOUND {
        let step = Duration::from_millis(20).min(BOUND - age);
        clock.pass(step)?;
        age += step;
        let answer = own_key(edge, &key.secret)?;
        assert_eq!(source(&answer)?, "memory");
        assert_eq!(u128::from(decision(&answer)?.age), age.as_millis());
    }
    for _ in 0..100 {
        clock.pass(Duration::from_millis(5))?;
        let answer = own_key(edge, &key.secret)?;
        assert_problem(&answer, 503, "freshness_unavailable");
    }
    // A wrong secret is still told from a right one.
    let answer = own_key(edge, &wrong_secret(&key.secret))?;
    assert_problem(&answer, 401, "invalid_key");

    // Healed, it serves at once, and from memory after the pause.
    heal(&rig)?;
    assert_eq!(source(&own_key(edge, &key.secret)?)?, "registry");
    clock.pass(PAUSE)?;
    assert_eq!(source(&own_key(edge, &key.secret)?)?, "memory");
    Ok(())
}

/// Gives the second edge its links back.
fn heal(rig: &Rig) -> Result<()> {
    [Class::Relay, Class::ChangeLog, Class::Registry]
        .into_iter()
        .try_for_each(|class| rig.link(Caller::Edge(1), class).heal())
}

// The same, where nothing refuses but everything hangs.
#[test]
fn an_edge_whose_every_question_hangs_refuses_in_time() -> Result<()> {
    const REQUESTS: u64 = 40;
    let rig = rig()?;
    let (_, key) = acme(&rig)?;
    let (edge, clock) = (rig.edge(1), rig.clock(1));
    assert_eq!(own_key(edge, &key.secret)?.status, 200);
    let link = |class| rig.link(Caller::Edge(1), class);
    for class in [Class::Relay, Class::ChangeLog, Class::Registry] {
        link(class).hang()?;
    }
    clock.pass(TOO_OLD)?;
    let arrived = rig.requests(1).calls()?.fetches;
    let [relays, log, registry] = calls(&rig, 1)?;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..REQUESTS)
            .map(|_| scope.spawn(|| own_key(&Client::new(edge.address()), &key.secret)))
            .collect();
        rig.requests(1).wait_for(arrived + REQUESTS)?;
        // One asks for all of them …
        for asked in 1..=2 {
            link(Class::Relay).wait_for(relays + asked)?;
            clock.pass(HOP)?;
        }
        link(Class::ChangeLog).wait_for(log + 1)?;
        clock.pass(HOP)?;
        // … then each for itself, when it next looks. Together: less than four seconds.
        clock.go_slowly()?;
        link(Class::Registry).wait_for(registry + REQUESTS)?;
        clock.stop()?;
        clock.pass(Duration::from_millis(2_000))?;
        for thread in threads {
            let answer = thread.join().expect("the thread ends")?;
            assert_problem(&answer, 503, "freshness_unavailable");
        }
        Ok::<_, anyhow::Error>(())
    })?;
    heal(&rig)?;
    assert_eq!(source(&own_key(edge, &key.secret)?)?, "memory");
    Ok(())
}

// What an operator may choose, and is told of.
#[test]
fn an_edge_told_to_serve_the_unproven_says_so_and_comes_to_an_end() -> Result<()> {
    const AT_MOST: Duration = Duration::from_millis(6_000);
    let rig = builder()
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
    let clock = rig.clock(1);
    clock.stop()?;
    own_key(edge, &key.secret)?;
    let answer = own_key(edge, &key.secret)?;
    assert_eq!(source(&answer)?, "memory");
    assert!(!is_unproven(&answer), "{answer:?}");
    assert_problem(&own_key(edge, &disabled.secret)?, 401, "disabled_key");
    assert_eq!(introspect()?.json()?["active"], true);
    for class in [Class::Relay, Class::ChangeLog, Class::Registry] {
        rig.link(Caller::Edge(1), class).refuse()?;
    }
    clock.pass(TOO_OLD)?;
    let answer = read(edge, &key.secret)?;
    assert_eq!(source(&answer)?, "memory");
    assert!(is_unproven(&answer), "{answer:?}");
    let age = Duration::from_millis(decision(&answer)?.age);
    assert!(age > BOUND, "{answer:?}");
    // Nobody is refused on what was last known, and no administrator let in.
    let answer = own_key(edge, &disabled.secret)?;
    assert_problem(&answer, 503, "freshness_unavailable");
    assert_eq!(introspect()?.status, 503);

    clock.pass(AT_MOST - age)?;
    let answer = read(edge, &key.secret)?;
    assert_eq!(u128::from(decision(&answer)?.age), AT_MOST.as_millis());
    clock.pass(Duration::from_millis(1))?;
    let answer = read(edge, &key.secret)?;
    assert_problem(&answer, 503, "freshness_unavailable");

    let status = admin.call("GET", "/status").send()?.json()?;
    let weakened = status["weakened"].to_string();
    assert!(weakened.contains("ON_UNPROVEN is serve"), "{weakened}");
    Ok(())
}
