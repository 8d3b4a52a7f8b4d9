//! Many administrators at once on one organization, and a crash among them.

use crate::{
    acts::{self, Acts},
    support::{ACME, until},
};
use anyhow::{Context, Result, ensure};
use katalo_rig::{Admin, Client, Rig};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

const ADMINISTRATORS: usize = 50;
/// Acknowledged acts before the crash.
const ACTS: usize = 500;

/// What all of them share.
#[derive(Default)]
struct Office {
    acts: Acts,
    stop: AtomicBool,
    /// Increments of the shared key's count that were acknowledged, and sent.
    counted: AtomicUsize,
    attempted: AtomicUsize,
    /// Keys whose issue was acknowledged, with the state they were left in.
    left: Mutex<BTreeMap<String, &'static str>>,
}

impl Office {
    /// One administrator at work until the crash ends it.
    fn work(&self, admin: &Admin, shared: &str, number: usize) -> Result<()> {
        let path = |key: &str| format!("/organizations/{ACME}/keys/{key}");
        for turn in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            // Read, add one, write back: nobody may write in between.
            let read = admin.call("GET", &path(shared)).send()?;
            ensure!(read.status == 200, "{read:?}");
            let read = read.json()?;
            let count = read["metadata"]["count"].as_u64().context("a count")?;
            let patch = json!({ "metadata": { "count": count + 1 }, "wait": false });
            self.attempted.fetch_add(1, Ordering::Relaxed);
            let answer = self.acts.send(
                admin
                    .call("PATCH", &path(shared))
                    .header("if-match", &format!("\"{}\"", read["revision"]))
                    .json(&patch),
            )?;
            match answer.status {
                200 | 202 => {
                    self.counted.fetch_add(1, Ordering::Relaxed);
                }
                412 => {}
                _ => anyhow::bail!("{answer:?}"),
            }
            // A request that is repeated issues nothing more.
            let name = format!("of {number}, {turn}");
            let body = json!({ "name": name, "environment": "live", "scopes": ["read"] });
            let issue = || {
                admin
                    .call("POST", &format!("/organizations/{ACME}/keys"))
                    .header("idempotency-key", &format!("key-{number}-{turn}"))
                    .json(&body)
            };
            let issued = self.acts.send(issue())?;
            ensure!(issued.status == 201, "{issued:?}");
            let id = issued.json()?["key"]["id"]
                .as_str()
                .context("an id")?
                .to_owned();
            self.leave(&id, "active");
            let again = issue().send()?;
            ensure!(again.status == 409, "{again:?}");
            ensure!(again.text().contains(&id), "{again:?}");
            let (act, state, body) = match turn % 3 {
                0 => ("disable", "disabled", json!({ "wait": false })),
                1 => (
                    "revoke",
                    "revoked",
                    json!({ "reason": "superseded", "wait": false }),
                ),
                _ => continue,
            };
            let order = admin
                .call("POST", &format!("{}/{act}", path(&id)))
                .json(&body);
            let answer = self.acts.send(order)?;
            ensure!(matches!(answer.status, 200 | 202), "{answer:?}");
            self.leave(&id, state);
        }
        Ok(())
    }

    fn leave(&self, key: &str, state: &'static str) {
        let mut left = self.left.lock().expect("nobody panicked");
        left.insert(key.to_owned(), state);
    }
}

#[test]
fn fifty_at_once_undo_nothing_of_each_others_and_a_crash_nothing_that_was_acknowledged()
-> Result<()> {
    let mut rig = Rig::builder().start()?;
    let admin = rig.bootstrap()?;
    admin.organization(ACME)?;
    let body = json!({
        "name": "shared", "environment": "live", "scopes": ["read"], "metadata": { "count": 0 },
    });
    let shared = admin.issue(ACME, &body)?;
    let office = Office::default();
    thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..ADMINISTRATORS)
            .map(|number| {
                let (office, shared) = (&office, &shared.id);
                let admin = Admin::new(Client::new(rig.edge(0).address()), admin.key());
                scope.spawn(move || office.work(&admin, shared, number))
            })
            .collect();
        until("so much is done, or somebody has failed", || {
            Ok(office.acts.count() >= ACTS
                || threads.iter().any(thread::ScopedJoinHandle::is_finished))
        })?;
        let early = threads.iter().filter(|thread| thread.is_finished()).count();
        rig.kill();
        office.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for thread in threads {
            failures.extend(thread.join().expect("the thread ends").err());
        }
        // What the crash ended is no answer; an answer that is wrong is.
        ensure!(early == 0, "before the crash: {failures:?}");
        let wrong = failures
            .iter()
            .find(|failure| !katalo_rig::is_cut_off(failure));
        ensure!(wrong.is_none(), "{wrong:?}");
        Ok(())
    })?;
    rig.start()?;

    let acknowledged = office.acts.count();
    ensure!(acknowledged >= ACTS, "{acknowledged}");
    let audit = acts::audit(&admin, ACME)?;
    office.acts.check(&audit)?;

    // No update was lost: each took the count up from where the one before left it.
    let mut count = 0;
    for entry in audit.iter().filter(|entry| {
        entry["action"] == "key.change" && entry["subject"]["id"] == shared.id.as_str()
    }) {
        assert_eq!(
            entry["before"]["metadata"]["count"],
            json!(count),
            "{entry}"
        );
        count += 1;
        assert_eq!(entry["after"]["metadata"]["count"], json!(count), "{entry}");
    }
    let keys = acts::keys(&admin, ACME)?;
    let by_id: BTreeMap<&str, &Value> = keys
        .iter()
        .filter_map(|key| Some((key["id"].as_str()?, key)))
        .collect();
    assert_eq!(by_id[shared.id.as_str()]["metadata"]["count"], json!(count));
    let counted = office.counted.load(Ordering::Relaxed);
    assert!(
        counted <= count && count <= counted + ADMINISTRATORS,
        "{counted} {count}"
    );
    assert!(
        office.attempted.load(Ordering::Relaxed) > count,
        "nobody met anybody"
    );

    // Nothing is there twice.
    assert_eq!(by_id.len(), keys.len());
    let names: BTreeSet<_> = keys.iter().map(|key| key["name"].to_string()).collect();
    assert_eq!(names.len(), keys.len());
    let issues = audit.iter().filter(|entry| entry["action"] == "key.issue");
    assert_eq!(issues.count(), keys.len());

    // What was acknowledged is so; what was in doubt may have gone one step on.
    let left = office.left.into_inner().expect("nobody panicked");
    let mut ahead = 0;
    for (id, state) in &left {
        let found = by_id
            .get(id.as_str())
            .with_context(|| format!("{id} is lost"))?;
        if found["state"] != *state {
            assert_eq!(*state, "active", "{found}");
            ahead += 1;
        }
    }
    assert!(ahead <= ADMINISTRATORS, "{ahead}");
    Ok(())
}
