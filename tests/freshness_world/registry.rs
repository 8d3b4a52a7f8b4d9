//! A registry's object around the real commit-wait.

use std::collections::BTreeMap;

use katalo_keys::freshness::change_log::LogStore;
use katalo_keys::freshness::commit_wait::{CommitWait, Enforcement, PendingChange};
use katalo_keys::freshness::{Ack, Append, Millis, Reading, RegistryClock, Revision, Subject};

use super::clock::Clock;
use super::net::{Body, Context, Message, Node};
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
            owed: Vec::new(),
            held: 0,
        }
    }

    /// The process ends; another takes its place.
    pub fn restart(&mut self, setup: &Setup) {
        self.life += 1;
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

    /// Sends the next append.
    pub fn append(&mut self, setup: &Setup, number: u8) {
        let registry = &mut self.registries[usize::from(number)];
        let Some(append) = registry.commit.next_append().or(registry.owed.pop()) else {
            return;
        };
        let owed = setup.mutant == Some(Mutant::AppendAfterAcknowledgement)
            && !self.oracle.is_enforced(append.subject, append.revision);
        if owed {
            let ack = Ack {
                v: append.v,
                wait_ms: setup.bound.wait(),
                greatest: append.revision,
                place: None,
                floor: None,
            };
            registry.owed.push(append);
            let now = registry.read(self.now, setup);
            registry.commit.acknowledged(&append, &ack, now);
            return;
        }
        let message = Message {
            from: Node::Registry(number),
            to: Node::Log,
            body: Body::Append(append),
            context: Context::RegistryAppend(registry.life, append),
        };
        self.send(setup, message);
    }

    /// Asks the log where the registry stands.
    pub fn check_restored(&mut self, setup: &Setup, number: u8) {
        let registry = &self.registries[usize::from(number)];
        if let Some(request) = registry.commit.restore_check() {
            let message = Message {
                from: Node::Registry(number),
                to: Node::Log,
                body: Body::RestoreCheck(request),
                context: Context::RegistryRestoreCheck(registry.life, request),
            };
            self.send(setup, message);
        }
    }

    /// A client calls, or calls again, for the change of a subject. Whether it
    /// is told `enforced`.
    pub fn call(&mut self, setup: &Setup, number: u8, subject: Subject) -> bool {
        let registry = &mut self.registries[usize::from(number)];
        let now = registry.read(self.now, setup);
        let record = registry.stored.records[&subject];
        let enforcement = registry.commit.enforcement(&subject, now);
        let enforced = match setup.mutant {
            Some(Mutant::EnforcedFromState) => !record.allowed,
            Some(Mutant::NoCommitWait) => enforcement != Enforcement::Unacknowledged,
            _ => enforcement == Enforcement::Enforced,
        };
        if enforced {
            self.oracle.promise(subject, record);
        }
        enforced
    }

    /// What clients would hear who call now, for each subject that changed: the
    /// earliest promise there can be. The registry notices nothing.
    pub fn call_unnoticed(&mut self, setup: &Setup) {
        for number in 0..setup.registries {
            let kept = self.registries[usize::from(number)].clone();
            if !kept.may_serve(setup) {
                continue;
            }
            for (subject, record) in &kept.stored.records {
                let changed = record.revision > FIRST;
                if changed && !self.oracle.is_enforced(*subject, record.revision) {
                    self.call(setup, number, *subject);
                }
            }
            self.registries[usize::from(number)] = kept;
        }
    }

    /// Deletes the rows whose wait is over.
    pub fn settle(&mut self, setup: &Setup, number: u8) {
        let registry = &mut self.registries[usize::from(number)];
        let now = registry.read(self.now, setup);
        for row in registry.commit.due(now) {
            if registry.stored.rows.get(&row.subject) == Some(&row) {
                registry.stored.rows.remove(&row.subject);
            }
            if setup.mutant != Some(Mutant::NeverSettled) {
                registry.commit.settled(&row);
            }
        }
        if !registry.commit.due(now).is_empty() {
            self.oracle.violate(SETTLED_AGAIN);
        }
    }

    /// Does what a registry must that found itself restored.
    pub fn recover(&mut self, setup: &Setup, number: u8) {
        let registry = &mut self.registries[usize::from(number)];
        let Some(recovery) = registry.commit.recovery().cloned() else {
            return;
        };
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
        let organization = registry.stored.records[&registry.organization];
        let through = Some(organization.keys_revoked_through);
        registry.commit.recovered(through);
    }

    pub fn deliver_to_registry(&mut self, setup: &Setup, number: u8, message: Message) {
        let registry = &mut self.registries[usize::from(number)];
        match (&message.body, &message.context) {
            (Body::Ack(ack), Context::RegistryAppend(life, append)) if *life == registry.life => {
                let now = registry.read(self.now, setup);
                let beyond = ack.greatest > registry.stored.revision;
                let mut ack = *ack;
                if setup.mutant == Some(Mutant::DeafToTheLog) {
                    ack.greatest = ack.greatest.min(registry.stored.revision);
                }
                registry.commit.acknowledged(append, &ack, now);
                if beyond && registry.commit.may_serve() {
                    self.oracle.violate(SERVES_ON);
                }
                self.publish_if_allowed(setup, number, append.subject);
            }
            (Body::RestoreCheckReply(reply), Context::RegistryRestoreCheck(life, request))
                if *life == registry.life =>
            {
                let mut reply = reply.clone();
                if setup.mutant == Some(Mutant::RecoveredForNothing) {
                    reply.greatest = reply.greatest.max(registry.stored.revision.next());
                }
                registry.commit.restore_check_answered(request, &reply);
            }
            (Body::Read(asked), _) => {
                let mut lacks = false;
                for (subject, required) in asked {
                    let held = registry.stored.records[subject].revision;
                    lacks |= *required > held;
                    if setup.mutant != Some(Mutant::DeafToEdges) {
                        registry.commit.observe_required(*subject, *required, held);
                    }
                }
                if !registry.may_serve(setup) {
                    return;
                }
                if lacks && registry.commit.may_serve() {
                    self.oracle.violate(SERVES_ON);
                }
                let records = asked.map(|(subject, _)| {
                    let keep = registry.may_publish(&subject, setup);
                    (subject, registry.stored.records[&subject], keep)
                });
                self.send(setup, message.reply(Body::Records(records)));
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
