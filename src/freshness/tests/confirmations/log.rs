//! What the change log knows of who is below a place.

use super::*;
use crate::freshness::LogClock;
use crate::freshness::change_log::AwaitStep;

type Log = ChangeLog<SqlLog<Sqlite>>;

const fn at(ms: u64) -> Reading<LogClock> {
    Reading::at(ms)
}

fn new() -> Log {
    let database = Rc::new(Sqlite::in_memory());
    create_tables(&*database).unwrap();
    ChangeLog::start(SqlLog::over(database), Incarnation::from_stored(1)).with_confirmations(4)
}

/// When what an earlier process of the log may have granted is over.
const BEGUN: u64 = 100_000;

/// A log with four changes, whose first event was one wait before [`BEGUN`].
fn log() -> Log {
    let mut log = new();
    for number in 1..5 {
        log.append(&append(number, 1, false), at(BEGUN - WAIT))
            .unwrap();
    }
    log
}

fn floor(log: &mut Log, now: u64) -> Option<u64> {
    log.floor(at(now)).unwrap().map(|floor| floor.seq)
}

#[test]
fn an_append_says_its_place_and_the_floor() {
    let mut log = log();
    let first = log.append(&append(9, 2, true), at(BEGUN)).unwrap();
    assert_eq!(
        (first.place, first.floor),
        (Some(cursor(5)), Some(cursor(5)))
    );
    log.sync(&request(Some(5), Some(holding(1, Some(5)))), at(BEGUN))
        .unwrap();
    let second = log.append(&append(8, 3, true), at(BEGUN)).unwrap();
    assert_eq!(
        (second.place, second.floor),
        (Some(cursor(6)), Some(cursor(5)))
    );
    // A repeat, and one that comes late, stand where the subject's last change does.
    for revision in [2, 1] {
        let again = log.append(&append(9, revision, true), at(BEGUN)).unwrap();
        assert_eq!(
            (again.place, again.floor),
            (Some(cursor(5)), Some(cursor(5)))
        );
    }
    log.confirm(&confirm(1, 6), at(BEGUN));
    assert_eq!(floor(&mut log, BEGUN), Some(6));
    let again = log.append(&append(8, 3, true), at(BEGUN)).unwrap();
    assert_eq!(again.floor, Some(cursor(6)));
}

#[test]
fn a_log_that_has_started_knows_no_floor_for_one_wait() {
    let mut log = log();
    assert_eq!(floor(&mut log, BEGUN - 1), None);
    assert_eq!(floor(&mut log, BEGUN), Some(4));
    let store = log.into_store();
    let mut log = ChangeLog::start(store, Incarnation::from_stored(2)).with_confirmations(4);
    assert_eq!(floor(&mut log, BEGUN), None);
    assert_eq!(floor(&mut log, BEGUN + WAIT - 1), None);
    assert_eq!(floor(&mut log, BEGUN + WAIT), Some(4));
}

#[test]
fn a_watch_is_answered_when_something_urgent_changes() {
    let mut log = log();
    let watch = request(Some(4), Some(holding(1, Some(4))));
    let look = |log: &mut Log, over| log.watch(&watch, at(BEGUN), over, at(BEGUN)).unwrap();
    assert_eq!(look(&mut log, false), None);
    log.append(&append(8, 2, false), at(BEGUN)).unwrap();
    assert_eq!(look(&mut log, false), None);
    log.append(&append(9, 3, true), at(BEGUN)).unwrap();
    let answered = look(&mut log, false).unwrap();
    assert_eq!((answered.cursor, answered.urgent), (cursor(6), Some(6)));
    assert_eq!(
        answered.changes,
        [change(key(8), 2, 5), change(key(9), 3, 6)]
    );
    // Answering was not confirming.
    assert_eq!(floor(&mut log, BEGUN), Some(6));
    let quiet = request(Some(6), None);
    assert_eq!(
        log.watch(&quiet, at(BEGUN), false, at(BEGUN)).unwrap(),
        None
    );
    assert!(
        log.watch(&quiet, at(BEGUN), true, at(BEGUN))
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_watch_that_cannot_be_continued_is_answered_at_once() {
    let mut log = log();
    let other = Cursor {
        incarnation: Incarnation::from_stored(9),
        seq: 4,
    };
    for cursor in [None, Some(other)] {
        let watch = SyncRequest {
            cursor,
            ..request(None, None)
        };
        assert!(
            log.watch(&watch, at(BEGUN), false, at(BEGUN))
                .unwrap()
                .is_some()
        );
    }
}

/// Waiting earns nothing: its proof is as old as the request.
#[test]
fn a_watch_confirms_and_lends_from_its_arrival() {
    let mut log = log();
    log.sync(&request(Some(4), Some(holding(1, Some(4)))), at(BEGUN))
        .unwrap();
    log.append(&append(9, 2, true), at(BEGUN)).unwrap();
    let watch = request(Some(5), Some(holding(1, Some(5))));
    assert_eq!(
        log.watch(&watch, at(BEGUN), false, at(BEGUN)).unwrap(),
        None
    );
    assert_eq!(floor(&mut log, BEGUN), Some(5));
    let over = BEGUN + WAIT;
    log.watch(&watch, at(BEGUN), true, at(over))
        .unwrap()
        .unwrap();
    log.append(&append(9, 3, true), at(over)).unwrap();
    assert_eq!(floor(&mut log, over), Some(6));
    log.watch(&watch, at(over - 100), true, at(over))
        .unwrap()
        .unwrap();
    log.append(&append(9, 4, true), at(over)).unwrap();
    assert_eq!(floor(&mut log, over + WAIT - 101), Some(6));
    assert_eq!(floor(&mut log, over + WAIT - 100), Some(7));
}

#[test]
fn without_confirmations_a_log_says_what_it_always_said() {
    let database = Rc::new(Sqlite::in_memory());
    create_tables(&*database).unwrap();
    let mut log = ChangeLog::start(SqlLog::over(database), Incarnation::from_stored(1));
    let ack = log.append(&append(9, 2, true), at(BEGUN)).unwrap();
    assert_eq!((ack.place, ack.floor), (None, None));
    let said = log
        .sync(&request(Some(0), Some(holding(1, None))), at(BEGUN))
        .unwrap();
    assert_eq!(said.urgent, None);
    assert_eq!(floor(&mut log, BEGUN), None);
    // Nobody is kept waiting for what it will not know.
    let watch = request(Some(1), None);
    assert!(
        log.watch(&watch, at(BEGUN), false, at(BEGUN))
            .unwrap()
            .is_some()
    );
}

/// It is answered when nobody is below, when its hold is over, and looks again at the end
/// of a lease.
#[test]
fn a_registry_awaits_the_floor() {
    let mut log = log();
    log.sync(&request(Some(4), Some(holding(1, Some(4)))), at(BEGUN))
        .unwrap();
    log.append(&append(9, 2, true), at(BEGUN)).unwrap();
    let ask = Await {
        v: V,
        place: cursor(5),
        hold_ms: Millis(2_000),
    };
    let look = |log: &mut Log, over, now| log.await_floor(&ask, over, at(now)).unwrap();
    let floor = |floor: Option<u64>| {
        AwaitStep::Reply(Floor {
            v: V,
            floor: floor.map(cursor),
        })
    };
    let hold = AwaitStep::Hold(Millis(WAIT - 100));
    assert_eq!(look(&mut log, false, BEGUN + 100), hold);
    assert_eq!(look(&mut log, true, BEGUN + 100), floor(Some(4)));
    log.confirm(&confirm(1, 5), at(BEGUN + 200));
    assert_eq!(look(&mut log, false, BEGUN + 200), floor(Some(5)));
    // Whoever is not known of is waited for.
    log.sync(&request(Some(5), None), at(BEGUN + 300)).unwrap();
    let hold = AwaitStep::Hold(Millis(WAIT - 300));
    assert_eq!(look(&mut log, false, BEGUN + 300), hold);
    assert_eq!(look(&mut log, true, BEGUN + 300), floor(None));
    assert_eq!(look(&mut log, false, BEGUN + 300 + WAIT), floor(Some(5)));
}
