//! A relay answers from memory what it can prove, and asks the log for the
//! rest.

use crate::freshness::follower::PendingSync;
use crate::freshness::relay::{Relay, Serve};
use crate::freshness::{
    Bound, Change, Cursor, Incarnation, Millis, Reading, RelayClock, Revision, Subject, SyncReply,
    SyncRequest,
};

use super::{V, change, cursor, key, reply, required};

const fn at(ms: u64) -> Reading<RelayClock> {
    Reading::at(ms)
}

fn request(cursor: Option<Cursor>, subjects: &[Subject]) -> SyncRequest {
    SyncRequest {
        v: V,
        cursor,
        subjects: subjects.to_vec(),
        holding: None,
    }
}

/// Serves a question that comes now.
fn serve(relay: &mut Relay, request: &SyncRequest, now: u64) -> Serve {
    relay.serve(request, at(now), at(now))
}

fn syncs(served: Serve) -> PendingSync<RelayClock> {
    match served {
        Serve::SyncWithLog(sync) => sync,
        other => panic!("{other:?}"),
    }
}

fn answers(served: Serve) -> SyncReply {
    match served {
        Serve::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

/// Has the relay ask the log now, which answers at once.
fn follow(relay: &mut Relay, subjects: &[Subject], now: u64, reply: &SyncReply) {
    let sync = syncs(serve(relay, &request(None, subjects), now));
    relay.accept(&sync, reply, at(now));
}

/// A relay at `cursor(5)`, proven at 10,000 ms, that follows `key(1)` at
/// revision 3.
fn following() -> Relay {
    let mut relay = Relay::new();
    let first = SyncReply {
        required: vec![required(key(1), 3)],
        ..reply(5, 0)
    };
    follow(&mut relay, &[key(1)], 10_000, &first);
    relay
}

/// The log's answer that these changes come after what the relay knows.
fn changes(changes: &[Change]) -> SyncReply {
    SyncReply {
        changes: changes.to_vec(),
        ..reply(changes.last().map_or(5, |last| last.seq), 0)
    }
}

#[test]
fn a_relay_that_knows_nothing_asks_and_others_wait() {
    let mut relay = Relay::new();
    assert_eq!(relay.age(at(10_000)), None);
    let asked = request(None, &[key(1)]);
    let sync = syncs(serve(&mut relay, &asked, 10_000));
    assert_eq!(sync.request.cursor, None);
    assert_eq!(sync.request.subjects, [key(1)]);
    let waits = serve(&mut relay, &request(None, &[]), 10_500);
    assert_eq!(waits, Serve::Wait(Millis(2_500)));
    let first = SyncReply {
        required: vec![required(key(1), 3)],
        ..reply(5, 100)
    };
    relay.accept(&sync, &first, at(10_600));
    assert_eq!(relay.age(at(10_600)), Some(Millis(700)));
    let given = answers(relay.serve(&asked, at(10_000), at(10_600)));
    assert!(!given.reset);
    assert_eq!(given.cursor, cursor(5));
    assert_eq!(given.age_ms, Millis(700), "since it asked, and the reply's");
    assert_eq!(given.bound_ms, Bound::DEFAULT);
    assert_eq!(given.changes, []);
    assert_eq!(given.required, [required(key(1), 3)]);
}

#[test]
fn it_answers_from_memory_up_to_a_quarter_of_the_bound() {
    let mut relay = following();
    let asked = request(Some(cursor(5)), &[key(1)]);
    let given = answers(serve(&mut relay, &asked, 11_250));
    assert_eq!(given.age_ms, Millis(1_250));
    assert_eq!(given.required, [required(key(1), 3)]);
    let sync = syncs(serve(&mut relay, &asked, 11_251));
    assert_eq!(sync.request.cursor, Some(cursor(5)));
    assert_eq!(
        sync.request.subjects,
        [],
        "what it follows it need not sync"
    );
}

/// Otherwise a slow log would be asked for ever.
#[test]
fn a_proof_sent_for_after_the_question_came_is_good_however_long_it_took() {
    let mut relay = following();
    let asked = request(Some(cursor(5)), &[]);
    let sync = syncs(serve(&mut relay, &asked, 20_000));
    relay.accept(&sync, &reply(5, 0), at(22_000));
    let given = answers(relay.serve(&asked, at(20_000), at(22_000)));
    assert_eq!(given.age_ms, Millis(2_000));
    // To one that came later it is old.
    syncs(relay.serve(&asked, at(20_001), at(22_000)));
}

#[test]
fn while_the_log_fails_it_answers_within_the_bound_and_no_longer() {
    let mut relay = following();
    let asked = request(Some(cursor(5)), &[key(1)]);
    let sync = syncs(serve(&mut relay, &asked, 14_900));
    relay.failed(&sync, at(14_950));
    let given = answers(serve(&mut relay, &asked, 15_000));
    assert_eq!(given.age_ms, Millis(5_000));
    assert_eq!(serve(&mut relay, &asked, 15_001), Serve::Unavailable);
    // Then it tries again.
    syncs(serve(&mut relay, &asked, 15_200));
}

#[test]
fn what_it_does_not_follow_it_asks_however_young_its_proof() {
    let mut relay = following();
    let asked = request(Some(cursor(5)), &[key(1), key(2)]);
    let sync = syncs(serve(&mut relay, &asked, 10_010));
    assert_eq!(sync.request.subjects, [key(2)]);
    let more = SyncReply {
        required: vec![required(key(2), 0)],
        ..reply(5, 0)
    };
    relay.accept(&sync, &more, at(10_020));
    let given = answers(serve(&mut relay, &asked, 10_030));
    assert_eq!(given.required, [required(key(1), 3), required(key(2), 0)]);
    // Also while it fails.
    let unknown = request(Some(cursor(5)), &[key(3)]);
    let sync = syncs(serve(&mut relay, &unknown, 10_040));
    relay.failed(&sync, at(10_050));
    assert_eq!(serve(&mut relay, &unknown, 10_060), Serve::Unavailable);
}

#[test]
fn what_nobody_wants_any_more_is_not_asked() {
    let mut relay = following();
    let unknown = request(Some(cursor(5)), &[key(2)]);
    let sync = syncs(serve(&mut relay, &unknown, 10_010));
    relay.failed(&sync, at(10_020));
    let sync = syncs(serve(&mut relay, &request(None, &[]), 12_000));
    assert_eq!(sync.request.subjects, []);
    // And what is answered is not asked again.
    let mut relay = following();
    let sync = syncs(serve(&mut relay, &unknown, 10_010));
    let more = SyncReply {
        required: vec![required(key(2), 0)],
        ..reply(5, 0)
    };
    relay.accept(&sync, &more, at(10_020));
    let sync = syncs(serve(&mut relay, &request(None, &[]), 12_000));
    assert_eq!(sync.request.subjects, []);
}

#[test]
fn one_question_carries_so_many_subjects_and_no_more() {
    let most = SyncRequest::MAX_SUBJECTS as u64;
    let many: Vec<Subject> = (0..most + 10).map(key).collect();
    let mut relay = Relay::new();
    let sync = syncs(serve(&mut relay, &request(None, &many), 10_000));
    assert_eq!(sync.request.subjects.len(), SyncRequest::MAX_SUBJECTS);
    let first = SyncReply {
        required: (0..most).map(|number| required(key(number), 1)).collect(),
        ..reply(5, 0)
    };
    relay.accept(&sync, &first, at(10_000));
    let given = answers(serve(&mut relay, &request(None, &many), 10_010));
    assert_eq!(given.required.len(), SyncRequest::MAX_SUBJECTS);
}

#[test]
fn a_place_it_cannot_judge_is_judged_on_a_newer_proof() {
    let elsewhere = Cursor {
        incarnation: Incarnation::from_stored(9),
        seq: 5,
    };
    for place in [cursor(6), elsewhere] {
        let mut relay = following();
        let asked = request(Some(place), &[]);
        let sync = syncs(serve(&mut relay, &asked, 10_010));
        relay.accept(&sync, &reply(5, 0), at(10_020));
        let given = answers(relay.serve(&asked, at(10_010), at(10_020)));
        assert!(given.reset, "{place:?}");
        assert_eq!(given.cursor, cursor(5));
    }
    // The relay was behind, and is not any more.
    let mut relay = following();
    let asked = request(Some(cursor(6)), &[]);
    let sync = syncs(serve(&mut relay, &asked, 10_010));
    relay.accept(&sync, &changes(&[change(key(2), 9, 6)]), at(10_020));
    let given = answers(relay.serve(&asked, at(10_010), at(10_020)));
    assert!(!given.reset);
    assert_eq!((given.cursor, given.changes), (cursor(6), Vec::new()));
}

#[test]
fn it_continues_an_edge_with_what_changed_since() {
    let mut relay = following();
    let news = [change(key(1), 7, 6), change(key(2), 8, 8)];
    follow(&mut relay, &[], 12_000, &changes(&news));
    for (place, since) in [(5, &news[..]), (6, &news[1..]), (7, &news[1..]), (8, &[])] {
        let asked = request(Some(cursor(place)), &[key(1)]);
        let given = answers(serve(&mut relay, &asked, 12_010));
        assert!(!given.reset);
        assert_eq!(given.changes, since, "from {place}");
        assert_eq!(given.required, [required(key(1), 7)], "raised with it");
    }
    let asked = request(Some(cursor(4)), &[]);
    let given = answers(serve(&mut relay, &asked, 12_010));
    assert!(given.reset, "before the relay began");
    assert_eq!(given.changes, []);
    let asked = request(None, &[]);
    let given = answers(serve(&mut relay, &asked, 12_010));
    assert!(!given.reset);
    assert_eq!(given.changes, [], "who holds nothing need not know");
}

/// Two questions to the log may be out, where the asker of one was cancelled.
#[test]
fn what_two_answers_tell_is_kept_once() {
    let mut relay = following();
    let asked = request(None, &[]);
    let one = syncs(serve(&mut relay, &asked, 12_000));
    let other = syncs(serve(&mut relay, &asked, 15_000));
    let news = [change(key(1), 7, 6), change(key(2), 8, 7)];
    relay.accept(&one, &changes(&news[..1]), at(15_010));
    relay.accept(&other, &changes(&news), at(15_020));
    // And one that came too late is discarded whole.
    let late = SyncReply {
        required: vec![required(key(5), 1)],
        ..changes(&news[..1])
    };
    relay.accept(&one, &late, at(15_030));
    let place = request(Some(cursor(5)), &[]);
    let given = answers(serve(&mut relay, &place, 15_040));
    assert_eq!(given.changes, news);
    syncs(serve(&mut relay, &request(None, &[key(5)]), 15_050));
}

#[test]
fn an_edge_that_was_away_for_too_many_changes_is_reset() {
    let most = SyncReply::MAX_CHANGES as u64;
    let mut relay = following();
    let news: Vec<Change> = (6..=5 + most)
        .map(|seq| change(key(seq), seq, seq))
        .collect();
    follow(&mut relay, &[], 12_000, &changes(&news));
    let given = answers(serve(&mut relay, &request(Some(cursor(5)), &[]), 12_010));
    assert_eq!(given.changes, news);
    let one = change(key(1), 2_000, 6 + most);
    follow(&mut relay, &[], 14_000, &changes(&[one]));
    let given = answers(serve(&mut relay, &request(Some(cursor(5)), &[]), 14_010));
    assert!(given.reset);
    let given = answers(serve(&mut relay, &request(Some(cursor(6)), &[]), 14_010));
    assert!(!given.reset);
    assert_eq!(given.changes.len(), SyncReply::MAX_CHANGES);
    assert_eq!(given.changes[0], news[1]);
}

#[test]
fn after_a_reset_nothing_of_before_is_told() {
    let mut relay = following();
    let asked = request(None, &[]);
    let reset = SyncReply {
        reset: true,
        ..reply(40, 0)
    };
    follow(&mut relay, &[], 12_000, &reset);
    let given = answers(serve(&mut relay, &request(Some(cursor(39)), &[]), 12_010));
    assert!(given.reset);
    let given = answers(serve(&mut relay, &asked, 12_010));
    assert_eq!(given.cursor, cursor(40));
    let unknown = request(None, &[key(1)]);
    let sync = syncs(serve(&mut relay, &unknown, 12_020));
    assert_eq!(sync.request.subjects, [key(1)]);
}

/// Subjects in each half of the relay's memory.
const HALF: u64 = 50_000;

fn learn(relay: &mut Relay, numbers: std::ops::Range<u64>, seq: u64, now: u64) {
    let mut from = numbers.start;
    while from < numbers.end {
        let to = numbers.end.min(from + SyncRequest::MAX_SUBJECTS as u64);
        let subjects: Vec<Subject> = (from..to).map(key).collect();
        let known = SyncReply {
            required: subjects
                .iter()
                .map(|subject| required(*subject, 1))
                .collect(),
            ..reply(seq, 0)
        };
        follow(relay, &subjects, now, &known);
        from = to;
    }
}

/// What is asked for stays, what is not is forgotten at the cost of a question.
#[test]
fn it_follows_what_was_asked_for_lately() {
    let mut relay = following();
    let is_known = |relay: &mut Relay, number| {
        let asked = request(None, &[key(number)]);
        match serve(relay, &asked, 10_010) {
            Serve::Reply(reply) => Some(reply.required[0].revision),
            Serve::SyncWithLog(sync) => {
                relay.accept(&sync, &reply(5, 0), at(10_010));
                None
            }
            other => panic!("{other:?}"),
        }
    };
    // `key(1)` is one of them.
    learn(&mut relay, 2..HALF + 1, 5, 10_000);
    assert_eq!(is_known(&mut relay, 1), Some(Revision(3)));
    // The young half is the old one now.
    learn(&mut relay, HALF + 1..HALF + 2, 5, 10_000);
    // A change reaches both halves.
    let news = [
        change(key(3), 7, 6),
        change(key(HALF + 1), 8, 7),
        change(key(4), 0, 8),
    ];
    follow(&mut relay, &[], 12_000, &changes(&news));
    for (number, revision) in [(3, 7), (HALF + 1, 8), (4, 1)] {
        let asked = request(None, &[key(number)]);
        let given = answers(serve(&mut relay, &asked, 12_010));
        assert_eq!(given.required, [required(key(number), revision)]);
    }
    // Those three were asked for, and with them the young half holds three.
    learn(&mut relay, 2 * HALF..3 * HALF - 2, 8, 12_010);
    let given = |relay: &mut Relay, number| {
        let asked = request(None, &[key(number)]);
        matches!(serve(relay, &asked, 12_010), Serve::Reply(_))
    };
    assert!(given(&mut relay, 3), "asked for lately");
    assert!(!given(&mut relay, 5), "not asked for");
}
