//! What both planes need of the runtime: every name of it stands here or in one of
//! the planes. Compiled for `wasm32` alone.
//!
//! | file | what it carries |
//! |---|---|
//! | `registry`, `objects`, `kv` | questions to what is elsewhere |
//! | `secrets`, `turns` | whether a presented secret is the right one, one look-up at a time |
//! | `log`, `metrics` | what the operator sees |
//! | `zones` | time zones |
//! | `isolate`, `incoming`, `respond`, `bindings`, `promise`, `host` | the runtime's parts |

pub(crate) mod bindings;
pub(crate) mod host;
pub(crate) mod incoming;
pub(crate) mod isolate;
pub(crate) mod kv;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod objects;
pub(crate) mod promise;
pub(crate) mod registry;
pub(crate) mod respond;
pub(crate) mod secrets;
pub(crate) mod turns;
#[cfg(feature = "control")]
pub(crate) mod zones;
