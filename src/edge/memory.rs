//! What an isolate remembers of keys: the view, and what bounds its I/O.

use std::cell::RefCell;
use std::rc::Rc;

use crate::expiring::ExpiringSet;
use crate::freshness::failover::Failover;
use crate::freshness::view::View;
use crate::freshness::{Bound, Subject};
use crate::http::Code;
use crate::in_flight::InFlight;
use crate::key::{Environment, KeyRecord, PublicKeyId};
use crate::keyed_semaphore::{Bounds, KeyedSemaphore};
use crate::random::Randomness as _;
use crate::verify::{Attempts, Failures, Held, Preflights, Secrets, Tally};

use crate::edge::usage;
use crate::runtime::host::Crypto;

/// Bytes that the records of one isolate may take, of its 128 MB.
const VIEW_BYTES: usize = 32 << 20;
/// Strong reads under way from one isolate; more are refused, so that a lost
/// relay does not become a flood of registry calls.
const STRONG_READS: usize = 64;
/// For how long a key seen in a browser is not followed up again.
const SIGHTED_FOR: u64 = 60_000;
/// Most such keys remembered; while so many are, no other is followed up.
const SIGHTED_MOST: usize = 256;

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

/// Revocations by holders under way: each waits until it is enforced, in the
/// administrators' lane. A thief who sends one key a thousand times fills no more of
/// it than this.
const REVOCATIONS: Bounds = Bounds {
    at_once: 4,
    each: 64,
    all: 1_024,
    lasts: 30_000,
};

/// For how long a key that its holder ended is known to be, so that to end it again
/// costs its registry nothing: that it is refused everywhere is final, but for a
/// registry that was restored from a backup.
const ENDED_FOR: u64 = 60_000;
/// Most such keys remembered.
const ENDED_MOST: usize = 1_024;

/// SHA-256 of a session's token: the token itself is not kept.
pub(crate) type SessionHash = [u8; 32];

/// The isolate's memory.
pub(crate) struct Memory {
    pub(crate) view: View<Held>,
    /// Which of a region's relays this isolate prefers: spreads isolates evenly.
    pub(crate) replica: u8,
    /// Failures at the doors that take a secret.
    pub(crate) attempts: Attempts,
    /// Uses not yet told the registries.
    pub(crate) tally: Tally<usage::Outcome>,
    /// Preflights not yet told the platform's registry.
    pub(crate) preflights: Preflights,
    /// Failed authentications not yet told the platform's registry.
    pub(crate) failures: Failures<Code>,
    pub(crate) strong_reads: InFlight,
    /// What is known of clients' secrets.
    clients: Secrets,
    /// The same of administrators', apart: clients' ids are many, and well known.
    administrators: Secrets,
    /// Keys seen in a browser a moment ago: that is not told again.
    pub(crate) sighted: ExpiringSet<PublicKeyId>,
    /// Admin keys that are revoked.
    pub(crate) revoked: ExpiringSet<PublicKeyId>,
    /// Dashboard sessions that are over.
    pub(crate) over: ExpiringSet<SessionHash>,
    pub(crate) session_reads: KeyedSemaphore<SessionHash>,
    pub(crate) revocations: KeyedSemaphore<PublicKeyId>,
    /// Keys that their holders ended, and that are refused everywhere.
    pub(crate) ended: ExpiringSet<PublicKeyId>,
}

thread_local! {
    static MEMORY: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

/// Uses the memory, without an await in between. `at_most` counts at the first
/// use alone.
pub(crate) fn with<T>(at_most: Bound, work: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(|memory| {
        work(memory.get_or_insert_with(|| {
            let mut replica = [0];
            Crypto.fill(&mut replica);
            let [replica] = replica;
            Memory {
                view: View::new(VIEW_BYTES, at_most),
                replica,
                attempts: Attempts::default(),
                tally: Tally::default(),
                preflights: Preflights::default(),
                failures: Failures::default(),
                strong_reads: InFlight::new(STRONG_READS, 2 * Failover::TOTAL.0),
                clients: Secrets::default(),
                administrators: Secrets::default(),
                sighted: ExpiringSet::new(SIGHTED_MOST, SIGHTED_FOR),
                revoked: ExpiringSet::new(REVOKED_MOST, REVOKED_FOR),
                over: ExpiringSet::new(OVER_MOST, OVER_FOR),
                session_reads: KeyedSemaphore::new(SESSION_READS),
                revocations: KeyedSemaphore::new(REVOCATIONS),
                ended: ExpiringSet::new(ENDED_MOST, ENDED_FOR),
            }
        }))
    })
}

impl Memory {
    /// What is known of secrets of keys of this environment.
    pub(crate) fn secrets(&mut self, environment: Environment) -> &mut Secrets {
        match environment {
            Environment::Live | Environment::Test => &mut self.clients,
            Environment::Admin => &mut self.administrators,
        }
    }

    /// The key's record in the view, however old.
    pub(crate) fn record_at_hand(&self, id: &PublicKeyId) -> Option<Rc<KeyRecord>> {
        let subject = Subject::parse(id.as_str()).ok()?;
        self.view.peek(&subject).and_then(Held::key).cloned()
    }
}
