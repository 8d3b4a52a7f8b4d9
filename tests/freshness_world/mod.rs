//! A deployment in miniature for both proofs: the real state machines, and
//! around them everything that can go wrong.
//!
//! [`World`] holds one change log, relays, edges, registries, KV and the
//! messages in flight. [`Action`] is everything that may happen next. The model
//! checker takes every action in every state; the simulation draws one at a
//! time. Nothing here decides anything of the protocol: it carries messages
//! between the machines as the deployed objects do, and leaves steps out where
//! a [`Mutant`] says so.

#![allow(unreachable_pub, reason = "a test's support is nobody's interface")]
#![allow(dead_code, reason = "each proof uses its own part")]

pub mod action;
pub mod clock;
pub mod confirmations;
pub mod edge;
pub mod net;
pub mod oracle;
pub mod registry;
pub mod store;

use std::collections::BTreeMap;

use katalo_keys::freshness::change_log::{AwaitStep, ChangeLog};
use katalo_keys::freshness::follower::PendingSync;
use katalo_keys::freshness::holding::HolderId;
use katalo_keys::freshness::records::Record;
use katalo_keys::freshness::relay::{Relay, Serve};
use katalo_keys::freshness::{
    Bound, Incarnation, Millis, Reading, RelayClock, Revision, Subject, SyncRequest,
};

use clock::Clock;
use confirmations::{Carrying, Held, holder};
use edge::Edge;
use net::{Body, Context, Message, Net, Node};
use oracle::Oracle;
use registry::Registry;
use store::MapStore;

/// A deliberate defect. Each proof must find every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// `enforced` is answered as soon as the log has acknowledged.
    NoCommitWait,
    /// Changes that arrive while a record is being loaded are forgotten.
    NoRaceFence,
    /// A repeated call finds the key revoked and answers `enforced`.
    EnforcedFromState,
    /// The registry waits and answers first and appends afterwards.
    AppendAfterAcknowledgement,
    /// A backward clock is held at its last reading, and proofs kept.
    BackwardClockAccepted,
    /// The wait has no margin for clocks that differ.
    NoMargin,
    /// A lowered bound shortens the wait at once.
    WaitLoweredAtOnce,
    /// A registry serves after a start without asking the log where it stands.
    NoRestoreCheck,
    /// A committed record is published before the log has it.
    PublishedBeforeAppend,
    /// A registry whose clock was set back waits until it has caught up.
    WaitKeepsTheOldClock,
    /// Rows are not read at the start of a registry's process.
    RowsForgottenAtStart,
    /// A registry does not hear that the log is beyond its own revision.
    DeafToTheLog,
    /// A registry does not hear what an edge requires.
    DeafToEdges,
    /// What a restored registry lost is written as the backup has it.
    RecoveredAsItWas,
    /// A registry that lost nothing recovers.
    RecoveredForNothing,
    /// A restored registry does not take over that all keys were revoked.
    RevokedAllForgotten,
    /// What is settled is kept as if it were not.
    NeverSettled,
    /// An answer is as young as its arrival.
    ProvenAtArrival,
    /// A relay gives its proof as new.
    AgeForgotten,
    /// A reset is taken for an answer like any other.
    ResetIgnored,
    /// A reply that comes after its deadline is taken for one to the next sending.
    LateReplyAccepted,
    /// A relay takes its own reply for the holder's confirmation.
    AnswerConfirms,
    /// A relay's floor leaves out the relay itself.
    FloorIgnoresOwnCursor,
    /// A relay enters the leases of watches, and no others.
    OnlyWatchesAccounted,
    /// A relay holds leases by its name, which outlives its memory.
    RelayNameIsHolder,
    /// The log forgets at a start that its last process gave leases.
    NoFence,
    /// A relay takes a lease to be over at its bound.
    ExpiryWithoutMargin,
    /// A relay does not enter leases of those who do not say who they are.
    HolderlessIgnored,
    /// A relay whose account is full forgets an entry for a new one.
    FullTableForgets,
    /// A relay takes a broken watch for the end of its holder.
    BrokenWatchRemoves,
    /// An edge confirms the cursor of a reply that it discarded.
    DiscardedConfirmed,
    /// The log names the place before the append.
    PlaceBeforeAppend,
    /// A relay whose clock was set back keeps the ends of its leases.
    TermsKeepTheOldClock,
    /// An edge takes over a reply from behind its cursor.
    BehindAccepted,
}

impl Mutant {
    /// Whether it breaks no promise and keeps one from ever being made.
    pub fn breaks_progress(self) -> bool {
        matches!(
            self,
            Self::WaitKeepsTheOldClock | Self::TermsKeepTheOldClock
        )
    }
}

/// What is fixed during a run.
#[derive(Clone, Debug)]
pub struct Setup {
    pub mutant: Option<Mutant>,
    pub bound: Bound,
    pub relays: u8,
    pub edges: u8,
    /// Organizations, one registry each.
    pub registries: u8,
    /// Keys in each organization.
    pub keys: u8,
    /// Memory limit of a view, in bytes.
    pub view_limit: usize,
    /// Requests under way at one edge; beyond it the oldest one's client goes away.
    pub requests: usize,
    /// Calls that wait at one registry; beyond it the oldest one's client goes away.
    pub calls: usize,
    /// Messages in flight; what is sent beyond is lost.
    pub in_flight: usize,
    /// Whether changes are enforced by confirmation.
    pub confirmations: bool,
    /// Machines of an older version, which know nothing of that.
    pub older: Vec<Node>,
    /// Holders in one relay's account.
    pub holders: usize,
}

impl Setup {
    /// Whether a machine takes part in confirmations.
    fn confirms(&self, node: Node) -> bool {
        self.confirmations && !self.older.contains(&node)
    }

    /// All machines.
    fn machines(&self) -> Vec<Node> {
        let relays = (0..self.relays).map(Node::Relay);
        let edges = (0..self.edges).map(Node::Edge);
        let registries = (0..self.registries).map(Node::Registry);
        relays
            .chain(edges)
            .chain(registries)
            .chain([Node::Log])
            .collect()
    }
}

/// What a request is decided on: a stand-in for a key's or an organization's
/// record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rec {
    pub revision: Revision,
    pub allowed: bool,
    /// Of an organization: through which revision its keys were revoked at once.
    pub keys_revoked_through: Revision,
}

impl Record for Rec {
    fn revision(&self) -> Revision {
        self.revision
    }
    fn weight_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The organization's tag.
pub fn organization(registry: u8) -> Subject {
    Subject::parse(&format!("organizat{registry:02}")).unwrap()
}

/// A public key id.
pub fn key(registry: u8, key: u8) -> Subject {
    Subject::parse(&format!("20organizat{registry:02}nonce{key:012}")).unwrap()
}

/// KV: every value ever written, per name. A read may give any of them, or a
/// miss.
pub type Kv = BTreeMap<Subject, Vec<Rec>>;

/// A relay's object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelayNode {
    pub relay: Relay,
    pub clock: Clock,
    pub life: u32,
    /// Questions that wait for the log.
    pub parked: Vec<Parked>,
    /// Watches of edges.
    pub watches: Vec<Parked>,
    /// Its own watch at the log is under way.
    pub watching: bool,
    /// The ends of its leases, for the mutant that does not let them go back.
    pub ends: BTreeMap<HolderId, u64>,
}

/// Questions that wait at one relay; beyond it the oldest has given up, as an
/// edge does at its deadline.
const PARKED: usize = 8;

/// A question that waits for the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parked {
    from: Node,
    request: SyncRequest,
    context: Context,
    arrived: Reading<RelayClock>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// True time in milliseconds, which nobody can read.
    pub now: u64,
    pub log: ChangeLog<MapStore>,
    pub log_clock: Clock,
    pub relays: Vec<RelayNode>,
    pub edges: Vec<Edge>,
    pub registries: Vec<Registry>,
    pub kv: Kv,
    pub net: Net,
    pub oracle: Oracle,
    /// Of each edge.
    pub carriers: Vec<Option<Carrying>>,
    /// Watches at the log.
    pub held: Vec<Held>,
    /// When something changed last.
    pub changed_at: u64,
}

/// All clocks begin here, so that ages have room.
pub const START: u64 = 1_000_000;

impl World {
    pub fn new(setup: &Setup) -> Self {
        let incarnation = Incarnation::from_stored(1);
        let relay = RelayNode {
            relay: Relay::new(),
            clock: Clock::default(),
            life: 0,
            parked: Vec::new(),
            watches: Vec::new(),
            watching: false,
            ends: BTreeMap::new(),
        };
        let registries: Vec<Registry> = (0..setup.registries)
            .map(|registry| Registry::new(registry, setup.keys))
            .collect();
        let mut kv = Kv::new();
        for registry in &registries {
            for (subject, record) in &registry.stored.records {
                kv.insert(*subject, vec![*record]);
            }
        }
        let mut world = Self {
            now: START,
            log: ChangeLog::start(MapStore::new(incarnation, setup), incarnation),
            log_clock: Clock::default(),
            relays: vec![relay; setup.relays.into()],
            edges: (0..setup.edges).map(|_| Edge::new(setup)).collect(),
            registries,
            kv,
            net: Net::default(),
            oracle: Oracle::default(),
            carriers: vec![None; setup.edges.into()],
            held: Vec::new(),
            changed_at: START,
        };
        for node in setup.machines() {
            world.take_part(setup, node);
        }
        world
    }

    /// A process that has just started takes part in confirmations.
    fn take_part(&mut self, setup: &Setup, machine: Node) {
        if !setup.confirms(machine) {
            return;
        }
        match machine {
            Node::Log => self.log = self.log.clone().with_confirmations(8),
            Node::Relay(number) => {
                let node = &mut self.relays[usize::from(number)];
                let life = match setup.mutant {
                    Some(Mutant::RelayNameIsHolder) => 0,
                    _ => node.life,
                };
                node.relay =
                    (node.relay.clone()).with_confirmations(holder(machine, life), setup.holders);
            }
            Node::Edge(number) => {
                let edge = &mut self.edges[usize::from(number)];
                edge.view = (edge.view.clone()).with_confirmations(holder(machine, edge.life));
            }
            Node::Registry(number) => {
                let registry = &mut self.registries[usize::from(number)];
                registry.commit = registry.commit.clone().with_confirmations();
            }
        }
    }

    /// A machine's process ends and another begins: its memory is gone, and what was
    /// open there is broken.
    fn restart(&mut self, setup: &Setup, machine: Node) {
        self.break_watches(setup, machine);
        match machine {
            Node::Log => {
                let store = self.log.clone().into_store();
                self.log = ChangeLog::start(store, Incarnation::from_stored(2));
            }
            Node::Relay(number) => {
                let node = &mut self.relays[usize::from(number)];
                node.relay = Relay::new();
                node.life += 1;
                node.parked.clear();
            }
            Node::Edge(number) => self.edges[usize::from(number)].restart(setup),
            Node::Registry(number) => self.registries[usize::from(number)].restart(setup),
        }
        self.take_part(setup, machine);
    }

    /// Delivers a message; what is for a process that is gone is lost.
    fn deliver(&mut self, setup: &Setup, message: Message) {
        match message.to {
            Node::Log => self.deliver_to_log(setup, message),
            Node::Relay(relay) => self.deliver_to_relay(setup, relay, message),
            Node::Edge(edge) => match message.context {
                Context::EdgeWatch(..) | Context::EdgeConfirm(..) => {
                    self.deliver_to_carrier(setup, edge, message);
                }
                _ => self.deliver_sync_reply(setup, edge, message),
            },
            Node::Registry(registry) => {
                if matches!(message.context, Context::Await(..)) {
                    self.deliver_floor(setup, registry, message);
                } else {
                    self.deliver_to_registry(setup, registry, message);
                }
            }
        }
    }

    fn deliver_to_log(&mut self, setup: &Setup, message: Message) {
        let now = Reading::at(self.log_clock.read(self.now, setup));
        let (_, head) = self.log.status(now).unwrap_or_else(|never| match never {});
        if setup.mutant == Some(Mutant::NoFence)
            && let Some(account) = &mut self.log.account
        {
            account.untracked = None;
        }
        let body = match &message.body {
            Body::Watch(_) => {
                self.hold(message, now);
                self.serve_held(setup, now);
                return;
            }
            Body::Confirm(confirm) => {
                self.log.confirm(confirm, now);
                return;
            }
            Body::Await(ask) => {
                match (self.log.await_floor(ask, true, now)).unwrap_or_else(|never| match never {})
                {
                    AwaitStep::Reply(floor) => Body::Floor(floor),
                    AwaitStep::Hold(_) => unreachable!("its hold is over"),
                }
            }
            Body::SyncRequest(request) => Body::SyncReply(
                self.log
                    .sync(request, now)
                    .unwrap_or_else(|never| match never {}),
            ),
            Body::Append(append) => {
                let mut ack = (self.log.append(append, now)).unwrap_or_else(|never| match never {});
                if setup.mutant == Some(Mutant::NoMargin) {
                    let (meta, _) = self.log.status(now).unwrap_or_else(|never| match never {});
                    ack.wait_ms = meta.wait_for.millis();
                }
                if setup.mutant == Some(Mutant::PlaceBeforeAppend)
                    && let Some(place) = &mut ack.place
                {
                    place.seq = place.seq.min(head);
                }
                Body::Ack(ack)
            }
            Body::RestoreCheck(request) => Body::RestoreCheckReply(
                (self.log.check_restored(request)).unwrap_or_else(|never| match never {}),
            ),
            _ => return,
        };
        self.send(setup, message.reply(body));
        self.serve_held(setup, now);
    }

    fn deliver_to_relay(&mut self, setup: &Setup, relay: u8, message: Message) {
        let node = &mut self.relays[usize::from(relay)];
        let asked = match &message.context {
            Context::Relay(life, _) | Context::RelayWatch(life, _) => Some(*life),
            Context::RelayConfirm(life) => Some(*life),
            _ => None,
        };
        if asked.is_some_and(|life| life != node.life) {
            return;
        }
        let now = Reading::at(node.clock.read(self.now, setup));
        match (message.body, message.context) {
            (Body::SyncRequest(request), context) => {
                if node.parked.len() == PARKED {
                    node.parked.remove(0);
                }
                node.parked.push(Parked {
                    from: message.from,
                    request,
                    context,
                    arrived: now,
                });
            }
            (Body::SyncReply(reply), Context::Relay(_, sync)) => {
                node.relay.accept(&sync, &reply, now);
            }
            (Body::Unavailable, Context::Relay(_, sync)) => node.relay.failed(&sync, now),
            (Body::Watch(request), context) => {
                if node.relay.account.is_none() {
                    let refused = Message {
                        from: message.to,
                        to: message.from,
                        body: Body::Unavailable,
                        context,
                    };
                    self.send(setup, refused);
                    return;
                }
                if node.watches.len() == PARKED {
                    node.watches.remove(0);
                }
                node.watches.push(Parked {
                    from: message.from,
                    request,
                    context,
                    arrived: now,
                });
            }
            (Body::Confirm(confirm), _) => node.relay.confirm(&confirm.holding, now),
            (Body::SyncReply(reply), Context::RelayWatch(_, sync)) => {
                node.watching = false;
                node.relay.accept(&sync, &reply, now);
            }
            (Body::Unavailable, Context::RelayWatch(..)) => node.watching = false,
            (Body::Unavailable, Context::RelayConfirm(_)) => node.relay.confirmation_failed(),
            (body, _) => unreachable!("a relay is sent {body:?}"),
        }
        self.serve_parked(setup, relay);
    }

    /// Serves what waits at a relay, as its object does after every event.
    fn serve_parked(&mut self, setup: &Setup, relay: u8) {
        self.answer_parked(setup, relay);
        self.serve_watches(setup, relay, false);
        self.alter_terms(setup, relay);
    }

    fn answer_parked(&mut self, setup: &Setup, relay: u8) {
        let node = &mut self.relays[usize::from(relay)];
        if node.parked.is_empty() {
            return;
        }
        let now: Reading<RelayClock> = Reading::at(node.clock.read(self.now, setup));
        let life = node.life;
        let mut sent = Vec::new();
        let me = Node::Relay(relay);
        for parked in std::mem::take(&mut node.parked) {
            let body = match node.serve(setup, &parked, None, now) {
                Serve::Reply(mut reply) => {
                    if setup.mutant == Some(Mutant::AgeForgotten) {
                        reply.age_ms = Millis::ZERO;
                    }
                    Body::SyncReply(reply)
                }
                Serve::Unavailable => Body::Unavailable,
                Serve::Wait(_) | Serve::Hold => {
                    node.parked.push(parked);
                    continue;
                }
                Serve::SyncWithLog(sync) => {
                    sent.push(sync_with_log(me, life, sync));
                    node.parked.push(parked);
                    continue;
                }
            };
            sent.push(Message {
                from: me,
                to: parked.from,
                body,
                context: parked.context,
            });
        }
        for message in sent {
            self.send(setup, message);
        }
    }

    /// Whether nobody has a question of this machine's present process or an
    /// answer to one.
    pub fn is_quiet(&self, node: Node) -> bool {
        let syncs = |asker: Node, context: &Context| {
            asker == node
                && match (context, node) {
                    (Context::Edge(life, _) | Context::EdgeRead(life, ..), Node::Edge(edge)) => {
                        *life == self.edges[usize::from(edge)].life
                    }
                    (Context::Relay(life, _), Node::Relay(relay)) => {
                        *life == self.relays[usize::from(relay)].life
                    }
                    (
                        Context::Enforcer(life, ..) | Context::RestoreGuard(life, ..),
                        Node::Registry(registry),
                    ) => *life == self.registries[usize::from(registry)].life,
                    _ => false,
                }
        };
        let under_way = self.net.iter().any(|(_, message)| {
            let request = message.is_request();
            let asker = if request { message.from } else { message.to };
            syncs(asker, &message.context)
        });
        let mut parked = self.relays.iter().flat_map(|relay| &relay.parked);
        !under_way && !parked.any(|parked| syncs(parked.from, &parked.context))
    }

    fn send(&mut self, setup: &Setup, message: Message) {
        self.net.send(message, setup.in_flight);
    }
}

fn sync_with_log(from: Node, life: u32, sync: PendingSync<RelayClock>) -> Message {
    Message {
        from,
        to: Node::Log,
        body: Body::SyncRequest(sync.request.clone()),
        context: Context::Relay(life, sync),
    }
}
