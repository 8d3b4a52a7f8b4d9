//! What strangers may send to the admin routes, and what each of it costs: calls of
//! registries and reads of Workers KV, counted while they flood `_platform`.

use crate::support::{
    ACME, acme, assert_problem, enforced, forged_id, kv_names, make_cold, until, wrong_secret,
};
use anyhow::{Context, Result, ensure};
use katalo_rig::{Admin, Answer, Call, Caller, Class, Client, Issued, Rig};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const PATH: &str = "/admin/v1/organizations";
/// Threads that send, and what each sends.
const SENDERS: usize = 8;
const EACH: usize = 50;
/// Edges tell of failed attempts no sooner than this after the first.
const FLUSH: u64 = 10;
/// Reads of one session under way from an isolate, and for how many seconds one that
/// is over is remembered.
const SESSION_READS: u64 = 16;
const OVER_FOR: u64 = 5;

/// Calls of registries by either plane, and their reads of KV.
fn spent(rig: &Rig) -> Result<(u64, u64)> {
    let calls = |caller| anyhow::Ok(rig.link(caller, Class::Registry).calls()?.fetches);
    let by_edge = (calls(Caller::Edge(0))?, rig.kv().edge(0).counts().reads);
    if !rig.has_two_workers() {
        return Ok(by_edge);
    }
    Ok((
        by_edge.0 + calls(Caller::Control)?,
        by_edge.1 + rig.kv().objects().counts().reads,
    ))
}

/// Sends the same from all threads at once; the answers by status and problem.
fn flood(
    rig: &Rig,
    call: impl for<'c> Fn(&'c Client) -> Call<'c> + Sync,
) -> Result<BTreeMap<(u16, String), usize>> {
    let send = || -> Result<Vec<Answer>> {
        let client = Client::new(rig.edge(0).address());
        (0..EACH).map(|_| call(&client).send()).collect()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
        let mut all = BTreeMap::new();
        for thread in threads {
            for answer in thread.join().expect("the thread ends")? {
                let problem = answer.problem().unwrap_or_default();
                *all.entry((answer.status, problem)).or_default() += 1;
            }
        }
        Ok(all)
    })
}

/// What a flood of this costs, all of which is answered alike.
fn cost(
    rig: &Rig,
    status: u16,
    problem: &str,
    call: impl for<'c> Fn(&'c Client) -> Call<'c> + Sync,
) -> Result<(u64, u64)> {
    let before = spent(rig)?;
    let answers = flood(rig, call)?;
    let expected = BTreeMap::from([((status, problem.to_owned()), SENDERS * EACH)]);
    ensure!(answers == expected, "{answers:?}");
    let after = spent(rig)?;
    Ok((after.0 - before.0, after.1 - before.1))
}

fn issued(admin: &Admin) -> Issued {
    let id = admin.key().split_once('.').expect("a presented key").0;
    Issued {
        id: id.to_owned(),
        secret: admin.key().to_owned(),
        key: Value::Null,
    }
}

fn until_admin_in_kv(rig: &Rig, admin: &Admin) -> Result<()> {
    let (key, _) = kv_names(&issued(admin));
    until("KV has the admin key", || {
        Ok(rig.kv().value(&key).is_some())
    })
}

fn sign_in(edge: &Client, key: &str, address: &str) -> Result<(String, String)> {
    let answer = edge
        .call("POST", "/admin/v1/session")
        .header("cf-connecting-ip", address)
        .json(&json!({ "key": key }))
        .send()?;
    ensure!(answer.status == 201, "{answer:?}");
    let cookie = answer.header("set-cookie").context("a cookie")?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let csrf = answer.json()?["csrf_token"]
        .as_str()
        .context("a token")?
        .to_owned();
    Ok((cookie, csrf))
}

/// A call of the dashboard's.
fn by_cookie<'c>(edge: &'c Client, method: &str, path: &str, cookie: &str) -> Call<'c> {
    edge.call(method, path).header("cookie", cookie)
}

fn sign_out(edge: &Client, cookie: &str, csrf: &str, address: &str) -> Result<Answer> {
    let origin = format!("http://{}", edge.address());
    by_cookie(edge, "DELETE", "/admin/v1/session", cookie)
        .header("cf-connecting-ip", address)
        .header("origin", &origin)
        .header("x-csrf-token", csrf)
        .send()
}

#[test]
fn what_strangers_send_to_the_admin_routes_loads_no_registry() -> Result<()> {
    let rig = Rig::builder().variable("FRESHNESS_BOUND_MS", 200).start()?;
    let (admin, key) = acme(&rig)?;
    let (cookie, csrf) = sign_in(rig.edge(0), admin.key(), "")?;
    until_admin_in_kv(&rig, &admin)?;
    make_cold(rig.edge(0))?;

    // Nothing at all, not even later.
    let forged = forged_id(admin.key());
    let before = spent(&rig)?;
    assert_eq!(
        cost(&rig, 401, "invalid_key", |edge| edge
            .call("GET", PATH)
            .bearer(&forged))?,
        (0, 0)
    );
    let made_up = format!("__Host-katalo-session={}", "0123456789abcdef".repeat(4));
    let by_made_up = |edge: &Client, path| by_cookie(edge, "GET", path, &made_up).send();
    for path in [PATH, "/admin/v1/session"] {
        let cost = cost(&rig, 401, "missing_credentials", |edge| {
            edge.call("GET", path).header("cookie", &made_up)
        })?;
        assert_eq!(cost, (0, 0));
        assert_problem(&by_made_up(rig.edge(0), path)?, 401, "missing_credentials");
    }
    rig.clock(0).pass(Duration::from_secs(FLUSH + 1))?;
    thread::sleep(Duration::from_secs(1));
    assert_eq!(spent(&rig)?, before, "nobody is told");

    // From here on failures are told, a batch at a time.
    let began = Instant::now();
    let flushes = || 1 + began.elapsed().as_secs() / FLUSH;
    for key in [key.secret.clone(), wrong_secret(&key.secret)] {
        let (calls, reads) = cost(&rig, 403, "wrong_environment", |edge| {
            edge.call("GET", PATH).bearer(&key)
        })?;
        assert!(calls <= flushes() && reads == 0, "{calls} {reads}");
    }
    let wrong = wrong_secret(admin.key());
    let (calls, reads) = cost(&rig, 401, "invalid_key", |edge| {
        edge.call("GET", PATH).bearer(&wrong)
    })?;
    // A control plane of its own keeps what it knows where an edge was made cold.
    let least = u64::from(!rig.has_two_workers());
    assert!(
        calls <= flushes() && (least..=1).contains(&reads),
        "{calls} {reads}"
    );

    // A token of somebody who was signed in.
    assert_eq!(sign_out(rig.edge(0), &cookie, &csrf, "")?.status, 204);
    make_cold(rig.edge(0))?;
    let began_over = Instant::now();
    let (calls, reads) = cost(&rig, 401, "missing_credentials", |edge| {
        edge.call("GET", PATH).header("cookie", &cookie)
    })?;
    let bound = SESSION_READS * (1 + began_over.elapsed().as_secs() / OVER_FOR);
    assert!(calls <= bound + flushes() && reads == 0, "{calls} {reads}");

    // A key that is revoked, and whose secret is known.
    let leaked = admin.rotate("_platform", &issued(&admin).id, 60)?;
    let admin = Admin::new(rig.edge(0).clone(), &leaked.secret);
    let order = json!({ "name": "leaked", "environment": "admin", "scopes": ["status:read"] });
    let leaked = admin.issue("_platform", &order)?;
    enforced(admin.revoke("_platform", &leaked.id));
    let before = spent(&rig)?.0;
    let first = rig
        .edge(0)
        .call("GET", PATH)
        .bearer(&leaked.secret)
        .send()?;
    assert_problem(&first, 401, "revoked_key");
    let (calls, reads) = cost(&rig, 401, "revoked_key", |edge| {
        edge.call("GET", PATH).bearer(&leaked.secret)
    })?;
    assert!(calls <= flushes() && reads == 0, "{calls} {reads}");
    println!(
        "{} requests of a revoked admin key: {} calls",
        SENDERS * EACH + 1,
        spent(&rig)?.0 - before
    );
    Ok(())
}

/// Anybody can send preflights, from any origin: `_platform` is told of some, at once.
#[test]
fn a_flood_of_preflights_is_told_in_one_message() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, _) = acme(&rig)?;
    // None is told before this says so.
    rig.clock(0).go_slowly()?;
    let before = spent(&rig)?.0;
    for number in 0..100 {
        let call = rig.edge(0).call("OPTIONS", "/v1/key");
        let answer = call
            .header("origin", &format!("https://{number}.example"))
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
            .send()?;
        assert_problem(&answer, 403, "browser_call_refused");
    }
    assert_eq!(spent(&rig)?.0, before);
    rig.clock(0).pass(Duration::from_secs(FLUSH))?;
    until("they are told", || Ok(spent(&rig)?.0 > before))?;
    assert_eq!(spent(&rig)?.0, before + 1);
    until("some are on record", || {
        let status = admin.call("GET", "/status").send()?.json()?;
        let told = status["platform"]["preflights"].as_array();
        Ok(told.is_some_and(|told| told.len() == 16))
    })
}

/// Every attempt is in the audit, in a few entries.
#[test]
fn failed_attempts_are_counted_and_told_in_batches() -> Result<()> {
    let rig = Rig::builder().variable("FRESHNESS_BOUND_MS", 200).start()?;
    let (admin, key) = acme(&rig)?;
    let secret = &key.secret;
    let at_key = format!("{PATH}/demo/keys/{secret}");
    let wrong = wrong_secret(admin.key());
    // None is told before this says so.
    rig.clock(0).go_slowly()?;
    for (status, problem, bearer) in [
        (401, "invalid_key", &wrong),
        (403, "wrong_environment", secret),
    ] {
        cost(&rig, status, problem, |edge| {
            let call = edge.call("GET", &at_key).bearer(bearer);
            call.header("cf-connecting-ip", "192.0.2.7")
        })?;
    }
    let attempts = SENDERS * EACH;
    let entries = || -> Result<Vec<Value>> {
        let path = "/organizations/_platform/audit?limit=200";
        let page = admin.call("GET", path).send()?.json()?;
        let entries = page["items"].as_array().cloned().unwrap_or_default();
        Ok((entries.into_iter())
            .filter(|entry| entry["action"] == "authentication.failed")
            .collect())
    };
    let counted = |entries: &[Value], problem: &str| -> usize {
        let of = entries
            .iter()
            .filter(|entry| entry["after"]["problem"] == problem);
        of.filter_map(|entry| entry["after"]["count"].as_u64())
            .sum::<u64>() as usize
    };
    rig.clock(0).pass(Duration::from_secs(FLUSH))?;
    until("all are told", || {
        let entries = entries()?;
        let problems = ["invalid_key", "wrong_environment"];
        let mut problems = problems.iter();
        Ok(problems.all(|problem| counted(&entries, problem) == attempts))
    })?;
    let entries = entries()?;
    assert!(entries.len() <= 2, "{entries:?}");
    for entry in &entries {
        assert_eq!(
            entry["after"]["route"],
            "GET /admin/v1/organizations/{organization}/keys/{key_id}"
        );
        assert_eq!(entry["after"]["address"], "192.0.2.7");
    }
    let (_, part) = secret.split_once('.').context("a presented key")?;
    assert!(!json!(entries).to_string().contains(&part[..20]));
    // A stranger's attempts leave no line.
    let log = rig.log()?;
    assert!(!log.contains("wrong_environment"), "{log}");
    Ok(())
}

/// Two floods of everything that strangers have, from outside, while an
/// administrator revokes keys: it takes the calls that it takes without.
#[test]
fn a_revocation_takes_no_more_calls_while_strangers_flood_the_platform() -> Result<()> {
    let rig = Rig::builder().variable("FRESHNESS_BOUND_MS", 200).start()?;
    let (admin, key) = acme(&rig)?;
    let (cookie, csrf) = sign_in(rig.edge(0), admin.key(), "")?;
    assert_eq!(sign_out(rig.edge(0), &cookie, &csrf, "")?.status, 204);
    until_admin_in_kv(&rig, &admin)?;
    let shown = [
        forged_id(admin.key()),
        wrong_secret(admin.key()),
        key.secret.clone(),
    ];
    let made_up = format!("__Host-katalo-session={}", "f".repeat(64));
    let revoke = || -> Result<Duration> {
        let key = admin.issue_live(ACME, &["read"])?;
        let began = Instant::now();
        enforced(admin.revoke(ACME, &key.id));
        Ok(began.elapsed())
    };
    // The first one waits longer, for leases of before.
    revoke()?;
    let before = spent(&rig)?;
    let alone = revoke()?;
    let quiet = spent(&rig)?.0 - before.0;

    let stop = &AtomicBool::new(false);
    let (shown, made_up, cookie) = (&shown, &made_up, &cookie);
    let began = Instant::now();
    let before = spent(&rig)?;
    let (sent, took) = thread::scope(|scope| -> Result<(usize, Vec<Duration>)> {
        let senders: Vec<_> = (0..SENDERS)
            .map(|number| {
                let client = Client::new(rig.edge(0).address());
                scope.spawn(move || -> Result<usize> {
                    let mut sent = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let call = client.call("GET", PATH);
                        let call = match (number + sent) % 5 {
                            3 => call.header("cookie", made_up),
                            4 => call.header("cookie", cookie),
                            nth => call.bearer(&shown[nth]),
                        };
                        let answer = call.send()?;
                        ensure!(matches!(answer.status, 401 | 403), "{answer:?}");
                        sent += 1;
                    }
                    Ok(sent)
                })
            })
            .collect();
        let took = (0..3).map(|_| revoke()).collect::<Result<Vec<_>>>();
        stop.store(true, Ordering::Relaxed);
        let mut sent = 0;
        for sender in senders {
            sent += sender.join().expect("the thread ends")?;
        }
        Ok((sent, took?))
    })?;
    let calls = spent(&rig)?.0 - before.0;
    let passed = began.elapsed().as_secs();
    let strangers = 1 + passed / FLUSH + SESSION_READS * (1 + passed / OVER_FOR);
    println!(
        "a revocation alone: {alone:?}; beside {sent} requests of strangers: {took:?}, {calls} calls in all, {quiet} by each"
    );
    assert!(
        calls <= 3 * quiet + strangers,
        "{calls} {quiet} {strangers}"
    );
    assert_eq!(rig.objects(Class::Registry).calls()?.shed, 0);
    Ok(())
}

/// Whoever has a key can revoke it again and again; each time waits until that is
/// enforced, where administrators' orders wait too.
#[test]
fn a_thief_who_revokes_a_key_over_and_over_fills_no_registry() -> Result<()> {
    let rig = Rig::builder()
        .variable("FRESHNESS_BOUND_MS", 2_000)
        .start()?;
    let (admin, key) = acme(&rig)?;
    let by_edge = rig.link(Caller::Edge(0), Class::Registry);
    let answers = thread::scope(|scope| -> Result<Vec<Answer>> {
        let threads: Vec<_> = (0..40)
            .map(|_| {
                let client = Client::new(rig.edge(0).address());
                let form = format!("token={}", key.secret);
                scope.spawn(move || {
                    let call = client.call("POST", "/oauth2/revoke").body(form);
                    call.header("content-type", "application/x-www-form-urlencoded")
                        .send()
                })
            })
            .collect();
        let answers = threads.into_iter().map(|thread| thread.join());
        answers
            .map(|answer| answer.expect("the thread ends"))
            .collect()
    })?;
    // Those that would wait too long are asked to come again.
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 200 | 503))
    );
    let at_once = by_edge.calls()?.at_once;
    assert!(at_once <= 4, "{at_once}");
    // Once it is refused everywhere, nobody is asked.
    let form = format!("token={}", key.secret);
    let spent = cost(&rig, 200, "", |edge| {
        let call = edge.call("POST", "/oauth2/revoke").body(form.as_str());
        call.header("content-type", "application/x-www-form-urlencoded")
    })?;
    assert_eq!(spent, (0, 0));
    enforced(admin.revoke(ACME, &key.id));
    Ok(())
}

#[test]
fn a_session_is_used_from_where_its_key_may_be() -> Result<()> {
    let rig = Rig::builder().variable("FRESHNESS_BOUND_MS", 200).start()?;
    let (admin, _) = acme(&rig)?;
    let order = json!({
        "name": "tied", "environment": "admin", "scopes": ["organizations:read"],
        "allowed_ips": ["192.0.2.0/24"],
    });
    let tied = admin.issue("_platform", &order)?;
    let edge = rig.edge(0);
    let (here, elsewhere) = ("192.0.2.7", "198.51.100.7");
    let (cookie, csrf) = sign_in(edge, &tied.secret, here)?;
    for path in ["/admin/v1/session", PATH] {
        let from = |address| {
            let call = by_cookie(edge, "GET", path, &cookie);
            call.header("cf-connecting-ip", address).send()
        };
        assert_eq!(from(here)?.status, 200, "{path}");
        assert_problem(&from(elsewhere)?, 403, "address_not_allowed");
    }
    let answer = sign_out(edge, &cookie, &csrf, elsewhere)?;
    assert_problem(&answer, 403, "address_not_allowed");
    assert_eq!(sign_out(edge, &cookie, &csrf, here)?.status, 204);
    let answer = by_cookie(edge, "GET", PATH, &cookie).send()?;
    assert_problem(&answer, 401, "missing_credentials");
    Ok(())
}

/// A wrong secret under a genuine id, which anybody can show, costs one look-up and
/// keeps no genuine sighting from being told.
#[test]
fn a_wrong_secret_suppresses_no_mark_of_an_exposed_key() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = acme(&rig)?;
    let (name, _) = kv_names(&key);
    until("KV has the key", || Ok(rig.kv().value(&name).is_some()))?;
    let wrong = wrong_secret(&key.secret);
    let show = |secret: &str| {
        let call = rig.edge(0).call("GET", "/v1/key").bearer(secret);
        call.header("origin", "https://shop.example").send()
    };
    let before = spent(&rig)?;
    for _ in 0..20 {
        assert_problem(&show(&wrong)?, 403, "browser_call_refused");
    }
    until("they are followed up", || Ok(spent(&rig)?.1 > before.1))?;
    assert_problem(&show(&key.secret)?, 403, "browser_call_refused");
    until("it is marked", || {
        let path = format!("/organizations/{ACME}/keys/{}", key.id);
        let shown = admin.call("GET", &path).send()?.json()?;
        Ok(shown["exposed_origin"] == "https://shop.example")
    })?;
    assert_eq!(spent(&rig)?.1, before.1 + 1, "one look-up");
    Ok(())
}
