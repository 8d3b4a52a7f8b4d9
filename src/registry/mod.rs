//! The truth about one organization: its keys, its audit, its usage.
//!
//! Pure but for the SQL port: the clock and randomness are passed in, and the
//! same statements run on the object's SQLite and, in tests, on a real one.
//!
//! | part | what it holds |
//! |---|---|
//! | [`message`] | what the edge and a registry say to each other |
//! | [`handle`] | the one entry |
//! | `transition`, `transition_context`, `organization` | what each order makes of a key, of the organization: pure |
//! | `authority`, `grant`, `last_admin` | who may do what, that nobody grants what they lack, that somebody always may |
//! | `change`, `commit` | a change as a value, and the one way to write it |
//! | `bulk` | one order to many keys |
//! | `context` | what the answer to one request may use |
//! | `store`, `sql`, `schema` | rows as values, every SQL text, the tables |
//! | `read` | lists and counts |
//! | `record` | entries of the audit that come without a change |
//! | `session` | the dashboard's sessions |
//! | `leak` | what a report of a leak does |
//! | `notes`, `failures` | what browsers and failed attempts tell, within bounds |
//! | `allowance` | how much of that goes on record |
//! | `usage` | counts per key, scope and outcome; last use |
//! | `transfer` | export and import |
//! | [`deletion`] | what becomes of a deleted organization |
//! | `housekeeping` | what goes with time |
//! | [`outbox`] | what the change log and Workers KV do not know yet |
//! | `recovery` | what follows a restored backup |
//! | [`audit`] | the hash chain, and its verifier |
//! | `idempotency` | repeated requests |
//! | [`directory`] | the list of organizations, an object of its own |
//!
//! What a question or an order costs does not grow with the number of keys, but
//! for the counts by state and the status, which pass over all of them: a test
//! holds that up to [`KEYS_TESTED`] keys of one organization.

mod allowance;
pub mod audit;
mod authority;
mod bulk;
mod change;
mod commit;
mod context;
pub mod deletion;
pub mod directory;
mod failures;
mod grant;
mod handle;
mod housekeeping;
mod idempotency;
mod last_admin;
mod leak;
pub mod message;
mod notes;
mod organization;
pub mod outbox;
mod read;
mod record;
mod recovery;
mod schema;
mod session;
mod settings;
mod sql;
mod store;
mod transfer;
mod transition;
mod transition_context;
mod usage;

/// How many keys of one organization the growth of costs is tested with.
pub const KEYS_TESTED: u64 = 100_000;

pub use crate::key::Revision;
pub use authority::{ADMIN_SCOPES, ADMINS_WRITE, Permission, permit};
pub use handle::{absent, handle};
pub use housekeeping::housekeeping;
pub use recovery::{keys_revoked_through, recover, revision, tag};
pub use schema::{exists, migrate};
pub use settings::{RegistrySettings, TimeZones};
