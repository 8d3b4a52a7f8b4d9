//! Counts of use, held against the client's own.

use crate::support::{ACME, acme, own_key, until};
use anyhow::{Result, bail, ensure};
use katalo_keys::random::Seeded;
use katalo_rig::{Admin, Caller, Class, Client, Issued, Rig};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

const EDGES: usize = 3;

/// For how long counts wait in an isolate, as the docs state it.
const WINDOW: Duration = Duration::from_secs(10);
/// After how long a batch is sent again that was not answered.
const AGAIN: Duration = Duration::from_secs(2);

/// Requests by key, scope and outcome.
type Counts = BTreeMap<(String, String, String), u64>;

/// One of three keys and what comes of using it.
struct Use {
    key: Issued,
    outcome: &'static str,
}

/// A key that may, one that lacks the scope, and one that is disabled; all are
/// known to every edge.
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
    for edge in 0..EDGES {
        for used in &uses {
            own_key(rig.edge(edge), &used.key.secret)?;
        }
    }
    Ok((admin, uses))
}

/// Sends requests to an edge while some are `left`; gives back by which key.
fn load(edge: &Client, uses: &[Use], mut chance: Seeded, left: &AtomicUsize) -> Result<Vec<usize>> {
    let client = Client::new(edge.address());
    let mut answered = Vec::new();
    let more = |left: usize| left.checked_sub(1);
    while (left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)).is_ok() {
        let which = usize::try_from(chance.below(uses.len() as u64))?;
        let used = &uses[which];
        let call = client
            .call("GET", "/authorize/forwarded")
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-uri", "/v1/catalogs/c1")
            .bearer(&used.key.secret);
        let answer = call.send()?;
        let code = answer.problem().unwrap_or_else(|| "allowed".to_owned());
        if code != used.outcome {
            bail!("{answer:?}");
        }
        answered.push(which);
    }
    Ok(answered)
}

/// Sends so many requests to all edges at once; gives back how many of each there were.
fn load_all(rig: &Rig, uses: &[Use], requests: usize) -> Result<Counts> {
    let left = &AtomicUsize::new(requests);
    let mut counts = Counts::new();
    let answered = thread::scope(|scope| -> Result<Vec<_>> {
        let threads: Vec<_> = (0..2 * EDGES)
            .map(|number| {
                let edge = rig.edge(number % EDGES);
                scope.spawn(move || load(edge, uses, Seeded(number as u64), left))
            })
            .collect();
        let mut answered = Vec::new();
        for thread in threads {
            answered.extend(thread.join().expect("the thread ends")?);
        }
        Ok(answered)
    })?;
    for which in answered {
        let used = &uses[which];
        let place = (used.key.id.clone(), "read".into(), used.outcome.into());
        *counts.entry(place).or_default() += 1;
    }
    Ok(counts)
}

/// So much time passes at every edge.
fn pass(rig: &Rig, time: Duration) -> Result<()> {
    (0..EDGES).try_for_each(|edge| rig.clock(edge).pass(time))
}

/// Waits until all of these are counted, and at no time more.
fn until_counted(admin: &Admin, own: &Counts) -> Result<()> {
    until("all are counted", || {
        let found = counted(admin)?;
        for (place, count) in &found {
            assert!(
                own.get(place).is_some_and(|own| own >= count),
                "{place:?}: {count}"
            );
        }
        Ok(found == *own)
    })
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
    let link = rig.link(Caller::Edge(0), Class::Registry);
    link.lose_answers()?;
    let own = load_all(&rig, &uses, requests)?;
    assert_eq!(own.values().sum::<u64>(), u64::try_from(requests)?);
    let before = link.calls()?.fetches;
    pass(&rig, WINDOW)?;
    // The first sending of each batch is answered to nobody.
    link.wait_for(before + 1)?;
    link.heal()?;
    pass(&rig, AGAIN)?;
    link.wait_for(before + 2)?;
    // Of the platform's own edge, too: the administrator's calls go by there.
    until_counted(&admin, &own)?;
    // What was sent again is not added again.
    pass(&rig, WINDOW)?;
    assert_eq!(counted(&admin)?, own);
    say(format_args!("{requests} requests, all counted: {own:?}"));
    Ok(())
}

#[test]
fn an_isolate_that_is_killed_loses_what_it_had_not_flushed_and_no_more() -> Result<()> {
    let mut rig = Rig::builder().edges(EDGES).start()?;
    let (admin, uses) = uses(&rig)?;
    // So that nothing is flushed but when this says so.
    for edge in 0..EDGES {
        rig.clock(edge).go_slowly()?;
    }
    let flushed = load_all(&rig, &uses, 300)?;
    pass(&rig, WINDOW)?;
    until_counted(&admin, &flushed)?;
    let lost = load_all(&rig, &uses, 300)?;
    rig.kill();
    rig.start()?;
    assert_eq!(counted(&admin)?, flushed);
    assert_eq!(lost.values().sum::<u64>(), 300);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "figures for the docs")]
fn say(figures: std::fmt::Arguments<'_>) {
    println!("{figures}");
}
