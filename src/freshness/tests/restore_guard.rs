//! Whether a registry may serve.

use crate::freshness::append::RestoreCheckReply;
use crate::freshness::commit_wait::CommitWait;
use crate::freshness::restore_guard::{GuardEvent, GuardStep, ReadRevision, RestoreGuard};
use crate::freshness::{Revision, Subject};

use super::{V, key, organization, required};

fn started() -> CommitWait {
    CommitWait::start(organization(), Revision(5), [])
}

fn answered(greatest: u64, beyond: &[Subject]) -> GuardEvent {
    GuardEvent::Answered(RestoreCheckReply {
        v: V,
        greatest: Revision(greatest),
        beyond: (beyond.iter())
            .map(|subject| required(*subject, greatest))
            .collect(),
        more: false,
        keys_revoked_through: None,
    })
}

fn read(required: u64, held: u64) -> GuardEvent {
    GuardEvent::Read([key(1), organization()].map(|subject| ReadRevision {
        subject,
        required: Revision(required),
        held: Revision(held),
    }))
}

#[test]
fn nothing_is_served_before_the_log_has_answered() {
    let mut wait = started();
    let mut guard = RestoreGuard::default();
    let step = guard.next(&mut wait, &GuardEvent::Arrived);
    assert!(matches!(step, GuardStep::AskLog(_)), "{step:?}");
    let silent = guard.next(&mut wait, &GuardEvent::Unanswered);
    assert_eq!(silent, GuardStep::Refuse);
    guard.next(&mut wait, &GuardEvent::Arrived);
    assert_eq!(guard.next(&mut wait, &answered(5, &[])), GuardStep::Serve);
    // Once in the life of a process.
    let mut next = RestoreGuard::default();
    assert_eq!(next.next(&mut wait, &GuardEvent::Arrived), GuardStep::Serve);
}

#[test]
fn what_was_lost_is_made_up_for_before_anything_is_served() {
    let mut wait = started();
    let mut guard = RestoreGuard::default();
    guard.next(&mut wait, &GuardEvent::Arrived);
    let GuardStep::Recover(recovery) = guard.next(&mut wait, &answered(9, &[key(1)])) else {
        panic!("not recovered");
    };
    assert_eq!(
        (recovery.revision, recovery.lost),
        (Revision(10), vec![key(1)])
    );
    let recovered = GuardEvent::Recovered(Some(Revision(0)));
    assert_eq!(guard.next(&mut wait, &recovered), GuardStep::Serve);
}

#[test]
fn a_read_is_answered_unless_it_finds_a_lost_change() {
    let mut wait = started();
    let mut guard = RestoreGuard::default();
    guard.next(&mut wait, &GuardEvent::Arrived);
    guard.next(&mut wait, &answered(5, &[]));
    assert_eq!(guard.next(&mut wait, &read(5, 5)), GuardStep::Answer);
    // Beyond all that the registry knows: the log says which.
    let step = guard.next(&mut wait, &read(7, 5));
    assert!(matches!(step, GuardStep::AskLog(_)), "{step:?}");
    let step = guard.next(&mut wait, &answered(7, &[key(1), organization()]));
    assert!(matches!(step, GuardStep::Recover(_)), "{step:?}");
    let recovered = GuardEvent::Recovered(Some(Revision(0)));
    assert_eq!(guard.next(&mut wait, &recovered), GuardStep::Serve);
    assert_eq!(guard.next(&mut wait, &read(7, 8)), GuardStep::Answer);
}

#[test]
fn a_read_that_finds_a_lost_change_again_and_again_is_refused() {
    let mut wait = started();
    let mut guard = RestoreGuard::default();
    guard.next(&mut wait, &GuardEvent::Arrived);
    let mut step = guard.next(&mut wait, &answered(5, &[]));
    let mut rounds = 0;
    while step == GuardStep::Serve {
        rounds += 1;
        // Below what is required, and that is known here: locked at once.
        let found = guard.next(&mut wait, &read(5, 4));
        assert!(matches!(found, GuardStep::Recover(_)), "{found:?}");
        step = guard.next(&mut wait, &GuardEvent::Recovered(Some(Revision(0))));
    }
    assert_eq!((rounds, step), (4, GuardStep::Refuse));
}
