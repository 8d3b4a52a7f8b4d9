//! What a registry does until a change is enforced.

use crate::freshness::append::RestoreCheckReply;
use crate::freshness::commit_wait::{CommitWait, PendingChange};
use crate::freshness::enforcer::{Enforcer, EnforcerEvent, EnforcerStep};
use crate::freshness::{Ack, Append, Millis, Reading, RegistryClock, Revision, Subject};

use super::{V, key, organization};

const WAIT: u64 = 5_151;

const fn at(ms: u64) -> Reading<RegistryClock> {
    Reading::at(ms)
}

const fn row(subject: Subject, waits: bool) -> PendingChange {
    PendingChange {
        subject,
        revision: Revision(2),
        waits,
        from: None,
        keys_revoked_through: None,
    }
}

const fn acknowledged() -> EnforcerEvent {
    EnforcerEvent::Acknowledged(Ack {
        v: V,
        wait_ms: Millis(WAIT),
        greatest: Revision(2),
        place: None,
        floor: None,
    })
}

/// A registry that serves, with these changes committed.
fn wait(rows: impl IntoIterator<Item = PendingChange>) -> CommitWait {
    let mut wait = CommitWait::start(organization(), Revision(1), []);
    let check = wait.restore_check().unwrap();
    wait.restore_check_answered(
        &check,
        &RestoreCheckReply {
            v: V,
            greatest: Revision(1),
            beyond: Vec::new(),
            more: false,
            keys_revoked_through: None,
        },
    );
    rows.into_iter().for_each(|row| wait.committed(row));
    wait
}

fn appended(step: &EnforcerStep) -> Subject {
    match step {
        EnforcerStep::Append(Append { subject, .. }) => *subject,
        step => panic!("{step:?}"),
    }
}

#[test]
fn a_change_is_appended_then_waited_for_then_settled() {
    let changed = row(key(1), true);
    let mut wait = wait([changed]);
    let mut enforcer = Enforcer::until_enforced(vec![key(1)], at(0));
    let step = enforcer.next(&mut wait, &EnforcerEvent::Look, at(0));
    assert_eq!(appended(&step), key(1));
    let step = enforcer.next(&mut wait, &acknowledged(), at(10));
    assert_eq!(step, EnforcerStep::Wait(Millis(WAIT)));
    let step = enforcer.next(&mut wait, &EnforcerEvent::Look, at(9 + WAIT));
    assert_eq!(step, EnforcerStep::Wait(Millis(1)));
    let step = enforcer.next(&mut wait, &EnforcerEvent::Look, at(10 + WAIT));
    assert_eq!(step, EnforcerStep::Settle(vec![changed]));
    let settled = EnforcerEvent::Settled(vec![changed]);
    let step = enforcer.next(&mut wait, &settled, at(10 + WAIT));
    assert_eq!(step, EnforcerStep::Done);
    assert!(wait.due(at(10 + WAIT)).is_empty());
}

#[test]
fn a_repeated_call_joins_the_wait_of_the_first() {
    let mut wait = wait([row(key(1), true)]);
    let mut first = Enforcer::until_enforced(vec![key(1)], at(0));
    first.next(&mut wait, &EnforcerEvent::Look, at(0));
    first.next(&mut wait, &acknowledged(), at(0));
    let mut second = Enforcer::until_enforced(vec![key(1)], at(5_000));
    let step = second.next(&mut wait, &EnforcerEvent::Look, at(5_000));
    assert_eq!(step, EnforcerStep::Wait(Millis(WAIT - 5_000)));
}

#[test]
fn a_silent_log_is_asked_again_until_it_has_been_silent_for_too_long() {
    let mut wait = wait([row(key(1), true)]);
    let mut enforcer = Enforcer::until_enforced(vec![key(1)], at(0));
    for now in [0, 9_999] {
        let step = enforcer.next(&mut wait, &EnforcerEvent::Look, at(now));
        assert_eq!(appended(&step), key(1));
        let step = enforcer.next(&mut wait, &EnforcerEvent::Unanswered, at(now));
        assert_eq!(step, EnforcerStep::Wait(Millis(100)));
    }
    enforcer.next(&mut wait, &EnforcerEvent::Look, at(10_000));
    let step = enforcer.next(&mut wait, &EnforcerEvent::Unanswered, at(10_000));
    assert_eq!(step, EnforcerStep::GiveUp);
}

#[test]
fn whoever_waits_for_nothing_is_done_however_silent_the_log() {
    let mut wait = wait([row(key(1), true)]);
    let mut enforcer = Enforcer::until_enforced(Vec::new(), at(0));
    let step = enforcer.next(&mut wait, &EnforcerEvent::Look, at(0));
    assert_eq!(step, EnforcerStep::Done);
}

#[test]
fn all_is_appended_one_after_the_other_and_what_nobody_waits_for_is_settled() {
    let (issued, revoked) = (row(key(1), false), row(key(2), true));
    let mut wait = wait([issued, revoked]);
    let mut enforcer = Enforcer::append_all();
    let step = enforcer.next(&mut wait, &EnforcerEvent::Look, at(0));
    assert_eq!(appended(&step), key(1));
    let step = enforcer.next(&mut wait, &acknowledged(), at(0));
    assert_eq!(step, EnforcerStep::Settle(vec![issued]));
    let step = enforcer.next(&mut wait, &EnforcerEvent::Settled(vec![issued]), at(0));
    assert_eq!(appended(&step), key(2));
    let step = enforcer.next(&mut wait, &acknowledged(), at(0));
    assert_eq!(step, EnforcerStep::Done);
}

#[test]
fn all_that_is_appended_is_tried_once() {
    let mut wait = wait([row(key(1), true)]);
    let mut enforcer = Enforcer::append_all();
    enforcer.next(&mut wait, &EnforcerEvent::Look, at(0));
    let step = enforcer.next(&mut wait, &EnforcerEvent::Unanswered, at(0));
    assert_eq!(step, EnforcerStep::GiveUp);
}
