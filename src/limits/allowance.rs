//! What an isolate may still spend under one policy.

use super::allowances::IDLE;
use super::bucket::Bucket;
use super::message::{Lease, Return, Want};
use super::policy::{Policy, Precision};
use super::spending::Limit;
use crate::key::Subject;

/// How often a quota that is used up is asked for again: others may return units.
const ASK_AGAIN: u64 = 1_000;
/// A lease is for what an isolate spends in this time, by what it has just spent.
const HORIZON: u64 = 30_000;
/// The fewest units of a quota that are asked for, where there are as many.
const FEWEST: u64 = 16;

/// How a policy stands after a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Units left, as far as this isolate knows.
    pub left: u64,
    /// Milliseconds until a quota begins anew, or a rate's bucket is full.
    pub resets_ms: u64,
}

/// What it may spend under one policy, at one revision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Allowance {
    pub(super) name: String,
    pub(super) revision: u64,
    /// The oldest first.
    pub(super) leases: Vec<Held>,
    /// Of a rate that isolates keep by themselves.
    bucket: Option<Bucket>,
    /// What the meter had left when it answered last.
    left: u64,
    resets_at: u64,
    /// Until when it is not worth asking for as many again as there were too few of.
    refused_until: u64,
    refused: u64,
    retry_at: u64,
    pub(super) failed_until: u64,
    /// Until when somebody is asking.
    pub(super) asking_until: u64,
    /// Since the last question: when that was, what was granted, what was spent.
    asked_at: u64,
    granted: u64,
    spent: u64,
    pub(super) spent_at: u64,
}

/// A lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Held {
    id: u64,
    units: u64,
    until: u64,
}

impl Standing {
    /// As a lease says it.
    #[must_use]
    pub const fn of(lease: &Lease) -> Self {
        Self {
            left: lease.left,
            resets_ms: lease.resets_ms,
        }
    }
}

pub(super) const NOTHING: Standing = Standing {
    left: 0,
    resets_ms: 0,
};

/// What keeps an allowance from paying.
pub(super) enum Lacking {
    /// It is used up: for so many milliseconds.
    Exceeded(u64),
    /// The meter did not answer a moment ago.
    Failing,
    /// Somebody is asking.
    Asked,
    /// The meter must be asked for at least so many.
    Units(u64),
}

impl Allowance {
    pub(super) fn new(policy: &Policy, now: u64) -> Self {
        let is_local = policy.precision == Precision::Local;
        let rate = policy.rate().filter(|_| is_local);
        Self {
            name: policy.name.clone(),
            revision: policy.revision,
            leases: Vec::new(),
            bucket: rate.map(|rate| Bucket::full(rate, now)),
            left: 0,
            resets_at: now,
            refused_until: 0,
            refused: 0,
            retry_at: 0,
            failed_until: 0,
            asking_until: 0,
            asked_at: now,
            granted: 0,
            spent: 0,
            spent_at: now,
        }
    }

    /// Leases that are over are not spent.
    pub(super) fn prune(&mut self, now: u64) {
        self.leases.retain(|lease| lease.until > now);
    }

    pub(super) fn units(&self) -> u64 {
        self.leases.iter().map(|lease| lease.units).sum()
    }

    /// Whether it can pay `cost`.
    pub(super) fn has(&mut self, policy: &Policy, cost: u64, now: u64) -> Result<(), Lacking> {
        if let (Some(bucket), Some(rate)) = (&mut self.bucket, policy.rate()) {
            return match bucket.available(rate, now) >= cost {
                true => Ok(()),
                false => Err(Lacking::Exceeded(bucket.until(rate, cost))),
            };
        }
        self.prune(now);
        let units = self.units();
        Err(if units >= cost {
            return Ok(());
        } else if now < self.refused_until && cost - units >= self.refused {
            Lacking::Exceeded(self.retry_at.saturating_sub(now).max(1))
        } else if now < self.failed_until {
            Lacking::Failing
        } else if now < self.asking_until {
            Lacking::Asked
        } else {
            Lacking::Units(cost - units)
        })
    }

    /// Pays what [`has`](Self::has) has just shown to be there; from which leases.
    pub(super) fn spend(&mut self, policy: &Policy, cost: u64, now: u64) -> Vec<(u64, u64)> {
        self.spent += cost;
        self.spent_at = now;
        if let (Some(bucket), Some(rate)) = (&mut self.bucket, policy.rate()) {
            bucket.take(rate, cost);
            return Vec::new();
        }
        let (mut cost, mut taken) = (cost, Vec::new());
        for lease in &mut self.leases {
            let units = lease.units.min(cost);
            lease.units -= units;
            cost -= units;
            if lease.id > 0 && units > 0 {
                taken.push((lease.id, units));
            }
        }
        taken
    }

    /// Takes back what a request did not need after all: of a quota, whose leases have
    /// a number. The tokens of a rate come again by themselves.
    pub(super) fn give_back(&mut self, lease: u64, units: u64) {
        if let Some(lease) = self.leases.iter_mut().find(|held| held.id == lease) {
            lease.units += units;
        }
    }

    /// Whether to ask before it is used up.
    pub(super) fn runs_out(&self, policy: &Policy, now: u64) -> bool {
        let ends_soon = policy.is_rate()
            && (self.leases.iter())
                .all(|lease| lease.until <= now + Policy::lease_ms(policy.window_ms) / 4);
        let is_low = self.units() <= self.granted / 2;
        let can_ask = now >= self.asking_until && now >= self.failed_until;
        (is_low || ends_soon) && can_ask && self.left > 0 && now >= self.refused_until
    }

    /// What to ask for: as much as will be spent, going by what was.
    pub(super) fn want(&self, limit: &Limit<'_>, least: u64, now: u64) -> Want {
        let (horizon, fewest) = match limit.policy.is_rate() {
            true => (Policy::lease_ms(limit.policy.window_ms), 1),
            false => (HORIZON, FEWEST),
        };
        let passed = now.saturating_sub(self.asked_at).max(horizon / 4);
        let expected = self.spent.saturating_mul(horizon * 3 / 2) / passed;
        Want {
            meter: limit.meter,
            policy: limit.policy.clone(),
            least,
            most: expected.max(fewest).max(least),
            exact: false,
        }
    }

    pub(super) fn accept(&mut self, want: &Want, lease: &Lease, sent: u64, now: u64) {
        self.asking_until = 0;
        self.left = lease.left;
        self.resets_at = sent.saturating_add(lease.resets_ms);
        (self.asked_at, self.spent, self.granted) = (now, 0, lease.units);
        if lease.units > 0 {
            self.leases.retain(|lease| lease.units > 0);
            self.leases.push(Held::of(lease, sent));
            return;
        }
        let pause = match want.policy.is_rate() {
            true => lease.retry_ms.min(ASK_AGAIN),
            false => ASK_AGAIN,
        };
        (self.refused_until, self.refused) = (now + pause, want.least);
        self.retry_at = now.saturating_add(lease.retry_ms);
    }

    pub(super) fn standing(&mut self, policy: &Policy, now: u64) -> Standing {
        if let (Some(bucket), Some(rate)) = (&mut self.bucket, policy.rate()) {
            return Standing {
                left: bucket.available(rate, now),
                resets_ms: bucket.until(rate, rate.capacity),
            };
        }
        Standing {
            left: self.left.saturating_add(self.units()),
            resets_ms: self.resets_at.saturating_sub(now),
        }
    }

    pub(super) fn is_of_use(&self, now: u64) -> bool {
        !self.leases.is_empty() || self.spent_at + 2 * IDLE > now || now < self.asking_until
    }
}

impl Held {
    pub(super) const fn of(lease: &Lease, sent: u64) -> Self {
        Self {
            id: lease.id,
            units: lease.units,
            until: sent.saturating_add(lease.lasts_ms),
        }
    }

    /// The message that returns it; none where there is nothing to return.
    pub(super) fn into_return(self, meter: Subject, policy: &str) -> Option<Return> {
        (self.id > 0 && self.units > 0).then(|| Return {
            meter,
            policy: policy.to_owned(),
            lease: self.id,
            units: self.units,
        })
    }
}
