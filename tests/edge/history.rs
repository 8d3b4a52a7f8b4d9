//! What clients and administrators did and were told, with the instants of one
//! monotonic clock, and whether the guarantee of freshness held in it.
//!
//! The guarantee: when a call that takes a right away has returned, no request
//! that is *sent* afterwards is accepted on the older state. And its other side:
//! when a call that gives a right has returned, no request sent afterwards is
//! refused for the lack of it, though it may be left unproven.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Let through, and decided on records from there.
    Accepted(String),
    /// Judged, and refused with this code.
    Refused(String),
    /// 503: not judged.
    Unproven,
}

/// One request of a client.
#[derive(Debug, Clone)]
pub(crate) struct Verification {
    pub(crate) key: usize,
    pub(crate) edge: usize,
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
    pub(crate) verdict: Verdict,
}

/// A call of an administrator, from its first sending until it was answered as
/// enforced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) called: Instant,
    pub(crate) acknowledged: Instant,
}

/// A right that was taken away, and perhaps given back.
#[derive(Debug, Clone)]
pub(crate) struct Withdrawal {
    pub(crate) what: &'static str,
    pub(crate) keys: Vec<usize>,
    pub(crate) taken: Span,
    pub(crate) given_back: Option<Span>,
}

/// All that happened. Keys are numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// When the issue of each key was acknowledged.
    pub(crate) issued: BTreeMap<usize, Instant>,
    pub(crate) withdrawals: Vec<Withdrawal>,
    pub(crate) verifications: Vec<Verification>,
}

/// A request that was answered as it must not have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) what: &'static str,
    pub(crate) key: usize,
    pub(crate) edge: usize,
    /// How long after the acknowledgement it was sent.
    pub(crate) after: Duration,
    pub(crate) verdict: Verdict,
}

impl History {
    /// Every violation of the guarantee and of its other side.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        let mut by_key: BTreeMap<usize, Vec<&Verification>> = BTreeMap::new();
        for verification in &self.verifications {
            by_key
                .entry(verification.key)
                .or_default()
                .push(verification);
        }
        let mut found = Vec::new();
        for (key, verifications) in by_key {
            let mut withdrawals: Vec<_> = self
                .withdrawals
                .iter()
                .filter(|withdrawal| withdrawal.keys.contains(&key))
                .collect();
            withdrawals.sort_by_key(|withdrawal| withdrawal.taken.called);
            // Stretches in which only one answer is right: from an
            // acknowledgement to the sending of the next call.
            let mut good = self.issued.get(&key).copied();
            for withdrawal in &withdrawals {
                if let Some(since) = good {
                    let until = Some(withdrawal.taken.called);
                    found.extend(stale(&verifications, "given", since, until, |verdict| {
                        matches!(verdict, Verdict::Refused(_))
                    }));
                }
                let since = withdrawal.taken.acknowledged;
                let until = withdrawal.given_back.map(|span| span.called);
                found.extend(stale(
                    &verifications,
                    withdrawal.what,
                    since,
                    until,
                    |verdict| matches!(verdict, Verdict::Accepted(_)),
                ));
                good = withdrawal.given_back.map(|span| span.acknowledged);
            }
            if let Some(since) = good {
                found.extend(stale(&verifications, "given", since, None, |verdict| {
                    matches!(verdict, Verdict::Refused(_))
                }));
            }
        }
        found
    }

    /// For each withdrawal, how long after its call was sent the last request
    /// was sent that was still accepted; none for those after whose call no
    /// request was accepted.
    pub(crate) fn last_acceptances(&self) -> Vec<Duration> {
        self.withdrawals
            .iter()
            .filter_map(|withdrawal| {
                let until = withdrawal.given_back.map(|span| span.called);
                self.verifications
                    .iter()
                    .filter(|verification| {
                        withdrawal.keys.contains(&verification.key)
                            && matches!(verification.verdict, Verdict::Accepted(_))
                            && verification.sent >= withdrawal.taken.called
                            && until.is_none_or(|until| verification.answered <= until)
                    })
                    .map(|verification| verification.sent - withdrawal.taken.called)
                    .max()
            })
            .collect()
    }

    /// How long the calls took that take rights away.
    pub(crate) fn calls(&self) -> Vec<Duration> {
        self.withdrawals
            .iter()
            .map(|withdrawal| withdrawal.taken.acknowledged - withdrawal.taken.called)
            .collect()
    }
}

/// Requests sent since an instant, and answered before another, whose verdict is
/// wrong there.
fn stale(
    verifications: &[&Verification],
    what: &'static str,
    since: Instant,
    until: Option<Instant>,
    is_wrong: impl Fn(&Verdict) -> bool,
) -> Vec<Violation> {
    verifications
        .iter()
        .filter(|verification| {
            verification.sent >= since
                && until.is_none_or(|until| verification.answered <= until)
                && is_wrong(&verification.verdict)
        })
        .map(|verification| Violation {
            what,
            key: verification.key,
            edge: verification.edge,
            after: verification.sent - since,
            verdict: verification.verdict.clone(),
        })
        .collect()
}

/// Median, 99th percentile and greatest of some durations.
pub(crate) struct Distribution(Vec<Duration>);

impl Distribution {
    pub(crate) fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self(durations)
    }

    /// The smallest duration that so many percent do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:?}, p99 {:?}, max {:?} (of {})",
            self.percentile(50),
            self.percentile(99),
            self.percentile(100),
            self.0.len()
        )
    }
}

#[test]
fn planted_violations_are_found_and_nothing_else() {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let span = |called, acknowledged| Span {
        called: at(called),
        acknowledged: at(acknowledged),
    };
    let request = |key, sent, answered, accepted: bool| Verification {
        key,
        edge: 0,
        sent: at(sent),
        answered: at(answered),
        verdict: if accepted {
            Verdict::Accepted("memory".into())
        } else {
            Verdict::Refused("disabled_key".into())
        },
    };
    let unproven = |key, sent, answered| Verification {
        verdict: Verdict::Unproven,
        ..request(key, sent, answered, true)
    };
    // Key 1 is disabled at 100..200 and enabled at 300..400; key 2 is revoked.
    let history = History {
        issued: [(1, at(10)), (2, at(10))].into(),
        withdrawals: vec![
            Withdrawal {
                what: "disable",
                keys: vec![1],
                taken: span(100, 200),
                given_back: Some(span(300, 400)),
            },
            Withdrawal {
                what: "revoke-all",
                keys: vec![2, 3],
                taken: span(100, 200),
                given_back: None,
            },
        ],
        verifications: vec![
            request(1, 20, 21, true),
            request(1, 99, 101, false),
            request(1, 150, 160, true),
            request(1, 150, 160, false),
            request(1, 199, 260, true),
            request(1, 210, 220, false),
            request(1, 250, 301, true),
            request(1, 399, 420, false),
            request(1, 410, 420, true),
            unproven(1, 210, 220),
            unproven(1, 410, 420),
            request(2, 5, 6, false),
            request(2, 199, 500, true),
            request(2, 900, 901, false),
        ],
    };
    assert_eq!(history.violations(), []);
    assert_eq!(
        history.last_acceptances(),
        [Duration::from_millis(99), Duration::from_millis(99)]
    );
    for (planted, what, after) in [
        (request(1, 20, 21, false), "given", 10),
        (request(1, 200, 299, true), "disable", 0),
        (request(1, 401, 402, false), "given", 1),
        (request(2, 99_999, 100_000, true), "revoke-all", 99_799),
    ] {
        let mut history = history.clone();
        let key = planted.key;
        let verdict = planted.verdict.clone();
        history.verifications.insert(3, planted);
        let violation = Violation {
            what,
            key,
            edge: 0,
            after: Duration::from_millis(after),
            verdict,
        };
        assert_eq!(history.violations(), [violation]);
    }
}
