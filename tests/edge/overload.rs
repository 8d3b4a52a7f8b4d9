//! More at once than registry and relay work on: what is beyond is refused at
//! once, administrators get through, and afterwards all is as before.

use crate::{
    history::Distribution,
    support::{ACME, acme, own_key, until, until_in_kv},
};
use anyhow::{Context, Result, ensure};
use katalo_rig::{Admin, Caller, Class, Client, Issued, Rig};
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Edges enough for five times what a registry takes: each has 64 strong reads
/// under way at most.
const EDGES: usize = 20;
const EACH: usize = 64;

/// Connections to one edge, all used at once.
struct Burst(Vec<BufReader<TcpStream>>);

impl Burst {
    fn connect(edge: SocketAddr) -> Result<Self> {
        let connect = |_| -> Result<_> {
            let stream = TcpStream::connect(edge)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            Ok(BufReader::new(stream))
        };
        Ok(Self((0..EACH).map(connect).collect::<Result<_>>()?))
    }

    /// Sends one request on each connection, then reads the answers' statuses.
    fn send(&mut self, key: impl Fn(usize) -> String) -> Result<Vec<u16>> {
        for (number, stream) in self.0.iter_mut().enumerate() {
            let request = format!(
                "GET /authorize/forwarded HTTP/1.1\r\nhost: h\r\nx-forwarded-method: GET\r\n\
                 x-forwarded-uri: /v1/catalogs/c1\r\nauthorization: Bearer {}\r\n\r\n",
                key(number)
            );
            stream.get_mut().write_all(request.as_bytes())?;
        }
        self.0.iter_mut().map(read_status).collect()
    }
}

/// Reads one answer whole.
fn read_status(stream: &mut BufReader<TcpStream>) -> Result<u16> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).context("no status")?.parse()?;
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse()?;
        }
    }
    stream.read_exact(&mut vec![0; length])?;
    Ok(status)
}

#[test]
fn a_registry_sheds_edges_errands_and_takes_administrators_orders() -> Result<()> {
    let rig = Rig::builder()
        .edges(EDGES)
        .objects_apart()
        .strict()
        .variable("FRESHNESS_BOUND_MS", 200)
        .start()?;
    let (admin, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    let registry = rig.objects(Class::Registry);
    let stop = AtomicBool::new(false);
    let statuses = thread::scope(|scope| -> Result<_> {
        let bursts: Vec<_> = (0..EDGES)
            .map(|edge| {
                let (address, key, stop) = (rig.edge(edge).address(), &key.secret, &stop);
                scope.spawn(move || -> Result<BTreeMap<u16, usize>> {
                    let mut burst = Burst::connect(address)?;
                    let mut statuses = BTreeMap::new();
                    while !stop.load(Ordering::Relaxed) {
                        for status in burst.send(|_| key.clone())? {
                            *statuses.entry(status).or_default() += 1;
                        }
                    }
                    Ok(statuses)
                })
            })
            .collect();
        // Administrators have an edge that is not flooded itself.
        let began = Instant::now();
        let mut took = Vec::new();
        let mut shed = 0;
        let outcome = loop {
            if began.elapsed() > Duration::from_secs(60) {
                break Err(anyhow::anyhow!("{} orders, {shed} shed", took.len()));
            }
            if began.elapsed() > Duration::from_secs(4) && took.len() >= 10 && shed > 100 {
                break Ok(());
            }
            let sent = Instant::now();
            let name = format!("{}", took.len());
            let body = json!({ "name": name });
            let answer = admin.put_organization(ACME, &body)?;
            if answer.status != 200 {
                break Err(anyhow::anyhow!("{answer:?}"));
            }
            took.push(sent.elapsed());
            shed = registry.calls()?.shed;
        };
        stop.store(true, Ordering::Relaxed);
        let mut all: BTreeMap<u16, usize> = BTreeMap::new();
        for burst in bursts {
            for (status, count) in burst.join().expect("the thread ends")? {
                *all.entry(status).or_default() += count;
            }
        }
        outcome?;
        say(format_args!(
            "{} at once: {all:?}; {shed} shed by the registry; orders: {}",
            EDGES * EACH,
            Distribution::of(took)
        ));
        Ok(all)
    })?;
    assert!(
        statuses.keys().all(|status| matches!(status, 200 | 503)),
        "{statuses:?}"
    );
    assert!(statuses[&200] > 0 && statuses[&503] > 0, "{statuses:?}");
    served_again(&rig, &admin, &key)
}

/// Nothing of an overload is left: each edge and the registry answer at once.
fn served_again(rig: &Rig, admin: &Admin, key: &Issued) -> Result<()> {
    let before = rig.objects(Class::Registry).calls()?.shed;
    for edge in 0..EDGES {
        let client = Client::new(rig.edge(edge).address());
        for _ in 0..3 {
            let answer = client
                .call("GET", "/v1/catalogs/c1")
                .bearer(&key.secret)
                .send()?;
            ensure!(answer.status == 200, "{answer:?}");
        }
    }
    let answer = admin.put_organization(ACME, &json!({ "name": "after" }))?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(rig.objects(Class::Registry).calls()?.shed == before);
    Ok(())
}

#[test]
fn a_relay_sheds_questions_and_they_are_answered_elsewhere() -> Result<()> {
    let rig = Rig::builder().edges(EDGES).objects_apart().start()?;
    let (admin, first) = acme(&rig)?;
    let mut keys = vec![first];
    while keys.len() < EACH {
        keys.push(admin.issue_live(ACME, &["read"])?);
    }
    for key in &keys {
        until_in_kv(&rig, key)?;
    }
    // No edge knows any of them, and the relay must ask the log about each.
    rig.link(Caller::Object(Class::Relay), Class::ChangeLog)
        .slow(Duration::from_millis(300))?;
    let relay = rig.objects(Class::Relay);
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| -> Result<()> {
        let bursts: Vec<_> = (0..EDGES)
            .map(|edge| {
                let (address, keys, answered) = (rig.edge(edge).address(), &keys, &answered);
                scope.spawn(move || -> Result<()> {
                    let mut burst = Burst::connect(address)?;
                    let statuses = burst.send(|number| keys[number].secret.clone())?;
                    ensure!(
                        statuses.iter().all(|status| matches!(status, 200 | 503)),
                        "{statuses:?}"
                    );
                    let good = statuses.iter().filter(|status| **status == 200).count();
                    answered.fetch_add(good, Ordering::Relaxed);
                    Ok(())
                })
            })
            .collect();
        bursts
            .into_iter()
            .try_for_each(|burst| burst.join().expect("the thread ends"))
    })?;
    let shed = relay.calls()?.shed;
    let answered = answered.into_inner();
    say(format_args!(
        "{} questions at once: {shed} shed by relays, {answered} requests answered all the same",
        EDGES * EACH
    ));
    rig.link(Caller::Object(Class::Relay), Class::ChangeLog)
        .heal()?;
    for edge in 0..EDGES {
        until("the edge decides", || {
            Ok(own_key(rig.edge(edge), &keys[1].secret)?.status == 200)
        })?;
    }
    Ok(())
}

// The runtime cancels a request whose client goes away, and with it whatever was
// to give its place back.
#[test]
fn clients_that_go_away_do_not_take_an_edges_strong_reads_with_them() -> Result<()> {
    let rig = Rig::builder().edges(2).strict().start()?;
    let (_, key) = acme(&rig)?;
    until_in_kv(&rig, &key)?;
    let edge = rig.edge(1);
    let served = || -> Result<bool> {
        let answer = edge
            .call("GET", "/v1/catalogs/c1")
            .bearer(&key.secret)
            .send()?;
        Ok(answer.status == 200)
    };
    assert!(served()?);
    let link = rig.link(Caller::Edge(1), Class::Registry);
    link.hang()?;
    let request = format!(
        "GET /v1/catalogs/c1 HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {}\r\n\r\n",
        key.secret
    );
    let before = link.calls()?.fetches;
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(edge.address())?;
        stream.write_all(request.as_bytes())?;
        streams.push(stream);
    }
    until("all places are taken", || {
        Ok(link.calls()?.fetches >= before + 64)
    })?;
    drop(streams);
    link.heal()?;
    let healed = Instant::now();
    until("there are places again", served)?;
    let took = healed.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "figures for the docs")]
fn say(figures: std::fmt::Arguments<'_>) {
    println!("{figures}");
}
