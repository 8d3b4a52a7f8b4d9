//! Memory with many keys.

use crate::{
    contender::{check, ours},
    keys::{self, Secrets},
    load::{End, Requests, load, request},
    proc,
    workerd::{Server, Worker},
};
use anyhow::{Context, Result};
use serde::Serialize;
use std::time::{Duration, Instant};

const KEYS: [usize; 2] = [10_000, 100_000];

/// Resident memory of a process, in bytes.
#[derive(Serialize)]
pub(crate) struct Memory {
    pub(crate) name: &'static str,
    /// After the first answer.
    pub(crate) first: u64,
    /// After so many distinct keys, each used once.
    pub(crate) after: Vec<(usize, u64)>,
}

fn all(minted: &[String]) -> Requests {
    let texts = minted
        .iter()
        .map(|key| {
            let authorization = format!("Bearer {key}");
            request("GET", "/authorize", &[("Authorization", &authorization)])
        })
        .collect();
    Requests::new(texts, 200)
}

/// Servers that keep running while one of them is measured.
struct Around {
    secrets: Secrets,
    kv: Server,
    upstream: Server,
    minted: Vec<String>,
}

impl Around {
    fn start() -> Result<Self> {
        let secrets = Secrets::draw()?;
        let kv = Worker::peer("kv.js").start()?;
        let upstream = Worker::peer("empty.js").start()?;
        let most = KEYS.last().copied().unwrap_or_default();
        let minted = keys::mint(&secrets, most, kv.address)?;
        Ok(Self {
            secrets,
            kv,
            upstream,
            minted,
        })
    }

    fn ours(&self) -> Result<Worker> {
        ours(&self.secrets, self.kv.address, self.upstream.address)
    }
}

pub(crate) fn run() -> Result<Vec<Memory>> {
    let around = Around::start()?;
    [
        ("ours", around.ours()?),
        (
            "tuned JavaScript",
            check(&around.secrets, around.kv.address),
        ),
    ]
    .into_iter()
    .map(|(name, worker)| {
        let server = worker.start()?;
        let requests = all(&around.minted);
        load(server.address, &requests, 1, End::Requests(1), None)?;
        let first = proc::resident(server.pid())?;
        let (mut after, mut sent) = (Vec::new(), 1);
        for count in KEYS {
            let end = End::Requests((count - sent) as u64);
            load(server.address, &requests, 16, end, None).context(name)?;
            sent = count;
            after.push((count, proc::resident(server.pid())?));
        }
        Ok(Memory { name, first, after })
    })
    .collect()
}

/// Uses 100,000 keys over and over, and says each minute what memory is held.
pub(crate) fn soak(time: Duration) -> Result<()> {
    let around = Around::start()?;
    let server = around.ours()?.start()?;
    let requests = all(&around.minted);
    let began = Instant::now();
    println!("minute  requests/s  resident MiB");
    while began.elapsed() < time {
        let slice = load(
            server.address,
            &requests,
            16,
            End::After(Duration::from_secs(60)),
            None,
        )?;
        println!(
            "{:>6.1}  {:>10.0}  {:>12.1}",
            began.elapsed().as_secs_f64() / 60.0,
            slice.per_second(),
            proc::resident(server.pid())? as f64 / f64::from(1 << 20),
        );
    }
    Ok(())
}
