//! Failed authentications at the admin routes, reported to the platform's registry
//! after the answers have gone out.

use crate::control::memory;
use crate::control::registry;
use crate::http::Code;
use crate::registry::message::{Command, FailedAuthentication};
use crate::runtime::isolate::Edge;
use crate::runtime::{host, metrics};
use crate::time::Timestamp;
use crate::verify::{Drained, Failure, Proof};

/// How long they wait for company, in milliseconds.
const FLUSH_AFTER: u64 = 10_000;

/// Counts one.
pub(crate) fn count(edge: &Edge, failure: Failure<Code>, proof: Proof, at: Timestamp) {
    memory::with(|memory| memory.failures.count(failure, proof, at));
    flush_later(edge, at);
}

/// Has what was counted sent, the refusals for the metrics too.
pub(crate) fn flush_later(edge: &Edge, at: Timestamp) {
    if memory::with(|memory| memory.flush.make(at, FLUSH_AFTER)) {
        let later = edge.clone();
        edge.after(async move {
            host::sleep(FLUSH_AFTER).await;
            flush(&later).await;
        });
    }
}

async fn flush(edge: &Edge) {
    let failures = memory::with(|memory| {
        memory.flush.kept();
        memory.failures.drain()
    });
    metrics::write(&edge.env, 0);
    if let Some(failures) = failures {
        // A note less, where the platform's registry does not answer.
        let _ = registry::tell_platform(&edge.env, failures.into()).await;
    }
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
