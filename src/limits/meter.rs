//! The meter: units are debited here before anybody spends them.
//!
//! **Why a quota is never exceeded.** In one window a ledger debits at most the limit,
//! and a debit is durable before its lease is sent. A lease names one holder, which
//! counts a unit as spent before it lets a request through. So what is admitted is at
//! most what was spent, that at most what was debited, that at most the limit: without a
//! clock. A crash, a lost reply, a lost return leave units debited that nobody spends.
//! Nothing is credited because time went by; a return is credited once, to the window
//! that it was debited from, and its holder has stopped before.
//!
//! **Why a lowered limit binds once its change is enforced.** Leases are kept under the
//! revision of the policy that they were asked for with. Once the change is enforced, no
//! request is decided on the older record, so what was leased under it is not spent any
//! more; and the ledger goes by the newest revision that it has seen, whoever asks.

use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::message::{Lease, LeaseReply, LeaseRequest, Return, Want};
use super::policy::Policy;
use super::window::{Resets, Zones};
use crate::key::Subject;

/// For how long a holder counts as active after it has asked, in milliseconds.
const ACTIVE: u64 = 60_000;
/// Holders remembered, and leases that can be returned; what was leased before counts as
/// spent.
const REMEMBERED: usize = 128;

/// What a policy has debited.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Ledger {
    policy: Policy,
    /// When the window of a quota ends; never where absent.
    ends: Option<u64>,
    /// Units debited in it.
    debited: u64,
    /// Of a rate.
    bucket: Option<Bucket>,
    /// The number of the last lease. It begins with the instant at which the ledger does:
    /// one that was dropped and began anew credits no return of its predecessor's.
    last: u64,
    leases: Vec<Outstanding>,
    /// Who asked, and when last.
    holders: Vec<(u64, u64)>,
}

/// A lease that may be returned.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Outstanding {
    id: u64,
    units: u64,
}

impl Ledger {
    /// A ledger that has debited nothing.
    #[must_use]
    pub fn new(policy: &Policy, zones: &dyn Zones, now: u64) -> Self {
        let mut ledger = Self {
            policy: policy.clone(),
            ends: None,
            debited: 0,
            bucket: None,
            last: now,
            leases: Vec::new(),
            holders: Vec::new(),
        };
        ledger.begin(zones, now);
        ledger
    }

    /// When nothing of it counts any more; never where absent.
    #[must_use]
    pub const fn ends(&self) -> Option<u64> {
        self.ends
    }

    /// A window begins. What was leased in the last one cannot be returned any more.
    fn begin(&mut self, zones: &dyn Zones, now: u64) {
        self.debited = 0;
        self.leases.clear();
        match self.policy.rate() {
            Some(rate) => {
                self.bucket = Some(Bucket::full(rate, now));
                self.ends = Some(now + self.policy.window_ms);
            }
            None => {
                self.bucket = None;
                self.ends = Resets::parse(&self.policy.resets).and_then(|it| it.next(zones, now));
            }
        }
    }

    /// Takes the policy as somebody knows it, if it is newer, and begins the window of
    /// `now`. A clock that is set back ends no window.
    fn advance(&mut self, policy: &Policy, zones: &dyn Zones, now: u64) {
        if policy.revision > self.policy.revision {
            let old = std::mem::replace(&mut self.policy, policy.clone());
            if (old.window_ms, &old.resets) != (policy.window_ms, &policy.resets) {
                self.begin(zones, now);
            }
        }
        if self.bucket.is_some() {
            self.ends = Some(now + self.policy.window_ms);
        } else if self.ends.is_some_and(|ends| ends <= now) {
            self.begin(zones, now);
        }
    }

    /// Units that can be debited.
    fn available(&mut self, now: u64) -> u64 {
        match (self.policy.rate(), &mut self.bucket) {
            (Some(rate), Some(bucket)) => bucket.available(rate, now),
            _ => self.policy.limit.saturating_sub(self.debited),
        }
    }

    /// Debits what a want asks for, as far as is right; `all` says whether the other
    /// exact wants of its request can be met too.
    fn debit(&mut self, want: &Want, holder: u64, all: bool, now: u64) -> Lease {
        let available = self.available(now);
        let enough = available >= want.least;
        let units = match (enough, want.exact) {
            (false, _) => 0,
            (true, true) => want.least * u64::from(all),
            (true, false) => {
                let share = available / (self.active(holder, now) * self.spread());
                share.min(want.most).max(want.least)
            }
        };
        let mut lease = Lease {
            id: 0,
            units,
            lasts_ms: u64::MAX,
            left: available - units,
            resets_ms: self.ends.map_or(u64::MAX, |ends| ends.saturating_sub(now)),
            retry_ms: 0,
        };
        match (self.policy.rate(), &mut self.bucket) {
            (Some(rate), Some(bucket)) => {
                bucket.take(rate, units);
                lease.lasts_ms = Policy::lease_ms(rate.window_ms);
                lease.resets_ms = bucket.until(rate, rate.capacity);
                if !enough {
                    lease.retry_ms = bucket.until(rate, want.least);
                }
            }
            _ => {
                self.debited += units;
                lease.lasts_ms = lease.resets_ms;
                if !enough {
                    lease.retry_ms = lease.resets_ms;
                }
                if units > 0 && !want.exact {
                    self.last += 1;
                    lease.id = self.last;
                    let outstanding = Outstanding {
                        id: self.last,
                        units,
                    };
                    remember(&mut self.leases, outstanding);
                }
            }
        }
        lease
    }

    /// Of how many shares of what is left a holder gets one: half of a quota is kept for
    /// who comes next; a rate's tokens come again.
    const fn spread(&self) -> u64 {
        if self.policy.is_rate() { 1 } else { 2 }
    }

    /// How many holders are active, the one that asks among them.
    fn active(&mut self, holder: u64, now: u64) -> u64 {
        self.holders
            .retain(|(other, at)| *other != holder && now.saturating_sub(*at) < ACTIVE);
        remember(&mut self.holders, (holder, now));
        self.holders.len() as u64
    }

    /// Credits what was not spent of a lease of this window, once.
    fn credit(&mut self, back: &Return) {
        let place = self.leases.iter().position(|lease| lease.id == back.lease);
        if let Some(place) = place {
            let lease = self.leases.remove(place);
            self.debited -= back.units.min(lease.units);
        }
    }
}

fn remember<T>(list: &mut Vec<T>, last: T) {
    if list.len() >= REMEMBERED {
        list.remove(0);
    }
    list.push(last);
}

/// Where ledgers are kept. What is put there is durable before anything is sent.
pub trait Ledgers {
    /// What goes wrong with storage.
    type Error;

    /// The ledger of a policy.
    ///
    /// # Errors
    /// Those of storage.
    fn get(&self, meter: &Subject, policy: &str) -> Result<Option<Ledger>, Self::Error>;

    /// Keeps it.
    ///
    /// # Errors
    /// Those of storage.
    fn put(&mut self, meter: &Subject, ledger: &Ledger, name: &str) -> Result<(), Self::Error>;
}

/// Answers an isolate: takes what it returns, debits what it asks for.
///
/// # Errors
/// Those of storage; what was written until then must be taken back.
pub fn lease<L: Ledgers>(
    ledgers: &mut L,
    request: &LeaseRequest,
    zones: &dyn Zones,
    now: u64,
) -> Result<LeaseReply, L::Error> {
    for back in &request.returns {
        if let Some(mut ledger) = ledgers.get(&back.meter, &back.policy)? {
            ledger.credit(back);
            ledgers.put(&back.meter, &ledger, &back.policy)?;
        }
    }
    let mut all = true;
    let mut opened = Vec::with_capacity(request.wants.len());
    for want in &request.wants {
        let mut ledger = match ledgers.get(&want.meter, &want.policy.name)? {
            Some(mut ledger) => {
                ledger.advance(&want.policy, zones, now);
                ledger
            }
            None => Ledger::new(&want.policy, zones, now),
        };
        all &= !want.exact || ledger.available(now) >= want.least;
        opened.push((want, ledger));
    }
    let mut reply = LeaseReply::default();
    for (want, mut ledger) in opened {
        let lease = ledger.debit(want, request.holder, all, now);
        reply.leases.push(lease);
        if want.most > 0 {
            ledgers.put(&want.meter, &ledger, &want.policy.name)?;
        }
    }
    Ok(reply)
}
