//! What an isolate may decide from memory.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::freshness::follower::Accepted;
use crate::freshness::records::{Record, SLOT_BYTES};
use crate::freshness::view::{Inserted, Load, Lookup, Refresh, View};
use crate::freshness::{
    Bound, EdgeClock, Millis, Reading, Revision, Subject, SyncReply, SyncRequest,
};

use super::{V, change, cursor, key, organization, reply, required};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Rec(u64);

impl Record for Rec {
    fn revision(&self) -> Revision {
        Revision(self.0)
    }
    fn weight_bytes(&self) -> usize {
        1_000
    }
}

const fn at(ms: u64) -> Reading<EdgeClock> {
    Reading::at(ms)
}

fn empty() -> View<Rec> {
    View::new(1 << 20, Bound::MAX)
}

/// A load of the key and its organization in an empty view, at 10,000 ms.
fn loading() -> (View<Rec>, Load) {
    let mut view = empty();
    let load = view
        .begin_load(&[key(1), organization()], at(10_000))
        .unwrap();
    (view, load)
}

/// What is required of the two at `cursor(5)`.
fn first_answer() -> SyncReply {
    SyncReply {
        required: vec![required(key(1), 3), required(organization(), 2)],
        ..reply(5, 0)
    }
}

/// The same with both records, proven at 10,000 ms.
fn held() -> (View<Rec>, Load) {
    let (mut view, load) = loading();
    let sync = load.sync.clone().unwrap();
    view.accept(&sync, &first_answer(), at(10_010));
    assert_eq!(
        view.insert(&load, &key(1), Rec(3), at(10_010)),
        Inserted::Stored
    );
    let organization = view.insert(&load, &organization(), Rec(2), at(10_010));
    assert_eq!(organization, Inserted::Stored);
    (view, load)
}

fn look(view: &mut View<Rec>, arrived: u64, now: u64) -> Lookup<'_, Rec> {
    view.lookup(&key(1), &organization(), at(arrived), at(now))
}

const fn ready(age: u64) -> Lookup<'static, Rec> {
    Lookup::Ready {
        key: &Rec(3),
        organization: &Rec(2),
        age: Millis(age),
    }
}

/// Tells the view an answer to a refresh that is sent now.
fn tell(view: &mut View<Rec>, reply: &SyncReply, now: u64) -> Accepted {
    let Refresh::Send(sync) = view.begin_refresh(at(now)) else {
        panic!("nobody else syncs");
    };
    view.accept(&sync, reply, at(now))
}

#[test]
fn a_request_is_decided_on_two_records_and_a_proof_young_enough_when_it_arrived() {
    let (mut view, _) = loading();
    assert_eq!(look(&mut view, 10_000, 10_000), Lookup::Missing);
    let (mut view, _) = held();
    assert_eq!(look(&mut view, 10_020, 10_020), ready(20));
    assert_eq!(look(&mut view, 15_000, 15_000), ready(5_000));
    assert_eq!(look(&mut view, 15_001, 15_001), Lookup::Unproven);
    // It may have waited since.
    assert_eq!(look(&mut view, 15_000, 60_000), ready(5_000));
    // A clock that was set back has dropped the proof.
    assert_eq!(look(&mut view, 15_000, 59_999), Lookup::Unproven);
}

#[test]
fn an_edge_may_shorten_the_bound_and_no_more() {
    for (own, decided) in [(1_000, 1_000), (600_000, 5_000)] {
        let (mut view, load) = (View::new(1 << 20, Bound::new(own).unwrap()), loading().1);
        let sync = load.sync.clone().unwrap();
        let same = view.begin_load(&[key(1), organization()], at(10_000));
        assert_eq!(same.as_ref(), Some(&load));
        view.accept(&sync, &first_answer(), at(10_000));
        view.insert(&load, &key(1), Rec(3), at(10_000));
        view.insert(&load, &organization(), Rec(2), at(10_000));
        let last = 10_000 + decided;
        assert_eq!(look(&mut view, last, last), ready(decided));
        assert_eq!(look(&mut view, last + 1, last + 1), Lookup::Unproven);
        // And it refreshes at half of what holds.
        assert!(!view.should_refresh(at(10_000 + decided / 2)));
        assert!(view.should_refresh(at(10_000 + decided / 2 + 1)));
    }
}

#[test]
fn a_refresh_is_due_at_half_the_bound_and_one_is_at_it() {
    assert!(empty().should_refresh(at(10_000)), "nothing is proven");
    let (mut view, _) = held();
    assert!(!view.should_refresh(at(12_500)));
    assert!(view.should_refresh(at(12_501)));
    let Refresh::Send(sync) = view.begin_refresh(at(12_600)) else {
        panic!("it was free");
    };
    let expected = SyncRequest {
        v: V,
        cursor: Some(cursor(5)),
        subjects: Vec::new(),
        holding: None,
    };
    assert_eq!(sync.request, expected);
    assert!(!view.should_refresh(at(12_700)));
    let waits = view.begin_refresh(at(12_700));
    assert_eq!(waits, Refresh::Wait(Millis(2_900)));
    view.failed(&sync, at(12_800));
    assert!(!view.should_refresh(at(13_049)));
    assert_eq!(view.begin_refresh(at(13_049)), Refresh::Failing);
    assert!(view.should_refresh(at(13_050)));
    assert_eq!(tell(&mut view, &reply(6, 0), 13_050), Accepted::Advanced);
    assert!(!view.should_refresh(at(13_060)));
    assert_eq!(look(&mut view, 18_050, 18_050), ready(5_000));
}

#[test]
fn a_load_asks_for_what_nobody_knows_and_is_loaded_once() {
    let (mut view, load) = loading();
    let subjects: Vec<_> = load.subjects().collect();
    assert_eq!(subjects, [key(1), organization()]);
    assert_eq!(load.sync.as_ref().unwrap().request.subjects, subjects);
    // Others wait; of two keys the organization is loaded once.
    let both = [key(1), organization()];
    assert_eq!(view.begin_load(&both, at(10_100)), None);
    let other = view.begin_load(&[key(2), organization()], at(10_100));
    assert_eq!(other.unwrap().subjects().collect::<Vec<_>>(), [key(2)]);
    // A cancelled load keeps nobody for longer than 3 s.
    assert_eq!(view.begin_load(&both, at(12_999)), None);
    assert!(view.begin_load(&both, at(13_000)).is_some());
}

#[test]
fn what_is_held_and_proven_needs_no_question() {
    let (mut view, _) = held();
    let both = [key(1), organization()];
    assert_eq!(view.begin_load(&both, at(10_020)), None, "nothing to load");
    // The record was dropped by a change; what is required of it is known.
    let news = SyncReply {
        changes: vec![change(key(1), 4, 6)],
        ..reply(6, 0)
    };
    tell(&mut view, &news, 10_030);
    let load = view.begin_load(&both, at(10_040)).unwrap();
    assert_eq!(load.subjects().collect::<Vec<_>>(), [key(1)]);
    assert_eq!(load.sync, None);
    view.abandon(&load);
    // Beyond the bound the proof must be asked for all the same.
    let load = view.begin_load(&both, at(15_031)).unwrap();
    assert_eq!(load.sync.unwrap().request.subjects, []);
}

#[test]
fn a_new_subject_is_asked_for_however_young_the_proof() {
    let (mut view, _) = held();
    let load = view.begin_load(&[key(2), organization()], at(10_020));
    let sync = load.unwrap().sync.unwrap();
    assert_eq!(sync.request.subjects, [key(2)]);
    assert_eq!(sync.request.cursor, Some(cursor(5)));
}

#[test]
fn a_record_enters_once_it_is_known_what_is_required() {
    let (mut view, load) = loading();
    let early = view.insert(&load, &key(1), Rec(3), at(10_005));
    assert_eq!(early, Inserted::RequirementUnknown(Rec(3)));
    assert!(!view.holds(&key(1)));
    // A change alone does not say that nothing came before it.
    let again = view.resync(&load, at(10_006));
    assert_eq!(again.request.subjects, [key(1), organization()]);
    view.accept(&again, &first_answer(), at(10_010));
    assert_eq!(view.required(&key(1)), Revision(3));
    let lags = view.insert(&load, &key(1), Rec(2), at(10_010));
    assert_eq!(lags, Inserted::Stale);
    assert!(!view.holds(&key(1)));
    let exact = view.insert(&load, &key(1), Rec(3), at(10_010));
    assert_eq!(exact, Inserted::Stored);
    assert!(view.holds(&key(1)));
    assert_eq!(view.peek(&key(1)), Some(&Rec(3)));
    let newer = view.insert(&load, &organization(), Rec(9), at(10_010));
    assert_eq!(newer, Inserted::Stored);
    let (slots, weight) = view.size();
    assert_eq!((slots, weight), (2, 2 * (SLOT_BYTES + 1_000)));
}

/// Monotonic reads: what was shown is not taken back.
#[test]
fn a_record_newer_than_required_raises_what_is_required() {
    let (mut view, load) = held();
    assert_eq!(
        view.insert(&load, &key(1), Rec(5), at(10_020)),
        Inserted::Stored
    );
    assert_eq!(view.required(&key(1)), Revision(5));
    let older = view.insert(&load, &key(1), Rec(4), at(10_030));
    assert_eq!(older, Inserted::Stale);
    assert_eq!(view.peek(&key(1)), Some(&Rec(5)));
    assert_eq!(view.size().1, 2 * (SLOT_BYTES + 1_000));
}

/// The race fence.
#[test]
fn a_change_that_arrives_during_a_load_counts_for_what_it_brings() {
    let (mut view, load) = held();
    let news = SyncReply {
        changes: vec![change(key(1), 7, 6), change(key(8), 9, 7)],
        ..reply(7, 0)
    };
    assert_eq!(tell(&mut view, &news, 10_100), Accepted::Advanced);
    assert!(!view.holds(&key(1)), "dropped");
    assert_eq!(view.size(), (2, 2 * SLOT_BYTES + 1_000));
    assert_eq!(look(&mut view, 10_100, 10_100), Lookup::Missing);
    assert_eq!(view.required(&key(1)), Revision(7));
    let lags = view.insert(&load, &key(1), Rec(6), at(10_110));
    assert_eq!(lags, Inserted::Stale);
    // What is followed and unchanged stays; what is not followed takes no room.
    assert!(view.holds(&organization()));
    assert!(!view.holds(&key(8)));
    assert_eq!(view.required(&key(8)), Revision(0));
}

#[test]
fn a_change_the_record_already_has_drops_nothing() {
    let (mut view, _) = held();
    let news = SyncReply {
        changes: vec![change(key(1), 3, 6)],
        required: vec![required(key(1), 2)],
        ..reply(6, 0)
    };
    tell(&mut view, &news, 10_100);
    assert!(view.holds(&key(1)));
    assert_eq!(view.required(&key(1)), Revision(3), "it never sinks");
}

#[test]
fn of_a_discarded_answer_nothing_is_taken() {
    let (mut view, load) = held();
    let behind = SyncReply {
        changes: vec![change(key(1), 7, 4)],
        ..reply(4, 0)
    };
    assert_eq!(tell(&mut view, &behind, 10_100), Accepted::Discarded);
    assert!(view.holds(&key(1)));
    let newer = view.insert(&load, &key(1), Rec(4), at(10_110));
    assert_eq!(newer, Inserted::Stored);
}

#[test]
fn after_a_reset_nothing_is_held_and_older_loads_fill_nothing() {
    let (mut view, load) = held();
    let reset = SyncReply {
        reset: true,
        ..reply(9, 0)
    };
    assert_eq!(tell(&mut view, &reset, 10_100), Accepted::Reset);
    assert_eq!(view.size(), (0, 0));
    let gone = view.insert(&load, &key(1), Rec(3), at(10_110));
    assert_eq!(gone, Inserted::Evicted);
    // Nor where somebody has begun another load of the same.
    let both = [key(1), organization()];
    let next = view.begin_load(&both, at(10_120)).unwrap();
    let gone = view.insert(&load, &key(1), Rec(3), at(10_130));
    assert_eq!(gone, Inserted::Evicted);
    // And giving up the older one does not open the newer to others.
    view.abandon(&load);
    assert_eq!(view.begin_load(&both, at(10_140)), None);
    view.abandon(&next);
    assert!(view.begin_load(&both, at(10_150)).is_some());
}

#[test]
fn a_load_fills_what_it_registered_and_nothing_else() {
    let (mut view, load) = held();
    let other = view.begin_load(&[key(2), key(3)], at(10_020)).unwrap();
    let reply = SyncReply {
        required: vec![required(key(2), 0), required(key(3), 0)],
        ..reply(5, 0)
    };
    view.accept(&other.sync.clone().unwrap(), &reply, at(10_030));
    let gone = view.insert(&load, &key(2), Rec(1), at(10_040));
    assert_eq!(gone, Inserted::Evicted);
    let held = view.insert(&other, &key(2), Rec(1), at(10_040));
    assert_eq!(held, Inserted::Stored);
    // Giving up opens what is not loaded yet.
    view.abandon(&other);
    let rest = view.begin_load(&[key(2), key(3)], at(10_050)).unwrap();
    assert_eq!(rest.subjects().collect::<Vec<Subject>>(), [key(3)]);
}

#[test]
fn the_last_proof_is_told_with_its_age() {
    let (mut view, _) = held();
    let (key_1, org) = (key(1), organization());
    let mut told = |arrived, most| {
        let last = view.last_proven(&key_1, &org, at(arrived), Millis(most));
        last.map(|(key, organization, age)| (key.0, organization.0, age.0))
    };
    assert_eq!(told(20_000, 10_000), Some((3, 2, 10_000)));
    assert_eq!(told(20_001, 10_000), None);
}

/// The model checker tells states apart by these.
#[test]
fn views_are_the_same_where_what_they_hold_is() {
    let hash = |view: &View<Rec>| BuildHasherDefault::<DefaultHasher>::default().hash_one(view);
    let with = |number| {
        let mut view = empty();
        view.begin_load(&[key(number)], at(10_000));
        view
    };
    assert_eq!(with(1), with(1));
    assert_eq!(hash(&with(1)), hash(&with(1)));
    assert_ne!(with(1), with(2));
    assert_ne!(hash(&with(1)), hash(&with(2)));
}
