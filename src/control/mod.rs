//! The control plane: administrators' routes, reports of leaks, and the Durable
//! Objects behind both planes.
//!
//! | file | what it carries |
//! |---|---|
//! | [`mod@entry`] | a request to its place, an answer back |
//! | `admin`, `status` | administrators' routes |
//! | `door`, `sign_in` | who may use them; the dashboard's sessions |
//! | `memory`, `failures` | what bounds the cost of strangers there |
//! | `registry` | orders to a registry |
//! | `leaks` | reports of keys that leaked |
//! | `deadline` | work that may take only so long |
//! | `objects` | the Durable Objects |

mod admin;
mod deadline;
mod door;
mod entry;
mod failures;
mod incoming;
mod kv;
mod leaks;
mod log;
mod memory;
mod objects;
mod registry;
mod sign_in;
mod status;

pub use entry::{handle, lines_after};
