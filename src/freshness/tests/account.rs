//! Who may still decide on an older state.

use super::{cursor, reply};
use crate::freshness::account::Account;
use crate::freshness::holding::{HolderId, Holding};
use crate::freshness::sync::{Cursor, Incarnation, SyncReply, pinned};
use crate::freshness::{Bound, Millis, Reading, RelayClock};

/// What a bound of five seconds is waited for.
const WAIT: u64 = 5_151;

const fn at(ms: u64) -> Reading<RelayClock> {
    Reading::at(ms)
}

fn holder(number: u8) -> HolderId {
    HolderId::from_random([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number])
}

fn holding(number: u8, floor: Option<u64>) -> Holding {
    Holding {
        id: holder(number),
        floor: floor.map(cursor),
    }
}

/// An account that has lent to holder 1 at place 4, at reading 1,000.
fn lent() -> Account<RelayClock> {
    let mut account = Account::new(4);
    account.granted(Some(&holding(1, None)), &reply(4, 0), at(1_000), at(1_000));
    account
}

fn floor(account: &mut Account<RelayClock>, own: u64, now: u64) -> Option<u64> {
    account.floor(cursor(own), at(now)).map(|floor| floor.seq)
}

#[test]
fn a_holder_is_24_hexadecimal_digits() {
    let id = HolderId::from_random([0xab, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x0f]);
    pinned(&id, r#""ab000000000000000000010f""#);
    for text in [
        "",
        "ab",
        "ab000000000000000000010f0",
        "+b000000000000000000010f",
    ] {
        assert!(
            serde_json::from_str::<HolderId>(&format!("{text:?}")).is_err(),
            "{text}"
        );
    }
}

#[test]
fn the_floor_is_the_least_of_all_and_its_own() {
    let mut account = lent();
    assert_eq!(floor(&mut account, 9, 1_000), Some(4));
    assert_eq!(floor(&mut account, 3, 1_000), Some(3));
    account.granted(Some(&holding(2, None)), &reply(6, 0), at(1_000), at(1_000));
    account.confirmed(&holding(1, Some(9)));
    assert_eq!(floor(&mut account, 9, 1_000), Some(6));
    account.confirmed(&holding(2, Some(8)));
    assert_eq!(floor(&mut account, 9, 1_000), Some(8));
    assert_eq!(account.holders(at(1_000)), 2);
}

#[test]
fn nobody_who_holds_nothing_is_waited_for() {
    let mut account = Account::<RelayClock>::new(4);
    assert_eq!(floor(&mut account, 9, 1_000), Some(9));
    assert_eq!(account.next_expiry(at(1_000)), None);
}

/// The holder sent its request before that, so its lease is over before that.
#[test]
fn a_lease_is_over_one_wait_after_its_request_arrived() {
    let mut account = Account::new(4);
    let old = reply(4, 1_000);
    account.granted(Some(&holding(1, None)), &old, at(1_000), at(3_000));
    let over = 1_000 + WAIT - 1_000;
    assert_eq!(account.next_expiry(at(3_000)), Some(Millis(over - 3_000)));
    assert_eq!(floor(&mut account, 9, over - 1), Some(4));
    assert_eq!(floor(&mut account, 9, over), Some(9));
    assert_eq!(account.holders(at(over)), 0);
}

#[test]
fn a_reply_that_was_held_for_longer_than_its_lease_grants_nothing() {
    let mut account = Account::new(4);
    let (arrived, now) = (at(1_000), at(1_000 + WAIT));
    account.granted(Some(&holding(1, None)), &reply(4, 0), arrived, now);
    account.granted(None, &reply(4, 0), arrived, now);
    assert_eq!(account.holders(now), 0);
    assert_eq!(account.floor(cursor(9), now), Some(cursor(9)));
}

/// It may hold an earlier lease, which the new reply has not ended yet.
#[test]
fn answering_is_not_confirming() {
    let mut account = lent();
    account.granted(Some(&holding(1, None)), &reply(9, 0), at(2_000), at(2_000));
    assert_eq!(floor(&mut account, 9, 2_000), Some(4));
    // The second lease is what is waited for.
    assert_eq!(floor(&mut account, 9, 1_000 + WAIT), Some(4));
    assert_eq!(floor(&mut account, 9, 2_000 + WAIT), Some(9));
}

#[test]
fn a_lease_after_one_that_is_over_begins_anew() {
    let mut account = lent();
    let later = at(1_000 + WAIT);
    account.granted(Some(&holding(1, None)), &reply(7, 0), later, later);
    assert_eq!(account.floor(cursor(9), later), Some(cursor(7)));
}

#[test]
fn a_floor_only_rises_and_only_for_who_holds_a_lease() {
    let mut account = lent();
    account.confirmed(&holding(1, Some(8)));
    account.confirmed(&holding(1, Some(5)));
    account.confirmed(&holding(1, None));
    account.confirmed(&holding(2, Some(1)));
    assert_eq!(floor(&mut account, 9, 1_000), Some(8));
    assert_eq!(account.holders(at(1_000)), 1);
}

#[test]
fn a_lowered_bound_does_not_shorten_a_lease_that_was_given() {
    let mut account = lent();
    let lowered = SyncReply {
        bound_ms: Bound::MIN,
        ..reply(4, 0)
    };
    account.granted(Some(&holding(1, None)), &lowered, at(2_000), at(2_000));
    assert_eq!(floor(&mut account, 9, 1_000 + WAIT - 1), Some(4));
    assert_eq!(floor(&mut account, 9, 1_000 + WAIT), Some(9));
}

#[test]
fn what_is_not_tracked_leaves_no_floor_until_it_is_over() {
    let mut nameless = lent();
    nameless.granted(None, &reply(4, 0), at(1_500), at(1_500));
    let mut full = Account::new(1);
    full.granted(Some(&holding(1, None)), &reply(4, 0), at(1_000), at(1_000));
    full.granted(Some(&holding(2, None)), &reply(4, 0), at(1_500), at(1_500));
    let mut started = Account::new(1);
    started.fence(Millis(WAIT), at(1_500));
    for mut account in [nameless, full, started] {
        account.confirmed(&holding(1, Some(9)));
        assert_eq!(floor(&mut account, 9, 1_500), None);
        // A shorter one does not shorten it.
        account.granted(None, &reply(9, 2_000), at(1_600), at(1_600));
        assert_eq!(floor(&mut account, 9, 1_500 + WAIT - 1), None);
        assert_eq!(floor(&mut account, 9, 1_500 + WAIT), Some(9));
    }
}

#[test]
fn a_full_account_makes_room_for_who_comes_after_a_lease_is_over() {
    let mut account = Account::new(1);
    account.granted(Some(&holding(1, None)), &reply(4, 0), at(1_000), at(1_000));
    let later = at(1_000 + WAIT);
    account.granted(Some(&holding(2, None)), &reply(6, 0), later, later);
    assert_eq!(account.floor(cursor(9), later), Some(cursor(6)));
}

#[test]
fn places_of_two_lives_of_the_log_are_not_compared() {
    let other = |seq| Cursor {
        incarnation: Incarnation::from_stored(2),
        seq,
    };
    let mut account = lent();
    account.confirmed(&Holding {
        id: holder(1),
        floor: Some(other(99)),
    });
    assert_eq!(account.floor(other(2), at(1_000)), None);
    // The same holder, told of the new life's places, is another entry.
    let told = SyncReply {
        cursor: other(2),
        ..reply(0, 0)
    };
    account.granted(Some(&holding(1, None)), &told, at(2_000), at(2_000));
    assert_eq!(account.floor(other(2), at(1_000 + WAIT - 1)), None);
    assert_eq!(account.floor(other(3), at(1_000 + WAIT)), Some(other(2)));
}

#[test]
fn a_backward_clock_counts_every_lease_anew() {
    let mut account = lent();
    account.fence(Millis(WAIT), at(1_000));
    account.observe(at(1_500));
    account.observe(at(200));
    assert_eq!(account.next_expiry(at(200)), Some(Millis(WAIT)));
    assert_eq!(floor(&mut account, 9, 200 + WAIT - 1), None);
    assert_eq!(account.holders(at(200 + WAIT - 1)), 1);
    assert_eq!(floor(&mut account, 9, 200 + WAIT), Some(9));
}

/// Its arrival was read on a clock that is gone: it came no later than now.
#[test]
fn a_request_from_before_a_backward_step_lends_from_now() {
    let mut account = Account::new(4);
    account.granted(Some(&holding(1, None)), &reply(4, 0), at(9_000), at(1_000));
    assert_eq!(account.next_expiry(at(1_000)), Some(Millis(WAIT)));
}

#[test]
fn what_is_urgent_lies_above_whoever_is_below_it() {
    let mut account = Account::<RelayClock>::new(4);
    let incarnation = cursor(0).incarnation;
    assert_eq!(account.urgent(incarnation), None);
    assert!(!account.is_urgent_above(cursor(0)));
    account.urge(cursor(5));
    account.urge(cursor(3));
    assert_eq!(account.urgent(incarnation), Some(5));
    assert!(account.is_urgent_above(cursor(4)));
    assert!(!account.is_urgent_above(cursor(5)));
    let other = Incarnation::from_stored(2);
    assert_eq!(account.urgent(other), None);
    account.urge(Cursor {
        incarnation: other,
        seq: 1,
    });
    assert_eq!(account.urgent(other), Some(1));
}
