//! An isolate around the real view: requests, loads and refreshes.

use std::collections::BTreeMap;

use katalo_keys::freshness::follower::{Accepted, PendingSync};
use katalo_keys::freshness::view::{Inserted, Load, Lookup, Refresh, View};
use katalo_keys::freshness::{Bound, EdgeClock, Reading, Revision, Subject};

use super::clock::Clock;
use super::confirmations::hop;
use super::net::{Body, Context, Message, Node};
use super::oracle::{Promise, WENT_BACK};
use super::{Mutant, Rec, Setup, World};

/// A request that waits to be decided, and what was promised before it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    pub key: Subject,
    pub arrived: Reading<EdgeClock>,
    pub promise: Promise,
}

/// A load in progress.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loading {
    pub load: Load,
    /// Subjects whose record is not in the view yet, and what KV gave.
    pub left: BTreeMap<Subject, Brought>,
}

/// How far the load of one record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Brought {
    /// KV is being read.
    Nothing,
    /// It is here, but what is required is not known.
    Unanswered(Rec),
    /// KV missed it or lags: only the registry can say.
    Behind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    pub view: View<Rec>,
    pub clock: Clock,
    pub life: u32,
    pub waiting: Vec<Request>,
    pub loads: Vec<Loading>,
    /// The revision last decided on, since the view last began anew.
    shown: BTreeMap<Subject, Revision>,
}

impl Edge {
    pub fn new(setup: &Setup) -> Self {
        Self {
            view: View::new(setup.view_limit, Bound::MAX),
            clock: Clock::default(),
            life: 0,
            waiting: Vec::new(),
            loads: Vec::new(),
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

    /// Whether KV is being read.
    pub fn is_reading(&self) -> bool {
        let mut left = self.loads.iter().flat_map(|loading| loading.left.values());
        left.any(|brought| *brought == Brought::Nothing)
    }

    /// Every load in progress is given up.
    pub fn cancel_loads(&mut self) {
        for loading in std::mem::take(&mut self.loads) {
            self.view.abandon(&loading.load);
        }
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

impl World {
    /// A request arrives. What it lacks is asked for at `via`.
    pub fn arrive(&mut self, setup: &Setup, number: u8, key: Subject, via: Node) {
        let edge = &mut self.edges[usize::from(number)];
        let arrived = Reading::at(edge.clock.read(self.now, setup));
        let promise = self.oracle.promised([key, key.organization()]);
        edge.waiting.push(Request {
            key,
            arrived,
            promise,
        });
        self.decide_waiting(setup, number);
        self.seek(setup, number, via);
        let edge = &mut self.edges[usize::from(number)];
        if edge.waiting.len() > setup.waiting {
            edge.waiting.remove(0);
        }
    }

    /// Decides every waiting request that the view can decide.
    fn decide_waiting(&mut self, setup: &Setup, number: u8) {
        let edge = &mut self.edges[usize::from(number)];
        if edge.waiting.is_empty() {
            return;
        }
        let now = Reading::at(edge.clock.read(self.now, setup));
        for request in std::mem::take(&mut edge.waiting) {
            if !self.decide(setup, number, &request, now) {
                self.edges[usize::from(number)].waiting.push(request);
            }
        }
    }

    /// Decides a request, if the view can.
    fn decide(
        &mut self,
        setup: &Setup,
        number: u8,
        request: &Request,
        now: Reading<EdgeClock>,
    ) -> bool {
        let edge = &mut self.edges[usize::from(number)];
        let organization = request.key.organization();
        let found = edge
            .view
            .lookup(&request.key, &organization, request.arrived, now);
        let Lookup::Ready {
            key, organization, ..
        } = found
        else {
            return false;
        };
        let records = [*key, *organization];
        self.oracle.decided(&request.promise, records);
        for ((subject, _), record) in request.promise.iter().zip(records) {
            let before = edge.shown.insert(*subject, record.revision);
            let pruned = setup.view_limit < 10_000;
            if before.is_some_and(|before| before > record.revision) && !pruned {
                self.oracle.violate(WENT_BACK);
            }
        }
        true
    }

    /// A request for a key arrives that is only counted if it can be decided
    /// at once. The edge notices nothing.
    pub fn arrive_unnoticed(&mut self, setup: &Setup, number: u8, key: Subject) {
        let edge = &mut self.edges[usize::from(number)];
        let (view, clock) = (edge.view.clone(), edge.clock.clone());
        let now = Reading::at(edge.clock.read(self.now, setup));
        let request = Request {
            key,
            arrived: now,
            promise: self.oracle.promised([key, key.organization()]),
        };
        self.decide(setup, number, &request, now);
        let edge = &mut self.edges[usize::from(number)];
        (edge.view, edge.clock) = (view, clock);
    }

    /// Starts what the waiting requests lack: a load or a refresh.
    pub fn seek(&mut self, setup: &Setup, number: u8, via: Node) {
        let edge = &mut self.edges[usize::from(number)];
        if edge.waiting.is_empty() {
            return;
        }
        let now = Reading::at(edge.clock.read(self.now, setup));
        let mut syncs = Vec::new();
        for request in &edge.waiting {
            let both = [request.key, request.key.organization()];
            match edge.view.lookup(&both[0], &both[1], request.arrived, now) {
                Lookup::Ready { .. } => {}
                Lookup::Unproven => {
                    if let Refresh::Send(sync) = edge.view.begin_refresh(now) {
                        syncs.push(sync);
                    }
                }
                Lookup::Missing => {
                    if let Some(load) = edge.view.begin_load(&both, now) {
                        syncs.extend(load.sync.clone());
                        let left = load.subjects().map(|subject| (subject, Brought::Nothing));
                        edge.loads.push(Loading {
                            left: left.collect(),
                            load,
                        });
                    }
                }
            }
        }
        // What another load has brought needs no second one.
        let view = &edge.view;
        (edge.loads).retain(|loading| loading.left.keys().any(|subject| !view.holds(subject)));
        if edge.loads.len() > setup.loads {
            edge.loads.remove(0);
        }
        for sync in syncs {
            self.sync(setup, number, via, sync);
        }
    }

    /// Refreshes in the background. `frozen`: the clock stands since the last
    /// event.
    pub fn refresh(&mut self, setup: &Setup, number: u8, via: Node, frozen: bool) {
        let edge = &mut self.edges[usize::from(number)];
        let shown = if frozen {
            edge.clock.frozen()
        } else {
            edge.clock.clone().read(self.now, setup)
        };
        if !edge.view.should_refresh(Reading::at(shown)) {
            return;
        }
        let now = Reading::at(if frozen {
            shown
        } else {
            edge.clock.read(self.now, setup)
        });
        if let Refresh::Send(sync) = edge.view.begin_refresh(now) {
            self.sync(setup, number, via, sync);
        }
    }

    /// Asks again for a load whose answer was discarded.
    pub fn resync(&mut self, setup: &Setup, number: u8, load: usize, via: Node) {
        let edge = &mut self.edges[usize::from(number)];
        if let Some(loading) = edge.loads.get(load) {
            let now = Reading::at(edge.clock.read(self.now, setup));
            let sync = edge.view.resync(&loading.load, now);
            self.sync(setup, number, via, sync);
        }
    }

    fn sync(&mut self, setup: &Setup, number: u8, via: Node, mut sync: PendingSync<EdgeClock>) {
        let now = self.edges[usize::from(number)].clock.frozen();
        sync.sent_to(hop(via), Reading::at(now));
        let message = Message {
            from: Node::Edge(number),
            to: via,
            body: Body::SyncRequest(sync.request.clone()),
            context: Context::Edge(self.edges[usize::from(number)].life, sync),
        };
        self.send(setup, message);
    }

    /// KV answers a load with a value, or a miss.
    pub fn read_kv(
        &mut self,
        setup: &Setup,
        number: u8,
        load: usize,
        subject: Subject,
        value: Option<Rec>,
    ) {
        self.bring(setup, number, load, subject, value);
        self.decide_waiting(setup, number);
    }

    /// Sends a strong read for the oldest waiting request.
    pub fn read_strong(&mut self, setup: &Setup, number: u8) {
        let edge = &mut self.edges[usize::from(number)];
        let life = edge.life;
        if edge.waiting.is_empty() {
            return;
        }
        let request = edge.waiting.remove(0);
        let both = [request.key, request.key.organization()];
        let required = both.map(|subject| (subject, edge.view.required(&subject)));
        let of = |registry: &super::Registry| registry.organization == request.key.organization();
        let registry = self.registries.iter().position(of).unwrap();
        let message = Message {
            from: Node::Edge(number),
            to: Node::Registry(registry as u8),
            body: Body::Read(required),
            context: Context::EdgeRead(life, request),
        };
        self.send(setup, message);
    }

    fn bring(
        &mut self,
        setup: &Setup,
        number: u8,
        load: usize,
        subject: Subject,
        value: Option<Rec>,
    ) {
        let edge = &mut self.edges[usize::from(number)];
        let Some(loading) = edge.loads.get_mut(load) else {
            return;
        };
        if !loading.left.contains_key(&subject) {
            return;
        }
        let Some(record) = value else {
            loading.left.insert(subject, Brought::Behind);
            return;
        };
        let now = Reading::at(edge.clock.read(self.now, setup));
        match edge.view.insert(&loading.load, &subject, record, now) {
            Inserted::Stored => {
                loading.left.remove(&subject);
            }
            Inserted::Stale => {
                loading.left.insert(subject, Brought::Behind);
            }
            Inserted::RequirementUnknown(record) => {
                loading.left.insert(subject, Brought::Unanswered(record));
            }
            Inserted::Evicted => loading.left.clear(),
        }
        if loading.left.is_empty() {
            edge.loads.remove(load);
        }
    }

    /// Tries once more to enter what KV brought before the answer came.
    fn bring_unanswered(&mut self, setup: &Setup, number: u8) {
        let edge = &self.edges[usize::from(number)];
        let mut held = Vec::new();
        for (load, loading) in edge.loads.iter().enumerate().rev() {
            for (subject, brought) in &loading.left {
                if let Brought::Unanswered(record) = brought {
                    held.push((load, *subject, *record));
                }
            }
        }
        for (load, subject, record) in held {
            let loads = &self.edges[usize::from(number)].loads;
            let waits = |loading: &Loading| {
                loading.left.get(&subject) == Some(&Brought::Unanswered(record))
            };
            if loads.get(load).is_some_and(waits) {
                self.bring(setup, number, load, subject, Some(record));
            }
        }
    }

    pub fn deliver_to_edge(&mut self, setup: &Setup, number: u8, message: Message) {
        let edge = &mut self.edges[usize::from(number)];
        match (message.body, message.context) {
            (Body::SyncReply(mut reply), Context::Edge(life, mut sync)) if life == edge.life => {
                if setup.mutant == Some(Mutant::NoRaceFence) {
                    reply
                        .changes
                        .retain(|change| edge.view.holds(&change.subject));
                }
                let now = Reading::at(edge.clock.read(self.now, setup));
                match setup.mutant {
                    Some(Mutant::ProvenAtArrival) => sync.sent_to(hop(message.from), now),
                    Some(Mutant::ResetIgnored) => reply.reset = false,
                    _ => {}
                }
                if edge.view.accept(&sync, &reply, now) == Accepted::Reset {
                    edge.shown.clear();
                }
                self.bring_unanswered(setup, number);
            }
            (Body::Unavailable, Context::Edge(life, sync)) if life == edge.life => {
                let now = Reading::at(edge.clock.read(self.now, setup));
                edge.view.failed(&sync, now);
            }
            (Body::Records(records), Context::EdgeRead(life, request)) if life == edge.life => {
                let used = records.map(|(_, record, _)| record);
                self.oracle.decided(&request.promise, used);
                for (subject, record, keep) in records {
                    self.bring_strong(setup, number, subject, record, keep);
                }
            }
            _ => {}
        }
        self.decide_waiting(setup, number);
    }

    /// Enters a record read strongly into the load that waits for it.
    fn bring_strong(
        &mut self,
        setup: &Setup,
        number: u8,
        subject: Subject,
        record: Rec,
        keep: bool,
    ) {
        let edge = &mut self.edges[usize::from(number)];
        let wants = |loading: &Loading| loading.left.contains_key(&subject);
        if let Some(load) = edge.loads.iter().position(wants) {
            if keep {
                self.bring(setup, number, load, subject, Some(record));
            } else {
                let loading = edge.loads.remove(load);
                edge.view.abandon(&loading.load);
            }
        }
    }
}
