//! The worlds that are explored, and what bounds them.

#![allow(unreachable_pub, reason = "a test's support is nobody's interface")]

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use katalo_keys::freshness::change_log::LogStore;
use katalo_keys::freshness::{Bound, Subject};
use stateright::{Model, Property};

use super::world::action::Action;
use super::world::net::Node;
use super::world::oracle::{GUARANTEE, WENT_BACK};
use super::world::registry::FIRST;
use super::world::{Setup, World, key, organization};

/// Of one organization with one key.
const KEY: fn() -> Subject = || key(0, 0);

/// The bound of most worlds, in milliseconds; a change then waits for 303.
const BOUND: u64 = 200;
/// Half of that wait: a proof of one tick's age is good, of two is not, and
/// after two the wait is over.
const TICK: u64 = 152;

/// One in so many states is let run on without trouble, to see that all
/// recovers.
const RECOVERY_IN: u64 = 256;

/// A world and its trouble. Every number is the most there may be of its kind
/// in one history.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub setup: Setup,
    /// Transitions looked at; all unless said.
    pub at_most: Option<usize>,
    /// The edges begin with both records in their views.
    warm: bool,
    /// The key begins as revoked, enforced.
    revoked: bool,
    /// What changes.
    subjects: Vec<Subject>,
    changes: u8,
    tick: u64,
    pub ticks: u8,
    /// Messages lost, refused, delivered twice or later than their deadline.
    messages: u8,
    faults: u8,
    fault: Vec<Action>,
    /// Parts per million that the edges' and the registry's clock are fast.
    rates: [i64; 2],
}

/// What may still happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Left {
    changes: u8,
    ticks: u8,
    messages: u8,
    faults: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    world: World,
    left: Left,
}

impl State {
    pub fn violation(&self) -> Option<&'static str> {
        self.world.oracle.violation
    }
}

/// The guarantee.
pub const SAFE: &str = "acknowledged, hence never decided otherwise";
/// That a change becomes enforced happens at all.
pub const ENFORCED: &str = "a change is enforced";
/// That it becomes so by confirmation, before any time has passed, happens at all.
pub const AT_ONCE: &str = "a change is enforced at once";
/// That an edge decides on an enforced change happens at all.
pub const DECIDED_AFTER: &str = "an edge decides on an enforced change from memory";

impl Scenario {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            setup: Setup {
                mutant: None,
                bound: Bound::new(BOUND).unwrap(),
                relays: 1,
                edges: 1,
                registries: 1,
                keys: 1,
                view_limit: 1 << 20,
                requests: 1,
                calls: 0,
                in_flight: 4,
                confirmations: false,
                older: Vec::new(),
                holders: 4,
            },
            at_most: None,
            warm: true,
            revoked: false,
            subjects: vec![KEY()],
            changes: 1,
            tick: TICK,
            ticks: 2,
            messages: 0,
            faults: 0,
            fault: Vec::new(),
            rates: [0, 0],
        }
    }

    /// Too wide to be explored to its end in an ordinary run: with room for two
    /// messages in flight, and so many transitions, depth first.
    fn narrow(mut self) -> Self {
        self.setup.in_flight = 2;
        self.at_most = Some(250_000);
        self
    }

    /// What is explored, in words.
    pub fn bounds(&self) -> String {
        format!(
            "{} edge(s), {} change(s), {} in flight, {} ticks of {} ms, {} message(s) lost or repeated, {} fault(s) of {}",
            self.setup.edges,
            self.changes,
            self.setup.in_flight,
            self.ticks,
            self.tick,
            self.messages,
            self.faults,
            self.fault.len()
        )
    }

    /// Whether all recovers from here without trouble: of a state that is
    /// drawn for it.
    fn recovers(&self, state: &State) -> bool {
        let drawn = BuildHasherDefault::<DefaultHasher>::default().hash_one(state);
        self.setup.mutant.is_some()
            || !drawn.is_multiple_of(RECOVERY_IN)
            || state.world.clone().recovers(&self.setup)
    }

    /// Whether, where nothing fails, a change made then is enforced by confirmation: of
    /// a state that is drawn for it.
    fn confirms(&self, state: &State) -> bool {
        let drawn = BuildHasherDefault::<DefaultHasher>::default().hash_one(state);
        let setup = &self.setup;
        let nothing_fails = self.warm && self.faults == 0 && self.messages == 0;
        let everybody_confirms = setup.confirmations && setup.older.is_empty() && setup.holders > 1;
        let applies = setup.mutant.is_none() && nothing_fails && everybody_confirms;
        !applies || !drawn.is_multiple_of(RECOVERY_IN) || state.world.clone().confirms(setup)
    }

    /// Everybody calls, and requests arrive everywhere.
    fn notice(&self, world: &mut World) {
        world.call_unnoticed(&self.setup);
        for edge in 0..self.setup.edges {
            world.arrive_unnoticed(&self.setup, edge, KEY());
        }
    }

    /// Whether the action is taken here. What is left out is found in another
    /// order or another scenario: nobody sends a second time while the first
    /// message or its answer is under way (the network repeats messages), and
    /// nobody looks again where nothing has come.
    fn is_taken(&self, world: &World, action: &Action) -> bool {
        let quiet = |node| world.is_quiet(node);
        let ready =
            |edge| (world.edges[usize::from(edge)]).could_decide(&self.setup, world.now, KEY());
        match action {
            // Made in every state; but it takes a call to ask the log.
            Action::Call { registry, .. } => {
                self.setup.confirmations && quiet(Node::Registry(*registry))
            }
            // Counted in every state, unless it has something to wait for.
            Action::Arrive { edge, .. } => {
                world.edges[usize::from(*edge)].requests.is_empty() && !ready(*edge)
            }
            // Where records are here and unproven, a request asks the same.
            Action::Refresh { edge, .. } => {
                ready(*edge) || !world.edges[usize::from(*edge)].view.holds(&KEY())
            }
            // One after the other; what never changes is found at once.
            Action::ReadKv { subject, value, .. } if !self.subjects.contains(subject) => {
                value.is_some()
            }
            Action::ReadKv { edge, .. } => {
                let reads = world.edges[usize::from(*edge)].kv_reads();
                (reads.iter()).all(|(_, subject)| self.subjects.contains(subject))
            }
            Action::Wake { relay } => quiet(Node::Relay(*relay)),
            Action::Alarm { registry } => quiet(Node::Registry(*registry)),
            _ => true,
        }
    }
}

/// Nothing that a registry committed is forgotten: it is in the log, or is
/// still to be told.
fn nothing_is_lost(world: &World) -> bool {
    let store = world.log.clone().into_store();
    world.registries.iter().all(|registry| {
        registry.stored.records.iter().all(|(subject, record)| {
            let known = store
                .last_change_of(*subject)
                .unwrap_or_else(|never| match never {})
                .map(|change| change.revision);
            record.revision == FIRST
                || known >= Some(record.revision)
                || registry.stored.rows.contains_key(subject)
        })
    })
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut world = World::new(&self.setup);
        for edge in &mut world.edges {
            edge.clock.rate = self.rates[0];
        }
        for registry in &mut world.registries {
            registry.clock.rate = self.rates[1];
        }
        if self.revoked {
            world.carry_everything(&self.setup);
            world.change(&self.setup, 0, KEY());
            world.carry_everything(&self.setup);
            world.now += 2 * TICK;
        }
        for _ in 0..2 {
            world.carry_everything(&self.setup);
        }
        if self.setup.confirmations {
            // Until the log knows of every lease, and watches are open.
            for _ in 0..4 {
                world.now += self.tick;
                world.carry_everything(&self.setup);
            }
        }
        self.notice(&mut world);
        if !self.warm {
            for edge in &mut world.edges {
                edge.restart(&self.setup);
            }
        }
        let left = Left {
            changes: self.changes,
            ticks: self.ticks,
            messages: self.messages,
            faults: self.faults,
        };
        vec![State { world, left }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let (world, left) = (&state.world, &state.left);
        if world.oracle.violation.is_some() {
            return;
        }
        // Time first: a search depth first takes it last.
        if left.ticks > 0 {
            actions.push(Action::Tick(self.tick));
        }
        for action in world.possible(&self.setup) {
            if self.is_taken(world, &action) && !actions.contains(&action) {
                actions.push(action);
            }
        }
        if left.changes > 0 && world.registries[0].may_serve(&self.setup) {
            let change = |subject: &Subject| Action::Change {
                registry: 0,
                subject: *subject,
            };
            actions.extend(self.subjects.iter().map(change));
        }
        if left.messages > 0 {
            for (id, message) in world.net.iter() {
                actions.extend([Action::Lose(id), Action::Duplicate(id)]);
                if message.is_request() {
                    actions.push(Action::Refuse(id));
                }
            }
            for edge in 0..self.setup.edges {
                let late = world.deadlines(edge).into_iter();
                let late = late.filter(|(_, is_under_way)| *is_under_way);
                actions.extend(late.map(|(which, _)| Action::TimeOut { edge, which }));
            }
        }
        if left.faults > 0 {
            actions.extend(&self.fault);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let State {
            mut world,
            mut left,
        } = last.clone();
        match action {
            Action::Tick(_) => left.ticks -= 1,
            Action::Change { .. } => left.changes -= 1,
            Action::Lose(_) | Action::Refuse(_) | Action::Duplicate(_) => left.messages -= 1,
            Action::TimeOut { edge, which } if world.deadlines(edge).contains(&(which, true)) => {
                left.messages -= 1;
            }
            _ if self.fault.contains(&action) => left.faults -= 1,
            _ => {}
        }
        world.apply(&self.setup, action);
        self.notice(&mut world);
        Some(State { world, left })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SAFE, |_, state: &State| {
                !(state.violation()).is_some_and(|what| GUARANTEE.contains(&what))
            }),
            Property::always("an edge's reads are monotonic", |_, state: &State| {
                state.violation() != Some(WENT_BACK)
            }),
            Property::always("a registry acts on what it knows", |_, state: &State| {
                let other = |what| what == WENT_BACK || GUARANTEE.contains(&what);
                state.violation().is_none_or(other)
            }),
            Property::always("no change is lost", |_, state: &State| {
                nothing_is_lost(&state.world)
            }),
            Property::always("all recovers", Self::recovers),
            Property::sometimes(ENFORCED, |_, state: &State| {
                let subjects = [KEY(), organization(0)];
                let enforced = |subject| state.world.oracle.is_enforced(subject, FIRST.next());
                subjects.into_iter().any(enforced)
            }),
            Property::sometimes(AT_ONCE, |_, state: &State| {
                let world = &state.world;
                world.now == world.changed_at
                    && [KEY(), organization(0)]
                        .iter()
                        .any(|subject| world.oracle.is_enforced(*subject, FIRST.next()))
            }),
            Property::always("all is confirmed", Self::confirms),
            Property::sometimes(DECIDED_AFTER, |_, state: &State| {
                let world = &state.world;
                let shown = |subject: &Subject| {
                    let shown = world.edges[0].has_shown(subject);
                    shown.is_some_and(|shown| {
                        shown > FIRST && world.oracle.is_enforced(*subject, shown)
                    })
                };
                [KEY(), organization(0)].iter().any(shown)
            }),
        ]
    }
}

/// A cold edge loads while the key changes: KV gives any value or a miss, and
/// answers race.
pub fn races() -> Scenario {
    Scenario {
        warm: false,
        ..Scenario::new("races")
    }
    .narrow()
}

/// Messages are lost, refused, repeated and overtake each other.
pub fn bad_network() -> Scenario {
    Scenario {
        messages: 1,
        ..Scenario::new("bad network")
    }
}

/// The registry's process ends between any two steps.
pub fn crashes() -> Scenario {
    Scenario {
        faults: 1,
        fault: vec![Action::Crash { registry: 0 }],
        ..Scenario::new("crashes")
    }
}

/// Relay and log lose their memory.
pub fn lost_memory() -> Scenario {
    Scenario {
        faults: 1,
        fault: vec![Action::EvictRelay { relay: 0 }, Action::EvictLog],
        ..Scenario::new("lost memory")
    }
}

/// An isolate restarts, and answers to the one before come to the new one.
pub fn restarted_isolate() -> Scenario {
    Scenario {
        faults: 1,
        fault: vec![Action::RestartEdge { edge: 0 }],
        ..Scenario::new("restarted isolate")
    }
    .narrow()
}

/// A key is revoked and given back, or its organization is, while the first
/// wait runs.
pub fn repeated_calls() -> Scenario {
    Scenario {
        changes: 2,
        subjects: vec![KEY(), organization(0)],
        ..Scenario::new("repeated calls")
    }
}

/// A key was revoked; the registry is set back to a backup from before that.
/// The edge is cold, and KV may give it the older value.
pub fn restored_registry() -> Scenario {
    Scenario {
        warm: false,
        revoked: true,
        faults: 1,
        fault: vec![Action::Restore { registry: 0 }],
        ..Scenario::new("restored registry")
    }
    .narrow()
}

/// The operator doubles the bound.
pub fn raised_bound() -> Scenario {
    Scenario {
        faults: 1,
        fault: vec![Action::SetBound(Bound::new(2 * BOUND).unwrap())],
        ..Scenario::new("raised bound")
    }
}

/// The operator halves the bound while the longer leases are out; the log is
/// evicted.
pub fn lowered_bound() -> Scenario {
    let mut scenario = Scenario {
        ticks: 4,
        faults: 2,
        fault: vec![
            Action::SetBound(Bound::new(BOUND).unwrap()),
            Action::EvictLog,
        ],
        ..Scenario::new("lowered bound")
    };
    scenario.setup.bound = Bound::new(2 * BOUND).unwrap();
    scenario.narrow()
}

/// A clock steps back, by as much as a whole wait.
pub fn bad_clocks() -> Scenario {
    let back = |node| Action::StepBack { node, by: 2 * TICK };
    Scenario {
        faults: 1,
        fault: [Node::Edge(0), Node::Relay(0), Node::Registry(0), Node::Log]
            .map(back)
            .to_vec(),
        ..Scenario::new("bad clocks")
    }
}

/// The edge's clock is as slow as it may be, the registry's as fast; a tick is
/// one millisecond longer than the bound.
pub fn drifting_clocks() -> Scenario {
    Scenario {
        tick: BOUND + 1,
        rates: [-4_900, 4_900],
        ..Scenario::new("drifting clocks")
    }
}

/// Two edges at one relay.
pub fn two_edges() -> Scenario {
    let mut scenario = Scenario::new("two edges");
    scenario.setup.edges = 2;
    scenario.narrow()
}

/// Changes are enforced by confirmation.
fn confirmed(name: &'static str) -> Scenario {
    let mut scenario = Scenario::new(name);
    scenario.setup.confirmations = true;
    // Too wide to be explored to its end in an ordinary run.
    scenario.at_most = Some(250_000);
    scenario
}

/// One edge at one relay confirms.
pub fn confirming() -> Scenario {
    confirmed("confirming")
}

/// Two edges at one relay confirm.
pub fn two_confirm() -> Scenario {
    let mut scenario = confirmed("two confirm");
    scenario.setup.edges = 2;
    scenario
}

/// An edge holds leases from two relays.
pub fn two_relays() -> Scenario {
    let mut scenario = confirmed("two relays");
    scenario.setup.relays = 2;
    scenario.messages = 1;
    scenario
}

/// A relay ends between a lease and its confirmation.
pub fn evicted_lender() -> Scenario {
    Scenario {
        faults: 1,
        fault: vec![Action::EvictRelay { relay: 0 }],
        ..confirmed("evicted lender")
    }
}

/// The log restarts between the append and the floor.
pub fn restarted_log() -> Scenario {
    Scenario {
        faults: 1,
        fault: vec![Action::EvictLog],
        ..confirmed("restarted log")
    }
}

/// Watches, confirmations and their replies are lost, repeated and late.
pub fn late_messages() -> Scenario {
    Scenario {
        messages: 1,
        ..confirmed("late messages")
    }
}

/// A cold edge loads records while the change is confirmed.
pub fn load_across() -> Scenario {
    Scenario {
        warm: false,
        ..confirmed("load across a confirmation")
    }
}

/// The carrier of an edge ends, and its isolate with it.
pub fn lost_carrier() -> Scenario {
    Scenario {
        faults: 1,
        fault: vec![
            Action::EndCarrier { edge: 0 },
            Action::RestartEdge { edge: 0 },
            Action::EndHolds { relay: 0 },
        ],
        ..confirmed("lost carrier")
    }
}

/// The connection of an edge's watch is broken.
pub fn broken_watch() -> Scenario {
    Scenario {
        faults: 1,
        fault: vec![Action::BreakWatches { edge: 0, relay: 0 }],
        ..confirmed("broken watch")
    }
}

/// The registry ends while it awaits the floor.
pub fn crashed_awaiting() -> Scenario {
    Scenario {
        faults: 1,
        fault: vec![Action::Crash { registry: 0 }],
        ..confirmed("crashed awaiting")
    }
}

/// One edge is of an older version, and does not say who it is.
pub fn older_edge() -> Scenario {
    let mut scenario = confirmed("older edge");
    scenario.setup.older = vec![Node::Edge(0)];
    scenario
}

/// Two edges at a relay whose account has room for one.
pub fn full_account() -> Scenario {
    let mut scenario = confirmed("full account");
    scenario.setup.edges = 2;
    scenario.setup.holders = 1;
    scenario
}

/// The operator halves the bound while the longer leases are out.
pub fn lowered_lease() -> Scenario {
    let mut scenario = Scenario {
        ticks: 3,
        faults: 1,
        fault: vec![Action::SetBound(Bound::new(BOUND).unwrap())],
        ..confirmed("lowered lease")
    };
    scenario.setup.bound = Bound::new(2 * BOUND).unwrap();
    scenario
}

/// A clock that counts leases steps back.
pub fn lenders_step_back() -> Scenario {
    let back = |node| Action::StepBack { node, by: 2 * TICK };
    Scenario {
        faults: 1,
        fault: [Node::Edge(0), Node::Relay(0), Node::Registry(0), Node::Log]
            .map(back)
            .to_vec(),
        ..confirmed("lenders step back")
    }
}

/// The edge's clock is as slow as it may be; a tick is one millisecond longer than the
/// bound.
pub fn drifting_lenders() -> Scenario {
    Scenario {
        tick: BOUND + 1,
        rates: [-4_900, 4_900],
        ..confirmed("drifting lenders")
    }
}

/// Beyond what is assumed: a relay's clock steps ahead by a whole wait, so it takes
/// a lease to be over that is not.
pub fn relay_steps_ahead() -> Scenario {
    let (node, by) = (Node::Relay(0), 2 * TICK);
    Scenario {
        faults: 1,
        fault: vec![Action::StepAhead { node, by }],
        ..confirmed("relay steps ahead")
    }
}

/// A relay has no room, so that an edge turns to the log, and what the relay says
/// after all comes too late.
pub fn two_ways() -> Scenario {
    let mut scenario = Scenario::new("two ways");
    scenario.setup.requests = 2;
    scenario.messages = 2;
    scenario.narrow()
}
