//! How an edge hears of urgent changes and confirms them.

use super::{change, cursor, key, reply, required};
use crate::freshness::carrier::{CARRIER, Carrier, Step};
use crate::freshness::failover::{Hop, Region, RelayName};
use crate::freshness::follower::{Accepted, PendingSync};
use crate::freshness::holding::HolderId;
use crate::freshness::records::Record;
use crate::freshness::sync::SyncReply;
use crate::freshness::view::{Inserted, Refresh, View};
use crate::freshness::{Bound, EdgeClock, Millis, Reading, Revision};

#[derive(Clone, Debug, PartialEq)]
struct Fake(u64);

impl Record for Fake {
    fn revision(&self) -> Revision {
        Revision(self.0)
    }
    fn weight_bytes(&self) -> usize {
        0
    }
}

const fn at(ms: u64) -> Reading<EdgeClock> {
    Reading::at(ms)
}

const fn relay(replica: u8) -> Hop {
    Hop::Relay(RelayName {
        region: Region::Weur,
        replica,
    })
}

/// The end of a lease from `now`, as its holder counts it.
const WAIT: u64 = 5_151;

fn view() -> View<Fake> {
    View::new(1 << 20, Bound::MAX).with_confirmations(HolderId::from_random([7; 12]))
}

/// Refreshes by way of these, the last of which gives this reply.
fn refreshed(view: &mut View<Fake>, hops: &[Hop], reply: &SyncReply, now: u64) -> Accepted {
    let Refresh::Send(mut sync) = view.begin_refresh(at(now)) else {
        panic!("somebody has the turn");
    };
    for hop in hops {
        sync.sent_to(*hop, at(now));
    }
    view.accept(&sync, reply, at(now))
}

/// A view at place 4 with a lease from relay 0, at reading 10,000.
fn lent() -> View<Fake> {
    let mut view = view();
    refreshed(&mut view, &[relay(0)], &reply(4, 0), 10_000);
    view
}

fn urgent(seq: u64) -> SyncReply {
    SyncReply {
        changes: vec![change(key(1), 2, seq)],
        urgent: Some(seq),
        ..reply(seq, 0)
    }
}

fn watch(view: &mut View<Fake>, carrier: &mut Carrier, now: u64) -> (Hop, PendingSync<EdgeClock>) {
    match view.next_step(carrier, at(now)) {
        Step::Watch { to, sync, .. } => (to, *sync),
        other => panic!("{other:?}"),
    }
}

fn told(view: &mut View<Fake>, now: u64) -> Vec<(Hop, Option<u64>)> {
    let mut told = Vec::new();
    while let Some((to, confirm)) = view.next_confirmation(at(now)) {
        told.push((to, confirm.holding.floor.map(|floor| floor.seq)));
    }
    told
}

#[test]
fn every_request_says_who_asks_and_where_it_is() {
    let mut view = view();
    let Refresh::Send(first) = view.begin_refresh(at(10_000)) else {
        panic!()
    };
    let holding = first.request.holding.unwrap();
    assert_eq!(holding.floor, None);
    view.accept(&first, &reply(4, 0), at(10_000));
    let load = view.begin_load(&[key(1)], at(10_000)).unwrap();
    let second = load.sync.clone().unwrap().request.holding.unwrap();
    assert_eq!((second.id, second.floor), (holding.id, Some(cursor(4))));
    assert_eq!(view.resync(&load, at(10_000)).request.holding, Some(second));
}

#[test]
fn without_confirmations_nobody_is_told_anything() {
    let mut view = View::<Fake>::new(1 << 20, Bound::MAX);
    refreshed(&mut view, &[relay(0)], &urgent(4), 10_000);
    assert!(!view.should_carry(at(10_000)));
    assert_eq!(view.begin_carrier(at(10_000)), None);
    assert_eq!(view.next_confirmation(at(10_000)), None);
    let Refresh::Send(sync) = view.begin_refresh(at(10_000)) else {
        panic!()
    };
    assert_eq!(sync.request.holding, None);
}

#[test]
fn a_view_with_a_lease_keeps_a_watch_open_where_it_got_it() {
    let mut view = view();
    assert!(!view.should_carry(at(10_000)));
    refreshed(&mut view, &[relay(0)], &reply(4, 0), 10_000);
    let mut carrier = view.begin_carrier(at(10_000)).unwrap();
    assert!(!view.should_carry(at(10_000)));
    let step = view.next_step(&mut carrier, at(10_100));
    let Step::Watch { to, sync, hold } = step else {
        panic!("{step:?}");
    };
    assert_eq!((to, sync.request.cursor), (relay(0), Some(cursor(4))));
    assert_eq!(sync.request.holding.unwrap().floor, Some(cursor(4)));
    assert_eq!(hold, CARRIER.less(Millis(100)));
}

/// The next watch is the confirmation; to the others a message goes.
#[test]
fn an_urgent_change_is_confirmed_once_the_view_has_it() {
    let mut view = lent();
    refreshed(&mut view, &[relay(1)], &reply(4, 0), 10_010);
    let mut carrier = view.begin_carrier(at(10_010)).unwrap();
    let (to, sync) = watch(&mut view, &mut carrier, 10_010);
    assert_eq!(to, relay(1));
    assert_eq!(told(&mut view, 10_020), []);
    assert_eq!(
        view.accept(&sync, &urgent(5), at(10_020)),
        Accepted::Advanced
    );
    carrier.answered();
    let step = view.next_step(&mut carrier, at(10_020));
    let Step::Confirm(to, confirm) = step else {
        panic!("{step:?}");
    };
    assert_eq!((to, confirm.holding.floor), (relay(0), Some(cursor(5))));
    let (to, sync) = watch(&mut view, &mut carrier, 10_020);
    assert_eq!(
        (to, sync.request.holding.unwrap().floor),
        (relay(1), Some(cursor(5)))
    );
    assert_eq!(told(&mut view, 10_020), []);
}

/// A refresh may be what brings the change. The place where a watch is open is told too:
/// the watch may have ended in silence.
#[test]
fn whoever_takes_an_urgent_change_over_confirms_it() {
    let mut view = lent();
    let mut carrier = view.begin_carrier(at(10_000)).unwrap();
    watch(&mut view, &mut carrier, 10_000);
    refreshed(&mut view, &[relay(1)], &reply(4, 0), 10_010);
    refreshed(&mut view, &[Hop::ChangeLog], &urgent(5), 10_020);
    assert_eq!(
        told(&mut view, 10_020),
        [(relay(0), Some(5)), (relay(1), Some(5))]
    );
    // Not what nobody waits for.
    refreshed(&mut view, &[Hop::ChangeLog], &reply(6, 0), 10_030);
    assert_eq!(told(&mut view, 10_030), []);
    view.confirmation_failed(relay(1));
    assert_eq!(told(&mut view, 10_040), [(relay(1), Some(6))]);
}

#[test]
fn a_place_that_was_asked_in_vain_may_have_lent() {
    let mut view = view();
    refreshed(&mut view, &[relay(0), relay(1)], &reply(4, 0), 10_000);
    refreshed(&mut view, &[relay(1)], &urgent(5), 10_010);
    assert_eq!(
        told(&mut view, 10_010),
        [(relay(0), Some(5)), (relay(1), Some(5))]
    );
    // What it lent is over.
    refreshed(&mut view, &[relay(1)], &urgent(6), 10_000 + WAIT);
    assert_eq!(told(&mut view, 10_000 + WAIT), [(relay(1), Some(6))]);
}

#[test]
fn a_reply_that_is_discarded_confirms_nothing() {
    let mut view = view();
    let load = view.begin_load(&[key(1)], at(10_000)).unwrap();
    let late = load.sync.clone().unwrap();
    refreshed(&mut view, &[relay(0)], &reply(4, 0), 10_000);
    assert_eq!(
        view.accept(&late, &urgent(9), at(10_010)),
        Accepted::Discarded
    );
    assert_eq!(view.cursor(), Some(cursor(4)));
    assert_eq!(told(&mut view, 10_010), []);
}

/// What a reset leaves out may have been urgent.
#[test]
fn a_reset_is_confirmed() {
    let mut view = lent();
    let reset = SyncReply {
        reset: true,
        ..reply(9, 0)
    };
    refreshed(&mut view, &[Hop::ChangeLog], &reset, 10_010);
    // What the log lends at that place is not below it.
    assert_eq!(told(&mut view, 10_010), [(relay(0), Some(9))]);
}

#[test]
fn the_next_carrier_takes_over_while_every_lease_ends_under_an_open_watch() {
    let mut view = lent();
    let mut first = view.begin_carrier(at(10_000)).unwrap();
    let (_, sync) = watch(&mut view, &mut first, 10_000);
    let late = 10_000 + CARRIER.0 - WAIT;
    refreshed(&mut view, &[relay(0)], &reply(4, 0), late);
    assert!(!view.should_carry(at(late)));
    let mut second = view.begin_carrier(at(late + 1)).unwrap();
    watch(&mut view, &mut second, late + 1);
    view.accept(&sync, &urgent(5), at(late + 2));
    assert_eq!(view.next_step(&mut first, at(late + 2)), Step::Done);
    // The first did not end the second.
    assert!(!view.should_carry(at(late + 2)));
    watch(&mut view, &mut second, late + 2);
}

#[test]
fn a_carrier_ends_with_the_last_lease_and_with_its_time() {
    let mut idle = lent();
    let mut carrier = idle.begin_carrier(at(10_000)).unwrap();
    assert_eq!(idle.next_step(&mut carrier, at(10_000 + WAIT)), Step::Done);
    let mut busy = lent();
    let mut carrier = busy.begin_carrier(at(10_000)).unwrap();
    let end = 10_000 + CARRIER.0;
    refreshed(&mut busy, &[relay(0)], &reply(4, 0), end - 1);
    watch(&mut busy, &mut carrier, end - 1);
    assert_eq!(busy.next_step(&mut carrier, at(end)), Step::Done);
    assert!(busy.should_carry(at(end)));
    // Nor does a clock that was set back make it run for hours.
    let mut carrier = busy.begin_carrier(at(end)).unwrap();
    refreshed(&mut busy, &[relay(0)], &reply(4, 0), end - 9_000);
    assert_eq!(busy.next_step(&mut carrier, at(end - 9_000)), Step::Done);
}

/// A relay of an older version cannot be watched, nor one that is cut off.
#[test]
fn watching_is_not_tried_over_and_over() {
    let mut view = lent();
    let mut carrier = view.begin_carrier(at(10_000)).unwrap();
    watch(&mut view, &mut carrier, 10_000);
    carrier.failed();
    let pause = view.next_step(&mut carrier, at(10_010));
    assert_eq!(pause, Step::Pause(Millis(240)));
    watch(&mut view, &mut carrier, 10_250);
    carrier.failed();
    assert_eq!(view.next_step(&mut carrier, at(10_260)), Step::Done);
    refreshed(&mut view, &[relay(1)], &reply(4, 0), 15_000);
    assert!(!view.should_carry(at(15_259)));
    assert!(view.should_carry(at(15_260)));
    // One that is answered begins anew.
    let mut carrier = view.begin_carrier(at(15_260)).unwrap();
    carrier.failed();
    carrier.answered();
    carrier.failed();
    watch(&mut view, &mut carrier, 15_260);
}

/// Lemma 4: once a message with a cursor has left, nothing below is decided on.
#[test]
fn what_was_confirmed_stays_so() {
    let mut view = view();
    let load = view.begin_load(&[key(1)], at(10_000)).unwrap();
    let sync = load.sync.clone().unwrap();
    let known = SyncReply {
        required: vec![required(key(1), 1)],
        ..reply(4, 0)
    };
    view.accept(&sync, &known, at(10_000));
    refreshed(&mut view, &[relay(0)], &reply(4, 0), 10_005);
    refreshed(&mut view, &[relay(0)], &urgent(5), 10_010);
    assert_eq!(told(&mut view, 10_010).len(), 1);
    assert_eq!(
        view.insert(&load, &key(1), Fake(1), at(10_020)),
        Inserted::Stale
    );
    let late = view.resync(&load, at(10_020));
    let behind = SyncReply {
        required: vec![required(key(1), 1)],
        ..reply(4, 0)
    };
    assert_eq!(view.accept(&late, &behind, at(10_030)), Accepted::Discarded);
    assert_eq!(
        view.insert(&load, &key(1), Fake(1), at(10_030)),
        Inserted::Stale
    );
    assert_eq!(
        view.insert(&load, &key(1), Fake(2), at(10_030)),
        Inserted::Stored
    );
}

/// Whoever reads the clock takes note of a step back, or nobody would: by the next
/// reading it may have caught up.
#[test]
fn every_reading_is_noted() {
    for look in [0, 1, 2] {
        let mut view = lent();
        let mut carrier = view.begin_carrier(at(12_000)).unwrap();
        match look {
            0 => drop(view.begin_carrier(at(9_000))),
            1 => drop(view.next_confirmation(at(9_000))),
            _ => drop(view.next_step(&mut carrier, at(9_000))),
        }
        assert_eq!(view.follower.proof(), None, "{look}");
    }
}
