//! That the rig shows what it claims to show.

use crate::support::{
    acme, assert_problem, decision, make_cold, own_key, read, source, until, until_in_kv,
};
use anyhow::{Context, Result};
use katalo_rig::{Caller, Class, Rig, exchange_and_end};
use serde_json::json;
use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

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
    rig.clock(1).stop()?;
    let before = rig.kv().edge(0).counts().reads;
    assert_eq!(source(&own_key(rig.edge(1), &key.secret)?)?, "kv");
    assert_eq!(rig.kv().edge(0).counts().reads, before);
    assert_eq!(rig.kv().edge(1).counts().reads, 2);
    Ok(())
}

#[test]
fn an_edge_sees_writes_late_and_remembers_misses() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    rig.kv().edge(0).lag(Duration::from_secs(3600));
    rig.kv().edge(1).cache(Duration::from_secs(3600));
    rig.kv().objects().refuse(true);
    let (_, key) = acme(&rig)?;
    for edge in [0, 1] {
        rig.clock(edge).stop()?;
    }
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
    rig.clock(1).stop()?;
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
    let rig = Rig::builder().edges(2).strict().start()?;
    let (_, key) = acme(&rig)?;
    let asks = |edge: usize| read(rig.edge(edge), &key.secret);
    let link = rig.link(Caller::Edge(0), Class::Registry);
    link.refuse()?;
    assert_problem(&asks(0)?, 503, "freshness_unavailable");
    assert_eq!(asks(1)?.status, 200);
    link.lose_answers()?;
    assert_problem(&asks(0)?, 503, "freshness_unavailable");
    link.heal()?;
    assert_eq!(asks(0)?.status, 200);
    Ok(())
}

#[test]
fn a_replayed_answer_is_the_same_for_ever() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, _) = acme(&rig)?;
    rig.link(Caller::Control, Class::Directory).replay()?;
    let listed = || -> Result<usize> {
        let list = admin.call("GET", "/organizations").send()?.json()?;
        Ok(list["items"].as_array().map_or(0, Vec::len))
    };
    until("the organization is listed", || Ok(listed()? == 1))?;
    admin.put_organization("later", &json!({ "name": "Later" }))?;
    assert_eq!(listed()?, 1);
    rig.link(Caller::Control, Class::Directory).heal()?;
    assert_eq!(listed()?, 2);
    Ok(())
}

#[test]
fn what_is_held_goes_on_when_it_is_let_and_the_others_before() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (admin, _) = acme(&rig)?;
    let link = rig.link(Caller::Control, Class::Directory);
    let list = || admin.call("GET", "/organizations").send();
    link.hold()?;
    let before = link.calls()?.fetches;
    std::thread::scope(|scope| {
        let held = scope.spawn(list);
        link.wait_for(before + 1)?;
        link.let_others_pass()?;
        assert_eq!(list()?.status, 200);
        assert!(!held.is_finished());
        link.heal()?;
        assert_eq!(held.join().expect("the thread ends")?.status, 200);
        Ok(())
    })
}

#[test]
fn an_edges_clock_goes_as_it_is_told() -> Result<()> {
    let rig = Rig::builder().edges(2).start()?;
    let (_, key) = acme(&rig)?;
    let age = |edge: usize| -> Result<u64> {
        let answer = own_key(rig.edge(edge), &key.secret)?;
        assert_eq!(source(&answer)?, "memory");
        Ok(decision(&answer)?.age)
    };
    rig.clock(0).stop()?;
    own_key(rig.edge(0), &key.secret)?;
    let before = age(0)?;
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(age(0)?, before);
    rig.clock(0).pass(Duration::from_millis(99))?;
    assert_eq!(age(0)?, before + 99);
    // It goes on from there, and ends what waits for it: nothing is in memory that
    // was proven so long ago.
    rig.clock(0).pass(Duration::from_secs(3_600))?;
    rig.clock(0).go()?;
    assert_eq!(own_key(rig.edge(0), &key.secret)?.status, 200);
    rig.link(Caller::Edge(0), Class::Relay).hang()?;
    rig.clock(0).pass(Duration::from_secs(3_600))?;
    assert_eq!(own_key(rig.edge(0), &key.secret)?.status, 200);
    Ok(())
}

/// A rig until its process is killed; only the next test runs it.
#[test]
#[ignore = "never ends"]
fn a_rig_that_waits_to_be_killed() -> Result<()> {
    let rig = Rig::builder().objects_apart().start()?;
    let folder = rig.state().parent().context("a folder")?.to_owned();
    let [edges, objects] = [rig.pid(), rig.objects_pid()].map(Option::unwrap_or_default);
    println!("{SHOWN}{} {edges} {objects}", folder.display());
    std::thread::park();
    Ok(())
}

const SHOWN: &str = "the rig: ";

#[test]
#[cfg(target_os = "linux")]
fn a_test_that_is_killed_leaves_nothing_behind() -> Result<()> {
    let mut killed = Command::new(std::env::current_exe()?)
        .args(["--exact", "rig::a_rig_that_waits_to_be_killed"])
        .args(["--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let lines = BufReader::new(killed.stdout.take().context("stdout")?).lines();
    let shown = lines
        .map_while(std::io::Result::ok)
        .find_map(|line| Some(line.split_once(SHOWN)?.1.to_owned()));
    killed.kill()?;
    killed.wait()?;
    let shown = shown.context("it did not start")?;
    let [folder, edges, objects] = shown.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{shown}");
    };
    assert!(folder.contains("katalo-rig-"), "{folder}");
    until("all of it is gone", || {
        let processes = [edges, objects].map(|pid| Path::new("/proc").join(pid));
        Ok(!Path::new(folder).exists() && processes.iter().all(|process| !process.exists()))
    })
}

#[test]
fn malformed_requests_can_be_sent() -> Result<()> {
    let rig = Rig::builder().start()?;
    let address = rig.edge(0).address();
    let well = b"GET /healthz HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n";
    assert_eq!(
        exchange_and_end(address, well)?.map(|answer| answer.status),
        Some(200)
    );
    let malformed = exchange_and_end(address, b"GET\r\n\r\n")?;
    assert_eq!(malformed.map(|answer| answer.status), Some(400));
    // What comes right behind is carried out before the connection is closed.
    let before = rig.requests(0).calls()?.fetches;
    let kept = b"GET /healthz HTTP/1.1\r\nHost: edge\r\n\r\n".repeat(3);
    exchange_and_end(address, &kept)?;
    assert_eq!(rig.requests(0).calls()?.fetches, before + 3);
    Ok(())
}
