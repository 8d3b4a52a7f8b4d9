//! Everything that may happen next.

use katalo_keys::freshness::change_log::ChangeLog;
use katalo_keys::freshness::{Bound, Incarnation, Reading, Subject};

use super::clock::Clock;
use super::edge::{Brought, Edge};
use super::net::{Body, Node};
use super::{Mutant, Rec, Setup, World, key};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// True time passes, in milliseconds.
    Tick(u64),
    /// A request for a key arrives at an edge, which asks at `via`.
    Arrive { edge: u8, key: Subject, via: Node },
    /// A waiting request looks again.
    Seek { edge: u8, via: Node },
    /// A background refresh; `frozen`: on a clock that stands still.
    Refresh { edge: u8, via: Node, frozen: bool },
    /// A load asks once more.
    Resync { edge: u8, load: usize, via: Node },
    /// KV answers a load: a value of any age, or a miss.
    ReadKv {
        edge: u8,
        load: usize,
        subject: Subject,
        value: Option<Rec>,
    },
    /// A waiting request turns to the registry.
    ReadStrong { edge: u8 },
    /// A waiting question at a relay looks again.
    Wake { relay: u8 },
    /// An edge's carrier goes on, or begins.
    Carry { edge: u8 },
    /// The platform ends an edge's carrier.
    EndCarrier { edge: u8 },
    /// The hold of every watch at a relay is over, and of the relay's at the log.
    EndHolds { relay: u8 },
    /// A registry asks whether anybody still decides below its changes.
    Await { registry: u8 },
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
    /// The registry sends an append.
    Append { registry: u8 },
    /// A client calls, or calls again, to hear whether it is enforced.
    Call { registry: u8, subject: Subject },
    /// The registry deletes rows whose wait is over.
    Settle { registry: u8 },
    /// The registry asks the log where it stands.
    CheckRestored { registry: u8 },
    /// The registry recovers from having been restored.
    Recover { registry: u8 },
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
    pub fn possible(&self, setup: &Setup, via: &[Node]) -> Vec<Action> {
        let mut actions = Vec::new();
        actions.extend(self.net.iter().map(|(id, _)| Action::Deliver(id)));
        for (number, edge) in (0..).zip(&self.edges) {
            self.possible_at_edge(setup, number, edge, via, &mut actions);
        }
        for (relay, node) in (0..).zip(&self.relays) {
            if !node.parked.is_empty() {
                actions.push(Action::Wake { relay });
            }
        }
        if setup.confirmations {
            let edges = (0..setup.edges).filter(|edge| self.could_carry(setup, *edge));
            actions.extend(edges.map(|edge| Action::Carry { edge }));
            let registries = (0..setup.registries).filter(|registry| self.could_await(*registry));
            actions.extend(registries.map(|registry| Action::Await { registry }));
        }
        for (registry, node) in (0..).zip(&self.registries) {
            if node.commit.restore_check().is_some() {
                actions.push(Action::CheckRestored { registry });
            }
            if node.commit.recovery().is_some() {
                actions.push(Action::Recover { registry });
            }
            if node.commit.next_append().is_some() || !node.owed.is_empty() {
                actions.push(Action::Append { registry });
            }
            for (subject, row) in &node.stored.rows {
                actions.push(Action::Settle { registry });
                if !self.oracle.is_enforced(*subject, row.revision) {
                    let subject = *subject;
                    actions.push(Action::Call { registry, subject });
                }
            }
        }
        actions.dedup();
        actions
    }

    fn possible_at_edge(
        &self,
        setup: &Setup,
        number: u8,
        edge: &Edge,
        via: &[Node],
        actions: &mut Vec<Action>,
    ) {
        for via in via.iter().copied() {
            for registry in 0..setup.registries {
                for k in 0..setup.keys {
                    let key = key(registry, k);
                    let edge = number;
                    actions.push(Action::Arrive { edge, key, via });
                }
            }
            if !edge.waiting.is_empty() {
                actions.push(Action::Seek { edge: number, via });
            }
            let read = edge.clock.clone().read(self.now, setup);
            if edge.view.should_refresh(Reading::at(read)) {
                actions.push(Action::Refresh {
                    edge: number,
                    via,
                    frozen: false,
                });
            }
        }
        for (load, loading) in edge.loads.iter().enumerate() {
            for (subject, brought) in &loading.left {
                match brought {
                    Brought::Nothing => {
                        let values = self.kv.get(subject).into_iter().flatten();
                        for value in values.copied().map(Some).chain([None]) {
                            actions.push(Action::ReadKv {
                                edge: number,
                                load,
                                subject: *subject,
                                value,
                            });
                        }
                    }
                    Brought::Unanswered(_) => {
                        actions.extend(via.iter().map(|via| Action::Resync {
                            edge: number,
                            load,
                            via: *via,
                        }));
                    }
                    Brought::Behind => {}
                }
            }
        }
        if !edge.waiting.is_empty() {
            actions.push(Action::ReadStrong { edge: number });
        }
    }

    /// Lets it happen.
    pub fn apply(&mut self, setup: &Setup, action: Action) {
        match action {
            Action::Tick(ms) => self.now += ms,
            Action::Arrive { edge, key, via } => self.arrive(setup, edge, key, via),
            Action::Seek { edge, via } => self.seek(setup, edge, via),
            Action::Refresh { edge, via, frozen } => self.refresh(setup, edge, via, frozen),
            Action::Resync { edge, load, via } => self.resync(setup, edge, load, via),
            Action::ReadKv {
                edge,
                load,
                subject,
                value,
            } => self.read_kv(setup, edge, load, subject, value),
            Action::ReadStrong { edge } => self.read_strong(setup, edge),
            Action::Wake { relay } => self.serve_parked(setup, relay),
            Action::Carry { edge } => self.carry(setup, edge),
            Action::EndCarrier { edge } => self.carriers[usize::from(edge)] = None,
            Action::EndHolds { relay } => self.end_holds(setup, relay),
            Action::Await { registry } => self.await_floor(setup, registry),
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
            Action::Append { registry } => self.append(setup, registry),
            Action::Call { registry, subject } => {
                self.call(setup, registry, subject);
            }
            Action::Settle { registry } => self.settle(setup, registry),
            Action::CheckRestored { registry } => self.check_restored(setup, registry),
            Action::Recover { registry } => self.recover(setup, registry),
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
            self.append(setup, registry);
            self.deliver_everything(setup);
            for edge in 0..setup.edges {
                self.carry(setup, edge);
            }
            self.deliver_everything(setup);
            self.await_floor(setup, registry);
            self.deliver_everything(setup);
            if self.call(setup, registry, subject) {
                return true;
            }
            self.now += 40;
        }
        false
    }

    /// One round in which every message arrives.
    pub fn carry_everything(&mut self, setup: &Setup) {
        let via = Node::Relay(0);
        for registry in 0..setup.registries {
            self.check_restored(setup, registry);
            self.recover(setup, registry);
            for _ in 0..4 {
                self.append(setup, registry);
            }
            self.await_floor(setup, registry);
            self.settle(setup, registry);
        }
        for edge in 0..setup.edges {
            for registry in 0..setup.registries {
                for k in 0..setup.keys {
                    self.edges[usize::from(edge)].cancel_loads();
                    self.arrive(setup, edge, key(registry, k), via);
                    self.carry_loads(setup, edge, via);
                    self.deliver_everything(setup);
                    self.carry_loads(setup, edge, via);
                    self.deliver_everything(setup);
                }
            }
            self.refresh(setup, edge, via, false);
            self.carry(setup, edge);
        }
        self.deliver_everything(setup);
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

    fn carry_loads(&mut self, setup: &Setup, edge: u8, via: Node) {
        let mut actions = Vec::new();
        self.possible_at_edge(
            setup,
            edge,
            &self.edges[usize::from(edge)],
            &[via],
            &mut actions,
        );
        let newest = |world: &Self, subject: &Subject| world.kv[subject].last().copied();
        for action in actions {
            match action {
                Action::ReadKv { subject, value, .. } if value != newest(self, &subject) => {}
                Action::ReadKv { .. } | Action::Resync { .. } => self.apply(setup, action),
                _ => {}
            }
        }
        let behind = |edge: &Edge| {
            let left = edge.loads.iter().flat_map(|loading| loading.left.values());
            left.into_iter().any(|brought| *brought == Brought::Behind)
        };
        if behind(&self.edges[usize::from(edge)]) {
            self.read_strong(setup, edge);
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
