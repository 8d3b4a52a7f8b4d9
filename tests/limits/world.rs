//! Isolates, a meter, and the network between them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fault of the test itself ends it"
)]

use katalo_keys::key::{OrganizationId, Subject};
use katalo_keys::limits::allowances::{Allowances, IDLE};
use katalo_keys::limits::message::{LeaseReply, LeaseRequest, Return};
use katalo_keys::limits::meter::{self, Ledger, Ledgers};
use katalo_keys::limits::policy::{Policy, Precision};
use katalo_keys::limits::spending::{Event, Limit, Spending, Step};
use katalo_keys::limits::window::Zones;
use std::collections::BTreeMap;

/// Milliseconds of a day, which is the quota's window.
const DAY: u64 = 86_400_000;
/// When it begins: so that the window ends after three ticks.
const START: u64 = 1_000 * DAY - 3 * IDLE;

/// What an implementation could do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The meter debits after it has replied, and crashes in between.
    DebitsAfterTheReply,
    /// An isolate counts a unit as spent only after it has forwarded the request.
    SpendsAfterForwarding,
    /// A lease that was not returned for a while is credited.
    CreditsWithoutAReturn,
    /// An isolate returns a lease and spends on from it.
    ReturnsAndSpendsOn,
    /// A lease is spent after its window.
    OutlivesItsWindow,
    /// A return that comes twice is credited twice.
    CreditsTwice,
    /// A lowered limit is said to be enforced before every isolate knows it.
    AcknowledgesEarly,
    /// A refused request consumes a unit.
    ConsumesWhereItRefuses,
}

impl Fault {
    pub(crate) const ALL: [Self; 8] = [
        Self::DebitsAfterTheReply,
        Self::SpendsAfterForwarding,
        Self::CreditsWithoutAReturn,
        Self::ReturnsAndSpendsOn,
        Self::OutlivesItsWindow,
        Self::CreditsTwice,
        Self::AcknowledgesEarly,
        Self::ConsumesWhereItRefuses,
    ];
}

/// How much happens.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) edges: usize,
    pub(crate) limit: u64,
    /// A limit that takes the place of the first.
    pub(crate) lowered: Option<u64>,
    pub(crate) requests: usize,
    /// What one costs: 1 up to so many units.
    pub(crate) costs: u64,
    pub(crate) losses: usize,
    pub(crate) repeats: usize,
    pub(crate) kills: usize,
    pub(crate) ticks: usize,
    pub(crate) fault: Option<Fault>,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A request comes to an isolate.
    Arrive(usize),
    /// A message arrives.
    Deliver(usize),
    /// It is lost.
    Lose(usize),
    /// It arrives, and will once more.
    Repeat(usize),
    /// An isolate ends, with all that it holds.
    Kill(usize),
    /// An isolate looks after what idles.
    Tend(usize),
    /// Time goes by.
    Tick,
    /// An isolate learns of the lowered limit.
    Learn(usize),
    /// That is enforced.
    Acknowledge,
}

/// On its way.
#[derive(Clone, Debug)]
enum Message {
    /// To the meter, from this life of an isolate. `asker` is the request that waits.
    Ask(LeaseRequest, usize, Option<u64>),
    /// Back.
    Said(LeaseReply, LeaseRequest, u64, Option<u64>, usize),
}

#[derive(Clone, Debug)]
struct Edge {
    allowances: Allowances,
    life: u64,
    /// Which policy it knows.
    knows: usize,
    /// Requests that wait for the meter: which, how far they are, which policy they are
    /// held to, and whether they came after that was replaced for good.
    waiting: Vec<Waiting>,
    /// Requests that wait for another one's question.
    looking: Vec<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    id: u64,
    cost: u64,
    spending: Spending,
    policy: usize,
    is_late: bool,
}

#[derive(Clone, Debug, Default)]
struct Store(BTreeMap<String, Ledger>);

impl Ledgers for Store {
    type Error = ();
    fn get(&self, _: &Subject, policy: &str) -> Result<Option<Ledger>, ()> {
        Ok(self.0.get(policy).cloned())
    }
    fn put(&mut self, _: &Subject, ledger: &Ledger, policy: &str) -> Result<(), ()> {
        self.0.insert(policy.to_owned(), ledger.clone());
        Ok(())
    }
}

struct Utc;

impl Zones for Utc {
    fn offset(&self, _: &str, _: u64) -> Option<i64> {
        Some(0)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    bounds: Bounds,
    now: u64,
    edges: Vec<Edge>,
    store: Store,
    network: Vec<Message>,
    policies: Vec<Policy>,
    is_acknowledged: bool,
    next: u64,
    refused: bool,
    /// What was leased, for a fault that credits it.
    leased: Vec<Return>,
    /// In the window of now.
    in_window: u64,
    pub(crate) admitted: u64,
    pub(crate) credited: usize,
    pub(crate) wrong: Option<&'static str>,
}

fn meter() -> Subject {
    OrganizationId::parse("acme").unwrap().tag().into()
}

impl World {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let policy = |revision, limit| Policy {
            name: "daily".to_owned(),
            revision,
            meter: None,
            limit,
            window_ms: 0,
            burst: 0,
            precision: Precision::Leased,
            resets: "day 00:00 UTC".to_owned(),
        };
        let mut policies = vec![policy(1, bounds.limit)];
        policies.extend(bounds.lowered.map(|limit| policy(2, limit)));
        let edges = (0..bounds.edges as u64).map(|life| Edge {
            allowances: Allowances::new(life),
            life,
            knows: 0,
            waiting: Vec::new(),
            looking: Vec::new(),
        });
        Self {
            now: START,
            edges: edges.collect(),
            store: Store::default(),
            network: Vec::new(),
            policies,
            is_acknowledged: false,
            next: bounds.edges as u64,
            refused: false,
            leased: Vec::new(),
            in_window: 0,
            admitted: 0,
            credited: 0,
            wrong: None,
            bounds,
        }
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.refused && self.in_window == self.bounds.limit
    }

    /// What can happen now.
    pub(crate) fn acts(&self) -> Vec<Act> {
        let (bounds, edges) = (&self.bounds, 0..self.edges.len());
        let mut acts = Vec::new();
        if self.wrong.is_some() {
            return acts;
        }
        if bounds.requests > 0 {
            acts.extend(edges.clone().map(Act::Arrive));
        }
        for place in 0..self.network.len() {
            acts.push(Act::Deliver(place));
            if bounds.losses > 0 {
                acts.push(Act::Lose(place));
            }
            if bounds.repeats > 0 && matches!(self.network[place], Message::Ask(..)) {
                acts.push(Act::Repeat(place));
            }
        }
        if bounds.kills > 0 {
            acts.extend(edges.clone().map(Act::Kill));
        }
        if bounds.ticks > 0 {
            acts.push(Act::Tick);
            acts.extend(edges.clone().map(Act::Tend));
        }
        if bounds.lowered.is_some() && !self.is_acknowledged {
            acts.extend(
                edges
                    .filter(|edge| self.edges[*edge].knows == 0)
                    .map(Act::Learn),
            );
            let is_known = self.edges.iter().all(|edge| edge.knows == 1);
            if is_known || bounds.fault == Some(Fault::AcknowledgesEarly) {
                acts.push(Act::Acknowledge);
            }
        }
        acts
    }

    pub(crate) fn carry_out(&mut self, act: Act) {
        match act {
            Act::Arrive(edge) => {
                self.bounds.requests -= 1;
                let id = self.next;
                self.next += 1;
                let policy = self.edges[edge].knows;
                let cost = 1 + id % self.bounds.costs;
                let request = Waiting {
                    id,
                    cost,
                    spending: Spending::new(cost, self.now),
                    policy,
                    is_late: self.is_acknowledged && policy + 1 < self.policies.len(),
                };
                self.go_on(edge, request, Event::Look);
            }
            Act::Deliver(place) => {
                let message = self.network.remove(place);
                self.deliver(message);
            }
            Act::Lose(place) => {
                self.bounds.losses -= 1;
                let message = self.network.remove(place);
                let (asker, edge, request, sent) = match message {
                    Message::Ask(request, edge, asker) => (asker, edge, request, self.now),
                    Message::Said(_, request, sent, asker, edge) => (asker, edge, request, sent),
                };
                self.told(edge, asker, &request, None, sent);
            }
            Act::Repeat(place) => {
                self.bounds.repeats -= 1;
                let message = self.network[place].clone();
                // The second answer reaches nobody.
                if let Message::Ask(request, _, _) = message {
                    self.ask_meter(&request);
                }
            }
            Act::Kill(edge) => {
                self.bounds.kills -= 1;
                let (life, knows) = (self.next, usize::from(self.is_acknowledged));
                self.next += 1;
                let knows = knows.max(self.edges[edge].knows);
                self.edges[edge] = Edge {
                    allowances: Allowances::new(life),
                    life,
                    knows,
                    waiting: Vec::new(),
                    looking: Vec::new(),
                };
            }
            Act::Tend(edge) => {
                let before = self.edges[edge].allowances.clone();
                let returns = self.edges[edge].allowances.idle(self.now);
                if self.bounds.fault == Some(Fault::ReturnsAndSpendsOn) {
                    self.edges[edge].allowances = before;
                }
                for (_, request) in returns {
                    self.network.push(Message::Ask(request, edge, None));
                }
            }
            Act::Tick => {
                self.bounds.ticks -= 1;
                let before = self.now / DAY;
                self.now += IDLE;
                if self.now / DAY > before {
                    self.in_window = 0;
                    self.refused = false;
                }
                if self.bounds.fault == Some(Fault::CreditsWithoutAReturn) {
                    let request = LeaseRequest {
                        holder: 0,
                        wants: Vec::new(),
                        returns: std::mem::take(&mut self.leased),
                    };
                    self.ask_meter(&request);
                }
            }
            Act::Learn(edge) => self.edges[edge].knows = 1,
            Act::Acknowledge => self.is_acknowledged = true,
        }
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Ask(request, edge, asker) => {
                let reply = self.ask_meter(&request);
                let life = self.edges[edge].life;
                if request.holder == life {
                    let sent = self.now;
                    self.network
                        .push(Message::Said(reply, request, sent, asker, edge));
                }
            }
            Message::Said(reply, request, sent, asker, edge) => {
                self.told(edge, asker, &request, Some(reply), sent);
            }
        }
    }

    fn ask_meter(&mut self, request: &LeaseRequest) -> LeaseReply {
        let before = self.store.clone();
        let mut request = request.clone();
        if self.bounds.fault == Some(Fault::CreditsTwice) {
            for back in &mut request.returns {
                back.units *= 2;
            }
        }
        let reply = meter::lease(&mut self.store, &request, &Utc, self.now).unwrap();
        if !request.returns.is_empty() && format!("{before:?}") != format!("{:?}", self.store) {
            self.credited += 1;
        }
        // The crash takes the debit back.
        if self.bounds.fault == Some(Fault::DebitsAfterTheReply) && request.returns.is_empty() {
            self.store = before;
        }
        if self.bounds.fault == Some(Fault::CreditsWithoutAReturn) {
            self.leased.extend(reply.leases.iter().map(|lease| Return {
                meter: meter(),
                policy: "daily".to_owned(),
                lease: lease.id,
                units: lease.units,
            }));
        }
        reply
    }

    /// An isolate hears the answer to a question, or none.
    fn told(
        &mut self,
        edge: usize,
        asker: Option<u64>,
        request: &LeaseRequest,
        reply: Option<LeaseReply>,
        sent: u64,
    ) {
        if request.holder != self.edges[edge].life || request.wants.is_empty() {
            return;
        }
        let reply = reply.map(|mut reply| {
            if self.bounds.fault == Some(Fault::OutlivesItsWindow) {
                for lease in &mut reply.leases {
                    lease.lasts_ms = u64::MAX;
                }
            }
            reply
        });
        let waiting = &mut self.edges[edge].waiting;
        let place = asker.and_then(|asker| waiting.iter().position(|one| one.id == asker));
        match place {
            Some(place) => {
                let request = waiting.remove(place);
                self.go_on(edge, request, Event::Answered(reply));
            }
            None => {
                let now = self.now;
                let allowances = &mut self.edges[edge].allowances;
                allowances.accept(request, reply, sent, now);
            }
        }
        for request in std::mem::take(&mut self.edges[edge].looking) {
            self.go_on(edge, request, Event::Look);
        }
    }

    fn go_on(&mut self, edge: usize, mut request: Waiting, event: Event) {
        let (id, policy) = (request.id, request.policy);
        let mut before = self.edges[edge].allowances.clone();
        let limits = [Limit {
            meter: meter(),
            policy: &self.policies[policy],
        }];
        let now = self.now;
        // One that costs nothing leaves behind what is still good.
        Spending::new(0, now).next(&mut before, &limits, Event::Look, now);
        let allowances = &mut self.edges[edge].allowances;
        match request.spending.next(allowances, &limits, event, now) {
            Step::Admit(_) => {
                let refill = allowances.refill(&limits, now);
                if self.bounds.fault == Some(Fault::SpendsAfterForwarding) && id.is_multiple_of(2) {
                    self.edges[edge].allowances = before;
                }
                if let Some(request) = refill {
                    self.network.push(Message::Ask(request, edge, None));
                }
                self.admit(request.cost, policy, request.is_late);
            }
            Step::Refuse(_) => {
                self.refused = true;
                if self.bounds.fault == Some(Fault::ConsumesWhereItRefuses) {
                    Spending::new(1, now).next(allowances, &limits, Event::Look, now);
                }
                let (left, was) = (format!("{allowances:?}"), format!("{before:?}"));
                if units(&left) < units(&was) {
                    self.wrong = Some("a refused request consumed units");
                }
            }
            Step::Ask(question) => {
                self.network.push(Message::Ask(question, edge, Some(id)));
                self.edges[edge].waiting.push(request);
            }
            Step::Wait(_) => self.edges[edge].looking.push(request),
        }
    }

    fn admit(&mut self, cost: u64, policy: usize, is_late: bool) {
        self.admitted += cost;
        self.in_window += cost;
        if self.in_window > self.policies[0].limit {
            self.wrong = Some("more than the limit was admitted in a window");
        }
        let newest = self.policies.len() - 1;
        if is_late {
            self.wrong = Some("an older limit was spent after the new one was enforced");
        }
        if policy == newest && self.in_window > self.policies[newest].limit {
            self.wrong = Some("more than the lowered limit was admitted");
        }
    }
}

/// Units that an isolate holds, by what it looks like.
fn units(allowances: &str) -> u64 {
    let parts = allowances.split("units: ").skip(1);
    parts
        .map(|part| {
            part.split(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        })
        .sum()
}
