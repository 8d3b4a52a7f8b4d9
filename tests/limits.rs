//! In no window is more admitted than the limit, and a lowered limit binds once its
//! change is enforced: whatever is lost, repeated or killed, in whatever order. The
//! isolates and the meter are those that are deployed; `world` is what is between them.

#[path = "limits/world.rs"]
mod world;

use katalo_keys::random::Seeded;
use stateright::{Checker as _, Model, Property};
use std::hash::{Hash, Hasher};
use world::{Act, Bounds, Fault, World};

/// A world with the model checker's idea of equality.
#[derive(Clone, Debug)]
struct State(World);

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        format!("{:?}", self.0) == format!("{:?}", other.0)
    }
}

impl Eq for State {}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        format!("{:?}", self.0).hash(hasher);
    }
}

/// Every order of events within these bounds.
struct Exhaustive(Bounds);

impl Model for Exhaustive {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        vec![State(World::new(self.0.clone()))]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Act>) {
        actions.extend(state.0.acts());
    }

    fn next_state(&self, state: &State, act: Act) -> Option<State> {
        let mut next = state.clone();
        next.0.carry_out(act);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing beyond a bound", |_, state: &State| {
                state.0.wrong.is_none()
            }),
            Property::sometimes("a limit is used up", |_, state: &State| {
                state.0.is_used_up()
            }),
        ]
    }
}

fn bounds() -> Bounds {
    Bounds {
        edges: 2,
        limit: 2,
        lowered: None,
        requests: 3,
        costs: 1,
        losses: 0,
        repeats: 0,
        kills: 0,
        ticks: 0,
        fault: None,
    }
}

/// How many states there are.
fn explore(bounds: Bounds) -> usize {
    let checker = Exhaustive(bounds).checker().spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

#[test]
fn every_order_of_losses_and_repeats_keeps_the_limit() {
    let states = explore(Bounds {
        losses: 1,
        repeats: 1,
        ..bounds()
    });
    assert!(states > 1_000, "{states}");
}

#[test]
fn every_order_of_kills_and_returns_keeps_the_limit() {
    let states = explore(Bounds {
        kills: 1,
        ticks: 1,
        ..bounds()
    });
    assert!(states > 1_000, "{states}");
}

#[test]
fn every_order_of_a_lowered_limit_keeps_it() {
    let states = explore(Bounds {
        lowered: Some(1),
        ..bounds()
    });
    assert!(states > 1_000, "{states}");
}

/// A long run at random; what went wrong.
fn simulate(seed: u64, fault: Option<Fault>) -> (Option<&'static str>, u64) {
    let mut chance = Seeded(seed);
    let mut world = World::new(Bounds {
        edges: 3,
        limit: 20 + chance.below(60),
        lowered: (chance.below(2) == 0).then(|| 5 + chance.below(15)),
        requests: 200,
        costs: 3,
        losses: 30,
        repeats: 30,
        kills: 5,
        ticks: 40,
        fault,
    });
    for _ in 0..1_500 {
        let mut acts = world.acts();
        // Most messages arrive before something else happens.
        let arrives = |act: &Act| matches!(act, Act::Deliver(_));
        if acts.iter().any(arrives) && chance.below(2) == 0 {
            acts.retain(arrives);
        }
        if acts.is_empty() || world.wrong.is_some() {
            break;
        }
        let place = chance.below(acts.len() as u64);
        let act = usize::try_from(place)
            .ok()
            .and_then(|place| acts.get(place));
        act.into_iter().for_each(|act| world.carry_out(*act));
    }
    (world.wrong, world.admitted)
}

#[test]
fn long_runs_at_random_keep_every_limit() {
    let mut admitted = 0;
    for seed in 0..400 {
        let (wrong, let_in) = simulate(seed, None);
        assert_eq!(wrong, None, "seed {seed}");
        admitted += let_in;
    }
    assert!(admitted > 5_000, "{admitted}");
}

/// Each fault is one that an implementation could have; the world finds it.
#[test]
fn each_planted_fault_is_found() {
    for fault in Fault::ALL {
        let found = (0..2_000).find(|seed| simulate(*seed, Some(fault)).0.is_some());
        assert!(found.is_some(), "{fault:?} is not found");
    }
}
