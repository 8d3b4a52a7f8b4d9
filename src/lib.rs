//! Organization-scoped API keys, verified at the edge.
//!
//! The crate is one Cloudflare Worker and the Durable Objects behind it. Pure
//! modules decide; [`edge`](crate) carries: it is compiled for `wasm32` alone
//! and holds every name of the runtime.
//!
//! | module | rule it keeps |
//! |---|---|

#![forbid(unsafe_code)]

#[cfg(target_arch = "wasm32")]
pub mod edge;
