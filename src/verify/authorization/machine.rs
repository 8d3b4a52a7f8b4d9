//! What a request does next.

use super::sync::FailoverSync;
use super::{Event, Isolate, Refusal, RegistryRecords, Source, Step, Verifier};
use crate::expiring_semaphore::Permit;
use crate::freshness::failover::Failover;
use crate::freshness::records::Record;
use crate::freshness::view::{Inserted, Load, Lookup, Refresh, View};
use crate::freshness::{EdgeClock, Millis, Reading, Subject};
use crate::verify::Freshness;

/// How long a request that waits for another one's load or sync looks away, in
/// milliseconds.
const LOOK_EVERY: u64 = 5;

/// One request on its way to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authorization<R> {
    key: Subject,
    organization: Subject,
    arrived: Reading<EdgeClock>,
    hops: Failover,
    /// The greatest age at which the last known state is served where nothing proves
    /// the present one.
    serve_unproven: Option<Millis>,
    /// Where the view has the records from, as far as this request knows.
    source: Source,
    state: State<R>,
    stale: Vec<Subject>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State<R> {
    /// The next event is `Look`.
    Looking,
    /// The same for a route that reads from the registry on every request.
    Strict,
    Syncing,
    Loading(Load),
    /// Other replies overtook the load's own: what it has read, of which the view
    /// does not know yet what is required.
    Resyncing(Load, Vec<(Subject, R)>),
    CheckingSecret,
    ReadingRegistry(Option<Load>, Permit),
}

impl<R: Record + Clone> Authorization<R> {
    /// A request that arrived at `arrived` and that memory could not decide. `hops`
    /// is whom to ask, from the beginning. `serve_unproven` is the operator's choice
    /// for this request; a strict route never serves so.
    #[must_use]
    pub fn new(
        key: Subject,
        arrived: Reading<EdgeClock>,
        freshness: Freshness,
        hops: Failover,
        serve_unproven: Option<Millis>,
    ) -> Self {
        let (state, serve_unproven) = match freshness {
            Freshness::Bounded => (State::Looking, serve_unproven),
            Freshness::Strict => (State::Strict, None),
        };
        Self {
            key,
            organization: key.organization(),
            arrived,
            hops,
            serve_unproven,
            source: Source::Memory,
            state,
            stale: Vec::new(),
        }
    }

    /// Whose record in Workers KV was found to be out of date, since this was last
    /// asked: the registry should write it again.
    pub fn take_stale(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.stale)
    }

    /// Takes what happened, and says what to do next. An event that the last step
    /// did not ask for refuses the request.
    pub fn next<V: Verifier<R>>(
        &mut self,
        isolate: &mut Isolate<'_, R>,
        verifier: &mut V,
        event: Event<R>,
        now: Reading<EdgeClock>,
    ) -> Step<V::Granted> {
        isolate.view.observe(now);
        match (std::mem::replace(&mut self.state, State::Looking), event) {
            (State::Looking, Event::Look) | (State::Syncing, Event::Synced(true)) => {
                self.look(isolate, verifier, now)
            }
            (State::Syncing, Event::Synced(false)) => {
                self.read_registry(isolate, verifier, None, now)
            }
            (State::Strict, Event::Look) => self.check_secret(isolate, verifier, now),
            (State::CheckingSecret, Event::Loaded { key, .. }) => {
                if key.is_some() && verifier.refutes(key.as_ref(), now) {
                    return denied();
                }
                self.read_registry(isolate, verifier, None, now)
            }
            (
                State::Loading(load),
                Event::Loaded {
                    key,
                    organization,
                    synced,
                },
            ) => {
                let wrong = key.is_some() && verifier.refutes(key.as_ref(), now);
                let records: Vec<_> = [(self.key, key), (self.organization, organization)]
                    .into_iter()
                    .filter_map(|(subject, record)| Some((subject, record?)))
                    .collect();
                let complete = synced && records.len() == load.subjects().count();
                let unconfirmed = self.insert(isolate.view, &load, records, now);
                if wrong {
                    // Whoever has the right secret may still want the record.
                    isolate.view.abandon(&load);
                    return denied();
                }
                match unconfirmed.filter(|_| complete) {
                    Some(unconfirmed) if unconfirmed.is_empty() => {
                        self.source = Source::Kv;
                        self.look(isolate, verifier, now)
                    }
                    Some(unconfirmed) => {
                        let pending = isolate.view.resync(&load, now);
                        self.state = State::Resyncing(load, unconfirmed);
                        Step::Sync(FailoverSync::new(pending, self.hops.clone(), now))
                    }
                    None => self.read_registry(isolate, verifier, Some(load), now),
                }
            }
            (State::Resyncing(load, records), Event::Synced(synced)) => {
                let unconfirmed = synced.then(|| self.insert(isolate.view, &load, records, now));
                if unconfirmed.flatten().is_some_and(|left| left.is_empty()) {
                    self.source = Source::Kv;
                    self.look(isolate, verifier, now)
                } else {
                    self.read_registry(isolate, verifier, Some(load), now)
                }
            }
            (State::ReadingRegistry(load, permit), Event::RegistryAnswered(read)) => {
                isolate.registry_reads.release(permit);
                self.decide_by_registry(isolate.view, verifier, load, read, now)
            }
            _ => Step::Decided(Err(Refusal::FreshnessUnavailable)),
        }
    }

    /// Looks at the view, by which alone a bounded request is decided; it is shared,
    /// and what this request lacks another one may be loading.
    fn look<V: Verifier<R>>(
        &mut self,
        isolate: &mut Isolate<'_, R>,
        verifier: &V,
        now: Reading<EdgeClock>,
    ) -> Step<V::Granted> {
        if now.since(&self.arrived) > Failover::TOTAL {
            return self.read_registry(isolate, verifier, None, now);
        }
        let view = &mut *isolate.view;
        match view.lookup(&self.key, &self.organization, self.arrived, now) {
            Lookup::Ready {
                key,
                organization,
                age,
            } => {
                let decision = verifier.decide(Some(key), Some(organization), self.source, age);
                Step::Decided(decision.map_err(Refusal::Denied))
            }
            Lookup::Unproven => match view.begin_refresh(now) {
                Refresh::Send(pending) => {
                    self.state = State::Syncing;
                    Step::Sync(FailoverSync::new(pending, self.hops.clone(), now))
                }
                Refresh::Wait(most) => Step::Wait(Millis(most.0.clamp(1, LOOK_EVERY))),
                Refresh::Failing => self.read_registry(isolate, verifier, None, now),
            },
            Lookup::Missing => match view.begin_load(&[self.key, self.organization], now) {
                Some(mut load) => {
                    let sync = load.sync.take();
                    let wants = |wanted| load.subjects().any(|subject| subject == wanted);
                    let (key, organization) = (wants(self.key), wants(self.organization));
                    self.state = State::Loading(load);
                    Step::Load {
                        key,
                        organization,
                        sync: sync.map(|sync| FailoverSync::new(sync, self.hops.clone(), now)),
                    }
                }
                None => Step::Wait(Millis(LOOK_EVERY)),
            },
        }
    }

    /// For strict routes. Without a record at hand Workers KV is looked at first: a
    /// wrong secret under a genuine id must not load the registry.
    fn check_secret<V: Verifier<R>>(
        &mut self,
        isolate: &mut Isolate<'_, R>,
        verifier: &V,
        now: Reading<EdgeClock>,
    ) -> Step<V::Granted> {
        if isolate.view.peek(&self.key).is_some() {
            return self.read_registry(isolate, verifier, None, now);
        }
        self.state = State::CheckingSecret;
        Step::Load {
            key: true,
            organization: false,
            sync: None,
        }
    }

    /// Puts what a load has read into the view. What is left is what the view knows
    /// no requirement of; `None` where a record may not be there.
    fn insert(
        &mut self,
        view: &mut View<R>,
        load: &Load,
        records: Vec<(Subject, R)>,
        now: Reading<EdgeClock>,
    ) -> Option<Vec<(Subject, R)>> {
        let mut unconfirmed = Some(Vec::new());
        for (subject, record) in records {
            match view.insert(load, &subject, record, now) {
                Inserted::Stored => {}
                Inserted::RequirementUnknown(record) => {
                    if let Some(unconfirmed) = &mut unconfirmed {
                        unconfirmed.push((subject, record));
                    }
                }
                Inserted::Evicted => unconfirmed = None,
                Inserted::Stale => {
                    unconfirmed = None;
                    self.stale.push(subject);
                }
            }
        }
        unconfirmed
    }

    /// Turns to the registry, unless too many do: a lost relay must not become a
    /// flood of registry calls.
    fn read_registry<V: Verifier<R>>(
        &mut self,
        isolate: &mut Isolate<'_, R>,
        verifier: &V,
        load: Option<Load>,
        now: Reading<EdgeClock>,
    ) -> Step<V::Granted> {
        let view = &mut *isolate.view;
        let Some(permit) = isolate.registry_reads.acquire(now.ms()) else {
            return self.give_up(view, verifier, load);
        };
        self.state = State::ReadingRegistry(load, permit);
        Step::ReadRegistry([self.key, self.organization].map(|subject| view.required(&subject)))
    }

    /// The registry's answer proves these two records for this request alone. With a
    /// load they enter the view as well.
    fn decide_by_registry<V: Verifier<R>>(
        &self,
        view: &mut View<R>,
        verifier: &mut V,
        load: Option<Load>,
        read: Option<RegistryRecords<R>>,
        now: Reading<EdgeClock>,
    ) -> Step<V::Granted> {
        let Some(read) = read else {
            return self.give_up(view, verifier, load);
        };
        let (key, organization) = (read.key, read.organization);
        verifier.refutes(key.as_ref(), now);
        if let Some(load) = load {
            // Not yet in the change log: good for this request, not for keeping.
            if read.may_keep {
                for (subject, record) in [(self.key, &key), (self.organization, &organization)] {
                    if let Some(record) = record {
                        view.insert(&load, &subject, record.clone(), now);
                    }
                }
            }
            view.abandon(&load);
        }
        let (key, organization) = (key.as_ref(), organization.as_ref());
        let decision = verifier.decide(key, organization, Source::Registry, Millis::ZERO);
        Step::Decided(decision.map_err(Refusal::Denied))
    }

    /// Nothing proves the present state. Where the operator chose to serve, a client
    /// is granted on the state last known, if that is not too old. It refuses nobody:
    /// a right may have been given since.
    fn give_up<V: Verifier<R>>(
        &self,
        view: &mut View<R>,
        verifier: &V,
        load: Option<Load>,
    ) -> Step<V::Granted> {
        if let Some(load) = load {
            view.abandon(&load);
        }
        let granted = self.serve_unproven.and_then(|at_most| {
            let (key, organization, age) =
                view.last_proven(&self.key, &self.organization, self.arrived, at_most)?;
            (verifier.decide(Some(key), Some(organization), Source::Unproven, age)).ok()
        });
        Step::Decided(granted.ok_or(Refusal::FreshnessUnavailable))
    }
}

const fn denied<G>() -> Step<G> {
    Step::Decided(Err(Refusal::Denied(crate::verify::Denial::InvalidKey)))
}
