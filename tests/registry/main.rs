//! The registry on a real SQLite, through its one entry.
#![allow(unreachable_pub, reason = "one binary of many modules")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

#[path = "../support/sqlite.rs"]
mod sqlite;
mod world;

mod admins;
mod chain;
mod deletion;
mod doors;
mod edge_calls;
mod failures;
mod finding;
mod growth;
mod leaks;
mod lifecycle;
mod messages;
mod model;
mod model_platform;
mod notes;
mod outbox;
mod recovery;
mod retention;
mod root_keys;
mod schema;
mod sessions;
mod transfer;
mod usage;
