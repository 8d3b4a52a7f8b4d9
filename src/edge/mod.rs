//! The data plane: clients' requests, verified. It carries what the pure modules
//! decide, and decides nothing itself.
//!
//! | file | what it carries |
//! |---|---|
//! | [`mod@entry`] | a request to its place, an answer back |
//! | `client` | clients' routes: key, gateway, forward-auth |
//! | `oauth` | introspection and revocation |
//! | `authorize`, `memory` | a presented key to a decision |
//! | `usage`, `exposure` | what is noted after the answer |
//! | `granted` | what a granted key is answered with |
//! | `gateway` | the API behind |

pub(crate) mod authorize;
mod client;
mod entry;
mod exposure;
mod gateway;
mod granted;
pub(crate) mod memory;
mod oauth;
pub(crate) mod usage;

pub use entry::{handle, lines_after};
pub use gateway::{not_forwarded, passage};
