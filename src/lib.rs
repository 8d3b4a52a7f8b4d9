//! Organization-scoped API keys, verified at the edge.
//!
//! The crate is one Cloudflare Worker and the Durable Objects behind it. Pure
//! modules decide; [`edge`](crate) carries: it is compiled for `wasm32` alone
//! and holds every name of the runtime.
//!
//! | module | rule it keeps |
//! |---|---|
//! | [`freshness`] | what is revoked is revoked everywhere once the call returned |

#![forbid(unsafe_code)]

pub mod freshness;
