//! How a request is decided that memory alone cannot decide.
//!
//! The state machines of the miss: no I/O, no clock, no runtime. An
//! [`Authorization`] is given what happened as an [`Event`] and says what to do
//! next as a [`Step`]; the isolate's memory is lent to it for each call. Whoever
//! carries the steps out decides nothing, and the model checker and the
//! simulation (`tests/freshness_world`) carry out the same steps of the same
//! machines.
//!
//! ```text
//! look at the view ─┬─ both records, proven ──────────────────────► decide
//!                   ├─ unproven ── sync with the log ──► look again
//!                   ├─ missing ─── read Workers KV and sync ──► look again
//!                   ├─ somebody else is at it ── wait ──► look again
//!                   └─ none of that helps, or `strict` ── read from the registry ──► decide
//! ```
//!
//! | file | what it decides |
//! |---|---|
//! | `machine` | what a request does next |
//! | [`sync`] | whom to ask next for a sync, and how long |

mod machine;
pub mod sync;
#[cfg(test)]
mod tests;

pub use machine::Authorization;

use crate::expiring_semaphore::ExpiringSemaphore;
use crate::freshness::view::View;
use crate::freshness::{EdgeClock, Millis, Reading, Revision};
use crate::verify::Denial;
use sync::FailoverSync;

/// Where the records came from that a request was decided on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// The view.
    Memory,
    /// The view, which has read them from Workers KV for this request.
    Kv,
    /// The registry itself.
    Registry,
    /// The view, though nothing proves any more that they are current: the operator
    /// chose to serve all the same (`ON_UNPROVEN`).
    Unproven,
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// By a decision on its key.
    Denied(Denial),
    /// Nothing proves how its key stands now.
    FreshnessUnavailable,
}

/// What decides on a request's records. `R` is a record as the view holds it.
pub trait Verifier<R> {
    /// A granted request.
    type Granted;

    /// Whether a key's record, which was just read, proves the presented secret
    /// wrong; none proves it wrong, too. What that says of the key id is remembered,
    /// so that the next wrong secret costs no I/O.
    fn refutes(&mut self, key: Option<&R>, now: Reading<EdgeClock>) -> bool;

    /// Decides on a key's record and its organization's, none where there is no such
    /// thing.
    ///
    /// # Errors
    /// The [`Denial`].
    fn decide(
        &self,
        key: Option<&R>,
        organization: Option<&R>,
        source: Source,
        age: Millis,
    ) -> Result<Self::Granted, Denial>;
}

/// What an isolate remembers and shares between its requests.
pub struct Isolate<'m, R> {
    /// The records, and how current they are.
    pub view: &'m mut View<R>,
    /// Reads at registries under way.
    pub registry_reads: &'m mut ExpiringSemaphore,
}

/// What to do next. Each step but the last has its event.
#[derive(Clone, Debug)]
pub enum Step<G> {
    /// Wait for this long, then [`Event::Look`].
    Wait(Millis),
    /// Carry out a sync, then [`Event::Synced`].
    Sync(FailoverSync),
    /// Read these records from Workers KV, and carry out the sync at the same time;
    /// then [`Event::Loaded`].
    Load {
        /// The key's.
        key: bool,
        /// The organization's.
        organization: bool,
        /// None where the view knows already what is required of them.
        sync: Option<FailoverSync>,
    },
    /// Read both records from the registry, which is told what the view knows to be
    /// required of the key and of the organization; then
    /// [`Event::RegistryAnswered`].
    ReadRegistry([Revision; 2]),
    /// The end.
    Decided(Result<G, Refusal>),
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event<R> {
    /// The request begins, or has waited.
    Look,
    /// A sync is over: whether anybody answered.
    Synced(bool),
    /// A load is over.
    Loaded {
        /// The key's record, if it was to be read and Workers KV has it.
        key: Option<R>,
        /// The organization's, likewise.
        organization: Option<R>,
        /// Whether anybody answered the sync; true where none was to be made.
        synced: bool,
    },
    /// The registry answered; none where it did not in time.
    RegistryAnswered(Option<RegistryRecords<R>>),
}

/// What a registry says of a key: as it is at this moment.
#[derive(Clone, Debug)]
pub struct RegistryRecords<R> {
    /// The key's record, if there is such a key.
    pub key: Option<R>,
    /// Its organization's.
    pub organization: Option<R>,
    /// Whether the change log knows their revisions, so that they may be kept.
    pub may_keep: bool,
}
