//! What a registry does that may have been restored from a backup.

use super::commit_wait::{WAIT, ack, append, at, restore_reply, row, serving, started};
use super::{V, key, organization, required};
use crate::freshness::Revision;
use crate::freshness::append::{RestoreCheck, RestoreCheckReply};
use crate::freshness::commit_wait::{Enforcement, Recovery};

#[test]
fn a_registry_serves_once_the_log_knows_nothing_beyond_it() {
    let mut wait = started(7);
    assert!(!wait.may_serve());
    let request = wait.restore_check().unwrap();
    let expected = RestoreCheck {
        v: V,
        organization: organization(),
        above: Revision(7),
        after_subject: None,
    };
    assert_eq!(request, expected);
    wait.restore_check_answered(&request, &restore_reply(7));
    assert!(wait.may_serve());
    assert_eq!(wait.restore_check(), None);
    assert_eq!(wait.recovery(), None, "nothing was lost");

    // The log may know less: what it lacks is still to be appended.
    let mut wait = started(7);
    let request = wait.restore_check().unwrap();
    wait.restore_check_answered(&request, &restore_reply(3));
    assert!(wait.may_serve());
}

#[test]
fn a_restored_registry_jumps_past_all_that_was_ever_shown() {
    let mut wait = started(7);
    let first = wait.restore_check().unwrap();
    let page = RestoreCheckReply {
        beyond: vec![required(key(1), 8), required(key(2), 9)],
        more: true,
        keys_revoked_through: None,
        ..restore_reply(12)
    };
    wait.restore_check_answered(&first, &page);
    assert!(!wait.may_serve());
    assert_eq!(wait.recovery(), None, "there is another page");

    // It goes on after the last subject, and a repeated page is not taken twice.
    let second = wait.restore_check().unwrap();
    assert_eq!(second.above, Revision(9));
    assert_eq!(second.after_subject, Some(key(2)));
    wait.restore_check_answered(&first, &page);
    let page = RestoreCheckReply {
        beyond: vec![required(key(3), 12)],
        ..restore_reply(12)
    };
    wait.restore_check_answered(&second, &page);
    let recovery = Recovery {
        keys_revoked_through: None,
        revision: Revision(13),
        lost: vec![key(1), key(2), key(3)],
    };
    assert_eq!(wait.recovery(), Some(&recovery));
    assert_eq!(wait.restore_check(), None);
    assert!(!wait.may_serve());

    // Each lost subject's new state is a change that waits like any other.
    wait.recovered(None);
    assert!(wait.may_serve());
    assert_eq!(wait.recovery(), None);
    for subject in recovery.lost {
        let enforcement = wait.enforcement(&subject, at(10_000));
        assert_eq!(enforcement, Enforcement::Unacknowledged);
        wait.acknowledged(&append(subject, 13), &ack(13), at(10_000));
        let enforcement = wait.enforcement(&subject, at(10_000));
        assert_eq!(enforcement, Enforcement::Waiting(WAIT));
    }
    // What the log knows is no news any more.
    assert!(wait.may_serve());
}

/// A version of the log that told of a revision and not of its subjects would
/// still be believed.
#[test]
fn a_greater_revision_alone_is_jumped_past() {
    let mut wait = started(7);
    let request = wait.restore_check().unwrap();
    wait.restore_check_answered(&request, &restore_reply(9));
    let recovery = Recovery {
        keys_revoked_through: None,
        revision: Revision(10),
        lost: Vec::new(),
    };
    assert_eq!(wait.recovery(), Some(&recovery));
}

#[test]
fn an_answer_to_another_question_says_nothing() {
    let mut wait = started(7);
    let mut other = wait.restore_check().unwrap();
    other.above = Revision(6);
    wait.restore_check_answered(&other, &restore_reply(7));
    assert!(!wait.may_serve());
}

/// An append from before the restore reached the log only after the start's
/// question.
#[test]
fn a_registry_that_hears_of_a_revision_beyond_its_own_asks_before_it_serves_on() {
    let mut wait = serving(4);
    wait.committed(row(key(1), 5));
    wait.acknowledged(&append(key(1), 5), &ack(5), at(10_000));
    assert!(wait.may_serve(), "its own revision is no news");
    wait.acknowledged(&append(key(1), 5), &ack(6), at(10_001));
    assert!(!wait.may_serve());
    let request = wait.restore_check().unwrap();
    assert_eq!(request.above, Revision(5));
    let lost = RestoreCheckReply {
        beyond: vec![required(key(2), 6)],
        ..restore_reply(6)
    };
    wait.restore_check_answered(&request, &lost);
    let recovery = Recovery {
        keys_revoked_through: None,
        revision: Revision(7),
        lost: vec![key(2)],
    };
    assert_eq!(wait.recovery(), Some(&recovery));
    // What it hears meanwhile changes nothing: it is about to jump.
    wait.acknowledged(&append(key(1), 5), &ack(8), at(10_002));
    wait.observe_required(key(3), Revision(8), Revision(1));
    assert_eq!(wait.recovery(), Some(&recovery));
    wait.recovered(None);
    // And the next acknowledgement says so again.
    wait.acknowledged(&append(key(2), 7), &ack(8), at(10_003));
    assert!(!wait.may_serve());
}

#[test]
fn what_an_edge_requires_beyond_the_registrys_revision_makes_it_ask() {
    let mut wait = serving(4);
    wait.observe_required(key(1), Revision(5), Revision(2));
    assert!(!wait.may_serve());
    assert!(wait.restore_check().is_some());
    assert_eq!(wait.recovery(), None);
}

#[test]
fn a_record_below_what_an_edge_requires_is_locked_at_once() {
    let mut wait = serving(4);
    wait.observe_required(key(1), Revision(3), Revision(3));
    wait.observe_required(key(1), Revision(2), Revision(3));
    wait.observe_required(key(1), Revision(4), Revision(4));
    assert!(wait.may_serve(), "its record is as new as any");
    wait.observe_required(key(1), Revision(4), Revision(3));
    assert!(!wait.may_serve());
    let recovery = Recovery {
        keys_revoked_through: None,
        revision: Revision(5),
        lost: vec![key(1)],
    };
    assert_eq!(wait.recovery(), Some(&recovery));
}

#[test]
fn while_it_asks_where_it_stands_nothing_else_is_concluded() {
    let mut wait = started(4);
    wait.observe_required(key(1), Revision(4), Revision(3));
    assert_eq!(wait.recovery(), None);
    let request = wait.restore_check().unwrap();
    wait.restore_check_answered(&request, &restore_reply(4));
    assert!(wait.may_serve());
    wait.recovered(None);
    assert!(wait.may_serve(), "there was nothing to recover");
}

/// A backup from before all keys were revoked at once must not bring them back.
#[test]
fn a_restored_registry_hears_that_all_keys_were_revoked() {
    let mut wait = started(7);
    let request = wait.restore_check().unwrap();
    let page = RestoreCheckReply {
        beyond: vec![required(organization(), 9)],
        keys_revoked_through: Some(Revision(9)),
        ..restore_reply(9)
    };
    wait.restore_check_answered(&request, &page);
    let recovery = wait.recovery().unwrap();
    assert_eq!(recovery.keys_revoked_through, Some(Revision(9)));
    // The log is told again, with the organization's own row alone.
    wait.recovered(Some(Revision(9)));
    let told = wait.next_append().unwrap();
    assert_eq!(told.subject, organization());
    assert_eq!(told.keys_revoked_through, Some(Revision(9)));
}

/// Where an older registry did not say, whatever the backup holds may have been
/// revoked. A lost key alone says nothing of the others.
#[test]
fn what_the_log_was_not_told_counts_as_revoked() {
    let recovery = |lost| {
        let mut wait = started(7);
        let request = wait.restore_check().unwrap();
        let page = RestoreCheckReply {
            beyond: vec![required(lost, 9)],
            ..restore_reply(9)
        };
        wait.restore_check_answered(&request, &page);
        wait.recovery().unwrap().keys_revoked_through
    };
    assert_eq!(recovery(organization()), Some(Revision(7)));
    assert_eq!(recovery(key(1)), None);
}
