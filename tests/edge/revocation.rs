//! Revoked means revoked, in the real runtime: several edges with a KV that
//! lags, loses and freezes, clients that never pause, administrators that take
//! rights away. No request that is sent after the acknowledgement is accepted.

use crate::{
    history::{Distribution, History, Span, Verdict, Verification, Violation, Withdrawal},
    support::{decision, until},
};
use anyhow::{Context, Result, bail, ensure};
use katalo_keys::random::Seeded;
use katalo_rig::{
    Admin, Answer, Builder, Caller, Class, Client, Issued, PATIENCE, Rig, is_cut_off,
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

pub(crate) const EDGES: usize = 3;

const BOUND_MS: u64 = 1_000;
const BOUND: Duration = Duration::from_millis(BOUND_MS);

/// A rig of so many edges and of this bound.
fn rig() -> Builder {
    Rig::builder()
        .edges(EDGES)
        .variable("FRESHNESS_BOUND_MS", BOUND_MS)
}

/// How much is done.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) administrators: usize,
    /// Clients of each edge.
    pub(crate) clients: usize,
    pub(crate) withdrawals: usize,
    pub(crate) verifications: usize,
    /// Of each client, between two requests.
    pub(crate) pause: Duration,
}

/// A few thousand verifications.
const SMALL: Size = Size {
    administrators: 6,
    clients: 2,
    withdrawals: 20,
    verifications: 3_000,
    pause: Duration::ZERO,
};

/// A key in use.
struct Hot {
    number: usize,
    secret: String,
    /// An edge that meets the key only once its first right is taken: it knows
    /// nothing but what KV says.
    late: usize,
    met: AtomicBool,
}

/// What clients and administrators share.
pub(crate) struct World {
    edges: Vec<Client>,
    admin: Admin,
    hot: RwLock<Vec<Arc<Hot>>>,
    history: Mutex<History>,
    numbers: AtomicUsize,
    done: AtomicUsize,
    /// Changes that were enforced.
    changed: AtomicUsize,
    verified: AtomicUsize,
    size: Size,
    stop: AtomicBool,
}

impl World {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || (self.done.load(Ordering::Relaxed) >= self.size.withdrawals
                && self.verified.load(Ordering::Relaxed) >= self.size.verifications)
    }

    fn note(&self, note: impl FnOnce(&mut History)) {
        note(&mut self.history.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A client of one edge: verifies, without a pause, keys drawn at random.
    fn verify(&self, edge: usize, mut chance: Seeded) -> Result<()> {
        let client = Client::new(self.edges[edge].address());
        let mut seen = Vec::new();
        let outcome = loop {
            let is_over = self.is_over();
            if is_over || seen.len() >= 50 {
                self.note(|history| history.verifications.append(&mut seen));
            }
            if is_over {
                break Ok(());
            }
            let key = {
                let hot = self.hot.read().unwrap_or_else(PoisonError::into_inner);
                let drawn = chance.below(hot.len() as u64);
                hot.get(usize::try_from(drawn)?)
                    .filter(|key| key.late != edge || key.met.load(Ordering::Relaxed))
                    .cloned()
            };
            let Some(key) = key else {
                thread::sleep(Duration::from_micros(200));
                continue;
            };
            // Through the gateway now and then; else without the upstream, which
            // is the rig's and not what is tested.
            let call = if chance.below(16) == 0 {
                client.call("GET", "/v1/catalogs/c1")
            } else {
                client
                    .call("GET", "/authorize/forwarded")
                    .header("x-forwarded-method", "GET")
                    .header("x-forwarded-uri", "/v1/catalogs/c1")
            };
            let call = call.bearer(&key.secret);
            thread::sleep(self.size.pause);
            let sent = Instant::now();
            let answer = match call.send() {
                Ok(answer) => answer,
                // Killed meanwhile: nobody decided anything.
                Err(error) if is_cut_off(&error) => continue,
                Err(error) => break Err(error),
            };
            let answered = Instant::now();
            let verdict = match (answer.status, answer.problem()) {
                (200, _) => Verdict::Accepted(decision(&answer)?.source),
                (401 | 403, Some(code)) => Verdict::Refused(code),
                (503, Some(code)) if code == "freshness_unavailable" => Verdict::Unproven,
                _ => break Err(anyhow::anyhow!("edge {edge}: {answer:?}")),
            };
            self.verified.fetch_add(1, Ordering::Relaxed);
            seen.push(Verification {
                key: key.number,
                edge,
                sent,
                answered,
                verdict,
            });
        };
        self.note(|history| history.verifications.append(&mut seen));
        outcome
    }

    /// Whether what is noted so far shows that a right was taken and still held. Of
    /// what was given back nothing can be said before the end.
    fn has_violations(&self) -> bool {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let violations = history.violations();
        violations.iter().any(|violation| violation.what != "given")
    }

    /// Calls until the change is enforced; whatever befalls the objects meanwhile.
    fn change(&self, call: impl Fn() -> Result<Answer>) -> Result<Span> {
        let called = Instant::now();
        loop {
            let answer = match call() {
                Ok(answer) => answer,
                Err(error) if is_cut_off(&error) && called.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(30));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let acknowledged = Instant::now();
            match answer.status {
                200 | 201 if answer.json()?["enforced"] == true => {
                    self.changed.fetch_add(1, Ordering::Relaxed);
                    return Ok(Span {
                        called,
                        acknowledged,
                    });
                }
                202 | 500.. => {}
                _ => bail!("{answer:?}"),
            }
            ensure!(called.elapsed() < PATIENCE, "never enforced: {answer:?}");
            thread::sleep(Duration::from_millis(30));
        }
    }

    fn issue(&self, organization: &str) -> Result<(Issued, Arc<Hot>)> {
        let began = Instant::now();
        let issued = loop {
            match self.admin.issue_live(organization, &["read", "usage"]) {
                Ok(issued) => break issued,
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(30)),
            }
        };
        let at = Instant::now();
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let hot = Arc::new(Hot {
            number,
            secret: issued.secret.clone(),
            late: number % (EDGES + 1),
            met: AtomicBool::new(false),
        });
        self.note(|history| {
            history.issued.insert(number, at);
        });
        let mut all = self.hot.write().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(&hot));
        Ok((issued, hot))
    }

    /// An administrator of one organization: takes rights away, one after the
    /// other, and gives some back.
    fn administrate(&self, number: usize) -> Result<()> {
        let organization = format!("org-{number}");
        let of = |path: &str| format!("/organizations/{organization}{path}");
        let access = |to: &str| {
            let body = json!({ "name": "n", "api_access": to });
            self.admin.put_organization(&organization, &body)
        };
        self.change(|| access("enabled"))?;
        let mut keys: Vec<(Issued, Arc<Hot>)> = Vec::new();
        for turn in number.. {
            if self.is_over() {
                break;
            }
            while keys.len() < 2 {
                keys.push(self.issue(&organization)?);
            }
            thread::sleep(Duration::from_millis(150));
            let key = &keys[turn % 2].0.id;
            let act = |act: &str| {
                let body = json!({});
                self.admin.act(&organization, key, act, &body)
            };
            let patch = |scopes: &[&str]| {
                let body = json!({ "scopes": scopes });
                self.admin
                    .call("PATCH", &of(&format!("/keys/{key}")))
                    .json(&body)
                    .send()
            };
            let (what, all, taken) = match turn % 6 {
                0 => ("disable", false, self.change(|| act("disable"))?),
                1 => (
                    "revoke",
                    false,
                    self.change(|| self.admin.revoke(&organization, key))?,
                ),
                2 => ("scope cut", false, self.change(|| patch(&["usage"]))?),
                3 => ("access off", true, self.change(|| access("disabled"))?),
                4 => (
                    "revoke",
                    false,
                    self.change(|| self.admin.revoke(&organization, key))?,
                ),
                _ => {
                    let body = json!({ "reason": "key_compromise" });
                    let call = || {
                        self.admin
                            .call("POST", &of("/revoke-all"))
                            .json(&body)
                            .send()
                    };
                    ("revoke-all", true, self.change(call)?)
                }
            };
            let hit: Vec<_> = keys
                .iter()
                .filter(|(issued, _)| all || issued.id == *key)
                .map(|(_, hot)| Arc::clone(hot))
                .collect();
            for hot in &hit {
                hot.met.store(true, Ordering::Relaxed);
            }
            thread::sleep(Duration::from_millis(250));
            let given_back = match turn % 6 {
                0 => Some(self.change(|| act("enable"))?),
                2 => Some(self.change(|| patch(&["read", "usage"]))?),
                3 => Some(self.change(|| access("enabled"))?),
                _ => None,
            };
            if given_back.is_none() {
                let is_hit = |hot: &Arc<Hot>| hit.iter().any(|key| key.number == hot.number);
                keys.retain(|(_, hot)| !is_hit(hot));
                let mut hot = self.hot.write().unwrap_or_else(PoisonError::into_inner);
                hot.retain(|hot| !is_hit(hot));
            }
            self.note(|history| {
                history.withdrawals.push(Withdrawal {
                    what,
                    keys: hit.iter().map(|hot| hot.number).collect(),
                    taken,
                    given_back,
                });
            });
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Lets clients and administrators at the rig until enough is done, and
/// `meddle` meanwhile, again and again.
pub(crate) fn run(
    mut rig: Rig,
    size: Size,
    meddle: impl Fn(&mut Rig, &World, Duration) -> Result<()>,
) -> Result<History> {
    for (edge, kv) in (0..EDGES).map(|edge| (edge, rig.kv().edge(edge))) {
        match edge {
            0 => kv.lag(Duration::from_secs(3_600)),
            1 => kv.never_update(true),
            _ => kv.cache(Duration::from_secs(3_600)),
        }
    }
    let admin = rig.bootstrap()?;
    // A log that has just begun waits longer with its first change, and says at
    // the next event that it need not any more.
    admin.organization("first")?;
    admin.put_organization("first", &json!({ "name": "n", "api_access": "disabled" }))?;
    until("it waits for the bound", || {
        let status = admin.call("GET", "/status").send()?.json()?;
        Ok(status["change_log"]["wait_for_ms"] == status["freshness_bound_ms"])
    })?;
    let world = World {
        edges: (0..EDGES).map(|edge| rig.edge(edge).clone()).collect(),
        admin,
        hot: RwLock::default(),
        history: Mutex::default(),
        numbers: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        changed: AtomicUsize::new(0),
        verified: AtomicUsize::new(0),
        size,
        stop: AtomicBool::new(false),
    };
    let world = &world;
    let began = Instant::now();
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 0..size.administrators {
            threads.push(scope.spawn(move || world.administrate(number)));
        }
        for number in 0..size.clients * EDGES {
            let chance = Seeded(number as u64);
            threads.push(scope.spawn(move || world.verify(number % EDGES, chance)));
        }
        let mut outcome = Ok(());
        while threads.iter().any(|thread| !thread.is_finished()) {
            let failed = threads.len() - threads.iter().filter(|t| !t.is_finished()).count();
            if outcome.is_ok() && !world.is_over() && failed == 0 {
                outcome = meddle(&mut rig, world, began.elapsed());
            }
            if outcome.is_err() || failed > 0 {
                world.stop.store(true, Ordering::Relaxed);
            }
            thread::sleep(Duration::from_millis(20));
        }
        for thread in threads {
            outcome = outcome.and(thread.join().expect("the thread ends"));
        }
        outcome
    })
    .with_context(|| rig.log().unwrap_or_default())?;
    let log = rig.log()?;
    ensure!(
        !log.contains("\"event\":\"trap\""),
        "the crate trapped:\n{log}"
    );
    Ok(std::mem::take(
        &mut *world.history.lock().unwrap_or_else(PoisonError::into_inner),
    ))
}

/// Nothing was violated, and enough was done for that to mean something.
pub(crate) fn holds(history: &History, size: Size) {
    say(history);
    let violations = history.violations();
    assert!(
        violations.is_empty(),
        "{} violations, as {:?}",
        violations.len(),
        violations.first()
    );
    assert!(history.withdrawals.len() >= size.withdrawals);
    assert!(history.verifications.len() >= size.verifications);
    let accepted =
        |verification: &&Verification| matches!(verification.verdict, Verdict::Accepted(_));
    assert!(history.verifications.iter().filter(accepted).count() > size.verifications / 10);
}

#[expect(clippy::print_stdout, reason = "figures for the docs")]
pub(crate) fn say(history: &History) {
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    for verification in &history.verifications {
        *verdicts
            .entry(format!("{:?}", verification.verdict))
            .or_default() += 1;
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for withdrawal in &history.withdrawals {
        *kinds.entry(withdrawal.what).or_default() += 1;
    }
    let took = history.verifications.iter().map(|v| v.answered - v.sent);
    println!("verifications: {}", history.verifications.len());
    println!("  by verdict: {verdicts:?}");
    println!("  took: {}", Distribution::of(took.collect()));
    println!("withdrawals: {} {kinds:?}", history.withdrawals.len());
    println!("  took: {}", Distribution::of(history.calls()));
    println!(
        "  from the call's start to the last acceptance: {}",
        Distribution::of(history.last_acceptances())
    );
    println!("violations: {}", history.violations().len());
}

#[test]
fn no_request_after_the_acknowledgement_is_accepted() -> Result<()> {
    let rig = rig().start()?;
    let history = run(rig, SMALL, |_, _, _| Ok(()))?;
    holds(&history, SMALL);
    Ok(())
}

/// `WITHDRAWALS` and `VERIFICATIONS` at least.
fn at_length() -> Result<Size> {
    let number = |name: &str, default: usize| {
        std::env::var(name).map_or(Ok(default), |text| text.parse().context("not a number"))
    };
    Ok(Size {
        administrators: 6,
        clients: 4,
        withdrawals: number("WITHDRAWALS", 250)?,
        verifications: number("VERIFICATIONS", 100_000)?,
        pause: Duration::ZERO,
    })
}

/// The same at length: `cargo nextest run -p katalo-edge-tests --run-ignored only
/// --no-capture at_length`.
#[test]
#[ignore = "takes minutes"]
fn no_request_after_the_acknowledgement_is_accepted_at_length() -> Result<()> {
    let size = at_length()?;
    let rig = rig().start()?;
    let history = run(rig, size, |_, _, _| Ok(()))?;
    holds(&history, size);
    Ok(())
}

/// The same, while objects and edges are killed and one edge after the other is cut off:
/// `cargo nextest run -p katalo-edge-tests --run-ignored only --no-capture whatever_dies`.
#[test]
#[ignore = "takes minutes"]
fn no_request_after_the_acknowledgement_is_accepted_whatever_dies() -> Result<()> {
    let size = at_length()?;
    let rig = rig().objects_apart().start()?;
    let round = AtomicUsize::new(0);
    let history = run(rig, size, |rig, world, _| {
        let round = round.fetch_add(1, Ordering::Relaxed);
        let all = [Class::Relay, Class::ChangeLog, Class::Registry];
        match round % 4 {
            0 => {
                rig.kill_objects();
                thread::sleep(Duration::from_millis(60));
                rig.start_objects()?;
            }
            1 => {
                rig.kill_edges();
                thread::sleep(Duration::from_millis(60));
                rig.start_edges()?;
            }
            _ => {
                for class in all {
                    rig.link(Caller::Edge(round % EDGES), class).hang()?;
                }
                thread::sleep(Duration::from_millis(1_500));
                for class in all {
                    rig.link(Caller::Edge(round % EDGES), class).heal()?;
                }
            }
        }
        let enough = world.changed.load(Ordering::Relaxed) + 2 * size.administrators;
        until("changes come through", || {
            Ok(world.is_over() || world.changed.load(Ordering::Relaxed) >= enough)
        })
    })?;
    holds(&history, size);
    Ok(())
}

#[test]
fn nor_with_a_kv_that_is_frozen_for_good() -> Result<()> {
    let rig = rig().start()?;
    let frozen = AtomicBool::new(false);
    let history = run(rig, SMALL, |rig, world, _| {
        let has_begun = world.done.load(Ordering::Relaxed) >= SMALL.withdrawals / 4;
        if has_begun && !frozen.swap(true, Ordering::Relaxed) {
            for edge in 0..EDGES {
                let kv = rig.kv().edge(edge);
                kv.lag(Duration::ZERO);
                kv.cache(Duration::ZERO);
                kv.never_update(false);
                kv.freeze();
            }
        }
        Ok(())
    })?;
    holds(&history, SMALL);
    Ok(())
}

#[test]
fn nor_when_relays_are_cut_off_and_come_back() -> Result<()> {
    let rig = rig().start()?;
    let history = run(rig, SMALL, |rig, _, passed| {
        // One edge after the other loses its relays, each in its own way; from
        // time to time all do, and the relays lose the log.
        let round = usize::try_from(passed.as_millis() / 700)?;
        for edge in 0..EDGES {
            let link = rig.link(Caller::Edge(edge), Class::Relay);
            match (round + edge) % 5 {
                0 => link.refuse()?,
                1 => link.hang()?,
                2 => link.lose_answers()?,
                3 => link.slow(Duration::from_millis(120))?,
                _ => link.heal()?,
            }
        }
        let log = rig.link(Caller::Object(Class::Relay), Class::ChangeLog);
        if round % 4 == 3 {
            log.refuse()?;
        } else {
            log.heal()?;
        }
        thread::sleep(Duration::from_millis(200));
        Ok(())
    })?;
    holds(&history, SMALL);
    Ok(())
}

#[test]
fn nor_when_the_change_log_is_killed_while_it_appends() -> Result<()> {
    let rig = rig().objects_apart().start()?;
    let round = AtomicUsize::new(0);
    let size = Size {
        withdrawals: 14,
        ..SMALL
    };
    let history = run(rig, size, |rig, world, _| {
        // Appends hang in the middle: carried out, their answers held or lost.
        let round = round.fetch_add(1, Ordering::Relaxed);
        let log = rig.link(Caller::Object(Class::Registry), Class::ChangeLog);
        match round % 3 {
            0 => log.lose_answers()?,
            1 => log.slow(Duration::from_millis(300))?,
            _ => {}
        }
        thread::sleep(Duration::from_millis(250 + 130 * u64::try_from(round % 5)?));
        rig.kill_objects();
        thread::sleep(Duration::from_millis(60));
        rig.start_objects()?;
        // Not again before some changes have come through.
        let enough = world.changed.load(Ordering::Relaxed) + size.administrators;
        until("changes come through", || {
            Ok(world.is_over() || world.changed.load(Ordering::Relaxed) >= enough)
        })
    })?;
    holds(&history, size);
    Ok(())
}

// The proof can fail. Each of these leaves a step of the protocol out, at one
// edge or for all, and must be found out.

/// What is found where `meddle` breaks the protocol, however long that takes.
fn found_out(meddle: impl Fn(&Rig) -> Result<()>) -> Result<Vec<Violation>> {
    let rig = rig().start()?;
    let size = Size {
        withdrawals: usize::MAX,
        ..SMALL
    };
    // Not before all is under way, and anew from time to time: an answer that is
    // repeated for ever may be one that nobody takes.
    let next = AtomicUsize::new(1);
    let history = run(rig, size, |rig, world, passed| {
        let done = world.done.load(Ordering::Relaxed);
        if done >= next.load(Ordering::Relaxed) {
            next.store(done + 2 * size.administrators, Ordering::Relaxed);
            meddle(rig)?;
        }
        if world.has_violations() || passed > PATIENCE {
            world.stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    })?;
    say(&history);
    let violations = history.violations();
    assert!(!violations.is_empty());
    Ok(violations)
}

#[test]
fn a_relay_that_lies_is_found_out() -> Result<()> {
    let violations = found_out(|rig| rig.link(Caller::Edge(0), Class::Relay).replay())?;
    for violation in violations {
        assert_eq!(violation.edge, 0, "{violation:?}");
    }
    Ok(())
}

#[test]
fn a_change_that_is_not_waited_for_is_found_out() -> Result<()> {
    let violations = found_out(|rig| {
        rig.link(Caller::Object(Class::Registry), Class::ChangeLog)
            .forge("wait_ms", 0)
    })?;
    for violation in violations {
        assert!(violation.after < BOUND, "{violation:?}");
    }
    Ok(())
}

#[test]
fn a_confirmation_that_nobody_gave_is_found_out() -> Result<()> {
    let violations = found_out(|rig| {
        // The log says that all are past whatever was appended …
        rig.link(Caller::Object(Class::Registry), Class::ChangeLog)
            .forge("seq", 1 << 50)?;
        // … while one edge hears of it late.
        rig.link(Caller::Edge(0), Class::Relay)
            .slow_both_ways(Duration::from_millis(100))
    })?;
    for violation in violations {
        assert!(violation.after < BOUND, "{violation:?}");
    }
    Ok(())
}

// The edge whose KV never shows a change takes every record as it is.
#[test]
fn a_record_of_kv_that_need_not_be_current_is_found_out() -> Result<()> {
    let violations = found_out(|rig| rig.link(Caller::Edge(1), Class::Relay).forge("revision", 0))?;
    for violation in violations {
        assert_eq!(violation.edge, 1, "{violation:?}");
    }
    Ok(())
}
