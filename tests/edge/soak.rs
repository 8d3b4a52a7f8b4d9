//! Mixed traffic, shortly and for long: `SOAK_MINUTES=20 cargo nextest run
//! -p katalo-edge-tests --run-ignored only --no-capture soak`.

use crate::{
    acts::{self, Acts},
    history::Distribution,
    support::{ACME, acme, forged_id, read, wrong_secret},
};
use anyhow::{Context, Result, ensure};
use katalo_keys::random::Seeded;
use katalo_rig::{Admin, Answer, Call, Client, Issued, Rig};
use serde_json::json;
use std::{
    fs,
    io::{Seek as _, Write as _},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const EDGES: usize = 2;
const CLIENTS: usize = 4;

/// Of a strong read; a busy machine may be late for it. Nothing is left unproven
/// before, and by this much a clock is off at most that counts milliseconds.
const DEADLINE: Duration = Duration::from_millis(2_000 - 10);

/// Resident memory of a process, in MiB.
fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes: u64 = line
        .and_then(|line| line.split_whitespace().nth(1))
        .context("no VmRSS")?
        .parse()?;
    Ok(kilobytes / 1_024)
}

/// What a stretch of the run took.
#[derive(Default)]
struct Stretch {
    requests: Vec<Duration>,
    orders: Vec<Duration>,
    /// One write of four KiB to the disk that the objects write to. Both
    /// processes have a single thread, which waits for the disk.
    syncs: Vec<Duration>,
    /// 503 `freshness_unavailable`: a deadline passed on a busy machine.
    unproven: usize,
}

/// What the clients share.
struct Traffic {
    keys: Vec<Issued>,
    acts: Acts,
    stretch: Mutex<Stretch>,
    stop: AtomicBool,
}

impl Traffic {
    /// One client: of a hundred requests 90 with a good key, 8 with a bad one, and
    /// 2 of an administrator. Any answer but the one to be expected is an error.
    fn client(&self, edge: &Client, admin: &Admin, mut chance: Seeded) -> Result<()> {
        let client = Client::new(edge.address());
        let admin = Admin::new(Client::new(edge.address()), admin.key());
        while !self.stop.load(Ordering::Relaxed) {
            let drawn = chance.below(self.keys.len() as u64);
            let key = &self.keys[usize::try_from(drawn)?].secret;
            let began = Instant::now();
            let (answer, expected) = match chance.below(100) {
                0..90 => (read(&client, key)?, (200, None)),
                90..93 => (
                    read(&client, &wrong_secret(key))?,
                    (401, Some("invalid_key")),
                ),
                93..96 => (read(&client, &forged_id(key))?, (401, Some("invalid_key"))),
                96..98 => (read(&client, &key[..40])?, (401, Some("malformed_key"))),
                _ => {
                    self.administrate(&admin)?;
                    continue;
                }
            };
            let took = began.elapsed();
            let code = answer.problem();
            let is_unproven = code.as_deref() == Some("freshness_unavailable");
            let found = (answer.status, code.as_deref());
            ensure!(is_unproven || found == expected, "{answer:?}");
            ensure!(!is_unproven || took >= DEADLINE, "{took:?}: {answer:?}");
            let mut stretch = self.stretch();
            stretch.requests.push(took);
            stretch.unproven += usize::from(is_unproven);
            drop(stretch);
            thread::sleep(Duration::from_millis(4));
        }
        Ok(())
    }

    fn stretch(&self) -> MutexGuard<'_, Stretch> {
        self.stretch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees how long the disk takes, beside everything else.
    fn watch_disk(&self, rig: &Rig) -> Result<()> {
        let mut file = fs::File::create(rig.state().with_file_name("disk"))?;
        while !self.stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            file.rewind()?;
            file.write_all(&[1; 4_096])?;
            file.sync_data()?;
            self.stretch().syncs.push(began.elapsed());
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn order(&self, call: Call<'_>) -> Result<Answer> {
        let began = Instant::now();
        let answer = self.acts.send(call)?;
        self.stretch().orders.push(began.elapsed());
        Ok(answer)
    }

    fn administrate(&self, admin: &Admin) -> Result<()> {
        let keys = format!("/organizations/{ACME}/keys");
        let body = json!({ "name": "n", "environment": "live", "scopes": ["read"] });
        let issued = self.order(admin.call("POST", &keys).json(&body))?;
        ensure!(issued.status == 201, "{issued:?}");
        let issued = issued.json()?;
        let id = issued["key"]["id"].as_str().context("an id")?;
        let body = json!({ "reason": "superseded", "wait": false });
        let order = admin
            .call("POST", &format!("{keys}/{id}/revoke"))
            .json(&body);
        let revoked = self.order(order)?;
        ensure!(matches!(revoked.status, 200 | 202), "{revoked:?}");
        Ok(())
    }
}

/// What came of mixed traffic.
struct Soaked {
    /// The resident memory of the edges' and of the objects' process after each
    /// stretch, in MiB.
    memory: Vec<(u64, u64)>,
    requests: usize,
    unproven: usize,
}

/// Mixed traffic for so many stretches of this length.
fn soak(stretches: u32, length: Duration) -> Result<Soaked> {
    // The bound that is deployed unless the operator says otherwise.
    let rig = Rig::builder()
        .edges(EDGES)
        .objects_apart()
        .variable("FRESHNESS_BOUND_MS", 5_000)
        .start()?;
    let (admin, first) = acme(&rig)?;
    let mut keys = vec![first];
    while keys.len() < 50 {
        keys.push(admin.issue_live(ACME, &["read"])?);
    }
    let traffic = Traffic {
        keys,
        acts: Acts::default(),
        stretch: Mutex::default(),
        stop: AtomicBool::new(false),
    };
    let traffic = &traffic;
    let mut memory = Vec::new();
    let (mut all, mut all_unproven) = (0, 0);
    thread::scope(|scope| -> Result<()> {
        let disk = scope.spawn(|| traffic.watch_disk(&rig));
        let threads: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (edge, admin) = (rig.edge(number % EDGES), &admin);
                let chance = Seeded(number as u64);
                scope.spawn(move || traffic.client(edge, admin, chance))
            })
            .collect();
        say(format_args!(
            "| after | requests | unproven | p50 | p99 | max | orders | p50 | max | the disk's max | edges MiB | objects MiB |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
        ));
        for stretch in 1..=stretches {
            let end = Instant::now() + length;
            while Instant::now() < end && !threads.iter().any(|thread| thread.is_finished()) {
                thread::sleep(Duration::from_millis(100));
            }
            drop(rig.upstream().take());
            if threads.iter().any(|thread| thread.is_finished()) {
                break;
            }
            let now = (
                resident(rig.pid().context("edges")?)?,
                resident(rig.objects_pid().context("objects")?)?,
            );
            memory.push(now);
            let took = std::mem::take(&mut *traffic.stretch());
            let (requests, orders) = (took.requests.len(), took.orders.len());
            all += requests;
            all_unproven += took.unproven;
            let of = |took: Vec<Duration>, percents: &[usize]| {
                let took = Distribution::of(took);
                let times = percents.iter().map(|percent| {
                    let time = took.percentile(*percent);
                    format!("{time:.1?}")
                });
                times.collect::<Vec<_>>().join(" | ")
            };
            say(format_args!(
                "| {:?} | {requests} | {} | {} | {orders} | {} | {} | {} | {} |",
                length * stretch,
                took.unproven,
                of(took.requests, &[50, 99, 100]),
                of(took.orders, &[50, 100]),
                of(took.syncs, &[100]),
                now.0,
                now.1
            ));
        }
        traffic.stop.store(true, Ordering::Relaxed);
        disk.join().expect("the thread ends")?;
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("the thread ends"))
    })?;
    let acts = traffic.acts.count();
    traffic.acts.check(&acts::audit(&admin, ACME)?)?;
    say(format_args!(
        "{all} requests, {all_unproven} unproven, no other answer but the expected ones; {acts} acts, all in the audit"
    ));
    Ok(Soaked {
        memory,
        requests: all,
        unproven: all_unproven,
    })
}

#[test]
#[cfg(target_os = "linux")]
fn mixed_traffic_is_answered_as_it_is_to_be() -> Result<()> {
    let Soaked { memory, .. } = soak(4, Duration::from_secs(5))?;
    assert_eq!(memory.len(), 4);
    // Measured: 150 to 370.
    ensure!(
        memory.iter().all(|now| now.0 < 768 && now.1 < 768),
        "{memory:?}"
    );
    Ok(())
}

#[test]
#[ignore = "takes as long as it is told to"]
#[cfg(target_os = "linux")]
fn mixed_traffic_for_long_takes_no_more_memory_and_no_more_time() -> Result<()> {
    let minutes: u32 = match std::env::var("SOAK_MINUTES") {
        Ok(text) => text.parse()?,
        Err(_) => 20,
    };
    ensure!(minutes >= 4, "too short to tell anything");
    let Soaked {
        memory,
        requests,
        unproven,
    } = soak(minutes, Duration::from_secs(60))?;
    ensure!(
        unproven * 1_000 <= requests,
        "{unproven} of {requests} unproven"
    );
    // The heaps fill up at first. From the first quarter on they stay.
    let settled = memory[memory.len().div_ceil(4)];
    let last = memory[memory.len() - 1];
    for (before, after) in [(settled.0, last.0), (settled.1, last.1)] {
        ensure!(after <= before + before / 5 + 16, "{memory:?}");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "figures for the docs")]
fn say(figures: std::fmt::Arguments<'_>) {
    println!("{figures}");
}
