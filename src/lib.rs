//! Organization-scoped API keys, verified at the edge.
//!
//! The crate is one Cloudflare Worker and the Durable Objects behind it. Pure
//! modules decide; `edge` carries: it is compiled for `wasm32` alone and holds
//! every name of the runtime.
//!
//! | module | what it holds |
//! |---|---|
//! | [`key`] | what a key is: form, digest, keyring, record |
//! | [`registry`] | the truth about one organization |
//! | [`sql`] | the port to SQLite
//! | [`time`], [`random`] | the two inputs from outside: instants and randomness |

#![forbid(unsafe_code)]

pub mod key;
pub mod random;
pub mod registry;
pub mod sql;
pub mod time;
