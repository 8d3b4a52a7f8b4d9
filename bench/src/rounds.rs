//! The rounds: every contender in turn, again and again.

use crate::{
    Options,
    field::Row,
    load::{End, load},
    proc,
    stats::{Spread, quantile},
};
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// Connections at which CPU is taken, and half of whose peak is the pace at
/// which latency is.
const USUAL: usize = 16;

/// What the rounds showed of one row.
#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) beside: &'static str,
    /// Requests per second by number of connections.
    pub(crate) per_second: BTreeMap<usize, Spread>,
    /// CPU time of the server for a request, in microseconds.
    pub(crate) cpu_us: Spread,
    /// The throughput as a share of that of [`Self::beside`], round by round, at
    /// 16 connections.
    pub(crate) ratio: Spread,
    /// Requests that a second of the server's CPU answers, as a share likewise.
    pub(crate) ratio_by_cpu: Spread,
    /// At half of the peak load, in microseconds.
    pub(crate) p50_us: f64,
    /// At half of the peak load, in microseconds.
    pub(crate) p99_us: f64,
}

#[derive(Default)]
struct Seen {
    per_second: BTreeMap<usize, Vec<f64>>,
    cpu_us: Vec<f64>,
    latencies_us: Vec<f64>,
}

pub(crate) fn run(options: &Options, rows: &[&Row]) -> Result<Vec<Measured>> {
    let mut seen: Vec<Seen> = rows.iter().map(|_| Seen::default()).collect();
    for row in rows {
        // The first requests are compiled lazily: nobody's usual cost.
        let end = row
            .at_most
            .map_or(End::Requests(3_000), |_| End::Requests(200));
        load(row.at, &row.requests, USUAL, end, None)
            .with_context(|| format!("{}, warming up", row.name))?;
    }
    for round in 0..options.rounds {
        eprintln!("katalo: round {} of {}", round + 1, options.rounds);
        for (row, seen) in rows.iter().zip(&mut seen) {
            measure(options, row, seen).with_context(|| row.name.clone())?;
        }
    }
    let throughput = |name: &str| -> Option<&Seen> {
        let place = rows.iter().position(|row| row.name == name)?;
        seen.get(place)
    };
    Ok(rows
        .iter()
        .zip(&seen)
        .map(|(row, own)| {
            let reference = throughput(row.beside);
            let usual = |seen: &Seen| seen.per_second.get(&USUAL).cloned().unwrap_or_default();
            let over = |own: Vec<f64>, other: Vec<f64>| {
                Spread::of(
                    own.iter()
                        .zip(other)
                        .map(|(own, other)| own / other)
                        .collect(),
                )
            };
            let mut latencies = own.latencies_us.clone();
            latencies.sort_by(f64::total_cmp);
            Measured {
                name: row.name.clone(),
                kind: row.kind,
                beside: row.beside,
                per_second: own
                    .per_second
                    .iter()
                    .map(|(connections, values)| (*connections, Spread::of(values.clone())))
                    .collect(),
                cpu_us: Spread::of(own.cpu_us.clone()),
                ratio: over(usual(own), reference.map(usual).unwrap_or_default()),
                ratio_by_cpu: over(
                    reference
                        .map(|seen| seen.cpu_us.clone())
                        .unwrap_or_default(),
                    own.cpu_us.clone(),
                ),
                p50_us: quantile(&latencies, 0.5),
                p99_us: quantile(&latencies, 0.99),
            }
        })
        .collect())
}

fn measure(options: &Options, row: &Row, seen: &mut Seen) -> Result<()> {
    // Keys that may be met once are too few for every number of connections.
    let all = if row.at_most.is_some() {
        &[USUAL][..]
    } else {
        &options.connections
    };
    let mut peak = 0.0;
    for connections in all {
        let end = row.at_most.map_or(End::After(options.slice_ms), |most| {
            End::Requests(most / options.rounds as u64 * 3 / 4)
        });
        let before = proc::cpu(row.pid)?;
        let slice = load(row.at, &row.requests, *connections, end, None)?;
        let spent = proc::cpu(row.pid)? - before;
        let rate = slice.per_second();
        seen.per_second.entry(*connections).or_default().push(rate);
        if *connections == USUAL {
            peak = rate;
            seen.cpu_us
                .push(spent.as_secs_f64() * 1e6 / slice.requests as f64);
        }
    }
    let end = row
        .at_most
        .map_or(End::After(options.slice_ms / 2), |most| {
            End::Requests(most / options.rounds as u64 / 4)
        });
    let paced = load(
        row.at,
        &row.requests,
        USUAL,
        end,
        Some((peak / 2.0).max(1.0)),
    )?;
    seen.latencies_us.extend(
        paced
            .latencies
            .iter()
            .map(|latency| latency.as_secs_f64() * 1e6),
    );
    Ok(())
}
