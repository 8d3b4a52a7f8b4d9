//! Organization-scoped API keys, verified at the edge.
//!
//! The crate is one Cloudflare Worker and the Durable Objects behind it. Pure
//! modules decide; `edge`, `control` and `runtime` carry: they are compiled for
//! `wasm32` alone and hold every name of the runtime.
//!
//! | module | what it holds |
//! |---|---|
//! | [`key`] | what a key is: form, digest, keyring, record |
//! | [`edge_call`] | what the data plane asks and tells a registry |
//! | [`verify`] | facts of a request, records, instant: the decision |
//! | [`freshness`] | what is revoked is revoked everywhere once the call returned |
//! | [`limits`] | rates and quotas that are never exceeded |
//! | [`registry`] | the truth about one organization: commands, transitions, audit |
//! | [`http`] | the outside language: paths, problems, routes, answers |
//! | [`page`] | listings, a page at a time |
//! | [`expiring_semaphore`], [`keyed_semaphore`] | how much is worked on at once |
//! | [`expiring`] | what is taken for granted for a while |
//! | [`settings`] | what the operator says |
//! | [`sql`] | the port to SQLite |
//! | [`time`], [`random`] | the two inputs from outside: instants and randomness |

#![forbid(unsafe_code)]

#[cfg(all(target_arch = "wasm32", feature = "control", feature = "edge"))]
compile_error!(
    "a module is one plane: build it with `--no-default-features --features edge` or `control`"
);

mod bounded;
#[cfg(all(target_arch = "wasm32", feature = "control"))]
pub mod control;
#[cfg(all(target_arch = "wasm32", feature = "edge"))]
pub mod edge;
pub mod edge_call;
pub mod expiring;
pub mod expiring_semaphore;
pub mod freshness;
pub mod http;
pub mod json;
pub mod key;
pub mod keyed_semaphore;
pub mod limits;
pub mod page;
pub mod random;
#[cfg(feature = "control")]
pub mod registry;
#[cfg(target_arch = "wasm32")]
mod runtime;
#[cfg(feature = "schema")]
pub mod schema;
pub mod settings;
#[cfg(feature = "control")]
pub mod sql;
pub mod time;
pub mod verify;

// What tests share names the crate as the tests outside do.
#[cfg(test)]
extern crate self as katalo_keys;
