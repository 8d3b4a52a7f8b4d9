//! Counts of use, kept in the isolate and flushed to the registries after the
//! answers have gone out.

use std::time::Duration;

use futures_util::future::{join_all, join3};

use crate::edge::memory;
use crate::http::Code;
use crate::key::{OrganizationTag, PublicKeyId};
use crate::random;
use crate::registry::message::{Command, FailedAuthentication, PreflightCount, UsageCount};
use crate::runtime::host::Crypto;
use crate::runtime::isolate::Edge;
use crate::runtime::metrics;
use crate::runtime::registry;
use crate::time::Timestamp;
use crate::verify::{Count, Counted, Drained, Failure, Proof, Tally};

/// How long counts wait for company, in milliseconds.
const FLUSH_AFTER: u64 = 10_000;
/// Counts in one message to a registry.
const BATCH: usize = 200;
/// How often one batch is sent before it is given up. A registry that did take
/// it counts it once all the same.
const TRIES: u32 = 3;

/// `None`: let through; else the code of the denial.
pub(crate) type Outcome = Option<Code>;

/// Counts one request of a key whose secret was proven.
pub(crate) fn count(
    edge: &Edge,
    key: PublicKeyId,
    route: Option<u16>,
    outcome: Outcome,
    at: Timestamp,
) {
    let flush = memory::with(edge.settings.at_most, |memory| {
        let counted = Counted {
            key,
            route,
            outcome,
        };
        memory.tally.count(counted, at);
        memory.tally.take_flush(at, FLUSH_AFTER)
    });
    if flush {
        flush_later(edge);
    }
}

fn flush_later(edge: &Edge) {
    let later = edge.clone();
    edge.after(async move {
        worker::Delay::from(Duration::from_millis(FLUSH_AFTER)).await;
        flush_now(&later).await;
    });
}

async fn flush_now(edge: &Edge) {
    let (counts, preflights, failures) = memory::with(edge.settings.at_most, |memory| {
        // What was dropped was beyond the memory's limit; the docs say so.
        let (counts, _) = Tally::drain(&mut memory.tally);
        (counts, memory.preflights.drain(), memory.failures.drain())
    });
    let allowed = counts.values().flatten();
    metrics::write(
        &edge.env,
        allowed
            .filter(|(counted, _)| counted.outcome.is_none())
            .map(|(_, count)| count.count)
            .sum(),
    );
    let batches = counts.into_iter().flat_map(|(tag, counts)| {
        let rows: Vec<UsageCount> = counts
            .into_iter()
            .map(|(counted, count)| row(edge, counted, count))
            .collect();
        let batches: Vec<_> = rows.chunks(BATCH).map(<[_]>::to_vec).collect();
        batches.into_iter().map(move |rows| (tag, rows))
    });
    let sent = batches.map(|(tag, rows)| send(edge, tag, rows));
    // One message of each, whatever strangers sent; a note less, where the platform's
    // registry does not answer.
    let told = async {
        if !preflights.is_empty() {
            let preflights = preflights
                .into_iter()
                .map(|(origin, count)| PreflightCount { origin, count })
                .collect();
            let command = Command::NotePreflights { preflights };
            let _ = registry::tell_platform(&edge.env, command).await;
        }
    };
    let failures = async {
        if let Some(failures) = failures {
            let _ = registry::tell_platform(&edge.env, failures.into()).await;
        }
    };
    join3(join_all(sent), told, failures).await;
}

impl From<Drained<Code>> for Command {
    fn from(drained: Drained<Code>) -> Self {
        let failures = drained.counts.into_iter();
        Self::NoteFailures {
            failures: failures
                .map(|(failure, count)| FailedAuthentication {
                    problem: failure.problem.as_str().to_owned(),
                    key: failure.key,
                    route: failure.route,
                    address: failure.address.map(|address| address.to_string()),
                    count: count.count,
                })
                .collect(),
            beyond_proven: drained.beyond_proven,
            beyond_unproven: drained.beyond_unproven,
        }
    }
}

/// Counts a failed authentication at an admin route.
pub(crate) fn count_failure(edge: &Edge, failure: Failure<Code>, proof: Proof, at: Timestamp) {
    let flush = memory::with(edge.settings.at_most, |memory| {
        memory.failures.count(failure, proof, at);
        memory.tally.promise_flush(at, FLUSH_AFTER)
    });
    if flush {
        flush_later(edge);
    }
}

fn row(edge: &Edge, counted: Counted<Outcome>, count: Count) -> UsageCount {
    let route = counted
        .route
        .and_then(|place| edge.settings.routes.get(place));
    UsageCount {
        key: counted.key,
        scope: route.map(|route| route.scope().clone()),
        outcome: counted.outcome.map_or("allowed", Code::as_str).to_owned(),
        count: count.count,
        last_at: count.last_at,
    }
}

async fn send(edge: &Edge, tag: OrganizationTag, rows: Vec<UsageCount>) {
    let batch = random::hex_id(&mut Crypto);
    for try_number in 0..TRIES {
        if try_number > 0 {
            worker::Delay::from(Duration::from_secs(1 << try_number)).await;
        }
        let command = Command::CountUsage {
            batch: batch.clone(),
            rows: rows.clone(),
        };
        if registry::tell(&edge.env, tag, command).await.is_ok() {
            return;
        }
    }
}

/// Counts a preflight that asked for `authorization`.
pub(crate) fn count_preflight(edge: &Edge, origin: String, at: Timestamp) {
    let flush = memory::with(edge.settings.at_most, |memory| {
        memory.preflights.count(origin);
        memory.tally.promise_flush(at, FLUSH_AFTER)
    });
    if flush {
        flush_later(edge);
    }
}
