//! A relay passes urgent changes on, and confirms for all of its edges.

use super::*;

const fn at(ms: u64) -> Reading<RelayClock> {
    Reading::at(ms)
}

fn serve(relay: &mut Relay, request: &SyncRequest, now: u64) -> Serve {
    relay.serve(request, at(now), at(now))
}

fn syncs(served: Serve) -> PendingSync<RelayClock> {
    match served {
        Serve::SyncWithLog(sync) => sync,
        other => panic!("{other:?}"),
    }
}

fn answered(served: Serve) -> SyncReply {
    match served {
        Serve::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn watches(relay: &mut Relay, now: u64) -> PendingSync<RelayClock> {
    match relay.upkeep(at(now)) {
        Upkeep::Watch(sync) => sync,
        other => panic!("{other:?}"),
    }
}

fn new() -> Relay {
    Relay::new().with_confirmations(holder(9), Account::<RelayClock>::LIMIT)
}

/// A relay at place 5, proven at 10,000 ms, from which holder 1 has a lease at it.
fn lent() -> Relay {
    let mut relay = new();
    let first = request(None, Some(holding(1, None)));
    let sync = syncs(serve(&mut relay, &first, 10_000));
    assert_eq!(sync.request.holding, Some(holding(9, None)));
    relay.accept(&sync, &reply(5, 0), at(10_000));
    answered(serve(&mut relay, &first, 10_000));
    relay
}

fn urgent(seq: u64) -> SyncReply {
    SyncReply {
        changes: vec![change(key(1), 2, seq)],
        urgent: Some(seq),
        ..reply(seq, 0)
    }
}

#[test]
fn a_relay_watches_while_anybody_holds_a_lease_and_says_its_floor() {
    let mut relay = new();
    assert_eq!(relay.upkeep(at(9_000)), Upkeep::Idle);
    relay = lent();
    let sync = watches(&mut relay, 10_000);
    assert_eq!(sync.request, request(Some(5), Some(holding(9, Some(5)))));
    assert_eq!(relay.upkeep(at(10_000 + WAIT)), Upkeep::Idle);
}

#[test]
fn a_watch_is_answered_when_the_log_says_that_something_is_urgent() {
    let mut relay = lent();
    let watch = request(Some(5), Some(holding(1, Some(5))));
    let look = |relay: &mut Relay, now, over| relay.watch(&watch, at(10_000), over, at(now));
    assert!(matches!(look(&mut relay, 10_010, false), Serve::Hold));
    let sync = watches(&mut relay, 10_010);
    assert!(relay.accept(&sync, &urgent(6), at(10_050)));
    let said = answered(look(&mut relay, 10_050, false));
    assert_eq!((said.cursor, said.urgent), (cursor(6), Some(6)));
    assert_eq!(said.changes, [change(key(1), 2, 6)]);
    // Answering is not confirming, here either.
    assert_eq!(relay.confirmation(at(10_050)), None);
    let sync = watches(&mut relay, 10_300);
    assert_eq!(sync.request.holding, Some(holding(9, Some(5))));
}

#[test]
fn a_change_that_nobody_waits_for_wakes_nobody() {
    let mut relay = lent();
    let sync = watches(&mut relay, 10_010);
    let quiet = SyncReply {
        changes: vec![change(key(1), 2, 6)],
        ..reply(6, 0)
    };
    assert!(!relay.accept(&sync, &quiet, at(10_050)));
    let watch = request(Some(5), Some(holding(1, Some(5))));
    let held = relay.watch(&watch, at(10_000), false, at(10_050));
    assert!(matches!(held, Serve::Hold));
    let over = answered(relay.watch(&watch, at(10_000), true, at(10_050)));
    assert_eq!(over.cursor, cursor(6));
}

#[test]
fn a_relay_confirms_once_when_all_its_holders_have() {
    let mut relay = lent();
    answered(serve(
        &mut relay,
        &request(None, Some(holding(2, None))),
        10_000,
    ));
    let sync = watches(&mut relay, 10_010);
    relay.accept(&sync, &urgent(6), at(10_050));
    relay.confirm(&holding(1, Some(6)), at(10_060));
    assert_eq!(relay.confirmation(at(10_060)), None);
    // The second one's next watch says so.
    let watch = request(Some(6), Some(holding(2, Some(6))));
    assert!(matches!(
        relay.watch(&watch, at(10_070), false, at(10_070)),
        Serve::Hold
    ));
    assert_eq!(relay.confirmation(at(10_070)), Some(confirm(9, 6)));
    assert_eq!(relay.confirmation(at(10_080)), None);
    relay.confirmation_failed();
    assert_eq!(relay.confirmation(at(10_090)), Some(confirm(9, 6)));
    // The end of a lease is as good.
    let sync = syncs(serve(
        &mut relay,
        &request(Some(6), Some(holding(3, Some(6)))),
        12_000,
    ));
    relay.accept(&sync, &urgent(7), at(12_000));
    assert_eq!(relay.confirmation(at(12_000)), None);
    assert_eq!(
        relay.next_expiry(at(12_000)),
        Some(Millis(10_000 + WAIT - 12_000))
    );
    assert_eq!(relay.lending(at(12_000)).expired_unconfirmed, 0);
    assert_eq!(relay.confirmation(at(10_000 + WAIT)), Some(confirm(9, 7)));
    // The log is told all, so that nothing is to be waited for; and the operator hears
    // of the two holders that never said so.
    assert_eq!(relay.next_expiry(at(10_000 + WAIT)), None);
    let lending = relay.lending(at(10_000 + WAIT));
    assert_eq!((lending.holders, lending.expired_unconfirmed), (0, 2));
}

/// It could still lend there.
#[test]
fn a_relay_that_lent_to_nobody_is_itself_below() {
    let mut relay = new();
    let sync = syncs(serve(&mut relay, &request(None, None), 10_000));
    relay.accept(&sync, &reply(5, 0), at(10_000));
    let sync = syncs(serve(&mut relay, &request(None, None), 12_000));
    assert_eq!(sync.request.holding, Some(holding(9, Some(5))));
}

#[test]
fn a_relay_has_no_floor_while_somebody_does_not_say_who_asks() {
    let mut relay = lent();
    answered(serve(&mut relay, &request(None, None), 10_010));
    let sync = watches(&mut relay, 10_010);
    assert_eq!(sync.request.holding, Some(holding(9, None)));
    relay.accept(&sync, &urgent(6), at(10_050));
    relay.confirm(&holding(1, Some(6)), at(10_060));
    assert_eq!(relay.confirmation(at(10_060)), None);
    assert_eq!(relay.confirmation(at(10_010 + WAIT)), Some(confirm(9, 6)));
}

/// What a reset leaves out may have been urgent.
#[test]
fn a_reset_answers_every_watch() {
    let mut relay = lent();
    let sync = watches(&mut relay, 10_010);
    let reset = SyncReply {
        reset: true,
        ..reply(9, 0)
    };
    relay.accept(&sync, &reset, at(10_020));
    let watch = request(Some(5), Some(holding(1, Some(5))));
    let said = answered(relay.watch(&watch, at(10_000), false, at(10_020)));
    assert!(said.reset);
    assert_eq!((said.cursor, said.urgent), (cursor(9), Some(9)));
}

#[test]
fn a_watch_that_this_relay_is_behind_of_is_held() {
    let mut relay = lent();
    let watch = request(Some(7), Some(holding(1, Some(7))));
    assert!(matches!(
        relay.watch(&watch, at(10_010), false, at(10_010)),
        Serve::Hold
    ));
    assert_eq!(
        relay.watch(&watch, at(10_010), true, at(10_020)),
        Serve::Unavailable
    );
    // One of another life of the log, or of a view that knows nothing, is asked
    // like any other.
    let other = SyncRequest {
        cursor: Some(Cursor {
            incarnation: Incarnation::from_stored(2),
            seq: 1,
        }),
        ..request(None, None)
    };
    syncs(relay.watch(&other, at(10_030), false, at(10_030)));
}

#[test]
fn changes_that_follow_each_other_are_passed_on_together() {
    let mut relay = lent();
    let sync = watches(&mut relay, 10_000);
    relay.accept(&sync, &urgent(6), at(10_005));
    assert_eq!(relay.upkeep(at(10_005)), Upkeep::Pause(Millis(22 - 5)));
    let sync = watches(&mut relay, 10_022);
    // Nothing changed: it failed, and is not tried over and over.
    assert_eq!(relay.upkeep(at(10_050)), Upkeep::Pause(Millis(250 - 28)));
    // A clock that was set back makes nobody wait until it has caught up.
    relay.accept(&sync, &urgent(7), at(3_000));
    watches(&mut relay, 3_000);
}

#[test]
fn without_confirmations_a_relay_says_what_it_always_said() {
    let mut relay = Relay::new();
    let sync = syncs(serve(
        &mut relay,
        &request(None, Some(holding(1, None))),
        10_000,
    ));
    assert_eq!(sync.request.holding, None);
    relay.accept(&sync, &urgent(6), at(10_000));
    let said = answered(serve(
        &mut relay,
        &request(None, Some(holding(1, None))),
        10_000,
    ));
    assert_eq!(said.urgent, None);
    assert_eq!(relay.upkeep(at(10_000)), Upkeep::Idle);
    assert_eq!(relay.confirmation(at(10_000)), None);
    assert_eq!(relay.next_expiry(at(10_000)), None);
}

/// Whoever reads the clock takes note of a step back, or nobody would: by the next
/// reading it may have caught up.
#[test]
fn every_reading_is_noted() {
    for look in [0, 1, 2] {
        let mut relay = lent();
        match look {
            0 => drop(relay.confirmation(at(9_000))),
            1 => drop(relay.upkeep(at(9_000))),
            _ => drop(relay.next_expiry(at(9_000))),
        }
        assert_eq!(relay.age(at(12_000)), None, "{look}");
    }
}
