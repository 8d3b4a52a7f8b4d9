//! What an isolate remembers of administrators, to bound the cost of callers who are
//! not administrators.

use std::cell::RefCell;
use std::rc::Rc;

use crate::expiring::ExpiringSet;
use crate::http::Code;
use crate::key::PublicKeyId;
use crate::keyed_semaphore::{Bounds, KeyedSemaphore};
use crate::verify::{Attempts, Failures, FlushPromise};

/// For how long an admin key that its registry called revoked is refused without
/// asking again: that is final, but for a registry that was restored from a backup.
const REVOKED_FOR: u64 = 60_000;
/// Most such keys remembered.
const REVOKED_MOST: usize = 1_024;

/// For how long a dashboard session that is over is refused without asking again. One
/// of a key that is only paused comes back with it, so much later.
const OVER_FOR: u64 = 5_000;
/// Most such sessions remembered.
const OVER_MOST: usize = 1_024;

/// Reads of dashboard sessions under way. Whoever has a genuine token was signed in
/// once; with one that is over, they cause so many reads until the first tells.
const SESSION_READS: Bounds = Bounds {
    at_once: 16,
    each: 128,
    all: 1_024,
    lasts: 30_000,
};

/// SHA-256 of a session's token: the token itself is not kept.
pub(crate) type SessionHash = [u8; 32];

/// The isolate's memory.
pub(crate) struct Memory {
    /// Failures at the doors that take a secret.
    pub(crate) attempts: Attempts,
    /// Failed authentications not yet told the platform's registry.
    pub(crate) failures: Failures<Code>,
    /// Who tells them.
    pub(crate) flush: FlushPromise,
    /// Admin keys that are revoked.
    pub(crate) revoked: ExpiringSet<PublicKeyId>,
    /// Dashboard sessions that are over.
    pub(crate) over: ExpiringSet<SessionHash>,
    pub(crate) session_reads: Rc<RefCell<KeyedSemaphore<SessionHash>>>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::new(Memory {
        attempts: Attempts::default(),
        failures: Failures::default(),
        flush: FlushPromise::default(),
        revoked: ExpiringSet::new(REVOKED_MOST, REVOKED_FOR),
        over: ExpiringSet::new(OVER_MOST, OVER_FOR),
        session_reads: Rc::new(RefCell::new(KeyedSemaphore::new(SESSION_READS))),
    });
}

/// Uses the memory, without an await in between.
pub(crate) fn with<T>(work: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(work)
}
