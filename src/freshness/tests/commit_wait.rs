//! When a registry may say `enforced`, serve, and publish.

use crate::freshness::append::RestoreCheckReply;
use crate::freshness::commit_wait::{CommitWait, Enforcement, PendingChange};
use crate::freshness::{Ack, Append, Millis, Reading, RegistryClock, Revision, Subject};

use super::{V, key, organization};

pub(super) const WAIT: Millis = Millis(5_151);

pub(super) const fn at(ms: u64) -> Reading<RegistryClock> {
    Reading::at(ms)
}

pub(super) const fn row(subject: Subject, revision: u64) -> PendingChange {
    PendingChange {
        subject,
        revision: Revision(revision),
        waits: true,
        from: None,
        keys_revoked_through: None,
    }
}

pub(super) const fn append(subject: Subject, revision: u64) -> Append {
    Append {
        v: V,
        subject,
        revision: Revision(revision),
        keys_revoked_through: None,
        waits: false,
    }
}

pub(super) const fn ack(greatest: u64) -> Ack {
    Ack {
        v: V,
        wait_ms: WAIT,
        greatest: Revision(greatest),
        place: None,
        floor: None,
    }
}

pub(super) const fn restore_reply(greatest: u64) -> RestoreCheckReply {
    RestoreCheckReply {
        v: V,
        greatest: Revision(greatest),
        beyond: Vec::new(),
        more: false,
        keys_revoked_through: None,
    }
}

/// A registry at this revision that has just started.
pub(super) fn started(revision: u64) -> CommitWait {
    CommitWait::start(organization(), Revision(revision), [])
}

/// The same, and the log knows nothing beyond.
pub(super) fn serving(revision: u64) -> CommitWait {
    let mut wait = started(revision);
    let request = wait.restore_check().unwrap();
    wait.restore_check_answered(&request, &restore_reply(revision));
    assert!(wait.may_serve());
    wait
}

/// A registry whose change of `key(1)` at revision 2 was acknowledged at
/// 10,000 ms.
pub(super) fn waiting() -> CommitWait {
    let mut wait = serving(1);
    wait.committed(row(key(1), 2));
    wait.acknowledged(&append(key(1), 2), &ack(2), at(10_000));
    wait
}

#[test]
fn a_change_is_enforced_when_the_whole_wait_has_passed_since_its_acknowledgement() {
    let mut wait = serving(1);
    assert_eq!(wait.enforcement(&key(1), at(9_000)), Enforcement::Enforced);
    wait.committed(row(key(1), 2));
    let unacknowledged = wait.enforcement(&key(1), at(9_000));
    assert_eq!(unacknowledged, Enforcement::Unacknowledged);
    wait.acknowledged(&append(key(1), 2), &ack(2), at(10_000));
    for (now, left) in [(10_000, 5_151), (12_000, 3_151), (15_150, 1)] {
        let waiting = Enforcement::Waiting(Millis(left));
        assert_eq!(wait.enforcement(&key(1), at(now)), waiting, "at {now}");
        assert_eq!(wait.due(at(now)), [], "at {now}");
    }
    assert_eq!(wait.enforcement(&key(1), at(15_151)), Enforcement::Enforced);
    assert_eq!(wait.enforcement(&key(1), at(20_000)), Enforcement::Enforced);
}

#[test]
fn a_change_of_no_rights_is_enforced_with_its_acknowledgement() {
    let mut wait = serving(1);
    let renamed = PendingChange {
        waits: false,
        ..row(key(1), 2)
    };
    wait.committed(renamed);
    let before = wait.enforcement(&key(1), at(10_000));
    assert_eq!(before, Enforcement::Unacknowledged);
    wait.acknowledged(&append(key(1), 2), &ack(2), at(10_000));
    assert_eq!(wait.enforcement(&key(1), at(10_000)), Enforcement::Enforced);
    assert_eq!(wait.due(at(10_000)), [renamed]);
}

#[test]
fn a_renaming_does_not_settle_the_revocation_before_it() {
    let mut wait = waiting();
    let renamed = PendingChange {
        waits: false,
        ..row(key(1), 3)
    };
    wait.committed(renamed);
    wait.acknowledged(&append(key(1), 3), &ack(3), at(11_000));
    let both = wait.enforcement(&key(1), at(11_000));
    assert_eq!(both, Enforcement::Waiting(WAIT));
    assert_eq!(wait.due(at(16_151)), [row(key(1), 3)]);
}

#[test]
fn two_renamings_wait_for_nothing() {
    let mut wait = serving(1);
    for revision in [2, 3] {
        wait.committed(PendingChange {
            waits: false,
            ..row(key(1), revision)
        });
    }
    wait.acknowledged(&append(key(1), 3), &ack(3), at(10_000));
    assert_eq!(wait.enforcement(&key(1), at(10_000)), Enforcement::Enforced);
    // And a revocation after a renaming waits as any does.
    wait.committed(row(key(1), 4));
    wait.acknowledged(&append(key(1), 4), &ack(4), at(11_000));
    let waiting = wait.enforcement(&key(1), at(11_000));
    assert_eq!(waiting, Enforcement::Waiting(WAIT));
}

#[test]
fn a_change_told_again_joins_the_wait_of_the_first() {
    let mut wait = waiting();
    wait.committed(row(key(1), 2));
    assert_eq!(wait.next_append(), None);
    let left = wait.enforcement(&key(1), at(12_000));
    assert_eq!(left, Enforcement::Waiting(Millis(3_151)));
}

#[test]
fn a_second_acknowledgement_says_nothing_new() {
    let mut wait = waiting();
    wait.acknowledged(&append(key(1), 2), &ack(2), at(12_000));
    assert_eq!(wait.enforcement(&key(1), at(15_151)), Enforcement::Enforced);
}

#[test]
fn the_acknowledgement_of_an_older_change_says_nothing_of_the_newer() {
    let mut wait = serving(1);
    wait.committed(row(key(1), 2));
    wait.committed(row(key(1), 3));
    wait.acknowledged(&append(key(1), 2), &ack(2), at(10_000));
    let newer = wait.enforcement(&key(1), at(20_000));
    assert_eq!(newer, Enforcement::Unacknowledged);
    assert!(!wait.may_publish(&key(1)));
    assert_eq!(wait.next_append(), Some(append(key(1), 3)));
}

#[test]
fn an_acknowledged_change_is_overtaken_by_the_next_and_waits_anew() {
    let mut wait = waiting();
    wait.committed(row(key(1), 3));
    let newer = wait.enforcement(&key(1), at(20_000));
    assert_eq!(newer, Enforcement::Unacknowledged);
}

#[test]
fn every_change_is_sent_until_it_is_acknowledged() {
    let mut wait = serving(1);
    assert_eq!(wait.next_append(), None);
    wait.committed(row(key(1), 2));
    wait.committed(row(key(2), 3));
    assert_eq!(wait.next_append(), Some(append(key(1), 2)));
    assert_eq!(wait.next_append(), Some(append(key(1), 2)));
    wait.acknowledged(&append(key(1), 2), &ack(2), at(10_000));
    assert_eq!(wait.next_append(), Some(append(key(2), 3)));
    wait.acknowledged(&append(key(2), 3), &ack(3), at(10_000));
    assert_eq!(wait.next_append(), None);
}

#[test]
fn a_record_is_published_once_the_log_has_its_change() {
    let mut wait = serving(1);
    assert!(wait.may_publish(&key(1)));
    wait.committed(row(key(1), 2));
    assert!(!wait.may_publish(&key(1)));
    assert!(wait.may_publish(&key(2)));
    wait.acknowledged(&append(key(1), 2), &ack(2), at(10_000));
    assert!(wait.may_publish(&key(1)));
}

/// Nothing of a wait outlives its process: each stored row is appended again,
/// and waited for again.
#[test]
fn after_a_restart_every_stored_row_is_unacknowledged() {
    let rows = [row(key(1), 2), row(key(2), 3)];
    let mut wait = CommitWait::start(organization(), Revision(3), rows);
    for subject in [key(1), key(2)] {
        let unacknowledged = wait.enforcement(&subject, at(u64::MAX));
        assert_eq!(unacknowledged, Enforcement::Unacknowledged);
        assert!(!wait.may_publish(&subject));
    }
    assert_eq!(wait.next_append(), Some(append(key(1), 2)));
}

#[test]
fn what_is_settled_is_forgotten_and_a_newer_change_is_not() {
    let mut wait = waiting();
    assert_eq!(wait.due(at(15_151)), [row(key(1), 2)]);
    wait.committed(row(key(1), 3));
    wait.settled(&row(key(1), 2));
    let newer = wait.enforcement(&key(1), at(15_151));
    assert_eq!(newer, Enforcement::Unacknowledged, "the newer row stays");

    let mut wait = waiting();
    wait.settled(&row(key(1), 2));
    assert_eq!(wait.due(at(15_151)), [], "told once");
    // A renaming after that has no right to wait for.
    let renamed = PendingChange {
        waits: false,
        ..row(key(1), 3)
    };
    wait.committed(renamed);
    wait.acknowledged(&append(key(1), 3), &ack(3), at(15_200));
    assert_eq!(wait.enforcement(&key(1), at(15_200)), Enforcement::Enforced);
}

#[test]
fn the_longest_wait_is_the_last_change_to_be_enforced() {
    let mut wait = serving(1);
    assert_eq!(wait.longest_wait(at(9_000)), None);
    wait.committed(row(key(1), 2));
    wait.committed(row(key(2), 3));
    wait.committed(row(key(3), 4));
    assert_eq!(wait.longest_wait(at(9_000)), None, "none is acknowledged");
    wait.acknowledged(&append(key(2), 3), &ack(4), at(10_000));
    wait.acknowledged(&append(key(1), 2), &ack(4), at(11_000));
    assert_eq!(wait.longest_wait(at(12_000)), Some(Millis(4_151)));
    assert_eq!(wait.longest_wait(at(16_150)), Some(Millis(1)));
    assert_eq!(wait.longest_wait(at(16_151)), None);
}

/// A clock that was set back by an hour does not hold a change for an hour:
/// the wait is measured anew, whole, on the clock there is.
#[test]
fn a_backward_clock_begins_every_wait_anew() {
    let hour = 3_600_000;
    for look in [
        |wait: &mut CommitWait, now| _ = wait.enforcement(&key(1), now),
        |wait: &mut CommitWait, now| _ = wait.due(now),
        |wait: &mut CommitWait, now| _ = wait.longest_wait(now),
        |wait: &mut CommitWait, now| wait.acknowledged(&append(key(2), 3), &ack(3), now),
    ] {
        let mut wait = serving(1);
        wait.committed(row(key(1), 2));
        wait.committed(row(key(2), 3));
        wait.acknowledged(&append(key(1), 2), &ack(2), at(hour));
        look(&mut wait, at(1_000));
        let whole = wait.enforcement(&key(1), at(1_000));
        assert_eq!(whole, Enforcement::Waiting(WAIT));
        let last = wait.enforcement(&key(1), at(1_000 + WAIT.0 - 1));
        assert_eq!(last, Enforcement::Waiting(Millis(1)));
        let over = wait.enforcement(&key(1), at(1_000 + WAIT.0));
        assert_eq!(over, Enforcement::Enforced);
    }
}

/// Also a step so small that the wait looks as if it had merely begun later:
/// what was measured before the step counts for nothing.
#[test]
fn a_small_step_back_counts_as_much_as_a_large_one() {
    let mut wait = waiting();
    let before = wait.enforcement(&key(1), at(15_000));
    assert_eq!(before, Enforcement::Waiting(Millis(151)));
    let after = wait.enforcement(&key(1), at(14_999));
    assert_eq!(after, Enforcement::Waiting(WAIT));
    // A clock that stands has not stepped.
    let stands = wait.enforcement(&key(1), at(14_999));
    assert_eq!(stands, Enforcement::Waiting(WAIT));
    let on = wait.enforcement(&key(1), at(15_000));
    assert_eq!(on, Enforcement::Waiting(Millis(5_150)));
    let stands = wait.enforcement(&key(1), at(15_000));
    assert_eq!(stands, Enforcement::Waiting(Millis(5_150)));
}
