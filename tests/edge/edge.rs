//! Tests of the built Worker in the real runtime.
#![allow(missing_docs, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

mod cost;
mod freshness;
mod history;
mod leaks;
mod lifecycle;
mod observability;
mod recovery;
mod refusals;
mod restart;
mod revocation;
mod rig;
mod root_keys;
mod secrets;
mod support;
mod threats;
