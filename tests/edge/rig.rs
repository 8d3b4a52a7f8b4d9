//! That the rig shows what it claims to show.

use crate::support::{ACME, acme, assert_problem, make_cold, own_key, source, until, until_in_kv};
use anyhow::Result;
use katalo_rig::{Caller, Class, Rig, exchange};
use serde_json::json;
use std::time::Duration;

#[test]
fn the_worker_answers_on_every_edge() -> Result<()> {
    let rig = Rig::builder().edges(3).start()?;
    for index in 0..3 {
        let answer = rig.edge(index).get("/healthz")?;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, r#"{"status":"ok"}"#)
        );
    }
    Ok(())
}

#[test]
fn reads_of_kv_are_counted_by_edge() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (_, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    assert_eq!(source(&own_key(rig.edge(1), &key.secret)?)?, "kv");
    assert_eq!(rig.kv().edge(0).counts().reads, 0);
    assert_eq!(rig.kv().edge(1).counts().reads, 2);
    Ok(())
}

#[test]
fn an_edge_sees_writes_late_and_remembers_misses() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    rig.kv().edge(0).lag(Duration::from_secs(3600));
    rig.kv().edge(1).cache(Duration::from_secs(60));
    rig.kv().objects().refuse(true);
    let (_, key) = acme(&rig)?;
    let cold = |index: usize| -> Result<String> {
        make_cold(rig.edge(index))?;
        source(&own_key(rig.edge(index), &key.secret)?)
    };
    assert_eq!(cold(1)?, "registry");
    rig.kv().objects().refuse(false);
    until_in_kv(&rig, &key)?;
    assert_eq!(cold(0)?, "registry");
    assert_eq!(cold(1)?, "registry");
    rig.kv().edge(0).lag(Duration::ZERO);
    rig.kv().edge(1).cache(Duration::ZERO);
    assert_eq!(cold(0)?, "kv");
    assert_eq!(cold(1)?, "kv");
    Ok(())
}

#[test]
fn calls_of_objects_and_alarms_are_counted() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (_, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    let before = rig.objects(Class::Registry).calls()?;
    assert!(before.alarms > 0 && before.fetches > 0, "{before:?}");
    own_key(rig.edge(1), &key.secret)?;
    assert_eq!(
        rig.objects(Class::Registry).calls()?.fetches,
        before.fetches
    );
    let link = rig.link(Caller::Edge(1), Class::Relay);
    assert_eq!(link.calls()?.fetches, 1);
    assert_eq!(rig.objects(Class::Relay).calls()?.fetches, 1);
    Ok(())
}

#[test]
fn one_edge_is_cut_from_an_object_and_the_other_is_not() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (admin, _) = acme(&rig)?;
    let other = katalo_rig::Admin::new(rig.edge(1).clone(), admin.key());
    let link = rig.link(Caller::Edge(0), Class::Registry);
    link.refuse()?;
    let path = format!("/organizations/{ACME}");
    assert_problem(
        &admin.call("GET", &path).send()?,
        503,
        "registry_unavailable",
    );
    assert_eq!(other.call("GET", &path).send()?.status, 200);
    link.lose_answers()?;
    assert_problem(
        &admin.call("GET", &path).send()?,
        503,
        "registry_unavailable",
    );
    link.heal()?;
    assert_eq!(admin.call("GET", &path).send()?.status, 200);
    Ok(())
}

#[test]
fn a_replayed_answer_is_the_same_for_ever() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, _) = acme(&rig)?;
    rig.link(Caller::Edge(0), Class::Directory).replay()?;
    let listed = || -> Result<usize> {
        let list = admin.call("GET", "/organizations").send()?.json()?;
        Ok(list["items"].as_array().map_or(0, Vec::len))
    };
    until("the organization is listed", || Ok(listed()? == 1))?;
    admin.put_organization("later", &json!({ "name": "Later" }))?;
    assert_eq!(listed()?, 1);
    rig.link(Caller::Edge(0), Class::Directory).heal()?;
    assert_eq!(listed()?, 2);
    Ok(())
}

#[test]
fn malformed_requests_can_be_sent() -> Result<()> {
    let rig = Rig::builder().start()?;
    let address = rig.edge(0).address();
    let well = b"GET /healthz HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n";
    assert_eq!(
        exchange(address, well)?.map(|answer| answer.status),
        Some(200)
    );
    let malformed = exchange(address, b"GET\r\n\r\n")?;
    assert_eq!(malformed.map(|answer| answer.status), Some(400));
    Ok(())
}
