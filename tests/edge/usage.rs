//! Counts of use, held against the client's own.

use crate::support::{ACME, acme, own_key};
use anyhow::{Result, bail, ensure};
use katalo_rig::{Admin, Caller, Class, Client, Issued, Rig};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

const EDGES: usize = 3;

/// For how long counts wait in an isolate, as the docs state it.
const WINDOW: Duration = Duration::from_secs(10);

/// Requests by key, scope and outcome.
type Counts = BTreeMap<(String, String, String), u64>;

/// One of three keys and what comes of using it.
struct Use {
    key: Issued,
    outcome: &'static str,
}

/// A key that may, one that lacks the scope, and one that is disabled.
fn uses(rig: &Rig) -> Result<(Admin, Vec<Use>)> {
    let (admin, allowed) = acme(rig)?;
    let narrow = admin.issue_live(ACME, &["billing"])?;
    let disabled = admin.issue_live(ACME, &["read"])?;
    let answer = admin.act(ACME, &disabled.id, "disable", &json!({}))?;
    ensure!(answer.status == 200, "{answer:?}");
    let of = |key, outcome| Use { key, outcome };
    let uses = vec![
        of(allowed, "allowed"),
        of(narrow, "insufficient_scope"),
        of(disabled, "disabled_key"),
    ];
    Ok((admin, uses))
}

/// Sends requests to an edge while `more` says so; gives back when each answer came.
fn load(
    edge: &Client,
    uses: &[Use],
    mut seed: usize,
    more: impl Fn() -> bool,
) -> Result<Vec<(usize, Instant)>> {
    let client = Client::new(edge.address());
    let mut answered = Vec::new();
    while more() {
        seed = seed.wrapping_mul(25_214_903_917).wrapping_add(11);
        let which = (seed >> 20) % uses.len();
        let used = &uses[which];
        let call = client
            .call("GET", "/authorize/forwarded")
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-uri", "/v1/catalogs/c1")
            .bearer(&used.key.secret);
        let answer = match call.send() {
            Ok(answer) => answer,
            // The edge was killed.
            Err(error) if katalo_rig::is_cut_off(&error) => break,
            Err(error) => return Err(error),
        };
        let code = answer.problem().unwrap_or_else(|| "allowed".to_owned());
        if code != used.outcome {
            bail!("{answer:?}");
        }
        answered.push((which, Instant::now()));
    }
    Ok(answered)
}

fn tally<'a>(uses: &[Use], answered: impl Iterator<Item = &'a (usize, Instant)>) -> Counts {
    let mut counts = Counts::new();
    for (which, _) in answered {
        let used = &uses[*which];
        let place = (used.key.id.clone(), "read".into(), used.outcome.into());
        *counts.entry(place).or_default() += 1;
    }
    counts
}

/// What the registry has counted of requests that ask for the scope `read`.
fn counted(admin: &Admin) -> Result<Counts> {
    let mut counts = Counts::new();
    let mut next = String::new();
    loop {
        let path = format!("/organizations/{ACME}/usage?limit=200{next}");
        let page = admin.call("GET", &path).send()?;
        ensure!(page.status == 200, "{page:?}");
        let page = page.json()?;
        for row in page["items"].as_array().into_iter().flatten() {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            if row["scope"] == "read" {
                let place = (text("key"), text("scope"), text("outcome"));
                *counts.entry(place).or_default() += row["count"].as_u64().unwrap_or_default();
            }
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return Ok(counts),
        }
    }
}

/// Every request is counted, once, though every answer to one edge's batches is
/// lost for as long as the load lasts, so that these are sent again.
/// `REQUESTS` sets the size of the load.
#[test]
fn usage_equals_the_clients_own_count() -> Result<()> {
    let requests = match std::env::var("REQUESTS") {
        Ok(text) => text.parse()?,
        Err(_) => 5_000,
    };
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, uses) = uses(&rig)?;
    for edge in 0..EDGES {
        for used in &uses {
            own_key(rig.edge(edge), &used.key.secret)?;
        }
    }
    let link = rig.link(Caller::Edge(0), Class::Registry);
    link.lose_answers()?;
    let left = AtomicUsize::new(requests);
    let more = || {
        let take = |left: usize| left.checked_sub(1);
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    };
    let answered = thread::scope(|scope| -> Result<Vec<_>> {
        let threads: Vec<_> = (0..2 * EDGES)
            .map(|number| {
                let (edge, uses, more) = (rig.edge(number % EDGES), &uses, &more);
                scope.spawn(move || load(edge, uses, number, more))
            })
            .collect();
        let mut answered = Vec::new();
        for thread in threads {
            answered.extend(thread.join().expect("the thread ends")?);
        }
        Ok(answered)
    })?;
    let own = tally(&uses, answered.iter());
    assert_eq!(own.values().sum::<u64>(), u64::try_from(requests)?);
    let ended = Instant::now();
    let before = link.calls()?.fetches;
    // The first sending of each batch is answered to nobody.
    while link.calls()?.fetches == before && ended.elapsed() < WINDOW * 2 {
        thread::sleep(Duration::from_millis(100));
    }
    link.heal()?;
    loop {
        // Of the platform's own edge, too: the administrator's calls go by there.
        let found = counted(&admin)?;
        for (place, count) in &found {
            assert!(
                own.get(place).is_some_and(|own| own >= count),
                "{place:?}: {count}"
            );
        }
        if found == own {
            break;
        }
        let late = ended.elapsed() > WINDOW * 3;
        assert!(!late, "{found:?} of {own:?}");
        thread::sleep(Duration::from_millis(200));
    }
    // What was sent again is not added again.
    thread::sleep(Duration::from_secs(5));
    assert_eq!(counted(&admin)?, own);
    say(format_args!("{requests} requests, all counted: {own:?}"));
    Ok(())
}

#[test]
fn an_isolate_that_is_killed_loses_what_it_had_not_flushed_and_no_more() -> Result<()> {
    let mut rig = Rig::builder().edges(EDGES).start()?;
    let (admin, uses) = uses(&rig)?;
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    let (answered, killed) = thread::scope(|scope| -> Result<_> {
        let threads: Vec<_> = (0..EDGES)
            .map(|number| {
                let client = rig.edge(number).clone();
                let (uses, stop) = (&uses, &stop);
                scope.spawn(move || {
                    load(&client, uses, number, || {
                        thread::sleep(Duration::from_millis(2));
                        !stop.load(Ordering::Relaxed)
                    })
                })
            })
            .collect();
        thread::sleep(Duration::from_secs(18).saturating_sub(began.elapsed()));
        let killed = Instant::now();
        rig.kill();
        stop.store(true, Ordering::Relaxed);
        let mut answered = Vec::new();
        for thread in threads {
            answered.extend(thread.join().expect("the thread ends")?);
        }
        Ok((answered, killed))
    })?;
    rig.start()?;
    let sent: u64 = tally(&uses, answered.iter()).values().sum();
    // A batch is on its way for a second at most.
    let safe = killed - WINDOW - Duration::from_secs(1);
    let flushed = answered.iter().filter(|(_, at)| *at < safe);
    let least: u64 = tally(&uses, flushed).values().sum();
    let found: u64 = counted(&admin)?.values().sum();
    say(format_args!(
        "{sent} answered, {least} of them before the last {WINDOW:?}; counted: {found}"
    ));
    assert!(least > 0);
    assert!(found >= least, "{found} of {least}");
    // A request may have been counted whose answer did not come through.
    assert!(found <= sent + u64::try_from(EDGES)?, "{found} of {sent}");
    assert!(found < sent, "nothing was lost: the kill shows nothing");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "figures for the docs")]
fn say(figures: std::fmt::Arguments<'_>) {
    println!("{figures}");
}
