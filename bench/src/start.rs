//! From nothing to the first answer.

use crate::{
    contender::{check, check_with_log, data_plane, ours},
    keys::{self, Secrets},
    load::{End, Requests, load, request},
    stats::Spread,
    workerd::Worker,
};
use anyhow::Result;
use serde::Serialize;
use std::time::Instant;

const TIMES: usize = 11;

/// How long it takes from the start of the process to the first answer, in
/// milliseconds: workerd's own start, compiling, settings, and what the answer takes.
#[derive(Serialize)]
pub(crate) struct Start {
    pub(crate) name: &'static str,
    pub(crate) ms: Spread,
    /// As a share of the tuned JavaScript version's that does the same, start by start.
    pub(crate) ratio: Spread,
}

/// One Worker, what it is asked first, and the status of its answer.
struct Case {
    name: &'static str,
    worker: Worker,
    asked: Vec<u8>,
    status: u16,
    /// Which of the cases it is held against.
    reference: usize,
}

pub(crate) fn run() -> Result<Vec<Start>> {
    let secrets = Secrets::draw()?;
    let kv = Worker::peer("kv.js").start()?;
    let upstream = Worker::peer("empty.js").start()?;
    let minted = keys::mint(&secrets, 1, kv.address)?;
    let authorization = format!("Bearer {}", minted.concat());
    let grant = request("GET", "/authorize", &[("Authorization", &authorization)]);
    let refusal = request("GET", "/authorize", &[("Authorization", "Bearer no-key")]);
    let case = |name, worker, asked: &Vec<u8>, status, reference| Case {
        name,
        worker,
        asked: asked.clone(),
        status,
        reference,
    };
    let kv_alone = check(&secrets, kv.address);
    let with_log = check_with_log(&secrets, kv.address);
    let both = ours(&secrets, kv.address, upstream.address)?;
    let edge = data_plane("edge.js", &secrets, kv.address)?;
    let refusing = check(&secrets, kv.address);
    let cases = [
        case("empty handler", Worker::peer("empty.js"), &grant, 200, 2),
        case("tuned JavaScript, KV alone", kv_alone, &grant, 200, 2),
        case("tuned JavaScript, the same reads", with_log, &grant, 200, 2),
        case("ours, both planes and the objects", both, &grant, 200, 2),
        case("tuned JavaScript, a refusal", refusing, &refusal, 401, 4),
        case("our data plane alone, a refusal", edge, &refusal, 401, 4),
    ];
    let mut took = vec![Vec::new(); cases.len()];
    for _ in 0..TIMES {
        for (case, took) in cases.iter().zip(&mut took) {
            let began = Instant::now();
            let server = case.worker.start()?;
            let requests = Requests::new(vec![case.asked.clone()], case.status);
            load(server.address, &requests, 1, End::Requests(1), None)?;
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    let starts = cases.iter().zip(&took).map(|(case, own)| {
        let reference = took.get(case.reference).map_or(&[][..], Vec::as_slice);
        let ratios = own.iter().zip(reference).map(|(own, other)| own / other);
        Start {
            name: case.name,
            ratio: Spread::of(ratios.collect()),
            ms: Spread::of(own.clone()),
        }
    });
    Ok(starts.collect())
}
