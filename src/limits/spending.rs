//! What a request does until it is paid for, or refused.

use super::allowance::{Lacking, Standing};
use super::allowances::{Allowances, PATIENCE};
use super::message::{LeaseReply, LeaseRequest, Want};
use super::policy::Policy;
use crate::key::{KeyRecord, OrganizationRecord, PublicKeyId, Subject};

/// How long a request that waits for another one's question looks away.
const LOOK_EVERY: u64 = 5;

/// A policy that a request is held to.
#[derive(Clone, Copy, Debug)]
pub struct Limit<'a> {
    /// Whose meter it is on.
    pub meter: Subject,
    /// The policy.
    pub policy: &'a Policy,
}

/// What a request is held to: the key's own limits, then its organization's, which has
/// one meter for all its keys.
#[must_use]
pub fn limits_of<'a>(
    key: Option<(&'a KeyRecord, PublicKeyId)>,
    organization: &'a OrganizationRecord,
) -> Vec<Limit<'a>> {
    let own = key.into_iter().flat_map(|(key, id)| {
        key.limits.iter().map(move |policy| Limit {
            meter: policy.meter.unwrap_or(id).into(),
            policy,
        })
    });
    // Most have none, and nothing is computed then.
    if organization.limits.is_empty() {
        return own.collect();
    }
    let meter = organization.id.tag().into();
    let shared = organization.limits.iter();
    own.chain(shared.map(|policy| Limit { meter, policy }))
        .collect()
}

/// Why a request may not spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There are too few units.
    Exceeded {
        /// The place of the policy among the request's.
        limit: usize,
        /// Milliseconds until there are enough, if nobody else spends any.
        retry_ms: u64,
        /// How it stands.
        standing: Standing,
    },
    /// The meter does not answer, and nothing is left of what it gave.
    Unavailable,
}

/// What a request does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// It may go on: it is paid for. How each of its policies stands.
    Admit(Vec<Standing>),
    /// It may not, and nothing was spent.
    Refuse(Refusal),
    /// Ask the meter, then [`Event::Answered`].
    Ask(LeaseRequest),
    /// Wait for so many milliseconds, then [`Event::Look`].
    Wait(u64),
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The request begins, or has waited.
    Look,
    /// The meter answered; none where it did not in time.
    Answered(Option<LeaseReply>),
}

/// One request on its way to being paid for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spending {
    cost: u64,
    arrived: u64,
    asked: Option<(LeaseRequest, u64)>,
    reserved: Option<Reserved>,
}

/// What is paid already of what the isolate holds, while the meter is asked to debit the
/// rest for this very request.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Reserved {
    /// The places of the policies that the meter is asked for.
    exact: Vec<usize>,
    /// The place of each other policy, and from which lease how many units were taken.
    taken: Vec<(usize, u64, u64)>,
}

impl Spending {
    /// A request that costs so many units.
    #[must_use]
    pub const fn new(cost: u64, now: u64) -> Self {
        Self {
            cost,
            arrived: now,
            asked: None,
            reserved: None,
        }
    }

    /// Takes what happened, and says what to do next. The limits are those of the
    /// records that the request was granted on, the same each time.
    pub fn next(
        &mut self,
        held: &mut Allowances,
        limits: &[Limit<'_>],
        event: Event,
        now: u64,
    ) -> Step {
        held.observe(now);
        if let Event::Answered(reply) = event
            && let Some((request, sent)) = self.asked.take()
        {
            if let Some(reserved) = self.reserved.take() {
                return self.settle(&reserved, held, limits, reply, now);
            }
            held.accept(&request, reply, sent, now);
        }
        self.look(held, limits, now)
    }

    fn look(&mut self, held: &mut Allowances, limits: &[Limit<'_>], now: u64) -> Step {
        let mut wants = Vec::new();
        let (mut is_waiting, mut is_failing) = (false, false);
        for (place, limit) in limits.iter().enumerate() {
            if held.is_strict(limit) {
                continue;
            }
            let allowance = held.of(limit, now);
            let Err(lacking) = allowance.has(limit.policy, self.cost, now) else {
                continue;
            };
            match lacking {
                Lacking::Exceeded(retry_ms) => {
                    return Step::Refuse(Refusal::Exceeded {
                        limit: place,
                        retry_ms,
                        standing: allowance.standing(limit.policy, now),
                    });
                }
                Lacking::Failing => is_failing = true,
                Lacking::Asked => is_waiting = true,
                Lacking::Units(least) => wants.push(allowance.want(limit, least, now)),
            }
        }
        if is_failing || now.saturating_sub(self.arrived) > PATIENCE {
            return Step::Refuse(Refusal::Unavailable);
        }
        if is_waiting {
            return Step::Wait(LOOK_EVERY);
        }
        if !wants.is_empty() {
            for want in &wants {
                held.begin_asking(want, now);
            }
            return self.ask(held, wants, now);
        }
        // From here on it is paid, in this turn, before anything is forwarded.
        let mut reserved = Reserved {
            exact: Vec::new(),
            taken: Vec::new(),
        };
        for (place, limit) in limits.iter().enumerate() {
            if held.is_strict(limit) {
                reserved.exact.push(place);
                continue;
            }
            let taken = held.of(limit, now).spend(limit.policy, self.cost, now);
            let taken = taken
                .into_iter()
                .map(|(lease, units)| (place, lease, units));
            reserved.taken.extend(taken);
        }
        if reserved.exact.is_empty() {
            return Step::Admit(held.standings(limits, &[], &[], now));
        }
        let exact = reserved.exact.iter().filter_map(|place| limits.get(*place));
        let wants = exact.map(|limit| Want {
            meter: limit.meter,
            policy: limit.policy.clone(),
            least: self.cost,
            most: self.cost,
            exact: true,
        });
        let wants = wants.collect();
        self.reserved = Some(reserved);
        self.ask(held, wants, now)
    }

    fn ask(&mut self, held: &mut Allowances, wants: Vec<Want>, now: u64) -> Step {
        let request = LeaseRequest {
            holder: held.holder,
            wants,
            returns: Vec::new(),
        };
        self.asked = Some((request.clone(), now));
        Step::Ask(request)
    }

    /// The meter has said whether it debits this request. Where it does not, what was
    /// taken from leases that are still held goes back to them.
    fn settle(
        &self,
        reserved: &Reserved,
        held: &mut Allowances,
        limits: &[Limit<'_>],
        reply: Option<LeaseReply>,
        now: u64,
    ) -> Step {
        let leases = reply.map(|reply| reply.leases).unwrap_or_default();
        let is_paid = leases.len() == reserved.exact.len()
            && leases.iter().all(|lease| lease.units >= self.cost);
        if is_paid {
            return Step::Admit(held.standings(limits, &reserved.exact, &leases, now));
        }
        for (place, lease, units) in &reserved.taken {
            if let Some(limit) = limits.get(*place)
                && let Some(one) = held.find(&limit.meter, limit.policy)
            {
                one.give_back(*lease, *units);
            }
        }
        let lacking = reserved.exact.iter().zip(&leases);
        let lacking = lacking.filter(|(_, lease)| lease.retry_ms > 0);
        let worst = lacking.max_by_key(|(_, lease)| lease.retry_ms);
        Step::Refuse(match worst {
            Some((limit, lease)) => Refusal::Exceeded {
                limit: *limit,
                retry_ms: lease.retry_ms,
                standing: Standing::of(lease),
            },
            None => Refusal::Unavailable,
        })
    }
}

impl LeaseRequest {
    /// Looks how policies stand, and debits nothing.
    #[must_use]
    pub fn look(limits: &[Limit<'_>]) -> Self {
        let look = |limit: &Limit<'_>| Want {
            meter: limit.meter,
            policy: limit.policy.clone(),
            least: 0,
            most: 0,
            exact: true,
        };
        Self {
            holder: 0,
            wants: limits.iter().map(look).collect(),
            returns: Vec::new(),
        }
    }
}
