//! The rim: everything that names the runtime. Compiled for `wasm32` alone; it
//! carries what the pure modules decide, and decides nothing itself.
//!
//! | file | what it carries |
//! |---|---|
//! | [`mod@entry`] | a request to its place, an answer back |
//! | `client` | clients' routes: key, gateway, forward-auth |
//! | `admin`, `status` | administrators' routes |
//! | `door`, `sign_in` | who may use them; the dashboard's sessions |
//! | `oauth` | introspection and revocation |
//! | `leaks` | reports of keys that leaked |
//! | `authorize`, `secrets`, `memory` | a presented key to a decision |
//! | `usage`, `exposure` | what is noted after the answer |
//! | `granted` | what a granted key is answered with |
//! | `gateway` | the API behind |
//! | `registry`, `objects`, `kv` | questions to what is elsewhere |
//! | `object` | the Durable Objects |
//! | `log`, `metrics` | what the operator sees |
//! | `isolate`, `incoming`, `respond`, `bindings`, `deadline`, `rim` | the runtime's parts |

mod admin;
mod authorize;
mod bindings;
mod client;
mod deadline;
mod door;
mod entry;
mod exposure;
mod gateway;
mod granted;
mod incoming;
mod isolate;
mod kv;
mod leaks;
mod log;
mod memory;
mod metrics;
mod oauth;
mod object;
mod objects;
mod registry;
mod respond;
mod rim;
mod secrets;
mod sign_in;
mod status;
mod usage;

pub use entry::{handle, lines_after};
pub use gateway::{not_forwarded, passage};
