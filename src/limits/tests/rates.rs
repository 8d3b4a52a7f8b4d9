//! Rates: what is admitted in any window.

use super::room::{Meter, quota, rate, request};
use crate::limits::allowances::Allowances;
use crate::limits::policy::{Policy, Precision};

/// When requests were admitted, of so many a millisecond and isolate, for ten seconds.
fn admitted(isolates: u64, policy: &Policy, every_ms: u64) -> Vec<u64> {
    let mut meter = Meter::default();
    let mut isolates: Vec<_> = (1..=isolates).map(Allowances::new).collect();
    let mut admitted = Vec::new();
    for now in (0..10_000).step_by(usize::try_from(every_ms).unwrap()) {
        for isolate in &mut isolates {
            if request(isolate, &mut meter, &[policy], 1, 1_000_000 + now).is_ok() {
                admitted.push(now);
            }
        }
    }
    admitted
}

fn most_in_a_window(admitted: &[u64], window: u64) -> usize {
    (0..admitted.len())
        .map(|first| {
            let end = admitted[first] + window;
            admitted[first..].iter().take_while(|at| **at < end).count()
        })
        .max()
        .unwrap_or(0)
}

#[test]
fn a_leased_rate_keeps_its_stated_burst_and_gives_what_it_allows() {
    let policy = rate(100, 1_000, 50);
    // Three isolates ask for twice as much.
    let admitted = admitted(3, &policy, 15);
    let most = most_in_a_window(&admitted, 1_000);
    assert!(most <= 150, "{most}");
    assert!(admitted.len() >= 950, "{}", admitted.len());
}

#[test]
fn a_strict_rate_is_exact() {
    let policy = Policy {
        precision: Precision::Strict,
        ..rate(100, 1_000, 10)
    };
    let admitted = admitted(3, &policy, 15);
    assert!(most_in_a_window(&admitted, 1_000) <= 110);
    assert!(admitted.len() >= 1_000);
}

#[test]
fn a_local_rate_counts_for_each_isolate_and_asks_nobody() {
    let policy = Policy {
        precision: Precision::Local,
        ..rate(100, 1_000, 10)
    };
    let (mut isolate, mut meter) = (Allowances::new(1), Meter::default());
    let admitted = (0..200).filter(|_| request(&mut isolate, &mut meter, &[&policy], 1, 5).is_ok());
    assert_eq!(admitted.count(), 10);
    assert_eq!(meter.asked, 0);
}

#[test]
fn low_demand_is_admitted_whole() {
    let policy = rate(100, 1_000, 50);
    // Three isolates, ten a second each.
    assert_eq!(admitted(3, &policy, 100).len(), 300);
}

#[test]
fn a_bucket_is_smaller_by_what_leases_may_lag() {
    assert_eq!(rate(100, 1_000, 50).rate().unwrap().capacity, 25);
    assert_eq!(rate(600, 60_000, 100).rate().unwrap().capacity, 80);
    assert_eq!(quota(5).rate(), None);
}
