//! Tests of the built Worker in the real runtime.
#![allow(missing_docs, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

mod acts;
mod administrators;
mod cost;
mod faults;
mod freshness;
mod history;
mod lifecycle;
mod overload;
mod recovery;
mod refusals;
mod restart;
mod revocation;
mod rig;
mod secrets;
mod soak;
mod support;
mod usage;
