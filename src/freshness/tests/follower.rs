//! What relay and edge share.

use crate::freshness::failover::Hop;
use crate::freshness::follower::{Accepted, Follower, Turn};
use crate::freshness::{Bound, EdgeClock, Incarnation, Millis, Reading, SyncReply};

use super::{cursor, key, reply};

type Edge = Follower<EdgeClock>;

const fn at(ms: u64) -> Reading<EdgeClock> {
    Reading::at(ms)
}

/// A follower at `cursor(5)`, proven at 1,000 ms.
fn following() -> Edge {
    let mut follower = Edge::default();
    let sync = follower.request(Vec::new(), false, at(1_000));
    let accepted = follower.accept(&sync, &reply(5, 0), at(1_010));
    assert_eq!(accepted, Accepted::Advanced);
    follower
}

fn proven_at(follower: &Edge) -> Option<u64> {
    follower.proof().map(|proof| proof.at.ms())
}

fn reset(seq: u64) -> SyncReply {
    SyncReply {
        reset: true,
        ..reply(seq, 0)
    }
}

/// Lemma 1 of `docs/freshness.md`.
#[test]
fn a_proof_counts_from_the_sending_less_the_age() {
    let mut follower = Edge::default();
    assert_eq!(follower.age(at(1_000)), None);
    let sync = follower.request(vec![key(1)], false, at(1_000));
    assert_eq!(sync.request.cursor, None);
    assert_eq!(sync.request.subjects, [key(1)]);
    // However late it comes.
    let accepted = follower.accept(&sync, &reply(5, 300), at(9_000));
    assert_eq!(accepted, Accepted::Advanced);
    assert_eq!(proven_at(&follower), Some(700));
    assert_eq!(follower.proof().unwrap().bound, Bound::DEFAULT);
    assert_eq!(follower.cursor(), Some(cursor(5)));
    assert_eq!(follower.age(at(1_000)), Some(Millis(300)));
    assert_eq!(follower.age(at(600)), Some(Millis(0)));
    let next = follower.request(Vec::new(), false, at(9_000));
    assert_eq!(next.request.cursor, Some(cursor(5)));
}

#[test]
fn a_proof_older_than_the_clock_is_no_proof() {
    let mut follower = Edge::default();
    let sync = follower.request(Vec::new(), false, at(100));
    let accepted = follower.accept(&sync, &reply(5, 101), at(110));
    assert_eq!(accepted, Accepted::Advanced);
    assert_eq!(follower.proof(), None);
    assert_eq!(follower.cursor(), Some(cursor(5)));
}

#[test]
fn a_question_sent_again_counts_from_then_but_never_from_earlier() {
    let follower = Edge::default();
    for (again, proven) in [(1_500, 1_500), (800, 1_000)] {
        let mut follower = follower.clone();
        let mut sync = follower.request(Vec::new(), false, at(1_000));
        sync.sent_to(Hop::ChangeLog, at(again));
        follower.accept(&sync, &reply(5, 0), at(2_000));
        assert_eq!(proven_at(&follower), Some(proven));
    }
}

#[test]
fn cursor_and_proof_only_grow() {
    let mut follower = following();
    let sync = follower.request(Vec::new(), false, at(2_000));
    // Behind the cursor: nothing may be taken from it, not even its proof.
    let behind = follower.accept(&sync, &reply(4, 0), at(2_010));
    assert_eq!(behind, Accepted::Discarded);
    assert_eq!(follower.cursor(), Some(cursor(5)));
    assert_eq!(proven_at(&follower), Some(1_000));
    // At it, and older: the proof that is there stays.
    let older = follower.accept(&sync, &reply(5, 1_500), at(2_020));
    assert_eq!(older, Accepted::Advanced);
    assert_eq!(proven_at(&follower), Some(1_000));
    let newer = follower.accept(&sync, &reply(6, 0), at(2_030));
    assert_eq!(newer, Accepted::Advanced);
    assert_eq!(follower.cursor(), Some(cursor(6)));
    assert_eq!(proven_at(&follower), Some(2_000));
}

/// The bound is the lease that came with the proof.
#[test]
fn a_proof_of_the_same_instant_brings_no_other_lease() {
    let mut follower = following();
    let sync = follower.request(Vec::new(), false, at(2_000));
    let same = SyncReply {
        bound_ms: Bound::MAX,
        ..reply(5, 1_000)
    };
    follower.accept(&sync, &same, at(2_010));
    assert_eq!(follower.proof().unwrap().bound, Bound::DEFAULT);
}

#[test]
fn of_many_first_questions_those_count_that_end_where_the_first_did() {
    let mut follower = Edge::default();
    let syncs = [1_000, 1_100, 1_200].map(|sent| follower.request(Vec::new(), false, at(sent)));
    let first = follower.accept(&syncs[0], &reply(5, 0), at(1_300));
    assert_eq!(first, Accepted::Advanced);
    // Beyond it lie changes that a question without a cursor is not told.
    let beyond = follower.accept(&syncs[1], &reply(6, 0), at(1_310));
    assert_eq!(beyond, Accepted::Discarded);
    assert_eq!(follower.cursor(), Some(cursor(5)));
    assert_eq!(proven_at(&follower), Some(1_000));
    let same = follower.accept(&syncs[2], &reply(5, 0), at(1_320));
    assert_eq!(same, Accepted::Advanced);
    assert_eq!(proven_at(&follower), Some(1_200));
}

#[test]
fn a_reset_voids_what_was_known_and_every_answer_from_before_it() {
    let mut follower = following();
    let before = follower.request(Vec::new(), false, at(2_000));
    let sync = follower.request(Vec::new(), false, at(2_000));
    assert_eq!(
        follower.accept(&sync, &reset(9), at(2_010)),
        Accepted::Reset
    );
    assert_eq!(follower.cursor(), Some(cursor(9)));
    assert_eq!(proven_at(&follower), Some(2_000));
    for late in [reply(10, 0), reset(10)] {
        let late = follower.accept(&before, &late, at(2_020));
        assert_eq!(late, Accepted::Discarded);
    }
    assert_eq!(follower.cursor(), Some(cursor(9)));
    let after = follower.request(Vec::new(), false, at(3_000));
    let continued = follower.accept(&after, &reply(10, 0), at(3_010));
    assert_eq!(continued, Accepted::Advanced);
}

/// Of another life of the log: it has no order with the old cursor.
#[test]
fn a_reset_may_lead_anywhere_and_its_proof_replaces_the_old() {
    let mut follower = following();
    let sync = follower.request(Vec::new(), false, at(2_000));
    let mut elsewhere = reset(0);
    elsewhere.cursor.incarnation = Incarnation::from_stored(2);
    elsewhere.age_ms = Millis(1_500);
    assert_eq!(
        follower.accept(&sync, &elsewhere, at(2_010)),
        Accepted::Reset
    );
    assert_eq!(proven_at(&follower), Some(500), "older than what is void");
    // One that leads back is from before what is known.
    let mut follower = following();
    let sync = follower.request(Vec::new(), false, at(2_000));
    let back = follower.accept(&sync, &reset(4), at(2_010));
    assert_eq!(back, Accepted::Discarded);
}

#[test]
fn a_backward_reading_drops_the_proof_and_answers_sent_for_before_renew_none() {
    let mut follower = following();
    follower.observe(at(1_010));
    assert_eq!(proven_at(&follower), Some(1_000), "a clock that stands");
    let sync = follower.request(Vec::new(), false, at(1_010));
    follower.observe(at(1_009));
    assert_eq!(follower.proof(), None);
    let accepted = follower.accept(&sync, &reply(6, 0), at(1_020));
    assert_eq!(accepted, Accepted::Advanced, "what it says is true");
    assert_eq!(follower.cursor(), Some(cursor(6)));
    assert_eq!(follower.proof(), None, "when it was sent nobody knows");
    // Nor after a second step.
    let sync = follower.request(Vec::new(), false, at(1_020));
    follower.observe(at(500));
    follower.observe(at(400));
    follower.accept(&sync, &reply(6, 0), at(410));
    assert_eq!(follower.proof(), None);
    let sync = follower.request(Vec::new(), false, at(420));
    follower.accept(&sync, &reply(6, 0), at(430));
    assert_eq!(proven_at(&follower), Some(420));
}

#[test]
fn a_reset_whose_sending_nobody_can_date_proves_nothing() {
    let mut follower = following();
    let sync = follower.request(Vec::new(), false, at(1_010));
    follower.observe(at(900));
    assert_eq!(
        follower.accept(&sync, &reset(9), at(1_020)),
        Accepted::Reset
    );
    assert_eq!(follower.proof(), None);
}

#[test]
fn one_asks_and_its_turn_ends_by_itself() {
    let mut follower = following();
    assert_eq!(follower.take_turn(at(2_000)), Turn::Yours);
    assert!(follower.is_syncing(at(2_000)));
    assert_eq!(follower.take_turn(at(2_500)), Turn::Taken(Millis(2_500)));
    assert_eq!(follower.take_turn(at(4_999)), Turn::Taken(Millis(1)));
    assert!(follower.is_syncing(at(4_999)));
    assert!(!follower.is_syncing(at(5_000)));
    assert_eq!(follower.take_turn(at(5_000)), Turn::Yours);
}

#[test]
fn the_report_gives_back_the_turn_of_its_own_question_alone() {
    let mut follower = following();
    follower.take_turn(at(2_000));
    let sync = follower.request(Vec::new(), true, at(2_000));
    let other = follower.request(Vec::new(), false, at(2_000));
    follower.accept(&other, &reply(5, 0), at(2_010));
    assert!(follower.is_syncing(at(2_010)));
    follower.accept(&sync, &reply(5, 0), at(2_020));
    assert!(!follower.is_syncing(at(2_020)));

    follower.take_turn(at(3_000));
    follower.failed(&other, at(3_010));
    assert!(follower.is_syncing(at(3_010)));
    follower.failed(&sync, at(3_020));
    assert!(!follower.is_syncing(at(3_020)));
}

#[test]
fn after_a_failure_nobody_asks_for_a_moment() {
    let mut follower = following();
    follower.take_turn(at(2_000));
    let sync = follower.request(Vec::new(), true, at(2_000));
    follower.failed(&sync, at(2_100));
    for now in [2_100, 2_349] {
        assert!(follower.is_failing(at(now)));
        assert_eq!(follower.take_turn(at(now)), Turn::Failing);
    }
    assert!(!follower.is_failing(at(2_350)));
    assert_eq!(follower.take_turn(at(2_350)), Turn::Yours);
    // An answer ends the failure, whoever asked for it.
    follower.failed(&sync, at(3_000));
    let other = follower.request(Vec::new(), false, at(3_000));
    follower.accept(&other, &reply(5, 0), at(3_010));
    assert!(!follower.is_failing(at(3_010)));
}

#[test]
fn a_backward_reading_ends_turn_and_failure() {
    let mut follower = following();
    follower.take_turn(at(2_000));
    follower.observe(at(2_000));
    follower.observe(at(1_999));
    assert!(!follower.is_syncing(at(1_999)));
    let sync = follower.request(Vec::new(), false, at(1_999));
    follower.failed(&sync, at(2_100));
    follower.observe(at(2_099));
    assert!(!follower.is_failing(at(2_099)));
}
