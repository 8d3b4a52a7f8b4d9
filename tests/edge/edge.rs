//! Tests of the built Worker in the real runtime.
#![allow(missing_docs, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed"
)]

mod acts;
mod admin;
mod administrators;
mod clients;
mod confirmation;
mod cost;
mod door;
mod examples;
mod exposure;
mod faults;
mod finding;
mod freshness;
mod gateway;
mod history;
mod integrations;
mod leaks;
mod lifecycle;
mod limits;
mod lines;
mod mistakes;
mod observability;
mod overload;
mod python;
mod recovery;
mod refusals;
mod restart;
mod restore;
mod revocation;
mod rig;
mod root_keys;
mod rotation;
mod routes;
mod secrets;
mod settings;
mod smuggling;
mod soak;
mod standards;
mod steps;
mod support;
mod threats;
mod usage;
