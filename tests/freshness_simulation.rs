//! The second proof: the state machines of `katalo_keys::freshness` under a
//! seeded scheduler, with bad clocks, a bad network and bad luck.
//!
//! - `cargo test --test freshness_simulation` runs a thousand seeds.
//! - `KATALO_SIM_SEEDS=1000000 cargo test --release --test freshness_simulation
//!   seeds_hold -- --nocapture` runs as many as it says: about a quarter of an
//!   hour for a million.
//! - `KATALO_SIM_SEED=42 cargo test --test freshness_simulation seeds_hold --
//!   --nocapture` replays one and prints every step, each with its true time.
//!
//! A seed decides everything: the deployment, its clocks, and what happens. A
//! run that fails names its seed, the step and the command that replays it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

#[path = "freshness_world/mod.rs"]
mod world;

#[path = "freshness_simulation/driver.rs"]
mod driver;

use std::time::Instant;

use driver::{Run, STUCK, Tally, UNCONFIRMED};
use world::Mutant;
use world::oracle::{ALL_CAME_BACK, CAME_BACK, Decisions, OLDER, TWO_STATES};
use world::registry::{LOST_NOTHING, SERVES_ON, SETTLED_AGAIN};

/// Seeds in an ordinary test run.
const SEEDS: u64 = 1_200;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures of the proof are its output"
)]
fn seeds_hold() {
    if let Some(seed) = number("KATALO_SIM_SEED") {
        Run::new(seed, None).traced().finish().unwrap();
        return;
    }
    let seeds = number("KATALO_SIM_SEEDS").unwrap_or(SEEDS);
    let begun = Instant::now();
    let mut tally = Tally::default();
    for seed in 0..seeds {
        match Run::new(seed, None).finish() {
            Ok(run) => tally.add(&run),
            Err(violation) => panic!(
                "seed {seed}: {violation}; replay it with KATALO_SIM_SEED={seed} \
                 cargo test --test freshness_simulation seeds_hold -- --nocapture"
            ),
        }
    }
    println!(
        "{seeds} seeds, {} steps, decisions {:?} checked against {} promises, {:.1} h simulated, {:.1} s",
        tally.steps,
        tally.decisions,
        tally.promises,
        tally.simulated_ms as f64 / 3_600_000.0,
        begun.elapsed().as_secs_f64()
    );
    // A simulation that decides nothing proves nothing.
    let Decisions {
        memory,
        kv,
        registry,
    } = tally.decisions;
    assert!(memory > seeds * 10 && kv > seeds && registry > seeds);
    assert!(tally.promises > seeds);
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        let [one, other] = [(); 2].map(|()| Run::new(seed, None).finish().unwrap());
        assert_eq!(one, other);
    }
}

/// Seeds within which each mutant must be found.
const SEEDS_FOR_A_MUTANT: u64 = 20_000;

/// A seed is found in which the mutant breaks the promise it is there for, and
/// in which nothing is broken without it.
#[expect(
    clippy::print_stdout,
    reason = "the figures of the proof are its output"
)]
fn is_found(mutant: Mutant, promise: &str) {
    for seed in 0..SEEDS_FOR_A_MUTANT {
        if let Err(violation) = Run::new(seed, Some(mutant)).finish()
            && violation.ends_with(promise)
        {
            assert_eq!(Run::new(seed, None).finish().err(), None, "seed {seed}");
            println!("{mutant:?}: seed {seed}: {violation}");
            return;
        }
    }
    panic!("{mutant:?} survived {SEEDS_FOR_A_MUTANT} seeds");
}

macro_rules! mutants {
    ($($name:ident: $mutant:ident breaks $promise:ident),+ $(,)?) => {$(
        #[test]
        fn $name() {
            is_found(Mutant::$mutant, $promise);
        }
    )+};
}

mutants! {
    finds_that_the_commit_wait_is_missing: NoCommitWait breaks OLDER,
    finds_that_the_race_fence_is_missing: NoRaceFence breaks OLDER,
    finds_that_enforced_is_answered_from_the_state: EnforcedFromState breaks OLDER,
    finds_that_the_append_comes_after_the_acknowledgement: AppendAfterAcknowledgement breaks OLDER,
    finds_that_a_backward_clock_is_accepted: BackwardClockAccepted breaks OLDER,
    finds_that_the_wait_has_no_margin: NoMargin breaks OLDER,
    finds_that_a_lowered_bound_shortens_the_wait_at_once: WaitLoweredAtOnce breaks OLDER,
    finds_that_a_restored_registry_does_not_ask: NoRestoreCheck breaks OLDER,
    finds_that_a_record_is_published_before_the_append: PublishedBeforeAppend breaks TWO_STATES,
    finds_that_rows_are_forgotten_at_the_start: RowsForgottenAtStart breaks OLDER,
    finds_that_a_proof_counts_from_its_arrival: ProvenAtArrival breaks OLDER,
    finds_that_a_relay_gives_an_old_proof_as_new: AgeForgotten breaks OLDER,
    finds_that_a_reset_is_ignored: ResetIgnored breaks OLDER,
    finds_that_a_late_reply_is_accepted: LateReplyAccepted breaks OLDER,
    finds_that_a_restored_registry_gives_rights_back: RecoveredAsItWas breaks CAME_BACK,
    finds_that_a_restored_registry_forgets_that_all_keys_were_revoked: RevokedAllForgotten breaks ALL_CAME_BACK,
    finds_that_a_registry_does_not_hear_the_log: DeafToTheLog breaks SERVES_ON,
    finds_that_a_registry_does_not_hear_the_edges: DeafToEdges breaks SERVES_ON,
    finds_that_a_registry_recovers_for_nothing: RecoveredForNothing breaks LOST_NOTHING,
    finds_that_what_is_settled_stays: NeverSettled breaks SETTLED_AGAIN,
    finds_that_a_wait_keeps_the_old_clock: WaitKeepsTheOldClock breaks STUCK,
    finds_that_a_relay_leaves_itself_out_of_its_floor: FloorIgnoresOwnCursor breaks OLDER,
    finds_that_only_watches_are_accounted_for: OnlyWatchesAccounted breaks OLDER,
    finds_that_a_relay_holds_leases_by_its_name: RelayNameIsHolder breaks OLDER,
    finds_that_an_edge_confirms_what_it_discarded: DiscardedConfirmed breaks OLDER,
    finds_that_terms_keep_the_old_clock: TermsKeepTheOldClock breaks UNCONFIRMED,
    finds_that_a_reply_from_behind_is_accepted: BehindAccepted breaks OLDER,
}
