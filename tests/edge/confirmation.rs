//! Changes that are enforced because everybody says that they know them. The bound is
//! far longer than a test waits: whatever is enforced here was not waited for.

use crate::{
    history::Distribution,
    revocation::{self, EDGES, Size},
    support::{ACME, acme, assert_problem, enforced, own_key, source, until},
};
use anyhow::{Context, Result};
use katalo_keys::freshness::{
    Millis, SyncRequest,
    holding::{HolderId, Holding},
    message::{LenderReply, LenderRequest},
    sync::{Version, Watch},
};
use katalo_rig::{Admin, Caller, Class, Client, Issued, Rig};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicBool, Ordering},
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
    assert_eq!(last_change(&admin)?["confirmed"], true);
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
    let called = Instant::now();
    enforced(admin.revoke(ACME, &key.id));
    assert!(called.elapsed() > Duration::from_millis(1_000));
    is_dead_everywhere(&rig, &key)?;
    let status = status(&admin)?;
    assert_eq!(status["change_log"]["recent"], json!([]));
    assert_eq!(status["relays"][0]["holders"], 0);
    for edge in 0..EDGES {
        let calls = rig.link(Caller::Edge(edge), Class::Relay).calls()?;
        assert_eq!((calls.watches, calls.confirms), (0, 0));
    }
    Ok(())
}

/// Edges that would confirm, and objects whose operator has switched it off: they find
/// out, and ask again seldom.
#[test]
fn edges_do_not_insist_where_nobody_keeps_account() -> Result<()> {
    let rig = Rig::builder()
        .two_workers()
        .variable("FRESHNESS_BOUND_MS", 2_000)
        .objects_variable("CONFIRMATIONS", "off")
        .start()?;
    let (admin, key) = acme(&rig)?;
    rig.clock(0).stop()?;
    for _ in 0..40 {
        assert_eq!(own_key(rig.edge(0), &key.secret)?.status, 200);
        rig.clock(0).pass(Duration::from_millis(100))?;
    }
    let watches = rig.link(Caller::Edge(0), Class::Relay).calls()?.watches;
    assert!((1..=2).contains(&watches), "{watches}");
    rig.clock(0).go()?;
    enforced(admin.revoke(ACME, &key.id));
    assert_problem(&own_key(rig.edge(0), &key.secret)?, 401, "revoked_key");
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
    let cut_off = Instant::now();
    enforced(act("disable"));
    // Its lease may have been a quarter of the bound old when it was given.
    assert!(cut_off.elapsed() > Duration::from_millis(1_000));
    let mut confirmed = Vec::new();
    for turn in ["enable", "disable", "enable", "disable"] {
        for edge in 0..2 {
            own_key(rig.edge(edge), &key.secret)?;
        }
        enforced(act(turn));
        confirmed.push(last_change(&admin)?["confirmed"].clone());
    }
    assert_eq!(confirmed, [true; 4]);
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

/// An edge that is left alone can still confirm: its watch outlives its last request.
#[test]
fn an_idle_edge_is_not_waited_for() -> Result<()> {
    let (rig, admin, key) = rig()?;
    warm(&rig, &key)?;
    thread::sleep(Duration::from_secs(4));
    enforced(admin.revoke(ACME, &key.id));
    is_dead_everywhere(&rig, &key)
}

/// Figures for the docs: an edge that is idle for so long, at the deployed bound.
#[test]
#[ignore = "takes a minute"]
fn how_long_an_idle_edge_takes() -> Result<()> {
    let rig = Rig::builder()
        .edges(EDGES)
        .variable("FRESHNESS_BOUND_MS", 5_000)
        .start()?;
    let (admin, key) = acme(&rig)?;
    thread::sleep(Duration::from_secs(6));
    for (turn, idle) in [1, 4, 6, 14, 23].into_iter().enumerate() {
        for edge in 0..EDGES {
            own_key(rig.edge(edge), &key.secret)?;
        }
        thread::sleep(Duration::from_secs(idle));
        let act = ["disable", "enable"][turn % 2];
        let began = Instant::now();
        enforced(admin.act(ACME, &key.id, act, &json!({})));
        println!("idle for {idle} s: {:?}", began.elapsed());
        assert_eq!(last_change(&admin)?["confirmed"], true);
    }
    Ok(())
}

/// Calls that do not wait are enforced as soon as the others.
#[test]
fn what_nobody_waits_for_is_enforced_all_the_same() -> Result<()> {
    let (rig, admin, key) = rig()?;
    warm(&rig, &key)?;
    let answer = admin.act(ACME, &key.id, "disable", &json!({ "wait": false }))?;
    assert_eq!(answer.status, 202, "{answer:?}");
    let path = format!("/organizations/{ACME}/keys/{}", key.id);
    until("it is enforced", || {
        Ok(admin.call("GET", &path).send()?.json()?["enforced"] == true)
    })
}

/// A holder that the edges know nothing of: what an edge sends, straight to the relay.
struct Holder {
    relay: Client,
    id: HolderId,
    /// Before it confirms.
    pause: Duration,
}

impl Holder {
    const WATCH: Duration = Duration::from_secs(4);

    fn ask(&self, message: &LenderRequest) -> Result<Option<LenderReply>> {
        let url = match message {
            LenderRequest::Watch(_) => "https://object/yields",
            _ => "https://object/",
        };
        let answer = self
            .relay
            .call("POST", "/__rig/object/Relay/weur-0")
            .header("rig-url", url)
            .json(&serde_json::to_value(message)?)
            .send()?;
        Ok(match answer.status {
            200 => Some(serde_json::from_value(answer.json()?)?),
            _ => None,
        })
    }

    /// Asks and watches as an edge does, until it is told to stop; how often it had to
    /// ask again because the relay had no room.
    fn hold(&self, stop: &AtomicBool) -> Result<usize> {
        let mut cursor = None;
        let mut refused = 0;
        while !stop.load(Ordering::Relaxed) {
            let request = |cursor| SyncRequest {
                v: Version::CURRENT,
                cursor,
                subjects: Vec::new(),
                holding: Some(Holding {
                    id: self.id,
                    floor: cursor,
                }),
            };
            let mut told = self.ask(&LenderRequest::Sync(request(cursor)))?;
            for then_watch in [true, false] {
                match told.take().and_then(LenderReply::sync) {
                    Some(reply) => cursor = Some(reply.cursor),
                    None => refused += 1,
                }
                if then_watch {
                    told = self.ask(&LenderRequest::Watch(Watch {
                        request: request(cursor),
                        hold_ms: Millis(Self::WATCH.as_millis() as u64),
                    }))?;
                }
            }
            thread::sleep(self.pause);
        }
        Ok(refused)
    }
}

/// Time that a process has spent on the processor, and its memory in bytes.
fn spent(pid: u32) -> Result<(Duration, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit(") ").next().context("a process")?;
    let fields: Vec<&str> = after.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    let pages: u64 = fields[21].parse()?;
    Ok((Duration::from_millis(ticks * 10), pages * 4_096))
}

/// Figures for the docs: many holders at one relay, then 1 % of them slow, then one
/// silent; then as many changes as are told. `HOLDERS=1000 CHANGES=100 SECONDS=60 cargo
/// nextest run -p katalo-edge-tests --run-ignored only --no-capture
/// many_holders_at_one_relay`.
#[test]
#[ignore = "takes minutes"]
fn many_holders_at_one_relay() -> Result<()> {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(Ok(default), |text| text.parse().context("not a number"))
    };
    let (holders, seconds) = (number("HOLDERS", 1_000)?, number("SECONDS", 20)?);
    let rig = Rig::builder()
        .objects_apart()
        .variable("FRESHNESS_BOUND_MS", 10_000)
        .start()?;
    let (admin, key) = acme(&rig)?;
    let pid = rig.objects_pid().context("a process")?;
    until("nothing is unaccounted for", || {
        own_key(rig.edge(0), &key.secret)?;
        enforced(admin.act(ACME, &key.id, "disable", &json!({})));
        enforced(admin.act(ACME, &key.id, "enable", &json!({})));
        Ok(last_change(&admin)?["confirmed"] == true)
    })?;
    let measure = |what: &str| -> Result<()> {
        let mut took = Vec::new();
        let (before, _) = spent(pid)?;
        for turn in 0..10 {
            let act = ["disable", "enable"][turn % 2];
            let began = Instant::now();
            enforced(admin.act(ACME, &key.id, act, &json!({})));
            took.push(began.elapsed());
        }
        let (after, memory) = spent(pid)?;
        println!(
            "{what}: {}; objects: {:?} of CPU a change, {} MiB",
            Distribution::of(took),
            (after - before) / 10,
            memory >> 20
        );
        Ok(())
    };
    measure("one holder")?;
    let silent = AtomicBool::new(false);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| -> Result<()> {
        let mut threads = Vec::new();
        for number in 0..holders {
            let mut id = [0; 12];
            id[..8].copy_from_slice(&number.to_be_bytes());
            let holder = Holder {
                relay: Client::new(rig.objects_address()),
                id: HolderId::from_random(id),
                pause: Duration::from_millis(if number % 100 == 1 { 200 } else { 0 }),
            };
            let end = if number == 0 { &silent } else { &stop };
            threads.push(scope.spawn(move || holder.hold(end)));
        }
        let outcome = (|| {
            until("all hold a lease", || {
                let relay = &status(&admin)?["relays"][0];
                Ok(relay["holders"].as_u64() > Some(holders))
            })?;
            measure("all of them, 1 % of them 200 ms late")?;
            silent.store(true, Ordering::Relaxed);
            thread::sleep(Holder::WATCH);
            measure("one of them silent")?;
            let every = Duration::from_secs(1) / u32::try_from(number("CHANGES", 20)?)?;
            let (began, (before, _)) = (Instant::now(), spent(pid)?);
            let mut next = began;
            let mut changes = 0;
            while began.elapsed() < Duration::from_secs(seconds) {
                let act = ["disable", "enable"][changes % 2];
                let answer = admin.act(ACME, &key.id, act, &json!({ "wait": false }))?;
                anyhow::ensure!(matches!(answer.status, 200 | 202), "{answer:?}");
                changes += 1;
                next += every;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            let last = Instant::now();
            enforced(admin.act(ACME, &key.id, "disable", &json!({})));
            let (after, memory) = spent(pid)?;
            println!(
                "{changes} changes in {:?}, the last enforced after {:?}; objects: {:?} of CPU, {} MiB",
                last - began,
                last.elapsed(),
                after - before,
                memory >> 20
            );
            Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        silent.store(true, Ordering::Relaxed);
        let mut refused = 0;
        for thread in threads {
            refused += thread.join().expect("the thread ends").unwrap_or_default();
        }
        println!("refused for want of room or proof: {refused}");
        outcome
    })
}
