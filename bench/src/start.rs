//! From nothing to the first answer.

use crate::{
    contender::{check, check_with_log, ours},
    keys::{self, Secrets},
    load::{End, Requests, load, request},
    stats::Spread,
    workerd::Worker,
};
use anyhow::Result;
use serde::Serialize;
use std::time::Instant;

const TIMES: usize = 11;

/// How long it takes from the start of the process to the first granted request,
/// in milliseconds: workerd's own start, compiling, settings, one look-up.
#[derive(Serialize)]
pub(crate) struct Start {
    pub(crate) name: &'static str,
    pub(crate) ms: Spread,
    /// As a share of the tuned JavaScript version's that makes the same reads,
    /// start by start.
    pub(crate) ratio: Spread,
}

pub(crate) fn run() -> Result<Vec<Start>> {
    let secrets = Secrets::draw()?;
    let kv = Worker::peer("kv.js").start()?;
    let upstream = Worker::peer("empty.js").start()?;
    let minted = keys::mint(&secrets, 1, kv.address)?;
    let authorization = format!("Bearer {}", minted.concat());
    let text = request("GET", "/authorize", &[("Authorization", &authorization)]);
    let workers = [
        ("empty handler", Worker::peer("empty.js")),
        ("tuned JavaScript, KV alone", check(&secrets, kv.address)),
        (
            "tuned JavaScript, the same reads",
            check_with_log(&secrets, kv.address),
        ),
        ("ours", ours(&secrets, kv.address, upstream.address)?),
    ];
    let mut took = vec![Vec::new(); workers.len()];
    for _ in 0..TIMES {
        for ((_, worker), took) in workers.iter().zip(&mut took) {
            let began = Instant::now();
            let server = worker.start()?;
            let requests = Requests::new(vec![text.clone()], 200);
            load(server.address, &requests, 1, End::Requests(1), None)?;
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    let reference = took.get(2).cloned().unwrap_or_default();
    Ok(workers
        .iter()
        .zip(took)
        .map(|((name, _), took)| Start {
            name,
            ratio: Spread::of(
                took.iter()
                    .zip(&reference)
                    .map(|(own, other)| own / other)
                    .collect(),
            ),
            ms: Spread::of(took),
        })
        .collect())
}
