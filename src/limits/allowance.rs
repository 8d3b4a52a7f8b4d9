//! What an isolate may still spend, and what a request does until it may.

use super::bucket::Bucket;
use super::message::{Lease, LeaseReply, LeaseRequest, Return, Want};
use super::policy::{Policy, Precision};
use crate::key::{KeyRecord, OrganizationRecord, OrganizationTag, PublicKeyId, Subject};

/// How long a request that waits for another one's question looks away.
const LOOK_EVERY: u64 = 5;
/// How long a meter may take to answer, in milliseconds.
pub const PATIENCE: u64 = 2_000;
/// For how long a meter that did not answer is not asked again.
const FAILED_FOR: u64 = 1_000;
/// How often a quota that is used up is asked for again: others may return units.
const ASK_AGAIN: u64 = 1_000;
/// A lease is for what an isolate spends in this time, by what it has just spent.
const HORIZON: u64 = 30_000;
/// The fewest units of a quota that are asked for, where there are as many.
const FEWEST: u64 = 16;
/// The rest of a lease is returned once nothing of it was spent for this long.
pub const IDLE: u64 = 5_000;
/// Policies that an isolate holds leases of; the meter is asked each time for more.
const POLICIES: usize = 4_096;

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

/// How a policy stands after a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Units left, as far as this isolate knows.
    pub left: u64,
    /// Milliseconds until a quota begins anew, or a rate's bucket is full.
    pub resets_ms: u64,
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

/// What an isolate may spend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowances {
    holder: u64,
    /// In the order of their meters: there are a few, and no map is needed for them.
    held: Vec<(Subject, Vec<Allowance>)>,
    policies: usize,
    /// To be returned, and the lease is not spent any more.
    returns: Vec<Return>,
    /// The latest instant seen.
    seen: u64,
    /// When a task began last that looks after idle leases.
    tended: Option<u64>,
}

/// What it may spend under one policy, at one revision.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Allowance {
    name: String,
    revision: u64,
    /// The oldest first.
    leases: Vec<Held>,
    /// Of a rate that isolates keep by themselves.
    bucket: Option<Bucket>,
    /// What the meter had left when it answered last.
    left: u64,
    resets_at: u64,
    /// Until when it is not worth asking for as many again as there were too few of.
    refused_until: u64,
    refused: u64,
    retry_at: u64,
    failed_until: u64,
    /// Until when somebody is asking.
    asking_until: u64,
    /// Since the last question: when that was, what was granted, what was spent.
    asked_at: u64,
    granted: u64,
    spent: u64,
    spent_at: u64,
}

/// A lease.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Held {
    id: u64,
    units: u64,
    until: u64,
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

impl Allowances {
    /// Those of a new isolate.
    #[must_use]
    pub fn new(holder: u64) -> Self {
        Self {
            holder,
            held: Vec::new(),
            policies: 0,
            returns: Vec::new(),
            seen: 0,
            tended: None,
        }
    }

    /// On a clock that was set back no lease has an end that can be trusted: they are
    /// given up, and count as spent.
    fn observe(&mut self, now: u64) {
        if now < self.seen {
            self.held.clear();
            self.policies = 0;
            self.tended = None;
        }
        self.seen = now;
    }

    /// Whether the meter is asked on every request: by the policy, or because there is
    /// no room to hold a lease of it.
    fn is_strict(&self, limit: &Limit<'_>) -> bool {
        let is_known = || {
            self.place(&limit.meter)
                .ok()
                .and_then(|place| self.held.get(place))
                .is_some_and(|(_, all)| all.iter().any(|one| one.name == limit.policy.name))
        };
        limit.policy.precision == Precision::Strict || (self.policies >= POLICIES && !is_known())
    }

    fn place(&self, meter: &Subject) -> Result<usize, usize> {
        self.held.binary_search_by(|(other, _)| other.cmp(meter))
    }

    /// The allowance under this policy. What was leased under another revision of it is
    /// not spent any more.
    #[allow(clippy::indexing_slicing, reason = "there is an allowance at `place`")]
    fn of(&mut self, limit: &Limit<'_>, now: u64) -> &mut Allowance {
        let meter = self.place(&limit.meter).unwrap_or_else(|place| {
            self.held.insert(place, (limit.meter, Vec::new()));
            place
        });
        let (_, all) = &mut self.held[meter];
        let place = all.iter().position(|one| one.name == limit.policy.name);
        let place = place.unwrap_or(all.len());
        if let Some(one) = all.get_mut(place)
            && one.revision != limit.policy.revision
        {
            let rest = one
                .leases
                .drain(..)
                .filter_map(|lease| lease.into_return(limit.meter, &one.name));
            self.returns.extend(rest);
            *one = Allowance::new(limit.policy, now);
        }
        if place == all.len() {
            self.policies += 1;
            all.push(Allowance::new(limit.policy, now));
        }
        &mut all[place]
    }

    fn begin_asking(&mut self, want: &Want, now: u64) {
        if let Some(one) = self.find(&want.meter, &want.policy) {
            one.asking_until = now + PATIENCE;
        }
    }

    fn find(&mut self, meter: &Subject, policy: &Policy) -> Option<&mut Allowance> {
        let place = self.place(meter).ok()?;
        let (_, all) = self.held.get_mut(place)?;
        all.iter_mut()
            .find(|one| one.name == policy.name && one.revision == policy.revision)
    }

    /// Takes the answer to a question that was sent at `sent`; none where there was
    /// none in time.
    pub fn accept(
        &mut self,
        request: &LeaseRequest,
        reply: Option<LeaseReply>,
        sent: u64,
        now: u64,
    ) {
        let mut leases = reply.map(|reply| reply.leases.into_iter());
        for want in &request.wants {
            let lease = leases.as_mut().and_then(Iterator::next);
            match (self.find(&want.meter, &want.policy), lease) {
                (Some(one), Some(lease)) => one.accept(want, &lease, sent, now),
                (Some(one), None) => {
                    one.asking_until = 0;
                    one.failed_until = now + FAILED_FOR;
                }
                // The policy is another by now.
                (None, Some(lease)) => self
                    .returns
                    .extend(Held::of(&lease, sent).into_return(want.meter, &want.policy.name)),
                (None, None) => {}
            }
        }
    }

    /// A question for the requests to come, off the path of the one that was just
    /// admitted, where little is left of what these policies hold.
    pub fn refill(&mut self, limits: &[Limit<'_>], now: u64) -> Option<LeaseRequest> {
        let mut wants = Vec::new();
        for limit in limits {
            if limit.policy.precision == Precision::Leased
                && !self.is_strict(limit)
                && let allowance = self.of(limit, now)
                && allowance.runs_out(limit.policy, now)
            {
                wants.push(allowance.want(limit, 1, now));
            }
        }
        for want in &wants {
            self.begin_asking(want, now);
        }
        (!wants.is_empty()).then(|| LeaseRequest {
            holder: self.holder,
            wants,
            returns: Vec::new(),
        })
    }

    /// Whether to begin a task that calls [`idle`](Self::idle) every [`IDLE`]
    /// milliseconds, [`TENDING`](Self::TENDING) times.
    pub fn begin_tending(&mut self, now: u64) -> bool {
        let is_due = self.tended.is_none_or(|began| began + 2 * IDLE <= now);
        if is_due {
            self.tended = Some(now);
        }
        is_due
    }

    /// How often such a task looks: the platform ends what goes on for longer than
    /// thirty seconds after an answer. Another one begins in time.
    pub const TENDING: usize = 5;

    /// What is to be returned, to the meter of each organization: leases of which
    /// nothing was spent for a while. They are not spent from here on.
    pub fn idle(&mut self, now: u64) -> Vec<(OrganizationTag, LeaseRequest)> {
        self.observe(now);
        let mut returns = std::mem::take(&mut self.returns);
        for (meter, all) in &mut self.held {
            for one in all.iter_mut().filter(|one| one.spent_at + IDLE <= now) {
                one.prune(now);
                let rest = one.leases.drain(..);
                returns.extend(rest.filter_map(|lease| lease.into_return(*meter, &one.name)));
            }
            all.retain(|one| one.is_of_use(now));
        }
        self.held.retain(|(_, all)| !all.is_empty());
        self.policies = self.held.iter().map(|(_, all)| all.len()).sum();
        let mut messages: Vec<(OrganizationTag, LeaseRequest)> = Vec::new();
        for back in returns {
            let tag = back.meter.organization_tag();
            let place = messages.iter().position(|(other, _)| *other == tag);
            match place.and_then(|place| messages.get_mut(place)) {
                Some((_, message)) => message.returns.push(back),
                None => messages.push((
                    tag,
                    LeaseRequest {
                        holder: self.holder,
                        wants: Vec::new(),
                        returns: vec![back],
                    },
                )),
            }
        }
        messages
    }

    /// How the policies stand; of those at the places `exact` these leases say it.
    fn standings(
        &mut self,
        limits: &[Limit<'_>],
        exact: &[usize],
        leases: &[Lease],
        now: u64,
    ) -> Vec<Standing> {
        let of = |(place, limit): (usize, &Limit<'_>)| match exact
            .iter()
            .position(|other| *other == place)
        {
            Some(nth) => leases.get(nth).map_or(NOTHING, Standing::of),
            None => self.of(limit, now).standing(limit.policy, now),
        };
        limits.iter().enumerate().map(of).collect()
    }
}

const NOTHING: Standing = Standing {
    left: 0,
    resets_ms: 0,
};

/// What keeps an allowance from paying.
enum Lacking {
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
    fn new(policy: &Policy, now: u64) -> Self {
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
    fn prune(&mut self, now: u64) {
        self.leases.retain(|lease| lease.until > now);
    }

    fn units(&self) -> u64 {
        self.leases.iter().map(|lease| lease.units).sum()
    }

    /// Whether it can pay `cost`.
    fn has(&mut self, policy: &Policy, cost: u64, now: u64) -> Result<(), Lacking> {
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
    fn spend(&mut self, policy: &Policy, cost: u64, now: u64) -> Vec<(u64, u64)> {
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
    fn give_back(&mut self, lease: u64, units: u64) {
        if let Some(lease) = self.leases.iter_mut().find(|held| held.id == lease) {
            lease.units += units;
        }
    }

    /// Whether to ask before it is used up.
    fn runs_out(&self, policy: &Policy, now: u64) -> bool {
        let ends_soon = policy.is_rate()
            && (self.leases.iter())
                .all(|lease| lease.until <= now + Policy::lease_ms(policy.window_ms) / 4);
        let is_low = self.units() <= self.granted / 2;
        let can_ask = now >= self.asking_until && now >= self.failed_until;
        (is_low || ends_soon) && can_ask && self.left > 0 && now >= self.refused_until
    }

    /// What to ask for: as much as will be spent, going by what was.
    fn want(&self, limit: &Limit<'_>, least: u64, now: u64) -> Want {
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

    fn accept(&mut self, want: &Want, lease: &Lease, sent: u64, now: u64) {
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

    fn standing(&mut self, policy: &Policy, now: u64) -> Standing {
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

    fn is_of_use(&self, now: u64) -> bool {
        !self.leases.is_empty() || self.spent_at + 2 * IDLE > now || now < self.asking_until
    }
}

impl Held {
    const fn of(lease: &Lease, sent: u64) -> Self {
        Self {
            id: lease.id,
            units: lease.units,
            until: sent.saturating_add(lease.lasts_ms),
        }
    }

    /// The message that returns it; none where there is nothing to return.
    fn into_return(self, meter: Subject, policy: &str) -> Option<Return> {
        (self.id > 0 && self.units > 0).then(|| Return {
            meter,
            policy: policy.to_owned(),
            lease: self.id,
            units: self.units,
        })
    }
}
