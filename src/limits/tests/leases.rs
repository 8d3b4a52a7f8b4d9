//! Quotas, leased and strict.

use super::room::{Meter, meter as meter_subject, quota, request};
use crate::limits::allowances::{Allowances, IDLE};
use crate::limits::policy::{Policy, Precision};
use crate::limits::spending::{Event, Limit, Refusal, Spending, Step};

const NOW: u64 = 1_000_000;

fn until_refused(isolate: &mut Allowances, meter: &mut Meter, policy: &Policy, cost: u64) -> u64 {
    (0..)
        .find(|_| request(isolate, meter, &[policy], cost, NOW).is_err())
        .unwrap()
}

#[test]
fn a_quota_is_spent_to_the_last_unit_and_no_further() {
    let (mut isolate, mut meter, policy) = (Allowances::new(1), Meter::default(), quota(1_000));
    assert_eq!(until_refused(&mut isolate, &mut meter, &policy, 1), 1_000);
    assert_eq!(meter.debited(&policy), 1_000);
    // Half of what is left each time, and one by one at the end.
    assert!(meter.asked < 30, "{}", meter.asked);
}

#[test]
fn several_isolates_share_a_quota() {
    let (mut meter, policy) = (Meter::default(), quota(1_000));
    let mut isolates = [1, 2, 3].map(Allowances::new);
    let admitted = (0..2_000)
        .filter(|place| {
            let isolate = &mut isolates[place % 3];
            request(isolate, &mut meter, &[&policy], 1, NOW).is_ok()
        })
        .count();
    assert_eq!(admitted, 1_000);
}

#[test]
fn a_request_that_costs_more_than_is_left_consumes_nothing() {
    let (mut isolate, mut meter, policy) = (Allowances::new(1), Meter::default(), quota(10));
    assert!(request(&mut isolate, &mut meter, &[&policy], 7, NOW).is_ok());
    let refused = request(&mut isolate, &mut meter, &[&policy], 7, NOW).unwrap_err();
    let Refusal::Exceeded { standing, .. } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(standing.left, 3);
    assert!(request(&mut isolate, &mut meter, &[&policy], 3, NOW).is_ok());
}

#[test]
fn the_strictest_policy_decides_and_the_others_pay_nothing() {
    let (mut isolate, mut meter) = (Allowances::new(1), Meter::default());
    let (small, large) = (
        Policy {
            name: "small".into(),
            ..quota(2)
        },
        quota(100),
    );
    let both = [&large, &small];
    assert!(request(&mut isolate, &mut meter, &both, 1, NOW).is_ok());
    assert!(request(&mut isolate, &mut meter, &both, 1, NOW).is_ok());
    let refused = request(&mut isolate, &mut meter, &both, 1, NOW).unwrap_err();
    assert!(matches!(refused, Refusal::Exceeded { limit: 1, .. }));
    assert_eq!(until_refused(&mut isolate, &mut meter, &large, 1), 98);
}

#[test]
fn a_strict_quota_asks_each_time_and_what_was_reserved_beside_it_comes_back() {
    let (mut isolate, mut meter) = (Allowances::new(1), Meter::default());
    let strict = Policy {
        name: "strict".into(),
        precision: Precision::Strict,
        ..quota(5)
    };
    let leased = quota(100);
    for left in (0..5).rev() {
        let standing = request(&mut isolate, &mut meter, &[&strict], 1, NOW).unwrap();
        assert_eq!(standing[0].left, left);
    }
    for _ in 0..3 {
        let refused = request(&mut isolate, &mut meter, &[&leased, &strict], 1, NOW);
        assert!(matches!(refused, Err(Refusal::Exceeded { limit: 1, .. })));
    }
    assert_eq!(until_refused(&mut isolate, &mut meter, &leased, 1), 100);
}

#[test]
fn what_idles_is_returned_once_and_spent_by_others() {
    let (mut meter, policy) = (Meter::default(), quota(100));
    let (mut idle, mut busy) = (Allowances::new(1), Allowances::new(2));
    request(&mut idle, &mut meter, &[&policy], 1, NOW).unwrap();
    assert!(idle.idle(NOW + IDLE - 1).is_empty());
    let [(_, message)] = idle.idle(NOW + IDLE).try_into().unwrap();
    for _ in 0..2 {
        meter.answer(&message, NOW);
    }
    assert_eq!(meter.debited(&policy), 1);
    assert!(idle.idle(NOW + 2 * IDLE).is_empty());
    let later = NOW + 2 * IDLE;
    let admitted = (0..).find(|_| request(&mut busy, &mut meter, &[&policy], 1, later).is_err());
    assert_eq!(admitted, Some(99));
}

#[test]
fn what_was_leased_under_an_older_revision_is_returned_not_spent() {
    let (mut isolate, mut meter) = (Allowances::new(1), Meter::default());
    let policy = quota(1_000);
    request(&mut isolate, &mut meter, &[&policy], 1, NOW).unwrap();
    let lowered = Policy {
        revision: 2,
        limit: 3,
        ..policy
    };
    // 32 units are debited: nothing is left of the lowered limit until they are back.
    let refused = request(&mut isolate, &mut meter, &[&lowered], 1, NOW);
    assert!(matches!(refused, Err(Refusal::Exceeded { .. })));
    for (_, message) in isolate.idle(NOW) {
        meter.answer(&message, NOW);
    }
    let mut other = Allowances::new(2);
    assert_eq!(until_refused(&mut other, &mut meter, &lowered, 1), 2);
}

#[test]
fn an_older_isolate_gets_no_more_than_the_newest_limit_allows() {
    let (mut old, mut new, mut meter) = (Allowances::new(1), Allowances::new(2), Meter::default());
    let policy = quota(1_000);
    let lowered = Policy {
        revision: 2,
        limit: 10,
        ..policy.clone()
    };
    request(&mut new, &mut meter, &[&lowered], 1, NOW).unwrap();
    let rest = until_refused(&mut old, &mut meter, &policy, 1);
    assert!(rest < 10, "{rest}");
}

#[test]
fn a_new_window_begins_at_its_instant_and_takes_nothing_along() {
    let (mut isolate, mut meter, policy) = (Allowances::new(1), Meter::default(), quota(10));
    assert!(request(&mut isolate, &mut meter, &[&policy], 8, NOW).is_ok());
    let february = 31 * 86_400_000;
    let refused = request(&mut isolate, &mut meter, &[&policy], 8, february - 2_000);
    let Err(Refusal::Exceeded { retry_ms, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(retry_ms, 2_000);
    assert!(request(&mut isolate, &mut meter, &[&policy], 10, february).is_ok());
    // A clock that is set back begins no window anew.
    assert!(request(&mut Allowances::new(3), &mut meter, &[&policy], 1, NOW).is_err());
}

#[test]
fn requests_that_come_at_once_ask_once() {
    let (mut isolate, mut meter, policy) = (Allowances::new(1), Meter::default(), quota(100));
    let limits = [Limit {
        meter: meter_subject(),
        policy: &policy,
    }];
    let mut first = Spending::new(1, NOW);
    let Step::Ask(question) = first.next(&mut isolate, &limits, Event::Look, NOW) else {
        panic!()
    };
    let mut second = Spending::new(1, NOW);
    let waits = second.next(&mut isolate, &limits, Event::Look, NOW);
    assert!(matches!(waits, Step::Wait(_)));
    let answer = Event::Answered(Some(meter.answer(&question, NOW)));
    assert!(matches!(
        first.next(&mut isolate, &limits, answer, NOW),
        Step::Admit(_)
    ));
    assert!(matches!(
        second.next(&mut isolate, &limits, Event::Look, NOW),
        Step::Admit(_)
    ));
    assert_eq!(meter.asked, 1);
}

#[test]
fn without_a_meter_what_is_held_is_spent_and_then_nothing() {
    let (mut isolate, mut meter, policy) = (Allowances::new(1), Meter::default(), quota(1_000));
    request(&mut isolate, &mut meter, &[&policy], 1, NOW).unwrap();
    let limits = [Limit {
        meter: meter_subject(),
        policy: &policy,
    }];
    let mut admitted = 0;
    let refusal = loop {
        let mut spending = Spending::new(1, NOW);
        let mut event = Event::Look;
        let step = loop {
            match spending.next(&mut isolate, &limits, event, NOW) {
                Step::Ask(_) => event = Event::Answered(None),
                step => break step,
            }
        };
        match step {
            Step::Admit(_) => admitted += 1,
            step => break step,
        }
    };
    assert_eq!(refusal, Step::Refuse(Refusal::Unavailable));
    assert!(admitted >= 15, "{admitted}");
}

#[test]
fn a_clock_that_is_set_back_gives_leases_up() {
    let (mut isolate, mut meter, policy) = (Allowances::new(1), Meter::default(), quota(100));
    request(&mut isolate, &mut meter, &[&policy], 1, NOW).unwrap();
    let asked = meter.asked;
    request(&mut isolate, &mut meter, &[&policy], 1, NOW - 1).unwrap();
    assert!(meter.asked > asked);
}

#[test]
fn a_ledger_that_began_anew_credits_nothing_of_its_predecessor() {
    let (mut meter, policy) = (Meter::default(), quota(100));
    let (mut old, mut new) = (Allowances::new(1), Allowances::new(2));
    request(&mut old, &mut meter, &[&policy], 1, NOW).unwrap();
    let [(_, late)] = old.idle(NOW + IDLE).try_into().unwrap();
    meter.ledgers.clear();
    request(&mut new, &mut meter, &[&policy], 1, NOW + IDLE).unwrap();
    let debited = meter.debited(&policy);
    meter.answer(&late, NOW + IDLE);
    assert_eq!(meter.debited(&policy), debited);
}
