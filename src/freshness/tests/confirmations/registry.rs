//! A registry knows that a change is enforced before its wait is over.

use super::*;
use crate::freshness::RegistryClock;

const fn at(ms: u64) -> Reading<RegistryClock> {
    Reading::at(ms)
}

const fn ack(place: Option<Cursor>, floor: Option<Cursor>) -> Ack {
    Ack {
        v: V,
        wait_ms: Millis(WAIT),
        greatest: Revision(2),
        place,
        floor,
    }
}

fn row(waits: bool) -> PendingChange {
    PendingChange {
        subject: key(1),
        revision: Revision(2),
        waits,
        from: None,
        keys_revoked_through: None,
    }
}

fn started(rows: &[PendingChange]) -> CommitWait {
    let mut wait =
        CommitWait::start(organization(), Revision(2), rows.iter().copied()).with_confirmations();
    let check = wait.restore_check().unwrap();
    let current = RestoreCheckReply {
        v: V,
        greatest: Revision(2),
        beyond: Vec::new(),
        more: false,
        keys_revoked_through: None,
    };
    wait.restore_check_answered(&check, &current);
    wait
}

/// Acknowledged at 10,000 ms, at place 6.
fn waiting() -> CommitWait {
    let mut wait = started(&[row(true)]);
    wait.acknowledged(
        &append(1, 2, true),
        &ack(Some(cursor(6)), Some(cursor(5))),
        at(10_000),
    );
    wait
}

#[test]
fn a_change_that_is_waited_for_is_urgent() {
    assert!(started(&[row(true)]).next_append().unwrap().waits);
    assert!(!started(&[row(false)]).next_append().unwrap().waits);
}

#[test]
fn a_change_is_enforced_when_nobody_is_below_its_place() {
    let mut wait = waiting();
    assert_eq!(
        wait.enforcement(&key(1), at(10_000)),
        Enforcement::Waiting(Millis(WAIT))
    );
    assert_eq!(wait.awaited_place(&key(1)), Some(cursor(6)));
    wait.confirmed(cursor(5));
    assert_ne!(wait.enforcement(&key(1), at(10_000)), Enforcement::Enforced);
    wait.confirmed(cursor(6));
    assert_eq!(wait.enforcement(&key(1), at(10_000)), Enforcement::Enforced);
    assert_eq!(wait.awaited_place(&key(1)), None);
    assert_eq!(wait.due(at(10_000)), [row(true)]);
    assert_eq!(wait.longest_wait(at(10_000)), None);
}

#[test]
fn what_alters_no_decision_is_waited_for_by_nobody() {
    assert_eq!(waiting().unenforced(), [key(1)]);
    assert_eq!(started(&[row(false)]).unenforced(), []);
}

#[test]
fn the_acknowledgement_itself_may_say_so() {
    let mut wait = started(&[row(true)]);
    assert_eq!(wait.awaited_place(&key(1)), None);
    wait.acknowledged(
        &append(1, 2, true),
        &ack(Some(cursor(6)), Some(cursor(6))),
        at(10_000),
    );
    assert_eq!(wait.enforcement(&key(1), at(10_000)), Enforcement::Enforced);
}

#[test]
fn a_backward_clock_does_not_undo_what_is_known() {
    let mut wait = waiting();
    wait.confirmed(cursor(9));
    assert_eq!(wait.enforcement(&key(1), at(100)), Enforcement::Enforced);
}

#[test]
fn a_floor_in_another_life_of_the_log_says_nothing() {
    let mut wait = waiting();
    wait.confirmed(Cursor {
        incarnation: Incarnation::from_stored(2),
        seq: 99,
    });
    assert_eq!(
        wait.enforcement(&key(1), at(10_000)),
        Enforcement::Waiting(Millis(WAIT))
    );
    assert_eq!(
        wait.enforcement(&key(1), at(10_000 + WAIT)),
        Enforcement::Enforced
    );
}

/// It stands at another place, which nobody has named yet.
#[test]
fn what_is_known_of_a_change_is_not_known_of_the_next() {
    let mut wait = waiting();
    wait.confirmed(cursor(9));
    wait.committed(PendingChange {
        revision: Revision(3),
        ..row(true)
    });
    assert_eq!(
        wait.enforcement(&key(1), at(10_000)),
        Enforcement::Unacknowledged
    );
    wait.confirmed(cursor(9));
    assert_eq!(
        wait.enforcement(&key(1), at(10_000)),
        Enforcement::Unacknowledged
    );
}

#[test]
fn without_confirmations_time_alone_decides() {
    let mut wait = CommitWait::start(organization(), Revision(2), [row(true)]);
    let append = wait.next_append().unwrap();
    assert!(!append.waits);
    wait.acknowledged(&append, &ack(Some(cursor(6)), Some(cursor(6))), at(10_000));
    assert_eq!(wait.awaited_place(&key(1)), None);
    assert_eq!(
        wait.enforcement(&key(1), at(10_000)),
        Enforcement::Waiting(Millis(WAIT))
    );
}
