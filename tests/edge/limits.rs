//! Limits in the real runtime: what is admitted, what is told, what survives.

use crate::python;
use crate::support::{ACME, own_key, read, until};
use anyhow::{Context, Result, ensure};
use katalo_rig::{Admin, Answer, Caller, Class, Client, Issued, Rig};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

const EDGES: usize = 3;

/// A key of an organization, with these limits.
fn limited(rig: &Rig, limits: &Value) -> Result<(Admin, Issued)> {
    let admin = rig.bootstrap()?;
    admin.organization(ACME)?;
    let body =
        json!({ "name": "Shop", "environment": "live", "scopes": ["read"], "limits": limits });
    let key = admin.issue(ACME, &body)?;
    Ok((admin, key))
}

fn authorize(client: &Client, key: &Issued) -> Result<Answer> {
    let call = client.call("GET", "/authorize/forwarded");
    let call = call.header("x-forwarded-method", "GET");
    call.header("x-forwarded-uri", "/v1/catalogs/c1")
        .bearer(&key.secret)
        .send()
}

fn patch(admin: &Admin, path: &str, body: &Value) -> Result<Answer> {
    let path = format!("/organizations/{ACME}{path}");
    let answer = admin.call("PATCH", &path).json(body).send()?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(answer.json()?["enforced"] == true, "{answer:?}");
    Ok(answer)
}

/// What the meter says is left of the first limit of a key.
fn remaining(admin: &Admin, key: &Issued) -> Result<u64> {
    let path = format!("/organizations/{ACME}/keys/{}/limits", key.id);
    let answer = admin.call("GET", &path).send()?;
    let left = answer.json()?["items"][0]["remaining"].as_u64();
    left.with_context(|| format!("{answer:?}"))
}

/// How many of so many requests to these edges, one after the other, are admitted.
fn admitted(rig: &Rig, key: &Issued, edges: usize, requests: usize) -> Result<usize> {
    let mut admitted = 0;
    for request in 0..requests {
        match authorize(rig.edge(request % edges), key)?.status {
            200 => admitted += 1,
            429 => {}
            status => anyhow::bail!("{status}"),
        }
    }
    Ok(admitted)
}

#[test]
fn a_quota_is_spent_to_its_last_unit_and_told_in_the_fields() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    let quota = json!([{ "name": "monthly", "limit": 50, "period": "month" }]);
    let (admin, key) = limited(&rig, &quota)?;
    let first = authorize(rig.edge(0), &key)?;
    ensure!(first.status == 200, "{first:?}");
    ensure!(
        first.header("ratelimit-policy") == Some(r#""monthly";q=50"#),
        "{first:?}"
    );
    let field = first.header("ratelimit").context("no RateLimit")?;
    ensure!(field.starts_with(r#""monthly";r=49;t="#), "{field}");
    // What nobody spends comes back after a while: ask until nothing does.
    let mut all = 1;
    until("the quota is spent", || {
        all += admitted(&rig, &key, EDGES, 30)?;
        Ok(all >= 50)
    })?;
    ensure!(all == 50, "{all}");
    ensure!(remaining(&admin, &key)? == 0);
    let refused = authorize(rig.edge(1), &key)?;
    ensure!(refused.status == 429, "{refused:?}");
    let problem = refused.json()?;
    ensure!(problem["code"] == "quota_exceeded", "{problem}");
    ensure!(
        problem["violated-policies"] == json!(["monthly"]),
        "{problem}"
    );
    ensure!(problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded");
    let reset: u64 = field.rsplit('=').next().unwrap_or_default().parse()?;
    let retry: u64 = refused
        .header("retry-after")
        .context("no Retry-After")?
        .parse()?;
    ensure!(
        retry + 60 >= reset && retry <= reset + 60,
        "{retry} {reset}"
    );
    // The holder is told too, and that costs nothing.
    let own = own_key(rig.edge(2), &key.secret)?.json()?;
    ensure!(own["limits"][0]["remaining"] == 0, "{own}");
    ensure!(own["limits"][0]["limit"] == 50, "{own}");
    Ok(())
}

#[test]
fn the_keys_of_an_organization_share_its_quota() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, one) = limited(&rig, &json!([]))?;
    let other = admin.issue_live(ACME, &["read"])?;
    patch(
        &admin,
        "",
        &json!({ "limits": [{ "name": "pool", "limit": 20, "period": "forever" }] }),
    )?;
    let mut all = 0;
    until("the pool is spent", || {
        all += admitted(&rig, &one, EDGES, 15)? + admitted(&rig, &other, EDGES, 15)?;
        Ok(all >= 20)
    })?;
    ensure!(all == 20, "{all}");
    let refused = authorize(rig.edge(0), &other)?;
    ensure!(
        refused.json()?["violated-policies"] == json!(["organization.pool"]),
        "{refused:?}"
    );
    ensure!(
        refused.header("retry-after").is_none(),
        "it never begins anew: {refused:?}"
    );
    Ok(())
}

#[test]
fn a_lowered_limit_binds_every_edge_once_it_is_enforced() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).start()?;
    let (admin, key) = limited(
        &rig,
        &json!([{ "name": "q", "limit": 100_000, "period": "day" }]),
    )?;
    // Every edge holds a lease of thousands.
    ensure!(admitted(&rig, &key, EDGES, 300)? == 300);
    let path = format!("/keys/{}", key.id);
    patch(
        &admin,
        &path,
        &json!({ "limits": [{ "name": "q", "limit": 310, "period": "day" }] }),
    )?;
    let after = admitted(&rig, &key, EDGES, 60)?;
    ensure!(after <= 10, "{after} after the lowered limit was enforced");
    // Raised again, what was spent stays spent.
    patch(
        &admin,
        &path,
        &json!({ "limits": [{ "name": "q", "limit": 100_000, "period": "day" }] }),
    )?;
    ensure!(admitted(&rig, &key, EDGES, 30)? == 30);
    Ok(())
}

#[test]
fn a_rotated_key_goes_on_with_its_predecessors_quota() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = limited(
        &rig,
        &json!([{ "name": "q", "limit": 10, "period": "day", "precision": "strict" }]),
    )?;
    ensure!(admitted(&rig, &key, 1, 4)? == 4);
    let successor = admin.rotate(ACME, &key.id, 3_600)?;
    ensure!(admitted(&rig, &successor, 1, 3)? == 3);
    ensure!(admitted(&rig, &key, 1, 2)? == 2);
    ensure!(remaining(&admin, &successor)? == 1);
    ensure!(admitted(&rig, &successor, 1, 5)? == 1);
    Ok(())
}

/// Quota 10,000, 64 connections, edges and objects killed, messages lost.
#[test]
fn a_quota_is_never_exceeded_whatever_is_killed_or_lost() -> Result<()> {
    const QUOTA: usize = 10_000;
    let mut rig = Rig::builder().edges(EDGES).objects_apart().start()?;
    let (_, key) = limited(
        &rig,
        &json!([{ "name": "q", "limit": QUOTA, "period": "month" }]),
    )?;
    let admitted = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    for round in 0..4 {
        let clients: Vec<Client> = (0..EDGES)
            .map(|edge| Client::new(rig.edge(edge).address()))
            .collect();
        is_over.store(false, Ordering::Relaxed);
        let (admitted, is_over, key) = (&admitted, &is_over, &key);
        thread::scope(|scope| -> Result<()> {
            for worker in 0..64 {
                let client = Client::new(clients[worker % EDGES].address());
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        if authorize(&client, key).is_ok_and(|answer| answer.status == 200) {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            let link = rig.link(Caller::Edge(0), Class::Meter);
            thread::sleep(Duration::from_millis(500));
            link.lose_answers()?;
            thread::sleep(Duration::from_millis(500));
            link.heal()?;
            thread::sleep(Duration::from_millis(500));
            is_over.store(true, Ordering::Relaxed);
            Ok(())
        })?;
        if round % 2 == 0 {
            rig.kill_objects();
            rig.start_objects()?;
        } else {
            rig.kill_edges();
            rig.start_edges()?;
        }
    }
    let all = admitted.load(Ordering::Relaxed);
    ensure!(all <= QUOTA, "{all} of {QUOTA}");
    ensure!(all > QUOTA / 10, "only {all}: the load did not run");
    Ok(())
}

#[test]
fn without_its_meter_a_quota_is_refused_or_served_as_the_operator_says() -> Result<()> {
    for serve in [false, true] {
        let mut builder = Rig::builder();
        if serve {
            builder = builder.variable("ON_UNMETERED", "serve");
        }
        let rig = builder.start()?;
        let (admin, key) = limited(
            &rig,
            &json!([{ "name": "q", "limit": 1_000, "period": "day" }]),
        )?;
        let link = rig.link(Caller::Edge(0), Class::Meter);
        link.refuse()?;
        let answer = authorize(rig.edge(0), &key)?;
        if serve {
            ensure!(answer.status == 200, "{answer:?}");
            let status = admin.call("GET", "/status").send()?.json()?;
            ensure!(
                status["weakened_by"].to_string().contains("ON_UNMETERED"),
                "{status}"
            );
        } else {
            ensure!(answer.status == 503, "{answer:?}");
            ensure!(answer.json()?["code"] == "limits_unavailable", "{answer:?}");
        }
        link.heal()?;
        until("the meter is asked again", || {
            Ok(authorize(rig.edge(0), &key)?.status == 200)
        })?;
    }
    Ok(())
}

#[test]
fn most_requests_ask_no_meter() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = limited(
        &rig,
        &json!([{ "name": "q", "limit": 1_000_000, "period": "day" }]),
    )?;
    ensure!(admitted(&rig, &key, 1, 2_000)? == 2_000);
    let calls = rig.objects(Class::Meter).calls()?.fetches;
    ensure!(calls <= 20, "{calls} questions for 2,000 requests");
    Ok(())
}

#[test]
fn what_an_idle_edge_holds_comes_back() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = limited(
        &rig,
        &json!([{ "name": "q", "limit": 1_000, "period": "day" }]),
    )?;
    ensure!(admitted(&rig, &key, 1, 5)? == 5);
    ensure!(remaining(&admin, &key)? < 995);
    until("the rest is returned", || {
        Ok(remaining(&admin, &key)? == 995)
    })
}

#[test]
fn a_wrong_limit_is_told_and_changes_nothing() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = limited(&rig, &json!([]))?;
    let path = format!("/organizations/{ACME}/keys/{}", key.id);
    for (limits, told) in [
        (json!([{ "name": "q", "limit": 1 }]), "`window_seconds`"),
        (
            json!([{ "name": "q", "limit": 1, "period": "day", "time_zone": "Mars/Olympus" }]),
            "unknown time zone Mars/Olympus",
        ),
        (
            json!([{ "name": "Q!", "limit": 1, "period": "day" }]),
            "`name` must be",
        ),
        (
            json!([{ "name": "q", "limit": 0, "period": "day" }]),
            "between 1 and 1000000000",
        ),
        (
            json!([{ "name": "q", "limit": 1, "period": "day", "precision": "local" }]),
            "`leased` or `strict`",
        ),
        (
            json!([{ "name": "q", "limit": 100, "window_seconds": 1, "burst": 3 }]),
            "at least 26",
        ),
    ] {
        let answer = admin
            .call("PATCH", &path)
            .json(&json!({ "limits": limits }))
            .send()?;
        ensure!(answer.status == 400 || answer.status == 422, "{answer:?}");
        ensure!(
            answer.json()?["detail"].to_string().contains(told),
            "{told}: {answer:?}"
        );
    }
    let zoned =
        json!([{ "name": "q", "limit": 1, "period": "day", "time_zone": "Europe/Copenhagen" }]);
    let answer = patch(
        &admin,
        &format!("/keys/{}", key.id),
        &json!({ "limits": zoned }),
    )?
    .json()?;
    ensure!(
        answer["key"]["limits"][0]["time_zone"] == "Europe/Copenhagen",
        "{answer}"
    );
    Ok(())
}

/// Both fields of an answer as a parser of other makers reads them, each as
/// `[[name, [[parameter, value], …]], …]`.
fn fields(answer: &Answer) -> Result<[Value; 2]> {
    let [policies, standings] =
        ["ratelimit-policy", "ratelimit"].map(|name| Vec::from_iter(answer.headers_of(name)));
    ensure!(policies.len() == 1 && standings.len() == 1, "{answer:?}");
    let lines = [policies[0], standings[0]].join("\n");
    let read = python::run("fields.py", &[("FIELDS", &lines)])?;
    let read: Vec<Value> = read
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    <[Value; 2]>::try_from(read).map_err(|read| anyhow::anyhow!("{read:?}"))
}

/// A list of strings whose parameters, all integers, are among these.
fn strings_with(field: &Value, parameters: &[&str]) -> Result<Vec<String>> {
    let members = field.as_array().context("no list")?;
    let member = |member: &Value| {
        let of = member[1].as_array().context("no parameters")?;
        for parameter in of {
            let name = parameter[0].as_str().context("no name")?;
            ensure!(parameters.contains(&name), "{name} in {field}");
            ensure!(parameter[1].is_u64(), "{name} in {field}");
        }
        let name = member[0].as_str().context("not a string")?;
        Ok(name.to_owned())
    };
    members.iter().map(member).collect()
}

#[test]
fn both_fields_are_structured_fields_of_rfc_9651() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, key) = limited(
        &rig,
        &json!([
            { "name": "burst", "limit": 100, "window_seconds": 60 },
            { "name": "few", "limit": 2, "period": "forever", "precision": "strict" },
        ]),
    )?;
    let pool = json!([{ "name": "pool", "limit": 1_000_000_000, "period": "month" }]);
    patch(&admin, "", &json!({ "limits": pool }))?;
    for answer in [
        authorize(rig.edge(0), &key)?,
        read(rig.edge(0), &key.secret)?,
    ] {
        ensure!(answer.status == 200, "{answer:?}");
        let [policies, standings] = fields(&answer)?;
        let mut names = strings_with(&policies, &["q", "w"])?;
        ensure!(
            names == strings_with(&standings, &["r", "t"])?,
            "{answer:?}"
        );
        names.sort();
        ensure!(names == ["burst", "few", "organization.pool"], "{names:?}");
        for policy in [
            json!(["burst", [["q", 100], ["w", 60]]]),
            json!(["few", [["q", 2]]]),
            json!(["organization.pool", [["q", 1_000_000_000]]]),
        ] {
            let members = policies.as_array().context("no list")?;
            ensure!(members.contains(&policy), "{policy} in {policies}");
        }
    }
    let refused = authorize(rig.edge(0), &key)?;
    ensure!(refused.status == 429, "{refused:?}");
    let [policies, standings] = fields(&refused)?;
    ensure!(policies == json!([["few", [["q", 2]]]]), "{policies}");
    ensure!(standings == json!([["few", [["r", 0]]]]), "{standings}");
    Ok(())
}
