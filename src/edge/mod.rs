//! The data plane: clients' requests, verified. It carries what the pure modules
//! decide, and decides nothing itself.
//!
//! | file | what it carries |
//! |---|---|
//! | [`mod@entry`] | a request to its place, an answer back |
//! | `client` | clients' routes: key, gateway, forward-auth |
//! | `oauth` | introspection and revocation |
//! | `authorize`, `memory` | a presented key to a decision |
//! | `limits` | what a granted request has to pay |
//! | `lender` | a question to a relay or the change log |
//! | `watch` | urgent changes, and that this edge is past them |
//! | `usage`, `exposure` | what is noted after the answer |
//! | `granted`, `template` | what a granted key is answered with |
//! | `gateway` | the API behind |

mod authorize;
mod client;
mod entry;
mod exposure;
mod gateway;
mod granted;
mod incoming;
mod lender;
mod limits;
mod memory;
mod oauth;
mod template;
mod usage;
mod watch;

pub use entry::handle;
pub use gateway::{not_forwarded, passage};
