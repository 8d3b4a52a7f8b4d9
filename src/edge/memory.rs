//! What an isolate remembers of keys: the view, and what bounds its I/O.

use std::cell::RefCell;

use crate::freshness::failover::Failover;
use crate::freshness::view::View;
use crate::freshness::{Bound, Subject};
use crate::in_flight::InFlight;
use crate::key::PublicKeyId;
use crate::random::Randomness as _;
use crate::verify::{Attempts, Held, Tally};

use super::rim::Crypto;
use super::usage::{self, Preflights};

/// Bytes that the records of one isolate may take, of its 128 MB.
const VIEW_BYTES: usize = 32 << 20;
/// Strong reads under way from one isolate; more are refused, so that a lost
/// relay does not become a flood of registry calls.
const STRONG_READS: usize = 64;
/// For how long an id that its registry does not know is refused without
/// asking again, in milliseconds. A genuine id without a key is a copy from
/// another installation or a restored one: no client of ours sends it.
const UNKNOWN_FOR: u64 = 5_000;
/// Most such ids remembered.
const UNKNOWN_MOST: usize = 1_024;

/// For how long a key seen in a browser is not followed up again.
const SIGHTED_FOR: u64 = 60_000;
/// Most such keys remembered; while so many are, no other is followed up.
const SIGHTED_MOST: usize = 256;

/// The isolate's memory.
pub(super) struct Memory {
    pub(super) view: View<Held>,
    /// Which of a region's relays this isolate prefers: spreads isolates evenly.
    pub(super) replica: u8,
    /// Failures at the doors that take a secret.
    pub(super) attempts: Attempts,
    /// Uses not yet told the registries.
    pub(super) tally: Tally<usage::Outcome>,
    /// Preflights not yet told the platform's registry.
    pub(super) preflights: Preflights,
    pub(super) strong_reads: InFlight,
    /// Keys seen in a browser, and until when that is not told again.
    sighted: Vec<(PublicKeyId, u64)>,
    /// Ids that no registry knows, and until when that is taken for granted.
    unknown: Vec<(Subject, u64)>,
}

thread_local! {
    static MEMORY: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

/// Uses the memory, without an await in between. `at_most` counts at the first
/// use alone.
pub(super) fn with<T>(at_most: Bound, work: impl FnOnce(&mut Memory) -> T) -> T {
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
                strong_reads: InFlight::new(STRONG_READS, 2 * Failover::TOTAL.0),
                sighted: Vec::new(),
                unknown: Vec::new(),
            }
        }))
    })
}

impl Memory {
    /// Whether the id was unknown to its registry a moment ago.
    pub(super) fn is_unknown(&mut self, key: &Subject, now: u64) -> bool {
        self.unknown
            .retain(|(_, until)| now < *until && *until <= now + UNKNOWN_FOR);
        self.unknown.iter().any(|(known, _)| known == key)
    }

    /// Its registry does not know this id.
    pub(super) fn note_unknown(&mut self, key: Subject, now: u64) {
        if self.unknown.len() >= UNKNOWN_MOST {
            self.unknown.swap_remove(0);
        }
        self.unknown.push((key, now + UNKNOWN_FOR));
    }

    /// Whether this is the key's first sighting of the minute, to be followed up.
    pub(super) fn first_sighting(&mut self, key: PublicKeyId, now: u64) -> bool {
        self.sighted
            .retain(|(_, until)| now < *until && *until <= now + SIGHTED_FOR);
        let first = self.sighted.len() < SIGHTED_MOST
            && self.sighted.iter().all(|(known, _)| *known != key);
        if first {
            self.sighted.push((key, now + SIGHTED_FOR));
        }
        first
    }
}
