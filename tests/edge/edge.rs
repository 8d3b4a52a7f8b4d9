//! Tests of the built Worker in the real runtime.
#![allow(missing_docs, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

mod clients;
mod cost;
mod examples;
mod gateway;
mod integrations;
mod lifecycle;
mod python;
mod recovery;
mod refusals;
mod restart;
mod rig;
mod secrets;
mod standards;
mod support;
