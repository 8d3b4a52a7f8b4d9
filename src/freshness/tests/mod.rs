//! The state machines, rule by rule: each test is a sentence of
//! `docs/freshness.md` or of a module's head. What becomes of the rules together
//! is in `tests/freshness_model.rs` and `tests/freshness_simulation.rs`.

mod account;
mod carrier;
mod change_log;
mod commit_wait;
mod confirmations;
mod enforcer;
mod follower;
mod overlap;
mod relay;
mod restore_guard;
mod restored;
mod view;

#[path = "../../../tests/support/sqlite.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "a test's support is nobody's interface"
)]
mod sqlite;

use crate::freshness::sync::{Change, Cursor, Incarnation, Requirement, SyncReply, Version};
use crate::freshness::{Bound, Millis, Revision, Subject};

const V: Version = Version::CURRENT;

fn key(number: u64) -> Subject {
    Subject::parse(&format!("20organizatonnonce{number:012}")).unwrap()
}

fn organization() -> Subject {
    key(0).organization()
}

const fn cursor(seq: u64) -> Cursor {
    Cursor {
        incarnation: Incarnation::from_stored(1),
        seq,
    }
}

const fn change(subject: Subject, revision: u64, seq: u64) -> Change {
    Change {
        subject,
        revision: Revision(revision),
        seq,
    }
}

const fn required(subject: Subject, revision: u64) -> Requirement {
    Requirement {
        subject,
        revision: Revision(revision),
    }
}

/// An answer of this age that ends at `seq` and says nothing more.
const fn reply(seq: u64, age: u64) -> SyncReply {
    SyncReply {
        v: V,
        reset: false,
        cursor: cursor(seq),
        age_ms: Millis(age),
        bound_ms: Bound::DEFAULT,
        changes: Vec::new(),
        required: Vec::new(),
        urgent: None,
    }
}
