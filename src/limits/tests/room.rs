//! A meter in memory, and isolates that ask it without loss.

use std::collections::BTreeMap;

use crate::key::{OrganizationId, Subject};
use crate::limits::allowance::Standing;
use crate::limits::allowances::Allowances;
use crate::limits::message::{LeaseReply, LeaseRequest};
use crate::limits::meter::{self, Ledger, Ledgers};
use crate::limits::policy::{Policy, Precision};
use crate::limits::spending::{Event, Limit, Refusal, Spending, Step};
use crate::limits::window::Zones;

pub(super) struct Utc;

impl Zones for Utc {
    fn offset(&self, _: &str, _: u64) -> Option<i64> {
        Some(0)
    }
}

#[derive(Default)]
pub(super) struct Meter {
    pub(super) ledgers: BTreeMap<(String, String), Ledger>,
    pub(super) asked: usize,
}

impl Ledgers for Meter {
    type Error = ();

    fn get(&self, meter: &Subject, policy: &str) -> Result<Option<Ledger>, ()> {
        let name = (meter.to_string(), policy.to_owned());
        Ok(self.ledgers.get(&name).cloned())
    }

    fn put(&mut self, meter: &Subject, ledger: &Ledger, policy: &str) -> Result<(), ()> {
        let name = (meter.to_string(), policy.to_owned());
        self.ledgers.insert(name, ledger.clone());
        Ok(())
    }
}

impl Meter {
    pub(super) fn answer(&mut self, request: &LeaseRequest, now: u64) -> LeaseReply {
        self.asked += 1;
        meter::lease(self, request, &Utc, now).unwrap()
    }

    pub(super) fn debited(&mut self, policy: &Policy) -> u64 {
        let request = LeaseRequest::look(&[Limit {
            meter: meter(),
            policy,
        }]);
        let reply = meter::lease(self, &request, &Utc, 0).unwrap();
        policy.limit - reply.leases[0].left
    }
}

pub(super) fn meter() -> Subject {
    OrganizationId::parse("acme").unwrap().tag().into()
}

pub(super) fn quota(limit: u64) -> Policy {
    Policy {
        name: "monthly".into(),
        revision: 1,
        meter: None,
        limit,
        window_ms: 0,
        burst: 0,
        resets: "month 1 00:00 UTC".into(),
        precision: Precision::Leased,
    }
}

pub(super) fn rate(limit: u64, window_ms: u64, burst: u64) -> Policy {
    Policy {
        name: "burst".into(),
        window_ms,
        burst,
        resets: String::new(),
        ..quota(limit)
    }
}

/// What becomes of a request while nobody else is there.
pub(super) fn request(
    isolate: &mut Allowances,
    meter: &mut Meter,
    policies: &[&Policy],
    cost: u64,
    now: u64,
) -> Result<Vec<Standing>, Refusal> {
    let limits: Vec<_> = policies
        .iter()
        .map(|policy| Limit {
            meter: self::meter(),
            policy,
        })
        .collect();
    let mut spending = Spending::new(cost, now);
    let mut event = Event::Look;
    loop {
        event = match spending.next(isolate, &limits, event, now) {
            Step::Admit(standings) => {
                if let Some(request) = isolate.refill(&limits, now) {
                    let reply = meter.answer(&request, now);
                    isolate.accept(&request, Some(reply), now, now);
                }
                return Ok(standings);
            }
            Step::Refuse(refusal) => return Err(refusal),
            Step::Ask(request) => Event::Answered(Some(meter.answer(&request, now))),
            Step::Wait(_) => panic!("nobody else is asking"),
        };
    }
}
