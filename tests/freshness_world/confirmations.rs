//! Watches, confirmations, and what waits for them: around the real carriers and
//! accounts.

use katalo_keys::freshness::account::Account;
use katalo_keys::freshness::carrier::{Carrier, Step};
use katalo_keys::freshness::enforcer::EnforcerEvent;
use katalo_keys::freshness::failover::Hop;
use katalo_keys::freshness::follower::Accepted;
use katalo_keys::freshness::holding::{HolderId, Holding};
use katalo_keys::freshness::relay::{Serve, Upkeep};
use katalo_keys::freshness::sync::{Confirm, Version};
use katalo_keys::freshness::{
    Clock, Cursor, LogClock, Reading, RelayClock, Subject, SyncReply, SyncRequest,
};

use super::edge::node_of;
use super::net::{Body, Context, Message, Node};
use super::{Mutant, Parked, RelayNode, Setup, World};

/// What keeps a watch open for an edge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Carrying {
    carrier: Carrier,
    number: u32,
    /// Its watch is under way.
    pub watching: bool,
}

/// A watch that the log holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    message: Message,
    arrived: Reading<LogClock>,
}

/// The holder that one life of a machine is.
pub fn holder(machine: Node, life: u32) -> HolderId {
    let [_, _, high, low] = life.to_be_bytes();
    let (kind, number) = match machine {
        Node::Relay(number) => (1, number),
        Node::Edge(number) => (2, number),
        Node::Log | Node::Registry(_) => unreachable!("it holds no lease"),
    };
    HolderId::from_random([kind, number, high, low, 0, 0, 0, 0, 0, 0, 0, 0])
}

impl World {
    /// The edge's carrier does what it can; if none runs and one should, it begins.
    pub fn carry(&mut self, setup: &Setup, number: u8) {
        let index = usize::from(number);
        let edge = &mut self.edges[index];
        let now = Reading::at(edge.clock.read(self.now, setup));
        if let Some(carrier) = edge.view.begin_carrier(now) {
            let before = self.carriers[index]
                .as_ref()
                .map_or(0, |before| before.number);
            self.carriers[index] = Some(Carrying {
                carrier,
                number: before + 1,
                watching: false,
            });
        }
        let Some(mut carrying) = self.carriers[index].take() else {
            return;
        };
        let life = edge.life;
        let mut sent = Vec::new();
        while !carrying.watching {
            let (to, body, context) = match edge.view.next_step(&mut carrying.carrier, now) {
                Step::Watch { to, sync, .. } => {
                    carrying.watching = true;
                    let body = Body::Watch(sync.request.clone());
                    (to, body, Context::EdgeWatch(life, carrying.number, sync))
                }
                Step::Confirm(to, confirm) => {
                    (to, Body::Confirm(confirm), Context::EdgeConfirm(life, to))
                }
                Step::Pause(_) => break,
                Step::Done => {
                    self.send_all(setup, sent);
                    return;
                }
            };
            // Where nothing stands nothing was lent.
            if let Some(to) = node_of(setup, to) {
                sent.push(Message {
                    from: Node::Edge(number),
                    to,
                    body,
                    context,
                });
            }
        }
        self.carriers[index] = Some(carrying);
        self.send_all(setup, sent);
    }

    /// Whether a carrier of this edge has anything to do.
    pub fn could_carry(&self, setup: &Setup, number: u8) -> bool {
        let edge = &self.edges[usize::from(number)];
        let now = Reading::at(edge.clock.clone().read(self.now, setup));
        let idle = |carrying: &Carrying| !carrying.watching;
        edge.view.should_carry(now)
            || self.carriers[usize::from(number)]
                .as_ref()
                .is_some_and(idle)
    }

    /// What came back to an edge's carrier, or to a confirmation of it.
    pub fn deliver_to_carrier(&mut self, setup: &Setup, number: u8, message: Message) {
        let index = usize::from(number);
        match message.context {
            Context::EdgeWatch(life, ..) if life != self.edges[index].life => {}
            Context::EdgeWatch(_, begun, _) => {
                let answered = matches!(message.body, Body::SyncReply(_));
                if let Some(carrying) = &mut self.carriers[index]
                    && carrying.number == begun
                {
                    carrying.watching = false;
                    if answered {
                        carrying.carrier.answered();
                    } else {
                        carrying.carrier.failed();
                    }
                }
                if answered {
                    self.deliver_sync_reply(setup, number, message);
                    self.carry(setup, number);
                }
            }
            Context::EdgeConfirm(life, place)
                if life == self.edges[index].life && message.body == Body::Unavailable =>
            {
                self.edges[index].view.confirmation_failed(place);
            }
            _ => {}
        }
    }

    /// A reply to an edge; then it confirms what that brought.
    pub fn deliver_sync_reply(&mut self, setup: &Setup, number: u8, mut message: Message) {
        let from = message.from;
        let mut said = None;
        let before = self.edges[usize::from(number)].view.cursor();
        if let Body::SyncReply(reply) = &mut message.body {
            if setup.mutant == Some(Mutant::BehindAccepted)
                && let Some(before) = before
                && reply.cursor.is_behind(&before)
            {
                reply.cursor = before;
            }
            said = Some(reply.cursor);
        }
        match (message.context, message.body) {
            (Context::EdgeWatch(_, _, sync), Body::SyncReply(reply)) => {
                let edge = &mut self.edges[usize::from(number)];
                let now = Reading::at(edge.clock.read(self.now, setup));
                if edge.view.accept(&sync, &reply, now) == Accepted::Reset {
                    edge.forget_shown();
                }
            }
            (context, body) => {
                let message = Message {
                    context,
                    body,
                    from: message.from,
                    to: message.to,
                };
                self.deliver_to_edge(setup, number, message);
            }
        }
        let edge = &mut self.edges[usize::from(number)];
        let now = Reading::at(edge.clock.read(self.now, setup));
        let life = edge.life;
        let mut sent = Vec::new();
        while let Some((to, confirm)) = edge.view.next_confirmation(now) {
            // Where nothing stands nothing was lent.
            if let Some(node) = node_of(setup, to) {
                sent.push((node, confirm, to));
            }
        }
        if setup.mutant == Some(Mutant::DiscardedConfirmed)
            && let (Some(said), Some(cursor)) = (said, edge.view.cursor())
            && cursor.is_behind(&said)
        {
            let holding = Holding {
                id: holder(Node::Edge(number), life),
                floor: Some(said),
            };
            let v = Version::CURRENT;
            sent.push((from, Confirm { v, holding }, Hop::ChangeLog));
        }
        for (to, confirm, place) in sent {
            let message = Message {
                from: Node::Edge(number),
                to,
                body: Body::Confirm(confirm),
                context: Context::EdgeConfirm(life, place),
            };
            self.send(setup, message);
        }
    }

    /// Answers the watches at a relay for which it is time, and does what the relay
    /// does by itself after every event.
    pub fn serve_watches(&mut self, setup: &Setup, number: u8, over: bool) {
        let node = &mut self.relays[usize::from(number)];
        if node.relay.account.is_none() {
            return;
        }
        let now: Reading<RelayClock> = Reading::at(node.clock.read(self.now, setup));
        let (life, me) = (node.life, Node::Relay(number));
        let mut sent = Vec::new();
        for parked in std::mem::take(&mut node.watches) {
            let body = match node.serve(setup, &parked, Some(over), now) {
                Serve::Reply(reply) => Body::SyncReply(reply),
                Serve::Unavailable => Body::Unavailable,
                Serve::SyncWithLog(sync) => {
                    sent.push(super::sync_with_log(me, life, sync));
                    node.watches.push(parked);
                    continue;
                }
                Serve::Wait(_) | Serve::Hold => {
                    node.watches.push(parked);
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
        if let Some(confirm) = node.relay.confirmation(now) {
            sent.push(Message {
                from: me,
                to: Node::Log,
                body: Body::Confirm(confirm),
                context: Context::RelayConfirm(life),
            });
        }
        if !node.watching
            && let Upkeep::Watch(sync) = node.relay.upkeep(now)
        {
            node.watching = true;
            sent.push(Message {
                from: me,
                to: Node::Log,
                body: Body::Watch(sync.request.clone()),
                context: Context::RelayWatch(life, sync),
            });
        }
        self.send_all(setup, sent);
    }

    /// The hold of every watch is over: at a relay, and of the relay's own.
    pub fn end_holds(&mut self, setup: &Setup, number: u8) {
        self.serve_watches(setup, number, true);
        let mut ended = Vec::new();
        let ends = |held: &Held| held.message.from == Node::Relay(number);
        for held in std::mem::take(&mut self.held) {
            if ends(&held) {
                ended.push(held);
            } else {
                self.held.push(held);
            }
        }
        self.relays[usize::from(number)].watching = false;
        let now = Reading::at(self.log_clock.read(self.now, setup));
        for held in ended {
            self.answer_held(setup, held, true, now);
        }
    }

    /// The log holds a watch.
    pub fn hold(&mut self, message: Message, arrived: Reading<LogClock>) {
        if self.held.len() == super::PARKED {
            self.held.remove(0);
        }
        self.held.push(Held { message, arrived });
    }

    /// Answers the watches at the log for which it is time.
    pub fn serve_held(&mut self, setup: &Setup, now: Reading<LogClock>) {
        for held in std::mem::take(&mut self.held) {
            self.answer_held(setup, held, false, now);
        }
    }

    fn answer_held(&mut self, setup: &Setup, held: Held, over: bool, now: Reading<LogClock>) {
        let Body::Watch(request) = &held.message.body else {
            unreachable!("only watches are held");
        };
        let reply = (self.log.watch(request, held.arrived, over, now))
            .unwrap_or_else(|never| match never {});
        match reply {
            Some(reply) => self.send(setup, held.message.reply(Body::SyncReply(reply))),
            None => self.held.push(held),
        }
    }

    /// Whatever was open at a machine that ends is broken, and whoever had opened it
    /// notices.
    pub fn break_watches(&mut self, setup: &Setup, at: Node) {
        let broken: Vec<Message> = match at {
            Node::Log => (self.held.drain(..)).map(|held| held.message).collect(),
            Node::Relay(relay) => {
                let node = &mut self.relays[usize::from(relay)];
                node.watching = false;
                let watches = node.watches.drain(..).map(|parked| Message {
                    from: parked.from,
                    to: at,
                    body: Body::Watch(parked.request),
                    context: parked.context,
                });
                watches.collect()
            }
            Node::Edge(edge) => {
                self.carriers[usize::from(edge)] = None;
                return;
            }
            Node::Registry(_) => return,
        };
        let told = broken
            .into_iter()
            .map(|watch| watch.reply(Body::Unavailable));
        self.send_all(setup, told.collect());
    }

    /// A message is lost: of a watch, the connection is broken.
    pub fn break_watch(&mut self, setup: &Setup, lost: &Message) {
        let ends = match (&lost.context, lost.from, lost.to) {
            (Context::EdgeWatch(..), Node::Edge(edge), Node::Relay(relay))
            | (Context::EdgeWatch(..), Node::Relay(relay), Node::Edge(edge)) => (edge, relay),
            _ => return,
        };
        if let Some(carrying) = &mut self.carriers[usize::from(ends.0)] {
            carrying.watching = false;
            carrying.carrier.failed();
        }
        self.notice_broken_watch(setup, ends.0, ends.1);
    }

    /// The connection of the watches that an edge has at a relay is broken, which both
    /// notice.
    pub fn break_watches_of(&mut self, setup: &Setup, edge: u8, relay: u8) {
        let node = &mut self.relays[usize::from(relay)];
        let (broken, others) = std::mem::take(&mut node.watches)
            .into_iter()
            .partition(|parked| parked.from == Node::Edge(edge));
        node.watches = others;
        let broken: Vec<Parked> = broken;
        let told = broken.into_iter().map(|parked| Message {
            from: Node::Relay(relay),
            to: parked.from,
            body: Body::Unavailable,
            context: parked.context,
        });
        let told: Vec<Message> = told.collect();
        if !told.is_empty() {
            self.notice_broken_watch(setup, edge, relay);
        }
        self.send_all(setup, told);
    }

    /// A relay notices that a watch was broken: it takes that for nothing.
    fn notice_broken_watch(&mut self, setup: &Setup, edge: u8, relay: u8) {
        if setup.mutant == Some(Mutant::BrokenWatchRemoves)
            && let Some(lending) = &mut self.relays[usize::from(relay)].relay.account
        {
            let id = holder(Node::Edge(edge), self.edges[usize::from(edge)].life);
            let entries = &mut lending.account.entries;
            entries.retain(|(_, holder), _| *holder != id);
        }
    }

    /// Subjects of a registry of which the log could say that nobody decides below
    /// their changes, and whom nobody asks.
    pub fn could_await(&self, number: u8) -> Vec<Subject> {
        let registry = &self.registries[usize::from(number)];
        let under_way = (self.net.iter()).any(|(_, message)| {
            matches!(&message.context, Context::Await(life, ..) if *life == registry.life)
                && [message.from, message.to].contains(&Node::Registry(number))
        });
        let subjects = registry.stored.rows.keys().copied();
        let awaited = |subject: &Subject| registry.commit.awaited_place(subject).is_some();
        subjects
            .filter(|subject| !under_way && awaited(subject))
            .collect()
    }

    /// The log says what nobody decides below any more, or does not.
    pub fn deliver_floor(&mut self, setup: &Setup, number: u8, message: Message) {
        let Context::Await(life, enforcer, subject) = message.context else {
            unreachable!("only the floor is awaited");
        };
        if life != self.registries[usize::from(number)].life {
            return;
        }
        let event = match message.body {
            Body::Floor(said) => EnforcerEvent::Floor(said),
            _ => EnforcerEvent::NoFloor,
        };
        self.enforce(setup, number, enforcer, event, Some(subject));
    }

    /// What a fault does to the ends of the leases in a relay's account.
    pub fn alter_terms(&mut self, setup: &Setup, number: u8) {
        let node = &mut self.relays[usize::from(number)];
        let Some(lending) = &mut node.relay.account else {
            return;
        };
        for ((_, id), entry) in &mut lending.account.entries {
            if setup.mutant == Some(Mutant::TermsKeepTheOldClock) {
                let end = node.ends.entry(*id).or_default();
                *end = entry.term.until.ms().max(*end);
                entry.term.until = Reading::at(*end);
            }
        }
    }

    fn send_all(&mut self, setup: &Setup, messages: Vec<Message>) {
        for mut message in messages {
            if setup.mutant == Some(Mutant::FloorIgnoresOwnCursor)
                && let Node::Relay(relay) = message.from
            {
                self.relays[usize::from(relay)].forget_own_cursor(&mut message.body);
            }
            self.send(setup, message);
        }
    }
}

impl RelayNode {
    /// Serves a request, or a watch whose hold may be over.
    pub fn serve(
        &mut self,
        setup: &Setup,
        parked: &Parked,
        watch: Option<bool>,
        now: Reading<RelayClock>,
    ) -> Serve {
        let before = self.relay.clone();
        let (request, arrived) = (&parked.request, parked.arrived);
        let served = match watch {
            None => self.relay.serve(request, arrived, now),
            Some(over) => self.relay.watch(request, arrived, over, now),
        };
        let lending = self.relay.account.as_mut();
        if let (Serve::Reply(reply), Some(lending), Some(was), Some(mutant)) =
            (&served, lending, before.account, setup.mutant)
        {
            let account = &mut lending.account;
            if mutant == Mutant::OnlyWatchesAccounted && watch.is_none() {
                *account = was.account;
            } else {
                plant(mutant, account, &was.account, request, reply);
            }
        }
        served
    }

    fn forget_own_cursor(&mut self, body: &mut Body) {
        let now = Reading::at(self.clock.last());
        let holding = match body {
            Body::SyncRequest(request) | Body::Watch(request) => request.holding.as_mut(),
            Body::Confirm(confirm) => Some(&mut confirm.holding),
            _ => None,
        };
        if let (Some(holding), Some(lending)) = (holding, &mut self.relay.account)
            && let Some(floor) = holding.floor
        {
            let own = Cursor {
                seq: u64::MAX,
                ..floor
            };
            holding.floor = lending.account.floor(own, now);
        }
    }
}

/// Plants a fault in the account from which this reply was just given.
fn plant<C: Clock>(
    mutant: Mutant,
    account: &mut Account<C>,
    before: &Account<C>,
    request: &SyncRequest,
    reply: &SyncReply,
) {
    let bound = reply.bound_ms;
    match mutant {
        Mutant::AnswerConfirms => {
            if let Some(holding) = &request.holding {
                account.confirmed(&Holding {
                    floor: Some(reply.cursor),
                    ..*holding
                });
            }
        }
        Mutant::ExpiryWithoutMargin => {
            let margin = bound.wait().less(bound.millis());
            for (key, entry) in &mut account.entries {
                if before
                    .entries
                    .get(key)
                    .is_none_or(|old| old.term != entry.term)
                {
                    entry.term.until = Reading::at(entry.term.until.ms() - margin.0);
                    entry.term.span = entry.term.span.less(margin);
                }
            }
        }
        Mutant::HolderlessIgnored => account.untracked = before.untracked,
        Mutant::FullTableForgets => {
            if account.untracked != before.untracked
                && let (Some(holding), Some(term)) = (&request.holding, account.untracked)
            {
                account.untracked = before.untracked;
                account.entries.pop_first();
                let floor = reply.cursor.seq;
                let entry = katalo_keys::freshness::account::Entry { term, floor };
                account
                    .entries
                    .insert((reply.cursor.incarnation, holding.id), entry);
            }
        }
        _ => {}
    }
}
