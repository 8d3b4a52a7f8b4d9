//! That the rig shows what it claims to show.

use anyhow::Result;
use katalo_rig::{Caller, Class, Rig, exchange};
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
    rig.kv().put("greeting", b"hello");
    assert_eq!(rig.edge(1).get("/kv/greeting")?.json()?["value"], "hello");
    assert_eq!(rig.kv().edge(0).counts().reads, 0);
    assert_eq!(rig.kv().edge(1).counts().reads, 1);
    Ok(())
}

#[test]
fn an_edge_sees_writes_late_and_remembers_misses() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let read = |index: usize| -> Result<_> {
        Ok(rig.edge(index).get("/kv/name")?.json()?["value"].clone())
    };
    rig.kv().edge(0).lag(Duration::from_secs(3600));
    rig.kv().edge(1).cache(Duration::from_secs(60));
    assert!(read(1)?.is_null());
    rig.kv().put("name", b"value");
    assert!(read(0)?.is_null());
    assert!(read(1)?.is_null());
    rig.kv().edge(0).lag(Duration::ZERO);
    rig.kv().edge(1).cache(Duration::ZERO);
    assert_eq!(read(0)?, "value");
    assert_eq!(read(1)?, "value");
    Ok(())
}

#[test]
fn calls_of_objects_and_alarms_are_counted() -> Result<()> {
    let rig = Rig::builder().start()?;
    rig.edge(0).get("/ping")?;
    std::thread::sleep(Duration::from_millis(600));
    let calls = rig.objects(Class::Registry).calls()?;
    assert_eq!((calls.fetches, calls.alarms), (1, 1));
    assert_eq!(rig.objects(Class::Relay).calls()?.fetches, 0);
    Ok(())
}

#[test]
fn one_edge_is_cut_from_an_object_and_the_other_is_not() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let link = rig.link(Caller::Edge(0), Class::Registry);
    link.refuse()?;
    assert_eq!(rig.edge(0).get("/ping")?.status, 500);
    assert_eq!(rig.edge(1).get("/ping")?.json()?[0]["first"], 1);
    assert_eq!(link.calls()?.fetches, 1);
    assert_eq!(rig.objects(Class::Registry).calls()?.fetches, 1);
    link.lose_answers()?;
    assert_eq!(rig.edge(0).get("/ping")?.status, 500);
    link.heal()?;
    assert_eq!(rig.edge(0).get("/ping")?.json()?[0]["first"], 3);
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
