//! Counts of use, kept in the isolate and flushed to the registries after the
//! answers have gone out.

use crate::edge::memory::{self, Outcome};
use crate::edge_call::{EdgeCall, PreflightCount, UsageCount};
use crate::http::Code;
use crate::key::PublicKeyId;
use crate::random;
use crate::runtime::host::{self, Crypto};
use crate::runtime::isolate::Edge;
use crate::runtime::metrics;
use crate::runtime::registry;
use crate::time::Timestamp;
use crate::verify::{Count, Counted, Tally};

/// How long counts wait for company, in milliseconds.
const FLUSH_AFTER: u64 = 10_000;
/// Counts in one message to a registry.
const BATCH: usize = 200;
/// How often one batch is sent before it is given up. A registry that did take
/// it counts it once all the same.
const TRIES: u32 = 3;

/// Counts one request of a key whose secret was proven.
pub(crate) fn count(
    edge: &Edge,
    key: PublicKeyId,
    route: Option<u16>,
    outcome: Outcome,
    at: Timestamp,
) {
    let flush = memory::with(&edge.settings, |memory| {
        let counted = Counted {
            key,
            route,
            outcome,
        };
        memory.tally.count(counted, at);
        memory.flush.make(at, FLUSH_AFTER)
    });
    if flush {
        flush_later(edge);
    }
}

fn flush_later(edge: &Edge) {
    let later = edge.clone();
    edge.after(async move {
        host::sleep(FLUSH_AFTER).await;
        flush_now(&later);
    });
}

/// Sends all at once, each batch by itself.
fn flush_now(edge: &Edge) {
    let (counts, preflights) = memory::with(&edge.settings, |memory| {
        // What was dropped was beyond the memory's limit; the docs say so.
        let (counts, _) = Tally::drain(&mut memory.tally);
        memory.flush.kept();
        (counts, memory.preflights.drain())
    });
    let allowed = counts.values().flatten();
    metrics::write(
        &edge.env,
        allowed
            .filter(|(counted, _)| counted.outcome.is_none())
            .map(|(_, count)| count.count)
            .sum(),
    );
    for (tag, counts) in counts {
        let mut rows: Vec<UsageCount> = counts
            .into_iter()
            .map(|(counted, count)| row(edge, counted, count))
            .collect();
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(BATCH));
            let counts = EdgeCall::CountUsage {
                organization: tag,
                batch: random::hex_id(&mut Crypto),
                rows: std::mem::replace(&mut rows, rest),
            };
            edge.after(send(edge.clone(), counts));
        }
    }
    if !preflights.is_empty() {
        let preflights = preflights
            .into_iter()
            .map(|(origin, count)| PreflightCount { origin, count })
            .collect();
        let later = edge.clone();
        edge.after(async move {
            // One message, whatever strangers sent; a note less, where the platform's
            // registry does not answer.
            let _ = registry::call(&later.env, &EdgeCall::NotePreflights { preflights }).await;
        });
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

async fn send(edge: Edge, counts: EdgeCall) {
    for try_number in 0..TRIES {
        if try_number > 0 {
            host::sleep(1_000 << try_number).await;
        }
        let answered = registry::call(&edge.env, &counts).await;
        if answered.is_ok_and(|response| response.is_taken()) {
            return;
        }
    }
}

/// Counts a preflight that asked for `authorization`.
pub(crate) fn count_preflight(edge: &Edge, origin: String, at: Timestamp) {
    let flush = memory::with(&edge.settings, |memory| {
        memory.preflights.count(origin);
        memory.flush.make(at, FLUSH_AFTER)
    });
    if flush {
        flush_later(edge);
    }
}
