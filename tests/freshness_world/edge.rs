//! An isolate around the real view: the deployed machines of its requests and of
//! its refreshes, and what each of them waits for.

use std::collections::BTreeMap;

use katalo_keys::expiring_semaphore::ExpiringSemaphore;
use katalo_keys::freshness::failover::{Failover, Hop, Region};
use katalo_keys::freshness::follower::Accepted;
use katalo_keys::freshness::view::{Lookup, View};
use katalo_keys::freshness::{Bound, EdgeClock, Millis, Reading, Revision, Subject, SyncReply};
use katalo_keys::verify::authorization::sync::{FailoverSync, SyncStep};
use katalo_keys::verify::authorization::{
    Authorization, Event, Isolate, RegistryRecords, Source, Step, Verifier,
};
use katalo_keys::verify::{Denial, Freshness};

use super::clock::Clock;
use super::net::{Body, Context, Message, Node};
use super::oracle::{Promise, WENT_BACK};
use super::{Mutant, Rec, Setup, World};

/// Reads at registries under way from one isolate.
const REGISTRY_READS: usize = 4;

/// A request under way, and what was promised before it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    pub key: Subject,
    arrived: Reading<EdgeClock>,
    promise: Promise,
    machine: Authorization<Rec>,
    pub awaits: Awaits,
}

/// What a request waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Awaits {
    /// Its own timer.
    Timer,
    /// A sync.
    Sync(Syncing),
    /// Reads of Workers KV, each with what it gave, and a sync.
    Load(BTreeMap<Subject, Option<Option<Rec>>>, Syncing),
    /// The registry.
    Registry,
}

/// How far a sync is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Syncing {
    UnderWay(FailoverSync),
    /// Whether anybody answered.
    Over(bool),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    pub view: View<Rec>,
    registry_reads: ExpiringSemaphore,
    pub clock: Clock,
    pub life: u32,
    pub requests: Vec<Request>,
    /// Syncs in the background.
    pub refreshes: Vec<FailoverSync>,
    /// The revision last decided on from memory, since the view last began anew.
    shown: BTreeMap<Subject, Revision>,
}

/// Grants on whatever there is: what may be decided on is the oracle's to judge.
struct Judge;

impl Verifier<Rec> for Judge {
    type Granted = ([Rec; 2], Source);

    fn refutes(&mut self, _: Option<&Rec>, _: Reading<EdgeClock>) -> bool {
        false
    }

    fn decide(
        &self,
        key: Option<&Rec>,
        organization: Option<&Rec>,
        source: Source,
        _: Millis,
    ) -> Result<Self::Granted, Denial> {
        let missing = Denial::InvalidKey;
        let key = *key.ok_or(missing.clone())?;
        Ok(([key, *organization.ok_or(missing)?], source))
    }
}

impl Edge {
    pub fn new(setup: &Setup) -> Self {
        Self {
            view: View::new(setup.view_limit, Bound::MAX),
            registry_reads: registry_reads(),
            clock: Clock::default(),
            life: 0,
            requests: Vec::new(),
            refreshes: Vec::new(),
            shown: BTreeMap::new(),
        }
    }

    /// The revision of a subject that a request was last decided on.
    pub fn has_shown(&self, subject: &Subject) -> Option<Revision> {
        self.shown.get(subject).copied()
    }

    /// Whether a request for this key could be decided at once.
    pub fn could_decide(&self, setup: &Setup, now: u64, key: Subject) -> bool {
        let now = Reading::at(self.clock.clone().read(now, setup));
        let mut view = self.view.clone();
        let found = view.lookup(&key, &key.organization(), now, now);
        matches!(found, Lookup::Ready { .. })
    }

    /// The reads of Workers KV that are under way: of which request, and what.
    pub fn kv_reads(&self) -> Vec<(usize, Subject)> {
        let mut reads = Vec::new();
        for (number, request) in self.requests.iter().enumerate() {
            if let Awaits::Load(read, _) = &request.awaits {
                let open = read.iter().filter(|(_, value)| value.is_none());
                reads.extend(open.map(|(subject, _)| (number, *subject)));
            }
        }
        reads
    }

    /// The requests that wait for their timer.
    pub fn waiting(&self) -> Vec<usize> {
        let requests = self.requests.iter().enumerate();
        let waits = requests.filter(|(_, request)| request.awaits == Awaits::Timer);
        waits.map(|(number, _)| number).collect()
    }

    /// What has a deadline: requests, then refreshes after them. With each, whether
    /// `is_under_way` is said of what it has sent.
    pub fn deadlines(&self, is_under_way: impl Fn(&Context) -> bool) -> Vec<(usize, bool)> {
        let mut deadlines = Vec::new();
        for (number, request) in self.requests.iter().enumerate() {
            let sent = match &request.awaits {
                Awaits::Sync(Syncing::UnderWay(sync))
                | Awaits::Load(_, Syncing::UnderWay(sync)) => {
                    Context::Edge(self.life, sync.clone())
                }
                Awaits::Registry => Context::EdgeRead(self.life, request.key, request.arrived),
                Awaits::Timer | Awaits::Sync(_) | Awaits::Load(..) => continue,
            };
            deadlines.push((number, is_under_way(&sent)));
        }
        for (number, sync) in self.refreshes.iter().enumerate() {
            let sent = Context::Edge(self.life, sync.clone());
            deadlines.push((self.requests.len() + number, is_under_way(&sent)));
        }
        deadlines
    }

    /// The view began anew.
    pub fn forget_shown(&mut self) {
        self.shown.clear();
    }

    /// The isolate ends; another takes its place on the same machine.
    pub fn restart(&mut self, setup: &Setup) {
        *self = Self {
            clock: self.clock.clone(),
            life: self.life + 1,
            ..Self::new(setup)
        };
    }
}

const fn registry_reads() -> ExpiringSemaphore {
    ExpiringSemaphore::new(REGISTRY_READS, 2 * Failover::TOTAL.0)
}

/// The order of asking of an edge. All of them stand in one region; of two relays
/// and more the last one stands in the next.
fn hops(setup: &Setup, number: u8) -> Failover {
    let replicas = setup.relays.saturating_sub(1).max(1);
    Failover::new(Region::Weur, number, replicas, Failover::TOTAL)
}

/// Where a hop leads; none where the world has nothing there.
pub fn node_of(setup: &Setup, hop: Hop) -> Option<Node> {
    match hop {
        Hop::Relay(relay) if relay.region == Region::Weur => Some(Node::Relay(relay.replica)),
        Hop::Relay(_) => (setup.relays > 1).then(|| Node::Relay(setup.relays - 1)),
        Hop::ChangeLog => Some(Node::Log),
    }
}

impl World {
    /// A request arrives. One too many has the oldest one's client go away, and with
    /// it all that drove that request.
    pub fn arrive(&mut self, setup: &Setup, number: u8, key: Subject, freshness: Freshness) {
        let edge = &mut self.edges[usize::from(number)];
        let arrived = Reading::at(edge.clock.read(self.now, setup));
        let request = self.request(setup, number, key, arrived, freshness);
        let edge = &mut self.edges[usize::from(number)];
        if edge.requests.len() >= setup.requests {
            edge.requests.remove(0);
        }
        edge.requests.push(request);
        let last = edge.requests.len() - 1;
        self.advance(setup, number, last, Event::Look);
    }

    fn request(
        &self,
        setup: &Setup,
        number: u8,
        key: Subject,
        arrived: Reading<EdgeClock>,
        freshness: Freshness,
    ) -> Request {
        Request {
            key,
            arrived,
            promise: self.oracle.promised([key, key.organization()]),
            machine: Authorization::new(key, arrived, freshness, hops(setup, number), None),
            awaits: Awaits::Timer,
        }
    }

    /// A request for a key arrives that is only counted if it can be decided
    /// at once. The edge notices nothing.
    pub fn arrive_unnoticed(&mut self, setup: &Setup, number: u8, key: Subject) {
        let edge = &self.edges[usize::from(number)];
        let (view, clock) = (edge.view.clone(), edge.clock.clone());
        let now = Reading::at(edge.clock.clone().read(self.now, setup));
        let mut request = self.request(setup, number, key, now, Freshness::Bounded);
        if let Step::Decided(decided) = self.next(setup, number, &mut request, Event::Look) {
            self.decided(setup, number, &request, decided.ok());
        }
        let edge = &mut self.edges[usize::from(number)];
        (edge.view, edge.clock) = (view, clock);
    }

    /// A request's timer has run out.
    pub fn look(&mut self, setup: &Setup, number: u8, request: usize) {
        let edge = &self.edges[usize::from(number)];
        if (edge.requests.get(request)).is_some_and(|request| request.awaits == Awaits::Timer) {
            self.advance(setup, number, request, Event::Look);
        }
    }

    fn next(
        &mut self,
        setup: &Setup,
        number: u8,
        request: &mut Request,
        event: Event<Rec>,
    ) -> Step<([Rec; 2], Source)> {
        let edge = &mut self.edges[usize::from(number)];
        let now = Reading::at(edge.clock.read(self.now, setup));
        let mut isolate = Isolate {
            view: &mut edge.view,
            registry_reads: &mut edge.registry_reads,
        };
        let step = request.machine.next(&mut isolate, &mut Judge, event, now);
        // Where no read is under way, how many there were makes no difference.
        let reads = |request: &Request| request.awaits == Awaits::Registry;
        if !matches!(step, Step::ReadRegistry(_)) && !edge.requests.iter().any(reads) {
            edge.registry_reads = registry_reads();
        }
        step
    }

    /// Carries a request on as far as it comes without anybody else.
    fn advance(&mut self, setup: &Setup, number: u8, place: usize, mut event: Event<Rec>) {
        let mut request = self.edges[usize::from(number)].requests.remove(place);
        request.awaits = loop {
            match self.next(setup, number, &mut request, event) {
                Step::Wait(_) => break Awaits::Timer,
                Step::Sync(sync) => match self.send_sync(setup, number, sync, None) {
                    Syncing::Over(answered) => event = Event::Synced(answered),
                    under_way => break Awaits::Sync(under_way),
                },
                Step::Load {
                    key,
                    organization,
                    sync,
                } => {
                    let wanted = [
                        (request.key, key),
                        (request.key.organization(), organization),
                    ];
                    let wanted = wanted.into_iter().filter(|(_, wanted)| *wanted);
                    let reads = wanted.map(|(subject, _)| (subject, None)).collect();
                    let syncing = match sync {
                        Some(sync) => self.send_sync(setup, number, sync, None),
                        None => Syncing::Over(true),
                    };
                    break Awaits::Load(reads, syncing);
                }
                Step::ReadRegistry([key, organization]) => {
                    let both = [
                        (request.key, key),
                        (request.key.organization(), organization),
                    ];
                    self.read_registry(setup, number, &request, both);
                    break Awaits::Registry;
                }
                Step::Decided(decided) => {
                    self.decided(setup, number, &request, decided.ok());
                    return;
                }
            }
        };
        let requests = &mut self.edges[usize::from(number)].requests;
        requests.insert(place, request);
    }

    fn decided(
        &mut self,
        setup: &Setup,
        number: u8,
        request: &Request,
        granted: Option<([Rec; 2], Source)>,
    ) {
        let Some((records, source)) = granted else {
            return;
        };
        self.oracle.decided(&request.promise, records, source);
        if source == Source::Registry {
            return;
        }
        let edge = &mut self.edges[usize::from(number)];
        for ((subject, _), record) in request.promise.iter().zip(records) {
            let before = edge.shown.insert(*subject, record.revision);
            let pruned = setup.view_limit < 10_000;
            if before.is_some_and(|before| before > record.revision) && !pruned {
                self.oracle.violate(WENT_BACK);
            }
        }
    }

    fn read_registry(
        &mut self,
        setup: &Setup,
        number: u8,
        request: &Request,
        both: [(Subject, Revision); 2],
    ) {
        let of = |registry: &super::Registry| registry.organization == request.key.organization();
        let registry = self.registries.iter().position(of).unwrap();
        let life = self.edges[usize::from(number)].life;
        let message = Message {
            from: Node::Edge(number),
            to: Node::Registry(registry as u8),
            body: Body::Read(both),
            context: Context::EdgeRead(life, request.key, request.arrived),
        };
        self.send(setup, message);
    }

    /// Carries a sync on, by the reply to what it sent last or by none.
    fn send_sync(
        &mut self,
        setup: &Setup,
        number: u8,
        mut sync: FailoverSync,
        mut reply: Option<&SyncReply>,
    ) -> Syncing {
        loop {
            let edge = &mut self.edges[usize::from(number)];
            let now = Reading::at(edge.clock.read(self.now, setup));
            let hop = match sync.next(&mut edge.view, reply.take(), now) {
                SyncStep::Send(hop, _) => hop,
                SyncStep::Done(accepted) => {
                    if accepted == Some(Accepted::Reset) {
                        edge.shown.clear();
                    }
                    return Syncing::Over(accepted.is_some());
                }
            };
            let Some(to) = node_of(setup, hop) else {
                continue;
            };
            let message = Message {
                from: Node::Edge(number),
                to,
                body: Body::SyncRequest(sync.request().clone()),
                context: Context::Edge(edge.life, sync.clone()),
            };
            self.send(setup, message);
            return Syncing::UnderWay(sync);
        }
    }

    /// Refreshes in the background. `frozen`: the clock stands since the last
    /// event.
    pub fn refresh(&mut self, setup: &Setup, number: u8, frozen: bool) {
        let edge = &mut self.edges[usize::from(number)];
        let clock = edge.clock.clone();
        if frozen {
            edge.clock.freeze();
        }
        let shown = Reading::at(edge.clock.clone().read(self.now, setup));
        if edge.view.should_refresh(shown) {
            let now = Reading::at(edge.clock.read(self.now, setup));
            let sync = FailoverSync::in_background(&mut edge.view, hops(setup, number), now);
            let syncing = sync.map(|sync| self.send_sync(setup, number, sync, None));
            self.keep_refresh(setup, number, syncing);
        }
        if frozen {
            self.edges[usize::from(number)].clock = clock;
        }
    }

    fn keep_refresh(&mut self, setup: &Setup, number: u8, syncing: Option<Syncing>) {
        let edge = &mut self.edges[usize::from(number)];
        if let Some(Syncing::UnderWay(sync)) = syncing {
            if edge.refreshes.len() >= setup.requests {
                edge.refreshes.remove(0);
            }
            edge.refreshes.push(sync);
        }
    }

    /// KV gives a value, or a miss.
    pub fn read_kv(
        &mut self,
        setup: &Setup,
        number: u8,
        place: usize,
        subject: Subject,
        value: Option<Rec>,
    ) {
        let edge = &mut self.edges[usize::from(number)];
        if let Some(request) = edge.requests.get_mut(place)
            && let Awaits::Load(reads, _) = &mut request.awaits
            && let Some(read) = reads.get_mut(&subject)
        {
            read.get_or_insert(value);
            self.end_load(setup, number, place);
        }
    }

    /// Goes on with a load once everything is here.
    fn end_load(&mut self, setup: &Setup, number: u8, place: usize) {
        let request = &self.edges[usize::from(number)].requests[place];
        if let Awaits::Load(reads, Syncing::Over(synced)) = &request.awaits
            && reads.values().all(Option::is_some)
        {
            let read = |subject| reads.get(&subject).copied().flatten().flatten();
            let event = Event::Loaded {
                key: read(request.key),
                organization: read(request.key.organization()),
                synced: *synced,
            };
            self.advance(setup, number, place, event);
        }
    }

    /// What a request or a refresh has sent is not answered in time.
    pub fn time_out(&mut self, setup: &Setup, number: u8, which: usize) {
        let edge = &mut self.edges[usize::from(number)];
        let requests = edge.requests.len();
        match edge.requests.get(which).map(|request| &request.awaits) {
            Some(Awaits::Sync(Syncing::UnderWay(sync)))
            | Some(Awaits::Load(_, Syncing::UnderWay(sync))) => {
                let sync = sync.clone();
                self.go_on(setup, number, which, sync, None);
            }
            Some(Awaits::Registry) => {
                self.advance(setup, number, which, Event::RegistryAnswered(None));
            }
            Some(Awaits::Timer | Awaits::Sync(_) | Awaits::Load(..)) => {}
            None if which - requests < edge.refreshes.len() => {
                let sync = edge.refreshes.remove(which - requests);
                let syncing = self.send_sync(setup, number, sync, None);
                self.keep_refresh(setup, number, Some(syncing));
            }
            None => {}
        }
    }

    /// Goes on with the sync of a request.
    fn go_on(
        &mut self,
        setup: &Setup,
        number: u8,
        place: usize,
        sync: FailoverSync,
        reply: Option<&SyncReply>,
    ) {
        let syncing = self.send_sync(setup, number, sync, reply);
        let request = &mut self.edges[usize::from(number)].requests[place];
        match &mut request.awaits {
            Awaits::Load(_, pending) => {
                *pending = syncing;
                self.end_load(setup, number, place);
            }
            awaits => match syncing {
                Syncing::UnderWay(_) => *awaits = Awaits::Sync(syncing),
                Syncing::Over(answered) => {
                    self.advance(setup, number, place, Event::Synced(answered));
                }
            },
        }
    }

    pub fn deliver_to_edge(&mut self, setup: &Setup, number: u8, message: Message) {
        let life = self.edges[usize::from(number)].life;
        match (message.body, message.context) {
            (Body::SyncReply(reply), Context::Edge(of, sync)) if of == life => {
                self.deliver_sync(setup, number, &sync, Some(reply));
            }
            (Body::Unavailable, Context::Edge(of, sync)) if of == life => {
                self.deliver_sync(setup, number, &sync, None);
            }
            (
                Body::Records([key_record, organization], may_keep),
                Context::EdgeRead(of, key, arrived),
            ) if of == life => {
                let read = RegistryRecords {
                    key: Some(key_record),
                    organization: Some(organization),
                    may_keep,
                };
                self.deliver_read(setup, number, key, arrived, Some(read));
            }
            (Body::Unavailable, Context::EdgeRead(of, key, arrived)) if of == life => {
                self.deliver_read(setup, number, key, arrived, None);
            }
            _ => {}
        }
    }

    fn deliver_read(
        &mut self,
        setup: &Setup,
        number: u8,
        key: Subject,
        arrived: Reading<EdgeClock>,
        read: Option<RegistryRecords<Rec>>,
    ) {
        let waits = |request: &Request| {
            request.awaits == Awaits::Registry && (request.key, request.arrived) == (key, arrived)
        };
        let requests = &self.edges[usize::from(number)].requests;
        if let Some(place) = requests.iter().position(waits) {
            self.advance(setup, number, place, Event::RegistryAnswered(read));
        }
    }

    /// A hop answers, or says that it cannot. Whoever has asked another one since
    /// takes nothing from this one.
    fn deliver_sync(
        &mut self,
        setup: &Setup,
        number: u8,
        sent: &FailoverSync,
        mut reply: Option<SyncReply>,
    ) {
        let edge = &self.edges[usize::from(number)];
        let is_it = |sync: &FailoverSync| match setup.mutant {
            Some(Mutant::LateReplyAccepted) => sync.request() == sent.request(),
            _ => sync == sent,
        };
        let pending = edge.requests.iter().position(|request| {
            matches!(
                &request.awaits,
                Awaits::Sync(Syncing::UnderWay(sync)) | Awaits::Load(_, Syncing::UnderWay(sync))
                    if is_it(sync)
            )
        });
        if let Some(reply) = &mut reply {
            match setup.mutant {
                Some(Mutant::NoRaceFence) => {
                    let view = &edge.view;
                    reply.changes.retain(|change| view.holds(&change.subject));
                }
                Some(Mutant::ResetIgnored) => reply.reset = false,
                _ => {}
            }
        }
        let edge = &mut self.edges[usize::from(number)];
        if let Some(place) = pending {
            let sync = match &edge.requests[place].awaits {
                Awaits::Sync(Syncing::UnderWay(sync))
                | Awaits::Load(_, Syncing::UnderWay(sync)) => sync.clone(),
                _ => return,
            };
            let sync = self.sent_at_arrival(setup, number, sync);
            self.go_on(setup, number, place, sync, reply.as_ref());
        } else if let Some(place) = edge.refreshes.iter().position(is_it) {
            let sync = edge.refreshes.remove(place);
            let sync = self.sent_at_arrival(setup, number, sync);
            let syncing = self.send_sync(setup, number, sync, reply.as_ref());
            self.keep_refresh(setup, number, Some(syncing));
        }
    }

    /// The mutant that takes every reply for one to what goes out at its arrival.
    fn sent_at_arrival(
        &mut self,
        setup: &Setup,
        number: u8,
        mut sync: FailoverSync,
    ) -> FailoverSync {
        if setup.mutant == Some(Mutant::ProvenAtArrival) {
            let edge = &mut self.edges[usize::from(number)];
            let now = Reading::at(edge.clock.read(self.now, setup));
            sync.next(&mut edge.view.clone(), None, now);
        }
        sync
    }
}
