//! The change log over its own statements, on SQLite.

use std::rc::Rc;

use crate::freshness::append::{RestoreCheck, RestoreCheckReply};
use crate::freshness::change_log::{ChangeLog, LogMeta};
use crate::freshness::sql_log::{SqlLog, create_tables};
use crate::freshness::{
    Append, Bound, Cursor, Incarnation, LogClock, Millis, Reading, Revision, Subject, SyncReply,
    SyncRequest,
};

use super::sqlite::Sqlite;
use super::{V, change, cursor, key, organization, required};

const fn at(ms: u64) -> Reading<LogClock> {
    Reading::at(ms)
}

const NOW: Reading<LogClock> = at(1_000_000);

fn bound(ms: u64) -> Bound {
    Bound::new(ms).unwrap()
}

/// A log that may be evicted, and its database, which stays.
struct Log {
    database: Rc<Sqlite>,
    log: ChangeLog<SqlLog<Sqlite>>,
}

impl Log {
    fn new() -> Self {
        let database = Rc::new(Sqlite::in_memory());
        create_tables(&*database).unwrap();
        Self {
            log: start(&database, 1),
            database,
        }
    }

    fn evict(&mut self) {
        self.log = start(&self.database, 2);
    }

    fn append(&mut self, subject: Subject, revision: u64) -> (Millis, Revision) {
        self.append_at(subject, revision, NOW)
    }

    fn append_at(
        &mut self,
        subject: Subject,
        revision: u64,
        now: Reading<LogClock>,
    ) -> (Millis, Revision) {
        let append = Append {
            v: V,
            subject,
            revision: Revision(revision),
            keys_revoked_through: None,
            waits: false,
        };
        let ack = self.log.append(&append, now).unwrap();
        (ack.wait_ms, ack.greatest)
    }

    fn sync(&mut self, cursor: Option<Cursor>, subjects: &[Subject]) -> SyncReply {
        let request = SyncRequest {
            v: V,
            cursor,
            subjects: subjects.to_vec(),
            holding: None,
        };
        self.log.sync(&request, NOW).unwrap()
    }

    fn check_restored(&self, above: u64, after_subject: Option<Subject>) -> RestoreCheckReply {
        let request = RestoreCheck {
            v: V,
            organization: organization(),
            above: Revision(above),
            after_subject,
        };
        self.log.check_restored(&request).unwrap()
    }

    /// The lease of an answer and the wait of an acknowledgement, in
    /// milliseconds.
    fn lease_and_wait(&mut self, now: u64) -> (u64, u64) {
        let request = SyncRequest {
            v: V,
            cursor: None,
            subjects: Vec::new(),
            holding: None,
        };
        let lease = self.log.sync(&request, at(now)).unwrap().bound_ms;
        let (wait, _) = self.append_at(key(0), 1, at(now));
        (lease.millis().0, wait.0)
    }
}

fn start(database: &Rc<Sqlite>, incarnation: u64) -> ChangeLog<SqlLog<Sqlite>> {
    let store = SqlLog::over(Rc::clone(database));
    ChangeLog::start(store, Incarnation::from_stored(incarnation))
}

#[test]
fn the_greatest_revision_of_a_subject_counts_and_moves_to_the_end() {
    let mut log = Log::new();
    assert_eq!(log.append(key(1), 5).1, Revision(5));
    assert_eq!(log.append(key(2), 6).1, Revision(6));
    let both = [change(key(1), 5, 1), change(key(2), 6, 2)];
    assert_eq!(log.sync(Some(cursor(0)), &[]).changes, both);
    // Late and repeated appends change nothing, and are told what is.
    assert_eq!(log.append(key(1), 4).1, Revision(6));
    assert_eq!(log.append(key(1), 5).1, Revision(6));
    assert_eq!(log.sync(Some(cursor(0)), &[]).changes, both);
    // A newer one takes the place of the older.
    assert_eq!(log.append(key(1), 7).1, Revision(7));
    let moved = [change(key(2), 6, 2), change(key(1), 7, 3)];
    assert_eq!(log.sync(Some(cursor(0)), &[]).changes, moved);
    assert_eq!(log.sync(Some(cursor(2)), &[]).changes, moved[1..]);
}

#[test]
fn the_greatest_revision_is_the_organizations_own() {
    let mut log = Log::new();
    let elsewhere = Subject::parse("20elsewhere00nonce000000000001").unwrap();
    assert_eq!(log.append(elsewhere, 40).1, Revision(40));
    assert_eq!(log.append(key(1), 5).1, Revision(5));
    assert_eq!(log.append(organization(), 6).1, Revision(6));
    assert_eq!(log.check_restored(0, None).greatest, Revision(6));
}

#[test]
fn an_answer_is_complete_up_to_the_head() {
    let mut log = Log::new();
    log.append(key(1), 5);
    let reply = log.sync(Some(cursor(0)), &[key(1), key(9)]);
    assert!(!reply.reset);
    assert_eq!(reply.cursor, cursor(1));
    assert_eq!(reply.age_ms, Millis::ZERO);
    assert_eq!(reply.bound_ms, Bound::DEFAULT);
    assert_eq!(reply.required, [required(key(1), 5), required(key(9), 0)]);

    // Who knows nothing yet is told the head and no change.
    let first = log.sync(None, &[]);
    assert!(!first.reset);
    assert_eq!((first.cursor, first.changes), (cursor(1), Vec::new()));
    // Nor is anything told to who knows all.
    let last = log.sync(Some(cursor(1)), &[]);
    assert!(!last.reset);
    assert_eq!((last.cursor, last.changes), (cursor(1), Vec::new()));
}

#[test]
fn a_place_that_is_not_in_this_log_is_reset() {
    let mut log = Log::new();
    log.append(key(1), 5);
    let other = Cursor {
        incarnation: Incarnation::from_stored(9),
        seq: 1,
    };
    // Of another life, or beyond the head: as after a restored backup.
    for place in [other, cursor(2)] {
        let reply = log.sync(Some(place), &[key(1)]);
        assert!(reply.reset, "{place:?}");
        assert_eq!(reply.cursor, cursor(1));
        assert_eq!(reply.changes, []);
        assert_eq!(reply.required, [required(key(1), 5)]);
    }
}

#[test]
fn who_is_too_far_behind_is_reset() {
    let mut log = Log::new();
    for number in 0..=SyncReply::MAX_CHANGES as u64 {
        log.append(key(number), number + 1);
    }
    let reply = log.sync(Some(cursor(0)), &[]);
    assert!(reply.reset);
    assert_eq!(reply.changes, []);
    let reply = log.sync(Some(cursor(1)), &[]);
    assert!(!reply.reset);
    assert_eq!(reply.changes.len(), SyncReply::MAX_CHANGES);
}

#[test]
fn a_question_is_answered_for_so_many_subjects_and_no_more() {
    let mut log = Log::new();
    let subjects: Vec<_> = (0..=SyncRequest::MAX_SUBJECTS as u64).map(key).collect();
    let reply = log.sync(None, &subjects);
    assert_eq!(reply.required.len(), SyncRequest::MAX_SUBJECTS);
}

#[test]
fn what_a_restored_registry_lost_comes_in_pages() {
    let mut log = Log::new();
    let page = RestoreCheckReply::PAGE as u64;
    for number in 1..=page {
        log.append(key(number), 1 + number);
    }
    let whole = log.check_restored(1, None);
    assert_eq!(whole.beyond.len(), RestoreCheckReply::PAGE);
    assert!(!whole.more, "one page holds it");

    log.append(key(page + 1), page + 2);
    let first = log.check_restored(1, None);
    assert_eq!(first.greatest, Revision(page + 2));
    assert_eq!(first.beyond.len(), RestoreCheckReply::PAGE);
    assert_eq!(first.beyond[0], required(key(1), 2));
    assert!(first.more);
    let last = first.beyond[RestoreCheckReply::PAGE - 1];
    let second = log.check_restored(last.revision.0, Some(last.subject));
    assert_eq!(second.beyond, [required(key(page + 1), page + 2)]);
    assert!(!second.more);
    // From the registry's own revision on; at it nothing is lost.
    assert_eq!(log.check_restored(page + 2, None).beyond, []);
}

/// One change may have written several subjects.
#[test]
fn a_page_may_end_amid_the_subjects_of_one_revision() {
    let mut log = Log::new();
    log.append(key(1), 5);
    log.append(key(2), 5);
    let after = log.check_restored(5, Some(key(1)));
    assert_eq!(after.beyond, [required(key(2), 5)]);
    assert_eq!(log.check_restored(5, Some(key(2))).beyond, []);
}

#[test]
fn a_log_keeps_its_life_over_an_eviction() {
    let mut log = Log::new();
    log.append(key(1), 5);
    log.evict();
    let reply = log.sync(Some(cursor(0)), &[]);
    assert_eq!(reply.cursor, cursor(1));
    assert_eq!(reply.changes, [change(key(1), 5, 1)]);
    let (meta, head) = log.log.status(NOW).unwrap();
    let expected = LogMeta {
        incarnation: Incarnation::from_stored(1),
        lease: Bound::DEFAULT,
        wait_for: Bound::DEFAULT,
    };
    assert_eq!((meta, head), (expected, 1));
}

#[test]
fn a_raised_bound_raises_lease_and_wait_at_once() {
    let mut log = Log::new();
    assert_eq!(log.lease_and_wait(1_000), (5_000, 5_151));
    log.log.set_bound(bound(10_000), at(1_000)).unwrap();
    assert_eq!(log.lease_and_wait(1_000), (10_000, 10_201));
}

#[test]
fn a_lowered_bound_shortens_the_wait_once_the_longer_leases_are_over() {
    let mut log = Log::new();
    log.append(key(1), 5);
    log.log.set_bound(bound(1_000), at(20_000)).unwrap();
    assert_eq!(log.lease_and_wait(20_000), (1_000, 5_151));
    assert_eq!(log.lease_and_wait(25_150), (1_000, 5_151));
    assert_eq!(log.lease_and_wait(25_151), (1_000, 1_111));
    // And stays so.
    log.evict();
    assert_eq!(log.lease_and_wait(30_000), (1_000, 1_111));
}

#[test]
fn lowering_twice_still_waits_for_the_longest_lease() {
    let mut log = Log::new();
    log.log.set_bound(bound(2_000), at(20_000)).unwrap();
    log.log.set_bound(bound(1_000), at(22_000)).unwrap();
    assert_eq!(log.lease_and_wait(27_150), (1_000, 5_151));
    assert_eq!(log.lease_and_wait(27_151), (1_000, 1_111));
}

#[test]
fn an_eviction_while_longer_leases_run_has_them_waited_for_anew() {
    let mut log = Log::new();
    log.log.set_bound(bound(1_000), at(20_000)).unwrap();
    log.evict();
    // The next process reads another machine's clock.
    assert_eq!(log.lease_and_wait(90_000), (1_000, 5_151));
    assert_eq!(log.lease_and_wait(95_150), (1_000, 5_151));
    assert_eq!(log.lease_and_wait(95_151), (1_000, 1_111));
}

#[test]
fn a_backward_clock_while_longer_leases_run_has_them_waited_for_anew() {
    let mut log = Log::new();
    log.log.set_bound(bound(1_000), at(20_000)).unwrap();
    assert_eq!(log.lease_and_wait(19_999), (1_000, 5_151));
    assert_eq!(log.lease_and_wait(25_149), (1_000, 5_151));
    assert_eq!(log.lease_and_wait(25_150), (1_000, 1_111));
}

/// A poll of nothing is one look at the head, however long the bound has
/// stood: what is at rest writes nothing.
#[test]
fn a_poll_of_nothing_is_one_statement() {
    let mut log = Log::new();
    log.append(key(1), 5);
    for now in [1_000, 10_000, 1_000_000, 2_000_000] {
        let before = log.database.statements();
        let request = SyncRequest {
            v: V,
            cursor: Some(cursor(1)),
            subjects: Vec::new(),
            holding: None,
        };
        log.log.sync(&request, at(now)).unwrap();
        assert_eq!(log.database.statements() - before, 1, "at {now}");
    }
}

/// The meta row, the subject, the organization's greatest and its last
/// revoke-all are read; nothing is written.
#[test]
fn a_repeated_append_writes_nothing() {
    let mut log = Log::new();
    let append = Append {
        v: V,
        subject: organization(),
        revision: Revision(6),
        keys_revoked_through: Some(Revision(6)),
        waits: false,
    };
    log.log.append(&append, NOW).unwrap();
    let before = log.database.statements();
    log.log.append(&append, NOW).unwrap();
    assert_eq!(log.database.statements() - before, 4);
}

#[test]
fn where_storage_fails_nothing_is_answered() {
    let mut log = Log::new();
    log.append(key(1), 5);
    let append = Append {
        v: V,
        subject: key(1),
        revision: Revision(6),
        keys_revoked_through: None,
        waits: false,
    };
    for statements in 0..4 {
        log.database.fail_after(statements);
        assert!(log.log.append(&append, NOW).is_err(), "after {statements}");
    }
    log.database.heal();
    assert_eq!(log.check_restored(0, None).greatest, Revision(5));
}

/// The organization's last change counts, whatever arrives late. Where an older
/// registry made it, nobody said.
#[test]
fn the_log_keeps_through_which_revision_all_keys_were_revoked() {
    let mut log = Log::new();
    let mut told = |revision: u64, through: Option<u64>| {
        let append = Append {
            v: V,
            subject: organization(),
            revision: Revision(revision),
            keys_revoked_through: through.map(Revision),
            waits: false,
        };
        log.log.append(&append, NOW).unwrap();
        log.check_restored(0, None).keys_revoked_through
    };
    assert_eq!(told(1, None), None);
    assert_eq!(told(2, Some(0)), Some(Revision(0)));
    assert_eq!(told(5, Some(5)), Some(Revision(5)));
    assert_eq!(told(3, Some(3)), Some(Revision(5)), "it came late");
    assert_eq!(told(6, None), None, "an older registry says nothing");
    assert_eq!(told(9, Some(5)), Some(Revision(5)));
}
