//! One run: a deployment drawn from a seed, and what a seed lets happen to it.

#![allow(unreachable_pub, reason = "a test's support is nobody's interface")]

use katalo_keys::freshness::records::SLOT_BYTES;
use katalo_keys::freshness::{Bound, Subject};
use katalo_keys::random::Seeded;

use super::world::action::Action;
use super::world::clock::Clock;
use super::world::net::Node;
use super::world::oracle::Decisions;
use super::world::{Mutant, Rec, START, Setup, World, key, organization};

/// What must not be once the faults have stopped.
pub const STUCK: &str = "does not recover";

/// What must not be either, where every machine can confirm.
pub const UNCONFIRMED: &str = "is not enforced by confirmation";

/// Steps of one run.
const STEPS: u64 = 1_600;

/// What happens by chance in a run.
struct Dice(Seeded);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        choices
            .get(self.below(choices.len() as u64) as usize)
            .copied()
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub steps: u64,
    pub decisions: Decisions,
    pub promises: u64,
    pub simulated_ms: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.decisions.memory += other.decisions.memory;
        self.decisions.kv += other.decisions.kv;
        self.decisions.registry += other.decisions.registry;
        self.promises += other.promises;
        self.simulated_ms += other.simulated_ms;
    }
}

pub struct Run {
    setup: Setup,
    world: World,
    dice: Dice,
    traced: bool,
    /// Faults come once in this many steps.
    calm: u64,
    /// The one small step back that nobody need notice is still to come.
    slip: bool,
}

impl Run {
    pub fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let mut dice = Dice(Seeded(seed));
        let bound = dice.of(&[200, 1_000, 5_000, 20_000]).unwrap();
        let small = dice.one_in(4);
        let mut setup = Setup {
            mutant,
            bound: Bound::new(bound).unwrap(),
            relays: dice.within(1, 3) as u8,
            edges: dice.within(1, 3) as u8,
            registries: dice.within(1, 2) as u8,
            keys: dice.within(1, 3) as u8,
            // Just room for the records of six requests: what is smaller loads for
            // ever.
            view_limit: if small {
                12 * (SLOT_BYTES + size_of::<Rec>())
            } else {
                1 << 20
            },
            requests: 6,
            calls: 3,
            in_flight: 40,
            confirmations: dice.below(4) > 0,
            older: Vec::new(),
            holders: dice.of(&[1, 2, 8]).unwrap(),
        };
        if dice.one_in(3) {
            let nodes = [Node::Log, Node::Relay(0), Node::Edge(0), Node::Registry(0)];
            setup.older = nodes.into_iter().filter(|_| dice.one_in(2)).collect();
        }
        let mut world = World::new(&setup);
        world.oracle.counting = true;
        let mut clock = || {
            let rate = dice.within(0, 9_800) as i64 - 4_900;
            Clock::new(START, dice.within(1 << 32, 1 << 40), rate)
        };
        world.log_clock = clock();
        world
            .relays
            .iter_mut()
            .for_each(|relay| relay.clock = clock());
        world.edges.iter_mut().for_each(|edge| edge.clock = clock());
        (world.registries.iter_mut()).for_each(|registry| registry.clock = clock());
        Self {
            calm: dice.of(&[8, 20, 60, 1_000]).unwrap(),
            slip: dice.one_in(2),
            setup,
            world,
            dice,
            traced: false,
        }
    }

    /// Prints every step.
    pub fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// Runs to the end; then the faults stop and all must recover.
    pub fn finish(mut self) -> Result<Tally, String> {
        for step in 0..STEPS {
            if self.dice.one_in(self.calm) {
                self.fault();
            } else {
                self.ordinary();
            }
            if let Some(violation) = self.world.oracle.violation {
                return Err(format!("step {step}: {violation}"));
            }
        }
        let tally = Tally {
            steps: STEPS,
            decisions: self.world.oracle.decisions,
            promises: self.world.oracle.promises,
            simulated_ms: self.world.now - START,
        };
        if self.setup.mutant.is_none_or(Mutant::breaks_progress) {
            self.unclamp();
            if !self.world.recovers(&self.setup) {
                return Err(format!("in the end: {STUCK}"));
            }
            let older = !self.setup.confirmations || !self.setup.older.is_empty();
            let crowded = self.setup.holders < usize::from(self.setup.edges);
            if !older && !crowded && !self.world.clone().confirms(&self.setup) {
                return Err(format!("in the end: {UNCONFIRMED}"));
            }
        }
        Ok(tally)
    }

    fn act(&mut self, action: Action) {
        if self.traced {
            #[expect(clippy::print_stdout, reason = "a replay shows its steps")]
            {
                println!("{:>9} {action:?}", self.world.now - START);
            }
        }
        self.world.apply(&self.setup, action);
    }

    fn edge(&mut self) -> u8 {
        self.dice.below(self.setup.edges.into()) as u8
    }

    fn relay(&mut self) -> u8 {
        self.dice.below(self.setup.relays.into()) as u8
    }

    fn registry(&mut self) -> u8 {
        self.dice.below(self.setup.registries.into()) as u8
    }

    fn key(&mut self) -> (u8, Subject) {
        let registry = self.registry();
        let k = self.dice.below(self.setup.keys.into()) as u8;
        (registry, key(registry, k))
    }

    /// Mostly a key; one in six the organization.
    fn subject(&mut self) -> (u8, Subject) {
        let (registry, key) = self.key();
        if self.dice.one_in(6) {
            return (registry, organization(registry));
        }
        (registry, key)
    }

    fn ordinary(&mut self) {
        if self.setup.confirmations && self.dice.one_in(8) {
            return self.confirm_step();
        }
        match self.dice.below(100) {
            0..36 => self.deliver(),
            36..44 => {
                let (edge, (_, key)) = (self.edge(), self.key());
                let strict = self.dice.one_in(20);
                self.act(Action::Arrive { edge, key, strict });
            }
            44..50 => self.pass_time(),
            50..68 => self.read_kv(),
            68..72 => {
                let edge = self.edge();
                let frozen = self.dice.one_in(3);
                self.act(Action::Refresh { edge, frozen });
            }
            72..80 => {
                let edge = self.edge();
                let waiting = self.world.edges[usize::from(edge)].waiting();
                if let Some(request) = self.dice.of(&waiting) {
                    self.act(Action::Look { edge, request });
                }
            }
            80..82 => {
                let edge = self.edge();
                let deadlines = self.world.deadlines(edge);
                if let Some((which, _)) = self.dice.of(&deadlines) {
                    self.act(Action::TimeOut { edge, which });
                }
            }
            82..84 => {
                let relay = self.relay();
                self.act(Action::Wake { relay });
            }
            84..87 => {
                let (registry, subject) = self.subject();
                if self.world.registries[usize::from(registry)].may_serve(&self.setup) {
                    self.act(Action::Change { registry, subject });
                }
            }
            _ => self.registry_step(),
        }
    }

    fn confirm_step(&mut self) {
        match self.dice.below(8) {
            0..4 => {
                let edge = self.edge();
                self.act(Action::Carry { edge });
            }
            4..7 => {
                let registry = self.registry();
                let awaited = self.world.could_await(registry);
                if let Some(subject) = self.dice.of(&awaited) {
                    self.call(registry, subject);
                }
            }
            _ => {
                let relay = self.relay();
                self.act(Action::EndHolds { relay });
            }
        }
    }

    fn registry_step(&mut self) {
        let (registry, subject) = self.subject();
        match self.dice.below(8) {
            0..4 => self.act(Action::Alarm { registry }),
            4 => self.hear(registry, Action::Resume { registry }),
            _ if self.world.registries[usize::from(registry)].may_serve(&self.setup) => {
                self.call(registry, subject);
            }
            _ => {}
        }
    }

    /// A client calls.
    fn call(&mut self, registry: u8, subject: Subject) {
        self.hear(registry, Action::Call { registry, subject });
    }

    /// Once a client hears `enforced`, requests come everywhere.
    fn hear(&mut self, registry: u8, action: Action) {
        let before = self.world.oracle.promises;
        self.act(action);
        if self.world.oracle.promises == before {
            return;
        }
        for edge in 0..self.setup.edges {
            for k in 0..self.setup.keys {
                let key = key(registry, k);
                let strict = false;
                self.act(Action::Arrive { edge, key, strict });
            }
        }
    }

    fn deliver(&mut self) {
        let ids: Vec<u64> = self.world.net.iter().map(|(id, _)| id).collect();
        if let Some(id) = self.dice.of(&ids) {
            let twice = self.dice.one_in(10);
            self.act(if twice {
                Action::Duplicate(id)
            } else {
                Action::Deliver(id)
            });
        }
    }

    fn pass_time(&mut self) {
        let bound = self.setup.bound.millis().0;
        let ms = match self.dice.below(100) {
            // What requests take.
            0..50 => self.dice.within(0, 100),
            50..65 => self.dice.within(0, bound / 16),
            65..75 => self.dice.within(0, bound / 3),
            // To the very end of a wait: where a promise falls due.
            75..92 => {
                let (registry, subject) = self.subject();
                let now = self.world.now;
                let registry_node = &mut self.world.registries[usize::from(registry)];
                let left = registry_node.longest_wait(now, &self.setup);
                self.act(Action::Tick(left.0));
                self.call(registry, subject);
                return;
            }
            92..99 => self.dice.within(0, 3 * bound),
            _ => self.dice.within(bound, 3 * 3_600_000),
        };
        self.act(Action::Tick(ms));
    }

    /// KV gives its newest value, one however old, or a miss.
    fn read_kv(&mut self) {
        let edges = (0..).zip(&self.world.edges);
        let reads: Vec<(u8, (usize, Subject))> = edges
            .flat_map(|(number, edge)| edge.kv_reads().into_iter().map(move |read| (number, read)))
            .collect();
        let Some((edge, (request, subject))) = self.dice.of(&reads) else {
            return;
        };
        let values = &self.world.kv[&subject];
        let value = match self.dice.below(10) {
            0 => None,
            1..5 => self.dice.of(values),
            _ => values.last().copied(),
        };
        self.act(Action::ReadKv {
            edge,
            request,
            subject,
            value,
        });
    }

    fn fault(&mut self) {
        let node = match self.dice.below(8) {
            0 => Node::Log,
            1..3 => Node::Relay(self.relay()),
            3..6 => Node::Edge(self.edge()),
            _ => Node::Registry(self.registry()),
        };
        match self.dice.below(20) {
            0..4 => {
                let ids: Vec<u64> = self.world.net.iter().map(|(id, _)| id).collect();
                if let Some(id) = self.dice.of(&ids) {
                    let silently = self.dice.one_in(2);
                    self.act(if silently {
                        Action::Lose(id)
                    } else {
                        Action::Refuse(id)
                    });
                }
            }
            4..6 => self.cut_off(node),
            6..10 => self.end(node),
            10 => {
                let registry = self.registry();
                self.act(Action::Backup { registry });
            }
            11 => {
                let registry = self.registry();
                self.act(Action::Restore { registry });
            }
            12 => {
                let bound = self.dice.within(200, 2 * self.setup.bound.millis().0);
                self.act(Action::SetBound(Bound::new(bound).unwrap()));
            }
            13..15 => {
                // By as much as a wait, or by hours.
                let most = self.dice.of(&[3, 3, 1_000]).unwrap();
                let by = self.dice.within(1, most * self.setup.bound.millis().0);
                self.act(Action::StepBack { node, by });
            }
            15 => {
                // Ahead is safe where proofs age, and only there.
                let by = self.dice.within(1, 3 * self.setup.bound.millis().0);
                let proves = match node {
                    // It counts when its edges' leases are over.
                    Node::Relay(_) => !self.setup.confirmations,
                    Node::Edge(_) => true,
                    Node::Log | Node::Registry(_) => false,
                };
                if proves {
                    self.act(Action::StepAhead { node, by });
                }
            }
            17 if self.dice.one_in(4) => self.act(Action::ReplaceLog),
            18 => {
                let edge = self.edge();
                self.act(Action::EndCarrier { edge });
            }
            16 if self.slip => {
                self.slip = false;
                self.world.clock(node).slip(40);
            }
            _ => self.world.clock(node).lag = self.dice.within(0, 20),
        }
    }

    /// What is on its way from and to a machine is lost.
    fn cut_off(&mut self, node: Node) {
        self.world
            .net
            .lose(|message| message.from == node || message.to == node);
    }

    fn end(&mut self, node: Node) {
        self.act(match node {
            Node::Log => Action::EvictLog,
            Node::Relay(relay) => Action::EvictRelay { relay },
            Node::Edge(edge) => Action::RestartEdge { edge },
            Node::Registry(registry) => Action::Crash { registry },
        });
    }

    fn unclamp(&mut self) {
        let edges = (0..self.setup.edges).map(Node::Edge);
        let relays = (0..self.setup.relays).map(Node::Relay);
        let registries = (0..self.setup.registries).map(Node::Registry);
        for node in edges.chain(relays).chain(registries).chain([Node::Log]) {
            self.world.clock(node).lag = 0;
        }
    }
}
