//! More at once than registry and relay work on: what is beyond is refused at
//! once, administrators get through, and afterwards all is as before.

use crate::{
    history::Distribution,
    support::{ACME, acme, until},
};
use anyhow::{Context, Result, ensure};
use katalo_keys::{
    freshness::{Subject, SyncRequest, message::RelayRequest, sync::Version},
    key::PublicKeyId,
    registry::message::{Actor, Command, MESSAGE_VERSION, Request, RequiredRevisions},
};
use katalo_rig::{Caller, Class, PATIENCE, Rig};
use serde::Serialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

/// What a registry and a relay work on at once.
const ERRANDS: usize = 256;
const QUESTIONS: usize = 1_024;
/// Threads that send, and read the answers.
const SENDERS: usize = 8;

/// A public key id.
fn public_id(key_id: &str) -> Result<PublicKeyId> {
    let text = key_id.rsplit('_').next().unwrap_or_default();
    PublicKeyId::parse(text.as_bytes()).context("a public key id")
}

/// Sends a message on so many connections at once, then reads the answers'
/// statuses. An object that sheds leaves the message unread, which ends the
/// connection; so each message has its own.
fn burst(objects: SocketAddr, connections: usize, message: &str) -> Result<Vec<u16>> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(objects)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(message.as_bytes())?;
        streams.push(BufReader::new(stream));
    }
    streams.iter_mut().map(read_status).collect()
}

/// A message to an object, as the rig hands it on.
fn message(class: &str, name: &str, url: &str, body: &impl Serialize) -> Result<String> {
    let body = serde_json::to_string(body)?;
    Ok(format!(
        "POST /__rig/object/{class}/{name} HTTP/1.1\r\nhost: h\r\nrig-url: {url}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn read_status(stream: &mut BufReader<TcpStream>) -> Result<u16> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).context("no status")?;
    Ok(status.parse()?)
}

/// Sends `messages` in turn on so many connections again and again while `meanwhile`
/// runs.
fn flood<T>(
    objects: SocketAddr,
    connections: usize,
    messages: &[String],
    meanwhile: impl FnOnce() -> Result<T>,
) -> Result<(BTreeMap<u16, usize>, T)> {
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let senders: Vec<_> = (messages.iter().cycle().take(SENDERS))
            .map(|message| {
                scope.spawn(move || -> Result<BTreeMap<u16, usize>> {
                    let mut statuses = BTreeMap::new();
                    while !stop.load(Ordering::Relaxed) {
                        for status in burst(objects, connections / SENDERS, message)? {
                            *statuses.entry(status).or_default() += 1;
                        }
                    }
                    Ok(statuses)
                })
            })
            .collect();
        let outcome = meanwhile();
        stop.store(true, Ordering::Relaxed);
        let mut all: BTreeMap<u16, usize> = BTreeMap::new();
        for sender in senders {
            for (status, count) in sender.join().expect("the thread ends")? {
                *all.entry(status).or_default() += count;
            }
        }
        Ok((all, outcome?))
    })
}

/// A strong read of a key, as an edge asks for it.
fn strong_read(key: PublicKeyId) -> Result<String> {
    let request = Request {
        v: MESSAGE_VERSION,
        organization: None,
        actor: Actor::System,
        request_id: String::new(),
        if_match: None,
        must_exist: false,
        idempotency: None,
        command: Command::Records {
            key,
            required: RequiredRevisions::default(),
        },
    };
    let tag = key.organization_tag();
    message("Registry", tag.as_str(), "https://object/yields", &request)
}

/// Both registries that an administrator's order needs are overloaded: that of
/// `_platform`, which proves who asks, and the organization's.
#[test]
fn a_registry_sheds_edges_errands_and_takes_administrators_orders() -> Result<()> {
    let rig = Rig::builder()
        .objects_apart()
        .strict()
        .variable("FRESHNESS_BOUND_MS", 200)
        .start()?;
    let (admin, key) = acme(&rig)?;
    let (admin_id, _) = admin.key().split_once('.').context("a presented key")?;
    let reads = [
        strong_read(public_id(&key.id)?)?,
        strong_read(public_id(admin_id)?)?,
    ];
    let registry = rig.objects(Class::Registry);
    let by_edge = rig.link(Caller::Edge(0), Class::Registry);
    let order = |name: usize| -> Result<u64> {
        let before = by_edge.calls()?.fetches;
        let answer = admin.put_organization(ACME, &json!({ "name": name.to_string() }))?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(by_edge.calls()?.fetches - before)
    };
    let alone = order(0)?;
    // Three times what each works on at once.
    let (statuses, took) = flood(rig.objects_address(), 6 * ERRANDS, &reads, || {
        let mut took = Vec::new();
        for name in 1..=3 {
            let before = registry.calls()?.shed;
            until("more is shed", || Ok(registry.calls()?.shed > before))?;
            let sent = Instant::now();
            assert_eq!(
                order(name)?,
                alone,
                "an order takes the calls that it always takes"
            );
            took.push(sent.elapsed());
        }
        Ok(took)
    })?;
    let shed = registry.calls()?.shed;
    say(format_args!(
        "{} reads at once: {statuses:?}; {shed} shed; orders meanwhile: {}",
        6 * ERRANDS,
        Distribution::of(took)
    ));
    assert_eq!(
        by_edge.calls()?.shed,
        0,
        "neither proofs nor orders were shed"
    );
    assert!(statuses[&200] > 0 && statuses[&503] > 0, "{statuses:?}");
    assert_eq!(statuses.len(), 2, "{statuses:?}");
    // Nothing is left of it.
    let edge = rig.edge(0);
    for _ in 0..3 {
        let answer = edge
            .call("GET", "/v1/catalogs/c1")
            .bearer(&key.secret)
            .send()?;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(registry.calls()?.shed, shed);
    Ok(())
}

#[test]
fn a_relay_sheds_syncs_and_goes_on() -> Result<()> {
    let rig = Rig::builder()
        .objects_apart()
        .variable("RELAY_REGION", "weur")
        .start()?;
    let (_, key) = acme(&rig)?;
    let subject = Subject::parse(public_id(&key.id)?.as_str());
    let sync = RelayRequest::Sync(SyncRequest {
        v: Version::CURRENT,
        cursor: None,
        subjects: vec![subject.ok().context("a subject")?],
        holding: None,
    });
    let ask = message("Relay", "weur-0", "https://object/", &sync)?;
    // Each question waits for the log.
    let log = rig.link(Caller::Object(Class::Relay), Class::ChangeLog);
    log.hold()?;
    let relay = rig.objects(Class::Relay);
    let (statuses, shed) = flood(
        rig.objects_address(),
        5 * QUESTIONS,
        std::slice::from_ref(&ask),
        || {
            until("questions are shed", || Ok(relay.calls()?.shed > 0))?;
            log.heal()?;
            Ok(relay.calls()?.shed)
        },
    )?;
    say(format_args!(
        "{} questions at once: {statuses:?}; {shed} shed at the first look",
        5 * QUESTIONS
    ));
    assert!(statuses[&200] > 0 && statuses[&503] > 0, "{statuses:?}");
    assert_eq!(statuses.len(), 2, "{statuses:?}");
    assert_eq!(burst(rig.objects_address(), 8, &ask)?, [200; 8]);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "figures for the docs")]
fn say(figures: std::fmt::Arguments<'_>) {
    println!("{figures}");
}
