//! The first proof: the state machines of `katalo_keys::freshness` in a small
//! world, in every order of events there is.
//!
//! Each scenario is one world with its own kind of trouble, explored within the
//! stated numbers of changes, ticks, lost or repeated messages and faults. Most
//! are explored to their end: every state that can be reached is. The widest
//! are cut off after so many transitions, and say so. In each state everybody
//! calls and requests arrive everywhere: promises are made as early as they
//! can be, and nothing is left undecided that could be decided.
//!
//! - `cargo test --test freshness_model -- --nocapture` prints the bounds and
//!   the numbers of states.
//! - `KATALO_MODEL_DEEPER=1 …` explores every scenario to its end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

#[path = "freshness_world/mod.rs"]
mod world;

#[path = "freshness_model/scenario.rs"]
mod scenario;

use std::time::Instant;

use scenario::{
    AT_ONCE, DECIDED_AFTER, ENFORCED, SAFE, Scenario, State, bad_clocks, bad_network, broken_watch,
    confirming, crashed_awaiting, crashes, drifting_clocks, drifting_lenders, evicted_lender,
    full_account, late_messages, lenders_step_back, load_across, lost_carrier, lost_memory,
    lowered_bound, lowered_lease, older_edge, races, raised_bound, relay_steps_ahead,
    repeated_calls, restarted_isolate, restarted_log, restored_registry, two_confirm, two_edges,
    two_relays, two_ways,
};
use stateright::{Checker, HasDiscoveries, Model};
use world::Mutant;

#[expect(
    clippy::print_stdout,
    reason = "the figures of the proof are its output"
)]
fn holds(mut scenario: Scenario) {
    if std::env::var_os("KATALO_MODEL_DEEPER").is_some() {
        scenario.at_most = None;
    }
    let (name, bounds, at_most) = (scenario.name, scenario.bounds(), scenario.at_most);
    // Where a search that is cut off finds that is in `a_change_is_enforced_at_once`.
    let confirms = scenario.setup.confirmations;
    let begun = Instant::now();
    let mut builder = scenario.checker().finish_when(HasDiscoveries::AnyFailures);
    if let Some(transitions) = at_most {
        builder = builder.target_state_count(transitions);
    }
    let checker = builder.spawn_dfs().join();
    for (property, path) in checker.discoveries() {
        let found_on_purpose = [ENFORCED, AT_ONCE, DECIDED_AFTER].contains(&property);
        assert!(found_on_purpose, "{name}: {property}: {}", told(path));
    }
    // A model in which nothing happens proves nothing.
    for property in [ENFORCED, DECIDED_AFTER] {
        let found = checker.discovery(property).is_some();
        assert!(found || confirms, "{name}: {property}");
    }
    let whole = at_most.is_none_or(|most| checker.state_count() < most);
    println!(
        "{name}: {} states, {} transitions, {}, depth {}, {:.1} s ({bounds})",
        checker.unique_state_count(),
        checker.state_count(),
        if whole { "to the end" } else { "cut off" },
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );
}

/// The steps of a counterexample.
fn told(path: stateright::Path<State, world::action::Action>) -> String {
    let last = path.last_state().violation();
    let steps: Vec<String> = path
        .into_actions()
        .iter()
        .map(|action| format!("{action:?}"))
        .collect();
    format!("{last:?} after\n{}", steps.join("\n"))
}

macro_rules! scenarios {
    ($($test:ident: $scenario:ident),+ $(,)?) => {$(
        #[test]
        fn $test() {
            holds($scenario());
        }
    )+};
}

scenarios! {
    holds_while_records_are_loaded: races,
    holds_on_a_bad_network: bad_network,
    holds_when_the_registry_crashes_between_any_two_steps: crashes,
    holds_when_relay_and_log_lose_their_memory: lost_memory,
    holds_when_an_isolate_restarts: restarted_isolate,
    holds_when_a_call_is_repeated_during_the_wait: repeated_calls,
    holds_when_the_registry_is_restored: restored_registry,
    holds_when_the_bound_is_raised: raised_bound,
    holds_when_the_bound_is_lowered_while_leases_are_out: lowered_bound,
    holds_with_clocks_that_step_back: bad_clocks,
    holds_with_clocks_that_drift: drifting_clocks,
    holds_on_two_edges: two_edges,
    holds_when_answers_come_two_ways: two_ways,
    holds_when_an_edge_confirms: confirming,
    holds_when_two_edges_confirm: two_confirm,
    holds_when_an_edge_holds_leases_from_two_relays: two_relays,
    holds_when_a_relay_ends_between_lease_and_confirmation: evicted_lender,
    holds_when_the_log_restarts_between_append_and_floor: restarted_log,
    holds_when_confirmations_are_lost_or_late: late_messages,
    holds_when_records_are_loaded_across_a_confirmation: load_across,
    holds_when_a_carrier_ends: lost_carrier,
    holds_when_a_watch_is_broken: broken_watch,
    holds_when_the_registry_crashes_awaiting_the_floor: crashed_awaiting,
    holds_when_an_older_edge_does_not_confirm: older_edge,
    holds_when_the_account_is_full: full_account,
    holds_when_the_bound_is_lowered_while_leases_are_accounted: lowered_lease,
    holds_when_a_lenders_clock_steps_back: lenders_step_back,
    holds_when_a_lenders_clock_drifts: drifting_lenders,
}

#[expect(
    clippy::print_stdout,
    reason = "the figures of the proof are its output"
)]
fn is_found(mutant: Mutant, mut scenario: Scenario) {
    scenario.setup.mutant = Some(mutant);
    let begun = Instant::now();
    let checker = scenario
        .checker()
        .finish_when(HasDiscoveries::AnyOf([SAFE].into()))
        .spawn_bfs()
        .join();
    let path = (checker.discovery(SAFE))
        .unwrap_or_else(|| panic!("{mutant:?} survived {} states", checker.state_count()));
    println!(
        "{mutant:?}: {:?} after {} steps, {} states, {:.1} s",
        path.last_state().violation(),
        path.into_actions().len(),
        checker.unique_state_count(),
        begun.elapsed().as_secs_f64()
    );
}

/// Where everybody confirms, a change is enforced before any time has passed.
#[test]
fn a_change_is_enforced_at_once() {
    for scenario in [confirming(), two_confirm()] {
        let name = scenario.name;
        let checker = scenario
            .checker()
            .finish_when(HasDiscoveries::AnyOf([AT_ONCE].into()))
            .spawn_bfs()
            .join();
        assert!(checker.discovery(AT_ONCE).is_some(), "{name}");
    }
}

/// What is assumed of a relay's clock is needed: where it is not so, a change that
/// was acknowledged is decided otherwise.
#[test]
fn a_relay_that_steps_ahead_breaks_the_guarantee() {
    let checker = relay_steps_ahead()
        .checker()
        .finish_when(HasDiscoveries::AnyOf([SAFE].into()))
        .spawn_bfs()
        .join();
    assert!(checker.discovery(SAFE).is_some());
}

macro_rules! mutants {
    ($($name:ident: $mutant:ident in $scenario:ident),+ $(,)?) => {$(
        #[test]
        fn $name() {
            is_found(Mutant::$mutant, $scenario());
        }
    )+};
}

mutants! {
    finds_that_the_commit_wait_is_missing: NoCommitWait in bad_network,
    finds_that_the_race_fence_is_missing: NoRaceFence in races,
    finds_that_enforced_is_answered_from_the_state: EnforcedFromState in repeated_calls,
    finds_that_the_append_comes_after_the_acknowledgement: AppendAfterAcknowledgement in crashes,
    finds_that_a_backward_clock_is_accepted: BackwardClockAccepted in bad_clocks,
    finds_that_the_wait_has_no_margin: NoMargin in drifting_clocks,
    finds_that_a_lowered_bound_shortens_the_wait_at_once: WaitLoweredAtOnce in lowered_bound,
    finds_that_a_restored_registry_does_not_ask: NoRestoreCheck in restored_registry,
    finds_that_a_reply_is_taken_for_a_confirmation: AnswerConfirms in confirming,
    finds_that_the_log_forgets_what_its_last_process_gave: NoFence in restarted_log,
    finds_that_a_lease_is_over_without_a_margin: ExpiryWithoutMargin in drifting_lenders,
    finds_that_who_does_not_say_who_asks_is_ignored: HolderlessIgnored in older_edge,
    finds_that_a_full_account_forgets: FullTableForgets in full_account,
    finds_that_the_place_is_the_one_before_the_append: PlaceBeforeAppend in confirming,
    finds_that_a_broken_watch_ends_its_holder: BrokenWatchRemoves in broken_watch,
}
