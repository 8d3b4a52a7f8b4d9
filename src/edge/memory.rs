//! What an isolate remembers of keys: the view, and what bounds its I/O.

use std::cell::RefCell;
use std::rc::Rc;

use crate::expiring::ExpiringSet;
use crate::expiring_semaphore::ExpiringSemaphore;
use crate::freshness::failover::Failover;
use crate::freshness::view::View;
use crate::key::{KeyDigest, PublicKeyId};
use crate::keyed_semaphore::{Bounds, KeyedSemaphore};
use crate::random::Randomness as _;
use crate::runtime::host::{Crypto, holder};
use crate::runtime::secrets;
use crate::settings::Settings;
use crate::verify::authorization::Isolate;
use crate::verify::{
    AuthorizationRequest, CachedRecord, ClientAddress, Demand, FlushPromise, Preflights, Tally,
    Verification,
};

use crate::http::Code;

/// Bytes that the records of one isolate may take, of its 128 MB.
const VIEW_BYTES: usize = 32 << 20;
/// Reads at registries under way from one isolate; more are refused, so that a lost
/// relay does not become a flood of registry calls.
const REGISTRY_READS: usize = 64;
/// For how long a key seen in a browser is not followed up again.
const SIGHTED_FOR: u64 = 60_000;
/// Most such keys remembered; while so many are, no other is followed up.
const SIGHTED_MOST: usize = 256;

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

/// `None`: let through; else the code of the denial.
pub(crate) type Outcome = Option<Code>;

/// The isolate's memory.
pub(crate) struct Memory {
    pub(crate) view: View<CachedRecord>,
    /// Which of a region's relays this isolate prefers: spreads isolates evenly.
    pub(crate) replica: u8,
    /// Uses not yet told the registries.
    pub(crate) tally: Tally<Outcome>,
    /// Preflights not yet told the platform's registry.
    pub(crate) preflights: Preflights,
    /// Who tells both.
    pub(crate) flush: FlushPromise,
    pub(crate) registry_reads: ExpiringSemaphore,
    /// Keys seen in a browser a moment ago: that is not told again.
    pub(crate) sighted: ExpiringSet<PublicKeyId>,
    pub(crate) revocations: Rc<RefCell<KeyedSemaphore<PublicKeyId>>>,
    /// Keys that their holders ended, and that are refused everywhere.
    pub(crate) ended: ExpiringSet<PublicKeyId>,
}

thread_local! {
    static MEMORY: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

/// Uses the memory, without an await in between. The settings count at the first use
/// alone.
pub(crate) fn with<T>(settings: &Settings, work: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(|memory| {
        work(memory.get_or_insert_with(|| {
            let mut replica = [0];
            Crypto.fill(&mut replica);
            let [replica] = replica;
            Memory {
                view: view(settings),
                replica,
                tally: Tally::default(),
                preflights: Preflights::default(),
                flush: FlushPromise::default(),
                registry_reads: ExpiringSemaphore::new(REGISTRY_READS, 2 * Failover::TOTAL.0),
                sighted: ExpiringSet::new(SIGHTED_MOST, SIGHTED_FOR),
                revocations: Rc::new(RefCell::new(KeyedSemaphore::new(REVOCATIONS))),
                ended: ExpiringSet::new(ENDED_MOST, ENDED_FOR),
            }
        }))
    })
}

/// An empty view, and a life of its own as a holder of leases.
fn view(settings: &Settings) -> View<CachedRecord> {
    let view = View::new(VIEW_BYTES, settings.at_most);
    if !settings.confirmations {
        return view;
    }
    view.with_confirmations(holder())
}

/// Uses what decides on a request, and what it decides by, without an await in
/// between.
pub(crate) fn verify<T>(
    settings: &Settings,
    request: &AuthorizationRequest,
    demand: &Demand<'_>,
    client: &dyn Fn() -> ClientAddress,
    work: impl FnOnce(&mut Isolate<'_, CachedRecord>, &mut Verification<'_>, u8) -> T,
) -> T {
    with(settings, |memory| {
        secrets::with(request.id().environment, |secrets| {
            let mut isolate = Isolate {
                view: &mut memory.view,
                registry_reads: &mut memory.registry_reads,
            };
            let mut verification = Verification {
                request,
                demand,
                client,
                secrets,
            };
            work(&mut isolate, &mut verification, memory.replica)
        })
    })
}

/// The digest of a key whose record is in the view, however old.
pub(crate) fn digest_at_hand(
    settings: &Settings,
) -> impl Fn(&PublicKeyId) -> Option<KeyDigest> + '_ {
    move |id| {
        with(settings, |memory| {
            let record = memory.view.peek(&(*id).into());
            record.and_then(CachedRecord::key).map(|key| key.digest)
        })
    }
}
