//! A change that alters decisions only from an instant on: the end of an overlap.

use crate::freshness::append::RestoreCheckReply;
use crate::freshness::commit_wait::{CommitWait, Enforcement, PendingChange};
use crate::freshness::{Ack, Append, Millis, Reading, RegistryClock, Revision};

use super::{V, key, organization};

const WAIT: u64 = 5_151;

const fn at(ms: u64) -> Reading<RegistryClock> {
    Reading::at(ms)
}

/// A registry at revision 1 that may serve.
fn serving() -> CommitWait {
    let mut wait = CommitWait::start(organization(), Revision(1), []);
    let request = wait.restore_check().unwrap();
    let current = RestoreCheckReply {
        v: V,
        greatest: Revision(1),
        beyond: Vec::new(),
        more: false,
        keys_revoked_through: None,
    };
    wait.restore_check_answered(&request, &current);
    wait
}

/// `key(1)` at this revision, of which nobody is decided otherwise before `from`.
fn row(revision: u64, from: Option<u64>) -> PendingChange {
    PendingChange {
        subject: key(1),
        revision: Revision(revision),
        waits: true,
        from: from.map(at),
        keys_revoked_through: None,
    }
}

fn acknowledge(wait: &mut CommitWait, revision: u64, now: u64) -> Enforcement {
    let append = Append {
        v: V,
        subject: key(1),
        revision: Revision(revision),
        keys_revoked_through: None,
        waits: false,
    };
    let ack = Ack {
        v: V,
        wait_ms: Millis(WAIT),
        greatest: Revision(revision),
        place: None,
        floor: None,
    };
    wait.acknowledged(&append, &ack, at(now));
    wait.enforcement(&key(1), at(now))
}

#[test]
fn what_every_lease_is_over_before_is_enforced_with_its_acknowledgement() {
    let mut wait = serving();
    wait.committed(row(2, Some(20_000)));
    let unheard = wait.enforcement(&key(1), at(10_000));
    assert_eq!(unheard, Enforcement::Unacknowledged);
    assert_eq!(wait.due(at(14_849)), []);
    assert_eq!(acknowledge(&mut wait, 2, 14_849), Enforcement::Enforced);
    assert_eq!(wait.due(at(14_849)), [row(2, Some(20_000))]);
    assert_eq!(wait.longest_wait(at(14_849)), None);
}

#[test]
fn what_a_lease_could_outlast_is_waited_for_to_its_end() {
    let mut wait = serving();
    wait.committed(row(2, Some(20_000)));
    let waiting = acknowledge(&mut wait, 2, 14_850);
    assert_eq!(waiting, Enforcement::Waiting(Millis(WAIT)));
    // Also when the instant has come.
    let left = wait.enforcement(&key(1), at(20_000));
    assert_eq!(left, Enforcement::Waiting(Millis(1)));
    assert_eq!(wait.enforcement(&key(1), at(20_001)), Enforcement::Enforced);
}

#[test]
fn a_clock_that_was_set_back_named_no_instant() {
    // Set back before the acknowledgement, and while it is waited for: the instant
    // now seems to lie farther ahead than it does.
    let mut wait = serving();
    wait.committed(row(2, Some(20_000)));
    wait.enforcement(&key(1), at(10_000));
    let waiting = Enforcement::Waiting(Millis(WAIT));
    assert_eq!(acknowledge(&mut wait, 2, 9_000), waiting);

    let mut wait = serving();
    wait.committed(row(2, Some(20_000)));
    assert_eq!(acknowledge(&mut wait, 2, 16_000), waiting);
    assert_eq!(wait.enforcement(&key(1), at(11_000)), waiting);
}

#[test]
fn of_two_changes_the_earlier_effect_counts() {
    for (first, second, alike_until) in [
        (Some(30_000), Some(20_000), Some(20_000)),
        (Some(20_000), Some(30_000), Some(20_000)),
        (None, Some(30_000), None),
        (Some(30_000), None, None),
    ] {
        let mut wait = serving();
        wait.committed(row(2, first));
        wait.committed(row(3, second));
        acknowledge(&mut wait, 3, 10_000);
        let now = wait.enforcement(&key(1), at(10_000));
        assert_eq!(now == Enforcement::Enforced, alike_until.is_some());
        let due = wait.due(at(10_000 + WAIT));
        assert_eq!(due, [row(3, alike_until)], "{first:?}, {second:?}");
    }
    // A name is none: it neither puts off nor brings on what was there.
    for from in [None, Some(30_000)] {
        let mut wait = serving();
        wait.committed(row(2, from));
        wait.committed(PendingChange {
            waits: false,
            ..row(3, None)
        });
        acknowledge(&mut wait, 3, 10_000);
        assert_eq!(wait.due(at(10_000 + WAIT)), [row(3, from)]);
    }
}
