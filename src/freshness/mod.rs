//! Revoked means revoked: how every edge knows that what it decides on is
//! still true.
//!
//! **Guarantee.** When a call that changes how requests are decided has
//! returned `enforced: true`, no request that *arrives* afterwards, at any
//! edge, is decided on the older state. Freshness that cannot be proven is
//! refused, never guessed. `docs/freshness.md` gives the assumptions and the
//! proof.
//!
//! Everything here is a state machine: no I/O, no clock, no runtime, no
//! randomness. Clock readings and messages are passed in, messages and
//! verdicts come out, so the model checker, the simulation and the deployed
//! objects drive the very same code.
//!
//! | module | rule it keeps |
//! |---|---|
//! | [`time`] | durations are shared, clock readings are not; how much longer than the bound a change waits |
//! | [`sync`] | the one request of both hops and its reply, as they go over the wire |
//! | [`append`] | what a registry and the change log say to each other |
//! | [`holding`] | who holds a lease, and what it no longer decides on |
//! | [`account`] | who may still decide on an older state |
//! | [`change_log`] | the greatest revision of every subject that ever changed, in the order of change; owner of the bound |
//! | [`sql`] | the log's tables and statements |
//! | [`sql_log`] | the log's storage by them |
//! | [`follower`] | what relay and edge share: cursor, proof, one refresh at a time |
//! | [`recent`] | how the last changes were enforced, for the status |
//! | [`relay`] | answers a region from memory, asks the log at a quarter of the bound |
//! | [`lending`] | its leases: those it gave, and its own at the log |
//! | [`records`] | the edge's records under a memory limit |
//! | [`view`] | what an isolate may decide from memory, and the race fence |
//! | [`carrier`] | how an edge hears of urgent changes, and confirms them |
//! | [`commit_wait`] | when the registry may say `enforced`, and what it does when it was restored from a backup |
//! | [`restore_guard`] | what it does until it may serve |
//! | [`enforcer`] | what it does until a change is enforced |
//! | [`failover`] | whom an edge asks next, and how long |
//! | [`message`] | the envelopes of all messages to the change log and to a relay |
//! | [`near`] | which region an edge is near |

#[cfg(feature = "control")]
pub mod account;
#[cfg(feature = "control")]
pub mod append;
pub mod carrier;
#[cfg(feature = "control")]
pub mod change_log;
#[cfg(feature = "control")]
pub mod commit_wait;
#[cfg(feature = "control")]
pub mod enforcer;
pub mod failover;
pub mod follower;
pub mod holding;
#[cfg(feature = "control")]
pub mod lending;
pub mod message;
pub mod near;
#[cfg(feature = "control")]
pub mod recent;
pub mod records;
#[cfg(feature = "control")]
pub mod relay;
#[cfg(feature = "control")]
pub mod restore_guard;
#[cfg(feature = "control")]
pub mod sql;
#[cfg(feature = "control")]
pub mod sql_log;
pub mod sync;
pub mod time;
pub mod view;

pub use crate::key::Subject;
#[cfg(feature = "control")]
pub use append::{Ack, Append};
pub use sync::{Change, Cursor, Incarnation, Revision, SyncReply, SyncRequest};
pub use time::{Bound, Clock, EdgeClock, LogClock, Millis, Reading, RegistryClock, RelayClock};

#[cfg(test)]
mod tests;
