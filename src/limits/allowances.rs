//! What an isolate may still spend under all policies, and what it returns.

use super::allowance::{Allowance, Held, NOTHING, Standing};
use super::message::{Lease, LeaseReply, LeaseRequest, Return, Want};
use super::policy::{Policy, Precision};
use super::spending::Limit;
use crate::key::{OrganizationTag, Subject};

/// How long a meter may take to answer, in milliseconds.
pub const PATIENCE: u64 = 2_000;
/// For how long a meter that did not answer is not asked again.
const FAILED_FOR: u64 = 1_000;
/// The rest of a lease is returned once nothing of it was spent for this long.
pub const IDLE: u64 = 5_000;
/// Policies that an isolate holds leases of; the meter is asked each time for more.
const POLICIES: usize = 4_096;

/// What an isolate may spend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowances {
    pub(super) holder: u64,
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
    pub(super) fn observe(&mut self, now: u64) {
        if now < self.seen {
            self.held.clear();
            self.policies = 0;
            self.tended = None;
        }
        self.seen = now;
    }

    /// Whether the meter is asked on every request: by the policy, or because there is
    /// no room to hold a lease of it.
    pub(super) fn is_strict(&self, limit: &Limit<'_>) -> bool {
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
    pub(super) fn of(&mut self, limit: &Limit<'_>, now: u64) -> &mut Allowance {
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

    pub(super) fn begin_asking(&mut self, want: &Want, now: u64) {
        if let Some(one) = self.find(&want.meter, &want.policy) {
            one.asking_until = now + PATIENCE;
        }
    }

    pub(super) fn find(&mut self, meter: &Subject, policy: &Policy) -> Option<&mut Allowance> {
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
    pub(super) fn standings(
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
