//! A registry's object around the real commit-wait and the deployed machines that
//! use it.

use std::collections::BTreeMap;

use katalo_keys::freshness::change_log::LogStore;
use katalo_keys::freshness::commit_wait::{CommitWait, Enforcement, PendingChange, Recovery};
use katalo_keys::freshness::enforcer::{Enforcer, EnforcerEvent, EnforcerStep};
use katalo_keys::freshness::restore_guard::{GuardEvent, GuardStep, ReadRevision, RestoreGuard};
use katalo_keys::freshness::{Ack, Append, Millis, Reading, RegistryClock, Revision, Subject};

use super::clock::Clock;
use super::net::{Body, Context, Message, Node, Then};
use super::{Mutant, Rec, Setup, World, key, organization};

/// What is in the registry's storage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    pub revision: Revision,
    pub records: BTreeMap<Subject, Rec>,
    pub rows: BTreeMap<Subject, PendingChange>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Registry {
    pub organization: Subject,
    pub stored: Stored,
    pub backup: Stored,
    pub commit: CommitWait,
    pub clock: Clock,
    pub life: u32,
    /// Calls that wait, each for the change of a subject.
    pub calls: Vec<(Subject, Enforcer)>,
    /// Appends that the mutant has put off.
    pub owed: Vec<Append>,
    /// The clock of the mutant that does not let it go back.
    held: u64,
}

/// What a registry must not do that learns of a change it does not have.
pub const SERVES_ON: &str = "a registry serves on that has heard of a change it lost";

/// What a registry must not do that was not restored.
pub const LOST_NOTHING: &str = "a registry recovers that lost nothing";

/// What must not be said of a change twice.
pub const SETTLED_AGAIN: &str = "what is settled is to be settled again";

/// The revision of every record at the beginning.
pub const FIRST: Revision = Revision(1);

impl Registry {
    pub fn new(number: u8, keys: u8) -> Self {
        let organization = organization(number);
        let record = Rec {
            revision: FIRST,
            allowed: true,
            keys_revoked_through: Revision::default(),
        };
        let subjects = (0..keys).map(|k| key(number, k)).chain([organization]);
        let stored = Stored {
            revision: FIRST,
            records: subjects.map(|subject| (subject, record)).collect(),
            rows: BTreeMap::new(),
        };
        Self {
            organization,
            backup: stored.clone(),
            commit: start(organization, &stored, stored.rows.values()),
            stored,
            clock: Clock::default(),
            life: 0,
            calls: Vec::new(),
            owed: Vec::new(),
            held: 0,
        }
    }

    /// The process ends; another takes its place.
    pub fn restart(&mut self, setup: &Setup) {
        self.life += 1;
        self.calls.clear();
        self.owed.clear();
        let none = BTreeMap::new();
        let rows = match setup.mutant {
            Some(Mutant::RowsForgottenAtStart) => &none,
            _ => &self.stored.rows,
        };
        self.commit = start(self.organization, &self.stored, rows.values());
    }

    /// A reading at true time `now`.
    fn read(&mut self, now: u64, setup: &Setup) -> Reading<RegistryClock> {
        let shown = self.clock.read(now, setup);
        if setup.mutant != Some(Mutant::WaitKeepsTheOldClock) {
            return Reading::at(shown);
        }
        self.held = self.held.max(shown);
        Reading::at(self.held)
    }

    pub fn may_serve(&self, setup: &Setup) -> bool {
        self.commit.may_serve() || setup.mutant == Some(Mutant::NoRestoreCheck)
    }

    fn may_publish(&self, subject: &Subject, setup: &Setup) -> bool {
        self.commit.may_publish(subject) || setup.mutant == Some(Mutant::PublishedBeforeAppend)
    }
}

fn start<'a>(
    organization: Subject,
    stored: &Stored,
    rows: impl Iterator<Item = &'a PendingChange>,
) -> CommitWait {
    CommitWait::start(organization, stored.revision, rows.copied())
}

impl World {
    /// A call takes a subject's right, or gives it back. Taken from an
    /// organization, all its keys are revoked too, and stay so.
    pub fn change(&mut self, setup: &Setup, number: u8, subject: Subject) {
        let registry = &mut self.registries[usize::from(number)];
        let allowed = !registry.stored.records[&subject].allowed;
        let revision = registry.stored.revision.next();
        let keys_revoked_through = if subject.is_organization() && !allowed {
            revision
        } else {
            registry.stored.records[&subject].keys_revoked_through
        };
        let record = Rec {
            revision,
            allowed,
            keys_revoked_through,
        };
        registry.write(subject, record);
        registry.commit.committed(registry.stored.rows[&subject]);
        if allowed {
            self.oracle.grant(subject, revision);
        }
        if setup.mutant == Some(Mutant::PublishedBeforeAppend) {
            self.publish(number, subject);
        }
    }

    /// The alarm: appends what the log does not know, and settles what is enforced.
    pub fn alarm(&mut self, setup: &Setup, number: u8) {
        self.guard(
            setup,
            number,
            RestoreGuard::default(),
            GuardEvent::Arrived,
            Then::Alarm,
        );
    }

    /// A client calls, or calls again, for the change of a subject.
    pub fn call(&mut self, setup: &Setup, number: u8, subject: Subject) {
        let registry = &mut self.registries[usize::from(number)];
        let now = registry.read(self.now, setup);
        let record = registry.stored.records[&subject];
        if setup.mutant == Some(Mutant::EnforcedFromState) {
            if !record.allowed {
                self.oracle.promise(subject, record);
            }
            return;
        }
        let enforcer = Enforcer::until_enforced(vec![subject], now);
        self.enforce(setup, number, enforcer, EnforcerEvent::Look, Some(subject));
    }

    /// A call that waits looks again.
    pub fn resume(&mut self, setup: &Setup, number: u8) {
        let calls = &mut self.registries[usize::from(number)].calls;
        if !calls.is_empty() {
            let (subject, enforcer) = calls.remove(0);
            self.enforce(setup, number, enforcer, EnforcerEvent::Look, Some(subject));
        }
    }

    /// Carries a request on towards being served.
    fn guard(
        &mut self,
        setup: &Setup,
        number: u8,
        mut guard: RestoreGuard,
        mut event: GuardEvent,
        then: Then,
    ) {
        loop {
            let registry = &mut self.registries[usize::from(number)];
            let step = guard.next(&mut registry.commit, &event);
            let unasked = setup.mutant == Some(Mutant::NoRestoreCheck);
            match step {
                GuardStep::AskLog(_) | GuardStep::Recover(_) if unasked => match &then {
                    Then::Alarm => return self.append_all(setup, number),
                    Then::Read(read) => return self.answer(setup, number, read),
                },
                GuardStep::AskLog(check) => {
                    let message = Message {
                        from: Node::Registry(number),
                        to: Node::Log,
                        body: Body::RestoreCheck(check),
                        context: Context::RestoreGuard(registry.life, guard, then),
                    };
                    return self.send(setup, message);
                }
                GuardStep::Recover(recovery) => {
                    let through = self.recover(setup, number, recovery);
                    event = GuardEvent::Recovered(Some(through));
                }
                GuardStep::Serve => match &then {
                    Then::Alarm => return self.append_all(setup, number),
                    Then::Read(read) => event = self.found(setup, number, read),
                },
                GuardStep::Answer => match &then {
                    Then::Alarm => return,
                    Then::Read(read) => return self.answer(setup, number, read),
                },
                GuardStep::Refuse => {
                    if let Then::Read(read) = then {
                        self.send(setup, read.reply(Body::Unavailable));
                    }
                    return;
                }
            }
        }
    }

    fn append_all(&mut self, setup: &Setup, number: u8) {
        let enforcer = Enforcer::append_all();
        self.enforce(setup, number, enforcer, EnforcerEvent::Look, None);
        let registry = &mut self.registries[usize::from(number)];
        if registry.commit.next_append().is_none()
            && let Some(append) = registry.owed.pop()
        {
            self.send_append(setup, number, Enforcer::append_all(), append, None);
        }
    }

    fn send_append(
        &mut self,
        setup: &Setup,
        number: u8,
        enforcer: Enforcer,
        append: Append,
        call: Option<Subject>,
    ) {
        let life = self.registries[usize::from(number)].life;
        let message = Message {
            from: Node::Registry(number),
            to: Node::Log,
            body: Body::Append(append),
            context: Context::Enforcer(life, enforcer, append, call),
        };
        self.send(setup, message);
    }

    /// Carries an enforcer on, for a call or the alarm.
    pub fn enforce(
        &mut self,
        setup: &Setup,
        number: u8,
        mut enforcer: Enforcer,
        mut event: EnforcerEvent,
        call: Option<Subject>,
    ) {
        loop {
            let registry = &mut self.registries[usize::from(number)];
            let now = registry.read(self.now, setup);
            let step = enforcer.next(&mut registry.commit, &event, now);
            if matches!(event, EnforcerEvent::Settled(_)) && !registry.commit.due(now).is_empty() {
                self.oracle.violate(SETTLED_AGAIN);
            }
            match step {
                EnforcerStep::Settle(rows) => {
                    for row in &rows {
                        if registry.stored.rows.get(&row.subject) == Some(row) {
                            registry.stored.rows.remove(&row.subject);
                        }
                    }
                    let forgotten = setup.mutant == Some(Mutant::NeverSettled);
                    event = EnforcerEvent::Settled(if forgotten { Vec::new() } else { rows });
                }
                EnforcerStep::Append(append) => {
                    let owed = setup.mutant == Some(Mutant::AppendAfterAcknowledgement)
                        && !self.oracle.is_enforced(append.subject, append.revision);
                    if !owed {
                        return self.send_append(setup, number, enforcer, append, call);
                    }
                    registry.owed.push(append);
                    event = EnforcerEvent::Acknowledged(Ack {
                        v: append.v,
                        wait_ms: setup.bound.wait(),
                        greatest: append.revision,
                        place: None,
                        floor: None,
                    });
                }
                EnforcerStep::Await(ask) => {
                    let Some(subject) = call else { return };
                    let message = Message {
                        from: Node::Registry(number),
                        to: Node::Log,
                        body: Body::Await(ask),
                        context: Context::Await(registry.life, enforcer, subject),
                    };
                    return self.send(setup, message);
                }
                EnforcerStep::Wait(_) => {
                    if let Some(subject) = call {
                        registry.calls.push((subject, enforcer));
                        if registry.calls.len() > setup.calls {
                            registry.calls.remove(0);
                        }
                    }
                    return;
                }
                EnforcerStep::Done => {
                    if let Some(subject) = call {
                        let record = registry.stored.records[&subject];
                        self.oracle.promise(subject, record);
                    }
                    return;
                }
                EnforcerStep::GiveUp => return,
            }
        }
    }

    /// Whether a client would hear `enforced` who called now. The registry notices
    /// nothing.
    fn would_enforce(&self, setup: &Setup, number: u8, subject: Subject) -> bool {
        let mut registry = self.registries[usize::from(number)].clone();
        if setup.mutant == Some(Mutant::EnforcedFromState) {
            return !registry.stored.records[&subject].allowed;
        }
        let now = registry.read(self.now, setup);
        let mut enforcer = Enforcer::until_enforced(vec![subject], now);
        let mut event = EnforcerEvent::Look;
        loop {
            match enforcer.next(&mut registry.commit, &event, now) {
                EnforcerStep::Settle(rows) => event = EnforcerEvent::Settled(rows),
                step => return step == EnforcerStep::Done,
            }
        }
    }

    /// What clients would hear who call now, for each subject that changed: the
    /// earliest promise there can be. The registry notices nothing.
    pub fn call_unnoticed(&mut self, setup: &Setup) {
        for number in 0..setup.registries {
            let registry = &self.registries[usize::from(number)];
            if !registry.may_serve(setup) {
                continue;
            }
            for (subject, record) in registry.stored.records.clone() {
                if record.revision > FIRST
                    && !self.oracle.is_enforced(subject, record.revision)
                    && self.would_enforce(setup, number, subject)
                {
                    self.oracle.promise(subject, record);
                }
            }
        }
    }

    /// Does what a registry must that found itself restored; through which revision
    /// all keys are revoked then.
    fn recover(&mut self, setup: &Setup, number: u8, recovery: Recovery) -> Revision {
        let registry = &mut self.registries[usize::from(number)];
        let store = self.log.clone().into_store();
        let known = |subject| {
            (store
                .last_change_of(subject)
                .map(|change| change.map(|change| change.revision)))
            .unwrap_or_else(|never| match never {})
        };
        let mut records = registry.stored.records.iter();
        if !records.any(|(subject, held)| known(*subject) > Some(held.revision)) {
            self.oracle.violate(LOST_NOTHING);
        }
        for subject in recovery.lost {
            let as_it_was = setup.mutant == Some(Mutant::RecoveredAsItWas);
            let before = registry.stored.records[&subject];
            let told = recovery
                .keys_revoked_through
                .filter(|_| subject.is_organization())
                .filter(|_| setup.mutant != Some(Mutant::RevokedAllForgotten));
            let record = Rec {
                revision: recovery.revision,
                allowed: as_it_was && before.allowed,
                keys_revoked_through: before.keys_revoked_through.max(told.unwrap_or_default()),
            };
            registry.write(subject, record);
        }
        registry.stored.revision = recovery.revision;
        registry.stored.records[&registry.organization].keys_revoked_through
    }

    /// What a strong read finds.
    fn found(&self, setup: &Setup, number: u8, read: &Message) -> GuardEvent {
        let registry = &self.registries[usize::from(number)];
        GuardEvent::Read(read.reads().map(|(subject, required)| {
            let held = registry.stored.records[&subject].revision;
            let deaf = setup.mutant == Some(Mutant::DeafToEdges);
            ReadRevision {
                subject,
                required: if deaf { held } else { required },
                held,
            }
        }))
    }

    /// Answers a strong read.
    fn answer(&mut self, setup: &Setup, number: u8, read: &Message) {
        let registry = &self.registries[usize::from(number)];
        let asked = read.reads();
        let record = |(subject, _)| registry.stored.records[&subject];
        let lacks = asked.iter().any(|asked| asked.1 > record(*asked).revision);
        let may_keep = (asked.iter()).all(|(subject, _)| registry.may_publish(subject, setup));
        let records = Body::Records(asked.map(record), may_keep);
        if lacks && registry.commit.may_serve() {
            self.oracle.violate(SERVES_ON);
        }
        self.send(setup, read.clone().reply(records));
    }

    pub fn deliver_to_registry(&mut self, setup: &Setup, number: u8, message: Message) {
        let registry = &self.registries[usize::from(number)];
        let life = registry.life;
        if matches!(message.body, Body::Read(_)) {
            let read = Then::Read(Box::new(message));
            return self.guard(
                setup,
                number,
                RestoreGuard::default(),
                GuardEvent::Arrived,
                read,
            );
        }
        match (message.body, message.context) {
            (Body::Ack(mut ack), Context::Enforcer(of, enforcer, append, call)) if of == life => {
                let beyond = ack.greatest > registry.stored.revision;
                match setup.mutant {
                    Some(Mutant::DeafToTheLog) => {
                        ack.greatest = ack.greatest.min(registry.stored.revision);
                    }
                    Some(Mutant::NoCommitWait) => ack.wait_ms = Millis::ZERO,
                    _ => {}
                }
                let event = EnforcerEvent::Acknowledged(ack);
                self.enforce(setup, number, enforcer, event, call);
                if beyond && self.registries[usize::from(number)].commit.may_serve() {
                    self.oracle.violate(SERVES_ON);
                }
                self.publish_if_allowed(setup, number, append.subject);
            }
            (Body::Unavailable, Context::Enforcer(of, enforcer, _, call)) if of == life => {
                self.enforce(setup, number, enforcer, EnforcerEvent::Unanswered, call);
            }
            (Body::RestoreCheckReply(mut reply), Context::RestoreGuard(of, guard, then))
                if of == life =>
            {
                if setup.mutant == Some(Mutant::RecoveredForNothing) {
                    reply.greatest = reply.greatest.max(registry.stored.revision.next());
                }
                self.guard(setup, number, guard, GuardEvent::Answered(reply), then);
            }
            (Body::Unavailable, Context::RestoreGuard(of, guard, then)) if of == life => {
                self.guard(setup, number, guard, GuardEvent::Unanswered, then);
            }
            _ => {}
        }
    }

    fn publish_if_allowed(&mut self, setup: &Setup, number: u8, subject: Subject) {
        if self.registries[usize::from(number)].may_publish(&subject, setup) {
            self.publish(number, subject);
        }
    }

    fn publish(&mut self, number: u8, subject: Subject) {
        let record = self.registries[usize::from(number)].stored.records[&subject];
        let values = self.kv.entry(subject).or_default();
        if !values.contains(&record) {
            values.push(record);
        }
    }
}

impl Registry {
    /// The transaction of a change: record, revision and row together.
    fn write(&mut self, subject: Subject, record: Rec) {
        self.stored.revision = record.revision;
        self.stored.records.insert(subject, record);
        let row = PendingChange {
            subject,
            revision: record.revision,
            waits: true,
            from: None,
            keys_revoked_through: (subject.is_organization())
                .then_some(record.keys_revoked_through),
        };
        self.stored.rows.insert(subject, row);
    }

    /// What is left of the longest wait, for the harness to jump there.
    pub fn longest_wait(&mut self, now: u64, setup: &Setup) -> Millis {
        let subjects: Vec<Subject> = self.stored.rows.keys().copied().collect();
        if subjects.is_empty() {
            return Millis::ZERO;
        }
        let now = self.read(now, setup);
        let left = subjects
            .iter()
            .map(|subject| match self.commit.enforcement(subject, now) {
                Enforcement::Waiting(left) => left,
                _ => Millis::ZERO,
            });
        left.max().unwrap_or_default()
    }
}
