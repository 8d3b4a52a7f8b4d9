//! The control plane: administrators' routes, reports of leaks, and the Durable
//! Objects behind both planes.
//!
//! | file | what it carries |
//! |---|---|
//! | `admin`, `status` | administrators' routes |
//! | `door`, `sign_in` | who may use them; the dashboard's sessions |
//! | `leaks` | reports of keys that leaked |
//! | `objects` | the Durable Objects |

pub(crate) mod admin;
mod door;
pub(crate) mod leaks;
pub(crate) mod objects;
mod sign_in;
mod status;
