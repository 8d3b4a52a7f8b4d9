//! Everything that may happen next.

use katalo_keys::freshness::change_log::ChangeLog;
use katalo_keys::freshness::{Bound, Incarnation, Reading, Subject};
use katalo_keys::verify::Freshness;

use super::clock::Clock;
use super::net::{Body, Context, Node};
use super::{Mutant, Rec, Setup, World, key};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// True time passes, in milliseconds.
    Tick(u64),
    /// A request for a key arrives at an edge; `strict`: it is to be decided by the
    /// registry.
    Arrive {
        edge: u8,
        key: Subject,
        strict: bool,
    },
    /// A request's timer runs out.
    Look { edge: u8, request: usize },
    /// A background refresh; `frozen`: on a clock that stands still.
    Refresh { edge: u8, frozen: bool },
    /// KV gives a value of any age, or a miss.
    ReadKv {
        edge: u8,
        request: usize,
        subject: Subject,
        value: Option<Rec>,
    },
    /// The deadline passes of what a request has sent, or a refresh.
    TimeOut { edge: u8, which: usize },
    /// A waiting question at a relay looks again.
    Wake { relay: u8 },
    /// An edge's carrier goes on, or begins.
    Carry { edge: u8 },
    /// The platform ends an edge's carrier.
    EndCarrier { edge: u8 },
    /// The hold of every watch at a relay is over, and of the relay's at the log.
    EndHolds { relay: u8 },
    /// The connection of the watches that an edge has at a relay is broken.
    BreakWatches { edge: u8, relay: u8 },
    /// A message arrives.
    Deliver(u64),
    /// A message arrives, and will arrive again.
    Duplicate(u64),
    /// A message is lost.
    Lose(u64),
    /// A message is lost and its sender told so.
    Refuse(u64),
    /// A subject's right is taken, or given back.
    Change { registry: u8, subject: Subject },
    /// The registry's alarm goes off.
    Alarm { registry: u8 },
    /// A client calls, or calls again, to hear whether it is enforced.
    Call { registry: u8, subject: Subject },
    /// A call that waits looks again.
    Resume { registry: u8 },
    /// The registry's process ends; another starts.
    Crash { registry: u8 },
    /// The registry is copied.
    Backup { registry: u8 },
    /// The registry is set back to the copy and starts anew.
    Restore { registry: u8 },
    /// The log's process ends; another starts.
    EvictLog,
    /// A relay's process ends; another starts.
    EvictRelay { relay: u8 },
    /// An isolate ends; another starts.
    RestartEdge { edge: u8 },
    /// The operator sets the bound.
    SetBound(Bound),
    /// Another life of the log takes over what the last one knew.
    ReplaceLog,
    /// A machine's clock steps back by more than it had advanced.
    StepBack { node: Node, by: u64 },
    /// A machine's clock steps ahead.
    StepAhead { node: Node, by: u64 },
}

impl World {
    /// What may happen without a fault, apart from time and new changes.
    pub fn possible(&self, setup: &Setup) -> Vec<Action> {
        let mut actions = Vec::new();
        actions.extend(self.net.iter().map(|(id, _)| Action::Deliver(id)));
        for edge in 0..setup.edges {
            self.possible_at_edge(setup, edge, &mut actions);
        }
        for (relay, node) in (0..).zip(&self.relays) {
            if !node.parked.is_empty() {
                actions.push(Action::Wake { relay });
            }
        }
        for (registry, node) in (0..).zip(&self.registries) {
            let may_serve = node.commit.may_serve();
            if !may_serve || !node.stored.rows.is_empty() || !node.owed.is_empty() {
                actions.push(Action::Alarm { registry });
            }
            if !node.calls.is_empty() {
                actions.push(Action::Resume { registry });
            }
            if setup.confirmations {
                let call = |subject| Action::Call { registry, subject };
                actions.extend(self.could_await(registry).into_iter().map(call));
            }
        }
        if setup.confirmations {
            let edges = (0..setup.edges).filter(|edge| self.could_carry(setup, *edge));
            actions.extend(edges.map(|edge| Action::Carry { edge }));
        }
        actions
    }

    fn possible_at_edge(&self, setup: &Setup, number: u8, actions: &mut Vec<Action>) {
        let edge = &self.edges[usize::from(number)];
        for registry in 0..setup.registries {
            for k in 0..setup.keys {
                actions.push(Action::Arrive {
                    edge: number,
                    key: key(registry, k),
                    strict: false,
                });
            }
        }
        let read = edge.clock.clone().read(self.now, setup);
        if edge.view.should_refresh(Reading::at(read)) {
            actions.push(Action::Refresh {
                edge: number,
                frozen: false,
            });
        }
        for request in edge.waiting() {
            actions.push(Action::Look {
                edge: number,
                request,
            });
        }
        for (request, subject) in edge.kv_reads() {
            let values = self.kv.get(&subject).into_iter().flatten();
            for value in values.copied().map(Some).chain([None]) {
                actions.push(Action::ReadKv {
                    edge: number,
                    request,
                    subject,
                    value,
                });
            }
        }
        for (which, is_under_way) in self.deadlines(number) {
            if !is_under_way {
                actions.push(Action::TimeOut {
                    edge: number,
                    which,
                });
            }
        }
    }

    /// What has a deadline at an edge, each with whether what was sent, or an answer
    /// to it, is under way.
    pub fn deadlines(&self, number: u8) -> Vec<(usize, bool)> {
        self.edges[usize::from(number)].deadlines(|sent| {
            let parked = self.relays.iter().flat_map(|relay| &relay.parked);
            let mut parked = parked.map(|parked| &parked.context);
            let mut messages = self.net.iter().map(|(_, message)| &message.context);
            let is_it = |context: &Context| context == sent;
            messages.any(is_it) || parked.any(is_it)
        })
    }

    /// Lets it happen.
    pub fn apply(&mut self, setup: &Setup, action: Action) {
        match action {
            Action::Tick(ms) => self.now += ms,
            Action::Arrive { edge, key, strict } => {
                let freshness = if strict {
                    Freshness::Strict
                } else {
                    Freshness::Bounded
                };
                self.arrive(setup, edge, key, freshness);
            }
            Action::Look { edge, request } => self.look(setup, edge, request),
            Action::Refresh { edge, frozen } => self.refresh(setup, edge, frozen),
            Action::ReadKv {
                edge,
                request,
                subject,
                value,
            } => self.read_kv(setup, edge, request, subject, value),
            Action::TimeOut { edge, which } => self.time_out(setup, edge, which),
            Action::Wake { relay } => self.serve_parked(setup, relay),
            Action::Carry { edge } => self.carry(setup, edge),
            Action::EndCarrier { edge } => self.carriers[usize::from(edge)] = None,
            Action::EndHolds { relay } => self.end_holds(setup, relay),
            Action::BreakWatches { edge, relay } => self.break_watches_of(setup, edge, relay),
            Action::Deliver(id) => {
                if let Some(message) = self.net.take(id) {
                    self.deliver(setup, message);
                }
            }
            Action::Duplicate(id) => {
                if let Some(message) = self.net.get(id).cloned() {
                    self.deliver(setup, message);
                }
            }
            Action::Lose(id) => {
                if let Some(lost) = self.net.take(id) {
                    self.break_watch(setup, &lost);
                }
            }
            Action::Refuse(id) => {
                if let Some(message) = self.net.take(id).filter(super::net::Message::is_request) {
                    self.deliver(setup, message.reply(Body::Unavailable));
                }
            }
            Action::Change { registry, subject } => {
                self.changed_at = self.now;
                self.change(setup, registry, subject);
            }
            Action::Alarm { registry } => self.alarm(setup, registry),
            Action::Call { registry, subject } => self.call(setup, registry, subject),
            Action::Resume { registry } => self.resume(setup, registry),
            Action::Crash { registry } => self.restart(setup, Node::Registry(registry)),
            Action::Backup { registry } => {
                let registry = &mut self.registries[usize::from(registry)];
                registry.backup = registry.stored.clone();
            }
            Action::Restore { registry: number } => {
                let registry = &mut self.registries[usize::from(number)];
                registry.stored = registry.backup.clone();
                self.restart(setup, Node::Registry(number));
            }
            Action::EvictLog => self.restart(setup, Node::Log),
            Action::EvictRelay { relay } => self.restart(setup, Node::Relay(relay)),
            Action::RestartEdge { edge } => self.restart(setup, Node::Edge(edge)),
            Action::ReplaceLog => {
                let store = self.log.clone().into_store().reborn();
                self.log = ChangeLog::start(store, Incarnation::from_stored(2));
                self.restart(setup, Node::Log);
            }
            Action::SetBound(bound) => {
                let now = Reading::at(self.log_clock.read(self.now, setup));
                (self.log.set_bound(bound, now)).unwrap_or_else(|never| match never {});
            }
            Action::StepBack { node, by } => self.clock(node).step_back(by),
            Action::StepAhead { node, by } => self.clock(node).step_ahead(by),
        }
    }

    /// The clock of a machine.
    pub fn clock(&mut self, node: Node) -> &mut Clock {
        match node {
            Node::Log => &mut self.log_clock,
            Node::Relay(relay) => &mut self.relays[usize::from(relay)].clock,
            Node::Edge(edge) => &mut self.edges[usize::from(edge)].clock,
            Node::Registry(registry) => &mut self.registries[usize::from(registry)].clock,
        }
    }

    /// Whether, once nothing fails any more, all that was changed becomes
    /// enforced and every edge decides on the newest state: by a schedule that
    /// delivers everything at once.
    pub fn recovers(&mut self, setup: &Setup) -> bool {
        for _ in 0..200 {
            self.carry_everything(setup);
            if self.is_settled(setup) {
                return true;
            }
            self.now += setup.bound.millis().0 / 4;
        }
        false
    }

    /// Whether a change is enforced by confirmation once nothing fails any more:
    /// before its wait could be over, even if everything that failed did so with a
    /// lease in hand.
    pub fn confirms(mut self, setup: &Setup) -> bool {
        let (registry, subject) = (0, key(0, 0));
        // With room for all that is sent at once: what is lost is found out later.
        let setup = &Setup {
            in_flight: 100,
            ..setup.clone()
        };
        // The leases of those who died, fences and hold-offs run out.
        let over = (3 * setup.bound.wait().0).max(25_000);
        for relay in 0..setup.relays {
            self.end_holds(setup, relay);
        }
        for pause in [over, over, 100, 100, 100] {
            self.now += pause;
            self.carry_everything(setup);
        }
        self.change(setup, registry, subject);
        for _ in 0..6 {
            for _ in 0..2 {
                self.call(setup, registry, subject);
                self.deliver_everything(setup);
                for edge in 0..setup.edges {
                    self.carry(setup, edge);
                }
                self.deliver_everything(setup);
            }
            let revision = self.registries[0].stored.records[&subject].revision;
            if self.oracle.is_enforced(subject, revision) {
                return true;
            }
            self.now += 40;
        }
        false
    }

    /// One round in which every message arrives.
    pub fn carry_everything(&mut self, setup: &Setup) {
        for registry in 0..setup.registries {
            self.alarm(setup, registry);
        }
        self.deliver_everything(setup);
        for edge in 0..setup.edges {
            for registry in 0..setup.registries {
                for k in 0..setup.keys {
                    self.edges[usize::from(edge)].requests.clear();
                    self.arrive(setup, edge, key(registry, k), Freshness::Bounded);
                    for _ in 0..4 {
                        self.carry_requests(setup, edge);
                    }
                }
            }
            self.refresh(setup, edge, false);
            self.carry(setup, edge);
        }
        self.deliver_everything(setup);
    }

    /// Whatever the requests of an edge wait for comes.
    fn carry_requests(&mut self, setup: &Setup, edge: u8) {
        for (request, subject) in self.edges[usize::from(edge)].kv_reads() {
            let value = self.kv[&subject].last().copied();
            self.read_kv(setup, edge, request, subject, value);
        }
        self.deliver_everything(setup);
        for (which, is_under_way) in self.deadlines(edge).into_iter().rev() {
            if !is_under_way {
                self.time_out(setup, edge, which);
            }
        }
        for request in self.edges[usize::from(edge)].waiting().into_iter().rev() {
            self.look(setup, edge, request);
        }
    }

    fn deliver_everything(&mut self, setup: &Setup) {
        for _ in 0..20 {
            for relay in 0..setup.relays {
                self.serve_parked(setup, relay);
            }
            let ids: Vec<u64> = self.net.iter().map(|(id, _)| id).collect();
            if ids.is_empty() {
                return;
            }
            for id in ids {
                self.apply(setup, Action::Deliver(id));
            }
        }
    }

    fn is_settled(&self, setup: &Setup) -> bool {
        let mutant_owes = setup.mutant == Some(Mutant::AppendAfterAcknowledgement);
        (0..).zip(&self.registries).all(|(number, registry)| {
            let keys = (0..setup.keys).map(|k| key(number, k));
            let seen = |subject: &Subject| {
                let newest = registry.stored.records[subject].revision;
                self.edges
                    .iter()
                    .all(|edge| edge.has_shown(subject) == Some(newest))
            };
            (registry.stored.rows.is_empty() || mutant_owes) && keys.into_iter().all(|k| seen(&k))
        })
    }
}
